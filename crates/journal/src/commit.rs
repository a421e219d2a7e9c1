//! What a commit is, and the chain that tells two histories apart.

use std::fmt;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::Position;
use crate::limits::COMMIT_BYTES;

/// Identity of a journal: random, made once when it is created.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct JournalId([u8; 16]);

impl JournalId {
    /// A new one.
    pub fn random() -> JournalId {
        JournalId(rand::random())
    }

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> JournalId {
        JournalId(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Chain value: SHA-256 over the previous value and the commit. Equal values at a position mean equal
/// histories up to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chain([u8; 32]);

impl Chain {
    /// The value at [`Position::ORIGIN`].
    pub fn origin(identity: JournalId) -> Chain {
        let mut hash = Sha256::new();
        hash.update(b"hansa journal 1");
        hash.update(identity.0);
        Chain(hash.finalize().into())
    }

    /// The value after one more commit. It is taken over the hashes of `meta` and `body`, so that a
    /// commit whose content was erased can still stand in the chain by them.
    #[must_use]
    pub fn extended(&self, position: Position, draft: &Draft) -> Chain {
        self.extended_over(
            position,
            draft.recorded_at_micros,
            &Hashes::of(&draft.meta, &draft.body),
        )
    }

    /// The value after one more commit of which only the hashes are known.
    pub(crate) fn extended_over(
        &self,
        position: Position,
        recorded_at_micros: i64,
        hashes: &Hashes,
    ) -> Chain {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(position.get().to_be_bytes());
        hash.update(recorded_at_micros.to_be_bytes());
        hash.update(hashes.meta);
        hash.update(hashes.body);
        Chain(hash.finalize().into())
    }

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Chain {
        Chain(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What the chain knows of a commit's bytes: their SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub(crate) meta: [u8; 32],
    pub(crate) body: [u8; 32],
}

impl Hashes {
    /// Those of these bytes.
    pub(crate) fn of(meta: &[u8], body: &[u8]) -> Hashes {
        Hashes { meta: Sha256::digest(meta).into(), body: Sha256::digest(body).into() }
    }
}

/// A commit that has no position yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// When it was decided: microseconds since 1970-01-01 UTC by the service's clock.
    pub recorded_at_micros: i64,
    /// What only the service reads. May be empty.
    pub meta: Bytes,
    /// What watchers receive, ready-made.
    pub body: Bytes,
}

impl Draft {
    /// Bytes it carries.
    pub fn size(&self) -> usize {
        self.meta.len() + self.body.len()
    }

    /// Whether it is small enough to be a commit: [`COMMIT_BYTES`].
    pub fn fits(&self) -> bool {
        self.size() <= COMMIT_BYTES
    }
}

/// A commit as the journal keeps it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its place.
    pub position: Position,
    /// Chain value up to and including it.
    pub chain: Chain,
    /// When it was decided: microseconds since 1970-01-01 UTC by the service's clock.
    pub recorded_at_micros: i64,
    /// What only the service reads.
    pub meta: Bytes,
    /// What watchers receive, ready-made.
    pub body: Bytes,
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}
