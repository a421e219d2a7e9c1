//! Reads: pages, waiting for a position, the overview, and a view made again.

use hansa_proto::pb::registry::v1 as registry;
use tonic::{Code, Request};

use super::harness::*;

/// Networks `a` to `e`, members `x` and `y`, `x` in all of them, `y` in `a`.
async fn filled(it: &mut Registry) -> u64 {
    for member in ["x", "y"] {
        it.client.create_member(create_member(member)).await.unwrap();
    }
    for network in ["c", "a", "e", "b", "d"] {
        it.client.create_network(create_network(network)).await.unwrap();
        it.client.join_network(join(network, "x")).await.unwrap();
    }
    it.client.join_network(join("a", "y")).await.unwrap().into_inner().position
}

fn list(size: i32, token: &str) -> registry::ListNetworksRequest {
    registry::ListNetworksRequest {
        page_size: size,
        page_token: token.into(),
        min_position: 0,
        ..Default::default()
    }
}

#[tokio::test]
async fn pages_follow_each_other_in_order_and_end() {
    let (_data, mut it) = started().await;
    filled(&mut it).await;
    let mut token = String::new();
    let mut pages = Vec::new();
    loop {
        let page = it.client.list_networks(list(2, &token)).await.unwrap().into_inner();
        pages.push(page.networks.iter().map(|it| it.name.clone()).collect::<Vec<_>>());
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let expected = [vec!["networks/a", "networks/b"], vec!["networks/c", "networks/d"]];
    assert_eq!(pages[..2], expected);
    assert_eq!(pages[2..], [["networks/e"]]);
    it.stop().await;
}

#[tokio::test]
async fn a_token_of_another_list_or_a_size_out_of_range_is_refused() {
    let (_data, mut it) = started().await;
    filled(&mut it).await;
    let token = it.client.list_networks(list(2, "")).await.unwrap().into_inner().next_page_token;
    let members = registry::ListMembersRequest { page_token: token.clone(), ..Default::default() };
    let foreign = it.client.list_members(members).await.unwrap_err();
    assert_eq!(fields(&foreign), ["page_token"]);
    let malformed = it.client.list_networks(list(-1, "rubbish")).await.unwrap_err();
    assert_eq!(fields(&malformed), ["page_token", "page_size"]);
    it.stop().await;
}

#[tokio::test]
async fn memberships_are_listed_by_network_by_member_and_by_both() {
    let (_data, mut it) = started().await;
    filled(&mut it).await;
    let mut names = async |network: &str, member: &str| {
        let request = registry::ListMembershipsRequest {
            network: network.into(),
            member: member.into(),
            ..Default::default()
        };
        let listed = it.client.list_memberships(request).await?.into_inner();
        Ok::<_, tonic::Status>(listed.memberships.into_iter().map(|it| it.name).collect::<Vec<_>>())
    };
    let of_network = names("networks/a", "").await.unwrap();
    assert_eq!(of_network, ["networks/a/memberships/x", "networks/a/memberships/y"]);
    let of_member = names("", "members/x").await.unwrap();
    let expected = ["a", "b", "c", "d", "e"].map(|it| format!("networks/{it}/memberships/x"));
    assert_eq!(of_member, expected);
    let both = names("networks/a", "members/y").await.unwrap();
    assert_eq!(both, ["networks/a/memberships/y"]);
    assert!(names("networks/b", "members/y").await.unwrap().is_empty());
    let neither = names("", "").await.unwrap_err();
    assert_eq!(fields(&neither), ["network"]);
    it.stop().await;
}

#[tokio::test]
async fn the_overview_counts_what_there_is() {
    let (_data, mut it) = started().await;
    let position = filled(&mut it).await;
    let request = registry::GetOverviewRequest { min_position: position };
    let overview = it.landscape.get_overview(request).await.unwrap().into_inner();
    assert_eq!((overview.network_count, overview.member_count), (5, 2));
    assert_eq!((overview.membership_count, overview.term_count), (6, 6));
    let active = registry::NetworkState::Active as i32;
    let networks = [registry::NetworkStateCount { state: active, count: 5 }];
    assert_eq!(overview.networks, networks);
    let request = registry::ListMemberCountsRequest { page_size: 1, ..Default::default() };
    let counts = it.landscape.list_member_counts(request).await.unwrap().into_inner();
    assert_eq!(counts.counts[0].network, "networks/a");
    assert_eq!((counts.counts[0].held, counts.counts[0].held_active), (2, 2));
    assert!(!counts.next_page_token.is_empty());
    it.stop().await;
}

#[tokio::test]
async fn a_position_that_does_not_come_in_time_is_unavailable() {
    let (_data, mut it) = started().await;
    it.client.create_network(create_network("n")).await.unwrap();
    let get = registry::GetNetworkRequest {
        name: "networks/n".into(),
        min_position: 2,
        ..Default::default()
    };
    let mut request = Request::new(get.clone());
    request.set_timeout(std::time::Duration::from_secs(2));
    let late = it.client.get_network(request).await.unwrap_err();
    assert_eq!(refusal(&late), (Code::Unavailable, "POSITION_NOT_REACHED".into()));

    let mut reader = it.client.clone();
    let waiting = tokio::spawn(async move { reader.get_network(get).await });
    it.client.create_member(create_member("m")).await.unwrap();
    let answered = waiting.await.unwrap().unwrap().into_inner();
    assert!(answered.position >= 2);
    it.stop().await;
}

#[tokio::test]
async fn a_view_that_is_deleted_is_made_again_and_answers_the_same() {
    let (data, mut it) = started().await;
    filled(&mut it).await;
    let before = answers(&mut it).await;
    it.stop().await;
    std::fs::remove_dir_all(data.path().join("view")).unwrap();
    let mut it = Registry::start(data.path()).await;
    assert_eq!(answers(&mut it).await, before);
    it.stop().await;
}

/// What the registry says of everything.
async fn answers(it: &mut Registry) -> String {
    let networks = it.client.list_networks(list(0, "")).await.unwrap().into_inner();
    let members = it.client.list_members(registry::ListMembersRequest::default()).await.unwrap();
    let memberships =
        registry::ListMembershipsRequest { member: "members/x".into(), ..Default::default() };
    let memberships = it.client.list_memberships(memberships).await.unwrap().into_inner();
    let overview = registry::GetOverviewRequest::default();
    let overview = it.landscape.get_overview(overview).await.unwrap().into_inner();
    format!("{networks:?} {:?} {memberships:?} {overview:?}", members.into_inner())
}
