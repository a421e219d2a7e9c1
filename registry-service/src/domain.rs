//! What the registry can be asked to do, and what comes of it: `decide(state, slot, command)` gives
//! the changes, or why there are none. Pure: no storage, no transport, no clock.
//!
//! Two promises hold after every accepted command, and after every part of one that takes several
//! commits: an ended network has no open membership, and a retired member has none either. The
//! memberships end first, in as many commits as they need, and the network or member in the last.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use hansa_journal::Slot;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::limits;
use hansa_proto::registry::{ChangeKind, Member, Membership, MembershipState, Network, Recorded};

mod admission;
pub(crate) mod candidate;
mod member;
mod membership;
mod network;
mod recording;
mod rules;

use candidate::Candidate;
pub(crate) use member::{RetireMember, UpdateMember};
pub(crate) use membership::{ChangeMembership, InviteMember, JoinNetwork, MembershipStep};
pub(crate) use network::{EndNetwork, RelateNetworks, UpdateNetwork};
pub(crate) use recording::RecordMembership;
use rules::Rules;
pub(crate) use rules::{Rule, RuleViolation};

/// Everything the registry can be asked to write.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Record a network.
    CreateNetwork(Network),
    /// Change what is known of a network.
    UpdateNetwork(UpdateNetwork),
    /// End a network or merge it into another.
    EndNetwork(EndNetwork),
    /// Record how a network stands to another.
    RelateNetworks(RelateNetworks),
    /// Record a member.
    CreateMember(Member),
    /// Change what is known of a member.
    UpdateMember(UpdateMember),
    /// Mark a member as no longer counted.
    RetireMember(RetireMember),
    /// Join under the network's admission rules.
    JoinNetwork(JoinNetwork),
    /// Invite a member.
    InviteMember(InviteMember),
    /// Record a term that a source states.
    RecordMembership(RecordMembership),
    /// Approve an application.
    ApproveMembership(MembershipStep),
    /// Reject an application.
    RejectMembership(MembershipStep),
    /// Change the present term.
    ChangeMembership(ChangeMembership),
    /// Suspend an active member.
    SuspendMembership(MembershipStep),
    /// Make a suspended member active again.
    ReinstateMembership(MembershipStep),
    /// The member leaves.
    LeaveNetwork(MembershipStep),
    /// The network expels the member.
    ExpelMember(MembershipStep),
}

impl Command {
    /// The resource the command is about: the one an answer shows.
    pub(crate) fn target(&self) -> Target {
        match self {
            Command::CreateNetwork(network) => Target::Network(network.id.clone()),
            Command::UpdateNetwork(update) => Target::Network(update.network.clone()),
            Command::EndNetwork(end) => Target::Network(end.network.clone()),
            Command::RelateNetworks(relate) => Target::Network(relate.network.clone()),
            Command::CreateMember(member) => Target::Member(member.id.clone()),
            Command::UpdateMember(update) => Target::Member(update.member.clone()),
            Command::RetireMember(retire) => Target::Member(retire.member.clone()),
            Command::JoinNetwork(join) => Target::Membership(join.membership.clone()),
            Command::InviteMember(invite) => Target::Membership(invite.membership.clone()),
            Command::RecordMembership(record) => Target::Membership(record.membership.clone()),
            Command::ChangeMembership(change) => Target::Membership(change.membership.clone()),
            Command::ApproveMembership(step)
            | Command::RejectMembership(step)
            | Command::SuspendMembership(step)
            | Command::ReinstateMembership(step)
            | Command::LeaveNetwork(step)
            | Command::ExpelMember(step) => Target::Membership(step.membership.clone()),
        }
    }
}

/// What is decided against.
pub(crate) trait State {
    /// The network of this id.
    fn network(&self, id: &NetworkId) -> Result<Option<Arc<Network>>, StateError>;
    /// The member of this id.
    fn member(&self, id: &MemberId) -> Result<Option<Member>, StateError>;
    /// What the rules of membership ask of the member of this id.
    fn candidate(&self, id: &MemberId) -> Result<Option<Candidate>, StateError> {
        Ok(self.member(id)?.map(Candidate::of))
    }
    /// The membership of this id.
    fn membership(&self, id: &MembershipId) -> Result<Option<Membership>, StateError>;
    /// How many members a network has that are active or suspended.
    fn active_members(&self, id: &NetworkId) -> Result<u64, StateError>;
    /// Memberships of a network that have not ended, after one of them, at most `limit`, by member.
    fn open_of_network(
        &self,
        id: &NetworkId,
        after: Option<&MembershipId>,
        limit: usize,
    ) -> Result<Vec<Membership>, StateError>;
    /// Memberships of a member that have not ended, after one of them, at most `limit`, by network.
    fn open_of_member(
        &self,
        id: &MemberId,
        after: Option<&MembershipId>,
        limit: usize,
    ) -> Result<Vec<Membership>, StateError>;
}

/// The state could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("the state could not be looked up")]
pub(crate) struct StateError(#[source] pub(crate) Box<dyn Error + Send + Sync>);

/// One change of one resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// What happened.
    pub(crate) kind: ChangeKind,
    /// When it happened in the world.
    pub(crate) occurred_at: Option<PartialDate>,
    /// The resource after it.
    pub(crate) resource: Resource,
}

/// What changes are about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Resource {
    /// A network.
    Network(Box<Network>),
    /// A member.
    Member(Box<Member>),
    /// A membership.
    Membership(Box<Membership>),
}

/// Which resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A network.
    Network(NetworkId),
    /// A member.
    Member(MemberId),
    /// A membership.
    Membership(MembershipId),
}

impl Target {
    /// The sort of resource, as callers know it.
    pub(crate) const fn sort(&self) -> &'static str {
        match self {
            Target::Network(_) => "hansa.registry.v1.Network",
            Target::Member(_) => "hansa.registry.v1.Member",
            Target::Membership(_) => "hansa.registry.v1.Membership",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Network(id) => id.fmt(f),
            Target::Member(id) => id.fmt(f),
            Target::Membership(id) => id.fmt(f),
        }
    }
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// There is no such resource.
    #[error("{0} does not exist")]
    NotFound(Target),
    /// The name is taken.
    #[error("{0} exists already")]
    AlreadyExists(Target),
    /// The caller has not seen the last change.
    #[error("the etag is not the present one")]
    EtagMismatch {
        /// What the caller gave.
        expected: String,
        /// The present one; empty when there is no resource yet.
        actual: String,
    },
    /// Rules are against it: every one that failed.
    #[error("{}", described(.0))]
    Refused(Vec<RuleViolation>),
    /// More changes than one commit may hold.
    #[error("more than {limit} changes do not fit into one commit")]
    TooLarge {
        /// Most changes of one commit.
        limit: usize,
    },
    /// The request id was used with another payload.
    #[error("the request id was used with another payload")]
    RequestIdReused,
    /// An item of a batch is refused, and with it the batch.
    #[error("items[{index}]: {rejection}")]
    InItem {
        /// Which item.
        index: usize,
        /// Why.
        rejection: Box<Rejection>,
    },
}

fn described(violations: &[RuleViolation]) -> String {
    let texts: Vec<&str> =
        violations.iter().map(|violation| violation.description.as_str()).collect();
    texts.join("; ")
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecided {
    /// The command is refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Nobody can say: the state could not be looked up.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What the command changes, in order, the last change being the one of its target; nothing when
/// all is so already.
pub(crate) fn decide(
    state: &dyn State,
    slot: Slot,
    command: Command,
) -> Result<Vec<Change>, Undecided> {
    match command {
        Command::CreateNetwork(network) => network::create(state, slot, network),
        Command::UpdateNetwork(update) => network::update(state, slot, update),
        Command::EndNetwork(end) => whole(network::end(state, slot, &end, Stretch::WHOLE)?),
        Command::RelateNetworks(relate) => network::relate(state, slot, relate),
        Command::CreateMember(member) => member::create(state, slot, member),
        Command::UpdateMember(update) => member::update(state, slot, update),
        Command::RetireMember(retire) => {
            whole(member::retire(state, slot, &retire, Stretch::WHOLE)?)
        }
        Command::JoinNetwork(join) => membership::join(state, slot, join),
        Command::InviteMember(invite) => membership::invite(state, slot, invite),
        Command::RecordMembership(record) => recording::record(state, slot, record),
        Command::ApproveMembership(step) => membership::approve(state, slot, step),
        Command::RejectMembership(step) => membership::reject(state, slot, step),
        Command::ChangeMembership(change) => membership::change(state, slot, change),
        Command::SuspendMembership(step) => membership::suspend(state, slot, step),
        Command::ReinstateMembership(step) => membership::reinstate(state, slot, step),
        Command::LeaveNetwork(step) => membership::leave(state, slot, step),
        Command::ExpelMember(step) => membership::expel(state, slot, step),
    }
}

/// Which of many ends of memberships are decided together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch<'a> {
    /// Those after this membership, whose end was decided before; `None`: from the first on.
    pub(crate) after: Option<&'a MembershipId>,
    /// Most changes, that of the target among them.
    pub(crate) changes: usize,
}

impl Stretch<'_> {
    /// All, as far as one commit takes them.
    const WHOLE: Stretch<'static> = Stretch { after: None, changes: limits::COMMIT_CHANGES };
}

/// What one commit takes of the changes of a command.
#[derive(Debug)]
pub(crate) struct Part {
    /// In order.
    pub(crate) changes: Vec<Change>,
    /// Whether the last of them is the one of the command's target.
    pub(crate) is_last: bool,
}

/// Like [`decide`], but where a command ends many memberships for a stretch of them.
pub(crate) fn decide_part(
    state: &dyn State,
    slot: Slot,
    command: &Command,
    stretch: Stretch<'_>,
) -> Result<Part, Undecided> {
    match command {
        Command::EndNetwork(end) => network::end(state, slot, end, stretch),
        Command::RetireMember(retire) => member::retire(state, slot, retire, stretch),
        other => decide(state, slot, other.clone()).map(|changes| Part { changes, is_last: true }),
    }
}

/// The changes of a command that is to be one commit.
fn whole(part: Part) -> Result<Vec<Change>, Undecided> {
    match part.is_last {
        true => Ok(part.changes),
        false => Err(Rejection::TooLarge { limit: limits::COMMIT_CHANGES }.into()),
    }
}

/// The ends of memberships, and of what they belong to behind them when no other is open.
fn ending(
    mut open: Vec<Membership>,
    stretch: Stretch<'_>,
    end: impl FnMut(Membership) -> Change,
    target: Change,
) -> Part {
    let is_last = open.len() < stretch.changes;
    open.truncate(stretch.changes - 1);
    let mut changes: Vec<Change> = open.into_iter().map(end).collect();
    changes.extend(is_last.then_some(target));
    Part { changes, is_last }
}

/// Whether a membership whose last term is in this state is open: belongs, or may come to belong.
pub(crate) const fn is_open(state: MembershipState) -> bool {
    !matches!(state, MembershipState::Ended)
}

/// Whether a membership whose last term is in this state counts as held and active.
pub(crate) const fn is_active(state: MembershipState) -> bool {
    matches!(state, MembershipState::Active | MembershipState::Suspended)
}

/// Refuses a caller who has not seen the last change; `actual` is `None` when there is no resource.
fn check_etag(expected: Option<&str>, actual: Option<&Recorded>) -> Result<(), Rejection> {
    let Some(expected) = expected else { return Ok(()) };
    let actual = actual.map(Recorded::etag).unwrap_or_default();
    match expected == actual {
        true => Ok(()),
        false => Err(Rejection::EtagMismatch { expected: expected.to_owned(), actual }),
    }
}

fn created(slot: Slot) -> Recorded {
    Recorded {
        created_position: slot.position.get(),
        updated_position: slot.position.get(),
        created_at_micros: slot.recorded_at_micros,
        updated_at_micros: slot.recorded_at_micros,
    }
}

fn touched(recorded: &Recorded, slot: Slot) -> Recorded {
    Recorded {
        updated_position: slot.position.get(),
        updated_at_micros: slot.recorded_at_micros,
        ..*recorded
    }
}

#[cfg(test)]
mod tests;
