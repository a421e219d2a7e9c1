//! A state of part of the view that holds still while the view moves on: what `settle` overwrites is
//! kept aside first, within a bound.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use hansa_journal::Position;
use parking_lot::Mutex;

use crate::staging::merged;
use crate::{Entry, Keys, View, ViewError, store};

/// Most bytes kept aside for one frozen state; beyond, it is lost.
pub const FROZEN_BYTES: usize = 16 * 1024 * 1024;

/// What one more key kept aside costs, beside its bytes.
const ENTRY_BYTES: usize = 96;

/// The keys under some prefixes as they were at one position.
pub struct Frozen {
    view: Arc<View>,
    aside: Arc<Aside>,
    position: Position,
}

/// What was overwritten since.
pub(crate) struct Aside {
    prefixes: Vec<Vec<u8>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// What the keys held; none: they were not there.
    values: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    lost: bool,
}

/// Reading a frozen state.
#[derive(Debug, thiserror::Error)]
pub enum FrozenError {
    /// Too much was overwritten while it was read.
    #[error("more than {FROZEN_BYTES} bytes of it changed while it was read")]
    Lost,
    /// The view failed.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl Frozen {
    pub(crate) fn new(view: Arc<View>, aside: Arc<Aside>, position: Position) -> Frozen {
        Frozen { view, aside, position }
    }

    /// The position it stands at.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Reads keys under its prefixes, off the async threads, few at a time.
    pub async fn query<R: Send + 'static>(
        &self,
        look: impl FnOnce(&FrozenView<'_>) -> Result<R, ViewError> + Send + 'static,
    ) -> Result<R, FrozenError> {
        let aside = Arc::clone(&self.aside);
        self.view
            .query(move |view| {
                // Nothing settles meanwhile, so nobody waits for this lock.
                let kept = aside.kept.lock();
                if kept.lost {
                    return Ok(Err(FrozenError::Lost));
                }
                look(&FrozenView { view, kept: &kept }).map(Ok)
            })
            .await?
    }
}

impl Aside {
    pub(crate) fn new(prefixes: &[&[u8]]) -> Aside {
        let prefixes = prefixes.iter().map(|prefix| prefix.to_vec()).collect();
        Aside { prefixes, kept: Mutex::default() }
    }

    /// Keeps what a key holds before it is overwritten.
    pub(crate) fn keep(
        &self,
        key: &[u8],
        value: impl FnOnce() -> Result<Option<Vec<u8>>, ViewError>,
    ) -> Result<(), ViewError> {
        let mut kept = self.kept.lock();
        let mine = self.prefixes.iter().any(|prefix| key.starts_with(prefix));
        if !mine || kept.lost || kept.values.contains_key(key) {
            return Ok(());
        }
        let value = value()?;
        kept.bytes += ENTRY_BYTES + key.len() + value.as_ref().map_or(0, Vec::len);
        kept.values.insert(key.to_vec(), value);
        if kept.bytes > FROZEN_BYTES {
            *kept = Kept { lost: true, ..Kept::default() };
        }
        Ok(())
    }

    /// The view is emptied: there is nothing to go back to.
    pub(crate) fn lose(&self) {
        *self.kept.lock() = Kept { lost: true, ..Kept::default() };
    }
}

/// A frozen state while it is read.
pub struct FrozenView<'f> {
    view: &'f dyn Keys,
    kept: &'f Kept,
}

impl Keys for FrozenView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        match self.kept.values.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.view.get(key),
        }
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        let from = (store::first(prefix, after), Bound::Unbounded);
        let kept = self.kept.values.range::<[u8], _>(from);
        let kept = kept.take_while(|(key, _)| key.starts_with(prefix));
        let kept = kept.map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
        merged(self.view, &kept, prefix, after, limit)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Staging;
    use crate::tests::opened;
    use hansa_journal::Chain;
    use proptest::prelude::*;

    fn settle(staging: &mut Staging, position: u64) {
        staging.keep();
        staging.settle(Position::new(position), Chain::from_bytes([2; 32])).unwrap();
    }

    fn read(runtime: &tokio::runtime::Runtime, frozen: &Frozen, limit: usize) -> Vec<Entry> {
        let mut found: Vec<Entry> = Vec::new();
        loop {
            let after = found.last().map(|(key, _)| key.clone());
            let page = runtime
                .block_on(frozen.query(move |keys| keys.scan(b"k", after.as_deref(), limit)))
                .unwrap();
            if page.is_empty() {
                return found;
            }
            found.extend(page);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever is written, overwritten and deleted later, a frozen state reads as it was, page by
        /// page, with writes between the pages.
        #[test]
        fn holds_still(
            before in prop::collection::btree_map(0..20u8, any::<u8>(), 0..15),
            changes in prop::collection::vec((0..20u8, prop::option::of(any::<u8>())), 0..30),
            limit in 1..5usize,
        ) {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let directory = tempfile::tempdir().unwrap();
            let (view, mut staging, _) = opened(directory.path());
            for (key, value) in &before {
                staging.put(vec![b'k', *key], vec![*value]);
            }
            settle(&mut staging, 1);
            let frozen = view.freeze(&[b"k"]).unwrap();
            prop_assert_eq!(frozen.position(), Position::new(1));
            for (position, (key, value)) in (2..).zip(changes) {
                match value {
                    Some(value) => staging.put(vec![b'k', key], vec![value]),
                    None => staging.delete(&[b'k', key]),
                }
                settle(&mut staging, position);
                let one = runtime.block_on(frozen.query(move |keys| keys.get(&[b'k', key]))).unwrap();
                prop_assert_eq!(one, before.get(&key).map(|value| vec![*value]));
            }
            let expected: Vec<Entry> =
                before.iter().map(|(key, value)| (vec![b'k', *key], vec![*value])).collect();
            prop_assert_eq!(read(&runtime, &frozen, limit), expected);
        }
    }

    #[test]
    fn what_is_kept_aside_is_bounded() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (view, mut staging, _) = opened(directory.path());
        let large = vec![7; 1024 * 1024];
        for key in 0..20u8 {
            staging.put(vec![b'k', key], large.clone());
        }
        settle(&mut staging, 1);
        let frozen = view.freeze(&[b"k"]).unwrap();
        for key in 0..20u8 {
            staging.put(vec![b'k', key], vec![1]);
        }
        settle(&mut staging, 2);
        let lost = runtime.block_on(frozen.query(|keys| keys.get(b"k\0")));
        assert!(matches!(lost, Err(FrozenError::Lost)));
        assert!(frozen.aside.kept.lock().values.is_empty(), "a lost state still costs memory");
    }

    #[test]
    fn a_state_that_is_dropped_costs_nothing_more() {
        let directory = tempfile::tempdir().unwrap();
        let (view, mut staging, _) = opened(directory.path());
        let frozen = view.freeze(&[b"k"]).unwrap();
        let aside = Arc::downgrade(&frozen.aside);
        drop(frozen);
        staging.put(b"k1", vec![1]);
        settle(&mut staging, 1);
        assert!(aside.upgrade().is_none());
    }
}
