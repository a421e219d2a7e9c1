//! A registry that is started, reached and stopped: in this process, or in one of its own, whose memory is
//! nobody else's.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hansa_chassis::clock::Stopwatch;
use hansa_chassis::shutdown::Shutdown;
use hansa_proto::pb::registry::v1::landscape_service_client::LandscapeServiceClient;
use hansa_proto::pb::registry::v1::registry_service_client::RegistryServiceClient;
use registry_service::{Config, RunError};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// A registry that replays for longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Where a registry runs.
#[derive(Clone, Debug)]
pub enum Place {
    /// In this process.
    Here,
    /// In a process of its own, from this executable.
    Process(PathBuf),
}

/// Clients of a registry, over one connection.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Networks, members and memberships.
    pub registry: RegistryServiceClient<Channel>,
    /// Statistics.
    pub landscape: LandscapeServiceClient<Channel>,
}

/// A registry that serves.
pub struct Running {
    /// Clients of it.
    pub registry: Registry,
    /// How long it took from its start until it served.
    pub opened_in: Duration,
    url: String,
    inner: Inner,
}

enum Inner {
    Here(Shutdown, JoinHandle<Result<(), RunError>>),
    Process(Child),
}

impl Place {
    /// Starts a registry over a data directory and waits until it serves.
    pub async fn start(&self, data: &Path) -> Result<Running> {
        let stopwatch = Stopwatch::start();
        let (url, inner) = match self {
            Place::Here => here(data).await?,
            Place::Process(executable) => process(executable, data).await?,
        };
        let channel = channel(&url)?;
        let served = tokio::time::timeout(PATIENCE, serving(channel.clone()));
        served.await.context("it never served")??;
        let opened_in = stopwatch.elapsed();
        Ok(Running { registry: Registry::over(channel), opened_in, url, inner })
    }
}

fn channel(url: &str) -> Result<Channel> {
    Ok(Endpoint::from_shared(url.to_owned())?.tcp_nodelay(true).connect_lazy())
}

impl Registry {
    fn over(channel: Channel) -> Registry {
        Registry {
            registry: RegistryServiceClient::new(channel.clone()),
            landscape: LandscapeServiceClient::new(channel),
        }
    }
}

async fn here(data: &Path) -> Result<(String, Inner)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let shutdown = Shutdown::new();
    let run = registry_service::run(Config::new(data.to_owned()), listener, shutdown.clone());
    Ok((url, Inner::Here(shutdown, tokio::spawn(run))))
}

async fn process(executable: &Path, data: &Path) -> Result<(String, Inner)> {
    let mut command = Command::new(executable);
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
    let (child, address) = start_and_hear(command).await?;
    Ok((format!("http://{address}"), Inner::Process(child)))
}

/// Starts a server that says where it listens, at the end of its first line.
pub(crate) async fn start_and_hear(mut command: Command) -> Result<(Child, String)> {
    command.stdout(Stdio::piped()).kill_on_drop(true);
    let program = command.as_std().get_program().to_owned();
    let mut child =
        command.spawn().with_context(|| format!("{} does not start", program.display()))?;
    let output = child.stdout.take().context("its output is piped")?;
    let line = BufReader::new(output).lines().next_line().await?.context("it said nothing")?;
    Ok((child, line.rsplit("http://").next().unwrap_or_default().trim().to_owned()))
}

/// Waits until a service says that it serves.
pub(crate) async fn serving(channel: Channel) -> Result<()> {
    let mut health = HealthClient::new(channel);
    loop {
        let mut statuses = health.watch(HealthCheckRequest::default()).await?.into_inner();
        while let Some(status) = statuses.message().await? {
            if status.status() == ServingStatus::Serving {
                return Ok(());
            }
        }
    }
}

impl Running {
    /// Its process.
    pub fn process_id(&self) -> u32 {
        match &self.inner {
            Inner::Here(..) => std::process::id(),
            Inner::Process(child) => child.id().unwrap_or_default(),
        }
    }

    /// Clients over a connection of their own.
    pub fn connect(&self) -> Result<Registry> {
        channel(&self.url).map(Registry::over)
    }

    /// Stops it as a signal would, and waits until it has ended.
    pub async fn stop(self) -> Result<()> {
        let Running { registry, inner, .. } = self;
        drop(registry);
        match inner {
            Inner::Here(shutdown, task) => {
                shutdown.drain();
                task.await??;
            }
            Inner::Process(mut child) => terminate(&mut child).await?,
        }
        Ok(())
    }
}

/// Stops a service as a signal would, and waits until it has ended.
pub(crate) async fn terminate(child: &mut Child) -> Result<()> {
    let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    kill_process(id.context("it runs no more")?, Signal::TERM)?;
    let ended = child.wait().await?;
    if !ended.success() {
        bail!("the service ended with {ended}");
    }
    Ok(())
}
