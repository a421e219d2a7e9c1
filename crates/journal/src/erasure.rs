//! What is put in the place of a commit whose content must go: the hashes that the chain stands over
//! stay, the bytes do not.

use bytes::Bytes;

use crate::Position;

/// What remains of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Its position.
    pub position: Position,
    /// What stands in the place of its `meta`.
    pub meta: Bytes,
    /// What stands in the place of its `body`. Both together with
    /// [`ERASURE_BYTES`](crate::limits::ERASURE_BYTES) are no longer than what stood there at first.
    pub body: Bytes,
}

impl Erasure {
    /// Bytes it carries.
    pub fn size(&self) -> usize {
        self.meta.len() + self.body.len()
    }
}

/// Why nothing, or not everything, was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// What is to remain of a commit does not fit in its place. Nothing was changed.
    #[error("what is to remain of commit {position} has {bytes} bytes, its place has {room}")]
    NoRoom {
        /// Its position.
        position: Position,
        /// Bytes of what is to remain.
        bytes: usize,
        /// Bytes there are for it.
        room: usize,
    },
    /// There is no such commit. Nothing was changed.
    #[error("there is no commit {position}")]
    Missing {
        /// The position.
        position: Position,
    },
    /// What is to be erased is not what was written (J5). Nothing was changed.
    #[error("what is to be erased cannot be read")]
    Unreadable(#[source] crate::ReadError),
    /// Storage failed, or had failed before: perhaps erased, perhaps not. The journal accepts nothing more until it is
    /// reopened (J6), which ends what was begun.
    #[error("the journal's storage failed")]
    Storage(#[source] std::io::Error),
}
