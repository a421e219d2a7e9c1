//! The view is behind the journal, ahead of it, or of another history.

use super::*;
use crate::Chain;

async fn filled(count: i64) -> (TempDir, Arc<Memory>) {
    let house = House::new(options()).await;
    for number in 0..count {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        house.writer.submit(Ask::Add(name, number)).await.unwrap();
    }
    let House { dir, memory, faulty, writer, .. } = house;
    writer.stop().await;
    drop(faulty);
    (dir, memory)
}

#[tokio::test]
async fn a_view_at_the_tail_replays_nothing() {
    let (dir, memory) = filled(9).await;
    let house = House::open(dir, memory, options()).await;
    assert_eq!((house.memory.replayed(), house.memory.resets()), (0, 0));
    assert_eq!(house.memory.released(), Position::new(9), "released once when replay is done");
    assert_eq!(house.reader.head(), Position::new(9));
}

#[tokio::test]
async fn a_missing_view_is_rebuilt() {
    let (dir, live) = filled(9).await;
    let house = House::open(dir, Arc::new(Memory::default()), options()).await;
    assert_eq!((house.memory.replayed(), house.memory.resets()), (9, 0));
    assert_eq!(house.memory.counters(), live.counters());
    assert_eq!(house.memory.applied(), live.applied());
}

#[tokio::test]
async fn a_view_that_is_behind_catches_up() {
    let (dir, memory) = filled(9).await;
    let live = memory.counters();
    let journal = segments(dir.path());
    let missed = ["even 100", "odd 1000"].map(|body| crate::Draft {
        recorded_at_micros: 0,
        meta: bytes::Bytes::new(),
        body: body.into(),
    });
    journal.append(Position::new(9), missed.into()).await.unwrap();
    drop(journal);
    let house = House::open(dir, memory, options()).await;
    assert_eq!((house.memory.replayed(), house.memory.resets()), (2, 0));
    assert_eq!(house.memory.counters()["even"], live["even"] + 100);
    assert_eq!(house.memory.counters()["odd"], live["odd"] + 1000);
    assert_eq!(house.reader.head(), Position::new(11));
}

#[tokio::test]
async fn a_view_that_is_ahead_is_refused_and_left_as_it_is() {
    let (dir, memory) = filled(9).await;
    let live = memory.counters();
    memory.set_applied(Position::new(10), memory.applied().1);
    let refused = Writer::start(segments(dir.path()), Counters::new(memory.clone()), options());
    let why = refused.err().expect("it must not start").to_string();
    assert!(why.contains("up to position 10") && why.contains("ends at 9"), "{why}");
    assert_eq!((memory.replayed(), memory.resets()), (0, 0));
    assert_eq!(memory.counters(), live);
}

#[tokio::test]
async fn a_view_of_another_history_is_rebuilt() {
    for position in [9, 4] {
        let (dir, memory) = filled(9).await;
        let live = memory.counters();
        memory.set_applied(Position::new(position), Chain::from_bytes([7; 32]));
        let house = House::open(dir, memory, options()).await;
        assert_eq!((house.memory.replayed(), house.memory.resets()), (9, 1));
        assert_eq!(house.memory.counters(), live);
    }
}

#[tokio::test]
async fn a_long_replay_says_how_far_it_is_and_can_be_stopped() {
    let dir = TempDir::new().unwrap();
    let count = crate::limits::REPLAY_COMMITS * 2 + 10;
    let journal = segments(dir.path());
    let draft =
        crate::Draft { recorded_at_micros: 0, meta: bytes::Bytes::new(), body: "a 1".into() };
    journal.append(Position::ORIGIN, vec![draft; count]).await.unwrap();
    let memory = Arc::new(Memory::default());
    memory.close_gate();
    let machine = Counters::new(memory.clone());
    let started = Writer::start(journal, machine, options()).unwrap();
    let tail = Position::new(count as u64);
    memory.reached_gate().await;
    let replaying = WriterState::Replaying { applied: Position::ORIGIN, tail };
    assert_eq!(*started.state.borrow(), replaying);
    let waiting = started.writer.enqueue(Ask::Get("a")).await.unwrap();
    let stopping = started.writer.clone();
    let stopping = tokio::spawn(async move { stopping.stop().await });
    tokio::task::yield_now().await;
    memory.open_gate();
    stopping.await.unwrap();
    assert_eq!(*started.state.borrow(), WriterState::Stopped);
    let outcome = waiting.answer().await;
    assert!(matches!(outcome, Err(SubmitError::NotServing)), "was {outcome:?}");
    assert_eq!(memory.applied().0.get(), crate::limits::REPLAY_COMMITS as u64);
    drop(started);

    let house = House::open(dir, memory, options()).await;
    assert_eq!(house.memory.replayed(), count, "each commit once");
    assert_eq!(house.writer.submit(Ask::Get("a")).await.unwrap(), count as i64);
}
