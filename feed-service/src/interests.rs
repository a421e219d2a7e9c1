//! Who waits for which events, so that an event wakes only those it concerns.
//!
//! A live subscription with a filter is entered here under the values of one axis, the rarest of its
//! filter. One task decodes each released commit once, looks up who is entered under what its events can
//! be found by, holds only their filters against them, notes for each which commits match, and wakes them
//! once for all it has looked at. The others are told nothing: when their interval is over they ask how
//! far has been looked, and move there at once.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hansa_journal::{Position, ReadLimit, Reader};
use hansa_proto::limits::PROGRESS_EVENTS;
use hansa_proto::pb::feed::v1 as pb;
use parking_lot::Mutex;

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

/// So few are copied to who takes them, into memory that stays his: what one thread allocates and another frees
/// for each event costs more than the event.
const FEW: usize = 16;

/// All who wait.
#[derive(Default)]
pub(crate) struct Interests {
    entered: Mutex<Entered>,
    /// Everything up to here was looked at, or was there before anybody waited. Moved when all it
    /// concerns are noted, so whoever reads it before what is noted misses nothing.
    seen: AtomicU64,
    /// Events looked at.
    looked_at: AtomicU64,
    /// Nobody looks any more.
    closed: AtomicBool,
}

#[derive(Default)]
struct Entered {
    /// Whether `seen` is a position yet.
    looking: bool,
    waiting: HashMap<u64, Arc<One>>,
    by_term: HashMap<Term, BTreeMap<u64, Arc<One>>>,
    next_id: u64,
    /// Those an event was found to concern by what they are entered under.
    #[cfg(test)]
    found: u64,
}

/// One who waits.
struct One {
    id: u64,
    matcher: Arc<Matcher>,
    /// Whether an event that has a term it is entered under matches: its filter has no other axis.
    exact: bool,
    noted: Mutex<Noted>,
}

/// What one has to take.
#[derive(Default)]
struct Noted {
    /// The first commits with events that match and were not taken yet.
    first: VecDeque<Match>,
    /// Commits that match after those, when there are more: the first and the last of them.
    beyond: Option<(Position, Position)>,
    /// Whether it was rung for, and was not told yet.
    rung: bool,
    /// Who is woken then: most likely the one who waited last time.
    waker: Option<Waker>,
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
    /// Those match that were added to what is due, and nothing before or between them.
    These,
    /// Nothing matches before this commit; this or a later one does.
    Something(Position),
    /// Nobody looks any more.
    Closed,
}

/// An entry, as long as it is held.
pub(crate) struct Interest {
    interests: Arc<Interests>,
    one: Arc<One>,
    entered_under: Vec<Term>,
    from: Position,
    events_before: u64,
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
        let mut entered = self.entered.lock();
        let from = self.begin(&mut entered, head);
        let (id, exact) = (entered.next_id, matcher.axes().len() == 1);
        entered.next_id += 1;
        let one = Arc::new(One { id, matcher, exact, noted: Mutex::default() });
        for term in &under {
            entered.by_term.entry(term.clone()).or_default().insert(id, Arc::clone(&one));
        }
        entered.waiting.insert(id, Arc::clone(&one));
        let (interests, events_before) = (Arc::clone(self), self.looked_at.load(Acquire));
        Interest { interests, one, entered_under: under, from, events_before }
    }

    /// Where has been looked; from a head on, if looking has not begun.
    fn begin(&self, entered: &mut Entered, head: Position) -> Position {
        if !std::mem::replace(&mut entered.looking, true) {
            self.seen.store(head.get(), Release);
        }
        Position::new(self.seen.load(Acquire))
    }

    /// Holds the events of the next commits against those they may concern.
    pub(crate) fn look_at(&self, commits: &[(Position, Vec<pb::Event>)]) {
        // Found before the lock is taken: all who enter share it.
        let found: Vec<Vec<Vec<Term>>> =
            commits.iter().map(|(_, events)| events.iter().map(terms).collect()).collect();
        let mut entered = self.entered.lock();
        let mut concerned = Vec::new();
        for ((position, events), terms) in commits.iter().zip(found) {
            entered.note(*position, events, &terms, &mut concerned);
        }
        let Some((last, _)) = commits.last() else { return };
        let events = commits.iter().map(|(_, events)| events.len() as u64).sum::<u64>();
        let before = self.looked_at.fetch_add(events, AcqRel);
        self.seen.store(last.get(), Release);
        let signs = |events: u64| events / SIGN_EVENTS as u64;
        if signs(before + events) > signs(before) {
            entered.ring_all();
        }
        drop(entered);
        for one in concerned {
            one.wake();
        }
    }

    /// When nobody waits there is nothing to look at up to a position. Whether that is so.
    fn passes(&self, up_to: Position) -> bool {
        let mut entered = self.entered.lock();
        if !entered.waiting.is_empty() {
            return false;
        }
        entered.looking = true;
        self.seen.store(up_to.get(), Release);
        true
    }

    /// Wakes everybody: the service ends its streams.
    pub(crate) fn ring_all(&self) {
        self.entered.lock().ring_all();
    }

    /// Looks at every commit as it is released, until the writer ends. Begins at the head, so it is
    /// called when the journal is replayed.
    pub(crate) async fn watch(&self, reader: &Reader) {
        let mut at = self.begin(&mut self.entered.lock(), reader.head());
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
        bell::rest(self.entered.lock().waiting.len())
    }

    fn close(&self) {
        self.closed.store(true, Release);
        self.ring_all();
    }
}

impl Entered {
    /// Notes a commit for those it concerns, who are to be woken.
    fn note(
        &mut self,
        position: Position,
        events: &[pb::Event],
        terms: &[Vec<Term>],
        concerned: &mut Vec<Arc<One>>,
    ) {
        let mut matching: Vec<&Arc<One>> = Vec::new();
        for (event, terms) in events.iter().zip(terms) {
            let found = terms.iter().filter_map(|term| self.by_term.get(term));
            let mut found: Vec<&Arc<One>> = found.flat_map(BTreeMap::values).collect();
            found.sort_unstable_by_key(|one| one.id);
            found.dedup_by_key(|one| one.id);
            #[cfg(test)]
            {
                self.found += found.len() as u64;
            }
            found.retain(|one| one.exact || one.matcher.matches(event));
            matching.append(&mut found);
        }
        matching.sort_unstable_by_key(|one| one.id);
        for events_of_one in matching.chunk_by(|one, next| one.id == next.id) {
            let whole = events_of_one.len() == events.len();
            if events_of_one[0].noted.lock().note(Match { position, whole }) {
                concerned.push(Arc::clone(events_of_one[0]));
            }
        }
    }

    fn ring_all(&self) {
        for one in self.waiting.values() {
            one.ring();
        }
    }
}

impl One {
    fn ring(&self) {
        self.noted.lock().rung = true;
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &self.noted.lock().waker {
            waker.wake_by_ref();
        }
    }
}

impl Noted {
    /// Whether it is to be woken: nothing else has rung for it since it was told.
    fn note(&mut self, found: Match) -> bool {
        match &mut self.beyond {
            Some((_, last)) => *last = found.position,
            None if self.first.len() < MOST_NOTED => self.first.push_back(found),
            None => self.beyond = Some((found.position, found.position)),
        }
        !std::mem::replace(&mut self.rung, true)
    }

    /// What is left of what was noted, for one who has dealt with everything up to a position, and to whom
    /// nothing else is due.
    fn left(&mut self, at: Position, due: &mut VecDeque<Match>) -> Option<Outlook> {
        while self.first.front().is_some_and(|found| found.position <= at) {
            self.first.pop_front();
        }
        // A burst is not paid for in memory for ever after.
        if self.first.len() > FEW || due.capacity() > FEW {
            *due = std::mem::take(&mut self.first);
        } else {
            due.extend(self.first.drain(..));
        }
        if !due.is_empty() {
            return Some(Outlook::These);
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

    /// What is known to one who has dealt with everything up to a position; nothing is due to him.
    pub(crate) fn outlook(&self, at: Position, due: &mut VecDeque<Match>) -> Outlook {
        let interests = &self.interests;
        if interests.closed.load(Acquire) {
            return Outlook::Closed;
        }
        // Before what is noted: what is noted after this was read is after it.
        let seen = Position::new(interests.seen.load(Acquire));
        let looked_at = interests.looked_at.load(Acquire);
        let left = self.one.noted.lock().left(at, due);
        left.unwrap_or_else(|| Outlook::Nothing(seen.max(at), looked_at))
    }

    /// Ready, once for all that came together, when something may have matched.
    pub(crate) fn poll_rung(&self, cx: &Context<'_>) -> Poll<()> {
        let mut noted = self.one.noted.lock();
        if std::mem::take(&mut noted.rung) {
            return Poll::Ready(());
        }
        match &mut noted.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut entered = self.interests.entered.lock();
        entered.waiting.remove(&self.one.id);
        for term in &self.entered_under {
            if let Some(ones) = entered.by_term.get_mut(term) {
                ones.remove(&self.one.id);
                if ones.is_empty() {
                    entered.by_term.remove(term);
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
        let found = || interests.entered.lock().found;
        assert_eq!(found(), 0, "an event that concerns none");
        interests.look_at(&[(Position::new(2), vec![about(77)])]);
        assert_eq!(found(), 1, "an event that concerns one");
        assert_eq!(waiting.iter().filter(|one| is_rung(one)).count(), 1);
        let at = Position::ORIGIN;
        let due = Match { position: Position::new(2), whole: true };
        assert_eq!(outlook(&waiting[77], at), (Outlook::These, vec![due]));
        // The others move to where was looked, without having been woken.
        assert_eq!(outlook(&waiting[78], at), (Outlook::Nothing(Position::new(2), 2), vec![]));
        drop(waiting);
        assert!(interests.entered.lock().by_term.is_empty());
    }

    /// What is known to one who has dealt with everything up to a position, and what is due to him then.
    fn outlook(one: &Interest, at: Position) -> (Outlook, Vec<Match>) {
        let mut due = VecDeque::new();
        (one.outlook(at, &mut due), due.into())
    }

    fn is_rung(one: &Interest) -> bool {
        one.poll_rung(&Context::from_waker(Waker::noop())).is_ready()
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
        assert!(is_rung(&one) && !is_rung(&one));
        let due = |position, whole| Match { position: Position::new(position), whole };
        let found = outlook(&one, Position::new(4));
        assert_eq!(found, (Outlook::These, vec![due(5, true), due(7, false)]));
        assert_eq!(
            outlook(&one, Position::new(7)),
            (Outlook::Nothing(Position::new(7), 4), vec![])
        );
        interests.look_at(&[at(8, &[2])]);
        assert_eq!(
            outlook(&one, Position::new(7)),
            (Outlook::Nothing(Position::new(8), 5), vec![])
        );
        // What it has read for itself meanwhile is not told again.
        interests.look_at(&[at(9, &[1]), at(10, &[1])]);
        assert_eq!(outlook(&one, Position::new(9)), (Outlook::These, vec![due(10, true)]));
        interests.close();
        assert_eq!(outlook(&one, Position::new(8)), (Outlook::Closed, vec![]));
    }

    #[test]
    fn no_more_is_noted_than_the_limit() {
        let interests = Arc::new(Interests::default());
        let one = entered(&interests, 1, Position::ORIGIN);
        let most = MOST_NOTED as u64;
        for position in 1..=2 * most {
            interests.look_at(&[at(position, &[1])]);
        }
        let (Outlook::These, due) = outlook(&one, Position::ORIGIN) else {
            panic!("nothing noted")
        };
        assert_eq!(due.len(), MOST_NOTED);
        assert_eq!(due.last().map(|last| last.position), Some(Position::new(most)));
        // The rest it reads for itself, up to the last that matches.
        let something = Outlook::Something(Position::new(most + 1));
        assert_eq!(outlook(&one, Position::new(most)).0, something);
        let something = Outlook::Something(Position::new(2 * most));
        assert_eq!(outlook(&one, Position::new(2 * most - 1)).0, something);
        let nothing = Outlook::Nothing(Position::new(2 * most), 2 * most);
        assert_eq!(outlook(&one, Position::new(2 * most)).0, nothing);
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
