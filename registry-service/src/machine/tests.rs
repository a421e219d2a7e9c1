//! Any sequence of commands: the view that was live is the view a replay makes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use hansa_journal::JournalId;
use hansa_proto::common::Source;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::registry::{AdmissionMode, MembershipState, NetworkState};
use hansa_view::Keys;
use proptest::prelude::*;

use super::*;
use crate::domain::{
    ChangeMembership, EndNetwork, InviteMember, JoinNetwork, MembershipStep, RecordMembership,
    RetireMember, UpdateMember, UpdateNetwork,
};
use crate::fixtures;

const NETWORKS: usize = 3;
const MEMBERS: usize = 3;

fn network_id(number: usize) -> NetworkId {
    NetworkId::from_id(&format!("n{number}")).unwrap()
}

fn member_id(number: usize) -> MemberId {
    MemberId::from_id(&format!("m{number}")).unwrap()
}

fn membership_id() -> impl Strategy<Value = MembershipId> {
    (0..NETWORKS, 0..MEMBERS).prop_map(|(network, member)| MembershipId {
        network: network_id(network),
        member: member_id(member),
    })
}

fn step() -> impl Strategy<Value = MembershipStep> {
    membership_id().prop_map(|membership| MembershipStep {
        membership,
        occurred_at: None,
        reason: String::new(),
        etag: None,
    })
}

fn create_network(number: usize, mode: AdmissionMode) -> Command {
    let mut network = fixtures::network(network_id(number).id());
    network.admission.mode = mode;
    // One network is soon full, one waits for councils, one keeps out whom nobody has counted.
    match number {
        0 => network.admission.max_members = 2,
        1 => network.admission.council_vote_required = true,
        _ => network.admission.eligibility.max_population = 1_000_000,
    }
    Command::CreateNetwork(network)
}

fn create_member(number: usize) -> Command {
    Command::CreateMember(fixtures::member(member_id(number).id()))
}

fn about_networks_and_members() -> impl Strategy<Value = Command> {
    let mode = prop::sample::select(AdmissionMode::ALL);
    let alive = vec![NetworkState::Announced, NetworkState::Active, NetworkState::Dormant];
    let state = prop::sample::select(alive);
    let update_network = |(network, patch)| {
        Command::UpdateNetwork(UpdateNetwork { network: network_id(network), patch, etag: None })
    };
    let end_network = |(network, into): (usize, Option<usize>)| {
        Command::EndNetwork(EndNetwork {
            network: network_id(network),
            ended: None,
            merged_into: into.map(network_id),
            sources: Vec::new(),
            etag: None,
        })
    };
    prop_oneof![
        3 => (0..NETWORKS, mode).prop_map(|(network, mode)| create_network(network, mode)),
        3 => (0..MEMBERS).prop_map(create_member),
        2 => (0..NETWORKS, state.prop_map(fixtures::network_state_patch))
            .prop_map(update_network),
        1 => (0..MEMBERS, "[a-c]").prop_map(|(member, note)| Command::UpdateMember(UpdateMember {
            member: member_id(member),
            patch: fixtures::member_note_patch(&note),
            etag: None,
        })),
        1 => (0..MEMBERS, "[a-c]( [d-e]){0,2}").prop_map(|(member, name)| {
            let patch = fixtures::member_name_patch(&name);
            Command::UpdateMember(UpdateMember { member: member_id(member), patch, etag: None })
        }),
        1 => (0..NETWORKS, proptest::option::of(0..NETWORKS)).prop_map(end_network),
        1 => (0..MEMBERS).prop_map(|member| Command::RetireMember(RetireMember {
            member: member_id(member),
            retired: None,
            sources: Vec::new(),
            etag: None,
        })),
    ]
}

fn about_memberships() -> impl Strategy<Value = Command> {
    let state = prop::sample::select(MembershipState::ALL);
    prop_oneof![
        4 => (membership_id(), any::<bool>()).prop_map(|(membership, voted)| {
            let mut asked = fixtures::term(MembershipState::Active);
            asked.council_voted = voted.then(|| "2019..2020-03".parse().unwrap());
            let join = JoinNetwork { membership, asked, occurred_at: None, etag: None };
            Command::JoinNetwork(join)
        }),
        2 => membership_id().prop_map(|membership| Command::InviteMember(InviteMember {
            membership,
            occurred_at: None,
            note: String::new(),
            sources: Vec::new(),
            etag: None,
        })),
        3 => (membership_id(), state).prop_map(|(membership, state)| {
            let term = fixtures::term(state);
            Command::RecordMembership(RecordMembership { membership, term, etag: None })
        }),
        1 => (membership_id(), "[a-c]").prop_map(|(membership, grade)| {
            let patch = fixtures::grade_patch(&grade);
            let occurred_at = None;
            let change = ChangeMembership { membership, patch, occurred_at, etag: None };
            Command::ChangeMembership(change)
        }),
        1 => step().prop_map(Command::ApproveMembership),
        1 => step().prop_map(Command::RejectMembership),
        1 => step().prop_map(Command::SuspendMembership),
        1 => step().prop_map(Command::ReinstateMembership),
        1 => step().prop_map(Command::LeaveNetwork),
        1 => step().prop_map(Command::ExpelMember),
    ]
}

/// A command with a request id or none, done or only validated, and whether its batch ends with it.
#[derive(Clone, Debug)]
struct Call {
    command: Command,
    request_id: Option<u8>,
    validate_only: bool,
    ends_batch: bool,
}

fn call() -> impl Strategy<Value = Call> {
    let command = prop_oneof![1 => about_networks_and_members(), 2 => about_memberships()];
    (command, proptest::option::of(0..6u8), prop::bool::weighted(0.1), any::<bool>()).prop_map(
        |(command, request_id, validate_only, ends_batch)| Call {
            command,
            request_id,
            validate_only,
            ends_batch,
        },
    )
}

/// A machine with the commits it made.
struct Live {
    machine: RegistryMachine,
    view: Arc<View>,
    commits: Vec<Commit>,
    chain: Chain,
}

const IDENTITY: JournalId = JournalId::from_bytes([7; 16]);

impl Live {
    fn new(directory: &Path) -> Live {
        let (view, _) = View::open(directory, view::FORMAT, IDENTITY).unwrap();
        let view = Arc::new(view);
        Live {
            machine: RegistryMachine::new(view.clone()),
            view,
            commits: Vec::new(),
            chain: Chain::origin(IDENTITY),
        }
    }

    fn next(&self) -> Position {
        Position::new(self.commits.len() as u64 + 1)
    }

    fn call(&mut self, call: Call) {
        let position = self.next();
        let recorded_at_micros = 1_700_000_000_000_000 + i64::try_from(position.get()).unwrap();
        let retry_key = call.request_id.map(|number| RetryKey {
            request_id: RequestId::parse(&format!("request-{number}")).unwrap(),
            payload_hash: [number; 32],
        });
        let request = Request {
            principal: "anonymous",
            retry_key,
            validate_only: call.validate_only,
            command: call.command,
        };
        match self.machine.decide(Slot { position, recorded_at_micros }, request.into()) {
            Ok(Decision::Commit { draft, .. }) => self.append(position, draft),
            Ok(Decision::Commits { drafts, .. }) => self.append_all(drafts),
            Ok(Decision::Answer(_)) | Err(Refused::Rules(_)) => {}
            Err(refused) => panic!("the view does not fail: {refused:?}"),
        }
        if call.ends_batch {
            self.settle();
        }
    }

    fn append_all(&mut self, drafts: Vec<Draft>) {
        for draft in drafts {
            self.append(self.next(), draft);
        }
    }

    fn append(&mut self, position: Position, draft: Draft) {
        self.chain = self.chain.extended(position, &draft);
        self.commits.push(Commit {
            position,
            chain: self.chain,
            recorded_at_micros: draft.recorded_at_micros,
            meta: draft.meta,
            body: draft.body,
        });
    }

    fn settle(&mut self) {
        let last = Position::new(self.commits.len() as u64);
        self.machine.settle(last, self.chain).unwrap();
    }

    fn keys(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.view.read(|keys| keys.scan(b"", None, usize::MAX)).unwrap()
    }
}

/// The view a replay of the commits makes.
fn replayed(commits: &[Commit], directory: &Path) -> Live {
    let mut live = Live::new(directory);
    for commit in commits {
        live.machine.replay(commit).unwrap();
        live.chain = commit.chain;
        live.commits.push(commit.clone());
    }
    live.settle();
    live
}

/// After every commit: no open membership in an ended network, and a new etag with new content.
fn check_history(commits: &[Commit]) {
    let mut states: BTreeMap<String, i32> = BTreeMap::new();
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    let mut etags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for commit in commits {
        let mut changed: BTreeMap<String, String> = BTreeMap::new();
        for change in codec::commit(&commit.body).unwrap().changes {
            match change.resource.unwrap() {
                pb::change::Resource::Network(network) => {
                    states.insert(network.name.clone(), network.state);
                    changed.insert(network.name, network.etag);
                }
                pb::change::Resource::Member(member) => {
                    changed.insert(member.name, member.etag);
                }
                pb::change::Resource::Membership(membership) => {
                    match membership.state == pb::MembershipState::Ended as i32 {
                        true => drop(open.remove(&membership.name)),
                        false => drop(open.insert(membership.name.clone(), membership.network)),
                    }
                    changed.insert(membership.name, membership.etag);
                }
            }
        }
        for (membership, network) in &open {
            let state = NetworkState::from_pb(states[network]).unwrap();
            let ended = matches!(state, NetworkState::Ended | NetworkState::Merged);
            assert!(!ended, "{membership} is open in a network that is {state}");
        }
        for (name, etag) in changed {
            let seen = etags.entry(name).or_default();
            assert!(!seen.contains(&etag), "an etag came twice");
            seen.push(etag);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_rebuilt_view_is_the_live_one(calls in prop::collection::vec(call(), 1..120)) {
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut live = Live::new(directories[0].path());
        for number in 0..NETWORKS - 1 {
            let mode = AdmissionMode::ALL[number];
            let command = create_network(number, mode);
            live.call(Call { command, request_id: None, validate_only: false, ends_batch: false });
        }
        for number in 0..MEMBERS - 1 {
            let command = create_member(number);
            live.call(Call { command, request_id: None, validate_only: false, ends_batch: false });
        }
        for call in calls {
            live.call(call);
        }
        live.settle();
        check_history(&live.commits);
        let rebuilt = replayed(&live.commits, directories[1].path());
        let without_mark = |live: &Live| {
            live.keys().into_iter().filter(|(key, _)| key[0] != 0).collect::<Vec<_>>()
        };
        prop_assert!(!without_mark(&live).is_empty());
        prop_assert_eq!(without_mark(&live), without_mark(&rebuilt));
        prop_assert_eq!(live.machine.applied().unwrap(), rebuilt.machine.applied().unwrap());
        check_totals(&live);
        check_postings(&live);
        check_versions(&live);
    }
}

/// The postings of the view are those of its resources, one by one.
fn check_postings(live: &Live) {
    let keys = live.keys();
    let held: Vec<&[u8]> = keys
        .iter()
        .filter_map(|(key, _)| key.strip_prefix(view::postings::INDEX.as_bytes()))
        .collect();
    let expected = live.view.read(view::postings::recounted).unwrap();
    assert_eq!(held, expected.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

/// At every position, every resource is what the commits up to it say, and its history names them.
fn check_versions(live: &Live) {
    let mut told: BTreeMap<String, pb::change::Resource> = BTreeMap::new();
    let mut positions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for commit in &live.commits {
        for change in codec::commit(&commit.body).unwrap().changes {
            let resource = change.resource.unwrap();
            let changed = positions.entry(name_of(&resource)).or_default();
            if changed.last() != Some(&commit.position.get()) {
                changed.push(commit.position.get());
            }
            told.insert(name_of(&resource), resource);
        }
        for (name, resource) in &told {
            let held = live.view.read(|keys| held_at(keys, name, commit.position)).unwrap();
            assert_eq!(held.as_ref(), Some(&uncounted(resource)), "at {}", commit.position);
        }
    }
    for (name, expected) in positions {
        for (descending, from) in [(false, None), (true, None), (false, Some(expected[0] + 1))] {
            let look = |keys: &hansa_view::ReadView<'_>| {
                view::versions::positions(keys, &subject(&name), from, descending, usize::MAX)
            };
            let mut found = live.view.read(look).unwrap().unwrap();
            if descending {
                found.reverse();
            }
            let skipped = usize::from(from.is_some());
            assert_eq!(found, expected[skipped..], "of {name}, descending: {descending}");
        }
    }
}

fn name_of(resource: &pb::change::Resource) -> String {
    match resource {
        pb::change::Resource::Network(network) => network.name.clone(),
        pb::change::Resource::Member(member) => member.name.clone(),
        pb::change::Resource::Membership(membership) => membership.name.clone(),
    }
}

/// Commits say how many members a network had; its versions do not.
fn uncounted(resource: &pb::change::Resource) -> pb::change::Resource {
    let mut uncounted = resource.clone();
    if let pb::change::Resource::Network(network) = &mut uncounted {
        network.active_member_count = 0;
    }
    uncounted
}

fn subject(name: &str) -> view::versions::Subject {
    use view::versions::Subject;
    match (NetworkId::parse(name), MemberId::parse(name)) {
        (Ok(id), _) => Subject::Network(id),
        (_, Ok(id)) => Subject::Member(id),
        _ => Subject::Membership(MembershipId::parse(name).unwrap()),
    }
}

fn held_at(
    keys: &hansa_view::ReadView<'_>,
    name: &str,
    at: Position,
) -> Result<Option<pb::change::Resource>, ViewError> {
    use pb::change::Resource;
    use view::versions::{Subject, member_at, membership_at, network_at};
    Ok(match subject(name) {
        Subject::Network(id) => network_at(keys, &id, at)?.map(|it| Resource::Network(it.into())),
        Subject::Member(id) => member_at(keys, &id, at)?.map(|it| Resource::Member(it.into())),
        Subject::Membership(id) => membership_at(keys, &id, at)?.map(Resource::Membership),
    })
}

/// The totals of the view are what counting its resources gives.
fn check_totals(live: &Live) {
    let keys = live.keys();
    let of = |prefix: &[u8]| keys.iter().filter(|(key, _)| key.starts_with(prefix)).count() as u64;
    let memberships: Vec<pb::Membership> = keys
        .iter()
        .filter(|(key, _)| key.starts_with(b"membership/"))
        .map(|(_, value)| view::message(value).unwrap())
        .collect();
    let terms: usize = memberships.iter().map(|held| held.terms.len()).sum();
    live.view
        .read(|keys| {
            assert_eq!(view::total_members(keys)?, of(view::MEMBERS));
            assert_eq!(view::total_terms(keys)?, terms as u64);
            for state in NetworkState::ALL {
                let networks = (0..NETWORKS)
                    .filter_map(|number| view::network(keys, &network_id(number)).unwrap());
                let expected = networks.filter(|it| it.state == state.to_pb()).count() as u64;
                assert_eq!(view::total_networks(keys, *state)?, expected);
            }
            for number in 0..NETWORKS {
                let of_network =
                    |held: &&pb::Membership| held.network == network_id(number).to_string();
                let active = |held: &&pb::Membership| {
                    domain::is_active(MembershipState::from_pb(held.state).unwrap())
                };
                let held = memberships.iter().filter(of_network);
                let count = view::count(keys, &network_id(number))?;
                assert_eq!(count.held, held.clone().count() as u64);
                assert_eq!(count.active, held.filter(active).count() as u64);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_request_id_is_answered_again_in_the_same_batch_and_refused_for_another_payload() {
    let directory = tempfile::tempdir().unwrap();
    let mut live = Live::new(directory.path());
    let request = |hash: u8, validate_only| {
        Ask::from(Request {
            principal: "anonymous",
            retry_key: Some(RetryKey {
                request_id: RequestId::parse("once").unwrap(),
                payload_hash: [hash; 32],
            }),
            validate_only,
            command: create_member(0),
        })
    };
    let slot = |number| Slot { position: Position::new(number), recorded_at_micros: 1 };
    let validated = live.machine.decide(slot(1), request(1, true)).unwrap();
    assert!(matches!(validated, Decision::Answer(Answer::Done { position: Position::ORIGIN, .. })));
    let first = live.machine.decide(slot(1), request(1, false)).unwrap();
    assert!(matches!(first, Decision::Commit { .. }));
    let again = live.machine.decide(slot(2), request(1, false)).unwrap();
    let Decision::Answer(Answer::Replayed { position, index: 0 }) = again else {
        panic!("not replayed: {again:?}")
    };
    assert_eq!(position, Position::new(1));
    let other = live.machine.decide(slot(2), request(2, false));
    assert!(matches!(other, Err(Refused::Rules(Rejection::RequestIdReused))));
    live.machine.discard();
    let forgotten = live.machine.decide(slot(1), request(2, false)).unwrap();
    assert!(matches!(forgotten, Decision::Commit { .. }));
}

fn end(number: usize) -> Command {
    Command::EndNetwork(EndNetwork {
        network: network_id(number),
        ended: None,
        merged_into: None,
        sources: Vec::new(),
        etag: None,
    })
}

/// A network with members of whom much is said: about 4 KB each.
fn talkative(members: usize, directory: &Path) -> Live {
    let mut live = Live::new(directory);
    live.call(plain(create_network(0, AdmissionMode::Open)));
    for number in 0..members {
        live.call(plain(create_member(number)));
        live.call(plain(said_of(number)));
    }
    live.settle();
    live
}

fn said_of(member: usize) -> Command {
    let membership = MembershipId { network: network_id(0), member: member_id(member) };
    let mut term = fixtures::term(MembershipState::Active);
    term.note = "x".repeat(4_000);
    Command::RecordMembership(RecordMembership { membership, term, etag: None })
}

fn plain(command: Command) -> Call {
    Call { command, request_id: None, validate_only: false, ends_batch: false }
}

#[test]
fn a_commit_that_does_not_fit_is_refused_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut live = talkative(0, directory.path());
    for number in 0..120 {
        live.call(plain(create_member(number)));
    }
    live.settle();
    let before = live.keys();
    let batch = Batch {
        principal: "anonymous",
        retry_key: None,
        validate_only: false,
        commands: (0..120).map(said_of).collect(),
    };
    let slot = Slot { position: live.next(), recorded_at_micros: 1 };
    assert!(matches!(live.machine.decide(slot, Ask::Batch(batch)), Err(Refused::TooLarge)));
    live.settle();
    assert_eq!(live.keys(), before);

    // One command alone: the third term of a membership of which very much is said.
    let large = |number: usize| {
        let mut term = fixtures::term(MembershipState::Ended);
        term.grade = number.to_string();
        let note = "東".repeat(2_000);
        term.sources = vec![Source { note, ..fixtures::strict_source() }; 12];
        let membership = MembershipId { network: network_id(0), member: member_id(0) };
        Command::RecordMembership(RecordMembership { membership, term, etag: None })
    };
    live.call(plain(large(1)));
    live.call(plain(large(2)));
    live.settle();
    let before = live.keys();
    let third = Request {
        principal: "anonymous",
        retry_key: None,
        validate_only: false,
        command: large(3),
    };
    let slot = Slot { position: live.next(), recorded_at_micros: 1 };
    assert!(matches!(live.machine.decide(slot, third.into()), Err(Refused::TooLarge)));
    live.settle();
    assert_eq!(live.keys(), before);
}

#[test]
fn what_one_commit_does_not_hold_is_several_and_nothing_when_only_tried() {
    let directory = tempfile::tempdir().unwrap();
    let mut live = talkative(7, directory.path());
    let before = live.keys();
    live.call(Call { validate_only: true, ..plain(end(0)) });
    live.settle();
    assert_eq!(live.keys(), before);
    let first = live.commits.len();
    live.call(Call { request_id: Some(1), ..plain(end(0)) });
    live.settle();
    // Two a commit, and the network in the last.
    let changes: Vec<usize> = live.commits[first..]
        .iter()
        .map(|commit| codec::commit(&commit.body).unwrap().changes.len())
        .collect();
    assert_eq!(changes, [2, 2, 2, 2]);
    check_history(&live.commits);
    // Asked again it is answered by the last commit.
    let commits = live.commits.len();
    live.call(Call { request_id: Some(1), ..plain(end(0)) });
    assert_eq!(live.commits.len(), commits);
}
