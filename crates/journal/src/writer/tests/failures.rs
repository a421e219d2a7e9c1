//! A full disk, storage errors, faults, panics: what each caller is told, and what is there afterwards.

use super::*;

/// Whether the journal, the view rebuilt from it and the view kept all say the same.
async fn assert_reopens_with(house: House, held: i64, a: Option<i64>) {
    let House { dir, memory, faulty, writer, reader, .. } = house;
    writer.stop().await;
    drop((faulty, reader));
    for memory in [memory, Arc::new(Memory::default())] {
        let faulty = Faulty::new(segments(dir.path()));
        let started = Writer::start(faulty, Counters::new(memory.clone()), options()).unwrap();
        assert_eq!(started.writer.submit(Ask::Get("held")).await.unwrap(), held);
        assert_eq!(started.writer.submit(Ask::Get("a")).await.ok(), a);
        started.writer.stop().await;
    }
}

#[tokio::test]
async fn a_full_disk_costs_the_batch_and_what_stood_on_it() {
    let house = House::new(options()).await;
    let held = house.hold().await;
    house.faulty.next_append(Trouble::Full);
    let before = house.writer.enqueue(Ask::Get("nobody")).await.unwrap();
    let written = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    let on_top = house.writer.enqueue(Ask::Get("a")).await.unwrap();
    let refused = house.writer.enqueue(Ask::Get("nobody")).await.unwrap();
    house.faulty.release();
    assert_eq!(held.answer().await.unwrap(), 1);
    let before = before.answer().await;
    assert!(matches!(before, Err(SubmitError::Refused(NoSuchCounter))), "was {before:?}");
    for pending in [written, on_top, refused] {
        let outcome = pending.answer().await;
        assert!(matches!(outcome, Err(SubmitError::Full)), "was {outcome:?}");
    }
    assert_eq!(house.faulty.fired(Trouble::Full), 1);
    assert_eq!(*house.state.borrow(), WriterState::Serving, "it goes on");
    assert!(house.writer.submit(Ask::Get("a")).await.is_err(), "the staging was discarded");
    assert_eq!(house.writer.submit(Ask::Add("a", 7)).await.unwrap(), 7);
    assert_eq!(house.reader.head(), Position::new(2), "J1: no gap");
    assert_reopens_with(house, 1, Some(7)).await;
}

#[tokio::test]
async fn after_a_storage_error_the_outcome_is_unknown_and_the_writer_ends() {
    for (trouble, there) in [(Trouble::FailBefore, None), (Trouble::FailAfter, Some(1))] {
        let mut house = House::new(options()).await;
        let held = house.hold().await;
        house.faulty.next_append(trouble);
        let written = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
        let on_top = house.writer.enqueue(Ask::Get("a")).await.unwrap();
        house.faulty.release();
        held.answer().await.unwrap();
        for pending in [written, on_top] {
            let outcome = pending.answer().await;
            assert!(matches!(outcome, Err(SubmitError::OutcomeUnknown)), "was {outcome:?}");
        }
        assert!(house.failed().await.contains("append"), "the failure says where");
        assert_eq!(house.faulty.fired(trouble), 1);
        let refused = house.writer.submit(Ask::Get("held")).await;
        assert!(matches!(refused, Err(SubmitError::NotServing)), "was {refused:?}");
        assert_eq!(house.memory.released(), Position::new(1), "J4: never released");
        assert_reopens_with(house, 1, there).await;
    }
}

#[tokio::test]
async fn a_panic_is_a_failure_and_nobody_hangs() {
    let mut house = House::new(options()).await;
    let held = house.hold().await;
    let staged = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    let panicking = house.writer.enqueue(Ask::Panic).await.unwrap();
    let behind = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    house.faulty.release();
    held.answer().await.unwrap();
    for pending in [staged, panicking] {
        let outcome = pending.answer().await;
        assert!(matches!(outcome, Err(SubmitError::OutcomeUnknown)), "was {outcome:?}");
    }
    let outcome = behind.answer().await;
    assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
    assert!(house.failed().await.contains("asked to panic"));
    assert_reopens_with(house, 1, None).await;
}

#[tokio::test]
async fn a_fault_while_deciding_applies_nothing_of_the_batch() {
    let mut house = House::new(options()).await;
    let held = house.hold().await;
    let staged = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    let faulting = house.writer.enqueue(Ask::Fault).await.unwrap();
    let behind = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    house.faulty.release();
    held.answer().await.unwrap();
    for pending in [staged, faulting, behind] {
        let outcome = pending.answer().await;
        assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
    }
    assert_eq!(&*house.failed().await, "asked to fail");
    assert_reopens_with(house, 1, None).await;
}

#[tokio::test]
async fn durable_but_not_settled_is_unknown_and_there_after_a_restart() {
    let mut house = House::new(options()).await;
    let held = house.hold().await;
    let written = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    house.faulty.release();
    held.answer().await.unwrap();
    written.answer().await.unwrap();
    house.memory.fail_next_settle();
    let outcome = house.writer.submit(Ask::Add("a", 1)).await;
    assert!(matches!(outcome, Err(SubmitError::OutcomeUnknown)), "was {outcome:?}");
    assert_eq!(&*house.failed().await, "told to fail");
    assert_eq!(house.memory.released(), Position::new(2));
    assert_reopens_with(house, 1, Some(2)).await;
}

#[tokio::test]
async fn a_commit_over_the_limit_costs_that_command_alone() {
    let house = House::new(options()).await;
    let held = house.hold().await;
    let first = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    let large = house.writer.enqueue(Ask::Large).await.unwrap();
    let second = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    house.faulty.release();
    held.answer().await.unwrap();
    assert_eq!(first.answer().await.unwrap(), 1);
    let outcome = large.answer().await;
    assert!(matches!(outcome, Err(SubmitError::TooLarge { .. })), "was {outcome:?}");
    assert_eq!(second.answer().await.unwrap(), 2);
    assert_eq!(house.faulty.appended(), [1, 2]);
}

#[tokio::test]
async fn a_machine_that_does_not_look_at_the_limit_loses_the_batch_and_nothing_else() {
    let house = House::new(options()).await;
    let held = house.hold().await;
    let first = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    let large = house.writer.enqueue(Ask::LargeUnchecked).await.unwrap();
    let second = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    house.faulty.release();
    held.answer().await.unwrap();
    let outcome = first.answer().await;
    assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
    let outcome = large.answer().await;
    assert!(matches!(outcome, Err(SubmitError::TooLarge { .. })), "was {outcome:?}");
    assert_eq!(second.answer().await.unwrap(), 1);
    assert!(house.writer.submit(Ask::Get("large")).await.is_err(), "its effect is not kept");
    assert_reopens_with(house, 1, Some(1)).await;
}
