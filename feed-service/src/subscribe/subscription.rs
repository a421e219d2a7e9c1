//! The loop of one subscription: what is sent when. Driven by the reader of the stream; nothing is held
//! while it waits.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;
use hansa_chassis::clock;
use hansa_journal::Position;
use hansa_proto::limits::PROGRESS_EVENTS;
use hansa_proto::pb::feed::v1 as pb;
use pb::subscribe_response::Message;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior};
use tonic::Status;

use super::ask::Ask;
use super::batch::{self, Caps};
use super::live::{Ahead, Live};
use super::replay::{Next, Replay};
use super::start::{Start, State};
use crate::codec;
use crate::filter::Matcher;
use crate::grpc::Feed;
use crate::interests::SIGN_EVENTS;
use crate::named::{Doing, NamedStream};
use crate::status;
use crate::view::state;

/// A live stream this many commits behind the head is told that it fell behind.
const FELL_BEHIND_COMMITS: u64 = 1_000;

/// When a client that was sent away should come back.
const DRAIN_RETRY_SECONDS: i64 = 1;

/// What a subscription is opened with.
pub(super) struct Opening {
    pub(super) feed: Arc<Feed>,
    pub(super) ask: Ask,
    pub(super) start: Start,
    pub(super) place: OwnedSemaphorePermit,
}

/// One subscription.
pub(super) struct Subscription {
    feed: Arc<Feed>,
    matcher: Arc<Matcher>,
    caps: Caps,
    interval: Interval,
    /// Everything that matches up to here was sent, or stands in `outbox`.
    at: Position,
    /// Where to end, when asked to.
    stop_at: Option<Position>,
    /// The present state, while it is sent.
    state: Option<(State, state::Place)>,
    replay: Replay,
    /// Events passed over since the last message that carried a cursor.
    passed_over: usize,
    /// Whether the client was told that it is live.
    told_live: bool,
    live: Live,
    /// At most three messages that are ready.
    outbox: VecDeque<Message>,
    phase: Phase,
    named: Option<NamedStream>,
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
        let Opening { feed, ask, start, place } = opening;
        let Start { position, head, matcher, state, named } = start;
        let mut interval = tokio::time::interval(ask.progress_interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval.reset();
        let identity = feed.reader.identity();
        let opened = pb::Opened {
            identity: identity.as_bytes().to_vec().into(),
            start_cursor: codec::cursor(identity, position),
            oldest_cursor: codec::cursor(identity, feed.reader.oldest()),
            head_cursor: codec::cursor(identity, head),
            start_position: position.get(),
            head_position: head.get(),
            progress_interval: prost_types::Duration::try_from(ask.progress_interval).ok(),
            max_batch_events: ask.caps.events,
            max_batch_bytes: ask.caps.bytes,
        };
        if let (Some(named), true) = (&named, state.is_some()) {
            named.does(Doing::Snapshot);
        }
        Subscription {
            feed,
            caps: ask.caps,
            interval,
            at: position,
            stop_at: ask.stop_at_head.then_some(head),
            state: state.map(|state| (state, state::Place::default())),
            replay: Replay::new(matcher.axes()),
            passed_over: 0,
            told_live: false,
            live: Live::new(matcher.axes()),
            matcher: Arc::new(matcher),
            outbox: VecDeque::from([Message::Opened(opened)]),
            phase: Phase::Running,
            named,
            _place: place,
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
        if self.interval.tick().now_or_never().is_some() || self.passed_over >= PROGRESS_EVENTS {
            self.progress();
            return Ok(());
        }
        if let Some((state, place)) = self.state.take() {
            return self.tell_state(state, place).await;
        }
        if self.stop_at.is_some_and(|stop| self.at >= stop) {
            self.progress();
            self.phase = Phase::Ending(None);
            return Ok(());
        }
        match self.stop_at {
            Some(stop) => self.advance(stop).await,
            None => self.follow().await,
        }
    }

    /// Sends a part of the present state, or says that it is whole.
    async fn tell_state(&mut self, state: State, place: state::Place) -> Result<(), Status> {
        let (matcher, bytes) = (Arc::clone(&self.matcher), self.caps.bytes as usize);
        let page = state.frozen.query(move |keys| state::page(keys, &matcher, place, bytes)).await;
        let page = page.map_err(status::snapshot_failed)?;
        if page.snapshot != pb::Snapshot::default() {
            self.outbox.push_back(Message::Snapshot(page.snapshot));
        }
        if let Some(next) = page.next {
            self.state = Some((state, next));
            return Ok(());
        }
        self.at = state.frozen.position();
        self.does(Doing::CatchingUp);
        let (cursor, position) = self.here();
        self.outbox.push_back(Message::SnapshotEnd(pb::SnapshotEnd { cursor, position }));
        Ok(())
    }

    /// Goes on without an end: what there is, and when there is nothing more, what comes.
    async fn follow(&mut self) -> Result<(), Status> {
        let head = self.feed.reader.head();
        if !self.replay.is_idle() {
            return self.advance(head).await;
        }
        let ahead = self.look_ahead()?;
        let behind = head.get().saturating_sub(self.at.get());
        if ahead && self.told_live && behind > FELL_BEHIND_COMMITS {
            self.told_live = false;
            self.does(Doing::CatchingUp);
            let (cursor, position) = self.here();
            self.outbox.push_back(Message::FellBehind(pb::FellBehind { cursor, position }));
            return Ok(());
        }
        if ahead && behind > 0 {
            return self.advance(head).await;
        }
        if self.live.enter(&self.feed, &self.matcher).await? {
            // What was released meanwhile nobody has looked at for it.
            return Ok(());
        }
        if !self.told_live {
            self.told_live = true;
            self.does(Doing::Live);
            let (cursor, position) = self.here();
            self.outbox.push_back(Message::CaughtUp(pb::CaughtUp { cursor, position }));
            return Ok(());
        }
        self.wait().await
    }

    /// Moves over what is known not to match. Whether something may.
    fn look_ahead(&mut self) -> Result<bool, Status> {
        match self.live.ahead(&self.feed, self.at)? {
            Ahead::Something(after) => {
                self.at = after;
                Ok(true)
            }
            Ahead::Nothing(up_to, passed_over) => {
                self.at = up_to;
                self.passed_over += passed_over;
                Ok(false)
            }
        }
    }

    /// Looks at more commits, up to an end; a batch when some of their events match.
    async fn advance(&mut self, end: Position) -> Result<(), Status> {
        if let Next::Nothing(up_to, jumped) = self.replay.next(&self.feed, self.at, end).await? {
            self.at = up_to;
            self.passed_over += jumped;
            return Ok(());
        }
        let patience = PROGRESS_EVENTS.saturating_sub(self.passed_over);
        let taken = batch::take(&mut self.replay.unread, &self.matcher, self.caps, patience)
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

    /// Waits for what concerns it, the interval or the end of the service.
    async fn wait(&mut self) -> Result<(), Status> {
        if self.passed_over >= SIGN_EVENTS {
            self.progress();
            return Ok(());
        }
        let Subscription { feed, interval, live, at, .. } = self;
        let due = tokio::select! {
            rung = live.wait(feed, *at) => {
                rung?;
                false
            }
            _ = interval.tick() => true,
            () = feed.shutdown.drained() => false,
        };
        if due {
            self.look_ahead()?;
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

    fn does(&self, doing: Doing) {
        if let Some(named) = &self.named {
            named.does(doing);
        }
    }

    fn here(&self) -> (bytes::Bytes, u64) {
        (codec::cursor(self.feed.reader.identity(), self.at), self.at.get())
    }
}
