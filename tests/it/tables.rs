//! Tables from the world: long, wide, graded and as snapshots; and out again without loss.

use hansa_client::Registry;
use hansa_client::tables::{
    self, Action, Decisions, Grades, Held, Layout, Plan, Sheet, Snapshot, Tally,
};
use hansa_proto::ids::NetworkId;
use hansa_proto::pb::common::v1::{PartialDate, Source};
use hansa_proto::pb::registry::v1 as pb;
use hansa_tests::World;
use hansa_tests::make;

fn layout() -> Layout {
    let source = Source { citation: "A table, 2024".to_owned(), ..Source::default() };
    Layout { source: Some(source), ..Layout::long() }
}

async fn world() -> (World, Registry) {
    let world = World::start_registry_only().await;
    let registry = Registry::connect(&world.registry_url()).await.expect("it serves");
    (world, registry)
}

async fn fill(world: &World, networks: &[&str], members: &[(&str, &str, &str)]) {
    for id in networks {
        world.registry().create_network(make::network(id)).await.expect("a network");
    }
    for (id, name, country) in members {
        let mut request = make::member(id, country);
        request.member.as_mut().expect("just made").names = vec![make::name(name)];
        world.registry().create_member(request).await.expect("a member");
    }
}

async fn planned(registry: &Registry, text: &str, layout: &Layout, create: bool) -> Plan {
    let sheet = Sheet::of_csv("table.csv", text).expect("a sheet");
    let observed = tables::observe(&sheet, layout);
    let held = Held::ask(registry).await.expect("the registry answers");
    let decisions = Decisions::default();
    let plan = tables::plan(registry, &held, layout, &observed, &decisions, create).await;
    plan.expect("the registry answers")
}

async fn recorded(registry: &Registry, plan: &Plan) -> Tally {
    let rows = plan.planned.iter().filter_map(|it| Some((it.key.clone(), it.change.clone()?)));
    tables::run(registry, rows.collect(), false, &mut |_| {}).await.expect("the registry answers")
}

fn actions(plan: &Plan) -> Vec<Action> {
    plan.planned.iter().map(|planned| planned.action).collect()
}

async fn term(world: &World, network: &str, member: &str) -> pb::Term {
    let name = make::membership_name(network, member);
    let request = pb::GetMembershipRequest { name, ..Default::default() };
    let membership = world.registry().get_membership(request).await.expect("a membership");
    let terms = membership.into_inner().membership.expect("it is answered").terms;
    terms.into_iter().next_back().expect("at least one term")
}

const CITIES: [(&str, &str, &str); 3] =
    [("fr-lyon", "Lyon", "FR"), ("de-koeln", "Köln", "DE"), ("es-sevilla", "Sevilla", "ES")];

#[tokio::test(flavor = "multi_thread")]
async fn a_wide_table_with_grades_is_split_into_classes_and_roles() {
    let (world, registry) = world().await;
    fill(&world, &["c40", "iclei"], &CITIES).await;
    let text = "member,country,c40,iclei\nLyon,FRA,5,0\nKoeln,DE,1,\nKÖLN,DE,,2\n";
    let layout = Layout { wide: true, grades: Some(Grades::quentin()), ..layout() };
    let plan = planned(&registry, text, &layout, false).await;
    assert_eq!(actions(&plan), [Action::Join, Action::Join]);
    // Koeln is like Köln, and nobody decides that but a person.
    assert_eq!(plan.unmatched.len(), 1);
    assert_eq!(plan.unmatched[0].at, ["table.csv:3"]);
    let tally = recorded(&registry, &plan).await;
    assert_eq!((tally.applied, tally.refused.len()), (2, 0));
    let lyon = term(&world, "c40", "fr-lyon").await;
    assert_eq!(lyon.class(), pb::MembershipClass::Full);
    assert_eq!(lyon.roles[0].kind(), pb::RoleKind::Host);
    assert_eq!(lyon.grade, "5 (privileged, host)");
    assert_eq!(lyon.sources[0].note, "table.csv:2");
    // The grades come out as they came in.
    let request = pb::ExportRequest::default();
    let exported = tables::exported(&registry, request, &mut |_| {}).await.expect("an export");
    let wide = tables::wide(&exported, &Grades::quentin());
    assert!(wide.contains("members/fr-lyon,Lyon,FR,5,0\n"), "{wide}");
    assert!(wide.contains("members/de-koeln,Köln,DE,0,2\n"), "{wide}");
    // And again there is nothing to do.
    let again = planned(&registry, text, &layout, false).await;
    assert_eq!(actions(&again), [Action::Unchanged, Action::Unchanged]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_never_merged_and_missing_members_are_made_only_when_asked_for() {
    let (world, registry) = world().await;
    let twins = [("es-leon", "León", "ES"), ("es-leon-province", "León", "ES")];
    fill(&world, &["c40"], &twins).await;
    let text = "member,country,network\nLeon,ES,c40\nTromsø,NO,c40\nOslo,,c40\nBern,CH,no-such\n";
    let plan = planned(&registry, text, &layout(), false).await;
    assert!(plan.planned.is_empty());
    let names: Vec<&str> = plan.unmatched.iter().map(|it| it.member.as_str()).collect();
    assert_eq!(names, ["Bern", "Leon", "Oslo", "Tromsø"]);
    assert_eq!(plan.unmatched[1].proposals.len(), 2);
    assert_eq!(plan.troubles[0].at, "table.csv:5");

    let plan = planned(&registry, text, &layout(), true).await;
    let names: Vec<&str> = plan.unmatched.iter().map(|it| it.member.as_str()).collect();
    assert_eq!(names, ["Leon", "Oslo"]);
    assert_eq!(actions(&plan), [Action::Create, Action::Create, Action::Join]);
    assert_eq!(recorded(&registry, &plan).await.refused, []);
    assert_eq!(term(&world, "c40", "no-tromso").await.state(), pb::MembershipState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_snapshots_give_joins_and_departures_as_intervals() {
    let (world, registry) = world().await;
    fill(&world, &["c40"], &CITIES).await;
    let network = NetworkId::from_id("c40").expect("an id");
    let date = |text: &str| text.parse().expect("a date");
    let snapshot = |day: &str, previous: Option<&str>| Layout {
        snapshot: Some(Snapshot {
            network: network.clone(),
            date: date(day),
            previous: previous.map(date),
        }),
        ..layout()
    };
    let first = snapshot("2017", None);
    let old = "member,country\nLyon,FR\nKöln,DE\n";
    let plan = planned(&registry, old, &first, false).await;
    recorded(&registry, &plan).await;
    let lyon = term(&world, "c40", "fr-lyon").await;
    assert_eq!((lyon.joined, lyon.as_of.map(|date| date.year)), (None, Some(2017)));

    let second = snapshot("2020-04", Some("2017"));
    let new = "member,country\nLyon,FR\nSevilla,ES\n";
    let plan = planned(&registry, new, &second, false).await;
    assert_eq!(actions(&plan), [Action::Unchanged, Action::Join, Action::Depart]);
    assert_eq!(recorded(&registry, &plan).await.refused, []);
    let interval = |date: Option<PartialDate>| {
        let date = date.expect("a date");
        let latest = date.latest.expect("an interval");
        (date.year, latest.year, latest.month)
    };
    assert_eq!(interval(term(&world, "c40", "es-sevilla").await.joined), (2017, 2020, 4));
    let gone = term(&world, "c40", "de-koeln").await;
    assert_eq!((gone.state(), interval(gone.left)), (pb::MembershipState::Ended, (2017, 2020, 4)));
    // The same snapshot again says nothing new.
    let plan = planned(&registry, new, &second, false).await;
    assert_eq!(actions(&plan), [Action::Unchanged, Action::Unchanged]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_perhaps_meant_by_an_undecided_line_has_not_left() {
    let (world, registry) = world().await;
    fill(&world, &["c40"], &CITIES).await;
    let join = make::join("c40", "de-koeln");
    world.registry().join_network(join).await.expect("it is open");
    let layout = Layout {
        snapshot: Some(Snapshot {
            network: NetworkId::from_id("c40").expect("an id"),
            date: "2024".parse().expect("a date"),
            previous: Some("2020".parse().expect("a date")),
        }),
        ..layout()
    };
    let plan = planned(&registry, "member,country\nKölnn,DE\n", &layout, false).await;
    assert!(plan.planned.is_empty(), "{:?}", plan.planned);
    assert_eq!((plan.unmatched.len(), plan.left_alone.len()), (1, 1));
}

async fn exported(registry: &Registry) -> tables::Exported {
    let request = pb::ExportRequest::default();
    tables::exported(registry, request, &mut |_| {}).await.expect("an export")
}

/// A registry with something of everything that a table or JSON Lines must not lose.
async fn varied(world: &World, registry: &Registry) {
    fill(world, &["c40", "old", "small"], &CITIES).await;
    let text = "network,member,class,roles,grade,joined,left,as_of,end_reason,reason,note,sources\n\
                c40,fr-lyon,full,founder;other=Godmother,Gold,2005-10/2006,2010,,left,Too dear,,A book\n\
                c40,fr-lyon,associate,host,,2015,,2024-04-01,,,\"a, note\",\"[{\"\"citation\"\":\"\"X\"\",\
                \"\"uri\"\":\"\"https://example.org\"\",\"\"note\"\":\"\"n\"\"}]\"\n\
                old,de-koeln,,,,1990,,,,,,A book\n";
    let plan = planned(registry, text, &layout(), false).await;
    assert_eq!(plan.troubles, []);
    assert_eq!(recorded(registry, &plan).await.refused, []);
    let relation = pb::Relation {
        kind: pb::RelationKind::PartnerOf.into(),
        network: "networks/small".to_owned(),
        ..Default::default()
    };
    let relate = pb::RelateNetworksRequest {
        name: "networks/c40".to_owned(),
        relation: Some(relation),
        ..Default::default()
    };
    world.registry().relate_networks(relate).await.expect("a relation");
    let end = pb::EndNetworkRequest {
        name: "networks/old".to_owned(),
        ended: make::date(&[1999]),
        merged_into: "networks/c40".to_owned(),
        ..Default::default()
    };
    world.registry().end_network(end).await.expect("it ends");
    let retire = pb::RetireMemberRequest {
        name: "members/es-sevilla".to_owned(),
        retired: make::date(&[2020, 1]),
        ..Default::default()
    };
    world.registry().retire_member(retire).await.expect("it retires");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_come_back_byte_for_byte() {
    let (world, registry) = world().await;
    varied(&world, &registry).await;
    let lines = tables::json_lines(&exported(&registry).await);
    let (_other, other) = self::world().await;
    let rows = tables::restored(tables::resources_of("all.jsonl", &lines).0);
    let tally = tables::run(&other, rows, false, &mut |_| {}).await.expect("it answers");
    assert_eq!(tally.refused, []);
    assert_eq!(tables::json_lines(&exported(&other).await), lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_table_comes_back_byte_for_byte() {
    let (world, registry) = world().await;
    varied(&world, &registry).await;
    let table = tables::long(&exported(&registry).await.memberships);
    let (empty, other) = self::world().await;
    fill(&empty, &["c40", "old", "small"], &CITIES).await;
    let plan = planned(&other, &table, &Layout::long(), false).await;
    assert_eq!((plan.troubles.len(), plan.unmatched.len()), (0, 0));
    assert_eq!(recorded(&other, &plan).await.refused, []);
    assert_eq!(tables::long(&exported(&other).await.memberships), table);
    // And into the registry it came from it brings nothing.
    let plan = planned(&registry, &table, &Layout::long(), false).await;
    assert_eq!(actions(&plan), [Action::Unchanged; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_the_registry_would_refuse() {
    let (world, registry) = world().await;
    fill(&world, &["c40"], &CITIES).await;
    let text = "network,member,joined,left\nc40,fr-lyon,2020,2010\n";
    let plan = planned(&registry, text, &layout(), false).await;
    let rows: Vec<_> =
        plan.planned.iter().filter_map(|it| Some((it.key.clone(), it.change.clone()?))).collect();
    let tried = tables::run(&registry, rows.clone(), true, &mut |_| {}).await.expect("it answers");
    let done = tables::run(&registry, rows, false, &mut |_| {}).await.expect("it answers");
    assert_eq!((tried.applied, &tried.refused), (done.applied, &done.refused));
    assert_eq!(tried.position, 0);
}
