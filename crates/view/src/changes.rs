//! Changes to keys: found by what their keys hash to, and put in order only when somebody asks for that.
//!
//! Who writes looks up and replaces; in the order of keys are they read by those who list something, and
//! once when they become a run. So the order is kept beside the changes, and catches up when it is needed.

mod order;
mod table;

use std::ops::{Bound, Range};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::filter::Hash;
use order::{Order, number};
use table::Table;

/// Bytes a change costs beside those of its key and value.
const ENTRY_BYTES: usize = 56;
/// Bytes to which there is room for an entry: fewer than most have, so that the room never moves.
const ROOM_BYTES: usize = 80;
/// Room for more bytes is let go when the changes are forgotten.
const MOST_KEPT_BYTES: usize = 16 * 1024 * 1024;
/// So many changes are taken in in the order of their keys: who puts all of them in order later has it
/// easier. Shorter stretches would be no help.
const WORTH_ORDER: usize = if cfg!(test) { 8 } else { 1_024 };
/// The length of the value of a key that is no more.
const GONE: u32 = u32::MAX;

/// The value a key is to have; none: it is to be no more.
pub(crate) type Change<'c> = Option<&'c [u8]>;

/// Changes to keys, one for each.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Keys and values, one behind the other.
    text: Vec<u8>,
    entries: Vec<Entry>,
    table: Table,
    order: Mutex<Order>,
    /// What was replaced since the last `keep`, in that order.
    replaced: Vec<(u32, Entry)>,
    /// How many entries there were then, and bytes of text.
    kept: (usize, usize),
}

/// Where a key and its value are.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: Hash,
    key_at: usize,
    value_at: usize,
    key: u32,
    value: u32,
}

impl Changes {
    /// None, with room for about so many bytes of them. The room takes no memory before it is used.
    pub(crate) fn with_room(bytes: usize) -> Changes {
        let (text, entries) = (Vec::with_capacity(bytes), Vec::with_capacity(bytes / ROOM_BYTES));
        Changes { text, entries, ..Changes::default() }
    }

    /// How many keys change.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// About how much memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.entries.len() * ENTRY_BYTES
    }

    /// Forgets them all.
    pub(crate) fn clear(&mut self) {
        if self.text.capacity() > MOST_KEPT_BYTES {
            *self = Changes::default();
            return;
        }
        self.table.clear(self.entries.len(), |index| self.entries[index].hash);
        self.text.clear();
        self.entries.clear();
        self.order.get_mut().clear();
        self.keep();
    }

    /// Whatever was staged until now stays when what comes is undone.
    pub(crate) fn keep(&mut self) {
        self.replaced.clear();
        self.kept = (self.entries.len(), self.text.len());
    }

    /// Whether nothing was staged since the last `keep`.
    pub(crate) fn is_kept(&self) -> bool {
        self.replaced.is_empty() && self.kept.0 == self.entries.len()
    }

    /// Takes back what was staged since the last `keep`.
    pub(crate) fn undo(&mut self) {
        for (index, entry) in self.replaced.drain(..).rev() {
            self.entries[index as usize] = entry;
        }
        let (entries, text) = self.kept;
        while self.entries.len() > entries {
            let last = self.entries.pop().expect("there are more than were kept");
            self.table.remove_last(self.entries.len(), last.hash);
        }
        self.text.truncate(text);
        self.order.get_mut().forget_from(entries);
    }

    /// What a key, which hashes to this, is to be; none when it does not change.
    pub(crate) fn get(&self, key: &[u8], hash: Hash) -> Option<Change<'_>> {
        let index = self.table.find(hash, |index| self.key(index) == key)?;
        Some(self.value(index))
    }

    /// A key, which hashes to this, is to be so; what it was to be before is forgotten.
    pub(crate) fn set(&mut self, key: &[u8], hash: Hash, change: Change<'_>) {
        let index = self.place(key, hash);
        let entry = &mut self.entries[index as usize];
        match change {
            // Most of what is replaced is a number, and stays as long.
            Some(value) if entry.value == length(value) => {
                self.text[entry.value_at..][..value.len()].copy_from_slice(value);
            }
            change => entry.set(&mut self.text, change),
        }
    }

    /// Like [`Changes::set`], until it is undone.
    pub(crate) fn stage(&mut self, key: &[u8], hash: Hash, change: Change<'_>) {
        let index = self.place(key, hash);
        let entry = &mut self.entries[index as usize];
        if (index as usize) < self.kept.0 {
            self.replaced.push((index, *entry));
        }
        entry.set(&mut self.text, change);
    }

    /// Number of the change of a key.
    fn place(&mut self, key: &[u8], hash: Hash) -> u32 {
        if let Some(index) = self.table.find(hash, |index| self.key(index) == key) {
            return index;
        }
        let next = self.entries.len();
        let index = self.table.insert(next, hash, |index| self.entries[index as usize].hash);
        let key_at = append(&mut self.text, key);
        self.entries.push(Entry { hash, key_at, value_at: 0, key: length(key), value: GONE });
        index
    }

    /// Takes in others, which replace these.
    pub(crate) fn take(&mut self, others: &Changes) {
        self.table.fetch(others.entries.iter().map(|entry| entry.hash));
        if others.len() < WORTH_ORDER {
            (0..number(others.len())).for_each(|index| self.take_one(others, index));
        } else {
            others.in_order().iter().for_each(|index| self.take_one(others, *index));
        }
    }

    fn take_one(&mut self, others: &Changes, index: u32) {
        let hash = others.entries[index as usize].hash;
        self.set(others.key(index), hash, others.value(index));
    }

    /// The keys and what they hash to, in the order they were first set.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&[u8], Hash)> {
        self.entries.iter().map(|entry| (self.key_of(entry), entry.hash))
    }

    /// The key of the change with this number.
    pub(crate) fn key(&self, index: u32) -> &[u8] {
        self.key_of(&self.entries[index as usize])
    }

    /// What the key of the change with this number is to be.
    pub(crate) fn value(&self, index: u32) -> Change<'_> {
        self.value_of(&self.entries[index as usize])
    }

    fn key_of(&self, entry: &Entry) -> &[u8] {
        &self.text[entry.key_at..][..entry.key as usize]
    }

    fn value_of(&self, entry: &Entry) -> Change<'_> {
        let length = entry.value as usize;
        (entry.value != GONE).then(|| &self.text[entry.value_at..][..length])
    }

    /// Numbers of all changes in the order of their keys.
    pub(crate) fn in_order(&self) -> Arc<Vec<u32>> {
        self.order.lock().whole(self.len(), |index| self.key(index))
    }

    /// Numbers of all changes in two lists, each in the order of its keys.
    pub(crate) fn in_two_orders(&self) -> [Arc<Vec<u32>>; 2] {
        self.order.lock().parts(self.len(), |index| self.key(index))
    }

    /// Those of an ordered list whose keys are between two bounds.
    pub(crate) fn between(
        &self,
        order: &[u32],
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
    ) -> Range<usize> {
        let place = |bound: Bound<&[u8]>, past: bool, open: usize| match bound {
            Bound::Unbounded => open,
            Bound::Included(bound) if past => order.partition_point(|it| self.key(*it) <= bound),
            Bound::Excluded(bound) if !past => order.partition_point(|it| self.key(*it) <= bound),
            Bound::Included(bound) | Bound::Excluded(bound) => {
                order.partition_point(|it| self.key(*it) < bound)
            }
        };
        let first = place(start, false, 0);
        first..place(end, true, order.len()).max(first)
    }
}

impl Entry {
    fn set(&mut self, text: &mut Vec<u8>, change: Change<'_>) {
        self.value = change.map_or(GONE, length);
        self.value_at = change.map_or(0, |value| append(text, value));
    }
}

fn append(text: &mut Vec<u8>, bytes: &[u8]) -> usize {
    let at = text.len();
    text.extend_from_slice(bytes);
    at
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).ok().filter(|it| *it != GONE).expect("less than four gigabytes")
}
