//! The clocks on the wall jump years back and forth between commands: positions, streams, request ids and
//! signs of life do not care, and dates follow the clock. Longer: `soak -- random --clocks`.

use std::collections::BTreeSet;
use std::time::Duration;

use hansa_chassis::clock::{Clock, Stopwatch};
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{
    CreateSubscriptionRequest, Event, EventKind, GetSubscriptionRequest, SubscribeRequest,
    Subscription,
};
use hansa_proto::pb::registry::v1::{
    CreateMemberRequest, ListMembershipsRequest, WatchChangesRequest, watch_changes_response,
};
use hansa_tests::checker::check;
use hansa_tests::events::{
    after, batches, events_to_head, from_beginning, messages_to_head, place,
};
use hansa_tests::{World, make};
use prost_types::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

const JOINS: u64 = 32;
const YEARS_MICROS: i64 = 30 * 365 * 86_400 * 1_000_000;

/// Sets both clocks, each to a moment of its own in sixty years.
fn jump(world: &World, random: &mut StdRng) {
    for clock in [&world.clocks().registry, &world.clocks().feed] {
        clock.set_ahead(random.random_range(-YEARS_MICROS..YEARS_MICROS));
    }
}

fn micros(time: Option<&Timestamp>) -> i64 {
    let time = time.expect("it is dated");
    time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000
}

/// What was dated between then and now, by this clock.
fn assert_dated(time: Option<&Timestamp>, then: i64, clock: &Clock) {
    let (dated, now) = (micros(time), clock.now_micros());
    assert!((then..=now).contains(&dated), "{dated} is not from {then} to {now}");
}

/// Records a member, has it join in a year, and publishes a statement of it, each after another jump. The
/// position of the join.
async fn tell(world: &World, number: u64, random: &mut StdRng) -> u64 {
    let (clients, clocks) = (world.recorded("caller"), world.clocks().clone());
    jump(world, random);
    let then = clocks.registry.now_micros();
    let made = clients.registry().create_member(member(number)).await.unwrap().into_inner();
    let created_at = made.member.unwrap().created_at;
    assert_dated(created_at.as_ref(), then, &clocks.registry);

    jump(world, random);
    let then = clocks.registry.now_micros();
    let mut join = make::join("anvita", &format!("m-{number}"));
    join.request_id = format!("join-{number}");
    join.occurred_at = make::date(&[1990 + number as i32]);
    let joined = clients.registry().join_network(join).await.unwrap().into_inner();
    assert_eq!(joined.position, made.position + 1, "positions go on");
    assert_dated(joined.membership.unwrap().created_at.as_ref(), then, &clocks.registry);

    jump(world, random);
    let then = clocks.feed.now_micros();
    let mut publish = make::statement(&format!("s-{number}"), "anvita", &[&format!("m-{number}")]);
    publish.min_registry_position = joined.position;
    let published = clients.statements().publish_statement(publish).await.unwrap().into_inner();
    assert_dated(published.statement.unwrap().created_at.as_ref(), then, &clocks.feed);
    joined.position
}

fn member(number: u64) -> CreateMemberRequest {
    let request_id = format!("create-{number}");
    CreateMemberRequest { request_id, ..make::member(&format!("m-{number}"), "ES") }
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_jump_change_dates_and_nothing_else() {
    let mut random = StdRng::seed_from_u64(4);
    let mut world = World::start_recorded("clocks", "seed 4").await;
    world.recorded("caller").registry().create_network(make::network("anvita")).await.unwrap();
    let mut joined_at = Vec::new();
    for number in 0..JOINS {
        joined_at.push(tell(&world, number, &mut random).await);
        if number % 12 == 9 {
            world.kill_registry().await;
            world.kill_feed().await;
            jump(&world, &mut random);
            world.start_registry().await;
            world.start_feed().await;
        }
        // A request id is known in whatever year it is asked for again.
        jump(&world, &mut random);
        let earlier = random.random_range(0..=number);
        let clients = world.recorded("caller");
        let again = clients.registry().create_member(member(earlier)).await.unwrap().into_inner();
        assert!(again.replayed, "member {earlier} is made again");
        assert_eq!(again.position, joined_at[earlier as usize] - 1);
    }
    assert!(joined_at.is_sorted());
    world.feed_follows(*joined_at.last().unwrap()).await;

    streams_go_by_positions(&world, &joined_at).await;
    pages_go_by_days_and_positions(&world, &joined_at).await;
    lag_is_never_negative(&world, &mut random).await;
    let verdict = check(&world.recording().lines()).unwrap();
    assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
    assert!(verdict.looked_at.streams > 5 && verdict.looked_at.events > 100);
}

/// Ordered, Unique, Complete, Resumable; and `since` begins where times cross the one asked for.
async fn streams_go_by_positions(world: &World, joined_at: &[u64]) {
    let events = events_to_head(&mut world.feed(), None).await;
    assert!(events.is_sorted_by(|one, next| place(one) < place(next)), "not in order, or twice");
    let joins = events.iter().filter(|event| event.kind() == EventKind::Joined);
    assert_eq!(joins.map(|event| event.registry_position).collect::<Vec<_>>(), joined_at);
    let dates: Vec<i64> = events.iter().map(|event| micros(event.recorded_at.as_ref())).collect();
    assert!(!dates.is_sorted(), "the feed's clock never went back");

    let clients = world.recorded("reader");
    let mut stream = clients.feed().subscribe(from_beginning()).await.unwrap().into_inner();
    let mut told: Vec<Event> = Vec::new();
    while told.len() < events.len() {
        let message = stream.message().await.unwrap().unwrap().message;
        let Some(Message::Batch(batch)) = message else { continue };
        told.extend(batch.events);
        if told.len().is_multiple_of(5) {
            let rest = messages_to_head(&mut world.feed(), after(Some(&batch.cursor))).await;
            let rest = batches(rest).into_iter().flat_map(|(events, _)| events);
            assert_eq!(rest.collect::<Vec<_>>(), events[told.len()..], "{}", told.len());
            let resumed = after(Some(&batch.cursor));
            stream = clients.feed().subscribe(resumed).await.unwrap().into_inner();
        }
    }
    assert_eq!(told, events);

    for asked in events.iter().step_by(7) {
        let since = asked.recorded_at;
        let request =
            SubscribeRequest { start: since.map(Start::Since), ..SubscribeRequest::default() };
        let found = messages_to_head(&mut world.feed(), request).await;
        let found: Vec<Event> = batches(found).into_iter().flat_map(|(it, _)| it).collect();
        let begins = events.len() - found.len();
        assert_eq!(found, events[begins..], "not all that comes after a place");
        let asked = micros(since.as_ref());
        let dated = |at: usize| micros(events[at].recorded_at.as_ref());
        assert!(begins == events.len() || dated(begins) >= asked, "it begins too early");
        assert!(begins == 0 || dated(begins - 1) < asked, "it begins too late");
    }
}

/// Who belonged on a day goes by the dates of the world, and what was known at a position by positions.
async fn pages_go_by_days_and_positions(world: &World, joined_at: &[u64]) {
    let list = async |request: ListMembershipsRequest| -> BTreeSet<String> {
        let request = ListMembershipsRequest {
            network: make::network_name("anvita"),
            page_size: 1_000,
            ..request
        };
        let found = world.registry().list_memberships(request).await.unwrap().into_inner();
        found.memberships.into_iter().map(|membership| membership.member).collect()
    };
    let members = |count: usize| (0..count).map(|it| make::member_name(&format!("m-{it}")));
    for (number, at_position) in joined_at.iter().enumerate() {
        let known =
            list(ListMembershipsRequest { at_position: *at_position, ..Default::default() });
        assert_eq!(known.await, members(number + 1).collect());
        let as_of = make::date(&[1990 + number as i32, 12, 31]);
        let then = list(ListMembershipsRequest { as_of, ..Default::default() }).await;
        assert_eq!(then, members(number + 1).collect(), "at the end of year {number}");
    }
}

async fn lag_is_never_negative(world: &World, random: &mut StdRng) {
    let name = "subscriptions/late".to_owned();
    let subscription = Some(Subscription { name: name.clone(), ..Default::default() });
    let create = CreateSubscriptionRequest { subscription, ..Default::default() };
    world.feed().create_subscription(create).await.unwrap();
    for _ in 0..4 {
        jump(world, random);
        let get = GetSubscriptionRequest { name: name.clone(), ..Default::default() };
        let found = world.feed().get_subscription(get).await.unwrap().into_inner();
        assert!(found.subscription.unwrap().lag_seconds >= 0.0);
    }
}

/// Signs of life come once an interval, whatever the clock shows, and say what it shows.
#[tokio::test(flavor = "multi_thread")]
async fn signs_of_life_go_by_a_clock_that_only_goes_forward() {
    let world = World::start().await;
    let interval = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let of_feed = SubscribeRequest { progress_interval: interval, ..from_beginning() };
    let mut of_feed = world.feed().subscribe(of_feed).await.unwrap().into_inner();
    let of_registry = WatchChangesRequest { progress_interval: interval, ..Default::default() };
    let mut of_registry = world.registry().watch_changes(of_registry).await.unwrap().into_inner();
    let (feed, registry) = (&world.clocks().feed, &world.clocks().registry);
    let feed_signs = signs(feed, async || {
        loop {
            let message = of_feed.message().await.unwrap().unwrap().message;
            if let Some(Message::Progress(progress)) = message {
                return progress.server_time;
            }
        }
    });
    let registry_signs = signs(registry, async || {
        loop {
            let message = of_registry.message().await.unwrap().unwrap().message;
            if let Some(watch_changes_response::Message::Progress(progress)) = message {
                return progress.server_time;
            }
        }
    });
    tokio::join!(feed_signs, registry_signs);
}

async fn signs(clock: &Clock, mut next: impl AsyncFnMut() -> Option<Timestamp>) {
    next().await;
    for ahead in [-YEARS_MICROS, YEARS_MICROS, 0] {
        clock.set_ahead(ahead);
        let (then, waited) = (clock.now_micros(), Stopwatch::start());
        let sign = tokio::time::timeout(Duration::from_secs(60), next());
        let shown = sign.await.expect("a sign of life comes");
        assert!(waited.elapsed() > Duration::from_millis(800), "signs of life without end");
        assert_dated(shown.as_ref(), then, clock);
    }
}
