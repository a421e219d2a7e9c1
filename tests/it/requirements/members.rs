//! Members: who may belong, in which class, and what members are.

use hansa_proto::pb::common::v1::TargetKind;
use hansa_proto::pb::registry::v1::{
    Admission, ClassRule, CreateMemberRequest, Eligibility, EndReason, GetMembershipRequest,
    GetNetworkRequest, JoinNetworkRequest, ListMembersRequest, MemberKind, MemberState,
    MembershipClass, MembershipState, Population, RetireMemberRequest,
};
use hansa_tests::refusal::refusal;
use hansa_tests::{World, make};

use super::{created, member, network, recorded};
use crate::real;

/// On the real rules of ANVITA: nothing is written, everything is checked.
#[tokio::test(flavor = "multi_thread")]
async fn requirement_10_the_charter_comes_first() {
    let real = real::data().await;
    let admission = real.network("anvita").await.admission.unwrap();
    assert!(admission.charter_required && admission.council_vote_required);
    let asked = JoinNetworkRequest { validate_only: true, ..make::join("anvita", "it-milan") };
    let refused = refusal(real.clients().registry().join_network(asked.clone()).await);
    let about: Vec<&str> = refused.about.iter().map(String::as_str).collect();
    assert_eq!(about, ["CHARTER_NOT_SIGNED", "COUNCIL_VOTE_MISSING"]);
    let signed = JoinNetworkRequest {
        charter_signed: make::date(&[2024, 5]),
        council_voted: make::date(&[2024, 4, 12]),
        ..asked
    };
    let joined = real.clients().registry().join_network(signed).await.unwrap().into_inner();
    assert_eq!(joined.membership.unwrap().state(), MembershipState::Active);
}

fn city(id: &str, country: &str, population: i64, capital: bool) -> CreateMemberRequest {
    let mut request = make::member(id, country);
    let member = request.member.as_mut().unwrap();
    member.capital = capital;
    member.populations = vec![Population { count: population, ..Default::default() }];
    request
}

fn join_as(network: &str, member: &str, class: MembershipClass) -> JoinNetworkRequest {
    JoinNetworkRequest { class: class.into(), ..make::join(network, member) }
}

/// UCCI: capitals are full members, other large cities associates.
#[tokio::test(flavor = "multi_thread")]
async fn requirement_11_classes_and_eligibility() {
    let world = World::start_registry_only().await;
    let mut registry = world.registry();
    let capitals = Eligibility { capitals_only: true, ..Default::default() };
    let large = Eligibility { min_population: 1_000_000, ..Default::default() };
    let (full, associate) = (MembershipClass::Full, MembershipClass::Associate);
    let rule = |class: MembershipClass, eligibility: Eligibility| ClassRule {
        class: class.into(),
        eligibility: Some(eligibility),
    };
    let ucci = network("ucci", |it| {
        let countries = ["ES", "PT", "BR", "MX"].map(str::to_owned).to_vec();
        it.admission = Some(Admission {
            classes: vec![full.into(), associate.into()],
            eligibility: Some(Eligibility { countries, ..Default::default() }),
            class_rules: vec![rule(full, capitals), rule(associate, large)],
            max_members: 2,
            ..Default::default()
        });
    });
    created(&world, ucci).await;
    for request in [
        city("madrid", "ES", 3_300_000, true),
        city("barcelona", "ES", 1_600_000, false),
        city("vigo", "ES", 290_000, false),
        city("paris", "FR", 2_100_000, true),
        city("lisbon", "PT", 500_000, true),
    ] {
        registry.create_member(request).await.unwrap();
    }
    registry.join_network(join_as("ucci", "madrid", full)).await.unwrap();
    let of_rules = |result| refusal(result).about.into_iter().collect::<Vec<String>>();
    let refused = of_rules(registry.join_network(join_as("ucci", "barcelona", full)).await);
    assert_eq!(refused, ["NOT_A_CAPITAL"]);
    let refused = of_rules(registry.join_network(join_as("ucci", "vigo", associate)).await);
    assert_eq!(refused, ["POPULATION_TOO_SMALL"]);
    let refused = of_rules(registry.join_network(join_as("ucci", "paris", full)).await);
    assert_eq!(refused, ["COUNTRY_NOT_ELIGIBLE"]);
    let observer = MembershipClass::Observer;
    let refused = of_rules(registry.join_network(join_as("ucci", "madrid", observer)).await);
    assert_eq!(refused, ["ALREADY_A_MEMBER", "CLASS_NOT_OFFERED"]);
    registry.join_network(join_as("ucci", "barcelona", associate)).await.unwrap();
    let refused = of_rules(registry.join_network(join_as("ucci", "lisbon", full)).await);
    assert_eq!(refused, ["NETWORK_FULL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_12_members_that_are_not_municipalities() {
    let real = real::data().await;
    let request = ListMembersRequest { page_size: 1000, ..Default::default() };
    let list = real.clients().registry().list_members(request).await.unwrap().into_inner();
    for kind in [
        MemberKind::Municipality,
        MemberKind::Region,
        MemberKind::FederatedState,
        MemberKind::Grouping,
        MemberKind::MetropolitanArea,
        MemberKind::District,
        MemberKind::Association,
    ] {
        assert!(list.members.iter().any(|member| member.kind() == kind), "{kind:?}");
    }
    let networker = real.member("de-baden-wurttemberg").await;
    assert_eq!(networker.kind(), MemberKind::FederatedState);
    let membership = real.membership("diversity-netzwerk", "de-baden-wurttemberg").await;
    assert_eq!(membership.member, networker.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_13_local_governments_and_civil_society_together() {
    let world = World::start_registry_only().await;
    let admission = Admission {
        eligibility: Some(Eligibility {
            member_kinds: vec![MemberKind::Municipality.into(), MemberKind::CivilSociety.into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    created(&world, network("welcoming", |it| it.admission = Some(admission))).await;
    member(&world, "dayton", MemberKind::Municipality).await;
    member(&world, "volunteers", MemberKind::CivilSociety).await;
    member(&world, "university", MemberKind::Academic).await;
    let unhcr = member(&world, "unhcr", MemberKind::InternationalOrganisation).await;
    assert_eq!(unhcr.kind(), MemberKind::InternationalOrganisation);
    for id in ["dayton", "volunteers"] {
        world.registry().join_network(make::join("welcoming", id)).await.unwrap();
    }
    let refused = world.registry().join_network(make::join("welcoming", "university")).await;
    assert!(refusal(refused).about.contains("KIND_NOT_ELIGIBLE"));
    let request = GetNetworkRequest { name: make::network_name("welcoming"), ..Default::default() };
    let held = world.registry().get_network(request).await.unwrap().into_inner();
    assert_eq!(held.network.unwrap().active_member_count, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_14_movements_have_no_member_list() {
    let real = real::data().await;
    let asked =
        JoinNetworkRequest { validate_only: true, ..make::join("sanctuary-cities", "fr-paris") };
    let refused = refusal(real.clients().registry().join_network(asked).await);
    assert!(refused.about.contains("NO_MEMBER_LIST"), "{refused:?}");
    let movement = real.network("sanctuary-cities").await;
    assert!(movement.seat.is_empty(), "no centre");
    assert_eq!(real.campaign("sanctuary-campaign").await.network, movement.name, "yet it acts");
}

/// The Urban Community of Nouakchott, which the Region of the same name took over in January 2018.
#[tokio::test(flavor = "multi_thread")]
async fn requirement_30_successor_authorities() {
    let world = World::start().await;
    created(&world, make::network("uclg-africa")).await;
    member(&world, "cun", MemberKind::Grouping).await;
    recorded(&world, "uclg-africa", "cun", &[]).await;
    let mut region = make::member("nouakchott-region", "MR");
    let successor = region.member.as_mut().unwrap();
    successor.kind = MemberKind::Region.into();
    successor.predecessors = vec![make::member_name("cun")];
    let made = world.registry().create_member(region).await.unwrap().into_inner();
    assert_eq!(made.member.unwrap().predecessors, [make::member_name("cun")]);

    let retire = RetireMemberRequest {
        name: make::member_name("cun"),
        retired: make::date(&[2018, 1]),
        sources: vec![make::source()],
        ..Default::default()
    };
    let retired = world.registry().retire_member(retire).await.unwrap().into_inner();
    world.feed_follows(retired.position).await;
    let retired = retired.member.unwrap();
    assert_eq!((retired.state(), retired.retired), (MemberState::Retired, make::date(&[2018, 1])));
    let join = world.registry().join_network(make::join("uclg-africa", "cun")).await;
    assert!(refusal(join).about.contains("MEMBER_RETIRED"));
    let name = make::membership_name("uclg-africa", "cun");
    let request = GetMembershipRequest { name, ..Default::default() };
    let held = world.registry().get_membership(request).await.unwrap().into_inner();
    let term = &held.membership.unwrap().terms[0];
    assert_eq!((term.state(), term.end_reason()), (MembershipState::Ended, EndReason::Left));
    world.registry().join_network(make::join("uclg-africa", "nouakchott-region")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_31_levels_of_government_and_who_decides() {
    let real = real::data().await;
    let kinds = [
        ("it-milan", MemberKind::Municipality),
        ("ml-cercle-de-yelimane", MemberKind::Grouping),
        ("it-lombardy", MemberKind::Region),
        ("de-saxony", MemberKind::FederatedState),
    ];
    for (id, kind) in kinds {
        assert_eq!(real.member(id).await.kind(), kind, "{id}");
    }
    // Who must decide is whom a demand is aimed at.
    let target = real.campaign("regla-campaign").await.target.unwrap();
    assert_eq!(target.kind(), TargetKind::NationalGovernment);
    let target = real.statement("eurocities-asylum-2016-05").await.target.unwrap();
    assert_eq!(target.kind(), TargetKind::InternationalInstitution);
}
