//! Rows of imports: what became of each, or would become of it.

use hansa_journal::{Decision, Position, Refused, Slot};
use hansa_proto::limits;
use prost::Message;

use super::{Answer, Answering, RegistryMachine, Request, draft, undecided, view_failed};
use crate::codec;
use crate::domain::{self, Change, Rejection};

/// What became of a row that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowOutcome {
    /// Recorded at this position; none when it was only tried.
    Applied(Option<Position>),
    /// It was so already; the commit that made it so, when an earlier import did.
    Unchanged(Option<Position>),
}

/// Why a row that is only tried would be refused.
#[derive(Debug)]
pub(crate) enum RowRefusal {
    /// The rules are against it.
    Rules(Rejection),
    /// What it would do does not fit into one commit.
    TooLarge,
}

/// Most bytes by which the count in a network makes its change longer than it is without one.
const COUNT_BYTES: usize = 16;

impl RegistryMachine {
    /// Like one command, but for the resource, which nobody asks for.
    pub(super) fn decide_row(
        &mut self,
        slot: Slot,
        row: Box<Request>,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        if let Some(outcome) = self.row_before(&row)? {
            return Ok(Decision::Answer(Answer::Row(outcome)));
        }
        let changes = domain::decide(&self.state(), slot, row.command).map_err(undecided)?;
        if changes.is_empty() {
            return Ok(Decision::Answer(Answer::Row(RowOutcome::Unchanged(None))));
        }
        let mut changes = self.fold(&changes).map_err(view_failed)?;
        let index = super::last_index(&changes);
        let key = row.retry_key.as_ref();
        let draft = draft(slot, row.principal, key, Answering::Change(index), &mut changes);
        if draft.size() > limits::REGISTRY_COMMIT_BYTES {
            self.staging.undo();
            return Err(Refused::TooLarge);
        }
        if let Some(key) = key {
            self.stage_answered(key, slot.position, index);
        }
        self.staging.keep();
        let answer = Answer::Row(RowOutcome::Applied(Some(slot.position)));
        Ok(Decision::Commit { draft, answer })
    }

    /// What would become of the rows, each decided on the effect of those before it. Leaves nothing.
    pub(super) fn try_rows(
        &mut self,
        slot: Slot,
        rows: Vec<Request>,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in rows {
            let outcome = match self.try_row(slot, row) {
                Ok(outcome) => Ok(outcome),
                Err(Refused::Rules(rejection)) => Err(RowRefusal::Rules(rejection)),
                Err(Refused::TooLarge) => Err(RowRefusal::TooLarge),
                Err(fault @ Refused::Fault(_)) => {
                    self.staging.undo();
                    return Err(fault);
                }
            };
            outcomes.push(outcome);
        }
        self.staging.undo();
        Ok(Decision::Answer(Answer::Trial(outcomes)))
    }

    fn try_row(&mut self, slot: Slot, row: Request) -> Result<RowOutcome, Refused<Rejection>> {
        if let Some(outcome) = self.row_before(&row)? {
            return Ok(outcome);
        }
        let changes = domain::decide(&self.state(), slot, row.command).map_err(undecided)?;
        if changes.is_empty() {
            return Ok(RowOutcome::Unchanged(None));
        }
        // Measured before anything is staged: a row cannot be undone without those before it.
        if encoded_len(&changes) > limits::REGISTRY_COMMIT_BYTES {
            return Err(Refused::TooLarge);
        }
        self.fold(&changes).map_err(view_failed)?;
        if let Some(key) = &row.retry_key {
            self.stage_answered(key, slot.position, 0);
        }
        Ok(RowOutcome::Applied(None))
    }

    /// What an earlier import made of the row.
    fn row_before(&self, row: &Request) -> Result<Option<RowOutcome>, Refused<Rejection>> {
        let Some(key) = &row.retry_key else { return Ok(None) };
        match self.answered_before(key)? {
            Some(Answer::Replayed { position, .. }) => {
                Ok(Some(RowOutcome::Unchanged(Some(position))))
            }
            _ => Ok(None),
        }
    }
}

fn encoded_len(changes: &[Change]) -> usize {
    let length = |change| codec::change_to_pb(change, 0).encoded_len() + COUNT_BYTES;
    changes.iter().map(length).sum()
}
