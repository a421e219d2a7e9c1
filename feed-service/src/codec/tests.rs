//! Golden bytes: what was stored once can be read for ever, and is written the same.
#![allow(clippy::unwrap_used)]

use hansa_proto::country::Country;
use hansa_proto::feed::{
    Campaign, CampaignKind, CampaignState, EventKind, Participation, Recorded, Signature,
    Statement, StatementKind, StatementState,
};
use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId};
use hansa_proto::pb::registry::v1 as registry;
use hansa_proto::registry::{Member, Membership, Network};

use super::*;

/// One line for each kind: its word, the body and the meta of a commit with one such event, in hex.
/// Lines are only ever added.
const GOLDEN: &str = include_str!("golden.txt");

const SLOT: Slot = Slot { position: Position::new(5), recorded_at_micros: 1_700_000_000_000_001 };

fn identity() -> JournalId {
    JournalId::from_bytes([1; 16])
}

fn meta() -> CommitMeta {
    CommitMeta {
        answered: Some(Answered {
            request_id: RequestId::parse("request").unwrap(),
            payload_hash: [2; 32],
            event_index: 3,
        }),
        followed: Some(Followed {
            position: Position::new(4),
            chain: Chain::from_bytes([5; 32]),
            identity: JournalId::from_bytes([6; 16]),
        }),
        ..CommitMeta::default()
    }
}

fn body_of(kind: EventKind) -> Body {
    use EventKind::*;
    let recorded = Recorded {
        created_position: 5,
        updated_position: 5,
        created_at_micros: SLOT.recorded_at_micros,
        updated_at_micros: SLOT.recorded_at_micros,
    };
    let name = |text: &str| hansa_proto::pb::common::v1::Name {
        text: text.to_owned(),
        ..Default::default()
    };
    let member = MemberId::from_id("m").unwrap();
    match kind {
        NetworkFounded | NetworkUpdated | NetworkRelated | NetworkEnded => {
            let network = registry::Network {
                name: "networks/n".to_owned(),
                names: vec![name("Network")],
                kind: 1,
                state: 2,
                ..Default::default()
            };
            Body::Network(Box::new(Network::from_stored(network).unwrap()), 7)
        }
        MemberRecorded | MemberUpdated | MemberRetired => {
            let member = registry::Member {
                name: "members/m".to_owned(),
                names: vec![name("Member")],
                kind: 1,
                country: "ES".to_owned(),
                state: 1,
                ..Default::default()
            };
            Body::Member(Box::new(Member::from_stored(member).unwrap()))
        }
        Applied | Invited | Joined | Rejected | MembershipChanged | Suspended | Reinstated
        | Left => {
            let membership = registry::Membership {
                name: "networks/n/memberships/m".to_owned(),
                network: "networks/n".to_owned(),
                member: "members/m".to_owned(),
                state: 3,
                terms: vec![registry::Term { state: 3, ..Default::default() }],
                ..Default::default()
            };
            Body::Membership(Box::new(Membership::from_stored(membership).unwrap()))
        }
        StatementPublished | StatementCorrected | StatementRetracted | StatementEffective
        | StatementRedacted => {
            let redacted = kind == StatementRedacted;
            let statement = hansa_proto::pb::feed::v1::Statement {
                name: "statements/s".to_owned(),
                kind: StatementKind::Declaration.to_pb(),
                title: if redacted { String::new() } else { "Title".to_owned() },
                state: StatementState::Published.to_pb(),
                redacted_position: if redacted { 5 } else { 0 },
                legal_ground: if redacted { "A ground".to_owned() } else { String::new() },
                content_sha256: if redacted { vec![9; 32].into() } else { Bytes::new() },
                effective_threshold: if kind == StatementEffective { 8 } else { 0 },
                effective: kind == StatementEffective,
                ..Default::default()
            };
            let statement = Statement::from_stored(statement).unwrap();
            Body::Statement(Box::new(Statement { recorded, ..statement }), 8)
        }
        StatementSigned => Body::Signature(Signature {
            statement: StatementId::from_id("s").unwrap(),
            member,
            representative: "Mayor".to_owned(),
            signed: None,
            position: 5,
        }),
        CampaignLaunched
        | CampaignMilestone
        | CampaignEnded
        | CampaignLeadsChanged
        | CampaignEvaluated
        | CampaignHandedOver
        | CampaignStatementAttached => {
            let campaign = hansa_proto::pb::feed::v1::Campaign {
                name: "campaigns/c".to_owned(),
                kind: CampaignKind::Front.to_pb(),
                title: "Title".to_owned(),
                state: CampaignState::Active.to_pb(),
                ..Default::default()
            };
            let campaign = what_is_new(kind, campaign);
            let campaign = Campaign::from_stored(campaign).unwrap();
            Body::Campaign(Box::new(Campaign { recorded, ..campaign }), 9)
        }
        CampaignJoined | CampaignLeft => Body::Participation(Participation {
            campaign: CampaignId::from_id("c").unwrap(),
            member,
            joined: None,
            left: None,
            active: kind == CampaignJoined,
            position: 5,
        }),
    }
}

/// What a campaign has that is told by this kind of event alone.
fn what_is_new(
    kind: EventKind,
    campaign: hansa_proto::pb::feed::v1::Campaign,
) -> hansa_proto::pb::feed::v1::Campaign {
    let mut campaign = campaign;
    match kind {
        EventKind::CampaignLeadsChanged => campaign.leads = vec!["members/m".to_owned()],
        EventKind::CampaignEvaluated => {
            let summary = "Well".to_owned();
            campaign.evaluations = vec![pb::Evaluation { summary, ..Default::default() }];
        }
        EventKind::CampaignHandedOver => {
            let from_network = "networks/before".to_owned();
            campaign.handovers =
                vec![pb::Handover { from_network, occurred_at: None, position: 5 }];
        }
        EventKind::CampaignStatementAttached => {
            campaign.statements = vec!["statements/s".to_owned()];
        }
        _ => {}
    }
    campaign
}

fn commit_of(kind: EventKind) -> (Vec<pb::Event>, Draft) {
    let event = NewEvent {
        kind,
        network: Some(NetworkId::from_id("n").unwrap()),
        members: vec![MemberId::from_id("m").unwrap()],
        countries: vec![Country::parse("ES").unwrap()],
        themes: vec!["Housing".to_owned()],
        campaign: Some(CampaignId::from_id("c").unwrap()),
        occurred_at: Some("2018-09".parse().unwrap()),
        former: Former::default(),
        body: body_of(kind),
    };
    let origin = Origin { principal: "anonymous", request_id: "request", registry_position: 4 };
    let events = place(SLOT, &origin, vec![event]);
    let draft = encode(identity(), SLOT, &events, &meta());
    (events, draft)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_kind_is_written_as_it_always_was() {
    let lines = EventKind::ALL.iter().map(|kind| {
        let (_, draft) = commit_of(*kind);
        format!("{kind} {} {}\n", hex(&draft.body), hex(&draft.meta))
    });
    assert_eq!(lines.collect::<String>(), GOLDEN);
}

/// A commit holds what is to stand in its place, however little it says and whenever that is.
#[test]
fn what_remains_of_a_commit_fits_in_its_place() {
    // From titles that are shorter than what takes their place to those that certainly are not.
    for title in (1..=200).map(|letters| "Q".repeat(letters)) {
        let mut events = commit_of(EventKind::StatementCorrected).0;
        events.extend(commit_of(EventKind::StatementSigned).0);
        events.extend(commit_of(EventKind::StatementPublished).0);
        for event in &mut events {
            if let Some(pb::event::Body::StatementBody(statement)) = &mut event.body {
                statement.title.clone_from(&title);
            }
        }
        let draft = encode(identity(), SLOT, &events, &meta());
        let commit = Commit {
            position: SLOT.position,
            chain: Chain::from_bytes([0; 32]),
            recorded_at_micros: SLOT.recorded_at_micros,
            meta: draft.meta.clone(),
            body: draft.body.clone(),
        };
        let mut decoded = decode(&commit).unwrap();
        assert_eq!(decoded.events, events);
        assert_eq!(erase(&mut decoded, |_| Ok::<_, Infallible>(u64::MAX)), Ok(true));
        assert_eq!(erase(&mut decoded, |_| Ok::<_, Infallible>(u64::MAX)), Ok(false), "once");
        let left = erasure(identity(), SLOT.position, decoded);
        assert!(left.size() + ERASURE_BYTES <= draft.size());
        assert!(
            !left.body.windows(title.len()).any(|window| window == title.as_bytes()),
            "{title}"
        );
        let commit = Commit { meta: left.meta, body: left.body, ..commit };
        let decoded = decode(&commit).unwrap();
        assert_eq!(decoded.meta.answered, meta().answered, "the request is still answered");
        assert_eq!(decoded.events[1], events[1], "what is no content stays");
        assert_eq!(decoded.meta.told_bytes[&0], events[0].encoded_len() as u64);
    }
}

#[test]
fn what_was_written_is_read_back() {
    for kind in EventKind::ALL {
        let (events, draft) = commit_of(*kind);
        let commit = Commit {
            position: SLOT.position,
            chain: Chain::from_bytes([0; 32]),
            recorded_at_micros: SLOT.recorded_at_micros,
            meta: draft.meta,
            body: draft.body,
        };
        let decoded = decode(&commit).unwrap();
        assert_eq!((decoded.events, decoded.meta), (events, meta()));
    }
    let nothing = CommitMeta::default();
    assert_eq!(decode_meta(&encode_meta(&stored_meta(&nothing))), Ok(nothing));
    let followed = meta().followed.unwrap();
    assert_eq!(decode_followed(&encode_followed(followed)), Ok(followed));
}

#[test]
fn what_is_not_ours_is_refused() {
    let good = encode_meta(&stored_meta(&meta()));
    assert!(decode_meta(&[]).is_err());
    assert!(decode_meta(&[META_FORMAT + 1]).is_err());
    assert!(decode_meta(&good[..good.len() - 1]).is_err());
    assert!(decode_events(&Bytes::from_static(b"junk")).is_err());
    assert!(decode_events(&Bytes::new()).is_err(), "a body without a batch");
}
