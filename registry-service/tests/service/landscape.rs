//! The landscape: every figure against a recount of what the lists say, in registries in which anything
//! may have happened.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::pb::registry::v1 as pb;
use pb::Statistic;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tempfile::TempDir;

use crate::harness::{Registry, create_member, create_network, join, started, year};

const COUNTRIES: [(&str, &str); 7] = [
    ("ES", "Europe"),
    ("BR", "South America"),
    ("CA", "North America"),
    ("NZ", "Oceania"),
    ("ML", "Africa"),
    ("JP", "Asia"),
    ("FR", "Europe"),
];
const CONTINENTS: [&str; 6] =
    ["Europe", "South America", "North America", "Oceania", "Africa", "Asia"];
/// M49 codes of the continents, and of some that hold others.
const REGIONS: [(&str, &[&str]); 5] = [
    ("150", &["Europe"]),
    ("002", &["Africa"]),
    ("019", &["South America", "North America"]),
    ("142", &["Asia"]),
    ("009", &["Oceania"]),
];

/// All that the lists hold.
struct Held {
    networks: Vec<pb::Network>,
    members: BTreeMap<String, pb::Member>,
    memberships: Vec<pb::Membership>,
}

impl Held {
    async fn of(registry: &Registry) -> Held {
        let mut client = registry.client.clone();
        let request = pb::ListNetworksRequest { page_size: 1000, ..Default::default() };
        let networks = client.list_networks(request).await.unwrap().into_inner().networks;
        let request = pb::ListMembersRequest { page_size: 1000, ..Default::default() };
        let members = client.list_members(request).await.unwrap().into_inner().members;
        let mut memberships = Vec::new();
        for network in &networks {
            let network = network.name.clone();
            let request =
                pb::ListMembershipsRequest { network, page_size: 1000, ..Default::default() };
            let page = client.list_memberships(request).await.unwrap().into_inner();
            assert_eq!(page.next_page_token, "");
            memberships.extend(page.memberships);
        }
        let members = members.into_iter().map(|it| (it.name.clone(), it)).collect();
        Held { networks, members, memberships }
    }

    /// Who belongs to what now.
    fn belonging(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut belonging: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for membership in self.memberships.iter().filter(|it| belongs(it)) {
            belonging.entry(&membership.network).or_default().insert(&membership.member);
        }
        belonging
    }

    /// How many networks everybody who is not retired belongs to.
    fn reach(&self) -> BTreeMap<&str, usize> {
        let alive = self.members.values().filter(|it| it.state() != pb::MemberState::Retired);
        let mut reach: BTreeMap<&str, usize> = alive.map(|it| (it.name.as_str(), 0)).collect();
        for membership in self.memberships.iter().filter(|it| belongs(it)) {
            *reach.get_mut(membership.member.as_str()).unwrap() += 1;
        }
        reach
    }

    /// Where a network is: where it says, else where it has or had members.
    fn continents(&self, network: &pb::Network) -> BTreeSet<&'static str> {
        let regions = network.m49_regions.iter();
        let stated: BTreeSet<&str> = regions.flat_map(|it| of_region(it)).copied().collect();
        if !stated.is_empty() {
            return stated;
        }
        let countries = network.countries.iter();
        let stated: BTreeSet<&str> = countries.filter_map(|it| of_country(it)).collect();
        if !stated.is_empty() {
            return stated;
        }
        let memberships = self.memberships.iter().filter(|it| it.network == network.name);
        let of_member = |it: &pb::Membership| of_country(&self.members[&it.member].country);
        memberships.filter(|it| belonged(it)).filter_map(of_member).collect()
    }
}

fn belongs(membership: &pb::Membership) -> bool {
    matches!(membership.state(), pb::MembershipState::Active | pb::MembershipState::Suspended)
}

fn belonged(membership: &pb::Membership) -> bool {
    membership.terms.iter().any(|term| match term.state() {
        pb::MembershipState::Ended => term.end_reason() != pb::EndReason::Rejected,
        state => matches!(state, pb::MembershipState::Active | pb::MembershipState::Suspended),
    })
}

fn of_country(code: &str) -> Option<&'static str> {
    COUNTRIES.iter().find(|(country, _)| *country == code).map(|(_, continent)| *continent)
}

fn of_region(code: &str) -> &'static [&'static str] {
    REGIONS.iter().find(|(region, _)| *region == code).map_or(&[], |(_, continents)| continents)
}

/// Rows and columns a resource should stand in; none when it should be left out.
type Places = (BTreeSet<String>, BTreeSet<String>);

fn one(label: impl Into<String>) -> BTreeSet<String> {
    BTreeSet::from([label.into()])
}

fn word(known: bool, label: impl Into<String>) -> BTreeSet<String> {
    if known { one(label) } else { BTreeSet::new() }
}

fn scale(network: &pb::Network) -> BTreeSet<String> {
    let label = network.scale().as_str_name().trim_start_matches("SCALE_").to_lowercase();
    word(network.scale() != pb::Scale::Unspecified, label)
}

fn origin(network: &pb::Network) -> BTreeSet<String> {
    let label = network.origin().as_str_name().trim_start_matches("ORIGIN_").to_lowercase();
    word(
        network.origin() != pb::Origin::Unspecified,
        label.replace("co_opted", "co-opted").replace('_', " "),
    )
}

fn places(held: &Held, statistic: Statistic, network: &pb::Network) -> Places {
    match statistic {
        Statistic::RegionByScale => {
            let rows = match network.scale() {
                pb::Scale::Global => CONTINENTS.into_iter().collect(),
                _ => held.continents(network),
            };
            (rows.into_iter().map(str::to_owned).collect(), scale(network))
        }
        Statistic::OriginScopeByScale => {
            let scope = network.scope().as_str_name().trim_start_matches("SCOPE_").to_lowercase();
            let known = network.scope() != pb::Scope::Unspecified;
            let rows = origin(network).into_iter().filter(|_| known);
            (rows.map(|origin| format!("{origin}, {scope}")).collect(), scale(network))
        }
        Statistic::PeriodByOrigin => {
            let decade = |year: i32| format!("{}–{}", year / 10 * 10, year / 10 * 10 + 9);
            let rows = network
                .founded
                .iter()
                .filter(|it| it.latest.is_none_or(|latest| latest.year / 10 == it.year / 10));
            (rows.map(|it| decade(it.year)).collect(), origin(network))
        }
        Statistic::KindByState => {
            let kind = network.kind().as_str_name().trim_start_matches("NETWORK_KIND_");
            let state = network.state().as_str_name().trim_start_matches("NETWORK_STATE_");
            (one(kind.to_lowercase().replace('_', " ")), one(state.to_lowercase()))
        }
        _ => panic!("{statistic:?} is recounted elsewhere"),
    }
}

async fn table(registry: &Registry, statistic: Statistic, filter: &str) -> pb::GetTableResponse {
    let request = pb::GetTableRequest {
        statistic: statistic.into(),
        filter: filter.to_owned(),
        include_rows: true,
        ..Default::default()
    };
    registry.landscape.clone().get_table(request).await.unwrap().into_inner()
}

/// A table says what should be in it, and its totals what follows.
fn check(table: &pb::GetTableResponse, expected: &BTreeMap<String, Places>) {
    let mut left_out = BTreeSet::new();
    for (name, (rows, columns)) in expected {
        if rows.is_empty() || columns.is_empty() {
            left_out.insert(name.clone());
            continue;
        }
        assert!(rows.iter().all(|row| table.rows.contains(row)), "{rows:?} of {name}");
        assert!(columns.iter().all(|it| table.columns.contains(it)), "{columns:?} of {name}");
    }
    let inside = || expected.iter().filter(|(name, _)| !left_out.contains(*name));
    let count =
        |which: &dyn Fn(&Places) -> bool| inside().filter(|(_, it)| which(it)).count() as i64;
    assert_eq!(table.cells.len(), table.rows.len() * table.columns.len());
    let mut cells = table.cells.iter();
    for (row, total) in table.rows.iter().zip(&table.row_totals) {
        assert_eq!(*total, count(&|(rows, _)| rows.contains(row)), "{row}");
        for column in &table.columns {
            let names: BTreeSet<&String> = inside()
                .filter(|(_, (rows, columns))| rows.contains(row) && columns.contains(column))
                .map(|(name, _)| name)
                .collect();
            let cell = cells.next().unwrap();
            assert_eq!(cell.names.iter().collect::<BTreeSet<_>>(), names, "{row}, {column}");
            assert_eq!(cell.count as usize, names.len(), "{row}, {column}");
        }
    }
    for (column, total) in table.columns.iter().zip(&table.column_totals) {
        assert_eq!(*total, count(&|(_, columns)| columns.contains(column)), "{column}");
    }
    assert_eq!(table.unique_total, count(&|_| true));
    assert_eq!(table.summed_total, table.row_totals.iter().sum::<i64>());
    assert_eq!(table.left_out as usize, left_out.len());
    assert_eq!(table.left_out_names.iter().cloned().collect::<BTreeSet<_>>(), left_out);
}

const OF_NETWORKS: [Statistic; 4] = [
    Statistic::RegionByScale,
    Statistic::OriginScopeByScale,
    Statistic::PeriodByOrigin,
    Statistic::KindByState,
];

fn expected(held: &Held, statistic: Statistic) -> BTreeMap<String, Places> {
    let placed = |it: &pb::Network| (it.name.clone(), places(held, statistic, it));
    held.networks.iter().map(placed).collect()
}

fn expected_reach(held: &Held) -> BTreeMap<String, Places> {
    let row = |networks: usize| match networks {
        0..5 => networks.to_string(),
        5..10 => "5–9".to_owned(),
        10..20 => "10–19".to_owned(),
        _ => "20 and more".to_owned(),
    };
    let reach = held.reach().into_iter().map(|(member, networks)| {
        let columns = of_country(&held.members[member].country).map(str::to_owned);
        (member.to_owned(), (one(row(networks)), columns.into_iter().collect()))
    });
    reach.collect()
}

/// A registry in which anything may have happened.
async fn random_world(seed: u64) -> (TempDir, Registry) {
    let mut random = StdRng::seed_from_u64(seed);
    let (data, registry) = started().await;
    let mut client = registry.client.clone();
    for network in 0..14 {
        let mut request = create_network(&format!("n{network:02}"));
        fill_in(request.network.as_mut().unwrap(), &mut random);
        client.create_network(request).await.unwrap();
    }
    for member in 0..40 {
        let country = if random.random_bool(0.1) { "" } else { any_country(&mut random) };
        let mut request = create_member(&format!("m{member:02}"));
        request.member.as_mut().unwrap().country = country.to_owned();
        client.create_member(request).await.unwrap();
    }
    for _ in 0..400 {
        // Many of these are refused, and that is part of it.
        let _ = anything(&registry, &mut random).await;
    }
    (data, registry)
}

fn any_country(random: &mut StdRng) -> &'static str {
    COUNTRIES.choose(random).unwrap().0
}

fn fill_in(network: &mut pb::Network, random: &mut StdRng) {
    network.scale = random.random_range(0..=3);
    network.origin = random.random_range(0..=5);
    network.scope = random.random_range(0..=2);
    network.kind = random.random_range(1..=4);
    if random.random_bool(0.7) {
        network.founded = year(random.random_range(1960..2025));
    }
    match random.random_range(0..3) {
        0 => network.m49_regions = vec![REGIONS.choose(random).unwrap().0.to_owned()],
        1 => network.countries = vec![any_country(random).to_owned()],
        _ => {}
    }
    network.themes = vec![["Climate", "climate", "housing"].choose(random).unwrap().to_string()];
}

async fn anything(registry: &Registry, random: &mut StdRng) -> Result<(), tonic::Status> {
    let mut client = registry.client.clone();
    let network = format!("n{:02}", random.random_range(0..14));
    let member = format!("m{:02}", random.random_range(0..40));
    let name = format!("networks/{network}/memberships/{member}");
    match random.random_range(0..200) {
        0..130 => drop(client.join_network(join(&network, &member)).await?),
        130..160 => {
            let request = pb::LeaveNetworkRequest { name, ..Default::default() };
            client.leave_network(request).await?;
        }
        160..170 => {
            let request = pb::SuspendMembershipRequest { name, ..Default::default() };
            client.suspend_membership(request).await?;
        }
        170..176 => {
            let (network, member) = (format!("networks/{network}"), format!("members/{member}"));
            let request = pb::InviteMemberRequest { network, member, ..Default::default() };
            client.invite_member(request).await?;
        }
        176..194 => {
            let mut moved = create_member(&member).member.unwrap();
            moved.country = any_country(random).to_owned();
            let request = pb::UpdateMemberRequest {
                member: Some(moved),
                update_mask: Some(prost_types::FieldMask { paths: vec!["country".to_owned()] }),
                ..Default::default()
            };
            client.update_member(request).await?;
        }
        194..198 => {
            let name = format!("members/{member}");
            let request = pb::RetireMemberRequest { name, ..Default::default() };
            client.retire_member(request).await?;
        }
        _ => {
            let name = format!("networks/{network}");
            let request = pb::EndNetworkRequest { name, ..Default::default() };
            client.end_network(request).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_say_what_a_recount_says() {
    for seed in [71, 72, 73] {
        let (data, registry) = random_world(seed).await;
        let held = Held::of(&registry).await;
        assert!(held.memberships.len() > 100);
        for statistic in OF_NETWORKS {
            check(&table(&registry, statistic, "").await, &expected(&held, statistic));
        }
        let reach = table(&registry, Statistic::ReachByRegion, "").await;
        check(&reach, &expected_reach(&held));

        // A view that is made again keeps the same tallies.
        let region = table(&registry, Statistic::RegionByScale, "").await;
        registry.stop().await;
        std::fs::remove_dir_all(data.path().join("view")).unwrap();
        let registry = Registry::start(data.path()).await;
        assert_eq!(table(&registry, Statistic::ReachByRegion, "").await, reach);
        assert_eq!(table(&registry, Statistic::RegionByScale, "").await, region);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_counts_the_networks_a_filter_selects() {
    let (_data, registry) = random_world(74).await;
    let held = Held::of(&registry).await;
    let regional = |it: &&pb::Network| it.scale() == pb::Scale::Regional;
    for statistic in OF_NETWORKS {
        let all = expected(&held, statistic);
        let selected: BTreeSet<&str> =
            held.networks.iter().filter(regional).map(|it| it.name.as_str()).collect();
        let expected = all.into_iter().filter(|(name, _)| selected.contains(name.as_str()));
        let table = table(&registry, statistic, "scale = regional").await;
        check(&table, &expected.collect());
    }
    for (statistic, filter) in [
        (Statistic::RegionByScale, "scale = continental"),
        (Statistic::ReachByRegion, "scale = regional"),
        (Statistic::Unspecified, ""),
    ] {
        let request = pb::GetTableRequest {
            statistic: statistic.into(),
            filter: filter.to_owned(),
            ..Default::default()
        };
        let refused = registry.landscape.clone().get_table(request).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{statistic:?} {filter}");
    }
}

/// Every page of a list, with pages of a few.
async fn overlaps(registry: &Registry, asked: pb::ListOverlapsRequest) -> Vec<pb::Overlap> {
    let mut overlaps = Vec::new();
    let mut request = pb::ListOverlapsRequest { page_size: 7, ..asked };
    loop {
        let page =
            registry.landscape.clone().list_overlaps(request.clone()).await.unwrap().into_inner();
        assert!(page.overlaps.len() <= 7);
        overlaps.extend(page.overlaps);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return overlaps;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overlaps_are_what_the_sets_have_in_common() {
    let (_data, registry) = random_world(75).await;
    let relation = pb::RelateNetworksRequest {
        name: "networks/n01".to_owned(),
        relation: Some(pb::Relation {
            kind: pb::RelationKind::PartnerOf.into(),
            network: "networks/n02".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    registry.client.clone().relate_networks(relation).await.unwrap();
    let held = Held::of(&registry).await;
    let sets = held.belonging();
    let themes = |name: &str| {
        let network = held.networks.iter().find(|it| it.name == name).unwrap();
        network.themes.iter().map(|theme| theme.to_lowercase()).collect::<BTreeSet<_>>()
    };
    let related: BTreeSet<(&str, &str)> = held
        .networks
        .iter()
        .flat_map(|it| it.relations.iter().map(|to| (it.name.as_str(), to.network.as_str())))
        .collect();

    let all = overlaps(&registry, pb::ListOverlapsRequest::default()).await;
    assert!(all.len() > 20);
    assert!(all.is_sorted_by(|a, b| a.shared_count >= b.shared_count));
    let pairs: BTreeSet<(&str, &str)> =
        all.iter().map(|it| (it.network.as_str(), it.other.as_str())).collect();
    assert_eq!(pairs.len(), all.len(), "a pair stands twice");
    for overlap in &all {
        let (one, other) = (&sets[overlap.network.as_str()], &sets[overlap.other.as_str()]);
        let shared: BTreeSet<&str> = one.intersection(other).copied().collect();
        let named: BTreeSet<&str> = overlap.shared_members.iter().map(String::as_str).collect();
        assert_eq!(named, shared, "{} and {}", overlap.network, overlap.other);
        assert_eq!(overlap.shared_count as usize, shared.len());
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(overlap.jaccard, shared.len() as f64 / one.union(other).count() as f64));
        let smaller = one.len().min(other.len()) as f64;
        assert!(near(overlap.containment, shared.len() as f64 / smaller));
        let common = themes(&overlap.network).intersection(&themes(&overlap.other)).count();
        assert_eq!(overlap.shared_themes.len(), common);
        let (one, other) = (overlap.network.as_str(), overlap.other.as_str());
        let recorded = related.contains(&(one, other)) || related.contains(&(other, one));
        assert_eq!(overlap.related, recorded);
    }
    let names: Vec<&str> = sets.keys().copied().collect();
    for (index, one) in names.iter().enumerate() {
        for other in &names[index + 1..] {
            let meets = sets[one].intersection(&sets[other]).next().is_some();
            assert_eq!(meets, pairs.contains(&(one, other)), "{one} {other}");
        }
    }

    let unrelated =
        overlaps(&registry, pb::ListOverlapsRequest { unrelated_only: true, ..Default::default() });
    let expected: Vec<_> = all.iter().filter(|it| !it.related).cloned().collect();
    assert!(expected.len() < all.len());
    assert_eq!(unrelated.await, expected);
    let several = pb::ListOverlapsRequest { min_shared: 4, ..Default::default() };
    let expected: Vec<_> = all.iter().filter(|it| it.shared_count >= 4).cloned().collect();
    assert_eq!(overlaps(&registry, several).await, expected);

    // Between the networks that a list with the same filter has.
    let filter = "scale = regional OR scale = national".to_owned();
    let request = pb::ListNetworksRequest { filter: filter.clone(), ..Default::default() };
    let listed = registry.client.clone().list_networks(request).await.unwrap().into_inner();
    let listed: BTreeSet<String> = listed.networks.into_iter().map(|it| it.name).collect();
    let within = |name: &String| listed.contains(name);
    let asked = pb::ListOverlapsRequest { filter: filter.clone(), ..Default::default() };
    let expected: Vec<_> =
        all.iter().filter(|it| within(&it.network) && within(&it.other)).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < all.len());
    assert_eq!(overlaps(&registry, asked).await, expected);
    let outside = sets.keys().find(|name| !listed.contains(**name)).unwrap();
    let asked =
        pb::ListOverlapsRequest { network: (*outside).to_owned(), filter, ..Default::default() };
    let found = overlaps(&registry, asked).await;
    let meets = |it: &&String| sets[it.as_str()].intersection(&sets[outside]).next().is_some();
    let others: BTreeSet<&String> = found.iter().map(|it| &it.other).collect();
    assert_eq!(
        others,
        listed.iter().filter(|it| sets.contains_key(it.as_str())).filter(meets).collect()
    );
    let asked = pb::ListOverlapsRequest { filter: "nonsense = 1".into(), ..Default::default() };
    let refused = registry.landscape.clone().list_overlaps(asked).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);

    let network = all[0].network.clone();
    let asked = pb::ListOverlapsRequest { network: network.clone(), ..Default::default() };
    let of_one = overlaps(&registry, asked).await;
    let count = |it: &pb::Overlap| (it.shared_count, it.shared_members.len());
    let expected: BTreeMap<&str, _> = all
        .iter()
        .filter(|it| it.network == network || it.other == network)
        .map(|it| (if it.network == network { &it.other } else { &it.network }, count(it)))
        .map(|(other, count)| (other.as_str(), count))
        .collect();
    assert!(of_one.iter().all(|it| it.network == network));
    let found: BTreeMap<&str, _> = of_one.iter().map(|it| (it.other.as_str(), count(it))).collect();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn company_is_who_is_in_the_same_networks() {
    let (_data, registry) = random_world(76).await;
    let held = Held::of(&registry).await;
    let sets = held.belonging();
    let mut met_anybody = 0;
    for member in held.members.keys() {
        let mut expected: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (network, members) in sets.iter().filter(|(_, it)| it.contains(member.as_str())) {
            for other in members.iter().filter(|other| *other != member) {
                expected.entry(other).or_default().insert(network);
            }
        }
        let mut found: Vec<pb::CoMember> = Vec::new();
        let mut token = String::new();
        loop {
            let request = pb::ListCoMembersRequest {
                member: member.clone(),
                page_size: 9,
                page_token: token,
                ..Default::default()
            };
            let page =
                registry.landscape.clone().list_co_members(request).await.unwrap().into_inner();
            found.extend(page.co_members);
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert!(found.is_sorted_by(|a, b| a.shared_count >= b.shared_count));
        assert_eq!(found.len(), expected.len(), "{member}");
        for met in &found {
            let networks: BTreeSet<&str> = met.shared_networks.iter().map(String::as_str).collect();
            assert_eq!(networks, expected[met.member.as_str()]);
            assert_eq!(met.shared_count as usize, networks.len());
        }
        met_anybody += usize::from(!found.is_empty());
    }
    assert!(met_anybody > 20);
    // In networks that match: the same member, asked for one sort after the other.
    let reach = |member: &&String| sets.values().filter(|it| it.contains(member.as_str())).count();
    let member = held.members.keys().max_by_key(reach).unwrap();
    let mut found = 0;
    for filter in ["scale = regional", "NOT scale = regional", ""] {
        let matching: BTreeSet<String> = {
            let request = pb::ListNetworksRequest { filter: filter.into(), ..Default::default() };
            let page = registry.client.clone().list_networks(request).await.unwrap().into_inner();
            page.networks.into_iter().map(|it| it.name).collect()
        };
        let mut expected: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (network, members) in sets.iter().filter(|(it, _)| matching.contains(**it)) {
            if members.contains(member.as_str()) {
                for other in members.iter().filter(|other| *other != member) {
                    expected.entry(other).or_default().insert(network);
                }
            }
        }
        let request = pb::ListCoMembersRequest {
            member: member.clone(),
            filter: filter.into(),
            page_size: 1_000,
            ..Default::default()
        };
        let page = registry.landscape.clone().list_co_members(request).await.unwrap().into_inner();
        let met: BTreeMap<&str, BTreeSet<&str>> = page
            .co_members
            .iter()
            .map(|it| (it.member.as_str(), it.shared_networks.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(met, expected, "{filter}");
        found += met.len();
    }
    assert!(found > 20, "{found}");
    let nobody = pb::ListCoMembersRequest { member: "members/nobody".into(), ..Default::default() };
    let refused = registry.landscape.clone().list_co_members(nobody).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
}

async fn reaches(registry: &Registry, countries: &[&str], ascending: bool) -> Vec<(String, usize)> {
    reaches_of(registry, countries, "", ascending).await
}

async fn reaches_of(
    registry: &Registry,
    countries: &[&str],
    filter: &str,
    ascending: bool,
) -> Vec<(String, usize)> {
    let mut reaches = Vec::new();
    let mut token = String::new();
    loop {
        let request = pb::ListMemberReachRequest {
            countries: countries.iter().map(ToString::to_string).collect(),
            filter: filter.to_owned(),
            ascending,
            page_size: 6,
            page_token: token,
            ..Default::default()
        };
        let page =
            registry.landscape.clone().list_member_reach(request).await.unwrap().into_inner();
        for reach in page.reaches {
            assert_eq!(reach.networks.len(), reach.network_count as usize);
            reaches.push((reach.member, reach.networks.len()));
        }
        token = page.next_page_token;
        if token.is_empty() {
            return reaches;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reach_lists_everybody_once_in_order() {
    let (_data, registry) = random_world(77).await;
    let held = Held::of(&registry).await;
    for countries in [&[][..], &["ES", "FR"], &["JP"], &["DE"]] {
        let expected: BTreeMap<String, usize> = held
            .reach()
            .into_iter()
            .filter(|(member, _)| {
                let country = held.members[*member].country.as_str();
                countries.is_empty() || countries.contains(&country)
            })
            .map(|(member, networks)| (member.to_owned(), networks))
            .collect();
        let most = reaches(&registry, countries, false).await;
        let fewest = reaches(&registry, countries, true).await;
        assert!(most.is_sorted_by(|(_, a), (_, b)| a >= b));
        assert!(fewest.is_sorted_by(|(_, a), (_, b)| a <= b));
        assert_eq!((most.len(), fewest.len()), (expected.len(), expected.len()));
        assert_eq!(most.into_iter().collect::<BTreeMap<_, _>>(), expected);
        assert_eq!(fewest.into_iter().collect::<BTreeMap<_, _>>(), expected);
    }
    for ascending in [false, true] {
        let filtered = reaches_of(&registry, &[], "country = ES OR country = FR", ascending).await;
        assert_eq!(filtered.len(), reaches(&registry, &["ES", "FR"], ascending).await.len());
        let all = reaches(&registry, &[], ascending).await;
        let within = |(member, _): &(String, usize)| {
            ["ES", "FR"].contains(&held.members[member].country.as_str())
        };
        assert_eq!(filtered, all.into_iter().filter(within).collect::<Vec<_>>());
        assert!(reaches_of(&registry, &["JP"], "country = ES", ascending).await.is_empty());
    }
}
