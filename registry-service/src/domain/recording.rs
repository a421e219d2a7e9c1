//! Recording what a source states: a term as it is stated, outside the admission rules, and the steps
//! it must have gone through.

use hansa_journal::Slot;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::MembershipId;
use hansa_proto::registry::{ChangeKind, EndReason, MemberState, MembershipState, Term};

use super::membership::{change_of, check_end, check_not_yet_a_member, with_new_term, with_term};
use super::{Change, Rule, Rules, State, Undecided};
use super::{candidate, check_etag, is_open, network};

/// Record a term that a source states.
#[derive(Clone, Debug)]
pub(crate) struct RecordMembership {
    /// Who belongs to what.
    pub(crate) membership: MembershipId,
    /// The term as stated.
    pub(crate) term: Term,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

pub(super) fn record(
    state: &dyn State,
    slot: Slot,
    record: RecordMembership,
) -> Result<Vec<Change>, Undecided> {
    let network = network::find(state, &record.membership.network)?;
    let member = candidate::find(state, &record.membership.member)?;
    let held = state.membership(&record.membership)?;
    check_etag(record.etag.as_deref(), held.as_ref().map(|held| &held.recorded))?;

    let present = held.as_ref().map(|held| held.state());
    let open = is_open(record.term.state);
    let mut rules = Rules::default();
    rules.refuse_if(
        record.term.sources.is_empty(),
        Rule::SourceMissing,
        &record.membership,
        "a recorded membership needs a source",
    );
    rules.refuse_if(
        open && network::has_ended(&network),
        Rule::NetworkEnded,
        &network.id,
        "the network has ended: only a term that has ended can be recorded",
    );
    rules.refuse_if(
        open && member.state == MemberState::Retired,
        Rule::MemberRetired,
        &member.id,
        "the member is retired: only a term that has ended can be recorded",
    );
    check_end(&record.membership, &record.term, &mut rules);
    check_not_yet_a_member(&record.membership, present, false, &mut rules);
    let steps = steps_of(record.term);
    let first = with_new_term(record.membership, held, slot, steps.first.term, &mut rules);
    rules.finish()?;

    let mut changes = vec![change_of(steps.first.kind, steps.first.occurred_at, first.clone())];
    if let Some(second) = steps.second {
        let last = with_term(first, slot, second.term);
        changes.push(change_of(second.kind, second.occurred_at, last));
    }
    Ok(changes)
}

/// What a recorded term tells, in order.
struct Steps {
    first: Step,
    second: Option<Step>,
}

struct Step {
    kind: ChangeKind,
    occurred_at: Option<PartialDate>,
    term: Term,
}

/// A recorded term as the steps it must have gone through.
fn steps_of(term: Term) -> Steps {
    let step = |kind, occurred_at, term| Step { kind, occurred_at, term };
    match term.state {
        MembershipState::Applied => {
            Steps { first: step(ChangeKind::MembershipApplied, term.applied, term), second: None }
        }
        MembershipState::Invited => {
            Steps { first: step(ChangeKind::MembershipInvited, term.invited, term), second: None }
        }
        MembershipState::Active => {
            Steps { first: step(ChangeKind::MembershipJoined, term.joined, term), second: None }
        }
        MembershipState::Suspended => {
            let before =
                Term { state: MembershipState::Active, reason: String::new(), ..term.clone() };
            Steps {
                first: step(ChangeKind::MembershipJoined, term.joined, before),
                second: Some(step(ChangeKind::MembershipSuspended, None, term)),
            }
        }
        MembershipState::Ended => ended_steps(term),
    }
}

fn ended_steps(term: Term) -> Steps {
    let before = Term { left: None, end_reason: None, reason: String::new(), ..term.clone() };
    let (first, second) = match term.end_reason {
        Some(EndReason::Rejected) => (
            Step {
                kind: ChangeKind::MembershipApplied,
                occurred_at: term.applied,
                term: Term { state: MembershipState::Applied, ..before },
            },
            ChangeKind::MembershipRejected,
        ),
        _ => (
            Step {
                kind: ChangeKind::MembershipJoined,
                occurred_at: term.joined,
                term: Term { state: MembershipState::Active, ..before },
            },
            ChangeKind::MembershipEnded,
        ),
    };
    Steps { first, second: Some(Step { kind: second, occurred_at: term.left, term }) }
}
