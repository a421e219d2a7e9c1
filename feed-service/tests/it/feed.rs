//! A feed in this process: started, asked and ended like the real one, because it is.

use std::path::Path;

use feed_service::{Config, RunError, run};
use hansa_chassis::shutdown::Shutdown;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::registry::v1::{MemberState, NetworkState};
use pb::campaign_service_client::CampaignServiceClient;
use pb::feed_service_client::FeedServiceClient;
use pb::statement_service_client::StatementServiceClient;
use pb::subscribe_request::Start;
use pb::subscribe_response::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::registry::{self, Registry};

/// A running feed.
pub(crate) struct Feed {
    shutdown: Shutdown,
    task: JoinHandle<Result<(), RunError>>,
    endpoint: Endpoint,
    channel: Channel,
}

impl Feed {
    /// Starts one, and waits until it serves.
    pub(crate) async fn start(data: &Path, registry: &Registry) -> Feed {
        let feed = Feed::start_without_waiting(data, registry).await;
        feed.health_becomes(ServingStatus::Serving).await;
        feed
    }

    /// Starts one.
    pub(crate) async fn start_without_waiting(data: &Path, registry: &Registry) -> Feed {
        Feed::start_with(Config::new(data.to_owned(), registry.uri.clone())).await
    }

    /// Starts one with flags of its own.
    pub(crate) async fn start_with(config: Config) -> Feed {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let task = tokio::spawn(run(config, listener, shutdown.clone()));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let endpoint = endpoint.tcp_nodelay(true);
        let channel = endpoint.connect().await.unwrap();
        Feed { shutdown, task, endpoint, channel }
    }

    /// Waits until health says so.
    pub(crate) async fn health_becomes(&self, wanted: ServingStatus) {
        let service = "hansa.feed.v1.FeedService".to_owned();
        let request = tonic_health::pb::HealthCheckRequest { service };
        let mut health = HealthClient::new(self.channel.clone());
        let mut changes = health.watch(request).await.unwrap().into_inner();
        while let Some(change) = changes.message().await.unwrap() {
            if change.status() == wanted {
                return;
            }
        }
        panic!("health never became {wanted:?}");
    }

    /// Asks it to drain.
    pub(crate) fn drain(&self) {
        self.shutdown.drain();
    }

    /// Ends it, and waits until nothing of it runs.
    pub(crate) async fn stop(self) {
        self.shutdown.drain();
        drop(self.channel);
        self.task.await.unwrap().unwrap();
    }

    pub(crate) fn events(&self) -> FeedServiceClient<Channel> {
        FeedServiceClient::new(self.channel.clone())
    }

    pub(crate) fn statements(&self) -> StatementServiceClient<Channel> {
        StatementServiceClient::new(self.channel.clone())
    }

    pub(crate) fn campaigns(&self) -> CampaignServiceClient<Channel> {
        CampaignServiceClient::new(self.channel.clone())
    }

    /// Waits until it has followed the registry up to a position.
    pub(crate) async fn followed(&self, position: u64) -> pb::GetFeedStatusResponse {
        let request = pb::GetFeedStatusRequest { min_registry_position: position };
        self.events().get_feed_status(request).await.unwrap().into_inner()
    }

    /// Subscribes.
    pub(crate) async fn subscribe(
        &self,
        request: pb::SubscribeRequest,
    ) -> Result<Streaming<pb::SubscribeResponse>, Status> {
        self.events().subscribe(request).await.map(tonic::Response::into_inner)
    }

    /// Subscribes on a connection of its own with small buffers: a stream that is not read takes up all
    /// of a connection.
    pub(crate) async fn subscribe_apart(
        &self,
        request: pb::SubscribeRequest,
    ) -> Streaming<pb::SubscribeResponse> {
        let small = 65_535;
        let endpoint = self.endpoint.clone().initial_stream_window_size(small);
        let channel = endpoint.initial_connection_window_size(small).connect().await.unwrap();
        FeedServiceClient::new(channel).subscribe(request).await.unwrap().into_inner()
    }

    /// Everything a subscription sends until it ends.
    pub(crate) async fn read_to_head(&self, request: pb::SubscribeRequest) -> Vec<Message> {
        let request = pb::SubscribeRequest { stop_at_head: true, ..request };
        let mut stream = self.subscribe(request).await.unwrap();
        let mut messages = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            messages.push(message.message.unwrap());
        }
        messages
    }

    /// All events there are.
    pub(crate) async fn all_events(&self) -> Vec<pb::Event> {
        events(&self.read_to_head(from_beginning()).await)
    }
}

/// From the beginning, with everything else as usual.
pub(crate) fn from_beginning() -> pb::SubscribeRequest {
    pb::SubscribeRequest { start: Some(Start::Beginning(())), ..Default::default() }
}

/// The events of all batches.
pub(crate) fn events(messages: &[Message]) -> Vec<pb::Event> {
    let batches = messages.iter().filter_map(|message| match message {
        Message::Batch(batch) => Some(batch.events.clone()),
        _ => None,
    });
    batches.flatten().collect()
}

/// A registry with a network of two members, one of them joined, and one member apart.
pub(crate) async fn small_registry() -> Registry {
    let registry = Registry::start().await;
    registry.commit(vec![registry::network("fearless", NetworkState::Active)]);
    registry.commit(vec![
        registry::member("barcelona", MemberState::Active),
        registry::member("madrid", MemberState::Active),
    ]);
    registry.commit(vec![registry::joined("fearless", "barcelona")]);
    registry
}

/// A statement of the network of `small_registry`.
pub(crate) fn statement(id: &str) -> pb::Statement {
    pb::Statement {
        name: format!("statements/{id}"),
        kind: pb::StatementKind::Declaration as i32,
        title: "Cities for housing".to_owned(),
        issuer_network: "networks/fearless".to_owned(),
        acting_member: "members/barcelona".to_owned(),
        ..Default::default()
    }
}

/// Publishes a statement signed by these members.
pub(crate) fn publication(id: &str, signatories: &[&str]) -> pb::PublishStatementRequest {
    let signature =
        |member: &&str| pb::Signature { member: format!("members/{member}"), ..Default::default() };
    pb::PublishStatementRequest {
        statement: Some(statement(id).into()),
        signatures: signatories.iter().map(signature).collect(),
        ..Default::default()
    }
}

/// Code and reason of a status.
pub(crate) fn reason(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_default())
}

/// The rules a status names, with their subjects.
pub(crate) fn rules(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let failure = details.precondition_failure().unwrap();
    let violations = failure.violations.iter();
    violations.map(|each| (each.r#type.clone(), each.subject.clone())).collect()
}
