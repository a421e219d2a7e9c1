//! Durable before visible: what somebody has seen or was told is there ever after, also when a service
//! was cut off in between.

use std::collections::BTreeSet;

use hansa_proto::pb::feed::v1::subscribe_response::Message;

use super::Found;
use super::observed::{Call, Observed, Place, number};

/// Which journal a position is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Registry,
    Feed,
}

/// That somebody was told of a position, or that a service said it had come so far.
struct Told {
    /// The line from which on it was known, or at which it was asked.
    line: u64,
    /// The line that says it.
    said: u64,
    of: Of,
    position: u64,
}

pub(super) fn durable(observed: &Observed) -> Vec<Found> {
    let mut found: Vec<Found> = observed
        .conflicts
        .iter()
        .map(|(one, other, problem)| (vec![*one, *other], problem.clone()))
        .collect();
    found.extend(went_back(observed));
    found.extend(gone_after_a_restart(observed));
    found
}

/// A service that says it has come less far than somebody was told before it was asked.
fn went_back(observed: &Observed) -> Vec<Found> {
    let mut told = Vec::new();
    let mut heads = Vec::new();
    for call in observed.calls.values() {
        let of = if call.method.contains(".registry.") { Of::Registry } else { Of::Feed };
        let answers = call.received.iter().filter(|_| is_ok(call));
        for (line, message) in answers.filter(|(_, message)| message["position"].is_string()) {
            let position = number(&message["position"]);
            told.push(Told { line: *line, said: *line, of, position });
            if says_where_it_stands(call) {
                heads.push(Told { line: call.began, said: *line, of, position });
            }
        }
        for (line, message) in &call.received {
            let head = number(&message["headPosition"]);
            if message["headPosition"].is_string() {
                told.push(Told { line: *line, said: *line, of, position: head });
                heads.push(Told { line: call.began, said: *line, of, position: head });
            }
        }
    }
    for stream in &observed.streams {
        for (line, message) in &stream.frames {
            let of = Of::Feed;
            if let Some(position) = observed.reached(message) {
                told.push(Told { line: *line, said: *line, of, position });
            }
            if let Message::Opened(opened) = message {
                let position = opened.head_position;
                told.push(Told { line: *line, said: *line, of, position });
                heads.push(Told { line: stream.began, said: *line, of, position });
            }
        }
    }
    for (line, commit) in observed.watched.iter().flatten() {
        told.push(Told { line: *line, said: *line, of: Of::Registry, position: commit.position });
    }
    told.sort_by_key(|told| told.line);
    let behind = |head: &Told| {
        let before = told.iter().take_while(|told| told.line < head.line);
        let furthest = before.filter(|told| told.of == head.of).max_by_key(|told| told.position)?;
        (furthest.position > head.position).then(|| {
            let problem =
                format!("{} was told, and later only {}", furthest.position, head.position);
            (vec![furthest.said, head.said], problem)
        })
    };
    heads.iter().filter_map(behind).collect()
}

fn is_ok(call: &Call) -> bool {
    call.end.as_ref().is_some_and(|end| end.code == 0)
}

/// Whether the position of an answer is that of the service, now: an answer that was given before, or
/// that was asked for at a position, is older.
fn says_where_it_stands(call: &Call) -> bool {
    let request = call.sent.first().map(|(_, message)| message);
    let pinned = |field: &str| request.is_some_and(|it| it.get(field).is_some());
    let replayed = call.received.first().is_some_and(|(_, it)| it["replayed"] == true);
    !replayed && !pinned("pageToken") && !pinned("atPosition")
}

/// Events that were seen before a service was started again and that a stream after it does not send.
fn gone_after_a_restart(observed: &Observed) -> Vec<Found> {
    let mut found = Vec::new();
    let starts = observed.deeds.iter().filter(|(_, deed)| deed.starts_with("start"));
    let starts: Vec<u64> = starts.map(|(line, _)| *line).collect();
    for stream in &observed.streams {
        let Some(start) = starts.iter().rfind(|start| **start < stream.began) else { continue };
        let Some((from, to)) = observed.covered(stream) else { continue };
        let sent: BTreeSet<Place> = stream.places().into_iter().map(|(_, place)| place).collect();
        for place in observed.matching(&stream.filter, from, to).difference(&sent) {
            let seen = observed.events[place].line;
            if seen < *start {
                let problem = format!("{place:?} was seen and is gone after the restart");
                found.push((vec![seen, *start, stream.began], problem));
            }
        }
    }
    found
}
