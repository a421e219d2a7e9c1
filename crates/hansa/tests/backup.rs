//! `hansa backup`, `restore` and `journal repair`, as an operator uses them: the binary itself, over the
//! journals of a registry and a feed.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use hansa_journal::{Draft, Journal as _, Position, SegmentJournal, SegmentOptions};
use hansa_proto::pb::registry::v1 as pb;
use pb::watch_changes_response::Message;
use prost::Message as _;

fn hansa(arguments: &[&str], paths: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansa"));
    command.args(arguments);
    for (flag, path) in paths {
        command.args([flag].into_iter().filter(|flag| !flag.is_empty())).arg(path);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The journal of a registry: each commit with a request id, recorded a second after the one before.
async fn write_journal(dir: &Path, commits: u64) {
    let options = SegmentOptions { segment_bytes: 500 };
    let journal = SegmentJournal::open(dir, options).unwrap();
    for position in 1..=commits {
        let request_id = format!("request-{position}");
        let commit = pb::Commit { position, request_id, ..Default::default() };
        let response = pb::WatchChangesResponse { message: Some(Message::Commit(commit)) };
        let draft = Draft {
            recorded_at_micros: position as i64 * 1_000_000,
            meta: vec![7; 50].into(),
            body: response.encode_to_vec().into(),
        };
        journal.append(Position::new(position - 1), vec![draft]).await.unwrap();
    }
}

fn last_position(dir: &Path) -> u64 {
    hansa_journal::verify(dir).unwrap().last.get()
}

#[tokio::test]
async fn both_journals_are_backed_up_and_restored_up_to_a_time() {
    let place = tempfile::tempdir().unwrap();
    let (data, copy) = (place.path().join("data"), place.path().join("copy"));
    write_journal(&data.join("registry/journal"), 20).await;
    write_journal(&data.join("feed/journal"), 9).await;
    let done = hansa(&["backup"], &[("--from", &data), ("--to", &copy)]);
    assert!(done.status.success(), "{}", said(&done));
    assert!(said(&done).contains("up to position 20"), "{}", said(&done));
    let again = hansa(&["backup", "--json"], &[("--from", &data), ("--to", &copy)]);
    assert_eq!(said(&again).matches("\"segments_written\":0").count(), 2, "{}", said(&again));
    let verified = hansa(&["journal", "verify"], &[("", &copy)]);
    assert!(verified.status.success(), "{}", said(&verified));

    let restored = place.path().join("restored");
    let at = "1970-01-01T00:00:05.5Z";
    let done = hansa(&["restore", "--at", at], &[("--from", &copy), ("--to", &restored)]);
    assert!(done.status.success(), "{}", said(&done));
    for service in ["registry", "feed"] {
        assert_eq!(last_position(&restored.join(service).join("journal")), 5);
    }
    // Not over anything, and not two journals to one position.
    let over = hansa(&["restore"], &[("--from", &copy), ("--to", &restored)]);
    assert!(!over.status.success() && said(&over).contains("not empty"), "{}", said(&over));
    let new = place.path().join("new");
    let two = hansa(&["restore", "--at", "3"], &[("--from", &copy), ("--to", &new)]);
    assert!(!two.status.success() && said(&two).contains("2 journals"), "{}", said(&two));
    let from = copy.join("registry");
    let one = hansa(&["restore", "--at", "3"], &[("--from", &from), ("--to", &new)]);
    assert!(one.status.success(), "{}", said(&one));
    assert_eq!(last_position(&new.join("journal")), 3);
}

#[tokio::test]
async fn a_repair_says_what_is_lost_and_does_nothing_unless_told() {
    let data = tempfile::tempdir().unwrap();
    let journal = data.path().join("journal");
    write_journal(&journal, 20).await;
    let nothing = hansa(&["journal", "repair"], &[("", data.path())]);
    assert!(nothing.status.success() && said(&nothing).contains("nothing to repair"));

    let mut segments: Vec<_> = fs::read_dir(&journal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    segments.sort();
    let damaged = &segments[segments.len() / 2];
    let first: u64 = damaged.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let mut bytes = fs::read(damaged).unwrap();
    bytes[80] ^= 1;
    fs::write(damaged, &bytes).unwrap();

    let refused = hansa(&["journal", "verify"], &[("", data.path())]);
    assert!(!refused.status.success() && said(&refused).contains("checksum"), "{}", said(&refused));
    let shown = hansa(&["journal", "repair"], &[("", data.path())]);
    let text = said(&shown);
    assert!(!shown.status.success() && text.contains("nothing was changed"), "{text}");
    assert!(text.contains(&format!("positions {first} to 20")), "{text}");
    assert!(!text.contains(&format!("(request-{first})")), "what is damaged is not shown: {text}");
    for position in first + 1..=20 {
        assert!(text.contains(&format!("(request-{position})")), "{text}");
    }
    assert_eq!(fs::read(damaged).unwrap(), bytes);

    let accepted = hansa(&["journal", "repair", "--accept-loss"], &[("", data.path())]);
    let text = said(&accepted);
    assert!(accepted.status.success() && text.contains("kept aside"), "{text}");
    assert_eq!(last_position(&journal), first - 1);
}
