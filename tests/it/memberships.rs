//! How memberships live: admission, terms, suspension, return.

use hansa_proto::pb::common::v1::Source;
use hansa_proto::pb::registry::v1::{
    Admission, AdmissionMode, ApproveMembershipRequest, ChangeMembershipRequest, Eligibility,
    EndNetworkRequest, EndReason, GetMembershipRequest, GetNetworkRequest, InviteMemberRequest,
    JoinNetworkRequest, LeaveNetworkRequest, ListMembershipsRequest, Membership, MembershipClass,
    MembershipState, RecordMembershipRequest, ReinstateMembershipRequest, RejectMembershipRequest,
    Role, RoleKind, SuspendMembershipRequest, Term,
};
use hansa_tests::refusal::{Refusal, refusal};
use hansa_tests::{World, make};
use prost_types::FieldMask;
use tonic::Code;

async fn world_with(mode: AdmissionMode) -> World {
    let world = World::start_registry_only().await;
    world.registry().create_network(make::network_admitting("n", mode)).await.unwrap();
    for id in ["a", "b"] {
        world.registry().create_member(make::member(id, "JP")).await.unwrap();
    }
    world
}

fn refused(rule: &str) -> Refusal {
    Refusal::expected(Code::FailedPrecondition, "REFUSED", &[rule])
}

async fn get(world: &World, member: &str) -> Membership {
    let request =
        GetMembershipRequest { name: make::membership_name("n", member), ..Default::default() };
    world.registry().get_membership(request).await.unwrap().into_inner().membership.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_can_come_back_and_every_term_is_kept() {
    let world = world_with(AdmissionMode::Open).await;
    let mut registry = world.registry();
    let join =
        |year| JoinNetworkRequest { occurred_at: make::date(&[year]), ..make::join("n", "a") };
    registry.join_network(join(2001)).await.unwrap();
    assert_eq!(refusal(registry.join_network(join(2002)).await), refused("ALREADY_A_MEMBER"));
    let leave = LeaveNetworkRequest {
        name: make::membership_name("n", "a"),
        occurred_at: make::date(&[2009]),
        reason: "merger of municipalities".to_owned(),
        ..Default::default()
    };
    registry.leave_network(leave.clone()).await.unwrap();
    assert_eq!(refusal(registry.leave_network(leave).await), refused("MEMBERSHIP_ENDED"));
    registry.join_network(join(2012)).await.unwrap();

    let membership = get(&world, "a").await;
    assert_eq!(membership.state(), MembershipState::Active);
    let terms: Vec<_> = membership
        .terms
        .iter()
        .map(|term| (term.state(), term.joined, term.left, term.end_reason()))
        .collect();
    assert_eq!(
        terms,
        [
            (MembershipState::Ended, make::date(&[2001]), make::date(&[2009]), EndReason::Left),
            (MembershipState::Active, make::date(&[2012]), None, EndReason::Unspecified),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn approval_decides() {
    let world = world_with(AdmissionMode::Approval).await;
    let mut registry = world.registry();
    for id in ["a", "b"] {
        let applied = registry.join_network(make::join("n", id)).await.unwrap().into_inner();
        assert_eq!(applied.membership.unwrap().state(), MembershipState::Applied);
    }
    let approve = ApproveMembershipRequest {
        name: make::membership_name("n", "a"),
        occurred_at: make::date(&[2020, 5]),
        ..Default::default()
    };
    let approved = registry.approve_membership(approve.clone()).await.unwrap().into_inner();
    let approved = approved.membership.unwrap();
    assert_eq!(approved.state(), MembershipState::Active);
    assert_eq!(approved.terms[0].joined, make::date(&[2020, 5]));
    assert_eq!(refusal(registry.approve_membership(approve).await), refused("NOT_APPLIED"));
    let reject = RejectMembershipRequest {
        name: make::membership_name("n", "b"),
        reason: "too small".to_owned(),
        ..Default::default()
    };
    registry.reject_membership(reject).await.unwrap();
    let rejected = get(&world, "b").await;
    assert_eq!(rejected.state(), MembershipState::Ended);
    assert_eq!(rejected.terms[0].end_reason(), EndReason::Rejected);
    assert_eq!(rejected.terms[0].reason, "too small");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_was_invited_joins() {
    let world = world_with(AdmissionMode::Invitation).await;
    let mut registry = world.registry();
    assert_eq!(refusal(registry.join_network(make::join("n", "a")).await), refused("NOT_INVITED"));
    let invite = InviteMemberRequest {
        network: make::network_name("n"),
        member: make::member_name("a"),
        ..Default::default()
    };
    let invited = registry.invite_member(invite).await.unwrap().into_inner().membership.unwrap();
    assert_eq!(invited.state(), MembershipState::Invited);
    let joined = registry.join_network(make::join("n", "a")).await.unwrap().into_inner();
    let joined = joined.membership.unwrap();
    assert_eq!(joined.state(), MembershipState::Active);
    assert_eq!(joined.terms.len(), 1, "an invitation and its join are one term");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_that_fails_is_named() {
    let world = World::start_registry_only().await;
    let mut registry = world.registry();
    let mut create = make::network("anvita");
    create.network.as_mut().unwrap().admission = Some(Admission {
        charter_required: true,
        classes: vec![MembershipClass::Full.into()],
        eligibility: Some(Eligibility {
            countries: vec!["FR".to_owned()],
            min_population: 10_000,
            ..Default::default()
        }),
        ..Default::default()
    });
    registry.create_network(create).await.unwrap();
    registry.create_member(make::member("de-berlin", "DE")).await.unwrap();
    let join = JoinNetworkRequest {
        class: MembershipClass::Observer.into(),
        ..make::join("anvita", "de-berlin")
    };
    assert_eq!(
        refusal(registry.join_network(join).await),
        Refusal::expected(
            Code::FailedPrecondition,
            "REFUSED",
            &[
                "CHARTER_NOT_SIGNED",
                "CLASS_NOT_OFFERED",
                "COUNTRY_NOT_ELIGIBLE",
                "POPULATION_TOO_SMALL"
            ]
        )
    );
    let request = GetNetworkRequest { name: make::network_name("anvita"), ..Default::default() };
    let network = registry.get_network(request).await.unwrap().into_inner();
    assert_eq!(network.network.unwrap().active_member_count, 0);
    assert_eq!(network.position, 2, "a refusal made a commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn suspension_and_change() {
    let world = world_with(AdmissionMode::Open).await;
    let mut registry = world.registry();
    registry.join_network(make::join("n", "a")).await.unwrap();
    let name = make::membership_name("n", "a");
    let reinstate = ReinstateMembershipRequest { name: name.clone(), ..Default::default() };
    assert_eq!(
        refusal(registry.reinstate_membership(reinstate.clone()).await),
        refused("NOT_SUSPENDED")
    );
    let suspend = SuspendMembershipRequest { name: name.clone(), ..Default::default() };
    registry.suspend_membership(suspend.clone()).await.unwrap();
    assert_eq!(get(&world, "a").await.state(), MembershipState::Suspended);
    assert_eq!(refusal(registry.suspend_membership(suspend).await), refused("NOT_ACTIVE"));
    registry.reinstate_membership(reinstate).await.unwrap();

    let before = get(&world, "a").await;
    let change = ChangeMembershipRequest {
        name,
        term: Some(Term {
            roles: vec![Role { kind: RoleKind::Chair.into(), stated: String::new() }],
            grade: "5".to_owned(),
            note: "not in the mask".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["roles".to_owned(), "grade".to_owned()] }),
        etag: before.etag.clone(),
        ..Default::default()
    };
    let changed = registry.change_membership(change.clone()).await.unwrap().into_inner();
    let changed = changed.membership.unwrap();
    assert_ne!(changed.etag, before.etag);
    assert_eq!(changed.terms[0].roles[0].kind(), RoleKind::Chair);
    assert_eq!((changed.terms[0].grade.as_str(), changed.terms[0].note.as_str()), ("5", ""));
    assert_eq!(
        refusal(registry.change_membership(change).await),
        Refusal::expected(Code::Aborted, "ETAG_MISMATCH", &[])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_recorded_with_their_source() {
    let world = world_with(AdmissionMode::Approval).await;
    let mut registry = world.registry();
    let term = Term {
        state: MembershipState::Active.into(),
        class: MembershipClass::Full.into(),
        joined: make::date(&[2018, 9]),
        ..Default::default()
    };
    let record = |sources: Vec<Source>| RecordMembershipRequest {
        network: make::network_name("n"),
        member: make::member_name("a"),
        term: Some(Term { sources, ..term.clone() }),
        ..Default::default()
    };
    assert_eq!(
        refusal(registry.record_membership(record(Vec::new())).await),
        refused("SOURCE_MISSING")
    );
    let recorded =
        registry.record_membership(record(vec![make::source()])).await.unwrap().into_inner();
    let recorded = recorded.membership.unwrap();
    assert_eq!(recorded.state(), MembershipState::Active, "a fact does not wait for approval");
    assert_eq!(recorded.terms[0].sources, [make::source()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_ends_takes_its_memberships_along() {
    let world = world_with(AdmissionMode::Open).await;
    let mut registry = world.registry();
    for id in ["a", "b"] {
        registry.join_network(make::join("n", id)).await.unwrap();
    }
    let end = EndNetworkRequest {
        name: make::network_name("n"),
        ended: make::date(&[2019, 8]),
        ..Default::default()
    };
    registry.end_network(end).await.unwrap();
    for id in ["a", "b"] {
        let membership = get(&world, id).await;
        assert_eq!(membership.state(), MembershipState::Ended);
        assert_eq!(membership.terms[0].left, make::date(&[2019, 8]));
        assert_eq!(membership.terms[0].end_reason(), EndReason::NetworkEnded);
    }
    registry.create_member(make::member("c", "JP")).await.unwrap();
    assert_eq!(
        refusal(registry.join_network(make::join("n", "c")).await),
        refused("NETWORK_ENDED")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_by_network_and_by_member_page_by_page() {
    let world = World::start_registry_only().await;
    let mut registry = world.registry();
    for network in ["x", "y"] {
        registry.create_network(make::network(network)).await.unwrap();
    }
    for number in 0..7 {
        let id = format!("m{number}");
        registry.create_member(make::member(&id, "IT")).await.unwrap();
        registry.join_network(make::join("x", &id)).await.unwrap();
    }
    registry.join_network(make::join("y", "m3")).await.unwrap();

    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListMembershipsRequest {
            network: make::network_name("x"),
            page_size: 3,
            page_token,
            ..Default::default()
        };
        let page = registry.list_memberships(request).await.unwrap().into_inner();
        assert!(page.memberships.len() <= 3);
        listed.extend(page.memberships.into_iter().map(|membership| membership.member));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let expected: Vec<String> =
        (0..7).map(|number| make::member_name(&format!("m{number}"))).collect();
    assert_eq!(listed, expected);

    let of_member = |network: &str, member: &str| ListMembershipsRequest {
        network: network.to_owned(),
        member: make::member_name(member),
        ..Default::default()
    };
    let both = registry.list_memberships(of_member("", "m3")).await.unwrap().into_inner();
    let networks: Vec<_> = both.memberships.iter().map(|found| found.network.as_str()).collect();
    assert_eq!(networks, ["networks/x", "networks/y"]);
    let one = registry.list_memberships(of_member("networks/y", "m3")).await.unwrap().into_inner();
    assert_eq!(one.memberships.len(), 1);
    assert_eq!(one.memberships[0].name, make::membership_name("y", "m3"));
    assert_eq!(
        refusal(registry.list_memberships(ListMembershipsRequest::default()).await).code,
        Code::InvalidArgument
    );
}
