//! Several commands for one commit: each decides on the effect of those before it, and one refusal
//! refuses all.

use hansa_journal::{Decision, Position, Refused, Slot};
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;

use super::{
    Answer, Answering, RegistryMachine, RetryKey, draft, last_index, undecided, view_failed,
};
use crate::codec::ItemAnswer;
use crate::domain::{self, Command, Rejection};

/// Commands for one commit, and who asks how.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Who asks.
    pub(crate) principal: &'static str,
    /// What makes a retry safe.
    pub(crate) retry_key: Option<RetryKey>,
    /// Decide and answer, but do nothing.
    pub(crate) validate_only: bool,
    /// What is asked for, in order.
    pub(crate) commands: Vec<Command>,
}

/// What the items of a batch come to.
#[derive(Default)]
struct Items {
    changes: Vec<pb::Change>,
    answers: Vec<ItemAnswer>,
    resources: Vec<pb::change::Resource>,
}

impl RegistryMachine {
    pub(super) fn decide_batch(
        &mut self,
        slot: Slot,
        batch: Batch,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        let decided = self.commit_of(slot, batch);
        if !matches!(decided, Ok(Decision::Commit { .. })) {
            self.staging.undo();
        }
        decided
    }

    fn commit_of(
        &mut self,
        slot: Slot,
        batch: Batch,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        let Items { mut changes, answers, resources } = self.stage_items(slot, batch.commands)?;
        let before = Position::new(slot.position.get() - 1);
        if changes.is_empty() {
            return Ok(Decision::Answer(Answer::Batch { resources, position: before }));
        }
        let key = batch.retry_key.as_ref();
        let draft = draft(slot, batch.principal, key, Answering::Items(answers), &mut changes);
        if draft.size() > limits::REGISTRY_COMMIT_BYTES {
            return Err(Refused::TooLarge);
        }
        if batch.validate_only {
            return Ok(Decision::Answer(Answer::Batch { resources, position: before }));
        }
        if let Some(key) = key {
            self.stage_answered(key, slot.position, 0);
        }
        self.staging.keep();
        let answer = Answer::Batch { resources, position: slot.position };
        Ok(Decision::Commit { draft, answer })
    }

    fn stage_items(
        &mut self,
        slot: Slot,
        commands: Vec<Command>,
    ) -> Result<Items, Refused<Rejection>> {
        let mut items = Items::default();
        for (index, command) in commands.into_iter().enumerate() {
            self.stage_item(slot, command, &mut items).map_err(|refused| match refused {
                Refused::Rules(rejection) => {
                    Refused::Rules(Rejection::InItem { index, rejection: Box::new(rejection) })
                }
                refused @ (Refused::TooLarge | Refused::Fault(_)) => refused,
            })?;
        }
        Ok(items)
    }

    fn stage_item(
        &mut self,
        slot: Slot,
        command: Command,
        items: &mut Items,
    ) -> Result<(), Refused<Rejection>> {
        let target = command.target();
        let changes = domain::decide(&self.state(), slot, command).map_err(undecided)?;
        if items.changes.len() + changes.len() > limits::COMMIT_CHANGES {
            return Err(Refused::Rules(Rejection::TooLarge { limit: limits::COMMIT_CHANGES }));
        }
        if changes.is_empty() {
            let resource = *self.present(&target)?;
            items.answers.push(ItemAnswer::unchanged(resource.clone()));
            items.resources.push(resource);
            return Ok(());
        }
        items.changes.extend(self.fold(&changes).map_err(view_failed)?);
        let last = items.changes.last().and_then(|change| change.resource.clone());
        items.resources.push(last.expect("every change is encoded with its resource"));
        items.answers.push(ItemAnswer::changed(last_index(&items.changes)));
        Ok(())
    }
}
