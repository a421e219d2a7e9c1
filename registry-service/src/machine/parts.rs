//! Commands whose changes are more than one commit holds: the end of a network and the retirement of a
//! member with many memberships.
//!
//! Their commits are appended, settled and released together. In each of them no membership is active
//! in an ended network: memberships end first, the network or member in the last commit. The first
//! commit says what was asked for; where an append was cut off between them, the rest is decided anew
//! at the next start, before anything else.

use hansa_journal::{Decision, Fault, Position, Refused, Slot};
use hansa_proto::ids::MembershipId;
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use hansa_view::Keys;
use prost::Message;

use super::{
    Answer, Answering, Ask, RegistryMachine, Request, RetryKey, answering, draft, fault, retry_key,
    undecided, view_failed,
};
use crate::codec::{Meta, Unfinished};
use crate::domain::{self, Change, Command, Rejection, Resource, Stretch};
use crate::grpc::PRINCIPAL;
use crate::view::ViewState;

/// Key of what the last commits begin and do not end: the meta of the first of them.
const UNFINISHED: &[u8] = b"unfinished/";
/// Most changes of a commit. Few in tests, so that they go past it.
const CHANGES: usize = if cfg!(test) { 3 } else { limits::COMMIT_CHANGES };
/// Bytes kept free in a commit for what stands around its changes.
const AROUND: usize = 1024;
/// Most bytes by which a change is longer in a commit: its tag and length, and the count in a network.
const AROUND_CHANGE: usize = 32;

impl RegistryMachine {
    /// Whether a command may be more than one commit.
    pub(super) fn may_be_long(command: &Command) -> bool {
        matches!(command, Command::EndNetwork(_) | Command::RetireMember(_))
    }

    /// Decides a command in as many commits as it needs.
    pub(super) fn decide_in_parts(
        &mut self,
        slot: Slot,
        request: Request,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        if let Some(key) = &request.retry_key
            && let Some(answer) = self.answered_before(key)?
        {
            return Ok(Decision::Answer(answer));
        }
        let decided = self.stage_parts(slot, &request);
        match decided {
            Ok((drafts, resource, last)) if !request.validate_only => {
                self.staging.delete(UNFINISHED);
                self.staging.keep();
                Ok(Decision::Commits { drafts, answer: Answer::Done { resource, position: last } })
            }
            Ok((_, resource, _)) => {
                self.staging.undo();
                let position = Position::new(slot.position.get() - 1);
                Ok(Decision::Answer(Answer::Done { resource, position }))
            }
            Err(refused) => {
                self.staging.undo();
                Err(refused)
            }
        }
    }

    /// The commits, the resource after them, and where the last one stands.
    fn stage_parts(&mut self, first: Slot, request: &Request) -> Result<Parts, Refused<Rejection>> {
        let mut drafts = Vec::new();
        let mut slot = first;
        let mut after: Option<MembershipId> = None;
        loop {
            if drafts.len() == limits::COMMITS_TOGETHER {
                return Err(Refused::Rules(Rejection::TooLarge { limit: limits::ENDED_TOGETHER }));
            }
            let state = ViewState(&self.staging);
            let stretch = Stretch { after: after.as_ref(), changes: CHANGES };
            let part = domain::decide_part(&state, slot, &request.command, stretch);
            let part = part.map_err(undecided)?;
            let begins = drafts.is_empty().then(|| Unfinished::of(&request.command)).flatten();
            let room = limits::REGISTRY_COMMIT_BYTES
                .saturating_sub(AROUND + begins.as_ref().map_or(0, Message::encoded_len));
            let fitting = self.fold_fitting(&part.changes, room)?;
            let is_last = part.is_last && fitting.len() == part.changes.len();
            after = fitting.len().checked_sub(1).and_then(|last| ended(&part.changes[last]));
            let (index, resource) = match fitting.is_empty() {
                true => return Err(Refused::TooLarge),
                false => answering(&fitting),
            };
            let key = request.retry_key.as_ref();
            let draft = draft(slot, request.principal, key, Answering::Change(index), fitting);
            if is_last {
                if let Some(key) = key {
                    self.stage_answered(key, slot.position, index);
                }
                drafts.push(draft);
                return Ok((drafts, resource, slot.position));
            }
            drafts.push(going_on(draft, key, begins));
            slot = Slot { position: Position::new(slot.position.get() + 1), ..slot };
        }
    }

    /// Stages and encodes as many of the changes as have room in a commit.
    fn fold_fitting(
        &mut self,
        changes: &[Change],
        room: usize,
    ) -> Result<Vec<pb::Change>, Refused<Rejection>> {
        let mut fitting = Vec::new();
        let mut bytes = 0;
        for change in changes {
            bytes += crate::codec::change_to_pb(change, 0).encoded_len() + AROUND_CHANGE;
            if bytes > room {
                break;
            }
            fitting.extend(self.fold(std::slice::from_ref(change)).map_err(view_failed)?);
        }
        Ok(fitting)
    }

    /// Stages what a commit read back says of what is unfinished; whether it goes on.
    pub(super) fn replay_part(&mut self, meta: &Meta) -> Result<bool, Fault> {
        if meta.begins.is_some() {
            self.staging.put(UNFINISHED.to_vec(), meta.to_bytes().to_vec());
        } else if !meta.goes_on && self.unfinished_meta()?.is_some() {
            self.staging.delete(UNFINISHED);
        }
        Ok(meta.goes_on)
    }

    /// What the last commits begin and do not end.
    pub(super) fn begun(&self) -> Result<Option<Ask>, Fault> {
        let Some(mut meta) = self.unfinished_meta()? else { return Ok(None) };
        let unreadable = |error| Fault::caused("what is unfinished cannot be read", error);
        let retry_key = retry_key(&meta).map_err(unreadable)?;
        let begins = meta.begins.take();
        let begins = begins.ok_or_else(|| Fault::new("what is unfinished was never begun"))?;
        Ok(Some(Ask::One(Request {
            principal: PRINCIPAL,
            retry_key,
            validate_only: false,
            command: begins.command().map_err(unreadable)?,
        })))
    }

    fn unfinished_meta(&self) -> Result<Option<Meta>, Fault> {
        let found = self.staging.get(UNFINISHED);
        let found = found.map_err(|error| fault("the view could not be read", error))?;
        let read = found.map(|bytes| Meta::from_bytes(&bytes)).transpose();
        read.map_err(|error| Fault::caused("what is unfinished cannot be read", error))
    }
}

/// Commits, the resource after them, and where the last one stands.
type Parts = (Vec<hansa_journal::Draft>, Box<pb::change::Resource>, Position);

/// The membership a change ends.
fn ended(change: &Change) -> Option<MembershipId> {
    match &change.resource {
        Resource::Membership(membership) => Some(membership.id.clone()),
        Resource::Network(_) | Resource::Member(_) => None,
    }
}

/// A commit that is not the last of several.
fn going_on(
    draft: hansa_journal::Draft,
    key: Option<&RetryKey>,
    begins: Option<Unfinished>,
) -> hansa_journal::Draft {
    let meta = Meta {
        request_id: key.map(|key| key.request_id.to_string()).unwrap_or_default(),
        payload_hash: key
            .map(|key| bytes::Bytes::copy_from_slice(&key.payload_hash))
            .unwrap_or_default(),
        begins,
        goes_on: true,
        ..Meta::default()
    };
    hansa_journal::Draft { meta: meta.to_bytes(), ..draft }
}
