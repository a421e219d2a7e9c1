//! The index of events: which events there are, by number, and which of them a term has.
//!
//! Every event has a *number*, from 0, in the order of places. Two kinds of list are kept, both in blocks
//! of [`BLOCK`]: the places of all events by number, and for each term the numbers of its events with
//! their places, so that whoever has found an event knows where it stands. The last block of a term's
//! list stands in its head row, so that adding an event to a list reads and writes one key.

use std::collections::{BTreeMap, HashMap};

use hansa_proto::pb::feed::v1 as pb;
use hansa_view::{Keys, Staging, ViewError};
use prost::Message;

use super::keys;
use crate::terms::{Term, terms};

/// Entries of a block.
pub(crate) const BLOCK: u64 = 128;

/// The first entry of each head row: count, bytes, last number and its position.
const HEAD: usize = 32;

/// Where an event stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Position of its commit.
    pub(crate) position: u64,
    /// Place within it.
    pub(crate) index: u32,
}

/// The number of an event, and its place.
pub(crate) type Numbered = (u64, Place);

/// What is known of a list without reading its blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Entries.
    pub(crate) count: u64,
    /// Bytes of its events.
    pub(crate) bytes: u64,
    /// Number and position of the last entry.
    last: (u64, u64),
    /// The block that is not full, as differences.
    open: Vec<u8>,
}

/// Events that are to be listed: those of a batch together, so that a list that many of them belong to is
/// read and written once.
#[derive(Debug, Default)]
pub(crate) struct Unlisted {
    /// Their places, in order, and their bytes.
    events: Vec<(Place, u64)>,
    /// Which of them have a term, ascending.
    lists: HashMap<Term, Vec<usize>>,
}

impl Unlisted {
    /// Takes note of the events of a commit. Those of which something was erased since count with the bytes
    /// they were told with, so that it makes no difference when they are read.
    pub(crate) fn note(&mut self, events: &[pb::Event], told_bytes: &BTreeMap<u32, u64>) {
        for event in events {
            let told = told_bytes.get(&event.index).copied();
            let place = Place { position: event.position, index: event.index };
            for term in terms(event) {
                self.lists.entry(term).or_default().push(self.events.len());
            }
            self.events.push((place, told.unwrap_or(event.encoded_len() as u64)));
        }
    }

    /// Forgets them: their commits were not written.
    pub(crate) fn clear(&mut self) {
        *self = Unlisted::default();
    }

    /// Lists them.
    pub(crate) fn list(&mut self, staging: &mut Staging) -> Result<(), ViewError> {
        let Unlisted { events, lists } = std::mem::take(self);
        let Some((last, _)) = events.last() else {
            return Ok(());
        };
        let mut all = head(&*staging, keys::EVENTS)?;
        let first = all.count;
        for (term, having) in lists {
            let having =
                having.into_iter().map(|it| ((first + it as u64, events[it].0), events[it].1));
            add_to_list(staging, &term, having)?;
        }
        add_to_places(staging, first, events.iter().map(|(place, _)| *place))?;
        all.count += events.len() as u64;
        all.bytes += events.iter().map(|(_, bytes)| bytes).sum::<u64>();
        all.last = (all.count - 1, last.position);
        staging.put(keys::EVENTS, all.encode());
        Ok(())
    }
}

fn add_to_places(
    staging: &mut Staging,
    first: u64,
    places: impl Iterator<Item = Place>,
) -> Result<(), ViewError> {
    let mut block = staging.get(&keys::places(first / BLOCK))?.unwrap_or_default();
    let mut next = first;
    for place in places {
        block.extend(place.position.to_be_bytes());
        block.extend(place.index.to_be_bytes());
        next += 1;
        if next.is_multiple_of(BLOCK) {
            staging.put(keys::places(next / BLOCK - 1), std::mem::take(&mut block));
        }
    }
    if !block.is_empty() {
        staging.put(keys::places(next / BLOCK), block);
    }
    Ok(())
}

/// Adds events with their bytes.
fn add_to_list(
    staging: &mut Staging,
    term: &Term,
    events: impl Iterator<Item = (Numbered, u64)>,
) -> Result<(), ViewError> {
    let key = keys::list(term);
    let mut head = head(&*staging, &key)?;
    for ((number, place), bytes) in events {
        let base = if head.count.is_multiple_of(BLOCK) { (0, 0) } else { head.last };
        for part in [number - base.0, place.position - base.1, u64::from(place.index)] {
            prost::encoding::encode_varint(part, &mut head.open);
        }
        head.count += 1;
        head.bytes += bytes;
        head.last = (number, place.position);
        if head.count.is_multiple_of(BLOCK) {
            let full = std::mem::take(&mut head.open);
            staging.put(keys::list_block(term, head.count / BLOCK - 1), full);
        }
    }
    staging.put(key, head.encode());
    Ok(())
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.open.len());
        bytes.extend(self.count.to_be_bytes());
        bytes.extend(self.bytes.to_be_bytes());
        bytes.extend(self.last.0.to_be_bytes());
        bytes.extend(self.last.1.to_be_bytes());
        bytes.extend(&self.open);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Head> {
        let (count, rest) = bytes.split_first_chunk()?;
        let (held, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (position, open) = rest.split_first_chunk()?;
        Some(Head {
            count: u64::from_be_bytes(*count),
            bytes: u64::from_be_bytes(*held),
            last: (u64::from_be_bytes(*number), u64::from_be_bytes(*position)),
            open: open.to_vec(),
        })
    }
}

fn head(keys: &impl Keys, key: &[u8]) -> Result<Head, ViewError> {
    match keys.get(key)? {
        None => Ok(Head::default()),
        Some(bytes) => Head::decode(&bytes).ok_or_else(|| damaged("the head of a list is short")),
    }
}

/// The head of the list of all events: how many there are.
pub(crate) fn all_events(keys: &impl Keys) -> Result<Head, ViewError> {
    head(keys, keys::EVENTS)
}

/// The head of a term's list.
pub(crate) fn list_head(keys: &impl Keys, term: &Term) -> Result<Head, ViewError> {
    head(keys, &keys::list(term))
}

/// The entries of one block of a term's list.
pub(super) fn list_block(
    keys: &impl Keys,
    term: &Term,
    head: &Head,
    block: u64,
) -> Result<Vec<Numbered>, ViewError> {
    if block >= head.count / BLOCK {
        return entries(&head.open);
    }
    let stored = keys.get(&keys::list_block(term, block))?;
    entries(&stored.ok_or_else(|| damaged("a block of a list is missing"))?)
}

fn entries(mut bytes: &[u8]) -> Result<Vec<Numbered>, ViewError> {
    let mut entries = Vec::with_capacity(BLOCK as usize);
    let (mut number, mut position) = (0, 0);
    let part = |bytes: &mut &[u8]| {
        prost::encoding::decode_varint(bytes).map_err(|error| damaged(&error.to_string()))
    };
    while !bytes.is_empty() {
        number += part(&mut bytes)?;
        position += part(&mut bytes)?;
        let index = u32::try_from(part(&mut bytes)?);
        let index = index.map_err(|_| damaged("an event has an impossible index"))?;
        entries.push((number, Place { position, index }));
    }
    Ok(entries)
}

/// The places of the events of one block of all.
pub(super) fn places(keys: &impl Keys, block: u64) -> Result<Vec<Place>, ViewError> {
    let stored = keys.get(&keys::places(block))?.unwrap_or_default();
    let (entries, rest) = stored.as_chunks::<12>();
    if !rest.is_empty() {
        return Err(damaged("a block of places has a wrong length"));
    }
    let place = |entry: &[u8; 12]| {
        let (position, index) = entry.split_at(8);
        Some(Place {
            position: u64::from_be_bytes(position.try_into().ok()?),
            index: u32::from_be_bytes(index.try_into().ok()?),
        })
    };
    let places: Option<Vec<Place>> = entries.iter().map(place).collect();
    places.ok_or_else(|| damaged("a place has a wrong length"))
}

fn damaged(problem: &str) -> ViewError {
    ViewError::Value(problem.to_owned())
}
