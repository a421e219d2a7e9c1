//! Engine 1: append-only segment files in one directory, one process at a time.
//!
//! ```text
//! journal/
//!   LOCK                        held with flock while the journal is open
//!   erasing                     records about to be overwritten, while that is under way
//!   identity                    under which identities it went on: see `lineage.rs`
//!   highwater                   how far it certainly was durable
//!   00000000000000000001.log    records from position 1
//!   00000000000000081234.log    records from position 81234: the active segment
//! ```
//!
//! An append is one write and one `fdatasync`. A batch stands in one segment. What an append did not
//! finish is cut off at the next open; anything else that is not what was written is refused (J5).

mod append;
mod copy;
mod directory;
mod erase;
mod highwater;
mod open;
mod record;
mod repair;
mod runs;
mod scan;
mod state;
#[cfg(test)]
mod tests;
mod verify;
mod walk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};

pub use copy::{Copied, copy, restore};
pub use open::OpenError;
pub use repair::Repair;
pub use verify::{Report, Torn, dump, verify, verify_on};
pub use walk::Damage;

use crate::disk::{Disk, DiskFile, DiskLock, RealDisk};
use crate::limits::{COMMIT_BYTES, SEGMENT_BYTES};
use crate::{
    AppendError, Chain, Commit, Draft, EraseError, Erasure, Excerpt, Excerpts, Framing, Journal,
    JournalId, Lineage, Position, ReadError, ReadLimit, Run, Wanted,
};
use append::{Active, Appender, is_full};
use directory::SegmentFile;
use runs::Waiting;
use state::{Segment, State};
use walk::Tip;

/// How a segment journal is kept.
#[derive(Clone, Copy, Debug)]
pub struct SegmentOptions {
    /// Size at which a segment is closed and the next one begun, between two batches.
    pub segment_bytes: u64,
}

impl Default for SegmentOptions {
    fn default() -> SegmentOptions {
        SegmentOptions { segment_bytes: SEGMENT_BYTES }
    }
}

/// A journal in segment files. Dropping it releases the directory.
pub struct SegmentJournal {
    dir: PathBuf,
    lineage: Lineage,
    options: SegmentOptions,
    state: Arc<RwLock<State>>,
    appender: Mutex<Appender>,
    /// Held to be written while records are overwritten, and to be read while they are read.
    rewriting: Arc<RwLock<()>>,
    disk: Arc<dyn Disk>,
    _lock: DiskLock,
}

impl SegmentJournal {
    /// Opens the journal in a directory, and makes it when there is none. Reads and verifies all of
    /// it; blocking.
    pub fn open(dir: &Path, options: SegmentOptions) -> Result<SegmentJournal, OpenError> {
        SegmentJournal::open_on(RealDisk::shared(), dir, options)
    }

    /// Like [`SegmentJournal::open`], on a disk of the caller's.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: SegmentOptions,
    ) -> Result<SegmentJournal, OpenError> {
        let opened = open::open(&*disk, dir)?;
        let end = opened.state.segments.last().map_or(0, |segment| segment.end);
        Ok(SegmentJournal {
            dir: dir.to_owned(),
            lineage: opened.lineage,
            options,
            state: Arc::new(RwLock::new(opened.state)),
            appender: Mutex::new(Appender::new(opened.highwater, end)),
            rewriting: Arc::default(),
            disk,
            _lock: opened.lock,
        })
    }

    fn append_batch(
        &self,
        expected: Position,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Commit>, AppendError> {
        let mut appender = self.appender.lock();
        if let Some(failed) = &appender.failed {
            return Err(AppendError::Storage(io::Error::other(failed.clone())));
        }
        let tip = self.state.read().tip;
        if tip.position != expected {
            return Err(AppendError::Conflict { expected, tail: tip.position });
        }
        if let Some(draft) = drafts.iter().find(|draft| !draft.fits()) {
            return Err(AppendError::TooLarge { bytes: draft.size(), limit: COMMIT_BYTES });
        }
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let active = self.active_segment(&mut appender)?;
        let commits = chained(tip, drafts);
        appender.write(&active, &commits)?;
        // Durable: from here on it is the journal.
        let mut state = self.state.write();
        for commit in &commits {
            state.push(commit);
        }
        let tip = state.tip;
        drop(state);
        appender.note(tip);
        Ok(commits)
    }

    /// The segment to append to; a new one when there is none or the last is large enough.
    fn active_segment(&self, appender: &mut Appender) -> Result<Active, AppendError> {
        let (last, tip) = {
            let state = self.state.read();
            (state.segments.last().map(|it| self.active(it.file.clone(), it.end)), state.tip)
        };
        match last {
            Some(active) if active.end < active.full => return Ok(active),
            Some(active) => appender.close(&active)?,
            None => {}
        }
        let named = SegmentFile::named(&self.dir, tip.position.next());
        let file = match self.disk.create(&named.path) {
            Ok(file) => file,
            Err(error) if is_full(&error) => return Err(AppendError::Full),
            Err(error) => return Err(appender.fail("creating a segment", error)),
        };
        self.disk
            .sync_dir(&self.dir)
            .and_then(|()| appender.highwater.sync())
            .map_err(|error| appender.fail("syncing the directory", error))?;
        self.state.write().segments.push(Segment::new(named, file.clone()));
        appender.written = 0;
        Ok(self.active(file, 0))
    }

    fn active(&self, file: Arc<dyn DiskFile>, end: u64) -> Active {
        Active { file, end, full: self.options.segment_bytes }
    }
}

impl Drop for SegmentJournal {
    fn drop(&mut self) {
        let appender = self.appender.get_mut();
        if appender.failed.is_some() {
            return;
        }
        if let Some(last) = self.state.read().segments.last()
            && appender.written > last.end
            && let Err(error) = last.file.truncate(last.end)
        {
            tracing::warn!(%error, "zeros stay at the end of the journal until it is opened");
        }
        if let Err(error) = appender.highwater.sync() {
            tracing::warn!(%error, "how far the journal is durable is noted, but not durably");
        }
    }
}

fn chained(tip: Tip, drafts: Vec<Draft>) -> Vec<Commit> {
    let mut tip = tip;
    let commit = |draft: Draft| {
        let position = tip.position.next();
        tip = Tip { position, chain: tip.chain.extended(position, &draft) };
        let Draft { recorded_at_micros, meta, body } = draft;
        Commit { position, chain: tip.chain, recorded_at_micros, meta, body }
    };
    drafts.into_iter().map(commit).collect()
}

#[async_trait]
impl Journal for SegmentJournal {
    fn identity(&self) -> JournalId {
        self.lineage.identity()
    }

    fn lineage(&self) -> Lineage {
        self.lineage.clone()
    }

    fn oldest(&self) -> Position {
        Position::ORIGIN
    }

    fn tail(&self) -> (Position, Chain) {
        let tip = self.state.read().tip;
        (tip.position, tip.chain)
    }

    async fn append(
        &self,
        expected_tail: Position,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Commit>, AppendError> {
        self.append_batch(expected_tail, drafts)
    }

    async fn read(&self, after: Position, limit: ReadLimit) -> Result<Vec<Commit>, ReadError> {
        let state = self.state.clone();
        erase::undisturbed(&self.rewriting, move || read(&state, after, limit)).await
    }

    async fn erase(&self, erasures: Vec<Erasure>) -> Result<(), EraseError> {
        self.erase_all(&erasures)
    }

    async fn read_at(
        &self,
        positions: &[Position],
        bytes: usize,
    ) -> Result<Vec<Commit>, ReadError> {
        let (state, positions) = (self.state.clone(), positions.to_vec());
        let read = move || runs::read_at(&state, &positions, bytes);
        erase::undisturbed(&self.rewriting, read).await
    }

    async fn run(
        &self,
        after: Position,
        last: Position,
        bytes: usize,
        framing: Framing,
    ) -> Result<Option<Run>, ReadError> {
        let state = self.state.clone();
        let run = move || runs::run(&state, (after, last), bytes, framing, Waiting::Allowed);
        erase::undisturbed(&self.rewriting, run).await
    }

    fn run_at_hand(
        &self,
        after: Position,
        last: Position,
        bytes: usize,
        framing: Framing,
    ) -> Option<Result<Option<Run>, ReadError>> {
        let _nothing_is_rewritten = self.rewriting.try_read()?;
        let span = (after, last);
        runs::at_hand(runs::run(&self.state, span, bytes, framing, Waiting::Forbidden))
    }

    async fn excerpts(
        &self,
        wanted: &[Wanted],
        bytes: usize,
        excerpt: &Arc<Excerpt>,
    ) -> Result<Excerpts, ReadError> {
        let (state, wanted, excerpt) = (self.state.clone(), wanted.to_vec(), Arc::clone(excerpt));
        let read = move || runs::excerpts(&state, &wanted, bytes, &*excerpt, Waiting::Allowed);
        erase::undisturbed(&self.rewriting, read).await
    }

    fn excerpts_at_hand(
        &self,
        wanted: &[Wanted],
        bytes: usize,
        excerpt: &Excerpt,
    ) -> Option<Result<Excerpts, ReadError>> {
        let _nothing_is_rewritten = self.rewriting.try_read()?;
        runs::at_hand(runs::excerpts(&self.state, wanted, bytes, excerpt, Waiting::Forbidden))
    }
}

/// Reads over the ends of segments; the lock is held to find a place, not to read.
fn read(
    state: &RwLock<State>,
    after: Position,
    limit: ReadLimit,
) -> Result<Vec<Commit>, ReadError> {
    let tail = state.read().tip.position;
    if after > tail {
        return Err(ReadError::Ahead { tail });
    }
    let mut found = Vec::new();
    let mut reached = after;
    while reached < tail {
        let stretch = state.read().stretch(reached).expect("a record stands before the tail");
        let full = stretch.read(reached, limit, &mut found)?;
        reached = found.last().map_or(reached, |commit: &Commit| commit.position);
        if full || found.len() >= limit.commits {
            break;
        }
    }
    Ok(found)
}
