//! The bell that tells live streams of new commits. It rings at once after a silence; then it rests, the
//! longer the more streams there are, so that at a high rate each is woken for many commits and not for
//! each of them: however many wait, waking them takes but a part of the machine.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hansa_journal::{Position, Reader};
use parking_lot::Mutex;
use slab::Slab;

/// How long the bell rests for each stream that listens: about what it costs to wake one and to send.
const REST: Duration = Duration::from_micros(2);

/// Shorter rests cost more than they save.
const LEAST_REST: Duration = Duration::from_millis(1);

/// The longest rest.
const MOST_REST: Duration = Duration::from_millis(20);

/// See the top of this file.
#[derive(Default)]
pub(crate) struct Bell {
    head: AtomicU64,
    /// The service ends its streams.
    ends: AtomicBool,
    /// Nobody rings any more.
    closed: AtomicBool,
    listeners: Mutex<Slab<Arc<Seat>>>,
}

/// Where one listens. Its waker stays when it was woken: it is most likely the one to be woken next time.
#[derive(Default)]
struct Seat(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    waits: bool,
    waker: Option<Waker>,
}

/// One that listens, as long as it is held.
pub(super) struct Listener {
    bell: Arc<Bell>,
    seat: Arc<Seat>,
    key: usize,
}

/// Nobody rings any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

impl Bell {
    /// Whether the service ends its streams.
    pub(super) fn ends(&self) -> bool {
        self.ends.load(Acquire)
    }

    pub(super) fn listen(self: &Arc<Self>) -> Listener {
        let seat = Arc::new(Seat::default());
        let key = self.listeners.lock().insert(Arc::clone(&seat));
        Listener { bell: Arc::clone(self), seat, key }
    }

    /// Rings for every commit that is released, until the writer ends.
    pub(crate) async fn ring(&self, reader: &Reader) {
        while reader.beyond(self.head()).await.is_ok() {
            self.head.store(reader.head().get(), Release);
            let listeners = self.wake();
            if let Some(rest) = rest(listeners) {
                tokio::time::sleep(rest).await;
            }
        }
        self.closed.store(true, Release);
        self.wake();
    }

    /// The service ends its streams: those that listen are told, rest or not.
    pub(crate) fn end(&self) {
        self.ends.store(true, Release);
        self.wake();
    }

    /// Up to where it has rung.
    pub(super) fn head(&self) -> Position {
        Position::new(self.head.load(Acquire))
    }

    /// Wakes all that wait; how many listen.
    fn wake(&self) -> usize {
        let listeners = self.listeners.lock();
        for (_, seat) in listeners.iter() {
            seat.wake();
        }
        listeners.len()
    }
}

impl Seat {
    fn wake(&self) {
        let mut waiting = self.0.lock();
        if std::mem::take(&mut waiting.waits)
            && let Some(waker) = &waiting.waker
        {
            waker.wake_by_ref();
        }
    }

    fn wait(&self, cx: &Context<'_>) {
        let mut waiting = self.0.lock();
        waiting.waits = true;
        match &mut waiting.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

/// How long to rest after so many may have been woken; none after few.
pub(crate) fn rest(listeners: usize) -> Option<Duration> {
    let rest = REST.saturating_mul(u32::try_from(listeners).unwrap_or(u32::MAX));
    Some(rest.min(MOST_REST)).filter(|rest| *rest >= LEAST_REST)
}

impl Listener {
    /// Ready when it has rung for something after a position, or for the end.
    pub(super) fn poll_beyond(
        &self,
        position: Position,
        cx: &Context<'_>,
    ) -> Poll<Result<(), Closed>> {
        if let Some(rung) = self.rung(position) {
            return Poll::Ready(rung);
        }
        self.seat.wait(cx);
        // What came before it was seen to wait did not wake it.
        self.rung(position).map_or(Poll::Pending, Poll::Ready)
    }

    fn rung(&self, position: Position) -> Option<Result<(), Closed>> {
        if self.bell.closed.load(Acquire) {
            return Some(Err(Closed));
        }
        (self.bell.ends() || self.bell.head() > position).then_some(Ok(()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.bell.listeners.lock().remove(self.key);
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
