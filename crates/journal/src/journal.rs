//! The contract of an engine: J1 to J6 of the crate's documentation.

use std::sync::Arc;

use async_trait::async_trait;

use crate::frames::{Excerpt, Excerpts, Framing, Run, Wanted, run_of};
use crate::{Chain, Commit, Draft, EraseError, Erasure, JournalId, Lineage, Position};

/// An append-only sequence of commits, one writer at a time.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Which journal this is.
    fn identity(&self) -> JournalId;

    /// Under which identities it went on.
    fn lineage(&self) -> Lineage {
        Lineage::new(self.identity())
    }

    /// The position before the oldest commit kept; [`Position::ORIGIN`] while nothing was trimmed.
    fn oldest(&self) -> Position;

    /// The last durable position and the chain value there.
    fn tail(&self) -> (Position, Chain);

    /// Makes the drafts durable, in order, right after `expected_tail`, all or none, and returns them
    /// as commits.
    async fn append(
        &self,
        expected_tail: Position,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Commit>, AppendError>;

    /// Durable commits after a position, oldest first, verified; empty at the tail. Returns at least
    /// one commit where there is one, however large.
    async fn read(&self, after: Position, limit: ReadLimit) -> Result<Vec<Commit>, ReadError>;

    /// Puts what remains in the place of commits of which something must go: durable when this returns,
    /// and nothing of what stood there is left in the journal. Their positions and chain values stay, and
    /// what is read of them from now on is what remains. May be repeated, also with less.
    async fn erase(&self, erasures: Vec<Erasure>) -> Result<(), EraseError>;

    /// The durable commits at these positions, which ascend, up to so many bytes: at least the first,
    /// perhaps not all. Checked as runs are.
    async fn read_at(
        &self,
        positions: &[Position],
        bytes: usize,
    ) -> Result<Vec<Commit>, ReadError> {
        let one = ReadLimit { commits: 1, bytes: 0 };
        let (mut found, mut so_far) = (Vec::<Commit>::new(), 0);
        for position in positions {
            let before = Position::new(position.get().saturating_sub(1));
            found.extend(self.read(before, one).await?);
            so_far += found.last().map_or(0, |last| last.meta.len() + last.body.len());
            if so_far > bytes {
                break;
            }
        }
        Ok(found)
    }

    /// The first run after a position that is before `last`, up to and with `last`, of about so many
    /// bytes; `None` at the tail. An engine that has a shorter way than to make commits of what it stores
    /// checks what it sends by checksum, length and place (J5).
    async fn run(
        &self,
        after: Position,
        last: Position,
        bytes: usize,
        framing: Framing,
    ) -> Result<Option<Run>, ReadError> {
        let commits = usize::try_from(last.get() - after.get()).unwrap_or(usize::MAX);
        let commits = self.read(after, ReadLimit { commits, bytes }).await?;
        Ok(run_of(commits, framing))
    }

    /// Like [`Journal::run`], on this very thread; `None` where that would take waiting.
    fn run_at_hand(
        &self,
        after: Position,
        last: Position,
        bytes: usize,
        framing: Framing,
    ) -> Option<Result<Option<Run>, ReadError>> {
        let _ = (after, last, bytes, framing);
        None
    }

    /// Excerpts of the durable commits at these positions, which ascend, of about so many bytes: at least
    /// of the first, perhaps not of all. Checked as runs are.
    async fn excerpts(
        &self,
        wanted: &[Wanted],
        bytes: usize,
        excerpt: &Arc<Excerpt>,
    ) -> Result<Excerpts, ReadError> {
        let (mut frames, mut commits) = (Vec::new(), 0);
        for Wanted { position, known } in wanted {
            for commit in self.read_at(&[*position], 0).await? {
                excerpt(&commit.stored(), *known, &mut frames).map_err(ReadError::Undecoded)?;
            }
            commits += 1;
            if frames.len() >= bytes {
                break;
            }
        }
        Ok(Excerpts { frames: frames.into(), commits })
    }

    /// Like [`Journal::excerpts`], on this very thread; `None` where that would take waiting.
    fn excerpts_at_hand(
        &self,
        wanted: &[Wanted],
        bytes: usize,
        excerpt: &Excerpt,
    ) -> Option<Result<Excerpts, ReadError>> {
        let _ = (wanted, bytes, excerpt);
        None
    }
}

/// How much to read at once.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimit {
    /// Most commits.
    pub commits: usize,
    /// Most bytes of `meta` and `body`; the first commit comes whatever its size.
    pub bytes: usize,
}

/// Why an append was not made.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The journal has another tail (J3). Nothing was written.
    #[error("the journal ends at {tail}, not at {expected}")]
    Conflict {
        /// What the caller expected.
        expected: Position,
        /// Where it ends.
        tail: Position,
    },
    /// A draft is over the limit of one commit. Nothing was written.
    #[error("a commit of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes of the draft.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// No space. Nothing was written; later appends may succeed.
    #[error("no space left for the journal")]
    Full,
    /// Perhaps written: nobody can say until the journal is reopened.
    #[error("the outcome of the append is not known")]
    OutcomeUnknown(#[source] std::io::Error),
    /// Storage failed, or had failed before (J6).
    #[error("the journal's storage failed")]
    Storage(#[source] std::io::Error),
}

/// Why commits could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing so old is kept.
    #[error("nothing is kept up to {oldest}")]
    Expired {
        /// The position before the oldest commit kept.
        oldest: Position,
    },
    /// The position is ahead of the tail.
    #[error("the journal ends at {tail}")]
    Ahead {
        /// Where it ends.
        tail: Position,
    },
    /// What was read back is not what was written (J5).
    #[error("damaged journal: {what} in {file} at offset {offset}, position {position}")]
    Damaged {
        /// The file.
        file: String,
        /// Byte offset of the record.
        offset: u64,
        /// Position of the record, as far as known.
        position: Position,
        /// What is wrong with it.
        what: String,
    },
    /// A commit is what was written, and cannot be read by whom it is for.
    #[error("a commit cannot be decoded: {0}")]
    Undecoded(String),
    /// Reading failed.
    #[error("reading the journal failed")]
    Storage(#[source] std::io::Error),
}
