//! `validate_only` on every write: what is answered is what would be, and nothing is.

use hansa_proto::pb::feed::v1::{
    AddMilestoneRequest, AttachStatementRequest, Campaign, ChangeLeadsRequest, CommitCursorRequest,
    CorrectStatementRequest, CreateSubscriptionRequest, DeleteSubscriptionRequest,
    EndCampaignRequest, EvaluateCampaignRequest, Evaluation, GetFeedStatusRequest,
    HandOverCampaignRequest, JoinCampaignRequest, LeaveCampaignRequest, Milestone,
    RetractStatementRequest, SignStatementRequest, Statement, Subscription,
};
use hansa_proto::pb::registry::v1::{
    AdmissionMode, ApplyBatchRequest, ApproveMembershipRequest, BatchItem, ChangeMembershipRequest,
    EndNetworkRequest, InviteMemberRequest, LeaveNetworkRequest, ListNetworksRequest, Member,
    Membership, MembershipState, Network, RecordMembershipRequest, ReinstateMembershipRequest,
    RejectMembershipRequest, RelateNetworksRequest, Relation, RelationKind, RetireMemberRequest,
    SuspendMembershipRequest, Term, UpdateMemberRequest, UpdateNetworkRequest, batch_item,
};
use hansa_tests::{World, make};
use prost_types::FieldMask;

/// A resource without what depends on when and where it is recorded.
trait Essence {
    fn essence(self) -> Self;
}

macro_rules! essences {
    ($($resource:ty),+) => { $(
        impl Essence for $resource {
            fn essence(self) -> Self {
                Self {
                    etag: String::new(),
                    created_position: 0,
                    updated_position: 0,
                    created_at: None,
                    updated_at: None,
                    ..self
                }
            }
        }
    )+ };
}
essences!(Network, Member, Membership, Statement, Campaign);

async fn registry_head(world: &World) -> u64 {
    let request = ListNetworksRequest { page_size: 1, ..Default::default() };
    world.registry().list_networks(request).await.unwrap().into_inner().position
}

async fn feed_head(world: &World) -> u64 {
    let request = GetFeedStatusRequest::default();
    world.feed().get_feed_status(request).await.unwrap().into_inner().head_position
}

/// Tries a call and makes it: the first moves nothing, the second does; gives both answers.
macro_rules! twice {
    ($world:ident, $client:ident, $head:ident, $method:ident, $request:expr) => {{
        let request = $request;
        let mut trial = request.clone();
        trial.validate_only = true;
        let before = $head(&$world).await;
        let tried = $world.$client().$method(trial).await.unwrap().into_inner();
        assert_eq!($head(&$world).await, before, "{} was done", stringify!($method));
        let done = $world.$client().$method(request).await.unwrap().into_inner();
        assert_eq!(done.position, before + 1, "{} was not done", stringify!($method));
        assert!(!tried.replayed && !done.replayed);
        (tried, done)
    }};
}

/// As `twice`, and the resource told in advance is the one that then is.
macro_rules! foretold {
    ($world:ident, $client:ident, $head:ident, $method:ident, $resource:ident, $request:expr) => {{
        let (tried, done) = twice!($world, $client, $head, $method, $request);
        let resource = done.$resource.unwrap();
        let told = tried.$resource.unwrap().essence();
        assert_eq!(told, resource.clone().essence(), "{}", stringify!($method));
        resource
    }};
}

fn mask(field: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![field.to_owned()] })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_about_networks_and_members() {
    let world = World::start_registry_only().await;
    macro_rules! foretold_by_registry {
        ($method:ident, $resource:ident, $request:expr) => {
            foretold!(world, registry, registry_head, $method, $resource, $request)
        };
    }
    let network = foretold_by_registry!(create_network, network, make::network("n"));
    foretold_by_registry!(create_network, network, make::network("other"));
    let note = "a note".to_owned();
    let update = UpdateNetworkRequest {
        network: Some(Network { name: network.name.clone(), note: note.clone(), ..network }),
        update_mask: mask("note"),
        ..Default::default()
    };
    foretold_by_registry!(update_network, network, update);
    let relation = Relation {
        kind: RelationKind::PartnerOf.into(),
        network: make::network_name("other"),
        ..Default::default()
    };
    let relate = RelateNetworksRequest {
        name: make::network_name("n"),
        relation: Some(relation),
        ..Default::default()
    };
    foretold_by_registry!(relate_networks, network, relate);
    let member = foretold_by_registry!(create_member, member, make::member("a", "ES"));
    let update = UpdateMemberRequest {
        member: Some(Member { note, ..member }),
        update_mask: mask("note"),
        ..Default::default()
    };
    foretold_by_registry!(update_member, member, update);
    let items = ["b", "c"].map(|id| BatchItem {
        change: Some(batch_item::Change::CreateMember(make::member(id, "ES"))),
    });
    let batch = ApplyBatchRequest { items: items.to_vec(), ..Default::default() };
    let (tried, done) = twice!(world, registry, registry_head, apply_batch, batch);
    assert_eq!(tried.results.len(), done.results.len());
    let name = make::member_name("a");
    let retire = RetireMemberRequest { name, ..Default::default() };
    foretold_by_registry!(retire_member, member, retire);
    let name = make::network_name("n");
    let end = EndNetworkRequest { name, ..Default::default() };
    foretold_by_registry!(end_network, network, end);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_about_memberships() {
    let world = World::start_registry_only().await;
    macro_rules! foretold_by_registry {
        ($method:ident, $request:expr) => {
            foretold!(world, registry, registry_head, $method, membership, $request)
        };
    }
    let mut registry = world.registry();
    registry.create_network(make::network_admitting("n", AdmissionMode::Approval)).await.unwrap();
    for id in ["a", "b", "c", "d"] {
        registry.create_member(make::member(id, "ES")).await.unwrap();
    }
    let a = foretold_by_registry!(join_network, make::join("n", "a")).name;
    let b = foretold_by_registry!(join_network, make::join("n", "b")).name;
    let invite = InviteMemberRequest {
        network: make::network_name("n"),
        member: make::member_name("c"),
        ..Default::default()
    };
    foretold_by_registry!(invite_member, invite);
    let record = RecordMembershipRequest {
        network: make::network_name("n"),
        member: make::member_name("d"),
        term: Some(Term {
            state: MembershipState::Active.into(),
            sources: vec![make::source()],
            ..Default::default()
        }),
        ..Default::default()
    };
    foretold_by_registry!(record_membership, record);
    let approve = ApproveMembershipRequest { name: a.clone(), ..Default::default() };
    foretold_by_registry!(approve_membership, approve);
    let reject = RejectMembershipRequest { name: b, ..Default::default() };
    foretold_by_registry!(reject_membership, reject);
    let change = ChangeMembershipRequest {
        name: a.clone(),
        term: Some(Term { grade: "gold".to_owned(), ..Default::default() }),
        update_mask: mask("grade"),
        ..Default::default()
    };
    foretold_by_registry!(change_membership, change);
    let suspend = SuspendMembershipRequest { name: a.clone(), ..Default::default() };
    foretold_by_registry!(suspend_membership, suspend);
    let reinstate = ReinstateMembershipRequest { name: a.clone(), ..Default::default() };
    foretold_by_registry!(reinstate_membership, reinstate);
    let leave = LeaveNetworkRequest { name: a, ..Default::default() };
    foretold_by_registry!(leave_network, leave);
}

/// Networks `n` and `other`, and `a` and `b`, members of `n`, all followed by the feed.
async fn followed() -> World {
    let world = World::start().await;
    let mut registry = world.registry();
    registry.create_network(make::network("n")).await.unwrap();
    registry.create_network(make::network("other")).await.unwrap();
    let mut position = 0;
    for id in ["a", "b"] {
        registry.create_member(make::member(id, "ES")).await.unwrap();
        let joined = registry.join_network(make::join("n", id)).await.unwrap().into_inner();
        position = joined.position;
    }
    world.feed_follows(position).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_about_statements_and_subscriptions() {
    let world = followed().await;
    let publish = make::statement("s", "n", &["a"]);
    foretold!(world, statements, feed_head, publish_statement, statement, publish);
    let sign = SignStatementRequest {
        name: "statements/s".to_owned(),
        member: make::member_name("b"),
        ..Default::default()
    };
    twice!(world, statements, feed_head, sign_statement, sign);
    let correct = CorrectStatementRequest {
        name: "statements/s".to_owned(),
        statement: make::statement("t", "n", &[]).statement,
        ..Default::default()
    };
    foretold!(world, statements, feed_head, correct_statement, statement, correct);
    let retract = RetractStatementRequest { name: "statements/t".to_owned(), ..Default::default() };
    foretold!(world, statements, feed_head, retract_statement, statement, retract);

    let name = "subscriptions/mine".to_owned();
    let subscription = Subscription { name: name.clone(), ..Default::default() };
    let create =
        CreateSubscriptionRequest { subscription: Some(subscription), ..Default::default() };
    twice!(world, feed, feed_head, create_subscription, create);
    let status = world.feed().get_feed_status(GetFeedStatusRequest::default()).await.unwrap();
    let cursor = status.into_inner().head_cursor;
    let commit = CommitCursorRequest { name: name.clone(), cursor, ..Default::default() };
    twice!(world, feed, feed_head, commit_cursor, commit);
    let delete = DeleteSubscriptionRequest { name, ..Default::default() };
    twice!(world, feed, feed_head, delete_subscription, delete);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_about_campaigns() {
    let world = followed().await;
    macro_rules! foretold_by_feed {
        ($method:ident, $request:expr) => {
            foretold!(world, campaigns, feed_head, $method, campaign, $request)
        };
    }
    let name = foretold_by_feed!(launch_campaign, make::campaign("c", "n")).name;
    let member = make::member_name("a");
    let join =
        JoinCampaignRequest { name: name.clone(), member: member.clone(), ..Default::default() };
    twice!(world, campaigns, feed_head, join_campaign, join);
    let leave =
        LeaveCampaignRequest { name: name.clone(), member: member.clone(), ..Default::default() };
    twice!(world, campaigns, feed_head, leave_campaign, leave);
    let milestone = Milestone { title: "Reached".to_owned(), ..Default::default() };
    let add = AddMilestoneRequest {
        name: name.clone(),
        milestone: Some(milestone),
        ..Default::default()
    };
    foretold_by_feed!(add_milestone, add);
    let lead = ChangeLeadsRequest { name: name.clone(), leads: vec![member], ..Default::default() };
    foretold_by_feed!(change_leads, lead);
    world.statements().publish_statement(make::statement("s", "n", &[])).await.unwrap();
    let statement = "statements/s".to_owned();
    let attach = AttachStatementRequest { name: name.clone(), statement, ..Default::default() };
    foretold_by_feed!(attach_statement, attach);
    let network = make::network_name("other");
    let hand = HandOverCampaignRequest { name: name.clone(), network, ..Default::default() };
    let handed = |it: Campaign| it.handovers.iter().map(|to| to.from_network.clone()).collect();
    let (tried, done) = twice!(world, campaigns, feed_head, hand_over_campaign, hand);
    let told: [Vec<String>; 2] = [tried, done].map(|it| handed(it.campaign.unwrap()));
    assert_eq!(told[0], told[1], "only their positions differ");
    let evaluation = Evaluation { summary: "It did well".to_owned(), ..Default::default() };
    let evaluate = EvaluateCampaignRequest {
        name: name.clone(),
        evaluation: Some(evaluation),
        ..Default::default()
    };
    foretold_by_feed!(evaluate_campaign, evaluate);
    foretold_by_feed!(end_campaign, EndCampaignRequest { name, ..Default::default() });
}
