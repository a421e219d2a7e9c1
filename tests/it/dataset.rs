//! The real data set, whole, through gRPC.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use hansa_client::import::{DataSet, ImportError, Report, Source};
use hansa_client::{Feed, Registry};
use hansa_proto::pb::feed::v1::{Event, EventKind, Filter, ListStatementsRequest};
use hansa_proto::pb::registry::v1::{
    GetMembershipRequest, GetOverviewRequest, ListMemberCountsRequest, MembershipState,
};
use hansa_tests::events::{after, batches, events_to_head, messages_to_head};
use hansa_tests::{World, make};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

fn data() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../data"))
}

pub(crate) type Row = BTreeMap<String, String>;

/// The rows of a CSV file, read without any of the import's code.
pub(crate) fn rows(file: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(data().join(file)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// The objects of a JSON Lines file.
fn objects(file: &str) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(data().join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn import(world: &World) -> Result<Report, ImportError> {
    import_watched(world, || {}).await
}

async fn import_watched(
    world: &World,
    mut each: impl FnMut() + Send,
) -> Result<Report, ImportError> {
    let plan = DataSet::read(Source::Directory(&data())).unwrap().plan().unwrap();
    let registry = Registry::connect(&world.registry_url()).await.unwrap();
    let feed = Feed::connect(&world.feed_url()).await.unwrap();
    let report = plan.run(&registry, &feed, &mut |_| each()).await?;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    Ok(report)
}

/// A world with everything in it, and all of it in the feed.
pub(crate) async fn imported() -> World {
    let world = World::start().await;
    let report = import(&world).await.unwrap();
    world.feed_follows(report.registry_position).await;
    world
}

/// Began to belong, applied or was invited: what a row of memberships.csv says happened.
fn begins(event: &Event) -> bool {
    matches!(event.kind(), EventKind::Joined | EventKind::Applied | EventKind::Invited)
}

/// Every pair of a network and a member, as often as the files have it: the memberships, and the two
/// sides of each cooperation.
fn pairs_in_the_files() -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = rows("memberships.csv")
        .iter()
        .map(|row| (make::network_name(&row["network_id"]), make::member_name(&row["member_id"])))
        .collect();
    for cooperation in objects("cooperations.jsonl") {
        let network = make::network_name(cooperation["event_id"].as_str().unwrap());
        for side in ["givers", "receivers"] {
            for member in cooperation[side].as_array().unwrap() {
                pairs.push((network.clone(), make::member_name(member.as_str().unwrap())));
            }
        }
    }
    pairs.sort();
    pairs
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_equal_the_files() {
    let world = imported().await;
    let overview =
        world.landscape().get_overview(GetOverviewRequest::default()).await.unwrap().into_inner();
    let cooperations = objects("cooperations.jsonl").len();
    let pairs = pairs_in_the_files();
    let once: BTreeSet<_> = pairs.iter().collect();
    assert_eq!(overview.network_count as usize, rows("networks.csv").len() + cooperations);
    assert_eq!(overview.member_count as usize, rows("members.csv").len());
    assert_eq!(overview.term_count as usize, pairs.len());
    assert_eq!(overview.membership_count as usize, once.len());
    assert_eq!(rows("memberships.csv").len(), 923);

    let held: BTreeMap<String, i64> = world
        .landscape()
        .list_member_counts(ListMemberCountsRequest { page_size: 1000, ..Default::default() })
        .await
        .unwrap()
        .into_inner()
        .counts
        .into_iter()
        .map(|count| (count.network, count.held))
        .collect();
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    for (network, _) in once {
        *expected.entry(network.clone()).or_default() += 1;
    }
    let held: BTreeMap<String, i64> = held.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(held, expected);

    let statements = ListStatementsRequest { page_size: 1000, ..Default::default() };
    let statements = world.statements().list_statements(statements).await.unwrap().into_inner();
    assert_eq!(statements.statements.len(), objects("statements.jsonl").len());
    let signed: i64 = statements.statements.iter().map(|statement| statement.signature_count).sum();
    let stated: usize = objects("statements.jsonl")
        .iter()
        .map(|statement| statement["signatories"].as_array().unwrap().len())
        .sum();
    assert_eq!(signed as usize, stated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_sees_every_join_exactly_once() {
    let world = imported().await;
    let events = events_to_head(&mut world.feed(), None).await;
    let mut told: Vec<(String, String)> = events
        .iter()
        .filter(|event| begins(event))
        .map(|event| (event.network.clone(), event.members[0].clone()))
        .collect();
    told.sort();
    assert_eq!(told, pairs_in_the_files());

    let count = |kind: EventKind| events.iter().filter(|event| event.kind() == kind).count();
    assert_eq!(count(EventKind::StatementPublished), objects("statements.jsonl").len());
    assert_eq!(count(EventKind::CampaignLaunched), objects("campaigns.jsonl").len());
    let relations = rows("network_relations.csv").len();
    assert!(count(EventKind::NetworkRelated) >= relations, "of {relations} relations");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_import_changes_nothing() {
    let world = imported().await;
    let before = events_to_head(&mut world.feed(), None).await;
    let report = import(&world).await.unwrap();
    assert_eq!(report.created(), 0);
    assert!(report.to_string().contains("nothing changed"), "{report}");
    world.feed_follows(report.registry_position).await;
    assert_eq!(events_to_head(&mut world.feed(), None).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnecting_at_random_cursors_tells_the_same() {
    let world = imported().await;
    let whole = events_to_head(&mut world.feed(), None).await;
    let seed = 41;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut cursor: Option<Vec<u8>> = None;
    let mut told = Vec::new();
    let mut connections = 0;
    while told.len() < whole.len() {
        connections += 1;
        let mut request = after(cursor.as_deref());
        request.max_batch_events = random.random_range(1..12);
        let mut stream = world.feed().subscribe(request).await.unwrap().into_inner();
        // Cut off after a number of messages that nobody knows before.
        for _ in 0..random.random_range(1..12) {
            if told.len() == whole.len() {
                break;
            }
            let message = stream.message().await.unwrap().unwrap().message.unwrap();
            for (events, after) in batches(vec![message]) {
                told.extend(events);
                cursor = Some(after);
            }
        }
    }
    assert!(connections > 20, "only {connections} connections");
    assert_eq!(told, whole);
    let rest = messages_to_head(&mut world.feed(), after(cursor.as_deref())).await;
    assert!(batches(rest).is_empty());
}

/// Both services are cut off again and again while the import runs; it is run again until it is done.
#[tokio::test(flavor = "multi_thread")]
async fn services_cut_off_during_the_import() {
    let seed = 43;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::start().await;
    let (mut stops, mut tries) = (0, 0);
    let report = loop {
        tries += 1;
        assert!(tries < 30, "the import never ends");
        let calls_until_the_cut = random.random_range(20..400);
        let feed_too = random.random_range(0..3);
        let cut = tokio::sync::Notify::new();
        let mut calls = 0;
        let importing = import_watched(&world, || {
            calls += 1;
            if calls == calls_until_the_cut + 140 * tries {
                cut.notify_one();
            }
        });
        let ended = tokio::select! {
            ended = importing => Some(ended),
            () = cut.notified() => None,
        };
        match ended {
            Some(Ok(report)) => break report,
            Some(Err(error)) => panic!("{error}"),
            None => stops += 1,
        }
        match feed_too {
            0 => world.kill_registry().await,
            1 => world.kill_feed().await,
            _ => {
                world.kill_feed().await;
                world.kill_registry().await;
            }
        }
        if feed_too != 1 {
            world.start_registry().await;
        }
        if feed_too != 0 {
            world.start_feed().await;
        }
    };
    assert!(stops >= 6, "cut off only {stops} times");
    world.feed_follows(report.registry_position).await;

    let undisturbed = essences(&imported().await).await;
    let disturbed = essences(&world).await;
    // Members are created several at a time, in no order of their own.
    let sorted = |mut essences: Vec<Essence>| {
        essences.sort();
        essences
    };
    assert_eq!(sorted(disturbed), sorted(undisturbed));
    world.verify_journals().await;
}

/// What an event says, without where and when it was recorded.
type Essence = (i32, String, Vec<String>, String);

async fn essences(world: &World) -> Vec<Essence> {
    let essence = |event: Event| {
        let occurred = format!("{:?}", event.occurred_at);
        (event.kind, event.network, event.members, format!("{} {occurred}", event.campaign))
    };
    events_to_head(&mut world.feed(), None).await.into_iter().map(essence).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_barcelona() {
    let world = imported().await;
    let barcelona = make::member_name("es-barcelona");
    let filter = Filter { members: vec![barcelona.clone()], ..Default::default() };
    let story = events_to_head(&mut world.feed(), Some(filter)).await;
    assert!(story.iter().all(|event| event.members.contains(&barcelona)));
    let count = |kind: EventKind| story.iter().filter(|event| event.kind() == kind).count();
    let in_files = |file: &str, list: &str| {
        objects(file)
            .iter()
            .filter(|row| row[list].as_array().unwrap().iter().any(|id| id == "es-barcelona"))
            .count()
    };
    let memberships =
        rows("memberships.csv").iter().filter(|row| row["member_id"] == "es-barcelona").count();
    let cooperations = in_files("cooperations.jsonl", "givers");
    assert_eq!(story.iter().filter(|event| begins(event)).count(), memberships + cooperations);
    assert_eq!(count(EventKind::StatementSigned), in_files("statements.jsonl", "signatories"));
    assert_eq!(count(EventKind::CampaignJoined), in_files("campaigns.jsonl", "participants"));
    assert!(count(EventKind::CampaignLaunched) >= in_files("campaigns.jsonl", "leads"));
    assert!(memberships > 5 && count(EventKind::StatementSigned) > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_and_came_back_has_two_terms() {
    let world = imported().await;
    let name = make::membership_name("japan-committee", "jp-isesaki");
    let request = GetMembershipRequest { name, ..Default::default() };
    let membership = world.registry().get_membership(request).await.unwrap().into_inner();
    let membership = membership.membership.unwrap();
    let states: Vec<_> =
        membership.terms.iter().map(hansa_proto::pb::registry::v1::Term::state).collect();
    assert_eq!(states, [MembershipState::Ended, MembershipState::Active]);
    assert!(membership.terms.iter().all(|term| !term.sources.is_empty()));
}
