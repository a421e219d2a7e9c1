//! The thread that writes layers as runs and merges runs, so that neither writers nor readers wait for it.
//!
//! A run counts from the moment the mark in sled names it: until then its blocks are nobody's, and are
//! removed at the next opening. So there is no moment at which the view stands between two positions.

use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::ViewError;
use crate::layer::{LAYER_BYTES, Layer};
use crate::merge::{Cursor, Merge};
use crate::run::{Facts, Run, RunCursor, RunWriter};
use crate::store::Held;

/// So many runs of about one size are merged.
const WIDTH: usize = if cfg!(test) { 4 } else { 8 };
/// Runs of fewer bytes are of the lowest level; each level is [`WIDTH`] times the one below.
const LEVEL_BYTES: u64 = if cfg!(test) { 256 } else { 64 * 1024 * 1024 };
/// Entries written before a look at what is more urgent.
const STRETCH: usize = if cfg!(test) { 3 } else { 4_096 };
/// How long the writing of a layer that is early rests after a stretch.
const BREATH: Duration = Duration::from_millis(if cfg!(test) { 0 } else { 20 });

/// After so long without work, runs are merged for those who read.
const REST: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 3 });
/// At rest, the oldest run is merged with those that have together so many times fewer bytes at most.
const AT_REST: u64 = 8;

/// What the keeper is told.
#[derive(Default)]
pub(crate) struct Bell {
    told: Mutex<Told>,
    rung: Condvar,
    stored: Condvar,
}

#[derive(Default)]
struct Told {
    work: bool,
    stop: bool,
    /// It writes no more.
    ended: bool,
}

impl Bell {
    /// There is work.
    pub(crate) fn ring(&self) {
        self.told.lock().work = true;
        self.rung.notify_one();
    }

    fn stop(&self) {
        self.told.lock().stop = true;
        self.rung.notify_one();
    }

    fn stopping(&self) -> bool {
        self.told.lock().stop
    }

    /// Waits for work, at most so long where a time is given.
    fn wait(&self, at_most: Option<Duration>) -> Next {
        let mut told = self.told.lock();
        let nothing = |told: &mut Told| !told.work && !told.stop;
        let rested = match at_most {
            Some(at_most) => self.rung.wait_while_for(&mut told, nothing, at_most).timed_out(),
            None => {
                self.rung.wait_while(&mut told, nothing);
                false
            }
        };
        told.work = false;
        match (told.stop, rested) {
            (true, _) => Next::Stop,
            (false, true) => Next::Rest,
            (false, false) => Next::Work,
        }
    }

    /// Waits so long, unless it is told to stop.
    fn pause(&self, long: Duration) {
        let mut told = self.told.lock();
        if !told.stop {
            self.rung.wait_for(&mut told, long);
        }
    }

    fn tell_stored(&self, ended: bool) {
        self.told.lock().ended |= ended;
        self.stored.notify_all();
    }

    /// Waits until something holds, which the keeper brings about; false when it has ended.
    pub(crate) fn wait_until(&self, mut holds: impl FnMut() -> bool) -> bool {
        let mut told = self.told.lock();
        while !told.ended && !holds() {
            self.stored.wait(&mut told);
        }
        !told.ended
    }
}

/// Has a thread keep a view; it ends when it is told to.
pub(crate) fn start(held: Arc<Held>, unfinished: Vec<u32>) -> io::Result<JoinHandle<()>> {
    let last = held.state.read().runs.iter().map(|run| run.facts.id).max();
    let next_id = unfinished.iter().copied().chain(last).max().map_or(0, |last| last + 1);
    let keeper = Keeper { held, next_id, unfinished };
    thread::Builder::new().name("view-keeper".to_owned()).spawn(move || keeper.run())
}

/// Ends the thread once what was settled is stored.
pub(crate) fn stop(held: &Held, thread: JoinHandle<()>) {
    held.bell.stop();
    if thread.join().is_err() {
        tracing::error!("the view's keeper did not end in order");
    }
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Work,
    /// There was no work for a while.
    Rest,
    Stop,
}

struct Keeper {
    held: Arc<Held>,
    next_id: u32,
    /// Runs that were not finished when the view was last open.
    unfinished: Vec<u32>,
}

impl Keeper {
    fn run(mut self) {
        let held = Arc::clone(&self.held);
        let mut next = Next::Work;
        while next != Next::Stop {
            let stood_at = held.state.read().mark().0;
            next = held.bell.wait(self.is_worth_a_merge().then_some(REST));
            if next == Next::Rest && held.state.read().mark().0 != stood_at {
                // Nothing to be stored yet, but somebody writes.
                continue;
            }
            if let Err(error) = held.watched(|| self.work(next)) {
                tracing::error!(%error, "the view is kept no more");
                break;
            }
        }
        held.bell.tell_stored(true);
    }

    /// Does what there is to do; before the end, only what would be lost.
    fn work(&mut self, next: Next) -> Result<(), ViewError> {
        let held = Arc::clone(&self.held);
        let _working = held.working.lock();
        if next == Next::Stop {
            if held.is_condemned() {
                return Ok(());
            }
            self.store()?;
            if held.state.read().mark() != held.stored() {
                held.turn_over(0);
            }
            return self.store();
        }
        self.store()?;
        while let Some(id) = self.unfinished.pop() {
            held.shelf.remove_run(id)?;
        }
        while !held.bell.stopping() && self.merge(next == Next::Rest)? {
            self.store()?;
        }
        Ok(())
    }

    /// Whether reading would gain from all runs being one, and merging them is not much more work than
    /// writing the younger ones was.
    fn is_worth_a_merge(&self) -> bool {
        let state = self.held.state.read();
        let Some((oldest, younger)) = state.runs.split_last() else { return false };
        let younger: u64 = younger.iter().map(|run| run.facts.bytes).sum();
        younger > 0 && younger * AT_REST >= oldest.facts.bytes
    }

    fn next_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Writes the layer that waits for it as a run.
    fn store(&mut self) -> Result<(), ViewError> {
        let held = Arc::clone(&self.held);
        let (old, mut facts) = {
            let state = held.state.read();
            let Some(old) = state.old.clone() else { return Ok(()) };
            (old, state.runs.iter().map(|run| run.facts).collect::<Vec<Facts>>())
        };
        let run = Arc::new(self.written(&old)?);
        facts.insert(0, run.facts);
        held.set_mark(old.mark, &facts)?;
        let mut state = held.state.write();
        state.runs.insert(0, run);
        state.old = None;
        drop(state);
        held.bell.tell_stored(false);
        Ok(())
    }

    fn written(&mut self, layer: &Layer) -> Result<Run, ViewError> {
        let changes = &layer.changes;
        let (id, older) = (self.next_id(), self.held.state.read().runs.len());
        let mut run = RunWriter::new(&self.held.shelf, id, older, layer.filtered())?;
        for (walked, index) in (1..).zip(changes.in_order().iter()) {
            run.push(changes.key(*index), changes.value(*index))?;
            if walked % STRETCH == 0 {
                run.sync()?;
                self.breathe(walked, changes.len());
            }
        }
        run.finish()
    }

    /// Leaves processors and disk to others for a while when so much of a layer is written that it will be a
    /// run long before the next one is full: who has a journal synced waits for what others write.
    fn breathe(&self, walked: usize, of: usize) {
        let filled = self.held.state.read().young.changes.bytes();
        if walked * LAYER_BYTES > 2 * filled * of {
            self.held.bell.pause(BREATH);
        }
    }

    /// Merges runs of about one size; false when there is nothing to merge, or it is time to stop.
    fn merge(&mut self, at_rest: bool) -> Result<bool, ViewError> {
        let held = Arc::clone(&self.held);
        let all = at_rest && self.is_worth_a_merge();
        let (merged, older) = {
            let state = held.state.read();
            let count = match all {
                true => state.runs.len(),
                false => to_merge(state.runs.iter().map(|run| run.facts.bytes)),
            };
            (state.runs[..count].to_vec(), state.runs.len() - count)
        };
        if merged.is_empty() {
            return Ok(false);
        }
        let Some(run) = self.merged(&merged, older)? else { return Ok(false) };
        let is_merged = |run: &Arc<Run>| merged.iter().any(|it| it.facts.id == run.facts.id);
        // Nobody but this thread changes the runs.
        let mut runs = held.state.read().runs.clone();
        let place = runs.iter().position(is_merged).expect("they are still there");
        runs.retain(|run| !is_merged(run));
        runs.insert(place, Arc::new(run));
        let facts: Vec<Facts> = runs.iter().map(|run| run.facts).collect();
        held.set_mark(held.stored(), &facts)?;
        held.keep_mark()?;
        // Who reads the merged ones has ended when this lock is given.
        held.state.write().runs = runs;
        for run in merged {
            let id = run.facts.id;
            drop(run);
            held.shelf.remove_run(id)?;
        }
        Ok(true)
    }

    /// The runs, beside so many older ones, as one; none when it is time to stop.
    fn merged(&mut self, runs: &[Arc<Run>], older: usize) -> Result<Option<Run>, ViewError> {
        let held = Arc::clone(&self.held);
        let cursors = runs
            .iter()
            .map(|run| RunCursor::from(run, Bound::Unbounded).map(|it| Cursor::Run(Box::new(it))));
        let mut merge = Merge::new(cursors.collect::<Result<_, _>>()?, false);
        let filtered = runs.iter().map(|run| run.facts.filtered).sum();
        let id = self.next_id();
        let mut run = RunWriter::new(&held.shelf, id, older, filtered)?;
        let mut walked = 0;
        while merge.step()? {
            let value = merge.value();
            if value.is_some() || older > 0 {
                run.push(merge.key(), value)?;
            }
            walked += 1;
            if walked % STRETCH == 0 {
                if held.bell.stopping() {
                    drop(run);
                    return held.shelf.remove_run(id).map(|()| None);
                }
                self.store()?;
            }
        }
        run.finish().map(Some)
    }
}

/// How many of the youngest runs are to be merged, by their bytes.
fn to_merge(bytes: impl Iterator<Item = u64>) -> usize {
    let levels: Vec<u32> = bytes.map(level).collect();
    let due = |level: u32| {
        let young = levels.iter().take_while(|it| **it <= level);
        let (count, same) =
            young.fold((0, 0), |(count, same), it| (count + 1, same + usize::from(*it == level)));
        (same >= WIDTH).then_some(count)
    };
    let highest = levels.iter().copied().max().unwrap_or(0);
    (0..=highest).rev().find_map(due).unwrap_or(0)
}

fn level(bytes: u64) -> u32 {
    let widths = bytes / LEVEL_BYTES;
    widths.checked_ilog(WIDTH as u64).map_or(0, |level| level + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_size_are_merged() {
        let of = |levels: &[u32]| {
            let bytes = |level: &u32| match level {
                0 => 0,
                level => LEVEL_BYTES * (WIDTH as u64).pow(level - 1),
            };
            to_merge(levels.iter().map(bytes))
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[0, 0, 0]), 0);
        assert_eq!(of(&[0, 0, 0, 0, 1]), 4);
        assert_eq!(of(&[0, 0, 0, 1, 1, 1]), 0);
        assert_eq!(of(&[0, 1, 1, 1, 1, 2]), 5);
        assert_eq!(of(&[0, 0, 2, 0, 0]), 0);
    }
}
