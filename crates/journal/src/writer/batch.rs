//! The commands of one batch and what each of them is told in the end.

use super::{Asker, Outcome, SubmitError, too_large};
use crate::{Decision, Draft, Fault, Machine, Position, Refused};

/// Drafts to be appended together, and the askers who wait for that.
pub(super) struct Batch<M: Machine> {
    tail: Position,
    drafts: Vec<Draft>,
    commands: usize,
    bytes: usize,
    /// Those who are told this once the drafts are durable.
    waiting: Vec<(Asker<M>, Outcome<M>)>,
    spoilt: bool,
}

impl<M: Machine> Batch<M> {
    /// An empty one after a tail.
    pub(super) fn new(tail: Position) -> Batch<M> {
        Batch {
            tail,
            drafts: Vec::new(),
            commands: 0,
            bytes: 0,
            waiting: Vec::new(),
            spoilt: false,
        }
    }

    /// The tail it is to be appended to.
    pub(super) fn tail(&self) -> Position {
        self.tail
    }

    /// Where the next commit would stand.
    pub(super) fn next_position(&self) -> Position {
        self.tail.plus(self.drafts.len() as u64 + 1)
    }

    /// Commands decided.
    pub(super) fn commands(&self) -> usize {
        self.commands
    }

    /// Bytes of the drafts.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the machine staged a commit that cannot be written.
    pub(super) fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// Takes what the machine decided; a fault is passed on after its asker was told.
    pub(super) fn take(
        &mut self,
        decided: Result<Decision<M::Answer>, Refused<M::Refusal>>,
        asker: Asker<M>,
    ) -> Result<(), Fault> {
        self.commands += 1;
        let outcome = match decided {
            Ok(Decision::Commit { draft, .. }) if !draft.fits() => {
                self.spoilt = true;
                let _ = asker.send(Err(too_large()));
                return Ok(());
            }
            Ok(Decision::Commit { draft, answer }) => {
                self.bytes += draft.size();
                self.drafts.push(draft);
                Ok(answer)
            }
            Ok(Decision::Commits { drafts, .. }) if !drafts.iter().all(Draft::fits) => {
                self.spoilt = true;
                let _ = asker.send(Err(too_large()));
                return Ok(());
            }
            Ok(Decision::Commits { drafts, answer }) => {
                self.bytes += drafts.iter().map(Draft::size).sum::<usize>();
                self.drafts.extend(drafts);
                Ok(answer)
            }
            Ok(Decision::Answer(answer)) => Ok(answer),
            Err(Refused::Rules(refusal)) => Err(SubmitError::Refused(refusal)),
            Err(Refused::TooLarge) => Err(too_large()),
            Err(Refused::Fault(fault)) => {
                let _ = asker.send(Err(SubmitError::NotServing));
                return Err(fault);
            }
        };
        // Decided on durable state alone: nothing to wait for.
        if self.drafts.is_empty() {
            let _ = asker.send(outcome);
            return Ok(());
        }
        self.waiting.push((asker, outcome));
        Ok(())
    }

    /// The drafts, to be appended.
    pub(super) fn take_drafts(&mut self) -> Vec<Draft> {
        std::mem::take(&mut self.drafts)
    }

    /// Tells everybody what was decided.
    pub(super) fn became_durable(self) {
        for (asker, outcome) in self.waiting {
            let _ = asker.send(outcome);
        }
    }

    /// Nothing was written for want of space.
    pub(super) fn found_no_space(self) {
        for (asker, _) in self.waiting {
            let _ = asker.send(Err(SubmitError::Full));
        }
    }

    /// Nothing was written, and it was not the asker's fault.
    pub(super) fn nothing_was_written(self) {
        for (asker, _) in self.waiting {
            let _ = asker.send(Err(SubmitError::NotServing));
        }
    }
}
