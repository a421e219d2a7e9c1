//! The registry as `hansa_journal::Machine`: decide, encode, stage, settle.
//!
//! Deciding looks at the view and at what the batch has staged, so that a command sees the effect of
//! every command before it. Changes are folded into the staging one by one and encoded as they are
//! folded, because a network in a commit says how many members it has at that very change.
//!
//! `machine/batch.rs` decides several commands for one commit, `machine/parts.rs` one command for several
//! commits, `machine/rows.rs` the rows of imports.

mod batch;
mod parts;
mod rows;

use std::sync::Arc;

use bytes::Bytes;
use hansa_journal::{Chain, Commit, Decision, Draft, Fault, Machine, Position, Refused, Slot};
use hansa_proto::ids::RequestId;
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use hansa_view::{Staging, View, ViewError};

use crate::codec::{self, ItemAnswer, Meta};
use crate::domain::{self, Change, Command, Rejection, Resource, Target, Undecided};
use crate::view::networks::Networks;
use crate::view::{self, Answered, ViewState};

pub(crate) use batch::Batch;
pub(crate) use rows::{RowOutcome, RowRefusal};

/// What the writer is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// One command, answered with its resource.
    One(Box<Request>),
    /// Several commands for one commit.
    Batch(Batch),
    /// A row of an import: one command, answered with what became of it.
    Row(Box<Request>),
    /// Rows of an import that are only tried, each on the effect of those before it.
    Trial(Vec<Request>),
}

impl Ask {
    /// What a retry is known by, of what is answered with resources; rows look for themselves.
    fn retry_key(&self) -> Option<&RetryKey> {
        match self {
            Ask::One(request) => request.retry_key.as_ref(),
            Ask::Batch(batch) => batch.retry_key.as_ref(),
            Ask::Row(_) | Ask::Trial(_) => None,
        }
    }
}

impl From<Request> for Ask {
    fn from(request: Request) -> Ask {
        Ask::One(Box::new(request))
    }
}

/// A command, and who asks how.
#[derive(Debug)]
pub(crate) struct Request {
    /// Who asks.
    pub(crate) principal: &'static str,
    /// What makes a retry safe.
    pub(crate) retry_key: Option<RetryKey>,
    /// Decide and answer, but do nothing.
    pub(crate) validate_only: bool,
    /// What is asked for.
    pub(crate) command: Command,
}

/// A request id and what it was used for.
#[derive(Debug)]
pub(crate) struct RetryKey {
    /// The id.
    pub(crate) request_id: RequestId,
    /// SHA-256 of the payload.
    pub(crate) payload_hash: [u8; 32],
}

/// What a command comes to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is so now.
    Done {
        /// The resource as it is now.
        resource: Box<pb::change::Resource>,
        /// Position of the commit, or of the view when nothing was written.
        position: Position,
    },
    /// It was done before: the commit has the answer.
    Replayed {
        /// Position of the commit.
        position: Position,
        /// Which of its changes.
        index: u32,
    },
    /// Every item of a batch is so now.
    Batch {
        /// The resource of each item as it is after the item.
        resources: Vec<pb::change::Resource>,
        /// Position of the commit, or of the view when nothing was written.
        position: Position,
    },
    /// What became of a row.
    Row(RowOutcome),
    /// What would become of rows.
    Trial(Vec<Result<RowOutcome, RowRefusal>>),
}

/// The registry's machine.
pub(crate) struct RegistryMachine {
    staging: Staging,
    networks: Networks,
}

impl RegistryMachine {
    /// Over a view.
    pub(crate) fn new(view: Arc<View>) -> RegistryMachine {
        RegistryMachine { staging: Staging::new(view), networks: Networks::default() }
    }

    fn state(&self) -> ViewState<'_> {
        ViewState { keys: &self.staging, networks: &self.networks }
    }

    fn answered_before(&self, key: &RetryKey) -> Result<Option<Answer>, Refused<Rejection>> {
        let answered = view::answered(&self.staging, &key.request_id).map_err(view_failed)?;
        match answered {
            None => Ok(None),
            Some(answered) if answered.payload_hash == key.payload_hash => {
                let Answered { position, index, .. } = answered;
                Ok(Some(Answer::Replayed { position, index }))
            }
            Some(_) => Err(Refused::Rules(Rejection::RequestIdReused)),
        }
    }

    /// The resource as it is, for a command that changes nothing.
    fn present(&self, target: &Target) -> Result<Box<pb::change::Resource>, Refused<Rejection>> {
        use pb::change::Resource;
        let found = match target {
            Target::Network(id) => {
                let found = view::network(&self.staging, id);
                found.map(|it| it.map(|network| Resource::Network(Box::new(network))))
            }
            Target::Member(id) => {
                let found = view::member(&self.staging, id);
                found.map(|it| it.map(|member| Resource::Member(Box::new(member))))
            }
            Target::Membership(id) => {
                view::membership(&self.staging, id).map(|it| it.map(Resource::Membership))
            }
        };
        found
            .map_err(view_failed)?
            .map(Box::new)
            .ok_or_else(|| Refused::Rules(Rejection::NotFound(target.clone())))
    }

    /// Stages the changes and encodes each as it is then.
    fn fold(&mut self, changes: &[Change]) -> Result<Vec<pb::Change>, ViewError> {
        let mut folded = Vec::with_capacity(changes.len());
        for change in changes {
            let active_members = match &change.resource {
                Resource::Network(network) => {
                    view::count(&self.staging, &network.id)?.active_on_the_wire()
                }
                Resource::Member(_) | Resource::Membership(_) => 0,
            };
            let change = codec::change_to_pb(change, active_members);
            if let Some(resource) = &change.resource {
                view::fold(&mut self.staging, resource)?;
            }
            folded.push(change);
        }
        Ok(folded)
    }

    fn stage_answered(&mut self, key: &RetryKey, position: Position, index: u32) {
        let answered = Answered { payload_hash: key.payload_hash, position, index };
        view::put_answered(&mut self.staging, &key.request_id, answered);
    }

    fn decide_one(
        &mut self,
        slot: Slot,
        request: Box<Request>,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        let target = request.command.target();
        let changes = domain::decide(&self.state(), slot, request.command).map_err(undecided)?;
        let before = Position::new(slot.position.get() - 1);
        if changes.is_empty() {
            let resource = self.present(&target)?;
            return Ok(Decision::Answer(Answer::Done { resource, position: before }));
        }

        let mut changes = self.fold(&changes).map_err(view_failed)?;
        let index = last_index(&changes);
        let key = request.retry_key.as_ref();
        let answering = Answering::Change(index);
        let draft = draft(slot, request.principal, key, answering, &mut changes);
        let resource = last_resource(changes);
        if draft.size() > limits::REGISTRY_COMMIT_BYTES {
            self.staging.undo();
            return Err(Refused::TooLarge);
        }
        if request.validate_only {
            self.staging.undo();
            return Ok(Decision::Answer(Answer::Done { resource, position: before }));
        }
        if let Some(key) = key {
            self.stage_answered(key, slot.position, index);
        }
        self.staging.keep();
        Ok(Decision::Commit { draft, answer: Answer::Done { resource, position: slot.position } })
    }
}

impl Machine for RegistryMachine {
    type Command = Ask;
    type Answer = Answer;
    type Refusal = Rejection;

    fn decide(&mut self, slot: Slot, ask: Ask) -> Result<Decision<Answer>, Refused<Rejection>> {
        if let Some(key) = ask.retry_key()
            && let Some(answer) = self.answered_before(key)?
        {
            return Ok(Decision::Answer(answer));
        }
        match ask {
            Ask::One(request) if Self::may_be_long(&request.command) => {
                self.decide_in_parts(slot, &request)
            }
            Ask::One(request) => self.decide_one(slot, request),
            Ask::Batch(batch) => self.decide_batch(slot, batch),
            Ask::Row(request) => self.decide_row(slot, request),
            Ask::Trial(rows) => self.try_rows(slot, rows),
        }
    }

    fn settle(&mut self, last: Position, chain: Chain) -> Result<(), Fault> {
        self.staging.settle(last, chain).map_err(|error| fault("the view was not written", error))
    }

    fn discard(&mut self) {
        self.staging.discard();
    }

    fn applied(&self) -> Result<(Position, Chain), Fault> {
        self.staging.applied().map_err(|error| fault("the view's position is not known", error))
    }

    fn reset(&mut self) -> Result<(), Fault> {
        self.staging.reset().map_err(|error| fault("the view was not emptied", error))
    }

    fn replay(&mut self, commit: &Commit) -> Result<(), Fault> {
        let unreadable = |error| {
            Fault::caused(format!("the commit at {} cannot be replayed", commit.position), error)
        };
        let changes = codec::commit(&commit.body).map_err(unreadable)?.changes;
        let meta = Meta::from_bytes(&commit.meta).map_err(unreadable)?;
        for change in &changes {
            let missing = || unreadable(codec::CodecError::new("a change", "it holds no resource"));
            view::fold(&mut self.staging, change.resource.as_ref().ok_or_else(missing)?)
                .map_err(|error| fault("a change was not staged", error))?;
        }
        if let Some(key) = retry_key(&meta).map_err(unreadable)? {
            self.stage_answered(&key, commit.position, meta.answer_index);
        }
        self.staging.keep();
        Ok(())
    }
}

/// The resource that answers: that of the last change, which is the one of the command's target.
fn last_resource(mut changes: Vec<pb::Change>) -> Box<pb::change::Resource> {
    let last = changes.pop().expect("a decision without changes is answered before");
    Box::new(last.resource.expect("every change is encoded with its resource"))
}

fn last_index(changes: &[pb::Change]) -> u32 {
    u32::try_from(changes.len() - 1).expect("a commit has at most 1,000 changes")
}

/// What of a commit answers a request.
enum Answering {
    /// A change.
    Change(u32),
    /// Something for each item of a batch.
    Items(Vec<ItemAnswer>),
}

fn draft(
    slot: Slot,
    principal: &str,
    key: Option<&RetryKey>,
    answering: Answering,
    changes: &mut Vec<pb::Change>,
) -> Draft {
    let request_id = key.map(|key| &key.request_id);
    let (answer_index, items) = match answering {
        Answering::Change(index) => (index, Vec::new()),
        Answering::Items(items) => (0, items),
    };
    let meta = Meta {
        request_id: request_id.map(RequestId::to_string).unwrap_or_default(),
        payload_hash: key.map(|key| Bytes::copy_from_slice(&key.payload_hash)).unwrap_or_default(),
        answer_index,
        items,
    };
    Draft {
        recorded_at_micros: slot.recorded_at_micros,
        meta: meta.to_bytes(),
        body: codec::body(slot, principal, request_id, changes),
    }
}

fn retry_key(meta: &Meta) -> Result<Option<RetryKey>, codec::CodecError> {
    if meta.request_id.is_empty() {
        return Ok(None);
    }
    let unreadable = |why: String| codec::CodecError::new("the meta", why);
    let payload_hash: [u8; 32] = meta
        .payload_hash
        .as_ref()
        .try_into()
        .map_err(|_| unreadable("the payload hash has not 32 bytes".to_owned()))?;
    let request_id = RequestId::parse(&meta.request_id).map_err(unreadable)?;
    Ok(Some(RetryKey { request_id, payload_hash }))
}

fn undecided(undecided: Undecided) -> Refused<Rejection> {
    match undecided {
        Undecided::Rejected(rejection) => Refused::Rules(rejection),
        Undecided::State(error) => {
            Refused::Fault(Fault::caused("the view could not be read", error))
        }
    }
}

fn view_failed(error: ViewError) -> Refused<Rejection> {
    Refused::Fault(fault("the view could not be read", error))
}

fn fault(what: &'static str, error: ViewError) -> Fault {
    Fault::caused(what, error)
}

#[cfg(test)]
mod tests;
