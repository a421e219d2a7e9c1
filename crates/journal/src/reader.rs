//! Reading released commits after a position, and waiting for more (J4).
//!
//! A reader has a cursor and no queue: it reads until nothing comes, waits for the doorbell, and reads
//! again. Recent commits come from memory, older ones from the journal off the async threads.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{RwLock, watch};
use tokio::task::JoinHandle;

use crate::frames::{Excerpt, Excerpts, Framing, Run, Wanted};
use crate::limits::FRAMES_BYTES;
use crate::ring::Ring;
use crate::{Chain, Commit, Journal, JournalId, Lineage, Position, ReadError, ReadLimit};

/// What readers may see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Released {
    pub(crate) position: Position,
    pub(crate) chain: Chain,
    pub(crate) oldest: Position,
}

/// The journal until the writer ends. Only tasks of their own hold the lock while they read, so that
/// whoever closes it never waits for a reader that is not being polled.
pub(crate) struct OpenJournal(RwLock<Option<Arc<dyn Journal>>>);

impl OpenJournal {
    pub(crate) fn new(journal: Arc<dyn Journal>) -> OpenJournal {
        OpenJournal(RwLock::new(Some(journal)))
    }

    /// Waits for reads under way, then lets go of the journal.
    pub(crate) fn close(&self) {
        drop(self.0.blocking_write().take());
    }
}

/// The writer ended; nothing more will be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the writer has stopped")]
pub struct WriterGone;

/// Something that is being read from the journal.
#[derive(Debug)]
pub struct Reading<T>(JoinHandle<Result<T, ReadError>>);

impl<T> Reading<T> {
    /// What was read.
    pub async fn end(self) -> Result<T, ReadError> {
        self.0.await.map_err(|error| ReadError::Storage(io::Error::other(error)))?
    }
}

/// Reads released commits. Cheap to clone.
///
/// Nothing is released before the writer has replayed the journal into the view: until then the head
/// is [`Position::ORIGIN`], so ask [`WriterState`](crate::WriterState) before calling a cursor too new.
#[derive(Clone)]
pub struct Reader {
    lineage: Arc<Lineage>,
    released: watch::Receiver<Released>,
    ring: Arc<Ring>,
    journal: Arc<OpenJournal>,
    framing: Framing,
}

impl Reader {
    pub(crate) fn new(
        lineage: Lineage,
        released: watch::Receiver<Released>,
        ring: Arc<Ring>,
        journal: Arc<OpenJournal>,
        framing: Framing,
    ) -> Reader {
        Reader { lineage: Arc::new(lineage), released, ring, journal, framing }
    }

    /// Which journal this is.
    pub fn identity(&self) -> JournalId {
        self.lineage.identity()
    }

    /// Whether this is the history that had this identity, up to this position: the journal may have
    /// gone on under another one since.
    pub fn knows(&self, identity: JournalId, position: Position) -> bool {
        self.lineage.knows(identity, position)
    }

    /// The position before the oldest commit kept.
    pub fn oldest(&self) -> Position {
        self.released.borrow().oldest
    }

    /// The last released position.
    pub fn head(&self) -> Position {
        self.released.borrow().position
    }

    /// The chain value at a released position.
    pub async fn chain_at(&self, position: Position) -> Result<Chain, ReadError> {
        let released = *self.released.borrow();
        if position == released.position {
            return Ok(released.chain);
        }
        let Some(before) = position.get().checked_sub(1) else {
            return Ok(self.lineage.origin());
        };
        if position > released.position {
            return Err(ReadError::Ahead { tail: released.position });
        }
        let one = ReadLimit { commits: 1, bytes: 0 };
        let commits = self.read(Position::new(before), one).await?;
        Ok(commits.first().expect("a commit stands at every released position").chain)
    }

    /// Released commits after a position, oldest first; empty at the head. At least one where there is
    /// one, whatever the limit.
    pub async fn read(&self, after: Position, limit: ReadLimit) -> Result<Vec<Commit>, ReadError> {
        let released = *self.released.borrow();
        let Some(available) = released.position.get().checked_sub(after.get()) else {
            return Err(ReadError::Ahead { tail: released.position });
        };
        if available == 0 {
            return Ok(Vec::new());
        }
        if let Some(recent) = self.ring.read(after, released.position, limit) {
            return Ok(recent);
        }
        let available = usize::try_from(available).unwrap_or(usize::MAX);
        let commits = limit.commits.clamp(1, available);
        let limit = ReadLimit { commits, ..limit };
        self.start_on_disk(async move |journal| journal.read(after, limit).await).end().await
    }

    /// What comes next on a stream after a position, up to and with `last`, if it is in memory; `None`
    /// at `last` or the head too.
    pub fn recent_run(&self, after: Position, last: Position) -> Option<Run> {
        let last = last.min(self.head());
        if after >= last { None } else { self.ring.run(after, last) }
    }

    /// Whether what comes after a position is in memory, or nothing does yet.
    pub fn is_recent(&self, position: Position) -> bool {
        position >= self.head() || self.ring.holds(position.next())
    }

    /// What comes next on a stream after a position, up to and with `last`; `None` at `last` or the head.
    /// Holds at most [`FRAMES_BYTES`], or one larger commit.
    pub async fn run(&self, after: Position, last: Position) -> Result<Option<Run>, ReadError> {
        let head = self.head();
        let last = last.min(head);
        if after > head {
            return Err(ReadError::Ahead { tail: head });
        }
        if after >= last {
            return Ok(None);
        }
        if let Some(recent) = self.ring.run(after, last) {
            return Ok(Some(recent));
        }
        match self.run_at_hand(after, last, FRAMES_BYTES) {
            Some(run) => run,
            None => self.start_run(after, last).end().await,
        }
    }

    /// A run that is not in the memory of this process but in that of the system, of at most so many bytes,
    /// or one larger commit; `None` where reading would take waiting, or there is nothing to read.
    pub fn run_at_hand(
        &self,
        after: Position,
        last: Position,
        bytes: usize,
    ) -> Option<Result<Option<Run>, ReadError>> {
        let (last, framing) = (last.min(self.head()), self.framing);
        if after >= last {
            return None;
        }
        self.at_hand(|journal| journal.run_at_hand(after, last, bytes, framing))
    }

    /// The frame of a commit, if it is in memory and does not stand apart.
    pub fn recent_frame(&self, position: Position) -> Option<Bytes> {
        if position > self.head() { None } else { self.ring.frame(position) }
    }

    /// Begins to read a run that is not in memory, after a position that is before `last`, both released.
    pub fn start_run(&self, after: Position, last: Position) -> Reading<Option<Run>> {
        self.start_run_of(after, last, FRAMES_BYTES)
    }

    /// The same, of at most so many bytes, or one larger commit.
    pub fn start_run_of(
        &self,
        after: Position,
        last: Position,
        bytes: usize,
    ) -> Reading<Option<Run>> {
        let framing = self.framing;
        self.start_on_disk(async move |journal| journal.run(after, last, bytes, framing).await)
    }

    /// Reads from the journal on this thread what takes no waiting.
    fn at_hand<T>(&self, read: impl FnOnce(&dyn Journal) -> Option<T>) -> Option<T> {
        let open = self.journal.0.try_read().ok()?;
        read(&**open.as_ref()?)
    }

    /// Reads from the journal on a task of its own: see [`OpenJournal`].
    fn start_on_disk<T, F>(
        &self,
        read: impl FnOnce(Arc<dyn Journal>) -> F + Send + 'static,
    ) -> Reading<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ReadError>> + Send,
    {
        let journal = Arc::clone(&self.journal);
        Reading(tokio::spawn(async move {
            let open = journal.0.read().await;
            let closed = || ReadError::Storage(io::Error::other("the journal is closed"));
            read(Arc::clone(open.as_ref().ok_or_else(closed)?)).await
        }))
    }

    /// The commits at these positions, which ascend and are released, up to so many bytes: at least the
    /// first, perhaps not all.
    pub async fn read_at(
        &self,
        positions: Vec<Position>,
        bytes: usize,
    ) -> Result<Vec<Commit>, ReadError> {
        let head = self.head();
        if positions.last().is_some_and(|last| *last > head) {
            return Err(ReadError::Ahead { tail: head });
        }
        let old = positions.partition_point(|position| !self.ring.holds(*position));
        if old > 0 {
            let old = positions[..old].to_vec();
            let read = self.start_on_disk(async move |journal| journal.read_at(&old, bytes).await);
            return read.end().await;
        }
        let one = ReadLimit { commits: 1, bytes: 0 };
        let (mut found, mut so_far) = (Vec::new(), 0);
        for position in positions {
            let before = Position::new(position.get().saturating_sub(1));
            let Some(recent) = self.ring.read(before, head, one) else { break };
            so_far += recent.iter().map(|commit| commit.body.len()).sum::<usize>();
            if so_far > bytes && !found.is_empty() {
                break;
            }
            found.extend(recent);
        }
        Ok(found)
    }

    /// Excerpts of the commits at these positions, which ascend and are released: at least of the first,
    /// perhaps not of all. Holds at most so many bytes, or one larger commit.
    pub async fn excerpts(
        &self,
        wanted: &[Wanted],
        bytes: usize,
        excerpt: &Arc<Excerpt>,
    ) -> Result<Excerpts, ReadError> {
        let head = self.head();
        if wanted.last().is_some_and(|last| last.position > head) {
            return Err(ReadError::Ahead { tail: head });
        }
        let old = wanted.partition_point(|wanted| !self.ring.holds(wanted.position));
        if old == 0 {
            let recent = self.recent_excerpts(wanted, bytes, &**excerpt)?;
            if recent.commits > 0 {
                return Ok(recent);
            }
        }
        // The first at least, also when it has just become old.
        let old = &wanted[..old.max(1).min(wanted.len())];
        let at_hand = |journal: &dyn Journal| journal.excerpts_at_hand(old, bytes, &**excerpt);
        if let Some(found) = self.at_hand(at_hand) {
            return found;
        }
        let (old, excerpt) = (old.to_vec(), Arc::clone(excerpt));
        let read =
            async move |journal: Arc<dyn Journal>| journal.excerpts(&old, bytes, &excerpt).await;
        self.start_on_disk(read).end().await
    }

    fn recent_excerpts(
        &self,
        wanted: &[Wanted],
        bytes: usize,
        excerpt: &Excerpt,
    ) -> Result<Excerpts, ReadError> {
        let (mut frames, mut commits) = (Vec::new(), 0);
        for Wanted { position, known } in wanted {
            let Some(commit) = self.ring.commit(*position) else { break };
            if commits > 0 && frames.len() + commit.body.len() > bytes {
                break;
            }
            excerpt(&commit.stored(), *known, &mut frames).map_err(ReadError::Undecoded)?;
            commits += 1;
        }
        Ok(Excerpts { frames: frames.into(), commits })
    }

    /// Waits until a position is released.
    pub async fn wait_for(&self, position: Position) -> Result<(), WriterGone> {
        let mut released = self.released.clone();
        let reached = released.wait_for(|released| released.position >= position).await;
        reached.map(drop).map_err(|_| WriterGone)
    }

    /// Waits until something after a position is released.
    pub async fn beyond(&self, position: Position) -> Result<(), WriterGone> {
        let mut released = self.released.clone();
        let reached = released.wait_for(|released| released.position > position).await;
        reached.map(drop).map_err(|_| WriterGone)
    }
}
