//! A registry that can be stopped, killed and started again over the same data.

use std::path::{Path, PathBuf};

use hansa_chassis::server;
use hansa_chassis::shutdown::Shutdown;
use hansa_proto::pb;
use hansa_proto::pb::registry::v1 as registry;
use registry::landscape_service_client::LandscapeServiceClient;
use registry::registry_service_client::RegistryServiceClient;
use registry_service::{Config, RunError, run};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// The clients of a running registry.
pub(crate) struct Registry {
    pub(crate) client: RegistryServiceClient<Channel>,
    pub(crate) landscape: LandscapeServiceClient<Channel>,
    pub(crate) shutdown: Shutdown,
    running: JoinHandle<Result<(), RunError>>,
}

impl Registry {
    /// Starts one over a directory and waits until it serves.
    pub(crate) async fn start(data: &Path) -> Registry {
        let (listener, address) = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let shutdown = Shutdown::new();
        let config = Config::new(PathBuf::from(data));
        let running = tokio::spawn(run(config, listener, shutdown.clone()));
        let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        wait_until_serving(channel.clone()).await;
        Registry {
            client: RegistryServiceClient::new(channel.clone()),
            landscape: LandscapeServiceClient::new(channel),
            shutdown,
            running,
        }
    }

    /// Drains it.
    pub(crate) async fn stop(self) {
        self.shutdown.drain();
        self.running.await.unwrap().unwrap();
    }

    /// Ends it as if the process had died.
    pub(crate) async fn kill(self) {
        self.shutdown.kill();
        self.running.await.unwrap().unwrap();
    }
}

/// A client of a registry that serves at an address.
pub(crate) async fn connect(address: &str) -> RegistryServiceClient<Channel> {
    let channel = Channel::from_shared(address.to_owned()).unwrap().connect().await.unwrap();
    wait_until_serving(channel.clone()).await;
    RegistryServiceClient::new(channel)
}

/// Every name the health knows is SERVING once the replay is done.
async fn wait_until_serving(channel: Channel) {
    let names = ["", "hansa.registry.v1.RegistryService", "hansa.registry.v1.LandscapeService"];
    for name in names {
        let request = HealthCheckRequest { service: name.to_owned() };
        let watch = HealthClient::new(channel.clone()).watch(request).await;
        let mut statuses = watch.unwrap().into_inner();
        loop {
            let update = statuses.message().await.unwrap().expect("the watch goes on");
            if update.status() == ServingStatus::Serving {
                break;
            }
        }
    }
}

pub(crate) async fn started() -> (TempDir, Registry) {
    let data = tempfile::tempdir().unwrap();
    let registry = Registry::start(data.path()).await;
    (data, registry)
}

pub(crate) fn names(text: &str) -> Vec<pb::common::v1::Name> {
    vec![pb::common::v1::Name { text: text.into(), ..Default::default() }]
}

pub(crate) fn year(year: i32) -> Option<pb::common::v1::PartialDate> {
    Some(pb::common::v1::PartialDate { year, ..Default::default() })
}

pub(crate) fn source() -> pb::common::v1::Source {
    pb::common::v1::Source { citation: "Somebody, Something, 2020".into(), ..Default::default() }
}

pub(crate) fn create_network(id: &str) -> registry::CreateNetworkRequest {
    let network = registry::Network {
        name: format!("networks/{id}"),
        names: names(id),
        kind: registry::NetworkKind::CityNetwork as i32,
        ..Default::default()
    };
    registry::CreateNetworkRequest { network: Some(network), ..Default::default() }
}

pub(crate) fn create_network_by(
    id: &str,
    mode: registry::AdmissionMode,
) -> registry::CreateNetworkRequest {
    let mut request = create_network(id);
    let admission = registry::Admission { mode: mode as i32, ..Default::default() };
    request.network.as_mut().unwrap().admission = Some(admission);
    request
}

pub(crate) fn create_member(id: &str) -> registry::CreateMemberRequest {
    let member = registry::Member {
        name: format!("members/{id}"),
        names: names(id),
        kind: registry::MemberKind::Municipality as i32,
        country: "ES".into(),
        ..Default::default()
    };
    registry::CreateMemberRequest { member: Some(member), ..Default::default() }
}

pub(crate) fn join(network: &str, member: &str) -> registry::JoinNetworkRequest {
    registry::JoinNetworkRequest {
        network: format!("networks/{network}"),
        member: format!("members/{member}"),
        occurred_at: year(2020),
        ..Default::default()
    }
}

/// Code and reason of a refusal.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    use tonic_types::StatusExt;
    let details = status.get_error_details();
    let info = details.error_info().expect("every status has a reason");
    assert_eq!(info.domain, "hansa");
    (status.code(), info.reason.clone())
}

/// Types of the rules a refusal names.
pub(crate) fn rules(status: &Status) -> Vec<String> {
    use tonic_types::StatusExt;
    let details = status.get_error_details();
    let failure = details.precondition_failure().expect("a refusal names the rules");
    failure.violations.iter().map(|violation| violation.r#type.clone()).collect()
}

/// Fields a malformed request is refused for.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    use tonic_types::StatusExt;
    assert_eq!(refusal(status), (Code::InvalidArgument, "MALFORMED".to_owned()));
    let details = status.get_error_details();
    let malformed = details.bad_request().expect("a malformed request names the fields");
    malformed.field_violations.iter().map(|violation| violation.field.clone()).collect()
}
