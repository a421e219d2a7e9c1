//! Effective time: who belonged on a day, as far as the dates held say, and how a network stood then.
//!
//! A term is a stay from the day it joined to the day before it left. Dates are intervals of days: a
//! year may be any day of it, a missing date any day at all. The day asked for may itself be a month or
//! a year, and then means any day in it. Whoever belonged whichever days the dates turn out to be,
//! belonged for CERTAIN; whoever belonged for some of them, POSSIBLY. What a source states for a date
//! (`as_of` of the term) says that it belonged then: it had joined by that date, and had not left. Where
//! that contradicts the other dates, it holds for the date itself only.

use hansa_proto::date::PartialDate;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{EndReason, MembershipState, NetworkState};
use hansa_proto::violation::Violations;

/// A date of a stored message; what does not read counts as not known.
pub(crate) fn date(
    message: Option<&hansa_proto::pb::common::v1::PartialDate>,
) -> Option<PartialDate> {
    PartialDate::parse(*message?, "date", &mut Violations::default())
}

/// Whether a term's member belonged on some day of the date asked for; `None`: it did not.
pub(crate) fn certainty(term: &pb::Term, asked: PartialDate) -> Option<pb::Certainty> {
    let state = MembershipState::from_pb(term.state)?;
    let never_belonged = match state {
        MembershipState::Applied | MembershipState::Invited => true,
        MembershipState::Active | MembershipState::Suspended => false,
        MembershipState::Ended => EndReason::from_pb(term.end_reason) == Some(EndReason::Rejected),
    };
    if never_belonged {
        return None;
    }
    let stay = Stay {
        joined: date(term.joined.as_ref()),
        asked_to_join: date(term.applied.as_ref())
            .into_iter()
            .chain(date(term.invited.as_ref()))
            .max(),
        left: date(term.left.as_ref()),
        ended: state == MembershipState::Ended,
        seen: date(term.as_of.as_ref()),
    };
    match (stay.certainly(asked), stay.possibly(asked)) {
        (true, _) => Some(pb::Certainty::Certain),
        (false, true) => Some(pb::Certainty::Possible),
        (false, false) => None,
    }
}

/// What the dates of a term say of its stay.
struct Stay {
    joined: Option<PartialDate>,
    asked_to_join: Option<PartialDate>,
    left: Option<PartialDate>,
    ended: bool,
    seen: Option<PartialDate>,
}

impl Stay {
    fn certainly(&self, asked: PartialDate) -> bool {
        let seen_then = self.seen.is_some_and(|seen| {
            asked.earliest() <= seen.earliest() && seen.latest() <= asked.latest()
        });
        seen_then || (self.surely_joined(asked) && self.surely_still(asked))
    }

    /// Whatever the dates turn out to be, it had joined by the last day asked for.
    fn surely_joined(&self, asked: PartialDate) -> bool {
        let by = |date: PartialDate| date.latest() <= asked.latest();
        let agrees = |seen: &PartialDate| {
            self.joined.is_none_or(|joined| joined.earliest() <= seen.latest())
        };
        self.joined.is_some_and(by) || self.seen.filter(agrees).is_some_and(by)
    }

    /// Whatever the dates turn out to be, it had not left before the first day asked for was over.
    fn surely_still(&self, asked: PartialDate) -> bool {
        let first = asked.earliest();
        let agrees =
            |seen: &PartialDate| self.left.is_none_or(|left| left.latest() >= seen.earliest());
        !self.ended
            || self.left.is_some_and(|left| left.earliest() > first)
            || self.seen.filter(agrees).is_some_and(|seen| seen.earliest() >= first)
    }

    fn possibly(&self, asked: PartialDate) -> bool {
        let seen_then = self.seen.is_some_and(|seen| {
            seen.earliest() <= asked.latest() && asked.earliest() <= seen.latest()
        });
        let since = self.joined.or(self.asked_to_join);
        let had_joined = since.is_none_or(|since| since.earliest() <= asked.latest());
        let had_not_left = self.left.is_none_or(|left| left.latest() > asked.earliest());
        seen_then || (had_joined && had_not_left)
    }
}

/// The membership with only the terms of that day, its state that of the last of them; `None` when there
/// is none.
pub(crate) fn membership(membership: pb::Membership, asked: PartialDate) -> Option<pb::Membership> {
    let terms: Vec<pb::Term> = membership
        .terms
        .into_iter()
        .filter_map(|term| {
            let certainty = certainty(&term, asked)?.into();
            Some(pb::Term { certainty, ..term })
        })
        .collect();
    let state = terms.last()?.state;
    Some(pb::Membership { terms, state, ..membership })
}

/// The network as it stood on the last day of the date asked for, its members not counted yet; `None`
/// when it was not founded.
pub(crate) fn network(network: pb::Network, asked: PartialDate) -> Option<pb::Network> {
    let day = asked.latest();
    if date(network.founded.as_ref()).is_some_and(|founded| founded.earliest() > day) {
        return None;
    }
    let over = matches!(
        NetworkState::from_pb(network.state),
        Some(NetworkState::Ended | NetworkState::Merged)
    );
    let not_yet = date(network.ended.as_ref()).is_some_and(|ended| ended.latest() > day);
    let state = if over && not_yet { NetworkState::Active.to_pb() } else { network.state };
    Some(pb::Network { state, ..network })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use MembershipState::{Active, Applied, Ended, Invited, Suspended};

    use super::*;

    fn day(text: &str) -> Option<hansa_proto::pb::common::v1::PartialDate> {
        (!text.is_empty()).then(|| text.parse::<PartialDate>().unwrap().to_pb())
    }

    #[test]
    fn certainty_of_partial_dates() {
        // state, joined, left, as of; asked; certain, possible or no
        let cases = [
            (Active, "2010-05-03", "", "", "2010-05-03", "certain"),
            (Active, "2010-05-03", "", "", "2010-05-02", "no"),
            (Active, "2010-05-03", "", "", "2010-05", "certain"),
            (Active, "2010-05-03", "", "", "2024-01-01", "certain"),
            (Suspended, "2010", "", "", "2011-01-01", "certain"),
            (Active, "2010", "", "", "2010-12-31", "certain"),
            (Active, "2010", "", "", "2010-12-30", "possible"),
            (Active, "2010", "", "", "2010", "certain"),
            (Active, "2010", "", "", "2009-12-31", "no"),
            (Active, "2010-03..2012", "", "", "2010-02-28", "no"),
            (Active, "2010-03..2012", "", "", "2011", "possible"),
            (Active, "2010-03..2012", "", "", "2012", "certain"),
            (Active, "", "", "", "1990", "possible"),
            (Active, "", "", "2017", "2017", "certain"),
            (Active, "", "", "2017", "2017-06-01", "possible"),
            (Active, "", "", "2017", "2018-01-01", "certain"),
            (Active, "", "", "2017", "2016", "possible"),
            (Ended, "2010-05-03", "2015-02-01", "", "2015-01-31", "certain"),
            (Ended, "2010-05-03", "2015-02-01", "", "2015-02-01", "no"),
            (Ended, "2010-05-03", "2015-02-01", "", "2015", "certain"),
            (Ended, "2010-05-03", "2015", "", "2014-12-31", "certain"),
            (Ended, "2010-05-03", "2015", "", "2015-01-01", "possible"),
            (Ended, "2010-05-03", "2015", "", "2015-12-31", "no"),
            (Ended, "2010-05-03", "2015..2017-03", "", "2017-03-30", "possible"),
            (Ended, "2010-05-03", "2015..2017-03", "", "2017-04", "no"),
            (Ended, "2010", "", "", "2010-01-01", "possible"),
            (Ended, "2010", "", "", "2030", "possible"),
            (Ended, "2010", "", "2013", "2012", "certain"),
            (Ended, "2010", "", "2013", "2013", "certain"),
            (Ended, "2010", "", "2013", "2014", "possible"),
            (Ended, "", "2015", "", "1990", "possible"),
            (Ended, "", "2015", "", "2016", "no"),
            (Ended, "", "", "2013-05-05", "2013-05-05", "certain"),
            (Ended, "", "", "2013-05-05", "2013-05-06", "possible"),
            // Sources contradict each other: what was seen then was so.
            (Active, "2015", "", "2012", "2012", "certain"),
            (Ended, "2010", "2011", "2013", "2013-01-01", "possible"),
            (Ended, "2010", "2011", "2013", "2012", "no"),
            (Active, "2015", "", "2012", "2013", "no"),
            (Applied, "", "", "2013", "2013", "no"),
            (Invited, "", "", "2013", "2013", "no"),
        ];
        for (state, joined, left, seen, asked, expected) in cases {
            let term = pb::Term {
                state: state.to_pb(),
                joined: day(joined),
                left: day(left),
                as_of: day(seen),
                ..pb::Term::default()
            };
            let found = match certainty(&term, asked.parse().unwrap()) {
                Some(pb::Certainty::Certain) => "certain",
                Some(_) => "possible",
                None => "no",
            };
            assert_eq!(found, expected, "{state} {joined}..{left} seen {seen} asked {asked}");
        }
    }

    #[test]
    fn nobody_belongs_before_asking_nor_when_rejected() {
        let term = pb::Term {
            state: Active.to_pb(),
            applied: day("2012"),
            invited: day("2013-02"),
            ..pb::Term::default()
        };
        assert_eq!(certainty(&term, "2013-01".parse().unwrap()), None);
        let possible = certainty(&term, "2013-02-03".parse().unwrap());
        assert_eq!(possible, Some(pb::Certainty::Possible));
        let rejected = pb::Term {
            state: Ended.to_pb(),
            end_reason: EndReason::Rejected.to_pb(),
            ..pb::Term::default()
        };
        assert_eq!(certainty(&rejected, "2013".parse().unwrap()), None);
    }

    #[test]
    fn a_network_stands_as_its_dates_say() {
        let state_on = |asked: &str| {
            let held = pb::Network {
                state: NetworkState::Ended.to_pb(),
                founded: day("2001-03"),
                ended: day("2010"),
                ..pb::Network::default()
            };
            network(held, asked.parse().unwrap()).map(|it| NetworkState::from_pb(it.state).unwrap())
        };
        assert_eq!(state_on("2001-02"), None);
        assert_eq!(state_on("2001"), Some(NetworkState::Active));
        assert_eq!(state_on("2010-12-30"), Some(NetworkState::Active));
        assert_eq!(state_on("2010"), Some(NetworkState::Ended));
    }
}
