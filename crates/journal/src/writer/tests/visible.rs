//! Nobody sees a commit, and nobody is told of it, before it is durable and in the view; each has a slot
//! of its own.

use super::*;

#[tokio::test]
async fn nobody_is_told_before_it_stands_in_the_view() {
    let house = House::new(options()).await;
    house.memory.close_gate();
    let asked = house.writer.enqueue(Ask::Add("a", 1)).await.unwrap();
    house.memory.reached_gate().await;
    assert_eq!(crate::verify(house.dir.path()).unwrap().last, Position::new(1), "it is durable");
    assert_eq!(house.reader.head(), Position::ORIGIN, "and nobody is told");
    assert_eq!(house.memory.released(), Position::ORIGIN);
    house.memory.open_gate();
    assert_eq!(asked.answer().await.unwrap(), 1);
    assert_eq!(house.reader.head(), Position::new(1));
}

#[tokio::test]
async fn the_commits_of_a_batch_have_slots_of_their_own() {
    let house = House::new(options()).await;
    let held = house.hold().await;
    let mut asked = Vec::new();
    for _ in 0..20 {
        asked.push(house.writer.enqueue(Ask::Add("a", 1)).await.unwrap());
    }
    house.faulty.release();
    held.answer().await.unwrap();
    for asked in asked {
        asked.answer().await.unwrap();
    }
    assert_eq!(house.faulty.appended(), [1, 20], "one batch");
    let slots: Vec<u64> = house.memory.slots().iter().map(|slot| slot.get()).collect();
    assert_eq!(slots, (1..=21).collect::<Vec<u64>>());
}
