//! A run: entries that were written once, in the order of their keys, in blocks, in a store of its own. It
//! never changes; it goes when it was merged into another.
//!
//! | key | value |
//! | --- | --- |
//! | 1, first key | a block of entries, see `block.rs` |
//! | 2, piece: u32 | a piece of the run's filter, see `filter.rs` |
//! | 3 | bytes of the blocks: u64; written last |
//!
//! `run/writer.rs` writes one, `run/cursor.rs` walks it.

mod cursor;
mod writer;

use sled::Db;

use crate::ViewError;
use crate::block::Walk;
use crate::filter::{Filter, Hash};
use crate::shelf::Shelf;

pub(crate) use cursor::RunCursor;
pub(crate) use writer::RunWriter;

/// First byte of the keys of blocks.
const BLOCKS: u8 = 1;
/// First byte of the keys of filters.
const FILTERS: u8 = 2;
/// Key of what says that a run is whole.
const SEAL: &[u8] = &[3];
/// Bytes of what stands before the first key of a block.
const HEAD: usize = 1;

/// Which run, and how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) id: u32,
    /// Bytes of its blocks.
    pub(crate) bytes: u64,
    /// Keys and beginnings its filter holds.
    pub(crate) filtered: u64,
}

/// A run that is whole.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) facts: Facts,
    filter: Filter,
    store: Db,
}

impl Run {
    /// Opens one that was written, beside so many older ones.
    pub(crate) fn open(shelf: &Shelf, facts: Facts, older: usize) -> Result<Run, ViewError> {
        let damaged = |what: &str| ViewError::Damaged(what.to_owned());
        let store = shelf.old_run(facts.id, older)?;
        let seal = store.get(SEAL).map_err(ViewError::Storage)?;
        if seal.as_deref() != Some(&facts.bytes.to_be_bytes()) {
            return Err(damaged("a run is not whole"));
        }
        let mut lines = Vec::new();
        for piece in store.scan_prefix([FILTERS]) {
            lines.extend_from_slice(&piece.map_err(ViewError::Storage)?.1);
        }
        let filter = Filter::from_bytes(lines).ok_or_else(|| damaged("a run has no filter"))?;
        Ok(Run { facts, filter, store })
    }

    /// Whether it may hold a key or a beginning.
    pub(crate) fn may_hold(&self, hash: Hash) -> bool {
        self.filter.may_hold(hash)
    }

    /// What it says of a key: nothing, that it is no more, or its value.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, ViewError> {
        let end = block_key(key);
        let block = self.store.range([BLOCKS].as_slice()..=end.as_slice()).next_back();
        let Some((first, block)) = block.transpose().map_err(ViewError::Storage)? else {
            return Ok(None);
        };
        let mut walk = Walk::new(&block, &first[HEAD..])?;
        while let Some(value) = walk.step()? {
            if walk.key() >= key {
                let found = (walk.key() == key).then(|| value.map(|it| block[it].to_vec()));
                return Ok(found);
            }
        }
        Ok(None)
    }
}

fn block_key(first: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(HEAD + first.len());
    key.push(BLOCKS);
    key.extend_from_slice(first);
    key
}
