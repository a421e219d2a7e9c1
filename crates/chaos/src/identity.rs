//! Another identity for the feed's journal. An identity is 16 random bytes, which no other field
//! contains by chance, so one is exchanged for the other wherever it stands: in messages of any method
//! and, as hexadecimal digits, in the details of a status.

use bytes::{Bytes, BytesMut};
use hansa_proto::limits::IDENTITY_BYTES;

/// Identity of a journal.
pub(crate) type Identity = [u8; IDENTITY_BYTES];

/// What is real and what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mask {
    pub(crate) real: Identity,
    pub(crate) shown: Identity,
}

impl Mask {
    /// The real one is shown.
    pub(crate) fn none(real: Identity) -> Mask {
        Mask { real, shown: real }
    }

    /// Another for each number from 1; none is the real one.
    pub(crate) fn number(number: u64, real: Identity) -> Mask {
        let mut shown = real;
        for (byte, change) in shown.iter_mut().zip(number.to_be_bytes().into_iter().cycle()) {
            *byte ^= change;
        }
        Mask { real, shown }
    }

    /// What the feed says, as the caller sees it.
    pub(crate) fn outward(&self, said: Bytes) -> Bytes {
        if self.real == self.shown {
            return said;
        }
        let raw = exchanged(said, &self.real, &self.shown);
        exchanged(raw, &hex(&self.real), &hex(&self.shown))
    }

    /// What the caller says, as the feed sees it: the identity that is shown is the feed's, and the
    /// feed's own is nobody's.
    pub(crate) fn inward(&self, said: Bytes) -> Bytes {
        if self.real == self.shown {
            return said;
        }
        let nobody = self.real.map(|byte| !byte);
        exchanged(exchanged(said, &self.real, &nobody), &self.shown, &self.real)
    }
}

fn hex(identity: &Identity) -> Vec<u8> {
    identity.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn exchanged(bytes: Bytes, from: &[u8], to: &[u8]) -> Bytes {
    let mut found = bytes.windows(from.len()).position(|window| window == from);
    if found.is_none() {
        return bytes;
    }
    let mut changed = BytesMut::from(bytes.as_ref());
    let mut start = 0;
    while let Some(at) = found {
        changed[start + at..start + at + from.len()].copy_from_slice(to);
        start += at + from.len();
        found = changed[start..].windows(from.len()).position(|window| window == from);
    }
    changed.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_exchanged_for_the_other_both_ways() {
        let real = *b"0123456789abcdef";
        let mask = Mask::number(1, real);
        assert_ne!(mask.shown, real);
        assert_ne!(mask, Mask::number(2, real));
        let said = Bytes::from([b"x".as_slice(), &real, b"yy", &real].concat());
        let seen = mask.outward(said.clone());
        assert_eq!(seen.len(), said.len());
        assert!(!seen.windows(16).any(|window| window == real));
        assert_eq!(mask.inward(seen), said);
        let foreign = mask.inward(said);
        assert!(!foreign.windows(16).any(|window| window == real));
        assert_eq!(mask.outward(Bytes::from(hex(&real))), Bytes::from(hex(&mask.shown)));
    }
}
