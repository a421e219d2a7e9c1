//! How long a stream may be silent. Streams of one interval are due at common moments, so that the signs
//! of life of thousands of idle ones go out together, a write for each connection, and nothing happens
//! between.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use hansa_chassis::clock;
use tokio::time::Sleep;

/// Common moments in an interval.
const MOMENTS: u32 = 16;

/// The time until a sign of life is due.
#[repr(C)]
pub(super) struct Rest {
    /// When it is over, since the process began: asked for at every turn, where the timer is far away.
    over_at: Duration,
    /// Who is woken then.
    waker: Option<Waker>,
    sleep: Pin<Box<Sleep>>,
    interval: Duration,
}

impl Rest {
    pub(super) fn new(interval: Duration) -> Rest {
        let sleep = Box::pin(tokio::time::sleep(interval));
        let mut rest = Rest { over_at: Duration::ZERO, waker: None, sleep, interval };
        rest.again();
        rest
    }

    /// Begins anew.
    pub(super) fn again(&mut self) {
        let now = clock::uptime();
        let until = until(self.interval, now);
        self.over_at = now + until;
        self.sleep.set(tokio::time::sleep(until));
        // It runs only once it was asked.
        let _ = self.sleep.as_mut().now_or_never();
        self.waker = None;
    }

    /// When it is over, since the process began.
    pub(super) fn over_at(&self) -> Duration {
        self.over_at
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        clock::uptime() >= self.over_at
    }

    /// Ready when it is over. The timer is told only once who waits: they mostly wait for something else.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_over() {
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        // The timer rings at the moment or after it, never before.
        self.sleep.as_mut().poll(cx)
    }
}

/// Until the last common moment within an interval: never more than it, hardly less.
fn until(interval: Duration, now: Duration) -> Duration {
    let every = (interval / MOMENTS).as_micros().max(1);
    let past = u64::try_from((now + interval).as_micros() % every).unwrap_or_default();
    interval.saturating_sub(Duration::from_micros(past))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_due_together_and_never_late() {
        for interval in [1, 15, 60].map(Duration::from_secs) {
            let mut moments = std::collections::BTreeSet::new();
            for micros in (0..interval.as_micros() as u64).step_by(9_973) {
                let now = Duration::from_micros(700_000_000_123_456 + micros);
                let until = until(interval, now);
                assert!(until <= interval && until >= interval * 15 / 16, "{until:?}");
                moments.insert((now + until).as_micros());
            }
            assert!(moments.len() <= 17, "{} moments", moments.len());
        }
    }
}
