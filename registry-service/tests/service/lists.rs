//! Lists: filters, orders, searched names, pages that hold still and stay small.

use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as registry;
use prost::Message;
use prost_types::FieldMask;
use tonic::Code;

use super::harness::*;

fn member(
    id: &str,
    texts: &[&str],
    country: &str,
    population: i64,
) -> registry::CreateMemberRequest {
    let mut request = create_member(id);
    let member = request.member.as_mut().unwrap();
    member.names = texts.iter().flat_map(|text| names(text)).collect();
    member.country = country.into();
    let count = registry::Population { count: population, ..Default::default() };
    member.populations = if population > 0 { vec![count] } else { Vec::new() };
    request
}

async fn cities(it: &mut Registry) {
    let cities = [
        member("de-koeln", &["Köln", "Cologne"], "DE", 1_073_000),
        member("dk-kolding", &["Kolding"], "DK", 61_000),
        member("pl-lodz", &["Łódź"], "PL", 670_000),
        member("br-sao-paulo", &["São Paulo"], "BR", 11_450_000),
        member("fr-saint-denis", &["Saint-Denis"], "FR", 0),
    ];
    for request in cities {
        it.client.create_member(request).await.unwrap();
    }
}

async fn members(it: &mut Registry, filter: &str, order_by: &str) -> Vec<String> {
    let request = registry::ListMembersRequest {
        filter: filter.into(),
        order_by: order_by.into(),
        ..Default::default()
    };
    let listed = it.client.list_members(request).await.unwrap().into_inner();
    assert_eq!(listed.next_page_token, "");
    let id = |it: registry::Member| it.name.trim_start_matches("members/").to_owned();
    listed.members.into_iter().map(id).collect()
}

#[tokio::test]
async fn members_are_found_by_name_place_and_size() {
    let (_data, mut it) = started().await;
    cities(&mut it).await;
    let cases: [(&str, &str, &[&str]); 12] = [
        ("koln", "", &["de-koeln"]),
        ("KOL", "", &["de-koeln", "dk-kolding"]),
        ("\"kol\"", "", &[]),
        ("colo", "", &["de-koeln"]),
        ("lodz", "", &["pl-lodz"]),
        ("\"sao paulo\"", "", &["br-sao-paulo"]),
        ("saint-den", "", &["fr-saint-denis"]),
        ("region = Europe NOT country = DE", "", &["dk-kolding", "fr-saint-denis", "pl-lodz"]),
        ("population >= 670000", "population", &["pl-lodz", "de-koeln", "br-sao-paulo"]),
        ("population:*", "population desc", &["br-sao-paulo", "de-koeln", "pl-lodz", "dk-kolding"]),
        ("kol", "population", &["dk-kolding", "de-koeln"]),
        ("country = PL OR country = BR", "name desc", &["pl-lodz", "br-sao-paulo"]),
    ];
    for (filter, order_by, expected) in cases {
        assert_eq!(members(&mut it, filter, order_by).await, expected, "{filter}, {order_by}");
    }

    let rename = registry::UpdateMemberRequest {
        member: Some(registry::Member {
            name: "members/de-koeln".into(),
            names: names("Colonia"),
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["names".into()] }),
        ..Default::default()
    };
    it.client.update_member(rename).await.unwrap();
    assert_eq!(members(&mut it, "koln", "").await, Vec::<String>::new());
    assert_eq!(members(&mut it, "colonia", "").await, ["de-koeln"]);
    it.stop().await;
}

#[tokio::test]
async fn networks_and_memberships_are_filtered_and_ordered() {
    let (_data, mut it) = started().await;
    cities(&mut it).await;
    for (id, kind, founded, country) in [
        ("a", registry::NetworkKind::Front, 2019, "DE"),
        ("b", registry::NetworkKind::CityNetwork, 1990, "BR"),
        ("c", registry::NetworkKind::Front, 2017, "PL"),
    ] {
        let mut request = create_network(id);
        let network = request.network.as_mut().unwrap();
        network.kind = kind as i32;
        network.founded = year(founded);
        network.countries = vec![country.into()];
        network.themes = vec!["Climate change".into(), format!("theme {id}")];
        it.client.create_network(request).await.unwrap();
    }
    let mut listed = async |filter: &str, order_by: &str| {
        let (filter, order_by) = (filter.to_owned(), order_by.to_owned());
        let request = registry::ListNetworksRequest { filter, order_by, ..Default::default() };
        let listed = it.client.list_networks(request).await?.into_inner().networks;
        let id = |it: registry::Network| it.name.trim_start_matches("networks/").to_owned();
        Ok::<Vec<String>, tonic::Status>(listed.into_iter().map(id).collect())
    };
    assert_eq!(listed("kind = front", "founded").await.unwrap(), ["c", "a"]);
    assert_eq!(listed("", "founded desc").await.unwrap(), ["a", "c", "b"]);
    assert_eq!(listed("region = \"South America\"", "").await.unwrap(), ["b"]);
    assert_eq!(listed("theme : clim", "").await.unwrap(), ["a", "b", "c"]);
    assert_eq!(listed("theme = \"theme b\"", "").await.unwrap(), ["b"]);
    assert_eq!(listed("founded < 2018", "name desc").await.unwrap(), ["c", "b"]);
    let refused = listed("kind = city", "size").await.unwrap_err();
    assert_eq!(fields(&refused), ["filter", "order_by"]);

    for (member, joined) in [("de-koeln", 2003), ("pl-lodz", 2001), ("br-sao-paulo", 2002)] {
        let mut request = join("a", member);
        request.occurred_at = year(joined);
        it.client.join_network(request).await.unwrap();
    }
    let mut listed = async |filter: &str, order_by: &str| {
        let request = registry::ListMembershipsRequest {
            network: "networks/a".into(),
            filter: filter.into(),
            order_by: order_by.into(),
            ..Default::default()
        };
        let listed = it.client.list_memberships(request).await.unwrap().into_inner().memberships;
        let id = |it: registry::Membership| it.member.trim_start_matches("members/").to_owned();
        listed.into_iter().map(id).collect::<Vec<String>>()
    };
    assert_eq!(listed("", "joined").await, ["pl-lodz", "br-sao-paulo", "de-koeln"]);
    assert_eq!(listed("region = Europe", "joined desc").await, ["de-koeln", "pl-lodz"]);
    assert_eq!(listed("joined >= 2002 AND state = active", "").await, ["br-sao-paulo", "de-koeln"]);
    assert_eq!(listed("paulo", "").await, ["br-sao-paulo"]);
    it.stop().await;
}

#[tokio::test]
async fn pages_show_the_position_of_the_first() {
    let (_data, mut it) = started().await;
    for id in ["a", "b", "c", "d", "e"] {
        it.client.create_member(member(id, &[&format!("City {id}")], "ES", 5)).await.unwrap();
    }
    let request = |page_token: String| registry::ListMembersRequest {
        filter: "city AND country = ES".into(),
        order_by: "population".into(),
        page_size: 2,
        page_token,
        ..Default::default()
    };
    let first = it.client.list_members(request(String::new())).await.unwrap().into_inner();
    let mut listed = first.members;
    let mut token = first.next_page_token;
    // Everything moves: one is renamed, one moves away and to the front, one is new.
    for (id, name, country, count) in [("c", "Town", "ES", 5), ("e", "City e", "FR", 1)] {
        let described = member(id, &[name], country, count).member.unwrap();
        let paths = ["names", "country", "populations"].map(str::to_owned).to_vec();
        let update = registry::UpdateMemberRequest {
            member: Some(described),
            update_mask: Some(FieldMask { paths }),
            ..Default::default()
        };
        it.client.update_member(update).await.unwrap();
    }
    it.client.create_member(member("bb", &["City bb"], "ES", 5)).await.unwrap();
    while !token.is_empty() {
        let page = it.client.list_members(request(token)).await.unwrap().into_inner();
        assert_eq!(page.position, first.position);
        listed.extend(page.members);
        token = page.next_page_token;
    }
    let shown: Vec<(&str, &str)> =
        listed.iter().map(|it| (it.name.as_str(), it.names[0].text.as_str())).collect();
    let expected = [
        ("members/a", "City a"),
        ("members/b", "City b"),
        ("members/c", "City c"),
        ("members/d", "City d"),
        ("members/e", "City e"),
    ];
    assert_eq!(shown, expected);

    let ahead =
        registry::ListMembersRequest { at_position: first.position + 100, ..Default::default() };
    let ahead = it.client.list_members(ahead).await.unwrap_err();
    assert_eq!(refusal(&ahead), (Code::OutOfRange, "CURSOR_IN_FUTURE".into()));
    it.stop().await;
}

#[tokio::test]
async fn a_page_stays_below_what_clients_take() {
    let (_data, mut it) = started().await;
    let all = 800;
    for batch in 0..8 {
        let item = |number: usize| {
            let mut create = create_member(&format!("m{:04}", batch * 100 + number));
            create.member.as_mut().unwrap().note = "x".repeat(4_000);
            let change = registry::batch_item::Change::CreateMember(create);
            registry::BatchItem { change: Some(change) }
        };
        let items = (0..100).map(item).collect();
        let request = registry::ApplyBatchRequest { items, ..Default::default() };
        it.client.apply_batch(request).await.unwrap();
    }
    let mut seen = 0;
    let mut page_token = String::new();
    loop {
        let request =
            registry::ListMembersRequest { page_size: 1_000, page_token, ..Default::default() };
        let page = it.client.list_members(request).await.unwrap().into_inner();
        assert!(page.encoded_len() < 4 * 1024 * 1024);
        seen += page.members.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        assert!(seen < all, "a page ends before the list does");
    }
    assert_eq!(seen, all);
    it.stop().await;
}

#[tokio::test]
async fn a_search_finds_names_of_members_of_a_network_on_a_day() {
    let (_data, mut it) = started().await;
    cities(&mut it).await;
    it.client.create_network(create_network("n")).await.unwrap();
    it.client.join_network(join("n", "de-koeln")).await.unwrap();
    let day = common::PartialDate { year: 2021, month: 1, day: 1, ..Default::default() };
    let mut found = async |filter: &str, as_of| {
        let request = registry::ListMembershipsRequest {
            network: "networks/n".into(),
            member: "members/de-koeln".into(),
            filter: filter.into(),
            as_of,
            ..Default::default()
        };
        it.client.list_memberships(request).await.unwrap().into_inner().memberships.len()
    };
    assert_eq!(found("cologne", Some(day)).await, 1);
    assert_eq!(found("cologne", year(2019)).await, 0);
    assert_eq!(found("paris", Some(day)).await, 0);
    it.stop().await;
}
