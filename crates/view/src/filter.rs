//! Which keys, and beginnings of keys, a run certainly does not hold: a Bloom filter.
//!
//! Beginnings are those that end in a slash, so that a scan of `belongs/a/` looks only where one of its
//! keys may be.

/// Bits for each key; one in about a hundred keys that are not there seems to be.
const BITS: u64 = 10;
/// Bits looked at for a key, all in one line.
const PROBES: u32 = 6;
/// Bytes of a line: one of the processor's.
const LINE_BYTES: usize = 64;
/// What ends a beginning that is remembered.
const END: u8 = b'/';

/// What a filter looks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash(u64);

impl Hash {
    /// Of a key, or of the beginning of one.
    pub(crate) fn of(bytes: &[u8]) -> Hash {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut hash = bytes.len() as u64;
        let (chunks, rest) = bytes.as_chunks::<8>();
        for chunk in chunks {
            hash = mixed((hash ^ u64::from_le_bytes(*chunk)).wrapping_mul(FACTOR));
        }
        for byte in rest {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(FACTOR).rotate_left(23);
        }
        Hash(mixed(mixed(hash).wrapping_mul(FACTOR)))
    }

    /// As a number.
    pub(crate) fn get(self) -> u64 {
        self.0
    }

    /// Of the longest beginning of a prefix that filters remember.
    pub(crate) fn of_prefix(prefix: &[u8]) -> Option<Hash> {
        let end = prefix.iter().rposition(|byte| *byte == END)?;
        Some(Hash::of(&prefix[..=end]))
    }
}

fn mixed(hash: u64) -> u64 {
    hash ^ (hash >> 29)
}

/// Beginnings of a key that are remembered and that the key before it has not.
pub(crate) fn beginnings(before: &[u8], key: &[u8]) -> impl Iterator<Item = usize> {
    let shared = crate::block::shared(before, key);
    let ends = key.iter().enumerate().skip(shared).filter(|(_, byte)| **byte == END);
    ends.map(|(at, _)| at + 1)
}

/// Lines of bits.
#[derive(Debug)]
pub(crate) struct Filter {
    lines: Vec<u8>,
}

impl Filter {
    /// An empty one for so many keys and beginnings.
    pub(crate) fn new(count: u64) -> Filter {
        let bytes = usize::try_from(count * BITS / 8).expect("a filter fits into memory");
        Filter { lines: vec![0; (bytes / LINE_BYTES + 1) * LINE_BYTES] }
    }

    /// As it was stored; none when these are no lines.
    pub(crate) fn from_bytes(lines: Vec<u8>) -> Option<Filter> {
        let whole = !lines.is_empty() && lines.len().is_multiple_of(LINE_BYTES);
        whole.then_some(Filter { lines })
    }

    /// As it is stored.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.lines
    }

    pub(crate) fn insert(&mut self, hash: Hash) {
        let line = self.line(hash);
        for bit in bits(hash) {
            self.lines[line + bit / 8] |= 1 << (bit % 8);
        }
    }

    /// Whether it may be there; never false for what is.
    pub(crate) fn may_hold(&self, hash: Hash) -> bool {
        let line = self.line(hash);
        bits(hash).all(|bit| self.lines[line + bit / 8] & (1 << (bit % 8)) != 0)
    }

    fn line(&self, hash: Hash) -> usize {
        let lines = (self.lines.len() / LINE_BYTES) as u64;
        (((hash.0 >> 32) * lines) >> 32) as usize * LINE_BYTES
    }
}

fn bits(hash: Hash) -> impl Iterator<Item = usize> {
    let bits = (hash.0 & 0xffff_ffff).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (0..PROBES).map(move |probe| ((bits >> (9 * probe)) & 0x1ff) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_little_else() {
        let mut filter = Filter::new(10_000);
        let key = |number: u32| format!("belongs/member-{number}/network-{}", number % 7);
        for number in 0..10_000 {
            filter.insert(Hash::of(key(number).as_bytes()));
        }
        assert!((0..10_000).all(|number| filter.may_hold(Hash::of(key(number).as_bytes()))));
        let wrong = (10_000..110_000)
            .filter(|number| filter.may_hold(Hash::of(key(*number).as_bytes())))
            .count();
        assert!(wrong < 3_000, "{wrong} of 100,000 seem to be there");
    }

    #[test]
    fn beginnings_that_are_new_end_in_a_slash() {
        let of = |before: &[u8], key: &[u8]| beginnings(before, key).collect::<Vec<_>>();
        assert_eq!(of(b"", b"a/b/c"), [2, 4]);
        assert_eq!(of(b"a/b/c", b"a/b/d"), Vec::<usize>::new());
        assert_eq!(of(b"a/b/c", b"a/bc/d"), [5]);
        assert!(Hash::of_prefix(b"abc").is_none());
    }
}
