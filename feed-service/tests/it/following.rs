//! Following the registry: each of its changes once, whatever happens to the stream, to the feed or to
//! its view; and never another registry.

use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::registry::v1::{MemberState, NetworkState};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::feed::{Feed, publication, small_registry};
use crate::registry::{self, Registry};

fn kinds_and_places(events: &[pb::Event]) -> Vec<(pb::EventKind, u64)> {
    events.iter().map(|event| (event.kind(), event.registry_position)).collect()
}

#[tokio::test]
async fn a_change_becomes_an_event_with_what_it_needs() {
    let registry = small_registry().await;
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    let status = feed.followed(3).await;
    assert_eq!(status.registry_identity, [7; 16].as_slice());
    assert!(status.registry_connected);
    let events = feed.all_events().await;
    let expected = [
        (pb::EventKind::NetworkFounded, 1),
        (pb::EventKind::MemberRecorded, 2),
        (pb::EventKind::MemberRecorded, 2),
        (pb::EventKind::Joined, 3),
    ];
    assert_eq!(kinds_and_places(&events), expected);
    assert_eq!(events[2].name, "events/2.1");
    let joined = &events[3];
    assert_eq!(joined.network, "networks/fearless");
    assert_eq!(joined.members, ["members/barcelona"]);
    assert_eq!(
        (joined.countries.as_slice(), joined.themes.as_slice()),
        (["ES".to_owned()].as_slice(), ["Housing".to_owned()].as_slice())
    );
    assert_eq!(
        (joined.principal.as_str(), joined.request_id.as_str()),
        ("registrar", "registry-3")
    );
    let Some(pb::event::Body::NetworkBody(network)) = &events[0].body else {
        panic!("a network was founded");
    };
    assert_eq!(network.active_member_count, 3);
    feed.stop().await;
}

#[tokio::test]
async fn what_one_commit_changes_counts_within_it() {
    let registry = Registry::start().await;
    registry.commit(vec![
        registry::network("n", NetworkState::Active),
        registry::member("m", MemberState::Active),
        registry::joined("n", "m"),
    ]);
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    feed.followed(1).await;
    let events = feed.all_events().await;
    assert_eq!((events[2].countries.len(), events[2].themes.len()), (1, 1));
    feed.stop().await;
}

/// Exactly once from the registry: duplicates, broken streams and restarts change nothing.
#[tokio::test]
async fn each_change_is_told_once() {
    let registry = Registry::start().await;
    registry.stammer(3, 2);
    let data = tempfile::tempdir().unwrap();
    let mut feed = Feed::start(data.path(), &registry).await;
    for round in 0..3 {
        for number in 0..5 {
            let id = format!("m-{round}-{number}");
            registry.commit(vec![registry::member(&id, MemberState::Active)]);
        }
        if round == 1 {
            feed.stop().await;
            feed = Feed::start(data.path(), &registry).await;
        }
        feed.followed((round + 1) * 5).await;
    }
    assert!(registry.streams_opened() > 5, "the streams never broke");
    let followed: Vec<u64> =
        feed.all_events().await.iter().map(|event| event.registry_position).collect();
    assert_eq!(followed, (1..=15).collect::<Vec<u64>>());
    feed.stop().await;
}

#[tokio::test]
async fn a_deleted_view_answers_the_same() {
    let registry = small_registry().await;
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    feed.followed(3).await;
    let publish = pb::PublishStatementRequest {
        request_id: "once".to_owned(),
        ..publication("a", &["madrid"])
    };
    feed.statements().publish_statement(publish.clone()).await.unwrap();
    let read = || pb::GetStatementRequest { name: "statements/a".to_owned(), min_position: 4 };
    let before = feed.statements().get_statement(read()).await.unwrap().into_inner();
    let status_before = feed.followed(3).await;
    feed.stop().await;
    std::fs::remove_dir_all(data.path().join("view")).unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    let after = feed.statements().get_statement(read()).await.unwrap().into_inner();
    assert_eq!(after, before);
    assert!(feed.statements().publish_statement(publish).await.unwrap().into_inner().replayed);
    registry.commit(vec![registry::member("paris", MemberState::Active)]);
    let status = feed.followed(4).await;
    assert_eq!(status.head_position, status_before.head_position + 1);
    feed.stop().await;
}

#[tokio::test]
async fn another_registry_is_refused_loudly_and_reads_go_on() {
    let registry = small_registry().await;
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    feed.followed(3).await;
    feed.stop().await;
    registry.change_identity([8; 16]);
    let feed = Feed::start_without_waiting(data.path(), &registry).await;
    registry.refuses().await;
    feed.health_becomes(ServingStatus::NotServing).await;
    assert_eq!(feed.all_events().await.len(), 4);
    assert!(!feed.followed(3).await.registry_connected);
    feed.stop().await;
}

#[tokio::test]
async fn a_change_it_does_not_know_stops_it() {
    let registry = small_registry().await;
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    feed.followed(3).await;
    let mut strange = registry::member("strange", MemberState::Active);
    strange.kind = 999;
    registry.commit(vec![strange]);
    registry.commit(vec![registry::member("later", MemberState::Active)]);
    feed.health_becomes(ServingStatus::NotServing).await;
    assert_eq!(feed.followed(3).await.registry_position, 3);
    feed.stop().await;
}

#[tokio::test]
async fn a_silent_stream_is_taken_for_dead_and_opened_anew() {
    let registry = small_registry().await;
    registry.promise_progress(1);
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    feed.followed(3).await;
    assert_eq!(registry.streams_opened(), 1);
    registry.opens(2).await;
    registry.commit(vec![registry::member("paris", MemberState::Active)]);
    feed.followed(4).await;
    assert_eq!(feed.all_events().await.len(), 5);
    feed.stop().await;
}
