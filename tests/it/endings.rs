//! The end of what has more members than one commit takes: at once for readers, in order for the feed.

use std::collections::BTreeSet;

use hansa_client::{Registry, tables};
use hansa_proto::pb::feed::v1::{Event, EventKind, Filter};
use hansa_proto::pb::registry::v1 as pb;
use hansa_tests::events::events_to_head;
use hansa_tests::{World, make};
use pb::batch_item::Change;

/// A network with so many members that belong to it.
async fn filled(world: &World, network: &str, members: usize) -> u64 {
    world.registry().create_network(make::network(network)).await.unwrap();
    let rows = (0..members).flat_map(|number| {
        let id = format!("m{number:05}");
        let created = Change::CreateMember(make::member(&id, "DE"));
        let joined = Change::JoinNetwork(make::join(network, &id));
        [(format!("{number} is"), created), (format!("{number} joins"), joined)]
    });
    let registry = Registry::connect(&world.registry_url()).await.unwrap();
    let tally = tables::run(&registry, rows.collect(), false, &mut |_| {}).await.unwrap();
    assert_eq!((tally.applied, tally.refused.len()), (2 * members, 0));
    tally.position
}

fn ending(network: &str) -> pb::EndNetworkRequest {
    pb::EndNetworkRequest {
        name: make::network_name(network),
        ended: make::date(&[2026, 11]),
        request_id: format!("the end of {network}").replace(' ', "-"),
        ..Default::default()
    }
}

async fn network_at(world: &World, network: &str, at_position: u64) -> pb::Network {
    let name = make::network_name(network);
    let request = pb::GetNetworkRequest { name, at_position, ..Default::default() };
    let answer = world.registry().get_network(request).await.unwrap().into_inner();
    answer.network.unwrap()
}

async fn listed(world: &World, network: &str, state: &str, at_position: u64) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListMembershipsRequest {
            network: make::network_name(network),
            filter: format!("state = {state}"),
            page_size: 1000,
            page_token,
            at_position,
            ..Default::default()
        };
        let page = world.registry().list_memberships(request).await.unwrap().into_inner();
        names.extend(page.memberships.into_iter().map(|it| it.member));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

/// What the feed tells of a network that ends.
async fn told(world: &World, network: &str) -> Vec<Event> {
    let kinds = [EventKind::Left, EventKind::NetworkEnded];
    let filter = Filter {
        networks: vec![make::network_name(network)],
        kinds: kinds.map(i32::from).to_vec(),
        ..Default::default()
    };
    events_to_head(&mut world.feed(), Some(filter)).await
}

/// Everybody left, each once, and then the network ended.
fn check_told(events: &[Event], members: usize) {
    let (last, left) = events.split_last().unwrap();
    assert_eq!(last.kind(), EventKind::NetworkEnded);
    assert!(left.iter().all(|event| event.kind() == EventKind::Left));
    let who: BTreeSet<&String> = left.iter().flat_map(|event| &event.members).collect();
    assert_eq!((left.len(), who.len()), (members, members));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_five_thousand_members_ends() {
    const MEMBERS: usize = 5_000;
    let world = World::start().await;
    let before = filled(&world, "gcom", MEMBERS).await;
    world.registry().create_network(make::network("other")).await.unwrap();
    let head = world.registry().join_network(make::join("other", "m00001")).await.unwrap();
    let head = head.into_inner().position;

    let tried = pb::EndNetworkRequest { validate_only: true, ..ending("gcom") };
    let tried = world.registry().end_network(tried).await.unwrap().into_inner();
    assert_eq!(tried.network.unwrap().state(), pb::NetworkState::Ended);
    assert_eq!(network_at(&world, "gcom", 0).await.active_member_count, MEMBERS as i64);

    let ended = world.registry().end_network(ending("gcom")).await.unwrap().into_inner();
    let commits = ended.position - head;
    assert_eq!(commits, 6, "999 memberships a commit, and the network in the last");
    let again = world.registry().end_network(ending("gcom")).await.unwrap().into_inner();
    assert_eq!((again.position, again.replayed), (ended.position, true));
    assert_eq!(again.network, ended.network);

    let now = network_at(&world, "gcom", 0).await;
    assert_eq!((now.state(), now.active_member_count), (pb::NetworkState::Ended, 0));
    assert_eq!(now.etag, ended.network.unwrap().etag);
    assert_eq!(listed(&world, "gcom", "active", 0).await.len(), 0);
    assert_eq!(listed(&world, "gcom", "ended", 0).await.len(), MEMBERS);
    assert_eq!(listed(&world, "other", "active", 0).await.len(), 1);

    // As recorded at every position between: never active in what has ended.
    assert_eq!(listed(&world, "gcom", "active", before).await.len(), MEMBERS);
    for position in head..=ended.position {
        let network = network_at(&world, "gcom", position).await;
        let gone = usize::try_from(position - head).unwrap() * 999;
        let left = i64::try_from(MEMBERS.saturating_sub(gone)).unwrap();
        let is_over = network.state() == pb::NetworkState::Ended;
        assert_eq!(is_over, position == ended.position, "at {position}");
        assert_eq!(network.active_member_count, left, "at {position}");
    }
    let name = make::membership_name("gcom", "m04999");
    let history = pb::ListHistoryRequest { name, ..Default::default() };
    let history = world.registry().list_history(history).await.unwrap().into_inner().entries;
    let positions: Vec<u64> = history.iter().map(|entry| entry.position).collect();
    assert_eq!((positions.len(), positions.contains(&ended.position)), (2, true));

    world.feed_follows(ended.position).await;
    check_told(&told(&world, "gcom").await, MEMBERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_more_networks_than_a_commit_takes_is_retired() {
    const NETWORKS: usize = 1_050;
    let world = World::start().await;
    world.registry().create_member(make::member("busy", "DE")).await.unwrap();
    let rows = (0..NETWORKS).flat_map(|number| {
        let id = format!("n{number:04}");
        let created = Change::CreateNetwork(make::network(&id));
        let joined = Change::JoinNetwork(make::join(&id, "busy"));
        [(format!("{number} is"), created), (format!("{number} takes"), joined)]
    });
    let registry = Registry::connect(&world.registry_url()).await.unwrap();
    let tally = tables::run(&registry, rows.collect(), false, &mut |_| {}).await.unwrap();
    assert_eq!(tally.refused, []);
    let retire = pb::RetireMemberRequest { name: make::member_name("busy"), ..Default::default() };
    let retired = world.registry().retire_member(retire).await.unwrap().into_inner();
    assert_eq!(retired.position, tally.position + 2);
    assert_eq!(retired.member.unwrap().state(), pb::MemberState::Retired);
    let request = pb::ListMembershipsRequest {
        member: make::member_name("busy"),
        filter: "state != ended".to_owned(),
        ..Default::default()
    };
    let open = world.registry().list_memberships(request).await.unwrap().into_inner();
    assert!(open.memberships.is_empty() && open.next_page_token.is_empty());
    world.feed_follows(retired.position).await;
    let filter = Filter { kinds: vec![EventKind::Left.into()], ..Default::default() };
    let left = events_to_head(&mut world.feed(), Some(filter)).await;
    let networks: BTreeSet<&String> = left.iter().map(|event| &event.network).collect();
    assert_eq!((left.len(), networks.len()), (NETWORKS, NETWORKS));
}
