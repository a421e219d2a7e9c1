//! When the journal fails: what callers are told, what goes on, and what a restart finds.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use hansa_journal::faulty::{Faulty, Trouble};
use hansa_proto::pb::common::v1::Source;
use hansa_proto::pb::feed::v1 as pb;
use pb::feed_service_client::FeedServiceClient;
use pb::statement_service_client::StatementServiceClient;
use pb::subscribe_response::Message;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use super::*;

/// A feed on a journal that fails on demand. There is no registry: nothing here needs one.
struct Running {
    faulty: Arc<Faulty>,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), RunError>>,
    channel: Channel,
}

async fn start(data: &Path) -> Running {
    let config = Config::new(data.to_owned(), "http://127.0.0.1:1".to_owned());
    let (journal, view) = open(RealDisk::shared(), &config).await.unwrap();
    let faulty = Faulty::new(Arc::new(journal));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let journal: Arc<dyn Journal> = faulty.clone();
    let task = tokio::spawn(run_over(journal, view, config, listener, shutdown.clone()));
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.tcp_nodelay(true).connect().await.unwrap();
    let running = Running { faulty, shutdown, task, channel };
    health_becomes(&mut running.health().await, ServingStatus::Serving).await;
    running
}

impl Running {
    async fn health(&self) -> Streaming<tonic_health::pb::HealthCheckResponse> {
        let service = SERVICES[0].to_owned();
        let request = tonic_health::pb::HealthCheckRequest { service };
        HealthClient::new(self.channel.clone()).watch(request).await.unwrap().into_inner()
    }

    /// Publishes a statement that a source tells of.
    async fn publish(
        &self,
        id: &str,
        request_id: &str,
    ) -> Result<pb::PublishStatementResponse, Status> {
        let source = Source { citation: "A source".to_owned(), ..Default::default() };
        let statement = pb::Statement {
            name: format!("statements/{id}"),
            kind: pb::StatementKind::Declaration.into(),
            title: "Title".to_owned(),
            sources: vec![source],
            ..Default::default()
        };
        let request = pb::PublishStatementRequest {
            statement: Some(statement.into()),
            request_id: request_id.to_owned(),
            ..Default::default()
        };
        let mut client = StatementServiceClient::new(self.channel.clone());
        client.publish_statement(request).await.map(tonic::Response::into_inner)
    }

    async fn get(&self, id: &str) -> Result<pb::Statement, Status> {
        let request = pb::GetStatementRequest { name: format!("statements/{id}"), min_position: 0 };
        let mut client = StatementServiceClient::new(self.channel.clone());
        Ok(*client.get_statement(request).await?.into_inner().statement.unwrap())
    }

    async fn subscribe(&self) -> Streaming<pb::SubscribeResponse> {
        let start = Some(pb::subscribe_request::Start::Beginning(()));
        let request = pb::SubscribeRequest { start, ..Default::default() };
        let mut client = FeedServiceClient::new(self.channel.clone());
        client.subscribe(request).await.unwrap().into_inner()
    }

    async fn stop(self) {
        self.shutdown.drain();
        drop(self.channel);
        self.task.await.unwrap().unwrap();
    }
}

async fn health_becomes(
    health: &mut Streaming<tonic_health::pb::HealthCheckResponse>,
    wanted: ServingStatus,
) {
    while let Some(change) = health.message().await.unwrap() {
        if change.status() == wanted {
            return;
        }
    }
    panic!("health never became {wanted:?}");
}

/// Names of what the next batch tells of.
async fn next_batch(stream: &mut Streaming<pb::SubscribeResponse>) -> Vec<String> {
    while let Some(response) = stream.message().await.unwrap() {
        if let Some(Message::Batch(batch)) = response.message {
            return batch.events.into_iter().map(|event| event.name).collect();
        }
    }
    panic!("the stream ended");
}

fn reason(status: &Status) -> (Code, String, String) {
    let info = status.get_error_details().error_info().unwrap().clone();
    (status.code(), info.reason, info.metadata["side_effects"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_until_there_is_room_again() {
    let data = tempfile::tempdir().unwrap();
    let feed = start(data.path()).await;
    let mut stream = feed.subscribe().await;
    feed.publish("before", "").await.unwrap();
    assert_eq!(next_batch(&mut stream).await, ["events/1.0"]);

    for attempt in 1..=3 {
        feed.faulty.next_append(Trouble::Full);
        let refused = feed.publish("new", "r").await.unwrap_err();
        let told = (Code::ResourceExhausted, "DISK_FULL".to_owned(), "none".to_owned());
        assert_eq!(reason(&refused), told);
        assert_eq!(feed.faulty.fired(Trouble::Full), attempt);
        assert_eq!(feed.get("before").await.unwrap().created_position, 1, "reads go on");
        assert_eq!(feed.get("new").await.unwrap_err().code(), Code::NotFound, "nothing is left");
    }

    let published = feed.publish("new", "r").await.unwrap();
    assert_eq!((published.position, published.replayed), (2, false));
    assert_eq!(next_batch(&mut stream).await, ["events/2.0"], "the stream went on");
    feed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_ends_the_feed_and_the_request_id_resolves_it() {
    let data = tempfile::tempdir().unwrap();
    let feed = start(data.path()).await;
    feed.publish("before", "").await.unwrap();
    let mut health = feed.health().await;
    feed.faulty.next_append(Trouble::FailAfter);
    let unknown = feed.publish("new", "r").await.unwrap_err();
    let told = (Code::Unknown, "OUTCOME_UNKNOWN".to_owned(), "unknown".to_owned());
    assert_eq!(reason(&unknown), told);
    assert_eq!(feed.faulty.fired(Trouble::FailAfter), 1);
    health_becomes(&mut health, ServingStatus::NotServing).await;
    drop((health, feed.channel, feed.faulty));
    assert!(matches!(feed.task.await.unwrap(), Err(RunError::Failed(_))));

    // It was written, as the restart shows.
    let feed = start(data.path()).await;
    assert_eq!(feed.get("new").await.unwrap().created_position, 2);
    let again = feed.publish("new", "r").await.unwrap();
    assert_eq!((again.position, again.replayed), (2, true));
    let mut stream = feed.subscribe().await;
    let mut events = next_batch(&mut stream).await;
    while events.len() < 2 {
        events.extend(next_batch(&mut stream).await);
    }
    assert_eq!(events, ["events/1.0", "events/2.0"]);
    feed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_written_can_be_asked_again_after_the_restart() {
    let data = tempfile::tempdir().unwrap();
    let feed = start(data.path()).await;
    let mut health = feed.health().await;
    feed.faulty.next_append(Trouble::FailBefore);
    let failed = feed.publish("new", "r").await.unwrap_err();
    assert!(matches!(failed.code(), Code::Unknown | Code::Unavailable), "{failed:?}");
    assert_eq!(feed.faulty.fired(Trouble::FailBefore), 1);
    health_becomes(&mut health, ServingStatus::NotServing).await;
    drop((health, feed.channel, feed.faulty));
    assert!(matches!(feed.task.await.unwrap(), Err(RunError::Failed(_))));

    let feed = start(data.path()).await;
    assert_eq!(feed.get("new").await.unwrap_err().code(), Code::NotFound);
    let published = feed.publish("new", "r").await.unwrap();
    assert_eq!((published.position, published.replayed), (1, false));
    feed.stop().await;
}

mod redaction;
