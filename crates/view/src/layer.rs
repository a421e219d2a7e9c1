//! What was settled and is not in a run yet: in memory.

use hansa_journal::{Chain, Position};

use crate::changes::Changes;
use crate::filter;

/// A layer of so many bytes is written as a run.
pub(crate) const LAYER_BYTES: usize = if cfg!(test) { 512 } else { 48 * 1024 * 1024 };

/// Changes up to a position.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) changes: Changes,
    /// Where its changes lead to.
    pub(crate) mark: (Position, Chain),
}

impl Layer {
    /// No changes since a position.
    pub(crate) fn new(mark: (Position, Chain)) -> Layer {
        Layer { changes: Changes::with_room(LAYER_BYTES), mark }
    }

    /// Takes in changes that lead to a position.
    pub(crate) fn take(&mut self, changes: &Changes, mark: (Position, Chain)) {
        self.changes.take(changes);
        self.mark = mark;
    }

    /// Keys and beginnings that a filter of it has to hold.
    pub(crate) fn filtered(&self) -> u64 {
        let mut count = 0;
        let mut before: &[u8] = &[];
        for index in self.changes.in_order().iter() {
            let key = self.changes.key(*index);
            count += 1 + filter::beginnings(before, key).count() as u64;
            before = key;
        }
        count
    }
}
