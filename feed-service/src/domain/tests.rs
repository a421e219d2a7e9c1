//! Tables: a state and a command, and what they come to.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use hansa_journal::{Chain, JournalId, Position};
use hansa_proto::feed::{
    CampaignKind, CampaignState, OutcomeKind, Recorded, StatementKind, StatementState,
};
use hansa_proto::registry::ChangeKind;

use super::*;

mod closing;
mod effect;
mod former;
mod redaction;
mod steering;

/// A state as plain maps.
#[derive(Default)]
struct Facts {
    networks: HashMap<&'static str, NetworkFacts>,
    members: HashMap<&'static str, MemberFacts>,
    active: HashSet<(&'static str, &'static str)>,
    statements: HashMap<&'static str, Statement>,
    signed: HashSet<(&'static str, &'static str)>,
    campaigns: HashMap<&'static str, Campaign>,
    taking_part: HashSet<(&'static str, &'static str)>,
    subscriptions: HashMap<&'static str, Subscription>,
    followed: Option<Followed>,
}

impl State for Facts {
    fn network(&self, id: &NetworkId) -> Result<Option<NetworkFacts>, Unreadable> {
        Ok(self.networks.get(id.id()).cloned())
    }
    fn member(&self, id: &MemberId) -> Result<Option<MemberFacts>, Unreadable> {
        Ok(self.members.get(id.id()).cloned())
    }
    fn membership(
        &self,
        network: &NetworkId,
        member: &MemberId,
    ) -> Result<Option<MembershipState>, Unreadable> {
        let active = self.active.contains(&(network.id(), member.id()));
        Ok(active.then_some(MembershipState::Active))
    }
    fn statement(&self, id: &StatementId) -> Result<Option<Statement>, Unreadable> {
        Ok(self.statements.get(id.id()).cloned())
    }
    fn signature_count(&self, id: &StatementId) -> Result<i64, Unreadable> {
        Ok(self.signed.iter().filter(|(statement, _)| *statement == id.id()).count() as i64)
    }
    fn has_signed(&self, id: &StatementId, member: &MemberId) -> Result<bool, Unreadable> {
        Ok(self.signed.contains(&(id.id(), member.id())))
    }
    fn campaign(&self, id: &CampaignId) -> Result<Option<Campaign>, Unreadable> {
        Ok(self.campaigns.get(id.id()).cloned())
    }
    fn participant_count(&self, id: &CampaignId) -> Result<i64, Unreadable> {
        Ok(self.taking_part.iter().filter(|(campaign, _)| *campaign == id.id()).count() as i64)
    }
    fn participation(
        &self,
        id: &CampaignId,
        member: &MemberId,
    ) -> Result<Option<Participation>, Unreadable> {
        let active = self.taking_part.contains(&(id.id(), member.id()));
        Ok(active.then(|| Participation {
            campaign: id.clone(),
            member: member.clone(),
            joined: None,
            left: None,
            active: true,
            position: 1,
        }))
    }
    fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>, Unreadable> {
        Ok(self.subscriptions.get(id.id()).cloned())
    }
    fn subscription_count(&self) -> Result<usize, Unreadable> {
        Ok(self.subscriptions.len())
    }
    fn running_campaigns(
        &self,
        network: &NetworkId,
        limit: usize,
    ) -> Result<Vec<Campaign>, Unreadable> {
        let runs = |campaign: &&Campaign| {
            campaign.state == CampaignState::Active && campaign.network.as_ref() == Some(network)
        };
        let mut running: Vec<_> = self.campaigns.values().filter(runs).cloned().collect();
        running.sort_by_key(|campaign| campaign.id.to_string());
        running.truncate(limit);
        Ok(running)
    }
    fn network_to_close(&self) -> Result<Option<NetworkId>, Unreadable> {
        let due = |network: &NetworkId| {
            self.networks[network.id()].ended
                && !self.running_campaigns(network, 1).unwrap().is_empty()
        };
        let networks = self.networks.keys().map(|id| network_id(id));
        Ok(networks.into_iter().find(due))
    }
    fn followed(&self) -> Result<Option<Followed>, Unreadable> {
        Ok(self.followed)
    }
}

const SLOT: Slot = Slot { position: Position::new(9), recorded_at_micros: 1_000_000 };

/// Network `n` stands and `over` has ended; members `a` and `b` stand and `gone` is retired; `a` is an
/// active member of `n`; statement `s` stands, signed by `b`, and `closed` does not; campaign `c` runs,
/// with `b` in it, and `past` does not.
fn facts() -> Facts {
    let spain = Some(Country::parse("ES").unwrap());
    let themes = vec!["Housing".to_owned()];
    let closed = Statement { state: StatementState::Retracted, ..statement("closed") };
    let past = Campaign { state: CampaignState::Ended, ..campaign("past") };
    Facts {
        networks: HashMap::from([
            ("n", NetworkFacts { themes: themes.clone(), ..Default::default() }),
            ("over", NetworkFacts { ended: true, themes, ..Default::default() }),
        ]),
        members: HashMap::from([
            ("a", MemberFacts { retired: false, country: spain }),
            ("b", MemberFacts { retired: false, country: None }),
            ("gone", MemberFacts { retired: true, country: spain }),
        ]),
        active: HashSet::from([("n", "a")]),
        statements: HashMap::from([("s", statement("s")), ("closed", closed)]),
        signed: HashSet::from([("s", "b")]),
        campaigns: HashMap::from([("c", campaign("c")), ("past", past)]),
        taking_part: HashSet::from([("c", "b"), ("past", "b")]),
        subscriptions: HashMap::new(),
        followed: None,
    }
}

fn network_id(id: &str) -> NetworkId {
    NetworkId::from_id(id).unwrap()
}

fn member_id(id: &str) -> MemberId {
    MemberId::from_id(id).unwrap()
}

fn statement_id(id: &str) -> StatementId {
    StatementId::from_id(id).unwrap()
}

fn campaign_id(id: &str) -> CampaignId {
    CampaignId::from_id(id).unwrap()
}

fn statement(id: &str) -> Statement {
    Statement {
        id: statement_id(id),
        kind: StatementKind::Declaration,
        kind_stated: String::new(),
        title: "Title".to_owned(),
        language: String::new(),
        summary: String::new(),
        body: String::new(),
        document_uri: String::new(),
        document_sha256: None,
        issuer_network: Some(network_id("n")),
        acting_member: None,
        issuer_members: vec![member_id("a")],
        authors_stated: String::new(),
        stated_signature_counts: Vec::new(),
        target: None,
        supporters: Vec::new(),
        themes: Vec::new(),
        campaign: Some(campaign_id("c")),
        published: None,
        note: String::new(),
        sources: Vec::new(),
        state: StatementState::Published,
        superseded_by: None,
        supersedes: None,
        reason: String::new(),
        effective_threshold: 0,
        effective: true,
        readings: Vec::new(),
        further_targets: Vec::new(),
        redacted_position: 0,
        legal_ground: String::new(),
        content_sha256: None,
        recorded: Recorded { created_position: 4, updated_position: 4, ..Default::default() },
    }
}

fn campaign(id: &str) -> Campaign {
    Campaign {
        id: campaign_id(id),
        title: "Title".to_owned(),
        kind: CampaignKind::Front,
        kind_stated: String::new(),
        front_type: None,
        network: Some(network_id("n")),
        acting_member: None,
        leads: vec![member_id("a")],
        supporters: Vec::new(),
        target: None,
        demands: Vec::new(),
        themes: vec!["water".to_owned()],
        summary: String::new(),
        started: None,
        ended: None,
        outcome: None,
        milestones: Vec::new(),
        note: String::new(),
        sources: Vec::new(),
        state: CampaignState::Active,
        evaluations: Vec::new(),
        statements: Vec::new(),
        handovers: Vec::new(),
        readings: Vec::new(),
        recorded: Recorded { created_position: 4, updated_position: 4, ..Default::default() },
    }
}

fn signing(member: &str) -> Signing {
    Signing { member: member_id(member), representative: String::new(), signed: None }
}

fn joining(member: &str) -> Joining {
    Joining { member: member_id(member), joined: None }
}

fn publish(statement: Statement, signatories: &[&str]) -> Command {
    let signings = signatories.iter().map(|member| signing(member)).collect();
    Command::PublishStatement { statement: Box::new(statement), signings }
}

fn sign(statement: &str, member: &str) -> Command {
    Command::SignStatement { statement: statement_id(statement), signing: signing(member) }
}

fn correct(old: &str, new: Statement, etag: &str) -> Command {
    Command::CorrectStatement {
        statement: statement_id(old),
        correction: Box::new(new),
        reason: "why".to_owned(),
        etag: etag.to_owned(),
    }
}

fn retract(id: &str, etag: &str) -> Command {
    let (statement, reason) = (statement_id(id), "why".to_owned());
    Command::RetractStatement { statement, reason, occurred_at: None, etag: etag.to_owned() }
}

fn launch(campaign: Campaign, members: &[&str]) -> Command {
    let joinings = members.iter().map(|member| joining(member)).collect();
    Command::LaunchCampaign { campaign: Box::new(campaign), joinings }
}

fn join(campaign: &str, member: &str) -> Command {
    Command::JoinCampaign { campaign: campaign_id(campaign), joining: joining(member) }
}

fn leave(campaign: &str, member: &str) -> Command {
    Command::LeaveCampaign {
        campaign: campaign_id(campaign),
        member: member_id(member),
        left: None,
    }
}

fn add_milestone(campaign: &str, etag: &str) -> Command {
    Command::AddMilestone {
        campaign: campaign_id(campaign),
        milestone: milestone(),
        etag: etag.to_owned(),
    }
}

fn milestone() -> Milestone {
    Milestone {
        title: "reached".to_owned(),
        reached: None,
        figures: Vec::new(),
        note: String::new(),
        sources: Vec::new(),
    }
}

fn end(campaign: &str, etag: &str) -> Command {
    let outcome = Outcome { kind: OutcomeKind::Won, summary: String::new() };
    let campaign = campaign_id(campaign);
    Command::EndCampaign { campaign, outcome, ended: None, etag: etag.to_owned() }
}

fn kinds(command: Command) -> Vec<EventKind> {
    let decided = decide(&facts(), SLOT, command).unwrap();
    decided.events.iter().map(|event| event.kind).collect()
}

fn rejection(command: Command) -> Rejection {
    match decide(&facts(), SLOT, command) {
        Err(Undecided::Rejected(rejection)) => rejection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_command_makes_its_events() {
    use EventKind::*;
    let table = [
        (
            publish(statement("new"), &["a", "b"]),
            vec![StatementPublished, StatementSigned, StatementSigned],
        ),
        (sign("s", "a"), vec![StatementSigned]),
        (correct("s", statement("new"), ""), vec![StatementCorrected, StatementPublished]),
        (correct("s", statement("new"), "4"), vec![StatementCorrected, StatementPublished]),
        (retract("s", "4"), vec![StatementRetracted]),
        (
            launch(campaign("new"), &["a", "b"]),
            vec![CampaignLaunched, CampaignJoined, CampaignJoined],
        ),
        (join("c", "a"), vec![CampaignJoined]),
        (leave("c", "b"), vec![CampaignLeft]),
        (add_milestone("c", ""), vec![CampaignMilestone]),
        (add_milestone("past", "4"), vec![CampaignMilestone]),
        (end("c", ""), vec![CampaignEnded]),
    ];
    for (command, expected) in table {
        assert_eq!(kinds(command.clone()), expected, "{command:?}");
    }
}

#[test]
fn every_rule_refuses_what_breaks_it() {
    let of_nobody =
        || Statement { issuer_network: None, issuer_members: Vec::new(), ..statement("new") };
    let acting =
        |member: &str| Statement { acting_member: Some(member_id(member)), ..statement("new") };
    let full = || {
        let mut full = facts();
        full.campaigns.get_mut("c").unwrap().milestones = vec![milestone(); 100];
        full
    };
    let table = [
        (publish(of_nobody(), &[]), vec![(Rule::SourceMissing, "statements/new")]),
        (publish(acting("b"), &[]), vec![(Rule::NotAnActiveMember, "members/b")]),
        (
            publish(
                Statement { issuer_network: Some(network_id("over")), ..statement("new") },
                &["gone"],
            ),
            vec![(Rule::NetworkEnded, "networks/over"), (Rule::MemberRetired, "members/gone")],
        ),
        (
            publish(
                Statement { campaign: Some(campaign_id("past")), ..statement("new") },
                &["a", "a"],
            ),
            vec![(Rule::CampaignEnded, "campaigns/past"), (Rule::AlreadySigned, "members/a")],
        ),
        (sign("s", "b"), vec![(Rule::AlreadySigned, "members/b")]),
        (
            sign("closed", "none"),
            vec![
                (Rule::StatementClosed, "statements/closed"),
                (Rule::MemberUnknown, "members/none"),
            ],
        ),
        (
            correct("closed", statement("new"), ""),
            vec![(Rule::StatementClosed, "statements/closed")],
        ),
        (retract("closed", ""), vec![(Rule::StatementClosed, "statements/closed")]),
        (
            launch(Campaign { network: None, leads: Vec::new(), ..campaign("new") }, &["b", "b"]),
            vec![(Rule::AlreadyAParticipant, "members/b"), (Rule::SourceMissing, "campaigns/new")],
        ),
        (
            launch(Campaign { network: Some(network_id("none")), ..campaign("new") }, &["gone"]),
            vec![(Rule::NetworkUnknown, "networks/none"), (Rule::MemberRetired, "members/gone")],
        ),
        (join("c", "b"), vec![(Rule::AlreadyAParticipant, "members/b")]),
        (
            join("past", "gone"),
            vec![(Rule::CampaignEnded, "campaigns/past"), (Rule::MemberRetired, "members/gone")],
        ),
        (leave("c", "a"), vec![(Rule::NotAParticipant, "members/a")]),
        (leave("past", "b"), vec![(Rule::CampaignEnded, "campaigns/past")]),
        (end("past", ""), vec![(Rule::CampaignEnded, "campaigns/past")]),
    ];
    for (command, expected) in table {
        let Rejection::Refused(mut broken) = rejection(command.clone()) else {
            panic!("{command:?} was not refused by rules");
        };
        let mut expected: Vec<Broken> = expected
            .into_iter()
            .map(|(rule, subject)| Broken { rule, subject: subject.to_owned() })
            .collect();
        broken.sort_by_key(|each| each.rule.as_str());
        expected.sort_by_key(|each| each.rule.as_str());
        assert_eq!(broken, expected, "{command:?}");
    }
    let limit = decide(&full(), SLOT, add_milestone("c", ""));
    let Err(Undecided::Rejected(Rejection::Refused(broken))) = limit else { panic!("{limit:?}") };
    assert_eq!(broken[0].rule, Rule::LimitReached);
}

#[test]
fn what_is_named_must_exist_or_be_free_and_be_as_it_was_seen() {
    for command in [sign("none", "a"), retract("none", ""), correct("none", statement("new"), "")] {
        let Rejection::NotFound { name, .. } = rejection(command) else { panic!() };
        assert_eq!(name, "statements/none");
    }
    for command in
        [join("none", "a"), leave("none", "a"), add_milestone("none", ""), end("none", "")]
    {
        let Rejection::NotFound { name, .. } = rejection(command) else { panic!() };
        assert_eq!(name, "campaigns/none");
    }
    for command in [
        publish(statement("s"), &[]),
        correct("s", statement("closed"), ""),
        launch(campaign("c"), &[]),
    ] {
        assert!(matches!(rejection(command), Rejection::AlreadyExists { .. }));
    }
    for command in [
        correct("s", statement("new"), "3"),
        retract("s", "3"),
        add_milestone("c", "3"),
        end("c", "3"),
    ] {
        let expected = Rejection::EtagMismatch { expected: "3".to_owned(), actual: "4".to_owned() };
        assert_eq!(rejection(command), expected);
    }
}

#[test]
fn events_carry_what_subscribers_filter_by() {
    let decided = decide(&facts(), SLOT, publish(statement("new"), &["b"])).unwrap();
    let [published, signed] = decided.events.as_slice() else { panic!("two events") };
    assert_eq!(published.network, Some(network_id("n")));
    assert_eq!(published.members, [member_id("a")]);
    assert_eq!(published.countries, [Country::parse("ES").unwrap()]);
    assert_eq!(published.campaign, Some(campaign_id("c")));
    // The statement has no themes of its own, so those of the network count.
    assert_eq!(published.themes, ["Housing"]);
    assert!(
        matches!(&published.body, Body::Statement(statement, 1) if statement.recorded.created_position == 9)
    );
    assert_eq!(
        (signed.members.as_slice(), signed.countries.as_slice()),
        ([member_id("b")].as_slice(), [].as_slice())
    );
    let launched = decide(&facts(), SLOT, launch(campaign("new"), &["a", "b"])).unwrap();
    assert_eq!(launched.events[0].themes, ["water"]);
    // Leads are not counted.
    assert!(matches!(launched.events[0].body, Body::Campaign(_, 1)));
}

#[test]
fn a_correction_answers_with_the_new_statement() {
    let decided = decide(&facts(), SLOT, correct("s", statement("new"), "")).unwrap();
    let Body::Statement(old, 1) = &decided.events[0].body else { panic!("the old one") };
    assert_eq!(old.superseded_by, Some(statement_id("new")));
    assert_eq!((old.state, old.reason.as_str()), (StatementState::Superseded, "why"));
    assert_eq!((old.recorded.created_position, old.recorded.updated_position), (4, 9));
    let Body::Statement(new, 0) = &decided.events[decided.answer].body else { panic!("the new") };
    assert_eq!(new.supersedes, Some(statement_id("s")));
}

fn registry_commit(position: u64, identity: u8) -> Command {
    Command::RecordRegistryCommit(RegistryCommit {
        place: Followed {
            position: Position::new(position),
            chain: Chain::from_bytes([position as u8; 32]),
            identity: JournalId::from_bytes([identity; 16]),
        },
        continues: None,
        principal: "registrar".to_owned(),
        request_id: String::new(),
        changes: Vec::new(),
    })
}

#[test]
fn the_registry_is_followed_without_gaps_and_without_repeats() {
    let mut state = facts();
    let first = decide(&state, SLOT, registry_commit(1, 1)).unwrap();
    assert_eq!(first.followed.map(|place| place.position), Some(Position::new(1)));
    state.followed = first.followed;
    let again = decide(&state, SLOT, registry_commit(1, 1)).unwrap();
    assert_eq!((again.events.len(), again.followed), (0, None));
    let gap = decide(&state, SLOT, registry_commit(3, 1)).unwrap_err();
    let expected = Rejection::RegistryGap { followed: 1, position: 3 };
    assert!(matches!(gap, Undecided::Rejected(rejection) if rejection == expected));
    let foreign = decide(&state, SLOT, registry_commit(2, 2)).unwrap_err();
    assert!(matches!(foreign, Undecided::Rejected(Rejection::RegistryForeign)));
    assert_eq!(ChangeKind::ALL.len(), 15, "every kind of change has its kind of event");
}
