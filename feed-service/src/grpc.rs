//! The feed over gRPC: one method per RPC, each parses, submits or queries, and renders.
//!
//! | file | answers |
//! | --- | --- |
//! | `statements.rs` | StatementService |
//! | `contents.rs` | statements with their content |
//! | `campaigns.rs` | CampaignService |
//! | `events.rs` | FeedService |
//! | `event_pages.rs` | events page by page |
//! | `explain.rs` | what a subscription would bring |
//! | `subscriptions.rs` | named subscriptions |
//! | `envelope.rs` | what surrounds a command: request id, payload hash, what to wait for |
//! | `pages.rs` | page sizes and page tokens |
//! | `read.rs` | how fields of requests are read |

mod campaigns;
mod contents;
mod envelope;
mod event_pages;
mod events;
mod explain;
mod pages;
mod read;
mod statements;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use hansa_chassis::clock::Clock;
use hansa_chassis::server::Services;
use hansa_journal::{Position, ReadLimit, Reader, Writer, WriterState};
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::{ReadView, View, ViewError};
use pb::event::Body;
use tokio::sync::{Semaphore, watch};
use tonic::Status;

use crate::codec;
use crate::domain::Command;
use crate::interests::Interests;
use crate::machine::{Answer, FeedMachine, Following, Request};
use crate::named::NamedStreams;
use crate::status;
use crate::subscribe::Bell;
use crate::subscribe::budget::Budget;
use envelope::Envelope;

/// Most bytes of a request.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// Who asks, as long as nobody is authenticated.
const PRINCIPAL: &str = "anonymous";

/// What every method works with.
pub(crate) struct Feed {
    pub(crate) writer: Writer<FeedMachine>,
    pub(crate) reader: Reader,
    pub(crate) view: Arc<View>,
    pub(crate) state: watch::Receiver<WriterState>,
    pub(crate) following: watch::Receiver<Option<Following>>,
    pub(crate) connected: watch::Receiver<bool>,
    pub(crate) subscriptions: Arc<Semaphore>,
    pub(crate) max_subscriptions: usize,
    pub(crate) snapshots: Arc<Semaphore>,
    pub(crate) interests: Arc<Interests>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) named: Arc<NamedStreams>,
    pub(crate) clock: Clock,
    pub(crate) budget: Budget,
}

/// All services of the feed.
pub(crate) fn services(feed: &Arc<Feed>) -> Services {
    let statements = pb::statement_service_server::StatementServiceServer::new(
        statements::Statements(Arc::clone(feed)),
    );
    let campaigns = pb::campaign_service_server::CampaignServiceServer::new(campaigns::Campaigns(
        Arc::clone(feed),
    ));
    let events = pb::feed_service_server::FeedServiceServer::new(events::Events(Arc::clone(feed)));
    Services::default()
        .and(statements.max_decoding_message_size(REQUEST_BYTES))
        .and(campaigns.max_decoding_message_size(REQUEST_BYTES))
        .and(events.max_decoding_message_size(REQUEST_BYTES))
}

/// The answer to a command: the body of the event that answers it.
struct Answered {
    body: Body,
    position: u64,
    replayed: bool,
}

impl Feed {
    /// Nothing is answered before the feed has replayed its journal, nor when it has failed.
    pub(crate) fn serving(&self) -> Result<(), Status> {
        match *self.state.borrow() {
            WriterState::Serving => Ok(()),
            _ => Err(status::not_serving()),
        }
    }

    /// Reads the view off the async threads.
    pub(crate) async fn query<R: Send + 'static>(
        &self,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError> + Send + 'static,
    ) -> Result<R, Status> {
        self.view.query(look).await.map_err(status::view_failed)
    }

    /// Submits what was parsed, unless something is wrong with it.
    async fn submit(
        &self,
        envelope: Envelope,
        command: Option<Command>,
        violations: Violations,
    ) -> Result<Answered, Status> {
        self.serving()?;
        violations.finish().map_err(status::malformed)?;
        let command = command.expect("what violates nothing was read");
        self.registry_at(envelope.min_registry_position, envelope.patience).await?;
        match self.hand_over(envelope, command).await? {
            Answer::Done(event, position) => {
                let body = event.body.expect("every event is made with a body");
                Ok(Answered { body, position: position.get(), replayed: false })
            }
            Answer::Replayed(position, index) => {
                let event = self.event(position, index).await?;
                let body = event.and_then(|event| event.body).ok_or_else(|| {
                    let problem = format!("commit {position} has no answer at {index}");
                    status::commit_corrupt(codec::Corrupt::new("an earlier answer", problem))
                })?;
                Ok(Answered { body, position: position.get(), replayed: true })
            }
            Answer::Kept(..) | Answer::Recorded { .. } => {
                unreachable!("only commands that make events are submitted here")
            }
        }
    }

    /// Hands a command to the writer and waits for what it says.
    async fn hand_over(&self, envelope: Envelope, command: Command) -> Result<Answer, Status> {
        let request = Request {
            principal: PRINCIPAL.to_owned(),
            request_id: envelope.request_id,
            payload_hash: envelope.payload_hash,
            validate_only: envelope.validate_only,
            command,
        };
        self.writer.submit(request).await.map_err(status::unanswered)
    }

    /// One event of the journal.
    async fn event(&self, position: Position, index: u32) -> Result<Option<pb::Event>, Status> {
        if position == Position::ORIGIN || position > self.reader.head() {
            return Ok(None);
        }
        let before = Position::new(position.get() - 1);
        let one = ReadLimit { commits: 1, bytes: 0 };
        let commits = self.reader.read(before, one).await.map_err(status::journal_failed)?;
        let Some(commit) = commits.first() else {
            return Ok(None);
        };
        let events = codec::decode_events(&commit.body).map_err(status::commit_corrupt)?;
        Ok(events.into_iter().nth(index as usize))
    }

    /// Waits until the feed has applied a position.
    async fn applied(&self, min_position: u64, patience: Duration) -> Result<(), Status> {
        self.serving()?;
        let reached = self.reader.wait_for(Position::new(min_position));
        match tokio::time::timeout(patience, reached).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(status::not_serving()),
            Err(_) => {
                let head = self.reader.head().get();
                Err(status::position_not_reached("position", min_position, head))
            }
        }
    }

    /// Waits until the feed has followed the registry up to a position, and readers can see it.
    async fn registry_at(&self, position: u64, patience: Duration) -> Result<(), Status> {
        if position == 0 {
            return Ok(());
        }
        let position = Position::new(position);
        let mut following = self.following.clone();
        let reached = async {
            let there =
                |now: &Option<Following>| now.is_some_and(|now| now.registry.position >= position);
            let since = following.wait_for(there).await.map(|now| now.map(|now| now.since));
            let since = since.map_err(|_| ())?.unwrap_or_default();
            self.reader.wait_for(since).await.map_err(|_| ())
        };
        match tokio::time::timeout(patience, reached).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(())) => Err(status::not_serving()),
            Err(_) => {
                let now = *self.following.borrow();
                let now = now.map_or(0, |now| now.registry.position.get());
                let what = "position of the registry";
                Err(status::position_not_reached(what, position.get(), now))
            }
        }
    }
}
