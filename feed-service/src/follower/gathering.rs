//! What comes in quick succession is gathered for a moment: to record it together costs one sync and little
//! more. The first after a silence does not wait.

use std::time::Duration;

use tokio::time::Instant;

/// So many are enough.
const TOGETHER: usize = 64;
/// Fewer wait for so long since others were taken.
const REST: Duration = Duration::from_millis(5);

/// What was gathered, in order.
pub(super) struct Gathering<T> {
    gathered: Vec<T>,
    rests_until: Instant,
}

impl<T> Gathering<T> {
    pub(super) fn new(now: Instant) -> Gathering<T> {
        Gathering { gathered: Vec::new(), rests_until: now }
    }

    pub(super) fn add(&mut self, one: T) {
        self.gathered.push(one);
    }

    /// When what was gathered is to be taken, if anything was; now, when it is enough.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        match self.gathered.len() {
            0 => None,
            1..TOGETHER => Some(self.rests_until),
            _ => Some(now),
        }
    }

    /// Takes all of it.
    pub(super) fn take(&mut self, now: Instant) -> Vec<T> {
        self.rests_until = now + REST;
        std::mem::take(&mut self.gathered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_at_once_and_those_right_behind_it_together() {
        let now = Instant::now();
        let mut gathering = Gathering::new(now);
        assert_eq!(gathering.due(now), None);
        gathering.add(1);
        assert_eq!(gathering.due(now), Some(now));
        assert_eq!(gathering.take(now), [1]);
        gathering.add(2);
        gathering.add(3);
        assert_eq!(gathering.due(now), Some(now + REST));
        assert_eq!(gathering.take(now + REST), [2, 3]);
        assert_eq!(gathering.due(now + REST), None);
        gathering.add(4);
        assert!(gathering.due(now + 3 * REST) < Some(now + 3 * REST), "a silence is a rest");
    }

    #[test]
    fn many_do_not_wait() {
        let now = Instant::now();
        let mut gathering = Gathering::new(now);
        gathering.take(now);
        (1..TOGETHER).for_each(|one| gathering.add(one));
        assert_eq!(gathering.due(now), Some(now + REST));
        gathering.add(TOGETHER);
        assert_eq!(gathering.due(now), Some(now));
    }
}
