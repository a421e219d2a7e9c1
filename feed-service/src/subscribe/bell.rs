//! The bell that tells live streams of new commits. It rings at once after a silence; then it rests, the
//! longer the more streams there are, so that at a high rate each is woken for many commits and not for
//! each of them: however many wait, waking them takes but a part of the machine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hansa_chassis::shutdown::Shutdown;
use hansa_journal::{Position, Reader};
use tokio::sync::watch;

/// How long the bell rests for each stream that listens: about what it costs to wake one and to send.
const REST: Duration = Duration::from_micros(2);

/// Shorter rests cost more than they save.
const LEAST_REST: Duration = Duration::from_millis(1);

/// The longest rest.
const MOST_REST: Duration = Duration::from_millis(20);

/// See the top of this file.
#[derive(Default)]
pub(crate) struct Bell {
    rung: watch::Sender<Rung>,
    /// The service ends its streams: what is asked for each message takes no lock.
    ends: AtomicBool,
}

/// What everybody was told last.
#[derive(Clone, Copy, Debug, Default)]
struct Rung {
    head: Position,
    /// The service ends its streams.
    draining: bool,
    /// Nobody rings any more.
    closed: bool,
}

/// One that listens, as long as it is held.
pub(super) struct Listener(watch::Receiver<Rung>);

/// Nobody rings any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

impl Bell {
    /// Whether the service ends its streams.
    pub(super) fn ends(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    pub(super) fn listen(&self) -> Listener {
        Listener(self.rung.subscribe())
    }

    /// Rings for every commit that is released, and for the end, until the writer ends.
    pub(crate) async fn ring(&self, reader: &Reader, ending: &Shutdown) {
        loop {
            let head = self.rung.borrow().head;
            let draining = ending.draining();
            tokio::select! {
                released = reader.beyond(head) => if released.is_err() { break },
                () = ending.drained(), if !draining => {}
            }
            let (head, draining) = (reader.head(), ending.draining());
            self.ends.store(draining, Ordering::Relaxed);
            self.rung.send_modify(|rung| (rung.head, rung.draining) = (head, draining));
            if let Some(rest) = rest(self.rung.receiver_count()).filter(|_| !draining) {
                tokio::time::sleep(rest).await;
            }
        }
        self.rung.send_modify(|rung| rung.closed = true);
    }
}

/// How long to rest after so many may have been woken; none after few.
pub(crate) fn rest(listeners: usize) -> Option<Duration> {
    let rest = REST.saturating_mul(u32::try_from(listeners).unwrap_or(u32::MAX));
    Some(rest.min(MOST_REST)).filter(|rest| *rest >= LEAST_REST)
}

impl Listener {
    /// Waits until it rings for something after a position, or for the end.
    pub(super) async fn beyond(&mut self, position: Position) -> Result<(), Closed> {
        loop {
            let rung = *self.0.borrow_and_update();
            if rung.closed {
                return Err(Closed);
            }
            if rung.draining || rung.head > position {
                return Ok(());
            }
            self.0.changed().await.map_err(|_| Closed)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_told_at_once_and_many_not_too_often() {
        assert_eq!(rest(100), None);
        assert_eq!(rest(1_000), Some(Duration::from_millis(2)));
        assert_eq!(rest(usize::MAX), Some(MOST_REST));
    }
}
