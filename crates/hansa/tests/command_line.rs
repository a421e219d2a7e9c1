//! The command line as scripts and people use it: the binary itself, with the real services in it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

#[path = "command_line/registry.rs"]
mod registry;

/// `hansa up`, running.
struct Up {
    process: Child,
    directory: TempDir,
    registry: String,
    feed: String,
}

impl Up {
    fn start(more: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// Returns once it has said where it listens, which comes after the endpoints file.
    fn start_in(directory: TempDir, more: &[&str]) -> Self {
        let file = directory.path().join("endpoints.json");
        let mut process = hansa()
            .args(["up", "--no-tail", "--registry-listen", "127.0.0.1:0"])
            .args(["--feed-listen", "127.0.0.1:0", "--endpoints-file"])
            .arg(&file)
            .arg("--data")
            .arg(directory.path().join("data"))
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().starts_with("feed ")), "it ended before it served");
        // What it says later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let endpoints = read_json(&file);
        let url = |service: &str| endpoints[service].as_str().unwrap().to_owned();
        Self { process, registry: url("registry"), feed: url("feed"), directory }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        hansa()
            .args(arguments)
            .env("HANSA_REGISTRY", &self.registry)
            .env("HANSA_FEED", &self.feed)
            .output()
            .unwrap()
    }

    /// Runs a command that must succeed, and reads every line it prints as JSON.
    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a command that must fail with this code, and returns what it complains of.
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?} printed in spite of its failure");
        stderr(&output)
    }

    /// Asks it to end as an operator does. It must end with 0.
    fn stop(mut self) -> TempDir {
        let process = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        let nothing = tempfile::tempdir().unwrap();
        std::mem::replace(&mut self.directory, nothing)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Only after a failed test is it still there.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn hansa() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansa"));
    for variable in ["HANSA_REGISTRY", "HANSA_FEED", "HANSA_DATA", "HANSA_LOG", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn read_json(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Files of the real data set into a directory.
fn copy_data(directory: &Path, files: &[&str]) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    for file in files {
        std::fs::copy(data.join(file), directory.join(file)).unwrap();
    }
}

fn positions(events: &[Value]) -> Vec<(u64, u64)> {
    let number = |event: &Value, field: &str| event[field].as_u64().unwrap();
    events.iter().map(|event| (number(event, "position"), number(event, "index"))).collect()
}

#[test]
fn the_first_run_imports_everything_and_later_ones_nothing() {
    let up = Up::start(&[]);
    assert_eq!(up.json(&["networks", "list"]).len(), 123 + 15);
    assert_eq!(up.json(&["members", "list"]).len(), 593);
    assert_eq!(up.json(&["statements", "list"]).len(), 67);
    assert_eq!(up.json(&["campaigns", "list"]).len(), 24);

    let again = up.json(&["import"]);
    assert_eq!(again[0]["created"], 0);
    assert_eq!(again[0]["unchanged"], 1842);
    assert_eq!(again[0]["failures"], serde_json::json!([]));

    let story =
        up.json(&["tail", "--from", "beginning", "--stop-at-head", "--member", "es-barcelona"]);
    assert!(positions(&story).is_sorted() && story.len() > 30, "{} events", story.len());
    for (index, event) in story.iter().enumerate().step_by(7) {
        let cursor = event["cursor"].as_str().unwrap();
        let rest = ["tail", "--stop-at-head", "--member", "es-barcelona", "--from", cursor];
        // A commit is never split: from within one, it comes again as a whole.
        let of_the_commit = |event: &&Value| event["position"] == story[index]["position"];
        let within = story[index + 1..].iter().any(|event| of_the_commit(&event));
        let from = if within {
            story.iter().position(|event| of_the_commit(&event)).unwrap()
        } else {
            index + 1
        };
        assert_eq!(positions(&up.json(&rest)), positions(&story[from..]));
    }

    let head = up.json(&["import"])[0]["feed_position"].clone();
    let up = Up::start_in(up.stop(), &[]);
    assert_eq!(up.json(&["import"])[0]["feed_position"], head);
    let directory = up.stop();
    let data = directory.path().join("data");
    let journal = |action: &str| {
        hansa().args(["journal", action, "--json"]).arg(&data).output().unwrap().stdout
    };
    assert_eq!(journal("verify").split(|byte| *byte == b'\n').filter(|l| !l.is_empty()).count(), 2);
    let text = String::from_utf8(journal("dump")).unwrap();
    let commits: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let holds = |field: &str| commits.iter().filter(|commit| commit[field].is_array()).count();
    assert!(holds("changes") == 1742 && holds("events") > 1742, "{}", commits.len());
    assert!(commits.iter().all(|commit| commit["body"].is_null()), "a body was not understood");
}

#[test]
fn what_is_written_is_followed_and_what_is_refused_is_explained() {
    let up = Up::start(&["--no-import"]);
    let tables = tempfile::tempdir().unwrap();
    copy_data(
        tables.path(),
        &["networks.csv", "members.csv", "network_relations.csv", "literature.csv"],
    );
    up.json(&["import", tables.path().to_str().unwrap()]);

    let charter = up.fails(1, &["join", "anvita", "fr-lyon"]);
    assert!(
        charter.contains("CHARTER_NOT_SIGNED") && charter.contains("--charter-signed"),
        "{charter}"
    );
    #[rustfmt::skip]
    let join = [
        "join", "anvita", "fr-lyon", "--charter-signed", "2024-05", "--council-voted", "2024-04",
        "--request-id", "a",
    ];
    let joined = &up.json(&join)[0];
    assert_eq!(joined["membership"]["terms"][0]["charter_signed"], "2024-05");
    assert_eq!(joined["replayed"], false);
    assert_eq!(up.json(&join)[0]["replayed"], true);
    let dry = up.json(&["join", "c40", "es-barcelona", "--dry-run"]);
    assert_eq!(dry[0]["membership"]["state"], "active");
    assert!(up.fails(1, &["memberships", "get", "c40", "es-barcelona"]).contains("NOT_FOUND"));

    let name = "networks/anvita/memberships/fr-lyon";
    let entry = &up.json(&["history", name])[0];
    assert_eq!(entry["request_id"], "a");
    assert_eq!(entry["change"]["kind"], "membership_joined");
    let before = (entry["position"].as_u64().unwrap() - 1).to_string();
    let get = ["memberships", "get", "anvita", "fr-lyon", "--at-position", before.as_str()];
    assert!(up.fails(1, &get).contains("NOT_FOUND"));
    #[rustfmt::skip]
    let list = [
        "memberships", "list", "--network", "anvita", "--filter", "lyon AND country = FR",
        "--order-by", "joined desc", "--as-of", "2030",
    ];
    let listed = up.json(&list);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["member"], "members/fr-lyon");
    assert!(listed[0]["terms"][0]["certainty"].is_string());
    let refused = up.fails(1, &["members", "list", "--filter", "country = ESP"]);
    assert!(refused.contains("at character 11"), "{refused}");

    let letter = ["publish", "letter", "--title", "A letter", "--kind", "open_letter"];
    assert!(up.fails(1, &letter).contains("--source"));
    up.json(
        &[
            &letter[..],
            &[
                "--network",
                "anvita",
                "--acting-member",
                "fr-lyon",
                "--member",
                "fr-lyon",
                "--sign",
                "fr-paris",
            ],
        ]
        .concat(),
    );
    up.json(&[
        "launch", "welcome", "--title", "Welcome", "--kind", "lobbying", "--lead", "fr-lyon",
    ]);
    up.json(&["leave", "anvita", "fr-lyon", "--date", "2026-11"]);
    let kinds: Vec<Value> = up
        .json(&["tail", "--from", "beginning", "--stop-at-head", "--member", "fr-lyon"])
        .into_iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["member_recorded", "joined", "statement_published", "campaign_launched", "left"]
    );

    for (code, said, arguments) in [
        (1, "NOT_FOUND", &["networks", "get", "nothing"][..]),
        (1, "MEMBER_UNKNOWN", &["tail", "--member", "nobody"]),
        (
            1,
            "nothing answers at http://127.0.0.1:1",
            &["networks", "list", "--registry", "http://127.0.0.1:1"],
        ),
        (1, "is not the URL of a service", &["tail", "--feed", "here"]),
        (1, "no-such-directory", &["journal", "verify", "no-such-directory"]),
        (2, "2026-13", &["join", "c40", "es-barcelona", "--date", "2026-13"]),
        (2, "not one of full", &["join", "c40", "es-barcelona", "--class", "gold"]),
        (2, "lower case letters", &["join", "c40", "Bad Id"]),
        (2, "beginning, end", &["tail", "--from", "xyz"]),
        (2, "--member", &["memberships", "list"]),
    ] {
        let complaint = up.fails(code, arguments);
        assert!(complaint.contains(said), "{arguments:?} says: {complaint}");
    }
    up.stop();
}

#[test]
fn what_is_redacted_is_gone_and_the_journal_says_how_much() {
    let up = Up::start(&["--no-import"]);
    let publish = ["publish", "letter", "--title", "A title to erase", "--kind", "open_letter"];
    up.json(&[&publish[..], &["--source", "A source"]].concat());
    let redact = ["redact", "letter", "--ground", "a court's order"];
    let checked = up.json(&[&redact[..], &["--dry-run"]].concat()).remove(0);
    assert_eq!(up.json(&["statements", "get", "letter"])[0]["title"], "A title to erase");
    let stale = up.fails(1, &[&redact[..], &["--etag", "stale"]].concat());
    assert!(stale.contains("ETAG_MISMATCH"), "{stale}");
    let done = up.json(&redact).remove(0);
    let statement = &done["statement"];
    assert_eq!((&statement["state"], &statement["title"]), (&"redacted".into(), &"".into()));
    assert_eq!(statement["legal_ground"], "a court's order");
    assert_eq!(statement["content_sha256"], checked["statement"]["content_sha256"]);
    assert_eq!(statement["content_sha256"].as_str().unwrap().len(), 64);
    let events = up.json(&["tail", "--from", "beginning", "--stop-at-head"]);
    assert_eq!(events[0]["redacted_position"], done["position"]);
    assert_eq!(events[0]["title"], "letter (redacted)");
    assert_eq!(events[1]["kind"], "statement_redacted");
    let directory = up.stop();
    let feed = directory.path().join("data/feed");
    let verified = hansa().args(["journal", "verify"]).arg(&feed).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(said.contains("1 of the commits"), "{said}{}", stderr(&verified));
}

#[test]
fn a_wrong_row_is_named_before_anything_is_written() {
    let up = Up::start(&["--no-import"]);
    let tables = tempfile::tempdir().unwrap();
    let text = include_str!("../../../data/networks.csv").replacen(",city_network,", ",club,", 1);
    std::fs::write(tables.path().join("networks.csv"), text).unwrap();
    let complaint = up.fails(1, &["import", tables.path().to_str().unwrap()]);
    assert!(
        complaint.contains("networks.csv:2 (anvita): kind: unknown word `club`"),
        "{complaint}"
    );
    assert!(up.json(&["networks", "list"]).is_empty());
    up.stop();
}

#[test]
fn a_taken_port_or_directory_is_an_error_that_says_so() {
    let up = Up::start(&["--no-import"]);
    let taken = up.registry.trim_start_matches("http://");
    let other = up.directory.path().join("other");
    let arguments = ["up", "--registry-listen", taken, "--data", other.to_str().unwrap()];
    let complaint = up.fails(1, &arguments);
    assert!(complaint.contains("is in use") && complaint.contains("--registry-listen 127.0.0.1:0"));

    let data = up.directory.path().join("data");
    let mut arguments = vec!["up", "--registry-listen", "127.0.0.1:0", "--feed-listen"];
    arguments.extend(["127.0.0.1:0", "--data", data.to_str().unwrap()]);
    let complaint = up.fails(1, &arguments);
    assert!(complaint.contains("in use: most likely another process"), "{complaint}");
    up.stop();
}

#[test]
fn nobody_reading_is_no_error() {
    let up = Up::start(&[]);
    let mut members = hansa()
        .args(["members", "list", "--json", "--registry", &up.registry])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(members.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with('{'));
    let output = members.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    up.stop();
}

/// `hansa up` takes the limits of both services.
#[tokio::test]
async fn up_keeps_to_its_limits() {
    use hansa_proto::pb::registry::v1::WatchChangesRequest;
    use hansa_tests::events::from_beginning;

    let limits = ["--no-import", "--max-subscriptions", "1", "--max-open-calls", "20"];
    let up = Up::start(&limits);
    let clients =
        hansa_tests::Clients { registry_url: up.registry.clone(), feed_url: up.feed.clone() };
    let held = clients.feed().subscribe(from_beginning()).await.unwrap();
    let refused = clients.feed().subscribe(from_beginning()).await.unwrap_err();
    assert!(format!("{refused:?}").contains("STREAM_QUOTA"), "{refused:?}");
    drop(held);
    let mut watches = Vec::new();
    let refused = loop {
        match clients.registry().watch_changes(WatchChangesRequest::default()).await {
            Ok(stream) => watches.push(stream),
            Err(status) => break status,
        }
        assert!(watches.len() < 20, "there is no limit");
    };
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused:?}");
}
