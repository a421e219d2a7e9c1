//! The feed's journal as a stream: what a subscription asks for, and whether it may have it.
//!
//! A subscription is a cursor and a loop that is driven by whoever reads the stream: no task, no queue.
//! One that does not read loses nothing, and holds no more than `replay.rs` says and one message.
//! Bookmarkable: every cursor it is given, in a Batch or a Progress, continues exactly.
//!
//! | file | answers |
//! | --- | --- |
//! | `ask.rs` | what is asked for |
//! | `start.rs` | where it really starts |
//! | `subscription.rs` | the loop: what is sent when |
//! | `subscription/at_hand.rs` | how it waits, and what a live one does at once |
//! | `driven.rs` | how it is polled |
//! | `broadcast.rs` | what live ones without a filter are sent alike |
//! | `replay.rs` | what of the past is read next |
//! | `budget.rs` | how much all of them hold of it together |
//! | `live.rs` | how a live one waits, and for what |
//! | `bell.rs` | when live ones are told of new commits |
//! | `batch.rs` | how commits become frames |
//! | `rest.rs` | how long it may be silent |

mod ask;
mod batch;
pub(crate) mod bell;
mod broadcast;
pub(crate) mod budget;
mod driven;
mod live;
mod replay;
mod rest;
mod start;
mod subscription;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hansa_chassis::framed::Following;
use hansa_proto::feed::Filter;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use tonic::Status;

use crate::filter::{Matcher, unknown};
use crate::grpc::Feed;
use crate::status;
use crate::view::Lookup;
pub(crate) use bell::Bell;
use driven::Driven;
use subscription::Subscription;

/// Opens a subscription: whole frames, ready to be sent.
pub(crate) async fn subscribe(
    feed: Arc<Feed>,
    request: pb::SubscribeRequest,
) -> Result<impl Following + Send + 'static, Status> {
    feed.serving()?;
    let mut violations = Violations::default();
    let ask = ask::parse(request, &mut violations);
    violations.finish().map_err(status::malformed)?;
    let ask = ask.expect("what violates nothing was read");

    let place = Arc::clone(&feed.subscriptions).try_acquire_owned();
    let place = place.map_err(|_| status::too_many_streams(feed.max_subscriptions))?;
    let start = start::resolve(&feed, &ask).await?;
    Ok(Driven::new(Subscription::open(subscription::Opening { feed, ask, start, place })))
}

/// The filter made ready; what it names must exist unless it says otherwise.
pub(crate) async fn matcher(feed: &Feed, filter: Filter) -> Result<Matcher, Status> {
    let matcher = Matcher::new(&filter);
    let unknown = feed.query(move |keys| unknown(&filter, &Lookup(keys))).await?;
    match unknown.is_empty() {
        true => Ok(matcher),
        false => Err(status::rejected(crate::domain::Rejection::Refused(unknown))),
    }
}
