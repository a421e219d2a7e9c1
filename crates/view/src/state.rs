//! What a view holds: two layers in memory, and runs.

use std::ops::Bound;
use std::sync::Arc;

use hansa_journal::{Chain, Position};

use crate::filter::Hash;
use crate::layer::Layer;
use crate::merge::{Cursor, LayerCursor, Merge};
use crate::run::{Run, RunCursor};
use crate::{Entry, Seen, ViewError};

/// Everything that readers see, at one position.
#[derive(Debug)]
pub(crate) struct State {
    /// What was settled last.
    pub(crate) young: Layer,
    /// What is being written as a run.
    pub(crate) old: Option<Arc<Layer>>,
    /// The youngest first.
    pub(crate) runs: Vec<Arc<Run>>,
}

impl State {
    /// Where runs lead to that were written, and what they are.
    pub(crate) fn new(mark: (Position, Chain), runs: Vec<Arc<Run>>) -> State {
        State { young: Layer::new(mark), old: None, runs }
    }

    /// Which run is the youngest.
    pub(crate) fn youngest_run(&self) -> Option<u32> {
        self.runs.first().map(|run| run.facts.id)
    }

    /// Position and chain value it stands at.
    pub(crate) fn mark(&self) -> (Position, Chain) {
        self.young.mark
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        let hash = Hash::of(key);
        match self.in_layers(key, hash) {
            Some(value) => Ok(value),
            None => self.in_runs(key, hash),
        }
    }

    /// What the layers say of a key, which hashes to this, if they do.
    pub(crate) fn in_layers(&self, key: &[u8], hash: Hash) -> Option<Option<Vec<u8>>> {
        let mut layers = [Some(&self.young), self.old.as_deref()].into_iter().flatten();
        let said = layers.find_map(|layer| layer.changes.get(key, hash))?;
        Some(said.map(<[u8]>::to_vec))
    }

    /// The value of a key, which hashes to this, in the runs.
    pub(crate) fn in_runs(&self, key: &[u8], hash: Hash) -> Result<Option<Vec<u8>>, ViewError> {
        for run in self.runs.iter().filter(|run| run.may_hold(hash)) {
            if let Some(value) = run.get(key)? {
                return Ok(value);
            }
        }
        Ok(None)
    }

    /// Entries that begin with `prefix` from `start` on, ascending, at most `limit`.
    pub(crate) fn scan(
        &self,
        prefix: &[u8],
        start: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        taken(self.from(prefix, start)?, prefix, limit)
    }

    /// Entries that begin with `prefix`, those before `end`, descending, at most `limit`.
    pub(crate) fn scan_back(
        &self,
        prefix: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        taken(self.before(prefix, end)?, prefix, limit)
    }

    /// Everything from `start` on, ascending; beyond what begins with `prefix`, not all there is.
    pub(crate) fn from<'s>(
        &'s self,
        prefix: &[u8],
        start: Bound<&[u8]>,
    ) -> Result<Merge<'s>, ViewError> {
        let mut cursors = self.layers(start, Bound::Unbounded, false);
        for run in self.runs_with(prefix) {
            cursors.push(Cursor::Run(Box::new(RunCursor::from(run, start)?)));
        }
        Ok(Merge::new(cursors, false))
    }

    /// Everything before `end`, descending; beyond what begins with `prefix`, not all there is.
    pub(crate) fn before<'s>(
        &'s self,
        prefix: &[u8],
        end: Option<&[u8]>,
    ) -> Result<Merge<'s>, ViewError> {
        let (from, to) = (Bound::Included(prefix), end.map_or(Bound::Unbounded, Bound::Excluded));
        let mut cursors = self.layers(from, to, true);
        for run in self.runs_with(prefix) {
            cursors.push(Cursor::Run(Box::new(RunCursor::before(run, end)?)));
        }
        Ok(Merge::new(cursors, true))
    }

    fn layers<'s>(
        &'s self,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        descending: bool,
    ) -> Vec<Cursor<'s>> {
        let layers = [Some(&self.young), self.old.as_deref()].into_iter().flatten();
        let mut cursors = Vec::new();
        for changes in layers.map(|layer| &layer.changes) {
            for order in changes.in_two_orders().into_iter().filter(|order| !order.is_empty()) {
                let cursor = LayerCursor::new(changes, order, (start, end), descending);
                cursors.push(Cursor::Layer(cursor));
            }
        }
        cursors
    }

    /// Runs that may have keys with this prefix.
    fn runs_with(&self, prefix: &[u8]) -> impl Iterator<Item = &Arc<Run>> {
        let hash = Hash::of_prefix(prefix);
        self.runs.iter().filter(move |run| hash.is_none_or(|hash| run.may_hold(hash)))
    }
}

/// Is shown a key and its value.
type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> Result<Seen, ViewError> + 'v;

/// Shows entries that begin with `prefix` until enough were seen; true at the end of them.
pub(crate) fn visited(
    mut merge: Merge<'_>,
    prefix: &[u8],
    visit: &mut Visit<'_>,
) -> Result<bool, ViewError> {
    while merge.step()? && merge.key().starts_with(prefix) {
        if let Some(value) = merge.value()
            && visit(merge.key(), value)? == Seen::Enough
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn taken(mut merge: Merge<'_>, prefix: &[u8], limit: usize) -> Result<Vec<Entry>, ViewError> {
    let mut found = Vec::new();
    while found.len() < limit && merge.step()? && merge.key().starts_with(prefix) {
        if let Some(value) = merge.value() {
            found.push((merge.key().to_vec(), value.to_vec()));
        }
    }
    Ok(found)
}
