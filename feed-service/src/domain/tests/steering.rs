//! Who leads and runs a campaign, how it is evaluated, and which statements belong to it.

use super::*;
use hansa_proto::limits;

fn change_leads(id: &str, leads: &[&str], etag: &str) -> Command {
    let leads = leads.iter().map(|id| member_id(id)).collect();
    let campaign = campaign_id(id);
    Command::ChangeLeads { campaign, leads, occurred_at: None, etag: etag.to_owned() }
}

fn evaluate(id: &str, evaluated: Option<&str>, etag: &str) -> Command {
    let evaluation = evaluation(evaluated);
    Command::EvaluateCampaign { campaign: campaign_id(id), evaluation, etag: etag.to_owned() }
}

fn evaluation(evaluated: Option<&str>) -> Evaluation {
    Evaluation {
        summary: "well".to_owned(),
        figures: Vec::new(),
        evaluated: evaluated.map(|date| date.parse().unwrap()),
        sources: Vec::new(),
    }
}

fn attach(id: &str, statement: &str, etag: &str) -> Command {
    let (campaign, statement) = (campaign_id(id), statement_id(statement));
    Command::AttachStatement { campaign, statement, etag: etag.to_owned() }
}

fn hand_over(id: &str, network: &str, etag: &str) -> Command {
    let (campaign, network) = (campaign_id(id), network_id(network));
    Command::HandOverCampaign { campaign, network, occurred_at: None, etag: etag.to_owned() }
}

/// As `facts`, with network `other`, and statement `free` that belongs to no campaign.
fn state() -> Facts {
    let mut state = facts();
    state.networks.insert("other", NetworkFacts::default());
    state.statements.insert("free", Statement { campaign: None, ..statement("free") });
    state
}

fn only_event(state: &Facts, command: Command) -> NewEvent {
    let decided = decide(state, SLOT, command).unwrap();
    assert!(!decided.unchanged);
    let [event] = decided.events.as_slice() else { panic!("{decided:?}") };
    event.clone()
}

fn campaign_of(event: &NewEvent) -> (&Campaign, i64) {
    let Body::Campaign(campaign, count) = &event.body else { panic!("{event:?}") };
    assert_eq!(campaign.recorded.updated_position, 9, "a change of the campaign");
    (campaign, *count)
}

#[test]
fn an_event_about_new_leads_tells_who_led_before() {
    // `b` takes part; as a lead it is no longer counted, and `a` takes no part.
    let event = only_event(&state(), change_leads("c", &["b"], "4"));
    assert_eq!(event.kind, EventKind::CampaignLeadsChanged);
    assert_eq!(event.members, [member_id("b")]);
    assert_eq!(event.former.members, [member_id("a")]);
    assert_eq!(event.former.network, None, "it stays with its network");
    let countries = [event.countries.clone(), event.former.countries.clone()].concat();
    assert_eq!(countries, [Country::parse("ES").unwrap()]);
    let (campaign, count) = campaign_of(&event);
    assert_eq!((campaign.leads.as_slice(), count), ([member_id("b")].as_slice(), 0));

    let mut led_by_b = state();
    led_by_b.campaigns.get_mut("c").unwrap().leads = vec![member_id("b")];
    led_by_b.taking_part.clear();
    led_by_b.taking_part.insert(("c", "b"));
    // This state counts leads that take part, so the one that leads no more comes on top.
    let event = only_event(&led_by_b, change_leads("c", &[], ""));
    assert_eq!((&event.members[..], &event.former.members[..]), (&[][..], &[member_id("b")][..]));
    assert_eq!(campaign_of(&event).1, 2);
}

#[test]
fn evaluations_stand_in_time_and_come_also_after_the_end() {
    let mut state = state();
    let known = [Some("2019"), None, Some("2021")].map(evaluation);
    state.campaigns.get_mut("past").unwrap().evaluations = known.to_vec();
    let table = [(Some("2018"), 0), (Some("2019"), 2), (Some("2022"), 3), (None, 3)];
    for (date, place) in table {
        let event = only_event(&state, evaluate("past", date, "4"));
        assert_eq!(event.kind, EventKind::CampaignEvaluated);
        assert_eq!(event.occurred_at, date.map(|date| date.parse().unwrap()));
        let (campaign, _) = campaign_of(&event);
        assert_eq!(campaign.evaluations.len(), 4);
        assert_eq!(campaign.evaluations[place], evaluation(date), "{date:?}");
    }
}

#[test]
fn a_statement_attached_is_the_last_of_the_campaign() {
    let mut state = state();
    state.campaigns.get_mut("c").unwrap().statements = vec![statement_id("s")];
    let event = only_event(&state, attach("c", "free", "4"));
    assert_eq!(event.kind, EventKind::CampaignStatementAttached);
    assert_eq!(campaign_of(&event).0.statements, [statement_id("s"), statement_id("free")]);
    // `s` belongs to `c` already, whatever has become of either since.
    state.campaigns.get_mut("c").unwrap().state = CampaignState::Ended;
    let again = decide(&state, SLOT, attach("c", "s", "")).unwrap();
    assert!(again.unchanged);
    let Body::Campaign(campaign, _) = &again.events[0].body else { panic!("{again:?}") };
    assert_eq!(campaign.recorded.updated_position, 4);
}

#[test]
fn a_handover_is_remembered_and_nobody_acts_for_the_network_yet() {
    let mut state = state();
    state.campaigns.get_mut("c").unwrap().acting_member = Some(member_id("a"));
    let event = only_event(&state, hand_over("c", "other", "4"));
    assert_eq!(event.kind, EventKind::CampaignHandedOver);
    assert_eq!(event.network, Some(network_id("other")));
    assert_eq!(event.former.network, Some(network_id("n")));
    assert_eq!(event.former.members, [] as [hansa_proto::ids::MemberId; 0], "`a` still leads it");
    let (campaign, count) = campaign_of(&event);
    assert_eq!((&campaign.acting_member, count), (&None, 1));
    let [handover] = campaign.handovers.as_slice() else { panic!("{campaign:?}") };
    assert_eq!((handover.from_network.as_ref(), handover.position), (Some(&network_id("n")), 9));
    assert!(decide(&state, SLOT, hand_over("c", "n", "")).unwrap().unchanged, "it runs it already");
}

#[test]
fn what_stands_against_it_is_told_at_once() {
    let mut full = state();
    let campaign = full.campaigns.get_mut("c").unwrap();
    campaign.statements = vec![statement_id("s"); limits::CAMPAIGN_STATEMENTS];
    campaign.evaluations = vec![evaluation(None); limits::EVALUATIONS];
    let handover =
        hansa_proto::feed::Handover { from_network: None, occurred_at: None, position: 1 };
    campaign.handovers = vec![handover; limits::HANDOVERS];
    let mut without_network = state();
    without_network.campaigns.get_mut("c").unwrap().network = None;
    type Case<'c> = (&'c Facts, Command, Vec<(Rule, &'c str)>);
    let table: [Case<'_>; 14] = [
        (
            &full,
            change_leads("past", &["none", "gone"], ""),
            vec![
                (Rule::CampaignEnded, "campaigns/past"),
                (Rule::MemberRetired, "members/gone"),
                (Rule::MemberUnknown, "members/none"),
            ],
        ),
        (&without_network, change_leads("c", &[], ""), vec![(Rule::SourceMissing, "campaigns/c")]),
        (&full, evaluate("c", None, ""), vec![(Rule::LimitReached, "campaigns/c")]),
        (&full, attach("c", "free", ""), vec![(Rule::LimitReached, "campaigns/c")]),
        (&full, publish(statement("new"), &[]), vec![(Rule::LimitReached, "campaigns/c")]),
        (&full, correct("s", statement("new"), ""), vec![(Rule::LimitReached, "campaigns/c")]),
        (
            &full,
            attach("past", "none", ""),
            vec![
                (Rule::CampaignEnded, "campaigns/past"),
                (Rule::StatementUnknown, "statements/none"),
            ],
        ),
        // A statement belongs to one campaign at most.
        (
            &full,
            attach("past", "s", ""),
            vec![(Rule::CampaignEnded, "campaigns/past"), (Rule::LimitReached, "statements/s")],
        ),
        (
            &full,
            attach("past", "closed", ""),
            vec![
                (Rule::CampaignEnded, "campaigns/past"),
                (Rule::LimitReached, "statements/closed"),
                (Rule::StatementClosed, "statements/closed"),
            ],
        ),
        (&full, hand_over("c", "other", ""), vec![(Rule::LimitReached, "campaigns/c")]),
        (
            &full,
            hand_over("c", "none", ""),
            vec![(Rule::LimitReached, "campaigns/c"), (Rule::NetworkUnknown, "networks/none")],
        ),
        (&without_network, hand_over("c", "over", ""), vec![(Rule::NetworkEnded, "networks/over")]),
        (
            &without_network,
            hand_over("past", "other", ""),
            vec![(Rule::CampaignEnded, "campaigns/past")],
        ),
        (&full, hand_over("past", "n", ""), vec![(Rule::CampaignEnded, "campaigns/past")]),
    ];
    for (state, command, expected) in table {
        let refused = decide(state, SLOT, command.clone());
        let Err(Undecided::Rejected(Rejection::Refused(mut broken))) = refused else {
            panic!("{command:?}: {refused:?}");
        };
        broken.sort_by_key(|each| each.rule.as_str());
        let broken: Vec<_> = broken.iter().map(|each| (each.rule, each.subject.as_str())).collect();
        assert_eq!(broken, expected, "{command:?}");
    }
}

#[test]
fn the_campaign_must_exist_and_be_as_it_was_seen() {
    let commands = |id: &'static str, etag: &'static str| {
        [
            change_leads(id, &["a"], etag),
            evaluate(id, None, etag),
            attach(id, "free", etag),
            hand_over(id, "other", etag),
        ]
    };
    for command in commands("none", "") {
        let Rejection::NotFound { name, .. } = rejection(command) else { panic!() };
        assert_eq!(name, "campaigns/none");
    }
    for command in commands("c", "3") {
        assert!(matches!(rejection(command), Rejection::EtagMismatch { .. }));
    }
}
