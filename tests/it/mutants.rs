//! Every mutant of `tests/mutants/list.txt` can still be put where it belongs, and stands in
//! docs/guarantees.md with the test that catches it. That it is caught, `tests/mutants/run` shows: it
//! takes too long to be run with every change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hansa_tests::mutants::{Mutant, listed};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn mutants() -> Vec<Mutant> {
    listed(&root()).unwrap()
}

#[test]
fn every_mutant_applies_once() {
    let mutants = mutants();
    assert!(mutants.len() >= 30, "{}", mutants.len());
    let names: BTreeSet<&String> = mutants.iter().map(|mutant| &mutant.name).collect();
    assert_eq!(names.len(), mutants.len(), "a name twice");
    let problems: Vec<String> = mutants
        .iter()
        .filter_map(|mutant| {
            let text = std::fs::read_to_string(root().join(&mutant.file));
            let text = text.map_err(|error| format!("{}: {error}", mutant.file));
            text.and_then(|text| mutant.applied(&text)).err()
        })
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_mutant_stands_in_the_guarantees() {
    let page = std::fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    for mutant in mutants() {
        let test = mutant.test.path.rsplit("::").next().unwrap_or_default();
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", mutant.name)));
        let row = row.unwrap_or_else(|| panic!("{} is not listed", mutant.name));
        assert!(row.contains(&mutant.guarantee), "{row}: not {}", mutant.guarantee);
        assert!(row.contains(&format!("`{test}`")), "{row}: not {test}");
    }
}

/// A test that is named but not there would catch nothing.
#[test]
fn every_catching_test_exists() {
    let sources = sources(&root());
    for mutant in mutants() {
        let test = mutant.test.path.rsplit("::").next().unwrap_or_default();
        let head = format!("fn {test}(");
        assert!(sources.iter().any(|text| text.contains(&head)), "{}: no {test}", mutant.name);
    }
}

fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() && !["target", ".git", "data", "node_modules"].contains(&name.as_str()) {
            found.extend(sources(&entry));
        } else if name.ends_with(".rs") {
            found.push(std::fs::read_to_string(&entry).unwrap());
        }
    }
    found
}
