//! Runs of frames, excerpts and single commits straight from a segment: read in parts that stay in the
//! cache of a processor, each record checked by its length, checksum and place, its body copied once. The
//! chain is not followed: it was when the journal was opened, and nothing changes it later that the checksum
//! does not show.

use std::io;

use bytes::Bytes;
use parking_lot::RwLock;

use super::record::{HEADER_BYTES, Header};
use super::state::{Near, State};
use super::walk::damage;
use crate::frames::{self, Excerpt, Excerpts, Framing, Run, Wanted};
use crate::limits::{GAP_BYTES, WINDOW_BYTES};
use crate::{Commit, Position, ReadError};

/// So many records are looked up at once.
const TOGETHER: usize = 64;

/// Whether reading may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// It takes as long as it takes.
    Allowed,
    /// Only what is in memory is read: [`at_hand`].
    Forbidden,
}

/// What was read without waiting; `None` where that was not possible.
pub(super) fn at_hand<T>(read: Result<T, ReadError>) -> Option<Result<T, ReadError>> {
    match read {
        Err(ReadError::Storage(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
        read => Some(read),
    }
}

/// The first run after a position that is before `last`, which is durable.
pub(super) fn run(
    state: &RwLock<State>,
    (after, last): (Position, Position),
    bytes: usize,
    framing: Framing,
    waiting: Waiting,
) -> Result<Option<Run>, ReadError> {
    let near = {
        let state = state.read();
        if after > state.tip.position {
            return Err(ReadError::Ahead { tail: state.tip.position });
        }
        state.near(after)
    };
    let Some(near) = near else { return Ok(None) };
    let mut part = Part::default();
    let mut window = Window { near: &near, part: &mut part, waiting, at_least: WINDOW_BYTES };
    let mut position = after.next();
    let mut offset = window.find(position)?;
    let (mut frames, mut up_to) = (Vec::new(), None);
    // What follows the end is in another segment; but the first is here.
    while position <= last && (up_to.is_none() || offset < near.end) {
        let (header, record) = match window.record(offset, position) {
            Err(ReadError::Storage(_)) if up_to.is_some() => break,
            read => read?,
        };
        match up_to {
            None => frames.reserve(bytes),
            Some(_) if frames.len() + record.len() > bytes => break,
            Some(_) => {}
        }
        let stored = header.stored(record).map_err(|what| near.damaged(offset, position, what))?;
        if !frames::append(&mut frames, &stored, framing) {
            if up_to.is_some() {
                break;
            }
            let record = header.record(&Bytes::copy_from_slice(record));
            let record = record.map_err(|what| near.damaged(offset, position, what))?;
            return Ok(Some(Run::Apart(record.commit)));
        }
        offset += record.len() as u64;
        (up_to, position) = (Some(position), position.next());
    }
    Ok(up_to.map(|up_to| Run::Frames { frames: frames.into(), up_to }))
}

/// The commits at these positions, which ascend and are durable, up to so many bytes.
pub(super) fn read_at(
    state: &RwLock<State>,
    positions: &[Position],
    bytes: usize,
) -> Result<Vec<Commit>, ReadError> {
    let (mut found, mut so_far) = (Vec::with_capacity(positions.len()), 0);
    let wanted = positions.iter().copied();
    visit(state, wanted, Waiting::Allowed, &mut |near, offset, header, record| {
        let record = header.record(&Bytes::copy_from_slice(record));
        let record = record.map_err(|what| near.damaged(offset, header.position, what))?;
        so_far += record.commit.meta.len() + record.commit.body.len();
        found.push(record.commit);
        Ok(so_far <= bytes)
    })?;
    Ok(found)
}

/// Excerpts of the commits at these positions, which ascend and are durable, of about so many bytes.
pub(super) fn excerpts(
    state: &RwLock<State>,
    wanted: &[Wanted],
    bytes: usize,
    excerpt: &Excerpt,
    waiting: Waiting,
) -> Result<Excerpts, ReadError> {
    let (mut frames, mut commits) = (Vec::new(), 0);
    let positions = wanted.iter().map(|wanted| wanted.position);
    let read = visit(state, positions, waiting, &mut |near, offset, header, record| {
        if commits > 0 && frames.len() + record.len() > bytes {
            return Ok(false);
        }
        let stored = header.stored(record);
        let stored = stored.map_err(|what| near.damaged(offset, header.position, what))?;
        excerpt(&stored, wanted[commits].known, &mut frames).map_err(ReadError::Undecoded)?;
        commits += 1;
        Ok(true)
    });
    match read {
        // What follows takes waiting, or failed: that is told next time.
        Err(ReadError::Storage(_)) if commits > 0 => {}
        read => read?,
    }
    Ok(Excerpts { frames: frames.into(), commits })
}

/// Is shown a record and where it stands; says whether to go on.
type Show<'s> = dyn FnMut(&Near, u64, &Header, &[u8]) -> Result<bool, ReadError> + 's;

/// Shows the records at these positions, which ascend and are durable. Those that stand close to each other
/// are read at once.
fn visit(
    state: &RwLock<State>,
    mut positions: impl Iterator<Item = Position>,
    waiting: Waiting,
    show: &mut Show<'_>,
) -> Result<(), ReadError> {
    let mut part = Part::default();
    loop {
        let together: Vec<Position> = positions.by_ref().take(TOGETHER).collect();
        if together.is_empty() {
            return Ok(());
        }
        let nears = nears(state, &together)?;
        for (index, (near, position)) in nears.iter().zip(&together).enumerate() {
            let at_least = reach(near, &nears[index + 1..]);
            let mut window = Window { near, part: &mut part, waiting, at_least };
            let offset = window.find(*position)?;
            let (header, record) = window.record(offset, *position)?;
            if !show(near, offset, &header, record)? {
                return Ok(());
            }
        }
    }
}

/// Where to look for these positions.
fn nears(state: &RwLock<State>, positions: &[Position]) -> Result<Vec<Near>, ReadError> {
    let state = state.read();
    let near = |position: &Position| {
        let before = Position::new(position.get().saturating_sub(1));
        state.near(before).ok_or(ReadError::Ahead { tail: state.tip.position })
    };
    positions.iter().map(near).collect()
}

/// How many bytes to read for a record and those of the others that stand close behind it.
fn reach(first: &Near, others: &[Near]) -> usize {
    let mut end = first.next;
    for near in others {
        let close = near.named.first == first.named.first && near.offset <= end + GAP_BYTES;
        if !close || near.next - first.offset > WINDOW_BYTES as u64 {
            break;
        }
        end = near.next;
    }
    usize::try_from(end - first.offset).unwrap_or(WINDOW_BYTES)
}

/// A part of a segment as it was read.
#[derive(Default)]
struct Part {
    segment: Position,
    start: u64,
    /// Longer than what was read: it grows and does not shrink.
    bytes: Vec<u8>,
    filled: usize,
}

/// A segment seen through the part of it that was read, which moves on when something else is asked for.
struct Window<'n> {
    near: &'n Near,
    part: &'n mut Part,
    waiting: Waiting,
    /// How much is read at once, when nothing larger is asked for.
    at_least: usize,
}

impl Part {
    /// These bytes, when they are here.
    fn here(&self, segment: Position, offset: u64, bytes: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let held = &self.bytes[..self.filled];
        held.get(from..from.checked_add(bytes)?).filter(|_| segment == self.segment)
    }

    fn read(&mut self, near: &Near, offset: u64, bytes: usize, waiting: Waiting) -> io::Result<()> {
        (self.segment, self.start, self.filled) = (near.named.first, offset, 0);
        if self.bytes.len() < bytes {
            self.bytes.resize(bytes, 0);
        }
        let buffer = &mut self.bytes[..bytes];
        match waiting {
            Waiting::Allowed => near.file.read_at(buffer, offset)?,
            Waiting::Forbidden => near.file.read_at_hand(buffer, offset)?,
        }
        self.filled = bytes;
        Ok(())
    }
}

impl Window<'_> {
    /// Where the record of a position begins, which is at or after the one known.
    fn find(&mut self, wanted: Position) -> Result<u64, ReadError> {
        let (mut position, mut offset) = (self.near.position, self.near.offset);
        while position < wanted {
            offset += self.header(offset, position)?.record_bytes() as u64;
            position = position.next();
        }
        Ok(offset)
    }

    /// These bytes of the record at an offset.
    fn at(&mut self, offset: u64, bytes: usize, position: Position) -> Result<&[u8], ReadError> {
        let segment = self.near.named.first;
        if self.part.here(segment, offset, bytes).is_none() {
            let left = usize::try_from(self.near.end.saturating_sub(offset)).unwrap_or(usize::MAX);
            if left < bytes {
                return Err(self.near.damaged(offset, position, "cut short"));
            }
            let more = self.at_least.max(bytes).min(left);
            let read = self.part.read(self.near, offset, more, self.waiting);
            read.map_err(ReadError::Storage)?;
        }
        Ok(self.part.here(segment, offset, bytes).expect("it was read"))
    }

    /// The header at an offset, of the commit that must stand there.
    fn header(&mut self, offset: u64, position: Position) -> Result<Header, ReadError> {
        let near = self.near;
        let bytes = self.at(offset, HEADER_BYTES, position)?;
        let header = Header::parse(bytes.first_chunk().expect("as many bytes as asked for"));
        let header = header.map_err(|what| near.damaged(offset, position, what))?;
        match header.position == position {
            true => Ok(header),
            false => Err(near.damaged(offset, position, "another position than expected")),
        }
    }

    /// The record at an offset, of the commit that must stand there.
    fn record(&mut self, offset: u64, position: Position) -> Result<(Header, &[u8]), ReadError> {
        let header = self.header(offset, position)?;
        let record = self.at(offset, header.record_bytes(), position)?;
        Ok((header, record))
    }
}

impl Near {
    fn damaged(&self, offset: u64, position: Position, what: &str) -> ReadError {
        damage(&self.named.path, offset, position, what).into()
    }
}
