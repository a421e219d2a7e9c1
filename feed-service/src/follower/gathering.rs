//! What comes in quick succession is gathered for a moment: to record it together costs one sync and little
//! more. The first after a silence does not wait. Moments are times since the process began.

use std::time::Duration;

/// So many are enough.
const TOGETHER: usize = 64;
/// Fewer wait for so long since others were taken.
const REST: Duration = Duration::from_millis(5);

/// What was gathered, in order.
pub(super) struct Gathering<T> {
    gathered: Vec<T>,
    rests_until: Duration,
}

impl<T> Gathering<T> {
    pub(super) fn new() -> Gathering<T> {
        Gathering { gathered: Vec::new(), rests_until: Duration::ZERO }
    }

    pub(super) fn add(&mut self, one: T) {
        self.gathered.push(one);
    }

    /// How long what was gathered has to wait yet, if anything was.
    pub(super) fn waits(&self, now: Duration) -> Option<Duration> {
        match self.gathered.len() {
            0 => None,
            1..TOGETHER => Some(self.rests_until.saturating_sub(now)),
            _ => Some(Duration::ZERO),
        }
    }

    /// Takes all of it.
    pub(super) fn take(&mut self, now: Duration) -> Vec<T> {
        self.rests_until = now + REST;
        std::mem::take(&mut self.gathered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_at_once_and_those_right_behind_it_together() {
        let now = Duration::from_secs(7);
        let mut gathering = Gathering::new();
        assert_eq!(gathering.waits(now), None);
        gathering.add(1);
        assert_eq!(gathering.waits(now), Some(Duration::ZERO));
        assert_eq!(gathering.take(now), [1]);
        gathering.add(2);
        gathering.add(3);
        assert_eq!(gathering.waits(now), Some(REST));
        assert_eq!(gathering.waits(now + REST / 5), Some(REST - REST / 5));
        assert_eq!(gathering.take(now + REST), [2, 3]);
        assert_eq!(gathering.waits(now + REST), None);
        gathering.add(4);
        assert_eq!(gathering.waits(now + 3 * REST), Some(Duration::ZERO), "a silence is a rest");
    }

    #[test]
    fn many_do_not_wait() {
        let mut gathering = Gathering::new();
        gathering.take(Duration::ZERO);
        (1..TOGETHER).for_each(|one| gathering.add(one));
        assert_eq!(gathering.waits(Duration::ZERO), Some(REST));
        gathering.add(TOGETHER);
        assert_eq!(gathering.waits(Duration::ZERO), Some(Duration::ZERO));
    }
}
