//! Who waits for which events, so that an event wakes only those it concerns.
//!
//! A live subscription with a filter is entered here under the values of one axis, the rarest of its
//! filter. One task decodes each released commit once, looks up who is entered under what its events can
//! be found by, holds only their filters against them, and wakes those that match. The others are told
//! nothing: when their interval is over they ask how far has been looked, and move there at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hansa_journal::{Position, ReadLimit, Reader};
use hansa_proto::limits::PROGRESS_EVENTS;
use hansa_proto::pb::feed::v1 as pb;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::codec;
use crate::filter::Matcher;
use crate::terms::{Term, terms};

/// How much is looked at at once.
const READ: ReadLimit = ReadLimit { commits: 256, bytes: 1024 * 1024 };

/// After so many events everybody is woken to give a sign of life, so that one is never due by more than
/// twice as many: a wake-up costs each one who waits a five-thousandth of an event.
pub(crate) const SIGN_EVENTS: usize = PROGRESS_EVENTS / 2;

/// All who wait.
#[derive(Default)]
pub(crate) struct Interests(Mutex<State>);

#[derive(Default)]
struct State {
    /// Everything up to here was looked at, or was there before anybody waited.
    seen: Option<Position>,
    waiting: HashMap<u64, Entry>,
    by_term: HashMap<Term, BTreeSet<u64>>,
    next_id: u64,
    /// Events looked at.
    looked_at: u64,
    /// Filters held against an event.
    #[cfg(test)]
    evaluations: u64,
    /// Nobody looks any more.
    closed: bool,
}

/// One who waits.
struct Entry {
    matcher: Arc<Matcher>,
    entered_under: Vec<Term>,
    ring: Arc<Notify>,
    /// First and last commit with an event that matches and may not have been taken yet.
    matched: Option<(Position, Position)>,
}

/// What one who waits has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// Nothing matches up to here; so many events were looked at in all.
    Nothing(Position, u64),
    /// Nothing matches before this commit; this or a later one does.
    Something(Position),
    /// Nobody looks any more.
    Closed,
}

/// An entry, as long as it is held.
pub(crate) struct Interest {
    interests: Arc<Interests>,
    id: u64,
    from: Position,
    events_before: u64,
    ring: Arc<Notify>,
}

impl Interests {
    /// Enters one who waits under these terms: each event that matches must have one of them. `head` is
    /// where looking begins, if it has not yet.
    pub(crate) fn enter(
        self: &Arc<Self>,
        matcher: Arc<Matcher>,
        under: Vec<Term>,
        head: Position,
    ) -> Interest {
        let mut state = self.0.lock();
        let from = *state.seen.get_or_insert(head);
        let (id, ring) = (state.next_id, Arc::new(Notify::new()));
        state.next_id += 1;
        for term in &under {
            state.by_term.entry(term.clone()).or_default().insert(id);
        }
        let entry = Entry { matcher, entered_under: under, ring: Arc::clone(&ring), matched: None };
        state.waiting.insert(id, entry);
        let events_before = state.looked_at;
        Interest { interests: Arc::clone(self), id, from, events_before, ring }
    }

    /// Holds the events of the next commit against those they may concern.
    pub(crate) fn look_at(&self, position: Position, events: &[pb::Event]) {
        // Found before the lock is taken: all who wait share it.
        let found: Vec<BTreeSet<Term>> = events.iter().map(terms).collect();
        let mut state = self.0.lock();
        for (event, terms) in events.iter().zip(found) {
            let concerned: BTreeSet<u64> = terms
                .iter()
                .filter_map(|term| state.by_term.get(term))
                .flatten()
                .copied()
                .collect();
            for id in concerned {
                #[cfg(test)]
                {
                    state.evaluations += 1;
                }
                let Some(entry) = state.waiting.get_mut(&id) else { continue };
                if entry.matcher.matches(event) {
                    let first = entry.matched.map_or(position, |(first, _)| first);
                    entry.matched = Some((first, position));
                    entry.ring.notify_one();
                }
            }
        }
        state.seen = Some(position);
        let signs_before = state.looked_at / SIGN_EVENTS as u64;
        state.looked_at += events.len() as u64;
        if state.looked_at / SIGN_EVENTS as u64 > signs_before {
            state.ring_all();
        }
    }

    /// Filters held against an event so far.
    #[cfg(test)]
    pub(crate) fn evaluations(&self) -> u64 {
        self.0.lock().evaluations
    }

    /// Looks at every commit as it is released, until the writer ends. Begins at the head, so it is
    /// called when the journal is replayed.
    pub(crate) async fn watch(&self, reader: &Reader) {
        let mut at = *self.0.lock().seen.get_or_insert(reader.head());
        while reader.beyond(at).await.is_ok() {
            let commits = match reader.read(at, READ).await {
                Ok(commits) => commits,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "cannot read on");
                    break;
                }
            };
            for commit in commits {
                let events = match codec::decode_events(&commit.body) {
                    Ok(events) => events,
                    Err(corrupt) => {
                        tracing::error!(%corrupt, position = %commit.position, "cannot read on");
                        return self.close();
                    }
                };
                self.look_at(commit.position, &events);
                at = commit.position;
            }
            tokio::task::yield_now().await;
        }
        self.close();
    }

    fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.ring_all();
    }
}

impl State {
    fn ring_all(&self) {
        for entry in self.waiting.values() {
            entry.ring.notify_one();
        }
    }
}

impl Interest {
    /// Every commit after this one is looked at for it.
    pub(crate) fn from(&self) -> Position {
        self.from
    }

    /// Events looked at before.
    pub(crate) fn events_before(&self) -> u64 {
        self.events_before
    }

    /// What is known to one who has dealt with everything up to a position.
    pub(crate) fn outlook(&self, at: Position) -> Outlook {
        let mut state = self.interests.0.lock();
        if state.closed {
            return Outlook::Closed;
        }
        let (seen, looked_at) = (state.seen.unwrap_or_default(), state.looked_at);
        let entry = state.waiting.get_mut(&self.id).expect("it is entered as long as it is held");
        match entry.matched {
            Some((first, last)) if last > at => Outlook::Something(first.max(at.next())),
            _ => {
                entry.matched = None;
                Outlook::Nothing(seen.max(at), looked_at)
            }
        }
    }

    /// Waits until something may have matched.
    pub(crate) async fn rung(&self) {
        self.ring.notified().await;
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut state = self.interests.0.lock();
        let Some(entry) = state.waiting.remove(&self.id) else { return };
        for term in entry.entered_under {
            if let Some(ids) = state.by_term.get_mut(&term) {
                ids.remove(&self.id);
                if ids.is_empty() {
                    state.by_term.remove(&term);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::terms::Axis;
    use futures_util::FutureExt;
    use hansa_proto::feed::{EventKind, Filter};
    use hansa_proto::ids::MemberId;

    fn about(member: u32) -> pb::Event {
        pb::Event {
            kind: EventKind::Joined.to_pb(),
            network: "networks/all".to_owned(),
            members: vec![format!("members/m{member}")],
            ..Default::default()
        }
    }

    fn entered(interests: &Arc<Interests>, member: u32, head: Position) -> Interest {
        let id = MemberId::from_id(&format!("m{member}")).unwrap();
        let term = Term { axis: Axis::Members, value: id.to_string() };
        let filter = Filter { members: [id].into(), ..Default::default() };
        interests.enter(Arc::new(Matcher::new(&filter)), vec![term], head)
    }

    /// Counted, not timed: what an event costs does not depend on how many wait for others.
    #[test]
    fn an_event_costs_only_those_it_concerns() {
        let interests = Arc::new(Interests::default());
        let waiting: Vec<Interest> =
            (0..10_000).map(|member| entered(&interests, member, Position::ORIGIN)).collect();
        interests.look_at(Position::new(1), &[about(20_000)]);
        assert_eq!(interests.evaluations(), 0, "an event that concerns none");
        interests.look_at(Position::new(2), &[about(77)]);
        assert_eq!(interests.evaluations(), 1, "an event that concerns one");
        let rung = waiting.iter().filter(|one| one.rung().now_or_never().is_some()).count();
        assert_eq!(rung, 1);
        let at = Position::ORIGIN;
        assert_eq!(waiting[77].outlook(at), Outlook::Something(Position::new(2)));
        // The others move to where was looked, without having been woken.
        assert_eq!(waiting[78].outlook(at), Outlook::Nothing(Position::new(2), 2));
        drop(waiting);
        assert!(interests.0.lock().by_term.is_empty());
    }

    #[test]
    fn what_matches_is_known_until_it_was_taken() {
        let interests = Arc::new(Interests::default());
        let one = entered(&interests, 1, Position::new(4));
        assert_eq!(one.from(), Position::new(4));
        interests.look_at(Position::new(5), &[about(1)]);
        interests.look_at(Position::new(6), &[about(2)]);
        interests.look_at(Position::new(7), &[about(1)]);
        assert_eq!(one.outlook(Position::new(4)), Outlook::Something(Position::new(5)));
        // Taken up to 5 only: the one at 7 is still to come, and nothing says that 6 is not.
        assert_eq!(one.outlook(Position::new(5)), Outlook::Something(Position::new(6)));
        assert_eq!(one.outlook(Position::new(7)), Outlook::Nothing(Position::new(7), 3));
        interests.look_at(Position::new(8), &[about(2)]);
        assert_eq!(one.outlook(Position::new(7)), Outlook::Nothing(Position::new(8), 4));
        interests.close();
        assert_eq!(one.outlook(Position::new(8)), Outlook::Closed);
    }
}
