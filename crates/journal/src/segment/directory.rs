//! A journal's directory: its lock, its identity, its segment files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::open::OpenError;
use crate::{JournalId, Position};

const LOCK: &str = "LOCK";
const IDENTITY: &str = "identity";
const IDENTITY_FORMAT: u8 = 1;
const IDENTITY_BYTES: usize = 21;
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
pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(OpenError::storage("open", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(error) => Err(OpenError::storage("lock", &path)(error.into())),
    }
}

/// Reads the identity; `None` where there is none yet.
pub(super) fn read_identity(dir: &Path) -> Result<Option<JournalId>, OpenError> {
    let path = dir.join(IDENTITY);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::storage("read", &path)(error)),
    };
    let whole: Option<[u8; IDENTITY_BYTES]> = bytes.try_into().ok();
    let identity = whole.filter(|bytes| {
        bytes[0] == IDENTITY_FORMAT && crc32c::crc32c(&bytes[..17]).to_be_bytes() == bytes[17..]
    });
    let Some(identity) = identity else { return Err(OpenError::Identity { file: path }) };
    Ok(Some(JournalId::from_bytes(identity[1..17].try_into().expect("16 bytes"))))
}

/// Makes a new identity, durably or not at all.
pub(super) fn create_identity(dir: &Path) -> Result<JournalId, OpenError> {
    let identity = JournalId::random();
    let mut bytes = vec![IDENTITY_FORMAT];
    bytes.extend_from_slice(identity.as_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    let temporary = dir.join("identity.new");
    File::create(&temporary)
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, dir.join(IDENTITY)))
        .and_then(|()| sync(dir))
        .map_err(OpenError::storage("write the identity in", dir))?;
    Ok(identity)
}

/// The segments, in the order of their names.
pub(super) fn segments(dir: &Path) -> Result<Vec<SegmentFile>, OpenError> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir).map_err(OpenError::storage("list", dir))? {
        let path = entry.map_err(OpenError::storage("list", dir))?.path();
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

/// Makes the names in a directory durable.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
