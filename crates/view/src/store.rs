//! How a view is opened, emptied and read.

use std::fmt;
use std::fs;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use hansa_journal::{Chain, JournalId, Position};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use tokio::sync::Semaphore;

use crate::at_hand::AtHand;
use crate::changes::Changes;
use crate::filter::Hash;
use crate::frozen::{Aside, Frozen};
use crate::keeper::{self, Bell};
use crate::layer::{LAYER_BYTES, Layer};
use crate::mark::{self, Mark};
use crate::run::{Facts, Run};
use crate::shelf::Shelf;
use crate::state::{self, State};
use crate::{Entry, Keys, Seen};

/// sled's own key for where the runs lead to; see `mark.rs`.
const MARK: &[u8] = b"\0runs";

/// Left in the directory when the view failed, so that the next opening rebuilds it.
const CONDEMNED: &str = "condemned";

/// More concurrent reads than this would starve the writer.
const CONCURRENT_QUERIES: usize = 4;

/// What is settled while a layer is written waits beyond this.
const WAITING_BYTES: usize = 2 * LAYER_BYTES;

/// A view of a journal.
pub struct View {
    held: Arc<Held>,
    keeper: Option<JoinHandle<()>>,
}

/// What a view and its keeper share.
pub(crate) struct Held {
    pub(crate) shelf: Shelf,
    format: u8,
    identity: JournalId,
    // Never cloned: dropping the view must release the directory.
    marks: sled::Db,
    pub(crate) state: RwLock<State>,
    /// What the mark in sled says.
    stored: Mutex<(Position, Chain)>,
    pub(crate) bell: Bell,
    /// Held while runs are written.
    pub(crate) working: Mutex<()>,
    condemned: AtomicBool,
    queries: Arc<Semaphore>,
    /// States that hold still, as long as somebody reads them.
    frozen: Mutex<Vec<Weak<Aside>>>,
}

/// What opening a view came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening {
    /// There was none; it is empty.
    Fresh,
    /// It stands where it stood.
    Kept,
    /// It could not be used and is empty now.
    Rebuilt {
        /// Why.
        reason: String,
    },
}

/// The view failed. It is rebuilt at the next opening.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The directory cannot be prepared.
    #[error("the view's directory {directory} cannot be used")]
    Directory {
        /// The directory.
        directory: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// sled failed.
    #[error("the view's storage failed")]
    Storage(#[source] sled::Error),
    /// sled panicked, or holds what nobody wrote.
    #[error("the view is damaged: {0}")]
    Damaged(String),
    /// A stored value does not decode.
    #[error("the view holds a value that does not decode: {0}")]
    Value(String),
}

impl View {
    /// Opens the view in `directory` for this format and journal, and empties it when it is of another
    /// or does not open.
    pub fn open(
        directory: &Path,
        format: u8,
        identity: JournalId,
    ) -> Result<(View, Opening), ViewError> {
        let shelf = Shelf::new(directory);
        let fresh = shelf.is_fresh();
        match View::try_open(&shelf, format, identity) {
            Ok(view) if fresh => {
                view.reset()?;
                Ok((view, Opening::Fresh))
            }
            Ok(view) => Ok((view, Opening::Kept)),
            Err(reason) => {
                tracing::warn!(directory = %directory.display(), reason, "the view is rebuilt");
                shelf.remove_all()?;
                let view = View::try_open(&shelf, format, identity).map_err(ViewError::Damaged)?;
                view.reset()?;
                Ok((view, Opening::Rebuilt { reason }))
            }
        }
    }

    fn try_open(shelf: &Shelf, format: u8, identity: JournalId) -> Result<View, String> {
        if shelf.directory().join(CONDEMNED).exists() {
            return Err("it failed when it was last used".to_owned());
        }
        let fresh = shelf.is_fresh();
        let marks = guarded(|| shelf.mark()).map_err(|error| describe(&error))?;
        let opened = guarded(|| match fresh {
            true => Ok((State::new(origin(identity), Vec::new()), Vec::new())),
            false => stored(&marks, shelf, format, identity),
        });
        let (state, unfinished) = opened.map_err(|error| describe(&error))?;
        let held = Arc::new(Held {
            shelf: shelf.clone(),
            format,
            identity,
            marks,
            stored: Mutex::new(state.mark()),
            state: RwLock::new(state),
            bell: Bell::default(),
            working: Mutex::default(),
            condemned: AtomicBool::new(false),
            queries: Arc::new(Semaphore::new(CONCURRENT_QUERIES)),
            frozen: Mutex::default(),
        });
        let keeper = keeper::start(Arc::clone(&held), unfinished);
        let keeper = Some(keeper.map_err(|error| error.to_string())?);
        Ok(View { held, keeper })
    }

    /// Reads several keys of one state. Blocks: the caller is on a thread that may.
    pub fn read<R>(
        &self,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError>,
    ) -> Result<R, ViewError> {
        self.held.look(self.held.state.read(), look)
    }

    /// Like [`View::read`], from an async task: on a blocking thread, few at a time.
    pub async fn query<R: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError> + Send + 'static,
    ) -> Result<R, ViewError> {
        let turn = Arc::clone(&self.held.queries).acquire_owned().await;
        let view = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            view.read(look)
        })
        .await
        .unwrap_or_else(|error| Err(ViewError::Damaged(error.to_string())))
    }

    /// Like [`View::query`], for a look at a few keys: on this very thread, unless the view is being
    /// written to at this moment. To hand it to another thread would cost more than the look.
    pub async fn glance<R: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError> + Send + 'static,
    ) -> Result<R, ViewError> {
        if let Some(state) = self.held.state.try_read() {
            return self.held.look(state, look);
        }
        self.query(look).await
    }

    /// The keys under some prefixes as they are now, to be read while the view moves on. Blocks
    /// shortly: the caller is on a thread that may.
    pub fn freeze(self: &Arc<Self>, prefixes: &[&[u8]]) -> Result<Frozen, ViewError> {
        let aside = Arc::new(Aside::new(prefixes));
        // Nothing settles between the position and the first key kept aside.
        let state = self.held.state.read();
        let position = state.mark().0;
        self.held.frozen.lock().push(Arc::downgrade(&aside));
        drop(state);
        Ok(Frozen::new(Arc::clone(self), aside, position))
    }

    /// Position and chain value it stands at.
    pub(crate) fn mark(&self) -> (Position, Chain) {
        self.held.state.read().mark()
    }

    /// Takes in a batch together with where it leads to.
    pub(crate) fn settle(
        &self,
        staged: &Changes,
        position: Position,
        chain: Chain,
    ) -> Result<(), ViewError> {
        let held = &self.held;
        if !held.bell.wait_until(|| !held.is_full()) {
            return Err(ViewError::Damaged("it is kept no more".to_owned()));
        }
        let mut state = held.state.write();
        held.keep_aside(&state, staged)?;
        state.young.take(staged, (position, chain));
        drop(state);
        held.turn_over(LAYER_BYTES);
        Ok(())
    }

    /// Empties it: it stands at the origin of its journal.
    pub(crate) fn reset(&self) -> Result<(), ViewError> {
        let held = &self.held;
        let _working = held.working.lock();
        let mut state = held.state.write();
        for aside in held.frozen.lock().iter().filter_map(Weak::upgrade) {
            aside.lose();
        }
        held.set_mark(origin(held.identity), &[])?;
        held.keep_mark()?;
        *state = State::new(origin(held.identity), Vec::new());
        held.watched(|| held.shelf.runs()?.into_iter().try_for_each(|id| held.shelf.remove_run(id)))
    }

    /// Has the view rebuilt at its next opening: it is in doubt.
    pub fn condemn(&self, reason: &dyn fmt::Display) {
        self.held.condemn(reason);
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper::stop(&self.held, keeper);
        }
    }
}

impl Held {
    fn look<R>(
        &self,
        state: RwLockReadGuard<'_, State>,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError>,
    ) -> Result<R, ViewError> {
        look(&ReadView { held: self, state: &state }).inspect_err(|error| self.condemn(error))
    }

    /// Keeps aside, for the states that hold still, what a batch overwrites.
    fn keep_aside(&self, state: &State, staged: &Changes) -> Result<(), ViewError> {
        let frozen: Vec<Arc<Aside>> = {
            let mut frozen = self.frozen.lock();
            frozen.retain(|aside| aside.strong_count() > 0);
            frozen.iter().filter_map(Weak::upgrade).collect()
        };
        if frozen.is_empty() {
            return Ok(());
        }
        for (key, _) in staged.keys() {
            for aside in &frozen {
                aside.keep(key, || self.watched(|| state.get(key)))?;
            }
        }
        Ok(())
    }

    /// Has the youngest layer written when it has so many bytes and no other one is being written.
    pub(crate) fn turn_over(&self, bytes: usize) {
        let mut state = self.state.write();
        if state.young.changes.bytes() < bytes || state.old.is_some() {
            return;
        }
        let next = Layer::new(state.mark());
        state.old = Some(Arc::new(std::mem::replace(&mut state.young, next)));
        drop(state);
        self.bell.ring();
    }

    fn is_full(&self) -> bool {
        let state = self.state.read();
        state.young.changes.bytes() >= WAITING_BYTES && state.old.is_some()
    }

    /// Where the runs lead to.
    pub(crate) fn stored(&self) -> (Position, Chain) {
        *self.stored.lock()
    }

    /// Says in sled which runs there are, and where they lead to.
    pub(crate) fn set_mark(
        &self,
        (position, chain): (Position, Chain),
        runs: &[Facts],
    ) -> Result<(), ViewError> {
        let mark = Mark { position, chain, runs: runs.to_vec() };
        let bytes = mark.encoded(self.format, self.identity);
        self.watched(|| self.marks.insert(MARK, bytes).map_err(ViewError::Storage))?;
        *self.stored.lock() = (position, chain);
        Ok(())
    }

    /// Has the mark on the disk, before something goes that an earlier one names.
    pub(crate) fn keep_mark(&self) -> Result<(), ViewError> {
        self.watched(|| self.marks.flush().map(drop).map_err(ViewError::Storage))
    }

    /// Runs an operation of sled; whatever goes wrong in it condemns the view.
    pub(crate) fn watched<R>(
        &self,
        operation: impl FnOnce() -> Result<R, ViewError>,
    ) -> Result<R, ViewError> {
        guarded(operation).inspect_err(|error| self.condemn(error))
    }

    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned.load(Ordering::Acquire)
    }

    fn condemn(&self, reason: &dyn fmt::Display) {
        self.condemned.store(true, Ordering::Release);
        tracing::error!(directory = %self.shelf.directory().display(), %reason, "the view is in doubt");
        // Best effort: without the mark the next opening finds the damage itself, or not.
        if let Err(error) = fs::write(self.shelf.directory().join(CONDEMNED), b"") {
            tracing::error!(%error, "the view could not be marked for a rebuild");
        }
    }
}

fn origin(identity: JournalId) -> (Position, Chain) {
    (Position::ORIGIN, Chain::origin(identity))
}

/// The state sled holds, and the runs in it that were not finished.
fn stored(
    marks: &sled::Tree,
    shelf: &Shelf,
    format: u8,
    identity: JournalId,
) -> Result<(State, Vec<u32>), ViewError> {
    let stored = marks.get(MARK).map_err(ViewError::Storage)?;
    let stored = stored.ok_or_else(|| ViewError::Damaged("no mark".to_owned()))?;
    let Mark { position, chain, runs } = mark::decoded(&stored, format, identity)?;
    let mut unfinished = shelf.runs()?;
    unfinished.retain(|id| !runs.iter().any(|run| run.id == *id));
    let older = (0..runs.len()).rev();
    let open = |(facts, older)| Run::open(shelf, facts, older).map(Arc::new);
    let runs = runs.into_iter().zip(older).map(open).collect::<Result<_, _>>()?;
    Ok((State::new((position, chain), runs), unfinished))
}

impl View {
    /// The value of a key, which hashes to this; of the runs, what is at hand is not read again.
    pub(crate) fn get_by(
        &self,
        key: &[u8],
        hash: Hash,
        at_hand: &mut AtHand,
    ) -> Result<Option<Vec<u8>>, ViewError> {
        let state = self.held.state.read();
        if let Some(value) = state.in_layers(key, hash) {
            return Ok(value);
        }
        let youngest = state.youngest_run();
        if let Some(value) = at_hand.get(youngest, key, hash) {
            return Ok(Some(value));
        }
        let value = self.held.watched(|| state.in_runs(key, hash))?;
        if let Some(value) = &value {
            at_hand.keep(youngest, key, hash, value);
        }
        Ok(value)
    }
}

impl Keys for View {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        let state = self.held.state.read();
        ReadView { held: &self.held, state: &state }.get(key)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        let state = self.held.state.read();
        ReadView { held: &self.held, state: &state }.scan(prefix, after, limit)
    }
}

/// A state of the view that holds still.
pub struct ReadView<'v> {
    held: &'v Held,
    state: &'v State,
}

impl ReadView<'_> {
    /// Position the view stands at.
    pub fn applied(&self) -> Position {
        self.state.mark().0
    }

    /// Keys that begin with `prefix`, descending, those before `before` (exclusive), at most `limit`.
    pub fn scan_back(
        &self,
        prefix: &[u8],
        before: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        let past = past(prefix);
        let end = match before {
            Some(before) if before.starts_with(prefix) => Some(before),
            Some(before) if before < prefix => return Ok(Vec::new()),
            _ => past.as_deref(),
        };
        self.held.watched(|| self.state.scan_back(prefix, end, limit))
    }

    /// Shows the entries that begin with `prefix`, ascending, after the key `after` where one is given,
    /// as they lie there; true when there are no more of them.
    pub fn visit(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<Seen, ViewError>,
    ) -> Result<bool, ViewError> {
        self.held.watched(|| {
            let merge = self.state.from(prefix, first(prefix, after))?;
            state::visited(merge, prefix, &mut visit)
        })
    }

    /// Like [`ReadView::visit`], descending, those before `before`, a key with this prefix.
    pub fn visit_back(
        &self,
        prefix: &[u8],
        before: Option<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<Seen, ViewError>,
    ) -> Result<bool, ViewError> {
        let past = past(prefix);
        let end = before.or(past.as_deref());
        self.held.watched(|| {
            let merge = self.state.before(prefix, end)?;
            state::visited(merge, prefix, &mut visit)
        })
    }
}

impl Keys for ReadView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        self.held.watched(|| self.state.get(key))
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        let start = first(prefix, after);
        self.held.watched(|| self.state.scan(prefix, start, limit))
    }
}

/// Where keys with a prefix begin that come after another.
pub(crate) fn first<'k>(prefix: &'k [u8], after: Option<&'k [u8]>) -> Bound<&'k [u8]> {
    match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    }
}

/// The first key after all that begin with a prefix; `None` when there is none after them.
fn past(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut past = prefix[..=last].to_vec();
    past[last] += 1;
    Some(past)
}

/// sled panics on some damaged files.
fn guarded<R>(operation: impl FnOnce() -> Result<R, ViewError>) -> Result<R, ViewError> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(ViewError::Damaged(text.unwrap_or("sled panicked").to_owned()))
        }
    }
}

/// An error with its causes, on one line.
fn describe(error: &ViewError) -> String {
    match error {
        ViewError::Storage(cause) => format!("{error}: {cause}"),
        ViewError::Directory { source, .. } => format!("{error}: {source}"),
        ViewError::Damaged(_) | ViewError::Value(_) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Staging;
    use crate::tests::opened;

    fn identity(byte: u8) -> JournalId {
        JournalId::from_bytes([byte; 16])
    }

    fn filled(directory: &Path) -> (Position, Chain) {
        let (view, opening) = View::open(directory, 1, identity(7)).unwrap();
        assert_eq!(opening, Opening::Fresh);
        let mut staging = Staging::new(Arc::new(view));
        let stand = (Position::new(3), Chain::from_bytes([9; 32]));
        staging.put(b"a/1", b"one");
        staging.keep();
        staging.settle(stand.0, stand.1).unwrap();
        stand
    }

    #[test]
    fn stands_where_it_stood() {
        let directory = tempfile::tempdir().unwrap();
        let stand = filled(directory.path());
        let (view, opening) = View::open(directory.path(), 1, identity(7)).unwrap();
        assert_eq!(opening, Opening::Kept);
        assert_eq!(view.mark(), stand);
        assert_eq!(view.get(b"a/1").unwrap().unwrap(), b"one");
    }

    /// What the writer has read of a run goes when a younger run says something else.
    #[test]
    fn what_is_at_hand_is_what_the_runs_say() {
        let directory = tempfile::tempdir().unwrap();
        let (view, mut staging, _) = opened(directory.path());
        for position in 1..=9u8 {
            let value = vec![position; LAYER_BYTES];
            staging.put(b"k", &value);
            staging.keep();
            let chain = Chain::from_bytes([position; 32]);
            staging.settle(Position::new(position.into()), chain).unwrap();
            while view.held.state.read().in_layers(b"k", Hash::of(b"k")).is_some() {
                std::thread::yield_now();
            }
            for _ in 0..2 {
                assert_eq!(staging.get(b"k").unwrap().as_ref(), Some(&value));
            }
        }
    }

    #[test]
    fn scans_backwards_within_a_prefix() {
        let directory = tempfile::tempdir().unwrap();
        let (view, mut staging, _) = opened(directory.path());
        for key in ["a/", "b/1", "b/2", "b/3", "c/1"] {
            staging.put(key, b"v");
        }
        staging.put(vec![0xff, 0xff], b"v");
        staging.keep();
        staging.settle(Position::new(1), Chain::from_bytes([9; 32])).unwrap();
        let scan = |prefix: &[u8], before: Option<&[u8]>, limit| -> Vec<Vec<u8>> {
            let found = view.read(|keys| keys.scan_back(prefix, before, limit)).unwrap();
            found.into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(scan(b"b/", None, 9), [b"b/3", b"b/2", b"b/1"]);
        assert_eq!(scan(b"b/", Some(b"b/3"), 1), [b"b/2"]);
        assert_eq!(scan(b"b/", Some(b"b/1"), 9), Vec::<Vec<u8>>::new());
        assert_eq!(scan(b"b/", Some(b"a/"), 9), Vec::<Vec<u8>>::new());
        assert_eq!(scan(b"b/", Some(b"c/"), 1), [b"b/3"]);
        assert_eq!(scan(&[0xff], None, 9), [[0xff, 0xff]]);
    }

    #[test]
    fn another_format_or_journal_is_rebuilt() {
        for (format, journal) in [(2, 7), (1, 8)] {
            let directory = tempfile::tempdir().unwrap();
            filled(directory.path());
            let (view, opening) = View::open(directory.path(), format, identity(journal)).unwrap();
            assert!(matches!(opening, Opening::Rebuilt { .. }), "{opening:?}");
            assert_eq!(view.mark().0, Position::ORIGIN);
            assert_eq!(view.get(b"a/1").unwrap(), None);
        }
    }

    #[test]
    fn a_view_that_does_not_open_is_rebuilt() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        // Zeroes instead of the whole log: opens without a mark, or not at all.
        let log = directory.path().join("db");
        fs::write(&log, vec![0; fs::metadata(&log).unwrap().len() as usize]).unwrap();
        let (view, opening) = View::open(directory.path(), 1, identity(7)).unwrap();
        assert!(matches!(opening, Opening::Rebuilt { .. }), "{opening:?}");
        assert_eq!(view.mark().0, Position::ORIGIN);
    }

    #[test]
    fn a_store_that_is_still_held_for_a_moment_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        let path = directory.path().join("db");
        let held = fs::File::open(&path).unwrap();
        held.lock().unwrap();
        let opened_by = || {
            let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
            open.filter(|it| fs::read_link(it.path()).is_ok_and(|to| to == path)).count()
        };
        std::thread::scope(|scope| {
            let opening = scope.spawn(|| View::open(directory.path(), 1, identity(7)).unwrap().1);
            while opened_by() < 2 && !opening.is_finished() {
                std::thread::yield_now();
            }
            held.unlock().unwrap();
            assert_eq!(opening.join().unwrap(), Opening::Kept);
        });
    }

    #[test]
    fn a_view_with_a_damaged_run_is_rebuilt() {
        let cut = |log: &Path| {
            let bytes = fs::read(log).unwrap();
            fs::write(log, &bytes[..bytes.len() / 2]).unwrap();
        };
        let zeroed = |log: &Path| {
            fs::write(log, vec![0; fs::metadata(log).unwrap().len() as usize]).unwrap();
        };
        let removed = |log: &Path| fs::remove_dir_all(log.parent().unwrap()).unwrap();
        for damage in [&cut as &dyn Fn(&Path), &zeroed, &removed] {
            let directory = tempfile::tempdir().unwrap();
            filled(directory.path());
            let run = fs::read_dir(directory.path().join("runs")).unwrap().next().unwrap();
            damage(&run.unwrap().path().join("db"));
            let (view, opening) = View::open(directory.path(), 1, identity(7)).unwrap();
            assert!(matches!(opening, Opening::Rebuilt { .. }), "{opening:?}");
            assert_eq!(view.get(b"a/1").unwrap(), None);
        }
    }

    #[test]
    fn a_condemned_view_is_rebuilt() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        fs::write(directory.path().join(CONDEMNED), b"").unwrap();
        let (_, opening) = View::open(directory.path(), 1, identity(7)).unwrap();
        assert!(matches!(opening, Opening::Rebuilt { .. }), "{opening:?}");
        assert!(!directory.path().join(CONDEMNED).exists());
    }

    #[test]
    fn a_value_that_does_not_decode_condemns_the_view() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        let (view, _) = View::open(directory.path(), 1, identity(7)).unwrap();
        let read: Result<(), ViewError> = view.read(|_| Err(ViewError::Value("x".to_owned())));
        assert!(read.is_err());
        drop(view);
        let (_, opening) = View::open(directory.path(), 1, identity(7)).unwrap();
        assert!(matches!(opening, Opening::Rebuilt { .. }), "{opening:?}");
    }

    #[test]
    fn a_half_written_snapshot_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let stand = filled(directory.path());
        fs::write(directory.path().join("snap.0000000000000000.generating"), b"half").unwrap();
        let (view, opening) = View::open(directory.path(), 1, identity(7)).unwrap();
        assert_eq!(opening, Opening::Kept);
        assert_eq!(view.mark(), stand);
    }
}
