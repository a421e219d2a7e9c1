//! How much streams of the past hold together of what their readers have not read.
//!
//! A stream holds what it sends until the connection has written it, and a run that was read ahead.
//! Thousands that nobody reads would hold gigabytes. So what is read of the past takes its bytes out of a
//! budget that all streams share, and gives them back when it has been written. Who finds nothing left is
//! not kept waiting for others, who may never read: each stream has a small share of its own, for one small
//! run at a time, and goes on with that as fast as its reader reads.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a stream may hold when nothing is left for it: so much, or one larger commit.
pub(crate) const SMALL_BYTES: usize = 16 * 1024;

/// Bytes of one permit: the largest budget has fewer than a semaphore can have.
const UNIT: usize = 1024;

/// What all streams share. Copies are the same budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(crate) fn new(bytes: usize) -> Budget {
        Budget(Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS))))
    }

    /// Bytes that nobody holds.
    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.0.available_permits() * UNIT
    }

    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_many_owned(units(bytes)).ok()
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// The part of one stream.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    /// Its own small part; made when the budget was first found empty.
    own: Option<Arc<Semaphore>>,
}

impl Share {
    pub(super) fn of(budget: &Budget) -> Share {
        Share { budget: budget.clone(), own: None }
    }

    /// Room for so many bytes, if there is.
    pub(super) fn spare(&self, bytes: usize) -> Option<Room> {
        let taken = self.budget.take(bytes)?;
        Some(Room { budget: self.budget.clone(), bytes, taken: [Some(taken), None] })
    }

    /// Room for so many bytes, or its own small part, whichever comes first: that part once what it held
    /// last has been written.
    pub(super) async fn room(&mut self, bytes: usize) -> Room {
        if let Some(room) = self.spare(bytes) {
            return room;
        }
        let own = self.own.get_or_insert_with(|| Arc::new(Semaphore::new(1)));
        let (taken, bytes) = tokio::select! {
            biased;
            taken = Arc::clone(own).acquire_owned() => (taken, SMALL_BYTES.min(bytes)),
            taken = Arc::clone(&self.budget.0).acquire_many_owned(units(bytes)) => (taken, bytes),
        };
        // Neither is ever closed.
        Room { budget: self.budget.clone(), bytes, taken: [taken.ok(), None] }
    }
}

/// Room for what was read of the past, until it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    budget: Budget,
    bytes: usize,
    taken: [Option<OwnedSemaphorePermit>; 2],
}

impl Room {
    /// How much may be read into it, or one larger commit.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The frames, which keep this room until the last of them is dropped. What is larger than it, as one
    /// commit may be, takes more where there is more.
    pub(super) fn hold(mut self, frames: Bytes) -> Bytes {
        if let Some(over) = frames.len().checked_sub(self.bytes) {
            self.taken[1] = self.budget.take(over);
        }
        Arc::new(self).share(frames)
    }

    /// The same for one of several pieces in it.
    pub(super) fn share(self: &Arc<Self>, frames: Bytes) -> Bytes {
        if frames.is_empty() {
            return frames;
        }
        Bytes::from_owner(Held { frames, _room: Arc::clone(self) })
    }
}

/// Frames and the room they are in.
struct Held {
    frames: Bytes,
    _room: Arc<Room>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.frames
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_given_back() {
        let budget = Budget::new(4 * UNIT);
        let share = Share::of(&budget);
        let frames = share.spare(3 * UNIT).unwrap().hold(Bytes::from_static(&[7; 100]));
        assert_eq!(budget.left(), UNIT);
        assert!(share.spare(2 * UNIT).is_none());
        let part = frames.slice(..10);
        drop(frames);
        assert_eq!((budget.left(), &part[..]), (UNIT, &[7; 10][..]));
        drop(part);
        assert_eq!(budget.left(), 4 * UNIT);
        let larger = share.spare(UNIT).unwrap().hold(Bytes::from(vec![1; 3 * UNIT]));
        assert_eq!(budget.left(), UNIT, "what is larger than its room takes more");
        drop(larger);
        assert_eq!(budget.left(), 4 * UNIT);
    }

    #[test]
    fn who_finds_nothing_left_goes_on_piece_by_piece() {
        let budget = Budget::new(UNIT);
        let all = Share::of(&budget).spare(UNIT).unwrap();
        let mut share = Share::of(&budget);
        let room = share.room(100 * UNIT).now_or_never().unwrap();
        assert_eq!(room.bytes(), SMALL_BYTES);
        let first = room.hold(Bytes::from_static(b"first"));
        assert!(share.room(UNIT).now_or_never().is_none(), "two pieces at once");
        drop(first);
        let second = share.room(UNIT).now_or_never().unwrap();
        drop(all);
        assert_eq!(share.room(UNIT).now_or_never().unwrap().bytes(), UNIT, "there is room again");
        drop(second);
        assert_eq!(budget.left(), UNIT);
    }
}
