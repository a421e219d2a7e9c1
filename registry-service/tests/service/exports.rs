//! Export is of one position, whatever is written meanwhile; MatchMembers proposes.

use futures_util::StreamExt as _;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;
use pb::export_response::Message;
use tonic::{Code, Streaming};

use crate::harness::{
    Registry, create_member, create_network, fields, join, names, refusal, started,
};

#[derive(Debug, Default, PartialEq)]
struct Exported {
    position: u64,
    networks: Vec<pb::Network>,
    members: Vec<pb::Member>,
    memberships: Vec<pb::Membership>,
    end: pb::ExportEnd,
}

async fn rest(mut exported: Exported, messages: Streaming<pb::ExportResponse>) -> Exported {
    for message in messages.collect::<Vec<_>>().await {
        match message.unwrap().message.unwrap() {
            Message::Header(header) => exported.position = header.position,
            Message::Rows(rows) => {
                exported.networks.extend(rows.networks);
                exported.members.extend(rows.members);
                exported.memberships.extend(rows.memberships);
            }
            Message::End(end) => exported.end = end,
        }
    }
    exported
}

async fn export(registry: &mut Registry, request: pb::ExportRequest) -> Exported {
    let messages = registry.client.export(request).await.unwrap().into_inner();
    rest(Exported::default(), messages).await
}

async fn filled(registry: &mut Registry, members: usize) {
    registry.client.create_network(create_network("anvita")).await.unwrap();
    registry.client.create_network(create_network("eurocities")).await.unwrap();
    for number in 0..members {
        let id = format!("es-{number:04}");
        registry.client.create_member(create_member(&id)).await.unwrap();
        registry.client.join_network(join("anvita", &id)).await.unwrap();
    }
}

#[tokio::test]
async fn an_export_holds_still_while_everything_changes() {
    let (_data, mut registry) = started().await;
    filled(&mut registry, 600).await;
    let before = export(&mut registry, pb::ExportRequest::default()).await;
    assert_eq!(before.end, pb::ExportEnd { networks: 2, members: 600, memberships: 600 });
    assert_eq!(before.networks[0].active_member_count, 600);

    // Opened, and read on only after all of it has changed.
    let request = pb::ExportRequest::default();
    let mut messages = registry.client.export(request).await.unwrap().into_inner();
    let Some(Message::Header(header)) = messages.message().await.unwrap().unwrap().message else {
        panic!("the header comes first")
    };
    for number in 0..600 {
        let request = pb::LeaveNetworkRequest {
            name: format!("networks/anvita/memberships/es-{number:04}"),
            ..Default::default()
        };
        registry.client.leave_network(request).await.unwrap();
    }
    filled_more(&mut registry).await;
    let started = Exported { position: header.position, ..Exported::default() };
    let during = rest(started, messages).await;
    assert!(during == before, "the export moved");

    // And the same position can be asked for later.
    let at_position = before.position;
    let later = pb::ExportRequest { at_position, ..Default::default() };
    assert!(export(&mut registry, later).await == before, "the position moved");
    let now = export(&mut registry, pb::ExportRequest::default()).await;
    assert_eq!(now.end, pb::ExportEnd { networks: 2, members: 601, memberships: 600 });
    assert_eq!(now.networks[0].active_member_count, 0);
    registry.stop().await;
}

async fn filled_more(registry: &mut Registry) {
    registry.client.create_member(create_member("aa-first")).await.unwrap();
}

#[tokio::test]
async fn kinds_and_a_network_choose_what_is_sent() {
    let (_data, mut registry) = started().await;
    filled(&mut registry, 3).await;
    registry.client.create_member(create_member("fr-lyon")).await.unwrap();
    let network = "networks/anvita".to_owned();
    let of_one = pb::ExportRequest { network, ..Default::default() };
    let exported = export(&mut registry, of_one).await;
    assert_eq!(exported.end, pb::ExportEnd { networks: 1, members: 3, memberships: 3 });
    let kinds = vec![pb::ExportKind::Members.into()];
    let only = pb::ExportRequest { kinds, ..Default::default() };
    let exported = export(&mut registry, only).await;
    assert_eq!(exported.end, pb::ExportEnd { networks: 0, members: 4, memberships: 0 });
    let ahead = pb::ExportRequest { at_position: 1_000, ..Default::default() };
    let status = registry.client.export(ahead).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::OutOfRange, "CURSOR_IN_FUTURE".to_owned()));
    let unknown = pb::ExportRequest { kinds: vec![0, 99], ..Default::default() };
    let status = registry.client.export(unknown).await.unwrap_err();
    assert_eq!(fields(&status), ["kinds[0]", "kinds[1]"]);
    registry.stop().await;
}

fn city(id: &str, name: &str, country: &str, geonames: &str) -> pb::CreateMemberRequest {
    let mut request = create_member(id);
    let member = request.member.as_mut().unwrap();
    member.names = names(name);
    member.country = country.into();
    if !geonames.is_empty() {
        member.external_ids = vec![id_of(geonames)];
    }
    request
}

fn id_of(geonames: &str) -> pb::ExternalId {
    pb::ExternalId {
        scheme: pb::ExternalIdScheme::Geonames.into(),
        value: geonames.into(),
        label: String::new(),
    }
}

fn clue(name: &str, country: &str) -> pb::MemberClue {
    pb::MemberClue { name: name.into(), country: country.into(), ..Default::default() }
}

async fn matches(registry: &mut Registry, clues: Vec<pb::MemberClue>) -> Vec<Vec<(String, f64)>> {
    let request = pb::MatchMembersRequest { clues, ..Default::default() };
    let answer = registry.client.match_members(request).await.unwrap().into_inner();
    let candidates = answer.matches.into_iter().map(|it| it.candidates);
    candidates.map(|some| some.into_iter().map(|it| (it.member, it.score)).collect()).collect()
}

#[tokio::test]
async fn members_are_found_by_ids_spellings_and_places() {
    let (_data, mut registry) = started().await;
    for (id, name, country, geonames) in [
        ("de-koeln", "Köln", "DE", "2886242"),
        ("es-cordoba", "Córdoba", "ES", ""),
        ("ar-cordoba", "Córdoba", "AR", ""),
        ("fr-nantes", "Nantes", "FR", ""),
        ("fr-nantes-metropole", "Nantes Métropole", "FR", ""),
    ] {
        registry.client.create_member(city(id, name, country, geonames)).await.unwrap();
    }
    let by_id = pb::MemberClue { external_ids: vec![id_of("2886242")], ..clue("Cologne", "DEU") };
    let clues = vec![
        by_id,
        clue("KOLN", "DE"),
        clue("cordoba", "ARG"),
        clue("cordoba", ""),
        clue("Nantes", "FR"),
    ];
    let found = matches(&mut registry, clues).await;
    assert_eq!(found[0], [("members/de-koeln".to_owned(), 1.0)]);
    assert_eq!(found[1][0], ("members/de-koeln".to_owned(), 0.9));
    assert_eq!(found[2], [("members/ar-cordoba".to_owned(), 0.9)]);
    let both: Vec<&str> = found[3].iter().map(|(member, _)| member.as_str()).collect();
    assert_eq!(both, ["members/ar-cordoba", "members/es-cordoba"]);
    assert!(found[3].iter().all(|(_, score)| *score < 0.85), "{:?}", found[3]);
    assert_eq!(found[4][0].0, "members/fr-nantes");
    assert_eq!(found[4][1].0, "members/fr-nantes-metropole");
    assert!(found[4][0].1 > found[4][1].1);

    // A name that changes is not found under what it was.
    let mut renamed = city("fr-nantes", "Naoned", "FR", "").member.unwrap();
    renamed.point = Some(common::GeoPoint { latitude: 47.218, longitude: -1.553 });
    let update = pb::UpdateMemberRequest {
        member: Some(renamed),
        update_mask: Some(prost_types::FieldMask { paths: vec!["names".into(), "point".into()] }),
        ..Default::default()
    };
    registry.client.update_member(update).await.unwrap();
    let near = common::GeoPoint { latitude: 47.22, longitude: -1.55 };
    let place = pb::MemberClue { point: Some(near), ..Default::default() };
    let found = matches(&mut registry, vec![clue("Nantes", "FR"), place]).await;
    assert_eq!(found[0].len(), 1);
    assert_eq!(found[0][0].0, "members/fr-nantes-metropole");
    assert_eq!(found[1], [("members/fr-nantes".to_owned(), 0.6)]);
    registry.stop().await;
}

#[tokio::test]
async fn a_clue_without_anything_in_it_is_refused() {
    let (_data, mut registry) = started().await;
    let clues = vec![clue("", "ES"), clue("Lyon", "XXX")];
    let request = pb::MatchMembersRequest { clues, max_candidates: 21, ..Default::default() };
    let status = registry.client.match_members(request).await.unwrap_err();
    assert_eq!(fields(&status), ["max_candidates", "clues[0]", "clues[1].country"]);
    registry.stop().await;
}
