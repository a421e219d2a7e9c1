//! Numbers found by hashes: open addressing, at most half full.

use crate::filter::Hash;

/// Slots of the smallest table.
const LEAST: usize = 64;
/// A table of more slots is let go when it is emptied.
const MOST_KEPT: usize = 64 * 1024;
/// To take out one number takes as long as to free so many slots in a row.
const SPARSE: usize = 32;

/// Finds the number of a change by the hash of its key.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Upper half of the hash, number + 1; 0: free. A power of two of them.
    slots: Vec<(u32, u32)>,
}

impl Table {
    /// Takes out all the numbers, so many, of which it is told what they hash to. Few of them are not paid
    /// for as the many that were there before.
    pub(super) fn clear(&mut self, count: usize, hash_of: impl Fn(usize) -> Hash) {
        if self.slots.len() > MOST_KEPT {
            self.slots = Vec::new();
        } else if count > self.slots.len() / SPARSE {
            self.slots.fill((0, 0));
        } else {
            (0..count).rev().for_each(|last| self.remove_last(last, hash_of(last)));
        }
    }

    /// The number with this hash that is the one.
    pub(super) fn find(&self, hash: Hash, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let (upper, mut at) = split(hash, mask);
        loop {
            match self.slots[at] {
                (_, 0) => return None,
                (other, number) if other == upper && is_it(number - 1) => return Some(number - 1),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Has all these brought near together: to look for one after the other would wait for each.
    pub(super) fn fetch(&self, hashes: impl Iterator<Item = Hash>) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let near = hashes.fold(0, |near, hash| near ^ self.slots[split(hash, mask).1].0);
        std::hint::black_box(near);
    }

    /// Enters the next number, which is how many there are; asks what those before it hash to, if it must.
    pub(super) fn insert(&mut self, next: usize, hash: Hash, hash_of: impl Fn(u32) -> Hash) -> u32 {
        let next = u32::try_from(next).expect("less than four billion changes");
        if self.slots.len() <= 2 * next as usize {
            let slots = (2 * self.slots.len()).max(LEAST);
            self.slots = vec![(0, 0); slots];
            for number in 0..next {
                self.enter(number, hash_of(number));
            }
        }
        self.enter(next, hash);
        next
    }

    /// Takes out the number entered last: nothing was put elsewhere because of it.
    pub(super) fn remove_last(&mut self, last: usize, hash: Hash) {
        let mask = self.slots.len() - 1;
        let (_, mut at) = split(hash, mask);
        while self.slots[at].1 as usize != last + 1 {
            at = (at + 1) & mask;
        }
        self.slots[at] = (0, 0);
    }

    fn enter(&mut self, number: u32, hash: Hash) {
        let mask = self.slots.len() - 1;
        let (upper, mut at) = split(hash, mask);
        while self.slots[at].1 != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = (upper, number + 1);
    }
}

/// What a slot remembers of a hash, and the first slot it may be in.
fn split(hash: Hash, mask: usize) -> (u32, usize) {
    let hash = hash.get();
    ((hash >> 32) as u32, hash as usize & mask)
}
