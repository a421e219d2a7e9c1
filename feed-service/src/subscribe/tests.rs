//! One that reads slowly, counted in bytes: what the feed holds for it does not grow with what is published.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use futures_util::{FutureExt as _, StreamExt as _};
use hansa_chassis::clock;
use hansa_journal::disk::RealDisk;
use hansa_journal::limits::{BLOCK_BYTES, FRAMES_BYTES, RING_BYTES};
use hansa_journal::{Journal, Started, Writer, WriterOptions, WriterState};
use hansa_proto::feed::Statement;
use hansa_proto::pb::common::v1::Source;
use tokio::sync::{Semaphore, watch};

use super::budget::{Budget, SMALL_BYTES};
use super::*;
use crate::config::Config;
use crate::domain::Command;
use crate::frames;
use crate::machine::{FeedMachine, Request};

/// Bytes of the body of a statement: a page or ten.
const BODY: usize = 20_000;
const SUBJECT: &str = "housing";

/// Subscriptions at once.
const MOST: usize = 100;

async fn open(data: &Path) -> Arc<Feed> {
    open_with(Config::new(data.to_owned(), "http://127.0.0.1:1".to_owned())).await
}

async fn open_with(config: Config) -> Arc<Feed> {
    let (journal, view) = crate::open(RealDisk::shared(), &config).await.unwrap();
    let journal: Arc<dyn Journal> = Arc::new(journal);
    let (following_sender, following) = watch::channel(None);
    let options =
        WriterOptions { framing: frames::framing, ..WriterOptions::new(clock::now_micros) };
    let (identity, read) = (journal.identity(), crate::read_commit(Arc::clone(&journal)));
    let machine = FeedMachine::new(identity, Arc::clone(&view), read, following_sender);
    let Started { writer, reader, mut state } = Writer::start(journal, machine, options).unwrap();
    state.wait_for(|state| *state == WriterState::Serving).await.unwrap();
    let bell = Arc::new(Bell::default());
    let (ringing, heard) = (Arc::clone(&bell), reader.clone());
    tokio::spawn(async move { ringing.ring(&heard).await });
    Arc::new(Feed {
        writer,
        reader,
        view,
        state,
        following,
        connected: watch::channel(false).1,
        subscriptions: Arc::new(Semaphore::new(MOST)),
        max_subscriptions: MOST,
        snapshots: Arc::new(Semaphore::new(1)),
        interests: Arc::default(),
        bell,
        named: Arc::default(),
        clock: config.clock,
        budget: Budget::new(config.streams.max_replay_bytes),
    })
}

/// Publishes statements, every fourth on the subject.
async fn publish(feed: &Feed, numbers: std::ops::Range<usize>) {
    let published = numbers.map(|number| {
        let themes = if number % 4 == 0 { vec![SUBJECT.to_owned()] } else { Vec::new() };
        let statement = Statement::from_stored(pb::Statement {
            name: format!("statements/s{number}"),
            kind: 1,
            title: "Title".to_owned(),
            body: "x".repeat(BODY),
            themes,
            sources: vec![Source { citation: "A source".to_owned(), ..Default::default() }],
            state: 1,
            ..Default::default()
        });
        let statement = Box::new(statement.unwrap());
        feed.writer.submit_waiting(Request {
            principal: "anonymous".to_owned(),
            request_id: None,
            payload_hash: [0; 32],
            validate_only: false,
            command: Command::PublishStatement { statement, signings: Vec::new() },
        })
    });
    for answer in futures_util::future::join_all(published).await {
        answer.unwrap();
    }
}

async fn start(feed: &Arc<Feed>, filter: pb::Filter) -> Driven {
    let request = pb::SubscribeRequest {
        start: Some(pb::subscribe_request::Start::Beginning(())),
        filter: Some(filter),
        ..Default::default()
    };
    let ask = ask::parse(request, &mut Violations::default()).unwrap();
    let place = Arc::clone(&feed.subscriptions).try_acquire_owned().unwrap();
    let start = start::resolve(feed, &ask).await.unwrap();
    let opening = subscription::Opening { feed: Arc::clone(feed), ask, start, place };
    Driven::new(Subscription::open(opening))
}

/// How many events are in these frames.
fn events(mut frames: &[u8]) -> usize {
    let mut events = 0;
    while let Some((prefix, rest)) = frames.split_first_chunk::<5>() {
        let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
        events += frames::count_events(&rest[..length]).unwrap_or_default();
        frames = &rest[length..];
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_costs_constant_memory() {
    let data = tempfile::tempdir().unwrap();
    let feed = open(data.path()).await;
    let filter = pb::Filter { themes: vec![SUBJECT.to_owned()], ..Default::default() };
    let mut all = start(&feed, pb::Filter::default()).await;
    let mut some = start(&feed, filter).await;
    // Twice what is kept in memory for everybody.
    let count = 2 * RING_BYTES / BODY / 100 * 100;
    let commit = BODY + 1_000;
    let most = 2 * (FRAMES_BYTES + commit) + BLOCK_BYTES;
    let (mut read, mut matched) = (0, 0);
    for from in (0..count).step_by(100) {
        publish(&feed, from..from + 100).await;
        for (slow, seen) in [(&mut all, &mut read), (&mut some, &mut matched)] {
            let frames = slow.next().await.unwrap().unwrap();
            *seen += events(&frames);
            let held = frames.len() + slow.held_bytes(commit);
            assert!(held <= most, "{held} bytes after {from} events");
        }
    }
    assert!(read < count / 2 && matched < count / 4, "they read slowly: {read}, {matched}");
    for (slow, mut seen, wanted) in [(all, read, count), (some, matched, count / 4)] {
        let mut slow = slow;
        while seen < wanted {
            let frames = slow.next().await.unwrap().unwrap();
            seen += events(&frames);
            let held = frames.len() + slow.held_bytes(commit);
            assert!(held <= most, "{held} bytes at event {seen}");
        }
        assert_eq!(seen, wanted, "nothing is lost, nothing comes twice");
    }
    feed.writer.stop().await;
}

/// Streams of the past that nobody reads hold what the budget has, and a piece each beyond it; one that reads
/// beside them gets everything; what they held comes back.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_reads_keeps_to_the_budget() {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::new(data.path().to_owned(), "http://127.0.0.1:1".to_owned());
    config.streams.max_replay_bytes = 4 * FRAMES_BYTES;
    let feed = open_with(config).await;
    let filter = pb::Filter { themes: vec![SUBJECT.to_owned()], ..Default::default() };
    // Twice what is kept in memory for everybody.
    let count = 2 * RING_BYTES / BODY / 100 * 100;
    for from in (0..count).step_by(100) {
        publish(&feed, from..from + 100).await;
    }

    let commit = BODY + 1_000;
    let (mut sleepers, mut held) = (Vec::new(), 0);
    for number in 0..MOST - 2 {
        let filter = if number % 2 == 0 { pb::Filter::default() } else { filter.clone() };
        let mut sleeper = start(&feed, filter).await;
        let opened = sleeper.next().await.unwrap().unwrap();
        let frames = sleeper.next().await.unwrap().unwrap();
        assert_eq!(events(&opened), 0);
        held += frames.len() + sleeper.held_bytes(0);
        sleepers.push((sleeper, frames));
    }
    let most = 4 * FRAMES_BYTES + (MOST - 2) * commit.max(SMALL_BYTES);
    assert!(held <= most, "{held} bytes are held, {most} may be");
    assert!(feed.budget.left() < FRAMES_BYTES, "the budget was not used up");

    for (filter, wanted) in [(pb::Filter::default(), count), (filter, count / 4)] {
        let mut reader = start(&feed, filter).await;
        let mut seen = 0;
        while seen < wanted {
            seen += events(&reader.next().await.unwrap().unwrap());
        }
        assert_eq!(seen, wanted, "nothing is lost, nothing comes twice");
    }
    drop(sleepers);
    assert_eq!(feed.budget.left(), 4 * FRAMES_BYTES, "something was not given back");
    feed.writer.stop().await;
}

/// Bytes a stream holds while it waits, but for what HTTP/2 keeps for it.
#[tokio::test]
async fn one_that_waits_is_small() {
    let data = tempfile::tempdir().unwrap();
    let feed = open(data.path()).await;
    let mut waiting = start(&feed, pb::Filter::default()).await;
    // Opened, and CaughtUp.
    for _ in 0..2 {
        waiting.next().await.unwrap().unwrap();
    }
    assert!(waiting.next().now_or_never().is_none(), "it waits");
    let waits = waiting.waits();
    assert!(waits.is_some_and(|held| held <= 1_024), "{waits:?} bytes while it waits");
    feed.writer.stop().await;
}

/// Also one that only what matches wakes, and however long the bell rests.
#[tokio::test]
async fn those_that_wait_are_told_of_the_end() {
    let data = tempfile::tempdir().unwrap();
    let feed = open(data.path()).await;
    let filter = pb::Filter { themes: vec![SUBJECT.to_owned()], ..Default::default() };
    let mut waiting = Vec::new();
    for filter in [pb::Filter::default(), filter] {
        let mut one = start(&feed, filter).await;
        // Opened, and CaughtUp.
        for _ in 0..2 {
            one.next().await.unwrap().unwrap();
        }
        assert!(one.next().now_or_never().is_none(), "it waits");
        waiting.push(tokio::spawn(async move { one.collect::<Vec<_>>().await }));
    }
    tokio::task::yield_now().await;
    feed.bell.end();
    feed.interests.ring_all();
    for waiting in waiting {
        let told = waiting.await.unwrap();
        let [Ok(_), Err(status)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(status.code(), tonic::Code::Unavailable);
    }
    feed.writer.stop().await;
}
