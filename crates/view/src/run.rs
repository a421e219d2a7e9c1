//! A run: entries that were written once, in the order of their keys, in blocks. It never changes; it goes
//! when it was merged into another.
//!
//! | key | value |
//! | --- | --- |
//! | 1, run: u32, first key | a block of entries, see `block.rs` |
//! | 2, run: u32, piece: u32 | a piece of the run's filter, see `filter.rs` |

use std::ops::{Bound, Range};

use sled::{IVec, Tree};

use crate::ViewError;
use crate::block::{self, Walk};
use crate::filter::{self, Filter, Hash};

/// First byte of the keys of blocks.
const BLOCKS: u8 = 1;
/// First byte of the keys of filters.
const FILTERS: u8 = 2;
/// Bytes of what stands before the first key of a block: the byte above and the run.
const HEAD: usize = 5;

/// Bytes after which a block ends: sled reads sixteen of them at once.
const BLOCK_BYTES: usize = if cfg!(test) { 24 } else { 2 * 1024 };
/// Entries after which a block ends: who looks for one walks over those before it.
const BLOCK_ENTRIES: usize = 32;
/// Bytes of a piece of a filter.
const PIECE_BYTES: usize = 32 * 1024;

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
}

impl Run {
    /// Opens one that was written.
    pub(crate) fn open(tree: &Tree, facts: Facts) -> Result<Run, ViewError> {
        let mut lines = Vec::new();
        for piece in tree.scan_prefix(head(FILTERS, facts.id)) {
            lines.extend_from_slice(&piece.map_err(ViewError::Storage)?.1);
        }
        let filter = Filter::from_bytes(lines);
        let filter = filter.ok_or_else(|| ViewError::Damaged("a run has no filter".to_owned()))?;
        Ok(Run { facts, filter })
    }

    /// Whether it may hold a key or a beginning.
    pub(crate) fn may_hold(&self, hash: Hash) -> bool {
        self.filter.may_hold(hash)
    }

    /// What it says of a key: nothing, that it is no more, or its value.
    pub(crate) fn get(
        &self,
        tree: &Tree,
        key: &[u8],
    ) -> Result<Option<Option<Vec<u8>>>, ViewError> {
        let end = block_key(self.facts.id, key);
        let block = tree.range(head(BLOCKS, self.facts.id).as_slice()..=end.as_slice()).next_back();
        let Some((first, block)) = block.transpose().map_err(ViewError::Storage)? else {
            return Ok(None);
        };
        let mut walk = Walk::new(&block, &first[HEAD..]);
        while let Some(value) = walk.step()? {
            if walk.key() >= key {
                let found = (walk.key() == key).then(|| value.map(|it| block[it].to_vec()));
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Takes it away, or what there is of one that was not finished.
    pub(crate) fn remove(tree: &Tree, id: u32) -> Result<(), ViewError> {
        for kind in [BLOCKS, FILTERS] {
            for key in tree.scan_prefix(head(kind, id)).keys() {
                tree.remove(key.map_err(ViewError::Storage)?).map_err(ViewError::Storage)?;
            }
        }
        Ok(())
    }

    /// The runs there are, whole or not, in order.
    pub(crate) fn all(tree: &Tree) -> Result<Vec<u32>, ViewError> {
        let mut found = Vec::new();
        for kind in [BLOCKS, FILTERS] {
            let mut from = vec![kind];
            while let Some(entry) = tree.range(from..vec![kind + 1]).next() {
                let (key, _) = entry.map_err(ViewError::Storage)?;
                let short = || ViewError::Damaged("a key of a run is too short".to_owned());
                let id = key.get(1..HEAD).and_then(|id| id.try_into().ok()).ok_or_else(short)?;
                let id = u32::from_be_bytes(id);
                found.push(id);
                let Some(next) = id.checked_add(1) else { break };
                from = head(kind, next);
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

fn head(kind: u8, id: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    key.push(kind);
    key.extend_from_slice(&id.to_be_bytes());
    key
}

fn block_key(id: u32, first: &[u8]) -> Vec<u8> {
    let mut key = head(BLOCKS, id);
    key.extend_from_slice(first);
    key
}

/// Writes a run, in the order of its keys.
pub(crate) struct RunWriter<'t> {
    tree: &'t Tree,
    facts: Facts,
    filter: Filter,
    first: Vec<u8>,
    last: Vec<u8>,
    block: Vec<u8>,
    entries: usize,
}

impl<'t> RunWriter<'t> {
    /// A run of at most so many keys and beginnings.
    pub(crate) fn new(tree: &'t Tree, id: u32, filtered: u64) -> RunWriter<'t> {
        RunWriter {
            tree,
            facts: Facts { id, bytes: 0, filtered: 0 },
            filter: Filter::new(filtered),
            first: Vec::new(),
            last: Vec::new(),
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            entries: 0,
        }
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
        let key = block_key(self.facts.id, &self.first);
        self.facts.bytes += (key.len() + self.block.len()) as u64;
        self.tree.insert(key, self.block.as_slice()).map_err(ViewError::Storage)?;
        self.block.clear();
        self.entries = 0;
        Ok(())
    }

    /// The run, whole once the view's mark names it.
    pub(crate) fn finish(mut self) -> Result<Run, ViewError> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        for (piece, lines) in (0u32..).zip(self.filter.as_bytes().chunks(PIECE_BYTES)) {
            let mut key = head(FILTERS, self.facts.id);
            key.extend_from_slice(&piece.to_be_bytes());
            self.tree.insert(key, lines).map_err(ViewError::Storage)?;
        }
        Ok(Run { facts: self.facts, filter: self.filter })
    }
}

/// Walks a run in either direction.
pub(crate) struct RunCursor<'t> {
    tree: &'t Tree,
    id: u32,
    descending: bool,
    /// Blocks to come, once they are needed.
    blocks: Option<sled::Iter>,
    /// Key of the block in hand.
    block_key: IVec,
    block: IVec,
    keys: Vec<u8>,
    entries: Vec<(Range<usize>, Option<Range<usize>>)>,
    at: usize,
}

impl<'t> RunCursor<'t> {
    fn new(tree: &'t Tree, id: u32, descending: bool) -> RunCursor<'t> {
        RunCursor {
            tree,
            id,
            descending,
            blocks: None,
            block_key: IVec::default(),
            block: IVec::default(),
            keys: Vec::new(),
            entries: Vec::new(),
            at: 0,
        }
    }

    /// At the first entry from a key on.
    pub(crate) fn from(
        tree: &'t Tree,
        id: u32,
        start: Bound<&[u8]>,
    ) -> Result<RunCursor<'t>, ViewError> {
        let mut cursor = RunCursor::new(tree, id, false);
        let head = head(BLOCKS, id);
        let before = match start {
            Bound::Included(key) | Bound::Excluded(key) => {
                let last = block_key(id, key);
                tree.range(head.as_slice()..=last.as_slice()).next_back()
            }
            Bound::Unbounded => None,
        };
        match before.transpose().map_err(ViewError::Storage)? {
            Some((key, block)) => cursor.take(key, block)?,
            None => {
                cursor.blocks = Some(tree.range(head..block_end(id)));
                cursor.next_block()?;
            }
        }
        cursor.at = cursor.entries.partition_point(|(key, _)| match start {
            Bound::Included(start) => &cursor.keys[key.clone()] < start,
            Bound::Excluded(start) => &cursor.keys[key.clone()] <= start,
            Bound::Unbounded => false,
        });
        if cursor.at == cursor.entries.len() {
            cursor.next_block()?;
        }
        Ok(cursor)
    }

    /// At the last entry before a key.
    pub(crate) fn before(
        tree: &'t Tree,
        id: u32,
        end: Option<&[u8]>,
    ) -> Result<RunCursor<'t>, ViewError> {
        let mut cursor = RunCursor::new(tree, id, true);
        let end_key = end.map_or_else(|| block_end(id), |end| block_key(id, end));
        cursor.blocks = Some(tree.range(head(BLOCKS, id)..end_key));
        cursor.next_block()?;
        if let Some(end) = end {
            let before = cursor.entries.partition_point(|(key, _)| &cursor.keys[key.clone()] < end);
            cursor.at = before.checked_sub(1).unwrap_or(cursor.entries.len());
        }
        Ok(cursor)
    }

    /// The entry it is at.
    pub(crate) fn current(&self) -> Option<(&[u8], Option<&[u8]>)> {
        let (key, value) = self.entries.get(self.at)?;
        Some((&self.keys[key.clone()], value.clone().map(|value| &self.block[value])))
    }

    /// Goes to the next entry in its direction.
    pub(crate) fn advance(&mut self) -> Result<(), ViewError> {
        let next = match self.descending {
            true => self.at.checked_sub(1),
            false => Some(self.at + 1).filter(|next| *next < self.entries.len()),
        };
        match next {
            Some(next) => self.at = next,
            None => self.next_block()?,
        }
        Ok(())
    }

    /// Goes to the next block in its direction; past the last one, it is at no entry.
    fn next_block(&mut self) -> Result<(), ViewError> {
        let blocks = self.blocks.get_or_insert_with(|| {
            let from = Bound::Excluded(self.block_key.to_vec());
            self.tree.range((from, Bound::Excluded(block_end(self.id))))
        });
        let next = if self.descending { blocks.next_back() } else { blocks.next() };
        match next.transpose().map_err(ViewError::Storage)? {
            Some((key, block)) => self.take(key, block),
            None => {
                self.entries.clear();
                self.at = 0;
                Ok(())
            }
        }
    }

    fn take(&mut self, key: IVec, block: IVec) -> Result<(), ViewError> {
        self.keys.clear();
        self.entries.clear();
        let mut walk = Walk::new(&block, &key[HEAD..]);
        while let Some(value) = walk.step()? {
            let start = self.keys.len();
            self.keys.extend_from_slice(walk.key());
            self.entries.push((start..self.keys.len(), value));
        }
        self.at = if self.descending { self.entries.len().saturating_sub(1) } else { 0 };
        self.block_key = key;
        self.block = block;
        Ok(())
    }
}

/// The first key after all blocks of a run.
fn block_end(id: u32) -> Vec<u8> {
    match id.checked_add(1) {
        Some(next) => head(BLOCKS, next),
        None => vec![BLOCKS + 1],
    }
}
