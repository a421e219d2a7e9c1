//! Cut, flipped, swapped and missing bytes: whole prefixes or a refusal, never anything else.

use super::*;

/// A journal on disk, as bytes, and what it holds.
struct Stored {
    dir: TempDir,
    commits: Vec<Commit>,
    /// The last position of each batch, and the file and offset at which the batch ends.
    batches: Vec<(Position, PathBuf, u64)>,
}

fn inside(name: impl AsRef<Path>) -> PathBuf {
    Path::new(DISK).join(name)
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
            let end = end_of_records(&file);
            stored.batches.push((journal.tail().0, file, end));
        }
        stored
    }

    /// The journal as it was, on a disk of its own, but for one file and the note how far it was
    /// durable: as a power cut may leave it.
    fn copy(&self, changed: &Path, bytes: &[u8]) -> SimulatedDisk {
        let copy = self.copy_with_note(changed, bytes);
        copy.remove(&inside("highwater")).unwrap();
        copy
    }

    /// The journal as it was, on a disk of its own, but for one file.
    fn copy_with_note(&self, changed: &Path, bytes: &[u8]) -> SimulatedDisk {
        let copy = SimulatedDisk::new(Path::new(DISK));
        for entry in fs::read_dir(self.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let file = copy.create(&inside(path.file_name().unwrap())).unwrap();
            let bytes = if path == changed { bytes.to_vec() } else { fs::read(&path).unwrap() };
            file.write_at(&bytes, 0).unwrap();
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

/// Refused, with the place, and nothing changed.
fn assert_damaged(disk: &SimulatedDisk, file: &Path, offset: u64, position: Position) {
    let before = disk.operations();
    for result in [verify_on(disk, Path::new(DISK)).err(), open_on(disk, SEGMENT_BYTES).err()] {
        let Some(OpenError::Damaged { damage }) = result else { panic!("was {result:?}") };
        let found = (damage.file.file_name(), damage.offset, damage.position);
        assert_eq!(found, (file.file_name(), offset, position), "{damage}");
    }
    assert_eq!(disk.operations(), before, "nothing is changed");
}

async fn assert_whole_prefix(disk: &SimulatedDisk, stored: &Stored, last: Position) {
    let journal = open_on(disk, SEGMENT_BYTES).unwrap();
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
            let report = verify_on(&copy, Path::new(DISK)).unwrap();
            assert_eq!(report.last, last, "cut at {cut}");
            assert_eq!(report.torn.map_or(0, |torn| torn.bytes), cut as u64 - end);
            assert_whole_prefix(&copy, &stored, last).await;
            assert_eq!(verify_on(&copy, Path::new(DISK)).unwrap().torn, None, "opening cut it off");
            append(&open_on(&copy, SEGMENT_BYTES).unwrap(), vec![draft(9)]).await;
            assert_eq!(verify_on(&copy, Path::new(DISK)).unwrap().last, last.next());

            // What was noted to be durable and is not there was damaged.
            let noted = stored.copy_with_note(file, &bytes[..cut]);
            let place = stored.places(file).into_iter().nth(cut).unwrap();
            assert_damaged(&noted, file, place.record_start, place.position);
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
                        assert_whole_prefix(&copy, &stored, before_last).await;
                    } else {
                        assert_damaged(&copy, &file, place.record_start, place.position);
                    }
                    bytes[offset] ^= flip;
                    let noted = stored.copy_with_note(&file, &bytes);
                    bytes[offset] ^= flip;
                    assert_damaged(&noted, &file, place.record_start, place.position);
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
    assert_whole_prefix(&copy, &stored, Position::new(2)).await;
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
    let Err(OpenError::Damaged { damage }) = open_on(&copy, SEGMENT_BYTES) else {
        panic!("opened")
    };
    assert_eq!((damage.position, damage.offset), (Position::new(3), start as u64));
    assert_eq!(copy.read(&inside(file.file_name().unwrap())).unwrap(), bytes, "unchanged");
}

#[tokio::test]
async fn zeros_after_the_end_are_cut_off() {
    let stored = Stored::new(SEGMENT_BYTES, &[2, 1]).await;
    let (last, file, _) = &stored.batches[1];
    let mut bytes = fs::read(file).unwrap();
    bytes.resize(bytes.len() + 5000, 0);
    assert_whole_prefix(&stored.copy(file, &bytes), &stored, *last).await;
}

#[tokio::test]
async fn records_of_another_journal_are_refused() {
    let ours = Stored::new(SEGMENT_BYTES, &[2, 1]).await;
    let theirs = Stored::new(SEGMENT_BYTES, &[2, 1]).await;
    let bytes = fs::read(&theirs.batches[0].1).unwrap();
    let copy = ours.copy(&ours.batches[0].1, &bytes);
    let Err(OpenError::Damaged { damage }) = open_on(&copy, SEGMENT_BYTES) else {
        panic!("opened")
    };
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
        assert!(matches!(open_on(&copy, SEGMENT_BYTES), Err(OpenError::Identity { .. })));
        let copy = stored.copy(&file, &whole[..offset]);
        assert!(matches!(open_on(&copy, SEGMENT_BYTES), Err(OpenError::Identity { .. })));
    }
}

#[tokio::test]
async fn a_lost_end_is_noticed() {
    let stored = Stored::new(100, &[2, 2, 2, 2]).await;
    let files = segment_files(stored.dir.path());
    assert!(files.len() >= 3);
    let (last, before) = (&files[files.len() - 1], &files[files.len() - 2]);
    let copy = stored.copy_with_note(last, b"");
    copy.remove(&inside(last.file_name().unwrap())).unwrap();
    let first: u64 = last.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let length = fs::metadata(before).unwrap().len();
    assert_damaged(&copy, before, length, Position::new(first));

    for file in &files[..files.len() - 1] {
        copy.remove(&inside(file.file_name().unwrap())).unwrap();
    }
    assert_damaged(&copy, &files[0], 0, Position::new(1));
}

#[tokio::test]
async fn a_damaged_note_costs_nothing_but_is_no_proof() {
    let stored = Stored::new(SEGMENT_BYTES, &[2, 1]).await;
    let note = stored.dir.path().join("highwater");
    let whole = fs::read(&note).unwrap();
    for offset in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[offset] ^= 1;
        for bytes in [&bytes[..], &whole[..offset]] {
            let copy = stored.copy_with_note(&note, bytes);
            assert_whole_prefix(&copy, &stored, Position::new(3)).await;
            assert_eq!(copy.read(&inside("highwater")).unwrap(), whole, "noted anew");
        }
    }
}

#[tokio::test]
async fn the_end_of_another_history_is_noticed() {
    let stored = Stored::new(SEGMENT_BYTES, &[2, 1]).await;
    let note = stored.dir.path().join("highwater");
    let other = highwater_of(&stored, Position::new(3), Chain::from_bytes([7; 32]));
    let copy = stored.copy_with_note(&note, &other);
    let Err(OpenError::Damaged { damage }) = open_on(&copy, SEGMENT_BYTES) else {
        panic!("opened")
    };
    assert_eq!(damage.position, Position::new(3), "{damage}");
}

fn highwater_of(stored: &Stored, position: Position, chain: Chain) -> Vec<u8> {
    let elsewhere = TempDir::new().unwrap();
    assert!(position <= stored.commits.last().unwrap().position);
    let noted = highwater::Noted::Missing;
    let tip = Tip { position, chain };
    highwater::Highwater::make(&RealDisk, elsewhere.path(), noted, tip).unwrap();
    fs::read(elsewhere.path().join("highwater")).unwrap()
}

#[tokio::test]
async fn damage_under_a_running_journal_is_not_served() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path()).unwrap();
    append(&journal, (0..10).map(draft).collect()).await;
    let file = segment_files(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let last = usize::try_from(end_of_records(&file)).unwrap() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).unwrap();
    let limit = ReadLimit { commits: 100, bytes: usize::MAX };
    let read = journal.read(Position::ORIGIN, limit).await;
    let Err(ReadError::Damaged { position, .. }) = read else { panic!("was {read:?}") };
    assert_eq!(position, Position::new(10));
}

/// Whatever byte changes under a running journal, no run carries it.
#[tokio::test]
async fn damage_under_a_running_journal_is_in_no_run() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path()).unwrap();
    let commits = append(&journal, (0..6).map(draft).collect()).await;
    let last = commits.last().unwrap().position;
    let excerpt: Arc<Excerpt> = Arc::new(|stored, _, out| {
        out.extend_from_slice(stored.body);
        Ok(())
    });
    let file = segment_files(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    for offset in 0..usize::try_from(end_of_records(&file)).unwrap() {
        bytes[offset] ^= 0x11;
        fs::write(&file, &bytes).unwrap();
        bytes[offset] ^= 0x11;
        let mut found = 0;
        for commit in &commits {
            let before = Position::new(commit.position.get() - 1);
            match journal.run(before, commit.position, 1, crate::as_stored).await {
                Err(ReadError::Damaged { .. }) => found += 1,
                Ok(Some(Run::Frames { frames, up_to })) => {
                    assert_eq!((&frames[5..], up_to), (&commit.body[..], commit.position));
                }
                other => panic!("byte {offset}: {other:?}"),
            }
            let wanted = [Wanted { position: commit.position, known: 0 }];
            match journal.excerpts(&wanted, 1, &excerpt).await {
                Err(ReadError::Damaged { .. }) => found += 1,
                Ok(Excerpts { frames, commits: 1 }) => assert_eq!(frames, commit.body),
                other => panic!("byte {offset}: {other:?}"),
            }
        }
        assert!(found > 1, "byte {offset} was not noticed");
        // Long runs end before it, and the next one says what is there.
        let mut at = Position::ORIGIN;
        let run = async |at| journal.run(at, last, 1 << 20, crate::as_stored).await;
        while let Ok(Some(Run::Frames { up_to, .. })) = run(at).await {
            assert!(up_to < last, "byte {offset}");
            at = up_to;
        }
        assert!(matches!(run(at).await, Err(ReadError::Damaged { .. })), "byte {offset}");
    }
}
