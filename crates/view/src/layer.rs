//! What was settled and is not in a run yet: in memory, in the order of keys.

use std::collections::BTreeMap;

use hansa_journal::{Chain, Position};

use crate::filter::{self, Filter, Hash};

/// Keys to write; `None` deletes.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Bytes an entry costs beside those of its key and value.
const ENTRY_BYTES: usize = 64;
/// Keys the filter of a layer has room for; with more, it passes more that are not there.
const FILTERED: u64 = 256 * 1024;

/// Changes up to a position.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) changes: Changes,
    /// Its keys: most that are asked for are not there, and their way through the map is long.
    filter: Filter,
    /// About how much memory it takes.
    pub(crate) bytes: usize,
    /// Where its changes lead to.
    pub(crate) mark: (Position, Chain),
}

impl Layer {
    /// No changes since a position.
    pub(crate) fn new(mark: (Position, Chain)) -> Layer {
        Layer { changes: Changes::new(), filter: Filter::new(FILTERED), bytes: 0, mark }
    }

    /// Takes in changes that lead to a position.
    pub(crate) fn take(&mut self, changes: Changes, mark: (Position, Chain)) {
        for (key, value) in changes {
            self.filter.insert(Hash::of(&key));
            let length = value.as_ref().map_or(0, Vec::len);
            let key_length = key.len();
            match self.changes.insert(key, value) {
                Some(before) => {
                    let before = before.as_ref().map_or(0, Vec::len);
                    self.bytes = self.bytes.saturating_sub(before) + length;
                }
                None => self.bytes += ENTRY_BYTES + key_length + length,
            }
        }
        self.mark = mark;
    }

    /// What it says of a key: nothing, that it is no more, or its value.
    pub(crate) fn get(&self, key: &[u8], hash: Hash) -> Option<&Option<Vec<u8>>> {
        if !self.filter.may_hold(hash) {
            return None;
        }
        self.changes.get(key)
    }

    /// Keys and beginnings that a filter of it has to hold.
    pub(crate) fn filtered(&self) -> u64 {
        let mut count = 0;
        let mut before: &[u8] = &[];
        for key in self.changes.keys() {
            count += 1 + filter::beginnings(before, key).count() as u64;
            before = key;
        }
        count
    }
}
