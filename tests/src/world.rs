//! How the pair is started, stopped, killed and looked at.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use feed_service::Config as FeedConfig;
use hansa_chassis::clock::Clock;
use hansa_chassis::shutdown::Shutdown;
use hansa_proto::pb::feed::v1::campaign_service_client::CampaignServiceClient;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::statement_service_client::StatementServiceClient;
use hansa_proto::pb::feed::v1::{GetFeedStatusRequest, GetFeedStatusResponse};
use hansa_proto::pb::registry::v1::landscape_service_client::LandscapeServiceClient;
use hansa_proto::pb::registry::v1::registry_service_client::RegistryServiceClient;
use registry_service::Config as RegistryConfig;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};

use crate::history::{Kept, RecordedClients};
use crate::plug::Plug;

/// Nothing here takes this long; a test that waits longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A registry and a feed that follows it. Dropped, both stop, their journals are verified from end to
/// end, and their directories are removed: every test that has a world ends with that.
pub struct World {
    registry: Service,
    feed: Service,
    clocks: Clocks,
    directory: TempDir,
    recording: Option<Kept>,
    links: Option<Links>,
    /// Whether a test has damaged a journal itself.
    damaged: bool,
}

/// What can be cut or held up between those who talk to each other.
pub struct Links {
    /// Between the feed and the registry it follows.
    pub registry: Plug,
    /// Between subscribers and the feed.
    pub feed: Plug,
}

/// The clocks on the wall the services go by, which tests may set.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    /// The registry's.
    pub registry: Clock,
    /// The feed's.
    pub feed: Clock,
}

/// One of the two: where it listens and, while it runs, how to stop it.
struct Service {
    address: SocketAddr,
    running: Option<Running>,
}

struct Running {
    shutdown: Shutdown,
    /// What it says in the end, when it did not end well.
    task: JoinHandle<Result<(), String>>,
}

impl World {
    /// Both services, serving.
    pub async fn start() -> World {
        let mut world = World::start_registry_only().await;
        world.start_feed().await;
        world
    }

    /// The registry alone, serving; the feed can be started later.
    pub async fn start_registry_only() -> World {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (registry, feed) = (Service::placed().await, Service::placed().await);
        let (recording, links, damaged) = (None, None, false);
        let clocks = Clocks::default();
        let mut world = World { registry, feed, clocks, directory, recording, links, damaged };
        world.start_registry().await;
        world
    }

    /// Both services, serving, and a history of what [`World::recorded`] clients do with them.
    pub async fn start_recorded(run: &str, of: &str) -> World {
        let mut world = World::start().await;
        world.recording = Some(Kept::begin(run, of));
        world
    }

    /// The same, with links that can be cut: the feed follows the registry through one, and clients of
    /// [`World::recorded_afar`] reach the feed through the other.
    pub async fn start_recorded_with_links(run: &str, of: &str) -> World {
        let mut world = World::start_registry_only().await;
        let registry = Plug::before(&world.registry_url()).await;
        let feed = Plug::before(&world.feed_url()).await;
        world.links = Some(Links { registry, feed });
        world.start_feed().await;
        world.recording = Some(Kept::begin(run, of));
        world
    }

    /// What can be cut in a world that was started with links.
    pub fn links(&self) -> &Links {
        self.links.as_ref().expect("it was started with links")
    }

    /// The clocks the services go by.
    pub fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// Notes in the history that something was done.
    pub fn note(&self, deed: &str) {
        self.done(deed);
    }

    /// Clients whose calls are recorded, and who reach the feed through its link, if there is one.
    pub fn recorded_afar(&self, actor: &str) -> RecordedClients {
        let feed = self.links.as_ref().map_or_else(|| self.feed_url(), |links| links.feed.url());
        let (registry, feed) = (channel(&self.registry_url()), channel(&feed));
        RecordedClients::new(registry, feed, self.recording().history(), actor)
    }

    /// Clients whose calls are recorded as those of `actor`.
    pub fn recorded(&self, actor: &str) -> RecordedClients {
        let (registry, feed) = (channel(&self.registry_url()), channel(&self.feed_url()));
        RecordedClients::new(registry, feed, self.recording().history(), actor)
    }

    /// The history of a world that was started with one.
    pub fn recording(&self) -> &Kept {
        self.recording.as_ref().expect("it was started with a history")
    }

    fn done(&self, deed: &str) {
        if let Some(recording) = &self.recording {
            recording.history().done(deed);
        }
    }

    /// Says that a test damages a journal: it is not verified in the end.
    pub fn damages_a_journal(&mut self) {
        self.damaged = true;
    }

    /// The registry's data directory.
    pub fn registry_data(&self) -> PathBuf {
        self.directory.path().join("registry")
    }

    /// The feed's data directory.
    pub fn feed_data(&self) -> PathBuf {
        self.directory.path().join("feed")
    }

    /// Where the registry listens, also while it does not run.
    pub fn registry_url(&self) -> String {
        format!("http://{}", self.registry.address)
    }

    /// Where the feed listens, also while it does not run.
    pub fn feed_url(&self) -> String {
        format!("http://{}", self.feed.address)
    }

    /// Clients of both; they connect when they are used, and again after a restart.
    pub fn clients(&self) -> Clients {
        Clients { registry_url: self.registry_url(), feed_url: self.feed_url() }
    }

    /// A client of the registry.
    pub fn registry(&self) -> RegistryServiceClient<Channel> {
        self.clients().registry()
    }

    /// A client of the registry's statistics.
    pub fn landscape(&self) -> LandscapeServiceClient<Channel> {
        self.clients().landscape()
    }

    /// A client of the feed.
    pub fn feed(&self) -> FeedServiceClient<Channel> {
        self.clients().feed()
    }

    /// A client of the feed's statements.
    pub fn statements(&self) -> StatementServiceClient<Channel> {
        self.clients().statements()
    }

    /// A client of the feed's campaigns.
    pub fn campaigns(&self) -> CampaignServiceClient<Channel> {
        self.clients().campaigns()
    }

    /// Starts the registry where it was, with what it had.
    pub async fn start_registry(&mut self) {
        self.done("start registry");
        let mut config = RegistryConfig::new(self.registry_data());
        config.clock = self.clocks.registry.clone();
        self.registry
            .start(|listener, shutdown| registry_service::run(config, listener, shutdown))
            .await;
    }

    /// Starts the feed where it was, with what it had.
    pub async fn start_feed(&mut self) {
        self.done("start feed");
        let registry = self.links.as_ref().map(|links| links.registry.url());
        let registry = registry.unwrap_or_else(|| self.registry_url());
        let mut config = FeedConfig::new(self.feed_data(), registry);
        config.clock = self.clocks.feed.clone();
        self.feed.start(|listener, shutdown| feed_service::run(config, listener, shutdown)).await;
    }

    /// Stops the registry as a signal would: open calls end, then it ends.
    pub async fn stop_registry(&mut self) {
        self.done("stop registry");
        self.registry.end(Shutdown::drain).await;
    }

    /// Stops the feed as a signal would.
    pub async fn stop_feed(&mut self) {
        self.done("stop feed");
        self.feed.end(Shutdown::drain).await;
    }

    /// Cuts the registry off in the middle of whatever it does.
    pub async fn kill_registry(&mut self) {
        self.done("kill registry");
        self.registry.end(Shutdown::kill).await;
    }

    /// Cuts the feed off in the middle of whatever it does.
    pub async fn kill_feed(&mut self) {
        self.done("kill feed");
        self.feed.end(Shutdown::kill).await;
    }

    /// Tells the feed to drain without waiting for its end.
    pub fn begin_feed_drain(&self) {
        self.feed.running.as_ref().expect("the feed runs").shutdown.drain();
    }

    /// Waits until the feed has followed the registry up to a position.
    pub async fn feed_follows(&self, registry_position: u64) -> GetFeedStatusResponse {
        self.clients().feed_follows(registry_position).await
    }

    /// Stops both and reads both journals from end to end.
    pub async fn verify_journals(&mut self) {
        self.stop_feed().await;
        self.stop_registry().await;
        for data in [self.registry_data(), self.feed_data()] {
            verify_journal(&data.join("journal"));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let (registry, feed) = (self.registry.running.take(), self.feed.running.take());
        let failing = std::thread::panicking();
        if failing {
            // The test has failed already, and a second panic would hide why.
            [registry, feed].iter().flatten().for_each(|running| running.shutdown.kill());
            return;
        }
        [&feed, &registry].into_iter().flatten().for_each(|running| running.shutdown.kill());
        if let Ok(runtime) = Handle::try_current()
            && runtime.runtime_flavor() == RuntimeFlavor::MultiThread
        {
            tokio::task::block_in_place(|| {
                runtime.block_on(async {
                    for running in [feed, registry].into_iter().flatten() {
                        let ended = within(running.task).await.expect("it ends without a panic");
                        ended.expect("it ends in order");
                    }
                });
            });
        }
        // With one thread they cannot end before this does: then it is verified beside them.
        if !self.damaged {
            let data = [self.registry_data(), self.feed_data()];
            let journals = data.iter().map(|data| data.join("journal"));
            journals
                .filter(|journal| journal.exists())
                .for_each(|journal| verify_journal(&journal));
        }
    }
}

/// Clients of a pair, wherever it runs. They connect when they are used, and again after a restart.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Where the registry listens.
    pub registry_url: String,
    /// Where the feed listens.
    pub feed_url: String,
}

impl Clients {
    /// A client of the registry.
    pub fn registry(&self) -> RegistryServiceClient<Channel> {
        RegistryServiceClient::new(channel(&self.registry_url))
    }

    /// A client of the registry's statistics.
    pub fn landscape(&self) -> LandscapeServiceClient<Channel> {
        LandscapeServiceClient::new(channel(&self.registry_url))
    }

    /// A client of the feed.
    pub fn feed(&self) -> FeedServiceClient<Channel> {
        FeedServiceClient::new(channel(&self.feed_url))
    }

    /// A client of the feed's statements.
    pub fn statements(&self) -> StatementServiceClient<Channel> {
        StatementServiceClient::new(channel(&self.feed_url))
    }

    /// A client of the feed's campaigns.
    pub fn campaigns(&self) -> CampaignServiceClient<Channel> {
        CampaignServiceClient::new(channel(&self.feed_url))
    }

    /// Waits until the feed has followed the registry up to a position.
    pub async fn feed_follows(&self, registry_position: u64) -> GetFeedStatusResponse {
        let request = GetFeedStatusRequest { min_registry_position: registry_position };
        within(async {
            loop {
                match self.feed().get_feed_status(request).await {
                    Ok(response) => return response.into_inner(),
                    Err(status) if status.code() == tonic::Code::Unavailable => {
                        tokio::task::yield_now().await;
                    }
                    Err(status) => panic!("the feed's status: {status:?}"),
                }
            }
        })
        .await
    }
}

fn verify_journal(directory: &Path) {
    if let Err(error) = hansa_journal::verify(directory) {
        panic!("{}: {error}", directory.display());
    }
}

impl Service {
    /// At an address that nobody has, which is kept for this service.
    async fn placed() -> Service {
        Service { address: free_address().await, running: None }
    }

    async fn start<F, E>(&mut self, run: impl FnOnce(TcpListener, Shutdown) -> F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::error::Error + Send + 'static,
    {
        assert!(self.running.is_none(), "it runs already");
        let listener = TcpListener::bind(self.address).await.expect("its port is free again");
        let shutdown = Shutdown::new();
        let service = run(listener, shutdown.clone());
        let task = tokio::spawn(async move { service.await.map_err(|error| format!("{error:?}")) });
        self.running = Some(Running { shutdown, task });
        within(serving(format!("http://{}", self.address))).await;
    }

    async fn end(&mut self, how: impl FnOnce(&Shutdown)) {
        let running = self.running.take().expect("it runs");
        how(&running.shutdown);
        let ended = within(running.task).await.expect("it ends without a panic");
        ended.expect("it ends in order");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown.kill();
        }
    }
}

/// Waits until the health service says SERVING.
pub(crate) async fn serving(url: String) {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::health_client::HealthClient;
    let mut health = HealthClient::new(channel(&url));
    loop {
        let watched = health.watch(HealthCheckRequest::default()).await;
        let Ok(mut statuses) = watched.map(tonic::Response::into_inner) else { continue };
        while let Ok(Some(status)) = statuses.message().await {
            if status.status() == ServingStatus::Serving {
                return;
            }
        }
    }
}

/// A loopback address that nobody has.
pub(crate) async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("it is bound")
}

pub(crate) fn channel(url: &str) -> Channel {
    Endpoint::from_shared(url.to_owned())
        .expect("a well-formed URL")
        .tcp_nodelay(true)
        .connect_lazy()
}

/// Fails a test that would wait for ever.
pub(crate) async fn within<T>(fact: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, fact).await.expect("it takes no more than a minute")
}
