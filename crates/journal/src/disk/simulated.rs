//! A disk in memory that keeps apart what is durable and what is not, remembers every change, and says
//! what is left of them when the power goes: nothing unsynced, all of it, or any sectors of it.

mod inode;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile, DiskLock};
use model::Model;

/// What becomes of changes not synced when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing of them reached the disk.
    Lost,
    /// All of them did.
    Kept,
    /// By this seed: each sector of 512 bytes as it was after any of them, each length, each name.
    Torn(u64),
}

/// A change of the disk, as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new file, and its number.
    Create(PathBuf, usize),
    /// Bytes at an offset of a file.
    Write(usize, u64, Vec<u8>),
    /// Another length of a file.
    Truncate(usize, u64),
    /// A file made durable.
    Sync(usize),
    /// A file whose sync failed: what was not durable never becomes so.
    Forget(usize),
    /// A file under another name.
    Rename(PathBuf, PathBuf),
    /// A name taken away.
    Remove(PathBuf),
    /// A new directory.
    MakeDir(PathBuf),
    /// The names of a directory made durable.
    SyncDir(PathBuf),
    /// A byte that is not what it was, without anybody having written it.
    Damage(usize, u64, u8),
}

/// What goes wrong in one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// No space is left; half of what was to be written is.
    Full,
    /// An I/O error; half of what was to be written is, and nothing of what was to be synced.
    Broken,
}

/// The disk. A clone is the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    model: Model,
    log: Vec<Operation>,
    /// Operations asked for, whether made or not.
    asked: usize,
    faults: BTreeMap<usize, DiskFault>,
    fired: usize,
    capacity: Option<u64>,
    off_after: Option<usize>,
    locks: BTreeSet<PathBuf>,
}

impl SimulatedDisk {
    /// An empty disk, on which this directory is durable.
    pub fn new(root: &Path) -> SimulatedDisk {
        let disk = SimulatedDisk::default();
        disk.0.lock().model = Model::rooted(root);
        disk
    }

    /// How many changes were asked for so far.
    pub fn asked(&self) -> usize {
        self.0.lock().asked
    }

    /// The changes made so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.0.lock().log.clone()
    }

    /// Has a change go wrong: the one after so many others, counted from the beginning.
    pub fn fail(&self, after: usize, fault: DiskFault) {
        self.0.lock().faults.insert(after, fault);
    }

    /// How many changes went wrong as told.
    pub fn fired(&self) -> usize {
        self.0.lock().fired
    }

    /// Lets files take no more than so many bytes together; `None` for no limit.
    pub fn limit(&self, capacity: Option<u64>) {
        self.0.lock().capacity = capacity;
    }

    /// Bytes of all files.
    pub fn used(&self) -> u64 {
        self.0.lock().model.used()
    }

    /// Cuts the power after so many changes, counted from the beginning: nothing works any more.
    pub fn cut_after(&self, operations: usize) {
        self.0.lock().off_after = Some(operations);
    }

    /// Changes a byte of a file behind everybody's back; false where there is none.
    pub fn damage(&self, path: &Path, offset: u64, flip: u8) -> bool {
        let mut state = self.0.lock();
        let inode = state.model.file(path).ok();
        let Some(inode) = inode.filter(|inode| offset < state.model.length(*inode)) else {
            return false;
        };
        state.make(Operation::Damage(inode, offset, flip));
        true
    }

    /// The disk as it is found when the power comes back, had it gone after so many of the changes made
    /// ([`SimulatedDisk::operations`]).
    pub fn after_cut(&self, operations: usize, cut: Cut) -> SimulatedDisk {
        let state = self.0.lock();
        let mut model = state.model.beginning();
        for operation in &state.log[..operations] {
            model.apply(operation);
        }
        model.cut(cut);
        let after = SimulatedDisk::default();
        after.0.lock().model = model.restarted();
        after
    }
}

impl State {
    /// Counts a change asked for, and says what is to go wrong with it.
    fn ask(&mut self) -> io::Result<Option<DiskFault>> {
        self.power()?;
        let fault = self.faults.remove(&self.asked);
        self.asked += 1;
        self.fired += usize::from(fault.is_some());
        Ok(fault)
    }

    fn power(&self) -> io::Result<()> {
        match self.off_after.is_some_and(|operations| self.asked >= operations) {
            true => Err(io::Error::other("the power is off")),
            false => Ok(()),
        }
    }

    fn make(&mut self, operation: Operation) {
        self.model.apply(&operation);
        self.log.push(operation);
    }

    /// A change that happens or does not.
    fn ask_and_make(&mut self, operation: Operation) -> io::Result<()> {
        match self.ask()? {
            Some(fault) => Err(fault.error()),
            None => {
                self.make(operation);
                Ok(())
            }
        }
    }

    fn write(&mut self, inode: usize, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let fault = self.ask()?;
        let wanted = bytes.len();
        let grows = (offset + wanted as u64).saturating_sub(self.model.length(inode));
        let free = self.capacity.map_or(u64::MAX, |limit| limit.saturating_sub(self.model.used()));
        let short = usize::try_from(grows.saturating_sub(free)).unwrap_or(wanted).min(wanted);
        let (fault, taken) = match fault {
            Some(fault) => (Some(fault), wanted / 2),
            None if short > 0 => (Some(DiskFault::Full), wanted - short),
            None => (None, wanted),
        };
        if taken > 0 {
            self.make(Operation::Write(inode, offset, bytes[..taken].to_vec()));
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn sync(&mut self, inode: usize) -> io::Result<()> {
        match self.ask()? {
            Some(fault) => {
                self.make(Operation::Forget(inode));
                Err(fault.error())
            }
            None => {
                self.make(Operation::Sync(inode));
                Ok(())
            }
        }
    }
}

impl DiskFault {
    fn error(self) -> io::Error {
        match self {
            DiskFault::Full => io::ErrorKind::StorageFull.into(),
            DiskFault::Broken => io::Error::other("input/output error"),
        }
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.power()?;
        state.model.may_create(path)?;
        let inode = state.model.next_inode();
        state.ask_and_make(Operation::Create(path.to_owned(), inode))?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path, _write: bool) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.0.lock();
        state.power()?;
        let inode = state.model.file(path)?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.model.file(from)?;
        state.ask_and_make(Operation::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.model.file(path)?;
        state.ask_and_make(Operation::Remove(path.to_owned()))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.0.lock();
        state.power()?;
        state.model.list(dir)
    }

    fn is_dir(&self, dir: &Path) -> bool {
        self.0.lock().model.is_dir(dir)
    }

    fn make_dirs(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        for missing in state.model.missing_dirs(dir) {
            state.ask_and_make(Operation::MakeDir(missing))?;
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.model.list(dir)?;
        state.ask_and_make(Operation::SyncDir(dir.to_owned()))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let mut state = self.0.lock();
        state.power()?;
        if !state.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held { disk: self.clone(), path: path.to_owned() })))
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
}

impl DiskFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        let state = self.disk.0.lock();
        state.power()?;
        Ok(state.model.length(self.inode))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.0.lock();
        state.power()?;
        state.model.read(self.inode, buffer, offset)
    }

    fn read_at_hand(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.0.lock().write(self.inode, offset, bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk.0.lock().ask_and_make(Operation::Truncate(self.inode, length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.0.lock().sync(self.inode)
    }
}

struct Held {
    disk: SimulatedDisk,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.0.lock().locks.remove(&self.path);
    }
}
