//! Walks the source of a query for one page: a stretch at a time, until the page is full, long enough in
//! bytes, or has looked at enough.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use hansa_journal::Position;
use hansa_proto::pb::registry::v1 as pb;
use hansa_view::{Entry, Keys, ReadView, Seen, ViewError};
use pb::change::Resource;

use super::plan::{self, GATHERED, List, Source};
use super::rows::Rows;
use super::{Query, Scope, counted};
use crate::page::PAGE_BYTES;
use crate::view::{self, postings};

/// Most resources looked at while the view holds still. Few in tests, so that they go past it.
const STRETCH: usize = if cfg!(test) { 3 } else { 500 };
/// Resources looked at after which a page ends, full or not.
const LOOKED_AT: usize = 20 * STRETCH;
/// Most resources of a page that is read where the call is answered.
const FEW: usize = 100;

/// A page on its way.
#[derive(Debug)]
pub(crate) struct Walk {
    query: Query,
    at: Position,
    size: usize,
    source: Option<Source>,
    after: Option<Vec<u8>>,
    looked_at: usize,
    at_end: bool,
    rows: Rows,
}

impl Walk {
    /// A page of at most `size` resources at a position, after an order key.
    pub(crate) fn new(query: Query, at: Position, size: usize, after: Option<Vec<u8>>) -> Walk {
        let (looked_at, at_end, rows) = (0, false, Rows::new());
        Walk { query, at, size, source: None, after, looked_at, at_end, rows }
    }

    /// Whether the page is as it is answered.
    pub(crate) fn is_done(&self) -> bool {
        self.at_end || self.is_full() || self.looked_at >= LOOKED_AT
    }

    /// Whether it may be no more than a look at a few keys that follow one another.
    pub(crate) fn may_be_short(&self) -> bool {
        self.size <= FEW && self.takes_all() && self.query.order.field.is_none()
    }

    /// Takes that look, if it is no more.
    pub(crate) fn glance(self, keys: &ReadView<'_>) -> Result<Walk, ViewError> {
        if self.shows_as_stored(keys) { self.step(keys) } else { Ok(self) }
    }

    /// The resources, and the order key after which the next page goes on, if there is one.
    pub(crate) fn into_page(self) -> (Rows, Option<Vec<u8>>) {
        let after = if self.at_end { None } else { self.after };
        (self.rows, after)
    }

    fn is_full(&self) -> bool {
        self.rows.count() >= self.size || self.rows.bytes() > PAGE_BYTES
    }

    /// Whether it takes what is there whatever it holds.
    fn takes_all(&self) -> bool {
        self.query.filter.is_all() && self.query.as_of.is_none()
    }

    /// Goes on for a stretch.
    pub(crate) fn step(mut self, keys: &ReadView<'_>) -> Result<Walk, ViewError> {
        let source = match self.source.take() {
            Some(source) => source,
            None => plan::plan(keys, &self.query, self.at)?,
        };
        match &source {
            Source::Listed(List::Stored(prefix)) if self.shows_as_stored(keys) => {
                self.walk_stored(keys, prefix)?;
            }
            Source::Listed(list) => self.walk_list(keys, list)?,
            Source::Gathered(ids) => self.walk_ids(keys, ids)?,
        }
        self.source = Some(source);
        Ok(self)
    }

    /// Whether a list of stored resources is what is shown of them. A network is stored without the number
    /// of its members, and a member's memberships under their networks.
    fn shows_as_stored(&self, keys: &ReadView<'_>) -> bool {
        let is_stored = matches!(self.query.scope, Scope::Members | Scope::OfNetwork(_));
        is_stored && self.takes_all() && keys.applied() == self.at
    }

    /// Takes resources as they are stored.
    fn walk_stored(&mut self, keys: &ReadView<'_>, prefix: &[u8]) -> Result<(), ViewError> {
        let from = self.after.as_ref().map(|after| [prefix, after].concat());
        let last = self.looked_at + STRETCH;
        let descending = self.query.order.descending;
        let visit = |key: &[u8], value: &[u8]| {
            if self.is_full() || self.looked_at == last {
                return Ok(Seen::Enough);
            }
            self.looked_at += 1;
            self.rows.push_encoded(view::content(value)?);
            let after = self.after.get_or_insert_default();
            after.clear();
            after.extend_from_slice(&key[prefix.len()..]);
            Ok(Seen::More)
        };
        self.at_end = match descending {
            true => keys.visit_back(prefix, from.as_deref(), visit)?,
            false => keys.visit(prefix, from.as_deref(), visit)?,
        };
        Ok(())
    }

    fn walk_list(&mut self, keys: &ReadView<'_>, list: &List) -> Result<(), ViewError> {
        // One more than the page takes tells whether there is a next page.
        let missing = self.size - self.rows.count() + 1;
        let takes_all = self.takes_all() && keys.applied() == self.at;
        let limit = if takes_all { missing.min(STRETCH) } else { STRETCH };
        let stretch = self.stretch(keys, list, limit)?;
        self.looked_at += limit;
        let enough = self.looked_at + STRETCH;
        let skipped = plan::order_bytes(self.query.order.field);
        // Stored under the network are its memberships themselves.
        let is_resource =
            matches!((list, &self.query.scope), (List::Stored(_), Scope::OfNetwork(_)));
        for (key, value) in stretch.entries {
            if self.is_full() || self.looked_at > enough {
                return Ok(());
            }
            let id = plan::id_text(key.get(skipped..).unwrap_or_default())?;
            self.take(keys, id, is_resource.then_some(&value), &key)?;
            self.after = Some(key);
        }
        match stretch.reaches {
            Some(last) => self.after = Some(last),
            None => self.at_end = true,
        }
        Ok(())
    }

    /// Takes the resource of an id when it is asked for and stands there in the order.
    fn take(
        &mut self,
        keys: &ReadView<'_>,
        id: &str,
        now: Option<&Vec<u8>>,
        key: &[u8],
    ) -> Result<(), ViewError> {
        let now = now.map(Vec::as_slice);
        let Some(found) = self.query.find(keys, id, now, self.at)? else { return Ok(()) };
        if found.order_key != key {
            // It stands, or stood, at more than one place.
            return Ok(());
        }
        match found.resource {
            Resource::Network(network) => {
                let (network, looked_at) = counted(keys, *network, self.at, self.query.as_of)?;
                self.looked_at += looked_at;
                self.rows.push(&network);
            }
            Resource::Member(member) => self.rows.push(&member),
            Resource::Membership(membership) => self.rows.push(&membership),
        }
        Ok(())
    }

    /// Puts what was gathered in order, and takes what comes after.
    fn walk_ids(&mut self, keys: &ReadView<'_>, ids: &BTreeSet<String>) -> Result<(), ViewError> {
        let mut found = Vec::new();
        for id in ids {
            if let Some(next) = self.query.find(keys, id, None, self.at)?
                && self.comes_after(&next.order_key)
            {
                found.push((next.order_key, id));
            }
        }
        self.looked_at += ids.len().min(GATHERED);
        found.sort_by(|(one, _), (other, _)| self.ordered(one, other));
        for (key, id) in found {
            if self.is_full() || (self.looked_at >= LOOKED_AT && self.rows.count() > 0) {
                return Ok(());
            }
            self.take(keys, id, None, &key)?;
            self.after = Some(key);
        }
        self.at_end = true;
        Ok(())
    }

    fn ordered(&self, one: &[u8], other: &[u8]) -> Ordering {
        match self.query.order.descending {
            true => other.cmp(one),
            false => one.cmp(other),
        }
    }

    fn comes_after(&self, key: &[u8]) -> bool {
        self.after.as_deref().is_none_or(|after| self.ordered(key, after) == Ordering::Greater)
    }

    /// The next order keys of a list, those of postings that are no more among them.
    fn stretch(
        &self,
        keys: &ReadView<'_>,
        list: &List,
        limit: usize,
    ) -> Result<Stretch, ViewError> {
        let (prefix, was) = list.prefixes(keys.applied() == self.at);
        let now = self.scan(keys, &prefix, limit)?;
        let last_of = |entries: &[Entry]| {
            let last = entries.last().filter(|_| entries.len() == limit);
            last.map(|(key, _)| key.clone())
        };
        let mut reaches = last_of(&now);
        let mut entries = now;
        if let Some(was) = was {
            let then = self.scan(keys, &was, limit)?;
            let ends = [reaches, last_of(&then)].into_iter().flatten();
            reaches = ends.min_by(|one, other| self.ordered(one, other));
            for (key, value) in then {
                if postings::stood_until(&value)? > self.at.get() {
                    entries.push((key, value));
                }
            }
            entries.sort_by(|(one, _), (other, _)| self.ordered(one, other));
            entries.dedup_by(|(one, _), (other, _)| one == other);
            if let Some(reached) = &reaches {
                entries.retain(|(key, _)| self.ordered(key, reached).is_le());
            }
        }
        Ok(Stretch { entries, reaches })
    }

    /// What follows a prefix in keys after the last one looked at, and their values.
    fn scan(
        &self,
        keys: &ReadView<'_>,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, ViewError> {
        let from = self.after.as_ref().map(|after| [prefix, after].concat());
        let entries = match self.query.order.descending {
            true => keys.scan_back(prefix, from.as_deref(), limit)?,
            false => keys.scan(prefix, from.as_deref(), limit)?,
        };
        let after_prefix = |(mut key, value): Entry| (key.split_off(prefix.len()), value);
        Ok(entries.into_iter().map(after_prefix).collect())
    }
}

/// The next keys of a list.
struct Stretch {
    /// Order keys and values.
    entries: Vec<Entry>,
    /// Where it stopped; `None`: at the end of the list.
    reaches: Option<Vec<u8>>,
}
