//! The Rust subscription against real services: every start, cut at any time; silence; what is too old;
//! named cursors; tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hansa_client::{
    Backoff, CommitError, Commits, Feed, Gap, GapCause, Interruption, Item, OnExpired, Start,
    Subscription, SubscriptionBuilder, SubscriptionError, TokenFor, Tokens,
};
use hansa_proto::pb::feed::v1::{
    CreateSubscriptionRequest, DeleteSubscriptionRequest, Event, Filter, GetSubscriptionRequest,
    Subscription as Named,
};
use hansa_tests::chaos::{self, Fault, Kind};
use hansa_tests::events::{events_to_head, place};
use hansa_tests::plug::Plug;
use hansa_tests::refusal::Refusal;
use hansa_tests::{World, make};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt as _;

use crate::guarantees::{naive_match, random_filter, told};
use crate::story::Story;

const SECOND: Duration = Duration::from_secs(1);

/// A subscription at a URL, with the shortest interval and waits that a seed decides.
async fn at(url: &str) -> SubscriptionBuilder {
    let feed = Feed::connect(url).await.unwrap();
    let backoff = Backoff { most: Duration::from_millis(200), seed: Some(1), ..Backoff::default() };
    Subscription::builder(&feed).progress_interval(SECOND).backoff(backoff)
}

async fn item(subscription: &mut Subscription) -> Item {
    subscription.next().await.expect("it has no end").unwrap()
}

/// Events up to a position, whatever happens on the way; the plug is pulled after every few hundred bytes.
async fn read_to(
    subscription: &mut Subscription,
    head: u64,
    plug: &Plug,
    story: &mut Story,
) -> (Vec<Event>, usize) {
    let (mut events, mut cuts) = (Vec::new(), 0);
    plug.pull_after(100 + story.below(700) as u64);
    loop {
        let at = match item(subscription).await {
            Item::Events { events: more, position, .. } => {
                events.extend(more);
                position
            }
            Item::Progress(progress) => progress.position,
            Item::CaughtUp(caught_up) => caught_up.position,
            Item::Interrupted { .. } => {
                cuts += 1;
                if cuts < 12 {
                    plug.pull_after(100 + story.below(700) as u64);
                }
                0
            }
            _ => 0,
        };
        if at >= head {
            return (events, cuts);
        }
    }
}

/// From every start, with random filters, cut again and again: what a replay says, once and in order.
#[tokio::test(flavor = "multi_thread")]
async fn every_start_survives_being_cut_at_any_time() {
    let (world, mut story) = told(61, 120).await;
    let everything = events_to_head(&mut world.feed(), None).await;
    let plug = Plug::before(&world.feed_url()).await;
    let head = world.feed_follows(story.registry_position).await;
    let middle = &everything[everything.len() / 2];
    let mut cursor = at(&plug.url()).await.open();
    let half = loop {
        if let Item::Events { cursor, position, .. } = item(&mut cursor).await
            && position >= 20
        {
            break (cursor, position);
        }
    };
    drop(cursor);
    let starts = [
        (Start::Beginning, 0),
        (Start::After(half.0.clone()), half.1),
        (Start::Since(middle.recorded_at.unwrap()), u64::MAX),
        (Start::Last(40), u64::MAX),
        (Start::End, head.head_position),
    ];
    let mut times_cut = 0;
    for (start, after) in starts {
        for _ in 0..3 {
            let filter = random_filter(&mut story);
            let matching = everything.iter().filter(|event| naive_match(&filter, event)).cloned();
            let expected: Vec<Event> = match &start {
                Start::Since(_) => {
                    let at = |event: &Event| event.recorded_at.map(|at| (at.seconds, at.nanos));
                    matching.filter(|event| at(event) >= at(middle)).collect()
                }
                Start::Last(count) => {
                    let all: Vec<Event> = matching.collect();
                    let first = all.len().saturating_sub(*count as usize);
                    let from = all.get(first).map_or(u64::MAX, |event| event.position);
                    all.into_iter().filter(|event| event.position >= from).collect()
                }
                _ => matching.filter(|event| event.position > after).collect(),
            };
            let builder = at(&plug.url()).await.start(start.clone()).batch_events(2);
            let mut subscription = builder.filter(filter.clone()).open();
            let (events, cuts) =
                read_to(&mut subscription, head.head_position, &plug, &mut story).await;
            assert_eq!(events, expected, "{start:?} {filter:?}");
            times_cut += cuts;
        }
    }
    assert!(times_cut > 20, "hardly ever cut: {times_cut}");
}

/// A connection that lives and says nothing: dead after two and a half intervals; the next one is another.
#[tokio::test(flavor = "multi_thread")]
async fn silence_is_death() {
    let (world, _) = told(62, 10).await;
    let plug = Plug::before(&world.feed_url()).await;
    let mut subscription = at(&plug.url()).await.start(Start::End).open();
    while !matches!(item(&mut subscription).await, Item::CaughtUp(_)) {}
    plug.hold_still();
    let before = plug.connections();
    world.registry().create_member(make::member("unheard", "ES")).await.unwrap();
    let cause = loop {
        match item(&mut subscription).await {
            Item::Interrupted { cause, .. } => break cause,
            // Was on its way.
            Item::Progress(_) => {}
            other => panic!("{other:?} through a plug that is held still"),
        }
    };
    assert_eq!(cause, Interruption::Silence(SECOND * 5 / 2));
    assert!(matches!(item(&mut subscription).await, Item::Resumed(_)));
    assert!(plug.connections() > before, "over the connection that is dead");
    let Item::Events { events, .. } = item(&mut subscription).await else { panic!("no events") };
    assert_eq!(events[0].members, ["members/unheard"]);
}

/// Who does not listen for longer than that, or stops waiting all the time, takes nobody for dead.
#[tokio::test(flavor = "multi_thread")]
async fn who_listens_seldom_misses_nothing() {
    let (world, mut story) = told(63, 20).await;
    let mut subscription = at(&world.feed_url()).await.open();
    let head = world.feed_follows(story.registry_position).await.head_position;
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    let (mut events, mut at) = (Vec::new(), 0);
    while at < head {
        tokio::select! {
            _ = ticks.tick() => {}
            item = subscription.next() => match item.unwrap().unwrap() {
                Item::Events { events: more, position, .. } => {
                    events.extend(more);
                    at = position;
                }
                Item::CaughtUp(caught_up) => at = caught_up.position,
                Item::Interrupted { cause, .. } => panic!("{cause}"),
                _ => {}
            }
        }
    }
    assert_eq!(events, events_to_head(&mut world.feed(), None).await);
    // Away for three intervals, this is what the test is about; signs of life wait in the connection.
    tokio::time::sleep(SECOND * 3).await;
    story.step(&world).await;
    for _ in 0..3 {
        let item = item(&mut subscription).await;
        assert!(!matches!(item, Item::Interrupted { .. }), "{item:?}");
    }
}

/// A snapshot that is cut off begins anew by itself, and says so; what it tells in the end is whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_cut_off_begins_anew() {
    let (world, _) = told(64, 80).await;
    let plug = Plug::before(&world.feed_url()).await;
    let (mut again, mut whole) = (0, Vec::new());
    for bytes in [200, 600, 1_200, 2_400, 4_000, 8_000, 12_000, 1_000_000] {
        let mut subscription = at(&plug.url()).await.snapshot(true).stop_at_head(true).open();
        plug.pull_after(bytes);
        let mut state = Vec::new();
        while let Some(item) = subscription.next().await {
            match item.unwrap() {
                Item::SnapshotBegin { again: is_again } => {
                    again += usize::from(is_again);
                    state.clear();
                }
                Item::Snapshot(part) => state.push(part),
                Item::Events { events, .. } => panic!("the past, {} events of it", events.len()),
                Item::SnapshotEnd(end) => assert_eq!(subscription.cursor(), Some(&end.cursor)),
                _ => {}
            }
        }
        whole.push(state);
        plug.pull();
    }
    assert!(again > 1, "cut off {again} times before it was whole");
    assert!(whole.iter().all(|state| *state == whole[0] && state.len() > 2));
}

/// Older than what is kept: the gap is told, and then what was asked for comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_never_silent() {
    let (world, mut story) = told(65, 40).await;
    let front = chaos::before(&world, None).await;
    for (on_expired, cause) in [
        (OnExpired::FromOldest, GapCause::Expired),
        (OnExpired::Snapshot, GapCause::ExpiredForSnapshot),
    ] {
        let fault = front.apply(Fault::of(Kind::ExpireCursors).after(12));
        let builder = at(&front.url()).await.on_expired(on_expired).batch_events(4);
        let mut subscription = builder.open();
        let (mut up_to, mut gap, mut state) = (0, None, Vec::new());
        loop {
            match item(&mut subscription).await {
                Item::Events { events, position, .. } if gap.is_none() => {
                    assert!(events[0].position > up_to);
                    up_to = position;
                }
                Item::Gap(told) => {
                    assert_eq!((told.after, told.cause), (up_to, cause));
                    gap = Some(told);
                }
                Item::SnapshotBegin { again } => {
                    assert!(gap.is_some() && !again && on_expired == OnExpired::Snapshot);
                    state.push("begin");
                }
                Item::SnapshotEnd(end) => {
                    assert!(end.position >= gap.unwrap().up_to);
                    state.push("end");
                }
                Item::CaughtUp(_) => break,
                _ => {}
            }
        }
        front.fired(fault).await;
        let Gap { after, up_to, .. } = gap.expect("a gap");
        assert!(after < up_to, "{after} to {up_to}");
        let expected: &[&str] =
            if on_expired == OnExpired::Snapshot { &["begin", "end"] } else { &[] };
        assert_eq!(state, expected);
        // And on it goes.
        let before = world.feed_follows(story.registry_position).await.head_position;
        while world.feed_follows(story.registry_position).await.head_position == before {
            story.step(&world).await;
        }
        let first = loop {
            if let Item::Events { events, .. } = item(&mut subscription).await {
                break events[0].position;
            }
        };
        assert_eq!(first, before + 1);
        front.set_plan(None);
    }
}

async fn named(world: &World, name: &str, filter: Filter) {
    let subscription = Named { name: name.to_owned(), filter: Some(filter), ..Default::default() };
    let request =
        CreateSubscriptionRequest { subscription: Some(subscription), ..Default::default() };
    world.feed().create_subscription(request).await.unwrap();
}

async fn committed(world: &World, name: &str) -> u64 {
    let request = GetSubscriptionRequest { name: name.to_owned(), min_position: 0 };
    let answer = world.feed().get_subscription(request).await.unwrap().into_inner();
    answer.subscription.unwrap().position
}

/// By hand: forwards only, only what was yielded, once although its answer is lost, and not over another
/// consumer's head.
#[tokio::test(flavor = "multi_thread")]
async fn cursors_are_committed_by_hand() {
    const COMMIT: &str = "hansa.feed.v1.FeedService/CommitCursor";
    let (world, _) = told(66, 60).await;
    let name = "subscriptions/board";
    named(&world, name, Filter::default()).await;
    let front = chaos::before(&world, None).await;
    let start = Start::Subscription(name.to_owned());
    let mut subscription = at(&front.url()).await.start(start.clone()).batch_events(1).open();
    let mut cursors = Vec::new();
    while cursors.len() < 9 {
        if let Item::Events { cursor, position, .. } = item(&mut subscription).await {
            cursors.push((cursor, position));
        }
    }
    let ahead = world.feed_follows(0).await.head_cursor;
    assert_eq!(subscription.commit(&ahead).await, Err(CommitError::NotYielded));
    subscription.commit(&cursors[2].0).await.unwrap();
    assert_eq!(committed(&world, name).await, cursors[2].1);
    subscription.commit(&cursors[0].0).await.unwrap();
    assert_eq!(committed(&world, name).await, cursors[2].1, "never back");
    // Done, and the answer lost; turned away before it was done.
    for (kind, cursor) in [(Kind::HalfClose, 3), (Kind::Disconnect, 4), (Kind::Refuse, 5)] {
        let fault = front.apply(Fault::of(kind).on(COMMIT));
        subscription.commit(&cursors[cursor].0).await.unwrap();
        front.fired(fault).await;
        assert_eq!(committed(&world, name).await, cursors[cursor].1, "{kind}");
    }

    let mut other = at(&world.feed_url()).await.start(start).batch_events(1).open();
    let first = loop {
        if let Item::Events { cursor, position, .. } = item(&mut other).await {
            break (cursor, position);
        }
    };
    assert_eq!(first.1, cursors[6].1, "it goes on after what is committed");
    other.commit(&first.0).await.unwrap();
    let raced = subscription.commit(&cursors[8].0).await;
    let expected = CommitError::CommittedElsewhere { expected: cursors[5].1, actual: cursors[6].1 };
    assert_eq!(raced, Err(expected));
    assert_eq!(committed(&world, name).await, cursors[6].1);

    let mut nameless = at(&world.feed_url()).await.open();
    item(&mut nameless).await;
    assert_eq!(nameless.commit(&first.0).await, Err(CommitError::NotNamed));
}

/// By itself: what was yielded before the next item was asked for, after so many events and when there is
/// nothing more; and over cuts nothing comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn cursors_are_committed_by_themselves() {
    let (world, mut story) = told(67, 60).await;
    let name = "subscriptions/board";
    let filter = Filter { countries: vec!["ES".into(), "DE".into()], ..Default::default() };
    named(&world, name, filter.clone()).await;
    let all = events_to_head(&mut world.feed(), Some(filter)).await;
    let plug = Plug::before(&world.feed_url()).await;
    let builder = at(&plug.url()).await.start(Start::Subscription(name.to_owned())).batch_events(1);
    let builder = builder.commits(Commits::After { events: 5 });
    let mut first = builder.clone().open();
    let mut seen = Vec::new();
    while seen.len() < 12 {
        if let Item::Events { events, .. } = item(&mut first).await {
            seen.extend(events);
        }
    }
    drop(first);
    let kept = committed(&world, name).await;
    assert!(all.iter().any(|event| event.position == kept), "{kept} is no event's");
    let behind = seen.iter().filter(|event| event.position > kept).count();
    assert!((1..=7).contains(&behind), "{behind} events are not committed");

    // Another process: what was not committed comes again, then the rest, each once.
    let head = world.feed_follows(story.registry_position).await.head_position;
    let mut second = builder.open();
    let (again, _) = read_to(&mut second, head, &plug, &mut story).await;
    let expected: Vec<_> = all.iter().filter(|event| event.position > kept).map(place).collect();
    assert_eq!(again.iter().map(place).collect::<Vec<_>>(), expected);
    // The last item said that there is nothing more; asking for the next commits what was yielded.
    while committed(&world, name).await < all.last().unwrap().position {
        item(&mut second).await;
    }
}

/// Lets through who has the token that is good now, as a feed with authentication would.
#[derive(Clone)]
struct Guard {
    feed: Channel,
    good: Arc<parking_lot::Mutex<String>>,
    refused: Arc<AtomicUsize>,
}

impl tonic::server::NamedService for Guard {
    const NAME: &'static str = "hansa.feed.v1.FeedService";
}

impl tower::Service<http::Request<tonic::body::Body>> for Guard {
    type Response = http::Response<tonic::body::Body>;
    type Error = std::convert::Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let wanted = format!("Bearer {}", self.good.lock());
        let given = request.headers().get("authorization").cloned();
        let mut feed = self.feed.clone();
        if given.is_some_and(|given| given.as_bytes() == wanted.as_bytes()) {
            return Box::pin(async move {
                let feed = feed.ready().await.expect("the feed runs");
                Ok(feed.call(request).await.expect("the feed runs"))
            });
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            let response = http::Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", "16");
            Ok(response.body(tonic::body::Body::empty()).expect("a response"))
        })
    }
}

/// Asked for with each connection; refused once, another is asked for; refused again, it ends.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_once() {
    let (world, _) = told(68, 5).await;
    let guard = Guard {
        feed: Endpoint::from_shared(world.feed_url()).unwrap().connect_lazy(),
        good: Arc::new(parking_lot::Mutex::new("first".to_owned())),
        refused: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let service = tonic::transport::Server::builder().add_service(guard.clone());
    let serving = tokio::spawn(service.serve_with_incoming(incoming));
    let plug = Plug::before(&url).await;

    let asked = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (asking, good) = (Arc::clone(&asked), Arc::clone(&guard.good));
    let kept = parking_lot::Mutex::new("first".to_owned());
    let tokens = Tokens::from_fn(move |why| {
        asking.lock().push(why);
        if why == TokenFor::Refused {
            *kept.lock() = good.lock().clone();
        }
        let token = kept.lock().clone();
        async move { Ok::<_, String>(token) }
    });
    let mut subscription = at(&plug.url()).await.tokens(tokens).start(Start::End).open();
    assert!(matches!(item(&mut subscription).await, Item::Opened(_)));
    *guard.good.lock() = "second".to_owned();
    plug.pull();
    while !matches!(item(&mut subscription).await, Item::Resumed(_)) {}
    use TokenFor::{Connection, Refused};
    assert_eq!(asked.lock().last(), Some(&Refused));
    assert!(asked.lock().iter().filter(|why| **why == Connection).count() >= 2);
    assert_eq!(guard.refused.load(Ordering::SeqCst), 1);

    let mut stranger = at(&url).await.tokens(Tokens::fixed("stolen")).open();
    let error = loop {
        match stranger.next().await.unwrap() {
            Ok(Item::Interrupted { .. }) => {}
            Ok(item) => panic!("{item:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SubscriptionError::Unauthenticated { .. }), "{error:?}");
    assert_eq!(guard.refused.load(Ordering::SeqCst), 3, "tried more or less than twice");
    let mut nobody = at(&url).await.open();
    let error = nobody.next().await.unwrap().unwrap_err();
    assert!(matches!(error, SubscriptionError::Unauthenticated { .. }), "{error:?}");
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gives_up_when_it_is_told_to() {
    let mut world = World::start().await;
    let feed = Feed::connect(&world.feed_url()).await.unwrap();
    world.kill_feed().await;
    let backoff = Backoff { most: Duration::from_millis(5), tries: Some(3), ..Backoff::default() };
    let mut subscription = Subscription::builder(&feed).backoff(backoff).open();
    for _ in 0..3 {
        assert!(matches!(item(&mut subscription).await, Item::Interrupted { .. }));
    }
    let error = subscription.next().await.unwrap().unwrap_err();
    assert!(matches!(error, SubscriptionError::GaveUp { tries: 3, .. }), "{error:?}");
    assert!(subscription.next().await.is_none());
}

/// As many as there may be, and not one more until one is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn named_subscriptions_are_limited() {
    use hansa_proto::limits::SUBSCRIPTIONS;
    let world = World::start().await;
    let create = |number: usize| {
        let name = format!("subscriptions/s{number}");
        let subscription = Some(Named { name, ..Default::default() });
        CreateSubscriptionRequest { subscription, ..Default::default() }
    };
    let feed = world.feed();
    let mut making = tokio::task::JoinSet::new();
    for part in 0..8 {
        let mut feed = feed.clone();
        making.spawn(async move {
            for number in (part..SUBSCRIPTIONS).step_by(8) {
                feed.create_subscription(create(number)).await.unwrap();
            }
        });
    }
    making.join_all().await;
    let mut feed = feed;
    let refused = feed.create_subscription(create(SUBSCRIPTIONS)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(Refusal::of(&refused).reason, "SUBSCRIPTION_QUOTA");
    use tonic_types::StatusExt as _;
    let quota = refused.get_details_quota_failure().expect("a quota");
    assert_eq!(quota.violations[0].subject, "named subscriptions");
    let name = "subscriptions/s7".to_owned();
    let delete = DeleteSubscriptionRequest { name, ..Default::default() };
    feed.delete_subscription(delete).await.unwrap();
    feed.create_subscription(create(SUBSCRIPTIONS)).await.unwrap();
}
