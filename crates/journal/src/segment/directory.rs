//! A journal's directory: its lock, its identity, its segment files.

use std::io;
use std::path::{Path, PathBuf};

use super::open::OpenError;
use crate::disk::{Disk, DiskLock};
use crate::{JournalId, Lineage, Position};

const LOCK: &str = "LOCK";
pub(super) const IDENTITY: &str = "identity";
const NAME_DIGITS: usize = 20;

/// A segment by its name.
#[derive(Clone, Debug)]
pub(super) struct SegmentFile {
    pub(super) first: Position,
    pub(super) path: PathBuf,
}

impl SegmentFile {
    /// The segment whose first record has this position.
    pub(super) fn named(dir: &Path, first: Position) -> SegmentFile {
        let path = dir.join(format!("{:0width$}.log", first.get(), width = NAME_DIGITS));
        SegmentFile { first, path }
    }
}

/// Takes the directory for this process, until the file is dropped.
pub(super) fn lock(disk: &dyn Disk, dir: &Path) -> Result<DiskLock, OpenError> {
    let path = dir.join(LOCK);
    let lock = disk.lock(&path).map_err(OpenError::storage("lock", &path))?;
    lock.ok_or_else(|| OpenError::Locked { dir: dir.to_owned() })
}

/// Reads the identity; `None` where there is none yet.
pub(super) fn read_identity(disk: &dyn Disk, dir: &Path) -> Result<Option<Lineage>, OpenError> {
    let path = dir.join(IDENTITY);
    let bytes = match disk.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::storage("read", &path)(error)),
    };
    let lineage = Lineage::decode(&bytes);
    lineage.map(Some).ok_or(OpenError::Identity { file: path })
}

/// Makes a new identity, durably or not at all.
pub(super) fn create_identity(disk: &dyn Disk, dir: &Path) -> Result<Lineage, OpenError> {
    let lineage = Lineage::new(JournalId::random());
    write_identity(disk, dir, &lineage)?;
    Ok(lineage)
}

/// Writes under which identities the journal went on, in the place of what was there.
pub(super) fn write_identity(
    disk: &dyn Disk,
    dir: &Path,
    lineage: &Lineage,
) -> Result<(), OpenError> {
    replace(disk, dir, IDENTITY, &lineage.encode())
        .map_err(OpenError::storage("write the identity in", dir))
}

/// Puts a file into the place of whatever had its name, durably and as a whole.
pub(super) fn replace(disk: &dyn Disk, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&temporary)?;
    file.write_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(&temporary, &dir.join(name))?;
    disk.sync_dir(dir)
}

/// The segments, in the order of their names.
pub(super) fn segments(disk: &dyn Disk, dir: &Path) -> Result<Vec<SegmentFile>, OpenError> {
    let mut segments = Vec::new();
    for path in disk.list(dir).map_err(OpenError::storage("list", dir))? {
        if path.extension().is_some_and(|extension| extension == "log") {
            let first = first_position(&path);
            let Some(first) = first else { return Err(OpenError::StrangeFile { file: path }) };
            segments.push(SegmentFile { first, path });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

fn first_position(path: &Path) -> Option<Position> {
    let stem = path.file_stem()?.to_str()?;
    let digits = stem.len() == NAME_DIGITS && stem.bytes().all(|byte| byte.is_ascii_digit());
    let number = stem.parse().ok().filter(|number| digits && *number > 0)?;
    Some(Position::new(number))
}
