//! How a live subscription waits, and for what: one that takes everything for the next commit, one with
//! a filter for the next commit that concerns it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use hansa_journal::Position;
use tonic::Status;

use super::bell::{Closed, Listener};
use crate::filter::Matcher;
use crate::grpc::Feed;
use crate::interests::{Interest, Match, Outlook};
use crate::status;
use crate::terms::Term;
use crate::view::search::{self, Axes};

/// What one subscription waits for.
#[repr(C)]
pub(super) struct Live {
    /// Whether there is no filter.
    takes_all: bool,
    /// Held until something else wakes it.
    listener: Option<Listener>,
    /// Entered when it is live for the first time.
    interest: Option<Interest>,
    axes: Arc<Axes>,
    /// Events that the look-out had seen when it was asked last.
    seen_events: u64,
    /// Commits that are known to match and were not taken yet, nothing else among them.
    due: VecDeque<Match>,
}

/// What there is for a subscription that has dealt with everything up to a position.
pub(super) enum Ahead {
    /// Nothing matches up to here; so many events were passed over.
    Nothing(Position, usize),
    /// Something may match after this position.
    Something(Position),
    /// What is due, and nothing before it: it begins after this position.
    Due(Position),
}

impl Live {
    pub(super) fn new(axes: Axes, listener: Listener) -> Live {
        Live {
            takes_all: axes.is_empty(),
            listener: Some(listener),
            interest: None,
            axes: Arc::new(axes),
            seen_events: 0,
            due: VecDeque::new(),
        }
    }

    /// Whether it has a filter and is not with those who wait yet.
    pub(super) fn is_to_be_entered(&self) -> bool {
        !self.takes_all && self.interest.is_none()
    }

    /// Enters it with those who wait.
    pub(super) async fn enter(
        &mut self,
        feed: &Feed,
        matcher: &Arc<Matcher>,
    ) -> Result<(), Status> {
        let axes = Arc::clone(&self.axes);
        let rarest = feed.query(move |keys| search::rarest(keys, &axes)).await?;
        let (axis, values) = &self.axes[rarest];
        let under = values.iter().map(|value| Term { axis: *axis, value: value.clone() }).collect();
        let matcher = Arc::clone(matcher);
        let interest = feed.interests.enter(matcher, under, feed.reader.head());
        self.seen_events = interest.events_before();
        self.interest = Some(interest);
        Ok(())
    }

    /// Whether there is no filter.
    pub(super) fn takes_all(&self) -> bool {
        self.takes_all
    }

    /// What is due, if anything.
    pub(super) fn due(&mut self) -> Option<&mut VecDeque<Match>> {
        Some(&mut self.due).filter(|due| !due.is_empty())
    }

    /// What there is after a position.
    pub(super) fn ahead(&mut self, feed: &Feed, at: Position) -> Result<Ahead, Status> {
        let Some(interest) = self.interest.as_ref().filter(|interest| at >= interest.from()) else {
            return Ok(match feed.reader.head() > at {
                true => Ahead::Something(at),
                false => Ahead::Nothing(at, 0),
            });
        };
        match interest.outlook(at, &mut self.due) {
            Outlook::Closed => Err(status::not_serving()),
            Outlook::Something(position) => {
                Ok(Ahead::Something(Position::new(position.get() - 1).max(at)))
            }
            Outlook::These => {
                let first = self.due.front();
                let first = first.map_or(at, |first| Position::new(first.position.get() - 1));
                Ok(Ahead::Due(first.max(at)))
            }
            Outlook::Nothing(seen, events) => {
                let passed_over = events.saturating_sub(self.seen_events);
                self.seen_events = events;
                Ok(Ahead::Nothing(seen, usize::try_from(passed_over).unwrap_or(usize::MAX)))
            }
        }
    }

    /// Ready when there may be something after a position, or the service ends.
    pub(super) fn poll_rung(&mut self, at: Position, cx: &Context<'_>) -> Poll<Result<(), Closed>> {
        if let Some(interest) = self.interest.as_ref().filter(|interest| at >= interest.from()) {
            // From now on the bell is nothing to it.
            self.listener = None;
            return interest.poll_rung(cx).map(Ok);
        }
        match &self.listener {
            Some(listener) => listener.poll_beyond(at, cx),
            None => Poll::Ready(Err(Closed)),
        }
    }
}
