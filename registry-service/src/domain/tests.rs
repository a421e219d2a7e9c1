//! Tables: a state and a command, and the changes or the rules that come of them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use hansa_journal::Position;
use hansa_proto::country::Country;
use hansa_proto::registry::{
    AdmissionMode, EndReason, MemberKind, MemberPatch, MemberState, MembershipClass, NetworkPatch,
    NetworkState, Population, Relation, RelationKind, Term, TermPatch,
};

use super::*;
use crate::fixtures::{self, member, network, strict_source, term};

mod admission;

/// A registry in maps.
#[derive(Clone, Default)]
struct World {
    networks: BTreeMap<NetworkId, Network>,
    members: BTreeMap<MemberId, Member>,
    memberships: BTreeMap<MembershipId, Membership>,
    position: u64,
}

impl State for World {
    fn network(&self, id: &NetworkId) -> Result<Option<Arc<Network>>, StateError> {
        Ok(self.networks.get(id).cloned().map(Arc::new))
    }

    fn member(&self, id: &MemberId) -> Result<Option<Member>, StateError> {
        Ok(self.members.get(id).cloned())
    }

    fn membership(&self, id: &MembershipId) -> Result<Option<Membership>, StateError> {
        Ok(self.memberships.get(id).cloned())
    }

    fn active_members(&self, id: &NetworkId) -> Result<u64, StateError> {
        let of = |held: &&Membership| held.id.network == *id && is_active(held.state());
        Ok(u64::try_from(self.memberships.values().filter(of).count()).unwrap())
    }

    fn open_of_network(
        &self,
        id: &NetworkId,
        after: Option<&MembershipId>,
        limit: usize,
    ) -> Result<Vec<Membership>, StateError> {
        let comes = |held: &Membership| after.is_none_or(|after| held.id.member > after.member);
        let of =
            |held: &&Membership| held.id.network == *id && is_open(held.state()) && comes(held);
        Ok(self.memberships.values().filter(of).take(limit).cloned().collect())
    }

    fn open_of_member(
        &self,
        id: &MemberId,
        after: Option<&MembershipId>,
        limit: usize,
    ) -> Result<Vec<Membership>, StateError> {
        let comes = |held: &Membership| after.is_none_or(|after| held.id.network > after.network);
        let of = |held: &&Membership| held.id.member == *id && is_open(held.state()) && comes(held);
        Ok(self.memberships.values().filter(of).take(limit).cloned().collect())
    }
}

impl World {
    /// Network `n` that is open, and member `m`, a Spanish municipality.
    fn usual() -> World {
        let mut world = World::default();
        world.accept(Command::CreateNetwork(network("n")));
        world.accept(Command::CreateMember(member("m")));
        world
    }

    /// The usual world with its network changed.
    fn with_network(change: impl FnOnce(&mut Network)) -> World {
        let mut world = World::usual();
        change(world.networks.get_mut(&network_id("n")).unwrap());
        world
    }

    /// The usual world with a membership whose present term is in this state.
    fn with_membership(state: MembershipState) -> World {
        let mut world = World::usual();
        world.accept(recorded(term(state)));
        world
    }

    fn decide(&self, command: Command) -> Result<Vec<Change>, Rejection> {
        let slot = Slot {
            position: Position::new(self.position + 1),
            recorded_at_micros: 1_000_000 + i64::try_from(self.position).unwrap(),
        };
        decide(self, slot, command).map_err(|undecided| match undecided {
            Undecided::Rejected(rejection) => rejection,
            Undecided::State(error) => panic!("a map does not fail: {error}"),
        })
    }

    /// Decides and applies; gives the kinds of the changes.
    fn accept(&mut self, command: Command) -> Vec<ChangeKind> {
        let changes = self.decide(command).unwrap();
        self.position += 1;
        for change in &changes {
            match change.resource.clone() {
                Resource::Network(it) => drop(self.networks.insert(it.id.clone(), *it)),
                Resource::Member(it) => drop(self.members.insert(it.id.clone(), *it)),
                Resource::Membership(it) => drop(self.memberships.insert(it.id.clone(), *it)),
            }
        }
        changes.iter().map(|change| change.kind).collect()
    }

    /// Every rule against a command.
    fn rules(&self, command: Command) -> Vec<Rule> {
        match self.decide(command) {
            Err(Rejection::Refused(violations)) => violations.iter().map(|it| it.rule).collect(),
            other => panic!("not refused by rules: {other:?}"),
        }
    }

    fn held(&self) -> &Membership {
        &self.memberships[&membership_id()]
    }
}

fn network_id(id: &str) -> NetworkId {
    NetworkId::from_id(id).unwrap()
}

fn member_id(id: &str) -> MemberId {
    MemberId::from_id(id).unwrap()
}

fn membership_id() -> MembershipId {
    MembershipId { network: network_id("n"), member: member_id("m") }
}

fn day(text: &str) -> Option<PartialDate> {
    Some(text.parse().unwrap())
}

fn recorded(term: Term) -> Command {
    Command::RecordMembership(RecordMembership { membership: membership_id(), term, etag: None })
}

fn join_with(change: impl FnOnce(&mut JoinNetwork)) -> Command {
    let asked = Term { joined: None, sources: Vec::new(), ..term(MembershipState::Active) };
    let mut join =
        JoinNetwork { membership: membership_id(), asked, occurred_at: day("2020-05"), etag: None };
    change(&mut join);
    Command::JoinNetwork(join)
}

fn join() -> Command {
    join_with(|_| {})
}

fn invite() -> Command {
    Command::InviteMember(InviteMember {
        membership: membership_id(),
        occurred_at: day("2019"),
        note: "as host".into(),
        sources: vec![strict_source()],
        etag: None,
    })
}

fn step() -> MembershipStep {
    MembershipStep {
        membership: membership_id(),
        occurred_at: day("2021-01-02"),
        reason: "because".into(),
        etag: None,
    }
}

fn end(merged_into: Option<&str>) -> Command {
    Command::EndNetwork(EndNetwork {
        network: network_id("n"),
        ended: day("2022"),
        merged_into: merged_into.map(network_id),
        sources: vec![strict_source()],
        etag: None,
    })
}

fn retire() -> Command {
    Command::RetireMember(RetireMember {
        member: member_id("m"),
        retired: day("2023"),
        sources: Vec::new(),
        etag: None,
    })
}

fn relate(other: &str) -> Command {
    let relation = Relation {
        kind: RelationKind::BranchOf,
        network: network_id(other),
        kind_stated: String::new(),
        since: day("1999"),
        note: String::new(),
        sources: Vec::new(),
    };
    Command::RelateNetworks(RelateNetworks { network: network_id("n"), relation, etag: None })
}

fn update_network(patch: NetworkPatch) -> Command {
    Command::UpdateNetwork(UpdateNetwork { network: network_id("n"), patch, etag: None })
}

fn update_member(patch: MemberPatch) -> Command {
    Command::UpdateMember(UpdateMember { member: member_id("m"), patch, etag: None })
}

fn change(patch: TermPatch) -> Command {
    Command::ChangeMembership(ChangeMembership {
        membership: membership_id(),
        patch,
        occurred_at: None,
        etag: None,
    })
}

fn population(count: i64, year: &str) -> Population {
    Population { count, as_of: Some(year.parse().unwrap()), sources: Vec::new() }
}

#[test]
fn joining_an_open_network_makes_a_member_at_once() {
    let mut world = World::usual();
    assert_eq!(world.accept(join()), [ChangeKind::MembershipJoined]);
    let held = world.held();
    assert_eq!((held.state(), held.current().joined), (MembershipState::Active, day("2020-05")));
    assert_eq!(world.rules(join()), [Rule::AlreadyAMember]);
}

#[test]
fn joining_by_approval_applies_and_is_decided_on() {
    let approval = || World::with_network(|it| it.admission.mode = AdmissionMode::Approval);
    let mut world = approval();
    assert_eq!(world.accept(join()), [ChangeKind::MembershipApplied]);
    assert_eq!(world.held().current().applied, day("2020-05"));
    assert_eq!(world.held().current().joined, None);
    assert_eq!(world.accept(Command::ApproveMembership(step())), [ChangeKind::MembershipJoined]);
    assert_eq!(world.held().current().joined, day("2021-01-02"));
    assert_eq!(world.rules(Command::ApproveMembership(step())), [Rule::NotApplied]);

    let mut world = approval();
    world.accept(join());
    assert_eq!(world.accept(Command::RejectMembership(step())), [ChangeKind::MembershipRejected]);
    assert_eq!(world.held().current().end_reason, Some(EndReason::Rejected));
    assert_eq!(world.rules(Command::RejectMembership(step())), [Rule::NotApplied]);
}

#[test]
fn an_invitation_is_needed_where_the_network_wants_one_and_makes_a_member_everywhere() {
    for mode in [AdmissionMode::Invitation, AdmissionMode::Approval, AdmissionMode::Open] {
        let mut world = World::with_network(|it| it.admission.mode = mode);
        if mode == AdmissionMode::Invitation {
            assert_eq!(world.rules(join()), [Rule::NotInvited]);
        }
        assert_eq!(world.accept(invite()), [ChangeKind::MembershipInvited]);
        assert_eq!(world.rules(invite()), [Rule::AlreadyAMember]);
        assert_eq!(world.accept(join()), [ChangeKind::MembershipJoined]);
        let term = world.held().current();
        assert_eq!(world.held().terms.len(), 1);
        assert_eq!((term.invited, term.joined), (day("2019"), day("2020-05")));
        assert_eq!((term.note.as_str(), term.sources.len()), ("as host", 1));
    }
}

#[test]
fn who_left_joins_again_with_a_new_term() {
    let mut world = World::usual();
    world.accept(join());
    assert_eq!(world.accept(Command::LeaveNetwork(step())), [ChangeKind::MembershipEnded]);
    assert_eq!(world.held().current().end_reason, Some(EndReason::Left));
    assert_eq!(world.rules(Command::LeaveNetwork(step())), [Rule::MembershipEnded]);
    world.accept(join());
    assert_eq!(world.accept(Command::ExpelMember(step())), [ChangeKind::MembershipEnded]);
    assert_eq!(world.held().current().end_reason, Some(EndReason::Expelled));
    assert_eq!(world.held().terms.len(), 2);
}

#[test]
fn a_hundred_terms_are_enough() {
    let mut world = World::with_membership(MembershipState::Ended);
    let held = world.memberships.get_mut(&membership_id()).unwrap();
    held.terms = vec![held.terms[0].clone(); 100];
    assert_eq!(world.rules(join()), [Rule::LimitReached]);
    assert_eq!(world.rules(invite()), [Rule::LimitReached]);
    assert_eq!(world.rules(recorded(term(MembershipState::Ended))), [Rule::LimitReached]);
}

#[test]
fn nobody_joins_a_movement_or_a_network_that_has_ended() {
    let movement = World::with_network(|it| it.admission.mode = AdmissionMode::NoMemberList);
    assert_eq!(movement.rules(join()), [Rule::NoMemberList]);
    assert_eq!(movement.rules(invite()), [Rule::NoMemberList]);
    for state in [NetworkState::Ended, NetworkState::Merged] {
        let ended = World::with_network(|it| it.state = state);
        assert_eq!(ended.rules(join()), [Rule::NetworkEnded]);
        assert_eq!(ended.rules(invite()), [Rule::NetworkEnded]);
    }
}

#[test]
fn suspending_and_reinstating_go_back_and_forth() {
    let mut world = World::with_membership(MembershipState::Active);
    assert_eq!(world.rules(Command::ReinstateMembership(step())), [Rule::NotSuspended]);
    assert_eq!(world.accept(Command::SuspendMembership(step())), [ChangeKind::MembershipSuspended]);
    assert_eq!(world.held().current().reason, "because");
    assert_eq!(world.rules(Command::SuspendMembership(step())), [Rule::NotActive]);
    assert_eq!(
        world.accept(Command::ReinstateMembership(step())),
        [ChangeKind::MembershipReinstated]
    );
    assert_eq!(world.held().state(), MembershipState::Active);
}

#[test]
fn a_recorded_term_tells_what_must_have_happened() {
    use ChangeKind::*;
    let rejected = Term { end_reason: Some(EndReason::Rejected), ..term(MembershipState::Ended) };
    let table: [(Term, &[ChangeKind]); 6] = [
        (term(MembershipState::Applied), &[MembershipApplied]),
        (term(MembershipState::Invited), &[MembershipInvited]),
        (term(MembershipState::Active), &[MembershipJoined]),
        (term(MembershipState::Suspended), &[MembershipJoined, MembershipSuspended]),
        (term(MembershipState::Ended), &[MembershipJoined, MembershipEnded]),
        (rejected, &[MembershipApplied, MembershipRejected]),
    ];
    for (term, kinds) in table {
        let mut world = World::usual();
        assert_eq!(world.accept(recorded(term.clone())), kinds);
        assert_eq!(world.held().terms, [term]);
    }
}

#[test]
fn the_changes_of_a_recorded_term_have_its_dates() {
    let changes = World::usual().decide(recorded(term(MembershipState::Ended))).unwrap();
    let dates: Vec<_> = changes.iter().map(|change| change.occurred_at).collect();
    assert_eq!(dates, [day("2001"), day("2002")]);
    let Resource::Membership(between) = &changes[0].resource else { panic!("a membership") };
    assert_eq!((between.state(), between.current().left), (MembershipState::Active, None));
}

#[test]
fn a_recorded_term_needs_a_source_and_an_end_in_the_past_of_what_has_ended() {
    let mut world = World::with_network(|it| it.state = NetworkState::Ended);
    world.members.get_mut(&member_id("m")).unwrap().state = MemberState::Retired;
    let unsourced = Term { sources: Vec::new(), ..term(MembershipState::Active) };
    assert_eq!(
        world.rules(recorded(unsourced)),
        [Rule::SourceMissing, Rule::NetworkEnded, Rule::MemberRetired]
    );
    world.accept(recorded(term(MembershipState::Ended)));
    world.accept(recorded(term(MembershipState::Ended)));
    assert_eq!(world.held().terms.len(), 2);

    let world = World::with_membership(MembershipState::Active);
    assert_eq!(world.rules(recorded(term(MembershipState::Ended))), [Rule::AlreadyAMember]);
    let contradiction = Term { left: day("2002"), ..term(MembershipState::Active) };
    assert_eq!(World::usual().rules(recorded(contradiction)), [Rule::StateNotReachable]);
}

#[test]
fn a_membership_changes_by_patch_and_not_at_all_by_an_equal_one() {
    let mut world = World::with_membership(MembershipState::Active);
    let graded = || fixtures::grade_patch("gold");
    assert_eq!(world.accept(change(graded())), [ChangeKind::MembershipChanged]);
    assert_eq!(world.held().current().grade, "gold");
    let etag = world.held().recorded.etag();
    assert_eq!(world.accept(change(graded())), []);
    assert_eq!(world.held().recorded.etag(), etag);
    assert_eq!(world.rules(change(fixtures::left_patch(2010))), [Rule::StateNotReachable]);
}

#[test]
fn ending_a_network_ends_its_memberships_first() {
    let mut world = World::with_membership(MembershipState::Suspended);
    let kinds = world.accept(end(None));
    assert_eq!(kinds, [ChangeKind::MembershipEnded, ChangeKind::NetworkEnded]);
    let term = world.held().current();
    assert_eq!((term.end_reason, term.left), (Some(EndReason::NetworkEnded), day("2022")));
    let network = &world.networks[&network_id("n")];
    assert_eq!((network.state, network.ended), (NetworkState::Ended, day("2022")));
    assert_eq!(world.rules(end(None)), [Rule::NetworkEnded]);
}

#[test]
fn merging_a_network_relates_it_to_the_other() {
    let mut world = World::usual();
    assert_eq!(world.rules(end(Some("other"))), [Rule::NetworkUnknown]);
    assert_eq!(world.rules(end(Some("n"))), [Rule::SelfRelation]);
    world.accept(Command::CreateNetwork(network("other")));
    assert_eq!(world.accept(end(Some("other"))), [ChangeKind::NetworkEnded]);
    let merged = &world.networks[&network_id("n")];
    assert_eq!(merged.state, NetworkState::Merged);
    assert_eq!(merged.relations[0].kind, RelationKind::MergedInto);
}

#[test]
fn more_changes_than_a_commit_holds_are_refused() {
    let mut world = World::usual();
    for number in 0..1000 {
        let id =
            MembershipId { network: network_id("n"), member: member_id(&format!("m{number}")) };
        let terms = vec![term(MembershipState::Active)];
        let held = Membership { id: id.clone(), terms, recorded: Recorded::default() };
        world.memberships.insert(id, held);
    }
    assert_eq!(world.decide(end(None)), Err(Rejection::TooLarge { limit: 1000 }));
    world.memberships.pop_first();
    assert_eq!(world.accept(end(None)).len(), 1000);
}

#[test]
fn a_network_is_related_once() {
    let mut world = World::usual();
    assert_eq!(world.rules(relate("other")), [Rule::NetworkUnknown]);
    assert_eq!(world.rules(relate("n")), [Rule::SelfRelation]);
    world.accept(Command::CreateNetwork(network("other")));
    assert_eq!(world.accept(relate("other")), [ChangeKind::NetworkRelated]);
    assert_eq!(world.accept(relate("other")), []);
    let related = world.networks.get_mut(&network_id("n")).unwrap();
    related.relations = vec![related.relations[0].clone(); 200];
    for relation in &mut related.relations {
        relation.since = None;
    }
    assert_eq!(world.rules(relate("other")), [Rule::LimitReached]);
}

#[test]
fn a_network_updates_but_ends_only_by_ending() {
    let mut world = World::usual();
    let state = |state| update_network(fixtures::network_state_patch(state));
    assert_eq!(world.accept(state(NetworkState::Dormant)), [ChangeKind::NetworkUpdated]);
    assert_eq!(world.accept(state(NetworkState::Dormant)), []);
    world.accept(end(None));
    assert_eq!(world.rules(state(NetworkState::Active)), [Rule::StateNotReachable]);
    let note = fixtures::network_note_patch("more");
    assert_eq!(world.accept(update_network(note)), [ChangeKind::NetworkUpdated]);
}

#[test]
fn what_is_created_is_not_yet_over() {
    let world = World::usual();
    let ended = Network { state: NetworkState::Ended, ..network("x") };
    assert_eq!(world.rules(Command::CreateNetwork(ended)), [Rule::StateNotReachable]);
    let retired = Member { state: MemberState::Retired, ..member("x") };
    assert_eq!(world.rules(Command::CreateMember(retired)), [Rule::StateNotReachable]);
}

#[test]
fn what_a_member_names_must_exist() {
    let mut world = World::usual();
    let nothing = Member {
        kind: MemberKind::Network,
        predecessors: vec![member_id("unknown"), member_id("x")],
        ..member("x")
    };
    assert_eq!(
        world.rules(Command::CreateMember(nothing)),
        [Rule::NetworkUnknown, Rule::MemberUnknown, Rule::SelfRelation]
    );
    let of = |network| Member {
        kind: MemberKind::Network,
        network: Some(network_id(network)),
        predecessors: vec![member_id("m")],
        ..member("x")
    };
    assert_eq!(world.rules(Command::CreateMember(of("unknown"))), [Rule::NetworkUnknown]);
    assert_eq!(world.accept(Command::CreateMember(of("n"))), [ChangeKind::MemberCreated]);
    let gone = fixtures::predecessor_patch("members/gone");
    assert_eq!(world.rules(update_member(gone)), [Rule::MemberUnknown]);
}

#[test]
fn retiring_a_member_ends_its_memberships_first() {
    let mut world = World::with_membership(MembershipState::Active);
    assert_eq!(world.accept(retire()), [ChangeKind::MembershipEnded, ChangeKind::MemberRetired]);
    assert_eq!(world.held().current().left, day("2023"));
    assert_eq!(world.rules(retire()), [Rule::MemberRetired]);
    assert_eq!(world.rules(join()), [Rule::MemberRetired]);
    let note = || fixtures::member_note_patch("more");
    assert_eq!(world.accept(update_member(note())), [ChangeKind::MemberUpdated]);
    assert_eq!(world.accept(update_member(note())), []);
}

#[test]
fn names_are_taken_once_and_must_exist() {
    let world = World::usual();
    let taken = Target::Network(network_id("n"));
    assert_eq!(
        world.decide(Command::CreateNetwork(network("n"))),
        Err(Rejection::AlreadyExists(taken.clone()))
    );
    assert_eq!(
        world.decide(Command::CreateMember(member("m"))),
        Err(Rejection::AlreadyExists(Target::Member(member_id("m"))))
    );
    let empty = World::default();
    let unknown_network = Err(Rejection::NotFound(taken));
    for command in [end(None), relate("m"), join(), invite()] {
        assert_eq!(empty.decide(command), unknown_network);
    }
    let unknown_membership = Err(Rejection::NotFound(Target::Membership(membership_id())));
    for command in [
        Command::ApproveMembership(step()),
        Command::RejectMembership(step()),
        Command::SuspendMembership(step()),
        Command::ReinstateMembership(step()),
        Command::LeaveNetwork(step()),
        Command::ExpelMember(step()),
        change(fixtures::grade_patch("gold")),
    ] {
        assert_eq!(world.decide(command), unknown_membership);
    }
}

#[test]
fn an_etag_that_is_not_the_present_one_is_refused() {
    let mut world = World::usual();
    let with = |etag: &str| join_with(|join| join.etag = Some(etag.to_owned()));
    let mismatch = |expected: &str, actual: &str| {
        Err(Rejection::EtagMismatch { expected: expected.into(), actual: actual.into() })
    };
    assert_eq!(world.decide(with("1")), mismatch("1", ""));
    world.accept(join());
    let present = world.held().recorded.etag();
    let leave = |etag: &str| {
        Command::LeaveNetwork(MembershipStep { etag: Some(etag.to_owned()), ..step() })
    };
    assert_eq!(world.decide(leave("old")), mismatch("old", &present));
    assert_eq!(world.accept(leave(&present)), [ChangeKind::MembershipEnded]);
    assert_ne!(world.held().recorded.etag(), present);
}
