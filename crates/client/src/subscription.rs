//! The feed as a stream that resumes by itself.
//!
//! ```no_run
//! # use hansa_client::{Feed, Item, OnExpired, Start, Subscription};
//! # async fn example(kept: Option<bytes::Bytes>) -> Result<(), Box<dyn std::error::Error>> {
//! let feed = Feed::connect("http://127.0.0.1:50052").await?;
//! let mut subscription = Subscription::builder(&feed)
//!     .start(kept.map_or(Start::Beginning, Start::After))
//!     .on_expired(OnExpired::FromOldest)
//!     .open();
//! while let Some(item) = subscription.next().await {
//!     match item? {
//!         Item::Events { events, cursor, .. } => { /* deal with them and keep the cursor, at once */ }
//!         Item::Gap(gap) => { /* everything after gap.after and up to gap.up_to is missing */ }
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! After an interruption that another try may heal it subscribes again after the last cursor received, so
//! that nothing is repeated and nothing skipped; what is retried and what ends it is a table in
//! `error.rs`. Until a snapshot is whole there is no cursor to resume after: it then begins anew, and says
//! so. It has no task of its own: it moves only inside `next`, which may be cancelled at any time without
//! losing anything.
//!
//! | file | answers |
//! | --- | --- |
//! | `builder.rs` | what one subscribes to, and how |
//! | `item.rs` | what it yields |
//! | `error.rs` | what interrupts it, and what ends it |
//! | `link.rs` | one connection, and when its silence means that it is dead |
//! | `order.rs` | nothing twice, nothing out of order |
//! | `named.rs` | the cursor of a named subscription |
//! | `backoff.rs` | how long to wait between tries |
//! | `tokens.rs` | who subscribes |

mod backoff;
mod builder;
mod error;
mod item;
mod link;
mod named;
mod order;
mod tokens;

pub use backoff::Backoff;
pub use builder::{Commits, OnExpired, Start, SubscriptionBuilder};
pub use error::{CommitError, Interruption, SubscriptionError};
pub use item::{Gap, GapCause, Item};
pub use tokens::{TokenFor, Tokens};

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use hansa_proto::feed::Cursor;
use hansa_proto::limits::PROGRESS_SECONDS;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::subscribe_request::Start as PbStart;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::progress;
use tokio::time::Sleep;
use tonic::transport::Channel;

use crate::connect::Feed;
use backoff::Waits;
use error::{Verdict, hex, judge};
use link::{Link, Opened, Opening, patience};
use named::{Committing, position};
use order::Order;

type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;

/// A subscription that resumes by itself.
pub struct Subscription {
    feed: FeedServiceClient<Channel>,
    options: SubscriptionBuilder,
    /// What comes next comes after this. None until the first opening said where it starts.
    cursor: Option<Bytes>,
    order: Order,
    /// The journal it is of, once that is known.
    identity: Option<Bytes>,
    snapshot: Snapshot,
    /// Whether a snapshot was begun that did not become whole.
    cut_off: bool,
    state: State,
    patience: Duration,
    waits: Waits,
    token: TokenFor,
    committing: Committing,
    opened: bool,
    /// Yielded before anything else is received.
    ready: VecDeque<Item>,
}

/// Where the present state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Snapshot {
    /// Not asked for, or whole.
    Whole,
    /// Asked for with each opening until it is whole.
    Wanted,
    /// Sent by the present stream, as it was wanted or because a cursor was too old.
    Coming,
}

enum State {
    Idle,
    Waiting(Pin<Box<Sleep>>),
    Opening(Future<Result<Opened, Interruption>>),
    Open(Box<Link>),
    Ended,
}

impl Subscription {
    /// A subscription in the making: from the beginning, all events, as the feed chooses.
    pub fn builder(feed: &Feed) -> SubscriptionBuilder {
        SubscriptionBuilder::new(feed)
    }

    fn new(options: SubscriptionBuilder) -> Self {
        let usual = Duration::from_secs(PROGRESS_SECONDS.unsigned_abs());
        let mut order = Order::default();
        let (mut cursor, mut identity) = (None, None);
        if let Start::After(after) = &options.start {
            cursor = Some(after.clone());
            // What is no cursor the feed refuses.
            if let Ok(after) = Cursor::decode(after) {
                order.come_to(after.position);
                identity = Some(Bytes::copy_from_slice(&after.identity));
            }
        }
        Self {
            feed: options.feed.events.clone(),
            cursor,
            order,
            identity,
            snapshot: if options.snapshot { Snapshot::Wanted } else { Snapshot::Whole },
            cut_off: false,
            state: State::Idle,
            patience: patience(options.progress_interval.unwrap_or(usual)),
            waits: Waits::new(options.backoff.clone()),
            token: TokenFor::Connection,
            committing: Committing::default(),
            opened: false,
            ready: VecDeque::new(),
            options,
        }
    }

    /// The last cursor received: what was yielded is up to here. None before the first opening, and
    /// before the present state is whole.
    pub fn cursor(&self) -> Option<&Bytes> {
        self.cursor.as_ref()
    }

    /// Begins anew with the present state, over the next connection.
    pub(crate) fn begin_with_snapshot(&mut self) {
        self.snapshot = Snapshot::Wanted;
        self.cursor = None;
        self.options.start = Start::Beginning;
        self.ready.clear();
        self.state = State::Idle;
    }

    /// The next item. None: the head is reached, when that was asked for. After an error nothing
    /// follows.
    pub async fn next(&mut self) -> Option<Result<Item, SubscriptionError>> {
        if let Err(error) = self.commit_by_itself(false).await {
            return Some(Err(self.committed_elsewhere(error)));
        }
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            if matches!(self.state, State::Ended) {
                return None;
            }
            let received = self.receive().await;
            let taken = match received {
                Ok(Some(message)) => self.take(message),
                Ok(None) if self.options.stop_at_head => {
                    if let Err(error) = self.commit_by_itself(true).await {
                        return Some(Err(self.committed_elsewhere(error)));
                    }
                    self.state = State::Ended;
                    return None;
                }
                Ok(None) => self.interrupted(Interruption::Ended),
                Err(cause) => self.interrupted(cause),
            };
            if let Err(error) = taken {
                self.state = State::Ended;
                return Some(Err(error));
            }
        }
    }

    /// The next message of a stream, opened if there is none. Everything that is waited for is kept, so
    /// that a caller who stops waiting loses nothing.
    async fn receive(&mut self) -> Result<Option<pb::SubscribeResponse>, Interruption> {
        loop {
            match &mut self.state {
                State::Idle => self.state = State::Opening(Box::pin(self.opening().run())),
                State::Waiting(delay) => {
                    delay.as_mut().await;
                    self.state = State::Idle;
                }
                State::Opening(opening) => {
                    let opened = opening.as_mut().await?;
                    if let Some(committed) = opened.committed {
                        self.committed_is(committed);
                    }
                    self.order.stream_opens();
                    self.state = State::Open(Box::new(opened.link));
                }
                State::Open(link) => return link.message().await,
                State::Ended => return Ok(None),
            }
        }
    }

    fn opening(&self) -> Opening {
        let unknown = self.committing.committed.is_none();
        let name = match &self.options.start {
            Start::Subscription(name) if unknown => Some(name.clone()),
            _ => None,
        };
        Opening {
            feed: self.feed.clone(),
            request: self.request(),
            name,
            tokens: self.options.tokens.clone(),
            why: self.token,
            patience: self.patience,
        }
    }

    fn request(&self) -> pb::SubscribeRequest {
        let start = match (&self.options.start, &self.cursor) {
            (Start::Subscription(name), _) => PbStart::Subscription(name.clone()),
            (_, Some(cursor)) | (Start::After(cursor), None) => {
                PbStart::AfterCursor(cursor.clone())
            }
            (Start::Beginning, None) => PbStart::Beginning(()),
            (Start::End, None) => PbStart::End(()),
            (Start::Since(time), None) => PbStart::Since(*time),
            (Start::Last(count), None) => PbStart::Last(*count),
        };
        let on_expired = match self.options.on_expired {
            OnExpired::Fail => 0,
            OnExpired::FromOldest => pb::OnExpired::FromOldest as i32,
            OnExpired::Snapshot => pb::OnExpired::Snapshot as i32,
        };
        pb::SubscribeRequest {
            start: Some(start),
            filter: self.options.filter.clone(),
            stop_at_head: self.options.stop_at_head,
            progress_interval: self.options.progress_interval.map(duration_to_pb),
            max_batch_events: self.options.batch_events,
            max_batch_bytes: 0,
            include_snapshot: self.snapshot == Snapshot::Wanted,
            on_expired,
        }
    }

    fn take(&mut self, response: pb::SubscribeResponse) -> Result<(), SubscriptionError> {
        let Some(message) = response.message else {
            return Ok(());
        };
        if !matches!(message, Message::Opened(_) | Message::Notice(_)) {
            self.waits.progress();
        }
        match message {
            Message::Opened(opened) => return self.take_opened(opened),
            Message::Batch(batch) => return self.take_batch(batch),
            Message::Progress(progress) => {
                self.come_to(&progress.cursor, progress.position);
                self.committing.quiet();
                self.ready.push_back(Item::Progress(progress));
            }
            Message::CaughtUp(caught_up) => {
                self.come_to(&caught_up.cursor, caught_up.position);
                self.committing.quiet();
                self.ready.push_back(Item::CaughtUp(caught_up));
            }
            Message::FellBehind(fell_behind) => {
                self.come_to(&fell_behind.cursor, fell_behind.position);
                self.ready.push_back(Item::FellBehind(fell_behind));
            }
            Message::Notice(notice) => self.ready.push_back(Item::Notice(notice)),
            Message::Snapshot(snapshot) => self.ready.push_back(Item::Snapshot(snapshot)),
            Message::SnapshotEnd(end) => {
                self.snapshot = Snapshot::Whole;
                self.cut_off = false;
                self.come_to(&end.cursor, end.position);
                self.ready.push_back(Item::SnapshotEnd(end));
            }
        }
        Ok(())
    }

    fn take_opened(&mut self, opened: pb::Opened) -> Result<(), SubscriptionError> {
        // A feed that was restored or repaired goes on under another identity, and takes a cursor of
        // the one before only where that is its history still.
        if let Some(known) = self.identity.replace(opened.identity.clone())
            && known != opened.identity
            && self.cursor.is_none()
        {
            let (expected, found) = (hex(&known), hex(&opened.identity));
            return Err(SubscriptionError::Foreign { expected, found });
        }
        let interval = opened.progress_interval.and_then(progress::duration);
        if let (State::Open(link), Some(interval)) =
            (&mut self.state, interval.filter(|interval| !interval.is_zero()))
        {
            self.patience = patience(interval);
            link.announced(interval);
        }
        self.token = TokenFor::Connection;
        let gap = self.gap(&opened);
        let resumed = std::mem::replace(&mut self.opened, true);
        let (start_cursor, start_position) = (opened.start_cursor.clone(), opened.start_position);
        self.ready.push_back(match resumed {
            false => Item::Opened(opened),
            true => Item::Resumed(opened),
        });
        if let Some(gap) = gap {
            self.ready.push_back(Item::Gap(gap));
        }
        let for_snapshot = gap.is_some_and(|gap| gap.cause == GapCause::ExpiredForSnapshot);
        if self.snapshot == Snapshot::Wanted || for_snapshot {
            self.snapshot = Snapshot::Coming;
            let again = std::mem::replace(&mut self.cut_off, true);
            self.ready.push_back(Item::SnapshotBegin { again });
        }
        self.come_to(&start_cursor, start_position);
        Ok(())
    }

    /// What is missing when a stream starts later than where it was to go on.
    fn gap(&self, opened: &pb::Opened) -> Option<Gap> {
        let named = matches!(self.options.start, Start::Subscription(_));
        if self.snapshot != Snapshot::Whole || (self.cursor.is_none() && !named) {
            return None;
        }
        let (after, up_to) = (self.order.up_to(), opened.start_position);
        let expired = up_to <= position(&opened.oldest_cursor);
        // At its first opening a name starts where it was committed last, by whomever.
        if up_to <= after || (named && !expired && !self.opened) {
            return None;
        }
        let cause = match (expired, self.options.on_expired) {
            (true, OnExpired::Snapshot) => GapCause::ExpiredForSnapshot,
            (false, _) if named => GapCause::CommittedElsewhere,
            _ => GapCause::Expired,
        };
        Some(Gap { after, up_to, cause })
    }

    fn take_batch(&mut self, batch: pb::Batch) -> Result<(), SubscriptionError> {
        let pb::Batch { events, cursor } = batch;
        let admitted = self.order.admit(events);
        let events = admitted.map_err(|what| SubscriptionError::BrokenPromise { what })?;
        let Some(position) = events.last().map(|event| event.position) else {
            return Ok(());
        };
        self.come_to(&cursor, position);
        self.committing.yielded(&cursor, events.len());
        self.ready.push_back(Item::Events { events, cursor, position });
        Ok(())
    }

    /// Everything up to here was yielded. Never back; and nowhere before the present state is whole.
    fn come_to(&mut self, cursor: &Bytes, position: u64) {
        let whole = self.snapshot == Snapshot::Whole;
        if whole && (position >= self.order.up_to() || self.cursor.is_none()) {
            self.cursor = Some(cursor.clone());
            self.order.come_to(position);
        }
    }

    /// What was committed under the name before it opened.
    fn committed_is(&mut self, committed: Bytes) {
        if let Ok(cursor) = Cursor::decode(&committed) {
            self.order.come_to(cursor.position);
            self.identity.get_or_insert_with(|| Bytes::copy_from_slice(&cursor.identity));
        }
        self.committing.committed = Some(committed);
    }

    fn interrupted(&mut self, cause: Interruption) -> Result<(), SubscriptionError> {
        self.state = State::Idle;
        if self.snapshot == Snapshot::Coming && self.cursor.is_none() {
            self.snapshot = Snapshot::Wanted;
        } else if self.snapshot == Snapshot::Coming {
            // The same cursor is too old again, and brings another snapshot.
            self.snapshot = Snapshot::Whole;
        }
        let expired_is_fatal = self.options.on_expired == OnExpired::Fail;
        let renewed = self.options.tokens.is_none() || self.token == TokenFor::Refused;
        let identity = self.identity.as_deref();
        let asked_for = match judge(&cause, expired_is_fatal, renewed, identity) {
            Verdict::Again(asked_for) => asked_for,
            Verdict::AnotherToken => {
                self.token = TokenFor::Refused;
                None
            }
            Verdict::End(error) => return Err(error),
        };
        if matches!(cause, Interruption::Silence(_)) {
            // The connection may be dead without knowing it.
            self.feed = self.options.feed.events_over_another_connection();
        }
        let Some(retry_in) = self.waits.next(asked_for) else {
            return Err(SubscriptionError::GaveUp { tries: self.waits.tries(), last: cause });
        };
        self.state = State::Waiting(Box::pin(tokio::time::sleep(retry_in)));
        self.ready.push_back(Item::Interrupted { cause, retry_in });
        Ok(())
    }

    fn committed_elsewhere(&mut self, error: CommitError) -> SubscriptionError {
        self.state = State::Ended;
        match error {
            CommitError::CommittedElsewhere { expected, actual } => {
                SubscriptionError::CommittedElsewhere { expected, actual }
            }
            other => SubscriptionError::BrokenPromise { what: other.to_string() },
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "idle",
            State::Waiting(_) => "waiting",
            State::Opening(_) => "opening",
            State::Open(_) => "open",
            State::Ended => "ended",
        };
        formatter
            .debug_struct("Subscription")
            .field("state", &state)
            .field("up_to", &self.order.up_to())
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

fn duration_to_pb(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_two_and_a_half_intervals() {
        assert_eq!(patience(Duration::from_secs(2)), Duration::from_secs(5));
    }
}
