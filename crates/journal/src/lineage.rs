//! Under which identities a history went on: a new one each time that commits were given up.
//!
//! A journal that lost its end, because it was restored to an earlier place or repaired, gives its next
//! positions to other commits than before. So it goes on under a new identity, and remembers up to which
//! position it is the history of each identity before: whoever stood there or earlier goes on, and
//! whoever had read further is told that this is another history.

use crate::{Chain, JournalId, Position};

/// The identities of a history, the present one last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    past: Vec<Ancestor>,
    current: JournalId,
}

/// An identity given up, and how much of its history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ancestor {
    identity: JournalId,
    last: Position,
}

const FORMAT: u8 = 1;
const ENTRY_BYTES: usize = 24;
const CHECKSUM_BYTES: usize = 4;

impl Lineage {
    /// Of a history that begins with this identity.
    pub fn new(identity: JournalId) -> Lineage {
        Lineage { past: Vec::new(), current: identity }
    }

    /// The present identity.
    pub fn identity(&self) -> JournalId {
        self.current
    }

    /// The chain value at [`Position::ORIGIN`].
    pub fn origin(&self) -> Chain {
        Chain::origin(self.past.first().map_or(self.current, |first| first.identity))
    }

    /// Whether this is the history that had this identity, up to this position.
    pub fn knows(&self, identity: JournalId, position: Position) -> bool {
        let kept = |past: &Ancestor| past.identity == identity && position <= past.last;
        identity == self.current || self.past.iter().any(kept)
    }

    /// Goes on under another identity after a position; what was after it is given up.
    #[must_use]
    pub fn forked(&self, last: Position, identity: JournalId) -> Lineage {
        let current = Ancestor { identity: self.current, last };
        let past = self.past.iter().map(|past| Ancestor { last: past.last.min(last), ..*past });
        Lineage { past: past.chain([current]).collect(), current: identity }
    }

    /// As it is stored: format version, an entry an identity, CRC-32C.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        let current = Ancestor { identity: self.current, last: Position::new(u64::MAX) };
        for entry in self.past.iter().chain([&current]) {
            bytes.extend_from_slice(entry.identity.as_bytes());
            bytes.extend_from_slice(&entry.last.get().to_be_bytes());
        }
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// As it was stored; `None` where that is not what was written.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Lineage> {
        let (held, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
        let (format, entries) = held.split_first()?;
        if crc32c::crc32c(held).to_be_bytes() != *checksum
            || *format != FORMAT
            || entries.len() % ENTRY_BYTES != 0
        {
            return None;
        }
        let entries = entries.chunks_exact(ENTRY_BYTES).map(|entry| {
            let (identity, last) = entry.split_first_chunk::<16>()?;
            let last = Position::new(u64::from_be_bytes(last.try_into().ok()?));
            Some(Ancestor { identity: JournalId::from_bytes(*identity), last })
        });
        let mut past = entries.collect::<Option<Vec<Ancestor>>>()?;
        let current = past.pop()?.identity;
        Some(Lineage { past, current })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn who_had_read_no_further_than_what_is_kept_goes_on() {
        let [a, b, c] = [1, 2, 3].map(|byte| JournalId::from_bytes([byte; 16]));
        let at = Position::new;
        let twice = Lineage::new(a).forked(at(100), b).forked(at(70), c);
        assert_eq!((twice.identity(), twice.origin()), (c, Chain::origin(a)));
        for (identity, kept) in [(a, 70), (b, 70)] {
            assert!(twice.knows(identity, at(kept)));
            assert!(!twice.knows(identity, at(kept + 1)));
        }
        assert!(twice.knows(c, at(1_000_000)));
        let later = Lineage::new(a).forked(at(100), b).forked(at(200), c);
        assert!(later.knows(a, at(100)) && !later.knows(a, at(150)) && later.knows(b, at(200)));
        assert_eq!(Lineage::decode(&later.encode()).unwrap(), later);
    }

    #[test]
    fn what_was_not_written_is_no_lineage() {
        let whole = Lineage::new(JournalId::random()).forked(Position::new(3), JournalId::random());
        let whole = whole.encode();
        for offset in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[offset] ^= 1;
            assert_eq!(Lineage::decode(&bytes), None);
            assert_eq!(Lineage::decode(&whole[..offset]), None);
        }
    }
}
