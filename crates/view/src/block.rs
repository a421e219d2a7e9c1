//! Entries in the order of their keys, as bytes: each key without what it shares with the one before it.

use std::ops::Range;

use crate::ViewError;

/// Appends an entry behind one with the key `before`; no value says that the key is no more.
pub(crate) fn append(block: &mut Vec<u8>, before: &[u8], key: &[u8], value: Option<&[u8]>) {
    let shared = shared(before, key);
    put_number(block, shared);
    put_number(block, key.len() - shared);
    put_number(block, value.map_or(0, |value| value.len() + 1));
    block.extend_from_slice(&key[shared..]);
    block.extend_from_slice(value.unwrap_or_default());
}

/// How many bytes two keys begin with alike.
pub(crate) fn shared(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

fn put_number(block: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        block.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    block.push(number as u8);
}

/// Walks the entries of a block, one after the other.
pub(crate) struct Walk<'b> {
    block: &'b [u8],
    at: usize,
    key: Vec<u8>,
}

impl<'b> Walk<'b> {
    /// From the beginning of a block, whose first key is known. A block holds something: of one that does
    /// not, only the key was written.
    pub(crate) fn new(block: &'b [u8], first: &[u8]) -> Result<Walk<'b>, ViewError> {
        match block.is_empty() {
            true => Err(damaged()),
            false => Ok(Walk { block, at: 0, key: first.to_vec() }),
        }
    }

    /// The key of the entry walked to last.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Walks to the next entry; says where its value is, if it has one.
    pub(crate) fn step(&mut self) -> Result<Option<Option<Range<usize>>>, ViewError> {
        if self.at == self.block.len() {
            return Ok(None);
        }
        let (shared, own, value) = (self.number()?, self.number()?, self.number()?);
        let own = self.take(own)?;
        if shared > self.key.len() {
            return Err(damaged());
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(&self.block[own]);
        match value.checked_sub(1) {
            Some(length) => self.take(length).map(|value| Some(Some(value))),
            None => Ok(Some(None)),
        }
    }

    fn take(&mut self, length: usize) -> Result<Range<usize>, ViewError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.block.len());
        let taken = self.at..end.ok_or_else(damaged)?;
        self.at = taken.end;
        Ok(taken)
    }

    fn number(&mut self) -> Result<usize, ViewError> {
        let mut number = 0;
        for shift in (0..28).step_by(7) {
            let byte = *self.block.get(self.at).ok_or_else(damaged)?;
            self.at += 1;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged())
    }
}

fn damaged() -> ViewError {
    ViewError::Damaged("a block does not decode".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn entries_come_back(
            entries in prop::collection::btree_map(
                prop::collection::vec(0..3u8, 1..6),
                prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
                1..20,
            ),
        ) {
            let first = entries.keys().next().unwrap().clone();
            let (mut block, mut before) = (Vec::new(), first.clone());
            for (key, value) in &entries {
                append(&mut block, &before, key, value.as_deref());
                before = key.clone();
            }
            let mut walk = Walk::new(&block, &first).unwrap();
            let mut found = BTreeMap::new();
            while let Some(value) = walk.step().unwrap() {
                found.insert(walk.key().to_vec(), value.map(|value| block[value].to_vec()));
            }
            prop_assert_eq!(found, entries);
        }

        /// Whatever the bytes are, walking them ends, with an error or without.
        #[test]
        fn damage_is_an_error(block in prop::collection::vec(any::<u8>(), 0..60)) {
            let Ok(mut walk) = Walk::new(&block, b"first") else { return Ok(()) };
            while let Ok(Some(_)) = walk.step() {}
        }
    }
}
