//! The feed's journal as a stream: what a subscription asks for, and whether it may have it.
//!
//! A subscription is a cursor and a loop that is driven by whoever reads the stream: no task, no queue.
//! One that does not read costs nothing and loses nothing. Bookmarkable: every cursor it is given, in a
//! Batch or a Progress, continues exactly.
//!
//! | file | answers |
//! | --- | --- |
//! | `subscription.rs` | the loop: what is sent when |
//! | `batch.rs` | how commits become batches |

mod batch;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use hansa_journal::Position;
use hansa_proto::feed::{Cursor, Filter};
use hansa_proto::limits;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::progress;
use hansa_proto::violation::Violations;
use pb::subscribe_request::Start;
use tonic::Status;

use crate::filter::{Matcher, unknown};
use crate::grpc::Feed;
use crate::status::{self, BadCursor};
use crate::view::Lookup;
use subscription::Subscription;

/// What a subscription asks for, strict.
struct Ask {
    start: Begin,
    filter: Filter,
    stop_at_head: bool,
    progress_interval: Duration,
    caps: batch::Caps,
}

/// Where a subscription begins.
enum Begin {
    Beginning,
    End,
    After(Cursor),
}

/// Opens a subscription.
pub(crate) async fn subscribe(
    feed: Arc<Feed>,
    request: pb::SubscribeRequest,
) -> Result<impl Stream<Item = Result<pb::SubscribeResponse, Status>> + Send + 'static, Status> {
    feed.serving()?;
    let mut violations = Violations::default();
    let ask = parse(request, &mut violations);
    violations.finish().map_err(status::malformed)?;
    let ask = ask.expect("what violates nothing was read");

    let place = Arc::clone(&feed.subscriptions).try_acquire_owned();
    let place = place.map_err(|_| status::too_many_streams(feed.max_subscriptions))?;
    let matcher = matcher(&feed, ask.filter).await?;
    let head = feed.reader.head();
    let start = start(&feed, &ask.start, head)?;
    let subscription = Subscription::open(subscription::Opening {
        feed,
        matcher,
        caps: ask.caps,
        interval: ask.progress_interval,
        start,
        head,
        stop_at_head: ask.stop_at_head,
        place,
    });
    Ok(stream::unfold(subscription, |mut subscription| async move {
        let sent = subscription.next().await?;
        Some((sent, subscription))
    }))
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

fn start(feed: &Feed, begin: &Begin, head: Position) -> Result<Position, Status> {
    let (oldest, identity) = (feed.reader.oldest(), feed.reader.identity());
    let cursor = match begin {
        Begin::Beginning => return Ok(oldest),
        Begin::End => return Ok(head),
        Begin::After(cursor) => cursor,
    };
    let position = Position::new(cursor.position);
    let bad = if cursor.identity != *identity.as_bytes() {
        BadCursor::Foreign
    } else if position > head {
        BadCursor::InFuture
    } else if position < oldest {
        BadCursor::Expired
    } else {
        return Ok(position);
    };
    Err(status::bad_cursor(bad, oldest, head, identity))
}

fn parse(request: pb::SubscribeRequest, violations: &mut Violations) -> Option<Ask> {
    let start = match request.start {
        None => {
            violations.push("start", "is required");
            None
        }
        Some(Start::Beginning(())) => Some(Begin::Beginning),
        Some(Start::End(())) => Some(Begin::End),
        Some(Start::AfterCursor(bytes)) => Cursor::decode(&bytes)
            .map_err(|problem| violations.push("after_cursor", problem))
            .map(Begin::After)
            .ok(),
    };
    let filter = Filter::parse(request.filter.unwrap_or_default(), "filter", violations);
    let progress_interval =
        progress::interval(request.progress_interval, "progress_interval", violations);
    let max_events = cap(
        request.max_batch_events,
        (1, limits::BATCH_EVENTS, limits::BATCH_EVENTS_MOST),
        "max_batch_events",
        violations,
    );
    let max_bytes = cap(
        request.max_batch_bytes,
        (limits::BATCH_BYTES_LEAST, limits::BATCH_BYTES, limits::BATCH_BYTES_MOST),
        "max_batch_bytes",
        violations,
    );
    Some(Ask {
        start: start?,
        filter: filter?,
        stop_at_head: request.stop_at_head,
        progress_interval,
        caps: batch::Caps { events: max_events, bytes: max_bytes },
    })
}

/// A cap within its bounds; 0 means the usual.
fn cap(
    asked: u32,
    (least, usual, most): (u32, u32, u32),
    field: &str,
    violations: &mut Violations,
) -> u32 {
    if asked == 0 {
        return usual;
    }
    if !(least..=most).contains(&asked) {
        violations.push(field, format!("must be {least} to {most}, or 0"));
    }
    asked
}
