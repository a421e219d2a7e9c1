//! Tables of admission: who may join what, and every rule that is against it.

use hansa_proto::registry::{ClassRule, Eligibility};

use super::*;

impl World {
    fn with_member(&mut self, change: impl FnOnce(&mut Member)) {
        change(self.members.get_mut(&member_id("m")).unwrap());
    }
}

fn country(code: &str) -> Country {
    Country::parse(code).unwrap()
}

fn only(eligibility: Eligibility) -> World {
    World::with_network(|it| it.admission.eligibility = eligibility)
}

fn join_as(class: MembershipClass) -> Command {
    join_with(|join| join.asked.class = Some(class))
}

#[test]
fn every_rule_of_admission_that_fails_is_named_at_once() {
    let mut world = World::with_network(|it| {
        it.state = NetworkState::Announced;
        it.admission.mode = AdmissionMode::Invitation;
        it.admission.charter_required = true;
        it.admission.council_vote_required = true;
        it.admission.classes = vec![MembershipClass::Full];
        it.admission.eligibility = Eligibility {
            member_kinds: vec![MemberKind::Region],
            countries: vec![country("FR")],
            m49_regions: vec!["002".into()],
            min_population: 10,
            max_population: 20,
            capitals_only: true,
            ..Eligibility::default()
        };
    });
    world.with_member(|it| it.state = MemberState::Retired);
    let asked = join_with(|join| join.asked.class = Some(MembershipClass::Observer));
    assert_eq!(
        world.rules(asked),
        [
            Rule::NetworkNotActive,
            Rule::MemberRetired,
            Rule::NotInvited,
            Rule::CharterNotSigned,
            Rule::CouncilVoteMissing,
            Rule::ClassNotOffered,
            Rule::KindNotEligible,
            Rule::CountryNotEligible,
            Rule::RegionNotEligible,
            Rule::NotACapital,
            Rule::PopulationTooSmall,
            Rule::PopulationTooLarge,
        ]
    );
}

#[test]
fn each_rule_of_admission_lets_through_who_meets_it() {
    let mut world = World::with_network(|it| {
        it.state = NetworkState::Dormant;
        it.admission.charter_required = true;
        it.admission.council_vote_required = true;
        it.admission.classes = vec![MembershipClass::Full];
        it.admission.max_members = 1;
        it.admission.eligibility = Eligibility {
            member_kinds: vec![MemberKind::Municipality],
            countries: vec![country("ES")],
            excluded_countries: vec![country("PT")],
            m49_regions: vec!["150".into()],
            min_population: 10,
            max_population: 10,
            capitals_only: true,
        };
    });
    let populations = vec![population(5, "2000"), population(10, "2020"), population(3, "1980")];
    world.with_member(|it| {
        it.populations = populations;
        it.m49_region = "150".into();
        it.capital = true;
    });
    let asked = join_with(|join| {
        join.asked.class = Some(MembershipClass::Full);
        join.asked.charter_signed = day("2020");
        join.asked.council_voted = day("2019-12..2020-01");
    });
    assert_eq!(world.accept(asked), [ChangeKind::MembershipJoined]);
}

#[test]
fn the_latest_population_counts() {
    let mut world = World::with_network(|it| it.admission.eligibility.min_population = 10);
    let of = |world: &mut World, populations| {
        world.with_member(|it| it.populations = populations);
    };
    of(&mut world, vec![population(9, "2020"), population(50, "1990")]);
    assert_eq!(world.rules(join()), [Rule::PopulationTooSmall]);
    let undated = Population { as_of: None, ..population(50, "1990") };
    of(&mut world, vec![population(9, "2020"), undated]);
    assert_eq!(world.rules(join()), [Rule::PopulationTooSmall]);
}

#[test]
fn each_rule_of_eligibility_alone() {
    let all = Eligibility::default;
    let table = [
        (all(), None),
        (
            Eligibility { member_kinds: vec![MemberKind::Region], ..all() },
            Some(Rule::KindNotEligible),
        ),
        (Eligibility { countries: vec![country("FR")], ..all() }, Some(Rule::CountryNotEligible)),
        (Eligibility { countries: vec![country("ES")], ..all() }, None),
        (
            Eligibility { excluded_countries: vec![country("ES")], ..all() },
            Some(Rule::CountryNotEligible),
        ),
        (Eligibility { excluded_countries: vec![country("FR")], ..all() }, None),
        (Eligibility { m49_regions: vec!["002".into()], ..all() }, Some(Rule::RegionNotEligible)),
        (Eligibility { m49_regions: vec!["002".into(), "150".into()], ..all() }, None),
        (Eligibility { min_population: 101, ..all() }, Some(Rule::PopulationTooSmall)),
        (Eligibility { min_population: 100, ..all() }, None),
        (Eligibility { max_population: 99, ..all() }, Some(Rule::PopulationTooLarge)),
        (Eligibility { max_population: 100, ..all() }, None),
        (Eligibility { capitals_only: true, ..all() }, Some(Rule::NotACapital)),
    ];
    for (eligibility, against) in table {
        let mut world = only(eligibility.clone());
        world.with_member(|it| {
            it.m49_region = "150".into();
            it.populations = vec![population(100, "2020")];
        });
        match against {
            Some(rule) => assert_eq!(world.rules(join()), [rule], "{eligibility:?}"),
            None => assert_eq!(world.accept(join()), [ChangeKind::MembershipJoined]),
        }
    }
}

#[test]
fn a_population_that_is_not_known_meets_no_limit() {
    let least = only(Eligibility { min_population: 1, ..Eligibility::default() });
    assert_eq!(least.rules(join()), [Rule::PopulationTooSmall]);
    let most = only(Eligibility { max_population: 1, ..Eligibility::default() });
    assert_eq!(most.rules(join()), [Rule::PopulationTooLarge]);
}

/// The three classes of Eurocities: cities of the Union with 250,000 people or more are full members,
/// those of other countries associates, smaller ones partners.
#[test]
fn classes_have_rules_of_their_own() {
    use MembershipClass::{Associate, Full, Partner};
    let union = vec![country("ES"), country("FR")];
    let large = Eligibility { min_population: 250_000, ..Eligibility::default() };
    let rule = |class, eligibility| ClassRule { class, eligibility };
    let world = World::with_network(|it| {
        it.admission.classes = vec![Full, Associate, Partner];
        it.admission.class_rules = vec![
            rule(Full, Eligibility { countries: union.clone(), ..large.clone() }),
            rule(Associate, Eligibility { excluded_countries: union.clone(), ..large.clone() }),
            rule(Partner, Eligibility { max_population: 249_999, ..Eligibility::default() }),
        ];
    });
    let against = |code: &str, count: i64, class: MembershipClass| {
        let mut world = world.clone();
        world.with_member(|it| {
            it.country = Some(country(code));
            it.populations = vec![population(count, "2020")];
        });
        match world.decide(join_as(class)) {
            Ok(_) => Vec::new(),
            Err(_) => world.rules(join_as(class)),
        }
    };
    assert_eq!(against("ES", 250_000, Full), []);
    assert_eq!(against("ES", 249_999, Full), [Rule::PopulationTooSmall]);
    assert_eq!(against("NO", 100, Full), [Rule::CountryNotEligible, Rule::PopulationTooSmall]);
    assert_eq!(against("NO", 250_000, Associate), []);
    assert_eq!(against("FR", 250_000, Associate), [Rule::CountryNotEligible]);
    assert_eq!(against("NO", 249_999, Partner), []);
    assert_eq!(against("ES", 250_000, Partner), [Rule::PopulationTooLarge]);
    assert_eq!(against("ES", 1, MembershipClass::Observer), [Rule::ClassNotOffered]);
}

#[test]
fn a_rule_that_fails_for_the_network_and_the_class_is_told_once() {
    let world = World::with_network(|it| {
        it.admission.eligibility.capitals_only = true;
        let eligibility = it.admission.eligibility.clone();
        it.admission.class_rules = vec![ClassRule { class: MembershipClass::Full, eligibility }];
    });
    assert_eq!(world.rules(join_as(MembershipClass::Full)), [Rule::NotACapital]);
}

#[test]
fn a_full_network_takes_nobody_until_somebody_leaves() {
    let mut world = World::with_network(|it| it.admission.max_members = 1);
    let other = MembershipId { network: network_id("n"), member: member_id("other") };
    world.accept(Command::CreateMember(member("other")));
    let joined = |membership: &MembershipId| {
        let membership = membership.clone();
        join_with(|join| join.membership = membership)
    };
    world.accept(joined(&other));
    assert_eq!(world.rules(join()), [Rule::NetworkFull]);
    let step_of_other = || MembershipStep { membership: other.clone(), ..step() };
    world.accept(Command::SuspendMembership(step_of_other()));
    assert_eq!(world.rules(join()), [Rule::NetworkFull], "who is suspended keeps the place");
    world.accept(Command::LeaveNetwork(step_of_other()));
    assert_eq!(world.accept(join()), [ChangeKind::MembershipJoined]);
}

#[test]
fn what_can_have_changed_is_checked_again_when_an_application_is_approved() {
    let mut applied = World::with_network(|it| it.admission.mode = AdmissionMode::Approval);
    assert_eq!(applied.accept(join()), [ChangeKind::MembershipApplied]);
    let approve = || Command::ApproveMembership(step());

    let mut full = applied.clone();
    full.accept(Command::CreateMember(member("other")));
    let other = MembershipId { network: network_id("n"), member: member_id("other") };
    let stated = term(MembershipState::Active);
    let stated = RecordMembership { membership: other, term: stated, etag: None };
    full.accept(Command::RecordMembership(stated));
    full.networks.get_mut(&network_id("n")).unwrap().admission.max_members = 1;
    assert_eq!(full.rules(approve()), [Rule::NetworkFull]);

    let mut ended = applied.clone();
    ended.networks.get_mut(&network_id("n")).unwrap().state = NetworkState::Ended;
    ended.with_member(|it| it.state = MemberState::Retired);
    assert_eq!(ended.rules(approve()), [Rule::NetworkEnded, Rule::MemberRetired]);

    assert_eq!(applied.accept(approve()), [ChangeKind::MembershipJoined]);
}

#[test]
fn what_a_source_states_is_recorded_whatever_the_rules_say() {
    let mut world = only(Eligibility { capitals_only: true, ..Eligibility::default() });
    let stated = recorded(term(MembershipState::Active));
    assert_eq!(world.accept(stated), [ChangeKind::MembershipJoined]);
}
