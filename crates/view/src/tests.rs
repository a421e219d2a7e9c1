//! Whatever is settled, the view reads like a map: while layers become runs and runs become one, after it
//! was opened again, and after a crash at any moment.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hansa_journal::{Chain, JournalId, Position};
use proptest::prelude::*;

use crate::{Entry, Keys, Opening, Seen, Staging, View};

const IDENTITY: JournalId = JournalId::from_bytes([1; 16]);
const PREFIXES: [&str; 8] = ["", "a", "a/", "a/1/", "a/12/", "b/", "b/0/", "c/"];

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Settle(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    Scan { prefix: &'static str, from: Option<Vec<u8>>, limit: usize },
    Reopen,
    Crash,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let text = (prop::sample::select(vec!["a", "b"]), 0..20u8, 0..6u8)
        .prop_map(|(sort, first, second)| format!("{sort}/{first}/{second}").into_bytes());
    prop_oneof![9 => text, 1 => Just(b"c/".to_vec()), 1 => Just(vec![0xff, b'/', 0xff])]
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..40));
    let changes = prop::collection::vec((key(), value), 0..20);
    prop_oneof![
        8 => changes.prop_map(Step::Settle),
        6 => (prop::sample::select(PREFIXES.to_vec()), prop::option::of(key()), 0..30usize)
            .prop_map(|(prefix, from, limit)| Step::Scan { prefix, from, limit }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

fn chain(position: u64) -> Chain {
    Chain::from_bytes([position as u8; 32])
}

/// A view, what is staged for it, and what opening it came to.
pub(crate) fn opened(directory: &Path) -> (Arc<View>, Staging, Opening) {
    let (view, opening) = View::open(directory, 1, IDENTITY).unwrap();
    let view = Arc::new(view);
    (Arc::clone(&view), Staging::new(view), opening)
}

fn held(view: &View) -> Vec<Entry> {
    view.read(|keys| keys.scan(b"", None, usize::MAX)).unwrap()
}

fn entries<'m>(
    found: impl Iterator<Item = (&'m Vec<u8>, &'m Vec<u8>)>,
    limit: usize,
) -> Vec<Entry> {
    found.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What is shown before the visitor has seen enough, and whether that was all.
fn visited(view: &View, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> (Vec<Entry>, bool) {
    let mut seen = Vec::new();
    let visit = |key: &[u8], value: &[u8]| match seen.len() < limit {
        true => {
            seen.push((key.to_vec(), value.to_vec()));
            Ok(Seen::More)
        }
        false => Ok(Seen::Enough),
    };
    let at_end = view.read(|keys| keys.visit(prefix, from, visit)).unwrap();
    (seen, at_end)
}

/// What is on disk of a view whose mark stands still meanwhile: no run goes before the mark names it no more.
fn copied(directory: &Path) -> tempfile::TempDir {
    let mark = || std::fs::read(directory.join("db")).unwrap();
    loop {
        let (copy, before) = (tempfile::tempdir().unwrap(), mark());
        let is_whole = copy_files(directory, copy.path()).is_ok();
        if is_whole && mark() == before {
            std::fs::write(copy.path().join("db"), before).unwrap();
            return copy;
        }
    }
}

fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_files(&entry.path(), &to)?,
            false => std::fs::copy(entry.path(), to).map(drop)?,
        }
    }
    Ok(())
}

/// What is on disk at this moment is a state the view had.
fn check_crashed(directory: &Path, history: &[Map]) {
    let copy = copied(directory);
    let (view, _, opening) = opened(copy.path());
    assert_eq!(opening, Opening::Kept);
    let (position, found) = view.mark();
    let expected = match position {
        Position::ORIGIN => Chain::origin(IDENTITY),
        position => chain(position.get()),
    };
    assert_eq!(found, expected);
    let then = &history[usize::try_from(position.get()).unwrap()];
    assert_eq!(held(&view), entries(then.iter(), usize::MAX));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_view_reads_like_a_map(steps in prop::collection::vec(step(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let (mut view, mut staging, _) = opened(directory.path());
        let mut history = vec![Map::new()];
        for step in steps {
            let now = history.last().unwrap().clone();
            match step {
                Step::Settle(changes) => {
                    let mut next = now;
                    for (key, value) in changes {
                        match value {
                            Some(value) => {
                                staging.put(key.clone(), value.clone());
                                next.insert(key, value);
                            }
                            None => {
                                staging.delete(&key);
                                next.remove(&key);
                            }
                        }
                    }
                    staging.keep();
                    let position = history.len() as u64;
                    staging.settle(Position::new(position), chain(position)).unwrap();
                    for number in 0..20 {
                        let key = format!("a/{number}/3").into_bytes();
                        prop_assert_eq!(view.get(&key).unwrap(), next.get(&key).cloned());
                    }
                    history.push(next);
                }
                Step::Scan { prefix, from, limit } => {
                    let of = now.iter().filter(|(key, _)| key.starts_with(prefix.as_bytes()));
                    let (prefix, from) = (prefix.as_bytes(), from.as_deref());
                    let after = of.clone().filter(|(key, _)| from.is_none_or(|it| key.as_slice() > it));
                    let found = view.read(|keys| keys.scan(prefix, from, limit)).unwrap();
                    prop_assert_eq!(&found, &entries(after, limit));
                    let (seen, at_end) = visited(&view, prefix, from, limit);
                    prop_assert!(!at_end || seen.len() <= limit);
                    prop_assert_eq!(seen, found);
                    let before = of.rev().filter(|(key, _)| from.is_none_or(|it| key.as_slice() < it));
                    let found = view.read(|keys| keys.scan_back(prefix, from, limit)).unwrap();
                    prop_assert_eq!(found, entries(before, limit));
                }
                Step::Reopen => {
                    drop(staging);
                    drop(view);
                    let opening;
                    (view, staging, opening) = opened(directory.path());
                    prop_assert_eq!(opening, Opening::Kept);
                    prop_assert_eq!(view.mark().0.get(), history.len() as u64 - 1);
                }
                Step::Crash => check_crashed(directory.path(), &history),
            }
        }
        prop_assert_eq!(held(&view), entries(history.last().unwrap().iter(), usize::MAX));
    }
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whatever byte of whatever file is another one: what is read is what was written, or an error, or the
/// view is empty and made again.
#[test]
fn damage_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let (view, mut staging, _) = opened(directory.path());
    let mut expected = Map::new();
    for number in 0..400u32 {
        let (key, value) = (format!("a/{number:04}").into_bytes(), number.to_be_bytes().repeat(9));
        staging.put(key.clone(), value.clone());
        expected.insert(key, value);
    }
    staging.keep();
    staging.settle(Position::new(1), chain(1)).unwrap();
    drop((view, staging));
    // Opened once more, sled has noted where its pages are.
    drop(opened(directory.path()));
    let files = files(directory.path());
    assert!(files.iter().any(|file| file.starts_with(directory.path().join("runs"))), "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let used = bytes.iter().rposition(|byte| *byte > 1).map_or(0, |last| last + 1);
        for part in 0..16.min(used) {
            let copy = tempfile::tempdir().unwrap();
            copy_files(directory.path(), copy.path()).unwrap();
            let mut damaged = bytes.clone();
            damaged[used * part / 16] ^= 0x10;
            let damaged_file = copy.path().join(file.strip_prefix(directory.path()).unwrap());
            std::fs::write(damaged_file, damaged).unwrap();
            let (view, _, opening) = opened(copy.path());
            if let Ok(found) = view.read(|keys| keys.scan(b"", None, usize::MAX)) {
                let expected = match opening {
                    Opening::Kept => entries(expected.iter(), usize::MAX),
                    _ => Vec::new(),
                };
                assert_eq!(found, expected, "{}, {part} of 16: {opening:?}", file.display());
            }
        }
    }
}

/// Reading goes on while the keeper merges, and shows what is there.
#[test]
fn reads_and_merges_go_on_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (view, mut staging, _) = opened(directory.path());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let (found, position) = view
                        .read(|keys| Ok((keys.scan(b"n/", None, usize::MAX)?, keys.applied())))
                        .unwrap();
                    assert_eq!(found.len() as u64, position.get().min(50));
                    let sum: u64 = found.iter().map(|(_, value)| u64::from(value[0])).sum();
                    assert_eq!(sum, position.get());
                    if position.get() == 600 {
                        return;
                    }
                }
            });
        }
        let mut written = [0u8; 50];
        for position in 1..=600u64 {
            let number = (position % 50) as usize;
            written[number] += 1;
            staging.put(format!("n/{number:02}").into_bytes(), vec![written[number]]);
            staging.put(format!("m/{position}").into_bytes(), vec![0; 50]);
            staging.keep();
            staging.settle(Position::new(position), chain(position)).unwrap();
        }
    });
}
