//! Copies of a journal: taken beside the process that runs it, brought up to date, and put back.
//!
//! A copy is a journal itself, of whole batches; what is written is what was verified. Segments that are
//! in the copy as they are in the journal are not written again.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::directory::{self, SegmentFile};
use super::erase;
use super::highwater::{self, Highwater, Noted};
use super::open::{OpenError, create_directory, durable};
use super::record;
use super::walk::{Known, Placed, Tip, walk};
use crate::disk::{Disk as _, DiskFile, RealDisk};
use crate::{Chain, Commit, JournalId, Lineage, Position};

/// A record that is being erased is neither the old nor the new one for a moment.
const ATTEMPTS: usize = 3;

/// What was copied.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// Identity of the copy.
    pub identity: JournalId,
    /// Position of the last commit copied.
    pub last: Position,
    /// Chain value there.
    pub chain: Chain,
    /// Segments of the copy.
    pub segments: usize,
    /// Those among them that were written now.
    pub written: usize,
    /// Bytes written now.
    pub bytes: u64,
}

/// Copies a journal, which may be running, into a directory that holds nothing or an earlier copy of it.
/// Damage ends it; the copy then has no more than what was whole, and says so.
pub fn copy(from: &Path, to: &Path) -> Result<Copied, OpenError> {
    create_directory(&RealDisk, to)?;
    let lineage = lineage(from)?;
    let held = directory::read_identity(&RealDisk, to)?;
    let foreign = held.is_some_and(|held| held.origin() != lineage.origin());
    if foreign || (held_nothing(to)? && !is_empty(to)?) {
        return Err(OpenError::NotEmpty { dir: to.to_owned() });
    }
    directory::write_identity(&RealDisk, to, &lineage)?;
    copy_up_to(from, to, &lineage, &mut |_| true)
}

/// Makes a journal of a copy, in a directory that holds nothing, with the commits up to the first that
/// is not wanted. What the journal wrote after that is given up, so it goes on under another identity.
pub fn restore(
    from: &Path,
    to: &Path,
    wanted: &mut dyn FnMut(&Commit) -> bool,
) -> Result<Copied, OpenError> {
    create_directory(&RealDisk, to)?;
    if !is_empty(to)? {
        return Err(OpenError::NotEmpty { dir: to.to_owned() });
    }
    let lineage = lineage(from)?;
    let copied = copy_up_to(from, to, &lineage, wanted)?;
    let forked = lineage.forked(copied.last, JournalId::random());
    // Last: without it the directory is no journal.
    directory::write_identity(&RealDisk, to, &forked)?;
    Ok(Copied { identity: forked.identity(), ..copied })
}

fn lineage(dir: &Path) -> Result<Lineage, OpenError> {
    let lineage = directory::read_identity(&RealDisk, dir)?;
    lineage.ok_or_else(|| OpenError::NoIdentity { dir: dir.to_owned() })
}

fn held_nothing(dir: &Path) -> Result<bool, OpenError> {
    Ok(directory::read_identity(&RealDisk, dir)?.is_none())
}

fn is_empty(dir: &Path) -> Result<bool, OpenError> {
    Ok(RealDisk.list(dir).map_err(OpenError::storage("list", dir))?.is_empty())
}

fn copy_up_to(
    from: &Path,
    to: &Path,
    lineage: &Lineage,
    wanted: &mut dyn FnMut(&Commit) -> bool,
) -> Result<Copied, OpenError> {
    let mut attempt = 1;
    loop {
        match try_copy_up_to(from, to, lineage, wanted) {
            Err(OpenError::Damaged { .. }) if attempt < ATTEMPTS => attempt += 1,
            copied => return copied,
        }
    }
}

fn try_copy_up_to(
    from: &Path,
    to: &Path,
    lineage: &Lineage,
    wanted: &mut dyn FnMut(&Commit) -> bool,
) -> Result<Copied, OpenError> {
    let under_way = erase::under_way(&RealDisk, from)?;
    // Read before the segments: what is noted by then is in them.
    let (_, durable) = durable(&RealDisk, from, &directory::segments(&RealDisk, from)?)?;
    let segments = directory::segments(&RealDisk, from)?;
    forget(to, highwater::NAME)?;
    let mut tip = Tip { position: Position::ORIGIN, chain: lineage.origin() };
    let (mut written, mut bytes) = (0, 0);
    let mut kept = Vec::new();
    for (index, named) in segments.iter().enumerate() {
        let known = Known { last: index + 1 == segments.len(), durable };
        let file = RealDisk.open(&named.path, false);
        let file = file.map_err(OpenError::storage("open", &named.path))?;
        let held = Held::of(&*under_way.over(named, file));
        let held = held.map_err(OpenError::storage("read", &named.path))?;
        let part = held.verified(named, tip, known, wanted)?;
        tip = part.tip;
        kept.push(SegmentFile::named(to, named.first).path);
        if write_segment(to, named, &part.bytes).map_err(OpenError::storage("write in", to))? {
            written += 1;
            bytes += part.bytes.len() as u64;
        }
        if part.stopped {
            break;
        }
    }
    // Of an earlier copy of a journal that has given up its end since.
    for later in directory::segments(&RealDisk, to)? {
        if !kept.contains(&later.path) {
            RealDisk.remove(&later.path).map_err(OpenError::storage("remove", &later.path))?;
        }
    }
    Highwater::make(&RealDisk, to, Noted::Missing, tip)
        .map_err(OpenError::storage("note the tail in", to))?;
    let (identity, segments) = (lineage.identity(), kept.len());
    Ok(Copied { identity, last: tip.position, chain: tip.chain, segments, written, bytes })
}

fn forget(dir: &Path, name: &str) -> Result<(), OpenError> {
    let path = dir.join(name);
    match RealDisk.remove(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OpenError::storage("remove", &path)(error))
        }
        _ => Ok(()),
    }
}

/// Writes a segment of the copy, unless it is there as it should be; says whether it had to.
fn write_segment(to: &Path, named: &SegmentFile, bytes: &[u8]) -> io::Result<bool> {
    let target = SegmentFile::named(to, named.first).path;
    match RealDisk.read(&target) {
        Ok(held) if held == bytes => return Ok(false),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let name = target.file_name().and_then(|name| name.to_str());
    directory::replace(&RealDisk, to, name.expect("segments are named by digits"), bytes)?;
    Ok(true)
}

/// A segment read once, so that what is verified is what is written.
#[derive(Debug)]
struct Held(Vec<u8>);

/// The verified bytes of whole batches.
struct Part {
    bytes: Vec<u8>,
    tip: Tip,
    stopped: bool,
}

impl Held {
    fn of(file: &dyn DiskFile) -> io::Result<Held> {
        let mut bytes = vec![0; usize::try_from(file.length()?).map_err(io::Error::other)?];
        file.read_at(&mut bytes, 0)?;
        Ok(Held(bytes))
    }

    fn verified(
        self,
        named: &SegmentFile,
        start: Tip,
        known: Known,
        wanted: &mut dyn FnMut(&Commit) -> bool,
    ) -> Result<Part, OpenError> {
        let (mut tip, mut end, mut cut_batch, mut stopped) = (start, 0, None, false);
        walk(named, &self, start, known, &mut |batch: Vec<Placed>| {
            for (index, placed) in batch.iter().enumerate() {
                if !wanted(&placed.commit) {
                    cut_batch = index.checked_sub(1).map(|last| batch[last].offset);
                    stopped = true;
                    return ControlFlow::Break(());
                }
                tip = Tip { position: placed.commit.position, chain: placed.commit.chain };
                end = placed.offset + placed.bytes;
            }
            ControlFlow::Continue(())
        })?;
        let mut bytes = self.0;
        bytes.truncate(usize::try_from(end).expect("it was read to there"));
        if let Some(last) = cut_batch {
            let last = usize::try_from(last).expect("it was read to there");
            record::end_batch(&mut bytes[last..]);
        }
        Ok(Part { bytes, tip, stopped })
    }
}

impl DiskFile for Held {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let found = self.0.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
