//! Joint statements: they take effect when enough members have signed, once, with the signature that
//! reaches the threshold.

use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::{
    AttachStatementRequest, Event, EventKind, Filter, GetCampaignRequest, GetStatementRequest,
    ListEventsRequest, PublishStatementRequest, SignStatementRequest, Statement,
};
use hansa_tests::events::events_to_head;
use hansa_tests::refusal::{Refusal, refusal};
use hansa_tests::{World, make};
use tokio::task::JoinSet;
use tonic::Code;

/// Network n and members m-0, m-1 …; the position of the registry after that.
async fn world(members: usize) -> (World, u64) {
    let world = World::start().await;
    let mut registry = world.registry();
    registry.create_network(make::network("n")).await.unwrap();
    let mut position = 0;
    for number in 0..members {
        let member = make::member(&format!("m-{number}"), "ES");
        position = registry.create_member(member).await.unwrap().into_inner().position;
    }
    (world, position)
}

fn joint(id: &str, threshold: i64, signatories: &[&str], position: u64) -> PublishStatementRequest {
    let mut request = make::statement(id, "n", signatories);
    request.statement.as_mut().unwrap().effective_threshold = threshold;
    request.min_registry_position = position;
    request
}

fn sign(id: &str, number: usize) -> SignStatementRequest {
    SignStatementRequest {
        name: format!("statements/{id}"),
        member: format!("members/m-{number}"),
        ..Default::default()
    }
}

async fn get(world: &World, id: &str) -> Statement {
    let request = GetStatementRequest { name: format!("statements/{id}"), min_position: 0 };
    *world.statements().get_statement(request).await.unwrap().into_inner().statement.unwrap()
}

/// All that happened around statements.
async fn told(world: &World) -> Vec<Event> {
    let kinds = [
        EventKind::StatementPublished,
        EventKind::StatementSigned,
        EventKind::StatementEffective,
        EventKind::StatementRetracted,
    ];
    let kinds = kinds.map(Into::into).to_vec();
    let filter = Filter { kinds, ..Default::default() };
    events_to_head(&mut world.feed(), Some(filter)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sign_at_once_and_it_takes_effect_once() {
    const SIGNATORIES: usize = 40;
    const THRESHOLD: usize = 25;
    let (mut world, position) = world(SIGNATORIES).await;
    let request = joint("pact", THRESHOLD as i64, &[], position);
    let published = world.statements().publish_statement(request).await.unwrap().into_inner();
    assert!(!published.statement.unwrap().effective);

    let signings: JoinSet<u64> = (0..SIGNATORIES)
        .map(|number| {
            let mut statements = world.statements();
            async move {
                let signed = statements.sign_statement(sign("pact", number)).await.unwrap();
                signed.into_inner().position
            }
        })
        .collect();
    let positions = signings.join_all().await;

    let statement = get(&world, "pact").await;
    assert!(statement.effective);
    assert_eq!(statement.signature_count, SIGNATORIES as i64);

    let events = told(&world).await;
    let effective: Vec<usize> = (0..events.len())
        .filter(|at| events[*at].kind() == EventKind::StatementEffective)
        .collect();
    let [at] = effective.as_slice() else { panic!("it took effect {} times", effective.len()) };
    let (reached, before) = (&events[*at], &events[..*at]);
    let signed = before.iter().filter(|event| event.kind() == EventKind::StatementSigned);
    assert_eq!(signed.count(), THRESHOLD, "neither sooner nor later");
    let last = &before[before.len() - 1];
    assert_eq!((last.position, last.index + 1), (reached.position, reached.index), "one commit");
    assert!(positions.contains(&reached.position));
    assert_eq!(statement.updated_position, reached.position, "nothing changed it after that");
    let Some(Body::StatementBody(body)) = &reached.body else { panic!("{reached:?}") };
    assert!(body.effective);
    assert_eq!(body.signature_count, THRESHOLD as i64);

    // Also after a restart nobody makes it take effect again.
    world.kill_feed().await;
    world.start_feed().await;
    assert_eq!(get(&world, "pact").await, statement);
    assert_eq!(told(&world).await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_effect_from_the_start_or_with_its_first_signatures() {
    let (world, position) = world(3).await;
    let mut statements = world.statements();
    let table: [(&str, i64, &[&str], bool, usize); 4] = [
        ("open", 0, &["m-0"], true, 2),
        ("waits", 3, &["m-0", "m-1"], false, 3),
        ("enough", 2, &["m-0", "m-1"], true, 4),
        ("more", 1, &["m-0", "m-1"], true, 4),
    ];
    for (id, threshold, signatories, effective, told) in table {
        let request = joint(id, threshold, signatories, position);
        let published = statements.publish_statement(request).await.unwrap().into_inner();
        assert_eq!(published.statement.unwrap().effective, effective, "{id}");
        let page = ListEventsRequest { page_size: 1_000, ..Default::default() };
        let events = world.feed().list_events(page).await.unwrap().into_inner().events;
        let commit = events.iter().filter(|event| event.position == published.position);
        let kinds: Vec<EventKind> = commit.map(Event::kind).collect();
        assert_eq!(kinds.len(), told, "{id}: {kinds:?}");
        let last = kinds[kinds.len() - 1];
        assert_eq!(last == EventKind::StatementEffective, effective && threshold > 0, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_the_signature_that_counted_changes_nothing() {
    let (world, position) = world(2).await;
    let mut statements = world.statements();
    statements.publish_statement(joint("s", 1, &[], position)).await.unwrap();
    let request = SignStatementRequest { request_id: "once".to_owned(), ..sign("s", 0) };
    let check = SignStatementRequest { validate_only: true, ..sign("s", 0) };
    statements.sign_statement(check).await.unwrap();
    assert!(!get(&world, "s").await.effective, "it was only checked");
    let first = statements.sign_statement(request.clone()).await.unwrap().into_inner();
    let again = statements.sign_statement(request).await.unwrap().into_inner();
    assert!(again.replayed);
    assert_eq!((again.signature, again.position), (first.signature, first.position));
    let effective = told(&world).await;
    let effective = effective.iter().filter(|each| each.kind() == EventKind::StatementEffective);
    assert_eq!(effective.count(), 1);
}

/// Published with a campaign or attached to one, a statement is listed by its campaign, in the order in
/// which they came, and belongs to no other.
#[tokio::test(flavor = "multi_thread")]
async fn statements_belong_to_one_campaign() {
    let (mut world, position) = world(1).await;
    let (mut statements, mut campaigns) = (world.statements(), world.campaigns());
    for id in ["c", "other"] {
        let mut launch = make::campaign(id, "n");
        launch.min_registry_position = position;
        campaigns.launch_campaign(launch).await.unwrap();
    }
    for (id, campaign) in [("zulu", "campaigns/c"), ("alfa", ""), ("closed", "")] {
        let mut request = joint(id, 0, &[], position);
        request.statement.as_mut().unwrap().campaign = campaign.to_owned();
        statements.publish_statement(request).await.unwrap();
    }
    let retract = hansa_proto::pb::feed::v1::RetractStatementRequest {
        name: "statements/closed".to_owned(),
        ..Default::default()
    };
    statements.retract_statement(retract).await.unwrap();

    let attach = |campaign: &str, statement: &str| AttachStatementRequest {
        name: format!("campaigns/{campaign}"),
        statement: format!("statements/{statement}"),
        ..Default::default()
    };
    let listed = vec!["statements/zulu".to_owned(), "statements/alfa".to_owned()];
    let attached = campaigns.attach_statement(attach("c", "alfa")).await.unwrap().into_inner();
    assert_eq!(attached.campaign.as_ref().unwrap().statements, listed);
    let alfa = get(&world, "alfa").await;
    assert_eq!((alfa.campaign.as_str(), alfa.updated_position), ("campaigns/c", attached.position));

    let again = campaigns.attach_statement(attach("c", "alfa")).await.unwrap().into_inner();
    assert_eq!(again.campaign, attached.campaign, "nothing changes");
    for (statement, rules) in [
        ("zulu", &["LIMIT_REACHED"]),
        ("closed", &["STATEMENT_CLOSED"]),
        ("none", &["STATEMENT_UNKNOWN"]),
    ] {
        let refused = refusal(campaigns.attach_statement(attach("other", statement)).await);
        let expected = Refusal::expected(Code::FailedPrecondition, "REFUSED", rules);
        assert_eq!(refused, expected, "{statement}");
    }

    let filter = Filter {
        kinds: vec![EventKind::CampaignStatementAttached.into()],
        exclude_withdrawals: true,
        ..Default::default()
    };
    let events = events_to_head(&mut world.feed(), Some(filter)).await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    let Some(Body::CampaignBody(campaign)) = &event.body else { panic!("{event:?}") };
    assert_eq!(campaign.statements, listed, "the last is the one that came");

    world.kill_feed().await;
    std::fs::remove_dir_all(world.feed_data().join("view")).unwrap();
    world.start_feed().await;
    assert_eq!(get(&world, "alfa").await, alfa, "also when the view is made anew");
    let get = GetCampaignRequest { name: "campaigns/c".to_owned(), min_position: 0 };
    let rebuilt = world.campaigns().get_campaign(get).await.unwrap().into_inner().campaign;
    assert_eq!(rebuilt, attached.campaign);
}
