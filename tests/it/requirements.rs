//! What the literature asks of software for city networks (docs/domain-coverage.md), requirement by
//! requirement: each is shown through gRPC, on the real data set where that carries the case.

use hansa_proto::pb::common::v1::FrontType;
use hansa_proto::pb::feed::v1::{Event, EventKind};
use hansa_proto::pb::registry::v1::{
    CreateNetworkRequest, Member, MemberKind, Membership, MembershipState, Network, NetworkKind,
    RecordMembershipRequest, Role, RoleKind, Term,
};
use hansa_tests::events::events_to_head;
use hansa_tests::{World, make};

mod campaigns;
mod cooperation;
mod fronts;
mod members;
mod named_systems;
mod networks;

/// A front, with the rest as in an open network.
fn front(id: &str, front_type: FrontType) -> CreateNetworkRequest {
    network(id, |it| {
        it.kind = NetworkKind::Front.into();
        it.front_type = front_type.into();
    })
}

/// An open network, changed.
fn network(id: &str, change: impl FnOnce(&mut Network)) -> CreateNetworkRequest {
    let mut request = make::network(id);
    change(request.network.as_mut().unwrap());
    request
}

/// Creates a network.
async fn created(world: &World, request: CreateNetworkRequest) -> Network {
    world.registry().create_network(request).await.unwrap().into_inner().network.unwrap()
}

/// Creates a member of a kind in France.
async fn member(world: &World, id: &str, kind: MemberKind) -> Member {
    let mut request = make::member(id, "FR");
    request.member.as_mut().unwrap().kind = kind.into();
    world.registry().create_member(request).await.unwrap().into_inner().member.unwrap()
}

/// Creates members of a network: municipalities in France.
async fn members(world: &World, network: &str, ids: &[&str]) -> u64 {
    let mut position = 0;
    for id in ids {
        member(world, id, MemberKind::Municipality).await;
        let joined = world.registry().join_network(make::join(network, id)).await.unwrap();
        position = joined.into_inner().position;
    }
    position
}

/// Records that a member belongs, in these roles.
async fn recorded(world: &World, network: &str, member: &str, roles: &[RoleKind]) -> Membership {
    let role = |kind: &RoleKind| Role { kind: (*kind).into(), ..Default::default() };
    let term = Term {
        state: MembershipState::Active.into(),
        roles: roles.iter().map(role).collect(),
        sources: vec![make::source()],
        ..Default::default()
    };
    let request = RecordMembershipRequest {
        network: make::network_name(network),
        member: make::member_name(member),
        term: Some(term),
        ..Default::default()
    };
    let response = world.registry().record_membership(request).await.unwrap().into_inner();
    response.membership.unwrap()
}

/// Kinds of the roles of the present term.
fn roles(membership: &Membership) -> Vec<RoleKind> {
    membership.terms.last().unwrap().roles.iter().map(Role::kind).collect()
}

/// Everything that happened, of a kind.
async fn told(world: &World, kind: EventKind) -> Vec<Event> {
    let events = events_to_head(&mut world.feed(), None).await;
    events.into_iter().filter(|event| event.kind() == kind).collect()
}

/// Every resource that docs/domain-coverage.md names is there.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_coverage_names_is_there() {
    let coverage = include_str!("../../docs/domain-coverage.md");
    let real = crate::real::data().await;
    let mut looked_up = 0;
    for name in coverage.split('`').filter(|name| name.contains('/') && !name.ends_with('/')) {
        let Some((collection, id)) = name.split_once('/') else { continue };
        let found = match collection {
            "networks" => real.network(id).await.name,
            "statements" => real.statement(id).await.name,
            "campaigns" => real.campaign(id).await.name,
            _ => continue,
        };
        assert_eq!(found, name);
        looked_up += 1;
    }
    assert!(looked_up > 100, "{looked_up}");
}
