//! FeedService: the stream, events page by page, one event, and where the feed stands.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use hansa_journal::{Position, ReadLimit};
use hansa_proto::feed::Filter;
use hansa_proto::ids::EventId;
use hansa_proto::limits::PROGRESS_EVENTS;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use pb::feed_service_server::FeedService;
use tonic::{Request, Response, Status};

use super::pages::{self, Mark};
use super::{Feed, envelope, read};
use crate::codec;
use crate::filter::Matcher;
use crate::{status, subscribe};

const KIND: &str = "hansa.feed.v1.Event";

/// Commits read at once for a page.
const READ: ReadLimit = ReadLimit { commits: 128, bytes: 1024 * 1024 };

/// The service.
pub(super) struct Events(pub(super) Arc<Feed>);

#[tonic::async_trait]
impl FeedService for Events {
    type SubscribeStream =
        Pin<Box<dyn Stream<Item = Result<pb::SubscribeResponse, Status>> + Send + 'static>>;

    async fn subscribe(
        &self,
        request: Request<pb::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let stream = subscribe::subscribe(Arc::clone(&self.0), request.into_inner()).await?;
        Ok(Response::new(Box::pin(stream)))
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
        let mut page = Page { matcher, size, looked_at: 0, events: Vec::new() };
        let next = match message.descending {
            true => page.backwards(&self.0, place).await?,
            false => page.forwards(&self.0, place).await?,
        };
        Ok(Response::new(pb::ListEventsResponse {
            events: page.events,
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
        _request: Request<pb::ExplainSubscriptionRequest>,
    ) -> Result<Response<pb::ExplainSubscriptionResponse>, Status> {
        Err(status::unimplemented("ExplainSubscription"))
    }

    async fn create_subscription(
        &self,
        _request: Request<pb::CreateSubscriptionRequest>,
    ) -> Result<Response<pb::CreateSubscriptionResponse>, Status> {
        Err(status::unimplemented("CreateSubscription"))
    }

    async fn get_subscription(
        &self,
        _request: Request<pb::GetSubscriptionRequest>,
    ) -> Result<Response<pb::GetSubscriptionResponse>, Status> {
        Err(status::unimplemented("GetSubscription"))
    }

    async fn list_subscriptions(
        &self,
        _request: Request<pb::ListSubscriptionsRequest>,
    ) -> Result<Response<pb::ListSubscriptionsResponse>, Status> {
        Err(status::unimplemented("ListSubscriptions"))
    }

    async fn delete_subscription(
        &self,
        _request: Request<pb::DeleteSubscriptionRequest>,
    ) -> Result<Response<pb::DeleteSubscriptionResponse>, Status> {
        Err(status::unimplemented("DeleteSubscription"))
    }

    async fn commit_cursor(
        &self,
        _request: Request<pb::CommitCursorRequest>,
    ) -> Result<Response<pb::CommitCursorResponse>, Status> {
        Err(status::unimplemented("CommitCursor"))
    }
}

/// Where a page begins: the event it begins with, and the newest commit of the whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    head: u64,
    position: u64,
    index: u32,
}

impl Place {
    fn first(head: Position, descending: bool) -> Place {
        let head = head.get();
        match descending {
            true => Place { head, position: head, index: u32::MAX },
            false => Place { head, position: 1, index: 0 },
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(20);
        bytes.extend(self.head.to_be_bytes());
        bytes.extend(self.position.to_be_bytes());
        bytes.extend(self.index.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8], violations: &mut Violations) -> Option<Place> {
        let place = bytes.split_first_chunk().and_then(|(head, rest)| {
            let (position, rest) = rest.split_first_chunk()?;
            Some(Place {
                head: u64::from_be_bytes(*head),
                position: u64::from_be_bytes(*position),
                index: u32::from_be_bytes(rest.try_into().ok()?),
            })
        });
        if place.is_none() {
            violations.push("page_token", "is damaged");
        }
        place
    }
}

/// A page being gathered.
struct Page {
    matcher: Matcher,
    size: usize,
    looked_at: usize,
    events: Vec<pb::Event>,
}

impl Page {
    /// Gathers from a place to the head the list began with. Gives the place the next page begins at.
    async fn forwards(&mut self, feed: &Feed, from: Place) -> Result<Option<Place>, Status> {
        let mut after = from.position.saturating_sub(1);
        let end = from.head.min(feed.reader.head().get());
        while after < end {
            for (position, events) in read(feed, after, end).await? {
                for event in events {
                    if position == from.position && event.index < from.index {
                        continue;
                    }
                    if self.is_full() {
                        return Ok(Some(Place { position, index: event.index, ..from }));
                    }
                    self.look_at(event);
                }
                after = position;
            }
        }
        Ok(None)
    }

    /// Gathers from a place to the beginning. Gives the place the next page begins at.
    async fn backwards(&mut self, feed: &Feed, from: Place) -> Result<Option<Place>, Status> {
        let mut until = from.position.min(feed.reader.head().get());
        while until > 0 {
            let after = until.saturating_sub(READ.commits as u64);
            let mut commits = Vec::new();
            let mut read_to = after;
            while read_to < until {
                commits.extend(read(feed, read_to, until).await?);
                read_to = commits.last().map_or(until, |(position, _)| *position);
            }
            for (position, events) in commits.into_iter().rev() {
                for event in events.into_iter().rev() {
                    if position == from.position && event.index > from.index {
                        continue;
                    }
                    if self.is_full() {
                        return Ok(Some(Place { position, index: event.index, ..from }));
                    }
                    self.look_at(event);
                }
            }
            until = after;
        }
        Ok(None)
    }

    fn is_full(&self) -> bool {
        self.events.len() >= self.size || self.looked_at >= PROGRESS_EVENTS
    }

    fn look_at(&mut self, event: pb::Event) {
        self.looked_at += 1;
        if self.matcher.matches(&event) {
            self.events.push(event);
        }
    }
}

/// Some commits after a position and not after another, decoded; at least one.
async fn read(feed: &Feed, after: u64, end: u64) -> Result<Vec<(u64, Vec<pb::Event>)>, Status> {
    let left = usize::try_from(end - after).unwrap_or(READ.commits);
    let limit = ReadLimit { commits: READ.commits.min(left), ..READ };
    let commits = feed.reader.read(Position::new(after), limit).await;
    let commits = commits.map_err(status::journal_failed)?;
    if commits.is_empty() {
        return Err(status::not_serving());
    }
    let decoded = commits.iter().map(|commit| {
        let events = codec::decode_events(&commit.body).map_err(status::commit_corrupt)?;
        Ok((commit.position.get(), events))
    });
    decoded.collect()
}
