//! Commits about named subscriptions: they hold no event, only what is kept.

use hansa_journal::{Decision, Position, Refused, Slot};

use super::{Answer, FeedMachine};
use crate::codec::{self, Answered, CommitMeta};
use crate::domain::{Kept, Rejection};

impl FeedMachine {
    /// Commits what becomes of a named subscription.
    pub(super) fn keep(
        &mut self,
        slot: Slot,
        answered: Option<Answered>,
        validate_only: bool,
        kept: Kept,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        if validate_only {
            let checked_at = Position::new(slot.position.get() - 1);
            return Ok(Decision::Answer(Answer::Kept(kept, checked_at)));
        }
        let meta = CommitMeta { answered, kept: Some(kept.clone()), ..CommitMeta::default() };
        let draft = codec::encode(self.identity, slot, &[], &meta);
        if !draft.fits() {
            return Err(Refused::TooLarge);
        }
        self.stage(slot, &[], &meta, &draft.body)?;
        Ok(Decision::Commit { draft, answer: Answer::Kept(kept, slot.position) })
    }
}
