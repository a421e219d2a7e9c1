//! Looking at a journal without opening it: beside the process that runs it, or after it. Read-only
//! and without the lock.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::directory::{self, SegmentFile};
use super::erase::{self, UnderWay};
use super::open::{OpenError, durable};
use super::walk::{Known, Placed, Tip, WalkError, walk};
use crate::disk::{Disk, RealDisk};
use crate::{Chain, Commit, JournalId, Position};

/// What a journal holds.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which journal it is.
    pub identity: JournalId,
    /// Segment files, an empty one included.
    pub segments: usize,
    /// Whole commits.
    pub commits: u64,
    /// Those of them of which something was erased, or will be once an erasure under way has ended.
    pub erased: u64,
    /// Position of the first, when there is one.
    pub first: Option<Position>,
    /// Position of the last; [`Position::ORIGIN`] when there is none.
    pub last: Position,
    /// Chain value there.
    pub chain: Chain,
    /// Bytes of whole batches.
    pub bytes: u64,
    /// An unfinished write at the end: one under way in a running process, or one that the next open
    /// will cut off.
    pub torn: Option<Torn>,
}

/// An unfinished write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub file: PathBuf,
    /// Where the whole batches end.
    pub offset: u64,
    /// Bytes after that.
    pub bytes: u64,
}

/// Verifies a whole journal: format versions, lengths, checksums, positions, chain.
pub fn verify(dir: &Path) -> Result<Report, OpenError> {
    verify_on(&RealDisk, dir)
}

/// Like [`verify`], on a disk of the caller's.
pub fn verify_on(disk: &dyn Disk, dir: &Path) -> Result<Report, OpenError> {
    let (mut commits, mut erased) = (0, 0);
    let mut first = None;
    let seen = visit(disk, dir, &mut |batch| {
        commits += batch.len() as u64;
        erased += batch.iter().filter(|placed| placed.erased).count() as u64;
        first = first.or(batch.first().map(|placed| placed.commit.position));
        ControlFlow::Continue(())
    })?;
    Ok(Report {
        identity: seen.identity,
        segments: seen.segments,
        commits,
        erased,
        first,
        last: seen.tip.position,
        chain: seen.tip.chain,
        bytes: seen.bytes,
        torn: seen.torn,
    })
}

/// Hands out the whole commits after a position, verified, until told to stop.
pub fn dump(
    dir: &Path,
    after: Position,
    mut take: impl FnMut(Commit) -> ControlFlow<()>,
) -> Result<(), OpenError> {
    visit(&RealDisk, dir, &mut |batch| {
        let wanted = batch.into_iter().map(|placed| placed.commit);
        wanted.filter(|commit| commit.position > after).try_for_each(&mut take)
    })?;
    Ok(())
}

struct Seen {
    identity: JournalId,
    segments: usize,
    tip: Tip,
    bytes: u64,
    torn: Option<Torn>,
}

fn visit(
    disk: &dyn Disk,
    dir: &Path,
    take: &mut dyn FnMut(Vec<Placed>) -> ControlFlow<()>,
) -> Result<Seen, OpenError> {
    let lineage = directory::read_identity(disk, dir)?;
    let Some(lineage) = lineage else {
        return Err(OpenError::NoIdentity { dir: dir.to_owned() });
    };
    // Read before the segments, so that a running process cannot have noted what is not seen here.
    let known = directory::segments(disk, dir)?;
    let (_, durable) = durable(disk, dir, &known)?;
    let segments = directory::segments(disk, dir)?;
    let tip = Tip { position: Position::ORIGIN, chain: lineage.origin() };
    let identity = lineage.identity();
    let mut seen = Seen { identity, segments: segments.len(), tip, bytes: 0, torn: None };
    for (index, segment) in segments.iter().enumerate() {
        let known = Known { last: index + 1 == segments.len(), durable };
        let under_way = erase::under_way(disk, dir)?;
        if visit_segment(disk, segment, &under_way, known, &mut seen, take)?.is_break() {
            break;
        }
    }
    Ok(seen)
}

fn visit_segment(
    disk: &dyn Disk,
    segment: &SegmentFile,
    under_way: &UnderWay,
    known: Known,
    seen: &mut Seen,
    take: &mut dyn FnMut(Vec<Placed>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, WalkError> {
    let path = segment.path.clone();
    let file = disk
        .open(&segment.path, false)
        .map_err(|source| WalkError::Storage { file: path.clone(), source })?;
    let file = under_way.over(segment, file);
    let walked = walk(segment, &*file, seen.tip, known, take)?;
    seen.tip = walked.tip;
    seen.bytes += walked.end;
    if walked.torn_bytes > 0 {
        seen.torn = Some(Torn { file: path, offset: walked.end, bytes: walked.torn_bytes });
    }
    Ok(if walked.stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}
