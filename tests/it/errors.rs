//! Bad input gets the code and the reason of the error table, and nothing changes.

use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{EventKind, Filter, GetEventRequest, SubscribeRequest};
use hansa_proto::pb::registry::v1::{
    CreateNetworkRequest, GetNetworkRequest, JoinNetworkRequest, ListNetworksRequest, Network,
    UpdateNetworkRequest, WatchChangesRequest,
};
use hansa_tests::events::{after, from_beginning, messages_to_head};
use hansa_tests::refusal::{Refusal, refusal};
use hansa_tests::{World, make};
use prost_types::{Duration, FieldMask};
use tonic::Code;

fn malformed(fields: &[&str]) -> Refusal {
    Refusal::expected(Code::InvalidArgument, "MALFORMED", fields)
}

/// The registry's position: what no refusal may move.
async fn registry_position(world: &World) -> u64 {
    let request = ListNetworksRequest::default();
    world.registry().list_networks(request).await.unwrap().into_inner().position
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_refuses_and_nothing_changes() {
    let world = World::start_registry_only().await;
    let mut registry = world.registry();
    registry.create_network(make::network("n")).await.unwrap();
    registry.create_member(make::member("a", "ES")).await.unwrap();
    let before = registry_position(&world).await;

    let unknown = refusal(registry.join_network(make::join("nowhere", "a")).await);
    assert_eq!((unknown.code, unknown.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    let get = GetNetworkRequest { name: "networks/nowhere".to_owned(), ..Default::default() };
    assert_eq!(refusal(registry.get_network(get).await).code, Code::NotFound);

    // Every field at once.
    let join = JoinNetworkRequest {
        network: "network/N".to_owned(),
        member: "members/Not Lower".to_owned(),
        occurred_at: make::date(&[2023, 2, 29]),
        class: 99,
        ..Default::default()
    };
    assert_eq!(
        refusal(registry.join_network(join).await),
        malformed(&["class", "member", "network", "occurred_at.day"])
    );
    let mut long = make::network("n2");
    long.network.as_mut().unwrap().names = vec![make::name(&"ü".repeat(301))];
    long.network.as_mut().unwrap().kind = 0;
    assert_eq!(
        refusal(registry.create_network(long).await),
        malformed(&["network.kind", "network.names[0].text"])
    );
    assert_eq!(
        refusal(registry.create_network(CreateNetworkRequest::default()).await),
        malformed(&["network"])
    );
    assert_eq!(
        refusal(registry.create_network(make::network("n")).await),
        Refusal::expected(Code::AlreadyExists, "ALREADY_EXISTS", &[])
    );
    let update = UpdateNetworkRequest {
        network: Some(Network { name: make::network_name("n"), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["note".to_owned()] }),
        etag: "not the one".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        refusal(registry.update_network(update.clone()).await),
        Refusal::expected(Code::Aborted, "ETAG_MISMATCH", &[])
    );
    let mask = UpdateNetworkRequest {
        update_mask: Some(FieldMask { paths: vec!["created_at".to_owned(), "wings".to_owned()] }),
        ..update
    };
    assert_eq!(refusal(registry.update_network(mask).await), malformed(&["update_mask"]));
    let pages = ListNetworksRequest { page_size: 1001, ..Default::default() };
    assert_eq!(refusal(registry.list_networks(pages).await), malformed(&["page_size"]));
    let pages = ListNetworksRequest { page_token: "made up".to_owned(), ..Default::default() };
    assert_eq!(refusal(registry.list_networks(pages).await), malformed(&["page_token"]));

    // Five mebibytes are more than a request may have.
    let mut large = make::network("large");
    large.network.as_mut().unwrap().note = "x".repeat(5 * 1024 * 1024);
    let status = registry.create_network(large).await.unwrap_err();
    assert!(matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted), "{status:?}");

    assert_eq!(registry_position(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids() {
    let world = World::start_registry_only().await;
    let mut registry = world.registry();
    let mut create = make::network("n");
    create.request_id = "one".to_owned();
    let first = registry.create_network(create.clone()).await.unwrap().into_inner();
    let second = registry.create_network(create.clone()).await.unwrap().into_inner();
    assert!(!first.replayed && second.replayed);
    assert_eq!((first.network, first.position), (second.network, second.position));
    create.network.as_mut().unwrap().note = "another payload".to_owned();
    assert_eq!(
        refusal(registry.create_network(create).await),
        Refusal::expected(Code::FailedPrecondition, "REQUEST_ID_REUSED", &[])
    );
    // The same id for another method is another payload.
    let mut member = make::member("a", "ES");
    member.request_id = "one".to_owned();
    assert_eq!(refusal(registry.create_member(member).await).reason, "REQUEST_ID_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_only_says_what_would_be() {
    let world = World::start_registry_only().await;
    let mut registry = world.registry();
    let mut create = make::network("n");
    create.validate_only = true;
    create.request_id = "later".to_owned();
    let would = registry.create_network(create.clone()).await.unwrap().into_inner();
    assert_eq!(would.network.unwrap().name, "networks/n");
    assert_eq!(would.position, 0);
    let get = GetNetworkRequest { name: "networks/n".to_owned(), ..Default::default() };
    assert_eq!(refusal(registry.get_network(get).await).code, Code::NotFound);
    create.validate_only = false;
    assert!(!registry.create_network(create).await.unwrap().into_inner().replayed);
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_not_reached_in_time() {
    let world = World::start().await;
    let mut wait = tonic::Request::new(GetNetworkRequest {
        name: "networks/n".to_owned(),
        min_position: 1_000,
        ..Default::default()
    });
    wait.set_timeout(std::time::Duration::from_millis(200));
    let status = world.registry().get_network(wait).await.unwrap_err();
    // The client's own deadline may fire first.
    assert!(
        matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled),
        "{status:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_of_elsewhere() {
    let (one, other) = (World::start().await, World::start().await);
    for world in [&one, &other] {
        let created = world.registry().create_network(make::network("n")).await.unwrap();
        world.feed_follows(created.into_inner().position).await;
    }
    let cursor = |messages: Vec<Message>| match messages.last().unwrap() {
        Message::Progress(progress) => progress.cursor.to_vec(),
        other => panic!("the last message is {other:?}"),
    };
    let foreign = cursor(messages_to_head(&mut other.feed(), from_beginning()).await);
    assert_eq!(
        subscribe_refused(&one, after(Some(&foreign))).await,
        Refusal::expected(Code::FailedPrecondition, "CURSOR_FOREIGN", &[])
    );
    let mut future = cursor(messages_to_head(&mut one.feed(), from_beginning()).await);
    *future.last_mut().unwrap() += 1;
    assert_eq!(
        subscribe_refused(&one, after(Some(&future))).await,
        Refusal::expected(Code::OutOfRange, "CURSOR_IN_FUTURE", &[])
    );
    assert_eq!(
        subscribe_refused(&one, after(Some(b"no cursor"))).await,
        malformed(&["after_cursor"])
    );
}

/// The refusal of a subscription, whether it comes at the call or as the first of the stream.
async fn subscribe_refused(world: &World, request: SubscribeRequest) -> Refusal {
    match world.feed().subscribe(request).await {
        Err(status) => Refusal::of(&status),
        Ok(response) => Refusal::of(&response.into_inner().message().await.unwrap_err()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_that_cannot_be() {
    let world = World::start().await;
    let created = world.registry().create_network(make::network("n")).await.unwrap();
    world.feed_follows(created.into_inner().position).await;
    assert_eq!(subscribe_refused(&world, SubscribeRequest::default()).await, malformed(&["start"]));
    let filtered = |filter| SubscribeRequest { filter: Some(filter), ..from_beginning() };
    let filter = Filter {
        kinds: vec![0, 4711],
        networks: vec!["eurocities".to_owned()],
        countries: vec!["XX".to_owned()],
        ..Default::default()
    };
    assert_eq!(
        subscribe_refused(&world, filtered(filter)).await,
        malformed(&[
            "filter.countries[0]",
            "filter.kinds[0]",
            "filter.kinds[1]",
            "filter.networks[0]"
        ])
    );
    let unknown = Filter {
        networks: vec![make::network_name("n"), make::network_name("nowhere")],
        members: vec![make::member_name("nobody")],
        ..Default::default()
    };
    assert_eq!(
        subscribe_refused(&world, filtered(unknown.clone())).await,
        Refusal::expected(
            Code::FailedPrecondition,
            "REFUSED",
            &["MEMBER_UNKNOWN", "NETWORK_UNKNOWN"]
        )
    );
    let allowed = filtered(Filter { allow_unknown: true, ..unknown });
    messages_to_head(&mut world.feed(), allowed).await;
    let never = Filter {
        kinds: vec![EventKind::NetworkFounded.into()],
        countries: vec!["ES".to_owned()],
        ..Default::default()
    };
    assert_eq!(subscribe_refused(&world, filtered(never)).await.code, Code::InvalidArgument);
    let hasty = SubscribeRequest {
        progress_interval: Some(Duration { seconds: 0, nanos: 5_000_000 }),
        max_batch_events: 1001,
        max_batch_bytes: 100,
        ..from_beginning()
    };
    assert_eq!(
        subscribe_refused(&world, hasty).await,
        malformed(&["max_batch_bytes", "max_batch_events", "progress_interval"])
    );
    let event = GetEventRequest { name: "events/99.0".to_owned(), ..Default::default() };
    assert_eq!(refusal(world.feed().get_event(event).await).code, Code::NotFound);
    let event = GetEventRequest { name: "events/one".to_owned(), ..Default::default() };
    assert_eq!(refusal(world.feed().get_event(event).await), malformed(&["name"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_another_history() {
    let world = World::start_registry_only().await;
    world.registry().create_network(make::network("n")).await.unwrap();
    let refused =
        async |request: WatchChangesRequest| match world.registry().watch_changes(request).await {
            Err(status) => Refusal::of(&status),
            Ok(response) => Refusal::of(&response.into_inner().message().await.unwrap_err()),
        };
    let ahead = WatchChangesRequest { after_position: 2, ..Default::default() };
    assert_eq!(refused(ahead).await, Refusal::expected(Code::OutOfRange, "CURSOR_IN_FUTURE", &[]));
    let foreign = WatchChangesRequest {
        identity: vec![1; 16].into(),
        after_position: 1,
        ..Default::default()
    };
    assert_eq!(
        refused(foreign).await,
        Refusal::expected(Code::FailedPrecondition, "CURSOR_FOREIGN", &[])
    );
    let other_history =
        WatchChangesRequest { chain: vec![1; 32].into(), after_position: 1, ..Default::default() };
    assert_eq!(
        refused(other_history).await,
        Refusal::expected(Code::DataLoss, "CHAIN_MISMATCH", &[])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_is_announced() {
    let mut world = World::start().await;
    let mut stream = world.feed().subscribe(from_beginning()).await.unwrap().into_inner();
    assert!(matches!(stream.message().await.unwrap().unwrap().message, Some(Message::Opened(_))));
    world.begin_feed_drain();
    let mut noticed = false;
    let status = loop {
        match stream.message().await {
            Ok(Some(response)) => {
                noticed |= matches!(response.message, Some(Message::Notice(_)));
            }
            Ok(None) => panic!("the stream ended without a status"),
            Err(status) => break status,
        }
    };
    assert!(noticed, "no notice before the end");
    assert_eq!(Refusal::of(&status), Refusal::expected(Code::Unavailable, "NOT_SERVING", &[]));
    world.stop_feed().await;
    let start = SubscribeRequest { start: Some(Start::End(())), ..Default::default() };
    assert!(world.feed().subscribe(start).await.is_err());
}
