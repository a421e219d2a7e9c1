//! A view can be thrown away: it is rebuilt at the next start, with the same answers.

use hansa_journal::disk::RealDisk;
use hansa_proto::pb::feed::v1::{
    Campaign, Event, ListCampaignsRequest, ListStatementsRequest, Statement,
};
use hansa_proto::pb::registry::v1::{
    GetOverviewRequest, GetOverviewResponse, ListMembersRequest, ListMembershipsRequest,
    ListNetworksRequest, Member, Membership, Network,
};
use hansa_tests::events::events_to_head;
use hansa_tests::on_disk::{OnDisk, copy_directory};
use hansa_tests::{Clients, World, make};

use crate::story::{NETWORKS, Story, network};

#[derive(Debug, PartialEq)]
struct Answers {
    overview: GetOverviewResponse,
    networks: Vec<Network>,
    members: Vec<Member>,
    memberships: Vec<Membership>,
    statements: Vec<Statement>,
    campaigns: Vec<Campaign>,
    events: Vec<Event>,
}

async fn answers(world: &World) -> Answers {
    let mut registry = world.registry();
    let mut memberships = Vec::new();
    for number in 0..NETWORKS {
        let request = ListMembershipsRequest {
            network: make::network_name(&network(number)),
            page_size: 1000,
            ..Default::default()
        };
        memberships
            .extend(registry.list_memberships(request).await.unwrap().into_inner().memberships);
    }
    let networks = ListNetworksRequest::default();
    let members = ListMembersRequest::default();
    let statements = ListStatementsRequest::default();
    let campaigns = ListCampaignsRequest::default();
    Answers {
        overview: world
            .landscape()
            .get_overview(GetOverviewRequest::default())
            .await
            .unwrap()
            .into_inner(),
        networks: registry.list_networks(networks).await.unwrap().into_inner().networks,
        members: registry.list_members(members).await.unwrap().into_inner().members,
        memberships,
        statements: world
            .statements()
            .list_statements(statements)
            .await
            .unwrap()
            .into_inner()
            .statements,
        campaigns: world
            .campaigns()
            .list_campaigns(campaigns)
            .await
            .unwrap()
            .into_inner()
            .campaigns,
        events: events_to_head(&mut world.feed(), None).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_views_are_rebuilt() {
    let mut world = World::start().await;
    let mut story = Story::seeded(31);
    story.begin(&world).await;
    for _ in 0..120 {
        story.step(&world).await;
    }
    world.feed_follows(story.registry_position).await;
    let before = answers(&world).await;
    assert!(before.memberships.len() > 15 && before.statements.len() > 3);

    for (registry, feed) in [(true, false), (false, true), (true, true)] {
        world.stop_feed().await;
        world.stop_registry().await;
        if registry {
            std::fs::remove_dir_all(world.registry_data().join("view")).unwrap();
        }
        if feed {
            std::fs::remove_dir_all(world.feed_data().join("view")).unwrap();
        }
        world.start_registry().await;
        world.start_feed().await;
        world.feed_follows(story.registry_position).await;
        assert_eq!(answers(&world).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_are_remembered_by_a_rebuilt_view() {
    let mut world = World::start().await;
    let mut create = make::network("anvita");
    create.request_id = "create-anvita".to_owned();
    let first = world.registry().create_network(create.clone()).await.unwrap().into_inner();
    assert!(!first.replayed);
    let mut publish = make::statement("charter", "anvita", &[]);
    publish.request_id = "publish-charter".to_owned();
    publish.min_registry_position = first.position;
    let published =
        world.statements().publish_statement(publish.clone()).await.unwrap().into_inner();

    world.kill_feed().await;
    world.kill_registry().await;
    std::fs::remove_dir_all(world.registry_data().join("view")).unwrap();
    std::fs::remove_dir_all(world.feed_data().join("view")).unwrap();
    world.start_registry().await;
    world.start_feed().await;

    let again = world.registry().create_network(create).await.unwrap().into_inner();
    assert!(again.replayed);
    assert_eq!((again.position, again.network), (first.position, first.network));
    let again = world.statements().publish_statement(publish).await.unwrap().into_inner();
    assert!(again.replayed);
    assert_eq!((again.position, again.statement), (published.position, published.statement));
}

/// A feed whose journal was exchanged for an older one does not go on as if nothing had been told since.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_with_an_older_journal_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (data, older) = (directory.path().join("feed"), directory.path().join("older"));
    let disk = RealDisk::shared();
    let registry =
        OnDisk::registry(disk.clone(), &directory.path().join("registry")).await.unwrap();
    for number in 0..3 {
        let feed = OnDisk::feed(disk.clone(), &data, &registry.url).await.unwrap();
        let clients = Clients { registry_url: registry.url.clone(), feed_url: feed.url.clone() };
        let request = make::network(&format!("n-{number}"));
        let made = clients.registry().create_network(request).await.unwrap().into_inner();
        clients.feed_follows(made.position).await;
        feed.stop().await;
        if number == 0 {
            copy_directory(&data.join("journal"), &older);
        }
    }
    std::fs::remove_dir_all(data.join("journal")).unwrap();
    std::fs::rename(&older, data.join("journal")).unwrap();
    let refused = OnDisk::feed(disk.clone(), &data, &registry.url).await.err().unwrap();
    assert!(refused.contains("up to position 3") && refused.contains("ends at 1"), "{refused}");
    std::fs::remove_dir_all(data.join("view")).unwrap();
    let feed = OnDisk::feed(disk, &data, &registry.url).await.unwrap();
    let clients = Clients { registry_url: registry.url.clone(), feed_url: feed.url.clone() };
    clients.feed_follows(3).await;
    assert_eq!(events_to_head(&mut clients.feed(), None).await.len(), 3);
    feed.stop().await;
    registry.stop().await;
}
