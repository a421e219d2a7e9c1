//! Ordered, Unique, Atomic: what can be seen in one stream, one page or one watch alone.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::pb::feed::v1::subscribe_response::Message;

use super::observed::{Observed, Place};
use super::{Found, matches};

/// Events of a stream and of a page ascend, or descend where that was asked for; commits of the registry
/// follow each other without gaps.
pub(super) fn ordered(observed: &Observed) -> Vec<Found> {
    let mut found = Vec::new();
    for stream in &observed.streams {
        for pair in stream.places().windows(2) {
            let [(before, one), (line, next)] = pair else { continue };
            if next < one {
                found.push((vec![*before, *line], format!("{next:?} after {one:?}")));
            }
        }
    }
    for (line, descending, events) in &observed.pages {
        let places: Vec<Place> = events.iter().map(|it| (it.position, it.index)).collect();
        let in_order = match descending {
            true => places.is_sorted_by(|one, next| one >= next),
            false => places.is_sorted(),
        };
        if !in_order {
            found.push((vec![*line], "a page is not in order".to_owned()));
        }
    }
    for commits in &observed.watched {
        for pair in commits.windows(2) {
            let [(before, one), (line, next)] = pair else { continue };
            if next.position != one.position + 1 {
                let problem = format!("commit {} after {}", next.position, one.position);
                found.push((vec![*before, *line], problem));
            }
        }
    }
    found
}

/// No place comes twice in one stream, and nothing that a stream starts after.
pub(super) fn unique(observed: &Observed) -> Vec<Found> {
    let mut found = Vec::new();
    for stream in &observed.streams {
        let mut seen: BTreeMap<Place, u64> = BTreeMap::new();
        for (line, place) in stream.places() {
            if let Some(before) = seen.insert(place, line) {
                found.push((vec![before, line], format!("{place:?} twice")));
            }
            if stream.floor().is_some_and(|floor| place.0 <= floor) {
                let problem = format!("{place:?} in a stream that starts after it");
                found.push((vec![stream.began, line], problem));
            }
        }
    }
    for (line, _, events) in &observed.pages {
        let places: BTreeSet<Place> = events.iter().map(|it| (it.position, it.index)).collect();
        if places.len() < events.len() {
            found.push((vec![*line], "an event twice on a page".to_owned()));
        }
    }
    found
}

/// What matches of a commit comes in one batch, and all of it.
pub(super) fn atomic(observed: &Observed) -> Vec<Found> {
    let mut found = Vec::new();
    for stream in &observed.streams {
        let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
        for (line, message) in &stream.frames {
            let Message::Batch(batch) = message else { continue };
            let positions: BTreeSet<u64> = batch.events.iter().map(|it| it.position).collect();
            for position in positions {
                if let Some(before) = seen.insert(position, *line) {
                    found.push((vec![before, *line], format!("commit {position} in two batches")));
                }
                let here = batch.events.iter().filter(|it| it.position == position).count();
                let commit = observed.events.range((position, 0)..=(position, u32::MAX));
                let wanted = commit.filter(|(_, seen)| matches(&stream.filter, &seen.event));
                let wanted = wanted.count();
                if here < wanted {
                    let problem = format!("{here} of {wanted} events of commit {position}");
                    found.push((vec![*line], problem));
                }
            }
        }
    }
    found
}
