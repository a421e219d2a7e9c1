//! The order of keys, which catches up with them when it is asked for.
//!
//! It is kept in two lists: a long one, and a short one of what came since, so that who reads after each
//! write does not have the long one made again each time.

use std::ops::Range;
use std::sync::Arc;

/// The shorter list has so many numbers at most, or
const SHORT: usize = if cfg!(test) { 4 } else { 1_024 };
/// so many times fewer than the longer one.
const SHORTER: usize = 8;

/// Numbers of changes in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Order {
    long: Arc<Vec<u32>>,
    short: Arc<Vec<u32>>,
}

impl Order {
    pub(super) fn clear(&mut self) {
        *self = Order::default();
    }

    /// There are only so many numbers any more.
    pub(super) fn forget_from(&mut self, count: usize) {
        if self.long.len() + self.short.len() > count {
            self.clear();
        }
    }

    /// The numbers below `count` in one list.
    pub(super) fn whole<'k>(
        &mut self,
        count: usize,
        key: impl Fn(u32) -> &'k [u8],
    ) -> Arc<Vec<u32>> {
        self.catch_up(count, &key);
        let short = std::mem::take(&mut self.short);
        match (self.long.is_empty(), short.is_empty()) {
            (_, true) => {}
            (true, false) => self.long = short,
            (false, false) => self.long = Arc::new(merged(&self.long, &short, &key)),
        }
        Arc::clone(&self.long)
    }

    /// The numbers below `count` in two lists.
    pub(super) fn parts<'k>(
        &mut self,
        count: usize,
        key: impl Fn(u32) -> &'k [u8],
    ) -> [Arc<Vec<u32>>; 2] {
        self.catch_up(count, &key);
        if self.short.len() > SHORT.max(self.long.len() / SHORTER) {
            self.whole(count, key);
        }
        [Arc::clone(&self.long), Arc::clone(&self.short)]
    }

    fn catch_up<'k>(&mut self, count: usize, key: &impl Fn(u32) -> &'k [u8]) {
        let (known, count) = (self.long.len() + self.short.len(), number(count));
        if known < count as usize {
            let new = sorted(number(known)..count, key);
            self.short = Arc::new(match self.short.is_empty() {
                true => new,
                false => merged(&self.short, &new, key),
            });
        }
    }
}

/// These numbers in the order of their keys.
fn sorted<'k>(numbers: Range<u32>, key: &impl Fn(u32) -> &'k [u8]) -> Vec<u32> {
    let mut headed: Vec<_> = numbers.map(|number| (head(key(number)), number)).collect();
    // What was taken in order is in order here and there, which this way of sorting makes use of.
    headed.sort_by(|(one_head, one), (other_head, other)| {
        one_head.cmp(other_head).then_with(|| key(*one).cmp(key(*other)))
    });
    headed.into_iter().map(|(_, number)| number).collect()
}

/// What a key begins with, as numbers of the same order: to compare these needs no look at the key, which
/// is somewhere else.
fn head(key: &[u8]) -> [u128; 2] {
    let mut head = [0; 32];
    let length = key.len().min(head.len());
    head[..length].copy_from_slice(&key[..length]);
    let (halves, _) = head.as_chunks::<16>();
    [u128::from_be_bytes(halves[0]), u128::from_be_bytes(halves[1])]
}

/// Two ordered lists as one, the second one the shorter.
fn merged<'k>(long: &[u32], short: &[u32], key: &impl Fn(u32) -> &'k [u8]) -> Vec<u32> {
    let mut merged = Vec::with_capacity(long.len() + short.len());
    let mut rest = long;
    for number in short {
        let next = key(*number);
        let (before, after) = rest.split_at(rest.partition_point(|it| key(*it) < next));
        merged.extend_from_slice(before);
        merged.push(*number);
        rest = after;
    }
    merged.extend_from_slice(rest);
    merged
}

pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("less than four billion changes")
}
