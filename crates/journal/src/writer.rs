//! The one loop: drain, decide, append, settle, release, answer.
//!
//! One at a time owns the machine and appends: an OS thread, or a caller that comes alone, who needs not
//! wait for that thread to wake up ([`turn`]). A caller hands in a command and waits; one that goes away
//! loses the answer and nothing else. Whatever was decided on state that is not yet durable (an answer or
//! a refusal after a commit of the same batch) is told only once that state is durable, and shares its
//! fate when it never becomes so.

mod batch;
mod erase;
mod inbox;
mod replay;
mod run;
#[cfg(test)]
mod tests;
mod turn;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Permit;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::limits::{BATCH_BYTES, BATCH_COMMANDS, COMMIT_BYTES, QUEUE, RING_BYTES};
use crate::reader::{OpenJournal, Released};
use crate::ring::Ring;
use crate::{Fault, Framing, Journal, Machine, Position, Reader, as_stored};
use inbox::Inbox;
use run::Run;
use turn::Turn;

/// Tells the time: microseconds since 1970-01-01 UTC. It may jump, back too.
pub type NowMicros = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How a writer works.
#[derive(Clone)]
pub struct WriterOptions {
    /// Commands that may wait.
    pub queue: usize,
    /// Most commands decided in one batch.
    pub batch_commands: usize,
    /// Bytes of drafts after which a batch takes no further command.
    pub batch_bytes: usize,
    /// The clock. It dates commits; their order is that of positions.
    pub now_micros: NowMicros,
    /// How commits go out on streams.
    pub framing: Framing,
}

impl WriterOptions {
    /// The usual limits, with a clock.
    pub fn new(now_micros: impl Fn() -> i64 + Send + Sync + 'static) -> WriterOptions {
        WriterOptions {
            queue: QUEUE,
            batch_commands: BATCH_COMMANDS,
            batch_bytes: BATCH_BYTES,
            now_micros: Arc::new(now_micros),
            framing: as_stored,
        }
    }
}

/// What a writer is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterState {
    /// Bringing the view up to the journal's tail. Commands wait.
    Replaying {
        /// How far it is.
        applied: Position,
        /// Where it ends.
        tail: Position,
    },
    /// Taking commands.
    Serving,
    /// Something failed; the process must stop.
    Failed(Arc<str>),
    /// Told to stop; journal and machine are closed.
    Stopped,
}

/// Why there is no answer to a command.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError<R> {
    /// The rules are against it.
    #[error("refused")]
    Refused(R),
    /// Too many commands are waiting. Not applied.
    #[error("too many commands are waiting")]
    QueueFull,
    /// Its commit would be too large. Not applied.
    #[error("the commit would have more than {limit} bytes")]
    TooLarge {
        /// Most bytes of a commit.
        limit: usize,
    },
    /// The disk is full. Not applied; later commands may succeed.
    #[error("no space left for the journal")]
    Full,
    /// The writer is not taking commands. Certainly not applied.
    #[error("the writer is not serving")]
    NotServing,
    /// Perhaps applied.
    #[error("the outcome is not known")]
    OutcomeUnknown,
}

type Outcome<M> = Result<<M as Machine>::Answer, SubmitError<<M as Machine>::Refusal>>;

/// Where the outcome of a command goes.
type Asker<M> = oneshot::Sender<Outcome<M>>;

/// A command, and who asked.
type Asked<M> = (<M as Machine>::Command, Asker<M>);

enum Message<M: Machine> {
    Command(Asked<M>),
    Commands(Vec<Asked<M>>),
    Stop,
}

/// A started writer.
pub struct Started<M: Machine> {
    /// Takes commands.
    pub writer: Writer<M>,
    /// Reads what was released.
    pub reader: Reader,
    /// What the writer is doing.
    pub state: watch::Receiver<WriterState>,
}

/// Takes commands. Cheap to clone; when the last clone is gone the writer's thread finishes what is
/// waiting and stops.
pub struct Writer<M: Machine> {
    turn: Arc<Turn<M>>,
    queue: mpsc::Sender<Message<M>>,
    stopping: Arc<AtomicBool>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    state: watch::Receiver<WriterState>,
}

/// A command in the queue, whose answer is to come.
pub struct Pending<M: Machine>(oneshot::Receiver<Outcome<M>>);

impl<M: Machine> Pending<M> {
    /// Waits for the answer.
    pub async fn answer(self) -> Result<M::Answer, SubmitError<M::Refusal>> {
        // Commands never decided are told NotServing; only a panic leaves one without a word.
        self.0.await.unwrap_or(Err(SubmitError::OutcomeUnknown))
    }
}

/// A view is settled after the journal is durable, so that it can never be ahead by itself: what it has
/// seen more was acknowledged, and is not in this journal.
fn refuse_a_view_ahead<M: Machine>(machine: &M, tail: Position) -> Result<(), Fault> {
    let (applied, _) = machine.applied()?;
    if applied <= tail {
        return Ok(());
    }
    Err(Fault::new(format!(
        "the view has seen commits up to position {applied}, and the journal ends at {tail}: an older \
         journal was put in its place, or the disk has lost what was acknowledged. Restore a backup with \
         `hansa restore`; or, if the older journal is meant, delete the directory `view` beside it"
    )))
}

impl<M: Machine> Writer<M> {
    /// Starts the thread, which first replays what the view has not seen. Needs a tokio runtime.
    pub fn start(
        journal: Arc<dyn Journal>,
        machine: M,
        options: WriterOptions,
    ) -> Result<Started<M>, Fault> {
        let runtime = Handle::try_current()
            .map_err(|error| Fault::caused("the writer needs a tokio runtime", error))?;
        let lineage = journal.lineage();
        let (tail, _) = journal.tail();
        refuse_a_view_ahead(&machine, tail)?;
        let (queue, commands) = mpsc::channel(options.queue);
        let (state_sender, state) =
            watch::channel(WriterState::Replaying { applied: Position::ORIGIN, tail });
        let (released_sender, released) = watch::channel(Released {
            position: Position::ORIGIN,
            chain: lineage.origin(),
            oldest: journal.oldest(),
        });
        let ring = Arc::new(Ring::new(RING_BYTES, options.framing));
        let open = Arc::new(OpenJournal::new(journal.clone()));
        let reader = Reader::new(lineage, released, ring.clone(), open.clone(), options.framing);
        let stopping = Arc::new(AtomicBool::new(false));
        let run = Run {
            journal,
            machine,
            options,
            runtime,
            state: state_sender,
            released: released_sender,
            ring,
            open,
            stopping: stopping.clone(),
            failed: None,
        };
        let turn = Arc::new(Turn::new(run));
        let inbox = Inbox::new(commands, turn.clone());
        let thread = thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || inbox.until_the_end())
            .map_err(|error| Fault::caused("cannot start the writer's thread", error))?;
        let thread = Arc::new(Mutex::new(Some(thread)));
        let writer = Writer { turn, queue, stopping, thread, state: state.clone() };
        Ok(Started { writer, reader, state })
    }

    /// Hands in a command and waits for its answer; a full queue is an error at once.
    pub async fn submit(&self, command: M::Command) -> Result<M::Answer, SubmitError<M::Refusal>> {
        self.serving()?;
        let (asked, pending) = asked::<M>(command);
        if let Err(asked) = self.turn.take(asked, &self.queue) {
            let place = self.queue.try_reserve().map_err(|error| match error {
                TrySendError::Full(()) => SubmitError::QueueFull,
                TrySendError::Closed(()) => SubmitError::NotServing,
            })?;
            self.hand_in(place, Message::Command(asked), 1);
        }
        pending.answer().await
    }

    /// Hands in a command, waiting for a place in the queue, and waits for its answer.
    pub async fn submit_waiting(
        &self,
        command: M::Command,
    ) -> Result<M::Answer, SubmitError<M::Refusal>> {
        self.enqueue(command).await?.answer().await
    }

    /// Hands in a command, waiting for a place in the queue. Commands of one caller are decided in the
    /// order in which `enqueue` returned.
    pub async fn enqueue(
        &self,
        command: M::Command,
    ) -> Result<Pending<M>, SubmitError<M::Refusal>> {
        self.serving()?;
        let place = self.place().await?;
        let (asked, pending) = asked::<M>(command);
        self.hand_in(place, Message::Command(asked), 1);
        Ok(pending)
    }

    /// Like [`Writer::enqueue`] of each, in order; they take one place in the queue, and no batch begins
    /// with the first of them only because the others are still on their way.
    pub async fn enqueue_all(
        &self,
        commands: impl IntoIterator<Item = M::Command>,
    ) -> Result<Vec<Pending<M>>, SubmitError<M::Refusal>> {
        self.serving()?;
        let place = self.place().await?;
        let (asked, pending): (Vec<_>, Vec<_>) = commands.into_iter().map(asked::<M>).unzip();
        let commands = asked.len();
        self.hand_in(place, Message::Commands(asked), commands);
        Ok(pending)
    }

    async fn place(&self) -> Result<Permit<'_, Message<M>>, SubmitError<M::Refusal>> {
        self.queue.reserve().await.map_err(|_| SubmitError::NotServing)
    }

    fn hand_in(&self, place: Permit<'_, Message<M>>, message: Message<M>, commands: usize) {
        self.turn.awaited_by(commands);
        place.send(message);
    }

    /// Stops the thread after the batch it is in; commands still waiting are told `NotServing`. When
    /// this returns, journal and machine are closed.
    pub async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the thread; should it be gone, there is nobody to wake.
        let _ = self.queue.send(Message::Stop).await;
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the writer's thread did not end in order");
            }
        }
        // Another caller may be the one who joins.
        let mut state = self.state.clone();
        let ended =
            |state: &WriterState| matches!(state, WriterState::Stopped | WriterState::Failed(_));
        let _ = state.wait_for(ended).await;
    }

    fn serving(&self) -> Result<(), SubmitError<M::Refusal>> {
        match self.stopping.load(Ordering::Acquire) {
            true => Err(SubmitError::NotServing),
            false => Ok(()),
        }
    }
}

impl<M: Machine> Clone for Writer<M> {
    fn clone(&self) -> Writer<M> {
        Writer {
            turn: self.turn.clone(),
            queue: self.queue.clone(),
            stopping: self.stopping.clone(),
            thread: self.thread.clone(),
            state: self.state.clone(),
        }
    }
}

impl<M: Machine> fmt::Debug for Writer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

/// A command as it goes into the queue, and where its answer comes from.
fn asked<M: Machine>(command: M::Command) -> (Asked<M>, Pending<M>) {
    let (sender, answer) = oneshot::channel();
    ((command, sender), Pending(answer))
}

fn too_large<R>() -> SubmitError<R> {
    SubmitError::TooLarge { limit: COMMIT_BYTES }
}
