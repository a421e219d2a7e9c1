//! Tests of the writer loop, on segment files, with a small machine: named counters.
#![allow(clippy::unwrap_used)]

mod alone;
mod counters;
mod failures;
mod replaying;
mod visible;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::faulty::{Faulty, Trouble};
use crate::{ReadError, ReadLimit, SegmentJournal, SegmentOptions, WriterGone};
use counters::{Ask, Counters, Memory, NoSuchCounter};

const ALL: ReadLimit = ReadLimit { commits: usize::MAX, bytes: usize::MAX };

fn clock() -> i64 {
    1_700_000_000_000_000
}

fn options() -> WriterOptions {
    WriterOptions::new(clock)
}

fn segments(dir: &Path) -> Arc<dyn Journal> {
    Arc::new(SegmentJournal::open(dir, SegmentOptions::default()).unwrap())
}

/// A writer on a journal that can be given trouble.
struct House {
    dir: TempDir,
    memory: Arc<Memory>,
    faulty: Arc<Faulty>,
    writer: Writer<Counters>,
    reader: Reader,
    state: watch::Receiver<WriterState>,
}

impl House {
    async fn new(options: WriterOptions) -> House {
        let dir = TempDir::new().unwrap();
        let memory = Arc::new(Memory::default());
        House::open(dir, memory, options).await
    }

    async fn open(dir: TempDir, memory: Arc<Memory>, options: WriterOptions) -> House {
        let faulty = Faulty::new(segments(dir.path()));
        let machine = Counters::new(memory.clone());
        let Started { writer, reader, mut state } =
            Writer::start(faulty.clone(), machine, options).unwrap();
        let begun = |state: &WriterState| !matches!(state, WriterState::Replaying { .. });
        state.wait_for(begun).await.unwrap();
        House { dir, memory, faulty, writer, reader, state }
    }

    /// Holds the writer in an append, so that what is enqueued now comes into the next batch.
    async fn hold(&self) -> Pending<Counters> {
        self.faulty.next_append(Trouble::Stall);
        let held = self.writer.enqueue(Ask::Add("held", 1)).await.unwrap();
        self.faulty.stalled().await;
        held
    }

    async fn failed(&mut self) -> Arc<str> {
        let failed = |state: &WriterState| matches!(state, WriterState::Failed(_));
        match &*self.state.wait_for(failed).await.unwrap() {
            WriterState::Failed(why) => why.clone(),
            other => panic!("waited for a failure, found {other:?}"),
        }
    }

    async fn stop(self) -> (TempDir, Arc<Memory>) {
        self.writer.stop().await;
        (self.dir, self.memory)
    }
}

#[tokio::test]
async fn an_answer_comes_after_durability_view_and_release() {
    let house = House::new(options()).await;
    for expected in 1..=3 {
        assert_eq!(house.writer.submit(Ask::Add("a", 1)).await.unwrap(), expected);
        let head = Position::new(expected.unsigned_abs());
        assert_eq!(house.reader.head(), head);
        assert_eq!(house.memory.applied().0, head);
        assert_eq!(house.memory.released(), head);
        assert_eq!(crate::verify(house.dir.path()).unwrap().last, head);
    }
    let refused = house.writer.submit(Ask::Get("b")).await;
    assert!(matches!(refused, Err(SubmitError::Refused(NoSuchCounter))), "was {refused:?}");
    assert_eq!(house.writer.submit(Ask::Get("a")).await.unwrap(), 3);
    assert_eq!(house.reader.head(), Position::new(3), "a refusal and an answer write nothing");
}

#[tokio::test]
async fn waiting_commands_share_one_append() {
    let house = House::new(options()).await;
    let held = house.hold().await;
    let mut pending = Vec::new();
    for _ in 0..20 {
        pending.push(house.writer.enqueue(Ask::Add("a", 1)).await.unwrap());
    }
    assert_eq!(house.reader.head(), Position::ORIGIN, "J4: not released before it is durable");
    house.faulty.release();
    assert_eq!(held.answer().await.unwrap(), 1);
    for (expected, pending) in (1..).zip(pending) {
        assert_eq!(pending.answer().await.unwrap(), expected, "decided in order");
    }
    assert_eq!(house.faulty.appended(), [1, 20]);
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let bounded_commands = WriterOptions { batch_commands: 8, ..options() };
    let bounded_bytes = WriterOptions { batch_bytes: 20, ..options() };
    // "a 1" has three bytes: the seventh reaches the limit.
    for (options, expected) in [(bounded_commands, [1, 8, 8, 4]), (bounded_bytes, [1, 7, 7, 6])] {
        let house = House::new(options).await;
        let held = house.hold().await;
        let mut pending = Vec::new();
        for _ in 0..20 {
            pending.push(house.writer.enqueue(Ask::Add("a", 1)).await.unwrap());
        }
        house.faulty.release();
        held.answer().await.unwrap();
        for pending in pending {
            pending.answer().await.unwrap();
        }
        assert_eq!(house.faulty.appended(), expected);
    }
}

#[tokio::test]
async fn what_is_handed_in_together_begins_together() {
    let bounded = WriterOptions { batch_commands: 8, queue: 2, ..options() };
    let house = House::new(bounded).await;
    let asks = |name, count| (0..count).map(move |_| Ask::Add(name, 1));
    let together = house.writer.enqueue_all(asks("a", 20)).await.unwrap();
    for (expected, pending) in (1..).zip(together) {
        assert_eq!(pending.answer().await.unwrap(), expected, "decided in order");
    }
    assert_eq!(house.faulty.appended(), [8, 8, 4], "however few were there when it began");

    let held = house.hold().await;
    let waiting = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    let together = house.writer.enqueue_all(asks("a", 9)).await.unwrap();
    let refused = house.writer.submit(Ask::Get("a")).await;
    assert!(matches!(refused, Err(SubmitError::QueueFull)), "was {refused:?}");
    house.faulty.release();
    held.answer().await.unwrap();
    assert_eq!(waiting.answer().await.unwrap(), 21);
    for (expected, pending) in (22..).zip(together) {
        assert_eq!(pending.answer().await.unwrap(), expected, "nobody comes between");
    }
    assert_eq!(house.faulty.appended()[3..], [1, 8, 2]);
}

#[tokio::test]
async fn of_what_is_handed_in_together_the_rest_is_told_of_a_stop() {
    let house = House::new(WriterOptions { batch_commands: 8, ..options() }).await;
    house.memory.close_gate();
    let asks = (0..20).map(|_| Ask::Add("a", 1));
    let mut together = house.writer.enqueue_all(asks).await.unwrap();
    house.memory.reached_gate().await;
    let writer = house.writer.clone();
    let stop = tokio::spawn(async move { writer.stop().await });
    tokio::task::yield_now().await;
    house.memory.open_gate();
    stop.await.unwrap();
    for pending in together.drain(8..) {
        let outcome = pending.answer().await;
        assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
    }
    for (expected, pending) in (1..).zip(together) {
        assert_eq!(pending.answer().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_full_queue_is_an_error_at_once() {
    let house = House::new(WriterOptions { queue: 2, ..options() }).await;
    let held = house.hold().await;
    let first = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    let second = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    let refused = house.writer.submit(Ask::Add("a", 1)).await;
    assert!(matches!(refused, Err(SubmitError::QueueFull)), "was {refused:?}");
    let writer = house.writer.clone();
    let patient = tokio::spawn(async move { writer.submit_waiting(Ask::Add("a", 1)).await });
    tokio::task::yield_now().await;
    house.faulty.release();
    for (pending, expected) in [(held, 1), (first, 1), (second, 2)] {
        assert_eq!(pending.answer().await.unwrap(), expected);
    }
    assert_eq!(patient.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn a_caller_that_goes_away_loses_only_the_answer() {
    let house = House::new(options()).await;
    let held = house.hold().await;
    drop(house.writer.enqueue(Ask::Add("a", 5)).await.unwrap());
    house.faulty.release();
    held.answer().await.unwrap();
    assert_eq!(house.writer.submit(Ask::Get("a")).await.unwrap(), 5);
}

#[tokio::test]
async fn stopping_finishes_the_batch_and_closes_everything() {
    let house = House::new(options()).await;
    let held = house.hold().await;
    let waiting = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    let stops = [house.writer.clone(), house.writer.clone()]
        .map(|writer| tokio::spawn(async move { writer.stop().await }));
    // Both begin to stop before the writer is let go.
    tokio::task::yield_now().await;
    house.faulty.release();
    assert_eq!(held.answer().await.unwrap(), 1, "the batch it was in is finished");
    let outcome = waiting.answer().await;
    assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
    for stop in stops {
        stop.await.unwrap();
    }
    assert_eq!(*house.state.borrow(), WriterState::Stopped);
    let refused = house.writer.submit(Ask::Add("a", 1)).await;
    assert!(matches!(refused, Err(SubmitError::NotServing)), "was {refused:?}");
    let reader = house.reader.clone();
    assert_eq!(reader.beyond(reader.head()).await, Err(WriterGone));

    let House { dir, memory, faulty, .. } = house;
    drop(faulty);
    let again = House::open(dir, memory, options()).await;
    assert_eq!(again.writer.submit(Ask::Get("held")).await.unwrap(), 1);
}

#[tokio::test]
async fn readers_read_what_is_released_from_memory_and_from_the_journal() {
    let house = House::new(options()).await;
    let reader = house.reader.clone();
    assert!(reader.read(Position::ORIGIN, ALL).await.unwrap().is_empty());
    let waiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.wait_for(Position::new(5)).await.map(|()| reader.head()) }
    });
    for _ in 0..5 {
        house.writer.submit(Ask::Add("a", 1)).await.unwrap();
    }
    assert!(waiting.await.unwrap().unwrap() >= Position::new(5));
    let recent = reader.read(Position::ORIGIN, ALL).await.unwrap();
    assert_eq!(recent.len(), 5);
    let (dir, memory) = house.stop().await;

    let house = House::open(dir, memory, options()).await;
    let reader = &house.reader;
    house.writer.submit(Ask::Add("a", 1)).await.unwrap();
    assert_eq!(reader.read(Position::ORIGIN, ALL).await.unwrap()[..5], recent);
    for after in 0..=6 {
        let read = reader.read(Position::new(after), ReadLimit { commits: 2, bytes: 99 }).await;
        let positions: Vec<u64> = read.unwrap().iter().map(|c| c.position.get()).collect();
        assert_eq!(positions, (after + 1..=6.min(after + 2)).collect::<Vec<_>>());
    }
    for commit in &recent {
        assert_eq!(reader.chain_at(commit.position).await.unwrap(), commit.chain);
    }
    let origin = crate::Chain::origin(reader.identity());
    assert_eq!(reader.chain_at(Position::ORIGIN).await.unwrap(), origin);
    for refused in [
        reader.read(Position::new(7), ALL).await.map(drop),
        reader.chain_at(Position::new(7)).await.map(drop),
    ] {
        assert!(matches!(refused, Err(ReadError::Ahead { .. })), "was {refused:?}");
    }
}

#[tokio::test]
async fn reads_never_pass_what_is_released() {
    let house = House::new(options()).await;
    house.writer.submit(Ask::Add("a", 1)).await.unwrap();
    // Durable in the journal, but the writer has not released it: its machine is held in settle.
    house.memory.close_gate();
    let pending = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    house.memory.reached_gate().await;
    assert_eq!(house.faulty.tail().0, Position::new(2));
    assert_eq!(house.reader.read(Position::ORIGIN, ALL).await.unwrap().len(), 1);
    assert!(house.reader.read(Position::new(1), ALL).await.unwrap().is_empty());
    house.memory.open_gate();
    assert_eq!(pending.answer().await.unwrap(), 2);
    let later =
        tokio::time::timeout(Duration::from_secs(10), house.reader.beyond(Position::new(1)));
    later.await.unwrap().unwrap();
    assert_eq!(house.reader.read(Position::new(1), ALL).await.unwrap().len(), 1);
}

/// Follows the journal by cursor and doorbell, as a stream does.
async fn follow(reader: Reader, last: Position) -> Vec<crate::Commit> {
    let mut seen: Vec<crate::Commit> = Vec::new();
    loop {
        let cursor = seen.last().map_or(Position::ORIGIN, |commit| commit.position);
        if cursor == last {
            return seen;
        }
        reader.beyond(cursor).await.unwrap();
        seen.extend(reader.read(cursor, ReadLimit { commits: 7, bytes: 99 }).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_and_many_followers_see_one_history() {
    const CALLERS: u64 = 16;
    const EACH: u64 = 50;
    let house = House::new(options()).await;
    let last = Position::new(CALLERS * EACH);
    let followers = [0; 4].map(|_| tokio::spawn(follow(house.reader.clone(), last)));
    let callers = [0; CALLERS as usize].map(|_| {
        let (writer, reader) = (house.writer.clone(), house.reader.clone());
        tokio::spawn(async move {
            let mut sums = Vec::new();
            for _ in 0..EACH {
                let sum = writer.submit_waiting(Ask::Add("a", 1)).await.unwrap();
                assert!(reader.head().get() >= sum.unsigned_abs(), "J4: released before answered");
                sums.push(sum);
            }
            sums
        })
    });
    let mut sums = Vec::new();
    for caller in callers {
        sums.extend(caller.await.unwrap());
    }
    sums.sort_unstable();
    assert_eq!(sums, (1..=800).collect::<Vec<_>>(), "every command is applied exactly once");
    assert_eq!(house.faulty.appended().iter().sum::<usize>(), 800);
    for follower in followers {
        let seen = follower.await.unwrap();
        crate::conformance::assert_continuous(&*house.faulty, &seen);
        assert_eq!(seen.len(), 800);
    }
}
