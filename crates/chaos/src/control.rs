//! Which fault fires when. Two queues, each in its own order: what was applied, and behind it what a
//! seed planned. Only the first of a queue counts events, so that with the same requests the same fault
//! always meets the same message.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::expiry::Floor;
use crate::fault::{Fault, Firing, Known};
use crate::identity::{Identity, Mask};
use crate::kind::Kind;
use crate::plan::Plan;

/// Where a call is when faults are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It has come; nothing was asked of the feed yet.
    Opening,
    /// It is open and nothing is under way in it.
    Idle,
    /// A message with so many events is about to be handed on.
    Message(u32),
}

/// What happens to every call that is open, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Upheaval {
    number: u64,
    pub(crate) kind: Kind,
    pub(crate) retry_after: std::time::Duration,
}

/// What the front says of its faults: a line for each that is expected, and for each that fires.
pub type Report = Box<dyn Fn(&Value) + Send + Sync>;

/// See the top of this file.
pub(crate) struct Control {
    state: Mutex<State>,
    /// Moves when a fault is there that was not, and when one fires.
    changed: watch::Sender<u64>,
    upheaval: watch::Sender<Option<Upheaval>>,
    real: Identity,
    report: Report,
}

#[derive(Default)]
struct State {
    faults: Vec<Known>,
    applied: Queue,
    planned: Queue,
    /// Calls of each method.
    calls: HashMap<String, u64>,
    events: u64,
    /// Calls of a method that are turned away: the fault, and how many are left.
    turned_away: HashMap<String, (Fault, u32)>,
    /// Nothing before this is kept for subscriptions.
    floor: Option<Floor>,
    /// The faults behind that, until a cursor was found expired.
    expiring: Vec<usize>,
    mask: Option<Mask>,
    masks: u64,
    /// How often the front was set.
    era: u64,
}

/// A call, and since which plan there is it: what was open before is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    number: u64,
    era: u64,
}

/// Faults by their index, and the events handed on since the turn of the first came.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<usize>,
    passed: u32,
}

impl Control {
    pub(crate) fn new(real: Identity, report: Report) -> Control {
        Control {
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            upheaval: watch::Sender::new(None),
            real,
            report,
        }
    }

    /// Forgets everything and plans anew.
    pub(crate) fn set_plan(&self, plan: Option<&Plan>) -> Vec<Known> {
        let drawn = plan.map(Plan::draw).unwrap_or_default();
        let mut state = self.state.lock();
        // The numbers of identities go on: what was foreign stays foreign.
        *state = State { masks: state.masks, era: state.era + 1, ..State::default() };
        if let Some(plan) = plan {
            (self.report)(&json!({ "seed": plan.seed, "faults": drawn.len() }));
        }
        for fault in drawn {
            let index = self.know(&mut state, fault, true);
            state.planned.waiting.push_back(index);
        }
        let faults = state.faults.clone();
        drop(state);
        self.tell_of_change();
        faults
    }

    /// One more fault, before all that is planned.
    pub(crate) fn apply(&self, fault: Fault) -> Known {
        let mut state = self.state.lock();
        let index = self.know(&mut state, fault, false);
        state.applied.waiting.push_back(index);
        let known = state.faults[index].clone();
        drop(state);
        self.tell_of_change();
        known
    }

    fn know(&self, state: &mut State, fault: Fault, planned: bool) -> usize {
        let index = state.faults.len();
        let known = Known { number: index as u64 + 1, fault, planned, firing: None };
        (self.report)(&known.expected());
        state.faults.push(known);
        index
    }

    /// All faults, and how many events were handed on.
    pub(crate) fn faults(&self) -> (Vec<Known>, u64) {
        let state = self.state.lock();
        (state.faults.clone(), state.events)
    }

    /// Returns when the fault of this number has fired.
    pub(crate) async fn fired(&self, number: u64) {
        let mut changed = self.changes();
        loop {
            changed.borrow_and_update();
            let fired = |known: &Known| known.number == number && known.firing.is_some();
            if self.state.lock().faults.iter().any(fired) {
                return;
            }
            changed.changed().await.expect("its sender is borrowed here");
        }
    }

    /// Moves when a fault is there that was not.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Moves when something happens to every call.
    pub(crate) fn upheavals(&self) -> watch::Receiver<Option<Upheaval>> {
        self.upheaval.subscribe()
    }

    /// Lets something happen to every call.
    pub(crate) fn cause(&self, fault: &Fault) -> Upheaval {
        let number = self.upheaval.borrow().map_or(0, |before| before.number) + 1;
        let upheaval = Upheaval { number, kind: fault.kind, retry_after: fault.retry_after };
        self.upheaval.send_replace(Some(upheaval));
        upheaval
    }

    /// One more call of a method.
    pub(crate) fn call(&self, method: &str) -> Call {
        let mut state = self.state.lock();
        let era = state.era;
        let calls = state.calls.entry(method.to_owned()).or_default();
        *calls += 1;
        Call { number: *calls, era }
    }

    /// The fault that fires on this call now, if any. It has fired with that.
    pub(crate) fn due(&self, method: &str, call: Call, moment: Moment) -> Option<Fault> {
        let mut state = self.state.lock();
        if call.era != state.era {
            return None;
        }
        if moment == Moment::Opening
            && let Some((fault, left)) = state.turned_away.get_mut(method)
        {
            *left -= 1;
            let (fault, left) = (fault.clone(), *left);
            if left == 0 {
                state.turned_away.remove(method);
            }
            return Some(fault);
        }
        let State { faults, applied, planned, .. } = &mut *state;
        let index = [applied, planned].into_iter().find_map(|queue| {
            let index = *queue.waiting.front()?;
            if !is_due(&faults[index].fault, method, queue.passed, moment) {
                return None;
            }
            queue.passed = 0;
            queue.waiting.pop_front()
        })?;
        let fault = state.faults[index].fault.clone();
        if fault.kind.turns_away() && fault.times > 1 {
            let again = (fault.clone(), fault.times - 1);
            state.turned_away.insert(method.to_owned(), again);
        }
        match fault.kind {
            Kind::ExpireCursors => state.expiring.push(index),
            _ => self.fire(&mut state, index, call),
        }
        if fault.kind == Kind::NewIdentity {
            state.masks += 1;
            state.mask = Some(Mask::number(state.masks, self.real));
        }
        drop(state);
        self.tell_of_change();
        Some(fault)
    }

    fn fire(&self, state: &mut State, index: usize, call: Call) {
        let firing = Firing { call: call.number, events: state.events };
        state.faults[index].firing = Some(firing);
        (self.report)(&state.faults[index].outcome());
    }

    /// Nothing before this is kept any more.
    pub(crate) fn keep_from(&self, floor: Floor) {
        self.state.lock().floor = Some(floor);
    }

    /// What nothing is kept before.
    pub(crate) fn floor(&self) -> Option<Floor> {
        self.state.lock().floor.clone()
    }

    /// A cursor was found expired.
    pub(crate) fn expired(&self, call: Call) {
        let mut state = self.state.lock();
        for index in std::mem::take(&mut state.expiring) {
            self.fire(&mut state, index, call);
        }
        drop(state);
        self.tell_of_change();
    }

    /// So many events were handed on by a call.
    pub(crate) fn passed(&self, call: Call, events: u32) {
        let mut state = self.state.lock();
        if events == 0 || call.era != state.era {
            return;
        }
        state.events += u64::from(events);
        for queue in [Queue::applied, Queue::planned] {
            let queue = queue(&mut state);
            if !queue.waiting.is_empty() {
                queue.passed = queue.passed.saturating_add(events);
            }
        }
    }

    /// The identity that is shown instead of the real one.
    pub(crate) fn mask(&self) -> Mask {
        self.state.lock().mask.unwrap_or(Mask::none(self.real))
    }

    /// Says of every fault that has not fired that it has not.
    pub(crate) fn report_unfired(&self) {
        let state = self.state.lock();
        let unfired = state.faults.iter().filter(|known| known.firing.is_none());
        for known in unfired {
            (self.report)(&known.outcome());
        }
    }

    fn tell_of_change(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

impl Queue {
    fn applied(state: &mut State) -> &mut Queue {
        &mut state.applied
    }

    fn planned(state: &mut State) -> &mut Queue {
        &mut state.planned
    }
}

/// Whether the first of a queue fires here.
fn is_due(fault: &Fault, method: &str, passed: u32, moment: Moment) -> bool {
    if fault.method != method {
        return false;
    }
    let at_once = fault.after_events == 0;
    match moment {
        // There is no message to cut yet, or a call to have its effect.
        Moment::Opening | Moment::Idle if fault.kind == Kind::Truncate => false,
        Moment::Opening => at_once && (fault.is_on_subscriptions() || fault.kind.turns_away()),
        Moment::Idle => at_once && fault.is_on_subscriptions(),
        Moment::Message(_) if !fault.is_on_subscriptions() => !fault.kind.turns_away(),
        Moment::Message(0) => at_once,
        Moment::Message(events) => passed.saturating_add(events) > fault.after_events,
    }
}
