//! Who waits for which events, so that an event wakes only those it concerns.
//!
//! A live subscription with a filter is entered here under the values of one axis, the rarest of its
//! filter. One task decodes each released commit once, looks up who is entered under what its events can
//! be found by, holds only their filters against them, notes for each which commits match, and wakes them
//! once for all it has looked at. The others are told nothing: when their interval is over they ask how
//! far has been looked, and move there at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hansa_journal::{Position, ReadLimit, Reader};
use hansa_proto::limits::PROGRESS_EVENTS;
use hansa_proto::pb::feed::v1 as pb;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::codec;
use crate::filter::Matcher;
use crate::subscribe::bell;
use crate::terms::{Term, terms};

/// How much is looked at at once.
const READ: ReadLimit = ReadLimit { commits: 256, bytes: 1024 * 1024 };

/// After so many events everybody is woken to give a sign of life, so that one is never due by more than
/// twice as many: a wake-up costs each one who waits a five-thousandth of an event.
pub(crate) const SIGN_EVENTS: usize = PROGRESS_EVENTS / 2;

/// Commits noted for one who waits; beyond them it reads for itself.
const MOST_NOTED: usize = 256;

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
    /// The first commits with events that match and were not taken yet.
    noted: VecDeque<Match>,
    /// Commits that match after those noted, when there are more.
    beyond: Option<(Position, Position)>,
}

/// A commit with events that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// Its position.
    pub(crate) position: Position,
    /// Whether all its events match.
    pub(crate) whole: bool,
}

/// What one who waits has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// Nothing matches up to here; so many events were looked at in all.
    Nothing(Position, u64),
    /// These match, and nothing before or between them. They are the caller's now.
    These(VecDeque<Match>),
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
        let entry = Entry {
            matcher,
            entered_under: under,
            ring: Arc::clone(&ring),
            noted: VecDeque::new(),
            beyond: None,
        };
        state.waiting.insert(id, entry);
        let events_before = state.looked_at;
        Interest { interests: Arc::clone(self), id, from, events_before, ring }
    }

    /// Holds the events of the next commits against those they may concern.
    pub(crate) fn look_at(&self, commits: &[(Position, Vec<pb::Event>)]) {
        // Found before the lock is taken: all who wait share it.
        let found: Vec<Vec<BTreeSet<Term>>> =
            commits.iter().map(|(_, events)| events.iter().map(terms).collect()).collect();
        let mut state = self.0.lock();
        let mut rings = HashMap::new();
        for ((position, events), terms) in commits.iter().zip(found) {
            state.note(*position, events, &terms, &mut rings);
        }
        let Some((last, _)) = commits.last() else { return };
        state.seen = Some(*last);
        let signs_before = state.looked_at / SIGN_EVENTS as u64;
        state.looked_at += commits.iter().map(|(_, events)| events.len() as u64).sum::<u64>();
        if state.looked_at / SIGN_EVENTS as u64 > signs_before {
            state.ring_all();
        }
        // Whoever is woken asks at once, which needs the lock.
        drop(state);
        for ring in rings.into_values() {
            ring.notify_one();
        }
    }

    /// When nobody waits there is nothing to look at up to a position. Whether that is so.
    fn passes(&self, up_to: Position) -> bool {
        let mut state = self.0.lock();
        if !state.waiting.is_empty() {
            return false;
        }
        state.seen = Some(up_to);
        true
    }

    /// Wakes everybody: the service ends its streams.
    pub(crate) fn ring_all(&self) {
        self.0.lock().ring_all();
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
            let head = reader.head();
            if self.passes(head) {
                at = head;
                continue;
            }
            let commits = match reader.read(at, READ).await {
                Ok(commits) => commits,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "cannot read on");
                    break;
                }
            };
            let mut looked_at = Vec::with_capacity(commits.len());
            for commit in commits {
                match codec::decode_events(&commit.body) {
                    Ok(events) => looked_at.push((commit.position, events)),
                    Err(corrupt) => {
                        tracing::error!(%corrupt, position = %commit.position, "cannot read on");
                        return self.close();
                    }
                }
                at = commit.position;
            }
            self.look_at(&looked_at);
            // Many are woken for many commits, as the bell does it.
            match self.rest() {
                Some(rest) => tokio::time::sleep(rest).await,
                None => tokio::task::yield_now().await,
            }
        }
        self.close();
    }

    fn rest(&self) -> Option<Duration> {
        bell::rest(self.0.lock().waiting.len())
    }

    fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.ring_all();
    }
}

impl State {
    /// Notes a commit for those it concerns, and who is to be woken.
    fn note(
        &mut self,
        position: Position,
        events: &[pb::Event],
        terms: &[BTreeSet<Term>],
        rings: &mut HashMap<u64, Arc<Notify>>,
    ) {
        let mut concerned: BTreeMap<u64, usize> = BTreeMap::new();
        for (event, terms) in events.iter().zip(terms) {
            let ids = terms.iter().filter_map(|term| self.by_term.get(term)).flatten();
            for id in ids.copied().collect::<BTreeSet<u64>>() {
                #[cfg(test)]
                {
                    self.evaluations += 1;
                }
                if self.waiting.get(&id).is_some_and(|entry| entry.matcher.matches(event)) {
                    *concerned.entry(id).or_default() += 1;
                }
            }
        }
        for (id, matching) in concerned {
            let Some(entry) = self.waiting.get_mut(&id) else { continue };
            entry.note(Match { position, whole: matching == events.len() });
            rings.entry(id).or_insert_with(|| Arc::clone(&entry.ring));
        }
    }

    fn ring_all(&self) {
        for entry in self.waiting.values() {
            entry.ring.notify_one();
        }
    }
}

impl Entry {
    fn note(&mut self, found: Match) {
        match &mut self.beyond {
            Some((_, last)) => *last = found.position,
            None if self.noted.len() < MOST_NOTED => self.noted.push_back(found),
            None => self.beyond = Some((found.position, found.position)),
        }
    }

    /// What is left of what was noted, for one who has dealt with everything up to a position.
    fn left(&mut self, at: Position) -> Option<Outlook> {
        while self.noted.front().is_some_and(|found| found.position <= at) {
            self.noted.pop_front();
        }
        if !self.noted.is_empty() {
            return Some(Outlook::These(std::mem::take(&mut self.noted)));
        }
        let (first, last) = self.beyond?;
        if last > at {
            return Some(Outlook::Something(first.max(at.next())));
        }
        self.beyond = None;
        None
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
        entry.left(at).unwrap_or_else(|| Outlook::Nothing(seen.max(at), looked_at))
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
        interests.look_at(&[(Position::new(1), vec![about(20_000)])]);
        assert_eq!(interests.evaluations(), 0, "an event that concerns none");
        interests.look_at(&[(Position::new(2), vec![about(77)])]);
        assert_eq!(interests.evaluations(), 1, "an event that concerns one");
        let rung = waiting.iter().filter(|one| one.rung().now_or_never().is_some()).count();
        assert_eq!(rung, 1);
        let at = Position::ORIGIN;
        let due = Match { position: Position::new(2), whole: true };
        assert_eq!(waiting[77].outlook(at), Outlook::These([due].into()));
        // The others move to where was looked, without having been woken.
        assert_eq!(waiting[78].outlook(at), Outlook::Nothing(Position::new(2), 2));
        drop(waiting);
        assert!(interests.0.lock().by_term.is_empty());
    }

    fn at(position: u64, members: &[u32]) -> (Position, Vec<pb::Event>) {
        (Position::new(position), members.iter().map(|member| about(*member)).collect())
    }

    #[test]
    fn what_matches_is_noted_until_it_was_taken() {
        let interests = Arc::new(Interests::default());
        let one = entered(&interests, 1, Position::new(4));
        assert_eq!(one.from(), Position::new(4));
        interests.look_at(&[at(5, &[1]), at(6, &[2]), at(7, &[2, 1])]);
        assert!(one.rung().now_or_never().is_some() && one.rung().now_or_never().is_none());
        let due = |position, whole| Match { position: Position::new(position), whole };
        let outlook = one.outlook(Position::new(4));
        assert_eq!(outlook, Outlook::These([due(5, true), due(7, false)].into()));
        assert_eq!(one.outlook(Position::new(7)), Outlook::Nothing(Position::new(7), 4));
        interests.look_at(&[at(8, &[2])]);
        assert_eq!(one.outlook(Position::new(7)), Outlook::Nothing(Position::new(8), 5));
        // What it has read for itself meanwhile is not told again.
        interests.look_at(&[at(9, &[1]), at(10, &[1])]);
        assert_eq!(one.outlook(Position::new(9)), Outlook::These([due(10, true)].into()));
        interests.close();
        assert_eq!(one.outlook(Position::new(8)), Outlook::Closed);
    }

    #[test]
    fn no_more_is_noted_than_the_limit() {
        let interests = Arc::new(Interests::default());
        let one = entered(&interests, 1, Position::ORIGIN);
        let most = MOST_NOTED as u64;
        for position in 1..=2 * most {
            interests.look_at(&[at(position, &[1])]);
        }
        let Outlook::These(due) = one.outlook(Position::ORIGIN) else { panic!("nothing noted") };
        assert_eq!(due.len(), MOST_NOTED);
        assert_eq!(due.back().map(|last| last.position), Some(Position::new(most)));
        // The rest it reads for itself, up to the last that matches.
        let something = Outlook::Something(Position::new(most + 1));
        assert_eq!(one.outlook(Position::new(most)), something);
        let something = Outlook::Something(Position::new(2 * most));
        assert_eq!(one.outlook(Position::new(2 * most - 1)), something);
        let nothing = Outlook::Nothing(Position::new(2 * most), 2 * most);
        assert_eq!(one.outlook(Position::new(2 * most)), nothing);
    }

    #[test]
    fn without_anybody_who_waits_nothing_is_looked_at() {
        let interests = Arc::new(Interests::default());
        assert!(interests.passes(Position::new(9)));
        let one = entered(&interests, 1, Position::ORIGIN);
        assert_eq!(one.from(), Position::new(9));
        assert!(!interests.passes(Position::new(10)));
    }
}
