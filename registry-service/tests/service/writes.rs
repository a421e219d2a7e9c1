//! Writes: request ids, etags, validation, admission, sizes.

use hansa_proto::pb::registry::v1 as registry;
use registry::{AdmissionMode, MembershipState};
use tonic::Code;

use super::harness::*;

#[tokio::test]
async fn a_network_gains_and_loses_a_member() {
    let (_data, mut it) = started().await;
    let created = it.client.create_network(create_network("n")).await.unwrap().into_inner();
    assert_eq!((created.position, created.replayed), (1, false));
    it.client.create_member(create_member("m")).await.unwrap();
    let joined = it.client.join_network(join("n", "m")).await.unwrap().into_inner();
    assert_eq!(joined.position, 3);
    let membership = joined.membership.unwrap();
    assert_eq!(membership.state(), MembershipState::Active);
    assert_eq!(membership.terms[0].joined, year(2020));

    let get = registry::GetNetworkRequest {
        name: "networks/n".into(),
        min_position: 3,
        ..Default::default()
    };
    let network = it.client.get_network(get).await.unwrap().into_inner().network.unwrap();
    assert_eq!(network.active_member_count, 1);
    assert_eq!(network.etag, created.network.unwrap().etag);

    let end = registry::EndNetworkRequest { name: "networks/n".into(), ..Default::default() };
    let ended = it.client.end_network(end).await.unwrap().into_inner().network.unwrap();
    assert_eq!((ended.state(), ended.active_member_count), (registry::NetworkState::Ended, 0));
    let name = membership.name;
    let get = registry::GetMembershipRequest { name, min_position: 4, ..Default::default() };
    let membership = it.client.get_membership(get).await.unwrap().into_inner().membership.unwrap();
    assert_eq!(membership.terms[0].end_reason(), registry::EndReason::NetworkEnded);
    let refused = it.client.join_network(join("n", "m")).await.unwrap_err();
    assert_eq!(rules(&refused), ["NETWORK_ENDED"]);
    it.stop().await;
}

#[tokio::test]
async fn a_request_id_is_answered_again_after_a_crash_and_refused_for_another_payload() {
    let (data, mut it) = started().await;
    let mut request = create_network("n");
    request.request_id = "once".into();
    let first = it.client.create_network(request.clone()).await.unwrap().into_inner();
    let again = it.client.create_network(request.clone()).await.unwrap().into_inner();
    assert!(again.replayed);
    it.kill().await;

    let mut it = Registry::start(data.path()).await;
    let after = it.client.create_network(request.clone()).await.unwrap().into_inner();
    assert_eq!(after, again);
    assert_eq!((after.network, after.position), (first.network, first.position));
    request.network.as_mut().unwrap().note = "another".into();
    let reused = it.client.create_network(request).await.unwrap_err();
    assert_eq!(refusal(&reused), (Code::FailedPrecondition, "REQUEST_ID_REUSED".into()));
    let mut other_method = create_member("m");
    other_method.request_id = "once".into();
    let reused = it.client.create_member(other_method).await.unwrap_err();
    assert_eq!(refusal(&reused), (Code::FailedPrecondition, "REQUEST_ID_REUSED".into()));
    it.stop().await;
}

#[tokio::test]
async fn an_etag_protects_what_one_has_not_seen() {
    let (_data, mut it) = started().await;
    let created = it.client.create_network(create_network("n")).await.unwrap().into_inner();
    let update = |note: &str, etag: &str| registry::UpdateNetworkRequest {
        network: Some(registry::Network {
            name: "networks/n".into(),
            note: note.into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["note".into()] }),
        etag: etag.into(),
        ..Default::default()
    };
    let etag = created.network.unwrap().etag;
    let updated = it.client.update_network(update("one", &etag)).await.unwrap().into_inner();
    let refused = it.client.update_network(update("two", &etag)).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::Aborted, "ETAG_MISMATCH".into()));
    let same = it.client.update_network(update("one", "")).await.unwrap().into_inner();
    assert_eq!(same.position, updated.position);
    assert_eq!(same.network, updated.network);
    it.stop().await;
}

#[tokio::test]
async fn validating_answers_as_if_and_does_nothing() {
    let (_data, mut it) = started().await;
    let mut request = create_network("n");
    request.validate_only = true;
    request.request_id = "once".into();
    let validated = it.client.create_network(request.clone()).await.unwrap().into_inner();
    assert_eq!((validated.position, validated.replayed), (0, false));
    assert_eq!(validated.network.unwrap().name, "networks/n");
    let get = registry::GetNetworkRequest {
        name: "networks/n".into(),
        min_position: 0,
        ..Default::default()
    };
    let missing = it.client.get_network(get).await.unwrap_err();
    assert_eq!(refusal(&missing), (Code::NotFound, "NOT_FOUND".into()));
    request.validate_only = false;
    let done = it.client.create_network(request).await.unwrap().into_inner();
    assert_eq!((done.position, done.replayed), (1, false));
    it.stop().await;
}

#[tokio::test]
async fn each_admission_has_its_way_in() {
    let (_data, mut it) = started().await;
    it.client.create_member(create_member("m")).await.unwrap();
    for (id, mode) in [
        ("approval", AdmissionMode::Approval),
        ("invitation", AdmissionMode::Invitation),
        ("movement", AdmissionMode::NoMemberList),
    ] {
        it.client.create_network(create_network_by(id, mode)).await.unwrap();
    }
    let applied = it.client.join_network(join("approval", "m")).await.unwrap().into_inner();
    let applied = applied.membership.unwrap();
    assert_eq!(applied.state(), MembershipState::Applied);
    let approve = registry::ApproveMembershipRequest { name: applied.name, ..Default::default() };
    let approved = it.client.approve_membership(approve.clone()).await.unwrap().into_inner();
    assert_eq!(approved.membership.unwrap().state(), MembershipState::Active);
    let twice = it.client.approve_membership(approve).await.unwrap_err();
    assert_eq!(rules(&twice), ["NOT_APPLIED"]);

    let uninvited = it.client.join_network(join("invitation", "m")).await.unwrap_err();
    assert_eq!(rules(&uninvited), ["NOT_INVITED"]);
    let invite = registry::InviteMemberRequest {
        network: "networks/invitation".into(),
        member: "members/m".into(),
        ..Default::default()
    };
    it.client.invite_member(invite).await.unwrap();
    let joined = it.client.join_network(join("invitation", "m")).await.unwrap().into_inner();
    assert_eq!(joined.membership.unwrap().state(), MembershipState::Active);
    let nowhere = it.client.join_network(join("movement", "m")).await.unwrap_err();
    assert_eq!(refusal(&nowhere), (Code::FailedPrecondition, "REFUSED".into()));
    assert_eq!(rules(&nowhere), ["NO_MEMBER_LIST"]);
    it.stop().await;
}

#[tokio::test]
async fn a_sourced_past_is_recorded_outside_the_rules_of_today() {
    let (_data, mut it) = started().await;
    it.client.create_member(create_member("m")).await.unwrap();
    let closed = create_network_by("n", AdmissionMode::NoMemberList);
    it.client.create_network(closed).await.unwrap();
    let term = registry::Term {
        state: MembershipState::Ended as i32,
        joined: year(1990),
        left: year(1995),
        end_reason: registry::EndReason::Left as i32,
        ..Default::default()
    };
    let mut record = registry::RecordMembershipRequest {
        network: "networks/n".into(),
        member: "members/m".into(),
        term: Some(term),
        ..Default::default()
    };
    let unsourced = it.client.record_membership(record.clone()).await.unwrap_err();
    assert_eq!(rules(&unsourced), ["SOURCE_MISSING"]);
    record.term.as_mut().unwrap().sources.push(source());
    let recorded = it.client.record_membership(record).await.unwrap().into_inner();
    let membership = recorded.membership.unwrap();
    assert_eq!((membership.terms[0].joined, membership.terms[0].left), (year(1990), year(1995)));
    it.stop().await;
}

#[tokio::test]
async fn every_field_that_is_malformed_is_named_at_once() {
    let (_data, mut it) = started().await;
    let request = registry::JoinNetworkRequest {
        network: "n".into(),
        occurred_at: year(0),
        roles: vec![registry::Role::default()],
        note: "x".repeat(4_001),
        request_id: "with space".into(),
        ..Default::default()
    };
    let malformed = it.client.join_network(request).await.unwrap_err();
    let mut named = fields(&malformed);
    named.sort();
    assert_eq!(
        named,
        ["member", "network", "note", "occurred_at.year", "request_id", "roles[0].kind"]
    );
    let empty = it.client.update_member(registry::UpdateMemberRequest::default()).await;
    assert_eq!(fields(&empty.unwrap_err()), ["member"]);
    it.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_changes_nothing() {
    let (_data, mut it) = started().await;
    let mut request = create_network("n");
    request.network.as_mut().unwrap().note = "x".repeat(5 * 1024 * 1024);
    let refused = it.client.create_network(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let list = registry::ListNetworksRequest::default();
    let listed = it.client.list_networks(list).await.unwrap().into_inner();
    assert_eq!((listed.networks.len(), listed.position), (0, 0));
    it.stop().await;
}

#[tokio::test]
async fn concurrent_commands_are_all_done_and_none_twice() {
    let (_data, it) = started().await;
    let calls = (0..64).map(|number| {
        let mut client = it.client.clone();
        tokio::spawn(async move {
            let request = create_member(&format!("m{}", number % 32));
            client.create_member(request).await.map(|answer| answer.into_inner().position)
        })
    });
    let mut positions = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            Ok(position) => positions.push(position),
            Err(status) => assert_eq!(refusal(&status).1, "ALREADY_EXISTS"),
        }
    }
    positions.sort_unstable();
    assert_eq!(positions, (1..=32).collect::<Vec<_>>());
    it.stop().await;
}
