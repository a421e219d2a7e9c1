//! A view: keys and values in sled that know which position of which journal they stand at.
//!
//! The journal is the truth, a view can be thrown away. So nothing here is ever fsynced on the write
//! path, and whatever is wrong with a view (missing, another format, another journal, damaged) has one
//! answer: empty it and let the writer replay.
//!
//! * What is settled is in memory first, and written to sled in bulk, in the order of keys, by a thread of
//!   its own: see `keeper.rs`. After a crash the view stands at an earlier position, never between two,
//!   and the writer replays the rest.
//! * Readers hold a lock that `settle` takes for writing: a read of several keys never sees half a
//!   commit.
//!
//! | file | answers |
//! | --- | --- |
//! | `store.rs`, `mark.rs` | how a view is opened, emptied and read |
//! | `frozen.rs` | how a state holds still while the view moves on |
//! | `staging.rs`, `at_hand.rs` | what the writer decides against before it is durable |
//! | `state.rs`, `merge.rs` | what there is: two layers and some runs, as one |
//! | `layer.rs`, `changes.rs`, `changes/` | what was settled and is only in memory |
//! | `run.rs`, `run/`, `block.rs`, `filter.rs` | what is in sled, and how it is found there |
//! | `shelf.rs` | where sled keeps it |
//! | `keeper.rs` | when layers become runs, and runs become one |

mod at_hand;
mod block;
mod changes;
mod filter;
mod frozen;
mod keeper;
mod layer;
mod mark;
mod merge;
mod run;
mod shelf;
mod staging;
mod state;
mod store;

#[cfg(test)]
mod tests;

pub use frozen::{FROZEN_BYTES, Frozen, FrozenError, FrozenView};
pub use staging::Staging;
pub use store::{Opening, ReadView, View, ViewError};

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// What somebody says who is shown one entry after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Goes on.
    More,
    /// Wants no more, and did not want this one.
    Enough,
}

/// Reading keys, in a view or in one with staged changes on top.
pub trait Keys {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError>;

    /// Keys that begin with `prefix`, ascending, after the key `after` (exclusive) where one is given,
    /// at most `limit`.
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError>;
}
