//! What a service supplies to the writer loop.

use std::error::Error;

use crate::{Chain, Commit, Draft, Erasure, Position};

/// A deterministic state machine over commits, with the view it keeps.
///
/// Calls come one at a time, each from whichever thread has the turn. `decide` may look at the view and at
/// what it has staged since the last `settle` or `discard`; nothing staged is visible to readers before
/// `settle`.
pub trait Machine: Send + 'static {
    /// What it is asked to do.
    type Command: Send + 'static;
    /// What it answers.
    type Answer: Send + 'static;
    /// Why it refuses.
    type Refusal: Send + 'static;

    /// Decides one command for the slot its commit would take, and stages the effect of a commit.
    /// A refusal and [`Decision::Answer`] leave nothing staged. That holds for a draft over the limit
    /// too: `decide` looks at [`Draft::fits`] and refuses with [`Refused::TooLarge`]. (A machine that
    /// returns such a draft all the same loses the whole batch: nothing of it is written.)
    fn decide(
        &mut self,
        slot: Slot,
        command: Self::Command,
    ) -> Result<Decision<Self::Answer>, Refused<Self::Refusal>>;

    /// What was staged is durable in the journal up to `last`: writes it to the view, with the
    /// position and the chain value, in one batch.
    fn settle(&mut self, last: Position, chain: Chain) -> Result<(), Fault>;

    /// What was staged was not written: forgets it.
    fn discard(&mut self);

    /// Position and chain value of the view; [`Position::ORIGIN`] when it is empty.
    fn applied(&self) -> Result<(Position, Chain), Fault>;

    /// Empties the view: it does not belong to this history and is about to be rebuilt.
    fn reset(&mut self) -> Result<(), Fault>;

    /// Stages the effect of a commit read back from the journal; `settle` follows now and then.
    fn replay(&mut self, commit: &Commit) -> Result<(), Fault>;

    /// Commits of which something is to be erased, in ascending order. Asked once after replay, for all
    /// that was ever to be erased, and then after each `settle`, for what that settled.
    fn to_erase(&mut self) -> Result<Vec<Position>, Fault> {
        Ok(Vec::new())
    }

    /// What is to remain of such a commit; `None` when nothing in it is left to erase.
    fn erased(&mut self, commit: &Commit) -> Result<Option<Erasure>, Fault> {
        let _ = commit;
        Ok(None)
    }

    /// Everything up to `last` is now visible to readers. Called after `settle`, before answers go out,
    /// and once when replay is done.
    fn released(&mut self, last: Position) {
        let _ = last;
    }
}

/// The place a commit would take.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Its position.
    pub position: Position,
    /// The time of the decision: microseconds since 1970-01-01 UTC.
    pub recorded_at_micros: i64,
}

/// What a command comes to.
#[derive(Debug)]
pub enum Decision<A> {
    /// A commit, and the answer once it is durable.
    Commit {
        /// What to append.
        draft: Draft,
        /// What to answer.
        answer: A,
    },
    /// Commits in a row, at least one, and the answer once they are durable. They are appended, settled
    /// and released together, so that there are all of them or none.
    Commits {
        /// What to append, the first for the slot decided for, the others for the slots after it.
        drafts: Vec<Draft>,
        /// What to answer.
        answer: A,
    },
    /// Nothing to write.
    Answer(A),
}

/// Why `decide` made no decision.
#[derive(Debug)]
pub enum Refused<R> {
    /// The rules are against it.
    Rules(R),
    /// Its draft does not [fit](Draft::fits) in a commit.
    TooLarge,
    /// The view failed: the writer stops.
    Fault(Fault),
}

/// The machine or its view failed; the process must stop.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// What failed.
    pub what: String,
    /// Why.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault without a cause below it.
    pub fn new(what: impl Into<String>) -> Fault {
        Fault { what: what.into(), source: None }
    }

    /// A fault with its cause.
    pub fn caused(what: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Fault {
        Fault { what: what.into(), source: Some(Box::new(source)) }
    }
}
