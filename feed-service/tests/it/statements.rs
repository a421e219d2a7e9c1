//! Statements through gRPC: published, signed, corrected, retracted, listed, and asked for again.

use hansa_proto::pb::feed::v1 as pb;
use tonic::Code;

use crate::feed::{Feed, publication, reason, rules, small_registry, statement};

#[tokio::test]
async fn a_statement_lives() {
    let registry = small_registry().await;
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    let mut statements = feed.statements();

    // The position of the join is enough for what needs it.
    let request =
        pb::PublishStatementRequest { min_registry_position: 3, ..publication("a", &["madrid"]) };
    let published = statements.publish_statement(request).await.unwrap().into_inner();
    let made = published.statement.unwrap();
    assert_eq!(made.signature_count, 1);
    assert_eq!(made.created_position, published.position);
    assert!(!published.replayed);

    let read = pb::GetStatementRequest { name: made.name.clone(), min_position: 0 };
    let got = statements.get_statement(read).await.unwrap().into_inner();
    assert_eq!(got.statement.as_ref(), Some(&made));

    let sign = pb::SignStatementRequest {
        name: made.name.clone(),
        member: "members/barcelona".to_owned(),
        ..Default::default()
    };
    let signed = statements.sign_statement(sign.clone()).await.unwrap().into_inner();
    assert_eq!(signed.signature.unwrap().position, signed.position);
    let again = statements.sign_statement(sign).await.unwrap_err();
    assert_eq!(rules(&again), [("ALREADY_SIGNED".to_owned(), "members/barcelona".to_owned())]);

    let list =
        pb::ListSignaturesRequest { name: made.name.clone(), page_size: 1, ..Default::default() };
    let first = statements.list_signatures(list.clone()).await.unwrap().into_inner();
    assert_eq!(first.signatures[0].member, "members/barcelona");
    let list = pb::ListSignaturesRequest { page_token: first.next_page_token, ..list };
    let second = statements.list_signatures(list).await.unwrap().into_inner();
    assert_eq!(second.signatures[0].member, "members/madrid");
    assert_eq!(second.next_page_token, "");

    let correct = pb::CorrectStatementRequest {
        name: made.name.clone(),
        statement: Some(statement("b").into()),
        reason: "a wrong number".to_owned(),
        etag: made.etag.clone(),
        ..Default::default()
    };
    let stale = pb::CorrectStatementRequest { etag: "stale".to_owned(), ..correct.clone() };
    let refused = statements.correct_statement(stale).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
    let corrected = statements.correct_statement(correct).await.unwrap().into_inner();
    assert_eq!(corrected.statement.unwrap().supersedes, made.name);
    let read = pb::GetStatementRequest { name: made.name.clone(), min_position: 0 };
    let old = statements.get_statement(read).await.unwrap().into_inner().statement.unwrap();
    assert_eq!((old.superseded_by.as_str(), old.signature_count), ("statements/b", 2));

    let retract = pb::RetractStatementRequest { name: made.name.clone(), ..Default::default() };
    let closed = statements.retract_statement(retract).await.unwrap_err();
    assert_eq!(rules(&closed), [("STATEMENT_CLOSED".to_owned(), made.name.clone())]);
    let retract =
        pb::RetractStatementRequest { name: "statements/b".to_owned(), ..Default::default() };
    let retracted = statements.retract_statement(retract).await.unwrap().into_inner();
    let state = retracted.statement.unwrap().state;
    assert_eq!(state, pb::StatementState::Retracted as i32);

    for (network, member, expected) in [
        ("networks/fearless", "", vec!["statements/a", "statements/b"]),
        ("", "members/madrid", vec!["statements/a"]),
        ("", "", vec!["statements/a", "statements/b"]),
    ] {
        let list = pb::ListStatementsRequest {
            network: network.to_owned(),
            member: member.to_owned(),
            ..Default::default()
        };
        let page = statements.list_statements(list).await.unwrap().into_inner();
        let names: Vec<&str> = page.statements.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, expected);
    }
    feed.stop().await;
}

#[tokio::test]
async fn a_request_id_makes_a_retry_safe() {
    let registry = small_registry().await;
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    feed.followed(3).await;
    let request = pb::PublishStatementRequest {
        request_id: "once".to_owned(),
        ..publication("a", &["barcelona", "madrid"])
    };
    let check = pb::PublishStatementRequest { validate_only: true, ..request.clone() };
    let checked = feed.statements().publish_statement(check).await.unwrap().into_inner();
    assert_eq!(checked.statement.unwrap().signature_count, 2);
    let first = feed.statements().publish_statement(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.position, checked.position + 1);

    // The same answer again, also after the statement has changed and the feed was started anew.
    let retract =
        pb::RetractStatementRequest { name: "statements/a".to_owned(), ..Default::default() };
    feed.statements().retract_statement(retract).await.unwrap();
    feed.stop().await;
    let feed = Feed::start(data.path(), &registry).await;
    let again = feed.statements().publish_statement(request.clone()).await.unwrap().into_inner();
    assert_eq!(again, pb::PublishStatementResponse { replayed: true, ..first });
    let other =
        pb::PublishStatementRequest { request_id: "once".to_owned(), ..publication("b", &[]) };
    let refused = feed.statements().publish_statement(other).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "REQUEST_ID_REUSED".to_owned()));
    feed.stop().await;
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let registry = small_registry().await;
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    feed.followed(3).await;
    let mut request = publication("a", &["nobody", "madrid", "madrid"]);
    let statement = request.statement.as_mut().unwrap();
    statement.issuer_network = "networks/none".to_owned();
    statement.campaign = "campaigns/none".to_owned();
    let refused = feed.statements().publish_statement(request).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "REFUSED".to_owned()));
    let expected = [
        ("NETWORK_UNKNOWN", "networks/none"),
        ("NOT_AN_ACTIVE_MEMBER", "members/barcelona"),
        ("CAMPAIGN_UNKNOWN", "campaigns/none"),
        ("MEMBER_UNKNOWN", "members/nobody"),
        ("ALREADY_SIGNED", "members/madrid"),
    ];
    let expected = expected.map(|(rule, subject)| (rule.to_owned(), subject.to_owned()));
    assert_eq!(rules(&refused), expected);

    let list = pb::ListStatementsRequest {
        network: "networks/fearless".to_owned(),
        member: "members/madrid".to_owned(),
        page_size: -1,
        page_token: "junk".to_owned(),
        ..Default::default()
    };
    let malformed = feed.statements().list_statements(list).await.unwrap_err();
    assert_eq!(reason(&malformed), (Code::InvalidArgument, "MALFORMED".to_owned()));
    let details = tonic_types::StatusExt::get_error_details(&malformed);
    let fields = &details.bad_request().unwrap().field_violations;
    let fields: Vec<&str> = fields.iter().map(|each| each.field.as_str()).collect();
    assert_eq!(fields, ["member", "page_size", "page_token"]);

    let missing = pb::GetStatementRequest { name: "statements/none".to_owned(), min_position: 0 };
    let missing = feed.statements().get_statement(missing).await.unwrap_err();
    assert_eq!(reason(&missing), (Code::NotFound, "NOT_FOUND".to_owned()));

    let mut late = tonic::Request::new(pb::GetStatementRequest {
        name: "statements/none".to_owned(),
        min_position: 1000,
    });
    late.set_timeout(std::time::Duration::from_millis(300));
    let late = feed.statements().get_statement(late).await.unwrap_err();
    assert_eq!(reason(&late), (Code::Unavailable, "POSITION_NOT_REACHED".to_owned()));
    feed.stop().await;
}
