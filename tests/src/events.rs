//! Reading streams to an end that is known.

use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{Event, Filter, SubscribeRequest};
use tonic::transport::Channel;

use crate::world::within;

/// A subscription from the beginning, with everything by default.
pub fn from_beginning() -> SubscribeRequest {
    SubscribeRequest { start: Some(Start::Beginning(())), ..Default::default() }
}

/// A subscription after a cursor, or from the beginning when there is none yet.
pub fn after(cursor: Option<&[u8]>) -> SubscribeRequest {
    let start = match cursor {
        Some(cursor) => Start::AfterCursor(cursor.to_vec().into()),
        None => Start::Beginning(()),
    };
    SubscribeRequest { start: Some(start), ..Default::default() }
}

/// All messages of a subscription that stops at the head.
pub async fn messages_to_head(
    feed: &mut FeedServiceClient<Channel>,
    request: SubscribeRequest,
) -> Vec<Message> {
    let request = SubscribeRequest { stop_at_head: true, ..request };
    within(async {
        let mut stream = feed.subscribe(request).await.expect("it subscribes").into_inner();
        let mut messages = Vec::new();
        while let Some(response) = stream.message().await.expect("it streams") {
            messages.push(response.message.expect("a message"));
        }
        messages
    })
    .await
}

/// All events that match, from the beginning to the head.
pub async fn events_to_head(
    feed: &mut FeedServiceClient<Channel>,
    filter: Option<Filter>,
) -> Vec<Event> {
    let request = SubscribeRequest { filter, ..from_beginning() };
    batches(messages_to_head(feed, request).await)
        .into_iter()
        .flat_map(|(events, _)| events)
        .collect()
}

/// The batches among messages: events and cursor.
pub fn batches(messages: Vec<Message>) -> Vec<(Vec<Event>, Vec<u8>)> {
    messages
        .into_iter()
        .filter_map(|message| match message {
            Message::Batch(batch) => Some((batch.events, batch.cursor.to_vec())),
            _ => None,
        })
        .collect()
}

/// The place of an event in the feed.
pub fn place(event: &Event) -> (u64, u32) {
    (event.position, event.index)
}
