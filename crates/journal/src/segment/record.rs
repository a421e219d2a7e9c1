//! One stored record: a header of fixed size, then `meta`, then `body`. Integers are big-endian.
//!
//! | bytes | holds |
//! | --- | --- |
//! | 0 | format version |
//! | 1 | flags: 1 = last of its batch, 2 = something of it was erased |
//! | 2..4 | zero |
//! | 4..8 | CRC-32C of everything else |
//! | 8..12, 12..16 | length of meta, of body |
//! | 16..24 | position |
//! | 24..32 | position of the first record of its batch |
//! | 32..40 | recorded at, microseconds |
//! | 40..72 | chain value |
//!
//! What remains of a commit of which something was erased takes the same place and length. The lengths in
//! the header are then 0 and all the bytes after it, which hold:
//!
//! | bytes | holds |
//! | --- | --- |
//! | 0..32, 32..64 | SHA-256 of the `meta`, of the `body` that stood there: the chain value is over them |
//! | 64..68, 68..72 | length of `meta`, of `body` as they are now |
//! | 72.. | `meta`, then `body`, then zeros |
//!
//! The first position of the batch tells a torn write from damage: a batch is only begun once the one
//! before it is durable, so a readable record of a *later* batch proves that a bad place was durable.

use std::ops::Range;

use bytes::Bytes;

use crate::commit::Hashes;
use crate::limits::{COMMIT_BYTES, ERASURE_BYTES};
use crate::{Chain, Commit, Erasure, Position, Stored};

/// Bytes before `meta`.
pub(super) const HEADER_BYTES: usize = 72;
/// The first byte of a record. Not zero: zeros are what is written ahead of records.
pub(super) const FORMAT: u8 = 1;
const LAST_OF_BATCH: u8 = 1;
const ERASED: u8 = 2;

/// A record as it was read: its checksum holds, its place is not yet checked.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) commit: Commit,
    pub(super) batch_first: Position,
    pub(super) last_of_batch: bool,
    /// Bytes it takes.
    pub(super) bytes: u64,
    /// Hashes of what stood here before something of it was erased.
    pub(super) erased: Option<Hashes>,
}

/// A header that makes sense by itself; only the checksum says whether it is true.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) position: Position,
    pub(super) batch_first: Position,
    last_of_batch: bool,
    erased: bool,
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
    extend_with_lengths(out, commit.meta.len(), commit.body.len());
    out.extend_from_slice(&commit.position.get().to_be_bytes());
    out.extend_from_slice(&batch_first.get().to_be_bytes());
    out.extend_from_slice(&commit.recorded_at_micros.to_be_bytes());
    out.extend_from_slice(commit.chain.as_bytes());
    out.extend_from_slice(&commit.meta);
    out.extend_from_slice(&commit.body);
    let checksum = checksum(&out[start..]);
    out[start + 4..start + 8].copy_from_slice(&checksum.to_be_bytes());
}

/// Makes the one record in these bytes the last of its batch.
pub(super) fn end_batch(record: &mut [u8]) {
    record[1] |= LAST_OF_BATCH;
    let checksum = checksum(record);
    record[4..8].copy_from_slice(&checksum.to_be_bytes());
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
        if bytes[1] > LAST_OF_BATCH | ERASED || bytes[2..4] != [0, 0] {
            return Err("unknown flags");
        }
        let header = Header {
            position: Position::new(u64::from_be_bytes(array(bytes, 16))),
            batch_first: Position::new(u64::from_be_bytes(array(bytes, 24))),
            last_of_batch: bytes[1] & LAST_OF_BATCH != 0,
            erased: bytes[1] & ERASED != 0,
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

    /// What it holds where it lies, given all its bytes.
    pub(super) fn stored<'b>(&'b self, record: &'b [u8]) -> Result<Stored<'b>, &'static str> {
        if checksum(record) != self.checksum {
            return Err("checksum does not match");
        }
        let parts = self.parts(record)?;
        let (meta, body) = (&record[parts.meta], &record[parts.body]);
        Ok(Stored { position: self.position, chain: self.chain.as_bytes(), meta, body })
    }

    /// The record, given all its bytes.
    pub(super) fn record(&self, bytes: &Bytes) -> Result<Record, &'static str> {
        if checksum(bytes) != self.checksum {
            return Err("checksum does not match");
        }
        let parts = self.parts(bytes)?;
        let commit = Commit {
            position: self.position,
            chain: self.chain,
            recorded_at_micros: self.recorded_at_micros,
            meta: bytes.slice(parts.meta),
            body: bytes.slice(parts.body),
        };
        Ok(Record {
            commit,
            batch_first: self.batch_first,
            last_of_batch: self.last_of_batch,
            bytes: bytes.len() as u64,
            erased: parts.erased,
        })
    }

    /// Where in a record its parts are.
    fn parts(&self, record: &[u8]) -> Result<Parts, &'static str> {
        if !self.erased {
            let body = HEADER_BYTES + self.meta_bytes;
            return Ok(Parts { meta: HEADER_BYTES..body, body: body..record.len(), erased: None });
        }
        let impossible = "impossible length of what remains";
        let fixed: &[u8; ERASURE_BYTES] =
            record.get(HEADER_BYTES..).and_then(<[u8]>::first_chunk).ok_or(impossible)?;
        let hashes = Hashes { meta: array(fixed, 0), body: array(fixed, 32) };
        let meta = HEADER_BYTES + ERASURE_BYTES;
        let body = meta + u32::from_be_bytes(array(fixed, 64)) as usize;
        let end = body + u32::from_be_bytes(array(fixed, 68)) as usize;
        let zeros = record.get(end..).ok_or(impossible)?;
        match zeros.iter().all(|byte| *byte == 0) {
            true => Ok(Parts { meta: meta..body, body: body..end, erased: Some(hashes) }),
            false => Err("something stands after what remains"),
        }
    }
}

/// Where the parts of a record are.
struct Parts {
    meta: Range<usize>,
    body: Range<usize>,
    erased: Option<Hashes>,
}

/// A record with what remains of its commit, exactly as long; how much room there is when that is not
/// enough.
pub(super) fn erased(record: &Record, erasure: &Erasure) -> Result<Vec<u8>, usize> {
    let place =
        usize::try_from(record.bytes).expect("a record has at most COMMIT_BYTES and a header");
    let room = place.saturating_sub(HEADER_BYTES + ERASURE_BYTES);
    if erasure.size() > room {
        return Err(room);
    }
    let Record { commit, batch_first, last_of_batch, .. } = record;
    let mut out = Vec::with_capacity(place);
    let hashes = record.erased.unwrap_or_else(|| Hashes::of(&commit.meta, &commit.body));
    let flags = ERASED | if *last_of_batch { LAST_OF_BATCH } else { 0 };
    out.extend_from_slice(&[FORMAT, flags, 0, 0]);
    out.extend_from_slice(&[0; 4]);
    extend_with_lengths(&mut out, 0, place - HEADER_BYTES);
    out.extend_from_slice(&commit.position.get().to_be_bytes());
    out.extend_from_slice(&batch_first.get().to_be_bytes());
    out.extend_from_slice(&commit.recorded_at_micros.to_be_bytes());
    out.extend_from_slice(commit.chain.as_bytes());
    out.extend_from_slice(&hashes.meta);
    out.extend_from_slice(&hashes.body);
    extend_with_lengths(&mut out, erasure.meta.len(), erasure.body.len());
    out.extend_from_slice(&erasure.meta);
    out.extend_from_slice(&erasure.body);
    out.resize(place, 0);
    let checksum = checksum(&out);
    out[4..8].copy_from_slice(&checksum.to_be_bytes());
    Ok(out)
}

fn extend_with_lengths(out: &mut Vec<u8>, meta: usize, body: usize) {
    for length in [meta, body] {
        let length = u32::try_from(length).expect("drafts over COMMIT_BYTES are refused");
        out.extend_from_slice(&length.to_be_bytes());
    }
}

fn checksum(record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[8..])
}

fn array<const N: usize, const M: usize>(bytes: &[u8; M], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("no field ends after the last byte")
}
