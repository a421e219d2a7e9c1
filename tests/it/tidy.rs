//! The rules of this repository, each with its reason, checked on every file of it. Each rule is a
//! function on one file, and has a test that it catches what it is for.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// This file names what it forbids.
const THIS_FILE: &str = "tests/it/tidy.rs";

/// What is made, not written.
const NOT_OURS: [&str; 5] = [".git", "target", "hansa-data", "__pycache__", "node_modules"];

/// The most lines of a source file, its tests apart.
const SOURCE_LINES_MAX: usize = 600;

/// One file: its path from the root, with `/`, and what is in it.
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs") && self.path != THIS_FILE
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is the tests of a source, in a file of their own.
    fn is_tests_of_a_source(&self) -> bool {
        self.path.contains("/tests/") || self.name() == "tests.rs"
    }

    /// Whether it is there for tests alone.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.is_tests_of_a_source()
    }

    fn is_domain(&self) -> bool {
        self.name() == "domain.rs" || self.path.contains("/domain/")
    }

    /// Its lines without the tests at its foot.
    fn body(&self) -> &str {
        let foot = self.text.find("#[cfg(test)]\nmod ");
        &self.text[..foot.unwrap_or(self.text.len())]
    }

    /// Where `word` stands in its code, comments apart, and with nothing before or after it that
    /// would make it another word.
    fn code_with(&self, code: &str, word: &str) -> Vec<String> {
        let numbered = code.lines().enumerate();
        numbered
            .filter(|(_, line)| has_word(without_comment(line), word))
            .map(|(index, line)| format!("{}:{}: {}", self.path, index + 1, line.trim()))
            .collect()
    }
}

/// A rule: what is wrong in this file, if anything.
type Rule = fn(&File) -> Vec<String>;

fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

fn has_word(line: &str, word: &str) -> bool {
    let part_of_a_word = |character: char| character.is_alphanumeric() || character == '_';
    let open_ended = !word.ends_with(part_of_a_word);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part_of_a_word) && (open_ended || !after.is_some_and(part_of_a_word))
    })
}

// The rules.

fn statuses_are_made_in_one_file(file: &File) -> Vec<String> {
    let made = [
        "Status::new(",
        "Status::with_",
        "Status::from_error(",
        "Status::cancelled(",
        "Status::unknown(",
        "Status::invalid_argument(",
        "Status::deadline_exceeded(",
        "Status::not_found(",
        "Status::already_exists(",
        "Status::permission_denied(",
        "Status::resource_exhausted(",
        "Status::failed_precondition(",
        "Status::aborted(",
        "Status::out_of_range(",
        "Status::unimplemented(",
        "Status::internal(",
        "Status::unavailable(",
        "Status::data_loss(",
        "Status::unauthenticated(",
        "Problem::new(",
    ];
    if !file.is_rust() || file.is_test() || file.name() == "status.rs" {
        return Vec::new();
    }
    made.iter().flat_map(|word| file.code_with(file.body(), word)).collect()
}

fn sled_stays_in_the_view(file: &File) -> Vec<String> {
    if !file.is_rust() || file.path.starts_with("crates/view/") {
        return Vec::new();
    }
    file.code_with(&file.text, "sled::")
}

fn the_domain_is_pure(file: &File) -> Vec<String> {
    if !file.is_rust() || file.is_test() || !file.is_domain() {
        return Vec::new();
    }
    let impure = ["pb", "prost", "tonic", "tokio", "async", "await"];
    impure.iter().flat_map(|word| file.code_with(file.body(), word)).collect()
}

fn the_clock_is_read_in_the_chassis(file: &File) -> Vec<String> {
    if !file.is_rust() || file.is_test() || file.path.starts_with("crates/chassis/") {
        return Vec::new();
    }
    let clocks = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"];
    clocks.iter().flat_map(|word| file.code_with(file.body(), word)).collect()
}

fn the_clock_on_the_wall_is_handed_in(file: &File) -> Vec<String> {
    let services = ["feed-service/", "registry-service/", "crates/chassis/src/server"];
    let service = services.iter().any(|it| file.path.starts_with(it));
    if !service || !file.is_rust() || file.is_test() {
        return Vec::new();
    }
    let reads = ["clock::now_micros", "clock::{now_micros", "clock::{Stopwatch, now_micros"];
    reads.iter().flat_map(|word| file.code_with(file.body(), word)).collect()
}

fn nothing_is_left_undone(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let undone = ["todo!(", "unimplemented!(", "#[ignore"];
    undone.iter().flat_map(|word| file.code_with(&file.text, word)).collect()
}

fn no_path_is_of_one_machine(file: &File) -> Vec<String> {
    let folders = ["/home/", "/root/", "/Users/"];
    if file.path == THIS_FILE {
        return Vec::new();
    }
    // In `https://example.org/home/` it is part of an address.
    let starts_a_path = |before: &str| {
        !before.ends_with(|character: char| {
            character.is_alphanumeric() || "._-~%})]>".contains(character)
        })
    };
    let of_one_machine = |line: &str| {
        folders
            .iter()
            .any(|folder| line.match_indices(folder).any(|(at, _)| starts_a_path(&line[..at])))
    };
    let numbered = file.text.lines().enumerate();
    numbered
        .filter(|(_, line)| of_one_machine(line))
        .map(|(index, line)| format!("{}:{}: {}", file.path, index + 1, line.trim()))
        .collect()
}

fn every_source_says_what_it_is_for(file: &File) -> Vec<String> {
    if !file.path.ends_with(".rs") || file.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![format!("{}: starts with {:?}", file.path, file.text.lines().next().unwrap_or_default())]
}

fn every_source_can_be_read_in_one_go(file: &File) -> Vec<String> {
    let lines = file.body().lines().count();
    if !file.path.ends_with(".rs") || file.is_tests_of_a_source() || lines <= SOURCE_LINES_MAX {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines", file.path)]
}

/// Which crates of ours each may import; `None` is any. As docs/architecture.md says.
fn may_import(package: &str) -> Option<Option<&'static [&'static str]>> {
    match package {
        "hansa-proto" | "hansa-journal" | "hansa-chassis" => Some(Some(&[])),
        "hansa-view" => Some(Some(&["hansa-journal"])),
        "registry-service" | "feed-service" => {
            Some(Some(&["hansa-proto", "hansa-journal", "hansa-view", "hansa-chassis"]))
        }
        "hansa-client" => Some(Some(&["hansa-proto"])),
        "hansa-chaos" => Some(Some(&["hansa-proto", "hansa-chassis"])),
        "hansa" | "hansa-bench" | "hansa-tests" => Some(None),
        "hansa-fuzz" => Some(Some(&["hansa-tests"])),
        _ => None,
    }
}

/// Tests of a crate (`dev-dependencies`) may import more, but never the other service.
fn crates_import_whom_they_may(file: &File) -> Vec<String> {
    let Some(package) = manifest_value(file, "package", "name") else { return Vec::new() };
    let Some(allowed) = may_import(&package) else {
        return vec![format!(
            "{}: docs/architecture.md does not say what {package} may import",
            file.path
        )];
    };
    let Some(allowed) = allowed else { return Vec::new() };
    let services = ["registry-service", "feed-service"];
    let refused = |(section, name): &(String, String)| {
        may_import(name).is_some()
            && !allowed.contains(&name.as_str())
            && (!section.starts_with("dev-") || services.contains(&name.as_str()))
    };
    let imports = imports(file).into_iter().filter(refused);
    imports
        .map(|(section, name)| format!("{}: {package} has {name} in {section}", file.path))
        .collect()
}

fn crates_share_the_lints(file: &File) -> Vec<String> {
    let is_package = manifest_value(file, "package", "name").is_some();
    if !is_package || manifest_value(file, "lints", "workspace").as_deref() == Some("true") {
        return Vec::new();
    }
    vec![format!("{}: has no `[lints] workspace = true`", file.path)]
}

/// The entries of a manifest as (section, key, value), quotes apart.
fn manifest(file: &File) -> Vec<(String, String, String)> {
    if file.name() != "Cargo.toml" {
        return Vec::new();
    }
    let mut section = String::new();
    let mut entries = Vec::new();
    for line in file.text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let value = value.trim().trim_matches('"').to_owned();
            entries.push((section.clone(), key.trim().to_owned(), value));
        }
    }
    entries
}

fn manifest_value(file: &File, section: &str, key: &str) -> Option<String> {
    let wanted = |entry: &(String, String, String)| entry.0 == section && entry.1 == key;
    manifest(file).into_iter().find(wanted).map(|entry| entry.2)
}

/// What a package imports, as (section, package), under whatever name it does.
fn imports(file: &File) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (section, key, value) in manifest(file) {
        let Some((before, after)) = section.split_once("dependencies") else { continue };
        if before.starts_with("workspace") {
            continue;
        }
        let kind = if before.ends_with("dev-") { "dev-dependencies" } else { "dependencies" };
        // `[dependencies.name]` has the name in its title, `name.workspace = true` before the dot.
        let name = after.strip_prefix('.').unwrap_or(key.split('.').next().unwrap_or_default());
        found.push((kind.to_owned(), name.to_owned()));
        if let Some((_, renamed)) = value.split_once("package") {
            let original = renamed.trim_start_matches([' ', '=', '"']).split('"').next();
            found.push((kind.to_owned(), original.unwrap_or_default().to_owned()));
        }
        if key == "package" {
            found.push((kind.to_owned(), value));
        }
    }
    found
}

fn links_lead_somewhere(file: &File) -> Vec<String> {
    let read_by_people = !file.path.contains('/') || file.path.starts_with("docs/");
    if !file.path.ends_with(".md") || !read_by_people {
        return Vec::new();
    }
    let folder = root().join(&file.path).parent().map(Path::to_path_buf).unwrap_or_default();
    let broken = links(&file.text).into_iter().filter(|link| !folder.join(link).exists());
    broken.map(|link| format!("{}: {link} is not there", file.path)).collect()
}

/// The links of a page to files beside it, code blocks and anchors apart.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let paths = targets.filter_map(|target| target.split('#').next());
        found.extend(paths.filter(|path| !path.is_empty() && !path.contains(':')));
    }
    found
}

// The repository.

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every text file of the repository.
fn repository() -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let from_root = path.strip_prefix(root()).expect("it was found under the root");
                let path = from_root.to_string_lossy().replace('\\', "/");
                files.push(File { path, text });
            }
        }
    }
    assert!(files.iter().any(|file| file.path == THIS_FILE), "this is not the repository");
    files
}

/// Fails with everything that breaks the rule, and why it is one.
fn hold(rule: Rule, reason: &str) {
    let mut report = String::new();
    for problem in repository().iter().flat_map(rule) {
        let _ = writeln!(report, "  {problem}");
    }
    assert!(report.is_empty(), "{reason}:\n{report}");
}

#[test]
fn statuses_are_made_in_status_rs() {
    hold(
        statuses_are_made_in_one_file,
        "a tonic::Status is made only in a file named status.rs, where one exhaustive match chooses \
         its code: give that file a case and call it",
    );
}

#[test]
fn sled_is_named_only_by_the_view() {
    hold(
        sled_stays_in_the_view,
        "sled stands only in crates/view, which knows what it does not promise: use hansa_view",
    );
}

#[test]
fn domains_are_pure() {
    hold(
        the_domain_is_pure,
        "a domain decides with its own types and waits for nothing: parse before it, encode after it",
    );
}

#[test]
fn time_is_handed_in() {
    hold(
        the_clock_is_read_in_the_chassis,
        "the clock is read only in crates/chassis, so that a replay decides the same: take the time \
         as an argument",
    );
    hold(
        the_clock_on_the_wall_is_handed_in,
        "a service goes by the `Clock` of its configuration, so that tests can set it",
    );
}

#[test]
fn nothing_is_unfinished() {
    hold(
        nothing_is_left_undone,
        "what is here works, and every test runs: finish it or leave it out",
    );
}

#[test]
fn paths_are_relative() {
    hold(no_path_is_of_one_machine, "a path of one machine helps nobody else: make it relative");
}

#[test]
fn sources_begin_with_their_promise() {
    hold(
        every_source_says_what_it_is_for,
        "the first line of a source is `//! ` and says what the file answers or promises",
    );
}

#[test]
fn sources_are_short() {
    hold(
        every_source_can_be_read_in_one_go,
        "a source has at most 600 lines, its tests apart: one that answers more than one question \
         becomes a folder of the same name",
    );
}

#[test]
fn crates_keep_to_the_architecture() {
    hold(
        crates_import_whom_they_may,
        "docs/architecture.md, \"Who may import whom\": the services meet only over gRPC, and what \
         supports them knows nothing of them",
    );
}

#[test]
fn crates_have_the_same_lints() {
    hold(crates_share_the_lints, "every crate takes the lints of the workspace");
}

#[test]
fn links_resolve() {
    hold(
        links_lead_somewhere,
        "links in README.md, CONTRIBUTING.md and docs/ lead to files that are there",
    );
}

// That each rule catches what it is for, and only that.

fn catches(rule: Rule, path: &str, text: &str) -> bool {
    !rule(&File { path: path.to_owned(), text: text.to_owned() }).is_empty()
}

#[test]
fn a_status_made_elsewhere_is_caught() {
    let rule = statuses_are_made_in_one_file;
    let made = "fn f() -> Status { Status::not_found(\"x\") }";
    assert!(catches(rule, "feed-service/src/grpc.rs", made));
    assert!(catches(rule, "crates/chassis/src/server.rs", "tonic::Status::new(code, text)"));
    assert!(!catches(rule, "feed-service/src/status.rs", made));
    assert!(!catches(rule, "tests/it/errors.rs", made));
    assert!(!catches(
        rule,
        "feed-service/src/grpc.rs",
        "ServingStatus::unknown(x) // Status::new("
    ));
    assert!(!catches(
        rule,
        "feed-service/src/a.rs",
        &format!("#[cfg(test)]\nmod tests {{ {made} }}")
    ));
}

#[test]
fn sled_elsewhere_is_caught() {
    let rule = sled_stays_in_the_view;
    assert!(catches(rule, "registry-service/src/view.rs", "use sled::Tree;"));
    assert!(!catches(rule, "crates/view/src/store.rs", "use sled::Tree;"));
    assert!(!catches(rule, "registry-service/src/view.rs", "/// not with sled::Tree\nunsled::x()"));
}

#[test]
fn an_impure_domain_is_caught() {
    let rule = the_domain_is_pure;
    for text in ["use hansa_proto::{pb, ids};", "pb::Network", "async fn f() {}", "tonic::Code"] {
        assert!(catches(rule, "feed-service/src/domain.rs", text), "{text}");
        assert!(catches(rule, "feed-service/src/domain/statement.rs", text), "{text}");
        assert!(!catches(rule, "feed-service/src/codec.rs", text), "{text}");
    }
    assert!(!catches(rule, "feed-service/src/domain.rs", "kind.to_pb(); // no async"));
    assert!(!catches(rule, "feed-service/src/domain/tests.rs", "pb::Network"));
}

#[test]
fn a_clock_elsewhere_is_caught() {
    let rule = the_clock_is_read_in_the_chassis;
    assert!(catches(rule, "crates/journal/src/writer.rs", "let now = Instant::now();"));
    assert!(catches(rule, "registry-service/src/lib.rs", "map(SystemTime::now)"));
    assert!(!catches(rule, "crates/chassis/src/clock.rs", "SystemTime::now()"));
    assert!(!catches(rule, "crates/journal/src/writer.rs", "clock::now_micros()"));
    let rule = the_clock_on_the_wall_is_handed_in;
    assert!(catches(rule, "feed-service/src/lib.rs", "now_micros: clock::now_micros,"));
    assert!(!catches(rule, "feed-service/src/lib.rs", "config.clock.now_micros()"));
    assert!(!catches(rule, "crates/bench/src/stream.rs", "clock::{Stopwatch, now_micros}"));
}

#[test]
fn unfinished_work_is_caught() {
    let rule = nothing_is_left_undone;
    for text in
        ["fn f() { todo!() }", "unimplemented!(\"later\")", "#[ignore]", "#[ignore = \"slow\"]"]
    {
        assert!(catches(rule, "crates/view/src/lib.rs", text), "{text}");
        assert!(catches(rule, "tests/it/joins.rs", text), "{text}");
    }
    assert!(!catches(rule, "crates/view/src/lib.rs", "ignored(); // todo!()"));
}

#[test]
fn a_path_of_one_machine_is_caught() {
    let rule = no_path_is_of_one_machine;
    for text in ["see /home/someone/notes", "cd \"/root/x\"", "(/Users/a/b)"] {
        assert!(catches(rule, "docs/operations.md", text), "{text}");
    }
    for text in ["https://example.org/home/page", "./work/x", "https://example.org/en-gb/work/a"] {
        assert!(!catches(rule, "data/members.csv", text), "{text}");
    }
}

#[test]
fn a_source_without_its_promise_is_caught() {
    let rule = every_source_says_what_it_is_for;
    assert!(catches(rule, "crates/view/src/lib.rs", "use std::fs;\n//! late"));
    assert!(catches(rule, "crates/view/src/lib.rs", "//!\n"));
    assert!(!catches(rule, "crates/view/src/lib.rs", "//! A view.\n"));
    assert!(!catches(rule, "docs/a.md", "# A"));
}

#[test]
fn a_long_source_is_caught() {
    let rule = every_source_can_be_read_in_one_go;
    let long = "//! x\n".repeat(SOURCE_LINES_MAX + 1);
    let tests = format!("//! x\n#[cfg(test)]\nmod tests {{\n{long}}}");
    assert!(catches(rule, "crates/view/src/lib.rs", &long));
    assert!(!catches(rule, "crates/view/src/lib.rs", &"//! x\n".repeat(SOURCE_LINES_MAX)));
    assert!(!catches(rule, "crates/view/src/lib.rs", &tests));
    assert!(!catches(rule, "crates/view/src/store/tests.rs", &long));
    assert!(catches(rule, "tests/it/joins.rs", &long));
}

#[test]
fn a_forbidden_import_is_caught() {
    let rule = crates_import_whom_they_may;
    let manifest =
        |package: &str, rest: &str| format!("[package]\nname = \"{package}\"\n\n{rest}\n");
    let refused = [
        ("feed-service", "[dependencies]\nregistry-service.workspace = true"),
        (
            "feed-service",
            "[dev-dependencies]\nregistry-service = { path = \"../registry-service\" }",
        ),
        ("feed-service", "[dependencies]\nhansa-client.workspace = true"),
        ("hansa-chassis", "[dependencies]\nhansa-proto.workspace = true"),
        ("hansa-journal", "[dependencies.hansa-proto]\nworkspace = true"),
        ("hansa-journal", "[dependencies]\nwire = { package = \"hansa-proto\", path = \"x\" }"),
        ("hansa-view", "[target.'cfg(unix)'.dependencies]\nhansa-chassis.workspace = true"),
        ("hansa-client", "[build-dependencies]\nhansa-chassis.workspace = true"),
        ("hansa-new", "[dependencies]\n"),
    ];
    for (package, rest) in refused {
        assert!(catches(rule, "x/Cargo.toml", &manifest(package, rest)), "{package}: {rest}");
    }
    let fine = [
        ("feed-service", "[dependencies]\nhansa-view.workspace = true # not registry-service"),
        ("feed-service", "[dev-dependencies]\nhansa-client.workspace = true"),
        ("hansa-view", "[dependencies]\nhansa-journal.workspace = true\nsled.workspace = true"),
        (
            "hansa",
            "[dependencies]\nfeed-service.workspace = true\nregistry-service.workspace = true",
        ),
    ];
    for (package, rest) in fine {
        assert!(!catches(rule, "x/Cargo.toml", &manifest(package, rest)), "{package}: {rest}");
    }
    let workspace = "[workspace.dependencies]\nhansa-proto = { path = \"proto\" }\n";
    assert!(!catches(rule, "Cargo.toml", workspace));
}

#[test]
fn a_crate_with_lints_of_its_own_is_caught() {
    let rule = crates_share_the_lints;
    assert!(catches(rule, "x/Cargo.toml", "[package]\nname = \"x\"\n"));
    assert!(!catches(rule, "x/Cargo.toml", "[package]\nname = \"x\"\n[lints]\nworkspace = true\n"));
    assert!(!catches(rule, "Cargo.toml", "[workspace]\nmembers = []\n"));
}

#[test]
fn a_broken_link_is_caught() {
    let rule = links_lead_somewhere;
    assert!(catches(rule, "README.md", "see [there](docs/nowhere.md#part)"));
    assert!(catches(rule, "docs/architecture.md", "[root](README.md)"));
    assert!(!catches(
        rule,
        "docs/architecture.md",
        "[root](../README.md), [web](https://example.org)"
    ));
    assert!(!catches(rule, "README.md", "```text\n[x](nowhere)\n```\n[below](#part)"));
}
