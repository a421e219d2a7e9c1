//! Giving up a damaged end, and copies: what is said to be lost is lost, and nothing else.

use super::*;

async fn filled(segment_bytes: u64, batches: &[u64]) -> (SimulatedDisk, Vec<Commit>) {
    let disk = SimulatedDisk::new(Path::new("/"));
    let journal = open_on(&disk, segment_bytes).unwrap();
    let mut commits = Vec::new();
    for size in batches {
        let start = commits.len() as u64;
        commits.extend(append(&journal, (start..start + size).map(draft).collect()).await);
    }
    (disk, commits)
}

fn repair_of(disk: &SimulatedDisk) -> Option<Repair> {
    Repair::on(Arc::new(disk.clone()), Path::new(DISK)).unwrap()
}

fn named(first: u64) -> PathBuf {
    Path::new(DISK).join(format!("{first:020}.log"))
}

#[tokio::test]
async fn a_whole_journal_needs_no_repair() {
    let (disk, _) = filled(400, &[2, 3, 1, 2]).await;
    assert!(repair_of(&disk).is_none());
}

#[tokio::test]
async fn any_damaged_byte_costs_what_is_said_and_no_more() {
    let (whole, commits) = filled(150, &[2, 3, 1, 2, 2]).await;
    let identity = verify_on(&whole, Path::new(DISK)).unwrap().identity;
    let files = directory::segments(&whole, Path::new(DISK)).unwrap();
    assert!(files.len() > 2);
    for file in &files {
        let length = whole.read(&file.path).unwrap().len() as u64;
        for offset in (0..length).step_by(7) {
            let disk = whole.after_cut(whole.operations().len(), Cut::Lost);
            assert!(disk.damage(&file.path, offset, 0x10));
            let repair = repair_of(&disk).unwrap();
            let (kept, lost) = (repair.last_kept, repair.last_lost);
            assert!(repair.damage.position > kept && lost == commits.last().unwrap().position);
            let mut readable = Vec::new();
            repair.each_lost(&mut |commit| readable.push(commit)).unwrap();
            let expected: Vec<&Commit> = commits[kept.get() as usize..]
                .iter()
                .filter(|commit| commit.position != repair.damage.position)
                .collect();
            assert_eq!(readable.iter().collect::<Vec<_>>(), expected, "what can be read is shown");
            let bytes = repair.bytes;
            let aside = repair.accept_loss().unwrap();
            let held: usize = aside.iter().map(|file| disk.read(file).unwrap().len()).sum();
            assert_eq!(held as u64, bytes, "the bytes are kept aside");

            let journal = open_on(&disk, 150).unwrap();
            assert_eq!(journal.tail().0, kept);
            assert_eq!(read_all(&journal).await, commits[..kept.get() as usize]);
            let lineage = journal.lineage();
            assert_ne!(journal.identity(), identity);
            assert!(lineage.knows(identity, kept) && !lineage.knows(identity, kept.next()));
            append(&journal, vec![draft(1)]).await;
            drop(journal);
            assert!(repair_of(&disk).is_none());
        }
    }
}

#[tokio::test]
async fn zeros_that_were_written_ahead_are_not_said_to_be_lost() {
    let disk = SimulatedDisk::new(Path::new("/"));
    let journal = open_on(&disk, SEGMENT_BYTES).unwrap();
    append(&journal, vec![draft(1)]).await;
    let kept = journal.state.read().segments[0].end;
    append(&journal, vec![draft(2)]).await;
    let end = journal.state.read().segments[0].end;
    let left = disk.after_cut(disk.operations().len(), Cut::Kept);
    assert!(left.read(&named(1)).unwrap().len() as u64 > end);
    assert!(left.damage(&named(1), end - 1, 0x10));

    let repair = repair_of(&left).unwrap();
    assert_eq!((repair.last_kept, repair.bytes), (Position::new(1), end - kept));
    let aside = repair.accept_loss().unwrap();
    assert_eq!(left.read(&aside[0]).unwrap().len() as u64, end - kept);
    assert_eq!(open_on(&left, SEGMENT_BYTES).unwrap().tail().0, Position::new(1));
}

#[tokio::test]
async fn a_missing_segment_and_a_lost_end_can_be_given_up() {
    let (whole, commits) = filled(150, &[2, 2, 2, 2]).await;
    let files = directory::segments(&whole, Path::new(DISK)).unwrap();
    for file in &files {
        let disk = whole.after_cut(whole.operations().len(), Cut::Lost);
        disk.remove(&file.path).unwrap();
        let repair = repair_of(&disk).unwrap();
        assert_eq!(repair.last_kept.next(), file.first);
        assert_eq!(repair.last_lost.get() as usize, commits.len());
        repair.accept_loss().unwrap();
        let journal = open_on(&disk, 150).unwrap();
        assert_eq!(read_all(&journal).await, commits[..file.first.get() as usize - 1]);
    }
    assert_eq!(files[0].path, named(1));
}

/// Cut off anywhere, it leaves a journal that is still damaged, or one that is repaired.
#[tokio::test]
async fn a_repair_cut_off_by_the_power_can_be_done_again() {
    let (whole, commits) = filled(150, &[2, 2, 2, 2]).await;
    assert!(whole.damage(&named(3), 80, 1));
    let begin = whole.after_cut(whole.operations().len(), Cut::Lost);
    let kept = repair_of(&begin).unwrap().last_kept;
    repair_of(&begin).unwrap().accept_loss().unwrap();
    let (mut still, mut done) = (0, 0);
    for after in 0..=begin.operations().len() {
        for cut in [Cut::Lost, Cut::Kept, Cut::Torn(1), Cut::Torn(2)] {
            let disk = begin.after_cut(after, cut);
            match repair_of(&disk) {
                Some(repair) => {
                    still += 1;
                    assert!(matches!(open_on(&disk, 150), Err(OpenError::Locked { .. })));
                    repair.accept_loss().unwrap();
                }
                None => done += 1,
            }
            let journal = open_on(&disk, 150).unwrap();
            assert_eq!(read_all(&journal).await, commits[..kept.get() as usize]);
        }
    }
    assert!(still > 20 && done > 2, "{still} {done}");
}

/// A journal on the real disk, and the directory a copy of it goes to.
async fn running(batches: u64) -> (TempDir, SegmentJournal, Vec<Commit>) {
    let dir = TempDir::new().unwrap();
    let options = SegmentOptions { segment_bytes: 1000 };
    let journal = SegmentJournal::open(&dir.path().join("journal"), options).unwrap();
    let mut commits = Vec::new();
    for number in 0..batches {
        commits.extend(append(&journal, vec![draft(number), draft(number), draft(number)]).await);
    }
    (dir, journal, commits)
}

#[tokio::test]
async fn a_copy_beside_the_running_journal_is_brought_up_to_date() {
    let (dir, journal, mut commits) = running(20).await;
    let (from, to) = (dir.path().join("journal"), dir.path().join("copy"));
    let first = copy(&from, &to).unwrap();
    assert_eq!((first.last, first.chain), journal.tail());
    assert_eq!(first.written, first.segments);
    for number in 0..3 {
        commits.extend(append(&journal, vec![draft(number)]).await);
    }
    let second = copy(&from, &to).unwrap();
    assert_eq!(second.last.get() as usize, commits.len());
    assert!(second.written <= 2 && second.segments > 5, "{second:?}");
    assert_eq!(copy(&from, &to).unwrap().written, 0, "nothing has changed");
    let report = verify(&to).unwrap();
    assert_eq!((report.last, report.identity), (second.last, journal.identity()));

    // Another journal's copy is not written over, nor anything else.
    let (other, _, _) = running(1).await;
    let refused = copy(&other.path().join("journal"), &to);
    assert!(matches!(refused, Err(OpenError::NotEmpty { .. })), "{refused:?}");
    assert!(matches!(copy(&from, other.path()), Err(OpenError::NotEmpty { .. })));
}

#[tokio::test]
async fn what_is_restored_ends_where_wanted_under_another_identity() {
    let (dir, journal, commits) = running(8).await;
    let copied = dir.path().join("copy");
    copy(&dir.path().join("journal"), &copied).unwrap();
    for last in 0..=commits.len() {
        let to = dir.path().join(format!("restored-{last}"));
        let wanted = &mut |commit: &Commit| commit.position.get() <= last as u64;
        let restored = restore(&copied, &to, wanted).unwrap();
        assert_eq!(restored.last.get() as usize, last);
        let again = SegmentJournal::open(&to, SegmentOptions { segment_bytes: 1000 }).unwrap();
        assert_eq!(read_all(&again).await, commits[..last]);
        assert_ne!(again.identity(), journal.identity());
        assert!(again.lineage().knows(journal.identity(), restored.last));
        assert!(!again.lineage().knows(journal.identity(), restored.last.next()));
        append(&again, vec![draft(1)]).await;
        drop(again);
        assert_eq!(verify(&to).unwrap().last.get() as usize, last + 1);
        assert!(matches!(restore(&copied, &to, &mut |_| true), Err(OpenError::NotEmpty { .. })));
    }
}

#[tokio::test]
async fn a_damaged_journal_does_not_become_a_copy() {
    let (dir, journal, _) = running(20).await;
    let (from, to) = (dir.path().join("journal"), dir.path().join("copy"));
    let before = copy(&from, &to).unwrap();
    drop(journal);
    let file = segment_files(&from).swap_remove(2);
    let mut bytes = fs::read(&file).unwrap();
    bytes[200] ^= 1;
    fs::write(&file, bytes).unwrap();
    let Err(OpenError::Damaged { damage }) = copy(&from, &to) else { panic!("copied") };
    assert_eq!(damage.file, file);
    assert_eq!(verify(&to).unwrap().last, before.last, "the earlier copy is as it was");
}
