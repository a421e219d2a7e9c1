//! Named subscriptions: made, read with their lag, moved and deleted.

use std::sync::Arc;

use hansa_journal::{Commit, JournalId, Position, ReadLimit};
use hansa_proto::feed::{Cursor, Filter, Subscription};
use hansa_proto::ids::SubscriptionId;
use hansa_proto::limits::LAG_EVENTS;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::{Keys, ViewError};
use tonic::{Request, Status};

use super::envelope::Envelope;
use super::pages::{self, Mark};
use super::{Feed, envelope, read};
use crate::codec::{self, Corrupt};
use crate::domain::{Command, Kept};
use crate::filter::Matcher;
use crate::machine::Answer;
use crate::status::{self, BadCursor};
use crate::subscribe;
use crate::view::index::Place;
use crate::view::{Lookup, search};

const KIND: &str = "hansa.feed.v1.Subscription";

/// Rows of a page at the most: each has its lag counted.
const PAGE: usize = 100;

pub(super) async fn create(
    feed: &Feed,
    request: Request<pb::CreateSubscriptionRequest>,
) -> Result<pb::CreateSubscriptionResponse, Status> {
    feed.serving()?;
    let mut violations = Violations::default();
    let (envelope, message) = envelope::open(request, &mut violations);
    let subscription = read::required(message.subscription, "subscription", &mut violations)
        .and_then(|message| Subscription::parse(message, "subscription", &mut violations));
    violations.finish().map_err(status::malformed)?;
    let subscription = subscription.expect("what violates nothing was read");
    if let Some(cursor) = subscription.cursor {
        check_cursor(feed, cursor)?;
    }
    subscribe::matcher(feed, subscription.filter.clone()).await?;
    let command = Command::CreateSubscription(Box::new(subscription));
    let (kept, position, replayed) = keep(feed, envelope, command).await?;
    let subscription = Some(with_lag(feed, now(kept)?).await?);
    Ok(pb::CreateSubscriptionResponse { subscription, position, replayed })
}

pub(super) async fn get(
    feed: &Feed,
    request: Request<pb::GetSubscriptionRequest>,
) -> Result<pb::GetSubscriptionResponse, Status> {
    let patience = envelope::patience(request.metadata());
    let message = request.into_inner();
    let mut violations = Violations::default();
    let id = read::name(&message.name, "name", SubscriptionId::parse, &mut violations);
    violations.finish().map_err(status::malformed)?;
    let id = id.expect("what violates nothing was read");
    feed.applied(message.min_position, patience).await?;
    let (found, position) =
        feed.query(move |keys| Ok((Lookup(keys).named(&id)?, keys.applied().get()))).await?;
    let subscription = found.ok_or_else(|| status::not_found(KIND, message.name))?;
    let subscription = Some(with_lag(feed, subscription).await?);
    Ok(pb::GetSubscriptionResponse { subscription, position })
}

pub(super) async fn list(
    feed: &Feed,
    request: Request<pb::ListSubscriptionsRequest>,
) -> Result<pb::ListSubscriptionsResponse, Status> {
    let patience = envelope::patience(request.metadata());
    let mut message = request.into_inner();
    let mut violations = Violations::default();
    let size = pages::size(std::mem::take(&mut message.page_size), &mut violations).min(PAGE);
    let token = std::mem::take(&mut message.page_token);
    let min_position = std::mem::take(&mut message.min_position);
    let mark = Mark::of("ListSubscriptions", &message);
    let after = mark.id_place(&token, &mut violations);
    violations.finish().map_err(status::malformed)?;
    feed.applied(min_position, patience).await?;
    let (rows, position) = feed
        .query(move |keys| {
            Ok((Lookup(keys).all_named(after.as_deref(), size)?, keys.applied().get()))
        })
        .await?;
    let mut subscriptions = Vec::with_capacity(rows.rows.len());
    for subscription in rows.rows {
        subscriptions.push(with_lag(feed, subscription).await?);
    }
    let next_page_token = mark.next(rows.more_after);
    Ok(pb::ListSubscriptionsResponse { subscriptions, next_page_token, position })
}

pub(super) async fn delete(
    feed: &Feed,
    request: Request<pb::DeleteSubscriptionRequest>,
) -> Result<pb::DeleteSubscriptionResponse, Status> {
    feed.serving()?;
    let mut violations = Violations::default();
    let (envelope, message) = envelope::open(request, &mut violations);
    let id = read::name(&message.name, "name", SubscriptionId::parse, &mut violations);
    violations.finish().map_err(status::malformed)?;
    let id = id.expect("what violates nothing was read");
    let (_, position, replayed) = keep(feed, envelope, Command::DeleteSubscription(id)).await?;
    Ok(pb::DeleteSubscriptionResponse { position, replayed })
}

pub(super) async fn commit_cursor(
    feed: &Feed,
    request: Request<pb::CommitCursorRequest>,
) -> Result<pb::CommitCursorResponse, Status> {
    feed.serving()?;
    let mut violations = Violations::default();
    let (envelope, message) = envelope::open(request, &mut violations);
    let id = read::name(&message.name, "name", SubscriptionId::parse, &mut violations);
    let cursor =
        Cursor::decode(&message.cursor).map_err(|problem| violations.push("cursor", problem)).ok();
    let expected = match message.expected_cursor.is_empty() {
        true => None,
        false => Cursor::decode(&message.expected_cursor)
            .map_err(|problem| violations.push("expected_cursor", problem))
            .ok(),
    };
    violations.finish().map_err(status::malformed)?;
    let (Some(subscription), Some(cursor)) = (id, cursor) else {
        unreachable!("what violates nothing was read");
    };
    for cursor in [Some(cursor), expected].into_iter().flatten() {
        check_cursor(feed, cursor)?;
    }
    let command = Command::CommitCursor { subscription, cursor, expected };
    let (kept, position, replayed) = keep(feed, envelope, command).await?;
    let subscription = Some(with_lag(feed, now(kept)?).await?);
    Ok(pb::CommitCursorResponse { subscription, position, replayed })
}

/// A cursor must be of this journal, and not ahead of it.
fn check_cursor(feed: &Feed, cursor: Cursor) -> Result<(), Status> {
    let (identity, head) = (feed.reader.identity(), feed.reader.head());
    let position = Position::new(cursor.position);
    let bad = if !feed.reader.knows(JournalId::from_bytes(cursor.identity), position) {
        BadCursor::Foreign
    } else if cursor.position > head.get() {
        BadCursor::InFuture
    } else {
        return Ok(());
    };
    Err(status::bad_cursor(bad, feed.reader.oldest(), head, identity))
}

/// Submits a command about a named subscription: what came of it, where, and whether it was before.
async fn keep(
    feed: &Feed,
    envelope: Envelope,
    command: Command,
) -> Result<(Kept, u64, bool), Status> {
    match feed.hand_over(envelope, command).await? {
        Answer::Kept(kept, position) => Ok((kept, position.get(), false)),
        Answer::Replayed(position, _) => {
            let commit = feed.commit(position).await?;
            let meta = commit.map(|commit| codec::decode_meta(&commit.meta)).transpose();
            let meta = meta.map_err(status::commit_corrupt)?;
            let kept = meta.and_then(|meta| meta.kept).ok_or_else(|| missing(position))?;
            Ok((kept, position.get(), true))
        }
        Answer::Done(..) | Answer::Recorded { .. } => {
            unreachable!("a command about a subscription keeps one")
        }
    }
}

fn now(kept: Kept) -> Result<Subscription, Status> {
    match kept {
        Kept::Now(subscription) => Ok(*subscription),
        Kept::Deleted(_) => Err(missing(Position::ORIGIN)),
    }
}

fn missing(position: Position) -> Status {
    let problem = format!("commit {position} keeps no subscription");
    status::commit_corrupt(Corrupt::new("an earlier answer", problem))
}

/// What waits for a subscription.
struct Lag {
    events: i64,
    /// Position of the first of them.
    first: Option<Position>,
}

/// A subscription as callers see it, with what is true for this moment.
async fn with_lag(feed: &Feed, subscription: Subscription) -> Result<pb::Subscription, Status> {
    let after = subscription.cursor.map_or(0, |cursor| cursor.position);
    let axes = Arc::new(Matcher::new(&subscription.filter).axes());
    let head = feed.reader.head();
    let lag = feed.query(move |keys| lag(keys, &axes, after, head)).await?;
    let (streams, state) = feed.named.state(&subscription.id, lag.events > 0);
    let recorded = match lag.first {
        Some(position) => feed.commit(position).await?.map(|commit| commit.recorded_at_micros),
        None => None,
    };
    let waiting = recorded.map_or(0, |micros| feed.clock.now_micros().saturating_sub(micros));
    Ok(pb::Subscription {
        lag_events: lag.events,
        lag_seconds: waiting.max(0) as f64 / 1e6,
        state: state.to_pb(),
        streams: i32::try_from(streams).unwrap_or(i32::MAX),
        ..subscription.to_pb()
    })
}

fn lag(
    keys: &impl Keys,
    axes: &search::Axes,
    after: u64,
    head: Position,
) -> Result<Lag, ViewError> {
    let mut from = search::number_at(keys, Place { position: after + 1, index: 0 })?;
    let end = search::number_at(keys, Place { position: head.get() + 1, index: 0 })?;
    let mut lag = Lag { events: 0, first: None };
    // A filter whose axes seldom meet may take several searches.
    while lag.events < LAG_EVENTS {
        let left = usize::try_from(LAG_EVENTS - lag.events).unwrap_or(0);
        let found = search::forwards(keys, axes, from, end, left)?;
        lag.events += found.events.len() as i64;
        let first = found.events.first().map(|(_, place)| Position::new(place.position));
        lag.first = lag.first.or(first);
        match found.more {
            Some(more) => from = more,
            None => break,
        }
    }
    Ok(lag)
}

impl Feed {
    /// One commit of the journal; none where there is none.
    pub(super) async fn commit(&self, position: Position) -> Result<Option<Commit>, Status> {
        if position == Position::ORIGIN || position > self.reader.head() {
            return Ok(None);
        }
        let before = Position::new(position.get() - 1);
        let one = ReadLimit { commits: 1, bytes: 0 };
        let commits = self.reader.read(before, one).await.map_err(status::journal_failed)?;
        Ok(commits.into_iter().next())
    }
}

/// The filter of a request, or a violation.
pub(super) fn filter(message: Option<pb::Filter>, violations: &mut Violations) -> Option<Filter> {
    Filter::parse(message.unwrap_or_default(), "filter", violations)
}
