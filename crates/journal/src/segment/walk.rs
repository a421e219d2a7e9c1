//! Going through a journal's directory from its beginning and checking everything: what opening,
//! verifying and dumping have in common. Nothing is changed on the way.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::directory::SegmentFile;
use super::record::Record;
use super::scan::Scanner;
use crate::commit::Hashes;
use crate::disk::DiskFile;
use crate::{Chain, Commit, Position, ReadError};

/// A position and the chain value there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) position: Position,
    pub(super) chain: Chain,
}

/// A commit and where its record starts.
pub(super) struct Placed {
    pub(super) offset: u64,
    pub(super) before: Tip,
    /// Bytes its record takes.
    pub(super) bytes: u64,
    /// Whether something of it was erased.
    pub(super) erased: bool,
    pub(super) commit: Commit,
}

/// What a segment holds.
pub(super) struct Walked {
    /// After its last whole batch.
    pub(super) tip: Tip,
    /// Where its last whole batch ends.
    pub(super) end: u64,
    /// Bytes after that: a write that was never finished.
    pub(super) torn_bytes: u64,
    /// Or zeros: nothing was written there.
    pub(super) spare_bytes: u64,
    /// The visitor had enough.
    pub(super) stopped: bool,
}

/// A place where the journal is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} in {} at offset {offset}, position {position}", file.display())]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Byte offset of the record.
    pub offset: u64,
    /// Position the record should have.
    pub position: Position,
    /// What is wrong.
    pub what: String,
}

impl From<Damage> for ReadError {
    fn from(damage: Damage) -> ReadError {
        ReadError::Damaged {
            file: damage.file.display().to_string(),
            offset: damage.offset,
            position: damage.position,
            what: damage.what,
        }
    }
}

/// Why a walk ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    #[error(transparent)]
    Damage(#[from] Damage),
    #[error("cannot read {}", file.display())]
    Storage {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What is known of a segment before it is read.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// No other segment follows, so that an unfinished batch at its end may be a torn write.
    pub(super) last: bool,
    /// Up to where the journal certainly was durable; what is missing before that is damage.
    pub(super) durable: Option<Tip>,
}

/// Visits the whole batches of one segment.
pub(super) fn walk(
    segment: &SegmentFile,
    file: &dyn DiskFile,
    start: Tip,
    known: Known,
    visit: &mut dyn FnMut(Vec<Placed>) -> ControlFlow<()>,
) -> Result<Walked, WalkError> {
    let storage = |source| WalkError::Storage { file: segment.path.clone(), source };
    if segment.first != start.position.next() {
        let what = format!("a segment is missing: it begins with position {}", segment.first);
        return Err(damage(&segment.path, 0, start.position.next(), what).into());
    }
    let length = file.length().map_err(storage)?;
    let mut scanner = Scanner::new(file, length);
    let mut walked = Walked { tip: start, end: 0, torn_bytes: 0, spare_bytes: 0, stopped: false };
    let (mut offset, mut tip, mut batch) = (0, start, Vec::new());
    while offset < length {
        let batch_first = walked.tip.position.next();
        let position = tip.position.next();
        let was_durable = known.durable.is_some_and(|durable| durable.position >= batch_first);
        let record = match scanner.record(offset).map_err(storage)? {
            Ok(record) => record,
            // A torn write: no later batch was begun, so this place was never known to be durable.
            Err(_)
                if known.last
                    && !was_durable
                    && !scanner.later_batch_after(offset, batch_first).map_err(storage)? =>
            {
                break;
            }
            Err(what) => return Err(damage(&segment.path, offset, position, what).into()),
        };
        // A record with a true checksum in the wrong place was never written by a torn write.
        check(&record, tip, batch_first)
            .map_err(|what| damage(&segment.path, offset, position, what))?;
        let before = tip;
        tip = Tip { position, chain: record.commit.chain };
        if known.durable.is_some_and(|durable| durable.position == position && durable != tip) {
            let what = "another chain value than was noted when it was written";
            return Err(damage(&segment.path, offset, position, what).into());
        }
        let (bytes, erased) = (record.bytes, record.erased.is_some());
        batch.push(Placed { offset, before, bytes, erased, commit: record.commit });
        offset += bytes;
        if record.last_of_batch {
            (walked.tip, walked.end) = (tip, offset);
            if visit(std::mem::take(&mut batch)).is_break() {
                walked.stopped = true;
                return Ok(walked);
            }
        }
    }
    if !known.last && !batch.is_empty() {
        let what = "the segment ends within a batch";
        return Err(damage(&segment.path, offset, tip.position.next(), what).into());
    }
    if let Some(durable) = known.durable.filter(|_| known.last)
        && walked.tip.position < durable.position
    {
        let what = format!("the journal was durable up to position {} and ends", durable.position);
        return Err(damage(&segment.path, offset, tip.position.next(), what).into());
    }
    let rest = length - walked.end;
    match scanner.is_zero_from(walked.end).map_err(storage)? {
        true => walked.spare_bytes = rest,
        false => walked.torn_bytes = rest,
    }
    Ok(walked)
}

fn check(record: &Record, tip: Tip, batch_first: Position) -> Result<(), &'static str> {
    if record.commit.position != tip.position.next() {
        return Err("another position than expected");
    }
    if record.batch_first != batch_first {
        return Err("another batch than expected");
    }
    check_chain(record, tip.chain)
}

/// J5: whether a commit follows from the chain value before it. One of which something was erased follows
/// by the hashes of what it was.
pub(super) fn check_chain(record: &Record, before: Chain) -> Result<(), &'static str> {
    let commit = &record.commit;
    let hashes = record.erased.unwrap_or_else(|| Hashes::of(&commit.meta, &commit.body));
    let chain = before.extended_over(commit.position, commit.recorded_at_micros, &hashes);
    if chain != commit.chain {
        return Err("chain value does not follow from the commit before");
    }
    Ok(())
}

pub(super) fn damage(
    file: &Path,
    offset: u64,
    position: Position,
    what: impl Into<String>,
) -> Damage {
    Damage { file: file.to_owned(), offset, position, what: what.into() }
}
