//! Writes a run, in the order of its keys.
//!
//! sled writes a leaf as a whole when it splits, and again after every tenth change of it: written one
//! after the other, blocks would be written five times over. So a block's key is entered first, without the
//! block, and the block only when as many keys came after it as a leaf can hold: its leaf splits no more.

use std::collections::VecDeque;

use sled::Db;

use super::{FILTERS, Facts, Run, SEAL, block_key};
use crate::ViewError;
use crate::block;
use crate::filter::{self, Filter, Hash};
use crate::shelf::Shelf;

/// Bytes after which a block ends: sled reads eight of them at once.
const BLOCK_BYTES: usize = if cfg!(test) { 24 } else { 2 * 1024 };
/// Entries after which a block ends: who looks for one walks over those before it.
const BLOCK_ENTRIES: usize = 32;
/// Bytes of a piece of a filter.
const PIECE_BYTES: usize = 8 * 1024;
/// Keys of which sled makes two leaves of one.
const LEAF_KEYS: usize = 17;

/// Writes a run, in the order of its keys.
pub(crate) struct RunWriter<'s> {
    shelf: &'s Shelf,
    store: Db,
    facts: Facts,
    filter: Filter,
    first: Vec<u8>,
    last: Vec<u8>,
    block: Vec<u8>,
    entries: usize,
    /// Keys that are entered, with the values that are not.
    late: VecDeque<(Vec<u8>, Vec<u8>)>,
}

impl<'s> RunWriter<'s> {
    /// A run of at most so many keys and beginnings, beside so many older runs.
    pub(crate) fn new(
        shelf: &'s Shelf,
        id: u32,
        older: usize,
        filtered: u64,
    ) -> Result<RunWriter<'s>, ViewError> {
        Ok(RunWriter {
            shelf,
            store: shelf.new_run(id, older)?,
            facts: Facts { id, bytes: 0, filtered: 0 },
            filter: Filter::new(filtered),
            first: Vec::new(),
            last: Vec::new(),
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            entries: 0,
            late: VecDeque::with_capacity(LEAF_KEYS + 1),
        })
    }

    /// Writes an entry; its key comes after that of the one before.
    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), ViewError> {
        self.filter.insert(Hash::of(key));
        self.facts.filtered += 1;
        for end in filter::beginnings(&self.last, key) {
            self.filter.insert(Hash::of(&key[..end]));
            self.facts.filtered += 1;
        }
        if self.block.is_empty() {
            self.first.clear();
            self.first.extend_from_slice(key);
            block::append(&mut self.block, key, key, value);
        } else {
            block::append(&mut self.block, &self.last, key, value);
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        self.entries += 1;
        if self.block.len() >= BLOCK_BYTES || self.entries == BLOCK_ENTRIES {
            self.end_block()?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), ViewError> {
        let key = block_key(&self.first);
        self.facts.bytes += (key.len() + self.block.len()) as u64;
        let next = Vec::with_capacity(2 * BLOCK_BYTES);
        let block = std::mem::replace(&mut self.block, next);
        self.entries = 0;
        self.put(key, block)
    }

    /// Enters a key, and the value of one before it.
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), ViewError> {
        self.store.insert(&key, &[]).map_err(ViewError::Storage)?;
        self.late.push_back((key, value));
        match self.late.len() > LEAF_KEYS {
            true => self.catch_up(),
            false => Ok(()),
        }
    }

    fn catch_up(&mut self) -> Result<(), ViewError> {
        if let Some((key, value)) = self.late.pop_front() {
            self.store.insert(key, value).map_err(ViewError::Storage)?;
        }
        Ok(())
    }

    /// Has on the disk what sled wrote so far.
    pub(crate) fn sync(&self) -> Result<(), ViewError> {
        self.shelf.sync_run(self.facts.id)
    }

    /// The run, which is on the disk now; it counts once the view's mark names it.
    pub(crate) fn finish(mut self) -> Result<Run, ViewError> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let filter = std::mem::replace(&mut self.filter, Filter::new(0));
        for (piece, lines) in (0u32..).zip(filter.as_bytes().chunks(PIECE_BYTES)) {
            let key = [&[FILTERS], piece.to_be_bytes().as_slice()].concat();
            self.put(key, lines.to_vec())?;
        }
        while !self.late.is_empty() {
            self.catch_up()?;
        }
        let seal = self.facts.bytes.to_be_bytes();
        self.store.insert(SEAL, &seal).map_err(ViewError::Storage)?;
        self.shelf.keep_run(self.facts.id, &self.store)?;
        Ok(Run { facts: self.facts, filter, store: self.store })
    }
}
