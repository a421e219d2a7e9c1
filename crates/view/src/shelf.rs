//! Where sled keeps what a view holds: a store for the mark, and one for each run.
//!
//! A store of its own is what makes a run cheap to be rid of: its directory goes, and with it all the
//! space, at once. In a store for all runs, sled would keep that space, and read it at every start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::ViewError;

/// Directory of the runs.
const RUNS: &str = "runs";

/// Large segments keep big nodes out of sled's separate, never synced files.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;
/// Memory sled may take for what it read of the oldest run, which is the largest. The next one may take half as
/// much, and so on, down to the least: however many there are, all of them take little more than twice as much.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Memory it may take for any run.
const LEAST_CACHE_BYTES: u64 = 512 * 1024;
/// The mark is written seldom and small.
const MARK_SEGMENT_BYTES: usize = 64 * 1024;
const MARK_CACHE_BYTES: u64 = 256 * 1024;
/// After so long, a mark is on the disk.
const MARK_FLUSHED_AFTER_MS: u64 = 500;

/// The directory of a view.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    directory: PathBuf,
}

impl Shelf {
    pub(crate) fn new(directory: &Path) -> Shelf {
        Shelf { directory: directory.to_owned() }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether nothing was ever written here.
    pub(crate) fn is_fresh(&self) -> bool {
        !is_store(&self.directory)
    }

    /// The store of the mark.
    pub(crate) fn mark(&self) -> Result<sled::Db, ViewError> {
        ready_to_open(&self.directory).map_err(|error| self.unusable(error))?;
        sled::Config::new()
            .path(&self.directory)
            .mode(sled::Mode::LowSpace)
            .segment_size(MARK_SEGMENT_BYTES)
            .cache_capacity(MARK_CACHE_BYTES)
            .flush_every_ms(Some(MARK_FLUSHED_AFTER_MS))
            .open()
            .map_err(ViewError::Storage)
    }

    /// An empty store for a run beside so many older ones.
    pub(crate) fn new_run(&self, id: u32, older: usize) -> Result<sled::Db, ViewError> {
        let path = self.run(id);
        fs::create_dir_all(&path).map_err(|error| self.unusable(error))?;
        open_run(&path, older)
    }

    /// The store of a run that was written, beside so many older ones.
    pub(crate) fn old_run(&self, id: u32, older: usize) -> Result<sled::Db, ViewError> {
        let path = self.run(id);
        if !is_store(&path) {
            return Err(ViewError::Damaged("a run is missing".to_owned()));
        }
        ready_to_open(&path).map_err(|error| self.unusable(error))?;
        open_run(&path, older)
    }

    /// Has a run on the disk: sled's own flush hands it over, and no more.
    pub(crate) fn keep_run(&self, id: u32, store: &sled::Db) -> Result<(), ViewError> {
        store.flush().map_err(ViewError::Storage)?;
        self.sync_run(id)
    }

    /// Has on the disk what sled wrote of a run.
    pub(crate) fn sync_run(&self, id: u32) -> Result<(), ViewError> {
        let log = fs::File::open(log(&self.run(id)));
        log.and_then(|log| log.sync_all()).map_err(|error| self.unusable(error))
    }

    /// Takes away a run, or what there is of one that was not finished.
    pub(crate) fn remove_run(&self, id: u32) -> Result<(), ViewError> {
        remove(&self.run(id))
    }

    /// The runs there are, whole or not.
    pub(crate) fn runs(&self) -> Result<Vec<u32>, ViewError> {
        let unusable = |error| self.unusable(error);
        let entries = match fs::read_dir(self.directory.join(RUNS)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unusable(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(unusable)?.file_name();
            let stray = || ViewError::Damaged(format!("{} is no run", name.to_string_lossy()));
            let id = name.to_str().and_then(|name| name.parse().ok()).ok_or_else(stray)?;
            found.push(id);
        }
        Ok(found)
    }

    /// Takes everything away.
    pub(crate) fn remove_all(&self) -> Result<(), ViewError> {
        remove(&self.directory)
    }

    fn run(&self, id: u32) -> PathBuf {
        self.directory.join(RUNS).join(id.to_string())
    }

    fn unusable(&self, source: io::Error) -> ViewError {
        ViewError::Directory { directory: self.directory.display().to_string(), source }
    }
}

/// sled's log.
fn log(directory: &Path) -> PathBuf {
    directory.join("db")
}

fn is_store(directory: &Path) -> bool {
    log(directory).exists()
}

/// Nothing is written to a run once it is whole, so that no thread has to look after it.
fn open_run(path: &Path, older: usize) -> Result<sled::Db, ViewError> {
    sled::Config::new()
        .path(path)
        .mode(sled::Mode::LowSpace)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(cache_of(older))
        .flush_every_ms(None)
        .open()
        .map_err(ViewError::Storage)
}

/// What sled may cache of a run beside so many older ones.
fn cache_of(older: usize) -> u64 {
    let halved = (0..older).fold(CACHE_BYTES, |cache, _| cache / 2);
    halved.max(LEAST_CACHE_BYTES)
}

/// What was left of a store when it was last used no longer keeps sled from opening it.
fn ready_to_open(directory: &Path) -> io::Result<()> {
    remove_half_written_snapshots(directory)?;
    wait_until_unlocked(&log(directory))
}

/// sled's threads may hold the lock of a store for a moment after it was dropped. Nobody else takes it: a
/// process has the journal beside the view to itself before it opens the view.
fn wait_until_unlocked(log: &Path) -> io::Result<()> {
    match fs::File::open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened?.lock(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_bounded_however_many_runs_there_are() {
        for runs in 1..100 {
            let all: u64 = (0..runs).map(cache_of).sum();
            assert!(all <= 2 * CACHE_BYTES + runs as u64 * LEAST_CACHE_BYTES, "{runs} runs: {all}");
        }
    }
}
