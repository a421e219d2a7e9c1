//! What a table may look like, what becomes of lines that are none, and that what goes out comes back.

use std::io::Write as _;

use hansa_client::tables::{self, Action, Decisions, Held, Layout, Observed, Part, Plan, Sheet};
use hansa_client::{Registry, tables::Snapshot};
use hansa_proto::ids::NetworkId;
use hansa_proto::pb::common::v1::{PartialDate, Source};
use hansa_proto::pb::registry::v1 as pb;
use hansa_tests::{World, make};
use pb::batch_item::Change;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

fn layout() -> Layout {
    let source = Source { citation: "A table, 2024".to_owned(), ..Source::default() };
    Layout { source: Some(source), ..Layout::long() }
}

/// What a file of these bytes says.
fn read(name: &str, bytes: &[u8]) -> Result<Sheet, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    std::fs::File::create(&path).and_then(|mut file| file.write_all(bytes)).expect("a file");
    let strip = |text: String| text.replace(&format!("{}/", directory.path().display()), "");
    let mut sheet = Sheet::read(&path).map_err(|error| strip(error.to_string()))?;
    sheet.file = name.to_owned();
    for trouble in &mut sheet.troubles {
        trouble.at = strip(std::mem::take(&mut trouble.at));
    }
    Ok(sheet)
}

fn observed(bytes: &[u8]) -> Observed {
    tables::observe(&read("table.csv", bytes).expect("a sheet"), &layout())
}

fn members(observed: &Observed) -> Vec<&str> {
    observed.observations.iter().map(|it| it.member.as_str()).collect()
}

fn troubles(observed: &Observed) -> Vec<String> {
    observed.troubles.iter().map(|it| format!("{}: {}", it.at, it.problem)).collect()
}

#[test]
fn the_same_table_however_it_was_saved() {
    let plain = "member,network,note\nLyon,c40,a\nKöln,c40,b\n";
    let expected = observed(plain.as_bytes());
    assert_eq!((members(&expected), troubles(&expected).len()), (vec!["Lyon", "Köln"], 0));
    for other in [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        plain.replace(',', ";"),
        plain.replace(',', "\t"),
        plain.trim_end().to_owned(),
        plain.replace('\n', "\n\n"),
        plain.replace("Lyon", " Lyon ").replace("member,", " member ,"),
        plain.replace("Lyon,c40,a", "\"Lyon\",\"c40\",\"a\""),
    ] {
        let found = observed(other.as_bytes());
        assert_eq!(troubles(&found), Vec::<String>::new(), "{other:?}");
        let terms = |it: &Observed| -> Vec<(String, String, String)> {
            let of = |it: &tables::Observation| {
                (it.member.clone(), it.network.clone(), it.term.note.clone())
            };
            it.observations.iter().map(of).collect()
        };
        assert_eq!(terms(&found), terms(&expected), "{other:?}");
        let line = if other.contains("\n\n") { 5 } else { 3 };
        assert_eq!(found.observations[1].at, format!("table.csv:{line}"), "{other:?}");
    }
    let quoted = observed(b"member,network,note\r\nLyon,c40,\"two\r\nlines\"\r\nBern,c40,b\r\n");
    let places: Vec<&str> = quoted.observations.iter().map(|it| it.at.as_str()).collect();
    assert_eq!(places, ["table.csv:2", "table.csv:4"]);
    // Separators within quotes are none, and a comma wins where both stand.
    let notes = "member;network;note\n\"Lyon\";c40;\"a; b, c\"\"d\"\"\"\n";
    assert_eq!(observed(notes.as_bytes()).observations[0].term.note, "a; b, c\"d\"");
    let roles = "member,network,roles\nLyon,c40,founder;host\n";
    assert_eq!(observed(roles.as_bytes()).observations[0].term.roles.len(), 2);
    let lines =
        "{\"member\":\"Lyon\",\"network\":\"c40\"}\n{\"member\":\"Köln\",\"network\":\"c40\"}\n";
    let sheet = read("table.jsonl", lines.as_bytes()).expect("JSON Lines");
    assert_eq!(members(&tables::observe(&sheet, &layout())), ["Lyon", "Köln"]);
}

#[test]
fn a_bad_line_names_its_place_and_takes_no_other_with_it() {
    let found = observed(
        b"member,network,joined,state,class,latitude,longitude,roles,sources\n\
          Lyon,c40,2020,,,,,,\n\
          Bern,c40,soon,,,,,,\n\
          Oslo,c40,,happy,,,,,\n\
          Rome,c40,,,golden,,,,\n\
          Nice,c40,,,,north,7.3,,\n\
          Bonn,c40,,,,,,[{],\n\
          Graz,c40,,,,,,,[{]\n\
          ,c40,,,,,,,\n\
          Kiel,,,,,,,,\n\
          Metz,c40,2020\n\
          Gent,c40,2020,,,,,,,,\n\
          Brno,c40,2021,,,,,,\n",
    );
    assert_eq!(members(&found), ["Lyon", "Brno"]);
    let told = troubles(&found);
    let expected = [
        (12, "has 11 cells where the header has 9"),
        (11, "has 3 cells where the header has 9"),
        (3, "joined: `soon` is not a date"),
        (4, "state: "),
        (5, "class: "),
        (6, "latitude: `north` is not a number"),
        (7, "roles: "),
        (8, "sources: "),
        (9, "there is no member"),
        (10, "there is no network"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (line, said) in expected {
        let at = format!("table.csv:{line}: ");
        let found = told.iter().find(|it| it.starts_with(&at)).unwrap_or_else(|| panic!("{at}"));
        assert!(found.contains(said), "{found} does not say {said}");
    }
    let lines =
        b"{\"member\":\"Lyon\",\"network\":\"c40\"}\n{\"member\":\n{\"member\":[]}\n\n[1]\n\
                  {\"member\":\"Brno\",\"network\":\"c40\"}\n{\"member\":\"Os";
    let sheet = read("table.jsonl", lines).expect("JSON Lines");
    let found = tables::observe(&sheet, &layout());
    assert_eq!(members(&found), ["Lyon", "Brno"]);
    let places: Vec<&str> = found.troubles.iter().map(|it| it.at.as_str()).collect();
    assert_eq!(places, ["table.jsonl:2", "table.jsonl:3", "table.jsonl:5", "table.jsonl:7"]);
}

#[test]
fn a_file_cut_off_says_so_and_one_that_is_no_table_is_refused() {
    let cut = observed(b"member,network,note\nLyon,c40,a\nBern,c40,\"never ends\nOslo,c40,b\n");
    assert_eq!(members(&cut), ["Lyon"]);
    assert!(troubles(&cut)[0].starts_with("table.csv:3: a quote that begins here is never closed"));
    let cut = observed(b"member,network,note\nLyon,c40,a\nBern,c4");
    assert_eq!(members(&cut), ["Lyon"]);
    assert!(troubles(&cut)[0].starts_with("table.csv:3: has 2 cells where the header has 3"));
    let inner = observed(b"member,network,note\nLyon,c40,5\" pipe\n\"Bern\",c40,b\n");
    assert_eq!((members(&inner), inner.troubles.len()), (vec!["Lyon", "Bern"], 0));

    let refused = |bytes: &[u8]| read("table.csv", bytes).expect_err("it is no table");
    let latin = refused(b"member,network\nLyon,c40\nK\xf6ln,c40\n");
    assert_eq!(latin, "table.csv:3: is not UTF-8 (byte 0xf6): save the table as UTF-8");
    let wide = refused(b"\xff\xfem\0e\0m\0b\0e\0r\0");
    assert_eq!(wide, "table.csv: is UTF-16: save the table as UTF-8");
    let twice = refused(b"member,network,Member\nLyon,c40,Bern\n");
    assert_eq!(twice, "table.csv:1: two columns are called `Member`");
    let nobody = observed(b"City|Network\nLyon|c40\n");
    let told = &troubles(&nobody)[0];
    assert!(told.contains("no column of members among `City|Network`"), "{told}");
    assert!(members(&observed(b"")).is_empty());
}

async fn started() -> (World, Registry) {
    let world = World::start_registry_only().await;
    let registry = Registry::connect(&world.registry_url()).await.expect("it serves");
    (world, registry)
}

async fn planned(registry: &Registry, text: &str, layout: &Layout, decided: &str) -> Plan {
    let sheet = Sheet::of_csv("table.csv", text).expect("a sheet");
    let observed = tables::observe(&sheet, layout);
    let decisions = Sheet::of_csv("matches.csv", decided).expect("decisions");
    let decisions = Decisions::of_sheet(&decisions).expect("decisions");
    let held = Held::ask(registry).await.expect("the registry answers");
    let plan = tables::plan(registry, &held, layout, &observed, &decisions, false).await;
    plan.expect("the registry answers")
}

async fn recorded(registry: &Registry, plan: Plan) {
    let rows = plan.planned.into_iter().filter_map(|it| Some((it.key, it.change?)));
    let tally = tables::run(registry, rows.collect(), false, &mut |_| {}).await.expect("it does");
    assert_eq!(tally.refused, []);
}

async fn fill(registry: &Registry, networks: &[&str], members: &[(&str, &str)]) {
    let networks = networks.iter().map(|id| Change::CreateNetwork(make::network(id)));
    let members = members.iter().map(|(id, name)| {
        let mut request = make::member(id, "DE");
        request.member.as_mut().expect("just made").names = vec![make::name(name)];
        Change::CreateMember(request)
    });
    let all = networks.chain(members).enumerate().map(|(key, change)| (key.to_string(), change));
    let tally = tables::run(registry, all.collect(), false, &mut |_| {}).await.expect("it does");
    assert_eq!(tally.refused, []);
}

const NOBODY: &str = "text,member\n";

/// A list that was not read to its end is no proof that anybody has left.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_because_a_file_was_cut_off_nor_who_only_applied() {
    let (world, registry) = started().await;
    let cities = [("bonn", "Bonn"), ("kiel", "Kiel"), ("ulm", "Ulm"), ("trier", "Trier")];
    fill(&registry, &["c40"], &cities).await;
    let snapshot = Layout {
        snapshot: Some(Snapshot {
            network: NetworkId::from_id("c40").expect("an id"),
            date: "2024-04".parse().expect("a date"),
            previous: Some("2020".parse().expect("a date")),
        }),
        ..layout()
    };
    let held = "member,network,as_of,state\nbonn,c40,2020,\nkiel,c40,2020,\nulm,c40,2020,applied\n";
    let plan = planned(&registry, held, &layout(), NOBODY).await;
    recorded(&registry, plan).await;

    let cut = planned(&registry, "member,country\nbonn,DE\nki", &snapshot, NOBODY).await;
    assert_eq!(cut.troubles.len(), 1);
    let actions: Vec<Action> = cut.planned.iter().map(|it| it.action).collect();
    assert_eq!((actions, cut.left_alone.len()), (vec![Action::Unchanged], 1));
    assert!(cut.left_alone[0].contains("not every line could be read"), "{:?}", cut.left_alone);

    let whole = planned(&registry, "member,country\nbonn,DE\n", &snapshot, NOBODY).await;
    let departs: Vec<&str> = whole
        .planned
        .iter()
        .filter(|it| it.action == Action::Depart)
        .map(|it| it.what.as_str())
        .collect();
    assert_eq!(departs, ["members/kiel in networks/c40, left 2020/2024-04"]);
    recorded(&registry, whole).await;
    let name = make::membership_name("c40", "kiel");
    let request = pb::GetMembershipRequest { name, ..Default::default() };
    let kiel = world.registry().get_membership(request).await.expect("it is held").into_inner();
    let term = kiel.membership.expect("it is answered").terms.remove(0);
    let latest = hansa_proto::pb::common::v1::LatestDate { year: 2024, month: 4, day: 0 };
    let interval = PartialDate { year: 2020, month: 0, day: 0, latest: Some(latest) };
    assert_eq!((term.state(), term.left), (pb::MembershipState::Ended, Some(interval)));
}

/// Headers that stand for a network, columns that are none, names that somebody decided on.
#[tokio::test(flavor = "multi_thread")]
async fn headers_and_names_of_the_file_are_given_their_meaning() {
    let (_world, registry) = started().await;
    fill(&registry, &["c40", "iclei"], &[("koeln", "Köln"), ("muenchen", "München")]).await;
    let text = "City,C40 Cities,ICLEI,TMN,\nCologne,1,0,1,\nMunich,0,x,1,\nAtlantis,1,1,2,\n";
    let network = |id: &str| NetworkId::from_id(id).expect("an id");
    let wide = Layout {
        wide: true,
        columns: vec![(Part::Member, "City".to_owned())],
        ignored: vec!["tmn".to_owned()],
        networks: vec![
            ("C40 Cities".to_owned(), network("c40")),
            ("ICLEI".to_owned(), network("iclei")),
        ],
        ..layout()
    };
    let decided = "text,member\nCologne,koeln\nMunich,members/muenchen\n";
    let plan = planned(&registry, text, &wide, decided).await;
    assert_eq!(plan.troubles, []);
    let what: Vec<&str> = plan.planned.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(what, ["members/koeln in networks/c40", "members/muenchen in networks/iclei"]);
    let unmatched: Vec<&str> = plan.unmatched.iter().map(|it| it.member.as_str()).collect();
    assert_eq!(unmatched, ["Atlantis"]);
    // Without their meaning the headers are no networks, and no row is lost without a word.
    let plain = Layout { networks: Vec::new(), ..wide };
    let plan = planned(&registry, text, &plain, decided).await;
    assert_eq!(plan.troubles[0].problem, "`C40 Cities` is no network that is recorded");
}

/// Texts that separators, quotes and line ends stand in.
const TEXTS: [&str; 9] = [
    "",
    "plain",
    "a, b; c",
    "says \"so\"",
    " blanks around ",
    "two\nlines",
    "[1]",
    "Łódź – 東京",
    "=1+1",
];

fn dated(random: &mut StdRng) -> Option<PartialDate> {
    let year = random.random_range(1950..2020);
    let latest = hansa_proto::pb::common::v1::LatestDate { year: year + 1, month: 2, day: 0 };
    match random.random_range(0..5) {
        0 => None,
        1 => make::date(&[year]),
        2 => make::date(&[year, 7]),
        3 => make::date(&[year, 7, 31]),
        _ => Some(PartialDate { year, latest: Some(latest), ..Default::default() }),
    }
}

fn random_term(random: &mut StdRng, is_last: bool) -> pb::Term {
    use pb::MembershipState::{Active, Applied, Ended, Invited, Suspended};
    let mut text = || (*TEXTS.choose(random).expect("there are some")).to_owned();
    let line = |text: String| text.replace('\n', " ");
    let (note, reason, grade, representative) = (text(), text(), line(text()), line(text()));
    let (citation, said) = (line(text()), text());
    let stated = [line(text()), line(text())];
    let open = [Active, Suspended, Applied, Invited, Ended];
    let state = if is_last { *open.choose(random).expect("there are some") } else { Ended };
    let kinds = [pb::RoleKind::Founder, pb::RoleKind::Other, pb::RoleKind::Host];
    let roles = stated.into_iter().take(random.random_range(0..3)).map(|stated| pb::Role {
        kind: (*kinds.choose(random).expect("there are some")).into(),
        stated,
    });
    let roles = roles.collect();
    let citation =
        if citation.trim().is_empty() { "A book".to_owned() } else { citation.trim().to_owned() };
    let source = Source { citation, uri: "https://example.org/?a=1,2".to_owned(), note: said };
    let class = [pb::MembershipClass::Unspecified, pb::MembershipClass::Observer];
    let ended = state == Ended;
    pb::Term {
        state: state.into(),
        class: (*class.choose(random).expect("there are some")).into(),
        roles,
        grade,
        representative,
        applied: dated(random),
        charter_signed: dated(random),
        joined: None,
        left: ended.then(|| dated(random)).flatten(),
        as_of: dated(random),
        end_reason: if ended { pb::EndReason::Expelled.into() } else { 0 },
        reason,
        note,
        sources: vec![source; random.random_range(1..3)],
        ..Default::default()
    }
}

async fn exported(registry: &Registry) -> tables::Exported {
    let request = pb::ExportRequest::default();
    tables::exported(registry, request, &mut |_| {}).await.expect("an export")
}

/// Whatever is held: as a long table and as JSON Lines it goes into an empty registry and comes out the
/// same, and into the registry it came from it brings nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_comes_back_whatever_it_is() {
    let networks = ["a", "b", "c"];
    let cities = [("m1", "Köln"), ("m2", "A, \"B\"; C"), ("m3", "Łódź"), ("m4", "東京")];
    for seed in 0..6 {
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let (_world, registry) = started().await;
        fill(&registry, &networks, &cities).await;
        let mut rows = Vec::new();
        for network in networks {
            for (member, _) in cities {
                let terms = random.random_range(0..4);
                for term in 0..terms {
                    let request = pb::RecordMembershipRequest {
                        network: make::network_name(network),
                        member: make::member_name(member),
                        term: Some(random_term(&mut random, term + 1 == terms)),
                        ..Default::default()
                    };
                    let key = format!("{network} {member} {term}");
                    rows.push((key, Change::RecordMembership(request)));
                }
            }
        }
        let tally = tables::run(&registry, rows, false, &mut |_| {}).await.expect("it answers");
        assert_eq!(tally.refused, []);
        let held = exported(&registry).await;
        assert!(held.memberships.len() > 3);

        let table = tables::long(&held.memberships);
        let again = planned(&registry, &table, &Layout::long(), NOBODY).await;
        assert_eq!((again.troubles, again.unmatched.len()), (Vec::new(), 0));
        assert!(again.planned.iter().all(|it| it.action == Action::Unchanged), "{table}");
        let (_other_world, other) = started().await;
        fill(&other, &networks, &cities).await;
        let plan = planned(&other, &table, &Layout::long(), NOBODY).await;
        recorded(&other, plan).await;
        assert_eq!(tables::long(&exported(&other).await.memberships), table);

        let lines = tables::json_lines(&held);
        let (resources, troubles) = tables::resources_of("all.jsonl", &lines);
        assert_eq!(troubles, []);
        let (absent, unchanged) = tables::absent(resources.clone(), &held);
        assert_eq!(tables::restored(absent), []);
        assert_eq!(unchanged, lines.lines().count());
        let (_empty_world, empty) = started().await;
        let rows = tables::restored(resources);
        let tally = tables::run(&empty, rows, false, &mut |_| {}).await.expect("it answers");
        assert_eq!(tally.refused, []);
        assert_eq!(tables::json_lines(&exported(&empty).await), lines);
    }
}

/// A line of JSON that is no resource is told, and the others are restored.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_export_is_told_line_by_line() {
    let (_world, registry) = started().await;
    fill(&registry, &["a"], &[("m1", "Köln"), ("m2", "Bonn")]).await;
    let lines = tables::json_lines(&exported(&registry).await);
    let cut = &lines[..lines.len() - 10];
    let (resources, troubles) =
        tables::resources_of("all.jsonl", &format!("{{\"city\":1}}\n{cut}"));
    let places: Vec<&str> = troubles.iter().map(|it| it.at.as_str()).collect();
    assert_eq!(places, ["all.jsonl:1", "all.jsonl:4"]);
    assert_eq!((resources.networks.len(), resources.members.len()), (1, 1));
}
