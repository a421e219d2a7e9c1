//! What a subscription yields.

use std::time::Duration;

use bytes::Bytes;
use hansa_proto::pb::feed::v1 as pb;

use super::error::Interruption;

/// What a subscription yields.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// First of all, once.
    Opened(pb::Opened),
    /// Events in order, of whole commits: no other item brings more of the same commit. Store the cursor
    /// with what they cause.
    Events {
        /// The events.
        events: Vec<pb::Event>,
        /// After these.
        cursor: Bytes,
        /// Position of the last of them.
        position: u64,
    },
    /// A sign of life, with a cursor to store.
    Progress(pb::Progress),
    /// All there was has been sent: what follows is new.
    CaughtUp(pb::CaughtUp),
    /// Live no more; nothing is lost.
    FellBehind(pb::FellBehind),
    /// Something the feed wants its clients to know.
    Notice(pb::Notice),
    /// The present state begins.
    SnapshotBegin {
        /// It was cut off before it was whole, and begins anew, of a later position: drop every part
        /// received since the last `SnapshotBegin`.
        again: bool,
    },
    /// Part of the present state.
    Snapshot(pb::Snapshot),
    /// The present state is whole; what follows changes it.
    SnapshotEnd(pb::SnapshotEnd),
    /// Events are missing, and always will be.
    Gap(Gap),
    /// The connection is lost, or there is none yet; it is tried again after the delay.
    Interrupted {
        /// Why.
        cause: Interruption,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// Open again after an interruption, after the last cursor received.
    Resumed(pb::Opened),
}

/// Events that this subscription did not and will not yield: those after one position, up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Everything up to here was yielded, or dealt with before.
    pub after: u64,
    /// Nothing up to here will be.
    pub up_to: u64,
    /// Why.
    pub cause: GapCause,
}

/// Why events are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapCause {
    /// The feed keeps them no more. What follows are the oldest it keeps.
    Expired,
    /// The feed keeps them no more. What follows is the present state.
    ExpiredForSnapshot,
    /// Another consumer of the same named subscription has committed a cursor after them.
    CommittedElsewhere,
}
