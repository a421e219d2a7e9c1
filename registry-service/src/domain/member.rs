//! What happens to members: created, updated, retired.

use hansa_journal::Slot;
use hansa_proto::common::Source;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::MemberId;
use hansa_proto::limits;
use hansa_proto::registry::{ChangeKind, EndReason, Member, MemberKind, MemberPatch, MemberState};

use super::membership::ended_membership;
use super::{
    Change, Part, Rejection, Resource, Rule, Rules, State, StateError, Stretch, Target, Undecided,
};
use super::{check_etag, created, ending, touched};

/// Change what is known of a member.
#[derive(Clone, Debug)]
pub(crate) struct UpdateMember {
    /// Which.
    pub(crate) member: MemberId,
    /// The new values.
    pub(crate) patch: MemberPatch,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

/// Mark a member as no longer counted.
#[derive(Clone, Debug)]
pub(crate) struct RetireMember {
    /// Which.
    pub(crate) member: MemberId,
    /// When.
    pub(crate) retired: Option<PartialDate>,
    /// Who says so.
    pub(crate) sources: Vec<Source>,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

pub(super) fn create(
    state: &dyn State,
    slot: Slot,
    member: Member,
) -> Result<Vec<Change>, Undecided> {
    if state.member(&member.id)?.is_some() {
        return Err(Rejection::AlreadyExists(Target::Member(member.id)).into());
    }
    let mut rules = Rules::default();
    rules.refuse_if(
        member.state == MemberState::Retired || member.retired.is_some(),
        Rule::StateNotReachable,
        &member.id,
        "a member is created active, and retired afterwards",
    );
    check_references(state, &member, &mut rules)?;
    rules.finish()?;

    let member = Member { recorded: created(slot), ..member };
    Ok(vec![change(ChangeKind::MemberCreated, None, member)])
}

pub(super) fn update(
    state: &dyn State,
    slot: Slot,
    update: UpdateMember,
) -> Result<Vec<Change>, Undecided> {
    let member = find(state, &update.member)?;
    check_etag(update.etag.as_deref(), Some(&member.recorded))?;
    let patched = member.patched(&update.patch);

    let mut rules = Rules::default();
    check_references(state, &patched, &mut rules)?;
    rules.finish()?;

    if patched == member {
        return Ok(Vec::new());
    }
    let patched = Member { recorded: touched(&member.recorded, slot), ..patched };
    Ok(vec![change(ChangeKind::MemberUpdated, None, patched)])
}

pub(super) fn retire(
    state: &dyn State,
    slot: Slot,
    retire: &RetireMember,
    stretch: Stretch<'_>,
) -> Result<Part, Undecided> {
    let member = find(state, &retire.member)?;
    check_etag(retire.etag.as_deref(), Some(&member.recorded))?;

    let mut retired = member.clone();
    retired.state = MemberState::Retired;
    retired.retired = retire.retired;
    retired.sources.extend(retire.sources.iter().cloned());
    retired.recorded = touched(&member.recorded, slot);

    let mut rules = Rules::default();
    rules.refuse_if(
        member.state == MemberState::Retired,
        Rule::MemberRetired,
        &member.id,
        "the member is retired already",
    );
    rules.refuse_if(
        retired.sources.len() > limits::SOURCES,
        Rule::LimitReached,
        &member.id,
        format_args!("a member has at most {} sources", limits::SOURCES),
    );
    rules.finish()?;

    let open = state.open_of_member(&member.id, stretch.after, stretch.changes)?;
    let why = "the member was retired";
    let leave = |held| ended_membership(held, slot, retire.retired, EndReason::Left, why);
    Ok(ending(open, stretch, leave, change(ChangeKind::MemberRetired, retire.retired, retired)))
}

/// A network that is a member exists, and so do the members it took over from.
fn check_references(
    state: &dyn State,
    member: &Member,
    rules: &mut Rules,
) -> Result<(), StateError> {
    rules.refuse_if(
        member.kind == MemberKind::Network && member.network.is_none(),
        Rule::NetworkUnknown,
        &member.id,
        "a member that is a network says which",
    );
    if let Some(network) = &member.network {
        let unknown = state.network(network)?.is_none();
        rules.refuse_if(
            unknown,
            Rule::NetworkUnknown,
            network,
            format_args!("{network} does not exist"),
        );
    }
    for predecessor in &member.predecessors {
        if *predecessor == member.id {
            rules.refuse_if(
                true,
                Rule::SelfRelation,
                &member.id,
                "a member cannot take over from itself",
            );
            continue;
        }
        let unknown = state.member(predecessor)?.is_none();
        rules.refuse_if(
            unknown,
            Rule::MemberUnknown,
            predecessor,
            format_args!("{predecessor} does not exist"),
        );
    }
    Ok(())
}

pub(super) fn find(state: &dyn State, id: &MemberId) -> Result<Member, Undecided> {
    match state.member(id)? {
        Some(member) => Ok(member),
        None => Err(Rejection::NotFound(Target::Member(id.clone())).into()),
    }
}

fn change(kind: ChangeKind, occurred_at: Option<PartialDate>, member: Member) -> Change {
    Change { kind, occurred_at, resource: Resource::Member(Box::new(member)) }
}
