//! One file of a simulated disk: its durable bytes, and the changes made since.

use std::io;

use rand::Rng as _;
use rand::rngs::StdRng;

const SECTOR_BYTES: usize = 512;

/// A change that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write(offset, written) => {
                let end = offset + written.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*offset..end].copy_from_slice(written);
            }
            Change::Truncate(length) => bytes.resize(*length, 0),
        }
    }
}

/// A file, whatever names it has.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// As programs see it.
    pub(super) volatile: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

impl Inode {
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let found = self.volatile.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let offset = usize::try_from(offset).expect("files in memory are small");
        self.change(Change::Write(offset, bytes.to_vec()));
    }

    pub(super) fn truncate(&mut self, length: u64) {
        self.change(Change::Truncate(usize::try_from(length).expect("files in memory are small")));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.volatile);
        self.unsynced.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync failed: what was not durable counts as written, and is not.
    pub(super) fn forget(&mut self) {
        self.unsynced.clear();
    }

    pub(super) fn damage(&mut self, offset: u64, flip: u8) {
        let offset = usize::try_from(offset).expect("files in memory are small");
        for bytes in [&mut self.volatile, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= flip;
            }
        }
    }

    /// Nothing unsynced is left.
    pub(super) fn lose(&mut self) {
        self.unsynced.clear();
        self.volatile.clone_from(&self.durable);
    }

    /// Each sector, and the length, is what it was after any of the unsynced changes.
    pub(super) fn tear(&mut self, random: &mut StdRng) {
        let mut versions = vec![self.durable.clone()];
        for change in self.unsynced.drain(..) {
            let mut next = versions.last().expect("there is one").clone();
            change.apply(&mut next);
            versions.push(next);
        }
        let any = |random: &mut StdRng| random.random_range(0..versions.len());
        let mut torn = vec![0; versions[any(random)].len()];
        for start in (0..torn.len()).step_by(SECTOR_BYTES) {
            let sector = start..torn.len().min(start + SECTOR_BYTES);
            let version = &versions[any(random)];
            let held = version.len().clamp(start, sector.end);
            torn[start..held].copy_from_slice(version.get(start..held).unwrap_or_default());
        }
        self.durable.clone_from(&torn);
        self.volatile = torn;
    }
}
