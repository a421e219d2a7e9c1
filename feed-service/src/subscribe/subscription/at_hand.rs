//! How a subscription waits, and what a live one does at once when it is woken, without being a future.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hansa_chassis::framed::{Broadcast, Follows};
use hansa_journal::{Position, Run};

use super::{FELL_BEHIND_COMMITS, Subscription, Turn};
use crate::interests::SIGN_EVENTS;
use crate::status;
use crate::subscribe::batch;
use crate::subscribe::bell::Closed;

impl Subscription {
    /// Ready when there may be something to do.
    pub(in crate::subscribe) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waits {
            return Poll::Ready(());
        }
        match self.live.poll_rung(self.at, cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(Closed)) => self.end(status::not_serving()),
            Poll::Pending => ready!(self.rest.poll_over(cx)),
        }
        Poll::Ready(())
    }

    /// What it follows, if it does nothing else.
    pub(in crate::subscribe) fn follows(&self) -> Option<Follows> {
        let only_follows = self.waits && self.only_follows && self.live.takes_all();
        only_follows.then(|| Follows {
            broadcast: Arc::clone(&self.feed) as Arc<dyn Broadcast>,
            place: self.at.get(),
            due: self.rest.over_at(),
        })
    }

    /// It was sent everything up to here.
    pub(in crate::subscribe) fn goes_on(&mut self, at: Position) {
        self.at = at;
    }

    /// What a live one does whenever it is rung for, if it can be done at once: commits that stand in memory
    /// are sent, or there are none. Anything else is left to [`Subscription::turn`].
    pub(in crate::subscribe) fn at_hand(&mut self) -> Option<Turn> {
        let behind = self.feed.bell.head().get().saturating_sub(self.at.get());
        let only_follows = self.only_follows
            && behind <= FELL_BEHIND_COMMITS
            && self.passed_over < SIGN_EVENTS
            && !self.feed.bell.ends();
        if !only_follows {
            return None;
        }
        let all = self.live.takes_all();
        let something = match all {
            true => behind > 0,
            false => self.live.due().is_some() || self.look_ahead().ok()?,
        };
        if !something && self.passed_over < SIGN_EVENTS {
            // Woken without being rung for. Who goes on with his work asks no clock.
            if self.waits && self.rest.is_over() {
                return None;
            }
            self.waits = true;
            return Some(Turn::Wait);
        }
        let reader = &self.feed.reader;
        let (frames, up_to) = match all {
            true => match reader.recent_run(self.at, reader.head())? {
                Run::Frames { frames, up_to } => (frames, up_to),
                Run::Apart(_) => return None,
            },
            false => batch::take_recent(reader, self.live.due()?, self.caps)?,
        };
        (self.at, self.passed_over, self.waits) = (up_to, 0, false);
        Some(Turn::Frames(frames))
    }
}
