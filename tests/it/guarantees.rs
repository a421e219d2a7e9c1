//! The guarantees of docs/guarantees.md, each by its name, on seeded stories.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{Event, EventKind, Filter, ListEventsRequest, SubscribeRequest};
use hansa_tests::World;
use hansa_tests::events::{
    after, batches, events_to_head, from_beginning, messages_to_head, place,
};

use crate::story::{MEMBERS, NETWORKS, Story, member, network};

/// A world with a story of so many steps behind it, all of it in the feed.
pub(crate) async fn told(seed: u64, steps: usize) -> (World, Story) {
    let world = World::start().await;
    let mut story = Story::seeded(seed);
    story.begin(&world).await;
    for _ in 0..steps {
        story.step(&world).await;
    }
    world.feed_follows(story.registry_position).await;
    (world, story)
}

pub(crate) fn random_filter(story: &mut Story) -> Filter {
    let mut filter = Filter { allow_unknown: true, ..Default::default() };
    if story.below(2) == 0 {
        filter.networks =
            (0..=story.below(2)).map(|_| format!("networks/{}", story.network())).collect();
    }
    if story.below(2) == 0 {
        filter.members =
            (0..=story.below(3)).map(|_| format!("members/{}", story.member())).collect();
    }
    if story.below(3) == 0 {
        filter.countries = vec![["ES", "DE", "FR", "BR"][story.below(4)].to_owned()];
    }
    if story.below(4) == 0 {
        filter.themes = vec![format!("Theme {}", story.below(3))];
    }
    if story.below(3) == 0 {
        let kinds = [EventKind::Joined, EventKind::StatementPublished, EventKind::StatementSigned];
        filter.kinds = vec![kinds[story.below(3)].into()];
        filter.exclude_withdrawals = story.below(2) == 0;
    }
    filter
}

/// What a filter means, written down a second time and as plainly as possible.
pub(crate) fn naive_match(filter: &Filter, event: &Event) -> bool {
    let withdrawal =
        [EventKind::StatementCorrected, EventKind::StatementRetracted].contains(&event.kind());
    let kinds = filter.kinds.is_empty()
        || filter.kinds.contains(&event.kind)
        || (withdrawal && !filter.exclude_withdrawals);
    let any = |wanted: &[String], had: &[String]| {
        wanted.is_empty() || wanted.iter().any(|value| had.contains(value))
    };
    let lower = |themes: &[String]| -> Vec<String> {
        themes.iter().map(|theme| theme.to_lowercase()).collect()
    };
    let former = event.former.clone().unwrap_or_default();
    let networks = [event.network.clone(), former.network];
    kinds
        && any(&filter.networks, &networks)
        && any(&filter.members, &[event.members.clone(), former.members].concat())
        && any(&filter.countries, &[event.countries.clone(), former.countries].concat())
        && any(&lower(&filter.themes), &lower(&[event.themes.clone(), former.themes].concat()))
        && any(&filter.campaigns, std::slice::from_ref(&event.campaign))
}

#[tokio::test(flavor = "multi_thread")]
async fn ordered_and_unique() {
    let (world, _) = told(11, 120).await;
    let events = events_to_head(&mut world.feed(), None).await;
    let places: Vec<_> = events.iter().map(place).collect();
    assert!(places.len() > 60, "the story is too short: {}", places.len());
    assert!(places.is_sorted(), "not in order");
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len(), "an event twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn atomic() {
    let (world, _) = told(12, 120).await;
    let mut largest = 0;
    for max_batch_events in [1, 2, 7] {
        let request = SubscribeRequest { max_batch_events, ..from_beginning() };
        let messages = messages_to_head(&mut world.feed(), request).await;
        let mut seen = BTreeSet::new();
        for (events, _) in batches(messages) {
            let positions: BTreeSet<u64> = events.iter().map(|event| event.position).collect();
            largest = largest.max(events.len());
            assert!(
                events.len() <= max_batch_events as usize || positions.len() == 1,
                "a batch over its cap that is not one commit"
            );
            for position in positions {
                assert!(seen.insert(position), "commit {position} in two batches");
            }
        }
    }
    assert!(largest > 1, "no commit had several events");
}

#[tokio::test(flavor = "multi_thread")]
async fn complete() {
    let (world, mut story) = told(13, 150).await;
    let everything = events_to_head(&mut world.feed(), None).await;
    let mut matched = 0;
    for _ in 0..40 {
        let filter = random_filter(&mut story);
        let expected: Vec<Event> =
            everything.iter().filter(|event| naive_match(&filter, event)).cloned().collect();
        matched += expected.len();
        let streamed = events_to_head(&mut world.feed(), Some(filter.clone())).await;
        assert_eq!(streamed, expected, "{filter:?}");
        assert_eq!(listed(&world, filter, false).await, expected);
    }
    assert!(matched > 100, "the filters matched too little: {matched}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_say_what_streams_say() {
    let (world, _) = told(14, 60).await;
    let mut everything = events_to_head(&mut world.feed(), None).await;
    assert_eq!(listed(&world, Filter::default(), false).await, everything);
    everything.reverse();
    assert_eq!(listed(&world, Filter::default(), true).await, everything);
}

async fn listed(world: &World, filter: Filter, descending: bool) -> Vec<Event> {
    let mut feed = world.feed();
    let mut events = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListEventsRequest {
            filter: Some(filter.clone()),
            page_size: 7,
            page_token,
            descending,
            ..Default::default()
        };
        let page = feed.list_events(request).await.unwrap().into_inner();
        assert!(page.events.len() <= 7);
        events.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return events;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resumable_and_bookmarkable() {
    let (world, mut story) = told(15, 80).await;
    for filter in [None, Some(random_filter(&mut story)), Some(random_filter(&mut story))] {
        let subscribe =
            |start| SubscribeRequest { filter: filter.clone(), max_batch_events: 3, ..start };
        let messages = messages_to_head(&mut world.feed(), subscribe(from_beginning())).await;
        let all: Vec<Event> = sent_after(&messages, 0);
        for (index, message) in messages.iter().enumerate() {
            let Some(cursor) = cursor_of(message) else { continue };
            let rest = sent_after(&messages, index + 1);
            let resumed =
                messages_to_head(&mut world.feed(), subscribe(after(Some(&cursor)))).await;
            assert_eq!(sent_after(&resumed, 0), rest, "after message {index}: {message:?}");
        }
        let last = messages.iter().filter_map(cursor_of).next_back().unwrap();
        let nothing = messages_to_head(&mut world.feed(), subscribe(after(Some(&last)))).await;
        assert!(
            sent_after(&nothing, 0).is_empty(),
            "something came after the end of {}",
            all.len()
        );
    }
}

/// Events in the messages from this one on.
fn sent_after(messages: &[Message], index: usize) -> Vec<Event> {
    batches(messages[index..].to_vec()).into_iter().flat_map(|(events, _)| events).collect()
}

fn cursor_of(message: &Message) -> Option<Vec<u8>> {
    match message {
        Message::Opened(opened) => Some(opened.start_cursor.to_vec()),
        Message::Batch(batch) => Some(batch.cursor.to_vec()),
        Message::Progress(progress) => Some(progress.cursor.to_vec()),
        Message::CaughtUp(caught_up) => Some(caught_up.cursor.to_vec()),
        Message::FellBehind(behind) => Some(behind.cursor.to_vec()),
        Message::SnapshotEnd(end) => Some(end.cursor.to_vec()),
        Message::Notice(_) | Message::Snapshot(_) => None,
    }
}

/// Live subscribers with filters, there before the story is told, receive what a replay later says.
#[tokio::test(flavor = "multi_thread")]
async fn live_says_what_replay_says() {
    let world = World::start().await;
    let mut story = Story::seeded(16);
    story.begin(&world).await;
    let mut live = Vec::new();
    for _ in 0..8 {
        let filter = random_filter(&mut story);
        let request = SubscribeRequest { filter: Some(filter.clone()), ..from_beginning() };
        let stream = world.feed().subscribe(request).await.unwrap().into_inner();
        live.push((filter, stream));
    }
    for _ in 0..120 {
        story.step(&world).await;
    }
    let status = world.feed_follows(story.registry_position).await;
    for (filter, mut stream) in live {
        let replayed = events_to_head(&mut world.feed(), Some(filter.clone())).await;
        let mut streamed = Vec::new();
        // A filter that matches nothing more is known to have caught up by its progress.
        while streamed.len() < replayed.len() {
            match stream.message().await.unwrap().unwrap().message.unwrap() {
                Message::Batch(batch) => streamed.extend(batch.events),
                Message::Progress(progress) => assert!(progress.position <= status.head_position),
                _ => {}
            }
        }
        assert_eq!(streamed, replayed, "{filter:?}");
    }
}

/// Nothing a subscriber has seen is gone after the feed is cut off.
#[tokio::test(flavor = "multi_thread")]
async fn durable_before_visible() {
    let mut world = World::start().await;
    let mut story = Story::seeded(17);
    story.begin(&world).await;
    for _ in 0..6 {
        let mut stream = world.feed().subscribe(from_beginning()).await.unwrap().into_inner();
        for _ in 0..15 {
            story.step(&world).await;
        }
        let mut seen = Vec::new();
        // Read what is there, up to the catching up, and cut the feed off at once.
        loop {
            match stream.message().await.unwrap().unwrap().message.unwrap() {
                Message::Batch(batch) => seen.extend(batch.events),
                Message::CaughtUp(_) => break,
                _ => {}
            }
        }
        world.kill_feed().await;
        world.start_feed().await;
        let kept = events_to_head(&mut world.feed(), None).await;
        assert!(!seen.is_empty());
        assert_eq!(kept[..seen.len()], seen);
    }
}

/// The state a follower folds from the joins equals what the registry says.
#[tokio::test(flavor = "multi_thread")]
async fn exactly_once_from_the_registry() {
    let (world, _) = told(18, 200).await;
    let events = events_to_head(&mut world.feed(), None).await;
    let from_registry: Vec<u64> = events
        .iter()
        .map(|event| event.registry_position)
        .filter(|position| *position > 0)
        .collect();
    assert!(from_registry.is_sorted());
    let mut active: BTreeMap<(String, String), i32> = BTreeMap::new();
    for event in &events {
        let change = match event.kind() {
            EventKind::Joined => 1,
            EventKind::Left => -1,
            _ => continue,
        };
        let pair = (event.network.clone(), event.members[0].clone());
        *active.entry(pair).or_default() += change;
    }
    let mut joins = 0;
    for number in 0..NETWORKS {
        for other in 0..MEMBERS {
            let (network, member) = (network(number), member(other));
            let name = hansa_tests::make::membership_name(&network, &member);
            let folded = active.get(&(format!("networks/{network}"), format!("members/{member}")));
            let request =
                hansa_proto::pb::registry::v1::GetMembershipRequest { name, ..Default::default() };
            let held = match world.registry().get_membership(request).await {
                Ok(response) => {
                    let membership = response.into_inner().membership.unwrap();
                    joins += membership.terms.len();
                    i32::from(
                        membership.state()
                            == hansa_proto::pb::registry::v1::MembershipState::Active,
                    )
                }
                Err(status) => {
                    assert_eq!(status.code(), tonic::Code::NotFound);
                    0
                }
            };
            assert_eq!(folded.copied().unwrap_or(0), held, "{member} in {network}");
        }
    }
    let told = events.iter().filter(|event| event.kind() == EventKind::Joined).count();
    assert_eq!(told, joins, "a join told twice or not at all");
    assert!(joins > 20, "the story had too few joins: {joins}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_end_comes_only_what_is_new() {
    let (world, mut story) = told(19, 20).await;
    let request = SubscribeRequest { start: Some(Start::End(())), ..Default::default() };
    let mut stream = world.feed().subscribe(request).await.unwrap().into_inner();
    let opened = match stream.message().await.unwrap().unwrap().message.unwrap() {
        Message::Opened(opened) => opened,
        other => panic!("not opened first: {other:?}"),
    };
    assert_eq!(opened.start_position, opened.head_position);
    let before = events_to_head(&mut world.feed(), None).await.len();
    let mut all = events_to_head(&mut world.feed(), None).await;
    while all.len() == before {
        story.step(&world).await;
        world.feed_follows(story.registry_position).await;
        all = events_to_head(&mut world.feed(), None).await;
    }
    let fresh = loop {
        if let Message::Batch(batch) = stream.message().await.unwrap().unwrap().message.unwrap() {
            break batch.events;
        }
    };
    assert_eq!(fresh[0], all[before]);
}
