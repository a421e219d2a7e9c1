//! Which streams are open under the name of a subscription, and what they are doing: true for a moment,
//! so it is not kept anywhere else.

use std::collections::HashMap;
use std::sync::Arc;

use hansa_proto::feed::SubscriptionState;
use hansa_proto::ids::SubscriptionId;
use parking_lot::Mutex;

/// All open streams that have a name.
#[derive(Default)]
pub(crate) struct NamedStreams(Mutex<Open>);

#[derive(Default)]
struct Open {
    streams: HashMap<SubscriptionId, HashMap<u64, Doing>>,
    next: u64,
}

/// What a stream does; the least far first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doing {
    /// Sends the present state.
    Snapshot,
    /// Sends the past.
    CatchingUp,
    /// Is live.
    Live,
}

/// An open stream, as long as it is held.
pub(crate) struct NamedStream {
    all: Arc<NamedStreams>,
    id: SubscriptionId,
    number: u64,
}

impl NamedStreams {
    /// Enters a stream that opens.
    pub(crate) fn open(self: &Arc<Self>, id: SubscriptionId) -> NamedStream {
        let mut open = self.0.lock();
        let number = open.next;
        open.next += 1;
        open.streams.entry(id.clone()).or_default().insert(number, Doing::CatchingUp);
        NamedStream { all: Arc::clone(self), id, number }
    }

    /// How many streams are open, and what the one that is least far does; without any, whether
    /// something waits decides.
    pub(crate) fn state(&self, id: &SubscriptionId, waits: bool) -> (usize, SubscriptionState) {
        let open = self.0.lock();
        let streams = open.streams.get(id);
        let state = match streams.and_then(|streams| streams.values().min()) {
            Some(Doing::Snapshot) => SubscriptionState::Snapshot,
            Some(Doing::CatchingUp) => SubscriptionState::CatchingUp,
            Some(Doing::Live) => SubscriptionState::Live,
            None if waits => SubscriptionState::Stalled,
            None => SubscriptionState::Idle,
        };
        (streams.map_or(0, HashMap::len), state)
    }
}

impl NamedStream {
    /// Says what it does now.
    pub(crate) fn does(&self, doing: Doing) {
        let mut open = self.all.0.lock();
        if let Some(mine) = open.streams.get_mut(&self.id) {
            mine.insert(self.number, doing);
        }
    }
}

impl Drop for NamedStream {
    fn drop(&mut self) {
        let mut open = self.all.0.lock();
        let Some(mine) = open.streams.get_mut(&self.id) else { return };
        mine.remove(&self.number);
        if mine.is_empty() {
            open.streams.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_least_far_stream_tells_the_state() {
        let all = Arc::new(NamedStreams::default());
        let id = SubscriptionId::from_id("a").unwrap();
        assert_eq!(all.state(&id, true), (0, SubscriptionState::Stalled));
        assert_eq!(all.state(&id, false), (0, SubscriptionState::Idle));
        let (one, other) = (all.open(id.clone()), all.open(id.clone()));
        one.does(Doing::Live);
        assert_eq!(all.state(&id, true), (2, SubscriptionState::CatchingUp));
        other.does(Doing::Snapshot);
        assert_eq!(all.state(&id, true), (2, SubscriptionState::Snapshot));
        drop(other);
        assert_eq!(all.state(&id, true), (1, SubscriptionState::Live));
        drop(one);
        assert!(all.0.lock().streams.is_empty());
    }
}
