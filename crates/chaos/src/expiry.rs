//! A cursor that is seen as expired: as if nothing before the head were kept.

use hansa_proto::feed::Cursor;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::{
    Filter, GetFeedStatusRequest, GetSubscriptionRequest, OnExpired, SubscribeRequest,
};
use tonic::Status;
use tonic::transport::Channel;

use crate::identity::Mask;
use crate::status;

/// How a request to subscribe is seen.
pub(crate) enum Seen {
    /// It needs nothing that is not kept.
    Valid,
    /// Its cursor has expired, and that is the answer.
    Answered(Status),
    /// Its cursor has expired, and it said what to do then.
    Replaced(Box<SubscribeRequest>),
}

/// How this request, as the feed would get it, is seen.
pub(crate) async fn seen(
    client: &FeedServiceClient<Channel>,
    request: SubscribeRequest,
    mask: &Mask,
) -> Seen {
    let Some((position, filter)) = start_of(client, &request, mask).await else {
        return Seen::Valid;
    };
    let feed = client.clone().get_feed_status(GetFeedStatusRequest::default()).await;
    let feed = match feed {
        Ok(feed) => feed.into_inner(),
        Err(status) => return Seen::Answered(status),
    };
    if position >= feed.head_position {
        return Seen::Valid;
    }
    let on_expired = request.on_expired();
    let (start, include_snapshot) = match on_expired {
        OnExpired::Unspecified => {
            let identity: String = mask.shown.iter().map(|byte| format!("{byte:02x}")).collect();
            return Seen::Answered(status::expired(feed.head_position, &identity));
        }
        OnExpired::FromOldest => (Start::AfterCursor(feed.head_cursor), request.include_snapshot),
        OnExpired::Snapshot => (Start::Beginning(()), true),
    };
    Seen::Replaced(Box::new(SubscribeRequest {
        start: Some(start),
        include_snapshot,
        filter,
        on_expired: 0,
        ..request
    }))
}

/// The position it starts after, with the filter; none when it is not after one of this feed.
async fn start_of(
    client: &FeedServiceClient<Channel>,
    request: &SubscribeRequest,
    mask: &Mask,
) -> Option<(u64, Option<Filter>)> {
    match request.start.as_ref()? {
        Start::AfterCursor(cursor) => {
            let cursor = Cursor::decode(cursor).ok()?;
            let is_ours = cursor.identity == mask.real;
            is_ours.then(|| (cursor.position, request.filter.clone()))
        }
        Start::Subscription(name) => {
            let request = GetSubscriptionRequest { name: name.clone(), min_position: 0 };
            let found = client.clone().get_subscription(request).await.ok()?.into_inner();
            found.subscription.map(|found| (found.position, found.filter))
        }
        _ => None,
    }
}
