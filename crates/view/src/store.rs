//! How a view is opened, emptied and read.

use std::fmt;
use std::fs;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use hansa_journal::{Chain, JournalId, Position};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;

use crate::frozen::{Aside, Frozen};
use crate::{Entry, Keys};

/// The view's own key: format, identity, position, chain. No other key begins with a zero byte.
const MARK: &[u8] = b"\0mark";
const MARK_LENGTH: usize = 1 + 16 + 8 + 32;

/// Left in the directory when the view failed, so that the next opening rebuilds it.
const CONDEMNED: &str = "condemned";

/// More concurrent reads than this would starve the writer of sled's page locks.
const CONCURRENT_QUERIES: usize = 4;

/// Large segments keep big nodes out of sled's separate, never synced files.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// sled collects its garbage only in this thread.
const FLUSH_EVERY_MS: u64 = 500;

/// A view of a journal.
pub struct View {
    directory: PathBuf,
    format: u8,
    identity: JournalId,
    // Never cloned: dropping the view must release the directory.
    tree: sled::Db,
    settling: RwLock<()>,
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
        let fresh = !directory.join("db").exists();
        match View::try_open(directory, format, identity) {
            Ok(view) if fresh => {
                view.reset()?;
                Ok((view, Opening::Fresh))
            }
            Ok(view) => Ok((view, Opening::Kept)),
            Err(reason) => {
                tracing::warn!(directory = %directory.display(), reason, "the view is rebuilt");
                remove(directory)?;
                let view =
                    View::try_open(directory, format, identity).map_err(ViewError::Damaged)?;
                view.reset()?;
                Ok((view, Opening::Rebuilt { reason }))
            }
        }
    }

    fn try_open(directory: &Path, format: u8, identity: JournalId) -> Result<View, String> {
        if directory.join(CONDEMNED).exists() {
            return Err("it failed when it was last used".to_owned());
        }
        let fresh = !directory.join("db").exists();
        remove_half_written_snapshots(directory).map_err(|error| error.to_string())?;
        let tree = guarded(|| {
            sled::Config::new()
                .path(directory)
                .mode(sled::Mode::LowSpace)
                .segment_size(SEGMENT_BYTES)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(Some(FLUSH_EVERY_MS))
                .open()
        })
        .map_err(|error| describe(&error))?;
        let view = View {
            directory: directory.to_owned(),
            format,
            identity,
            tree,
            settling: RwLock::new(()),
            queries: Arc::new(Semaphore::new(CONCURRENT_QUERIES)),
            frozen: Mutex::default(),
        };
        if !fresh {
            view.mark().map_err(|error| describe(&error))?;
        }
        Ok(view)
    }

    /// Reads several keys of one state. Blocks: the caller is on a thread that may.
    pub fn read<R>(
        &self,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError>,
    ) -> Result<R, ViewError> {
        let _settled = self.settling.read();
        let found = look(&ReadView { view: self, applied: self.mark()?.0 });
        found.inspect_err(|error| self.condemn(error))
    }

    /// Like [`View::read`], from an async task: on a blocking thread, few at a time.
    pub async fn query<R: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError> + Send + 'static,
    ) -> Result<R, ViewError> {
        let turn = Arc::clone(&self.queries).acquire_owned().await;
        let view = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            view.read(look)
        })
        .await
        .unwrap_or_else(|error| Err(ViewError::Damaged(error.to_string())))
    }

    /// The keys under some prefixes as they are now, to be read while the view moves on. Blocks
    /// shortly: the caller is on a thread that may.
    pub fn freeze(self: &Arc<Self>, prefixes: &[&[u8]]) -> Result<Frozen, ViewError> {
        let aside = Arc::new(Aside::new(prefixes));
        // Nothing settles between the position and the first key kept aside.
        let _settled = self.settling.read();
        let position = self.mark()?.0;
        self.frozen.lock().push(Arc::downgrade(&aside));
        Ok(Frozen::new(Arc::clone(self), aside, position))
    }

    /// Keeps aside, for the states that hold still, what a batch overwrites.
    fn keep_aside<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) -> Result<(), ViewError> {
        let frozen: Vec<Arc<Aside>> = {
            let mut frozen = self.frozen.lock();
            frozen.retain(|aside| aside.strong_count() > 0);
            frozen.iter().filter_map(Weak::upgrade).collect()
        };
        if frozen.is_empty() {
            return Ok(());
        }
        for key in keys {
            for aside in &frozen {
                aside.keep(key, || self.get(key))?;
            }
        }
        Ok(())
    }

    /// Position and chain value it stands at.
    pub(crate) fn mark(&self) -> Result<(Position, Chain), ViewError> {
        let stored = self.get(MARK)?.ok_or_else(|| ViewError::Damaged("no mark".to_owned()))?;
        decode_mark(&stored, self.format, self.identity)
    }

    fn scan_back(
        &self,
        prefix: &[u8],
        before: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        let past = past(prefix);
        let end = match (before, &past) {
            (Some(before), _) if before.starts_with(prefix) => Bound::Excluded(before),
            (Some(before), _) if before < prefix => return Ok(Vec::new()),
            (_, Some(past)) => Bound::Excluded(past.as_slice()),
            (_, None) => Bound::Unbounded,
        };
        self.watched(|| {
            self.tree
                .range::<&[u8], _>((Bound::Included(prefix), end))
                .rev()
                .take(limit)
                .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect()
        })
    }

    /// Writes a batch together with where it leads to.
    pub(crate) fn settle(
        &self,
        staged: impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
        position: Position,
        chain: Chain,
    ) -> Result<(), ViewError> {
        let staged: Vec<(Vec<u8>, Option<Vec<u8>>)> = staged.collect();
        let _settling = self.settling.write();
        self.keep_aside(staged.iter().map(|(key, _)| key.as_slice()))?;
        let mut batch = sled::Batch::default();
        for (key, value) in staged {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch.insert(MARK, encode_mark(self.format, self.identity, position, chain));
        self.watched(|| self.tree.apply_batch(batch))
    }

    /// Empties it: it stands at the origin of its journal.
    pub(crate) fn reset(&self) -> Result<(), ViewError> {
        let _settling = self.settling.write();
        for aside in self.frozen.lock().iter().filter_map(Weak::upgrade) {
            aside.lose();
        }
        self.watched(|| self.tree.clear())?;
        let mark =
            encode_mark(self.format, self.identity, Position::ORIGIN, Chain::origin(self.identity));
        self.watched(|| self.tree.insert(MARK, mark)).map(drop)
    }

    /// Runs an operation of sled; whatever goes wrong in it condemns the view.
    fn watched<R>(&self, operation: impl FnOnce() -> sled::Result<R>) -> Result<R, ViewError> {
        guarded(operation).inspect_err(|error| self.condemn(error))
    }

    /// Has the view rebuilt at its next opening: it is in doubt.
    pub fn condemn(&self, reason: &dyn fmt::Display) {
        tracing::error!(directory = %self.directory.display(), %reason, "the view is in doubt");
        // Best effort: without the mark the next opening finds the damage itself, or not.
        if let Err(error) = fs::write(self.directory.join(CONDEMNED), b"") {
            tracing::error!(%error, "the view could not be marked for a rebuild");
        }
    }
}

impl Keys for View {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        self.watched(|| self.tree.get(key)).map(|value| value.map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.watched(|| {
            self.tree
                .range::<&[u8], _>((start, Bound::Unbounded))
                .take_while(|entry| match entry {
                    Ok((key, _)) => key.starts_with(prefix),
                    Err(_) => true,
                })
                .take(limit)
                .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect()
        })
    }
}

/// A state of the view that holds still.
pub struct ReadView<'v> {
    view: &'v View,
    applied: Position,
}

impl ReadView<'_> {
    /// Position the view stands at.
    pub fn applied(&self) -> Position {
        self.applied
    }

    /// Keys that begin with `prefix`, descending, those before `before` (exclusive), at most `limit`.
    pub fn scan_back(
        &self,
        prefix: &[u8],
        before: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        self.view.scan_back(prefix, before, limit)
    }
}

impl Keys for ReadView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        self.view.get(key)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        self.view.scan(prefix, after, limit)
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
fn guarded<R>(operation: impl FnOnce() -> sled::Result<R>) -> Result<R, ViewError> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(result) => result.map_err(ViewError::Storage),
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

/// What sled left half-written keeps it from opening ever again; the log alone rebuilds everything.
fn remove_half_written_snapshots(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn remove(directory: &Path) -> Result<(), ViewError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ViewError::Directory { directory: directory.display().to_string(), source: error })
        }
        _ => Ok(()),
    }
}

fn encode_mark(format: u8, identity: JournalId, position: Position, chain: Chain) -> Vec<u8> {
    let mut mark = Vec::with_capacity(MARK_LENGTH);
    mark.push(format);
    mark.extend_from_slice(identity.as_bytes());
    mark.extend_from_slice(&position.get().to_be_bytes());
    mark.extend_from_slice(chain.as_bytes());
    mark
}

fn decode_mark(
    stored: &[u8],
    format: u8,
    identity: JournalId,
) -> Result<(Position, Chain), ViewError> {
    let damaged = |what: &str| ViewError::Damaged(what.to_owned());
    let stored: &[u8; MARK_LENGTH] =
        stored.try_into().map_err(|_| damaged("its mark has another length"))?;
    if stored[0] != format {
        return Err(damaged("it has another format"));
    }
    if &stored[1..17] != identity.as_bytes() {
        return Err(damaged("it belongs to another journal"));
    }
    let (position, chain) = stored[17..].split_at(8);
    let position = u64::from_be_bytes(position.try_into().expect("eight bytes"));
    let chain: [u8; 32] = chain.try_into().expect("thirty-two bytes");
    Ok((Position::new(position), Chain::from_bytes(chain)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Staging;

    fn identity(byte: u8) -> JournalId {
        JournalId::from_bytes([byte; 16])
    }

    fn filled(directory: &Path) -> (Position, Chain) {
        let (view, opening) = View::open(directory, 1, identity(7)).unwrap();
        assert_eq!(opening, Opening::Fresh);
        let mut staging = Staging::new(Arc::new(view));
        let stand = (Position::new(3), Chain::from_bytes([9; 32]));
        staging.put(b"a/1".to_vec(), b"one".to_vec());
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
        assert_eq!(view.mark().unwrap(), stand);
        assert_eq!(view.get(b"a/1").unwrap().unwrap(), b"one");
    }

    #[test]
    fn scans_backwards_within_a_prefix() {
        let directory = tempfile::tempdir().unwrap();
        let (view, _) = View::open(directory.path(), 1, identity(7)).unwrap();
        for key in ["a/", "b/1", "b/2", "b/3", "c/1"] {
            view.tree.insert(key, b"v").unwrap();
        }
        view.tree.insert([0xff, 0xff], b"v").unwrap();
        let scan = |prefix: &[u8], before: Option<&[u8]>, limit| -> Vec<Vec<u8>> {
            let found = view.scan_back(prefix, before, limit).unwrap();
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
            assert_eq!(view.mark().unwrap().0, Position::ORIGIN);
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
        assert_eq!(view.mark().unwrap().0, Position::ORIGIN);
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
        assert_eq!(view.mark().unwrap(), stand);
    }
}
