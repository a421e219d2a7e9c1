//! What time is it: the only file that reads a clock. Everything else is handed a time, a [`Clock`], or a
//! [`Stopwatch`].
//!
//! The clock on the wall jumps: it is set, by hand or from the network, back too. It is for stamps that
//! people read. Whatever waits or measures goes by clocks that only go forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z by the clock on the wall, which can be set back: for
/// stamps that people read, never for measuring how long something took.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
pub fn now_micros() -> i64 {
    let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_micros()).unwrap_or(i128::MAX),
        Err(before) => -i128::try_from(before.duration().as_micros()).unwrap_or(i128::MAX),
    };
    i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}

/// The clock on the wall that a service goes by: that of the system, unless somebody has set it. Copies are
/// the same clock.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_micros: Arc<AtomicI64>,
}

impl Clock {
    /// What it shows, in microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now_micros(&self) -> i64 {
        now_micros().saturating_add(self.ahead_micros.load(Ordering::Relaxed))
    }

    /// Sets it to so many microseconds ahead of the system's; to less than none, behind it.
    pub fn set_ahead(&self, micros: i64) {
        self.ahead_micros.store(micros, Ordering::Relaxed);
    }
}

/// The time since some moment of this process, by a clock that only goes forward.
#[must_use]
pub fn uptime() -> Duration {
    static BEGAN: LazyLock<Stopwatch> = LazyLock::new(Stopwatch::start);
    BEGAN.elapsed()
}

/// How long something takes, by a clock that only goes forward.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What is left of `limit`; zero once it has passed.
    #[must_use]
    pub fn left_of(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_in_microseconds_of_this_century() {
        let of_2020 = 1_577_836_800_000_000;
        let of_2100 = 4_102_444_800_000_000;
        assert!((of_2020..of_2100).contains(&now_micros()));
    }

    #[test]
    fn a_clock_that_was_set_goes_on_from_there_and_its_copies_with_it() {
        let clock = Clock::default();
        let copy = clock.clone();
        let year = 365 * 86_400 * 1_000_000;
        for ahead in [0, 30 * year, -30 * year] {
            clock.set_ahead(ahead);
            let before = now_micros();
            let shown = copy.now_micros();
            assert!((before..=now_micros()).contains(&(shown - ahead)));
        }
        clock.set_ahead(i64::MAX);
        assert_eq!(copy.now_micros(), i64::MAX);
    }

    #[test]
    fn the_time_since_the_start_never_goes_back() {
        let first = uptime();
        assert!(uptime() >= first);
    }

    #[test]
    fn a_stopwatch_never_goes_back_and_a_passed_limit_leaves_nothing() {
        let stopwatch = Stopwatch::start();
        let first = stopwatch.elapsed();
        assert!(stopwatch.elapsed() >= first);
        assert_eq!(stopwatch.left_of(Duration::ZERO), Duration::ZERO);
        assert!(stopwatch.left_of(Duration::from_secs(3600)) > Duration::from_secs(3500));
    }
}
