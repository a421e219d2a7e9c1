//! Layers and runs as one: of entries with the same key, that of the youngest counts.

use std::collections::btree_map;
use std::ops::Bound;

use crate::ViewError;
use crate::layer::Changes;
use crate::run::RunCursor;

/// A place in a layer or a run.
pub(crate) enum Cursor<'s> {
    Layer(LayerCursor<'s>),
    Run(Box<RunCursor<'s>>),
}

/// A place in a layer.
pub(crate) struct LayerCursor<'s> {
    range: btree_map::Range<'s, Vec<u8>, Option<Vec<u8>>>,
    descending: bool,
    current: Option<(&'s Vec<u8>, &'s Option<Vec<u8>>)>,
}

impl<'s> LayerCursor<'s> {
    pub(crate) fn new(
        changes: &'s Changes,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        descending: bool,
    ) -> LayerCursor<'s> {
        let range = match is_empty(start, end) {
            true => btree_map::Range::default(),
            false => changes.range::<[u8], _>((start, end)),
        };
        let mut cursor = LayerCursor { range, descending, current: None };
        cursor.advance();
        cursor
    }

    fn advance(&mut self) {
        self.current = if self.descending { self.range.next_back() } else { self.range.next() };
    }
}

/// Whether no key can be between two bounds, which a map would not be asked for.
fn is_empty(start: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
    match (start, end) {
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end)) => start >= end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end)) => start > end,
        _ => false,
    }
}

impl Cursor<'_> {
    fn current(&self) -> Option<(&[u8], Option<&[u8]>)> {
        match self {
            Cursor::Layer(layer) => {
                layer.current.map(|(key, value)| (key.as_slice(), value.as_deref()))
            }
            Cursor::Run(run) => run.current(),
        }
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
    /// Where the entry walked to last is.
    at: Option<usize>,
    key: Vec<u8>,
}

impl<'s> Merge<'s> {
    /// Of cursors that go in one direction, the youngest first.
    pub(crate) fn new(cursors: Vec<Cursor<'s>>, descending: bool) -> Merge<'s> {
        Merge { cursors, descending, at: None, key: Vec::new() }
    }

    /// Walks to the next entry; false when there is none.
    pub(crate) fn step(&mut self) -> Result<bool, ViewError> {
        if self.at.is_some() {
            for cursor in &mut self.cursors {
                if cursor.current().is_some_and(|(key, _)| key == self.key) {
                    cursor.advance()?;
                }
            }
        }
        let mut next: Option<(usize, &[u8])> = None;
        for (index, cursor) in self.cursors.iter().enumerate() {
            let Some((key, _)) = cursor.current() else { continue };
            let comes_first = next.is_none_or(|(_, first)| match self.descending {
                true => key > first,
                false => key < first,
            });
            if comes_first {
                next = Some((index, key));
            }
        }
        self.at = next.map(|(index, _)| index);
        self.key.clear();
        if let Some((_, key)) = next {
            self.key.extend_from_slice(key);
        }
        Ok(self.at.is_some())
    }

    /// The key of the entry walked to last.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Its value; none when the key is no more.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.cursors.get(self.at?)?.current()?.1
    }
}
