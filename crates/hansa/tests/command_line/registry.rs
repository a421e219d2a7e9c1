//! Tables in and out, matching, statistics, what a filter would bring and kept subscriptions: one pair of services, with the real networks and members.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Up, stderr};

/// Networks and members of the real data set, and tables beside them.
struct Desk {
    up: Up,
    files: tempfile::TempDir,
}

impl Desk {
    fn set() -> Desk {
        let up = Up::start(&["--no-import"]);
        let files = tempfile::tempdir().unwrap();
        super::copy_data(
            files.path(),
            &["networks.csv", "members.csv", "network_relations.csv", "literature.csv"],
        );
        up.json(&["import", files.path().to_str().unwrap()]);
        Desk { up, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Imports a table and reads the report.
    fn import(&self, file: &str, more: &[&str]) -> Value {
        let arguments = [&["import", "table", file][..], more].concat();
        self.up.json(&arguments).remove(0)
    }

    /// An import that leaves rows out: its report, and what it complains of.
    fn import_some(&self, file: &str, more: &[&str]) -> (Value, String) {
        let arguments = [&["import", "table", file, "--json"][..], more].concat();
        let output = self.up.run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let report = serde_json::from_slice(&output.stdout).unwrap();
        (report, stderr(&output))
    }

    fn term(&self, network: &str, member: &str) -> Value {
        let held = self.up.json(&["memberships", "get", network, member]).remove(0);
        held["terms"].as_array().unwrap().last().unwrap().clone()
    }

    fn memberships(&self, network: &str) -> usize {
        self.up.json(&["memberships", "list", "--network", network]).len()
    }

    fn export(&self, arguments: &[&str]) -> String {
        let output = self.up.run(&[&["export"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

const SOURCE: [&str; 2] = ["--source", "A table, 2024 | https://example.org/table"];

#[test]
fn tables_go_in_and_out() {
    let desk = Desk::set();
    wide_tables_with_names_of_their_own(&desk);
    grades(&desk);
    decisions(&desk);
    snapshots(&desk);
    files_that_are_not_whole(&desk);
    what_goes_out_comes_back(&desk);
    matching(&desk);
    statistics(&desk);
    subscriptions(&desk);
    desk.up.stop();
}

fn wide_tables_with_names_of_their_own(desk: &Desk) {
    let file = desk.file(
        "tmn.csv",
        "City;Land;C40 Cities;eurocities;TMN\r\nBarcelona;ESP;1;1;2\r\nLyon;FRA;0;x;1\r\n",
    );
    let wide = [
        "--wide",
        "--column",
        "member=City",
        "--column",
        "country=Land",
        "--ignore",
        "TMN",
        "--network-column",
        "C40 Cities=c40",
        "--as-of",
        "2017",
    ];
    let wide = [&wide[..], &SOURCE].concat();
    let dry = desk.import(&file, &[&wide[..], &["--dry-run"]].concat());
    let counts = |report: &Value| {
        ["joined", "unchanged", "applied"].map(|count| report[count].as_u64().unwrap())
    };
    assert_eq!((counts(&dry), &dry["position"]), ([3, 0, 3], &json!(0)));
    assert_eq!(dry["unmatched"], json!([]));
    assert_eq!((desk.memberships("c40"), desk.memberships("eurocities")), (0, 0));
    assert_eq!(counts(&desk.import(&file, &wide)), [3, 0, 3]);
    assert_eq!(counts(&desk.import(&file, &wide)), [0, 3, 0]);
    assert_eq!((desk.memberships("c40"), desk.memberships("eurocities")), (1, 2));
    let term = desk.term("c40", "es-barcelona");
    assert_eq!((&term["state"], &term["as_of"]), (&json!("active"), &json!("2017")));
    assert_eq!(term["sources"][0]["uri"], "https://example.org/table");
    // A header that nobody gave a meaning is told for each of its rows, and the others go on.
    let named = ["--network-column", "C40 Cities=c40"];
    let position = wide.iter().position(|it| *it == named[0]).unwrap();
    let unnamed = [&wide[..position], &wide[position + 2..]].concat();
    let (report, complaint) = desk.import_some(&file, &unnamed);
    assert_eq!(report["unchanged"], 2);
    assert!(complaint.contains("tmn.csv:2: `C40 Cities` is no network"), "{complaint}");
}

fn grades(desk: &Desk) {
    let file = desk.file("quentin.csv", "member,iccar,uclg\nes-madrid,5,0\nfr-paris,1,6\n");
    let graded = [&["--wide", "--grades", "quentin", "--as-of", "2024"][..], &SOURCE].concat();
    assert_eq!(desk.import(&file, &graded)["joined"], 3);
    let roles = |network: &str, member: &str| {
        let term = desk.term(network, member);
        let roles = term["roles"].as_array().cloned().unwrap_or_default();
        let kinds: Vec<Value> = roles.iter().map(|role| role["kind"].clone()).collect();
        (term["class"].clone(), json!(kinds))
    };
    assert_eq!(roles("iccar", "es-madrid"), (json!("full"), json!(["host"])));
    assert_eq!(desk.term("iccar", "es-madrid")["grade"], "5 (privileged, host)");
    assert_eq!(roles("iccar", "fr-paris"), (json!("observer"), json!([])));
    assert_eq!(roles("uclg", "fr-paris"), (json!("full"), json!(["founder", "host"])));
    let out = desk.export(&["memberships", "--format", "wide", "--grades", "quentin"]);
    let row = |member: &str| out.lines().find(|line| line.starts_with(member)).unwrap();
    let column = |name: &str| {
        out.lines().next().unwrap().split(',').position(|header| header == name).unwrap()
    };
    let cell = |member: &str, network: &str| row(member).split(',').nth(column(network)).unwrap();
    assert_eq!(cell("members/es-madrid", "networks/iccar"), "5");
    assert_eq!(cell("members/fr-paris", "networks/uclg"), "6");
    assert_eq!(cell("members/es-madrid", "networks/uclg"), "0");

    let scheme =
        desk.file("scheme.csv", "grade,class,roles,text\nA,full,chair,Grade A\nno,none,,\n");
    let file = desk
        .file("own.csv", "member,network,grade\nes-madrid,metropolis,a\nfr-paris,metropolis,no\n");
    let report = desk.import(&file, &[&["--grades", scheme.as_str()][..], &SOURCE].concat());
    assert_eq!(report["joined"], 1);
    assert_eq!(roles("metropolis", "es-madrid"), (json!("full"), json!(["chair"])));
    let file = desk.file("unknown.csv", "member,network,grade\nes-madrid,metropolis,Z\n");
    let graded = [&["--grades", scheme.as_str()][..], &SOURCE].concat();
    let (_, complaint) = desk.import_some(&file, &graded);
    assert!(complaint.contains("unknown.csv:2: `Z` is no grade of the scheme"), "{complaint}");
    let broken = desk.file("broken.csv", "grade,class\nA,golden\n");
    let arguments =
        ["import", "table", file.as_str(), "--grades", broken.as_str(), "--source", "X"];
    assert!(desk.up.fails(1, &arguments).contains("broken.csv:2"));
}

fn decisions(desk: &Desk) {
    let file = desk
        .file("names.csv", "member,country,network\nColonia Agrippina,DE,cemr\nAtlantis,,cemr\n");
    let undecided = desk.import(&file, &SOURCE);
    assert_eq!((&undecided["joined"], &undecided["applied"]), (&json!(0), &json!(0)));
    let texts: Vec<&Value> =
        undecided["unmatched"].as_array().unwrap().iter().map(|it| &it["text"]).collect();
    assert_eq!(texts, [&json!("Atlantis"), &json!("Colonia Agrippina")]);
    let decided = desk.file("decided.csv", "text,member\nColonia Agrippina,de-berlin\n");
    let report = desk.import(&file, &[&["--matches", decided.as_str()][..], &SOURCE].concat());
    assert_eq!(report["joined"], 1);
    assert_eq!(report["unmatched"][0]["text"], "Atlantis");
    assert_eq!(desk.term("cemr", "de-berlin")["state"], "active");
    let wrong = desk.file("wrong.csv", "text;who\nColonia Agrippina;de-berlin\n");
    let arguments =
        ["import", "table", file.as_str(), "--matches", wrong.as_str(), "--source", "X"];
    assert!(desk.up.fails(1, &arguments).contains("`text` and `member`"));
}

fn snapshots(desk: &Desk) {
    let first = desk.file("2017.csv", "member\nes-barcelona\nfr-lyon\n");
    let second = desk.file("2020.csv", "member\nfr-lyon\nde-berlin\n");
    let network = ["--network", "flacma"];
    let of = |more: &[&'static str]| [&network[..], more, &SOURCE].concat();
    assert_eq!(desk.import(&first, &of(&["--snapshot-of", "2017"]))["joined"], 2);
    let later = of(&["--snapshot-of", "2020-04", "--previous", "2017"]);
    let dry = desk.import(&second, &[&later[..], &["--dry-run"]].concat());
    let report = desk.import(&second, &later);
    for report in [&dry, &report] {
        let counts = ["joined", "departed", "unchanged"].map(|it| report[it].as_u64().unwrap());
        assert_eq!(counts, [1, 1, 1]);
    }
    let left = desk.term("flacma", "es-barcelona");
    assert_eq!((&left["state"], &left["left"]), (&json!("ended"), &json!("2017..2020-04")));
    assert_eq!(desk.term("flacma", "de-berlin")["joined"], "2017..2020-04");
    assert!(desk.term("flacma", "fr-lyon")["joined"].is_null());
    assert_eq!(desk.import(&second, &later)["applied"], 0);
    let complaint = desk.up.fails(2, &["import", "table", "x.csv", "--previous", "2017"]);
    assert!(complaint.contains("--snapshot-of"), "{complaint}");
}

fn files_that_are_not_whole(desk: &Desk) {
    let cut = desk
        .file("cut.csv", "member,network,joined\nes-madrid,arlem,2020\nfr-paris,arlem,soon\nde-be");
    let (report, complaint) = desk.import_some(&cut, &SOURCE);
    assert_eq!(report["applied"], 1);
    for said in ["2 rows were left out", "cut.csv:3: joined: `soon`", "cut.csv:4: has 1 cells"] {
        assert!(complaint.contains(said), "{complaint} does not say {said}");
    }
    let latin = desk.file("latin.csv", b"member,network\nK\xf6ln,arlem\n");
    let complaint = desk.up.fails(1, &["import", "table", &latin, "--source", "X"]);
    assert!(complaint.contains("latin.csv:2: is not UTF-8"), "{complaint}");
    let refused =
        desk.file("refused.csv", "member,network,state,left\nes-madrid,cor,active,2010\n");
    let (report, complaint) = desk.import_some(&refused, &SOURCE);
    assert_eq!(report["applied"], 0);
    assert!(complaint.contains("refused.csv:2 (line-2): "), "{complaint}");
    let nobody = desk.file("nobody.csv", "member,network\nes-madrid,cor\n");
    let (_, complaint) = desk.import_some(&nobody, &[]);
    assert!(complaint.contains("nobody.csv:2: nobody says so"), "{complaint}");
}

fn what_goes_out_comes_back(desk: &Desk) {
    let table = desk.path("out.csv");
    let table = table.to_str().unwrap();
    assert_eq!(desk.export(&["memberships", "--to", table]), "");
    let text = std::fs::read_to_string(table).unwrap();
    assert_eq!(text, desk.export(&["memberships"]));
    let again = desk.import(table, &[]);
    assert_eq!((&again["applied"], &again["unmatched"]), (&json!(0), &json!([])));
    assert_eq!(again["unchanged"].as_u64().unwrap() as usize, text.lines().count() - 1);
    let of_one = desk.export(&["memberships", "--network", "flacma"]);
    assert_eq!(of_one.lines().count(), 1 + 3);
    let before = desk.export(&["memberships", "--at-position", "1"]);
    assert_eq!(before.lines().count(), 1);

    let all = desk.path("all.jsonl");
    let all = all.to_str().unwrap();
    desk.export(&["all", "--format", "jsonl", "--to", all]);
    let held = desk.import(all, &["--resources"]);
    let lines = std::fs::read_to_string(all).unwrap().lines().count();
    assert_eq!((&held["applied"], &held["unchanged"]), (&json!(0), &json!(lines)));
    let other = Up::start(&["--no-import"]);
    other.json(&["import", "table", all, "--resources"]);
    let output = other.run(&["export", "all", "--format", "jsonl"]);
    assert_eq!(output.stdout, std::fs::read(all).unwrap());
    other.stop();

    assert!(desk.export(&["members"]).starts_with("member,name,other_names,kind,country"));
    assert_eq!(desk.export(&["networks"]).lines().count(), 1 + 123);
    assert!(desk.up.fails(1, &["export", "all"]).contains("--format jsonl"));
    assert!(desk.up.fails(1, &["export", "members", "--format", "wide"]).contains("memberships"));
}

fn matching(desk: &Desk) {
    let first = |arguments: &[&str]| desk.up.json(&[&["match"], arguments].concat());
    let found = &first(&["barcelona", "--country", "ES"])[0];
    assert_eq!((&found["member"], &found["score"]), (&json!("members/es-barcelona"), &json!(0.9)));
    let barcelona = desk.up.json(&["members", "get", "es-barcelona"]).remove(0);
    let id = barcelona["external_ids"][0]["value"].as_str().unwrap();
    let found = &first(&["--geonames", id])[0];
    assert_eq!((&found["member"], &found["score"]), (&json!("members/es-barcelona"), &json!(1.0)));
    let near = first(&["--at", "41.39,2.17"]);
    assert!(near.iter().any(|it| it["member"] == "members/es-barcelona"), "{near:?}");
    assert!(first(&["no such city anywhere"]).is_empty());
    assert!(desk.up.fails(2, &["match"]).contains("required"));
    assert!(desk.up.fails(2, &["match", "--at", "here"]).contains("41.39,2.17"));
}

fn statistics(desk: &Desk) {
    let tables = desk.up.json(&["landscape"]);
    assert_eq!(tables.len(), 6);
    let lacroix = "source : \"Thomas Lacroix\" source : \"2021, Table 2\"";
    let of = |more: &[&str]| desk.up.json(&[&["landscape", "tables"], more].concat());
    let table = of(&["origin-scope-by-scale", "--filter", lacroix, "--names"]).remove(0);
    assert_eq!((&table["unique_total"], &table["left_out"]), (&json!(37), &json!(2)));
    assert_eq!(table["left_out_names"][1], "networks/recosol");
    let row = |name: &str| {
        let rows = table["rows"].as_array().unwrap();
        rows.iter().find(|row| row["row"] == name).unwrap()["cells"].clone()
    };
    assert_eq!(row("grassroots, generalist")["regional"]["names"], json!(["networks/eurocities"]));
    // With a filter of networks there is no table of members.
    assert_eq!(of(&["--filter", lacroix]).len(), 5);
    let text = desk.up.run(&["landscape", "tables", "period-by-origin", "--filter", lacroix]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("networks, each once"));
    let refused = desk.up.fails(1, &["landscape", "tables", "--filter", "source > 3"]);
    assert!(refused.contains("`source` is compared with"), "{refused}");

    let overlaps = desk.up.json(&["landscape", "overlaps", "eurocities"]);
    assert!(overlaps.iter().all(|it| it["network"] == "networks/eurocities"), "{overlaps:?}");
    let with_c40 = overlaps.iter().find(|it| it["other"] == "networks/c40").unwrap();
    assert_eq!(with_c40["shared_members"], json!(["members/es-barcelona"]));
    let none = ["landscape", "overlaps", "--min-shared", "100", "--unrelated"];
    assert!(desk.up.json(&none).is_empty());
    let among = |filter| desk.up.json(&["landscape", "overlaps", "eurocities", "--filter", filter]);
    assert!(among("theme : climate").iter().any(|it| it["other"] == "networks/c40"));
    assert!(among("NOT theme : climate").iter().all(|it| it["other"] != "networks/c40"));
    let met = desk.up.json(&["landscape", "co-members", "es-barcelona"]);
    assert_eq!(
        (&met[0]["member"], &met[0]["shared_count"]),
        (&json!("members/fr-lyon"), &json!(1))
    );
    let reach = desk.up.json(&["landscape", "reach", "--country", "ES", "--limit", "2"]);
    assert_eq!((reach.len(), &reach[0]["member"]), (2, &json!("members/es-madrid")));
    let nobody = ["landscape", "co-members", "es-barcelona", "--filter", "NOT state : *"];
    assert!(desk.up.json(&nobody).is_empty());
    let spanish = desk.up.json(&["landscape", "reach", "--filter", "country = ES", "--limit", "2"]);
    assert_eq!(spanish, reach);
    let least = desk.up.json(&["landscape", "reach", "--ascending", "--limit", "1"]);
    assert_eq!(least[0]["network_count"], 0);
    assert!(desk.up.fails(1, &["landscape", "co-members", "nobody"]).contains("NOT_FOUND"));
}

fn subscriptions(desk: &Desk) {
    let explain = |more: &[&str]| desk.up.json(&[&["explain"], more].concat()).remove(0);
    let count = |explained: &Value, which: &str| explained[which].as_u64().unwrap();
    let all = explain(&[]);
    assert_eq!(count(&all, "matching_events"), count(&all, "total_events"));
    let filter = ["--network", "flacma"];
    let some = explain(&filter);
    let told =
        desk.up.json(&[&["tail", "--from", "beginning", "--stop-at-head"][..], &filter].concat());
    assert_eq!(count(&some, "matching_events") as usize, told.len());
    assert!(told.len() > 4 && count(&all, "total_events") as usize > told.len());
    let nothing = explain(&[&filter[..], &["--kind", "suspended"]].concat());
    assert_eq!(count(&nothing, "matching_events"), 0);
    assert_ne!(nothing["why_nothing"], "");

    let subscriptions = |more: &[&str]| desk.up.json(&[&["subscriptions"], more].concat());
    let made = subscriptions(&[&["create", "board"][..], &filter].concat()).remove(0);
    assert_eq!(made["filter"]["networks"], json!(["networks/flacma"]));
    assert_eq!(made["lag_events"], told.len());
    let taken = [&["subscriptions", "create", "board"][..], &filter].concat();
    assert!(desk.up.fails(1, &taken).contains("ALREADY_EXISTS"));
    let tail = ["tail", "--subscription", "board", "--stop-at-head"];
    let behind = desk.up.json(&tail);
    let essence = |events: &[Value]| -> Vec<Value> {
        events.iter().map(|it| json!([it["position"], it["index"]])).collect()
    };
    assert_eq!(essence(&behind), essence(&told));
    let cursor = behind.last().unwrap()["cursor"].as_str().unwrap();
    let moved = subscriptions(&["commit", "board", cursor]).remove(0);
    assert_eq!(moved["lag_events"], 0);
    assert!(desk.up.json(&tail).is_empty());
    let listed = subscriptions(&["list"]);
    assert_eq!((listed.len(), &listed[0]["name"]), (1, &json!("subscriptions/board")));
    assert_eq!(subscriptions(&["get", "board"])[0]["cursor"], moved["cursor"]);
    let stale = ["subscriptions", "commit", "board", cursor, "--expected", &"0".repeat(50)];
    assert_eq!(desk.up.run(&stale).status.code(), Some(1));
    assert!(desk.up.fails(2, &["subscriptions", "commit", "board", "xyz"]).contains("cursor"));
    subscriptions(&["delete", "board"]);
    assert!(desk.up.fails(1, &["subscriptions", "get", "board"]).contains("NOT_FOUND"));
}
