//! Cooperation between cities: who gives, who receives, how much, and when.

use std::collections::BTreeSet;

use hansa_proto::pb::common::v1::{LatestDate, PartialDate};
use hansa_proto::pb::registry::v1::{
    GetMembershipRequest, LeaveNetworkRequest, ListMembershipsRequest, MemberKind, NetworkKind,
    RoleKind,
};
use hansa_tests::{World, make};

use super::{created, member, network, recorded, roles};
use crate::real;

#[tokio::test(flavor = "multi_thread")]
async fn requirement_22_donors_recipients_amounts_partners() {
    let real = real::data().await;
    let project = real.network("milan-quelimane-1").await;
    let amount = project.contributions.iter().find_map(|it| it.amount.as_ref()).unwrap();
    assert_eq!((amount.currency.as_str(), amount.units), ("EUR", 338_530));
    let milan = real.membership("milan-quelimane-1", "it-milan").await;
    let quelimane = real.membership("milan-quelimane-1", "mz-quelimane").await;
    assert_eq!(roles(&milan), [RoleKind::Donor]);
    assert_eq!(roles(&quelimane), [RoleKind::Recipient]);
    let twinned = real.membership("montreuil-yelimane", "ml-cercle-de-yelimane").await;
    assert_eq!(roles(&twinned), [RoleKind::Partner]);
    let behind: Vec<&str> = project
        .contributions
        .iter()
        .map(|it| it.contributor.as_str())
        .chain(project.sponsors.iter().map(String::as_str))
        .collect();
    assert!(behind.contains(&"Novamont"), "{behind:?}");
}

/// Two cities of the South that give each other, and one of the North that pays.
#[tokio::test(flavor = "multi_thread")]
async fn requirement_23_reciprocal_south_south_and_triangular() {
    let world = World::start_registry_only().await;
    created(&world, network("waste", |it| it.kind = NetworkKind::Cooperation.into())).await;
    for id in ["maputo", "recife", "milan"] {
        member(&world, id, MemberKind::Municipality).await;
    }
    let both = [RoleKind::Donor, RoleKind::Recipient];
    recorded(&world, "waste", "maputo", &both).await;
    recorded(&world, "waste", "recife", &both).await;
    recorded(&world, "waste", "milan", &[RoleKind::Sponsor]).await;
    let request =
        ListMembershipsRequest { network: make::network_name("waste"), ..Default::default() };
    let list = world.registry().list_memberships(request).await.unwrap().into_inner();
    let held: Vec<Vec<RoleKind>> = list.memberships.iter().map(roles).collect();
    assert_eq!(held, [both.to_vec(), vec![RoleKind::Sponsor], both.to_vec()]);
}

/// A year, a month, a day, and an interval in which something happened.
#[tokio::test(flavor = "multi_thread")]
async fn requirement_32_precision_and_intervals() {
    let real = real::data().await;
    let mut precisions = BTreeSet::new();
    for id in ["icorn", "inclusive-cities", "anvita"] {
        let founded = real.network(id).await.founded.unwrap();
        precisions.insert((founded.month > 0, founded.day > 0));
    }
    assert_eq!(precisions.len(), 3, "year, month and day");

    let world = World::start_registry_only().await;
    let between = |year: i32, to: i32| PartialDate {
        year,
        latest: Some(LatestDate { year: to, ..Default::default() }),
        ..Default::default()
    };
    let early_eighties = between(1980, 1983);
    let made = network("sanctuary", |it| it.founded = Some(early_eighties));
    assert_eq!(created(&world, made).await.founded, Some(early_eighties));
    member(&world, "isesaki", MemberKind::Municipality).await;
    recorded(&world, "sanctuary", "isesaki", &[]).await;
    let leave = LeaveNetworkRequest {
        name: make::membership_name("sanctuary", "isesaki"),
        occurred_at: Some(between(2009, 2020)),
        ..Default::default()
    };
    world.registry().leave_network(leave).await.unwrap();
    let name = make::membership_name("sanctuary", "isesaki");
    let request = GetMembershipRequest { name, ..Default::default() };
    let left = world.registry().get_membership(request).await.unwrap().into_inner();
    assert_eq!(left.membership.unwrap().terms[0].left, Some(between(2009, 2020)));
    let backwards = network("backwards", |it| it.founded = Some(between(1990, 1980)));
    let refused = world.registry().create_network(backwards).await.unwrap_err();
    let refused = hansa_tests::refusal::Refusal::of(&refused);
    assert!(refused.about.contains("network.founded.latest"), "{refused:?}");
}
