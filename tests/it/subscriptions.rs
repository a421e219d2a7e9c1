//! Subscriptions with all their starts: the present state, a time, a number, a name; many at once, each
//! with a filter of its own; and what the feed says of them.

use std::collections::BTreeMap;

use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{
    Batch, Campaign, CampaignState, CommitCursorRequest, CreateSubscriptionRequest,
    DeleteSubscriptionRequest, Event, EventKind, ExplainSubscriptionRequest, Filter,
    GetSubscriptionRequest, HandOverCampaignRequest, ListSubscriptionsRequest, Snapshot,
    SubscribeRequest, SubscribeResponse, Subscription, SubscriptionState,
};
use hansa_proto::pb::registry::v1::{Member, Membership, Network};
use hansa_tests::events::{batches, events_to_head, from_beginning, messages_to_head, place};
use hansa_tests::refusal::Refusal;
use hansa_tests::{World, make};
use tonic::transport::Channel;
use tonic::{Code, Streaming};

use crate::dataset;
use crate::guarantees::{naive_match, random_filter, told};
use crate::story::{Story, network};

/// The state a client keeps: what a snapshot told, and every event after it written down.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    networks: BTreeMap<String, Network>,
    members: BTreeMap<String, Member>,
    memberships: BTreeMap<String, Membership>,
    campaigns: BTreeMap<String, Campaign>,
}

impl State {
    fn begin(&mut self, snapshot: Snapshot) {
        let Snapshot { networks, members, memberships, campaigns } = snapshot;
        self.networks.extend(networks.into_iter().map(|it| (it.name.clone(), it)));
        self.members.extend(members.into_iter().map(|it| (it.name.clone(), it)));
        self.memberships.extend(memberships.into_iter().map(|it| (it.name.clone(), it)));
        for campaign in campaigns {
            self.campaign(campaign);
        }
    }

    /// What the filter takes after the event is so; what it took before and takes no more is gone.
    fn change(&mut self, event: &Event, filter: &Filter) {
        let stays = naive_match(filter, &Event { former: None, ..event.clone() });
        match event.body.clone().unwrap() {
            Body::NetworkBody(it) if stays => drop(self.networks.insert(it.name.clone(), *it)),
            Body::NetworkBody(it) => drop(self.networks.remove(&it.name)),
            Body::MemberBody(it) if stays => drop(self.members.insert(it.name.clone(), *it)),
            Body::MemberBody(it) => drop(self.members.remove(&it.name)),
            Body::MembershipBody(it) => drop(self.memberships.insert(it.name.clone(), it)),
            Body::CampaignBody(it) if stays => self.campaign(*it),
            Body::CampaignBody(it) => drop(self.campaigns.remove(&it.name)),
            Body::StatementBody(_) | Body::SignatureBody(_) | Body::ParticipationBody(_) => {}
        }
    }

    /// With a filter by what others are like, what depends on them comes and goes without events of its
    /// own: networks and members have events.
    fn told_by_events(self, filter: &Filter) -> State {
        match filter.themes.is_empty() && filter.countries.is_empty() {
            true => self,
            false => State { networks: self.networks, members: self.members, ..State::default() },
        }
    }

    /// What other events tell of a campaign, who takes part and which statements belong to it, is theirs
    /// to tell.
    fn campaign(&mut self, campaign: Campaign) {
        let name = campaign.name.clone();
        match campaign.state() {
            CampaignState::Active => {
                let alone = Campaign { participant_count: 0, statements: Vec::new(), ..campaign };
                self.campaigns.insert(name, alone);
            }
            _ => drop(self.campaigns.remove(&name)),
        }
    }

    /// What the events up to a position come to.
    fn folded(events: &[Event], position: u64, filter: &Filter) -> State {
        let mut state = State::default();
        for event in events.iter().filter(|event| event.position <= position) {
            state.change(event, filter);
        }
        state
    }
}

async fn next(stream: &mut Streaming<SubscribeResponse>) -> Message {
    stream.message().await.unwrap().unwrap().message.unwrap()
}

/// The present state in small parts, each read while the story goes on, then a batch at a time.
async fn state_and_changes(
    mut feed: FeedServiceClient<Channel>,
    request: SubscribeRequest,
    story: &mut Story,
    world: &World,
) -> Vec<(u64, State)> {
    let filter = request.filter.clone().unwrap();
    let mut stream = feed.subscribe(request).await.unwrap().into_inner();
    let (mut state, mut seen, mut parts) = (State::default(), Vec::new(), 0);
    let opened = next(&mut stream).await;
    assert!(matches!(opened, Message::Opened(_)));
    loop {
        story.step(world).await;
        shift(world, story).await;
        match next(&mut stream).await {
            Message::Snapshot(snapshot) => {
                parts += 1;
                state.begin(snapshot);
            }
            Message::Progress(progress) => {
                assert_eq!(progress.position, 0, "a cursor before the state is whole");
            }
            Message::SnapshotEnd(end) => {
                seen.push((end.position, state.clone()));
                break;
            }
            other => panic!("{other:?} before the state is whole"),
        }
    }
    let of_kinds = if filter.themes.is_empty() && filter.countries.is_empty() { 1 } else { 0 };
    assert!(parts > of_kinds, "the state came in {parts} parts");
    for _ in 0..40 {
        story.step(world).await;
        shift(world, story).await;
    }
    let head = world.feed_follows(story.registry_position).await.head_position;
    loop {
        let (events, at) = match next(&mut stream).await {
            Message::Batch(Batch { events, .. }) => (events, None),
            Message::Progress(progress) => (Vec::new(), Some(progress.position)),
            Message::CaughtUp(caught_up) => (Vec::new(), Some(caught_up.position)),
            other => panic!("{other:?} after the state"),
        };
        let last = events.last().map(|event| event.position);
        for event in &events {
            assert!(event.position > seen[0].0, "an event the state has already");
            state.change(event, &filter);
        }
        let position = last.or(at).unwrap();
        seen.push((position, state.clone()));
        if position >= head {
            return seen;
        }
    }
}

/// Snapshot-consistent: snapshot plus changes equals the state at any later position, while writes go on,
/// and while resources come into the filter and leave it.
#[tokio::test(flavor = "multi_thread")]
async fn snapshot_consistent() {
    let (world, mut story) = told(31, 150).await;
    let filters = [
        Filter::default(),
        Filter { networks: vec!["networks/network-1".into()], ..Default::default() },
        Filter {
            members: (0..9).map(|number| format!("members/member-{number}")).collect(),
            ..Default::default()
        },
        Filter {
            themes: vec!["THEME 1".into(), "theme 2".into()],
            allow_unknown: true,
            ..Default::default()
        },
        Filter { countries: vec!["ES".into(), "FR".into()], ..Default::default() },
    ];
    let mut left = 0;
    for (number, filter) in filters.into_iter().enumerate() {
        let start = match number % 2 {
            0 => Start::Beginning(()),
            _ => Start::End(()),
        };
        let request = SubscribeRequest {
            start: Some(start),
            filter: Some(filter.clone()),
            include_snapshot: true,
            max_batch_bytes: 1_024,
            progress_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            ..Default::default()
        };
        let seen = state_and_changes(world.feed(), request, &mut story, &world).await;
        let events = events_to_head(&mut world.feed(), Some(filter.clone())).await;
        assert!(seen.last().unwrap().0 > seen[0].0, "nothing was written meanwhile");
        let leaves =
            |event: &&Event| !naive_match(&filter, &Event { former: None, ..(*event).clone() });
        left += events.iter().filter(leaves).count();
        for (position, state) in seen {
            let expected = State::folded(&events, position, &filter).told_by_events(&filter);
            assert_eq!(state.told_by_events(&filter), expected, "at {position}, {filter:?}");
        }
    }
    assert!(left > 10, "hardly anything left a filter: {left}");
}

/// A campaign that goes to another network is told to those who follow the old one, and the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_handover_is_told_to_both_networks() {
    let world = World::start().await;
    for id in ["old", "new", "other"] {
        let made = world.registry().create_network(make::network(id)).await.unwrap().into_inner();
        world.feed_follows(made.position).await;
    }
    world.campaigns().launch_campaign(make::campaign("c", "old")).await.unwrap();
    let status = world.feed_follows(0).await;
    let mut live = Vec::new();
    for id in ["old", "new", "other"] {
        let filter = Filter { networks: vec![make::network_name(id)], ..Default::default() };
        let after_head = Start::AfterCursor(status.head_cursor.clone());
        let request = SubscribeRequest {
            start: Some(after_head),
            filter: Some(filter.clone()),
            ..Default::default()
        };
        let mut stream = world.feed().subscribe(request.clone()).await.unwrap().into_inner();
        while !matches!(next(&mut stream).await, Message::CaughtUp(_)) {}
        live.push((id, request, stream));
    }
    let handed = HandOverCampaignRequest {
        name: "campaigns/c".to_owned(),
        network: make::network_name("new"),
        ..Default::default()
    };
    let handed = world.campaigns().hand_over_campaign(handed).await.unwrap().into_inner();
    for (id, request, mut stream) in live {
        let replayed = events_of(messages_to_head(&mut world.feed(), request).await);
        let concerns = id != "other";
        assert_eq!(replayed.len(), usize::from(concerns), "{id}");
        if concerns {
            let Message::Batch(batch) = next(&mut stream).await else { panic!("no batch") };
            assert_eq!(batch.events, replayed, "{id}");
            assert_eq!(replayed[0].position, handed.position);
            assert_eq!(replayed[0].network, make::network_name("new"));
            let former = replayed[0].former.clone().unwrap();
            assert_eq!(former.network, make::network_name("old"));
        }
    }
}

/// Something that changes what a resource is found by.
async fn shift(world: &World, story: &mut Story) {
    let number = story.below(10_000);
    crate::mirror::shift(world, story, number).await;
}

/// A state that stops at the head is the state of the head, and nothing follows.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_can_be_all_one_wants() {
    let (world, _) = told(32, 60).await;
    let request = SubscribeRequest { include_snapshot: true, ..from_beginning() };
    let messages = messages_to_head(&mut world.feed(), request).await;
    let mut state = State::default();
    for message in &messages {
        match message {
            Message::Snapshot(snapshot) => state.begin(snapshot.clone()),
            Message::Opened(_) | Message::SnapshotEnd(_) | Message::Progress(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let events = events_to_head(&mut world.feed(), None).await;
    assert_eq!(state, State::folded(&events, u64::MAX, &Filter::default()));
    assert!(!state.memberships.is_empty() && !state.campaigns.is_empty());
}

/// 1,000 subscribers, there before the story goes on, each with its own filter: each gets exactly what a
/// naive evaluator says, live, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_filters() {
    let (world, mut story) = told(33, 40).await;
    let clients: Vec<_> = (0..4).map(|_| world.feed()).collect();
    let mut live = Vec::new();
    for number in 0..1_000 {
        let filter = random_filter(&mut story);
        let request = SubscribeRequest {
            filter: Some(filter.clone()),
            progress_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            ..from_beginning()
        };
        let mut client = clients[number % clients.len()].clone();
        live.push((filter, client.subscribe(request).await.unwrap().into_inner()));
    }
    for _ in 0..120 {
        story.step(&world).await;
    }
    let head = world.feed_follows(story.registry_position).await.head_position;
    let everything = events_to_head(&mut world.feed(), None).await;
    let mut matched = 0;
    for (filter, mut stream) in live {
        let (mut received, mut at) = (Vec::new(), 0);
        while at < head {
            match next(&mut stream).await {
                Message::Batch(batch) => received.extend(batch.events),
                Message::Progress(progress) => {
                    assert!(progress.position >= at, "progress went back");
                    at = progress.position;
                }
                _ => {}
            }
        }
        let expected: Vec<Event> =
            everything.iter().filter(|event| naive_match(&filter, event)).cloned().collect();
        assert_eq!(received, expected, "{filter:?}");
        matched += expected.len();
    }
    assert!(matched > 1_000, "the filters matched too little: {matched}");
}

fn events_of(messages: Vec<Message>) -> Vec<Event> {
    batches(messages).into_iter().flat_map(|(events, _)| events).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_time_and_the_last_so_many() {
    let (world, mut story) = told(34, 80).await;
    let everything = events_to_head(&mut world.feed(), None).await;
    for chosen in [0, everything.len() / 2, everything.len() - 1] {
        let time = everything[chosen].recorded_at.unwrap();
        let since = SubscribeRequest { start: Some(Start::Since(time)), ..Default::default() };
        let at = |event: &Event| {
            let time = event.recorded_at.unwrap();
            (time.seconds, time.nanos)
        };
        let first = everything.iter().position(|event| at(event) >= (time.seconds, time.nanos));
        let received = events_of(messages_to_head(&mut world.feed(), since).await);
        assert_eq!(received, everything[first.unwrap()..], "since {time}");
    }
    let far = prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 };
    let future = SubscribeRequest { start: Some(Start::Since(far)), ..Default::default() };
    assert!(events_of(messages_to_head(&mut world.feed(), future).await).is_empty());

    for round in 0..30 {
        let filter = match round {
            0 => Filter::default(),
            _ => random_filter(&mut story),
        };
        let matching: Vec<Event> =
            everything.iter().filter(|event| naive_match(&filter, event)).cloned().collect();
        let count = 1 + story.below(20);
        let request = SubscribeRequest {
            start: Some(Start::Last(count as u32)),
            filter: Some(filter.clone()),
            ..Default::default()
        };
        let received = events_of(messages_to_head(&mut world.feed(), request).await);
        // The commit the first of them stands in comes whole.
        let first = matching.len().saturating_sub(count);
        let begins = matching.get(first).map_or(u64::MAX, |event| event.position);
        let expected: Vec<Event> =
            matching.into_iter().filter(|event| event.position >= begins).collect();
        assert_eq!(received, expected, "last {count} of {filter:?}");
    }
}

async fn get(world: &World, name: &str) -> Subscription {
    let request = GetSubscriptionRequest { name: name.to_owned(), min_position: 0 };
    world.feed().get_subscription(request).await.unwrap().into_inner().subscription.unwrap()
}

/// A cursor under a name: kept over restarts, never back, from what one believes, and with its lag.
#[tokio::test(flavor = "multi_thread")]
async fn named_subscriptions() {
    let (mut world, _) = told(35, 80).await;
    let name = "subscriptions/board".to_owned();
    let filter =
        Filter { networks: vec![format!("networks/{}", network(1))], ..Default::default() };
    let all = events_to_head(&mut world.feed(), Some(filter.clone())).await;
    let subscription =
        Subscription { name: name.clone(), filter: Some(filter.clone()), ..Default::default() };
    let create = CreateSubscriptionRequest {
        subscription: Some(subscription),
        request_id: "create".to_owned(),
        ..Default::default()
    };
    let made = world.feed().create_subscription(create.clone()).await.unwrap().into_inner();
    let lag = made.subscription.unwrap();
    assert_eq!((lag.lag_events, lag.state()), (all.len() as i64, SubscriptionState::Stalled));
    let again = world.feed().create_subscription(create.clone()).await.unwrap().into_inner();
    assert_eq!((again.replayed, again.position), (true, made.position));
    let taken = CreateSubscriptionRequest { request_id: String::new(), ..create };
    let taken = world.feed().create_subscription(taken).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);

    // Read half of it, commit, and pull the plug.
    let by_name = SubscribeRequest {
        start: Some(Start::Subscription(name.clone())),
        max_batch_events: 1,
        ..Default::default()
    };
    let mut stream = world.feed().subscribe(by_name.clone()).await.unwrap().into_inner();
    let mut read: Vec<(Event, Vec<u8>)> = Vec::new();
    while read.len() < all.len() / 2 {
        if let Message::Batch(batch) = next(&mut stream).await {
            let cursor = batch.cursor.to_vec();
            read.extend(batch.events.into_iter().map(|event| (event, cursor.clone())));
        }
    }
    assert_eq!(get(&world, &name).await.streams, 1);
    let commit = |cursor: &[u8], expected: &[u8]| CommitCursorRequest {
        name: name.clone(),
        cursor: cursor.to_vec().into(),
        expected_cursor: expected.to_vec().into(),
        ..Default::default()
    };
    let (half, first) = (read.last().unwrap().1.clone(), read[0].1.clone());
    world.feed().commit_cursor(commit(&half, b"")).await.unwrap();
    drop(stream);
    world.kill_feed().await;
    world.start_feed().await;

    let kept = get(&world, &name).await;
    assert_eq!(kept.cursor, half);
    assert_eq!(kept.lag_events as usize, all.len() - read.len());
    assert!(kept.lag_seconds > 0.0 && kept.committed_at.is_some());
    let rest = events_of(messages_to_head(&mut world.feed(), by_name).await);
    assert_eq!(rest, all[read.len()..]);

    let back = world.feed().commit_cursor(commit(&first, b"")).await.unwrap_err();
    assert_eq!(
        (back.code(), Refusal::of(&back).reason),
        (Code::FailedPrecondition, "CURSOR_BEHIND".into())
    );
    let head = world.feed_follows(0).await.head_cursor;
    let raced = world.feed().commit_cursor(commit(&head, &first)).await.unwrap_err();
    assert_eq!((raced.code(), Refusal::of(&raced).reason), (Code::Aborted, "ETAG_MISMATCH".into()));
    world.feed().commit_cursor(commit(&head, &half)).await.unwrap();
    let idle = get(&world, &name).await;
    assert_eq!((idle.lag_events, idle.state()), (0, SubscriptionState::Idle));
    assert_eq!(idle.lag_seconds, 0.0);
    let mut foreign = head.to_vec();
    foreign[1] ^= 1;
    let foreign = world.feed().commit_cursor(commit(&foreign, b"")).await.unwrap_err();
    assert_eq!(Refusal::of(&foreign).reason, "CURSOR_FOREIGN");

    // What is kept is no event, and nobody is told.
    assert_eq!(events_to_head(&mut world.feed(), Some(filter)).await, all);
    let listed = world.feed().list_subscriptions(ListSubscriptionsRequest::default()).await;
    let listed = listed.unwrap().into_inner().subscriptions;
    assert_eq!(listed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), [name.as_str()]);
    let delete = DeleteSubscriptionRequest { name: name.clone(), ..Default::default() };
    world.feed().delete_subscription(delete.clone()).await.unwrap();
    let gone = world.feed().delete_subscription(delete).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    world.verify_journals().await;
}

async fn explained(
    world: &World,
    filter: Filter,
) -> hansa_proto::pb::feed::v1::ExplainSubscriptionResponse {
    let request = ExplainSubscriptionRequest { filter: Some(filter), min_position: 0 };
    world.feed().explain_subscription(request).await.unwrap().into_inner()
}

/// On the real data an explanation says what a subscription then brings.
#[tokio::test(flavor = "multi_thread")]
async fn explained_on_the_real_data() {
    let world = dataset::imported().await;
    let everything = events_to_head(&mut world.feed(), None).await;
    let busiest = |key: fn(&Event) -> Option<String>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for key in everything.iter().filter_map(key) {
            *counts.entry(key).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).unwrap().0
    };
    let network = busiest(|event| Some(event.network.clone()).filter(|name| !name.is_empty()));
    let country = busiest(|event| event.countries.first().cloned());
    let kinds = vec![EventKind::Joined as i32, EventKind::StatementPublished as i32];
    let of_network = Filter { networks: vec![network.clone()], ..Default::default() };
    for filter in [
        Filter::default(),
        of_network.clone(),
        Filter { countries: vec![country.clone(), "PT".into()], ..Default::default() },
        Filter { countries: vec![country], kinds, ..of_network.clone() },
    ] {
        let matching: Vec<&Event> =
            everything.iter().filter(|event| naive_match(&filter, event)).collect();
        let explained = explained(&world, filter.clone()).await;
        assert!(explained.exact && explained.why_nothing.is_empty(), "{explained:?}");
        assert_eq!(explained.total_events as usize, everything.len());
        assert_eq!(explained.matching_events as usize, matching.len(), "{filter:?}");
        assert_eq!(explained.oldest, matching[0].name);
        assert_eq!(explained.newest, matching.last().unwrap().name);
        assert!(explained.bytes as usize > 100 * matching.len(), "{}", explained.bytes);
        for axis in &explained.axes {
            let alone = match axis.axis.as_str() {
                "networks" => Filter { networks: filter.networks.clone(), ..Default::default() },
                "countries" => Filter { countries: filter.countries.clone(), ..Default::default() },
                _ => Filter { kinds: filter.kinds.clone(), ..Default::default() },
            };
            let passing = everything.iter().filter(|event| naive_match(&alone, event)).count();
            assert_eq!(axis.matching_events as usize, passing, "{}", axis.axis);
        }
    }
    let nobody = Filter { members: vec!["members/nobody".into()], ..of_network };
    let nothing = explained(&world, nobody).await;
    assert_eq!((nothing.matching_events, nothing.oldest.as_str()), (0, ""));
    assert_eq!(nothing.axes[0].unmatched_values, ["members/nobody"]);
    assert!(nothing.why_nothing.contains("members"), "{}", nothing.why_nothing);

    // The last so many of one network, fetched by the index from deep in the journal.
    let filter = Filter { networks: vec![network], ..Default::default() };
    let matching: Vec<Event> =
        everything.iter().filter(|event| naive_match(&filter, event)).cloned().collect();
    let streamed = events_to_head(&mut world.feed(), Some(filter)).await;
    assert_eq!(
        streamed.iter().map(place).collect::<Vec<_>>(),
        matching.iter().map(place).collect::<Vec<_>>()
    );
}
