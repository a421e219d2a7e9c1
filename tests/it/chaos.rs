//! The client of this repository behind the chaos front: whatever goes wrong, it has every event once and
//! in order; and what no client can heal is told by its name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hansa_client::{
    Backoff, CallError, Feed, Item, Subscription, SubscriptionBuilder, SubscriptionError,
};
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{
    CommitCursorRequest, CreateSubscriptionRequest, GetFeedStatusRequest, OnExpired,
    Subscription as Named,
};
use hansa_tests::chaos::{self, Fault, Front, Kind, Plan};
use hansa_tests::events::{after, place};
use hansa_tests::{World, make};
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;

const EVENTS: u32 = 90;

/// A world in which so many members were recorded: an event each.
async fn world() -> World {
    let world = World::start().await;
    let mut registry = world.registry();
    let mut position = 0;
    for number in 1..=EVENTS {
        let request = make::member(&format!("member-{number}"), "ES");
        position = registry.create_member(request).await.unwrap().into_inner().position;
    }
    world.feed_follows(position).await;
    world
}

/// A subscription through the front, from the beginning, in small batches, with the shortest silence, soon
/// back.
async fn through(front: &Front) -> SubscriptionBuilder {
    let feed = Feed::connect(&front.url()).await.unwrap();
    let (first, most) = (Duration::from_millis(20), Duration::from_millis(100));
    Subscription::builder(&feed)
        .progress_interval(Duration::from_secs(1))
        .batch_events(4)
        .backoff(Backoff { first, most, ..Backoff::default() })
}

async fn chaos_feed(front: &Front) -> FeedServiceClient<Channel> {
    Feed::connect(&front.url()).await.unwrap().events
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Places of all events up to the last, and how often the stream was interrupted.
async fn read_all(
    subscription: &mut Subscription,
) -> Result<(Vec<(u64, u32)>, usize), SubscriptionError> {
    let (mut places, mut interruptions) = (Vec::new(), 0);
    while places.len() < EVENTS as usize {
        match subscription.next().await.expect("it has no end")? {
            Item::Events { events, .. } => places.extend(events.iter().map(place)),
            Item::Interrupted { .. } => interruptions += 1,
            _ => {}
        }
    }
    Ok((places, interruptions))
}

fn every_event_once() -> Vec<(u64, u32)> {
    (1..=u64::from(EVENTS)).map(|position| (position, 0)).collect()
}

/// Twelve seeds: between them every kind of fault that a subscription survives by itself.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_seed_plans_every_event_comes_once_and_in_order() {
    let world = world().await;
    let mut runs = JoinSet::new();
    let mut fronts = Vec::new();
    for seed in 1..=12 {
        // At most 12 times 6 events between faults: all fire before the last event.
        let plan: Plan = format!("seed={seed},every=6").parse().unwrap();
        let front = Arc::new(chaos::before(&world, Some(&plan)).await);
        fronts.push((plan, front.clone()));
        runs.spawn(async move { read_all(&mut through(&front).await.open()).await.unwrap() });
    }
    for (places, _) in runs.join_all().await {
        assert_eq!(places, every_event_once());
    }
    let mut drawn = BTreeSet::new();
    for (plan, front) in fronts {
        let unfired = chaos::unfired(&front);
        assert!(unfired.is_empty(), "{plan:?}: {unfired:?} did not fire");
        drawn.extend(plan.draw().into_iter().map(|fault| fault.kind));
    }
    let expected: BTreeSet<Kind> = Kind::ALL.into_iter().filter(|kind| kind.weight() > 0).collect();
    assert_eq!(drawn, expected, "the seeds leave a kind out");
}

/// The same requests meet the same faults at the same places.
#[tokio::test(flavor = "multi_thread")]
async fn a_seed_replays_identically() {
    let world = world().await;
    let plan: Plan = "seed=5,every=6,pause=0".parse().unwrap();
    let mut told = Vec::new();
    for _ in 0..2 {
        let front = chaos::before(&world, Some(&plan)).await;
        read_all(&mut through(&front).await.open()).await.unwrap();
        assert!(front.faults().iter().all(|known| known.firing.is_some()));
        told.push(front.faults());
    }
    assert_eq!(told[0], told[1]);
}

/// Each fault by itself, at once, to a stream that waits at the head: the stream goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_can_be_asked_for_at_any_time() {
    let world = world().await;
    let front = chaos::before(&world, None).await;
    let mut subscription = through(&front).await.open();
    read_all(&mut subscription).await.unwrap();
    let mut registry = world.registry();
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.weight() > 0);
    for (number, kind) in kinds.enumerate() {
        let number_of_fault = front.apply(Fault::of(kind));
        let request = make::member(&format!("later-{number}"), "ES");
        registry.create_member(request).await.unwrap();
        let event = loop {
            match subscription.next().await.unwrap().unwrap() {
                Item::Events { events, .. } => break events,
                Item::Interrupted { .. } | Item::Resumed(_) | Item::Notice(_) => {}
                Item::Progress(_) | Item::CaughtUp(_) | Item::FellBehind(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(event.len(), 1, "{kind}");
        assert_eq!(event[0].members, [format!("members/later-{number}")], "{kind}");
        front.fired(number_of_fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_identity_makes_cursors_foreign() {
    let world = world().await;
    let front = chaos::before(&world, None).await;
    front.apply(Fault::of(Kind::NewIdentity).after(10));
    let mut subscription = through(&front).await.open();
    let error = read_all(&mut subscription).await.unwrap_err();
    let SubscriptionError::Foreign { expected, found } = error else { panic!("{error:?}") };
    assert!(chaos::unfired(&front).is_empty());

    // What begins anew has all of it, under the new identity, and its cursors work.
    let real = world.feed().get_feed_status(GetFeedStatusRequest::default()).await;
    let real = real.unwrap().into_inner();
    front.apply(Fault::of(Kind::Reset).after(20));
    let mut anew = through(&front).await.open();
    let Item::Opened(opened) = anew.next().await.unwrap().unwrap() else { panic!("not opened") };
    assert_eq!((expected, found), (hex(&real.identity), hex(&opened.identity)));
    assert_eq!(read_all(&mut anew).await.unwrap(), (every_event_once(), 1));
    // The real feed's own cursors are foreign here, and the feed itself says so.
    let refused = chaos_feed(&front).await.subscribe(after(Some(&real.head_cursor))).await;
    let refused = CallError::from(refused.unwrap_err());
    assert_eq!(refused.reason.as_deref(), Some("CURSOR_FOREIGN"));
    assert_eq!(refused.metadata["identity"], hex(&opened.identity));
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_cursors_are_answered_as_retention_would() {
    let world = world().await;
    let front = chaos::before(&world, None).await;
    let fault = front.apply(Fault::of(Kind::ExpireCursors).after(10));
    let error = read_all(&mut through(&front).await.open()).await.unwrap_err();
    let SubscriptionError::Expired { cause } = error else { panic!("{error:?}") };
    assert_eq!(cause.code, Code::OutOfRange);
    assert_eq!(cause.metadata["oldest"], EVENTS.to_string());
    front.fired(fault).await;

    let mut feed = chaos_feed(&front).await;
    let beginning = world.feed().subscribe(hansa_tests::events::from_beginning()).await.unwrap();
    let Some(Message::Opened(opened)) =
        beginning.into_inner().message().await.unwrap().unwrap().message
    else {
        panic!("not opened")
    };
    for (on_expired, first) in [(OnExpired::FromOldest, false), (OnExpired::Snapshot, true)] {
        let fault = front.apply(Fault::of(Kind::ExpireCursors));
        let mut request = after(Some(&opened.oldest_cursor));
        request.on_expired = on_expired.into();
        // It cuts a stream first, perhaps one that its reader has just left; the next one finds that its
        // cursor has expired.
        let stream = match feed.subscribe(request.clone()).await {
            Ok(stream) => stream,
            Err(_) => feed.subscribe(request).await.unwrap(),
        };
        let mut stream = stream.into_inner();
        let response = stream.message().await.unwrap().unwrap();
        front.fired(fault).await;
        let Some(Message::Opened(again)) = response.message else { panic!("not opened") };
        assert_eq!(again.head_position, u64::from(EVENTS));
        let next = stream.message().await.unwrap().unwrap().message.unwrap();
        assert_eq!(matches!(next, Message::Snapshot(_)), first, "{next:?}");
        if !first {
            assert_eq!(again.start_position, again.head_position);
        }
    }
}

/// Half of a stream, ended as HTTP ends one, is not the whole of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_without_trailers_is_not_the_head() {
    let world = world().await;
    let front = chaos::before(&world, None).await;
    for kind in [Kind::HalfClose, Kind::Truncate] {
        front.apply(Fault::of(kind).after(10));
        let mut subscription = through(&front).await.stop_at_head(true).open();
        let mut places = Vec::new();
        while let Some(item) = subscription.next().await {
            if let Item::Events { events, .. } = item.unwrap() {
                places.extend(events.iter().map(place));
            }
        }
        assert_eq!(places, every_event_once(), "{kind}");
    }
    assert!(chaos::unfired(&front).is_empty());
}

/// A commit of a cursor that was carried out and whose answer was lost; and one that was turned away.
#[tokio::test(flavor = "multi_thread")]
async fn calls_with_one_answer_lose_it_or_are_turned_away() {
    const COMMIT: &str = "hansa.feed.v1.FeedService/CommitCursor";
    let world = world().await;
    let front = chaos::before(&world, None).await;
    let mut feed = chaos_feed(&front).await;
    let named = Named { name: "subscriptions/reader".to_owned(), ..Default::default() };
    let request = CreateSubscriptionRequest { subscription: Some(named), ..Default::default() };
    feed.create_subscription(request).await.unwrap();
    let head = feed.get_feed_status(GetFeedStatusRequest::default()).await.unwrap().into_inner();
    let commit = CommitCursorRequest {
        name: "subscriptions/reader".to_owned(),
        cursor: head.head_cursor,
        request_id: "a-commit".to_owned(),
        ..Default::default()
    };
    front.apply(Fault::of(Kind::Refuse).on(COMMIT));
    let refused = feed.commit_cursor(commit.clone()).await.map_err(CallError::from).unwrap_err();
    assert_eq!(refused.reason.as_deref(), Some("STREAM_QUOTA"));
    assert_eq!(refused.retry_after, Some(Duration::from_millis(100)));
    front.apply(Fault::of(Kind::Reset).on(COMMIT));
    feed.commit_cursor(commit.clone()).await.unwrap_err();
    let again = feed.commit_cursor(commit).await.unwrap().into_inner();
    assert!(again.replayed, "the answer was lost, not the call");
    assert!(chaos::unfired(&front).is_empty());
}
