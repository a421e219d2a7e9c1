//! A rebuilt view is the live view, whatever was asked in whatever order, and refusals leave nothing.
#![allow(clippy::unwrap_used)]

use hansa_journal::Draft;
use hansa_journal::limits::ERASURE_BYTES;
use hansa_proto::feed::{Campaign, Evaluation, Outcome, OutcomeKind, Statement};
use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId};
use hansa_proto::pb::feed::v1 as feed;
use hansa_proto::pb::registry::v1 as registry;
use hansa_proto::registry::{ChangeKind, Member, Membership, Network};
use hansa_view::Keys;
use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;
use crate::domain::{Joining, RegistryChange, RegistryCommit, RegistryResource, Signing};

/// One thing to ask, on few names, so that much of it meets.
#[derive(Clone, Debug)]
enum Ask {
    Network { id: u8, state: i32, into: u8 },
    Member { id: u8, retired: bool },
    Membership { network: u8, member: u8, state: i32 },
    Publish { id: u8, issuer: u8, members: Vec<u8>, request: u8, campaign: u8, threshold: i64 },
    Sign { id: u8, member: u8 },
    Correct { id: u8, new: u8 },
    Retract { id: u8 },
    Redact { id: u8 },
    Launch { id: u8, leads: Vec<u8>, members: Vec<u8> },
    Join { id: u8, member: u8 },
    Leave { id: u8, member: u8 },
    End { id: u8 },
    Leads { id: u8, leads: Vec<u8> },
    Evaluate { id: u8 },
    Attach { id: u8, statement: u8 },
    HandOver { id: u8, network: u8 },
    Close,
    Settle,
    Discard,
}

fn ask() -> impl Strategy<Value = Ask> {
    let few = || 0..3u8;
    let some = || proptest::collection::vec(0..4u8, 0..3);
    prop_oneof![
        3 => (few(), 2..6i32, few()).prop_map(|(id, state, into)| Ask::Network { id, state, into }),
        3 => (0..4u8, prop::bool::weighted(0.2)).prop_map(|(id, retired)| Ask::Member { id, retired }),
        2 => (few(), few(), 1..6i32)
            .prop_map(|(network, member, state)| Ask::Membership { network, member, state }),
        4 => (few(), few(), some(), 0..4u8, 0..5u8, 0..4i64).prop_map(
            |(id, issuer, members, request, campaign, threshold)| {
                Ask::Publish { id, issuer, members, request, campaign, threshold }
            }
        ),
        3 => (few(), few()).prop_map(|(id, member)| Ask::Sign { id, member }),
        2 => (few(), 0..6u8).prop_map(|(id, new)| Ask::Correct { id, new }),
        1 => few().prop_map(|id| Ask::Retract { id }),
        1 => few().prop_map(|id| Ask::Redact { id }),
        3 => (few(), some(), some())
            .prop_map(|(id, leads, members)| Ask::Launch { id, leads, members }),
        3 => (few(), few()).prop_map(|(id, member)| Ask::Join { id, member }),
        3 => (few(), few()).prop_map(|(id, member)| Ask::Leave { id, member }),
        1 => few().prop_map(|id| Ask::End { id }),
        3 => (few(), some()).prop_map(|(id, leads)| Ask::Leads { id, leads }),
        1 => few().prop_map(|id| Ask::Evaluate { id }),
        3 => (few(), few()).prop_map(|(id, statement)| Ask::Attach { id, statement }),
        2 => (few(), few()).prop_map(|(id, network)| Ask::HandOver { id, network }),
        1 => Just(Ask::Close),
        3 => Just(Ask::Settle),
        1 => Just(Ask::Discard),
    ]
}

fn member_id(id: u8) -> MemberId {
    MemberId::from_id(&format!("m{id}")).unwrap()
}

fn statement(id: u8, issuer: u8) -> Box<Statement> {
    Box::new(
        Statement::from_stored(feed::Statement {
            name: format!("statements/s{id}"),
            kind: 1,
            title: TITLE.to_owned(),
            issuer_network: format!("networks/n{issuer}"),
            issuer_members: vec![format!("members/m{issuer}")],
            state: 1,
            ..Default::default()
        })
        .unwrap(),
    )
}

/// A machine with its view, and the commits it made.
pub(super) struct Feed {
    machine: FeedMachine,
    pub(super) view: Arc<View>,
    pub(super) commits: Vec<Commit>,
    /// The commits that are settled, as the machine reads them.
    journal: Arc<Mutex<Vec<Commit>>>,
    /// Bytes each commit had at first.
    room: Vec<usize>,
    pub(super) batch: Vec<Draft>,
    registry: u64,
    followed_in_batch: u64,
    _directory: tempfile::TempDir,
}

/// The content of every statement.
const TITLE: &str = "A title that is nowhere else";

const IDENTITY: JournalId = JournalId::from_bytes([3; 16]);

impl Feed {
    pub(super) fn new() -> Feed {
        let directory = tempfile::tempdir().unwrap();
        let (view, _) = View::open(directory.path(), view::FORMAT, IDENTITY).unwrap();
        let view = Arc::new(view);
        let journal: Arc<Mutex<Vec<Commit>>> = Arc::default();
        let read: ReadCommit = {
            let journal = Arc::clone(&journal);
            Box::new(move |position| Ok(journal.lock()[position.get() as usize - 1].clone()))
        };
        let (view_of_machine, following) = (Arc::clone(&view), watch::channel(None).0);
        let machine = FeedMachine::new(IDENTITY, view_of_machine, read, following);
        Feed {
            machine,
            view,
            journal,
            room: Vec::new(),
            commits: Vec::new(),
            batch: Vec::new(),
            registry: 0,
            followed_in_batch: 0,
            _directory: directory,
        }
    }

    /// Everything the view holds of the feed.
    fn keys(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut entries = self.view.read(|keys| keys.scan(b"", None, 100_000)).unwrap();
        entries.retain(|(key, _)| key[0] != 0);
        entries
    }

    pub(super) fn submit(&mut self, request_id: Option<RequestId>, command: Command) {
        match self.decide(request_id, command) {
            Ok(()) | Err(Refused::Rules(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    pub(super) fn decide(
        &mut self,
        request_id: Option<RequestId>,
        command: Command,
    ) -> Result<(), Refused<Rejection>> {
        let place = self.commits.len() + self.batch.len() + 1;
        let slot = Slot { position: Position::new(place as u64), recorded_at_micros: place as i64 };
        let payload_hash = [1; 32];
        let principal = "anonymous".to_owned();
        let request =
            Request { principal, request_id, payload_hash, validate_only: false, command };
        if let Decision::Commit { draft, .. } = self.machine.decide(slot, request)? {
            self.batch.push(draft);
        }
        Ok(())
    }

    fn follow(&mut self, kind: ChangeKind, resource: RegistryResource) {
        self.follow_all(vec![RegistryChange { kind, occurred_at: None, resource }]);
    }

    /// The next commit of the registry.
    pub(super) fn follow_all(&mut self, changes: Vec<RegistryChange>) {
        self.followed_in_batch += 1;
        let position = Position::new(self.registry + self.followed_in_batch);
        let commit = RegistryCommit {
            place: Followed {
                position,
                chain: Chain::from_bytes([4; 32]),
                identity: JournalId::from_bytes([5; 16]),
            },
            continues: None,
            principal: "registrar".to_owned(),
            request_id: "r".repeat(100),
            changes,
        };
        let before = self.batch.len();
        self.submit(None, Command::RecordRegistryCommit(commit));
        assert_eq!(
            self.batch.len(),
            before + 1,
            "the next commit of the registry was not recorded"
        );
    }

    pub(super) fn settle(&mut self) {
        for draft in std::mem::take(&mut self.batch) {
            let position = Position::new(self.commits.len() as u64 + 1);
            let last = self.commits.last().map(|commit| commit.chain);
            let chain = last.unwrap_or(Chain::origin(IDENTITY)).extended(position, &draft);
            self.room.push(draft.size());
            let Draft { recorded_at_micros, meta, body } = draft;
            self.commits.push(Commit { position, chain, recorded_at_micros, meta, body });
        }
        if let Some(last) = self.commits.last() {
            self.machine.settle(last.position, last.chain).unwrap();
            self.erase();
            let last = self.commits.last().unwrap();
            self.machine.released(last.position);
        }
        self.journal.lock().clone_from(&self.commits);
        self.registry += std::mem::take(&mut self.followed_in_batch);
    }

    /// Every event about a statement tells its content, unless it is redacted: then none does. The view
    /// knows none of it.
    fn assert_content_is_where_it_belongs(&self) {
        for (key, value) in self.keys() {
            let held = [key, value].concat();
            assert!(!held.windows(TITLE.len()).any(|window| window == TITLE.as_bytes()));
        }
        for event in self.commits.iter().flat_map(|commit| codec::decode(commit).unwrap().events) {
            let Some(feed::event::Body::StatementBody(told)) = &event.body else { continue };
            let id = StatementId::parse(&told.name).unwrap();
            let now = self.view.read(|keys| Lookup(keys).statement_message(&id)).unwrap().unwrap();
            assert_eq!(told.title.is_empty(), now.redacted_position > 0, "{}", event.name);
            assert_eq!(told.redacted_position, now.redacted_position, "{}", event.name);
            let redaction = event.kind == feed::EventKind::StatementRedacted as i32;
            assert_eq!(event.redacted_position, if redaction { 0 } else { now.redacted_position });
            assert_eq!(told.content_sha256.len(), if redaction { 32 } else { 0 });
        }
    }

    /// What the writer does after a batch was settled.
    fn erase(&mut self) {
        for position in self.machine.to_erase().unwrap() {
            let at = position.get() as usize - 1;
            let Some(erasure) = self.machine.erased(&self.commits[at]).unwrap() else { continue };
            let needed = erasure.size() + ERASURE_BYTES;
            assert!(needed <= self.room[at], "{needed} bytes in a place of {}", self.room[at]);
            let Erasure { meta, body, .. } = erasure;
            self.commits[at] = Commit { meta, body, ..self.commits[at].clone() };
            assert_eq!(self.machine.erased(&self.commits[at]).unwrap(), None, "erased once");
        }
    }

    fn ask(&mut self, ask: Ask) {
        let name =
            || vec![hansa_proto::pb::common::v1::Name { text: "x".into(), ..Default::default() }];
        let joining = |id: u8| Joining { member: member_id(id), joined: None };
        let signing =
            |id: u8| Signing { member: member_id(id), representative: String::new(), signed: None };
        let statement_id = |id: u8| StatementId::from_id(&format!("s{id}")).unwrap();
        let campaign_id = |id: u8| CampaignId::from_id(&format!("c{id}")).unwrap();
        match ask {
            Ask::Network { id, state, into } => {
                let network = registry::Network {
                    name: format!("networks/n{id}"),
                    names: name(),
                    kind: 1,
                    themes: vec!["Housing".to_owned()],
                    relations: vec![registry::Relation {
                        kind: registry::RelationKind::MergedInto as i32,
                        network: format!("networks/n{into}"),
                        ..Default::default()
                    }],
                    state,
                    ..Default::default()
                };
                let network = Box::new(Network::from_stored(network).unwrap());
                self.follow(ChangeKind::NetworkCreated, RegistryResource::Network(network, 0));
            }
            Ask::Member { id, retired } => {
                let member = registry::Member {
                    name: format!("members/m{id}"),
                    names: name(),
                    kind: 1,
                    country: "ES".to_owned(),
                    state: if retired { 2 } else { 1 },
                    ..Default::default()
                };
                let member = Box::new(Member::from_stored(member).unwrap());
                self.follow(ChangeKind::MemberCreated, RegistryResource::Member(member));
            }
            Ask::Membership { network, member, state } => {
                let membership = registry::Membership {
                    name: format!("networks/n{network}/memberships/m{member}"),
                    network: format!("networks/n{network}"),
                    member: format!("members/m{member}"),
                    state,
                    terms: vec![registry::Term { state, ..Default::default() }],
                    ..Default::default()
                };
                let membership = Box::new(Membership::from_stored(membership).unwrap());
                let resource = RegistryResource::Membership(membership);
                self.follow(ChangeKind::MembershipChanged, resource);
            }
            Ask::Publish { id, issuer, members, request, campaign, threshold } => {
                let request = RequestId::parse(&format!("request-{request}")).unwrap();
                let signings = members.into_iter().map(signing).collect();
                let mut statement = statement(id, issuer);
                statement.campaign = (campaign < 2).then(|| campaign_id(campaign));
                statement.effective_threshold = threshold;
                self.submit(Some(request), Command::PublishStatement { statement, signings });
            }
            Ask::Sign { id, member } => {
                let (statement, signing) = (statement_id(id), signing(member));
                self.submit(None, Command::SignStatement { statement, signing });
            }
            Ask::Correct { id, new } => {
                let (reason, etag) = (String::new(), String::new());
                let correction = statement(new, id);
                let statement = statement_id(id);
                self.submit(
                    None,
                    Command::CorrectStatement { statement, correction, reason, etag },
                );
            }
            Ask::Retract { id } => {
                let (reason, etag) = (String::new(), String::new());
                let statement = statement_id(id);
                let retract =
                    Command::RetractStatement { statement, reason, occurred_at: None, etag };
                self.submit(None, retract);
            }
            Ask::Redact { id } => {
                let (legal_ground, etag) = ("a ground".to_owned(), String::new());
                let statement = statement_id(id);
                self.submit(None, Command::RedactStatement { statement, legal_ground, etag });
            }
            Ask::Launch { id, leads, members } => {
                let leads: std::collections::BTreeSet<u8> = leads.into_iter().collect();
                let campaign = feed::Campaign {
                    name: format!("campaigns/c{id}"),
                    title: "Title".to_owned(),
                    kind: 1,
                    network: "networks/n0".to_owned(),
                    leads: leads.iter().map(|id| format!("members/m{id}")).collect(),
                    state: 1,
                    ..Default::default()
                };
                let campaign = Box::new(Campaign::from_stored(campaign).unwrap());
                let joinings = members.into_iter().map(joining).collect();
                self.submit(None, Command::LaunchCampaign { campaign, joinings });
            }
            Ask::Join { id, member } => {
                let (campaign, joining) = (campaign_id(id), joining(member));
                self.submit(None, Command::JoinCampaign { campaign, joining });
            }
            Ask::Leave { id, member } => {
                let (campaign, member) = (campaign_id(id), member_id(member));
                self.submit(None, Command::LeaveCampaign { campaign, member, left: None });
            }
            Ask::End { id } => {
                let outcome = Outcome { kind: OutcomeKind::Lost, summary: String::new() };
                let (campaign, etag) = (campaign_id(id), String::new());
                self.submit(None, Command::EndCampaign { campaign, outcome, ended: None, etag });
            }
            Ask::Leads { id, leads } => {
                let leads: std::collections::BTreeSet<u8> = leads.into_iter().collect();
                let leads = leads.into_iter().map(member_id).collect();
                let (campaign, etag) = (campaign_id(id), String::new());
                let command = Command::ChangeLeads { campaign, leads, occurred_at: None, etag };
                self.submit(None, command);
            }
            Ask::Evaluate { id } => {
                let summary = "Well".to_owned();
                let message = feed::Evaluation { summary, ..Default::default() };
                let evaluation = Evaluation::from_stored(message).unwrap();
                let (campaign, etag) = (campaign_id(id), String::new());
                self.submit(None, Command::EvaluateCampaign { campaign, evaluation, etag });
            }
            Ask::Attach { id, statement } => {
                let (campaign, statement) = (campaign_id(id), statement_id(statement));
                let etag = String::new();
                self.submit(None, Command::AttachStatement { campaign, statement, etag });
            }
            Ask::HandOver { id, network } => {
                let network = NetworkId::from_id(&format!("n{network}")).unwrap();
                let (campaign, etag) = (campaign_id(id), String::new());
                let command =
                    Command::HandOverCampaign { campaign, network, occurred_at: None, etag };
                self.submit(None, command);
            }
            Ask::Close => self.submit(None, Command::CloseCampaigns),
            Ask::Settle => self.settle(),
            Ask::Discard => {
                self.machine.discard();
                self.batch.clear();
                self.followed_in_batch = 0;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Random commands, settled or discarded now and then: the view rebuilt from the journal alone is
    /// the live one, and every count is the number of rows it counts.
    #[test]
    fn a_rebuilt_view_is_the_live_view(asks in proptest::collection::vec(ask(), 1..120)) {
        let mut live = Feed::new();
        for id in 0..2 {
            live.ask(Ask::Network { id, state: 2, into: id });
            live.ask(Ask::Member { id, retired: false });
        }
        for ask in asks {
            live.ask(ask);
        }
        live.settle();

        let mut rebuilt = Feed::new();
        for commit in &live.commits {
            rebuilt.machine.replay(commit).unwrap();
        }
        rebuilt.commits.clone_from(&live.commits);
        rebuilt.room.clone_from(&live.room);
        if let Some(last) = live.commits.last() {
            rebuilt.machine.settle(last.position, last.chain).unwrap();
        }
        prop_assert_eq!(rebuilt.keys(), live.keys());
        rebuilt.erase();
        prop_assert_eq!(&rebuilt.commits, &live.commits, "all was erased");
        live.assert_content_is_where_it_belongs();

        live.view.read(|keys| {
            let lookup = Lookup(keys);
            let (mut naming, mut belonging) = (0, 0);
            for statement in lookup.statements(None, None, None, 100)?.rows {
                let id = StatementId::parse(&statement.name).unwrap();
                let rows = lookup.signatures(&id, None, 100)?.rows;
                assert_eq!(statement.signature_count, rows.len() as i64);
                let reached = statement.signature_count >= statement.effective_threshold;
                assert_eq!(statement.effective, reached, "{statement:?}");
                naming += usize::from(!statement.campaign.is_empty());
            }
            for campaign in lookup.campaigns(None, None, None, 100)?.rows {
                let id = CampaignId::parse(&campaign.name).unwrap();
                let rows = lookup.participations(&id, None, 100)?.rows;
                let counted = rows.iter().filter(|row| row.active);
                let counted = counted.filter(|row| !campaign.leads.contains(&row.member));
                assert_eq!(campaign.participant_count, counted.count() as i64);
                // Whatever happens to a network, its campaigns do not outlive it.
                if campaign.state == feed::CampaignState::Active as i32 {
                    let network = NetworkId::parse(&campaign.network).unwrap();
                    let facts = lookup.network_facts(&network)?.unwrap();
                    assert!(!facts.ended, "{} runs for {network}", campaign.name);
                }
                for statement in &campaign.statements {
                    let id = StatementId::parse(statement).unwrap();
                    let statement = lookup.statement_message(&id)?.unwrap();
                    assert_eq!(statement.campaign, campaign.name);
                }
                belonging += campaign.statements.len();
            }
            assert_eq!(belonging, naming);
            assert_eq!(lookup.to_close()?, None);
            Ok(())
        }).unwrap();
    }
}

#[test]
fn a_commit_that_does_not_fit_leaves_nothing_behind() {
    let mut feed = Feed::new();
    feed.ask(Ask::Network { id: 0, state: 2, into: 0 });
    feed.ask(Ask::Member { id: 0, retired: false });
    feed.settle();
    let before = feed.keys();
    // Beyond the limits of the contract, so that one statement alone is too large.
    let mut large = statement(0, 0);
    large.body = "x".repeat(2 * 1024 * 1024);
    let slot = Slot { position: Position::new(3), recorded_at_micros: 3 };
    let request = Request {
        principal: "anonymous".to_owned(),
        request_id: None,
        payload_hash: [0; 32],
        validate_only: false,
        command: Command::PublishStatement { statement: large, signings: Vec::new() },
    };
    assert!(matches!(feed.machine.decide(slot, request), Err(Refused::TooLarge)));
    feed.settle();
    assert_eq!(feed.keys(), before);
}
