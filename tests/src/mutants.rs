//! The list of mutants: faults made by hand, each with the test that has to catch it.
//!
//! `tests/mutants/list.txt` holds them, one after the other:
//!
//! ```text
//! mutant: a-name
//! guarantee: what it breaks, as docs/guarantees.md calls it
//! file: path from the root of the repository
//! test: package target path::of::the::test
//! --- before
//! text that stands exactly once in the file
//! --- after
//! text that takes its place
//! --- end
//! ```
//!
//! They are found by their text and not by line, so that a file can change around them.

use std::path::Path;

/// A fault made by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutant {
    /// What it is called: small letters and hyphens.
    pub name: String,
    /// What it breaks.
    pub guarantee: String,
    /// The file it is in, from the root of the repository.
    pub file: String,
    /// The test that catches it.
    pub test: Catcher,
    /// What stands there.
    pub before: String,
    /// What takes its place.
    pub after: String,
}

/// A test, as cargo is told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Catcher {
    /// The package it is in.
    pub package: String,
    /// `lib`, or the name of a test target.
    pub target: String,
    /// Its whole path within the target.
    pub path: String,
}

impl Catcher {
    /// Arguments of cargo that choose the package and the target.
    pub fn chosen(&self) -> Vec<String> {
        let mut arguments = vec!["-p".to_owned(), self.package.clone()];
        match self.target.as_str() {
            "lib" => arguments.push("--lib".to_owned()),
            target => arguments.extend(["--test".to_owned(), target.to_owned()]),
        }
        arguments
    }
}

impl Mutant {
    /// The text of its file with the fault in it; why not, when it does not stand there exactly once.
    pub fn applied(&self, text: &str) -> Result<String, String> {
        match text.matches(&self.before).count() {
            1 => Ok(text.replacen(&self.before, &self.after, 1)),
            count => Err(format!("{}: stands {count} times in {}", self.name, self.file)),
        }
    }
}

/// The list of this repository.
///
/// # Errors
/// Says what is wrong with the list.
pub fn listed(root: &Path) -> Result<Vec<Mutant>, String> {
    let path = root.join("tests/mutants/list.txt");
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text)
}

/// Reads a list. Lines that begin with `#` between mutants are for people.
///
/// # Errors
/// Says what is wrong with it, and where.
pub fn parse(text: &str) -> Result<Vec<Mutant>, String> {
    let mut mutants: Vec<Mutant> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| format!("line {}: {what}: {line:?}", index + 1);
        if line == "--- before" {
            let mutant = mutants.last_mut().ok_or_else(|| wrong("belongs to no mutant"))?;
            mutant.before = block(&mut lines, "--- after")?;
            mutant.after = block(&mut lines, "--- end")?;
            continue;
        }
        let (key, value) = line.split_once(": ").ok_or_else(|| wrong("is not `key: value`"))?;
        if key == "mutant" {
            mutants.push(Mutant { name: value.to_owned(), ..Default::default() });
            continue;
        }
        let mutant = mutants.last_mut().ok_or_else(|| wrong("belongs to no mutant"))?;
        match key {
            "guarantee" => mutant.guarantee = value.to_owned(),
            "file" => mutant.file = value.to_owned(),
            "test" => mutant.test = catcher(value).ok_or_else(|| wrong("names no test"))?,
            _ => return Err(wrong("is not known")),
        }
    }
    match mutants.iter().find(|mutant| !mutant.is_whole()) {
        Some(mutant) => Err(format!("{}: a part is missing", mutant.name)),
        None => Ok(mutants),
    }
}

impl Mutant {
    fn is_whole(&self) -> bool {
        let parts = [&self.name, &self.guarantee, &self.file, &self.test.path, &self.before];
        parts.iter().all(|part| !part.is_empty()) && self.before != self.after
    }
}

fn catcher(words: &str) -> Option<Catcher> {
    let mut words = words.split(' ').map(str::to_owned);
    Some(Catcher { package: words.next()?, target: words.next()?, path: words.next()? })
}

fn block<'t>(
    lines: &mut impl Iterator<Item = (usize, &'t str)>,
    until: &str,
) -> Result<String, String> {
    let mut text = String::new();
    for (_, line) in lines {
        if line == until {
            return Ok(text);
        }
        text.push_str(line);
        text.push('\n');
    }
    Err(format!("no {until:?} follows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# one\nmutant: a\nguarantee: Unique\nfile: f.rs\ntest: p lib t::u\n\
                        --- before\n  x\n--- after\n  y\n--- end\n";

    #[test]
    fn a_list_is_read_and_applied_where_it_stands_once() {
        let mutants = parse(LIST).unwrap();
        assert_eq!(mutants[0].test.chosen(), ["-p", "p", "--lib"]);
        assert_eq!(mutants[0].applied("a\n  x\nb\n").unwrap(), "a\n  y\nb\n");
        assert!(mutants[0].applied("a\n").is_err());
        assert!(mutants[0].applied("  x\n  x\n").is_err());
    }

    #[test]
    fn a_part_that_is_missing_is_named() {
        for part in ["guarantee: Unique\n", "file: f.rs\n", "test: p lib t::u\n", "  x\n"] {
            assert!(parse(&LIST.replace(part, "")).is_err(), "{part}");
        }
        assert!(parse(&LIST.replace("  y", "  x")).is_err(), "it changes nothing");
        assert!(parse(&LIST.replace("--- end\n", "")).is_err());
        assert!(parse(&LIST.replace("file:", "fill:")).is_err());
    }
}
