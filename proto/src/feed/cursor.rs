//! A cursor: a place in the feed, as opaque bytes. It says *after*, and which journal it is of.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::limits::{CURSOR_BYTES, IDENTITY_BYTES};

/// First byte of every cursor; another one is of another layout.
const VERSION: u8 = 1;

/// After a position of a journal. Does not depend on any filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Identity of the journal.
    pub identity: [u8; IDENTITY_BYTES],
    /// Position it stands after; 0 before the first.
    pub position: u64,
}

impl Cursor {
    /// From its bytes: version, identity, position in big endian.
    pub fn decode(bytes: &[u8]) -> Result<Cursor, String> {
        let Some((version, rest)) = bytes.split_first() else {
            return Err("is empty".to_owned());
        };
        if *version != VERSION {
            return Err(format!("is a cursor of version {version}, known is {VERSION}"));
        }
        let wrong_length = || format!("has {} bytes, a cursor has {CURSOR_BYTES}", bytes.len());
        let (identity, position) = rest.split_first_chunk().ok_or_else(wrong_length)?;
        let position = position.try_into().map_err(|_| wrong_length())?;
        Ok(Cursor { identity: *identity, position: u64::from_be_bytes(position) })
    }

    /// Its bytes.
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(CURSOR_BYTES);
        bytes.put_u8(VERSION);
        bytes.put_slice(&self.identity);
        bytes.put_u64(self.position);
        bytes.freeze()
    }
}
