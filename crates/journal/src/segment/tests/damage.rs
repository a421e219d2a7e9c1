//! Cut, flipped, swapped and missing bytes: whole prefixes or a refusal, never anything else.

use super::*;

/// A journal on disk, as bytes, and what it holds.
struct Stored {
    dir: TempDir,
    commits: Vec<Commit>,
    /// The last position of each batch, and the file and offset at which the batch ends.
    batches: Vec<(Position, PathBuf, u64)>,
}

/// What is expected at a byte.
struct Place {
    record_start: u64,
    position: Position,
    in_last_batch: bool,
}

impl Stored {
    async fn new(segment_bytes: u64, batches: &[u64]) -> Stored {
        let dir = TempDir::new().unwrap();
        let journal = SegmentJournal::open(dir.path(), SegmentOptions { segment_bytes }).unwrap();
        let mut stored = Stored { dir, commits: Vec::new(), batches: Vec::new() };
        for size in batches {
            let start = stored.commits.len() as u64;
            let drafts = (start..start + size).map(draft).collect();
            stored.commits.extend(append(&journal, drafts).await);
            let file = segment_files(stored.dir.path()).pop().unwrap();
            let end = fs::metadata(&file).unwrap().len();
            stored.batches.push((journal.tail().0, file, end));
        }
        stored
    }

    /// The journal as it was, in a new directory, but for one file.
    fn copy(&self, changed: &Path, bytes: &[u8]) -> TempDir {
        let copy = TempDir::new().unwrap();
        for entry in fs::read_dir(self.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let target = copy.path().join(path.file_name().unwrap());
            match path == changed {
                true => fs::write(target, bytes).unwrap(),
                false => drop(fs::copy(&path, target).unwrap()),
            }
        }
        copy
    }

    /// Which record each byte of a segment belongs to.
    fn places(&self, file: &Path) -> Vec<Place> {
        let first: u64 = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let before_last = self.batches[self.batches.len() - 2].0;
        let length = fs::metadata(file).unwrap().len();
        let mut places = Vec::new();
        for commit in &self.commits[first as usize - 1..] {
            let record_start = places.len() as u64;
            if record_start == length {
                break;
            }
            for _ in 0..record::stored_bytes(commit) {
                let position = commit.position;
                let in_last_batch = position > before_last;
                places.push(Place { record_start, position, in_last_batch });
            }
        }
        assert_eq!(places.len() as u64, length);
        places
    }
}

async fn assert_whole_prefix(dir: &Path, stored: &Stored, last: Position) {
    let journal = open(dir).unwrap();
    assert_eq!(journal.tail().0, last);
    assert_eq!(read_all(&journal).await, stored.commits[..last.get() as usize]);
}

#[tokio::test]
async fn cut_at_every_byte() {
    for segment_bytes in [SEGMENT_BYTES, 700] {
        let stored = Stored::new(segment_bytes, &[1, 3, 2, 1, 4]).await;
        let (_, file, _) = stored.batches.last().unwrap();
        let bytes = fs::read(file).unwrap();
        for cut in 0..bytes.len() {
            let copy = stored.copy(file, &bytes[..cut]);
            let whole = stored.batches.iter().rev();
            let mut whole = whole.filter(|(_, in_file, end)| in_file != file || *end <= cut as u64);
            let (last, end) = whole.next().map_or((Position::ORIGIN, 0), |(last, in_file, end)| {
                (*last, if in_file == file { *end } else { 0 })
            });
            let report = verify(copy.path()).unwrap();
            assert_eq!(report.last, last, "cut at {cut}");
            assert_eq!(report.torn.map_or(0, |torn| torn.bytes), cut as u64 - end);
            assert_whole_prefix(copy.path(), &stored, last).await;
            assert_eq!(verify(copy.path()).unwrap().torn, None, "opening cut it off");
            append(&open(copy.path()).unwrap(), vec![draft(9)]).await;
            assert_eq!(verify(copy.path()).unwrap().last, last.next());
        }
    }
}

#[tokio::test]
async fn flipped_at_every_byte() {
    for segment_bytes in [SEGMENT_BYTES, 700] {
        let stored = Stored::new(segment_bytes, &[1, 3, 2, 1, 2]).await;
        let before_last = stored.batches[stored.batches.len() - 2].0;
        for file in segment_files(stored.dir.path()) {
            let mut bytes = fs::read(&file).unwrap();
            for (offset, place) in stored.places(&file).iter().enumerate() {
                for flip in [0x01, 0x80, 0xff] {
                    bytes[offset] ^= flip;
                    let copy = stored.copy(&file, &bytes);
                    bytes[offset] ^= flip;
                    if place.in_last_batch {
                        assert_whole_prefix(copy.path(), &stored, before_last).await;
                        continue;
                    }
                    for result in [verify(copy.path()).err(), open(copy.path()).err()] {
                        let Some(OpenError::Damaged { damage }) = result else {
                            panic!("byte {offset} of {} flipped: {result:?}", file.display());
                        };
                        assert_eq!(damage.file.file_name(), file.file_name());
                        assert_eq!(damage.offset, place.record_start);
                        assert_eq!(damage.position, place.position);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_batch_whose_end_reached_the_disk_first_is_torn() {
    let stored = Stored::new(SEGMENT_BYTES, &[2, 4]).await;
    let (_, file, _) = &stored.batches[1];
    let start = usize::try_from(stored.batches[0].2).unwrap();
    let mut bytes = fs::read(file).unwrap();
    bytes[start..start + 100].fill(0);
    let copy = stored.copy(file, &bytes);
    assert_whole_prefix(copy.path(), &stored, Position::new(2)).await;
}

#[tokio::test]
async fn a_lost_page_under_a_later_batch_is_damage() {
    let stored = Stored::new(SEGMENT_BYTES, &[2, 4, 1]).await;
    let (_, file, _) = &stored.batches[1];
    let start = usize::try_from(stored.batches[0].2).unwrap();
    let mut bytes = fs::read(file).unwrap();
    let end = usize::try_from(stored.batches[1].2).unwrap();
    bytes[start..end].fill(0);
    let copy = stored.copy(file, &bytes);
    let Err(OpenError::Damaged { damage }) = open(copy.path()) else { panic!("opened") };
    assert_eq!((damage.position, damage.offset), (Position::new(3), start as u64));
    assert_eq!(fs::read(copy.path().join(file.file_name().unwrap())).unwrap(), bytes, "unchanged");
}

#[tokio::test]
async fn zeros_after_the_end_are_cut_off() {
    let stored = Stored::new(SEGMENT_BYTES, &[2, 1]).await;
    let (last, file, _) = &stored.batches[1];
    let mut bytes = fs::read(file).unwrap();
    bytes.resize(bytes.len() + 5000, 0);
    assert_whole_prefix(stored.copy(file, &bytes).path(), &stored, *last).await;
}

#[tokio::test]
async fn records_of_another_journal_are_refused() {
    let ours = Stored::new(SEGMENT_BYTES, &[2, 1]).await;
    let theirs = Stored::new(SEGMENT_BYTES, &[2, 1]).await;
    let bytes = fs::read(&theirs.batches[0].1).unwrap();
    let copy = ours.copy(&ours.batches[0].1, &bytes);
    let Err(OpenError::Damaged { damage }) = open(copy.path()) else { panic!("opened") };
    assert!(damage.what.contains("chain"), "{damage}");
}

#[tokio::test]
async fn missing_and_strange_files_are_refused() {
    let stored = Stored::new(100, &[2, 2, 2, 2]).await;
    let files = segment_files(stored.dir.path());
    assert!(files.len() >= 3);
    fs::remove_file(&files[1]).unwrap();
    let Err(OpenError::Damaged { damage }) = open(stored.dir.path()) else { panic!("opened") };
    assert!(damage.what.contains("missing"), "{damage}");

    fs::write(stored.dir.path().join("backup.log"), "").unwrap();
    assert!(matches!(open(stored.dir.path()), Err(OpenError::StrangeFile { .. })));

    fs::remove_file(stored.dir.path().join("backup.log")).unwrap();
    fs::remove_file(stored.dir.path().join("identity")).unwrap();
    assert!(matches!(open(stored.dir.path()), Err(OpenError::NoIdentity { .. })));
}

#[tokio::test]
async fn a_damaged_identity_is_refused() {
    let stored = Stored::new(SEGMENT_BYTES, &[1]).await;
    let file = stored.dir.path().join("identity");
    let whole = fs::read(&file).unwrap();
    for offset in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[offset] ^= 1;
        let copy = stored.copy(&file, &bytes);
        assert!(matches!(open(copy.path()), Err(OpenError::Identity { .. })));
        let copy = stored.copy(&file, &whole[..offset]);
        assert!(matches!(open(copy.path()), Err(OpenError::Identity { .. })));
    }
}

#[tokio::test]
async fn damage_under_a_running_journal_is_not_served() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path()).unwrap();
    append(&journal, (0..10).map(draft).collect()).await;
    let file = segment_files(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    fs::write(&file, bytes).unwrap();
    let limit = ReadLimit { commits: 100, bytes: usize::MAX };
    let read = journal.read(Position::ORIGIN, limit).await;
    let Err(ReadError::Damaged { position, .. }) = read else { panic!("was {read:?}") };
    assert_eq!(position, Position::new(10));
}
