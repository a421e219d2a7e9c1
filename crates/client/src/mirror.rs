//! A local copy of the present state that follows the feed.
//!
//! ```no_run
//! # use hansa_client::{Feed, Subscription};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let feed = Feed::connect("http://127.0.0.1:50052").await?;
//! let mut mirror = Subscription::builder(&feed).mirror()?;
//! let reader = mirror.reader();
//! tokio::spawn(async move { while let Some(Ok(_)) = mirror.next().await {} });
//! reader.reaches(1).await;
//! let members = reader.read(|present| present.members().count());
//! # Ok(())
//! # }
//! ```
//!
//! It holds the networks, members, memberships and campaigns that run of a snapshot, and the statements of
//! the past that the feed keeps, and writes down every event: corrections, retractions and redactions as they come, so
//! that nobody keeps what was withdrawn. A read sees the state at one position. When it has to begin anew
//! (it was away for longer than the feed keeps events, or a network or member came into or left a filter
//! on themes or countries, and much with it) the copy of before can be read until the new one is whole.
//!
//! | file | answers |
//! | --- | --- |
//! | `present.rs` | the state at one position, and how it is read |
//! | `fold.rs` | what a part of a snapshot, and what an event, does to it |
//! | `taken.rs` | what a filter takes after an event |

mod fold;
mod present;
mod taken;

pub use present::{Present, Size};

use std::sync::Arc;

use hansa_proto::pb::feed::v1 as pb;
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::subscription::{
    Item, OnExpired, Start, Subscription, SubscriptionBuilder, SubscriptionError,
};
use taken::Taken;

/// What an event about statements is: they are no part of a snapshot, so their past is read.
const OF_STATEMENTS: [pb::EventKind; 6] = [
    pb::EventKind::StatementPublished,
    pb::EventKind::StatementSigned,
    pb::EventKind::StatementCorrected,
    pb::EventKind::StatementRetracted,
    pb::EventKind::StatementEffective,
    pb::EventKind::StatementRedacted,
];

/// Why there can be no copy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorRefused {
    /// The filter asks for kinds of events: the others would be missing, and the copy wrong.
    #[error("a copy needs every kind of event: leave `kinds` out of its filter")]
    Kinds,
    /// A named subscription goes on where it was, and does not begin with the present state.
    #[error("a copy begins with the present state, and cannot go on after a named subscription")]
    Named,
}

/// A local copy of the present state that follows the feed. It moves only inside `next`.
#[derive(Debug)]
pub struct Mirror {
    subscription: Subscription,
    /// As it was given, for the past of statements.
    statements: SubscriptionBuilder,
    taken: Taken,
    reader: MirrorReader,
    /// What is told anew, until it is whole.
    building: Option<Present>,
    /// The past of statements, and the end of the snapshot up to which it is read.
    past: Option<(Subscription, pb::SnapshotEnd)>,
}

/// Reads the copy, from anywhere and while it follows.
#[derive(Debug, Clone)]
pub struct MirrorReader {
    present: Arc<RwLock<Present>>,
    position: watch::Receiver<u64>,
    moved: Arc<watch::Sender<u64>>,
}

impl Mirror {
    pub(crate) fn new(options: SubscriptionBuilder) -> Result<Self, MirrorRefused> {
        let filter = options.filter_given().cloned().unwrap_or_default();
        if !filter.kinds.is_empty() {
            return Err(MirrorRefused::Kinds);
        }
        if options.is_named() {
            return Err(MirrorRefused::Named);
        }
        let taken = Taken::new(&filter);
        let kinds = OF_STATEMENTS.map(|kind| kind as i32).to_vec();
        let of_statements = pb::Filter { kinds, allow_unknown: true, ..filter };
        let options = options.start(Start::Beginning).on_expired(OnExpired::Snapshot);
        let statements = options.clone().stop_at_head(true).filter(of_statements);
        let (moved, position) = watch::channel(0);
        let present = Arc::new(RwLock::new(Present::of(&taken)));
        let reader = MirrorReader { present, position, moved: Arc::new(moved) };
        let subscription = options.snapshot(true).open();
        Ok(Self { subscription, statements, taken, reader, building: None, past: None })
    }

    /// Who reads it.
    pub fn reader(&self) -> MirrorReader {
        self.reader.clone()
    }

    /// The next item of the feed, when it is in the copy. May be cancelled at any time without losing
    /// anything. None and errors as for a subscription; the copy stays as it is then.
    pub async fn next(&mut self) -> Option<Result<Item, SubscriptionError>> {
        if self.past.is_some() {
            return Some(self.read_the_past().await);
        }
        let item = match self.subscription.next().await? {
            Ok(item) => item,
            Err(error) => return Some(Err(error)),
        };
        match &item {
            Item::SnapshotBegin { .. } => self.building = Some(Present::of(&self.taken)),
            Item::Snapshot(part) => {
                if let Some(building) = &mut self.building {
                    building.begin(part.clone());
                }
            }
            Item::SnapshotEnd(end) => {
                self.past = Some((self.statements.clone().open(), end.clone()));
                return Some(self.read_the_past().await);
            }
            Item::Events { events, position, .. } => self.change(events, *position),
            Item::Progress(progress) => self.reader.come_to(progress.position),
            Item::CaughtUp(caught_up) => self.reader.come_to(caught_up.position),
            Item::FellBehind(fell_behind) => self.reader.come_to(fell_behind.position),
            Item::Opened(_)
            | Item::Resumed(_)
            | Item::Notice(_)
            | Item::Gap(_)
            | Item::Interrupted { .. } => {}
        }
        Some(Ok(item))
    }

    /// Reads what was said of statements up to the end of the snapshot; then all of it takes the place of
    /// the copy of before, at once.
    async fn read_the_past(&mut self) -> Result<Item, SubscriptionError> {
        let (Some((past, end)), Some(building)) = (&mut self.past, &mut self.building) else {
            unreachable!("the past is read between the end of a snapshot and its taking its place");
        };
        let end = end.clone();
        while let Some(item) = past.next().await {
            let at = match item? {
                Item::Events { events, position, .. } => {
                    let up_to_end = events.iter().filter(|event| event.position <= end.position);
                    up_to_end.for_each(|event| building.say(event));
                    position
                }
                Item::Progress(progress) => progress.position,
                _ => 0,
            };
            if at >= end.position {
                break;
            }
        }
        self.past = None;
        if let Some(mut whole) = self.building.take() {
            whole.position = end.position;
            *self.reader.present.write() = whole;
            self.reader.moved.send_replace(end.position);
        }
        Ok(Item::SnapshotEnd(end))
    }

    fn change(&mut self, events: &[pb::Event], position: u64) {
        let mut begin_anew = false;
        let mut present = self.reader.present.write();
        for event in events {
            begin_anew |= present.change(event, &self.taken);
        }
        present.position = position;
        drop(present);
        self.reader.moved.send_replace(position);
        if begin_anew {
            self.subscription.begin_with_snapshot();
        }
    }
}

impl MirrorReader {
    /// Looks at the copy. What it sees is the state at one position; the copy does not move meanwhile, so
    /// do not look for long.
    pub fn read<R>(&self, look: impl FnOnce(&Present) -> R) -> R {
        look(&self.present.read())
    }

    /// Waits until the copy has come to a position of the feed: with the position that answered a write,
    /// it holds it then. Waits for ever when nobody drives the copy.
    pub async fn reaches(&self, position: u64) {
        let mut at = self.position.clone();
        // It cannot end: this reader holds what moves it.
        let _ = at.wait_for(|at| *at >= position).await;
    }

    fn come_to(&self, position: u64) {
        let mut present = self.present.write();
        if position > present.position {
            present.position = position;
            drop(present);
            self.moved.send_replace(position);
        }
    }
}
