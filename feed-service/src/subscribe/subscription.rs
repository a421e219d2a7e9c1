//! The loop of one subscription: what is sent when. Driven by the reader of the stream; nothing is held
//! while it waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hansa_chassis::clock;
use hansa_journal::{Commit, Position, ReadLimit};
use hansa_proto::limits::PROGRESS_EVENTS;
use hansa_proto::pb::feed::v1 as pb;
use pb::subscribe_response::Message;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior};
use tonic::Status;

use super::batch::{self, Caps};
use crate::codec;
use crate::filter::Matcher;
use crate::grpc::Feed;
use crate::status;

/// A live stream this many commits behind the head is told that it fell behind.
const FELL_BEHIND_COMMITS: u64 = 1_000;

/// How much is read at once.
const READ: ReadLimit = ReadLimit { commits: 256, bytes: 1024 * 1024 };

/// When a client that was sent away should come back.
const DRAIN_RETRY_SECONDS: i64 = 1;

/// What a subscription is opened with.
pub(super) struct Opening {
    pub(super) feed: Arc<Feed>,
    pub(super) matcher: Matcher,
    pub(super) caps: Caps,
    pub(super) interval: Duration,
    pub(super) start: Position,
    pub(super) head: Position,
    pub(super) stop_at_head: bool,
    pub(super) place: OwnedSemaphorePermit,
}

/// One subscription.
pub(super) struct Subscription {
    feed: Arc<Feed>,
    matcher: Matcher,
    caps: Caps,
    interval: Interval,
    /// Everything that matches up to here was sent, or stands in `outbox`.
    at: Position,
    /// Where to end, when asked to.
    stop_at: Option<Position>,
    /// Commits read and not looked at.
    unread: VecDeque<Commit>,
    /// Events looked at since the last message that carried a cursor.
    passed_over: usize,
    /// Whether the client was told that it is live.
    live: bool,
    /// At most three messages that are ready.
    outbox: VecDeque<Message>,
    phase: Phase,
    _place: OwnedSemaphorePermit,
}

/// Where a subscription is in its life.
enum Phase {
    Running,
    /// Once the outbox is empty: an error, or the end.
    Ending(Option<Box<Status>>),
    Ended,
}

impl Subscription {
    /// Opens it; Opened is the first message.
    pub(super) fn open(opening: Opening) -> Subscription {
        let Opening { feed, matcher, caps, start, head, .. } = opening;
        let mut interval = tokio::time::interval(opening.interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval.reset();
        let identity = feed.reader.identity();
        let opened = pb::Opened {
            identity: identity.as_bytes().to_vec().into(),
            start_cursor: codec::cursor(identity, start),
            oldest_cursor: codec::cursor(identity, feed.reader.oldest()),
            head_cursor: codec::cursor(identity, head),
            start_position: start.get(),
            head_position: head.get(),
            progress_interval: prost_types::Duration::try_from(opening.interval).ok(),
            max_batch_events: caps.events,
            max_batch_bytes: caps.bytes,
        };
        Subscription {
            feed,
            matcher,
            caps,
            interval,
            at: start,
            stop_at: opening.stop_at_head.then_some(head),
            unread: VecDeque::new(),
            passed_over: 0,
            live: false,
            outbox: VecDeque::from([Message::Opened(opened)]),
            phase: Phase::Running,
            _place: opening.place,
        }
    }

    /// The next message; none after the end.
    pub(super) async fn next(&mut self) -> Option<Result<pb::SubscribeResponse, Status>> {
        loop {
            if let Some(message) = self.outbox.pop_front() {
                return Some(Ok(pb::SubscribeResponse { message: Some(message) }));
            }
            match std::mem::replace(&mut self.phase, Phase::Ended) {
                Phase::Running => self.phase = Phase::Running,
                Phase::Ending(end) => return end.map(|status| Err(*status)),
                Phase::Ended => return None,
            }
            if let Err(status) = self.step().await {
                self.phase = Phase::Ending(Some(Box::new(status)));
            }
        }
    }

    /// Makes what is due: a message, the end, or a wait.
    async fn step(&mut self) -> Result<(), Status> {
        if self.feed.shutdown.draining() {
            self.say_goodbye();
            return Ok(());
        }
        if self.stop_at.is_some_and(|stop| self.at >= stop) {
            self.progress();
            self.phase = Phase::Ending(None);
            return Ok(());
        }
        if self.passed_over >= PROGRESS_EVENTS || self.interval.tick().now_or_never().is_some() {
            self.progress();
            return Ok(());
        }
        let behind = self.feed.reader.head().get().saturating_sub(self.at.get());
        if self.live && behind > FELL_BEHIND_COMMITS {
            self.live = false;
            let (cursor, position) = self.here();
            self.outbox.push_back(Message::FellBehind(pb::FellBehind { cursor, position }));
            return Ok(());
        }
        if behind > 0 {
            return self.advance().await;
        }
        if !self.live && self.stop_at.is_none() {
            self.live = true;
            let (cursor, position) = self.here();
            self.outbox.push_back(Message::CaughtUp(pb::CaughtUp { cursor, position }));
            return Ok(());
        }
        self.wait().await
    }

    /// Looks at more commits; a batch when some of their events match.
    async fn advance(&mut self) -> Result<(), Status> {
        if self.unread.is_empty() {
            self.unread = self.read().await?;
        }
        let patience = PROGRESS_EVENTS.saturating_sub(self.passed_over);
        let taken = batch::take(&mut self.unread, &self.matcher, self.caps, patience)
            .map_err(status::commit_corrupt)?;
        let Some(taken) = taken else {
            return Ok(());
        };
        self.at = taken.up_to;
        if taken.events.is_empty() {
            self.passed_over += taken.passed_over;
            return Ok(());
        }
        self.passed_over = taken.passed_over;
        let (cursor, _) = self.here();
        self.outbox.push_back(Message::Batch(pb::Batch { events: taken.events, cursor }));
        Ok(())
    }

    async fn read(&self) -> Result<VecDeque<Commit>, Status> {
        let commits = match self.stop_at {
            Some(stop) => {
                let left = stop.get().saturating_sub(self.at.get());
                READ.commits.min(usize::try_from(left).unwrap_or(READ.commits))
            }
            None => READ.commits,
        };
        let limit = ReadLimit { commits, ..READ };
        let read = self.feed.reader.read(self.at, limit).await;
        // A long run without a match must not keep others from this thread.
        tokio::task::yield_now().await;
        read.map(VecDeque::from).map_err(status::journal_failed)
    }

    /// Waits for a commit, the interval or the end of the service.
    async fn wait(&mut self) -> Result<(), Status> {
        let Subscription { feed, interval, at, .. } = self;
        let due = tokio::select! {
            released = feed.reader.beyond(*at) => {
                released.map_err(|_| status::not_serving())?;
                false
            }
            _ = interval.tick() => true,
            () = feed.shutdown.drained() => false,
        };
        if due {
            self.progress();
        }
        Ok(())
    }

    /// A sign of life from the loop's own position; the outbox is empty here, so all before it was sent.
    fn progress(&mut self) {
        let (cursor, position) = self.here();
        let reader = &self.feed.reader;
        let (identity, head) = (reader.identity(), reader.head().max(self.at));
        self.passed_over = 0;
        self.interval.reset();
        self.outbox.push_back(Message::Progress(pb::Progress {
            cursor,
            position,
            head_cursor: codec::cursor(identity, head),
            head_position: head.get(),
            oldest_cursor: codec::cursor(identity, reader.oldest()),
            server_time: Some(codec::timestamp(clock::now_micros())),
        }));
    }

    fn say_goodbye(&mut self) {
        self.outbox.push_back(Message::Notice(pb::Notice {
            kind: pb::NoticeKind::Draining as i32,
            message: "the feed is stopping; resume after the last cursor".to_owned(),
            retry_after: Some(prost_types::Duration { seconds: DRAIN_RETRY_SECONDS, nanos: 0 }),
        }));
        self.phase = Phase::Ending(Some(Box::new(status::not_serving())));
    }

    fn here(&self) -> (bytes::Bytes, u64) {
        (codec::cursor(self.feed.reader.identity(), self.at), self.at.get())
    }
}
