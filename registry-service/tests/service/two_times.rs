//! Two times: as recorded at a position, as it was on a day, both, and what was recorded when.

use hansa_proto::pb::common::v1::PartialDate;
use hansa_proto::pb::registry::v1 as registry;
use prost_types::FieldMask;
use tonic::Code;

use super::harness::*;

fn membership_of(member: &str) -> String {
    format!("networks/n/memberships/{member}")
}

/// Records a membership of the network `n` since a year.
async fn record(it: &mut Registry, member: &str, joined: i32) -> u64 {
    let term = registry::Term {
        state: registry::MembershipState::Active as i32,
        joined: year(joined),
        sources: vec![source()],
        ..Default::default()
    };
    let request = registry::RecordMembershipRequest {
        network: "networks/n".into(),
        member: format!("members/{member}"),
        term: Some(term),
        ..Default::default()
    };
    it.client.record_membership(request).await.unwrap().into_inner().position
}

/// Corrects the year a member joined.
async fn correct(it: &mut Registry, member: &str, joined: i32) -> u64 {
    let request = registry::ChangeMembershipRequest {
        name: membership_of(member),
        term: Some(registry::Term { joined: year(joined), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["joined".into()] }),
        request_id: "correction".into(),
        ..Default::default()
    };
    it.client.change_membership(request).await.unwrap().into_inner().position
}

async fn with(members: &[&str]) -> (tempfile::TempDir, Registry) {
    let (data, mut it) = started().await;
    it.client.create_network(create_network("n")).await.unwrap();
    for member in members {
        it.client.create_member(create_member(member)).await.unwrap();
    }
    (data, it)
}

/// Members of `n` and how sure that is.
async fn on(it: &mut Registry, day: Option<PartialDate>, at: u64) -> Vec<(String, i32)> {
    let request = registry::ListMembershipsRequest {
        network: "networks/n".into(),
        as_of: day,
        at_position: at,
        ..Default::default()
    };
    let listed = it.client.list_memberships(request).await.unwrap().into_inner();
    let row = |it: registry::Membership| (it.member, it.terms.last().unwrap().certainty);
    listed.memberships.into_iter().map(row).collect()
}

#[tokio::test]
async fn a_corrected_date_leaves_the_old_belief_at_its_position() {
    let (_data, mut it) = with(&["a", "b"]).await;
    record(&mut it, "a", 2010).await;
    let believed = record(&mut it, "b", 2012).await;
    let corrected = correct(&mut it, "a", 2015).await;
    let certain = registry::Certainty::Certain as i32;
    let possible = registry::Certainty::Possible as i32;
    let a = |certainty| ("members/a".to_owned(), certainty);
    let b = |certainty| ("members/b".to_owned(), certainty);

    // Who was a member in 2013, as known then, and as known now?
    assert_eq!(on(&mut it, year(2013), believed).await, [a(certain), b(certain)]);
    assert_eq!(on(&mut it, year(2013), 0).await, [b(certain)]);
    assert_eq!(on(&mut it, year(2013), corrected).await, [b(certain)]);
    let june = Some(PartialDate { year: 2015, month: 6, ..Default::default() });
    assert_eq!(on(&mut it, june, 0).await, [a(possible), b(certain)]);
    assert_eq!(on(&mut it, None, believed - 1).await, [a(0)]);

    let get = |at_position, as_of| registry::GetMembershipRequest {
        name: membership_of("a"),
        at_position,
        as_of,
        ..Default::default()
    };
    let then = it.client.get_membership(get(believed, None)).await.unwrap().into_inner();
    assert_eq!(then.membership.unwrap().terms[0].joined, year(2010));
    assert_eq!(then.position, believed);
    let now = it.client.get_membership(get(0, None)).await.unwrap().into_inner();
    assert_eq!(now.membership.unwrap().terms[0].joined, year(2015));
    let not_then = it.client.get_membership(get(0, year(2013))).await.unwrap_err();
    assert_eq!(refusal(&not_then), (Code::NotFound, "NOT_FOUND".into()));
    let ahead = it.client.get_membership(get(corrected + 1, None)).await.unwrap_err();
    assert_eq!(refusal(&ahead), (Code::OutOfRange, "CURSOR_IN_FUTURE".into()));
    it.stop().await;
}

#[tokio::test]
async fn a_network_counts_the_members_of_a_position_or_a_day() {
    let (_data, mut it) = with(&["a", "b", "c"]).await;
    let first = record(&mut it, "a", 2010).await;
    record(&mut it, "b", 2012).await;
    let third = record(&mut it, "c", 2014).await;
    let leave = registry::LeaveNetworkRequest {
        name: membership_of("a"),
        occurred_at: year(2016),
        ..Default::default()
    };
    it.client.leave_network(leave).await.unwrap();
    let mut count = async |at_position, as_of: Option<PartialDate>| {
        let name = "networks/n".to_owned();
        let get = registry::GetNetworkRequest { name, at_position, as_of, ..Default::default() };
        let one = it.client.get_network(get).await.unwrap().into_inner().network.unwrap();
        let list = registry::ListNetworksRequest { at_position, as_of, ..Default::default() };
        let listed = it.client.list_networks(list).await.unwrap().into_inner().networks;
        assert_eq!(listed, std::slice::from_ref(&one));
        one.active_member_count
    };
    assert_eq!(count(0, None).await, 2);
    assert_eq!(count(first - 1, None).await, 0);
    assert_eq!(count(first, None).await, 1);
    assert_eq!(count(third, None).await, 3);
    assert_eq!(count(0, year(2013)).await, 2);
    assert_eq!(count(0, year(2015)).await, 3);
    assert_eq!(count(0, year(2017)).await, 2);
    assert_eq!(count(first, year(2017)).await, 1);
    it.stop().await;
}

#[tokio::test]
async fn a_network_not_founded_yet_is_not_there() {
    let (_data, mut it) = started().await;
    let mut create = create_network("n");
    create.network.as_mut().unwrap().founded = year(2010);
    it.client.create_network(create).await.unwrap();
    let end = registry::EndNetworkRequest {
        name: "networks/n".into(),
        ended: year(2015),
        ..Default::default()
    };
    it.client.end_network(end).await.unwrap();
    let mut state = async |on: i32| {
        let name = "networks/n".to_owned();
        let get = registry::GetNetworkRequest { name, as_of: year(on), ..Default::default() };
        let one = it.client.get_network(get).await;
        let filter = "state = active OR state = ended".to_owned();
        let list = registry::ListNetworksRequest { as_of: year(on), filter, ..Default::default() };
        let listed = it.client.list_networks(list).await.unwrap().into_inner().networks;
        assert_eq!(one.is_ok(), listed.len() == 1);
        one.ok().map(|one| one.into_inner().network.unwrap().state())
    };
    assert_eq!(state(2009).await, None);
    assert_eq!(state(2010).await, Some(registry::NetworkState::Active));
    assert_eq!(state(2014).await, Some(registry::NetworkState::Active));
    assert_eq!(state(2015).await, Some(registry::NetworkState::Ended));
    it.stop().await;
}

/// All entries of a history, page by page, as position and kind of change.
async fn history(it: &mut Registry, name: &str, descending: bool, size: i32) -> Vec<(u64, i32)> {
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = registry::ListHistoryRequest {
            name: name.into(),
            page_size: size,
            page_token,
            descending,
            ..Default::default()
        };
        let page = it.client.list_history(request).await.unwrap().into_inner();
        assert!(page.entries.len() <= usize::try_from(size).unwrap());
        for entry in page.entries {
            assert_eq!(entry.principal, "anonymous");
            assert!(entry.recorded_at.is_some());
            entries.push((entry.position, entry.change.unwrap().kind));
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return entries;
        }
    }
}

#[tokio::test]
async fn a_history_has_every_change_in_both_directions() {
    let (_data, mut it) = with(&["a"]).await;
    let term = registry::Term {
        state: registry::MembershipState::Ended as i32,
        joined: year(2001),
        left: year(2002),
        end_reason: registry::EndReason::Left as i32,
        sources: vec![source()],
        ..Default::default()
    };
    // One commit with two changes of the membership.
    let request = registry::RecordMembershipRequest {
        network: "networks/n".into(),
        member: "members/a".into(),
        term: Some(term),
        ..Default::default()
    };
    let both = it.client.record_membership(request).await.unwrap().into_inner().position;
    let rejoined = it.client.join_network(join("n", "a")).await.unwrap().into_inner().position;
    let corrected = correct(&mut it, "a", 2019).await;

    let kind = |kind: registry::ChangeKind| kind as i32;
    let expected = [
        (both, kind(registry::ChangeKind::MembershipJoined)),
        (both, kind(registry::ChangeKind::MembershipEnded)),
        (rejoined, kind(registry::ChangeKind::MembershipJoined)),
        (corrected, kind(registry::ChangeKind::MembershipChanged)),
    ];
    let backwards: Vec<(u64, i32)> = expected.iter().rev().copied().collect();
    for size in 1..=5 {
        assert_eq!(history(&mut it, &membership_of("a"), false, size).await, expected);
        assert_eq!(history(&mut it, &membership_of("a"), true, size).await, backwards);
    }
    let of_network = history(&mut it, "networks/n", false, 10).await;
    assert_eq!(of_network, [(1, kind(registry::ChangeKind::NetworkCreated))]);

    let request = |name: &str| registry::ListHistoryRequest {
        name: name.into(),
        page_size: 1,
        descending: true,
        ..Default::default()
    };
    let last = it.client.list_history(request(&membership_of("a"))).await.unwrap().into_inner();
    assert_eq!(last.entries[0].request_id, "correction");
    let nobody = it.client.list_history(request("members/x")).await.unwrap_err();
    assert_eq!(refusal(&nobody), (Code::NotFound, "NOT_FOUND".into()));
    let malformed = it.client.list_history(request("campaigns/x")).await.unwrap_err();
    assert_eq!(fields(&malformed), ["name"]);
    it.stop().await;
}
