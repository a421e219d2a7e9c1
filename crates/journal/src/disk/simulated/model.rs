//! The names and files of a simulated disk, as programs see them and as they are durable.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::inode::Inode;
use super::{Cut, Operation};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Dir,
    File(usize),
}

type Names = BTreeMap<PathBuf, Entry>;

/// The disk at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    inodes: Vec<Inode>,
    names: Names,
    durable: Names,
    /// Changes of names since their directory was synced, in order.
    unsynced: Vec<Operation>,
    /// What it was to begin with.
    first: Option<Box<Model>>,
}

impl Model {
    pub(super) fn rooted(root: &Path) -> Model {
        let names: Names = root.ancestors().map(|dir| (dir.to_owned(), Entry::Dir)).collect();
        Model { durable: names.clone(), names, ..Model::default() }.restarted()
    }

    /// The same disk with nothing before it.
    pub(super) fn restarted(mut self) -> Model {
        self.first = None;
        let first = Box::new(self.clone());
        Model { first: Some(first), ..self }
    }

    pub(super) fn beginning(&self) -> Model {
        self.first.as_deref().cloned().unwrap_or_default()
    }

    pub(super) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create(_, _)
            | Operation::Rename(..)
            | Operation::Remove(_)
            | Operation::MakeDir(_) => {
                if let Operation::Create(_, inode) = operation {
                    self.inodes.resize(*inode + 1, Inode::default());
                }
                rename(&mut self.names, operation);
                self.unsynced.push(operation.clone());
            }
            Operation::Write(inode, offset, bytes) => self.inodes[*inode].write(*offset, bytes),
            Operation::Truncate(inode, length) => self.inodes[*inode].truncate(*length),
            Operation::Sync(inode) => self.inodes[*inode].sync(),
            Operation::Forget(inode) => self.inodes[*inode].forget(),
            Operation::Damage(inode, offset, flip) => self.inodes[*inode].damage(*offset, *flip),
            Operation::SyncDir(dir) => {
                let unsynced = std::mem::take(&mut self.unsynced).into_iter();
                let (synced, rest): (Vec<Operation>, Vec<Operation>) =
                    unsynced.partition(|operation| parent(operation) == Some(dir.as_path()));
                self.unsynced = rest;
                synced.iter().for_each(|operation| rename(&mut self.durable, operation));
            }
        }
    }

    /// The power goes and comes back.
    pub(super) fn cut(&mut self, cut: Cut) {
        let unsynced = std::mem::take(&mut self.unsynced);
        match cut {
            Cut::Lost => self.inodes.iter_mut().for_each(Inode::lose),
            Cut::Kept => {
                self.inodes.iter_mut().for_each(|inode| {
                    inode.sync();
                    inode.lose();
                });
                unsynced.iter().for_each(|operation| rename(&mut self.durable, operation));
            }
            Cut::Torn(seed) => {
                let mut random = StdRng::seed_from_u64(seed);
                self.inodes.iter_mut().for_each(|inode| inode.tear(&mut random));
                let kept = unsynced.iter().filter(|_| random.random_bool(0.5));
                kept.for_each(|operation| rename(&mut self.durable, operation));
            }
        }
        // What stands in a directory that is not there is not there either.
        let durable = self.durable.clone();
        self.durable.retain(|path, _| {
            path.ancestors().skip(1).all(|dir| durable.get(dir) == Some(&Entry::Dir))
        });
        self.names.clone_from(&self.durable);
    }

    pub(super) fn next_inode(&self) -> usize {
        self.inodes.len()
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Entry::File(inode)) => Ok(*inode),
            Some(Entry::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn may_create(&self, path: &Path) -> io::Result<()> {
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match path.parent().is_some_and(|dir| self.is_dir(dir)) {
            true => Ok(()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn is_dir(&self, dir: &Path) -> bool {
        self.names.get(dir) == Some(&Entry::Dir)
    }

    /// Directories to be made, the uppermost first.
    pub(super) fn missing_dirs(&self, dir: &Path) -> Vec<PathBuf> {
        let missing = dir.ancestors().filter(|dir| !self.is_dir(dir));
        let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        missing.reverse();
        missing
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        if !self.is_dir(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = self.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.cloned().collect())
    }

    pub(super) fn length(&self, inode: usize) -> u64 {
        self.inodes[inode].volatile.len() as u64
    }

    pub(super) fn read(&self, inode: usize, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.inodes[inode].read(buffer, offset)
    }

    /// Bytes of all files that have a name.
    pub(super) fn used(&self) -> u64 {
        let files = self.names.values().filter_map(|entry| match entry {
            Entry::File(inode) => Some(self.length(*inode)),
            Entry::Dir => None,
        });
        files.sum()
    }
}

/// The directory whose names a change concerns. Nothing is renamed from one into another.
fn parent(operation: &Operation) -> Option<&Path> {
    match operation {
        Operation::Create(path, _)
        | Operation::Rename(path, _)
        | Operation::Remove(path)
        | Operation::MakeDir(path) => path.parent(),
        _ => None,
    }
}

fn rename(names: &mut Names, operation: &Operation) {
    match operation {
        Operation::Create(path, inode) => drop(names.insert(path.clone(), Entry::File(*inode))),
        Operation::MakeDir(path) => drop(names.insert(path.clone(), Entry::Dir)),
        Operation::Remove(path) => drop(names.remove(path)),
        Operation::Rename(from, to) => {
            // Where the file's creation was lost, there is nothing under the new name either.
            if let Some(entry) = names.remove(from) {
                names.insert(to.clone(), entry);
            }
        }
        _ => {}
    }
}
