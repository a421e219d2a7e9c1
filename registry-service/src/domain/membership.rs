//! What happens to memberships, from the application to the end of a term and back again.

use hansa_journal::Slot;
use hansa_proto::common::Source;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::MembershipId;
use hansa_proto::limits;
use hansa_proto::registry::{
    AdmissionMode, ChangeKind, EndReason, MemberState, Membership, MembershipState, Network, Term,
    TermPatch,
};

use super::{Change, Rejection, Resource, Rule, Rules, State, Target, Undecided};
use super::{admission, candidate, network};
use super::{check_etag, created, is_open, touched};

/// Join under the network's admission rules.
#[derive(Clone, Debug)]
pub(crate) struct JoinNetwork {
    /// Who wants to join what.
    pub(crate) membership: MembershipId,
    /// The term asked for; its state and dates of joining are the registry's to decide.
    pub(crate) asked: Term,
    /// When it joined or applied.
    pub(crate) occurred_at: Option<PartialDate>,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

/// Invite a member.
#[derive(Clone, Debug)]
pub(crate) struct InviteMember {
    /// Who is invited to what.
    pub(crate) membership: MembershipId,
    /// When.
    pub(crate) occurred_at: Option<PartialDate>,
    /// Anything worth knowing.
    pub(crate) note: String,
    /// Who says so.
    pub(crate) sources: Vec<Source>,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

/// Change the present term.
#[derive(Clone, Debug)]
pub(crate) struct ChangeMembership {
    /// Which.
    pub(crate) membership: MembershipId,
    /// The new values.
    pub(crate) patch: TermPatch,
    /// When it changed.
    pub(crate) occurred_at: Option<PartialDate>,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

/// One step in the life of a term: approved, rejected, suspended, reinstated, left, expelled.
#[derive(Clone, Debug)]
pub(crate) struct MembershipStep {
    /// Which.
    pub(crate) membership: MembershipId,
    /// When.
    pub(crate) occurred_at: Option<PartialDate>,
    /// Why, in words.
    pub(crate) reason: String,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

pub(super) fn join(
    state: &dyn State,
    slot: Slot,
    join: JoinNetwork,
) -> Result<Vec<Change>, Undecided> {
    let network = network::find(state, &join.membership.network)?;
    let member = candidate::find(state, &join.membership.member)?;
    let held = state.membership(&join.membership)?;
    check_etag(join.etag.as_deref(), held.as_ref().map(|held| &held.recorded))?;

    let present = held.as_ref().map(|held| held.state());
    let mut rules = Rules::default();
    let active = state.active_members(&network.id)?;
    admission::check(&network, active, &member, present, &join.asked, &mut rules);
    check_not_yet_a_member(&join.membership, present, true, &mut rules);
    let (kind, term) = joined_term(&network, held.as_ref(), join.asked, join.occurred_at);
    rules.refuse_if(
        term.sources.len() > limits::SOURCES,
        Rule::LimitReached,
        &join.membership,
        format_args!("a term has at most {} sources", limits::SOURCES),
    );
    let joined = match held {
        Some(held) if present == Some(MembershipState::Invited) => with_term(held, slot, term),
        held => with_new_term(join.membership, held, slot, term, &mut rules),
    };
    rules.finish()?;
    Ok(vec![change_of(kind, join.occurred_at, joined)])
}

/// The term of who joins: goes on from an invitation, or starts anew.
fn joined_term(
    network: &Network,
    held: Option<&Membership>,
    asked: Term,
    occurred_at: Option<PartialDate>,
) -> (ChangeKind, Term) {
    let invited =
        held.map(Membership::current).filter(|present| present.state == MembershipState::Invited);
    if let Some(invitation) = invited {
        return (ChangeKind::MembershipJoined, accepted(invitation, asked, occurred_at));
    }
    if network.admission.mode == AdmissionMode::Approval {
        let state = MembershipState::Applied;
        return (ChangeKind::MembershipApplied, Term { state, applied: occurred_at, ..asked });
    }
    let state = MembershipState::Active;
    (ChangeKind::MembershipJoined, Term { state, joined: occurred_at, ..asked })
}

/// The term of an invitation that is accepted: what is asked for, beside what the invitation said.
fn accepted(invitation: &Term, asked: Term, occurred_at: Option<PartialDate>) -> Term {
    let mut sources = invitation.sources.clone();
    sources.extend(asked.sources);
    Term {
        state: MembershipState::Active,
        joined: occurred_at,
        invited: invitation.invited,
        note: match asked.note.is_empty() {
            true => invitation.note.clone(),
            false => asked.note,
        },
        sources,
        ..asked
    }
}

pub(super) fn invite(
    state: &dyn State,
    slot: Slot,
    invite: InviteMember,
) -> Result<Vec<Change>, Undecided> {
    let network = network::find(state, &invite.membership.network)?;
    let member = candidate::find(state, &invite.membership.member)?;
    let held = state.membership(&invite.membership)?;
    check_etag(invite.etag.as_deref(), held.as_ref().map(|held| &held.recorded))?;

    let present = held.as_ref().map(|held| held.state());
    let mut rules = Rules::default();
    rules.refuse_if(
        network::has_ended(&network),
        Rule::NetworkEnded,
        &network.id,
        "the network has ended",
    );
    rules.refuse_if(
        network.admission.mode == AdmissionMode::NoMemberList,
        Rule::NoMemberList,
        &network.id,
        "the network has no member list",
    );
    rules.refuse_if(
        member.state == MemberState::Retired,
        Rule::MemberRetired,
        &member.id,
        "the member is retired",
    );
    check_not_yet_a_member(&invite.membership, present, false, &mut rules);
    let term = Term {
        invited: invite.occurred_at,
        note: invite.note,
        sources: invite.sources,
        ..empty_term(MembershipState::Invited)
    };
    let invited = with_new_term(invite.membership, held, slot, term, &mut rules);
    rules.finish()?;
    Ok(vec![change_of(ChangeKind::MembershipInvited, invite.occurred_at, invited)])
}

/// Who belongs, has applied or is invited does not come in again; an invitation can be accepted.
pub(super) fn check_not_yet_a_member(
    id: &MembershipId,
    present: Option<MembershipState>,
    accepts_invitation: bool,
    rules: &mut Rules,
) {
    let Some(state) = present else { return };
    let accepts = accepts_invitation && state == MembershipState::Invited;
    rules.refuse_if(
        is_open(state) && !accepts,
        Rule::AlreadyAMember,
        id,
        format_args!("the membership is {} already", state.as_str()),
    );
}

/// Only a term that has ended says when and why it did.
pub(super) fn check_end(id: &MembershipId, term: &Term, rules: &mut Rules) {
    rules.refuse_if(
        is_open(term.state) && (term.left.is_some() || term.end_reason.is_some()),
        Rule::StateNotReachable,
        id,
        format_args!("a term that is {} has not ended", term.state.as_str()),
    );
}

pub(super) fn change(
    state: &dyn State,
    slot: Slot,
    change: ChangeMembership,
) -> Result<Vec<Change>, Undecided> {
    let held = find(state, &change.membership, change.etag.as_deref())?;
    let patched = held.current().patched(&change.patch);
    let mut rules = Rules::default();
    check_end(&held.id, &patched, &mut rules);
    rules.finish()?;
    if patched == *held.current() {
        return Ok(Vec::new());
    }
    let changed = with_term(held, slot, patched);
    Ok(vec![change_of(ChangeKind::MembershipChanged, change.occurred_at, changed)])
}

pub(super) fn approve(
    state: &dyn State,
    slot: Slot,
    step: MembershipStep,
) -> Result<Vec<Change>, Undecided> {
    let held = find(state, &step.membership, step.etag.as_deref())?;
    require_application(&held)?;
    let network = network::find(state, &held.id.network)?;
    let member = candidate::find(state, &held.id.member)?;
    let mut rules = Rules::default();
    admission::check_again(&network, state.active_members(&network.id)?, &member, &mut rules);
    rules.finish()?;
    let term = Term {
        state: MembershipState::Active,
        joined: step.occurred_at,
        reason: step.reason,
        ..held.current().clone()
    };
    let approved = with_term(held, slot, term);
    Ok(vec![change_of(ChangeKind::MembershipJoined, step.occurred_at, approved)])
}

pub(super) fn reject(
    state: &dyn State,
    slot: Slot,
    step: MembershipStep,
) -> Result<Vec<Change>, Undecided> {
    let held = find(state, &step.membership, step.etag.as_deref())?;
    require_application(&held)?;
    let term = ended_term(&held, step.occurred_at, EndReason::Rejected, step.reason);
    let rejected = with_term(held, slot, term);
    Ok(vec![change_of(ChangeKind::MembershipRejected, step.occurred_at, rejected)])
}

fn require_application(held: &Membership) -> Result<(), Rejection> {
    let state = held.state();
    let mut rules = Rules::default();
    rules.refuse_if(
        state != MembershipState::Applied,
        Rule::NotApplied,
        &held.id,
        format_args!("there is no application to decide on: the membership is {}", state.as_str()),
    );
    rules.finish()
}

pub(super) fn suspend(
    state: &dyn State,
    slot: Slot,
    step: MembershipStep,
) -> Result<Vec<Change>, Undecided> {
    let held = find(state, &step.membership, step.etag.as_deref())?;
    let present = held.current();
    let mut rules = Rules::default();
    rules.refuse_if(
        present.state != MembershipState::Active,
        Rule::NotActive,
        &held.id,
        format_args!("the membership is {}, not active", present.state.as_str()),
    );
    rules.finish()?;
    let term = Term { state: MembershipState::Suspended, reason: step.reason, ..present.clone() };
    let suspended = with_term(held, slot, term);
    Ok(vec![change_of(ChangeKind::MembershipSuspended, step.occurred_at, suspended)])
}

pub(super) fn reinstate(
    state: &dyn State,
    slot: Slot,
    step: MembershipStep,
) -> Result<Vec<Change>, Undecided> {
    let held = find(state, &step.membership, step.etag.as_deref())?;
    let present = held.current();
    let mut rules = Rules::default();
    rules.refuse_if(
        present.state != MembershipState::Suspended,
        Rule::NotSuspended,
        &held.id,
        format_args!("the membership is {}, not suspended", present.state.as_str()),
    );
    rules.finish()?;
    let term = Term { state: MembershipState::Active, reason: step.reason, ..present.clone() };
    let reinstated = with_term(held, slot, term);
    Ok(vec![change_of(ChangeKind::MembershipReinstated, step.occurred_at, reinstated)])
}

pub(super) fn leave(
    state: &dyn State,
    slot: Slot,
    step: MembershipStep,
) -> Result<Vec<Change>, Undecided> {
    finish(state, slot, step, EndReason::Left)
}

pub(super) fn expel(
    state: &dyn State,
    slot: Slot,
    step: MembershipStep,
) -> Result<Vec<Change>, Undecided> {
    finish(state, slot, step, EndReason::Expelled)
}

fn finish(
    state: &dyn State,
    slot: Slot,
    step: MembershipStep,
    end_reason: EndReason,
) -> Result<Vec<Change>, Undecided> {
    let held = find(state, &step.membership, step.etag.as_deref())?;
    let mut rules = Rules::default();
    rules.refuse_if(
        !is_open(held.state()),
        Rule::MembershipEnded,
        &held.id,
        "the membership has ended already",
    );
    rules.finish()?;
    Ok(vec![ended_membership(held, slot, step.occurred_at, end_reason, &step.reason)])
}

/// The change that ends an open membership.
pub(super) fn ended_membership(
    held: Membership,
    slot: Slot,
    left: Option<PartialDate>,
    end_reason: EndReason,
    reason: &str,
) -> Change {
    let term = ended_term(&held, left, end_reason, reason.to_owned());
    change_of(ChangeKind::MembershipEnded, left, with_term(held, slot, term))
}

fn ended_term(
    held: &Membership,
    left: Option<PartialDate>,
    end_reason: EndReason,
    reason: String,
) -> Term {
    Term {
        state: MembershipState::Ended,
        left,
        end_reason: Some(end_reason),
        reason,
        ..held.current().clone()
    }
}

fn empty_term(state: MembershipState) -> Term {
    Term {
        state,
        class: None,
        roles: Vec::new(),
        grade: String::new(),
        representative: String::new(),
        applied: None,
        invited: None,
        charter_signed: None,
        joined: None,
        left: None,
        as_of: None,
        end_reason: None,
        reason: String::new(),
        note: String::new(),
        sources: Vec::new(),
        council_voted: None,
        readings: Vec::new(),
    }
}

/// The membership with its present term replaced.
pub(super) fn with_term(held: Membership, slot: Slot, term: Term) -> Membership {
    let mut terms = held.terms;
    terms.pop();
    terms.push(term);
    Membership { id: held.id, terms, recorded: touched(&held.recorded, slot) }
}

/// The membership with one more term, or a new one.
pub(super) fn with_new_term(
    id: MembershipId,
    held: Option<Membership>,
    slot: Slot,
    term: Term,
    rules: &mut Rules,
) -> Membership {
    let Some(held) = held else {
        return Membership { id, terms: vec![term], recorded: created(slot) };
    };
    rules.refuse_if(
        held.terms.len() >= limits::TERMS,
        Rule::LimitReached,
        &id,
        format_args!("a membership has at most {} terms", limits::TERMS),
    );
    let mut terms = held.terms;
    terms.push(term);
    Membership { id, terms, recorded: touched(&held.recorded, slot) }
}

fn find(state: &dyn State, id: &MembershipId, etag: Option<&str>) -> Result<Membership, Undecided> {
    let Some(held) = state.membership(id)? else {
        return Err(Rejection::NotFound(Target::Membership(id.clone())).into());
    };
    check_etag(etag, Some(&held.recorded))?;
    Ok(held)
}

pub(super) fn change_of(
    kind: ChangeKind,
    occurred_at: Option<PartialDate>,
    membership: Membership,
) -> Change {
    Change { kind, occurred_at, resource: Resource::Membership(Box::new(membership)) }
}
