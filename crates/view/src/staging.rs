//! What the writer decides against: the view, and what its batch and the command at hand have staged.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use hansa_journal::{Chain, Position};

use crate::at_hand::AtHand;
use crate::changes::{Change, Changes};
use crate::filter::Hash;
use crate::{Entry, Keys, View, ViewError, store};

/// A view with changes that are not durable yet. Nobody else writes the view.
pub struct Staging {
    view: Arc<View>,
    batch: Changes,
    /// Commands ask for the same keys again and again.
    at_hand: RefCell<AtHand>,
}

impl Staging {
    /// Nothing staged.
    pub fn new(view: Arc<View>) -> Staging {
        Staging { view, batch: Changes::default(), at_hand: RefCell::default() }
    }

    /// Stages a value.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let key = key.as_ref();
        self.stage(key, Hash::of(key), Some(value.as_ref()));
    }

    /// Stages that a key is no more.
    pub fn delete(&mut self, key: &[u8]) {
        self.stage(key, Hash::of(key), None);
    }

    /// Stages a value made of the one that is there.
    pub fn update<V: AsRef<[u8]>>(
        &mut self,
        key: impl AsRef<[u8]>,
        make: impl FnOnce(Option<&[u8]>) -> Result<V, ViewError>,
    ) -> Result<(), ViewError> {
        let (key, hash) = (key.as_ref(), Hash::of(key.as_ref()));
        let value = match self.batch.get(key, hash) {
            Some(staged) => make(staged)?,
            None => make(self.settled(key, hash)?.as_deref())?,
        };
        self.stage(key, hash, Some(value.as_ref()));
        Ok(())
    }

    fn stage(&mut self, key: &[u8], hash: Hash, change: Change<'_>) {
        debug_assert!(key.first().is_some_and(|byte| *byte != 0), "keys begin with a prefix");
        self.batch.stage(key, hash, change);
    }

    /// What the view itself holds.
    fn settled(&self, key: &[u8], hash: Hash) -> Result<Option<Vec<u8>>, ViewError> {
        self.view.get_by(key, hash, &mut self.at_hand.borrow_mut())
    }

    /// What the command staged joins the batch.
    pub fn keep(&mut self) {
        self.batch.keep();
    }

    /// Forgets what the command staged since the last `keep`.
    pub fn undo(&mut self) {
        self.batch.undo();
    }

    /// Forgets the whole batch: it was not written.
    pub fn discard(&mut self) {
        self.batch.clear();
    }

    /// Writes the batch, which is durable in the journal up to `position`, to the view.
    pub fn settle(&mut self, position: Position, chain: Chain) -> Result<(), ViewError> {
        debug_assert!(self.batch.is_kept(), "a command was neither kept nor undone");
        self.view.settle(&self.batch, position, chain)?;
        self.batch.clear();
        Ok(())
    }

    /// Where the view itself stands.
    pub fn applied(&self) -> Result<(Position, Chain), ViewError> {
        Ok(self.view.mark())
    }

    /// Empties the view, and forgets what was staged.
    pub fn reset(&mut self) -> Result<(), ViewError> {
        self.discard();
        self.at_hand.take();
        self.view.reset()
    }
}

impl Keys for Staging {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        let hash = Hash::of(key);
        match self.batch.get(key, hash) {
            Some(staged) => Ok(staged.map(<[u8]>::to_vec)),
            None => self.settled(key, hash),
        }
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        let (changes, from) = (&self.batch, store::first(prefix, after));
        let mut staged = BTreeMap::new();
        for order in changes.in_two_orders() {
            let places = changes.between(&order, from, Bound::Unbounded);
            let found = order[places].iter().map(|it| (changes.key(*it), changes.value(*it)));
            staged.extend(found.take_while(|(key, _)| key.starts_with(prefix)));
        }
        merged(self.view.as_ref(), &staged, prefix, after, limit)
    }
}

/// Keys of a store with changes on top: all those that a scan comes by.
pub(crate) fn merged(
    store: &(impl Keys + ?Sized),
    staged: &BTreeMap<&[u8], Change<'_>>,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Entry>, ViewError> {
    if staged.is_empty() {
        return store.scan(prefix, after, limit);
    }
    // Each staged key hides at most one stored key, so this many are enough to fill the page.
    let enough = limit.saturating_add(staged.len());
    let stored = store.scan(prefix, after, enough)?;
    // Past the last stored key that was looked at, nothing is known of the store.
    let horizon = (stored.len() == enough).then(|| stored[enough - 1].0.clone());
    let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = stored.into_iter().collect();
    for (key, value) in staged {
        match value {
            Some(value) if horizon.as_deref().is_none_or(|horizon| *key <= horizon) => {
                merged.insert(key.to_vec(), value.to_vec());
            }
            Some(_) => {}
            None => {
                merged.remove(*key);
            }
        }
    }
    Ok(merged.into_iter().take(limit).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tests::opened;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Put(u8, u8),
        Add(u8, u8),
        Delete(u8),
        Keep,
        Undo,
        Settle,
        Discard,
        Scan { after: Option<u8>, limit: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..12u8, any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
            2 => (0..12u8, any::<u8>()).prop_map(|(key, more)| Step::Add(key, more)),
            2 => (0..12u8).prop_map(Step::Delete),
            2 => Just(Step::Keep),
            1 => Just(Step::Undo),
            2 => Just(Step::Settle),
            1 => Just(Step::Discard),
            3 => (proptest::option::of(0..12u8), 0..8usize)
                .prop_map(|(after, limit)| Step::Scan { after, limit }),
        ]
    }

    fn key(number: u8) -> Vec<u8> {
        vec![b'k', number]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Staging, keeping, undoing and settling in any order reads like three plain maps.
        #[test]
        fn reads_like_maps(steps in prop::collection::vec(step(), 1..60)) {
            let directory = tempfile::tempdir().unwrap();
            let (view, mut staging, _) = opened(directory.path());
            let mut settled: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            let mut kept = settled.clone();
            let mut now = settled.clone();
            let mut position = Position::ORIGIN;
            for step in steps {
                match step {
                    Step::Put(number, value) => {
                        staging.put(key(number), vec![value]);
                        now.insert(key(number), vec![value]);
                    }
                    Step::Add(number, more) => {
                        let sum = |there: Option<&[u8]>| vec![there.map_or(0, |it| it[0]) ^ more];
                        staging.update(key(number), |there| Ok(sum(there))).unwrap();
                        now.insert(key(number), sum(now.get(&key(number)).map(Vec::as_slice)));
                    }
                    Step::Delete(number) => {
                        staging.delete(&key(number));
                        now.remove(&key(number));
                    }
                    Step::Keep => {
                        staging.keep();
                        kept = now.clone();
                    }
                    Step::Undo => {
                        staging.undo();
                        now = kept.clone();
                    }
                    Step::Settle => {
                        staging.keep();
                        position = position.next();
                        staging.settle(position, Chain::from_bytes([2; 32])).unwrap();
                        settled = now.clone();
                        kept = now.clone();
                        prop_assert_eq!(staging.applied().unwrap().0, position);
                    }
                    Step::Discard => {
                        staging.discard();
                        now = settled.clone();
                        kept = settled.clone();
                    }
                    Step::Scan { after, limit } => {
                        let after = after.map(key);
                        let expected: Vec<_> = now
                            .iter()
                            .filter(|(found, _)| after.as_ref().is_none_or(|after| *found > after))
                            .take(limit)
                            .map(|(key, value)| (key.clone(), value.clone()))
                            .collect();
                        let found = staging.scan(b"k", after.as_deref(), limit).unwrap();
                        prop_assert_eq!(found, expected);
                    }
                }
                for number in 0..12 {
                    let found = staging.get(&key(number)).unwrap();
                    prop_assert_eq!(found.as_ref(), now.get(&key(number)));
                }
                let visible = view.read(|keys| keys.scan(b"k", None, 100)).unwrap();
                let expected: Vec<_> = settled.clone().into_iter().collect();
                prop_assert_eq!(visible, expected);
            }
        }
    }
}
