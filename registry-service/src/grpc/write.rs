//! Writes: a request becomes a command, the command an answer.
//!
//! The payload hash of a request is over its method and its message without `request_id` and
//! `validate_only`: what is left is what would be done.

use hansa_journal::{Commit, Position, ReadLimit};
use hansa_proto::common::Source;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId, RequestId};
use hansa_proto::pb;
use hansa_proto::pb::registry::v1::change::Resource;
use hansa_proto::registry::{
    Member, MemberPatch, Network, NetworkPatch, Relation, Term, TermPatch,
};
use hansa_proto::violation::Violations;
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Status;

use super::Registry;
use crate::codec::{self, CodecError};
use crate::domain::{
    ChangeMembership, Command, EndNetwork, InviteMember, JoinNetwork, MembershipStep,
    RecordMembership, RelateNetworks, RetireMember, UpdateMember, UpdateNetwork,
};
use crate::machine::{Answer, Ask, Request, RetryKey};
use crate::status;

use pb::registry::v1 as registry;

/// Callers are not authenticated yet.
pub(crate) const PRINCIPAL: &str = "anonymous";

/// What a write came to.
pub(super) struct Written {
    pub(super) resource: Resource,
    pub(super) position: u64,
    pub(super) replayed: bool,
}

/// A request that writes.
pub(super) trait WriteRequest: Message + Default {
    /// Name of the method: part of the payload hash.
    const METHOD: &'static str;
    /// What makes a retry safe; taken out.
    fn take_request_id(&mut self) -> String;
    /// Whether nothing is to be done; taken out.
    fn take_validate_only(&mut self) -> bool;
    /// The command it asks for; `None` when there are violations.
    fn command(self, violations: &mut Violations) -> Option<Command>;
}

impl Registry {
    pub(super) async fn write<R: WriteRequest>(&self, request: R) -> Result<Written, Status> {
        let ask = parse(request).map_err(status::malformed)?;
        match self.writer.submit(ask).await.map_err(status::submit)? {
            Answer::Done { resource, position } => {
                Ok(Written { resource: *resource, position: position.get(), replayed: false })
            }
            Answer::Replayed { position, index } => self.replayed(position, index).await,
            Answer::Batch { .. } | Answer::Row(_) | Answer::Trial(_) => {
                Err(damaged("it is not of one command"))
            }
        }
    }

    /// The answer of a commit made before, read from the journal.
    async fn replayed(&self, position: Position, index: u32) -> Result<Written, Status> {
        let stored = self.stored(position).await?;
        let changes = codec::commit(&stored.body).map_err(status::codec)?.changes;
        let change = usize::try_from(index).ok().and_then(|index| changes.into_iter().nth(index));
        let resource = change
            .and_then(|change| change.resource)
            .ok_or_else(|| damaged("there is no change of this index"))?;
        Ok(Written { resource, position: position.get(), replayed: true })
    }

    /// A commit made before, once it is released.
    pub(super) async fn stored(&self, position: Position) -> Result<Commit, Status> {
        let reader = self.queries.reader();
        reader.wait_for(position).await.map_err(|_stopped| status::not_serving())?;
        let before = Position::new(position.get().saturating_sub(1));
        let one = ReadLimit { commits: 1, bytes: 0 };
        let commits =
            reader.read(before, one).await.map_err(|error| status::journal(error, reader))?;
        commits.into_iter().next().ok_or_else(|| damaged("there is no commit"))
    }
}

pub(super) fn damaged(why: &str) -> Status {
    status::codec(CodecError::new("the answer to a request", why))
}

/// The network of an answer.
pub(super) fn network(resource: Resource) -> Result<registry::Network, Status> {
    match resource {
        Resource::Network(network) => Ok(*network),
        Resource::Member(_) | Resource::Membership(_) => Err(damaged("it is not of a network")),
    }
}

/// The member of an answer.
pub(super) fn member(resource: Resource) -> Result<registry::Member, Status> {
    match resource {
        Resource::Member(member) => Ok(*member),
        Resource::Network(_) | Resource::Membership(_) => Err(damaged("it is not of a member")),
    }
}

/// The membership of an answer.
pub(super) fn membership(resource: Resource) -> Result<registry::Membership, Status> {
    match resource {
        Resource::Membership(membership) => Ok(membership),
        Resource::Network(_) | Resource::Member(_) => Err(damaged("it is not of a membership")),
    }
}

fn parse<R: WriteRequest>(mut request: R) -> Result<Ask, Violations> {
    let mut violations = Violations::default();
    let request_id = request.take_request_id();
    let validate_only = request.take_validate_only();
    let retry_key = optional(&request_id, "request_id", RequestId::parse, &mut violations)
        .map(|request_id| RetryKey { request_id, payload_hash: payload_hash(&request) });
    let command = request.command(&mut violations);
    violations.finish()?;
    let command = command.expect("a request without violations has a command");
    Ok(Request { principal: PRINCIPAL, retry_key, validate_only, command }.into())
}

fn payload_hash<R: WriteRequest>(request: &R) -> [u8; 32] {
    hash_of(R::METHOD, request)
}

/// Hash of what is asked of a method.
pub(crate) fn hash_of(method: &str, request: &impl Message) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(method.as_bytes());
    hash.update([0]);
    hash.update(request.encode_to_vec());
    hash.finalize().into()
}

/// A name that must be there.
pub(super) fn name<T>(
    text: &str,
    field: &str,
    parse: fn(&str) -> Result<T, String>,
    violations: &mut Violations,
) -> Option<T> {
    if text.is_empty() {
        violations.push(field, "is required");
    }
    optional(text, field, parse, violations)
}

/// A name, or nothing.
pub(super) fn optional<T>(
    text: &str,
    field: &str,
    parse: fn(&str) -> Result<T, String>,
    violations: &mut Violations,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    parse(text).map_err(|problem| violations.push(field, problem)).ok()
}

/// A message that must be there.
fn required<T>(message: Option<T>, field: &str, violations: &mut Violations) -> Option<T> {
    if message.is_none() {
        violations.push(field, "is required");
    }
    message
}

fn date(
    date: Option<pb::common::v1::PartialDate>,
    field: &str,
    violations: &mut Violations,
) -> Option<PartialDate> {
    PartialDate::parse(date?, field, violations)
}

fn etag(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Fields of a request that are those of a term by name, limits and all, read as one.
fn of_a_term(fields: registry::Term, violations: &mut Violations) -> Option<Term> {
    let state = registry::MembershipState::Active as i32;
    Term::parse(registry::Term { state, ..fields }, "", violations)
}

fn sources(
    sources: Vec<pb::common::v1::Source>,
    violations: &mut Violations,
) -> Option<Vec<Source>> {
    let fields = registry::Term { sources, ..registry::Term::default() };
    of_a_term(fields, violations).map(|term| term.sources)
}

fn membership_id(network: &str, member: &str, violations: &mut Violations) -> Option<MembershipId> {
    let network = name(network, "network", NetworkId::parse, violations);
    let member = name(member, "member", MemberId::parse, violations);
    Some(MembershipId { network: network?, member: member? })
}

/// Implements [`WriteRequest`] for a request with `request_id` and `validate_only`.
macro_rules! write_request {
    ($request:ident, |$it:ident, $violations:ident| $command:block) => {
        impl WriteRequest for registry::$request {
            const METHOD: &'static str = stringify!($request);

            fn take_request_id(&mut self) -> String {
                std::mem::take(&mut self.request_id)
            }

            fn take_validate_only(&mut self) -> bool {
                std::mem::take(&mut self.validate_only)
            }

            fn command(self, $violations: &mut Violations) -> Option<Command> {
                let $it = self;
                $command
            }
        }
    };
}

write_request!(CreateNetworkRequest, |request, violations| {
    let network = required(request.network, "network", violations)?;
    Network::parse(network, "network", violations).map(Command::CreateNetwork)
});

write_request!(UpdateNetworkRequest, |request, violations| {
    let network = required(request.network, "network", violations)?;
    let mask = request.update_mask.unwrap_or_default();
    let id = name(&network.name, "network.name", NetworkId::parse, violations);
    let patch = NetworkPatch::parse(network, &mask, "network", violations);
    let etag = etag(request.etag);
    Some(Command::UpdateNetwork(UpdateNetwork { network: id?, patch: patch?, etag }))
});

write_request!(EndNetworkRequest, |request, violations| {
    let network = name(&request.name, "name", NetworkId::parse, violations);
    let ended = date(request.ended, "ended", violations);
    let merged_into = optional(&request.merged_into, "merged_into", NetworkId::parse, violations);
    let sources = sources(request.sources, violations);
    let etag = etag(request.etag);
    let end = EndNetwork { network: network?, ended, merged_into, sources: sources?, etag };
    Some(Command::EndNetwork(end))
});

write_request!(RelateNetworksRequest, |request, violations| {
    let network = name(&request.name, "name", NetworkId::parse, violations);
    let relation = required(request.relation, "relation", violations)
        .and_then(|relation| Relation::parse(relation, "relation", violations));
    let etag = etag(request.etag);
    let relate = RelateNetworks { network: network?, relation: relation?, etag };
    Some(Command::RelateNetworks(relate))
});

write_request!(CreateMemberRequest, |request, violations| {
    let member = required(request.member, "member", violations)?;
    Member::parse(member, "member", violations).map(Command::CreateMember)
});

write_request!(UpdateMemberRequest, |request, violations| {
    let member = required(request.member, "member", violations)?;
    let mask = request.update_mask.unwrap_or_default();
    let id = name(&member.name, "member.name", MemberId::parse, violations);
    let patch = MemberPatch::parse(member, &mask, "member", violations);
    let etag = etag(request.etag);
    Some(Command::UpdateMember(UpdateMember { member: id?, patch: patch?, etag }))
});

write_request!(RetireMemberRequest, |request, violations| {
    let member = name(&request.name, "name", MemberId::parse, violations);
    let retired = date(request.retired, "retired", violations);
    let sources = sources(request.sources, violations);
    let etag = etag(request.etag);
    let retire = RetireMember { member: member?, retired, sources: sources?, etag };
    Some(Command::RetireMember(retire))
});

write_request!(JoinNetworkRequest, |request, violations| {
    let membership = membership_id(&request.network, &request.member, violations);
    let occurred_at = date(request.occurred_at, "occurred_at", violations);
    let fields = registry::Term {
        class: request.class,
        roles: request.roles,
        grade: request.grade,
        representative: request.representative,
        charter_signed: request.charter_signed,
        council_voted: request.council_voted,
        note: request.note,
        sources: request.sources,
        ..registry::Term::default()
    };
    let asked = of_a_term(fields, violations);
    let etag = etag(request.etag);
    let join = JoinNetwork { membership: membership?, asked: asked?, occurred_at, etag };
    Some(Command::JoinNetwork(join))
});

write_request!(InviteMemberRequest, |request, violations| {
    let membership = membership_id(&request.network, &request.member, violations);
    let occurred_at = date(request.occurred_at, "occurred_at", violations);
    let fields = registry::Term {
        note: request.note,
        sources: request.sources,
        ..registry::Term::default()
    };
    let Term { note, sources, .. } = of_a_term(fields, violations)?;
    let etag = etag(request.etag);
    let invite = InviteMember { membership: membership?, occurred_at, note, sources, etag };
    Some(Command::InviteMember(invite))
});

write_request!(RecordMembershipRequest, |request, violations| {
    let membership = membership_id(&request.network, &request.member, violations);
    let term = required(request.term, "term", violations)
        .and_then(|term| Term::parse(term, "term", violations));
    let etag = etag(request.etag);
    let record = RecordMembership { membership: membership?, term: term?, etag };
    Some(Command::RecordMembership(record))
});

write_request!(ChangeMembershipRequest, |request, violations| {
    let membership = name(&request.name, "name", MembershipId::parse, violations);
    let mask = request.update_mask.unwrap_or_default();
    let patch = required(request.term, "term", violations)
        .and_then(|term| TermPatch::parse(term, &mask, "term", violations));
    let occurred_at = date(request.occurred_at, "occurred_at", violations);
    let etag = etag(request.etag);
    let change = ChangeMembership { membership: membership?, patch: patch?, occurred_at, etag };
    Some(Command::ChangeMembership(change))
});

/// Implements [`WriteRequest`] for a request that is one step in the life of a membership.
macro_rules! step_request {
    ($request:ident, $command:expr) => {
        write_request!($request, |request, violations| {
            let membership = name(&request.name, "name", MembershipId::parse, violations);
            let occurred_at = date(request.occurred_at, "occurred_at", violations);
            let fields = registry::Term { reason: request.reason, ..registry::Term::default() };
            let reason = of_a_term(fields, violations)?.reason;
            let etag = etag(request.etag);
            Some($command(MembershipStep { membership: membership?, occurred_at, reason, etag }))
        });
    };
}

step_request!(ApproveMembershipRequest, Command::ApproveMembership);
step_request!(RejectMembershipRequest, Command::RejectMembership);
step_request!(SuspendMembershipRequest, Command::SuspendMembership);
step_request!(ReinstateMembershipRequest, Command::ReinstateMembership);

write_request!(LeaveNetworkRequest, |request, violations| {
    let membership = name(&request.name, "name", MembershipId::parse, violations);
    let occurred_at = date(request.occurred_at, "occurred_at", violations);
    let fields = registry::Term { reason: request.reason, ..registry::Term::default() };
    let reason = of_a_term(fields, violations)?.reason;
    let step =
        MembershipStep { membership: membership?, occurred_at, reason, etag: etag(request.etag) };
    Some(if request.expelled { Command::ExpelMember(step) } else { Command::LeaveNetwork(step) })
});
