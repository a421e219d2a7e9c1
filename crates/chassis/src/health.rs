//! Which services may be called, as grpc.health.v1 tells it: per service name, and for the process as a
//! whole (the empty name), which is SERVING while at least one service is known and all are.
//!
//! Draining makes everything NOT_SERVING for good: a service that ends its replay after that stays so.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// The name that stands for the whole process.
const PROCESS: &str = "";

/// The health of one process. Clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    reporter: HealthReporter,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    services: BTreeMap<String, bool>,
    draining: bool,
}

impl Health {
    /// Nothing serves yet.
    #[must_use]
    pub fn new() -> Self {
        Self { reporter: HealthReporter::new(), known: Arc::default() }
    }

    /// This service may be called, unless the process drains. The name is the full one of the proto
    /// service (`NamedService::NAME`).
    pub async fn serving(&self, name: &str) {
        self.set(name, true).await;
    }

    /// This service may not be called.
    pub async fn not_serving(&self, name: &str) {
        self.set(name, false).await;
    }

    /// Nothing may be called any more, whatever is said later.
    pub(crate) async fn drain(&self) {
        let mut known = self.known.lock().await;
        known.draining = true;
        known.services.values_mut().for_each(|serving| *serving = false);
        self.publish(&known).await;
    }

    /// Ends the open Watch calls after what they have to say: they know no other end.
    pub(crate) async fn end_watches(&self) {
        let known = self.known.lock().await;
        let mut reporter = self.reporter.clone();
        for name in known.services.keys().map(String::as_str).chain([PROCESS]) {
            reporter.clear_service_status(name).await;
        }
    }

    /// The gRPC service that tells it. The process' own status is NOT_SERVING until said otherwise.
    pub(crate) async fn service(&self) -> HealthServer<HealthService> {
        self.publish(&*self.known.lock().await).await;
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    async fn set(&self, name: &str, serving: bool) {
        let mut known = self.known.lock().await;
        let serving = serving && !known.draining;
        known.services.insert(name.to_owned(), serving);
        self.publish(&known).await;
    }

    /// Under the lock, so that two changes cannot overtake each other.
    async fn publish(&self, known: &Known) {
        for (name, serving) in &known.services {
            self.reporter.set_service_status(name, status(*serving)).await;
        }
        let all = !known.services.is_empty() && known.services.values().all(|serving| *serving);
        self.reporter.set_service_status(PROCESS, status(all)).await;
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

fn status(serving: bool) -> ServingStatus {
    if serving { ServingStatus::Serving } else { ServingStatus::NotServing }
}
