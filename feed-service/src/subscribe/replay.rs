//! What of the past is read next with a filter: only those commits the index names, many at a time, or,
//! near the end, commits one after the other.
//!
//! A subscription that is not read holds what stands here: [`CHOSEN`] places, and a run of frames or at most
//! [`READ`] of commits, or one larger commit; and less when the budget of all has no more room.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use hansa_journal::{Commit, Excerpt, Position, ReadLimit, Wanted};
use hansa_proto::limits::PROGRESS_EVENTS;
use tonic::Status;

use super::budget::Room;
use crate::grpc::Feed;
use crate::status;
use crate::view::index::Place;
use crate::view::search::{self, Axes};

/// How much is read at once: so many bytes, and near the end so many commits.
pub(super) const READ: ReadLimit = ReadLimit { commits: 64, bytes: 128 * 1024 };

/// Commits chosen at once.
const CHOSEN: usize = 1024;

/// Commits fetched at once: each takes about a microsecond when it is in memory.
const FETCHED: usize = 256;

/// So few commits are sooner read than searched for.
const NEAR: u64 = 64;

/// The past as one subscription with a filter reads it.
pub(super) struct Replay {
    axes: Arc<Axes>,
    /// What the filter takes of a commit.
    excerpt: Arc<Excerpt>,
    /// Commits that were read and not looked at.
    pub(super) unread: VecDeque<Commit>,
    chosen: Option<Chosen>,
    /// How many events there are up to positions asked for before: where the next search begins, and ends.
    numbers: Numbers,
    /// Where what is read stands.
    pub(super) room: Option<Arc<Room>>,
}

/// Commits with events that match, by the index.
#[derive(Debug, Default)]
struct Chosen {
    commits: VecDeque<Named>,
    /// Nothing but them matches up to here.
    up_to: Position,
    /// Events after the last of them up to there.
    jumped: usize,
}

/// A commit as the index names it.
#[derive(Clone, Copy, Debug)]
struct Named {
    position: Position,
    /// Events between the one before it and this one.
    jumped: usize,
    matching: u32,
}

/// How many events there are up to two positions.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    reached: Option<(Position, u64)>,
    end: Option<(Position, u64)>,
}

/// What there is.
pub(super) enum Next {
    /// What matches, and nothing else does up to here.
    Frames(Bytes, Position),
    /// Commits to look at, in `unread`.
    Commits,
    /// Nothing matches up to here; so many events were jumped over.
    Nothing(Position, usize),
}

impl Replay {
    pub(super) fn new(axes: Axes, excerpt: Arc<Excerpt>) -> Replay {
        let (unread, numbers) = (VecDeque::new(), Numbers::default());
        Replay { axes: Arc::new(axes), excerpt, unread, chosen: None, numbers, room: None }
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.unread.is_empty() && self.chosen.is_none()
    }

    /// Reads on after a position, up to an end that is after it; so many events were passed over before.
    pub(super) async fn next(
        &mut self,
        feed: &Feed,
        (at, end): (Position, Position),
        passed_over: usize,
    ) -> Result<Next, Status> {
        if !self.unread.is_empty() {
            return Ok(Next::Commits);
        }
        if self.chosen.is_none() && end.get() - at.get() > NEAR {
            let (axes, numbers) = (Arc::clone(&self.axes), self.numbers);
            let found = feed.query(move |keys| choose(keys, &axes, at, end, numbers)).await?;
            self.numbers = found.1;
            self.chosen = Some(found.0);
        }
        // A long run without a match must not keep others from this thread.
        tokio::task::yield_now().await;
        let bytes = self.room.as_ref().map_or(READ.bytes, |room| room.bytes());
        let Some(chosen) = &mut self.chosen else {
            self.unread = scan(feed, (at, end), bytes).await?;
            return Ok(Next::Commits);
        };
        if let Some(nothing) = chosen.nothing(passed_over) {
            if chosen.commits.is_empty() {
                self.chosen = None;
            }
            return Ok(nothing);
        }
        let wanted = chosen.wanted();
        let found = feed.reader.excerpts(&wanted, bytes, &self.excerpt).await;
        let found = found.map_err(status::journal_failed)?;
        chosen.commits.drain(..found.commits);
        let up_to = found.commits.checked_sub(1).map_or(at, |last| wanted[last].position);
        Ok(Next::Frames(found.frames, up_to))
    }
}

impl Chosen {
    /// What was jumped over, when that must be told before anything else or there is nothing else.
    fn nothing(&mut self, passed_over: usize) -> Option<Next> {
        let Some(first) = self.commits.front_mut() else {
            return Some(Next::Nothing(self.up_to, self.jumped));
        };
        if passed_over + first.jumped < PROGRESS_EVENTS {
            return None;
        }
        let before = Position::new(first.position.get().saturating_sub(1));
        Some(Next::Nothing(before, std::mem::take(&mut first.jumped)))
    }

    /// The commits to fetch next: the first, and those after it up to where a sign of life is due.
    fn wanted(&self) -> Vec<Wanted> {
        let soon = |named: &&Named| named.jumped < PROGRESS_EVENTS;
        let after = self.commits.iter().skip(1).take_while(soon).take(FETCHED - 1);
        let wanted = self.commits.iter().take(1).chain(after);
        wanted.map(|named| Wanted { position: named.position, known: named.matching }).collect()
    }
}

fn choose(
    keys: &impl hansa_view::Keys,
    axes: &Axes,
    at: Position,
    end: Position,
    known: Numbers,
) -> Result<(Chosen, Numbers), hansa_view::ViewError> {
    let number_after = |position: Position, known: Option<(Position, u64)>| match known {
        Some((of, number)) if of == position => Ok(number),
        _ => search::number_at(keys, Place { position: position.get() + 1, index: 0 }),
    };
    let from = number_after(at, known.reached)?;
    let last = number_after(end, known.end)?;
    let found = search::forwards(keys, axes, from, last, CHOSEN)?;
    let (mut chosen, mut passed) = (Chosen { up_to: end, ..Chosen::default() }, from);
    for (number, place) in found.events {
        let position = Position::new(place.position);
        match chosen.commits.back_mut().filter(|named| named.position == position) {
            Some(named) => named.matching += 1,
            None => {
                let jumped = jumped(passed, number);
                chosen.commits.push_back(Named { position, jumped, matching: 1 });
            }
        }
        passed = number + 1;
    }
    let mut numbers = Numbers { reached: Some((end, last)), end: Some((end, last)) };
    let mut until = last;
    if let Some(more) = found.more.filter(|more| *more < last) {
        // The commit the search stopped in is looked at whole, now or next time.
        until = more;
        let place = search::place_of(keys, more)?;
        let last_chosen = chosen.commits.back().map_or(at, |named| named.position);
        chosen.up_to = last_chosen.max(Position::new(place.position.saturating_sub(1)));
        let begins = place.index == 0 && chosen.up_to.next().get() == place.position;
        numbers.reached = begins.then_some((chosen.up_to, more));
    }
    chosen.jumped = jumped(passed, until);
    Ok((chosen, numbers))
}

fn jumped(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}

/// Reads commits one after the other.
async fn scan(
    feed: &Feed,
    (at, end): (Position, Position),
    bytes: usize,
) -> Result<VecDeque<Commit>, Status> {
    let left = usize::try_from(end.get() - at.get()).unwrap_or(READ.commits);
    let limit = ReadLimit { commits: READ.commits.min(left), bytes };
    let commits = feed.reader.read(at, limit).await.map_err(status::journal_failed)?;
    Ok(commits.into())
}
