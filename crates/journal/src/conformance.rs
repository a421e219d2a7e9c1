//! The suite every engine passes: J1 to J5 as checks. Each takes a journal that is still empty and
//! panics with the promise that was broken.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::limits::COMMIT_BYTES;
use crate::{
    AppendError, Chain, Commit, Draft, EraseError, Erasure, Excerpt, Framing, Journal, Position,
    ReadError, ReadLimit, Run, Wanted,
};

/// Something that opens one journal again and again.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Opens it. The suite has dropped the one opened before.
    async fn open(&self) -> Arc<dyn Journal>;
}

const ALL: ReadLimit = ReadLimit { commits: usize::MAX, bytes: usize::MAX };

/// Runs the whole suite, each check on a journal of its own.
pub async fn all<E: Engine>(mut fresh: impl FnMut() -> E) {
    empty_journal(&fresh()).await;
    positions_have_no_gaps(&fresh()).await;
    another_tail_is_refused(&fresh()).await;
    one_of_two_racing_appends_wins(&fresh()).await;
    a_batch_is_all_or_nothing(&fresh()).await;
    reopening_changes_nothing(&fresh()).await;
    reading_respects_limits(&fresh()).await;
    reading_past_the_tail_is_refused(&fresh()).await;
    readers_see_whole_prefixes(&fresh()).await;
    the_largest_commit_fits(&fresh()).await;
    runs_are_what_is_read(&fresh()).await;
    excerpts_are_of_what_was_wanted(&fresh()).await;
    what_is_erased_keeps_its_place(&fresh()).await;
}

/// A draft that can be told from others.
pub fn draft(number: u64) -> Draft {
    Draft {
        recorded_at_micros: 1_700_000_000_000_000 + number as i64,
        meta: Bytes::from(format!("meta {number}").repeat(number as usize % 3)),
        body: Bytes::from(format!("body {number} ").repeat(number as usize % 17 + 1)),
    }
}

/// Everything in a journal.
pub async fn read_all(journal: &dyn Journal) -> Vec<Commit> {
    let mut commits: Vec<Commit> = Vec::new();
    loop {
        let after = commits.last().map_or(Position::ORIGIN, |commit| commit.position);
        let more = journal.read(after, ALL).await.expect("a whole journal can be read");
        if more.is_empty() {
            return commits;
        }
        commits.extend(more);
    }
}

/// J1, J5: positions count from 1, and every chain value follows from the one before.
pub fn assert_continuous(journal: &dyn Journal, commits: &[Commit]) {
    let mut chain = Chain::origin(journal.identity());
    for (number, commit) in (1..).zip(commits) {
        assert_eq!(commit.position, Position::new(number), "J1: positions have no gaps");
        let draft = draft_of(commit);
        chain = chain.extended(commit.position, &draft);
        assert_eq!(commit.chain, chain, "J5: the chain is continuous");
    }
}

fn draft_of(commit: &Commit) -> Draft {
    let Commit { recorded_at_micros, meta, body, .. } = commit.clone();
    Draft { recorded_at_micros, meta, body }
}

/// Appends at the tail.
pub async fn append(journal: &dyn Journal, drafts: Vec<Draft>) -> Vec<Commit> {
    let (tail, _) = journal.tail();
    journal.append(tail, drafts).await.expect("an append at the tail is made")
}

async fn empty_journal(engine: &dyn Engine) {
    let journal = engine.open().await;
    let origin = (Position::ORIGIN, Chain::origin(journal.identity()));
    assert_eq!(journal.tail(), origin, "a new journal is empty");
    assert_eq!(journal.oldest(), Position::ORIGIN);
    assert!(read_all(&*journal).await.is_empty());
    assert!(append(&*journal, Vec::new()).await.is_empty(), "appending nothing changes nothing");
    assert_eq!(journal.tail(), origin);
}

async fn positions_have_no_gaps(engine: &dyn Engine) {
    let journal = engine.open().await;
    let mut appended = Vec::new();
    for size in [1, 3, 2, 7] {
        let start = appended.len() as u64;
        appended.extend(append(&*journal, (start..start + size).map(draft).collect()).await);
    }
    assert_continuous(&*journal, &appended);
    assert_eq!(read_all(&*journal).await, appended, "what is read is what was appended");
    let last = appended.last().expect("13 commits");
    assert_eq!(journal.tail(), (last.position, last.chain));
    let drafts: Vec<Draft> = appended.iter().map(draft_of).collect();
    assert_eq!(drafts, (0..13).map(draft).collect::<Vec<_>>(), "commits hold their drafts");
}

/// Runs of any size from anywhere to anywhere are the frames of what is read there.
async fn runs_are_what_is_read(engine: &dyn Engine) {
    let journal = engine.open().await;
    let large = Draft { body: Bytes::from(vec![7; 100_000]), ..draft(3) };
    append(&*journal, (1..40).map(draft).chain([large]).collect()).await;
    for number in 41..70 {
        append(&*journal, vec![draft(number)]).await;
    }
    // Bodies of a number that five divides stand apart; the others have their chain value after them.
    let framing: Framing = |stored, out| {
        out.extend_from_slice(stored.chain);
        !stored.body.len().is_multiple_of(5)
    };
    let all = read_all(&*journal).await;
    for (after, last, bytes) in [
        (0, 69, 1),
        (0, 69, 900),
        (0, 69, 1 << 20),
        (38, 42, 1),
        (38, 42, 1 << 20),
        (17, 55, 2_000),
    ] {
        let (mut sent, mut expected, mut at) = (Vec::new(), Vec::new(), Position::new(after));
        while let Some(run) = run(&*journal, at, Position::new(last), bytes, framing).await {
            at = match run {
                Run::Frames { frames, up_to } => {
                    sent.extend_from_slice(&frames);
                    up_to
                }
                Run::Apart(commit) => {
                    assert!(commit.body.len().is_multiple_of(5));
                    assert_eq!(commit, all[commit.position.get() as usize - 1]);
                    commit.position
                }
            };
        }
        assert_eq!(at, Position::new(last), "runs reach the end asked for");
        for commit in &all[after as usize..last as usize] {
            if !commit.body.len().is_multiple_of(5) {
                let length = u32::try_from(commit.body.len() + 32).expect("it is small");
                expected.push(0);
                expected.extend_from_slice(&length.to_be_bytes());
                expected.extend_from_slice(&commit.body);
                expected.extend_from_slice(commit.chain.as_bytes());
            }
        }
        assert_eq!(sent, expected, "runs of {bytes} bytes after {after} up to {last}");
    }
}

/// Excerpts are of the commits that were wanted and no others, however many are made at once.
async fn excerpts_are_of_what_was_wanted(engine: &dyn Engine) {
    let journal = engine.open().await;
    let large = Draft { body: Bytes::from(vec![7; 100_000]), ..draft(3) };
    append(&*journal, (1..40).map(draft).chain([large]).collect()).await;
    for number in 41..200 {
        append(&*journal, vec![draft(number)]).await;
    }
    let all = read_all(&*journal).await;
    let excerpt: Arc<Excerpt> = Arc::new(|stored, known, out| {
        out.extend_from_slice(&known.to_be_bytes());
        out.extend_from_slice(stored.body);
        if known == u32::MAX { Err("it is not liked".to_owned()) } else { Ok(()) }
    });
    for (from, every, bytes) in [(0, 1, 1), (0, 1, 1 << 20), (1, 3, 500), (39, 39, 1), (2, 50, 900)]
    {
        let wanted = all.iter().skip(from).step_by(every);
        let wanted: Vec<Wanted> =
            (0..).zip(wanted).map(|(known, it)| Wanted { position: it.position, known }).collect();
        let (mut taken, mut expected, mut rest) = (Vec::new(), Vec::new(), &wanted[..]);
        while !rest.is_empty() {
            let found = journal.excerpts(rest, bytes, &excerpt).await;
            let found = found.expect("a whole journal can be read");
            if let Some(at_hand) = journal.excerpts_at_hand(rest, bytes, &*excerpt) {
                let at_hand = at_hand.expect("a whole journal can be read");
                assert!(at_hand.commits > 0 && found.frames.starts_with(&at_hand.frames));
            }
            assert!(found.commits > 0, "at least the first");
            taken.extend_from_slice(&found.frames);
            rest = &rest[found.commits..];
        }
        for Wanted { position, known } in wanted {
            expected.extend_from_slice(&known.to_be_bytes());
            expected.extend_from_slice(&all[position.get() as usize - 1].body);
        }
        assert_eq!(taken, expected, "every {every}th from {from} on, {bytes} bytes at once");
    }
    let refused = [Wanted { position: Position::new(7), known: u32::MAX }];
    let refused = journal.excerpts(&refused, 1, &excerpt).await;
    assert!(matches!(refused, Err(ReadError::Undecoded(_))), "was {refused:?}");
}

/// What is erased is read as what remains, everything else and the chain as before, also once reopened.
async fn what_is_erased_keeps_its_place(engine: &dyn Engine) {
    let large = |number: u8| Draft { body: Bytes::from(vec![number; 2_000]), ..draft(3) };
    let journal = engine.open().await;
    let mut expected = append(&*journal, vec![draft(1), large(2), draft(3)]).await;
    expected.extend(append(&*journal, vec![large(4)]).await);
    let tail = journal.tail();
    for (position, body) in [(2, "first"), (4, "second"), (2, "first again")] {
        let erasure = Erasure {
            position: Position::new(position),
            meta: Bytes::from_static(b"little"),
            body: Bytes::from_static(body.as_bytes()),
        };
        expected[position as usize - 1].meta = erasure.meta.clone();
        expected[position as usize - 1].body = erasure.body.clone();
        journal.erase(vec![erasure]).await.expect("it is erased");
        assert_eq!(read_all(&*journal).await, expected);
    }
    assert_eq!(journal.tail(), tail, "J5: the chain is as it was");
    let missing = Erasure { position: Position::new(5), meta: Bytes::new(), body: Bytes::new() };
    let refused = journal.erase(vec![missing]).await;
    assert!(matches!(refused, Err(EraseError::Missing { .. })), "was {refused:?}");
    drop(journal);
    let journal = engine.open().await;
    expected.extend(append(&*journal, vec![draft(5)]).await);
    assert_eq!(read_all(&*journal).await, expected);
    let (position, chain) = tail;
    let after = Chain::extended(&chain, position.next(), &draft(5));
    assert_eq!(journal.tail(), (position.next(), after), "J5: what follows stands on what was");
}

async fn run(
    journal: &dyn Journal,
    after: Position,
    last: Position,
    bytes: usize,
    framing: Framing,
) -> Option<Run> {
    if after == last {
        return None;
    }
    let run = journal.run(after, last, bytes, framing).await;
    if let (Ok(Some(Run::Frames { frames, .. })), Some(at_hand)) =
        (&run, journal.run_at_hand(after, last, bytes, framing))
    {
        let Ok(Some(Run::Frames { frames: at_hand, .. })) = at_hand else {
            panic!("another run is at hand: {at_hand:?}");
        };
        assert!(frames.starts_with(&at_hand) && !at_hand.is_empty());
    }
    Some(run.expect("a whole journal can be read").expect("a commit stands before the last"))
}

async fn another_tail_is_refused(engine: &dyn Engine) {
    let journal = engine.open().await;
    append(&*journal, vec![draft(1), draft(2)]).await;
    for expected in [0, 1, 3, u64::MAX].map(Position::new) {
        let refused = journal.append(expected, vec![draft(3)]).await;
        let Err(AppendError::Conflict { expected: named, tail }) = refused else {
            panic!("J3: an append that expects {expected} must be refused, was {refused:?}");
        };
        assert_eq!((named, tail), (expected, Position::new(2)));
    }
    assert_eq!(read_all(&*journal).await.len(), 2, "J3: a refused append writes nothing");
    append(&*journal, vec![draft(3)]).await;
}

async fn one_of_two_racing_appends_wins(engine: &dyn Engine) {
    let journal = engine.open().await;
    for round in 0..30 {
        let racers = [0, 1].map(|racer| {
            let journal = journal.clone();
            let drafts = vec![draft(racer), draft(racer)];
            tokio::spawn(async move { journal.append(Position::new(round * 2), drafts).await })
        });
        let mut won = 0;
        for racer in racers {
            match racer.await.expect("an append does not panic") {
                Ok(commits) => won += commits.len(),
                Err(AppendError::Conflict { .. }) => {}
                Err(other) => panic!("J3: the loser of a race is refused, was {other:?}"),
            }
        }
        assert_eq!(won, 2, "J3: exactly one of two appends at the same tail is made");
    }
    assert_continuous(&*journal, &read_all(&*journal).await);
}

async fn a_batch_is_all_or_nothing(engine: &dyn Engine) {
    let journal = engine.open().await;
    let kept = append(&*journal, vec![draft(1)]).await;
    let large = Draft { body: vec![0; COMMIT_BYTES + 1].into(), ..draft(0) };
    let (tail, _) = journal.tail();
    let refused = journal.append(tail, vec![draft(2), large, draft(3)]).await;
    assert!(matches!(refused, Err(AppendError::TooLarge { .. })), "was {refused:?}");
    assert_eq!(read_all(&*journal).await, kept, "J2: nothing of a refused batch is written");
    drop(journal);
    let journal = engine.open().await;
    assert_eq!(read_all(&*journal).await, kept, "J2: nothing of a refused batch is written");
}

async fn reopening_changes_nothing(engine: &dyn Engine) {
    let mut journal = engine.open().await;
    let identity = journal.identity();
    let mut appended = Vec::new();
    for number in 0..5 {
        appended.extend(append(&*journal, vec![draft(number), draft(number + 100)]).await);
        let before = journal.tail();
        drop(journal);
        journal = engine.open().await;
        assert_eq!(journal.identity(), identity, "a journal keeps its identity");
        assert_eq!(journal.tail(), before);
        assert_eq!(read_all(&*journal).await, appended);
    }
    assert_continuous(&*journal, &appended);
}

async fn reading_respects_limits(engine: &dyn Engine) {
    let journal = engine.open().await;
    let appended = append(&*journal, (0..300).map(draft).collect()).await;
    for after in [0, 1, 63, 64, 65, 150, 298, 299, 300] {
        let rest = &appended[after..];
        let after = Position::new(after as u64);
        for commits in [0, 1, 2, 1000] {
            let limit = ReadLimit { commits, bytes: usize::MAX };
            let found = journal.read(after, limit).await.expect("readable");
            assert!(found.len() <= commits.max(1), "no more commits than asked for");
            assert_eq!(found, rest[..found.len()], "oldest first, without gaps");
            assert_eq!(found.is_empty(), rest.is_empty(), "at least one where there is one");
        }
        for bytes in [0, 100, 1000] {
            let limit = ReadLimit { commits: usize::MAX, bytes };
            let found = journal.read(after, limit).await.expect("readable");
            let size: usize = found.iter().map(|commit| draft_of(commit).size()).sum();
            assert!(found.len() <= 1 || size <= bytes, "no more bytes than asked for");
            assert_eq!(found, rest[..found.len()]);
            assert_eq!(found.is_empty(), rest.is_empty(), "the first comes whatever its size");
        }
    }
}

async fn reading_past_the_tail_is_refused(engine: &dyn Engine) {
    let journal = engine.open().await;
    append(&*journal, vec![draft(1)]).await;
    assert!(journal.read(Position::new(1), ALL).await.expect("the tail is readable").is_empty());
    let refused = journal.read(Position::new(2), ALL).await;
    let Err(ReadError::Ahead { tail }) = refused else { panic!("was {refused:?}") };
    assert_eq!(tail, Position::new(1));
}

async fn readers_see_whole_prefixes(engine: &dyn Engine) {
    const BATCHES: u64 = 40;
    const BATCH: u64 = 5;
    let journal = engine.open().await;
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut seen = 0;
                while seen < BATCHES * BATCH {
                    let (tail, chain) = journal.tail();
                    assert!(tail.get().is_multiple_of(BATCH), "J2: the tail is between batches");
                    let commits = read_all(&*journal).await;
                    assert_continuous(&*journal, &commits);
                    assert!(commits.len() as u64 >= tail.get(), "what is at the tail is readable");
                    if let Some(index) = (tail.get() as usize).checked_sub(1) {
                        assert_eq!(commits[index].chain, chain);
                    }
                    seen = commits.len() as u64;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for batch in 0..BATCHES {
        let first = batch * BATCH;
        append(&*journal, (first..first + BATCH).map(draft).collect()).await;
    }
    for reader in readers {
        reader.await.expect("a reader saw a whole prefix");
    }
}

async fn the_largest_commit_fits(engine: &dyn Engine) {
    let journal = engine.open().await;
    let meta = Bytes::from(vec![1; COMMIT_BYTES / 2]);
    let largest = Draft { body: vec![2; COMMIT_BYTES - meta.len()].into(), meta, ..draft(0) };
    assert_eq!(largest.size(), COMMIT_BYTES);
    let appended = append(&*journal, vec![draft(1), largest, draft(2)]).await;
    assert_eq!(read_all(&*journal).await, appended);
    drop(journal);
    assert_eq!(read_all(&*engine.open().await).await, appended);
}
