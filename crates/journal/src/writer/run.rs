//! The writer's thread from replay to its end.
//!
//! ```text
//!  decide 1 │ decide 2 ………… │ settle 1, answer 1 │ decide 3 …… │ settle 2, answer 2
//!           │ append 1 …………………│ append 2 …………………………………………………………│ append 3
//! ```
//!
//! While a batch is appended the next one is decided, on what that one stages: they share their fate
//! (`append.rs`). A batch of few commands is appended on the writer's own thread: there are so few callers
//! that handing it over takes longer than what could be decided meanwhile.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::append::{Appended, UnderWay, joined};
use super::batch::Batch;
use super::{Asker, Message, SubmitError, WriterOptions, WriterState};
use crate::reader::{OpenJournal, Released};
use crate::ring::Ring;
use crate::{Fault, Journal, Machine, Slot};

/// Everything the thread owns.
pub(super) struct Run<M: Machine> {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) machine: M,
    pub(super) options: WriterOptions,
    pub(super) runtime: Handle,
    pub(super) commands: mpsc::Receiver<Message<M>>,
    pub(super) state: watch::Sender<WriterState>,
    pub(super) released: watch::Sender<Released>,
    pub(super) ring: Arc<Ring>,
    pub(super) open: Arc<OpenJournal>,
    pub(super) stopping: Arc<AtomicBool>,
    /// What commands are decided into.
    pub(super) open_batch: Batch<M>,
    /// What is being appended: the batch before the open one.
    pub(super) under_way: Option<UnderWay<M>>,
}

impl<M: Machine> Run<M> {
    /// Runs until told to stop or until something fails; a panic is a failure like any other.
    pub(super) fn until_the_end(mut self) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.replay().and_then(|()| self.serve())));
        // What is under way ends before the journal is closed; who waits for it is told nothing.
        if let Some(UnderWay { appended, .. }) = self.under_way.take() {
            let _ = self.runtime.block_on(appended);
        }
        let failure = match ended {
            Ok(Ok(())) => None,
            Ok(Err(fault)) => Some(described(&fault)),
            Err(panic) => Some(format!("the writer panicked: {}", panic_message(&*panic))),
        };
        let Run { journal, machine, mut commands, state, released, open, open_batch, .. } = self;
        drop(open_batch);
        if let Some(why) = &failure {
            tracing::error!(%why, "the writer failed");
            state.send_replace(WriterState::Failed(why.as_str().into()));
        }
        commands.close();
        while let Some(message) = commands.blocking_recv() {
            if let Message::Command(_, answer) = message {
                let _ = answer.send(Err(SubmitError::NotServing));
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
        self.open_batch = Batch::new(self.journal.tail().0);
        self.state.send_replace(WriterState::Serving);
        let mut takes_commands = true;
        loop {
            match self.wait(takes_commands) {
                Turn::Asked(Message::Command(_, asker)) if self.told_to_stop() => {
                    let _ = asker.send(Err(SubmitError::NotServing));
                    takes_commands = false;
                }
                Turn::Asked(Message::Command(command, asker)) => {
                    takes_commands = self.decide_waiting(command, asker)?;
                }
                Turn::Asked(Message::Stop) => takes_commands = false,
                Turn::Appended(batch, appended) => self.appended(batch, appended)?,
                Turn::Ended => return Ok(()),
            }
            self.append_open_batch()?;
        }
    }

    /// Waits for a command that the open batch has room for, or for the end of the append under way. When
    /// nothing is under way, the open batch is empty.
    fn wait(&mut self, takes_commands: bool) -> Turn<M> {
        let takes = takes_commands && self.open_batch.has_room(&self.options);
        let commands = &mut self.commands;
        let Some(under_way) = &mut self.under_way else {
            let asked = if takes { commands.blocking_recv() } else { None };
            return asked.map_or(Turn::Ended, Turn::Asked);
        };
        let asked = self.runtime.block_on(async {
            tokio::select! {
                biased;
                appended = &mut under_way.appended => Err(appended),
                Some(asked) = commands.recv(), if takes => Ok(asked),
            }
        });
        match asked {
            Ok(asked) => Turn::Asked(asked),
            Err(appended) => {
                let UnderWay { batch, .. } = self.under_way.take().expect("it has just ended");
                Turn::Appended(batch, joined(appended))
            }
        }
    }

    /// Decides a command and those that wait behind it, as many as the open batch takes. Says whether more
    /// are taken after them.
    fn decide_waiting(&mut self, command: M::Command, asker: Asker<M>) -> Result<bool, Fault> {
        let mut next = Some((command, asker));
        while let Some((command, asker)) = next.take() {
            self.decide(command, asker)?;
            if !self.open_batch.has_room(&self.options) {
                break;
            }
            match self.commands.try_recv() {
                Ok(Message::Command(command, asker)) => next = Some((command, asker)),
                Ok(Message::Stop) => return Ok(false),
                Err(_) => {}
            }
        }
        Ok(true)
    }

    fn decide(&mut self, command: M::Command, asker: Asker<M>) -> Result<(), Fault> {
        let recorded_at_micros = (self.options.now_micros)();
        let position = self.open_batch.next_tail().next();
        let decided = self.machine.decide(Slot { position, recorded_at_micros }, command);
        let settled = self.under_way.is_none();
        self.open_batch.take(decided, asker, settled).inspect_err(|_| {
            let tail = self.open_batch.tail();
            std::mem::replace(&mut self.open_batch, Batch::new(tail)).nothing_was_written();
        })
    }
}

/// What there is to do next.
enum Turn<M: Machine> {
    Asked(Message<M>),
    Appended(Batch<M>, Appended),
    /// Nothing is asked any more, and nothing is under way.
    Ended,
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
