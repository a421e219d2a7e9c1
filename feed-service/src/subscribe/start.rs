//! Where a subscription really starts: a position, or the present state and then a position.

use std::sync::Arc;

use hansa_journal::{JournalId, Position, ReadLimit};
use hansa_proto::feed::{Cursor, OnExpired};
use hansa_proto::ids::SubscriptionId;
use hansa_view::Frozen;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use super::ask::{Ask, Begin};
use super::matcher;
use crate::MOST_SNAPSHOTS;
use crate::filter::Matcher;
use crate::grpc::Feed;
use crate::named::NamedStream;
use crate::status::{self, BadCursor};
use crate::view::index::Place;
use crate::view::{Lookup, search, state};

const KIND: &str = "hansa.feed.v1.Subscription";

/// Where a subscription starts, and with what.
pub(super) struct Start {
    pub(super) position: Position,
    /// The head when it opened.
    pub(super) head: Position,
    pub(super) matcher: Matcher,
    /// The state to send first.
    pub(super) state: Option<State>,
    /// The name it was started by.
    pub(super) named: Option<NamedStream>,
}

/// The present state, held still while it is sent.
pub(super) struct State {
    pub(super) frozen: Frozen,
    _turn: OwnedSemaphorePermit,
}

/// Resolves what was asked for.
pub(super) async fn resolve(feed: &Arc<Feed>, ask: &Ask) -> Result<Start, Status> {
    let (begin, matcher, named) = match &ask.start {
        Begin::Named(id) => {
            let (cursor, matcher) = kept(feed, id).await?;
            (Begin::After(cursor), matcher, Some(feed.named.open(id.clone())))
        }
        other => (other.clone(), matcher(feed, ask.filter.clone()).await?, None),
    };
    let (oldest, head) = (feed.reader.oldest(), feed.reader.head());
    let placed = match begin {
        Begin::Beginning => Placed::After(oldest),
        Begin::End => Placed::After(head),
        Begin::Since(micros) => Placed::After(since(feed, micros, oldest, head).await?),
        Begin::Last(count) => Placed::After(before_last(feed, &matcher, count, head).await?),
        Begin::Named(_) => unreachable!("a named subscription starts after its cursor"),
        Begin::After(cursor) => {
            let (reader, identity) = (&feed.reader, JournalId::from_bytes(cursor.identity));
            let known = reader.knows(identity, Position::new(cursor.position));
            judge(cursor, known, oldest, head, ask.on_expired)
                .map_err(|bad| status::bad_cursor(bad, oldest, head, reader.identity()))?
        }
    };
    match placed {
        Placed::After(position) if !ask.include_snapshot => {
            Ok(Start { position, head, matcher, state: None, named })
        }
        _ => {
            let state = freeze(feed).await?;
            // Until the state is whole, every cursor stands before the oldest event kept: whoever
            // resumes after one receives the past instead, and misses nothing.
            let head = head.max(state.frozen.position());
            Ok(Start { position: oldest, head, matcher, state: Some(state), named })
        }
    }
}

/// What a cursor comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placed {
    After(Position),
    State,
}

fn judge(
    cursor: Cursor,
    known: bool,
    oldest: Position,
    head: Position,
    on_expired: Option<OnExpired>,
) -> Result<Placed, BadCursor> {
    let position = Position::new(cursor.position);
    if !known {
        return Err(BadCursor::Foreign);
    }
    if position > head {
        return Err(BadCursor::InFuture);
    }
    if position >= oldest {
        return Ok(Placed::After(position));
    }
    match on_expired {
        None => Err(BadCursor::Expired),
        Some(OnExpired::FromOldest) => Ok(Placed::After(oldest)),
        Some(OnExpired::Snapshot) => Ok(Placed::State),
    }
}

/// Cursor and filter of a named subscription. What its filter names existed when it was made.
async fn kept(feed: &Feed, id: &SubscriptionId) -> Result<(Cursor, Matcher), Status> {
    let wanted = id.clone();
    let found = feed.query(move |keys| Lookup(keys).named(&wanted)).await?;
    let subscription = found.ok_or_else(|| status::not_found(KIND, id))?;
    let identity = *feed.reader.identity().as_bytes();
    let oldest = Cursor { identity, position: feed.reader.oldest().get() };
    Ok((subscription.cursor.unwrap_or(oldest), Matcher::new(&subscription.filter)))
}

/// The position before the first commit recorded at or after a time. Times of commits are those of the
/// feed's clock: where it was set back, this is one of the places where times pass over the one asked
/// for. The order of events is that of positions, never of times.
async fn since(
    feed: &Feed,
    micros: i64,
    oldest: Position,
    head: Position,
) -> Result<Position, Status> {
    let one = ReadLimit { commits: 1, bytes: 0 };
    let (mut low, mut high) = (oldest.get(), head.get());
    while low < high {
        let middle = low + (high - low) / 2;
        let read = feed.reader.read(Position::new(middle), one).await;
        let read = read.map_err(status::journal_failed)?;
        let commit = read.first().ok_or_else(status::not_serving)?;
        match commit.recorded_at_micros >= micros {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    Ok(Position::new(low))
}

/// The position before the commit of the last so many events that match, up to the head.
async fn before_last(
    feed: &Feed,
    matcher: &Matcher,
    count: u32,
    head: Position,
) -> Result<Position, Status> {
    let axes = Arc::new(matcher.axes());
    let end = Place { position: head.get() + 1, index: 0 };
    let (mut left, mut before, mut first) = (count as usize, None, None);
    while left > 0 {
        let axes = Arc::clone(&axes);
        let found = feed
            .query(move |keys| {
                let before = before.map_or_else(|| search::number_at(keys, end), Ok)?;
                search::backwards(keys, &axes, before, left)
            })
            .await?;
        left -= found.events.len();
        first = found.events.last().map(|(_, place)| place.position).or(first);
        before = found.more;
        if before.is_none() {
            break;
        }
    }
    // A commit comes whole, so a few more may come than were asked for.
    let before_first = first.map(|position| Position::new(position.saturating_sub(1)));
    Ok(before_first.unwrap_or(head).max(feed.reader.oldest()))
}

async fn freeze(feed: &Arc<Feed>) -> Result<State, Status> {
    let turn = Arc::clone(&feed.snapshots).try_acquire_owned();
    let turn = turn.map_err(|_| status::too_many_snapshots(MOST_SNAPSHOTS))?;
    let view = Arc::clone(&feed.view);
    let frozen = tokio::task::spawn_blocking(move || view.freeze(&state::PREFIXES)).await;
    let frozen = frozen.map_err(|_| status::not_serving())?.map_err(status::view_failed)?;
    // The view is ahead of what readers may see for a moment.
    feed.reader.wait_for(frozen.position()).await.map_err(|_| status::not_serving())?;
    Ok(State { frozen, _turn: turn })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_older_than_what_is_kept_does_what_was_asked() {
        let judged = |position, identity_byte, on_expired| {
            let cursor = Cursor { identity: [identity_byte; 16], position };
            judge(cursor, identity_byte == 1, Position::new(5), Position::new(9), on_expired)
        };
        for on_expired in [None, Some(OnExpired::FromOldest), Some(OnExpired::Snapshot)] {
            for kept in [5, 7, 9] {
                let placed = judged(kept, 1, on_expired);
                assert_eq!(placed, Ok(Placed::After(Position::new(kept))));
            }
            assert_eq!(judged(10, 1, on_expired), Err(BadCursor::InFuture));
            assert_eq!(judged(7, 2, on_expired), Err(BadCursor::Foreign));
            // Whose journal it is comes before how old it is.
            assert_eq!(judged(4, 2, on_expired), Err(BadCursor::Foreign));
        }
        assert_eq!(judged(4, 1, None), Err(BadCursor::Expired));
        let oldest = Ok(Placed::After(Position::new(5)));
        assert_eq!(judged(4, 1, Some(OnExpired::FromOldest)), oldest);
        assert_eq!(judged(4, 1, Some(OnExpired::Snapshot)), Ok(Placed::State));
    }
}
