//! A join in the registry becomes an event in the feed.

use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{EventKind, Filter, SubscribeRequest};
use hansa_proto::pb::registry::v1::{JoinNetworkRequest, MembershipState};
use hansa_tests::events::from_beginning;
use hansa_tests::{World, make};

#[tokio::test(flavor = "multi_thread")]
async fn a_join_reaches_a_live_subscriber() {
    let world = World::start().await;
    let mut registry = world.registry();
    registry.create_network(make::network("eurocities")).await.unwrap();
    registry.create_member(make::member("es-barcelona", "ES")).await.unwrap();

    let filter = Filter { kinds: vec![EventKind::Joined.into()], ..Default::default() };
    let request = SubscribeRequest { filter: Some(filter), ..from_beginning() };
    let mut stream = world.feed().subscribe(request).await.unwrap().into_inner();

    let join = JoinNetworkRequest {
        occurred_at: make::date(&[1989, 4]),
        request_id: "join-1".to_owned(),
        ..make::join("eurocities", "es-barcelona")
    };
    let joined = registry.join_network(join).await.unwrap().into_inner();
    let event = loop {
        if let Message::Batch(batch) = stream.message().await.unwrap().unwrap().message.unwrap() {
            assert_eq!(batch.events.len(), 1);
            break batch.events[0].clone();
        }
    };
    assert_eq!(event.kind(), EventKind::Joined);
    assert_eq!(event.network, "networks/eurocities");
    assert_eq!(event.members, ["members/es-barcelona"]);
    assert_eq!(event.countries, ["ES"]);
    assert_eq!(event.occurred_at, make::date(&[1989, 4]));
    assert_eq!(event.request_id, "join-1");
    assert_eq!(event.registry_position, joined.position);
    assert!(event.recorded_at.is_some());
    assert_eq!(event.name, format!("events/{}.{}", event.position, event.index));
    let Some(Body::MembershipBody(membership)) = event.body else { panic!("no membership") };
    assert_eq!(membership.state(), MembershipState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_started_later_catches_up() {
    let mut world = World::start_registry_only().await;
    let mut registry = world.registry();
    registry.create_network(make::network("c40")).await.unwrap();
    let mut last = 0;
    for number in 0..50 {
        let id = format!("city-{number}");
        registry.create_member(make::member(&id, "FR")).await.unwrap();
        last = registry.join_network(make::join("c40", &id)).await.unwrap().into_inner().position;
    }
    world.start_feed().await;
    world.feed_follows(last).await;
    let filter = Filter { networks: vec![make::network_name("c40")], ..Default::default() };
    let events = hansa_tests::events::events_to_head(&mut world.feed(), Some(filter)).await;
    let joins: Vec<String> = events
        .iter()
        .filter(|event| event.kind() == EventKind::Joined)
        .map(|event| event.members[0].clone())
        .collect();
    let expected: Vec<String> =
        (0..50).map(|number| make::member_name(&format!("city-{number}"))).collect();
    assert_eq!(joins, expected);
}
