//! What a journal knows in memory: its durable tail, its segments, and a sparse index of offsets.

use std::sync::Arc;

use super::directory::SegmentFile;
use super::record::{Record, stored_bytes};
use super::scan::Scanner;
use super::walk::{Placed, Tip, check_chain, damage};
use crate::disk::DiskFile;
use crate::limits::{MARK_BYTES, MARK_RECORDS, STEP_RECORDS};
use crate::{Commit, Position, ReadError, ReadLimit};

/// The durable journal.
pub(super) struct State {
    pub(super) segments: Vec<Segment>,
    pub(super) tip: Tip,
}

/// One segment and its marks.
pub(super) struct Segment {
    pub(super) named: Arc<SegmentFile>,
    pub(super) file: Arc<dyn DiskFile>,
    /// Where its durable records end.
    pub(super) end: u64,
    marks: Vec<Mark>,
    records_since_mark: usize,
    /// Where every [`STEP_RECORDS`]th record begins, from the first on; as far as offsets fit.
    steps: Vec<u32>,
    records: u64,
}

/// The record at `offset` comes right after `before`.
#[derive(Clone, Copy)]
struct Mark {
    before: Tip,
    offset: u64,
}

/// A record at or shortly before the one wanted.
pub(super) struct Near {
    pub(super) named: Arc<SegmentFile>,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) position: Position,
    pub(super) offset: u64,
    /// Where the next record begins that is known, or the end.
    pub(super) next: u64,
    /// Where the durable records of the segment end.
    pub(super) end: u64,
}

/// A record and where it stands.
pub(super) struct Found {
    pub(super) segment: SegmentFile,
    pub(super) offset: u64,
    pub(super) record: Record,
}

/// A stretch of a segment to read: from a mark to the durable end.
pub(super) struct Stretch {
    named: Arc<SegmentFile>,
    file: Arc<dyn DiskFile>,
    mark: Mark,
    end: u64,
}

impl Segment {
    /// An empty one.
    pub(super) fn new(named: SegmentFile, file: Arc<dyn DiskFile>) -> Segment {
        Segment {
            named: Arc::new(named),
            file,
            end: 0,
            marks: Vec::new(),
            records_since_mark: 0,
            steps: Vec::new(),
            records: 0,
        }
    }

    /// Takes note of the record at its end.
    pub(super) fn note(&mut self, placed: &Placed) {
        let due = self.marks.last().is_none_or(|mark| {
            self.records_since_mark >= MARK_RECORDS || placed.offset - mark.offset >= MARK_BYTES
        });
        if due {
            self.marks.push(Mark { before: placed.before, offset: placed.offset });
            self.records_since_mark = 0;
        }
        self.records_since_mark += 1;
        if self.records == self.steps.len() as u64 * STEP_RECORDS
            && let Ok(offset) = u32::try_from(placed.offset)
        {
            self.steps.push(offset);
        }
        self.records += 1;
        self.end = placed.offset + placed.bytes;
    }
}

impl State {
    /// Takes note of a commit that became durable at the end of the last segment.
    pub(super) fn push(&mut self, commit: &Commit) {
        let segment = self.segments.last_mut().expect("a commit stands in a segment");
        segment.note(&Placed {
            offset: segment.end,
            before: self.tip,
            bytes: stored_bytes(commit),
            erased: false,
            commit: commit.clone(),
        });
        self.tip = Tip { position: commit.position, chain: commit.chain };
    }

    /// The record after a position, or one shortly before it; `None` at the tail.
    pub(super) fn near(&self, after: Position) -> Option<Near> {
        let holds = |segment: &Segment| segment.named.first <= after.next();
        let count = self.segments.partition_point(holds);
        let segment = self.segments[..count].last()?;
        let record = after.next().get() - segment.named.first.get();
        if record >= segment.records {
            return None;
        }
        let step = (record / STEP_RECORDS).min(segment.steps.len() as u64 - 1);
        let step_at = |step: u64| segment.steps.get(usize::try_from(step).ok()?).copied();
        Some(Near {
            named: Arc::clone(&segment.named),
            file: Arc::clone(&segment.file),
            position: segment.named.first.plus(step * STEP_RECORDS),
            offset: u64::from(step_at(step)?),
            next: step_at(step + 1).map_or(segment.end, u64::from),
            end: segment.end,
        })
    }

    /// Where to begin reading after a position that is before the tail.
    pub(super) fn stretch(&self, after: Position) -> Option<Stretch> {
        let holds = |segment: &Segment| segment.named.first <= after.next();
        let count = self.segments.partition_point(holds);
        let segment = self.segments[..count].last()?;
        let count = segment.marks.partition_point(|mark| mark.before.position <= after);
        let mark = *segment.marks[..count].last()?;
        let named = segment.named.clone();
        Some(Stretch { named, file: segment.file.clone(), mark, end: segment.end })
    }
}

impl Stretch {
    /// Reads the commits after a position into `found`, until it is full; says whether it is.
    pub(super) fn read(
        &self,
        after: Position,
        limit: ReadLimit,
        found: &mut Vec<Commit>,
    ) -> Result<bool, ReadError> {
        let mut scanner = Scanner::new(&*self.file, self.end);
        let (mut tip, mut offset) = (self.mark.before, self.mark.offset);
        let mut bytes: usize =
            found.iter().map(|commit| commit.meta.len() + commit.body.len()).sum();
        while offset < self.end {
            let record = self.record(&mut scanner, offset, tip)?;
            let commit = record.commit;
            tip = Tip { position: commit.position, chain: commit.chain };
            offset += record.bytes;
            if commit.position <= after {
                continue;
            }
            bytes += commit.meta.len() + commit.body.len();
            if !found.is_empty() && (found.len() >= limit.commits || bytes > limit.bytes) {
                return Ok(true);
            }
            found.push(commit);
        }
        Ok(false)
    }

    /// The record of a position, its file and its offset; `None` when it is not in this segment.
    pub(super) fn find(&self, position: Position) -> Result<Option<Found>, ReadError> {
        let mut scanner = Scanner::new(&*self.file, self.end);
        let (mut tip, mut offset) = (self.mark.before, self.mark.offset);
        while offset < self.end {
            let record = self.record(&mut scanner, offset, tip)?;
            if record.commit.position == position {
                return Ok(Some(Found {
                    segment: SegmentFile::clone(&self.named),
                    offset,
                    record,
                }));
            }
            tip = Tip { position: record.commit.position, chain: record.commit.chain };
            offset += record.bytes;
        }
        Ok(None)
    }

    /// J5: the record at an offset, verified.
    fn record(
        &self,
        scanner: &mut Scanner<'_>,
        offset: u64,
        tip: Tip,
    ) -> Result<Record, ReadError> {
        let damaged = |what: &str| damage(&self.named.path, offset, tip.position.next(), what);
        let record = scanner.record(offset).map_err(ReadError::Storage)?.map_err(damaged)?;
        if record.commit.position != tip.position.next() {
            return Err(damaged("another position than expected").into());
        }
        check_chain(&record, tip.chain).map_err(damaged)?;
        Ok(record)
    }
}
