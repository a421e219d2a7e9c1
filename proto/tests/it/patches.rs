//! A patch changes what its mask names and nothing else, and looks at nothing else.

use hansa_proto::registry::{
    Member, MemberPatch, Network, NetworkPatch, NetworkState, Term, TermPatch,
};
use hansa_proto::violation::Violations;
use proptest::prelude::*;
use prost_types::FieldMask;

use crate::strategies as any;
use crate::violations::{name, network};

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() }
}

/// The problem of a mask that is refused as a whole.
fn refused_mask(paths: &[&str]) -> Vec<String> {
    let mut violations = Violations::default();
    assert!(NetworkPatch::parse(network(), &mask(paths), "network", &mut violations).is_none());
    let violations = violations.into_vec();
    assert!(violations.iter().all(|violation| violation.field == "update_mask"));
    violations.into_iter().map(|violation| violation.problem).collect()
}

#[test]
fn masks_name_fields_that_can_change() {
    assert_eq!(refused_mask(&[]).len(), 1);
    for forbidden in [
        "name",
        "ended",
        "relations",
        "etag",
        "active_member_count",
        "created_at",
        "names.text",
        "*",
    ] {
        let problems = refused_mask(&["themes", forbidden]);
        assert_eq!(problems.len(), 1, "{forbidden}");
        assert!(problems[0].contains("names, kind, kind_stated"), "{}", problems[0]);
    }
    assert!(!MemberPatch::FIELDS.contains(&"state") && !MemberPatch::FIELDS.contains(&"retired"));
    for forbidden in ["state", "end_reason", "reason"] {
        assert!(!TermPatch::FIELDS.contains(&forbidden));
    }
}

#[test]
fn only_masked_fields_are_checked() {
    let mut message = network();
    message.name = "junk".to_owned();
    message.names.clear();
    message.kind = 99;
    message.note = "new".to_owned();
    let mut violations = Violations::default();
    let parse = |paths: &[&str], violations: &mut Violations| {
        NetworkPatch::parse(message.clone(), &mask(paths), "network", violations)
    };
    let patch = parse(&["note", "note"], &mut violations).unwrap();
    assert!(violations.is_empty());
    assert_eq!(patch.fields(), ["note"]);

    assert!(parse(&["note", "kind", "names"], &mut violations).is_none());
    let fields: Vec<String> = violations.into_vec().into_iter().map(|one| one.field).collect();
    assert_eq!(fields, ["network.names", "network.kind"]);
}

#[test]
fn states_of_networks_change_only_among_the_living() {
    for (state, allowed) in [(1, true), (2, true), (3, true), (4, false), (5, false)] {
        let mut message = network();
        message.state = state;
        let mut violations = Violations::default();
        let patch = NetworkPatch::parse(message, &mask(&["state"]), "network", &mut violations);
        assert_eq!(patch.is_some(), allowed, "{state}");
        assert_eq!(violations.is_empty(), allowed);
    }
}

#[test]
fn what_is_masked_and_empty_is_cleared() {
    let mut message = network();
    message.note = "old".to_owned();
    message.state = 3;
    let stored = Network::from_stored(message).unwrap();
    let mut violations = Violations::default();
    let empty = Default::default();
    let patch =
        NetworkPatch::parse(empty, &mask(&["note", "state"]), "network", &mut violations).unwrap();
    let patched = stored.patched(&patch);
    assert_eq!((patched.note.as_str(), patched.state), ("", NetworkState::Active));
    assert_eq!(patched.names[0].text, name("ANVITA").text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// All fields at once: what may change is the other's, the rest stays.
    #[test]
    fn a_whole_patch_changes_all_it_may(ours in any::network(), other in any::network()) {
        let mut violations = Violations::default();
        let mut message = other.to_pb(0);
        message.state = NetworkState::Dormant.to_pb();
        let patch =
            NetworkPatch::parse(message, &mask(NetworkPatch::FIELDS), "", &mut violations).unwrap();
        let expected = Network {
            id: ours.id.clone(),
            ended: ours.ended,
            relations: ours.relations.clone(),
            recorded: ours.recorded,
            state: NetworkState::Dormant,
            ..other
        };
        prop_assert_eq!(ours.patched(&patch), expected);
    }

    #[test]
    fn a_member_keeps_its_name_and_life(ours in any::member(), other in any::member()) {
        let mut violations = Violations::default();
        let mask = mask(MemberPatch::FIELDS);
        let patch = MemberPatch::parse(other.to_pb(), &mask, "", &mut violations).unwrap();
        let expected = Member {
            id: ours.id.clone(),
            state: ours.state,
            retired: ours.retired,
            recorded: ours.recorded,
            ..other
        };
        prop_assert_eq!(ours.patched(&patch), expected);
    }

    #[test]
    fn a_term_keeps_its_state_and_reasons(ours in any::term(), other in any::term()) {
        let mut violations = Violations::default();
        let mask = mask(TermPatch::FIELDS);
        let patch = TermPatch::parse(other.to_pb(), &mask, "", &mut violations).unwrap();
        let expected = Term {
            state: ours.state,
            end_reason: ours.end_reason,
            reason: ours.reason.clone(),
            ..other
        };
        prop_assert_eq!(ours.patched(&patch), expected);
    }

    /// One field changes one field.
    #[test]
    fn each_field_changes_alone(ours in any::member(), other in any::member(), pick in any::<prop::sample::Index>()) {
        let field = MemberPatch::FIELDS[pick.index(MemberPatch::FIELDS.len())];
        let mut violations = Violations::default();
        let patch =
            MemberPatch::parse(other.to_pb(), &mask(&[field]), "", &mut violations).unwrap();
        let patched = ours.patched(&patch);
        let back = MemberPatch::parse(ours.to_pb(), &mask(&[field]), "", &mut violations).unwrap();
        prop_assert_eq!(patched.patched(&back), ours);
    }
}
