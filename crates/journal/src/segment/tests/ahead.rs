//! Zeros ahead of the records: bounded, never taken for something written, and gone with what they are for.

use super::*;
use crate::limits::AHEAD_BYTES;

fn length(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len()
}

#[tokio::test]
async fn a_file_grows_now_and_then_and_is_cut_when_it_is_closed() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path()).unwrap();
    let (mut lengths, mut end) = (Vec::new(), 0);
    let body = Draft { body: vec![7; 1000].into(), ..draft(1) };
    for _ in 0..2 * AHEAD_BYTES / 1000 {
        append(&journal, vec![body.clone()]).await;
        let file = segment_files(dir.path()).pop().unwrap();
        end = journal.state.read().segments[0].end;
        assert!((end..=end + AHEAD_BYTES).contains(&length(&file)), "at {end}");
        lengths.push(length(&file));
    }
    lengths.dedup();
    assert!(lengths.len() <= 3, "it grew at {lengths:?}");

    let file = segment_files(dir.path()).pop().unwrap();
    assert!(length(&file) > end);
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.last, report.bytes, report.torn), (journal.tail().0, end, None));
    let to = TempDir::new().unwrap();
    assert_eq!(copy(dir.path(), to.path()).unwrap().bytes, end, "no zeros in a copy");
    drop(journal);
    assert_eq!(length(&file), end);
}

#[tokio::test]
async fn a_closed_segment_ends_with_its_records() {
    let dir = TempDir::new().unwrap();
    let options = SegmentOptions { segment_bytes: 2000 };
    let journal = SegmentJournal::open(dir.path(), options).unwrap();
    for number in 0..40 {
        append(&journal, vec![draft(number)]).await;
        let mut files = segment_files(dir.path());
        let last = files.pop().unwrap();
        assert!(length(&last) <= end_of_records(&last).max(2000), "no further than it is used");
        for closed in files {
            assert_eq!(length(&closed), end_of_records(&closed));
        }
    }
    assert!(segment_files(dir.path()).len() > 2);
}

#[tokio::test]
async fn a_large_batch_has_nothing_ahead_of_it() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path()).unwrap();
    append(&journal, vec![Draft { body: vec![7; AHEAD_OF_BYTES].into(), ..draft(1) }]).await;
    let file = segment_files(dir.path()).pop().unwrap();
    assert_eq!(length(&file), end_of_records(&file));
}

/// A disk that has no room for zeros, and room for the batch.
#[tokio::test]
async fn a_disk_that_is_nearly_full_takes_what_fits() {
    let disk = SimulatedDisk::new(Path::new("/disk"));
    let journal = open_on(&disk, SEGMENT_BYTES).unwrap();
    let mut kept = Vec::new();
    disk.limit(Some(disk.used() + 1000));
    while let Ok(commits) = journal.append(journal.tail().0, vec![draft(1)]).await {
        kept.extend(commits);
    }
    let bytes = kept.iter().map(record::stored_bytes).sum::<u64>();
    assert!((600..=1000).contains(&bytes), "{bytes} bytes were taken");
    disk.limit(None);
    kept.extend(append(&journal, vec![draft(2)]).await);
    assert_eq!(read_all(&journal).await, kept);
    drop(journal);
    assert_eq!(read_all(&open_on(&disk, SEGMENT_BYTES).unwrap()).await, kept);
}

/// The power goes while a batch is written over zeros.
#[tokio::test]
async fn a_batch_cut_off_among_zeros_is_torn() {
    let disk = SimulatedDisk::new(Path::new("/disk"));
    let journal = open_on(&disk, SEGMENT_BYTES).unwrap();
    let kept = append(&journal, vec![draft(1), draft(2)]).await;
    let end = journal.state.read().segments[0].end;
    append(&journal, vec![draft(3), draft(4)]).await;
    let file = Path::new(DISK).join("00000000000000000001.log");
    let whole = usize::try_from(journal.state.read().segments[0].end).unwrap();
    let start = usize::try_from(end).unwrap();
    for cut in start..whole {
        let left = disk.after_cut(disk.operations().len(), Cut::Kept);
        left.remove(&Path::new(DISK).join("highwater")).unwrap();
        left.open(&file, true).unwrap().write_at(&vec![0; whole - cut], cut as u64).unwrap();
        let torn = verify_on(&left, Path::new(DISK)).unwrap().torn;
        assert_eq!(torn.is_some(), cut > start, "cut at {cut}");
        let again = open_on(&left, SEGMENT_BYTES).unwrap();
        assert_eq!(read_all(&again).await, kept, "cut at {cut}");
        assert_eq!(left.read(&file).unwrap().len(), start, "zeros are cut off too");
    }
}
