//! What is promised to those who write: an acknowledged write is present, a request id is done once, a
//! refused write changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Found;
use super::observed::{Call, Observed, number};
use crate::history::{Direction, has_field};

/// gRPC codes after which nobody knows whether it was done.
const UNKNOWN: [i32; 4] = [1, 2, 4, 13];

/// A call that writes, and where it began.
struct Write<'c> {
    call: &'c Call,
    request_id: &'c str,
    /// What was asked, as it was sent.
    payload: &'c Value,
    /// The answer and its line, if it was given.
    answer: Option<(u64, &'c Value)>,
}

impl Write<'_> {
    fn is_of_feed(&self) -> bool {
        self.call.method.starts_with("/hansa.feed.")
    }

    fn only_checks(&self) -> bool {
        self.payload["validateOnly"] == true
    }

    fn position(&self) -> u64 {
        self.answer.map_or(0, |(_, answer)| number(&answer["position"]))
    }

    fn is_replayed(&self) -> bool {
        self.answer.is_some_and(|(_, answer)| answer["replayed"] == true)
    }

    /// Whether the service said that it did not do it.
    fn is_refused(&self) -> bool {
        let refused =
            |code: i32, reason: &str| code != 0 && !reason.is_empty() && !UNKNOWN.contains(&code);
        self.call.end.as_ref().is_some_and(|end| refused(end.code, &end.reason))
    }

    /// Named subscriptions are no events: their commits are empty to a subscriber.
    fn makes_no_events(&self) -> bool {
        let name = self.call.method.rsplit('/').next().unwrap_or_default();
        ["CreateSubscription", "CommitCursor", "DeleteSubscription"].contains(&name)
    }

    /// The resource that answers, without when it happened to be asked.
    fn resource(&self) -> Option<&Value> {
        let fields = self.answer?.1.as_object()?;
        fields
            .iter()
            .find(|(name, _)| !["position", "replayed"].contains(&name.as_str()))
            .map(|it| it.1)
    }
}

fn writes(observed: &Observed) -> Vec<Write<'_>> {
    let writing = |call: &&Call| has_field(&call.method, Direction::Request, "request_id");
    let calls = observed.calls.values().filter(writing);
    calls
        .filter_map(|call| {
            let (_, payload) = call.sent.first()?;
            let ok = call.end.as_ref().is_some_and(|end| end.code == 0);
            let answer = call.received.first().filter(|_| ok);
            Some(Write {
                call,
                request_id: payload["requestId"].as_str().unwrap_or_default(),
                payload,
                answer: answer.map(|(line, answer)| (*line, answer)),
            })
        })
        .collect()
}

/// Where each request id stands in the journals: (of the feed, id) to positions, with a line each.
fn positions(observed: &Observed) -> BTreeMap<(bool, &str), BTreeMap<u64, u64>> {
    let mut found: BTreeMap<(bool, &str), BTreeMap<u64, u64>> = BTreeMap::new();
    let commits = observed.commits.iter().filter(|(_, (_, commit))| !commit.request_id.is_empty());
    for (position, (line, commit)) in commits {
        found.entry((false, &commit.request_id)).or_default().insert(*position, *line);
    }
    let own = observed.events.values().filter(|seen| seen.event.registry_position == 0);
    for seen in own.filter(|seen| !seen.event.request_id.is_empty()) {
        let at = found.entry((true, &seen.event.request_id)).or_default();
        at.entry(seen.event.position).or_insert(seen.line);
    }
    found
}

/// An answer names the commit that did it, and that commit has what the answer says.
pub(super) fn acknowledged(observed: &Observed) -> Vec<Found> {
    let positions = positions(observed);
    let mut found = Vec::new();
    for write in writes(observed) {
        let Some((line, _)) = write.answer.filter(|_| !write.only_checks()) else { continue };
        let position = write.position();
        let known = match write.is_of_feed() {
            true => observed.knows(position) && !write.makes_no_events(),
            false => observed.commits.contains_key(&position),
        };
        if !known || write.request_id.is_empty() {
            continue;
        }
        let at = positions.get(&(write.is_of_feed(), write.request_id));
        match at {
            Some(at) if !at.contains_key(&position) => {
                let problem =
                    format!("{} is at {:?}, not at {position}", write.request_id, at.keys());
                found.push((vec![write.call.began, line], problem));
            }
            Some(_) => {
                if write.resource().is_some_and(|told| !holds(observed, &write, position, told)) {
                    let problem = format!("commit {position} does not hold what was answered");
                    found.push((vec![write.call.began, line], problem));
                }
            }
            // Nothing was to be done: the position is that of the view.
            None if may_change_nothing(&write) => {}
            None => {
                let problem = format!("nothing at {position} is of {}", write.request_id);
                found.push((vec![write.call.began, line], problem));
            }
        }
    }
    found
}

/// Whether a write may be answered without a commit, as all is so already.
fn may_change_nothing(write: &Write<'_>) -> bool {
    let name = write.call.method.rsplit('/').next().unwrap_or_default();
    let may = [
        "UpdateNetwork",
        "UpdateMember",
        "RelateNetworks",
        "ChangeMembership",
        "RecordMembership",
        "ApplyBatch",
        "AttachStatement",
        "HandOverCampaign",
        "ChangeLeads",
        "RedactStatement",
    ];
    may.contains(&name)
}

/// Whether a commit holds a resource that was answered, as far as it is named there.
fn holds(observed: &Observed, write: &Write<'_>, position: u64, told: &Value) -> bool {
    let Some(name) = told["name"].as_str() else { return true };
    let etag = told["etag"].as_str().unwrap_or_default();
    if !write.is_of_feed() {
        use hansa_proto::pb::registry::v1::change::Resource;
        let (_, commit) = &observed.commits[&position];
        return commit.changes.iter().any(|change| match &change.resource {
            Some(Resource::Network(it)) => it.name == name && it.etag == etag,
            Some(Resource::Member(it)) => it.name == name && it.etag == etag,
            Some(Resource::Membership(it)) => it.name == name && it.etag == etag,
            None => false,
        });
    }
    use hansa_proto::pb::feed::v1::event::Body;
    let mut events = observed.events.range((position, 0)..=(position, u32::MAX));
    events.any(|(_, seen)| match &seen.event.body {
        Some(Body::StatementBody(it)) => it.name == name && it.etag == etag,
        Some(Body::CampaignBody(it)) => it.name == name && it.etag == etag,
        _ => false,
    })
}

/// An id stands in one commit; the same id and payload is answered the same; with another payload it is
/// refused.
pub(super) fn once(observed: &Observed) -> Vec<Found> {
    let mut found = Vec::new();
    for ((_, id), at) in positions(observed) {
        if at.len() > 1 && !is_of_several_commits(observed, id) {
            let places: Vec<u64> = at.keys().copied().collect();
            found.push((at.into_values().collect(), format!("{id} was done at {places:?}")));
        }
    }
    let mut first: BTreeMap<(bool, &str), Write<'_>> = BTreeMap::new();
    for write in writes(observed) {
        let done = write.answer.is_some() && !write.only_checks() && !write.request_id.is_empty();
        if !done {
            continue;
        }
        let key = (write.is_of_feed(), write.request_id);
        let Some(known) = first.get(&key) else {
            first.insert(key, write);
            continue;
        };
        let lines = vec![known.call.began, write.call.began];
        let same = known.call.method == write.call.method && asks(known) == asks(&write);
        if !same {
            found.push((lines, format!("{} was taken with another payload", write.request_id)));
        } else if write.is_replayed() && known.position() != write.position() {
            let (one, other) = (known.position(), write.position());
            found.push((lines, format!("{} was done at {one} and {other}", write.request_id)));
        } else if !write.is_replayed() && !may_change_nothing(&write) {
            found.push((lines, format!("{} was done again", write.request_id)));
        }
    }
    found
}

/// The end of a large network or member is several commits in a row.
fn is_of_several_commits(observed: &Observed, id: &str) -> bool {
    let ends = ["EndNetwork", "RetireMember"];
    let named = |write: &Write<'_>| {
        ends.contains(&write.call.method.rsplit('/').next().unwrap_or_default())
    };
    writes(observed).iter().any(|write| write.request_id == id && named(write))
}

/// What a request asks for: everything but how long it waits.
fn asks(write: &Write<'_>) -> Value {
    let mut payload = write.payload.clone();
    if let Some(fields) = payload.as_object_mut() {
        fields.remove("minRegistryPosition");
    }
    payload
}

/// What was refused, or only checked, stands in no commit, unless the same id was also done.
pub(super) fn refused(observed: &Observed) -> Vec<Found> {
    let positions = positions(observed);
    let writes = writes(observed);
    let may_be_done: BTreeSet<(bool, &str)> = writes
        .iter()
        .filter(|write| !write.is_refused() && !write.only_checks())
        .map(|write| (write.is_of_feed(), write.request_id))
        .collect();
    let mut found = Vec::new();
    for write in &writes {
        let key = (write.is_of_feed(), write.request_id);
        let not_done = write.is_refused() || write.only_checks();
        if !not_done || write.request_id.is_empty() || may_be_done.contains(&key) {
            continue;
        }
        if let Some((position, line)) = positions.get(&key).and_then(|at| at.first_key_value()) {
            let problem = format!("{} was not done, and stands at {position}", write.request_id);
            found.push((vec![write.call.began, *line], problem));
        }
    }
    found
}
