//! Tests of the segment engine: the suite of all engines, and everything a disk can do to its files.
#![allow(clippy::unwrap_used)]

mod ahead;
mod damage;
mod erase;
mod power;
mod random;
mod repair;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;

use super::*;
use crate::conformance::{self, Engine, append, assert_continuous, draft, read_all};
use crate::disk::{Cut, Disk as _, DiskFault, SimulatedDisk};
use crate::limits::AHEAD_OF_BYTES;

struct Segments {
    dir: TempDir,
    options: SegmentOptions,
}

impl Segments {
    fn new(segment_bytes: u64) -> Segments {
        Segments { dir: TempDir::new().unwrap(), options: SegmentOptions { segment_bytes } }
    }
}

#[async_trait]
impl Engine for Segments {
    async fn open(&self) -> Arc<dyn Journal> {
        Arc::new(SegmentJournal::open(self.dir.path(), self.options).unwrap())
    }
}

fn open(dir: &Path) -> Result<SegmentJournal, OpenError> {
    SegmentJournal::open(dir, SegmentOptions::default())
}

fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let segments = directory::segments(&RealDisk, dir).unwrap();
    segments.into_iter().map(|segment| segment.path).collect()
}

/// Where the records of a segment end that nothing is wrong with.
fn end_of_records(file: &Path) -> u64 {
    let file = fs::File::open(file).unwrap();
    let mut scanner = scan::Scanner::new(&file, file.metadata().unwrap().len());
    let mut end = 0;
    while let Ok(record) = scanner.record(end).unwrap() {
        end += record.bytes;
    }
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_in_one_segment() {
    conformance::all(|| Segments::new(SEGMENT_BYTES)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_in_many_segments() {
    conformance::all(|| Segments::new(500)).await;
}

/// On a disk all of which is at hand, so that what takes no waiting is checked wherever this runs.
struct AtHand(SimulatedDisk);

#[async_trait]
impl Engine for AtHand {
    async fn open(&self) -> Arc<dyn Journal> {
        let options = SegmentOptions { segment_bytes: 50_000 };
        let disk = Arc::new(self.0.clone());
        let journal = SegmentJournal::open_on(disk, Path::new("/journal"), options).unwrap();
        if journal.tail().0 > Position::ORIGIN {
            let (before, first) = (Position::ORIGIN, Position::new(1));
            assert!(journal.run_at_hand(before, first, 1, crate::as_stored).is_some());
        }
        Arc::new(journal)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_at_hand() {
    conformance::all(|| AtHand(SimulatedDisk::new(Path::new("/")))).await;
}

#[tokio::test]
async fn segments_roll_between_batches() {
    let segments = Segments::new(1000);
    let journal = segments.open().await;
    let mut appended = Vec::new();
    for number in 0..40 {
        appended.extend(append(&*journal, vec![draft(number), draft(number + 1)]).await);
    }
    let files = segment_files(segments.dir.path());
    assert!(files.len() > 5, "{} segments", files.len());
    assert_eq!(files[0].file_name().unwrap(), "00000000000000000001.log");
    for file in &files[..files.len() - 1] {
        let length = fs::metadata(file).unwrap().len();
        assert!((1000..2000).contains(&length), "a segment of {length} bytes");
    }
    for after in 0..appended.len() {
        let limit = ReadLimit { commits: 50, bytes: usize::MAX };
        let found = journal.read(Position::new(after as u64), limit).await.unwrap();
        assert_eq!(found, appended[after..appended.len().min(after + 50)]);
    }
    drop(journal);
    let journal = segments.open().await;
    assert_continuous(&*journal, &read_all(&*journal).await);
    assert_eq!(read_all(&*journal).await, appended);
}

#[test]
fn one_process_at_a_time() {
    let dir = TempDir::new().unwrap();
    let first = open(dir.path()).unwrap();
    let second = open(dir.path()).err().unwrap();
    assert!(matches!(second, OpenError::Locked { .. }));
    assert!(second.to_string().contains(&dir.path().display().to_string()));
    drop(first);
    open(dir.path()).unwrap();
}

const DISK: &str = "/disk/journal";

fn open_on(disk: &SimulatedDisk, segment_bytes: u64) -> Result<SegmentJournal, OpenError> {
    let options = SegmentOptions { segment_bytes };
    SegmentJournal::open_on(Arc::new(disk.clone()), Path::new(DISK), options)
}

#[tokio::test]
async fn a_full_disk_costs_one_batch() {
    let disk = SimulatedDisk::new(Path::new("/disk"));
    let journal = open_on(&disk, SEGMENT_BYTES).unwrap();
    // So large that nothing is written ahead of it.
    let large = || Draft { body: vec![7; AHEAD_OF_BYTES].into(), ..draft(1) };
    let mut kept = append(&journal, vec![large()]).await;
    for room in (0..2 * AHEAD_OF_BYTES as u64).step_by(AHEAD_OF_BYTES / 8) {
        let file = Path::new(DISK).join("00000000000000000001.log");
        let before = disk.read(&file).unwrap();
        disk.limit(Some(disk.used() + room));
        let full = journal.append(journal.tail().0, vec![large(), large()]).await;
        assert!(matches!(full, Err(AppendError::Full)), "was {full:?}");
        assert_eq!(before, disk.read(&file).unwrap(), "nothing half-written stays");
        disk.limit(None);
        kept.extend(append(&journal, vec![large()]).await);
        assert_eq!(read_all(&journal).await, kept);
    }
    drop(journal);
    assert_eq!(read_all(&open_on(&disk, SEGMENT_BYTES).unwrap()).await, kept);
}

#[tokio::test]
async fn after_a_storage_error_nothing_more_is_accepted() {
    for sync in [0, 1] {
        let disk = SimulatedDisk::new(Path::new("/disk"));
        let journal = open_on(&disk, SEGMENT_BYTES).unwrap();
        let kept = append(&journal, vec![draft(1)]).await;
        disk.fail(disk.asked() + sync, DiskFault::Broken);
        let lost = journal.append(Position::new(1), vec![draft(2), draft(3)]).await;
        assert!(matches!(lost, Err(AppendError::OutcomeUnknown(_))), "was {lost:?}");
        assert_eq!(disk.fired(), 1);
        let asked = disk.asked();
        for _ in 0..2 {
            let refused = journal.append(Position::new(1), vec![draft(2)]).await;
            assert!(matches!(refused, Err(AppendError::Storage(_))), "J6: was {refused:?}");
        }
        assert_eq!(disk.asked(), asked, "J6: nothing is tried again");
        assert_eq!(read_all(&journal).await, kept, "J4: only durable commits are read");
        drop(journal);
        let journal = open_on(&disk, SEGMENT_BYTES).unwrap();
        let found = read_all(&journal).await.len();
        assert_eq!(found, if sync == 1 { 3 } else { 1 }, "J2: all of the batch or nothing");
        append(&journal, vec![draft(4)]).await;
    }
}

#[tokio::test]
async fn verify_and_dump_need_no_lock() {
    let segments = Segments::new(1000);
    let journal = segments.open().await;
    let mut appended = Vec::new();
    for number in 0..30 {
        appended.extend(append(&*journal, vec![draft(number), draft(number)]).await);
    }
    let dir = segments.dir.path();
    let report = verify(dir).unwrap();
    assert_eq!(report.identity, journal.identity());
    assert_eq!((report.last, report.chain), journal.tail());
    assert_eq!((report.first, report.commits), (Some(Position::new(1)), 60));
    let files = segment_files(dir);
    let lengths = files.iter().map(|file| end_of_records(file));
    assert_eq!((report.segments, report.bytes), (files.len(), lengths.sum()));
    assert_eq!(report.torn, None);

    let mut dumped = Vec::new();
    dump(dir, Position::new(7), |commit| {
        dumped.push(commit);
        if dumped.len() == 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!(dumped, appended[7..27]);
}

#[test]
fn verify_wants_a_journal() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(verify(dir.path()), Err(OpenError::NoIdentity { .. })));
}
