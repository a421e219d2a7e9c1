//! Batches on their way to the journal, one at a time, and what follows when one has ended.

use tokio::task::{JoinError, JoinHandle};

use super::batch::Batch;
use super::run::Run;
use crate::reader::Released;
use crate::{AppendError, Commit, Draft, Fault, Machine, Position};

/// A batch of fewer commits is appended by the writer itself.
const HANDED_OVER: usize = 4;

/// What became of an append.
pub(super) type Appended = Result<Vec<Commit>, AppendError>;

/// A batch that is being appended on another thread.
pub(super) struct UnderWay<M: Machine> {
    pub(super) batch: Batch<M>,
    pub(super) appended: JoinHandle<Appended>,
}

/// What an append on another thread came to; nobody knows when that thread panicked.
pub(super) fn joined(appended: Result<Appended, JoinError>) -> Appended {
    appended.unwrap_or_else(|lost| Err(AppendError::OutcomeUnknown(std::io::Error::other(lost))))
}

impl<M: Machine> Run<M> {
    /// Appends the open batch when nothing is under way, and opens another.
    pub(super) fn append_open_batch(&mut self) -> Result<(), Fault> {
        if self.under_way.is_some() {
            return Ok(());
        }
        if self.open_batch.is_spoilt() {
            tracing::error!("the machine made a draft over the limit; its batch is not written");
            self.machine.discard();
            self.take_open_batch(self.open_batch.tail()).nothing_was_written();
        }
        match self.open_batch.drafts() {
            0 => {
                // Decided on what is durable by now.
                self.take_open_batch(self.open_batch.tail()).became_durable();
                Ok(())
            }
            few @ 1..HANDED_OVER => {
                let (batch, drafts) = self.seal();
                debug_assert_eq!(drafts.len(), few);
                let appended = self.runtime.block_on(self.journal.append(batch.tail(), drafts));
                self.appended(batch, appended)
            }
            _ => {
                self.hand_over();
                Ok(())
            }
        }
    }

    /// Appends the open batch on another thread.
    fn hand_over(&mut self) {
        let (batch, drafts) = self.seal();
        let (journal, runtime, tail) = (self.journal.clone(), self.runtime.clone(), batch.tail());
        let append = move || runtime.block_on(journal.append(tail, drafts));
        let appended = self.runtime.spawn_blocking(append);
        self.under_way = Some(UnderWay { batch, appended });
    }

    /// Closes the open batch, and opens the one after it.
    fn seal(&mut self) -> (Batch<M>, Vec<Draft>) {
        self.machine.seal();
        let mut batch = self.take_open_batch(self.open_batch.next_tail());
        let drafts = batch.take_drafts();
        (batch, drafts)
    }

    fn take_open_batch(&mut self, next_tail: Position) -> Batch<M> {
        std::mem::replace(&mut self.open_batch, Batch::new(next_tail))
    }

    /// A batch was appended, or was not: then what was decided on it since is not written either.
    pub(super) fn appended(&mut self, batch: Batch<M>, appended: Appended) -> Result<(), Fault> {
        let tail = batch.tail();
        match appended {
            Ok(commits) => self.became_durable(batch, &commits),
            Err(AppendError::Full) => {
                tracing::warn!("no space left for the journal; the batch is not written");
                self.machine.discard();
                batch.found_no_space();
                self.take_open_batch(tail).found_no_space();
                Ok(())
            }
            Err(error @ (AppendError::Conflict { .. } | AppendError::TooLarge { .. })) => {
                batch.nothing_was_written();
                self.take_open_batch(tail).nothing_was_written();
                Err(Fault::caused("the journal refused a batch", error))
            }
            // Dropping the batch tells its callers that the outcome is not known.
            Err(error @ (AppendError::OutcomeUnknown(_) | AppendError::Storage(_))) => {
                self.take_open_batch(tail).nothing_was_written();
                Err(Fault::caused("appending to the journal failed", error))
            }
        }
    }

    fn became_durable(&mut self, batch: Batch<M>, commits: &[Commit]) -> Result<(), Fault> {
        // The disk has work again before anything else is done.
        if self.open_batch.drafts() >= HANDED_OVER && !self.open_batch.is_spoilt() {
            self.hand_over();
        }
        self.release(commits)?;
        batch.became_durable();
        self.tell_readers();
        Ok(())
    }

    /// The commits are durable: into the view, into the ring, and there to be read.
    fn release(&mut self, commits: &[Commit]) -> Result<(), Fault> {
        let last = commits.last().ok_or_else(|| Fault::new("the journal lost a batch"))?;
        self.machine.settle(last.position, last.chain)?;
        // These commits may be among those of which something was erased.
        if !self.erase()? {
            self.ring.push(commits);
        }
        self.machine.released(last.position);
        let oldest = self.journal.oldest();
        let now = Released { position: last.position, chain: last.chain, oldest };
        // Whoever waits for it is woken by `tell_readers`.
        self.released.send_if_modified(|released| {
            *released = now;
            false
        });
        Ok(())
    }

    /// Wakes those who wait for what was released: after those who asked for it, whose answers are made
    /// already.
    fn tell_readers(&self) {
        self.released.send_modify(|_| {});
    }
}
