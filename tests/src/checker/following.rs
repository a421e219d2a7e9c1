//! Exactly once from the registry: the feed tells the changes of the registry's commits, each once, in
//! their order, the changes of a commit together.

use std::collections::BTreeMap;

use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::{Event, EventKind};
use hansa_proto::pb::registry::v1::change::Resource;
use hansa_proto::pb::registry::v1::{Change, ChangeKind};

use super::Found;
use super::observed::{Observed, number};

/// What of a change an event has to say: the registry's position, what happened, the resource after it.
type Told = (u64, EventKind, Option<Body>);

pub(super) fn exactly_once(observed: &Observed) -> Vec<Found> {
    let Some((followed, head, said)) = followed(observed) else { return Vec::new() };
    let whole = (1..=followed).all(|position| observed.commits.contains_key(&position));
    if !whole || !observed.knows_all_up_to(head) {
        return Vec::new();
    }
    let mut expected: Vec<(u64, Told)> = Vec::new();
    for (position, (line, commit)) in observed.commits.range(..=followed) {
        expected.extend(commit.changes.iter().map(|change| (*line, told(*position, change))));
    }
    let mut found = Vec::new();
    let mut places: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut expected = expected.into_iter();
    let derived = |event: &Event| event.registry_position > 0 && is_of_registry(event.kind());
    for seen in observed.events.values().filter(|seen| derived(&seen.event)) {
        let event = &seen.event;
        if event.registry_position > followed {
            break;
        }
        let actual = (event.registry_position, event.kind(), event.body.clone());
        match expected.next() {
            Some((_, told)) if told == actual => {}
            Some((line, told)) => {
                let (position, kind, _) = told;
                let problem = format!(
                    "{} tells {:?} of {}, and {kind:?} of {position} is due",
                    event.name,
                    event.kind(),
                    event.registry_position
                );
                found.push((vec![line, seen.line], problem));
                return found;
            }
            None => {
                found.push((vec![seen.line], format!("{} is told once more", event.name)));
                return found;
            }
        }
        let first = places.entry(event.registry_position).or_insert((event.position, seen.line));
        if first.0 != event.position {
            let problem = format!("commit {} in two commits", event.registry_position);
            found.push((vec![first.1, seen.line], problem));
        }
    }
    if let Some((line, (position, kind, _))) = expected.next() {
        let problem = format!("{kind:?} of {position} is not told, followed is {followed}");
        found.push((vec![line, said], problem));
    }
    found
}

/// How far the feed said that it has followed, where it stood then, and the line that says it.
fn followed(observed: &Observed) -> Option<(u64, u64, u64)> {
    let status = "/hansa.feed.v1.FeedService/GetFeedStatus";
    let calls = observed.calls.values().filter(|call| call.method == status);
    let answers = calls.flat_map(|call| &call.received);
    let said = answers.map(|(line, answer)| {
        (number(&answer["registryPosition"]), number(&answer["headPosition"]), *line)
    });
    said.filter(|(followed, ..)| *followed > 0).max()
}

fn is_of_registry(kind: EventKind) -> bool {
    // What becomes of campaigns when their network ends is told from the registry's commit as well.
    (EventKind::NetworkFounded as i32..=EventKind::Left as i32).contains(&(kind as i32))
}

fn told(position: u64, change: &Change) -> Told {
    let kind = match change.kind() {
        ChangeKind::Unspecified => EventKind::Unspecified,
        ChangeKind::NetworkCreated => EventKind::NetworkFounded,
        ChangeKind::NetworkUpdated => EventKind::NetworkUpdated,
        ChangeKind::NetworkRelated => EventKind::NetworkRelated,
        ChangeKind::NetworkEnded => EventKind::NetworkEnded,
        ChangeKind::MemberCreated => EventKind::MemberRecorded,
        ChangeKind::MemberUpdated => EventKind::MemberUpdated,
        ChangeKind::MemberRetired => EventKind::MemberRetired,
        ChangeKind::MembershipApplied => EventKind::Applied,
        ChangeKind::MembershipInvited => EventKind::Invited,
        ChangeKind::MembershipJoined => EventKind::Joined,
        ChangeKind::MembershipRejected => EventKind::Rejected,
        ChangeKind::MembershipChanged => EventKind::MembershipChanged,
        ChangeKind::MembershipSuspended => EventKind::Suspended,
        ChangeKind::MembershipReinstated => EventKind::Reinstated,
        ChangeKind::MembershipEnded => EventKind::Left,
    };
    let body = change.resource.clone().map(|resource| match resource {
        Resource::Network(network) => Body::NetworkBody(network),
        Resource::Member(member) => Body::MemberBody(member),
        Resource::Membership(membership) => Body::MembershipBody(membership),
    });
    (position, kind, body)
}
