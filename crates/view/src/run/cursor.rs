//! Walks a run in either direction.

use std::ops::{Bound, Range};

use sled::{IVec, Tree};

use super::{BLOCKS, HEAD, Run, block_key};
use crate::ViewError;
use crate::block::Walk;

/// The first key of all blocks, and the first after them.
const START: &[u8] = &[BLOCKS];
const END: &[u8] = &[BLOCKS + 1];

/// Walks a run in either direction.
pub(crate) struct RunCursor<'t> {
    tree: &'t Tree,
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
    fn new(run: &'t Run, descending: bool) -> RunCursor<'t> {
        RunCursor {
            tree: &run.store,
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
    pub(crate) fn from(run: &'t Run, start: Bound<&[u8]>) -> Result<RunCursor<'t>, ViewError> {
        let mut cursor = RunCursor::new(run, false);
        let before = match start {
            Bound::Included(key) | Bound::Excluded(key) => {
                let last = block_key(key);
                cursor.tree.range(START..=last.as_slice()).next_back()
            }
            Bound::Unbounded => None,
        };
        match before.transpose().map_err(ViewError::Storage)? {
            Some((key, block)) => cursor.take(key, block)?,
            None => {
                cursor.blocks = Some(cursor.tree.range(START..END));
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
    pub(crate) fn before(run: &'t Run, end: Option<&[u8]>) -> Result<RunCursor<'t>, ViewError> {
        let mut cursor = RunCursor::new(run, true);
        let end_key = end.map_or_else(|| END.to_vec(), block_key);
        cursor.blocks = Some(cursor.tree.range(START..end_key.as_slice()));
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
            let from = Bound::Excluded(self.block_key.as_ref());
            self.tree.range::<&[u8], _>((from, Bound::Excluded(END)))
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
        let mut walk = Walk::new(&block, &key[HEAD..])?;
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
