//! The writer's thread from replay to its end: it takes commands out of the queue, and its turn to decide
//! them.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::run::Run;
use super::turn::Turn;
use super::{Asked, Message, SubmitError, WriterState};
use crate::{Fault, Machine};

/// Everything the thread owns.
pub(super) struct Inbox<M: Machine> {
    commands: mpsc::Receiver<Message<M>>,
    /// Came together, and are next.
    at_hand: VecDeque<Asked<M>>,
    /// It is time to stop.
    stop: bool,
    turn: Arc<Turn<M>>,
}

impl<M: Machine> Inbox<M> {
    pub(super) fn new(commands: mpsc::Receiver<Message<M>>, turn: Arc<Turn<M>>) -> Inbox<M> {
        Inbox { commands, at_hand: VecDeque::new(), stop: false, turn }
    }

    /// Runs until told to stop or until something fails; a panic is a failure like any other.
    pub(super) fn until_the_end(mut self) {
        let failure = caught(|| self.replay().and_then(|()| self.serve())).err();
        let Some(Run { journal, machine, state, released, open, failed, .. }) = self.turn.end()
        else {
            return;
        };
        let failure = failure.or(failed);
        if let Some(why) = &failure {
            tracing::error!(%why, "the writer failed");
            state.send_replace(WriterState::Failed(why.as_str().into()));
        }
        let Inbox { mut commands, at_hand, .. } = self;
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

    fn replay(&self) -> Result<(), Fault> {
        let mut run = self.turn.wait();
        let Some(run) = run.as_mut() else { return Ok(()) };
        run.replay()?;
        if !run.told_to_stop() {
            run.state.send_replace(WriterState::Serving);
        }
        Ok(())
    }

    fn serve(&mut self) -> Result<(), Fault> {
        while let Some(first) = self.next() {
            let turn = self.turn.clone();
            let mut run = turn.wait();
            let Some(run) = run.as_mut().filter(|run| run.goes_on()) else {
                not_decided::<M>([first]);
                return Ok(());
            };
            let written = run.batch(first, || self.another())?;
            turn.wrote(written);
        }
        Ok(())
    }

    /// Waits for the next command; none when it is time to stop.
    fn next(&mut self) -> Option<Asked<M>> {
        loop {
            if self.stop {
                return None;
            }
            if let Some(asked) = self.at_hand.pop_front() {
                return Some(asked);
            }
            let message = self.commands.blocking_recv()?;
            self.open(message);
        }
    }

    /// The next command, if one is there.
    fn another(&mut self) -> Option<Asked<M>> {
        if self.at_hand.is_empty()
            && let Ok(message) = self.commands.try_recv()
        {
            self.open(message);
        }
        self.at_hand.pop_front()
    }

    fn open(&mut self, message: Message<M>) {
        match message {
            Message::Command(asked) => self.at_hand.push_back(asked),
            Message::Commands(asked) => self.at_hand.extend(asked),
            Message::Stop => self.stop = true,
        }
    }
}

/// They are told that nothing became of them.
fn not_decided<M: Machine>(asked: impl IntoIterator<Item = Asked<M>>) {
    for (_, answer) in asked {
        let _ = answer.send(Err(SubmitError::NotServing));
    }
}

/// What it does; in words, why it could not, be it a panic.
pub(super) fn caught<T>(f: impl FnOnce() -> Result<T, Fault>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(done) => done.map_err(|fault| described(&fault)),
        Err(panic) => Err(format!("the writer panicked: {}", panic_message(&*panic))),
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
