//! Statements: who may publish, who may sign, and what becomes of what was published.

use hansa_proto::pb::feed::v1::{
    CorrectStatementRequest, EventKind, Filter, GetStatementRequest, ListSignaturesRequest,
    ListStatementsRequest, PublishStatementRequest, RetractStatementRequest, SignStatementRequest,
    StatementState,
};
use hansa_proto::pb::registry::v1::{EndNetworkRequest, RetireMemberRequest};
use hansa_tests::events::events_to_head;
use hansa_tests::refusal::{Refusal, refusal};
use hansa_tests::{World, make};
use tonic::Code;

/// Networks n and ended, members a (of n), b and retired; the feed knows of all of it.
async fn world() -> (World, u64) {
    let world = World::start().await;
    let mut registry = world.registry();
    for id in ["n", "ended"] {
        registry.create_network(make::network(id)).await.unwrap();
    }
    for id in ["a", "b", "retired"] {
        registry.create_member(make::member(id, "PT")).await.unwrap();
    }
    registry.join_network(make::join("n", "a")).await.unwrap();
    let end = EndNetworkRequest { name: make::network_name("ended"), ..Default::default() };
    registry.end_network(end).await.unwrap();
    let retire = RetireMemberRequest { name: make::member_name("retired"), ..Default::default() };
    let position = registry.retire_member(retire).await.unwrap().into_inner().position;
    (world, position)
}

fn publish(
    id: &str,
    network: &str,
    signatories: &[&str],
    position: u64,
) -> PublishStatementRequest {
    PublishStatementRequest {
        min_registry_position: position,
        ..make::statement(id, network, signatories)
    }
}

fn refused(rules: &[&str]) -> Refusal {
    Refusal::expected(Code::FailedPrecondition, "REFUSED", rules)
}

/// With the position of its join, a new member can act for the network at once.
#[tokio::test(flavor = "multi_thread")]
async fn join_then_publish() {
    let world = World::start().await;
    let mut registry = world.registry();
    registry.create_network(make::network("n")).await.unwrap();
    for number in 0..30 {
        let id = format!("city-{number}");
        registry.create_member(make::member(&id, "PT")).await.unwrap();
        let joined = registry.join_network(make::join("n", &id)).await.unwrap().into_inner();
        let mut request = publish(&format!("s-{number}"), "n", &[&id], joined.position);
        request.statement.as_mut().unwrap().acting_member = make::member_name(&id);
        world.statements().publish_statement(request).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_and_signatories_are_checked_against_the_registry() {
    let (world, position) = world().await;
    let mut statements = world.statements();
    let mut request = publish("s", "ended", &["retired", "nobody", "b"], position);
    request.statement.as_mut().unwrap().campaign = "campaigns/none".to_owned();
    assert_eq!(
        refusal(statements.publish_statement(request).await),
        refused(&["CAMPAIGN_UNKNOWN", "MEMBER_RETIRED", "MEMBER_UNKNOWN", "NETWORK_ENDED"])
    );
    let mut request = publish("s", "n", &[], position);
    request.statement.as_mut().unwrap().acting_member = make::member_name("b");
    assert_eq!(
        refusal(statements.publish_statement(request).await),
        refused(&["NOT_AN_ACTIVE_MEMBER"])
    );
    assert_eq!(
        refusal(statements.publish_statement(publish("s", "nowhere", &[], position)).await),
        refused(&["NETWORK_UNKNOWN"])
    );
    // Whoever is in the registry may sign, member of the network or not.
    statements.publish_statement(publish("s", "n", &["a", "b"], position)).await.unwrap();
    assert_eq!(
        refusal(statements.publish_statement(publish("s", "n", &[], position)).await),
        Refusal::expected(Code::AlreadyExists, "ALREADY_EXISTS", &[])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_once_corrected_and_retracted() {
    let (world, position) = world().await;
    let mut statements = world.statements();
    statements.publish_statement(publish("old", "n", &["a"], position)).await.unwrap();
    let sign = |member: &str| SignStatementRequest {
        name: "statements/old".to_owned(),
        member: make::member_name(member),
        signed: make::date(&[2018, 7, 16]),
        ..Default::default()
    };
    statements.sign_statement(sign("b")).await.unwrap();
    assert_eq!(refusal(statements.sign_statement(sign("a")).await), refused(&["ALREADY_SIGNED"]));
    let list = ListSignaturesRequest { name: "statements/old".to_owned(), ..Default::default() };
    let signatures = statements.list_signatures(list).await.unwrap().into_inner().signatures;
    let members: Vec<_> = signatures.iter().map(|signature| signature.member.as_str()).collect();
    assert_eq!(members, ["members/a", "members/b"]);

    let correct = CorrectStatementRequest {
        name: "statements/old".to_owned(),
        statement: make::statement("new", "n", &[]).statement,
        reason: "a wrong figure".to_owned(),
        ..Default::default()
    };
    let corrected = statements.correct_statement(correct).await.unwrap().into_inner();
    assert_eq!(corrected.statement.unwrap().supersedes, "statements/old");
    let get = GetStatementRequest { name: "statements/old".to_owned(), ..Default::default() };
    let old = statements.get_statement(get).await.unwrap().into_inner().statement.unwrap();
    assert_eq!(old.state(), StatementState::Superseded);
    assert_eq!(old.superseded_by, "statements/new");
    assert_eq!(old.signature_count, 2);
    assert_eq!(
        refusal(statements.sign_statement(sign("a")).await),
        refused(&["ALREADY_SIGNED", "STATEMENT_CLOSED"])
    );
    let retract = RetractStatementRequest {
        name: "statements/new".to_owned(),
        reason: "withdrawn by the network".to_owned(),
        ..Default::default()
    };
    statements.retract_statement(retract).await.unwrap();

    // Who asks for publications only still learns what was withdrawn, unless it says otherwise.
    let kinds = |exclude_withdrawals| Filter {
        kinds: vec![EventKind::StatementPublished.into()],
        exclude_withdrawals,
        ..Default::default()
    };
    let told = async |filter| -> Vec<EventKind> {
        let events = events_to_head(&mut world.feed(), Some(filter)).await;
        events.iter().map(hansa_proto::pb::feed::v1::Event::kind).collect()
    };
    assert_eq!(
        told(kinds(false)).await,
        [
            EventKind::StatementPublished,
            EventKind::StatementCorrected,
            EventKind::StatementPublished,
            EventKind::StatementRetracted
        ]
    );
    assert_eq!(
        told(kinds(true)).await,
        [EventKind::StatementPublished, EventKind::StatementPublished]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_by_network_and_by_member() {
    let (world, position) = world().await;
    let mut statements = world.statements();
    statements.publish_statement(publish("one", "n", &["a"], position)).await.unwrap();
    statements.publish_statement(publish("two", "n", &["b"], position)).await.unwrap();
    let mut members_only = publish("three", "n", &[], position);
    let statement = members_only.statement.as_mut().unwrap();
    statement.issuer_network.clear();
    statement.issuer_members = vec![make::member_name("b")];
    statements.publish_statement(members_only).await.unwrap();

    let list = async |network: &str, member: &str| -> Vec<String> {
        let request = ListStatementsRequest {
            network: network.to_owned(),
            member: member.to_owned(),
            ..Default::default()
        };
        let found = world.statements().list_statements(request).await.unwrap().into_inner();
        found.statements.into_iter().map(|statement| statement.name).collect()
    };
    assert_eq!(list("networks/n", "").await, ["statements/one", "statements/two"]);
    assert_eq!(list("", "members/b").await, ["statements/three", "statements/two"]);
    assert_eq!(list("", "").await.len(), 3);
}
