//! Runs of frames and single commits straight from a segment: one read of the file for a run or a few
//! records, each record checked by its length, checksum and place, its body copied once. The chain is not followed: it was when the journal was opened,
//! and nothing changes it later that the checksum does not show.

use bytes::Bytes;
use parking_lot::RwLock;

use super::record::{HEADER_BYTES, Header};
use super::state::{Near, State};
use super::walk::damage;
use crate::frames::{self, Framing, Run};
use crate::{Commit, Position, ReadError};

/// The first run after a position that is before `last`, which is durable.
pub(super) fn run(
    state: &RwLock<State>,
    after: Position,
    last: Position,
    bytes: usize,
    framing: Framing,
) -> Result<Option<Run>, ReadError> {
    let near = {
        let state = state.read();
        if after > state.tip.position {
            return Err(ReadError::Ahead { tail: state.tip.position });
        }
        state.near(after)
    };
    let Some(near) = near else { return Ok(None) };
    let (mut position, mut offset) = (near.position, near.offset);
    let mut window = Window { near: &near, start: offset, bytes: Vec::new(), at_least: bytes };
    while position <= after {
        offset += window.header(offset, position)?.record_bytes() as u64;
        position = position.next();
    }
    let (mut frames, mut up_to) = (Vec::new(), None);
    while position <= last {
        // What follows is in another segment, or is read next time.
        if up_to.is_some() && !window.has_record(offset) {
            break;
        }
        let header = window.header(offset, position)?;
        let record = window.at(offset, header.record_bytes(), position)?;
        let stored = header.stored(record).map_err(|what| near.damaged(offset, position, what))?;
        if up_to.is_none() {
            frames.reserve(bytes);
        }
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
    let mut buffer = Vec::new();
    for wanted in positions {
        let near = {
            let state = state.read();
            let before = Position::new(wanted.get().saturating_sub(1));
            state.near(before).ok_or(ReadError::Ahead { tail: state.tip.position })?
        };
        let (mut position, mut offset) = (near.position, near.offset);
        let at_least = usize::try_from(near.next - near.offset).unwrap_or_default();
        let mut window = Window { near: &near, start: 0, bytes: buffer, at_least };
        window.bytes.clear();
        while position < *wanted {
            offset += window.header(offset, position)?.record_bytes() as u64;
            position = position.next();
        }
        let header = window.header(offset, position)?;
        let record = window.at(offset, header.record_bytes(), position)?;
        let record = header.record(&Bytes::copy_from_slice(record));
        let record = record.map_err(|what| near.damaged(offset, position, what))?;
        so_far += record.commit.meta.len() + record.commit.body.len();
        found.push(record.commit);
        buffer = window.bytes;
        if so_far > bytes {
            break;
        }
    }
    Ok(found)
}

/// A part of a segment, which moves on when something after it is asked for.
struct Window<'n> {
    near: &'n Near,
    start: u64,
    bytes: Vec<u8>,
    /// How much is read at once, when nothing larger is asked for.
    at_least: usize,
}

impl Window<'_> {
    /// These bytes, when they are here.
    fn here(&self, offset: u64, bytes: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..from.checked_add(bytes)?)
    }

    /// Whether the record at an offset is here as a whole.
    fn has_record(&self, offset: u64) -> bool {
        let header = self.here(offset, HEADER_BYTES).and_then(<[u8]>::first_chunk);
        let header = header.and_then(|header| Header::parse(header).ok());
        header.is_some_and(|header| self.here(offset, header.record_bytes()).is_some())
    }

    /// These bytes of the record at an offset.
    fn at(&mut self, offset: u64, bytes: usize, position: Position) -> Result<&[u8], ReadError> {
        if self.here(offset, bytes).is_none() {
            let left = usize::try_from(self.near.end.saturating_sub(offset)).unwrap_or(usize::MAX);
            if left < bytes {
                return Err(self.near.damaged(offset, position, "cut short"));
            }
            self.bytes.clear();
            self.bytes.resize(self.at_least.max(bytes).min(left), 0);
            self.start = offset;
            let read = self.near.file.read_at(&mut self.bytes, offset);
            read.map_err(ReadError::Storage)?;
        }
        Ok(self.here(offset, bytes).expect("it was read"))
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
}

impl Near {
    fn damaged(&self, offset: u64, position: Position, what: &str) -> ReadError {
        damage(&self.path, offset, position, what).into()
    }
}
