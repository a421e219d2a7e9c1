//! Events page by page, in either direction: all of them from the journal, those of a filter by the
//! index.

use std::sync::Arc;

use hansa_journal::{Position, ReadLimit};
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::{Keys, ViewError};
use tonic::Status;

use super::Feed;
use crate::filter::Matcher;
use crate::view::index;
use crate::view::search::{self, Axes};
use crate::{codec, status};

/// Commits read at once for a page.
const READ: ReadLimit = ReadLimit { commits: 128, bytes: 1024 * 1024 };

/// The events of a page, and where the next one begins.
pub(super) async fn page(
    feed: &Feed,
    matcher: Matcher,
    place: Place,
    descending: bool,
    size: usize,
) -> Result<(Vec<pb::Event>, Option<Place>), Status> {
    let axes = matcher.axes();
    if !axes.is_empty() {
        return found(feed, axes, place, descending, size).await;
    }
    let mut page = Page { size, events: Vec::new() };
    let next = match descending {
        true => page.backwards(feed, place).await?,
        false => page.forwards(feed, place).await?,
    };
    Ok((page.events, next))
}

/// A page of the events that match.
async fn found(
    feed: &Feed,
    axes: Axes,
    place: Place,
    descending: bool,
    size: usize,
) -> Result<(Vec<pb::Event>, Option<Place>), Status> {
    let axes = Arc::new(axes);
    let search = move |keys: &hansa_view::ReadView<'_>| match descending {
        true => before(keys, &axes, place, size),
        false => after(keys, &axes, place, size),
    };
    let (places, next) = feed.query(search).await?;
    let mut positions: Vec<Position> =
        places.iter().map(|place| Position::new(place.position)).collect();
    positions.sort_unstable();
    positions.dedup();
    let mut events = Vec::with_capacity(places.len());
    while !positions.is_empty() {
        let commits = feed.reader.read_at(positions.clone(), READ.bytes).await;
        let commits = commits.map_err(status::journal_failed)?;
        positions.drain(..commits.len());
        for commit in commits {
            let of_commit = codec::decode_events(&commit.body).map_err(status::commit_corrupt)?;
            let position = commit.position.get();
            let wanted =
                |event: &pb::Event| places.contains(&index::Place { position, index: event.index });
            events.extend(of_commit.into_iter().filter(wanted));
        }
    }
    if descending {
        events.reverse();
    }
    Ok((events, next))
}

type Places = (Vec<index::Place>, Option<Place>);

fn after(keys: &impl Keys, axes: &Axes, from: Place, size: usize) -> Result<Places, ViewError> {
    let first = index::Place { position: from.position, index: from.index };
    let first = search::number_at(keys, first)?;
    let end = search::number_at(keys, index::Place { position: from.head + 1, index: 0 })?;
    let found = search::forwards(keys, axes, first, end, size)?;
    let next = found.more.filter(|more| *more < end);
    let next = next.map(|next| search::place_of(keys, next)).transpose()?;
    let places = found.events.into_iter().map(|(_, place)| place).collect();
    Ok((places, next.map(|next| from.moved_to(next))))
}

fn before(keys: &impl Keys, axes: &Axes, from: Place, size: usize) -> Result<Places, ViewError> {
    let end = match from.index.checked_add(1) {
        Some(index) => index::Place { position: from.position, index },
        None => index::Place { position: from.position + 1, index: 0 },
    };
    let end = search::number_at(keys, end)?;
    let found = search::backwards(keys, axes, end, size)?;
    let next = found.more.and_then(|more| more.checked_sub(1));
    let next = next.map(|next| search::place_of(keys, next)).transpose()?;
    let mut places: Vec<index::Place> = found.events.into_iter().map(|(_, place)| place).collect();
    places.reverse();
    Ok((places, next.map(|next| from.moved_to(next))))
}

/// Where a page begins: the event it begins with, and the newest commit of the whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    head: u64,
    position: u64,
    index: u32,
}

impl Place {
    pub(super) fn first(head: Position, descending: bool) -> Place {
        let head = head.get();
        match descending {
            true => Place { head, position: head, index: u32::MAX },
            false => Place { head, position: 1, index: 0 },
        }
    }

    fn moved_to(self, place: index::Place) -> Place {
        Place { position: place.position, index: place.index, ..self }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(20);
        bytes.extend(self.head.to_be_bytes());
        bytes.extend(self.position.to_be_bytes());
        bytes.extend(self.index.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8], violations: &mut Violations) -> Option<Place> {
        let place = bytes.split_first_chunk().and_then(|(head, rest)| {
            let (position, rest) = rest.split_first_chunk()?;
            Some(Place {
                head: u64::from_be_bytes(*head),
                position: u64::from_be_bytes(*position),
                index: u32::from_be_bytes(rest.try_into().ok()?),
            })
        });
        if place.is_none() {
            violations.push("page_token", "is damaged");
        }
        place
    }
}

/// A page of all events being gathered.
struct Page {
    size: usize,
    events: Vec<pb::Event>,
}

impl Page {
    /// Gathers from a place to the head the list began with. Gives the place the next page begins at.
    async fn forwards(&mut self, feed: &Feed, from: Place) -> Result<Option<Place>, Status> {
        let mut after = from.position.saturating_sub(1);
        let end = from.head.min(feed.reader.head().get());
        while after < end {
            for (position, events) in read(feed, after, end).await? {
                for event in events {
                    if position == from.position && event.index < from.index {
                        continue;
                    }
                    if self.is_full() {
                        return Ok(Some(Place { position, index: event.index, ..from }));
                    }
                    self.events.push(event);
                }
                after = position;
            }
        }
        Ok(None)
    }

    /// Gathers from a place to the beginning. Gives the place the next page begins at.
    async fn backwards(&mut self, feed: &Feed, from: Place) -> Result<Option<Place>, Status> {
        let mut until = from.position.min(feed.reader.head().get());
        while until > 0 {
            let after = until.saturating_sub(READ.commits as u64);
            let mut commits = Vec::new();
            let mut read_to = after;
            while read_to < until {
                commits.extend(read(feed, read_to, until).await?);
                read_to = commits.last().map_or(until, |(position, _)| *position);
            }
            for (position, events) in commits.into_iter().rev() {
                for event in events.into_iter().rev() {
                    if position == from.position && event.index > from.index {
                        continue;
                    }
                    if self.is_full() {
                        return Ok(Some(Place { position, index: event.index, ..from }));
                    }
                    self.events.push(event);
                }
            }
            until = after;
        }
        Ok(None)
    }

    fn is_full(&self) -> bool {
        self.events.len() >= self.size
    }
}

/// Some commits after a position and not after another, decoded; at least one.
async fn read(feed: &Feed, after: u64, end: u64) -> Result<Vec<(u64, Vec<pb::Event>)>, Status> {
    let left = usize::try_from(end - after).unwrap_or(READ.commits);
    let limit = ReadLimit { commits: READ.commits.min(left), ..READ };
    let commits = feed.reader.read(Position::new(after), limit).await;
    let commits = commits.map_err(status::journal_failed)?;
    if commits.is_empty() {
        return Err(status::not_serving());
    }
    let decoded = commits.iter().map(|commit| {
        let events = codec::decode_events(&commit.body).map_err(status::commit_corrupt)?;
        Ok((commit.position.get(), events))
    });
    decoded.collect()
}
