//! What one subscribes to, and how.

use std::time::Duration;

use bytes::Bytes;
use hansa_proto::pb::feed::v1 as pb;

use super::Subscription;
use super::backoff::Backoff;
use super::tokens::Tokens;
use crate::connect::Feed;
use crate::mirror::{Mirror, MirrorRefused};

/// Where a subscription starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Before the first event.
    Beginning,
    /// After the last event there is when it first opens.
    End,
    /// After this cursor.
    After(Bytes),
    /// Before the first event recorded at or after this time, by the feed's clock.
    Since(prost_types::Timestamp),
    /// Before the last so many events that match, 1 to 10,000.
    Last(u32),
    /// After the cursor committed for a named subscription, `subscriptions/{id}`, with its filter: none
    /// may be given. It resumes under its name, so that the feed knows that it is open.
    Subscription(String),
}

/// What to do when nothing as old as the cursor is kept. Whatever it is, a gap is told: as an error, or
/// as an [`Item::Gap`](crate::Item::Gap) before what follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnExpired {
    /// End with [`SubscriptionError::Expired`](crate::SubscriptionError::Expired).
    #[default]
    Fail,
    /// Go on with the oldest event kept.
    FromOldest,
    /// Go on with the present state, and what changes it.
    Snapshot,
}

/// Who commits the cursor of a named subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Commits {
    /// Its user, with [`Subscription::commit`].
    #[default]
    ByHand,
    /// The subscription. Asking for the next item says that everything yielded before was dealt with; it
    /// commits after so many events, and when the feed has nothing more for now.
    After {
        /// How many events.
        events: u32,
    },
}

/// A subscription in the making.
#[derive(Debug, Clone)]
pub struct SubscriptionBuilder {
    pub(super) feed: Feed,
    pub(super) start: Start,
    pub(super) filter: Option<pb::Filter>,
    pub(super) snapshot: bool,
    pub(super) stop_at_head: bool,
    pub(super) progress_interval: Option<Duration>,
    pub(super) batch_events: u32,
    pub(super) on_expired: OnExpired,
    pub(super) commits: Commits,
    pub(super) backoff: Backoff,
    pub(super) tokens: Option<Tokens>,
}

impl SubscriptionBuilder {
    pub(super) fn new(feed: &Feed) -> Self {
        Self {
            feed: feed.clone(),
            start: Start::Beginning,
            filter: None,
            snapshot: false,
            stop_at_head: false,
            progress_interval: None,
            batch_events: 0,
            on_expired: OnExpired::default(),
            commits: Commits::default(),
            backoff: Backoff::default(),
            tokens: None,
        }
    }

    /// Where to start. By default at the beginning.
    pub fn start(self, start: Start) -> Self {
        Self { start, ..self }
    }

    /// Which events. By default all.
    pub fn filter(self, filter: impl Into<Option<pb::Filter>>) -> Self {
        Self { filter: filter.into(), ..self }
    }

    /// Whether to send the present state first; only with `Start::Beginning`, which then means the state
    /// instead of the past, or `Start::End`. One that is cut off begins anew by itself.
    pub fn snapshot(self, snapshot: bool) -> Self {
        Self { snapshot, ..self }
    }

    /// Whether to end at the head as it is when the stream opens, or opens again.
    pub fn stop_at_head(self, stop_at_head: bool) -> Self {
        Self { stop_at_head, ..self }
    }

    /// Longest silence asked for, 1 to 60 s. By default what the feed chooses.
    pub fn progress_interval(self, interval: impl Into<Option<Duration>>) -> Self {
        Self { progress_interval: interval.into(), ..self }
    }

    /// Most events in one item; a commit with more still comes whole. 0, the default: what the feed
    /// chooses.
    pub fn batch_events(self, batch_events: u32) -> Self {
        Self { batch_events, ..self }
    }

    /// What to do when nothing as old as the cursor is kept.
    pub fn on_expired(self, on_expired: OnExpired) -> Self {
        Self { on_expired, ..self }
    }

    /// Who commits the cursor of a named subscription.
    pub fn commits(self, commits: Commits) -> Self {
        Self { commits, ..self }
    }

    /// How to wait between tries.
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// Where bearer tokens come from. By default none is sent.
    pub fn tokens(self, tokens: impl Into<Option<Tokens>>) -> Self {
        Self { tokens: tokens.into(), ..self }
    }

    /// The subscription. Nothing is sent before its first `next`.
    pub fn open(self) -> Subscription {
        Subscription::new(self)
    }

    /// A local copy of the present state that follows the feed: of what the filter takes, whatever the
    /// start is. It begins with a snapshot, and takes another one when its cursor is too old. A filter
    /// with `kinds` would leave changes out, and is refused.
    pub fn mirror(self) -> Result<Mirror, MirrorRefused> {
        Mirror::new(self)
    }

    pub(crate) fn filter_given(&self) -> Option<&pb::Filter> {
        self.filter.as_ref()
    }

    pub(crate) fn is_named(&self) -> bool {
        matches!(self.start, Start::Subscription(_))
    }
}
