//! What of the past is read next: commits one after the other, or, for a filter that takes little of
//! them, only those the index names.
//!
//! A subscription that is not read holds what stands here: at most [`READ`] of commits, or one larger
//! commit, and [`CHOSEN`] positions; and less when the budget of all has no more room.

use std::collections::VecDeque;
use std::sync::Arc;

use hansa_journal::{Commit, Position, ReadLimit};
use tonic::Status;

use super::budget::Room;
use crate::grpc::Feed;
use crate::status;
use crate::view::index::Place;
use crate::view::search::{self, Axes};

/// How much is read at once.
pub(super) const READ: ReadLimit = ReadLimit { commits: 512, bytes: 256 * 1024 };

/// Commits chosen at once.
const CHOSEN: usize = 1024;

/// So few commits are sooner read than searched for.
const NEAR: u64 = 64;

/// When at least one commit in so many matches, they are read one after the other.
const DENSE: u64 = 4;

/// A commit that was read and not looked at.
pub(super) struct Unread {
    pub(super) commit: Commit,
    /// Events between the commit before it and this one that are known not to match.
    pub(super) jumped: usize,
    /// How many of its events match, as far as the index was asked.
    pub(super) matching: Option<usize>,
}

/// The past as one subscription reads it.
pub(super) struct Replay {
    axes: Arc<Axes>,
    pub(super) unread: VecDeque<Unread>,
    chosen: Option<Chosen>,
    /// How many events there are up to positions asked for before: where the next search begins, and ends.
    numbers: Numbers,
    /// Up to here commits are read one after the other.
    scan_until: Position,
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
    matching: usize,
}

/// How many events there are up to two positions.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    reached: Option<(Position, u64)>,
    end: Option<(Position, u64)>,
}

/// What there is to look at.
pub(super) enum Next {
    /// Commits, in `unread`.
    Commits,
    /// Nothing matches up to here; so many events were jumped over.
    Nothing(Position, usize),
}

impl Replay {
    pub(super) fn new(axes: Axes) -> Replay {
        let scan_until = Position::ORIGIN;
        let numbers = Numbers::default();
        let (unread, room) = (VecDeque::new(), None);
        Replay { axes: Arc::new(axes), unread, chosen: None, numbers, scan_until, room }
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.unread.is_empty() && self.chosen.is_none()
    }

    /// Reads on after a position, up to an end that is after it.
    pub(super) async fn next(
        &mut self,
        feed: &Feed,
        at: Position,
        end: Position,
    ) -> Result<Next, Status> {
        if !self.unread.is_empty() {
            return Ok(Next::Commits);
        }
        let far = end.get() - at.get() > NEAR;
        if self.chosen.is_none() && far && !self.axes.is_empty() && at >= self.scan_until {
            self.choose(feed, at, end).await?;
        }
        let bytes = self.room.as_ref().map_or(READ.bytes, |room| room.bytes());
        match &mut self.chosen {
            Some(chosen) if chosen.commits.is_empty() => {
                let (up_to, jumped) = (chosen.up_to, chosen.jumped);
                self.chosen = None;
                return Ok(Next::Nothing(up_to, jumped));
            }
            Some(chosen) => self.unread = fetch(feed, chosen, bytes).await?,
            None => self.unread = scan(feed, at, end, bytes).await?,
        }
        // A long run without a match must not keep others from this thread.
        tokio::task::yield_now().await;
        Ok(Next::Commits)
    }

    /// Asks the index which commits come next.
    async fn choose(&mut self, feed: &Feed, at: Position, end: Position) -> Result<(), Status> {
        let axes = Arc::clone(&self.axes);
        let numbers = self.numbers;
        let found = feed.query(move |keys| choose(keys, &axes, at, end, numbers)).await?;
        let (chosen, numbers) = found;
        self.numbers = numbers;
        let last = chosen.commits.back().map(|named| named.position);
        let many = chosen.commits.len() as u64 * DENSE;
        match last {
            Some(last) if last.get() - at.get() < many => self.scan_until = last,
            _ => self.chosen = Some(chosen),
        }
        Ok(())
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

/// Fetches chosen commits, as many as may be held.
async fn fetch(feed: &Feed, chosen: &mut Chosen, bytes: usize) -> Result<VecDeque<Unread>, Status> {
    let positions = chosen.commits.iter().map(|named| named.position);
    let positions = positions.take(READ.commits).collect();
    let commits = feed.reader.read_at(positions, bytes).await;
    let commits = commits.map_err(status::journal_failed)?;
    let named = chosen.commits.drain(..commits.len());
    let unread = commits.into_iter().zip(named).map(|(commit, Named { jumped, matching, .. })| {
        let matching = Some(matching);
        Unread { commit, jumped, matching }
    });
    Ok(unread.collect())
}

/// Reads commits one after the other.
async fn scan(
    feed: &Feed,
    at: Position,
    end: Position,
    bytes: usize,
) -> Result<VecDeque<Unread>, Status> {
    let left = usize::try_from(end.get() - at.get()).unwrap_or(READ.commits);
    let limit = ReadLimit { commits: READ.commits.min(left), bytes };
    let commits = feed.reader.read(at, limit).await.map_err(status::journal_failed)?;
    let unread = |commit| Unread { commit, jumped: 0, matching: None };
    Ok(commits.into_iter().map(unread).collect())
}
