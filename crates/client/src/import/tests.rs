//! What the import promises: nothing is lost, everything comes after what it needs, and a wrong word
//! is found with its file, line and column.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use hansa_proto::pb::registry::v1::{
    AdmissionMode, EndReason, MembershipClass, MembershipState, NetworkKind, NetworkState,
    RelationKind, RoleKind,
};

use super::admission::admission;
use super::read::{
    CAMPAIGNS, COOPERATIONS, DataSet, LITERATURE, MEMBERS, MEMBERSHIPS, NETWORKS, PLACES, READINGS,
    RELATIONS, STATEMENTS, Source,
};
use super::step::{Fact, Kind, Step, Write};
use super::{Plan, Problems, words};

const TEXTS: [(&str, &str); 10] = [
    (NETWORKS, include_str!("../../../../data/networks.csv")),
    (MEMBERS, include_str!("../../../../data/members.csv")),
    (MEMBERSHIPS, include_str!("../../../../data/memberships.csv")),
    (RELATIONS, include_str!("../../../../data/network_relations.csv")),
    (STATEMENTS, include_str!("../../../../data/statements.jsonl")),
    (CAMPAIGNS, include_str!("../../../../data/campaigns.jsonl")),
    (COOPERATIONS, include_str!("../../../../data/cooperations.jsonl")),
    (READINGS, include_str!("../../../../data/readings.csv")),
    (PLACES, include_str!("../../../../data/network_places.csv")),
    (LITERATURE, include_str!("../../../../data/literature.csv")),
];

fn plan() -> Plan {
    DataSet::read(Source::Texts(&TEXTS)).unwrap().plan().unwrap()
}

/// The data set with one text replaced in one file.
fn changed(file: &str, from: &str, to: &str) -> Problems {
    let mut texts = TEXTS;
    let text = texts.iter_mut().find(|(name, _)| *name == file).unwrap();
    assert!(text.1.contains(from), "{file} does not contain {from}");
    let replaced = text.1.replacen(from, to, 1);
    text.1 = &replaced;
    match DataSet::read(Source::Texts(&texts)) {
        Ok(data_set) => data_set.plan().unwrap_err(),
        Err(super::ReadError::Rows(problems)) => problems,
        Err(other) => panic!("{other}"),
    }
}

fn membership<'a>(plan: &'a Plan, key: &str) -> &'a hansa_proto::pb::registry::v1::Term {
    let step = plan.steps.iter().find(|step| step.at.key == key).unwrap();
    match &step.write {
        Write::RecordMembership(request) => request.term.as_ref().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn network<'a>(plan: &'a Plan, key: &str) -> &'a hansa_proto::pb::registry::v1::Network {
    let created = plan.steps.iter().filter(|step| step.at.key == key);
    created
        .filter_map(|step| match &step.write {
            Write::CreateNetwork(request) => request.network.as_ref(),
            _ => None,
        })
        .next()
        .unwrap()
}

#[test]
fn every_row_becomes_a_call() {
    let plan = plan();
    assert_eq!(plan.count(NETWORKS, Kind::Network), 123);
    assert_eq!(plan.count(MEMBERS, Kind::Member), 593);
    assert_eq!(plan.count(MEMBERSHIPS, Kind::Membership), 923);
    assert_eq!(plan.count(RELATIONS, Kind::Relation), 51);
    assert_eq!(plan.count(STATEMENTS, Kind::Statement), 67);
    assert_eq!(plan.count(CAMPAIGNS, Kind::Campaign), 24);
    assert_eq!(plan.count(COOPERATIONS, Kind::Cooperation), 15);
    // Four parents that no relation states; nine networks and nine campaigns that are over.
    assert_eq!(plan.count(NETWORKS, Kind::Relation), 4);
    assert_eq!(plan.count(NETWORKS, Kind::Ending), 9);
    assert_eq!(plan.count(CAMPAIGNS, Kind::Ending), 9);
    assert_eq!(plan.count(COOPERATIONS, Kind::Ending), 2);
}

#[test]
fn every_step_comes_after_what_it_needs() {
    let plan = plan();
    for (index, step) in plan.steps.iter().enumerate() {
        let later: HashSet<&Fact> =
            plan.steps[index..].iter().flat_map(|step| &step.makes).collect();
        for fact in &step.needs {
            assert!(!later.contains(fact), "{}: {fact:?} comes later", step.at);
        }
    }
}

#[test]
fn what_needs_nothing_comes_in_the_order_of_dates() {
    let plan = plan();
    let free = |step: &&Step| {
        !matches!(step.kind, Kind::Ending | Kind::Statement) && !step.at.key.contains(':')
    };
    for kind in [Kind::Network, Kind::Membership, Kind::Campaign] {
        let steps = plan.steps.iter().filter(free).filter(|step| step.kind == kind);
        let dates: Vec<_> = steps.map(|step| step.date).collect();
        assert!(dates.is_sorted(), "{kind:?}");
        assert!(dates.iter().flatten().count() > 5, "{kind:?} has dates");
    }
}

#[test]
fn request_ids_are_unique_and_the_same_in_every_plan() {
    let ids = |mut plan: Plan| -> Vec<String> {
        plan.steps.iter_mut().map(|step| step.write.request_id().clone()).collect()
    };
    let first = ids(plan());
    assert_eq!(first, ids(plan()));
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), first.len());
}

#[test]
fn a_second_term_comes_after_the_first() {
    let plan = plan();
    let place = |key: &str| plan.steps.iter().position(|step| step.at.key == key).unwrap();
    assert!(place("jp-isesaki@japan-committee") < place("jp-isesaki@japan-committee:2"));
    let first = membership(&plan, "jp-isesaki@japan-committee");
    assert_eq!(first.state(), MembershipState::Ended);
    assert_eq!(first.end_reason(), EndReason::Left);
    assert_eq!(first.sources.len(), 3, "the source and two others");
}

#[test]
fn states_of_memberships() {
    let plan = plan();
    let historical = membership(&plan, "de-dresden@arrival-cities");
    assert_eq!(historical.state(), MembershipState::Ended);
    assert_eq!(historical.end_reason(), EndReason::Historical);
    let candidate = membership(&plan, "it-asolo@cittaslow");
    assert_eq!(candidate.state(), MembershipState::Applied);
    assert_eq!(candidate.class(), MembershipClass::Candidate);
    let founder = membership(&plan, "ca-quebec@aimf");
    assert_eq!(founder.representative, "Jean Pelletier");
    assert_eq!(founder.roles[0].kind(), RoleKind::Founder);
    assert_eq!(founder.joined.unwrap().year, 1979);
}

#[test]
fn lives_of_networks() {
    let plan = plan();
    assert_eq!(network(&plan, "welcoming-germany").state(), NetworkState::Announced);
    assert_eq!(network(&plan, "african-cities-coalition").state(), NetworkState::Announced);
    // A date in the future of an active network is a plan, not an end.
    assert!(network(&plan, "milan-quelimane-water").note.contains("Planned end: 2021"));
    let ends = |key: &str| {
        plan.steps.iter().find_map(|step| match &step.write {
            Write::EndNetwork(request) if step.at.key == key => Some(request.clone()),
            _ => None,
        })
    };
    assert!(ends("milan-quelimane-water").is_none());
    assert_eq!(ends("aula").unwrap().merged_into, "networks/uclg-africa");
    assert_eq!(ends("inclusive-cities").unwrap().ended.unwrap().month, 12);
    assert!(ends("clip").unwrap().ended.is_none());
}

#[test]
fn words_of_networks_are_kept() {
    let plan = plan();
    let anvita = network(&plan, "anvita");
    assert_eq!(anvita.kind(), NetworkKind::CityNetwork);
    assert_eq!(anvita.kind_stated, "city_network");
    assert_eq!(anvita.names[1].text, "ANVITA");
    assert_eq!(anvita.themes, ["migration", "unconditional welcome"]);
    assert_eq!(anvita.stated_member_counts[0].count, 90);
    let cited: Vec<&str> = anvita.sources.iter().map(|it| it.citation.as_str()).collect();
    assert!(
        cited[0].starts_with("ANVITA, ") && cited[1].starts_with("Thomas Lacroix, "),
        "{cited:?}"
    );
    assert!(cited[2].ends_with(" 2021, Table 2"), "{cited:?}");
    assert_eq!(cited.len(), 3, "what says where it works is cited already");
    assert!(anvita.admission.as_ref().unwrap().charter_required);
    let sanctuary = network(&plan, "sanctuary-cities").admission.as_ref().unwrap();
    assert_eq!(sanctuary.mode(), AdmissionMode::NoMemberList);
    assert_eq!(sanctuary.rules_stated, "no central organisation");
    assert!(network(&plan, "recosol").admission.is_none());
}

#[test]
fn rules_that_are_not_clear_leave_a_network_open() {
    let open = admission(NetworkKind::CityNetwork, "French-speaking cities").unwrap();
    assert_eq!(open.mode(), AdmissionMode::Open);
    assert_eq!(open.rules_stated, "French-speaking cities");
    assert!(!open.charter_required);
    assert!(admission(NetworkKind::CityNetwork, "").is_none());
    let movement = admission(NetworkKind::Movement, "").unwrap();
    assert_eq!(movement.mode(), AdmissionMode::NoMemberList);
}

#[test]
fn roles_and_relations_may_have_any_word() {
    for (word, kind) in [
        ("founder", RoleKind::Founder),
        ("initial_signatory", RoleKind::Founder),
        ("co-chair", RoleKind::Chair),
        ("president 2023", RoleKind::Chair),
        ("president_of_steering_committee", RoleKind::Board),
        ("vice_president 2016", RoleKind::Board),
        ("chair of the COVID-19 recovery working group", RoleKind::Lead),
        ("host_of_founding", RoleKind::Host),
        ("lead_partner", RoleKind::Lead),
        ("past_president", RoleKind::Other),
        ("first_polish_member", RoleKind::Other),
    ] {
        assert_eq!(words::role_kind(word), kind, "{word}");
    }
    assert_eq!(words::relation_kind("branch_of"), RelationKind::BranchOf);
    assert_eq!(words::relation_kind("co-implements"), RelationKind::Other);
}

#[test]
fn an_unknown_word_is_an_error_of_its_row_in_every_mapped_column() {
    for (file, line, column, from, to) in [
        (NETWORKS, 2, "kind", ",city_network,", ",club,"),
        (NETWORKS, 2, "scale", ",national,", ",local,"),
        (NETWORKS, 2, "origin", ",grassroots,", ",wild,"),
        (NETWORKS, 2, "scope", ",specialised,", ",narrow,"),
        (NETWORKS, 4, "front_type", ",against_policy,", ",against,"),
        (NETWORKS, 2, "status", ",active,L;L2,", ",busy,L;L2,"),
        (MEMBERS, 2, "kind", ",city,", ",town,"),
        (MEMBERSHIPS, 2, "class", ",full,", ",gold,"),
        (MEMBERSHIPS, 2, "status", ",active,", ",idle,"),
        (STATEMENTS, 1, "kind", "\"position_statement\"", "\"shout\""),
        (STATEMENTS, 1, "target_kind", "\"international_institution\"", "\"moon\""),
        (CAMPAIGNS, 1, "kind", "\"kind\": \"front\"", "\"kind\": \"rear\""),
        (CAMPAIGNS, 1, "front_type", "\"against_policy\"", "\"against\""),
        (CAMPAIGNS, 1, "target_kind", "\"national_government\"", "\"moon\""),
        (CAMPAIGNS, 1, "status", "\"active\"", "\"idle\""),
        (COOPERATIONS, 1, "kind", "\"twinning_agreement\"", "\"marriage\""),
    ] {
        let problems = changed(file, from, to);
        let problem = &problems.as_slice()[0];
        assert_eq!(problem.at.file, file);
        assert_eq!((problem.at.line, problem.column), (line, column), "{problem}");
        assert!(problem.problem.starts_with("unknown word `"), "{problem}");
    }
}

#[test]
fn a_malformed_row_is_named_with_file_and_line() {
    for (file, from, to, said) in [
        (NETWORKS, "2018-09-26,day", "2018-09-26,month", "networks.csv:2 (anvita): founded: "),
        (NETWORKS, "2018-09-26,day", "2018-02-30,day", "networks.csv:2 (anvita): founded: "),
        (NETWORKS, ",90,2025,", ",many,2025,", "networks.csv:2 (anvita): member_count: "),
        (MEMBERS, ",42.50779,", ",north,", "members.csv:2 (ad-andorra-la-vella): latitude: "),
        (MEMBERS, ",20430,", ",few,", "members.csv:2 (ad-andorra-la-vella): population: "),
        (MEMBERS, "\nae-dubai,", "\nad-andorra-la-vella,", "the same key stands in line 2"),
        (MEMBERSHIPS, "ca-quebec@aimf,", "ca-quebec@c40,", "membership_id: must be "),
        (MEMBERSHIPS, ",note,", ",remark,", "memberships.csv:2: "),
        (STATEMENTS, "\"title\":", "\"heading\":", "statements.jsonl:1: unknown field `heading`"),
        (CAMPAIGNS, "{\"campaign_id\"", "{campaign_id", "campaigns.jsonl:1: "),
    ] {
        let problems = changed(file, from, to);
        let problem = problems.as_slice()[0].to_string();
        assert!(problem.contains(said), "{problem} does not say {said}");
    }
}

#[test]
fn a_directory_may_hold_some_of_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let empty = DataSet::read(Source::Directory(directory.path())).unwrap_err();
    assert!(empty.to_string().contains("networks.csv"), "{empty}");
    std::fs::write(directory.path().join(MEMBERS), TEXTS[1].1).unwrap();
    let cited = DataSet::read(Source::Directory(directory.path())).unwrap().plan().unwrap_err();
    assert!(cited.to_string().contains("is no key of literature.csv"), "{cited}");
    std::fs::write(directory.path().join(LITERATURE), TEXTS[9].1).unwrap();
    let plan = DataSet::read(Source::Directory(directory.path())).unwrap().plan().unwrap();
    assert_eq!(plan.len(), 593);
}

#[test]
fn readings_and_places_become_part_of_what_they_are_about() {
    use hansa_proto::pb::common::v1::reading::Value;
    let plan = plan();
    let icorn = network(&plan, "icorn");
    let founded: Vec<i32> = icorn
        .readings
        .iter()
        .filter(|reading| reading.field == "founded")
        .map(|reading| match &reading.value {
            Some(Value::Date(date)) => date.year,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(founded, [2005, 2006]);
    assert_eq!(network(&plan, "anvita").countries, ["FR"]);
    assert_eq!(network(&plan, "iccar-asia-pacific").m49_regions, ["142", "009"]);
    assert_eq!(membership(&plan, "se-eskilstuna@icorn").readings.len(), 2);
}

#[test]
fn a_reading_of_nothing_or_of_the_wrong_type_is_an_error_of_its_row() {
    let told = |from: &str, to: &str| {
        let problems = changed(READINGS, from, to);
        problems.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let unknown = told("networks/c40,", "networks/c41,");
    assert!(unknown.starts_with("readings.csv:2 (networks/c41 "), "{unknown}");
    assert!(unknown.contains("is made by no row of the other files"), "{unknown}");
    let field = told("networks/c40,active_member_count", "networks/c40,members");
    assert!(field.contains("readings.csv:2") && field.contains("field must be one of"), "{field}");
    let of_type = told(",97,count,", ",97,,");
    assert!(of_type.contains("value must be a count"), "{of_type}");
    let date = told(",2005,year,", ",2005,month,");
    assert!(date.contains("is not a date of precision `month`"), "{date}");
}
