//! Callers that come alone decide where they are; everything else is as with the writer's thread.

use std::sync::atomic::AtomicI64;

use super::*;
use crate::limits::ALONE_MICROS;

/// A house in which the last batch was one command, and nobody has the turn.
async fn house() -> House {
    house_with(options()).await
}

async fn house_with(options: WriterOptions) -> House {
    let house = House::new(options).await;
    assert_eq!(house.writer.submit(Ask::Add("a", 1)).await.unwrap(), 1);
    while !house.writer.turn.is_free() {
        tokio::task::yield_now().await;
    }
    house
}

async fn unknown(house: &House, ask: Ask) {
    let outcome = house.writer.submit(ask).await;
    assert!(matches!(outcome, Err(SubmitError::OutcomeUnknown)), "was {outcome:?}");
}

/// Submits, and returns once the machine is held in what it settles.
async fn hold_in_settle(house: &House) -> tokio::task::JoinHandle<i64> {
    house.memory.close_gate();
    let writer = house.writer.clone();
    let held = tokio::spawn(async move { writer.submit(Ask::Add("a", 1)).await.unwrap() });
    house.memory.reached_gate().await;
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_alone_waits_for_no_other_thread() {
    let house = house().await;
    for expected in 2..=4 {
        assert_eq!(house.writer.submit(Ask::Add("a", 1)).await.unwrap(), expected);
        let head = Position::new(expected.unsigned_abs());
        assert_eq!(house.reader.head(), head);
        assert_eq!(house.memory.released(), head);
        assert_eq!(crate::verify(house.dir.path()).unwrap().last, head);
    }
    let refused = house.writer.submit(Ask::Get("b")).await;
    assert!(matches!(refused, Err(SubmitError::Refused(NoSuchCounter))), "was {refused:?}");
    assert_eq!(house.memory.by_the_thread(), [true, false, false, false]);
}

#[tokio::test]
async fn where_there_is_one_thread_nobody_blocks_it() {
    let house = house().await;
    assert_eq!(house.writer.submit(Ask::Add("a", 1)).await.unwrap(), 2);
    assert_eq!(house.memory.by_the_thread(), [true, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_is_waited_for_by_the_thread() {
    // Each batch asks for the time before it, for its one command, and after it.
    let ticks = Arc::new(AtomicI64::new(0));
    let micros = Arc::new(AtomicI64::new(ALONE_MICROS / 2));
    let (time, step) = (ticks.clone(), micros.clone());
    let clock = move || time.fetch_add(step.load(Ordering::Relaxed), Ordering::Relaxed);
    let house = house_with(WriterOptions::new(clock)).await;
    assert_eq!(house.writer.submit(Ask::Add("a", 1)).await.unwrap(), 2);
    micros.fetch_add(1, Ordering::Relaxed);
    for expected in 3..=5 {
        assert_eq!(house.writer.submit(Ask::Add("a", 1)).await.unwrap(), expected);
    }
    micros.store(0, Ordering::Relaxed);
    assert_eq!(house.writer.submit(Ask::Add("a", 1)).await.unwrap(), 6);
    while !house.writer.turn.is_free() {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.writer.submit(Ask::Add("a", 1)).await.unwrap(), 7);
    let by_the_thread = [true, false, false, true, true, true, false];
    assert_eq!(house.memory.by_the_thread(), by_the_thread);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_meanwhile_is_decided_together_by_the_thread() {
    let house = house().await;
    let held = hold_in_settle(&house).await;
    let mut pending = Vec::new();
    for _ in 0..3 {
        pending.push(house.writer.enqueue(Ask::Add("a", 1)).await.unwrap());
    }
    house.memory.open_gate();
    assert_eq!(held.await.unwrap(), 2);
    for (expected, pending) in (3..).zip(pending) {
        assert_eq!(pending.answer().await.unwrap(), expected, "decided in order");
    }
    assert_eq!(house.faulty.appended().iter().sum::<usize>(), 5);
    assert_eq!(house.memory.by_the_thread(), [true, false, true, true, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_goes_before_those_who_wait() {
    let house = house().await;
    for round in 0..200 {
        let first = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
        let second = house.writer.submit(Ask::Add("a", 1)).await.unwrap();
        assert_eq!((first.answer().await.unwrap(), second), (2 + 2 * round, 3 + 2 * round));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_storage_error_of_his_the_writer_ends() {
    for trouble in [Trouble::FailBefore, Trouble::FailAfter] {
        let mut house = house().await;
        house.faulty.next_append(trouble);
        unknown(&house, Ask::Add("a", 1)).await;
        assert_eq!(house.faulty.fired(trouble), 1);
        assert!(house.failed().await.contains("append"), "the failure says where");
        assert_eq!(house.memory.by_the_thread(), [true, false]);
        let refused = house.writer.submit(Ask::Get("a")).await;
        assert!(matches!(refused, Err(SubmitError::NotServing)), "was {refused:?}");
        assert_eq!(house.memory.released(), Position::new(1), "J4: never released");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_panic_of_his_the_writer_ends() {
    let mut house = house().await;
    unknown(&house, Ask::Panic).await;
    assert!(house.failed().await.contains("asked to panic"));
    let refused = house.writer.submit(Ask::Get("a")).await;
    assert!(matches!(refused, Err(SubmitError::NotServing)), "was {refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_his_command_and_nothing_else() {
    let house = house().await;
    house.faulty.next_append(Trouble::Full);
    let full = house.writer.submit(Ask::Add("a", 1)).await;
    assert!(matches!(full, Err(SubmitError::Full)), "was {full:?}");
    assert_eq!(house.writer.submit(Ask::Add("a", 1)).await.unwrap(), 2, "it was discarded");
    assert_eq!(house.memory.by_the_thread(), [true, false, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_waits_for_his_turn_to_end() {
    let house = house().await;
    let held = hold_in_settle(&house).await;
    let writer = house.writer.clone();
    let stop = tokio::spawn(async move { writer.stop().await });
    while house.writer.serving().is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*house.state.borrow(), WriterState::Serving, "not stopped under him");
    house.memory.open_gate();
    assert_eq!(held.await.unwrap(), 2);
    stop.await.unwrap();
    assert_eq!(*house.state.borrow(), WriterState::Stopped);
    assert_eq!(house.memory.applied().0, Position::new(2));
    assert_eq!(house.memory.by_the_thread(), [true, false]);
}
