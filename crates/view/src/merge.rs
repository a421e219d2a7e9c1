//! Layers and runs as one: of entries with the same key, that of the youngest counts.

use std::cmp::Ordering;
use std::ops::{Bound, Range};
use std::sync::Arc;

use crate::ViewError;
use crate::changes::{Change, Changes};
use crate::run::RunCursor;

/// A place in a layer or a run.
pub(crate) enum Cursor<'s> {
    Layer(LayerCursor<'s>),
    Run(Box<RunCursor<'s>>),
}

/// A place in one of the lists of a layer's changes.
pub(crate) struct LayerCursor<'s> {
    changes: &'s Changes,
    order: Arc<Vec<u32>>,
    /// Places to come.
    places: Range<usize>,
    descending: bool,
    current: Option<(&'s [u8], Change<'s>)>,
}

impl<'s> LayerCursor<'s> {
    pub(crate) fn new(
        changes: &'s Changes,
        order: Arc<Vec<u32>>,
        (start, end): (Bound<&[u8]>, Bound<&[u8]>),
        descending: bool,
    ) -> LayerCursor<'s> {
        let places = changes.between(&order, start, end);
        let mut cursor = LayerCursor { changes, order, places, descending, current: None };
        cursor.advance();
        cursor
    }

    fn advance(&mut self) {
        let place = if self.descending { self.places.next_back() } else { self.places.next() };
        let changes = self.changes;
        self.current = place.map(|place| {
            let index = self.order[place];
            (changes.key(index), changes.value(index))
        });
    }
}

impl Cursor<'_> {
    fn current(&self) -> Option<(&[u8], Option<&[u8]>)> {
        match self {
            Cursor::Layer(layer) => layer.current,
            Cursor::Run(run) => run.current(),
        }
    }

    fn key(&self) -> Option<&[u8]> {
        self.current().map(|(key, _)| key)
    }

    fn advance(&mut self) -> Result<(), ViewError> {
        match self {
            Cursor::Layer(layer) => layer.advance(),
            Cursor::Run(run) => run.advance()?,
        }
        Ok(())
    }
}

/// Walks several as one.
pub(crate) struct Merge<'s> {
    /// The youngest first.
    cursors: Vec<Cursor<'s>>,
    descending: bool,
    /// Which of them has the entry walked to last.
    at: Option<usize>,
    /// The others that are at an entry, the one that comes next at the end.
    waiting: Vec<usize>,
}

impl<'s> Merge<'s> {
    /// Of cursors that go in one direction, the youngest first.
    pub(crate) fn new(cursors: Vec<Cursor<'s>>, descending: bool) -> Merge<'s> {
        let waiting = Vec::with_capacity(cursors.len());
        let mut merge = Merge { cursors, descending, at: None, waiting };
        for index in 0..merge.cursors.len() {
            merge.enter(index);
        }
        merge
    }

    /// Walks to the next entry; false when there is none.
    pub(crate) fn step(&mut self) -> Result<bool, ViewError> {
        if let Some(at) = self.at {
            while let Some(next) =
                self.waiting.pop_if(|next| self.cursors[*next].key() == self.cursors[at].key())
            {
                self.cursors[next].advance()?;
                self.enter(next);
            }
            self.cursors[at].advance()?;
            self.enter(at);
        }
        self.at = self.waiting.pop();
        Ok(self.at.is_some())
    }

    /// Has a cursor wait in its place; at the end of its entries, it waits no more.
    fn enter(&mut self, index: usize) {
        let Some(key) = self.cursors[index].key() else { return };
        let comes_later =
            |other: &usize| match (self.cursors[*other].key().cmp(&Some(key)), self.descending) {
                (Ordering::Equal, _) => *other > index,
                (Ordering::Greater, false) | (Ordering::Less, true) => true,
                (Ordering::Less, false) | (Ordering::Greater, true) => false,
            };
        let place = self.waiting.partition_point(comes_later);
        self.waiting.insert(place, index);
    }

    /// The key of the entry walked to last.
    pub(crate) fn key(&self) -> &[u8] {
        self.at.and_then(|at| self.cursors[at].key()).unwrap_or_default()
    }

    /// Its value; none when the key is no more.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.cursors.get(self.at?)?.current()?.1
    }
}
