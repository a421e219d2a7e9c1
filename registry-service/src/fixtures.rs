//! Resources and patches for the tests of this crate, read as requests are.
#![allow(clippy::unwrap_used)]

use hansa_proto::common::Source;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{
    Member, MemberPatch, MembershipState, Network, NetworkPatch, NetworkState, Term, TermPatch,
};
use hansa_proto::violation::Violations;
use prost_types::FieldMask;

fn strict<T>(parse: impl FnOnce(&mut Violations) -> Option<T>) -> T {
    let mut violations = Violations::default();
    let value = parse(&mut violations);
    violations.finish().unwrap();
    value.unwrap()
}

fn names() -> Vec<common::Name> {
    vec![common::Name { text: "A name".into(), ..common::Name::default() }]
}

/// A city network that is open.
pub(crate) fn network(id: &str) -> Network {
    let message = pb::Network {
        name: format!("networks/{id}"),
        names: names(),
        kind: pb::NetworkKind::CityNetwork as i32,
        ..pb::Network::default()
    };
    strict(|violations| Network::parse(message, "network", violations))
}

/// A Spanish municipality.
pub(crate) fn member(id: &str) -> Member {
    let message = pb::Member {
        name: format!("members/{id}"),
        names: names(),
        kind: pb::MemberKind::Municipality as i32,
        country: "ES".into(),
        ..pb::Member::default()
    };
    strict(|violations| Member::parse(message, "member", violations))
}

fn source() -> common::Source {
    common::Source { citation: "Somebody, Something, 2020".into(), ..common::Source::default() }
}

/// Somebody who says so.
pub(crate) fn strict_source() -> Source {
    strict(|violations| Source::parse(source(), "source", violations))
}

/// A sourced term; one that has ended says that it left.
pub(crate) fn term(state: MembershipState) -> Term {
    let ended = state == MembershipState::Ended;
    let message = pb::Term {
        state: state.to_pb(),
        joined: Some(common::PartialDate { year: 2001, ..Default::default() }),
        left: ended.then_some(common::PartialDate { year: 2002, ..Default::default() }),
        end_reason: if ended { pb::EndReason::Left as i32 } else { 0 },
        sources: vec![source()],
        ..pb::Term::default()
    };
    strict(|violations| Term::parse(message, "term", violations))
}

fn mask(path: &str) -> FieldMask {
    FieldMask { paths: vec![path.into()] }
}

fn network_patch(message: pb::Network, path: &str) -> NetworkPatch {
    strict(|violations| NetworkPatch::parse(message, &mask(path), "network", violations))
}

fn member_patch(message: pb::Member, path: &str) -> MemberPatch {
    strict(|violations| MemberPatch::parse(message, &mask(path), "member", violations))
}

fn term_patch(message: pb::Term, path: &str) -> TermPatch {
    strict(|violations| TermPatch::parse(message, &mask(path), "term", violations))
}

/// Another state.
pub(crate) fn network_state_patch(state: NetworkState) -> NetworkPatch {
    network_patch(pb::Network { state: state.to_pb(), ..pb::Network::default() }, "state")
}

/// Another note.
pub(crate) fn network_note_patch(note: &str) -> NetworkPatch {
    network_patch(pb::Network { note: note.into(), ..pb::Network::default() }, "note")
}

/// Another note.
pub(crate) fn member_note_patch(note: &str) -> MemberPatch {
    member_patch(pb::Member { note: note.into(), ..pb::Member::default() }, "note")
}

/// Another name.
pub(crate) fn member_name_patch(name: &str) -> MemberPatch {
    let names = vec![common::Name { text: name.into(), ..common::Name::default() }];
    member_patch(pb::Member { names, ..pb::Member::default() }, "names")
}

/// Another predecessor.
pub(crate) fn predecessor_patch(name: &str) -> MemberPatch {
    let predecessors = vec![name.into()];
    member_patch(pb::Member { predecessors, ..pb::Member::default() }, "predecessors")
}

/// Another grade.
pub(crate) fn grade_patch(grade: &str) -> TermPatch {
    term_patch(pb::Term { grade: grade.into(), ..pb::Term::default() }, "grade")
}

/// That it left in a year.
pub(crate) fn left_patch(year: i32) -> TermPatch {
    let left = Some(common::PartialDate { year, ..Default::default() });
    term_patch(pb::Term { left, ..pb::Term::default() }, "left")
}
