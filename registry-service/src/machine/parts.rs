//! Commands whose changes are more than one commit holds: the end of a network and the retirement of a
//! member with many memberships.
//!
//! Their commits are appended, settled and released together: all of them or none, and to whoever reads
//! at the same moment. Memberships end first, the network or member in the last commit, so that as of no
//! position a membership is active in a network that has ended. The last commit alone answers the
//! request.

use hansa_journal::{Decision, Draft, Position, Refused, Slot};
use hansa_proto::ids::MembershipId;
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use prost::Message;

use super::{
    Answer, Answering, RegistryMachine, Request, draft, last_index, last_resource, undecided,
    view_failed,
};
use crate::codec;
use crate::domain::{self, Change, Command, Rejection, Resource, Stretch};

/// Most changes of a commit. Few in tests, so that they go past it.
const CHANGES: usize = if cfg!(test) { 3 } else { limits::COMMIT_CHANGES };
/// Bytes kept free in a commit for what stands around its changes.
const AROUND: usize = 1024;
/// Most bytes by which a change is longer in a commit: its tag and length, and the count in a network.
const AROUND_CHANGE: usize = 32;

/// The commits of one command, the resource after them, and where the last one stands.
struct Parts {
    drafts: Vec<Draft>,
    resource: Box<pb::change::Resource>,
    last: Position,
}

impl RegistryMachine {
    /// Whether a command may be more than one commit.
    pub(super) fn may_be_long(command: &Command) -> bool {
        matches!(command, Command::EndNetwork(_) | Command::RetireMember(_))
    }

    /// Decides a command in as many commits as it needs.
    pub(super) fn decide_in_parts(
        &mut self,
        slot: Slot,
        request: &Request,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        let staged = self.stage_parts(slot, request);
        if staged.is_err() || request.validate_only {
            self.staging.undo();
        }
        let Parts { drafts, resource, last } = staged?;
        if request.validate_only {
            let position = Position::new(slot.position.get() - 1);
            return Ok(Decision::Answer(Answer::Done { resource, position }));
        }
        self.staging.keep();
        Ok(Decision::Commits { drafts, answer: Answer::Done { resource, position: last } })
    }

    fn stage_parts(&mut self, first: Slot, request: &Request) -> Result<Parts, Refused<Rejection>> {
        let mut drafts = Vec::new();
        let mut slot = first;
        let mut after: Option<MembershipId> = None;
        while drafts.len() < limits::COMMITS_TOGETHER {
            let stretch = Stretch { after: after.as_ref(), changes: CHANGES };
            let part = domain::decide_part(&self.state(), slot, &request.command, stretch);
            let part = part.map_err(undecided)?;
            let mut changes = self.fold_fitting(&part.changes)?;
            let Some(last) = changes.len().checked_sub(1) else { return Err(Refused::TooLarge) };
            let is_last = part.is_last && changes.len() == part.changes.len();
            after = ended(&part.changes[last]);
            let index = last_index(&changes);
            let key = request.retry_key.as_ref().filter(|_| is_last);
            let answering = Answering::Change(index);
            drafts.push(draft(slot, request.principal, key, answering, &mut changes));
            if is_last {
                if let Some(key) = key {
                    self.stage_answered(key, slot.position, index);
                }
                let resource = last_resource(changes);
                return Ok(Parts { drafts, resource, last: slot.position });
            }
            slot = Slot { position: slot.position.next(), ..slot };
        }
        Err(Refused::Rules(Rejection::TooLarge { limit: limits::ENDED_TOGETHER }))
    }

    /// Stages and encodes as many of the changes as have room in a commit.
    fn fold_fitting(&mut self, changes: &[Change]) -> Result<Vec<pb::Change>, Refused<Rejection>> {
        let mut fitting = Vec::new();
        let mut bytes = AROUND;
        for change in changes {
            bytes += codec::change_to_pb(change, 0).encoded_len() + AROUND_CHANGE;
            if bytes > limits::REGISTRY_COMMIT_BYTES {
                break;
            }
            fitting.extend(self.fold(std::slice::from_ref(change)).map_err(view_failed)?);
        }
        Ok(fitting)
    }
}

/// The membership a change ends.
fn ended(change: &Change) -> Option<MembershipId> {
    match &change.resource {
        Resource::Membership(membership) => Some(membership.id.clone()),
        Resource::Network(_) | Resource::Member(_) => None,
    }
}
