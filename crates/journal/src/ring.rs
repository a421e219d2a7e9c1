//! The most recent released commits in memory, shared by all readers, so that those who keep up never
//! touch the disk.
//!
//! ```text
//!  blocks   [ 1 … 180 ][ 181 … 360 ][ 361 … 420 ][ 421 … 440 ][ 441 ]      each one buffer of frames
//!                            ▲ a reader's run is a slice of one block
//! ```
//!
//! A batch of commits becomes a block; blocks merge like the digits of a binary number until they have
//! [`BLOCK_BYTES`]. So whoever is up to date is sent the last few commits at once, whoever is behind long
//! runs, and every byte was copied a handful of times, for all readers together.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::RwLock;

use crate::frames::{self, Framing, PREFIX_BYTES, Run};
use crate::limits::BLOCK_BYTES;
use crate::{Chain, Commit, Position, ReadLimit};

/// A bounded stretch of commits without gaps, the newest at the end.
pub(crate) struct Ring {
    kept: RwLock<Kept>,
    limit_bytes: usize,
    framing: Framing,
}

#[derive(Default)]
struct Kept {
    blocks: VecDeque<Block>,
    bytes: usize,
}

/// Commits that follow each other.
struct Block {
    first: Position,
    frames: Bytes,
    entries: Vec<Entry>,
    /// Bytes it holds.
    bytes: usize,
}

/// One commit of a block.
struct Entry {
    /// Where its frame ends, and that of the next begins.
    end: usize,
    body: Body,
    chain: Chain,
    recorded_at_micros: i64,
    meta: Bytes,
}

/// Where the body of a commit is.
enum Body {
    /// In its frame, so many bytes.
    Framed(usize),
    /// Here: it has no frame.
    Apart(Bytes),
}

impl Ring {
    /// An empty ring of at most so many bytes.
    pub(crate) fn new(limit_bytes: usize, framing: Framing) -> Ring {
        Ring { kept: RwLock::default(), limit_bytes, framing }
    }

    /// Adds the commits after its last one, and lets go of the oldest.
    pub(crate) fn push(&self, commits: &[Commit]) {
        // Made before the lock is taken: all readers share it.
        let blocks = self.blocks(commits);
        let mut kept = self.kept.write();
        for block in blocks {
            if let Some(last) = kept.blocks.back() {
                assert_eq!(block.first, last.end(), "commits are released in order");
            }
            kept.bytes += block.bytes;
            kept.blocks.push_back(block);
            kept.merge();
        }
        while kept.bytes > self.limit_bytes {
            let Some(oldest) = kept.blocks.pop_front() else { break };
            kept.bytes -= oldest.bytes;
        }
    }

    /// Lets go of everything: something of it was erased.
    pub(crate) fn clear(&self) {
        *self.kept.write() = Kept::default();
    }

    fn blocks(&self, commits: &[Commit]) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut rest = commits;
        while let Some(first) = rest.first() {
            let (mut frames, mut entries, mut bytes) = (Vec::new(), Vec::new(), 0);
            for commit in rest {
                let framed = frames::append(&mut frames, &commit.stored(), self.framing);
                entries.push(Entry {
                    end: frames.len(),
                    body: match framed {
                        true => Body::Framed(commit.body.len()),
                        false => Body::Apart(commit.body.clone()),
                    },
                    chain: commit.chain,
                    recorded_at_micros: commit.recorded_at_micros,
                    meta: commit.meta.clone(),
                });
                bytes += size_of::<Entry>() + commit.meta.len() + commit.body.len();
                if bytes >= BLOCK_BYTES {
                    break;
                }
            }
            rest = &rest[entries.len()..];
            blocks.push(Block { first: first.position, frames: frames.into(), entries, bytes });
        }
        blocks
    }

    /// The commits after a position, up to and with `last`; `None` when the next one is not here.
    pub(crate) fn read(
        &self,
        after: Position,
        last: Position,
        limit: ReadLimit,
    ) -> Option<Vec<Commit>> {
        let kept = self.kept.read();
        let mut found = Vec::new();
        let (mut bytes, mut next) = (0, after.next());
        'blocks: for block in kept.from(next)? {
            for index in block.index(next)..block.entries.len() {
                if next > last {
                    break 'blocks;
                }
                let commit = block.commit(index);
                bytes += commit.meta.len() + commit.body.len();
                if !found.is_empty() && (found.len() >= limit.commits || bytes > limit.bytes) {
                    break 'blocks;
                }
                found.push(commit);
                next = next.next();
            }
        }
        (!found.is_empty()).then_some(found)
    }

    /// Whether a commit is here.
    pub(crate) fn holds(&self, position: Position) -> bool {
        self.kept.read().from(position).is_some()
    }

    /// The first run after a position, up to and with `last`; `None` when the next commit is not here.
    pub(crate) fn run(&self, after: Position, last: Position) -> Option<Run> {
        let kept = self.kept.read();
        let next = after.next();
        let block = kept.from(next)?.next().filter(|_| next <= last)?;
        let first = block.index(next);
        let released = usize::try_from(last.get() - next.get() + 1).unwrap_or(usize::MAX);
        let entries = &block.entries[first..];
        let count = entries.iter().take(released).take_while(|entry| entry.is_framed()).count();
        if count == 0 {
            return Some(Run::Apart(block.commit(first)));
        }
        let frames = block.frames.slice(block.start(first)..entries[count - 1].end);
        Some(Run::Frames { frames, up_to: after.plus(count as u64) })
    }

    /// One commit; `None` when it is not here.
    pub(crate) fn commit(&self, position: Position) -> Option<Commit> {
        let kept = self.kept.read();
        let block = kept.from(position)?.next()?;
        Some(block.commit(block.index(position)))
    }

    /// The frame of one commit; `None` when it is not here or stands apart.
    pub(crate) fn frame(&self, position: Position) -> Option<Bytes> {
        let kept = self.kept.read();
        let block = kept.from(position)?.next()?;
        let index = block.index(position);
        let entry = &block.entries[index];
        entry.is_framed().then(|| block.frames.slice(block.start(index)..entry.end))
    }
}

impl Kept {
    /// The blocks from the one that holds a position; `None` when none does.
    fn from(&self, position: Position) -> Option<impl Iterator<Item = &Block>> {
        let after = self.blocks.partition_point(|block| block.first <= position);
        let at = after.checked_sub(1).filter(|at| position < self.blocks[*at].end())?;
        Some(self.blocks.range(at..))
    }

    /// Merges the last block with those before it that are not larger.
    fn merge(&mut self) {
        while let Some(at) = self.blocks.len().checked_sub(2) {
            let (before, last) = (self.blocks[at].bytes, self.blocks[at + 1].bytes);
            if before > last || before + last > BLOCK_BYTES {
                return;
            }
            let last = self.blocks.pop_back().expect("there are two");
            self.blocks[at].take(last);
        }
    }
}

impl Block {
    /// Takes the commits after its last.
    fn take(&mut self, after: Block) {
        let shift = self.frames.len();
        self.frames = [&self.frames[..], &after.frames[..]].concat().into();
        let entries = after.entries.into_iter();
        self.entries.extend(entries.map(|entry| Entry { end: entry.end + shift, ..entry }));
        self.bytes += after.bytes;
    }

    /// The position after its last commit.
    fn end(&self) -> Position {
        self.first.plus(self.entries.len() as u64)
    }

    fn index(&self, position: Position) -> usize {
        let index = position.get().saturating_sub(self.first.get());
        usize::try_from(index).expect("it is within a block")
    }

    /// Where the frame of a commit begins.
    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.entries[before].end)
    }

    fn commit(&self, index: usize) -> Commit {
        let entry = &self.entries[index];
        let body = match &entry.body {
            Body::Apart(body) => body.clone(),
            Body::Framed(bytes) => {
                let start = self.start(index) + PREFIX_BYTES;
                self.frames.slice(start..start + bytes)
            }
        };
        Commit {
            position: self.first.plus(index as u64),
            chain: entry.chain,
            recorded_at_micros: entry.recorded_at_micros,
            meta: entry.meta.clone(),
            body,
        }
    }
}

impl Entry {
    fn is_framed(&self) -> bool {
        matches!(self.body, Body::Framed(_))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Stored;
    use proptest::prelude::*;

    /// Bodies of even length go as they are, with their position after them; others stand apart.
    fn framing(stored: &Stored<'_>, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&stored.position.get().to_be_bytes());
        stored.body.len().is_multiple_of(2)
    }

    fn commit(position: u64, bytes: usize) -> Commit {
        Commit {
            position: Position::new(position),
            chain: Chain::from_bytes([position.to_le_bytes()[0]; 32]),
            recorded_at_micros: 7,
            meta: Bytes::from(vec![1; bytes % 7]),
            body: Bytes::from(vec![position.to_le_bytes()[0]; bytes]),
        }
    }

    fn frame(commit: &Commit) -> Vec<u8> {
        let message = [&commit.body[..], &commit.position.get().to_be_bytes()].concat();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0][..], &length[..], &message[..]].concat()
    }

    /// All runs after a position.
    fn runs(ring: &Ring, after: u64, last: u64) -> (Vec<u8>, Vec<Commit>, usize) {
        let (mut sent, mut apart, mut count) = (Vec::new(), Vec::new(), 0);
        let (mut at, last) = (Position::new(after), Position::new(last));
        while at < last {
            count += 1;
            at = match ring.run(at, last).unwrap() {
                Run::Frames { frames, up_to } => {
                    sent.extend_from_slice(&frames);
                    up_to
                }
                Run::Apart(commit) => {
                    let position = commit.position;
                    apart.push(commit);
                    position
                }
            };
        }
        assert!(ring.run(last, last).is_none());
        (sent, apart, count)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever came in which batches, runs from anywhere to anywhere are the frames of the commits
        /// between, and reading gives the commits themselves.
        #[test]
        fn runs_are_what_was_pushed(
            batches in prop::collection::vec(prop::collection::vec(0..40_000usize, 1..6), 1..12),
            from in 0..40u64,
            short in 0..4u64,
        ) {
            let ring = Ring::new(usize::MAX, framing);
            let mut all = Vec::new();
            for batch in batches {
                let from = all.len() as u64 + 1;
                let batch: Vec<Commit> =
                    (from..).zip(batch).map(|(position, bytes)| commit(position, bytes)).collect();
                ring.push(&batch);
                all.extend(batch);
            }
            let last = all.len() as u64 - short.min(all.len() as u64);
            let from = from.min(last);
            let wanted = &all[from as usize..last as usize];
            let (even, odd): (Vec<&Commit>, Vec<&Commit>) =
                wanted.iter().partition(|commit| commit.body.len().is_multiple_of(2));
            let (sent, apart, _) = runs(&ring, from, last);
            prop_assert_eq!(sent, even.iter().flat_map(|it| frame(it)).collect::<Vec<u8>>());
            prop_assert_eq!(apart.iter().collect::<Vec<_>>(), odd);
            for commit in wanted {
                let alone = ring.frame(commit.position).map(|frame| frame.to_vec());
                let even = commit.body.len().is_multiple_of(2);
                prop_assert_eq!(alone, even.then(|| frame(commit)));
            }
            let limit = ReadLimit { commits: usize::MAX, bytes: usize::MAX };
            let read = ring.read(Position::new(from), Position::new(last), limit);
            prop_assert_eq!(read.unwrap_or_default(), wanted);
        }
    }

    #[test]
    fn single_commits_become_long_runs_and_the_oldest_go() {
        let ring = Ring::new(4 * 1024 * 1024, framing);
        let count = 20_000;
        for position in 1..=count {
            ring.push(&[commit(position, 300)]);
        }
        let kept = ring.kept.read();
        let (first, blocks) = (kept.blocks.front().unwrap().first.get(), kept.blocks.len());
        assert!(kept.bytes <= 4 * 1024 * 1024 && first > 1, "begins at {first}");
        drop(kept);
        assert!(ring.run(Position::new(first - 2), Position::new(count)).is_none());
        let (sent, _, runs) = runs(&ring, first - 1, count);
        assert_eq!(runs, blocks);
        assert!(sent.len() / runs > BLOCK_BYTES / 4, "{} bytes in {runs} runs", sent.len());
    }
}
