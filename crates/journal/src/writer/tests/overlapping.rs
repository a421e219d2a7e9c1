//! A batch is decided while the one before it is appended: on what that stages, and sharing its fate.

use super::failures::assert_reopens_with;
use super::*;

/// Commands of the batch under way.
const FIRST: i64 = 5;

type Waiting = Vec<Pending<Counters>>;

/// A house in which a batch is under way, held in its append, and another is decided: so many additions,
/// an answer and a refusal.
async fn overlapping(trouble: Trouble, decided: i64) -> (House, Waiting, Waiting) {
    let house = House::new(options()).await;
    let held = house.hold().await;
    house.faulty.next_append(trouble);
    let add = || house.writer.enqueue(Ask::Add("a", 1));
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..FIRST {
        first.push(add().await.unwrap());
    }
    house.faulty.release();
    held.answer().await.unwrap();
    house.faulty.stalled().await;
    for _ in 0..decided {
        second.push(add().await.unwrap());
    }
    second.push(house.writer.enqueue(Ask::Get("a")).await.unwrap());
    second.push(house.writer.enqueue(Ask::Get("nobody")).await.unwrap());
    let all = usize::try_from(1 + FIRST + decided + 2).unwrap();
    let all_decided = async {
        while house.memory.decided() < all {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all_decided).await.unwrap();
    for pending in first.iter_mut().chain(&mut second) {
        assert!(pending.0.try_recv().is_err(), "nothing is told before it is durable");
    }
    assert_eq!(house.reader.head(), Position::new(1), "J4");
    (house, first, second)
}

#[tokio::test]
async fn what_is_decided_meanwhile_follows() {
    for decided in [0, 3, 20] {
        let (house, first, mut second) = overlapping(Trouble::Stall, decided).await;
        house.faulty.release();
        let (refused, got) = (second.pop().unwrap(), second.pop().unwrap());
        for (expected, pending) in (1..).zip(first.into_iter().chain(second)) {
            assert_eq!(pending.answer().await.unwrap(), expected);
        }
        assert_eq!(got.answer().await.unwrap(), FIRST + decided);
        let refused = refused.answer().await;
        assert!(matches!(refused, Err(SubmitError::Refused(NoSuchCounter))), "was {refused:?}");
        let slots: Vec<Position> = (1..=1 + FIRST + decided)
            .map(|position| Position::new(position.unsigned_abs()))
            .collect();
        assert_eq!(house.memory.slots(), slots, "J1: each its own place");
        assert_eq!(house.faulty.appended().len(), if decided == 0 { 2 } else { 3 });
        assert_reopens_with(house, 1, Some(FIRST + decided)).await;
    }
}

#[tokio::test]
async fn a_full_disk_costs_what_was_decided_meanwhile_too() {
    for decided in [0, 3, 20] {
        let (house, first, second) = overlapping(Trouble::StallAndFull, decided).await;
        house.faulty.release();
        for pending in first.into_iter().chain(second) {
            let outcome = pending.answer().await;
            assert!(matches!(outcome, Err(SubmitError::Full)), "was {outcome:?}");
        }
        assert_eq!(*house.state.borrow(), WriterState::Serving, "it goes on");
        assert!(house.writer.submit(Ask::Get("a")).await.is_err(), "the staging was discarded");
        assert_eq!(house.writer.submit(Ask::Add("a", 7)).await.unwrap(), 7);
        assert_eq!(house.reader.head(), Position::new(2), "J1: no gap");
        assert_reopens_with(house, 1, Some(7)).await;
    }
}

#[tokio::test]
async fn what_was_decided_on_an_unknown_outcome_is_not_applied() {
    for decided in [0, 3, 20] {
        let (mut house, first, second) = overlapping(Trouble::StallAndFail, decided).await;
        house.faulty.release();
        for pending in first {
            let outcome = pending.answer().await;
            assert!(matches!(outcome, Err(SubmitError::OutcomeUnknown)), "was {outcome:?}");
        }
        for pending in second {
            let outcome = pending.answer().await;
            assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
        }
        assert!(house.failed().await.contains("append"));
        assert_eq!(house.memory.released(), Position::new(1), "J4: never released");
        assert_reopens_with(house, 1, Some(FIRST)).await;
    }
}

#[tokio::test]
async fn a_fault_meanwhile_leaves_what_is_under_way_to_the_journal() {
    let (mut house, first, second) = overlapping(Trouble::Stall, 3).await;
    let faulting = house.writer.enqueue(Ask::Fault).await.unwrap();
    let outcome = faulting.answer().await;
    assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
    house.faulty.release();
    for pending in first {
        let outcome = pending.answer().await;
        assert!(matches!(outcome, Err(SubmitError::OutcomeUnknown)), "was {outcome:?}");
    }
    for pending in second {
        let outcome = pending.answer().await;
        assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
    }
    assert_eq!(&*house.failed().await, "asked to fail");
    assert_reopens_with(house, 1, Some(FIRST)).await;
}

#[tokio::test]
async fn a_draft_over_the_limit_meanwhile_costs_its_own_batch() {
    let (house, first, second) = overlapping(Trouble::Stall, 3).await;
    let large = house.writer.enqueue(Ask::LargeUnchecked).await.unwrap();
    let outcome = large.answer().await;
    assert!(matches!(outcome, Err(SubmitError::TooLarge { .. })), "was {outcome:?}");
    house.faulty.release();
    for (expected, pending) in (1..).zip(first) {
        assert_eq!(pending.answer().await.unwrap(), expected);
    }
    for pending in second {
        let outcome = pending.answer().await;
        assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
    }
    assert!(house.writer.submit(Ask::Get("large")).await.is_err(), "its effect is not kept");
    assert_reopens_with(house, 1, Some(FIRST)).await;
}

#[tokio::test]
async fn stopping_finishes_what_was_decided() {
    let (house, first, mut second) = overlapping(Trouble::Stall, 20).await;
    let stopping = tokio::spawn({
        let writer = house.writer.clone();
        async move { writer.stop().await }
    });
    while house.writer.serving().is_ok() {
        tokio::task::yield_now().await;
    }
    house.faulty.release();
    second.truncate(20);
    for (expected, pending) in (1..).zip(first.into_iter().chain(second)) {
        assert_eq!(pending.answer().await.unwrap(), expected);
    }
    stopping.await.unwrap();
    assert_eq!(*house.state.borrow(), WriterState::Stopped);
    assert_reopens_with(house, 1, Some(FIRST + 20)).await;
}

/// While one batch waits for the disk, no more is decided than the next one holds.
#[tokio::test]
async fn the_batch_decided_meanwhile_is_bounded() {
    let house = House::new(WriterOptions { batch_commands: 8, ..options() }).await;
    let held = house.hold().await;
    house.faulty.next_append(Trouble::Stall);
    let mut pending = Vec::new();
    for _ in 0..30 {
        pending.push(house.writer.enqueue(Ask::Add("a", 1)).await.unwrap());
    }
    house.faulty.release();
    held.answer().await.unwrap();
    house.faulty.stalled().await;
    let decided = async {
        while house.memory.decided() < 1 + 8 + 8 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), decided).await.unwrap();
    house.faulty.release();
    for (expected, pending) in (1..).zip(pending) {
        assert_eq!(pending.answer().await.unwrap(), expected);
    }
    assert_eq!(house.faulty.appended(), [1, 8, 8, 8, 6]);
}
