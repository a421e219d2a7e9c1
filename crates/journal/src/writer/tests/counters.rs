//! A small machine: named counters, in a view that outlives it.

use std::collections::BTreeMap;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::*;
use crate::limits::COMMIT_BYTES;
use crate::{Chain, Commit, Decision, Draft, Refused, Slot};

/// What the machine is asked.
#[derive(Debug)]
pub(super) enum Ask {
    Add(&'static str, i64),
    Get(&'static str),
    /// A draft over the limit, refused by the machine as it should.
    Large,
    /// A draft over the limit that the machine lets through.
    LargeUnchecked,
    Panic,
    Fault,
}

/// Why it refuses.
#[derive(Debug)]
pub(super) struct NoSuchCounter;

/// The view: what a process that starts again finds.
#[derive(Default)]
pub(super) struct Memory {
    kept: Mutex<Kept>,
    gate_closed: Mutex<bool>,
    gate_opened: Condvar,
    at_gate: watch::Sender<bool>,
}

#[derive(Default)]
struct Kept {
    counters: BTreeMap<String, i64>,
    applied: Option<(Position, Chain)>,
    released: Position,
    resets: usize,
    replayed: usize,
    fail_settle: bool,
    /// Slots of the commits decided.
    slots: Vec<Position>,
    /// Who decided them: the writer's thread, or another.
    by_the_thread: Vec<bool>,
}

impl Memory {
    pub(super) fn applied(&self) -> (Position, Chain) {
        self.kept.lock().applied.unwrap_or((Position::ORIGIN, Chain::from_bytes([0; 32])))
    }

    pub(super) fn set_applied(&self, position: Position, chain: Chain) {
        self.kept.lock().applied = Some((position, chain));
    }

    pub(super) fn released(&self) -> Position {
        self.kept.lock().released
    }

    pub(super) fn counters(&self) -> BTreeMap<String, i64> {
        self.kept.lock().counters.clone()
    }

    pub(super) fn resets(&self) -> usize {
        self.kept.lock().resets
    }

    pub(super) fn replayed(&self) -> usize {
        self.kept.lock().replayed
    }

    pub(super) fn slots(&self) -> Vec<Position> {
        self.kept.lock().slots.clone()
    }

    pub(super) fn by_the_thread(&self) -> Vec<bool> {
        self.kept.lock().by_the_thread.clone()
    }

    pub(super) fn fail_next_settle(&self) {
        self.kept.lock().fail_settle = true;
    }

    /// Holds the machine in its next settle until the gate is opened.
    pub(super) fn close_gate(&self) {
        self.at_gate.send_replace(false);
        *self.gate_closed.lock() = true;
    }

    pub(super) fn open_gate(&self) {
        *self.gate_closed.lock() = false;
        self.gate_opened.notify_all();
    }

    fn pass_gate(&self) {
        self.at_gate.send_replace(true);
        self.gate_opened.wait_while(&mut self.gate_closed.lock(), |closed| *closed);
    }

    pub(super) async fn reached_gate(&self) {
        self.at_gate.subscribe().wait_for(|reached| *reached).await.unwrap();
    }
}

pub(super) struct Counters {
    memory: Arc<Memory>,
    staged: BTreeMap<String, i64>,
}

impl Counters {
    pub(super) fn new(memory: Arc<Memory>) -> Counters {
        Counters { memory, staged: BTreeMap::new() }
    }

    fn get(&self, name: &str) -> Option<i64> {
        let staged = self.staged.get(name).copied();
        staged.or_else(|| self.memory.kept.lock().counters.get(name).copied())
    }

    fn add(&mut self, name: &str, amount: i64) -> i64 {
        let sum = self.get(name).unwrap_or(0) + amount;
        self.staged.insert(name.to_owned(), sum);
        sum
    }
}

impl Machine for Counters {
    type Command = Ask;
    type Answer = i64;
    type Refusal = NoSuchCounter;

    fn decide(
        &mut self,
        slot: Slot,
        command: Ask,
    ) -> Result<Decision<i64>, Refused<NoSuchCounter>> {
        let (applied, _) = self.memory.applied();
        assert!(slot.position > applied, "a slot is after the view");
        let draft = |body: String| Draft {
            recorded_at_micros: slot.recorded_at_micros,
            meta: bytes::Bytes::new(),
            body: body.into(),
        };
        match command {
            Ask::Add(name, amount) => {
                let by_the_thread = std::thread::current().name() == Some("journal-writer");
                let mut kept = self.memory.kept.lock();
                kept.slots.push(slot.position);
                kept.by_the_thread.push(by_the_thread);
                drop(kept);
                let answer = self.add(name, amount);
                Ok(Decision::Commit { draft: draft(format!("{name} {amount}")), answer })
            }
            Ask::Get(name) => match self.get(name) {
                Some(sum) => Ok(Decision::Answer(sum)),
                None => Err(Refused::Rules(NoSuchCounter)),
            },
            Ask::Large => {
                let draft = draft("x".repeat(COMMIT_BYTES + 1));
                assert!(!draft.fits());
                Err(Refused::TooLarge)
            }
            Ask::LargeUnchecked => {
                let answer = self.add("large", 1);
                Ok(Decision::Commit { draft: draft("x".repeat(COMMIT_BYTES + 1)), answer })
            }
            Ask::Panic => panic!("asked to panic"),
            Ask::Fault => Err(Refused::Fault(Fault::new("asked to fail"))),
        }
    }

    fn settle(&mut self, last: Position, chain: Chain) -> Result<(), Fault> {
        self.memory.pass_gate();
        let mut kept = self.memory.kept.lock();
        if std::mem::take(&mut kept.fail_settle) {
            return Err(Fault::new("told to fail"));
        }
        kept.counters.append(&mut self.staged);
        kept.applied = Some((last, chain));
        Ok(())
    }

    fn discard(&mut self) {
        self.staged.clear();
    }

    fn applied(&self) -> Result<(Position, Chain), Fault> {
        Ok(self.memory.applied())
    }

    fn reset(&mut self) -> Result<(), Fault> {
        let mut kept = self.memory.kept.lock();
        kept.counters.clear();
        kept.applied = None;
        kept.resets += 1;
        Ok(())
    }

    fn replay(&mut self, commit: &Commit) -> Result<(), Fault> {
        self.memory.kept.lock().replayed += 1;
        let body = std::str::from_utf8(&commit.body).unwrap();
        let (name, amount) = body.split_once(' ').unwrap();
        self.add(name, amount.parse().unwrap());
        Ok(())
    }

    fn released(&mut self, last: Position) {
        self.memory.kept.lock().released = last;
    }
}
