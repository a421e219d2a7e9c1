//! FeedService: the stream, events page by page, one event, and where the feed stands.

use std::sync::Arc;

use hansa_chassis::framed::{self, NoMessages};
use hansa_journal::Position;
use hansa_proto::feed::Filter;
use hansa_proto::ids::EventId;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use pb::feed_service_server::FeedService;
use tonic::{Request, Response, Status};

use super::event_pages::{self, Place};
use super::pages::{self, Mark};
use super::{Feed, envelope, explain, read, subscriptions};
use crate::codec;
use crate::{status, subscribe};

const KIND: &str = "hansa.feed.v1.Event";

/// The service.
pub(super) struct Events(pub(super) Arc<Feed>);

#[tonic::async_trait]
impl FeedService for Events {
    type SubscribeStream = NoMessages<pb::SubscribeResponse>;

    async fn subscribe(
        &self,
        request: Request<pb::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let frames = subscribe::subscribe(Arc::clone(&self.0), request.into_inner()).await?;
        Ok(framed::following(frames))
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let patience = envelope::patience(request.metadata());
        let mut message = request.into_inner();
        let mut violations = Violations::default();
        let size = pages::size(std::mem::take(&mut message.page_size), &mut violations);
        let token = std::mem::take(&mut message.page_token);
        let min_position = std::mem::take(&mut message.min_position);
        let mark = Mark::of("ListEvents", &message);
        let place = mark.place(&token, &mut violations);
        let place = place.and_then(|bytes| Place::decode(&bytes, &mut violations));
        let filter = message.filter.unwrap_or_default();
        let filter = Filter::parse(filter, "filter", &mut violations);
        violations.finish().map_err(status::malformed)?;
        let filter = filter.expect("what violates nothing was read");
        self.0.applied(min_position, patience).await?;

        let matcher = subscribe::matcher(&self.0, filter).await?;
        let position = self.0.reader.head();
        let place = place.unwrap_or_else(|| Place::first(position, message.descending));
        let (events, next) =
            event_pages::page(&self.0, matcher, place, message.descending, size).await?;
        Ok(Response::new(pb::ListEventsResponse {
            events,
            next_page_token: next.map(|next| mark.token(&next.encode())).unwrap_or_default(),
            position: position.get(),
        }))
    }

    async fn get_event(
        &self,
        request: Request<pb::GetEventRequest>,
    ) -> Result<Response<pb::GetEventResponse>, Status> {
        let patience = envelope::patience(request.metadata());
        let message = request.into_inner();
        let mut violations = Violations::default();
        let id = read::name(&message.name, "name", EventId::parse, &mut violations);
        violations.finish().map_err(status::malformed)?;
        let id = id.expect("what violates nothing was read");
        self.0.applied(message.min_position, patience).await?;
        let position = self.0.reader.head().get();
        let event = self.0.event(Position::new(id.position), id.index).await?;
        let event = event.ok_or_else(|| status::not_found(KIND, id))?;
        Ok(Response::new(pb::GetEventResponse { event: Some(event), position }))
    }

    async fn get_feed_status(
        &self,
        request: Request<pb::GetFeedStatusRequest>,
    ) -> Result<Response<pb::GetFeedStatusResponse>, Status> {
        let patience = envelope::patience(request.metadata());
        self.0.serving()?;
        self.0.registry_at(request.into_inner().min_registry_position, patience).await?;
        let (reader, following) = (&self.0.reader, *self.0.following.borrow());
        let (identity, head) = (reader.identity(), reader.head());
        let registry = following.map(|following| following.registry);
        let registry_identity = registry.map(|place| place.identity.as_bytes().to_vec());
        Ok(Response::new(pb::GetFeedStatusResponse {
            identity: identity.as_bytes().to_vec().into(),
            head_position: head.get(),
            head_cursor: codec::cursor(identity, head),
            registry_identity: registry_identity.unwrap_or_default().into(),
            registry_position: registry.map_or(0, |place| place.position.get()),
            registry_connected: *self.0.connected.borrow(),
        }))
    }

    async fn explain_subscription(
        &self,
        request: Request<pb::ExplainSubscriptionRequest>,
    ) -> Result<Response<pb::ExplainSubscriptionResponse>, Status> {
        explain::explain(&self.0, request).await.map(Response::new)
    }

    async fn create_subscription(
        &self,
        request: Request<pb::CreateSubscriptionRequest>,
    ) -> Result<Response<pb::CreateSubscriptionResponse>, Status> {
        subscriptions::create(&self.0, request).await.map(Response::new)
    }

    async fn get_subscription(
        &self,
        request: Request<pb::GetSubscriptionRequest>,
    ) -> Result<Response<pb::GetSubscriptionResponse>, Status> {
        subscriptions::get(&self.0, request).await.map(Response::new)
    }

    async fn delete_subscription(
        &self,
        request: Request<pb::DeleteSubscriptionRequest>,
    ) -> Result<Response<pb::DeleteSubscriptionResponse>, Status> {
        subscriptions::delete(&self.0, request).await.map(Response::new)
    }

    async fn list_subscriptions(
        &self,
        request: Request<pb::ListSubscriptionsRequest>,
    ) -> Result<Response<pb::ListSubscriptionsResponse>, Status> {
        subscriptions::list(&self.0, request).await.map(Response::new)
    }

    async fn commit_cursor(
        &self,
        request: Request<pb::CommitCursorRequest>,
    ) -> Result<Response<pb::CommitCursorResponse>, Status> {
        subscriptions::commit_cursor(&self.0, request).await.map(Response::new)
    }
}
