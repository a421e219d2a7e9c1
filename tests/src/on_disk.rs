//! One of the services in this process, over a disk of the test's: it may fail, and be left as it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hansa_chassis::shutdown::Shutdown;
use hansa_journal::disk::Disk;
use hansa_proto::pb::feed::v1::GetFeedStatusRequest;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::world::{Clients, channel, serving, within};

/// A file of a journal is closed after so many bytes, so that a short story fills several.
pub const SEGMENT_BYTES: u64 = 4096;

/// A service that was started.
pub struct OnDisk {
    /// Where it listens.
    pub url: String,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), String>>,
}

impl OnDisk {
    /// The registry over `data`, whose journal is on this disk; serving. Says why it does not start.
    pub async fn registry(disk: Arc<dyn Disk>, data: &Path) -> Result<OnDisk, String> {
        let mut config = registry_service::Config::new(data.to_owned());
        config.segment_bytes = SEGMENT_BYTES;
        let run = async |listener, shutdown| {
            registry_service::run_on(disk, config, listener, shutdown).await.map_err(described)
        };
        OnDisk::start(run, serving).await
    }

    /// The feed over `data`, whose journal is on this disk, following this registry; serving.
    pub async fn feed(
        disk: Arc<dyn Disk>,
        data: &Path,
        registry_url: &str,
    ) -> Result<OnDisk, String> {
        let mut config = feed_service::Config::new(data.to_owned(), registry_url.to_owned());
        config.segment_bytes = SEGMENT_BYTES;
        let run = async |listener, shutdown| {
            feed_service::run_on(disk, config, listener, shutdown).await.map_err(described)
        };
        // Its health depends on the registry too; that it answers does not.
        OnDisk::start(run, answering).await
    }

    async fn start<F, R>(
        run: impl FnOnce(TcpListener, Shutdown) -> F,
        ready: impl FnOnce(String) -> R,
    ) -> Result<OnDisk, String>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
        R: Future<Output = ()>,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let shutdown = Shutdown::new();
        let mut task = tokio::spawn(run(listener, shutdown.clone()));
        tokio::select! {
            ended = &mut task => Err(ended.expect("it does not panic").expect_err("it was not told to end")),
            () = within(ready(url.clone())) => Ok(OnDisk { url, shutdown, task }),
        }
    }

    /// Cuts it off.
    pub async fn kill(self) {
        self.shutdown.kill();
        within(self.task).await.expect("it ends without a panic").expect("it ends in order");
    }

    /// Stops it as a signal would.
    pub async fn stop(self) {
        self.shutdown.drain();
        within(self.task).await.expect("it ends without a panic").expect("it ends in order");
    }

    /// Waits until the health of one of its services is NOT_SERVING, while it runs.
    pub async fn not_serving(&self, service: &str) {
        let mut health = HealthClient::new(channel(&self.url));
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut statuses = health.watch(request).await.expect("it is watched").into_inner();
        within(async {
            while let Some(status) = statuses.message().await.expect("it runs") {
                if status.status() == ServingStatus::NotServing {
                    return;
                }
            }
            panic!("the watch ended");
        })
        .await;
    }

    /// Waits until it ends by itself, and says why.
    pub async fn failure(self) -> String {
        let ended = within(self.task).await.expect("it ends without a panic");
        ended.expect_err("it ended because something failed")
    }

    /// Tells it to end, however it does.
    pub async fn end(self) -> Result<(), String> {
        self.shutdown.kill();
        within(self.task).await.expect("it ends without a panic")
    }
}

/// Waits until a feed has replayed its journal.
async fn answering(url: String) {
    let clients = Clients { registry_url: url.clone(), feed_url: url };
    while clients.feed().get_feed_status(GetFeedStatusRequest::default()).await.is_err() {
        tokio::task::yield_now().await;
    }
}

fn described(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A directory and all in it, copied.
pub fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory can be made");
    for entry in std::fs::read_dir(from).expect("it is a directory") {
        let path = entry.expect("it can be listed").path();
        let target: PathBuf = to.join(path.file_name().expect("an entry has a name"));
        match path.is_dir() {
            true => copy_directory(&path, &target),
            false => drop(std::fs::copy(&path, &target).expect("a file can be copied")),
        }
    }
}
