//! Stored bytes of every kind of change, as they have been since they were first written.
#![allow(clippy::unwrap_used)]

use hansa_journal::Position;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::registry::{ChangeKind, MembershipState, Recorded};
use hansa_proto::violation::Violations;

use super::*;
use crate::fixtures;

/// One line for each kind of change: the kind, the meta and the body, hexadecimal.
const STORED: &str = include_str!("commits.hex");

fn recorded() -> Recorded {
    Recorded {
        created_position: 3,
        updated_position: 300,
        created_at_micros: 1_600_000_000_000_001,
        updated_at_micros: 1_700_000_000_123_456,
    }
}

fn change(kind: ChangeKind) -> Change {
    let occurred_at: PartialDate = "2018-09".parse().unwrap();
    let resource = match kind {
        ChangeKind::NetworkCreated
        | ChangeKind::NetworkUpdated
        | ChangeKind::NetworkRelated
        | ChangeKind::NetworkEnded => {
            let network = Network { recorded: recorded(), ..fixtures::network("anvita") };
            Resource::Network(Box::new(network))
        }
        ChangeKind::MemberCreated | ChangeKind::MemberUpdated | ChangeKind::MemberRetired => {
            let member = Member { recorded: recorded(), ..fixtures::member("es-madrid") };
            Resource::Member(Box::new(member))
        }
        ChangeKind::MembershipApplied => held(MembershipState::Applied),
        ChangeKind::MembershipInvited => held(MembershipState::Invited),
        ChangeKind::MembershipJoined
        | ChangeKind::MembershipChanged
        | ChangeKind::MembershipReinstated => held(MembershipState::Active),
        ChangeKind::MembershipSuspended => held(MembershipState::Suspended),
        ChangeKind::MembershipRejected | ChangeKind::MembershipEnded => {
            held(MembershipState::Ended)
        }
    };
    Change { kind, occurred_at: Some(occurred_at), resource }
}

fn held(state: MembershipState) -> Resource {
    let id = MembershipId {
        network: NetworkId::from_id("anvita").unwrap(),
        member: MemberId::from_id("es-madrid").unwrap(),
    };
    let terms = vec![fixtures::term(state)];
    Resource::Membership(Box::new(Membership { id, terms, recorded: recorded() }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn line(kind: ChangeKind) -> String {
    let request_id = RequestId::parse("request-1").unwrap();
    let slot = Slot { position: Position::new(300), recorded_at_micros: 1_700_000_000_123_456 };
    let mut changes = vec![change_to_pb(&change(kind), 7)];
    let meta = Meta {
        request_id: request_id.to_string(),
        payload_hash: Bytes::from_static(&[0xab; 32]),
        answer_index: 0,
        items: Vec::new(),
    };
    let body = body(slot, "anonymous", Some(&request_id), &mut changes);
    assert_eq!(changes, [change_to_pb(&change(kind), 7)], "they are only lent");
    format!("{kind} {} {}", hex(&meta.to_bytes()), hex(&body))
}

#[test]
fn what_is_written_is_what_was_always_written() {
    let written: Vec<String> = ChangeKind::ALL.iter().map(|kind| line(*kind)).collect();
    let stored: Vec<&str> = STORED.lines().collect();
    assert_eq!(written, stored, "the stored form of a commit has changed");
}

#[test]
fn what_was_always_written_is_still_read() {
    assert_eq!(STORED.lines().count(), ChangeKind::ALL.len());
    for line in STORED.lines() {
        let [kind, meta, body] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("three words a line: {line}")
        };
        let kind: ChangeKind = kind.parse().unwrap();
        assert_eq!(changes(&unhex(body)).unwrap(), [change(kind)]);
        let meta = Meta::from_bytes(&unhex(meta)).unwrap();
        assert_eq!((meta.request_id.as_str(), meta.answer_index), ("request-1", 0));
        assert_eq!(meta.payload_hash, [0xab; 32].as_slice());
    }
}

#[test]
fn a_chain_value_appended_to_stored_bytes_is_what_a_watcher_receives() {
    let body = unhex(STORED.lines().next().unwrap().rsplit(' ').next().unwrap());
    let stored = Commit {
        position: Position::new(300),
        chain: hansa_journal::Chain::from_bytes([5; 32]),
        recorded_at_micros: 0,
        meta: Bytes::new(),
        body: Bytes::from(body.clone()),
    };
    let mut appended = body;
    assert!(framing(&stored.stored(), &mut appended));
    let decoded = pb::WatchChangesResponse::decode(appended.as_slice()).unwrap();
    assert_eq!(watched(&stored).unwrap(), decoded);
}

#[test]
fn bytes_of_nobody_are_refused() {
    for junk in [&b""[..], b"\x02", b"\x01\xff"] {
        assert!(Meta::from_bytes(junk).is_err(), "{junk:?}");
    }
    assert!(changes(b"\xff").is_err());
    assert!(changes(b"").is_err());
}

#[test]
fn a_time_before_1970_has_positive_nanoseconds() {
    assert_eq!(timestamp(-1), prost_types::Timestamp { seconds: -1, nanos: 999_999_000 });
    assert_eq!(timestamp(1_500_000), prost_types::Timestamp { seconds: 1, nanos: 500_000_000 });
}

/// The changes of a stored commit.
fn changes(body: &[u8]) -> Result<Vec<Change>, CodecError> {
    commit(body)?.changes.into_iter().map(change_from_pb).collect()
}

fn change_from_pb(change: pb::Change) -> Result<Change, CodecError> {
    let kind = ChangeKind::from_pb(change.kind)
        .ok_or_else(|| CodecError::new("a change", format!("kind {} is unknown", change.kind)))?;
    let mut violations = Violations::default();
    let occurred_at = change
        .occurred_at
        .and_then(|date| PartialDate::parse(date, "occurred_at", &mut violations));
    violations.finish().map_err(|error| CodecError::new("a change", error))?;
    let resource = match change.resource {
        Some(pb::change::Resource::Network(network)) => {
            Resource::Network(Box::new(network_from_pb(*network)?))
        }
        Some(pb::change::Resource::Member(member)) => {
            Resource::Member(Box::new(member_from_pb(*member)?))
        }
        Some(pb::change::Resource::Membership(membership)) => {
            Resource::Membership(Box::new(membership_from_pb(membership)?))
        }
        None => return Err(CodecError::new("a change", "it holds no resource")),
    };
    Ok(Change { kind, occurred_at, resource })
}
