//! Redaction: what is erased is gone from every file and every answer, its place and its hash stay, and
//! everybody who may have read it is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hansa_proto::pb::common::v1::{Reading, Source, StatedCount, Target, reading};
use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::{
    CorrectStatementRequest, CreateSubscriptionRequest, Event, EventKind, Filter, GetEventRequest,
    GetStatementRequest, ListEventsRequest, ListSignaturesRequest, ListStatementsRequest,
    PublishStatementRequest, RedactStatementRequest, RetractStatementRequest, SignStatementRequest,
    Statement, StatementState, SubscribeRequest, Subscription,
};
use hansa_proto::pb::registry::v1::{Member, UpdateMemberRequest};
use hansa_tests::events::{events_to_head, messages_to_head, place};
use hansa_tests::refusal::{Refusal, refusal};
use hansa_tests::{World, make};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tonic::Code;

/// Stands in every field of content, and nowhere else in the world.
const PHRASE: &str = "zebrafish-in-the-town-hall";

/// Network n, members a (of n) and b, campaign c; the feed knows of all of it.
async fn world() -> (World, u64) {
    let world = World::start().await;
    let mut registry = world.registry();
    registry.create_network(make::network("n")).await.unwrap();
    for id in ["a", "b"] {
        registry.create_member(make::member(id, "PT")).await.unwrap();
    }
    let position = registry.join_network(make::join("n", "a")).await.unwrap().into_inner().position;
    world.feed_follows(position).await;
    world.campaigns().launch_campaign(make::campaign("c", "n")).await.unwrap();
    (world, position)
}

/// Everything that is content, and nothing else.
fn content() -> Statement {
    let text = || PHRASE.to_owned();
    let source = || Source { citation: text(), note: text(), ..Default::default() };
    let target = || Some(Target { name: text(), kind: 0 });
    Statement {
        kind_stated: text(),
        title: text(),
        summary: text(),
        body: format!("{PHRASE}\n").repeat(500),
        document_uri: format!("https://example.org/{PHRASE}"),
        document_sha256: vec![7; 32].into(),
        authors_stated: text(),
        stated_signature_counts: vec![StatedCount {
            count: 12,
            sources: vec![source()],
            ..Default::default()
        }],
        target: target(),
        further_targets: target().into_iter().collect(),
        supporters: vec![text()],
        note: text(),
        sources: vec![source()],
        readings: vec![Reading {
            field: "title".to_owned(),
            value: Some(reading::Value::Text(text())),
            sources: vec![source()],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn publish(id: &str, signatories: &[&str]) -> PublishStatementRequest {
    let request = make::statement(id, "n", signatories);
    let statement = request.statement.unwrap();
    let statement = Statement {
        name: statement.name,
        kind: statement.kind,
        issuer_network: statement.issuer_network,
        acting_member: make::member_name("a"),
        language: "en".to_owned(),
        themes: vec!["housing".to_owned()],
        campaign: "campaigns/c".to_owned(),
        published: make::date(&[2026, 11]),
        ..content()
    };
    PublishStatementRequest {
        statement: Some(statement.into()),
        request_id: format!("publish {id}").replace(' ', "-"),
        ..request
    }
}

fn redact(id: &str) -> RedactStatementRequest {
    RedactStatementRequest {
        name: format!("statements/{id}"),
        legal_ground: "Regulation 2016/679, article 17".to_owned(),
        ..Default::default()
    }
}

async fn get(world: &World, id: &str) -> Statement {
    let request = GetStatementRequest { name: format!("statements/{id}"), ..Default::default() };
    *world.statements().get_statement(request).await.unwrap().into_inner().statement.unwrap()
}

/// The statement without its content.
fn bare(statement: &Statement) -> Statement {
    let Statement {
        stated_signature_counts, supporters, sources, readings, further_targets, ..
    } = Statement::default();
    Statement {
        kind_stated: String::new(),
        title: String::new(),
        summary: String::new(),
        body: String::new(),
        document_uri: String::new(),
        document_sha256: Default::default(),
        authors_stated: String::new(),
        target: None,
        note: String::new(),
        reason: String::new(),
        stated_signature_counts,
        supporters,
        sources,
        readings,
        further_targets,
        ..statement.clone()
    }
}

/// Files under a directory that hold the phrase.
fn files_with_the_phrase(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            // A file of a running service may be gone by now.
            let bytes = std::fs::read(&path).unwrap_or_default();
            if bytes.windows(PHRASE.len()).any(|window| window == PHRASE.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

fn about(event: &Event) -> Option<&Statement> {
    match &event.body {
        Some(Body::StatementBody(statement)) => Some(statement),
        _ => None,
    }
}

/// What remains of an event of which the content of its statement was erased.
fn remains(event: &Event, redacted_position: u64) -> Event {
    let statement = bare(about(event).expect("a statement's event"));
    let statement = Statement { redacted_position, ..statement };
    Event { body: Some(Body::StatementBody(statement.into())), redacted_position, ..event.clone() }
}

async fn all_events(world: &World) -> Vec<Event> {
    events_to_head(&mut world.feed(), None).await
}

/// Everything there is to ask about the statement `s`.
async fn everything(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut statements = world.statements();
    let mut told = vec![("get".to_owned(), get(world, "s").await.encode_to_vec())];
    for (network, member) in [("networks/n", ""), ("", "members/b"), ("", "")] {
        let list = ListStatementsRequest {
            network: network.to_owned(),
            member: member.to_owned(),
            ..Default::default()
        };
        let mut found = statements.list_statements(list).await.unwrap().into_inner();
        found.position = 0;
        told.push((format!("list {network} {member}"), found.encode_to_vec()));
    }
    let list = ListSignaturesRequest { name: "statements/s".to_owned(), ..Default::default() };
    let signatures = statements.list_signatures(list).await.unwrap().into_inner().signatures;
    told.extend(signatures.iter().map(|one| ("signature".to_owned(), one.encode_to_vec())));
    for filter in [
        None,
        Some(Filter { themes: vec!["housing".to_owned()], ..Default::default() }),
        Some(Filter { members: vec![make::member_name("a")], ..Default::default() }),
        Some(Filter { campaigns: vec!["campaigns/c".to_owned()], ..Default::default() }),
    ] {
        let streamed = events_to_head(&mut world.feed(), filter.clone()).await;
        let list = ListEventsRequest { filter, page_size: 1000, ..Default::default() };
        let listed = world.feed().list_events(list).await.unwrap().into_inner().events;
        assert_eq!(streamed, listed);
        for event in &streamed {
            let name = event.name.clone();
            let get = GetEventRequest { name, ..Default::default() };
            let got = world.feed().get_event(get).await.unwrap().into_inner().event.unwrap();
            assert_eq!(got, *event);
            told.push((event.name.clone(), event.encode_to_vec()));
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_gone_from_every_file_and_every_answer() {
    let (mut world, _) = world().await;
    let mut statements = world.statements();
    statements.publish_statement(publish("s", &["b"])).await.unwrap();
    let sign = SignStatementRequest {
        name: "statements/s".to_owned(),
        member: make::member_name("a"),
        ..Default::default()
    };
    statements.sign_statement(sign.clone()).await.unwrap();
    let mut corrected = make::statement("t", "n", &[]).statement.unwrap();
    corrected.title = "T".to_owned();
    let correct = CorrectStatementRequest {
        name: "statements/s".to_owned(),
        statement: Some(corrected),
        reason: format!("not {PHRASE}"),
        request_id: "correct".to_owned(),
        ..Default::default()
    };
    statements.correct_statement(correct).await.unwrap();
    let before = get(&world, "s").await;
    let events = all_events(&world).await;
    assert!(!files_with_the_phrase(&world.feed_data().join("journal")).is_empty());
    assert!(files_with_the_phrase(&world.feed_data().join("view")).is_empty());

    // What the check says is what is done.
    let check = RedactStatementRequest { validate_only: true, ..redact("s") };
    let checked = statements.redact_statement(check).await.unwrap().into_inner();
    assert_eq!(get(&world, "s").await, before);
    let request = RedactStatementRequest { request_id: "redact".to_owned(), ..redact("s") };
    let done = statements.redact_statement(request.clone()).await.unwrap().into_inner();
    assert_eq!(files_with_the_phrase(&world.feed_data()), [] as [PathBuf; 0]);

    let redacted = *done.statement.unwrap();
    let kept = Statement { reason: before.reason.clone(), ..content() };
    let expected = Statement {
        state: StatementState::Redacted.into(),
        redacted_position: done.position,
        updated_position: done.position,
        updated_at: redacted.updated_at,
        etag: redacted.etag.clone(),
        legal_ground: request.legal_ground.clone(),
        content_sha256: Sha256::digest(kept.encode_to_vec()).to_vec().into(),
        ..bare(&before)
    };
    assert_eq!(redacted, expected);
    assert_eq!(redacted.superseded_by, "statements/t");
    assert_eq!((redacted.signature_count, redacted.themes.len()), (2, 1));
    assert_eq!(checked.statement.unwrap().content_sha256, redacted.content_sha256);
    assert_eq!(get(&world, "s").await, redacted);

    // The past is as it was, at its places, but for what was erased; then comes the redaction.
    let after = all_events(&world).await;
    let told_it = |event: &&Event| about(event).is_some_and(|told| told.name == "statements/s");
    assert_eq!(events.iter().filter(told_it).count(), 2);
    let (redaction, past) = after.split_last().unwrap();
    for (now, before) in past.iter().zip(&events) {
        let expected = match told_it(&before) {
            true => remains(before, done.position),
            false => before.clone(),
        };
        assert_eq!(*now, expected);
    }
    assert_eq!(past.len(), events.len());
    assert_eq!(
        (redaction.kind(), redaction.position),
        (EventKind::StatementRedacted, done.position)
    );
    assert_eq!(
        (redaction.principal.as_str(), redaction.request_id.as_str()),
        ("anonymous", "redact")
    );
    assert_eq!(about(redaction), Some(&redacted));

    // Answers given again say no more than the rest.
    let again = statements.publish_statement(publish("s", &["b"])).await.unwrap().into_inner();
    assert!(again.replayed);
    let published = past.iter().find(|event| event.position == again.position).unwrap();
    assert_eq!(again.statement.as_deref(), about(published));
    let replayed = statements.redact_statement(request).await.unwrap().into_inner();
    assert!(replayed.replayed);
    assert_eq!(
        (replayed.statement.as_deref(), replayed.position),
        (Some(&redacted), done.position)
    );
    // Once is enough.
    let twice = statements.redact_statement(redact("s")).await.unwrap().into_inner();
    assert_eq!(twice.statement.as_deref(), Some(&redacted));
    assert_eq!(all_events(&world).await.len(), after.len());

    // A killed feed, a stopped one and one without a view say the same.
    let told = everything(&world).await;
    world.kill_feed().await;
    assert_eq!(files_with_the_phrase(&world.feed_data()), [] as [PathBuf; 0]);
    world.start_feed().await;
    assert_eq!(everything(&world).await, told);
    world.stop_feed().await;
    std::fs::remove_dir_all(world.feed_data().join("view")).unwrap();
    world.start_feed().await;
    assert_eq!(everything(&world).await, told);
    assert_eq!(files_with_the_phrase(&world.feed_data()), [] as [PathBuf; 0]);
    world.verify_journals().await;
    let report = hansa_journal::verify(&world.feed_data().join("journal")).unwrap();
    assert_eq!((report.erased, report.last.get()), (2, done.position));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_against_a_redaction_and_what_stands_after_it() {
    let (world, _) = world().await;
    let mut statements = world.statements();
    let published = statements.publish_statement(publish("s", &[])).await.unwrap().into_inner();
    let nobody = statements.redact_statement(redact("nobody")).await;
    assert_eq!(refusal(nobody).code, Code::NotFound);
    for ground in ["", " "] {
        let groundless = RedactStatementRequest { legal_ground: ground.to_owned(), ..redact("s") };
        let refused = refusal(statements.redact_statement(groundless).await);
        assert_eq!(refused.code, Code::InvalidArgument);
        assert!(refused.about.contains("legal_ground"), "{refused:?}");
    }
    let etag = published.statement.unwrap().etag;
    let stale = RedactStatementRequest { etag: "stale".to_owned(), ..redact("s") };
    assert_eq!(refusal(statements.redact_statement(stale).await).reason, "ETAG_MISMATCH");
    let retract = RetractStatementRequest { name: "statements/s".to_owned(), ..Default::default() };
    // One that is withdrawn can be redacted too; its withdrawal then says nothing either.
    statements.retract_statement(retract.clone()).await.unwrap();
    let stale = RedactStatementRequest { etag, ..redact("s") };
    assert_eq!(refusal(statements.redact_statement(stale).await).reason, "ETAG_MISMATCH");
    let etag = get(&world, "s").await.etag;
    let seen = RedactStatementRequest { etag, request_id: "r".to_owned(), ..redact("s") };
    statements.redact_statement(seen).await.unwrap();
    assert_eq!(files_with_the_phrase(&world.feed_data()), [] as [PathBuf; 0]);
    let other = RedactStatementRequest { request_id: "r".to_owned(), ..redact("t") };
    assert_eq!(refusal(statements.redact_statement(other).await).reason, "REQUEST_ID_REUSED");

    let closed = Refusal::expected(Code::FailedPrecondition, "REFUSED", &["STATEMENT_CLOSED"]);
    let sign = SignStatementRequest {
        name: "statements/s".to_owned(),
        member: make::member_name("b"),
        ..Default::default()
    };
    assert_eq!(refusal(statements.sign_statement(sign).await), closed);
    assert_eq!(refusal(statements.retract_statement(retract).await), closed);
    let correct = CorrectStatementRequest {
        name: "statements/s".to_owned(),
        statement: make::statement("t", "n", &[]).statement,
        ..Default::default()
    };
    assert_eq!(refusal(statements.correct_statement(correct).await), closed);
    let taken = PublishStatementRequest { request_id: String::new(), ..publish("s", &[]) };
    assert_eq!(refusal(statements.publish_statement(taken).await).code, Code::AlreadyExists);
}

/// A journal put back to before a redaction has given the redaction up, not what it erased.
#[tokio::test(flavor = "multi_thread")]
async fn a_redaction_that_a_restored_journal_gave_up() {
    let (mut world, _) = world().await;
    let mut statements = world.statements();
    statements.publish_statement(publish("s", &[])).await.unwrap();
    let position = statements.redact_statement(redact("s")).await.unwrap().into_inner().position;
    world.stop_feed().await;
    let (journal, later) = (world.feed_data().join("journal"), world.feed_data().join("later"));
    std::fs::rename(&journal, &later).unwrap();
    hansa_journal::restore(&later, &journal, &mut |commit| commit.position.get() < position)
        .unwrap();
    world.start_feed().await;
    let left = get(&world, "s").await;
    assert_eq!((left.state(), left.title.as_str()), (StatementState::Published, ""));
    assert_eq!(left.redacted_position, position);
    let retract = RetractStatementRequest { name: "statements/s".to_owned(), ..Default::default() };
    statements.retract_statement(retract).await.unwrap();
    statements.redact_statement(redact("s")).await.unwrap();
    assert_eq!(get(&world, "s").await.state(), StatementState::Redacted);
    assert_eq!(files_with_the_phrase(&world.feed_data()), [] as [PathBuf; 0]);
}

/// Both statements of one commit are erased, one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_and_its_correction() {
    let (world, _) = world().await;
    let mut statements = world.statements();
    statements.publish_statement(publish("s", &[])).await.unwrap();
    let correct = CorrectStatementRequest {
        name: "statements/s".to_owned(),
        statement: publish("t", &[]).statement,
        ..Default::default()
    };
    statements.correct_statement(correct).await.unwrap();
    let first = statements.redact_statement(redact("s")).await.unwrap().into_inner().position;
    assert_eq!(get(&world, "t").await.title, PHRASE);
    assert!(!files_with_the_phrase(&world.feed_data()).is_empty(), "its correction stands");
    let second = statements.redact_statement(redact("t")).await.unwrap().into_inner().position;
    assert_eq!(files_with_the_phrase(&world.feed_data()), [] as [PathBuf; 0]);
    let events = all_events(&world).await;
    let of = |kind| events.iter().find(|event| event.kind() == kind).unwrap().redacted_position;
    assert_eq!(of(EventKind::StatementCorrected), first);
    let corrections = events.iter().filter(|event| event.kind() == EventKind::StatementPublished);
    let redacted: Vec<u64> = corrections.map(|event| event.redacted_position).collect();
    assert_eq!(redacted, [first, second]);
}

/// Whoever was told the content is told that it was erased: live, on replay, under a name and in pages,
/// whatever kinds were asked for, and also when what the statement was found by has changed since.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_told_is_told() {
    let (world, _) = world().await;
    let mut statements = world.statements();
    let mut request = publish("s", &["b"]);
    request.statement.as_mut().unwrap().themes.clear();
    statements.publish_statement(request).await.unwrap();
    let published = EventKind::StatementPublished.into();
    let kinds = Filter { kinds: vec![published], ..Default::default() };
    let mut filters: Vec<Filter> = vec![
        kinds.clone(),
        Filter { networks: vec![make::network_name("n")], ..kinds.clone() },
        Filter { members: vec![make::member_name("a")], ..kinds.clone() },
        Filter { countries: vec!["PT".to_owned()], ..kinds.clone() },
        Filter { campaigns: vec!["campaigns/c".to_owned()], ..kinds.clone() },
    ];
    let named = Subscription {
        name: "subscriptions/named".to_owned(),
        filter: Some(kinds.clone()),
        ..Default::default()
    };
    let create = CreateSubscriptionRequest { subscription: Some(named), ..Default::default() };
    world.feed().create_subscription(create).await.unwrap();
    let mut live = Vec::new();
    for filter in &filters {
        let request = SubscribeRequest {
            start: Some(Start::Beginning(())),
            filter: Some(filter.clone()),
            ..Default::default()
        };
        live.push(world.feed().subscribe(request).await.unwrap().into_inner());
    }
    // The member moves: nobody who knew the statement by its country loses it.
    let update = UpdateMemberRequest {
        member: Some(Member {
            name: make::member_name("a"),
            country: "ES".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["country".to_owned()] }),
        ..Default::default()
    };
    let moved = world.registry().update_member(update).await.unwrap().into_inner().position;
    world.feed_follows(moved).await;
    let position = statements.redact_statement(redact("s")).await.unwrap().into_inner().position;

    for stream in &mut live {
        let told = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let message = stream.message().await.unwrap().unwrap().message.unwrap();
                if let hansa_proto::pb::feed::v1::subscribe_response::Message::Batch(batch) =
                    message
                    && let Some(event) =
                        batch.events.into_iter().find(|event| event.position == position)
                {
                    return event;
                }
            }
        });
        assert_eq!(told.await.unwrap().kind(), EventKind::StatementRedacted);
    }
    filters.push(Filter { countries: vec!["ES".to_owned()], ..kinds.clone() });
    for filter in filters {
        let events = events_to_head(&mut world.feed(), Some(filter.clone())).await;
        assert_eq!(events.last().map(place), Some((position, 0)), "{filter:?}");
        let list = ListEventsRequest { filter: Some(filter), ..Default::default() };
        assert_eq!(world.feed().list_events(list).await.unwrap().into_inner().events, events);
    }
    let start = Some(Start::Subscription("subscriptions/named".to_owned()));
    let request = SubscribeRequest { start, ..Default::default() };
    let named = hansa_tests::events::batches(messages_to_head(&mut world.feed(), request).await);
    assert_eq!(named.last().unwrap().0.last().map(place), Some((position, 0)));
    let without = Filter { exclude_withdrawals: true, ..kinds };
    let events = events_to_head(&mut world.feed(), Some(without)).await;
    assert!(events.iter().all(|event| event.kind() == EventKind::StatementPublished));
    let elsewhere =
        Filter { countries: vec!["BR".to_owned()], allow_unknown: true, ..Default::default() };
    assert!(events_to_head(&mut world.feed(), Some(elsewhere)).await.is_empty());
}
