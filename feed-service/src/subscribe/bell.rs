//! The bell that tells live streams of new commits. It rings at once after a silence, on the thread that
//! released the commit; then it rests, the longer the more streams there are, so that at a high rate each is
//! woken for many commits and not for each of them: however many wait, waking them takes but a part of the
//! machine. What is released while it rests, a task rings for.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hansa_chassis::clock::Stopwatch;
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
    /// When it rang last, and how long it rests since then.
    resting: Mutex<Option<(Stopwatch, Duration)>>,
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

    /// Everything up to here is released: rings at once, unless it rests.
    pub(crate) fn tell(&self, head: Position) {
        if self.rest_left().is_none() {
            self.ring(head);
        }
    }

    /// Rings for what is released while it rests, until the writer ends.
    pub(crate) async fn watch(&self, reader: &Reader) {
        while reader.beyond(self.head()).await.is_ok() {
            match self.rest_left() {
                Some(left) => tokio::time::sleep(left).await,
                None => self.ring(reader.head()),
            }
        }
        self.closed.store(true, Release);
        self.wake();
    }

    fn ring(&self, head: Position) {
        self.head.fetch_max(head.get(), Release);
        let listeners = self.listeners.lock().len();
        *self.resting.lock() = rest(listeners).map(|rest| (Stopwatch::start(), rest));
        self.wake();
    }

    /// As if so many listened that it rests so long.
    #[cfg(test)]
    pub(super) fn rest_for(&self, rest: Duration) {
        *self.resting.lock() = Some((Stopwatch::start(), rest));
    }

    /// How long it rests still.
    fn rest_left(&self) -> Option<Duration> {
        let resting = *self.resting.lock();
        resting.map(|(since, rest)| since.left_of(rest)).filter(|left| !left.is_zero())
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

    /// Wakes all that wait.
    fn wake(&self) {
        for (_, seat) in self.listeners.lock().iter() {
            seat.wake();
        }
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

    #[test]
    fn it_rings_at_once_where_it_is_told_unless_it_rests() {
        let bell = Arc::new(Bell::default());
        let listener = bell.listen();
        let cx = Context::from_waker(Waker::noop());
        let heard = |position| listener.poll_beyond(Position::new(position), &cx).is_ready();
        assert!(!heard(0));
        bell.tell(Position::new(1));
        assert!(heard(0) && !heard(1));
        bell.tell(Position::new(2));
        assert!(heard(1), "few listen: it does not rest");
        bell.rest_for(Duration::from_secs(3_600));
        bell.tell(Position::new(3));
        assert!(!heard(2));
        bell.rest_for(Duration::ZERO);
        bell.tell(Position::new(4));
        assert!(heard(3));
    }
}
