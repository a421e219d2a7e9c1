//! Fronts: temporary, of two kinds, without a claim to represent anybody.

use hansa_proto::pb::common::v1::{FrontType, Target, TargetKind};
use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::{CampaignKind, EventKind};
use hansa_proto::pb::registry::v1::{
    ChangeMembershipRequest, EndNetworkRequest, EndReason, GetMembershipRequest,
    ListHistoryRequest, ListMembersRequest, ListNetworksRequest, MemberKind, MembershipState,
    NetworkState, Role, RoleKind, Term, change,
};
use hansa_tests::refusal::refusal;
use hansa_tests::{World, make};

use super::{created, front, member, members, recorded, roles, told};
use crate::real;

#[tokio::test(flavor = "multi_thread")]
async fn requirement_01_fronts_are_temporary() {
    let world = World::start().await;
    let made = created(&world, front("closed-borders", FrontType::AgainstPolicy)).await;
    assert_eq!(made.state(), NetworkState::Active);
    members(&world, "closed-borders", &["paris"]).await;
    let end = EndNetworkRequest {
        name: made.name,
        ended: make::date(&[2018, 7]),
        sources: vec![make::source()],
        ..Default::default()
    };
    let ended = world.registry().end_network(end).await.unwrap().into_inner();
    world.feed_follows(ended.position).await;
    let network = ended.network.unwrap();
    assert_eq!((network.state(), network.ended), (NetworkState::Ended, make::date(&[2018, 7])));

    let name = make::membership_name("closed-borders", "paris");
    let request = GetMembershipRequest { name, ..Default::default() };
    let membership = world.registry().get_membership(request).await.unwrap().into_inner();
    let membership = membership.membership.unwrap();
    assert_eq!(membership.state(), MembershipState::Ended);
    assert_eq!(membership.terms[0].end_reason(), EndReason::NetworkEnded);
    assert_eq!(told(&world, EventKind::NetworkEnded).await.len(), 1);
    let join = world.registry().join_network(make::join("closed-borders", "paris")).await;
    assert!(refusal(join).about.contains("NETWORK_ENDED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_02_a_core_group_that_changes_with_full_history() {
    let real = real::data().await;
    let london = real.membership("housing-front", "gb-london").await;
    assert_eq!(roles(&london), [RoleKind::CoreGroup]);

    let world = World::start_registry_only().await;
    created(&world, front("housing", FrontType::AgainstCommonRisk)).await;
    member(&world, "lyon", MemberKind::Municipality).await;
    let name = recorded(&world, "housing", "lyon", &[]).await.name;
    for kinds in [vec![RoleKind::CoreGroup], vec![RoleKind::Lead]] {
        let role = |kind: &RoleKind| Role { kind: (*kind).into(), ..Default::default() };
        let change = ChangeMembershipRequest {
            name: name.clone(),
            term: Some(Term { roles: kinds.iter().map(role).collect(), ..Default::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["roles".to_owned()] }),
            ..Default::default()
        };
        world.registry().change_membership(change).await.unwrap();
    }
    let request = ListHistoryRequest { name, ..Default::default() };
    let history = world.registry().list_history(request).await.unwrap().into_inner().entries;
    let held: Vec<Vec<RoleKind>> = history
        .iter()
        .map(|entry| match entry.change.as_ref().unwrap().resource.as_ref().unwrap() {
            change::Resource::Membership(it) => roles(it),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(held, [vec![], vec![RoleKind::CoreGroup], vec![RoleKind::Lead]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_03_a_front_needs_no_representativeness_quorum_or_number() {
    let world = World::start().await;
    created(&world, front("rentals", FrontType::AgainstCommonRisk)).await;
    let alone = members(&world, "rentals", &["lyon"]).await;
    world.feed_follows(alone).await;
    let request = make::statement("letter", "rentals", &["lyon"]);
    let statement = world.statements().publish_statement(request).await.unwrap().into_inner();
    let statement = statement.statement.unwrap();
    assert!(statement.effective, "one signature is enough");
    let launched = world.campaigns().launch_campaign(make::campaign("rentals", "rentals")).await;
    assert_eq!(launched.unwrap().into_inner().campaign.unwrap().participant_count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_04_two_kinds_of_front() {
    let real = real::data().await;
    let of = |front_type: &str| ListNetworksRequest {
        filter: format!("front_type = {front_type}"),
        page_size: 1000,
        ..Default::default()
    };
    let mut found = Vec::new();
    for front_type in ["against_policy", "against_common_risk"] {
        let list = real.clients().registry().list_networks(of(front_type)).await.unwrap();
        let names: Vec<String> =
            list.into_inner().networks.into_iter().map(|network| network.name).collect();
        found.push(names);
    }
    assert!(found[0].contains(&make::network_name("refuge-city")), "{found:?}");
    assert!(found[0].contains(&make::network_name("regla-de-gasto")), "{found:?}");
    assert!(found[1].contains(&make::network_name("housing-front")), "{found:?}");
    assert!(found[0].iter().all(|name| !found[1].contains(name)), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_05_supporters_that_are_not_members() {
    let real = real::data().await;
    let campaign = real.campaign("housing-front-campaign").await;
    assert!(campaign.supporters.contains(&"The Shift".to_owned()), "{:?}", campaign.supporters);
    let request = ListMembersRequest { filter: "\"The Shift\"".to_owned(), ..Default::default() };
    let members = real.clients().registry().list_members(request).await.unwrap().into_inner();
    assert!(members.members.is_empty(), "a supporter is no member: {members:?}");
    let charter = real.statement("palermo-charter-2015").await;
    assert_eq!(charter.supporters, ["civil-society organisations"]);
    assert_eq!(charter.signature_count, 1, "and no signatory");
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_06_targets_are_states_international_bodies_and_networks() {
    let real = real::data().await;
    let kind = |target: &Option<Target>| target.as_ref().unwrap().kind();
    let refuge = real.statement("ciudades-refugio-2015-09").await;
    assert_eq!(kind(&refuge.target), TargetKind::NationalGovernment);
    let asylum = real.statement("eurocities-asylum-2016-05").await;
    assert_eq!(kind(&asylum.target), TargetKind::InternationalInstitution);

    let world = World::start().await;
    created(&world, front("housing", FrontType::AgainstCommonRisk)).await;
    world.feed_follows(1).await;
    let target = |name: &str, kind: TargetKind| Target { name: name.to_owned(), kind: kind.into() };
    let mut publish = make::statement("letter", "housing", &[]);
    let statement = publish.statement.as_mut().unwrap();
    statement.target = Some(target("Member States", TargetKind::NationalGovernment));
    statement.further_targets = vec![target("another city network", TargetKind::Network)];
    let published = world.statements().publish_statement(publish).await.unwrap().into_inner();
    let published = published.statement.unwrap();
    assert_eq!(published.further_targets[0].kind(), TargetKind::Network);
    assert_eq!(kind(&published.target), TargetKind::NationalGovernment);
    let told = told(&world, EventKind::StatementPublished).await;
    let Some(Body::StatementBody(told)) = &told[0].body else { panic!("{told:?}") };
    assert_eq!(told.further_targets, published.further_targets, "whom it is aimed at is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_29_counter_movements_are_told_neutrally() {
    let real = real::data().await;
    let network = real.network("ma-ville-sans-migrant").await;
    assert_eq!(network.countries, ["FR"]);
    assert_eq!(network.sources[0].uri, real.network("recosol").await.sources[0].uri);
    let campaign = real.campaign("refugee-ma-ville").await;
    assert_eq!(campaign.kind(), CampaignKind::CounterCampaign);
    assert_eq!(campaign.network, network.name);
    // What is asked of any other: a demand, whom it is aimed at, an end, and who says so.
    assert_eq!(campaign.demands, ["no resettlement of refugees"]);
    assert_eq!(campaign.target.unwrap().kind(), TargetKind::NationalGovernment);
    assert!(campaign.sources[0].citation.contains("Lacroix"));
    assert_eq!((network.state(), network.founded), (NetworkState::Ended, make::date(&[2015])));
}
