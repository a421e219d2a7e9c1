//! Which events match, from the index alone: the lists of each axis merged, the axes intersected from
//! the rarest, in either direction, a bounded number of steps at a time.

use hansa_view::{Keys, ViewError};

use super::index::{self, BLOCK, Head, Numbered, Place};
use crate::terms::{Axis, Term};

/// Most numbers looked at in one search, so that a search holds the view for some milliseconds.
pub(crate) const STEPS: usize = 20_000;

/// What is looked for: axes AND-ed, values of one OR-ed; no axis takes everything.
pub(crate) type Axes = Vec<(Axis, Vec<String>)>;

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Events that match, in the direction of the search, each with its number.
    pub(crate) events: Vec<Numbered>,
    /// Where to go on: forwards everything before this number was looked at, backwards everything from
    /// it on. None: there is no more.
    pub(crate) more: Option<u64>,
}

/// How many events a place has before it.
pub(crate) fn number_at(keys: &impl Keys, place: Place) -> Result<u64, ViewError> {
    let all = index::all_events(keys)?.count;
    let (mut low, mut high) = (0, all.div_ceil(BLOCK));
    // The block the place would stand in: the last that begins before it.
    while low < high {
        let middle = low + (high - low) / 2;
        let first = index::places(keys, middle)?.first().copied();
        match first.is_some_and(|first| first < place) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    let Some(block) = low.checked_sub(1) else {
        return Ok(0);
    };
    let places = index::places(keys, block)?;
    Ok(block * BLOCK + places.partition_point(|other| *other < place) as u64)
}

/// Where the event of a number stands.
pub(crate) fn place_of(keys: &impl Keys, number: u64) -> Result<Place, ViewError> {
    let places = index::places(keys, number / BLOCK)?;
    let place = places.get((number % BLOCK) as usize).copied();
    place.ok_or_else(|| ViewError::Value("an event has no place".to_owned()))
}

/// Which of some axes lets the fewest events through. There is at least one.
pub(crate) fn rarest(keys: &impl Keys, axes: &Axes) -> Result<usize, ViewError> {
    let mut rarest = (u64::MAX, 0);
    for (place, (axis, values)) in axes.iter().enumerate() {
        let mut count = 0;
        for value in values {
            count += index::list_head(keys, &Term { axis: *axis, value: value.clone() })?.count;
        }
        rarest = rarest.min((count, place));
    }
    Ok(rarest.1)
}

/// Events that match from a number on, before another, at most so many.
pub(crate) fn forwards(
    keys: &impl Keys,
    axes: &Axes,
    from: u64,
    end: u64,
    limit: usize,
) -> Result<Found, ViewError> {
    let mut search = Search::new(keys, axes)?;
    let mut number = from;
    for _ in 0..STEPS {
        if search.found.events.len() >= limit {
            search.found.more = Some(number);
            return Ok(search.found);
        }
        number = match search.at_or_after(number)? {
            Step::Match(found, place) if found < end => {
                search.take(found, place)?;
                found + 1
            }
            Step::Not(next) if next < end => next,
            _ => return Ok(search.found),
        };
    }
    search.found.more = Some(number);
    Ok(search.found)
}

/// Events that match before a number, the last first, at most so many.
pub(crate) fn backwards(
    keys: &impl Keys,
    axes: &Axes,
    before: u64,
    limit: usize,
) -> Result<Found, ViewError> {
    let mut search = Search::new(keys, axes)?;
    let mut number = before;
    for _ in 0..STEPS {
        if search.found.events.len() >= limit {
            search.found.more = Some(number);
            return Ok(search.found);
        }
        number = match search.before(number)? {
            Step::Match(found, place) => {
                search.take(found, place)?;
                found
            }
            Step::Not(next) => next + 1,
            Step::End => return Ok(search.found),
        };
    }
    search.found.more = Some(number);
    Ok(search.found)
}

/// What one look at all axes came to.
enum Step {
    /// All of them have this number; they know its place unless there is none.
    Match(u64, Option<Place>),
    /// Nothing matches short of this number, which may.
    Not(u64),
    /// Nothing more matches.
    End,
}

/// The axes, the rarest first, and what they have found.
struct Search<'k, K: Keys> {
    keys: &'k K,
    axes: Vec<Vec<List<'k, K>>>,
    all: u64,
    /// The block of places that was last needed: only without axes any is.
    places: Option<(u64, Vec<Place>)>,
    found: Found,
}

impl<'k, K: Keys> Search<'k, K> {
    fn new(keys: &'k K, axes: &Axes) -> Result<Self, ViewError> {
        let mut ready = Vec::with_capacity(axes.len());
        for (axis, values) in axes {
            let mut lists = Vec::with_capacity(values.len());
            for value in values {
                let list = List::new(keys, Term { axis: *axis, value: value.clone() })?;
                if list.head.count > 0 {
                    lists.push(list);
                }
            }
            ready.push(lists);
        }
        ready.sort_by_key(|lists| lists.iter().map(|list| list.head.count).sum::<u64>());
        let all = index::all_events(keys)?.count;
        Ok(Search { keys, axes: ready, all, places: None, found: Found::default() })
    }

    /// One step forwards: each axis in turn says its first number at or after the one before it said.
    fn at_or_after(&mut self, number: u64) -> Result<Step, ViewError> {
        let (mut candidate, mut place, mut agreed) = (number, None, true);
        for (axis, lists) in self.axes.iter_mut().enumerate() {
            let mut first: Option<Numbered> = None;
            for list in lists {
                let next = list.at_or_after(candidate)?;
                first = first.into_iter().chain(next).min();
            }
            let Some(first) = first else {
                return Ok(Step::End);
            };
            agreed &= axis == 0 || candidate == first.0;
            (candidate, place) = (first.0, Some(first.1));
        }
        Ok(self.step(candidate, place, agreed))
    }

    /// One step backwards: each axis in turn says its last number before the one before it said.
    fn before(&mut self, number: u64) -> Result<Step, ViewError> {
        let Some(start) = number.min(self.all).checked_sub(1) else {
            return Ok(Step::End);
        };
        let (mut candidate, mut place, mut agreed) = (start, None, true);
        for (axis, lists) in self.axes.iter_mut().enumerate() {
            let mut last: Option<Numbered> = None;
            for list in lists {
                last = last.max(list.at_or_before(candidate)?);
            }
            let Some(last) = last else {
                return Ok(Step::End);
            };
            agreed &= axis == 0 || candidate == last.0;
            (candidate, place) = (last.0, Some(last.1));
        }
        Ok(self.step(candidate, place, agreed))
    }

    fn step(&self, candidate: u64, place: Option<Place>, agreed: bool) -> Step {
        match agreed {
            _ if candidate >= self.all => Step::End,
            true => Step::Match(candidate, place),
            false => Step::Not(candidate),
        }
    }

    fn take(&mut self, number: u64, place: Option<Place>) -> Result<(), ViewError> {
        if let Some(place) = place {
            self.found.events.push((number, place));
            return Ok(());
        }
        let block = number / BLOCK;
        if self.places.as_ref().is_none_or(|(held, _)| *held != block) {
            self.places = Some((block, index::places(self.keys, block)?));
        }
        let places = self.places.as_ref().map(|(_, places)| places.as_slice()).unwrap_or_default();
        let place = places.get((number % BLOCK) as usize).copied();
        let place = place.ok_or_else(|| ViewError::Value("an event has no place".to_owned()))?;
        self.found.events.push((number, place));
        Ok(())
    }
}

/// The list of one term, with the block it was last read at.
struct List<'k, K: Keys> {
    keys: &'k K,
    term: Term,
    head: Head,
    block: u64,
    entries: Vec<Numbered>,
}

impl<'k, K: Keys> List<'k, K> {
    fn new(keys: &'k K, term: Term) -> Result<Self, ViewError> {
        let head = index::list_head(keys, &term)?;
        Ok(List { keys, term, head, block: u64::MAX, entries: Vec::new() })
    }

    fn blocks(&self) -> u64 {
        self.head.count.div_ceil(BLOCK)
    }

    fn load(&mut self, block: u64) -> Result<(), ViewError> {
        if self.block != block {
            self.entries = index::list_block(self.keys, &self.term, &self.head, block)?;
            self.block = block;
        }
        Ok(())
    }

    fn at_or_after(&mut self, number: u64) -> Result<Option<Numbered>, ViewError> {
        let block = self.block_for(number)?;
        self.load(block)?;
        let at = self.entries.partition_point(|(other, _)| *other < number);
        if at < self.entries.len() || block + 1 >= self.blocks() {
            return Ok(self.entries.get(at).copied());
        }
        self.load(block + 1)?;
        Ok(self.entries.first().copied())
    }

    fn at_or_before(&mut self, number: u64) -> Result<Option<Numbered>, ViewError> {
        let block = self.block_for(number)?;
        self.load(block)?;
        let at = self.entries.partition_point(|(other, _)| *other <= number);
        Ok(at.checked_sub(1).and_then(|at| self.entries.get(at)).copied())
    }

    /// The last block that begins at or before a number, or the first.
    fn block_for(&mut self, number: u64) -> Result<u64, ViewError> {
        let here = self.block != u64::MAX
            && self.entries.first().is_some_and(|(first, _)| *first <= number)
            && self.entries.last().is_some_and(|(last, _)| number <= *last);
        if here {
            return Ok(self.block);
        }
        let (mut low, mut high) = (0, self.blocks());
        while low < high {
            let middle = low + (high - low) / 2;
            self.load(middle)?;
            match self.entries.first().is_some_and(|(first, _)| *first <= number) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low.saturating_sub(1))
    }
}
