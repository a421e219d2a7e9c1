//! A subscription as whoever sends it sees it: polled for frames. One that is live and waits is no future: it
//! is looked at in place, and takes what stands in memory at once. Anything that has to be waited for
//! otherwise is a future while it lasts.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream};
use hansa_chassis::framed::{Following, Follows};
use hansa_journal::Position;
use tonic::Status;

use super::subscription::{Subscription, Turn};

/// See the top of this file.
pub(super) struct Driven {
    /// While nothing else is done for it, until it has ended.
    subscription: Option<Subscription>,
    work: Option<BoxFuture<'static, (Turn, Subscription)>>,
}

impl Driven {
    pub(super) fn new(subscription: Subscription) -> Driven {
        Driven { subscription: Some(subscription), work: None }
    }

    /// Bytes of it while it does nothing but wait.
    #[cfg(test)]
    pub(super) fn waits(&self) -> Option<usize> {
        let only_waits = self.subscription.is_some() && self.work.is_none();
        only_waits.then_some(size_of::<Driven>())
    }

    /// Bytes held for its reader, who was just given something.
    #[cfg(test)]
    pub(super) fn held_bytes(&self, commit: usize) -> usize {
        self.subscription.as_ref().expect("nothing else is done for it").held_bytes(commit)
    }
}

impl Following for Driven {
    fn follows(&self) -> Option<Follows> {
        self.subscription.as_ref().and_then(Subscription::follows)
    }

    fn goes_on(mut self: Pin<&mut Self>, place: u64) {
        if let Some(subscription) = &mut self.subscription {
            subscription.goes_on(Position::new(place));
        }
    }
}

impl Stream for Driven {
    type Item = Result<Bytes, Status>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            let turn = if let Some(work) = &mut self.work {
                let (turn, subscription) = ready!(work.as_mut().poll(cx));
                (self.work, self.subscription) = (None, Some(subscription));
                Some(turn)
            } else if let Some(subscription) = &mut self.subscription {
                ready!(subscription.poll_ready(cx));
                subscription.at_hand()
            } else {
                return Poll::Ready(None);
            };
            match turn {
                Some(Turn::Frames(frames)) => return Poll::Ready(Some(Ok(frames))),
                Some(Turn::Wait) => {}
                Some(Turn::End(end)) => {
                    self.subscription = None;
                    return Poll::Ready(end.map(|status| Err(*status)));
                }
                None => {
                    self.work = self.subscription.take().map(|mut subscription| {
                        async move { (subscription.turn().await, subscription) }.boxed()
                    });
                }
            }
        }
    }
}
