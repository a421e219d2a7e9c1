//! What live subscriptions without a filter are sent alike: every commit, as it is stored. A connection takes it
//! once for all of its streams that only follow (`framed.rs` of hansa-chassis).

use std::sync::Arc;
use std::task::{Poll, ready};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use hansa_chassis::framed::Broadcast;
use hansa_journal::{Position, Run};

use super::subscription::FELL_BEHIND_COMMITS;
use crate::grpc::Feed;

impl Broadcast for Feed {
    /// Places are positions. It ends with the service, and before what does not stand in memory ready to be
    /// sent.
    fn after(self: Arc<Self>, place: u64) -> BoxStream<'static, (Bytes, u64)> {
        let listener = self.bell.listen();
        let mut at = Position::new(place);
        let next = stream::poll_fn(move |cx| {
            let rung = ready!(listener.poll_beyond(at, cx));
            let behind = self.bell.head().get().saturating_sub(at.get());
            if rung.is_err() || self.bell.ends() || behind > FELL_BEHIND_COMMITS {
                return Poll::Ready(None);
            }
            let run = self.reader.recent_run(at, self.reader.head());
            Poll::Ready(match run {
                Some(Run::Frames { frames, up_to }) => {
                    at = up_to;
                    Some((frames, at.get()))
                }
                Some(Run::Apart(_)) | None => None,
            })
        });
        next.boxed()
    }
}
