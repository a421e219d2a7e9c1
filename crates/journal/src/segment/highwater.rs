//! How far the journal certainly was durable: what tells a damaged end from one never finished.
//!
//! An unfinished write at the end looks like a damaged one. So after each sync the place reached is
//! noted in a small file of its own, which is not synced itself: written later than what it tells of, it
//! never says too much, and the end of a process leaves it exact. It is synced where that costs nothing:
//! when the journal is opened, begins a segment, and is closed. After a power cut it may be some seconds
//! old; what came after it is judged by the records alone.
//!
//! | bytes | holds |
//! | --- | --- |
//! | 0 | format version |
//! | 1..4 | zero |
//! | 4..8 | CRC-32C of everything else |
//! | 8..16 | position |
//! | 16..48 | chain value there |

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::directory::replace;
use super::walk::Tip;
use crate::disk::{Disk, DiskFile};
use crate::{Chain, Position};

pub(super) const NAME: &str = "highwater";
const FORMAT: u8 = 1;
/// Far less than a sector: it is written as a whole or not at all.
const BYTES: usize = 48;

/// The file, open to be written.
pub(super) struct Highwater {
    file: Arc<dyn DiskFile>,
    synced: bool,
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// The journal was durable up to here.
    At(Tip),
    /// There is no such file.
    Missing,
    /// It is not what was written.
    Damaged,
}

/// Reads what was noted last.
pub(super) fn read(disk: &dyn Disk, dir: &Path) -> io::Result<Noted> {
    match disk.read(&dir.join(NAME)) {
        Ok(bytes) => Ok(decode(&bytes).map_or(Noted::Damaged, Noted::At)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Noted::Missing),
        Err(error) => Err(error),
    }
}

impl Highwater {
    /// Notes a place durably, whatever was noted before, and keeps the file open.
    pub(super) fn make(
        disk: &dyn Disk,
        dir: &Path,
        noted: Noted,
        tip: Tip,
    ) -> io::Result<Highwater> {
        if noted != Noted::At(tip) {
            replace(disk, dir, NAME, &encode(tip))?;
        }
        let file = disk.open(&dir.join(NAME), true)?;
        // What a process that was killed noted may not be durable yet.
        file.sync_data()?;
        Ok(Highwater { file, synced: true })
    }

    /// Notes a place that is durable.
    pub(super) fn note(&mut self, tip: Tip) -> io::Result<()> {
        self.synced = false;
        self.file.write_at(&encode(tip), 0)
    }

    /// Makes what was noted durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !self.synced {
            self.file.sync_data()?;
        }
        self.synced = true;
        Ok(())
    }
}

fn encode(tip: Tip) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[0] = FORMAT;
    bytes[8..16].copy_from_slice(&tip.position.get().to_be_bytes());
    bytes[16..].copy_from_slice(tip.chain.as_bytes());
    let checksum = checksum(&bytes);
    bytes[4..8].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Tip> {
    let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
    if bytes[..4] != [FORMAT, 0, 0, 0] || checksum(bytes).to_be_bytes() != bytes[4..8] {
        return None;
    }
    let position = Position::new(u64::from_be_bytes(bytes[8..16].try_into().ok()?));
    Some(Tip { position, chain: Chain::from_bytes(bytes[16..].try_into().ok()?) })
}

fn checksum(bytes: &[u8; BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..4]), &bytes[8..])
}
