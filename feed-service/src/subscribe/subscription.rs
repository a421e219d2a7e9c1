//! The loop of one subscription: what is sent when. Driven by the reader of the stream (`driven.rs`); nothing
//! is held while it waits. What it sends are frames: those of commits as they are stored, its own made here.

mod at_hand;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use hansa_journal::limits::FRAMES_BYTES;
use hansa_journal::{Position, Reading, Run};
use hansa_proto::limits::PROGRESS_EVENTS;
use hansa_proto::pb::feed::v1 as pb;
use pb::subscribe_response::Message;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use super::ask::Ask;
use super::batch::{self, Caps, Sieve};
use super::budget::{Room, Share};
use super::live::{Ahead, Live};
use super::replay::{Next, READ, Replay};
use super::rest::Rest;
use super::start::{Start, State};
use crate::codec;
use crate::filter::Matcher;
use crate::frames;
use crate::grpc::Feed;
use crate::interests::SIGN_EVENTS;
use crate::named::{Doing, NamedStream};
use crate::status;
use crate::view::state;

/// A live stream this many commits behind the head is told that it fell behind.
pub(super) const FELL_BEHIND_COMMITS: u64 = 1_000;

/// When a client that was sent away should come back.
const DRAIN_RETRY_SECONDS: i64 = 1;

/// What a subscription is opened with.
pub(super) struct Opening {
    pub(super) feed: Arc<Feed>,
    pub(super) ask: Ask,
    pub(super) start: Start,
    pub(super) place: OwnedSemaphorePermit,
}

/// One subscription. In this order: what is looked at whenever a live one is woken stands together, because
/// other work has pushed it out of the processor's caches since it was woken last.
#[repr(C, align(64))]
pub(super) struct Subscription {
    /// Whether there is nothing to do until it is rung for, or its rest is over.
    waits: bool,
    /// Whether it is live and there was nothing else to do for it: see `at_hand.rs`.
    only_follows: bool,
    caps: Caps,
    /// Everything that matches up to here was sent, or stands in `outbox`.
    at: Position,
    /// Events passed over since the last message that carried a cursor.
    passed_over: usize,
    feed: Arc<Feed>,
    rest: Rest,
    live: Live,
    matcher: Arc<Matcher>,
    /// Where to end, when asked to.
    stop_at: Option<Position>,
    /// The present state, while it is sent.
    state: Option<(State, state::Place)>,
    replay: Replay,
    /// What is being read of the past while the last of it is sent, after which position, and its room.
    ahead: Option<(Position, Reading<Option<Run>>, Room)>,
    /// What it may hold of the past.
    share: Share,
    /// Whether the client was told that it is live.
    told_live: bool,
    /// What is ready: at most three messages, or one run of commits.
    outbox: VecDeque<Bytes>,
    phase: Phase,
    named: Option<NamedStream>,
    _place: OwnedSemaphorePermit,
}

/// What a turn of a subscription came to.
pub(super) enum Turn {
    Frames(Bytes),
    /// Nothing, until it is ready again.
    Wait,
    /// The end, with an error or without.
    End(Option<Box<Status>>),
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
        let (identity, matcher) = (feed.reader.identity(), Arc::new(matcher));
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
        let listener = feed.bell.listen();
        if let (Some(named), true) = (&named, state.is_some()) {
            named.does(Doing::Snapshot);
        }
        let share = Share::of(&feed.budget);
        Subscription {
            waits: false,
            only_follows: false,
            caps: ask.caps,
            at: position,
            passed_over: 0,
            feed,
            rest: Rest::new(ask.progress_interval),
            live: Live::new(matcher.axes(), listener),
            stop_at: ask.stop_at_head.then_some(head),
            state: state.map(|state| (state, state::Place::default())),
            replay: Replay::new(matcher.axes(), batch::excerpt(identity, Arc::clone(&matcher))),
            matcher,
            ahead: None,
            share,
            told_live: false,
            outbox: VecDeque::from([frames::message(Message::Opened(opened))]),
            phase: Phase::Running,
            named,
            _place: place,
        }
    }

    /// Does what is due, until there are frames or nothing is left to do.
    pub(super) async fn turn(&mut self) -> Turn {
        self.only_follows = false;
        if std::mem::take(&mut self.waits) && self.rest.is_over() {
            match self.look_ahead() {
                Ok(_) => self.progress(),
                Err(status) => self.end(status),
            }
        }
        loop {
            if let Some(frames) = self.outbox.pop_front() {
                return Turn::Frames(frames);
            }
            match std::mem::replace(&mut self.phase, Phase::Ended) {
                Phase::Running => self.phase = Phase::Running,
                Phase::Ending(end) => return Turn::End(end),
                Phase::Ended => return Turn::End(None),
            }
            if self.waits {
                return Turn::Wait;
            }
            if let Err(status) = self.step().await {
                self.end(status);
            }
        }
    }

    /// Ends it with an error, once what is ready was sent.
    fn end(&mut self, status: Status) {
        self.only_follows = false;
        self.phase = Phase::Ending(Some(Box::new(status)));
    }

    /// Makes what is due: a message, the end, or a wait.
    async fn step(&mut self) -> Result<(), Status> {
        if self.feed.bell.ends() {
            self.say_goodbye();
            return Ok(());
        }
        if self.rest.is_over() || self.passed_over >= PROGRESS_EVENTS {
            self.progress();
            return Ok(());
        }
        if let Some((state, place)) = self.state.take() {
            return Box::pin(self.tell_state(state, place)).await;
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
            self.send(Message::Snapshot(page.snapshot));
        }
        if let Some(next) = page.next {
            self.state = Some((state, next));
            return Ok(());
        }
        self.at = state.frozen.position();
        self.does(Doing::CatchingUp);
        let (cursor, position) = self.here();
        self.send(Message::SnapshotEnd(pb::SnapshotEnd { cursor, position }));
        Ok(())
    }

    /// Goes on without an end: what there is, and when there is nothing more, what comes.
    async fn follow(&mut self) -> Result<(), Status> {
        let head = self.feed.reader.head();
        if !self.replay.is_idle() || self.live.due().is_some() {
            return self.advance(head).await;
        }
        let ahead = self.look_ahead()?;
        let behind = head.get().saturating_sub(self.at.get());
        if ahead && self.told_live && behind > FELL_BEHIND_COMMITS {
            self.told_live = false;
            self.does(Doing::CatchingUp);
            let (cursor, position) = self.here();
            self.send(Message::FellBehind(pb::FellBehind { cursor, position }));
            return Ok(());
        }
        if ahead && behind > 0 {
            return self.advance(head).await;
        }
        if self.live.is_to_be_entered() {
            // What is released meanwhile nobody looks at for it.
            return Box::pin(self.live.enter(&self.feed, &self.matcher)).await;
        }
        if !self.told_live {
            self.told_live = true;
            self.does(Doing::Live);
            let (cursor, position) = self.here();
            self.send(Message::CaughtUp(pb::CaughtUp { cursor, position }));
            return Ok(());
        }
        match self.passed_over >= SIGN_EVENTS {
            true => self.progress(),
            false => (self.waits, self.only_follows) = (true, true),
        }
        Ok(())
    }

    /// Moves over what is known not to match. Whether something may.
    fn look_ahead(&mut self) -> Result<bool, Status> {
        match self.live.ahead(&self.feed, self.at)? {
            Ahead::Something(after) | Ahead::Due(after) => {
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

    /// Looks at more commits, up to an end; frames when some of their events match.
    async fn advance(&mut self, end: Position) -> Result<(), Status> {
        if self.live.takes_all() {
            return self.pass_on(end).await;
        }
        if let Some(due) = self.live.due() {
            let reader = &self.feed.reader;
            let sieve = Sieve { identity: reader.identity(), matcher: &self.matcher };
            let (frames, up_to) = match batch::take_recent(reader, due, self.caps) {
                Some(taken) => taken,
                None => Box::pin(batch::take_due(reader, due, sieve)).await?,
            };
            return self.sends(frames, up_to);
        }
        if self.replay.unread.is_empty() {
            let room = Box::pin(self.share.room(READ.bytes)).await;
            self.replay.room = Some(Arc::new(room));
        }
        let next = self.replay.next(&self.feed, (self.at, end), self.passed_over);
        match Box::pin(next).await? {
            Next::Frames(frames, up_to) => {
                let frames = match self.replay.room.take() {
                    Some(room) => room.share(frames),
                    None => frames,
                };
                return self.sends(frames, up_to);
            }
            Next::Nothing(up_to, jumped) => {
                self.at = up_to;
                self.passed_over += jumped;
                self.replay.room = None;
                return Ok(());
            }
            Next::Commits => {}
        }
        let patience = PROGRESS_EVENTS.saturating_sub(self.passed_over);
        let sieve = Sieve { identity: self.feed.reader.identity(), matcher: &self.matcher };
        let taken = batch::take(&mut self.replay.unread, sieve, self.caps, patience)
            .map_err(status::commit_corrupt)?;
        let done = self.replay.unread.is_empty();
        let room = if done { self.replay.room.take() } else { self.replay.room.clone() };
        let Some(taken) = taken else {
            return Ok(());
        };
        if taken.frames.is_empty() {
            self.at = taken.up_to;
            self.passed_over += taken.passed_over;
            return Ok(());
        }
        let frames = match room {
            Some(room) => room.share(taken.frames),
            None => taken.frames,
        };
        self.sends(frames, taken.up_to)?;
        self.passed_over = taken.passed_over;
        Ok(())
    }

    /// Passes commits on as they are stored, many at once.
    async fn pass_on(&mut self, end: Position) -> Result<(), Status> {
        let (run, room) = match self.feed.reader.recent_run(self.at, end) {
            Some(run) => (Some(run), None),
            None => Box::pin(self.read_run(end)).await?,
        };
        let (frames, up_to) = match run {
            None => return Ok(()),
            Some(Run::Frames { frames, up_to }) => (frames, up_to),
            Some(Run::Apart(commit)) => {
                let sieve = Sieve { identity: self.feed.reader.identity(), matcher: &self.matcher };
                let frames = sieve.frame(&commit).map_err(status::commit_corrupt)?;
                (frames, commit.position)
            }
        };
        let frames = match room {
            Some(room) => room.hold(frames),
            None => frames,
        };
        self.sends(frames, up_to)
    }

    /// The next run out of the past, and its room. Where the disk must be waited for, the one after it is
    /// read while this one is sent, if there is room for it.
    async fn read_run(&mut self, end: Position) -> Result<(Option<Run>, Option<Room>), Status> {
        let reader = &self.feed.reader;
        if let Some((after, reading, room)) = self.ahead.take()
            && after == self.at
        {
            // What comes next may be at hand again.
            return Ok((reading.end().await.map_err(status::journal_failed)?, Some(room)));
        }
        let room = self.share.room(FRAMES_BYTES).await;
        if let Some(run) = reader.run_at_hand(self.at, end, room.bytes()) {
            return Ok((run.map_err(status::journal_failed)?, Some(room)));
        }
        let reading = reader.start_run_of(self.at, end, room.bytes());
        let run = reading.end().await.map_err(status::journal_failed)?;
        if let Some(Run::Frames { up_to, .. }) = run
            && up_to < end
            && !reader.is_recent(up_to)
            && let Some(room) = self.share.spare(FRAMES_BYTES)
        {
            self.ahead = Some((up_to, reader.start_run(up_to, end), room));
        }
        Ok((run, Some(room)))
    }

    /// Sends frames, if there are any: everything up to a position was dealt with then.
    fn sends(&mut self, frames: Bytes, up_to: Position) -> Result<(), Status> {
        self.at = up_to;
        if !frames.is_empty() {
            self.passed_over = 0;
            self.outbox.push_back(frames);
        }
        Ok(())
    }

    /// Sends a message of its own.
    fn send(&mut self, message: Message) {
        self.outbox.push_back(frames::message(message));
    }

    /// A sign of life from the loop's own position; the outbox is empty here, so all before it was sent.
    fn progress(&mut self) {
        let (cursor, position) = self.here();
        let reader = &self.feed.reader;
        let (identity, head) = (reader.identity(), reader.head().max(self.at));
        self.passed_over = 0;
        self.rest.again();
        self.send(Message::Progress(pb::Progress {
            cursor,
            position,
            head_cursor: codec::cursor(identity, head),
            head_position: head.get(),
            oldest_cursor: codec::cursor(identity, reader.oldest()),
            server_time: Some(codec::timestamp(self.feed.clock.now_micros())),
        }));
    }

    fn say_goodbye(&mut self) {
        self.send(Message::Notice(pb::Notice {
            kind: pb::NoticeKind::Draining as i32,
            message: "the feed is stopping; resume after the last cursor".to_owned(),
            retry_after: Some(prost_types::Duration { seconds: DRAIN_RETRY_SECONDS, nanos: 0 }),
        }));
        self.end(status::not_serving());
    }

    /// Bytes held for its reader, what is being read ahead counted as the most it can be; `commit`: the
    /// largest commit there is.
    #[cfg(test)]
    pub(super) fn held_bytes(&self, commit: usize) -> usize {
        let ready = self.outbox.iter().map(Bytes::len).sum::<usize>();
        let unread = self.replay.unread.iter().map(|commit| commit.body.len());
        let ahead = self.ahead.as_ref().map_or(0, |_| FRAMES_BYTES + commit);
        ready + unread.sum::<usize>() + ahead
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
