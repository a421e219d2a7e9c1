//! When a process is killed.

use rand::Rng as _;
use rand::rngs::StdRng;

use crate::killing::{Death, Phase};

/// When a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// At a random moment while callers write.
    UnderLoad,
    /// At a random moment of its start.
    Starting,
    /// While it opens its journal.
    Opening,
    /// While it reads back what its view has not seen.
    Replaying,
    /// While it rebuilds a view that was deleted.
    Rebuilding,
    /// With half a batch written.
    Appending,
    /// With a batch written and not synced.
    Syncing,
    /// While it begins a segment.
    Rolling,
    /// While it erases a statement; of the feed alone.
    Erasing,
}

/// Each as often as it stands here.
pub(super) const MOMENTS: [Moment; 10] = [
    Moment::UnderLoad,
    Moment::UnderLoad,
    Moment::Starting,
    Moment::Opening,
    Moment::Replaying,
    Moment::Rebuilding,
    Moment::Appending,
    Moment::Syncing,
    Moment::Rolling,
    Moment::Erasing,
];

impl Moment {
    /// At which operation of the disk it is killed, where that is planned.
    pub(super) fn death(self, random: &mut StdRng) -> Option<Death> {
        let (phase, operations) = match self {
            Moment::UnderLoad | Moment::Starting => return None,
            Moment::Opening => (Phase::Opening, 3),
            Moment::Replaying | Moment::Rebuilding => (Phase::Replaying, 1),
            Moment::Appending => (Phase::Appending, 5),
            Moment::Syncing => (Phase::Syncing, 5),
            Moment::Rolling => (Phase::Rolling, 3),
            Moment::Erasing => (Phase::Erasing, 6),
        };
        Some(Death { phase, operation: random.random_range(1..=operations) })
    }
}
