//! One stored record: a header of fixed size, then `meta`, then `body`. Integers are big-endian.
//!
//! | bytes | holds |
//! | --- | --- |
//! | 0 | format version |
//! | 1 | flags: 1 = last of its batch |
//! | 2..4 | zero |
//! | 4..8 | CRC-32C of everything else |
//! | 8..12, 12..16 | length of meta, of body |
//! | 16..24 | position |
//! | 24..32 | position of the first record of its batch |
//! | 32..40 | recorded at, microseconds |
//! | 40..72 | chain value |
//!
//! The first position of the batch tells a torn write from damage: a batch is only begun once the one
//! before it is durable, so a readable record of a *later* batch proves that a bad place was durable.

use bytes::Bytes;

use crate::limits::COMMIT_BYTES;
use crate::{Chain, Commit, Position};

/// Bytes before `meta`.
pub(super) const HEADER_BYTES: usize = 72;
const FORMAT: u8 = 1;
const LAST_OF_BATCH: u8 = 1;

/// A record as it was read: its checksum holds, its place is not yet checked.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) commit: Commit,
    pub(super) batch_first: Position,
    pub(super) last_of_batch: bool,
}

/// A header that makes sense by itself; only the checksum says whether it is true.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) position: Position,
    pub(super) batch_first: Position,
    last_of_batch: bool,
    checksum: u32,
    meta_bytes: usize,
    body_bytes: usize,
    recorded_at_micros: i64,
    chain: Chain,
}

/// Appends a record to a buffer.
pub(super) fn encode(out: &mut Vec<u8>, commit: &Commit, batch_first: Position, last: bool) {
    let start = out.len();
    out.extend_from_slice(&[FORMAT, if last { LAST_OF_BATCH } else { 0 }, 0, 0]);
    out.extend_from_slice(&[0; 4]);
    for part in [&commit.meta, &commit.body] {
        let length = u32::try_from(part.len()).expect("drafts over COMMIT_BYTES are refused");
        out.extend_from_slice(&length.to_be_bytes());
    }
    out.extend_from_slice(&commit.position.get().to_be_bytes());
    out.extend_from_slice(&batch_first.get().to_be_bytes());
    out.extend_from_slice(&commit.recorded_at_micros.to_be_bytes());
    out.extend_from_slice(commit.chain.as_bytes());
    out.extend_from_slice(&commit.meta);
    out.extend_from_slice(&commit.body);
    let checksum = checksum(&out[start..]);
    out[start + 4..start + 8].copy_from_slice(&checksum.to_be_bytes());
}

/// Bytes a commit takes in a segment.
pub(super) fn stored_bytes(commit: &Commit) -> u64 {
    (HEADER_BYTES + commit.meta.len() + commit.body.len()) as u64
}

impl Header {
    /// Reads a header, or says what is wrong with it.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Header, &'static str> {
        if bytes[0] != FORMAT {
            return Err("unknown format version");
        }
        if bytes[1] > LAST_OF_BATCH || bytes[2..4] != [0, 0] {
            return Err("unknown flags");
        }
        let header = Header {
            position: Position::new(u64::from_be_bytes(array(bytes, 16))),
            batch_first: Position::new(u64::from_be_bytes(array(bytes, 24))),
            last_of_batch: bytes[1] == LAST_OF_BATCH,
            checksum: u32::from_be_bytes(array(bytes, 4)),
            meta_bytes: u32::from_be_bytes(array(bytes, 8)) as usize,
            body_bytes: u32::from_be_bytes(array(bytes, 12)) as usize,
            recorded_at_micros: i64::from_be_bytes(array(bytes, 32)),
            chain: Chain::from_bytes(array(bytes, 40)),
        };
        if header.meta_bytes.saturating_add(header.body_bytes) > COMMIT_BYTES {
            return Err("impossible length");
        }
        Ok(header)
    }

    /// Bytes of the whole record.
    pub(super) fn record_bytes(&self) -> usize {
        HEADER_BYTES + self.meta_bytes + self.body_bytes
    }

    /// The record, given all its bytes.
    pub(super) fn record(&self, bytes: &Bytes) -> Result<Record, &'static str> {
        if checksum(bytes) != self.checksum {
            return Err("checksum does not match");
        }
        let body_start = HEADER_BYTES + self.meta_bytes;
        let commit = Commit {
            position: self.position,
            chain: self.chain,
            recorded_at_micros: self.recorded_at_micros,
            meta: bytes.slice(HEADER_BYTES..body_start),
            body: bytes.slice(body_start..),
        };
        Ok(Record { commit, batch_first: self.batch_first, last_of_batch: self.last_of_batch })
    }
}

fn checksum(record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[8..])
}

fn array<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the header is longer than any of its fields ends")
}
