//! The writer's thread from replay to its end.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::batch::Batch;
use super::{Asked, Message, SubmitError, WriterOptions, WriterState};
use crate::reader::{OpenJournal, Released};
use crate::ring::Ring;
use crate::{AppendError, Commit, Fault, Journal, Machine, Slot};

/// Everything the thread owns.
pub(super) struct Run<M: Machine> {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) machine: M,
    pub(super) options: WriterOptions,
    pub(super) runtime: Handle,
    pub(super) commands: mpsc::Receiver<Message<M>>,
    /// Came together, and are next.
    pub(super) at_hand: VecDeque<Asked<M>>,
    pub(super) state: watch::Sender<WriterState>,
    pub(super) released: watch::Sender<Released>,
    pub(super) ring: Arc<Ring>,
    pub(super) open: Arc<OpenJournal>,
    pub(super) stopping: Arc<AtomicBool>,
}

impl<M: Machine> Run<M> {
    /// Runs until told to stop or until something fails; a panic is a failure like any other.
    pub(super) fn until_the_end(mut self) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.replay().and_then(|()| self.serve())));
        let failure = match ended {
            Ok(Ok(())) => None,
            Ok(Err(fault)) => Some(described(&fault)),
            Err(panic) => Some(format!("the writer panicked: {}", panic_message(&*panic))),
        };
        let Run { journal, machine, mut commands, at_hand, state, released, open, .. } = self;
        if let Some(why) = &failure {
            tracing::error!(%why, "the writer failed");
            state.send_replace(WriterState::Failed(why.as_str().into()));
        }
        commands.close();
        not_decided::<M>(at_hand);
        while let Some(message) = commands.blocking_recv() {
            match message {
                Message::Command(asked) => not_decided::<M>([asked]),
                Message::Commands(asked) => not_decided::<M>(asked),
                Message::Stop => {}
            }
        }
        drop(released);
        drop(machine);
        drop(journal);
        open.close();
        if failure.is_none() {
            state.send_replace(WriterState::Stopped);
        }
    }

    pub(super) fn told_to_stop(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn serve(&mut self) -> Result<(), Fault> {
        if self.told_to_stop() {
            return Ok(());
        }
        self.state.send_replace(WriterState::Serving);
        while let Some(asked) = self.next() {
            if self.told_to_stop() {
                not_decided::<M>([asked]);
                return Ok(());
            }
            let (batch, stop) = self.decide_batch(asked)?;
            self.write(batch)?;
            if stop {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits for the next command; none when it is time to stop.
    fn next(&mut self) -> Option<Asked<M>> {
        loop {
            if let Some(asked) = self.at_hand.pop_front() {
                return Some(asked);
            }
            match self.commands.blocking_recv()? {
                Message::Command(asked) => return Some(asked),
                Message::Commands(asked) => self.at_hand.extend(asked),
                Message::Stop => return None,
            }
        }
    }

    /// Decides the first command and those that wait behind it, as many as a batch takes. Says too
    /// whether it is time to stop.
    fn decide_batch(&mut self, first: Asked<M>) -> Result<(Batch<M>, bool), Fault> {
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
            if batch.is_spoilt() {
                break;
            }
            if batch.commands() >= self.options.batch_commands
                || batch.bytes() >= self.options.batch_bytes
            {
                break;
            }
            if self.at_hand.is_empty() {
                match self.commands.try_recv() {
                    Ok(Message::Command(asked)) => next = Some(asked),
                    Ok(Message::Commands(asked)) => self.at_hand.extend(asked),
                    Ok(Message::Stop) => return Ok((batch, true)),
                    Err(_) => {}
                }
            }
            next = next.or_else(|| self.at_hand.pop_front());
        }
        Ok((batch, false))
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

/// They are told that nothing became of them.
fn not_decided<M: Machine>(asked: impl IntoIterator<Item = Asked<M>>) {
    for (_, answer) in asked {
        let _ = answer.send(Err(SubmitError::NotServing));
    }
}

fn described(fault: &Fault) -> String {
    let mut text = fault.to_string();
    let mut cause = std::error::Error::source(fault);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
