//! What the rules of membership ask of a member: a few of its fields, where a member has many.

use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::MemberId;
use hansa_proto::registry::{Member, MemberKind, MemberState};

use super::{Rejection, State, Target, Undecided};

/// A member who comes into question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// Its name.
    pub(crate) id: MemberId,
    /// What it is.
    pub(crate) kind: MemberKind,
    /// Its country; none when it belongs to none.
    pub(crate) country: Option<Country>,
    /// UN M49 code of its continent; empty when not known.
    pub(crate) m49_region: String,
    /// Whether it is the capital of its country.
    pub(crate) capital: bool,
    /// How many people live there by the latest statement; none when not known.
    pub(crate) population: Option<i64>,
    /// Where it is in its life.
    pub(crate) state: MemberState,
}

impl Candidate {
    /// Of all that is known of the member.
    pub(crate) fn of(member: Member) -> Candidate {
        let populations = member.populations.iter();
        let population = latest(populations.map(|stated| (stated.as_of, stated.count)));
        let Member { id, kind, country, m49_region, capital, state, .. } = member;
        Candidate { id, kind, country, m49_region, capital, population, state }
    }
}

/// The population stated for the latest date; the last one stated where dates are equal.
pub(crate) fn latest(populations: impl Iterator<Item = (Option<PartialDate>, i64)>) -> Option<i64> {
    populations.max_by_key(|(as_of, _)| *as_of).map(|(_, count)| count)
}

pub(super) fn find(state: &dyn State, id: &MemberId) -> Result<Candidate, Undecided> {
    let found = state.candidate(id)?;
    found.ok_or_else(|| Rejection::NotFound(Target::Member(id.clone())).into())
}
