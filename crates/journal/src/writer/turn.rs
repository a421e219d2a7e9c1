//! Whose turn it is to append: the writer's thread, or a caller that comes alone.
//!
//! To wake a thread of an idle machine, and to be woken by it, takes longer than to decide. So a caller
//! whose command is the only one, as the last one was, decides and appends it where he is, while the
//! runtime gives the work of his thread to another; only the other calls of his connection wait with him.
//! Where many call, or the disk is slow, they wait for the writer's thread, which takes them together.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;

use super::inbox::caught;
use super::run::{Run, Written};
use super::{Asked, Message};
use crate::Machine;
use crate::limits::ALONE_MICROS;

/// See the top of this file.
pub(super) struct Turn<M: Machine> {
    /// Whoever holds it has the turn; none after the end.
    run: Mutex<Option<Run<M>>>,
    /// Commands handed in whose batch is not written, or failed. Nobody goes before them.
    awaited_by: AtomicUsize,
    /// The last batch was one command, and did not take long.
    alone: AtomicBool,
}

impl<M: Machine> Turn<M> {
    pub(super) fn new(run: Run<M>) -> Turn<M> {
        Turn { run: Mutex::new(Some(run)), awaited_by: AtomicUsize::new(0), alone: false.into() }
    }

    /// So many commands more are about to be in the queue.
    pub(super) fn awaited_by(&self, commands: usize) {
        self.awaited_by.fetch_add(commands, Ordering::AcqRel);
    }

    /// The thread's turn, once it comes.
    pub(super) fn wait(&self) -> MutexGuard<'_, Option<Run<M>>> {
        self.run.lock()
    }

    /// In its turn the thread wrote a batch.
    pub(super) fn wrote(&self, batch: Written) {
        self.note(batch);
        self.awaited_by.fetch_sub(batch.commands, Ordering::AcqRel);
    }

    fn note(&self, batch: Written) {
        let quick = (0..=ALONE_MICROS).contains(&batch.micros);
        self.alone.store(quick && batch.commands == 1, Ordering::Relaxed);
    }

    /// There are no more turns.
    pub(super) fn end(&self) -> Option<Run<M>> {
        self.run.lock().take()
    }

    /// Whether nobody has it, or waits for it.
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.awaited_by.load(Ordering::Acquire) == 0 && !self.run.is_locked()
    }

    /// Decides a command and writes what it comes to, unless it is to go into the queue. What fails ends
    /// the thread, which is woken for it.
    pub(super) fn take(
        &self,
        asked: Asked<M>,
        queue: &mpsc::Sender<Message<M>>,
    ) -> Result<(), Asked<M>> {
        if !self.alone.load(Ordering::Relaxed) || !may_block() {
            return Err(asked);
        }
        let Some(mut turn) = self.run.try_lock() else { return Err(asked) };
        let free = turn.as_mut().filter(|run| run.goes_on());
        let Some(run) = free.filter(|_| self.awaited_by.load(Ordering::Acquire) == 0) else {
            return Err(asked);
        };
        let written = tokio::task::block_in_place(|| caught(|| run.batch(asked, || None)));
        match written {
            Ok(written) => self.note(written),
            Err(why) => {
                run.failed = Some(why);
                // Where there is no place, there is something to wake up for.
                let _ = queue.try_send(Message::Stop);
            }
        }
        Ok(())
    }
}

/// Whether there is another thread for what a task that blocks leaves undone.
fn may_block() -> bool {
    Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}
