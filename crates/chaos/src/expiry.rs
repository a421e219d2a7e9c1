//! Cursors that have expired: as if retention had taken everything before a floor.

use bytes::Bytes;
use hansa_proto::feed::Cursor;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{
    Filter, GetFeedStatusRequest, GetSubscriptionRequest, OnExpired, SubscribeRequest,
    SubscribeResponse,
};
use tonic::Status;
use tonic::transport::Channel;

use crate::frames::Frame;
use crate::identity::Mask;
use crate::status;

/// Nothing up to here is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Floor {
    position: u64,
    cursor: Bytes,
}

/// How a request to subscribe is seen.
pub(crate) enum Seen {
    /// It needs nothing that is not kept.
    Valid,
    /// Its cursor has expired, and that is the answer.
    Answered(Status),
    /// It starts with what is kept instead; whether that is because a cursor has expired.
    Replaced(Box<SubscribeRequest>, bool),
}

impl Floor {
    /// The head of the feed as it is now.
    pub(crate) async fn at_head(client: &FeedServiceClient<Channel>) -> Result<Floor, Status> {
        let feed = client.clone().get_feed_status(GetFeedStatusRequest::default()).await?;
        let feed = feed.into_inner();
        Ok(Floor { position: feed.head_position, cursor: feed.head_cursor })
    }

    /// How this request, as the feed would get it, is seen.
    pub(crate) async fn see(
        &self,
        client: &FeedServiceClient<Channel>,
        request: SubscribeRequest,
        mask: &Mask,
    ) -> Seen {
        if request.start == Some(Start::Beginning(())) && !request.include_snapshot {
            let start = Some(Start::AfterCursor(self.cursor.clone()));
            return Seen::Replaced(Box::new(SubscribeRequest { start, ..request }), false);
        }
        let filter = match start_of(client, &request, mask).await {
            Some((position, filter)) if position < self.position => filter,
            _ => return Seen::Valid,
        };
        let (start, include_snapshot) = match request.on_expired() {
            OnExpired::Unspecified => {
                return Seen::Answered(status::expired(self.position, &mask.shown));
            }
            OnExpired::FromOldest => {
                (Start::AfterCursor(self.cursor.clone()), request.include_snapshot)
            }
            OnExpired::Snapshot => (Start::Beginning(()), true),
        };
        let start = Some(start);
        let replaced =
            SubscribeRequest { start, include_snapshot, filter, on_expired: 0, ..request };
        Seen::Replaced(Box::new(replaced), true)
    }

    /// A message of the feed as one that keeps nothing before the floor would send it.
    pub(crate) fn raise(&self, frame: Frame) -> Frame {
        let Some(mut response) = frame.read::<SubscribeResponse>() else { return frame };
        match &mut response.message {
            Some(Message::Opened(opened)) => {
                self.raise_cursor(&mut opened.oldest_cursor);
                self.raise_cursor(&mut opened.start_cursor);
                opened.start_position = opened.start_position.max(self.position);
            }
            Some(Message::Progress(progress)) => {
                self.raise_cursor(&mut progress.oldest_cursor);
                self.raise_cursor(&mut progress.cursor);
                progress.position = progress.position.max(self.position);
            }
            _ => return frame,
        }
        Frame::of(&response)
    }

    fn raise_cursor(&self, cursor: &mut Bytes) {
        if Cursor::decode(cursor).is_ok_and(|cursor| cursor.position < self.position) {
            *cursor = self.cursor.clone();
        }
    }
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
