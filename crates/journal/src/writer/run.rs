//! One batch: deciding it, appending it, and what follows once it is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::batch::Batch;
use super::{Asked, WriterOptions, WriterState};
use crate::reader::{OpenJournal, Released};
use crate::ring::Ring;
use crate::{AppendError, Commit, Fault, Journal, Machine, Slot};

/// Everything that whoever appends owns.
pub(super) struct Run<M: Machine> {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) machine: M,
    pub(super) options: WriterOptions,
    pub(super) runtime: Handle,
    pub(super) state: watch::Sender<WriterState>,
    pub(super) released: watch::Sender<Released>,
    pub(super) ring: Arc<Ring>,
    pub(super) open: Arc<OpenJournal>,
    pub(super) stopping: Arc<AtomicBool>,
    /// Why nothing more is decided: what a caller met in his turn. The thread ends.
    pub(super) failed: Option<String>,
}

/// What a batch was.
#[derive(Clone, Copy)]
pub(super) struct Written {
    pub(super) commands: usize,
    /// How long it took; anything, should the clock jump.
    pub(super) micros: i64,
}

impl<M: Machine> Run<M> {
    pub(super) fn told_to_stop(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Not told to stop, and nothing failed.
    pub(super) fn goes_on(&self) -> bool {
        !self.told_to_stop() && self.failed.is_none()
    }

    /// Decides the first command and those that `another` has, as many as a batch takes, and writes what
    /// they come to.
    pub(super) fn batch(
        &mut self,
        first: Asked<M>,
        another: impl FnMut() -> Option<Asked<M>>,
    ) -> Result<Written, Fault> {
        let began = (self.options.now_micros)();
        let batch = self.decide(first, another)?;
        let commands = batch.commands();
        self.write(batch)?;
        let micros = (self.options.now_micros)().saturating_sub(began);
        Ok(Written { commands, micros })
    }

    fn decide(
        &mut self,
        first: Asked<M>,
        mut another: impl FnMut() -> Option<Asked<M>>,
    ) -> Result<Batch<M>, Fault> {
        let (tail, _) = self.journal.tail();
        let mut batch = Batch::new(tail);
        let mut next = Some(first);
        while let Some((command, answer)) = next.take() {
            let recorded_at_micros = (self.options.now_micros)();
            let slot = Slot { position: batch.next_position(), recorded_at_micros };
            let decided = self.machine.decide(slot, command);
            if let Err(fault) = batch.take(decided, answer) {
                self.machine.discard();
                batch.nothing_was_written();
                return Err(fault);
            }
            let full = batch.commands() >= self.options.batch_commands
                || batch.bytes() >= self.options.batch_bytes;
            if !full && !batch.is_spoilt() {
                next = another();
            }
        }
        Ok(batch)
    }

    fn write(&mut self, mut batch: Batch<M>) -> Result<(), Fault> {
        if batch.is_spoilt() {
            tracing::error!("the machine made a draft over the limit; its batch is not written");
            self.machine.discard();
            batch.nothing_was_written();
            return Ok(());
        }
        let drafts = batch.take_drafts();
        if drafts.is_empty() {
            return Ok(());
        }
        match self.runtime.block_on(self.journal.append(batch.tail(), drafts)) {
            Ok(commits) => {
                self.release(&commits)?;
                batch.became_durable();
                self.tell_readers();
                Ok(())
            }
            Err(AppendError::Full) => {
                tracing::warn!("no space left for the journal; the batch is not written");
                self.machine.discard();
                batch.found_no_space();
                Ok(())
            }
            Err(error @ (AppendError::Conflict { .. } | AppendError::TooLarge { .. })) => {
                batch.nothing_was_written();
                Err(Fault::caused("the journal refused a batch", error))
            }
            // Dropping the batch tells its callers that the outcome is not known.
            Err(error @ (AppendError::OutcomeUnknown(_) | AppendError::Storage(_))) => {
                Err(Fault::caused("appending to the journal failed", error))
            }
        }
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
