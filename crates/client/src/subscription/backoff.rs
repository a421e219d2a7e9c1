//! How long to wait between tries: drawn from zero to a ceiling that doubles up to a bound, so that many
//! clients who lost the same server do not come back all at once.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// The longest wait that a feed can ask for.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(60);

/// How to wait between tries. Begins anew when a try came further than its opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the first wait. 100 ms by default.
    pub first: Duration,
    /// Ceiling of every wait, but what the feed itself asks for, at most a minute. 5 s by default.
    pub most: Duration,
    /// Tries in a row that come to nothing before it is given up. None, the default: never.
    pub tries: Option<u32>,
    /// Makes the waits the same in every run: for tests. None, the default: random.
    pub seed: Option<u64>,
}

impl Default for Backoff {
    fn default() -> Self {
        let (first, most) = (Duration::from_millis(100), Duration::from_secs(5));
        Self { first, most, tries: None, seed: None }
    }
}

/// The waits of one subscription.
#[derive(Debug)]
pub(super) struct Waits {
    backoff: Backoff,
    random: StdRng,
    tries: u32,
}

impl Waits {
    pub(super) fn new(backoff: Backoff) -> Self {
        let random = match backoff.seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => StdRng::from_os_rng(),
        };
        Self { backoff, random, tries: 0 }
    }

    /// Something was achieved: the next wait is a first one.
    pub(super) fn progress(&mut self) {
        self.tries = 0;
    }

    /// The next wait, no shorter than what the feed asks for. None: there were as many tries as there
    /// may be.
    pub(super) fn next(&mut self, asked_for: Option<Duration>) -> Option<Duration> {
        if self.backoff.tries.is_some_and(|most| self.tries >= most) {
            return None;
        }
        let doubled = self.backoff.first.saturating_mul(1 << self.tries.min(30));
        let ceiling = doubled.min(self.backoff.most);
        self.tries += 1;
        let wait = self.random.random_range(Duration::ZERO..=ceiling);
        Some(wait.max(asked_for.unwrap_or_default().min(RETRY_AFTER_MOST)))
    }

    /// Tries in a row that came to nothing.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn waits(tries: Option<u32>) -> Waits {
        Waits::new(Backoff { tries, seed: Some(7), ..Backoff::default() })
    }

    #[test]
    fn waits_grow_to_the_bound_and_no_further() {
        let mut waits = waits(None);
        let mut ceiling = Duration::from_millis(100);
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            let wait = waits.next(None).unwrap();
            assert!(wait <= ceiling, "{wait:?} over {ceiling:?}");
            longest = longest.max(wait);
            ceiling = (ceiling * 2).min(Duration::from_secs(5));
        }
        assert!(longest > Duration::from_secs(4), "never near the bound: {longest:?}");
    }

    #[test]
    fn progress_begins_them_anew_and_a_seed_repeats_them() {
        let (mut one, mut other) = (waits(None), waits(None));
        for _ in 0..10 {
            assert_eq!(one.next(None), other.next(None));
        }
        one.progress();
        assert!(one.next(None).unwrap() <= Duration::from_millis(100));
    }

    #[test]
    fn the_feed_may_ask_for_more_but_not_for_ever() {
        let second = Duration::from_secs(1);
        assert_eq!(waits(None).next(Some(second)), Some(second));
        assert_eq!(waits(None).next(Some(Duration::MAX)), Some(RETRY_AFTER_MOST));
    }

    #[test]
    fn tries_can_be_bounded() {
        let mut waits = waits(Some(2));
        assert!(waits.next(None).is_some() && waits.next(None).is_some());
        assert_eq!((waits.next(None), waits.tries()), (None, 2));
        waits.progress();
        assert!(waits.next(None).is_some());
    }
}
