//! Candidates, read out of members as they are stored: of a member who joins, most of its fields say nothing
//! to the rules.

use hansa_proto::country::Country;
use hansa_proto::ids::MemberId;
use hansa_proto::pb::common::v1::PartialDate;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{MemberKind, MemberState};
use hansa_view::{Keys, ViewError};

use super::{member_key, message_at};
use crate::as_of;
use crate::domain::candidate::{Candidate, latest};

/// Of a stored `Member` the fields of these numbers, and no others.
#[derive(Clone, PartialEq, prost::Message)]
struct Stored {
    #[prost(enumeration = "pb::MemberKind", tag = "3")]
    kind: i32,
    #[prost(string, tag = "5")]
    country: String,
    #[prost(string, tag = "6")]
    m49_region: String,
    #[prost(message, repeated, tag = "9")]
    populations: Vec<Stated>,
    #[prost(enumeration = "pb::MemberState", tag = "13")]
    state: i32,
    #[prost(bool, tag = "22")]
    capital: bool,
}

/// Of a stored `Population` likewise.
#[derive(Clone, PartialEq, prost::Message)]
struct Stated {
    #[prost(int64, tag = "1")]
    count: i64,
    #[prost(message, optional, tag = "2")]
    as_of: Option<PartialDate>,
}

/// The member of this id, as a candidate.
pub(super) fn candidate(keys: &dyn Keys, id: &MemberId) -> Result<Option<Candidate>, ViewError> {
    let stored = message_at::<Stored>(keys, &member_key(id))?;
    stored.map(|stored| read(id, stored)).transpose()
}

fn read(id: &MemberId, stored: Stored) -> Result<Candidate, ViewError> {
    let unreadable = |field| ViewError::Value(format!("{id} has a {field} that is not known"));
    let country = match stored.country.as_str() {
        "" => None,
        code => Some(Country::parse(code).map_err(|_| unreadable("country"))?),
    };
    let populations = stored.populations.iter();
    Ok(Candidate {
        id: id.clone(),
        kind: MemberKind::from_pb(stored.kind).ok_or_else(|| unreadable("kind"))?,
        country,
        capital: stored.capital,
        population: latest(populations.map(|it| (as_of::date(it.as_of.as_ref()), it.count))),
        state: MemberState::from_pb(stored.state).ok_or_else(|| unreadable("state"))?,
        m49_region: stored.m49_region,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use hansa_proto::registry::{Member, Population};
    use prost::Message;

    use super::*;
    use crate::fixtures;

    fn stated(year: Option<i32>, count: i64) -> Population {
        let date = year.map(|year| PartialDate { year, ..Default::default() });
        Population { count, as_of: as_of::date(date.as_ref()), sources: Vec::new() }
    }

    /// Everything a candidate is made of, and some of what it is not made of.
    fn members() -> Vec<Member> {
        let usual = fixtures::member("m");
        let populations = vec![stated(None, 1), stated(Some(2020), 7), stated(Some(2011), 9)];
        let capital = Member { capital: true, populations, ..usual.clone() };
        let region = Member {
            kind: MemberKind::Region,
            country: None,
            m49_region: "150".into(),
            m49_subregion: "039".into(),
            note: "somewhere".into(),
            ..usual.clone()
        };
        let retired = Member { state: MemberState::Retired, ..usual.clone() };
        vec![usual, capital, region, retired]
    }

    #[test]
    fn what_is_stored_makes_the_same_candidate() {
        for member in members() {
            let stored = Stored::decode(member.to_pb().encode_to_vec().as_slice()).unwrap();
            assert_eq!(read(&member.id, stored).unwrap(), Candidate::of(member));
        }
    }

    #[test]
    fn what_nobody_stored_is_an_error() {
        let damaged = [
            pb::Member { kind: 99, ..fixtures::member("m").to_pb() },
            pb::Member { state: 99, ..fixtures::member("m").to_pb() },
            pb::Member { country: "xx".into(), ..fixtures::member("m").to_pb() },
        ];
        for member in damaged {
            let stored = Stored::decode(member.encode_to_vec().as_slice()).unwrap();
            assert!(read(&fixtures::member("m").id, stored).is_err(), "{member:?}");
        }
    }
}
