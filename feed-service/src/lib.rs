//! The feed: what happens in the world of city networks, in one order, to any number of subscribers.
//!
//! It follows the registry over gRPC and takes statements and campaigns itself. Everything becomes
//! commits of one journal; nothing is answered or streamed before it is durable. The view answers
//! queries and can be deleted; streams read the journal.
//!
//! Promises, by name: Ordered, Unique, Atomic, Complete, Resumable, Bookmarkable, Durable before
//! visible, Snapshot-consistent, Exactly once from the registry.
//!
//! | file | holds |
//! | --- | --- |
//! | `config.rs` | flags and variables |
//! | `domain.rs` | commands, and what they come to: pure |
//! | `codec.rs` | events as stored bytes |
//! | `content.rs` | what of a statement is content, and can be erased |
//! | `view.rs` | the key table, folding, look-ups |
//! | `machine.rs` | decide, encode, stage, settle |
//! | `follower.rs` | follows the registry |
//! | `filter.rs` | which events a caller gets |
//! | `terms.rs` | what an event can be found by |
//! | `subscribe.rs` | the journal as a stream |
//! | `frames.rs` | messages of a stream as gRPC frames them |
//! | `interests.rs` | who waits for which events |
//! | `named.rs` | which streams are open under a name |
//! | `grpc.rs` | one method per RPC |
//! | `status.rs` | the only place a status is made |

mod codec;
mod config;
mod content;
mod domain;
#[cfg(test)]
mod faults;
mod filter;
mod follower;
mod frames;
mod grpc;
mod interests;
mod machine;
mod named;
mod status;
mod subscribe;
mod terms;
mod view;

use std::sync::Arc;

use hansa_chassis::health::Health;
use hansa_chassis::server::{ServeError, serve};
use hansa_chassis::shutdown::Shutdown;
use hansa_journal::disk::{Disk, RealDisk};
use hansa_journal::{
    Fault, Journal, OpenError, Position, ReadError, ReadLimit, Reader, SegmentJournal,
    SegmentOptions, Started, Writer, WriterOptions, WriterState,
};
use hansa_proto::pb::FILE_DESCRIPTOR_SET;
use hansa_view::{View, ViewError};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinError;

pub use config::{Arguments, Config, StreamLimits};

use follower::Follower;
use grpc::Feed;
use interests::Interests;
use machine::{FeedMachine, ReadCommit};
use subscribe::Bell;
use subscribe::budget::Budget;

/// Snapshots sent at once: each may keep 16 MiB of what changes meanwhile.
pub(crate) const MOST_SNAPSHOTS: usize = 16;

/// The gRPC services of the feed, as health knows them.
pub(crate) const SERVICES: [&str; 3] = [
    "hansa.feed.v1.FeedService",
    "hansa.feed.v1.StatementService",
    "hansa.feed.v1.CampaignService",
];

/// Why the feed ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal cannot be opened.
    #[error("the journal cannot be opened")]
    Journal(#[from] OpenError),
    /// The view cannot be opened, not even empty.
    #[error("the view cannot be opened")]
    View(#[from] ViewError),
    /// The writer cannot start.
    #[error("the writer cannot start")]
    Writer(#[from] Fault),
    /// The server cannot run.
    #[error("the server cannot run")]
    Serve(#[from] ServeError),
    /// The writer failed; what was acknowledged is safe.
    #[error("the writer failed: {0}")]
    Failed(Arc<str>),
    /// A thread was lost.
    #[error("a thread was lost")]
    Thread(#[from] JoinError),
}

/// Runs the feed on a listener until told to end. When this returns, journal and view are closed and
/// nothing of it runs any more.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    run_on(RealDisk::shared(), config, listener, shutdown).await
}

/// Like [`run`], with the journal on a disk of the caller's.
pub async fn run_on(
    disk: Arc<dyn Disk>,
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    let (journal, view) = open(disk, &config).await?;
    run_over(Arc::new(journal), view, config, listener, shutdown).await
}

/// Runs the feed over a journal and its view that are open.
async fn run_over(
    journal: Arc<dyn Journal>,
    view: Arc<View>,
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    let (following_sender, following) = watch::channel(None);
    let (connected_sender, connected) = watch::channel(false);
    let options = WriterOptions {
        queue: config.queue,
        batch_commands: config.batch_commands,
        batch_bytes: config.batch_bytes,
        now_micros: Arc::new({
            let clock = config.clock.clone();
            move || clock.now_micros()
        }),
        framing: frames::framing,
    };
    let (identity, read) = (journal.identity(), read_commit(Arc::clone(&journal)));
    let machine = FeedMachine::new(identity, Arc::clone(&view), read, following_sender);
    let Started { writer, reader, state } = Writer::start(journal, machine, options)?;

    let health = Health::new();
    for name in SERVICES {
        health.not_serving(name).await;
    }
    let ending = Shutdown::new();
    let interests = Arc::new(Interests::default());
    let looking = tokio::spawn(look(Arc::clone(&interests), reader.clone(), state.clone()));
    let bell = Arc::new(Bell::default());
    let ringing = tokio::spawn(ring(
        (Arc::clone(&bell), Arc::clone(&interests)),
        reader.clone(),
        state.clone(),
        ending.clone(),
    ));
    let feed = Arc::new(Feed {
        writer: writer.clone(),
        reader,
        view: Arc::clone(&view),
        state: state.clone(),
        following,
        connected,
        subscriptions: Arc::new(Semaphore::new(config.streams.max_subscriptions)),
        max_subscriptions: config.streams.max_subscriptions,
        snapshots: Arc::new(Semaphore::new(MOST_SNAPSHOTS)),
        interests: Arc::clone(&interests),
        bell,
        named: Arc::default(),
        clock: config.clock,
        budget: Budget::new(config.streams.max_replay_bytes),
    });
    let follower = Follower {
        registry: config.registry,
        writer: writer.clone(),
        view: Arc::clone(&view),
        state: state.clone(),
        connected: connected_sender,
        health: health.clone(),
    };
    let following = tokio::spawn({
        let ending = ending.clone();
        async move {
            tokio::select! {
                () = report_and_follow(follower) => {}
                () = ending.stopping() => {}
            }
        }
    });
    let watching = tokio::spawn(pass_on(shutdown, state.clone(), ending.clone()));
    let services = grpc::services(&feed);
    drop(feed);
    let served =
        serve(listener, services, health, FILE_DESCRIPTOR_SET, config.serve, ending.clone()).await;

    ending.drain();
    watching.abort();
    following.await?;
    writer.stop().await;
    // Without a writer nothing more is released, and look-out and bell end by themselves.
    looking.await?;
    ringing.await?;
    let failed = match &*state.borrow() {
        WriterState::Failed(why) => Some(Arc::clone(why)),
        _ => None,
    };
    if let Some(why) = &failed {
        view.condemn(why);
    }
    served?;
    failed.map_or(Ok(()), |why| Err(RunError::Failed(why)))
}

/// How the writer's thread reads a commit.
fn read_commit(journal: Arc<dyn Journal>) -> ReadCommit {
    let runtime = Handle::current();
    let one = ReadLimit { commits: 1, bytes: 0 };
    Box::new(move |position| {
        let before = Position::new(position.get().saturating_sub(1));
        let commits = runtime.block_on(journal.read(before, one))?;
        let tail = journal.tail().0;
        commits.into_iter().next().ok_or(ReadError::Ahead { tail })
    })
}

/// Opens journal and view, off the async threads.
async fn open(
    disk: Arc<dyn Disk>,
    config: &Config,
) -> Result<(SegmentJournal, Arc<View>), RunError> {
    let data = config.data.clone();
    let options = SegmentOptions { segment_bytes: config.segment_bytes };
    tokio::task::spawn_blocking(move || {
        let journal = SegmentJournal::open_on(disk, &data.join("journal"), options)?;
        let identity = journal.identity();
        let (view, opening) = View::open(&data.join("view"), view::FORMAT, identity)?;
        tracing::info!(%identity, tail = %journal.tail().0, ?opening, "the feed's data are open");
        Ok((journal, Arc::new(view)))
    })
    .await?
}

/// Tells health once the feed has replayed its journal, then follows the registry.
async fn report_and_follow(follower: Follower) {
    let mut state = follower.state.clone();
    if state.wait_for(|state| *state == WriterState::Serving).await.is_err() {
        return;
    }
    for name in SERVICES {
        follower.health.serving(name).await;
    }
    follower.follow().await;
}

/// Wakes those who wait for events, once the feed has replayed its journal.
async fn look(interests: Arc<Interests>, reader: Reader, mut state: watch::Receiver<WriterState>) {
    if state.wait_for(|state| *state == WriterState::Serving).await.is_ok() {
        interests.watch(&reader).await;
    }
}

/// Tells live streams of new commits once the feed has replayed its journal, and of its end.
async fn ring(
    (bell, interests): (Arc<Bell>, Arc<Interests>),
    reader: Reader,
    mut state: watch::Receiver<WriterState>,
    ending: Shutdown,
) {
    if state.wait_for(|state| *state == WriterState::Serving).await.is_err() {
        return;
    }
    let drained = async {
        ending.drained().await;
        bell.end();
        interests.ring_all();
    };
    tokio::join!(bell.ring(&reader), drained);
}

/// Passes the end on to everything here: as asked for, or because the writer failed.
async fn pass_on(asked: Shutdown, mut state: watch::Receiver<WriterState>, ending: Shutdown) {
    let failed = state.wait_for(|state| matches!(state, WriterState::Failed(_)));
    tokio::select! {
        () = asked.stopping() => {}
        _ = failed => {}
        () = ending.drained() => {}
    }
    if asked.is_killed() {
        return ending.kill();
    }
    ending.drain();
    // A drain can still become a kill.
    tokio::select! {
        () = asked.killed() => ending.kill(),
        () = ending.killed() => {}
    }
}
