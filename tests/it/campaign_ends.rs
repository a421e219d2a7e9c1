//! Campaigns change hands: other leads, another network; and they end with the network that ends, or go
//! to the one it merges into, in the commit that tells of it.

use std::collections::BTreeSet;

use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::{
    Campaign, CampaignState, ChangeLeadsRequest, EndCampaignRequest, EvaluateCampaignRequest,
    Evaluation, Event, EventKind, Filter, GetCampaignRequest, HandOverCampaignRequest,
    JoinCampaignRequest, ListCampaignsRequest, OutcomeKind,
};
use hansa_proto::pb::registry::v1::EndNetworkRequest;
use hansa_tests::events::events_to_head;
use hansa_tests::refusal::{Refusal, refusal};
use hansa_tests::{World, make};
use tokio::task::JoinSet;
use tonic::Code;

/// Networks n, heir and other; members a, b, c; the position of the registry after that.
async fn world() -> (World, u64) {
    let world = World::start().await;
    let mut registry = world.registry();
    for id in ["n", "heir", "other"] {
        registry.create_network(make::network(id)).await.unwrap();
    }
    let mut position = 0;
    for (id, country) in [("a", "ES"), ("b", "PT"), ("c", "FR")] {
        let created = registry.create_member(make::member(id, country)).await.unwrap();
        position = created.into_inner().position;
    }
    (world, position)
}

async fn launch(world: &World, id: &str, network: &str, position: u64) {
    let mut request = make::campaign(id, network);
    request.min_registry_position = position;
    world.campaigns().launch_campaign(request).await.unwrap();
}

async fn end_network(world: &World, id: &str, into: &str) -> u64 {
    let request = EndNetworkRequest {
        name: make::network_name(id),
        ended: make::date(&[2020, 5]),
        merged_into: into.to_owned(),
        ..Default::default()
    };
    world.registry().end_network(request).await.unwrap().into_inner().position
}

async fn get(world: &World, id: &str) -> Campaign {
    let request = GetCampaignRequest { name: format!("campaigns/{id}"), min_position: 0 };
    world.campaigns().get_campaign(request).await.unwrap().into_inner().campaign.unwrap()
}

async fn ids_of(world: &World, network: &str, member: &str) -> Vec<String> {
    let request = ListCampaignsRequest {
        network: network.to_owned(),
        member: member.to_owned(),
        ..Default::default()
    };
    let page = world.campaigns().list_campaigns(request).await.unwrap().into_inner();
    page.campaigns.into_iter().map(|campaign| campaign.name).collect()
}

async fn told(world: &World, kinds: &[EventKind]) -> Vec<Event> {
    let kinds = kinds.iter().map(|kind| (*kind).into()).collect();
    let filter = Filter { kinds, exclude_withdrawals: true, ..Default::default() };
    events_to_head(&mut world.feed(), Some(filter)).await
}

const ENDS: [EventKind; 3] =
    [EventKind::NetworkEnded, EventKind::CampaignEnded, EventKind::CampaignHandedOver];

#[tokio::test(flavor = "multi_thread")]
async fn the_campaigns_of_a_network_end_with_it() {
    let (mut world, position) = world().await;
    for (id, network) in [("one", "n"), ("two", "n"), ("done", "n"), ("else", "other")] {
        launch(&world, id, network, position).await;
    }
    let end = EndCampaignRequest { name: "campaigns/done".to_owned(), ..Default::default() };
    world.campaigns().end_campaign(end).await.unwrap();
    let done = get(&world, "done").await;

    let ended_at = end_network(&world, "n", "").await;
    world.feed_follows(ended_at).await;

    let events = told(&world, &ENDS).await;
    let kinds: Vec<EventKind> = events.iter().map(Event::kind).collect();
    use EventKind::{CampaignEnded, NetworkEnded};
    assert_eq!(kinds, [CampaignEnded, NetworkEnded, CampaignEnded, CampaignEnded]);
    let [_, network, one, two] = events.as_slice() else { unreachable!() };
    for (event, id, index) in [(one, "one", 1), (two, "two", 2)] {
        assert_eq!((event.position, event.index), (network.position, network.index + index));
        assert_eq!(event.registry_position, ended_at);
        assert_eq!(event.occurred_at, make::date(&[2020, 5]));
        assert_eq!(event.network, "networks/n");
        let campaign = get(&world, id).await;
        assert_eq!(campaign.state(), CampaignState::Ended);
        assert_eq!(campaign.ended, make::date(&[2020, 5]));
        assert_eq!(campaign.outcome.as_ref().unwrap().kind(), OutcomeKind::NotKnown);
        assert_eq!(event.body, Some(Body::CampaignBody(campaign.into())));
    }
    assert_eq!(get(&world, "done").await, done, "what had ended stays as it was");
    assert_eq!(get(&world, "else").await.state(), CampaignState::Active);
    world.verify_journals().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_merges_hands_its_campaigns_over() {
    let (mut world, position) = world().await;
    for id in ["one", "two"] {
        launch(&world, id, "n", position).await;
    }
    // The feed is away while it happens, and its view is made anew later on.
    world.kill_feed().await;
    let merged_at = end_network(&world, "n", "networks/heir").await;
    world.start_feed().await;
    world.feed_follows(merged_at).await;
    let events = told(&world, &ENDS).await;
    let kinds: Vec<EventKind> = events.iter().map(Event::kind).collect();
    use EventKind::{CampaignHandedOver, NetworkEnded};
    assert_eq!(kinds, [NetworkEnded, CampaignHandedOver, CampaignHandedOver]);
    assert!(events.iter().all(|event| event.position == events[0].position), "one commit");
    let one = get(&world, "one").await;
    assert_eq!((one.state(), one.network.as_str()), (CampaignState::Active, "networks/heir"));
    let [handover] = one.handovers.as_slice() else { panic!("{one:?}") };
    assert_eq!(handover.from_network, "networks/n");
    assert_eq!(handover.occurred_at, make::date(&[2020, 5]));
    assert_eq!(handover.position, events[0].position);
    assert!(ids_of(&world, "networks/n", "").await.is_empty());
    assert_eq!(ids_of(&world, "networks/heir", "").await.len(), 2);

    world.stop_feed().await;
    std::fs::remove_dir_all(world.feed_data().join("view")).unwrap();
    world.start_feed().await;
    assert_eq!(get(&world, "one").await, one);
    // With the heir they end at last.
    let ended_at = end_network(&world, "heir", "").await;
    world.feed_follows(ended_at).await;
    assert_eq!(get(&world, "one").await.state(), CampaignState::Ended);
    assert_eq!(told(&world, &[EventKind::CampaignEnded]).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn handed_over_before_it_outlives_the_network() {
    let (world, position) = world().await;
    launch(&world, "one", "n", position).await;
    let hand_over = |to: &str| HandOverCampaignRequest {
        name: "campaigns/one".to_owned(),
        network: make::network_name(to),
        occurred_at: make::date(&[2019]),
        ..Default::default()
    };
    let mut campaigns = world.campaigns();
    let done = campaigns.hand_over_campaign(hand_over("other")).await.unwrap().into_inner();
    assert_eq!(done.campaign.as_ref().unwrap().network, "networks/other");
    let again = campaigns.hand_over_campaign(hand_over("other")).await.unwrap().into_inner();
    assert_eq!(again.campaign, done.campaign, "nothing changes");
    world.feed_follows(end_network(&world, "n", "").await).await;
    assert_eq!(get(&world, "one").await.state(), CampaignState::Active);
    assert_eq!(
        refusal(campaigns.hand_over_campaign(hand_over("n")).await),
        Refusal::expected(Code::FailedPrecondition, "REFUSED", &["NETWORK_ENDED"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_change_and_the_campaign_is_evaluated() {
    let (world, position) = world().await;
    let mut campaigns = world.campaigns();
    let mut request = make::campaign("one", "n");
    request.campaign.as_mut().unwrap().leads = vec![make::member_name("a")];
    request.min_registry_position = position;
    campaigns.launch_campaign(request).await.unwrap();
    for member in ["b", "c"] {
        let request = JoinCampaignRequest {
            name: "campaigns/one".to_owned(),
            member: make::member_name(member),
            ..Default::default()
        };
        campaigns.join_campaign(request).await.unwrap();
    }
    let seen = get(&world, "one").await;
    assert_eq!(seen.participant_count, 2);
    let change = ChangeLeadsRequest {
        name: "campaigns/one".to_owned(),
        leads: vec![make::member_name("b"), make::member_name("b")],
        etag: seen.etag.clone(),
        ..Default::default()
    };
    let changed = campaigns.change_leads(change.clone()).await.unwrap().into_inner();
    let campaign = changed.campaign.unwrap();
    assert_eq!(campaign.leads, [make::member_name("b")], "each once");
    assert_eq!(campaign.participant_count, 1, "who leads is not counted");
    assert_eq!(get(&world, "one").await, campaign);
    assert_eq!(
        refusal(campaigns.change_leads(change).await),
        Refusal::expected(Code::Aborted, "ETAG_MISMATCH", &[])
    );
    // Who led hears of it as well as who leads.
    for member in ["a", "b"] {
        let filter = Filter {
            kinds: vec![EventKind::CampaignLeadsChanged.into()],
            members: vec![make::member_name(member)],
            exclude_withdrawals: true,
            ..Default::default()
        };
        assert_eq!(events_to_head(&mut world.feed(), Some(filter)).await.len(), 1, "{member}");
        assert_eq!(ids_of(&world, "", &make::member_name(member)).await, ["campaigns/one"]);
    }

    let end = EndCampaignRequest { name: "campaigns/one".to_owned(), ..Default::default() };
    campaigns.end_campaign(end).await.unwrap();
    for year in [2022, 2021] {
        let evaluation = Evaluation {
            summary: format!("seen from {year}"),
            evaluated: make::date(&[year]),
            ..Default::default()
        };
        let request = EvaluateCampaignRequest {
            name: "campaigns/one".to_owned(),
            evaluation: Some(evaluation),
            ..Default::default()
        };
        campaigns.evaluate_campaign(request).await.unwrap();
    }
    let evaluations = get(&world, "one").await.evaluations;
    let summaries: Vec<_> = evaluations.iter().map(|each| each.summary.as_str()).collect();
    assert_eq!(summaries, ["seen from 2021", "seen from 2022"], "oldest first");
    let empty = EvaluateCampaignRequest { name: "campaigns/one".to_owned(), ..Default::default() };
    assert_eq!(
        refusal(campaigns.evaluate_campaign(empty).await),
        Refusal::expected(Code::InvalidArgument, "MALFORMED", &["evaluation"])
    );
}

/// More than one commit can hold: all end, each once, whenever the feed is cut off in between.
#[tokio::test(flavor = "multi_thread")]
async fn more_campaigns_than_fit_one_commit_end_one_commit_after_the_other() {
    const CAMPAIGNS: usize = 160;
    let (mut world, position) = world().await;
    let mut launches = JoinSet::new();
    for number in 0..CAMPAIGNS {
        let mut request = make::campaign(&format!("c-{number:03}"), "n");
        // 16,000 bytes each.
        request.campaign.as_mut().unwrap().summary = "\u{1F3D8}".repeat(4_000);
        request.min_registry_position = position;
        let mut campaigns = world.campaigns();
        launches.spawn(async move { campaigns.launch_campaign(request).await.unwrap() });
    }
    launches.join_all().await;
    world.kill_feed().await;
    let ended_at = end_network(&world, "n", "").await;
    world.start_feed().await;
    world.feed_follows(ended_at).await;
    // What is not closed by now is closed after the restart, without the registry.
    world.kill_feed().await;
    world.kill_registry().await;
    world.start_feed().await;
    let events = all_ended(&world, CAMPAIGNS).await;

    let names: BTreeSet<&str> = events.iter().map(|event| event.campaign.as_str()).collect();
    assert_eq!((names.len(), events.len()), (CAMPAIGNS, CAMPAIGNS), "each once");
    let named: Vec<&str> = events.iter().map(|event| event.campaign.as_str()).collect();
    assert!(named.is_sorted(), "in the order of their names");
    assert!(events.iter().all(|event| event.registry_position == ended_at));
    let commits: BTreeSet<u64> = events.iter().map(|event| event.position).collect();
    assert!(commits.len() >= 3, "{} commits for {} bytes", commits.len(), CAMPAIGNS * 16_000);
    let network = &told(&world, &[EventKind::NetworkEnded]).await[0];
    assert_eq!(commits.first(), Some(&network.position), "as many as fit came with the end");

    world.start_registry().await;
    let position = world.registry().create_network(make::network("later")).await.unwrap();
    world.feed_follows(position.into_inner().position).await;
    assert_eq!(told(&world, &[EventKind::CampaignEnded]).await, events, "and that was all");
    world.verify_journals().await;
}

/// The events of so many campaigns that end, as they come.
async fn all_ended(world: &World, campaigns: usize) -> Vec<Event> {
    use hansa_proto::pb::feed::v1::SubscribeRequest;
    use hansa_proto::pb::feed::v1::subscribe_response::Message;
    let filter = Filter {
        kinds: vec![EventKind::CampaignEnded.into()],
        exclude_withdrawals: true,
        ..Default::default()
    };
    let request =
        SubscribeRequest { filter: Some(filter), ..hansa_tests::events::from_beginning() };
    let mut stream = world.feed().subscribe(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while events.len() < campaigns {
        let response = stream.message().await.unwrap().expect("it goes on");
        if let Some(Message::Batch(batch)) = response.message {
            events.extend(batch.events);
        }
    }
    events
}
