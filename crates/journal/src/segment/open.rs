//! Opening a journal: everything is verified, a torn write at the very end is cut off, and damage
//! anywhere else is refused.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::directory::{self, SegmentFile};
use super::erase;
use super::highwater::{self, Highwater, Noted};
use super::state::{Segment, State};
use super::walk::{Damage, Known, Placed, Tip, WalkError, damage, walk};
use crate::disk::{Disk, DiskFile, DiskLock};
use crate::{Lineage, Position};

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the journal {} is in use: most likely another process of this service is running on the \
         same data directory; stop it, or choose another directory",
        dir.display()
    )]
    Locked {
        /// Its directory.
        dir: PathBuf,
    },
    /// Not what was written.
    #[error(
        "damaged journal: {damage}; nothing was changed. Keep a copy of the directory, restore the \
         file from a backup or replica, and look at the disk; `hansa journal verify` shows what is \
         whole, `hansa journal repair` what would be lost by giving up the rest"
    )]
    Damaged {
        /// Where and what.
        damage: Damage,
    },
    /// The identity is not what was written.
    #[error("damaged journal: {} does not hold an identity; restore it from a backup", file.display())]
    Identity {
        /// The file.
        file: PathBuf,
    },
    /// Segments without an identity, or nothing where a journal should be.
    #[error("{} has no identity: it is not a journal, or that file is missing; restore it from a backup", dir.display())]
    NoIdentity {
        /// The directory.
        dir: PathBuf,
    },
    /// A file that looks like a segment and is none.
    #[error("{} is not named like a segment; move it out of the journal", file.display())]
    StrangeFile {
        /// The file.
        file: PathBuf,
    },
    /// Something is there already that would be mixed up with what is to be written.
    #[error("{} is not empty, nor an earlier copy of this journal; choose another directory", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// Storage failed.
    #[error("cannot {action} {}", path.display())]
    Storage {
        /// What was tried.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    pub(super) fn storage(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> OpenError {
        move |source| OpenError::Storage { action, path: path.to_owned(), source }
    }
}

impl From<WalkError> for OpenError {
    fn from(error: WalkError) -> OpenError {
        match error {
            WalkError::Damage(damage) => OpenError::Damaged { damage },
            WalkError::Storage { file, source } => {
                OpenError::Storage { action: "read", path: file, source }
            }
        }
    }
}

/// A journal ready to be written.
pub(super) struct Opened {
    pub(super) lock: DiskLock,
    pub(super) lineage: Lineage,
    pub(super) state: State,
    pub(super) highwater: Highwater,
}

/// Opens the journal in a directory, and makes it when there is none.
pub(super) fn open(disk: &dyn Disk, dir: &Path) -> Result<Opened, OpenError> {
    create_directory(disk, dir)?;
    let lock = directory::lock(disk, dir)?;
    erase::finish(disk, dir)?;
    let files = directory::segments(disk, dir)?;
    let lineage = match directory::read_identity(disk, dir)? {
        Some(lineage) => lineage,
        None if files.is_empty() => directory::create_identity(disk, dir)?,
        None => return Err(OpenError::NoIdentity { dir: dir.to_owned() }),
    };
    let (noted, durable) = durable(disk, dir, &files)?;
    let mut tip = Tip { position: Position::ORIGIN, chain: lineage.origin() };
    let mut segments = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        let known = Known { last: index + 1 == files.len(), durable };
        let (segment, after) = open_segment(disk, file, tip, known)?;
        segments.push(segment);
        tip = after;
    }
    // Names made by a process that did not live to make them durable.
    disk.sync_dir(dir).map_err(OpenError::storage("sync", dir))?;
    let highwater = Highwater::make(disk, dir, noted, tip)
        .map_err(OpenError::storage("note the tail in", dir))?;
    Ok(Opened { lock, lineage, state: State { segments, tip }, highwater })
}

/// Up to where the journal certainly was durable, as far as that is known.
pub(super) fn durable(
    disk: &dyn Disk,
    dir: &Path,
    files: &[SegmentFile],
) -> Result<(Noted, Option<Tip>), OpenError> {
    let noted = highwater::read(disk, dir).map_err(OpenError::storage("read the tail in", dir))?;
    let durable = match noted {
        Noted::At(durable) => durable,
        Noted::Missing if files.is_empty() => return Ok((noted, None)),
        Noted::Missing | Noted::Damaged => {
            tracing::warn!(
                directory = %dir.display(),
                ?noted,
                "how far the journal was durable is not known: a damaged end passes for one that was \
                 never finished"
            );
            return Ok((noted, None));
        }
    };
    if files.is_empty() && durable.position > Position::ORIGIN {
        let first = SegmentFile::named(dir, Position::ORIGIN.next());
        let what = format!("the journal was durable up to position {} and is", durable.position);
        return Err(WalkError::from(damage(&first.path, 0, first.first, what + " missing")).into());
    }
    Ok((noted, Some(durable)))
}

fn open_segment(
    disk: &dyn Disk,
    named: &SegmentFile,
    tip: Tip,
    known: Known,
) -> Result<(Segment, Tip), OpenError> {
    let path = &named.path;
    let file = disk.open(path, known.last).map_err(OpenError::storage("open", path))?;
    let mut segment = Segment::new(named.clone(), file);
    let mut last_batch_start = 0;
    let file = segment.file.clone();
    let walked = walk(named, &*file, tip, known, &mut |batch: Vec<Placed>| {
        last_batch_start = segment.end;
        for placed in &batch {
            segment.note(placed);
        }
        ControlFlow::Continue(())
    })?;
    if walked.torn_bytes > 0 {
        tracing::warn!(
            file = %path.display(),
            offset = walked.end,
            bytes = walked.torn_bytes,
            "cutting off a write that was never finished, and so never acknowledged"
        );
    }
    if walked.torn_bytes + walked.spare_bytes > 0 {
        file.truncate(walked.end).map_err(OpenError::storage("cut", path))?;
    }
    if known.last {
        settle_end(&*file, last_batch_start, walked.end)
            .map_err(OpenError::storage("sync", path))?;
    }
    Ok((segment, walked.tip))
}

/// Makes the end of the journal durable before anyone builds on it. The last batch may come from a
/// process whose fsync failed: its pages then count as written though the disk does not have them, and
/// another fsync would say nothing. So it is written once more, byte for byte, and then synced.
fn settle_end(file: &dyn DiskFile, last_batch_start: u64, end: u64) -> io::Result<()> {
    let length = usize::try_from(end - last_batch_start).map_err(io::Error::other)?;
    let mut batch = vec![0; length];
    file.read_at(&mut batch, last_batch_start)?;
    file.write_at(&batch, last_batch_start)?;
    file.sync_data()
}

/// Makes the directory, and its name in its parent durable.
pub(super) fn create_directory(disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
    // The identity is written after that, so where there is one, this was done.
    if disk.is_dir(dir) && directory::read_identity(disk, dir)?.is_some() {
        return Ok(());
    }
    // A relative path ends in the empty one, which is the directory the process is in.
    let above: Vec<&Path> = dir.ancestors().skip(1).filter(|dir| *dir != Path::new("")).collect();
    let standing = above.iter().position(|dir| disk.is_dir(dir));
    disk.make_dirs(dir).map_err(OpenError::storage("make", dir))?;
    let last = standing.unwrap_or(above.len());
    for parent in above.iter().take(last + 1) {
        disk.sync_dir(parent).map_err(OpenError::storage("sync", parent))?;
    }
    Ok(())
}
