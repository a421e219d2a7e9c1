//! What is erased is gone from the disk, keeps its place in the chain, and an erasure that is cut off
//! anywhere is either not begun or ended by the next open.

use super::*;
use crate::disk::Cut;
use crate::limits::ERASURE_BYTES;
use crate::{EraseError, Erasure};

const PHRASE: &str = "nobody may ever read this again";
const SEGMENT: u64 = 500;

/// Something to be erased, in a batch with others.
fn secret(number: u64) -> Draft {
    let body = format!("{PHRASE} {number} ").repeat(20);
    Draft { recorded_at_micros: 5, meta: "what only the service reads".into(), body: body.into() }
}

fn erasure(position: u64) -> Erasure {
    let body = format!("what remains of {position}");
    Erasure { position: Position::new(position), meta: "m".into(), body: body.into() }
}

/// Commits 2, 4, 7 and 9 are secret; three segments.
async fn told(journal: &SegmentJournal) -> Vec<Commit> {
    let mut commits = append(journal, vec![draft(1), secret(2), draft(3), secret(4)]).await;
    commits.extend(append(journal, vec![draft(5), draft(6), secret(7)]).await);
    commits.extend(append(journal, vec![draft(8)]).await);
    commits.extend(append(journal, vec![secret(9)]).await);
    commits
}

const SECRET: [u64; 4] = [2, 4, 7, 9];

fn erased(commits: &[Commit]) -> Vec<Commit> {
    let commits = commits.iter().cloned();
    commits
        .map(|commit| match SECRET.contains(&commit.position.get()) {
            true => {
                let Erasure { meta, body, .. } = erasure(commit.position.get());
                Commit { meta, body, ..commit }
            }
            false => commit,
        })
        .collect()
}

fn all_erasures() -> Vec<Erasure> {
    SECRET.into_iter().map(erasure).collect()
}

/// Whether any file of the disk holds the phrase.
fn holds_the_phrase(disk: &SimulatedDisk) -> bool {
    disk.list(Path::new("/journal")).unwrap().iter().any(|path| {
        let bytes = disk.read(path).unwrap_or_default();
        bytes.windows(PHRASE.len()).any(|window| window == PHRASE.as_bytes())
    })
}

fn open_on(disk: &SimulatedDisk) -> SegmentJournal {
    let options = SegmentOptions { segment_bytes: SEGMENT };
    SegmentJournal::open_on(Arc::new(disk.clone()), Path::new("/journal"), options).unwrap()
}

fn disk() -> SimulatedDisk {
    SimulatedDisk::new(Path::new("/"))
}

#[tokio::test]
async fn what_is_erased_is_gone_and_its_place_is_not() {
    let disk = disk();
    let journal = open_on(&disk);
    let commits = told(&journal).await;
    let (files, used) = (journal.state.read().segments.len(), disk.used());
    assert_eq!(files, 3);
    assert!(holds_the_phrase(&disk));
    journal.erase(all_erasures()).await.unwrap();
    assert!(!holds_the_phrase(&disk));
    assert_eq!(disk.used(), used, "nothing moves");
    assert_eq!(read_all(&journal).await, erased(&commits));

    let report = verify_on(&disk, Path::new("/journal")).unwrap();
    assert_eq!((report.commits, report.erased), (9, 4));
    assert_eq!((report.last, report.chain), journal.tail());
    let more = append(&journal, vec![draft(10)]).await;
    drop(journal);
    let journal = open_on(&disk);
    assert_eq!(read_all(&journal).await, [erased(&commits), more].concat());

    // Again, and less than that: the hashes of what once stood there stay.
    let less = Erasure { body: "less".into(), ..erasure(4) };
    journal.erase(vec![less, erasure(7)]).await.unwrap();
    let found = read_all(&journal).await;
    assert_eq!((&found[3].body[..], found[3].chain), (&b"less"[..], commits[3].chain));
    assert_eq!(verify_on(&disk, Path::new("/journal")).unwrap().erased, 4);
}

#[tokio::test]
async fn frames_are_of_what_remains() {
    let disk = disk();
    let journal = open_on(&disk);
    told(&journal).await;
    journal.erase(all_erasures()).await.unwrap();
    let framing: Framing = |_, _| true;
    let run = journal.run(Position::new(1), Position::new(2), 1 << 20, framing).await;
    let Ok(Some(Run::Frames { frames, .. })) = run else { panic!("was {run:?}") };
    assert_eq!(frames[5..], erasure(2).body[..]);
}

#[tokio::test]
async fn what_remains_must_fit_and_be_of_a_commit_there_is() {
    let disk = disk();
    let journal = open_on(&disk);
    let commits = told(&journal).await;
    let room = commits[1].meta.len() + commits[1].body.len() - ERASURE_BYTES;
    let of = |bytes: usize| Erasure { body: vec![b'x'; bytes].into(), ..erasure(2) };
    let refused = journal.erase(vec![erasure(4), of(room)]).await;
    assert!(
        matches!(refused, Err(EraseError::NoRoom { bytes, room: there, .. })
            if bytes == room + 1 && there == room),
        "was {refused:?}"
    );
    for position in [0, 10] {
        let refused = journal.erase(vec![erasure(position)]).await;
        assert!(matches!(refused, Err(EraseError::Missing { .. })), "was {refused:?}");
    }
    assert_eq!(read_all(&journal).await, commits, "nothing was changed");
    journal.erase(vec![of(room - 1)]).await.unwrap();
    journal.erase(Vec::new()).await.unwrap();
    append(&journal, vec![draft(10)]).await;
}

/// The power goes after every change of the disk that an erasure makes, with any part of what was not
/// synced: the next open finds all of it erased or nothing, and whoever looks on without opening finds a
/// whole journal too.
#[tokio::test]
async fn cut_off_anywhere() {
    let disk = disk();
    let journal = open_on(&disk);
    let commits = told(&journal).await;
    let before = disk.operations().len();
    journal.erase(all_erasures()).await.unwrap();
    let after = disk.operations().len();
    assert!(after - before >= 10, "{} changes", after - before);
    let torn = (1..20).map(Cut::Torn);
    let cuts: Vec<Cut> = [Cut::Lost, Cut::Kept].into_iter().chain(torn).collect();
    let (mut begun, mut not_begun) = (0, 0);
    for operations in before..=after {
        for cut in &cuts {
            let disk = disk.after_cut(operations, *cut);
            let context = format!("after {} changes, {cut:?}", operations - before);
            let seen = verify_on(&disk, Path::new("/journal"));
            let seen = seen.unwrap_or_else(|error| panic!("{context}: {error}"));
            let journal = open_on(&disk);
            let found = read_all(&journal).await;
            match found == commits {
                true => not_begun += 1,
                false => begun += 1,
            }
            if found != commits {
                assert_eq!(found, erased(&commits), "{context}");
                assert!(!holds_the_phrase(&disk), "{context}");
            }
            assert!(operations < after || found != commits, "{context}: it was acknowledged");
            assert_eq!(seen.erased, if found == commits { 0 } else { 4 }, "{context}");
            // Whoever asks again has it done.
            journal.erase(all_erasures()).await.unwrap();
            append(&journal, vec![draft(10)]).await;
            drop(journal);
            assert!(!holds_the_phrase(&disk), "{context}");
            assert_eq!(verify_on(&disk, Path::new("/journal")).unwrap().erased, 4);
        }
    }
    assert!(begun > 50 && not_begun > 50, "{begun} {not_begun}");
}

/// Every change of the disk goes wrong once: nothing is acknowledged, nothing more is accepted, and the
/// next open goes on.
#[tokio::test]
async fn failing_anywhere() {
    let counting = disk();
    let journal = open_on(&counting);
    told(&journal).await;
    let before = counting.asked();
    journal.erase(all_erasures()).await.unwrap();
    let changes = counting.asked() - before;
    drop(journal);
    for failing in 0..changes {
        let disk = disk();
        let journal = open_on(&disk);
        let commits = told(&journal).await;
        disk.fail(disk.asked() + failing, DiskFault::Broken);
        let lost = journal.erase(all_erasures()).await;
        assert_eq!(disk.fired(), 1);
        assert!(matches!(lost, Err(EraseError::Storage(_))), "was {lost:?}");
        let refused = journal.append(journal.tail().0, vec![draft(10)]).await;
        assert!(matches!(refused, Err(AppendError::Storage(_))), "J6: was {refused:?}");
        let refused = journal.erase(all_erasures()).await;
        assert!(matches!(refused, Err(EraseError::Storage(_))), "J6: was {refused:?}");
        drop(journal);
        let journal = open_on(&disk);
        let found = read_all(&journal).await;
        assert!(found == commits || found == erased(&commits), "change {failing}");
        journal.erase(all_erasures()).await.unwrap();
        assert!(!holds_the_phrase(&disk));
    }
}

#[tokio::test]
async fn flipped_at_every_byte_of_what_remains() {
    let dir = TempDir::new().unwrap();
    let journal = SegmentJournal::open(dir.path(), SegmentOptions::default()).unwrap();
    let secret = append(&journal, vec![secret(1)]).await.remove(0);
    append(&journal, vec![draft(2)]).await;
    journal.erase(vec![erasure(1)]).await.unwrap();
    drop(journal);
    let file = segment_files(dir.path()).remove(0);
    let bytes = fs::read(&file).unwrap();
    for offset in 0..usize::try_from(record::stored_bytes(&secret)).unwrap() {
        let mut flipped = bytes.clone();
        flipped[offset] ^= 1;
        fs::write(&file, flipped).unwrap();
        for result in [verify(dir.path()).err(), open(dir.path()).err()] {
            let Some(OpenError::Damaged { damage }) = result else {
                panic!("byte {offset}: {result:?}");
            };
            assert_eq!((damage.offset, damage.position), (0, Position::new(1)));
        }
    }
    fs::write(&file, bytes).unwrap();
    open(dir.path()).unwrap();
}

/// With the checksum made right again, hashes that are not those of the chain still show.
#[tokio::test]
async fn other_hashes_do_not_follow_from_the_chain() {
    let dir = TempDir::new().unwrap();
    let journal = SegmentJournal::open(dir.path(), SegmentOptions::default()).unwrap();
    append(&journal, vec![secret(1)]).await;
    append(&journal, vec![draft(2)]).await;
    journal.erase(vec![erasure(1)]).await.unwrap();
    drop(journal);
    let file = segment_files(dir.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let length = usize::try_from(record::stored_bytes(&Commit {
        position: Position::new(1),
        chain: Chain::from_bytes([0; 32]),
        recorded_at_micros: 0,
        meta: secret(1).meta,
        body: secret(1).body,
    }))
    .unwrap();
    bytes[record::HEADER_BYTES] ^= 1;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..4]), &bytes[8..length]);
    bytes[4..8].copy_from_slice(&checksum.to_be_bytes());
    fs::write(&file, bytes).unwrap();
    let Err(OpenError::Damaged { damage }) = open(dir.path()) else { panic!("opened") };
    assert!(damage.what.contains("chain"), "{damage}");
}

#[tokio::test]
async fn a_damaged_note_of_what_is_erased_is_refused() {
    let dir = TempDir::new().unwrap();
    let journal = SegmentJournal::open(dir.path(), SegmentOptions::default()).unwrap();
    append(&journal, vec![secret(1)]).await;
    drop(journal);
    fs::write(dir.path().join("erasing"), b"something else").unwrap();
    for result in [verify(dir.path()).err(), open(dir.path()).err()] {
        let Some(OpenError::Damaged { damage }) = result else { panic!("{result:?}") };
        assert!(damage.file.ends_with("erasing"), "{damage}");
    }
}
