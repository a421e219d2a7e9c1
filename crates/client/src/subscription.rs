//! The feed as a stream that resumes by itself.
//!
//! After an interruption that another try may heal (UNAVAILABLE, a broken connection, more silence
//! than the feed allows itself) it subscribes again after the last cursor received, so nothing is
//! repeated and nothing skipped. Every other failure ends it. It has no task of its own: it moves
//! only inside `next`, which may be cancelled at any time without losing anything.

use std::time::Duration;

use bytes::Bytes;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::subscribe_request::Start as PbStart;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::progress;
use rand::Rng as _;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::connect::Feed;
use crate::error::CallError;

const DELAY_FIRST: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(5);
const INTERVAL_DEFAULT: Duration = Duration::from_secs(15);

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
    /// After the cursor committed for a named subscription, `subscriptions/{id}`, with its filter: the
    /// options must have none. It resumes under its name, so that the feed knows that it is open.
    Subscription(String),
}

/// What to subscribe to.
#[derive(Debug, Clone)]
pub struct SubscribeOptions {
    /// Where to start.
    pub start: Start,
    /// Which events. None: all.
    pub filter: Option<pb::Filter>,
    /// Send the present state first; only with `Beginning`, which then means the state instead of the
    /// past, or `End`.
    pub include_snapshot: bool,
    /// End at the head as it is when the stream opens, or opens again.
    pub stop_at_head: bool,
    /// Longest silence asked for, 1 to 60 s. None: what the feed chooses.
    pub progress_interval: Option<Duration>,
    /// Most events in one item; a commit with more still comes whole. 0: what the feed chooses.
    pub batch_events_max: u32,
}

/// What a subscription yields.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// First of all, once.
    Opened(pb::Opened),
    /// Events in order, of whole commits. Store the cursor with what they cause.
    Events {
        /// The events.
        events: Vec<pb::Event>,
        /// After these.
        cursor: Bytes,
    },
    /// A sign of life, with a cursor to store.
    Progress(pb::Progress),
    /// All there was has been sent: what follows is new.
    CaughtUp(pb::CaughtUp),
    /// Live no more; nothing is lost.
    FellBehind(pb::FellBehind),
    /// Something the feed wants its clients to know.
    Notice(pb::Notice),
    /// Part of the present state, when it was asked for.
    Snapshot(pb::Snapshot),
    /// The present state is whole; what follows changes it.
    SnapshotEnd(pb::SnapshotEnd),
    /// The connection is lost; it is tried again after the delay.
    Interrupted {
        /// Why.
        cause: CallError,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// Open again after an interruption, after the last cursor received.
    Resumed(pb::Opened),
}

/// A subscription that resumes by itself.
#[derive(Debug)]
pub struct Subscription {
    feed: FeedServiceClient<Channel>,
    options: SubscribeOptions,
    /// What comes next comes after this. None until the first opening said where it starts.
    cursor: Option<Bytes>,
    /// Whether the present state came whole, when it was asked for. Before that it begins anew after an
    /// interruption.
    state_is_whole: bool,
    /// Position of `cursor`: what a named subscription sends again up to here was yielded before.
    up_to: u64,
    stream: Option<Streaming<pb::SubscribeResponse>>,
    patience: Duration,
    backoff: Backoff,
    wait: Option<Duration>,
    opened: bool,
    finished: bool,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self {
            start: Start::Beginning,
            filter: None,
            include_snapshot: false,
            stop_at_head: false,
            progress_interval: None,
            batch_events_max: 0,
        }
    }
}

impl Subscription {
    /// A subscription; nothing is sent before the first `next`.
    pub fn new(feed: &Feed, options: SubscribeOptions) -> Self {
        let patience = patience(options.progress_interval.unwrap_or(INTERVAL_DEFAULT));
        let cursor = match &options.start {
            Start::After(cursor) => Some(cursor.clone()),
            _ => None,
        };
        let state_is_whole = !options.include_snapshot;
        Self {
            feed: feed.events.clone(),
            options,
            cursor,
            state_is_whole,
            up_to: 0,
            stream: None,
            patience,
            backoff: Backoff::default(),
            wait: None,
            opened: false,
            finished: false,
        }
    }

    /// The last cursor received: what was yielded is up to here. None before the first opening.
    pub fn cursor(&self) -> Option<&Bytes> {
        self.cursor.as_ref()
    }

    /// The next item. None: the head is reached, when that was asked for. After an error nothing
    /// follows.
    pub async fn next(&mut self) -> Option<Result<Item, CallError>> {
        loop {
            if self.finished {
                return None;
            }
            let message = match self.receive().await {
                Ok(Some(message)) => message,
                Ok(None) if self.options.stop_at_head => {
                    self.finished = true;
                    return None;
                }
                Ok(None) => return Some(self.interrupted(CallError::ended())),
                Err(error) => return Some(self.interrupted(error)),
            };
            self.backoff = Backoff::default();
            if let Some(item) = self.take(message) {
                return Some(Ok(item));
            }
        }
    }

    async fn receive(&mut self) -> Result<Option<pb::SubscribeResponse>, CallError> {
        if let Some(delay) = self.wait {
            tokio::time::sleep(delay).await;
            self.wait = None;
        }
        let patience = self.patience;
        let silent = |_| CallError::silent(patience);
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let request = self.request();
                let answer = tokio::time::timeout(patience, self.feed.subscribe(request)).await;
                answer.map_err(silent)??.into_inner()
            }
        };
        // Put back before waiting, so that a caller who stops waiting loses nothing.
        let stream = self.stream.insert(stream);
        Ok(tokio::time::timeout(patience, stream.message()).await.map_err(silent)??)
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
        pb::SubscribeRequest {
            start: Some(start),
            filter: self.options.filter.clone(),
            stop_at_head: self.options.stop_at_head,
            progress_interval: self.options.progress_interval.map(duration_to_pb),
            max_batch_events: self.options.batch_events_max,
            max_batch_bytes: 0,
            include_snapshot: !self.state_is_whole,
            on_expired: 0,
        }
    }

    fn take(&mut self, response: pb::SubscribeResponse) -> Option<Item> {
        Some(match response.message? {
            Message::Opened(opened) => {
                if let Some(interval) = opened.progress_interval.and_then(duration_of) {
                    self.patience = patience(interval);
                }
                self.come_to(&opened.start_cursor, opened.start_position);
                match std::mem::replace(&mut self.opened, true) {
                    false => Item::Opened(opened),
                    true => Item::Resumed(opened),
                }
            }
            Message::Batch(pb::Batch { mut events, cursor }) => {
                events.retain(|event| event.position > self.up_to);
                let last = events.last()?.position;
                self.come_to(&cursor, last);
                Item::Events { events, cursor }
            }
            Message::Progress(progress) => {
                self.come_to(&progress.cursor, progress.position);
                Item::Progress(progress)
            }
            Message::CaughtUp(caught_up) => {
                self.come_to(&caught_up.cursor, caught_up.position);
                Item::CaughtUp(caught_up)
            }
            Message::FellBehind(fell_behind) => {
                self.come_to(&fell_behind.cursor, fell_behind.position);
                Item::FellBehind(fell_behind)
            }
            Message::Notice(notice) => Item::Notice(notice),
            Message::Snapshot(snapshot) => Item::Snapshot(snapshot),
            Message::SnapshotEnd(end) => {
                self.state_is_whole = true;
                self.come_to(&end.cursor, end.position);
                Item::SnapshotEnd(end)
            }
        })
    }

    /// Everything up to here was yielded. Never back; and nowhere before the state is whole.
    fn come_to(&mut self, cursor: &Bytes, position: u64) {
        if self.state_is_whole && (position >= self.up_to || self.cursor.is_none()) {
            self.cursor = Some(cursor.clone());
            self.up_to = self.up_to.max(position);
        }
    }

    fn interrupted(&mut self, cause: CallError) -> Result<Item, CallError> {
        self.stream = None;
        if !cause.retryable {
            self.finished = true;
            return Err(cause);
        }
        let retry_in = self.backoff.next_delay().max(cause.retry_after.unwrap_or_default());
        self.wait = Some(retry_in);
        Ok(Item::Interrupted { cause, retry_in })
    }
}

/// Silence for longer than this means that the stream is dead.
fn patience(interval: Duration) -> Duration {
    interval.mul_f64(2.5)
}

fn duration_to_pb(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

fn duration_of(duration: prost_types::Duration) -> Option<Duration> {
    progress::duration(duration).filter(|duration| !duration.is_zero())
}

/// Delays between tries: each drawn from zero to a ceiling that doubles, so that many clients who
/// lost the same server do not come back all at once.
#[derive(Debug)]
struct Backoff {
    ceiling: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { ceiling: DELAY_FIRST }
    }
}

impl Backoff {
    fn next_delay(&mut self) -> Duration {
        let delay = rand::rng().random_range(Duration::ZERO..=self.ceiling);
        self.ceiling = (self.ceiling * 2).min(DELAY_MAX);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_ceiling_and_no_further() {
        let mut backoff = Backoff::default();
        let mut ceiling = DELAY_FIRST;
        for _ in 0..20 {
            assert!(backoff.next_delay() <= ceiling);
            ceiling = (ceiling * 2).min(DELAY_MAX);
        }
        assert_eq!(backoff.ceiling, DELAY_MAX);
    }

    #[test]
    fn silence_is_two_and_a_half_intervals() {
        assert_eq!(patience(Duration::from_secs(2)), Duration::from_secs(5));
    }
}
