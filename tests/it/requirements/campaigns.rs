//! Campaigns and statements: demands, leaders, evaluations, and whether they are what they seem.

use hansa_proto::pb::common::v1::Source;
use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{
    AddMilestoneRequest, CampaignState, ChangeLeadsRequest, CorrectStatementRequest,
    EndCampaignRequest, EvaluateCampaignRequest, Evaluation, Event, EventKind, Figure, Filter,
    GetCampaignRequest, Milestone, Outcome, OutcomeKind, PublishStatementRequest,
    RetractStatementRequest, Statement, StatementKind, SubscribeRequest,
};
use hansa_tests::events::from_beginning;
use hansa_tests::refusal::refusal;
use hansa_tests::{World, make};

use super::{created, members, network, told};

/// A world with a network `n`, members of it `a` and `b`, and a campaign `c` of it that `a` leads.
async fn campaigning() -> World {
    let world = World::start().await;
    created(&world, make::network("n")).await;
    let position = members(&world, "n", &["a", "b"]).await;
    world.feed_follows(position).await;
    let mut launch = make::campaign("c", "n");
    let campaign = launch.campaign.as_mut().unwrap();
    campaign.leads = vec![make::member_name("a")];
    campaign.demands = vec!["Regulate short-term rentals".to_owned()];
    world.campaigns().launch_campaign(launch).await.unwrap();
    world
}

fn figure(label: &str, value: f64) -> Figure {
    Figure { label: label.to_owned(), value, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_07_a_campaign_has_a_demand_and_an_outcome() {
    let world = campaigning().await;
    let summary = "a register of platforms was agreed".to_owned();
    let end = EndCampaignRequest {
        name: "campaigns/c".to_owned(),
        outcome: Some(Outcome { kind: OutcomeKind::PartlyWon.into(), summary }),
        ended: make::date(&[2024]),
        ..Default::default()
    };
    let ended = world.campaigns().end_campaign(end).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!(ended.demands, ["Regulate short-term rentals"]);
    assert_eq!(ended.state(), CampaignState::Ended);
    assert_eq!(ended.outcome.unwrap().kind(), OutcomeKind::PartlyWon);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_08_leadership_changes_with_the_issue() {
    let world = campaigning().await;
    let change = ChangeLeadsRequest {
        name: "campaigns/c".to_owned(),
        leads: vec![make::member_name("b")],
        occurred_at: make::date(&[2020, 3]),
        ..Default::default()
    };
    let changed = world.campaigns().change_leads(change).await.unwrap().into_inner();
    assert_eq!(changed.campaign.unwrap().leads, [make::member_name("b")]);
    let mut other = make::campaign("other-issue", "n");
    other.campaign.as_mut().unwrap().leads = vec![make::member_name("a")];
    world.campaigns().launch_campaign(other).await.unwrap();

    let events = told(&world, EventKind::CampaignLeadsChanged).await;
    assert_eq!(events[0].campaign, "campaigns/c");
    assert_eq!(events[0].occurred_at, make::date(&[2020, 3]));
    let Some(Body::CampaignBody(after)) = &events[0].body else { panic!("{events:?}") };
    assert_eq!(after.leads, [make::member_name("b")]);
    let request = GetCampaignRequest { name: "campaigns/other-issue".into(), ..Default::default() };
    let other = world.campaigns().get_campaign(request).await.unwrap().into_inner();
    assert_eq!(other.campaign.unwrap().leads, [make::member_name("a")], "of one issue alone");
    let launched = told(&world, EventKind::CampaignLaunched).await;
    let Some(Body::CampaignBody(before)) = &launched[0].body else { panic!("{launched:?}") };
    assert_eq!(before.leads, [make::member_name("a")], "who led before is still told");
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_21_guards_against_disinformation() {
    let world = campaigning().await;
    let anonymous = Statement {
        name: "statements/rumour".to_owned(),
        kind: StatementKind::Declaration.into(),
        title: "A rumour".to_owned(),
        ..Default::default()
    };
    let publish = |statement: Statement| PublishStatementRequest {
        statement: Some(statement.into()),
        ..Default::default()
    };
    let refused = world.statements().publish_statement(publish(anonymous.clone())).await;
    assert!(refusal(refused).about.contains("SOURCE_MISSING"));
    let acted = Statement {
        issuer_network: make::network_name("n"),
        acting_member: make::member_name("stranger"),
        ..anonymous
    };
    world.registry().create_member(make::member("stranger", "ES")).await.unwrap();
    let request = PublishStatementRequest { min_registry_position: 6, ..publish(acted.clone()) };
    let refused = world.statements().publish_statement(request).await;
    assert!(refusal(refused).about.contains("NOT_AN_ACTIVE_MEMBER"));

    let document = Statement {
        acting_member: make::member_name("a"),
        document_uri: "https://example.org/declaration.pdf".to_owned(),
        document_sha256: vec![7; 32].into(),
        sources: vec![Source { uri: "https://example.org".to_owned(), ..make::source() }],
        ..acted
    };
    let published = world.statements().publish_statement(publish(document.clone())).await.unwrap();
    let published = published.into_inner().statement.unwrap();
    assert_eq!(published.document_sha256.len(), 32);
    assert_eq!(published.sources[0].uri, "https://example.org");

    let right = Statement {
        name: "statements/what-was-said".to_owned(),
        title: "What was said".to_owned(),
        ..document
    };
    let correct = CorrectStatementRequest {
        name: published.name,
        statement: Some(right.into()),
        reason: "the title was not theirs".to_owned(),
        ..Default::default()
    };
    let corrected = world.statements().correct_statement(correct).await.unwrap().into_inner();
    let retract = RetractStatementRequest {
        name: corrected.statement.unwrap().name,
        reason: "it was forged".to_owned(),
        ..Default::default()
    };
    world.statements().retract_statement(retract).await.unwrap();
    let filter = Filter { kinds: vec![EventKind::Joined.into()], ..Default::default() };
    let to_all = hansa_tests::events::events_to_head(&mut world.feed(), Some(filter)).await;
    let kinds: Vec<EventKind> = to_all.iter().map(Event::kind).collect();
    for kind in [EventKind::StatementCorrected, EventKind::StatementRetracted] {
        assert!(kinds.contains(&kind), "reaches also who asked for other kinds: {kinds:?}");
    }
    assert!(!kinds.contains(&EventKind::StatementPublished), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_25_campaigns_are_monitored_and_evaluated() {
    let world = campaigning().await;
    let milestone = Milestone {
        title: "Twenty cities".to_owned(),
        reached: make::date(&[2020, 3, 4]),
        ..Default::default()
    };
    let add = AddMilestoneRequest {
        name: "campaigns/c".to_owned(),
        milestone: Some(milestone),
        ..Default::default()
    };
    world.campaigns().add_milestone(add).await.unwrap();
    let end = EndCampaignRequest { name: "campaigns/c".to_owned(), ..Default::default() };
    world.campaigns().end_campaign(end).await.unwrap();
    let evaluation = Evaluation {
        summary: "The demand was taken up by the Commission".to_owned(),
        evaluated: make::date(&[2022]),
        sources: vec![make::source()],
        ..Default::default()
    };
    let evaluate = EvaluateCampaignRequest {
        name: "campaigns/c".to_owned(),
        evaluation: Some(evaluation.clone()),
        ..Default::default()
    };
    let evaluated = world.campaigns().evaluate_campaign(evaluate).await.unwrap().into_inner();
    let campaign = evaluated.campaign.unwrap();
    assert_eq!(campaign.milestones.len(), 1);
    assert_eq!(campaign.evaluations, [evaluation], "also after the end");
    assert_eq!(told(&world, EventKind::CampaignEvaluated).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_26_reports_have_figures() {
    let world = campaigning().await;
    let evaluation = Evaluation {
        summary: "Short, mid and long term".to_owned(),
        figures: vec![
            figure("households housed", 412.0),
            Figure { unit: "EUR".to_owned(), ..figure("spent", 338_530.0) },
        ],
        ..Default::default()
    };
    let evaluate = EvaluateCampaignRequest {
        name: "campaigns/c".to_owned(),
        evaluation: Some(evaluation.clone()),
        ..Default::default()
    };
    world.campaigns().evaluate_campaign(evaluate).await.unwrap();
    let events = told(&world, EventKind::CampaignEvaluated).await;
    let Some(Body::CampaignBody(campaign)) = &events[0].body else { panic!("{events:?}") };
    assert_eq!(campaign.evaluations, [evaluation], "residents can follow it in the feed");
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_27_reacts_at_once() {
    let world = campaigning().await;
    // No sign of life is due for a minute: what comes before one was sent for its own sake.
    let rare = prost_types::Duration { seconds: 60, nanos: 0 };
    let request = SubscribeRequest { progress_interval: Some(rare), ..from_beginning() };
    let mut stream = world.feed().subscribe(request).await.unwrap().into_inner();
    let mut caught_up = false;
    while !caught_up {
        let message = stream.message().await.unwrap().unwrap().message.unwrap();
        caught_up = matches!(message, Message::CaughtUp(_));
    }
    let letter = make::statement("letter", "n", &[]);
    let answered = world.statements().publish_statement(letter).await.unwrap().into_inner();
    let event = loop {
        match stream.message().await.unwrap().unwrap().message.unwrap() {
            Message::Batch(batch) => break batch.events.into_iter().next().unwrap(),
            Message::Progress(_) => panic!("it waited for the next sign of life"),
            _ => {}
        }
    };
    assert_eq!(event.kind(), EventKind::StatementPublished);
    assert_eq!(event.position, answered.position, "the first that comes is what was just said");
}

#[tokio::test(flavor = "multi_thread")]
async fn requirement_28_messages_made_to_be_spread() {
    let world = World::start().await;
    created(&world, network("n", |it| it.themes = vec!["housing".to_owned()])).await;
    world.feed_follows(1).await;
    let mut release = make::statement("release", "n", &[]);
    let statement = release.statement.as_mut().unwrap();
    statement.kind = StatementKind::PressRelease.into();
    statement.title = "Cities are not for sale".to_owned();
    statement.summary = "Cities ask for the right to housing.".to_owned();
    statement.language = "en".to_owned();
    statement.document_uri = "https://example.org/release".to_owned();
    statement.themes = vec!["housing".to_owned()];
    world.statements().publish_statement(release).await.unwrap();
    let filter = Filter {
        kinds: vec![EventKind::StatementPublished.into()],
        themes: vec!["Housing".to_owned()],
        ..Default::default()
    };
    let events = hansa_tests::events::events_to_head(&mut world.feed(), Some(filter)).await;
    let Some(Body::StatementBody(told)) = &events[0].body else { panic!("{events:?}") };
    assert_eq!(told.kind(), StatementKind::PressRelease);
    assert_eq!(told.title, "Cities are not for sale");
    assert_eq!(told.summary, "Cities ask for the right to housing.");
    assert_eq!(told.language, "en");
    assert_eq!(told.document_uri, "https://example.org/release");
}
