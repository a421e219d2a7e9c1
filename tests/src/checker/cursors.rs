//! Complete, Resumable, Bookmarkable: what a stream and its cursors say was sent, against what anybody
//! has seen.

use std::collections::BTreeSet;

use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;

use super::observed::{Observed, Place, Stream};
use super::{Found, matches};

/// A sign of life comes at the latest after so many events without a match: the contract's number, and
/// once more, as a sign may be under way while they are counted.
const SILENT_EVENTS: usize = 2 * 10_000;

/// Up to where a stream has come it sent every event anybody saw that matches, and no other.
pub(super) fn complete(observed: &Observed) -> Vec<Found> {
    let mut found = Vec::new();
    for stream in &observed.streams {
        for (line, message) in &stream.frames {
            let Message::Batch(batch) = message else { continue };
            for event in batch.events.iter().filter(|event| !matches(&stream.filter, event)) {
                found.push((vec![stream.began, *line], format!("{} does not match", event.name)));
            }
        }
        let Some((from, to)) = observed.covered(stream) else { continue };
        let sent: BTreeSet<Place> = stream.places().into_iter().map(|(_, place)| place).collect();
        for place in observed.matching(&stream.filter, from, to).difference(&sent) {
            let seen = observed.events[place].line;
            let problem = format!("{place:?} is missing, in a stream that came to {to}");
            found.push((vec![stream.began, seen], problem));
        }
    }
    found
}

/// A cursor stands for one position, everything up to there was sent before it, nothing up to there
/// comes after it, and a stream that starts after it starts there.
pub(super) fn resumable(observed: &Observed) -> Vec<Found> {
    let mut found: Vec<Found> = observed
        .split_cursors
        .iter()
        .map(|(one, other)| (vec![*one, *other], "one cursor, two positions".to_owned()))
        .collect();
    for stream in &observed.streams {
        if let (Some(Start::AfterCursor(cursor)), Some(opened)) =
            (&stream.request.start, stream.opened())
            && let Some((position, line)) = observed.cursors.get(cursor)
            && opened.start_position != *position
        {
            let problem = format!("after {position} it starts after {}", opened.start_position);
            found.push((vec![*line, stream.began], problem));
        }
        let batches = |message: &Message| matches!(message, Message::Batch(_));
        found.extend(wrong_cursors(observed, stream, batches));
    }
    found
}

/// Signs of life never go back, are never behind what was sent, never at or past what was not, and not
/// too far apart.
pub(super) fn bookmarkable(observed: &Observed) -> Vec<Found> {
    let mut found = Vec::new();
    for stream in &observed.streams {
        let signs = |message: &Message| !matches!(message, Message::Batch(_));
        found.extend(wrong_cursors(observed, stream, signs));
        found.extend(long_silences(observed, stream));
    }
    found
}

/// Cursors of a stream that say something else than what was sent.
fn wrong_cursors(
    observed: &Observed,
    stream: &Stream,
    concerned: impl Fn(&Message) -> bool,
) -> Vec<Found> {
    let mut found = Vec::new();
    let Some(floor) = stream.floor() else { return found };
    let mut sent: BTreeSet<Place> = BTreeSet::new();
    let (mut furthest, mut furthest_line) = (floor, stream.began);
    for (line, message) in &stream.frames {
        if let Message::Batch(batch) = message {
            for event in &batch.events {
                let place = (event.position, event.index);
                if place.0 <= furthest && concerned(message) {
                    let problem = format!("{place:?} after a cursor at {furthest}");
                    found.push((vec![furthest_line, *line], problem));
                }
                sent.insert(place);
            }
        }
        let Some(position) = observed.reached(message) else { continue };
        if stream.is_before_snapshot_end(message) {
            continue;
        }
        if concerned(message) {
            let last = sent.last().map_or(floor, |place| place.0);
            if position < furthest || position < last {
                let problem = format!("a cursor at {position} behind {}", furthest.max(last));
                found.push((vec![furthest_line, *line], problem));
            }
            let due = observed.matching(&stream.filter, floor, position);
            if let Some(place) = due.difference(&sent).next() {
                let problem = format!("a cursor at {position} before {place:?} was sent");
                found.push((vec![*line, observed.events[place].line], problem));
            }
        }
        if position >= furthest {
            (furthest, furthest_line) = (position, *line);
        }
    }
    found
}

/// Stretches of known events that were passed over without a word.
fn long_silences(observed: &Observed, stream: &Stream) -> Vec<Found> {
    let mut found = Vec::new();
    let Some(mut at) = stream.floor() else { return found };
    for (line, message) in &stream.frames {
        let Some(position) = observed.reached(message).filter(|position| *position > at) else {
            continue;
        };
        let first = match message {
            Message::Batch(batch) => batch.events.first().map_or(position, |it| it.position),
            _ => position,
        };
        let passed = observed.events.range((at + 1, 0)..(first.max(at + 1), 0)).count();
        if passed > SILENT_EVENTS {
            found.push((vec![*line], format!("{passed} events without a sign of life")));
        }
        at = position;
    }
    found
}
