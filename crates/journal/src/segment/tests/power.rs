//! The power goes after every single change of the disk, and every single change goes wrong: what was
//! acknowledged is there, nothing is there by halves, and the journal goes on.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;
use crate::disk::Operation;

const CUTS: [Cut; 8] = [
    Cut::Lost,
    Cut::Kept,
    Cut::Torn(1),
    Cut::Torn(2),
    Cut::Torn(3),
    Cut::Torn(4),
    Cut::Torn(5),
    Cut::Torn(6),
];

/// What a seeded run of group commits, segment rolls and restarts left.
struct Story {
    disk: SimulatedDisk,
    commits: Vec<Commit>,
    /// After so many changes of the disk, so many commits were acknowledged.
    acknowledged: Vec<(usize, usize)>,
}

impl Story {
    async fn told(seed: u64, segment_bytes: u64) -> Story {
        let mut random = StdRng::seed_from_u64(seed);
        let disk = SimulatedDisk::new(Path::new("/"));
        let mut story = Story { disk, commits: Vec::new(), acknowledged: Vec::new() };
        let mut journal = open_on(&story.disk, segment_bytes).unwrap();
        for _ in 0..30 {
            if random.random_bool(0.1) {
                drop(journal);
                journal = open_on(&story.disk, segment_bytes).unwrap();
            }
            let drafts = (0..random.random_range(1..6)).map(|_| {
                let bytes = random.random_range(0..700);
                let body = (0..bytes).map(|_| random.random::<u8>()).collect::<Vec<u8>>();
                Draft { recorded_at_micros: 0, meta: "meta".into(), body: body.into() }
            });
            let commits = append(&journal, drafts.collect()).await;
            story.commits.extend(commits);
            story.acknowledged.push((story.disk.operations().len(), story.commits.len()));
        }
        story
    }

    fn acknowledged_after(&self, operations: usize) -> usize {
        let before = self.acknowledged.iter().take_while(|(after, _)| *after <= operations);
        before.last().map_or(0, |(_, commits)| *commits)
    }

    /// The journal opens with whole batches and all that was acknowledged, and goes on.
    async fn assert_survives(&self, operations: usize, cut: Cut, segment_bytes: u64) {
        let disk = self.disk.after_cut(operations, cut);
        let journal = match open_on(&disk, segment_bytes) {
            Ok(journal) => journal,
            Err(error) => panic!("after {operations} changes, {cut:?}: {error}"),
        };
        let found = read_all(&journal).await;
        let acknowledged = self.acknowledged_after(operations);
        assert!(
            found.len() >= acknowledged && self.commits.starts_with(&found),
            "after {operations} changes, {cut:?}: {} of {acknowledged} are there",
            found.len()
        );
        let whole =
            found.is_empty() || self.acknowledged.iter().any(|(_, all)| *all == found.len());
        assert!(
            whole,
            "after {operations} changes, {cut:?}: half a batch, {} commits",
            found.len()
        );
        let mut expected = found;
        expected.extend(append(&journal, vec![draft(1), draft(2)]).await);
        drop(journal);
        // And once more, with nothing but what is durable.
        let disk = disk.after_cut(disk.operations().len(), Cut::Lost);
        let journal = open_on(&disk, segment_bytes).unwrap();
        assert_eq!(read_all(&journal).await, expected);
        assert_continuous(&journal, &expected);
        let report = verify_on(&disk, Path::new(DISK)).unwrap();
        assert_eq!((report.last.get() as usize, report.torn), (expected.len(), None));
    }
}

#[tokio::test]
async fn power_cuts_after_every_change() {
    for (seed, segment_bytes) in [(1, 600), (2, 3000), (3, SEGMENT_BYTES)] {
        let story = Story::told(seed, segment_bytes).await;
        let operations = story.disk.operations();
        let rolls = operations.iter().filter(|made| matches!(made, Operation::Create(..))).count();
        assert!(operations.len() > 90 && (segment_bytes == SEGMENT_BYTES || rolls > 8));
        for after in 0..=operations.len() {
            for cut in CUTS {
                story.assert_survives(after, cut, segment_bytes).await;
            }
        }
    }
}

/// A power cut while the journal is opened after a power cut.
#[tokio::test]
async fn power_cuts_while_it_recovers() {
    let story = Story::told(4, 900).await;
    let operations = story.disk.operations().len();
    let mut cut_off = 0;
    for after in (0..=operations).step_by(3) {
        for seed in 0..3 {
            let first = story.disk.after_cut(after, Cut::Torn(seed));
            drop(open_on(&first, 900).unwrap());
            for recovered in 0..=first.operations().len() {
                let second = first.after_cut(recovered, Cut::Torn(seed + 10));
                let journal = open_on(&second, 900).unwrap();
                let found = read_all(&journal).await;
                assert!(found.len() >= story.acknowledged_after(after));
                assert!(story.commits.starts_with(&found));
                cut_off += 1;
            }
        }
    }
    assert!(cut_off > 300, "only {cut_off} cuts");
}

/// Every change goes wrong once: by an I/O error, with the process and then the power gone after it.
#[tokio::test]
async fn every_change_fails_once() {
    let told = Story::told(5, 900).await;
    let all = told.disk.asked();
    for after in 0..all {
        for fault in [DiskFault::Broken, DiskFault::Full] {
            let disk = SimulatedDisk::new(Path::new("/"));
            disk.fail(after, fault);
            let acknowledged = append_until_it_fails(&disk, all).await;
            assert_eq!(disk.fired(), 1, "the change after {after} went wrong");
            // The process ended; the page cache is as it was. Then the power goes.
            let journal = open_on(&disk, 900).unwrap();
            let found = read_all(&journal).await;
            assert!(found.starts_with(&acknowledged), "change {after}, {fault:?}");
            for cut in [Cut::Lost, Cut::Torn(after as u64)] {
                let left = disk.after_cut(disk.operations().len(), cut);
                let journal = open_on(&left, 900).unwrap();
                assert_eq!(read_all(&journal).await, found, "what was read once stays: {after}");
            }
        }
    }
}

/// Appends until so many changes were asked for, or the journal accepts nothing more.
async fn append_until_it_fails(disk: &SimulatedDisk, changes: usize) -> Vec<Commit> {
    let mut acknowledged = Vec::new();
    let Ok(journal) = open_on(disk, 900) else { return acknowledged };
    let mut number = 0;
    while disk.asked() < changes {
        number += 1;
        let drafts = (0..number % 4 + 1).map(|more| draft(number + more)).collect();
        match journal.append(journal.tail().0, drafts).await {
            Ok(commits) => acknowledged.extend(commits),
            Err(AppendError::Full) => {}
            Err(AppendError::Storage(_) | AppendError::OutcomeUnknown(_)) => {
                let asked = disk.asked();
                let again = journal.append(journal.tail().0, vec![draft(1)]).await;
                assert!(matches!(again, Err(AppendError::Storage(_))), "J6: was {again:?}");
                assert_eq!(disk.asked(), asked, "J6: nothing is tried again");
                break;
            }
            Err(error) => panic!("{error}"),
        }
        assert_eq!(read_all(&journal).await, acknowledged, "J4");
    }
    acknowledged
}
