//! Where a history is written, and who may call whom while it is: the file is removed with a run that
//! ends well, and kept and named when the run fails.

use hansa_proto::pb::feed::v1::campaign_service_client::CampaignServiceClient;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::statement_service_client::StatementServiceClient;
use hansa_proto::pb::registry::v1::registry_service_client::RegistryServiceClient;
use tempfile::NamedTempFile;
use tonic::transport::Channel;

use super::{History, Line, Recorded, read};

/// A history in a file of its own.
#[derive(Debug)]
pub struct Kept {
    history: History,
    file: Option<NamedTempFile>,
}

impl Kept {
    /// A new history of a run.
    pub fn begin(run: &str, of: &str) -> Kept {
        let file = tempfile::Builder::new().prefix("history-").suffix(".jsonl").tempfile();
        let file = file.expect("a temporary file");
        Kept { history: History::begin(file.path(), run, of), file: Some(file) }
    }

    /// What is written.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What was written so far.
    pub fn lines(&self) -> Vec<Line> {
        let file = self.file.as_ref().expect("it is kept only when dropped");
        read(file.path()).expect("what was written is read back")
    }

    /// Keeps the file, and says where it is.
    #[allow(clippy::print_stdout)]
    pub fn keep(&mut self) {
        let Some(file) = self.file.take() else { return };
        match file.keep() {
            Ok((_, path)) => println!("the history of this run: {}", path.display()),
            Err(error) => println!("the history of this run is lost: {error}"),
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
        }
    }
}

/// Clients of a pair whose calls are recorded.
#[derive(Clone, Debug)]
pub struct RecordedClients {
    registry: Recorded<Channel>,
    feed: Recorded<Channel>,
}

impl RecordedClients {
    /// Over these channels, of this actor.
    pub fn new(registry: Channel, feed: Channel, history: &History, actor: &str) -> Self {
        let recorded = |channel| Recorded::new(channel, history.clone(), actor);
        RecordedClients { registry: recorded(registry), feed: recorded(feed) }
    }

    /// A client of the registry.
    pub fn registry(&self) -> RegistryServiceClient<Recorded<Channel>> {
        RegistryServiceClient::new(self.registry.clone())
    }

    /// A client of the feed.
    pub fn feed(&self) -> FeedServiceClient<Recorded<Channel>> {
        FeedServiceClient::new(self.feed.clone())
    }

    /// A client of the feed's statements.
    pub fn statements(&self) -> StatementServiceClient<Recorded<Channel>> {
        StatementServiceClient::new(self.feed.clone())
    }

    /// A client of the feed's campaigns.
    pub fn campaigns(&self) -> CampaignServiceClient<Recorded<Channel>> {
        CampaignServiceClient::new(self.feed.clone())
    }

    /// The channel to the registry, to cut calls on it.
    pub fn registry_channel(&self) -> &Recorded<Channel> {
        &self.registry
    }

    /// The channel to the feed, to cut calls on it.
    pub fn feed_channel(&self) -> &Recorded<Channel> {
        &self.feed
    }
}
