//! Networks: how they are classified, how they stand to each other, who pays, and what is known of them.

use hansa_proto::pb::common::v1::reading::Value;
use hansa_proto::pb::common::v1::{Name, NameKind};
use hansa_proto::pb::registry::v1::{
    ListCoMembersRequest, ListMemberCountsRequest, ListMemberReachRequest, ListMembersRequest,
    ListMembershipsRequest, ListNetworksRequest, ListOverlapsRequest, Network, NetworkKind,
    NetworkState, Origin, RelationKind, Scale, UpdateNetworkRequest,
};
use hansa_tests::{World, make};
use prost_types::FieldMask;

use super::{created, network};
use crate::real;

#[tokio::test(flavor = "multi_thread")]
async fn requirement_09_overlapping_mandates_are_mapped() {
    let real = real::data().await;
    let request = ListOverlapsRequest {
        network: make::network_name("c40"),
        min_shared: 10,
        ..Default::default()
    };
    let overlaps = real.clients().landscape().list_overlaps(request).await.unwrap().into_inner();
    let overlaps = overlaps.overlaps;
    assert!(overlaps.iter().any(|overlap| {
        [&overlap.network, &overlap.other].contains(&&make::network_name("mufpp"))
    }));
    for overlap in &overlaps {
        assert!(overlap.shared_count >= 10 && overlap.jaccard > 0.0, "{overlap:?}");
        assert_eq!(overlap.shared_members.len() as i64, overlap.shared_count);
    }
    assert!(overlaps.is_sorted_by(|one, next| one.shared_count >= next.shared_count));

    // On which theme, and who of them meets whom there.
    let filter = "theme : climate".to_owned();
    let request = ListOverlapsRequest {
        network: make::network_name("c40"),
        filter: filter.clone(),
        ..Default::default()
    };
    let on_climate = real.clients().landscape().list_overlaps(request).await.unwrap().into_inner();
    assert!(!on_climate.overlaps.is_empty());
    for overlap in &on_climate.overlaps {
        let other = real.network(overlap.other.trim_start_matches("networks/")).await;
        assert!(other.themes.iter().any(|theme| theme.to_lowercase().contains("climate")));
    }
    let chicago = make::network_name("chicago-charter");
    let with = on_climate.overlaps.iter().find(|overlap| overlap.other == chicago).unwrap();
    assert_eq!(with.shared_themes, ["climate"]);
    let request = ListCoMembersRequest {
        member: make::member_name("fr-paris"),
        filter,
        ..Default::default()
    };
    let met = real.clients().landscape().list_co_members(request).await.unwrap().into_inner();
    let paris = make::member_name("fr-paris");
    let with_paris = met.co_members.iter().find(|met| met.shared_networks.contains(&chicago));
    assert!(with_paris.is_some_and(|met| met.member != paris && met.shared_count > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_15_networks_of_networks() {
    let real = real::data().await;
    let related = |network: &Network, kind: RelationKind, to: &str| {
        let to = make::network_name(to);
        network.relations.iter().any(|it| it.kind() == kind && it.network == to)
    };
    let iccar = real.network("iccar").await;
    assert_eq!(iccar.kind(), NetworkKind::NetworkOfNetworks);
    assert!(related(&real.network("eccar").await, RelationKind::BranchOf, "iccar"));
    assert!(related(&real.network("uclg-africa").await, RelationKind::SectionOf, "uclg"));
    let commission = real.network("aimf-commission-training").await;
    assert!(related(&commission, RelationKind::CommissionOf, "aimf"));
    let merged = real.network("aula").await;
    assert_eq!(merged.state(), NetworkState::Merged);
    assert!(related(&merged, RelationKind::MergedInto, "uclg-africa"));
    assert_eq!(commission.kind(), NetworkKind::WorkingBody);
    assert_eq!(real.network("iccar-us").await.kind(), NetworkKind::Branch);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_16_limited_life_spans() {
    let real = real::data().await;
    let project = real.network("milan-quelimane-1").await;
    assert_eq!(project.founded, make::date(&[2016, 12]));
    assert_eq!(project.ended, make::date(&[2019, 8]));
    assert_eq!(project.state(), NetworkState::Ended);
    assert_eq!(real.network("mc2cm").await.kind(), NetworkKind::ProjectNetwork);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_17_origin_is_a_gradient() {
    let world = World::start_registry_only().await;
    for origin in [
        Origin::Grassroots,
        Origin::MostlyGrassroots,
        Origin::Mixed,
        Origin::MostlyCoOpted,
        Origin::CoOpted,
    ] {
        let id = origin.as_str_name().to_lowercase().replace('_', "-");
        let made = created(&world, network(&id, |it| it.origin = origin.into())).await;
        assert_eq!(made.origin(), origin);
    }
    let made = created(&world, make::network("not-known")).await;
    assert_eq!(made.origin(), Origin::Unspecified);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_18_several_classifications_of_one_network() {
    let real = real::data().await;
    let sanctuary = real.network("sanctuary-cities").await;
    assert_eq!(sanctuary.kind(), NetworkKind::Movement);
    assert_eq!(sanctuary.scale(), Scale::National);
    assert_eq!(sanctuary.origin(), Origin::Grassroots);
    let front = sanctuary.readings.iter().find(|reading| reading.field == "kind").unwrap();
    assert_eq!(front.value, Some(Value::Text("front".to_owned())), "Malé calls it one");
    assert!(front.sources[0].citation.contains("Malé"));
    let welcoming = real.network("welcoming-nz").await;
    assert_eq!((welcoming.kind_stated.as_str(), welcoming.themes.len()), ("programme", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_19_sponsors_and_money() {
    let real = real::data().await;
    assert_eq!(real.network("intercultural-cities").await.sponsors, ["Council of Europe"]);
    assert!(!real.network("mayoral-forum").await.sponsors.is_empty());
    let fund = real.network("barcelona-covid-2020").await;
    let amount = fund.contributions[0].amount.as_ref().unwrap();
    assert_eq!((amount.currency.as_str(), amount.units), ("EUR", 400_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_20_provenance_and_incomplete_inventories() {
    let real = real::data().await;
    let request = ListNetworksRequest { page_size: 1000, ..Default::default() };
    let networks = real.clients().registry().list_networks(request).await.unwrap().into_inner();
    assert!(networks.networks.len() > 123);
    assert!(networks.networks.iter().all(|network| !network.sources.is_empty()));
    let request = ListMembersRequest { page_size: 1000, ..Default::default() };
    let members = real.clients().registry().list_members(request).await.unwrap().into_inner();
    assert!(members.members.iter().all(|member| !member.sources.is_empty()));
    let request = ListMembershipsRequest {
        network: make::network_name("c40"),
        page_size: 1000,
        ..Default::default()
    };
    let held = real.clients().registry().list_memberships(request).await.unwrap().into_inner();
    let mut terms = held.memberships.iter().flat_map(|membership| &membership.terms);
    assert!(terms.all(|term| !term.sources.is_empty()));
    let icorn = real.network("icorn").await;
    let others = icorn.readings.iter().filter(|reading| reading.field == "founded");
    assert_eq!(others.count(), 2, "what other sources say of its founding stands beside it");
    let request = ListMemberCountsRequest { page_size: 1000, ..Default::default() };
    let counts = real.clients().landscape().list_member_counts(request).await.unwrap();
    let aimf = counts.into_inner().counts.into_iter().find(|it| it.network.ends_with("/aimf"));
    let aimf = aimf.unwrap();
    assert_eq!(aimf.stated[0].count, 307);
    assert!(aimf.held < aimf.stated[0].count, "what is held does not claim to be all");
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_24_duplication_and_under_connected_cities() {
    let real = real::data().await;
    let request = ListOverlapsRequest { unrelated_only: true, min_shared: 5, ..Default::default() };
    let overlaps = real.clients().landscape().list_overlaps(request).await.unwrap().into_inner();
    assert!(!overlaps.overlaps.is_empty());
    assert!(overlaps.overlaps.iter().all(|overlap| !overlap.related));

    let reach = |ascending| ListMemberReachRequest { ascending, ..Default::default() };
    let few = real.clients().landscape().list_member_reach(reach(true)).await.unwrap();
    let many = real.clients().landscape().list_member_reach(reach(false)).await.unwrap();
    let (few, many) = (few.into_inner().reaches, many.into_inner().reaches);
    assert!(few[0].network_count < many[0].network_count);
    assert!(many[0].network_count > 10, "{:?}", many[0]);
    assert!(few.is_sorted_by_key(|reach| reach.network_count));
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_33_what_a_member_gets_from_belonging() {
    let world = World::start_registry_only().await;
    created(&world, make::network("c40")).await;
    let benefits = vec!["technical assistance".to_owned(), "access to EU funds".to_owned()];
    let update = UpdateNetworkRequest {
        network: Some(Network {
            name: make::network_name("c40"),
            benefits: benefits.clone(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["benefits".to_owned()] }),
        ..Default::default()
    };
    let updated = world.registry().update_network(update).await.unwrap().into_inner();
    assert_eq!(updated.network.unwrap().benefits, benefits);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_34_names_in_several_languages_and_aliases() {
    let world = World::start_registry_only().await;
    let name = |text: &str, language: &str, kind: NameKind| Name {
        text: text.to_owned(),
        language: language.to_owned(),
        kind: kind.into(),
    };
    let names = vec![
        name("Council of European Municipalities and Regions", "en", NameKind::Official),
        name("Conseil des Communes et Régions d'Europe", "fr", NameKind::Official),
        name("CEMR", "en", NameKind::Acronym),
        name("European Council for Municipalities and Regions", "en", NameKind::Alias),
    ];
    let made = created(&world, network("cemr", |it| it.names = names.clone())).await;
    assert_eq!(made.names, names);
    for words in ["CEMR", "regions d'europe", "\"European Council for\""] {
        let request = ListNetworksRequest { filter: words.to_owned(), ..Default::default() };
        let found = world.registry().list_networks(request).await.unwrap().into_inner().networks;
        assert_eq!(found.len(), 1, "{words}");
    }
}
