//! A server in a process of its own: started on loopback, watched through `/proc`, killed when dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hansa_chassis::clock::Stopwatch;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tonic::transport::Endpoint;

use crate::service::{serving, start_and_hear, terminate};

/// A server that is not reachable for longer has not started.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where no registry is.
const NO_REGISTRY: &str = "http://127.0.0.1:1";

/// The socket of a server that is published to, among its data.
const SOCKET: &str = "publish";

/// Executables of the peers and of Hansa; a peer that is absent is skipped by name.
#[derive(Clone, Debug)]
pub struct Executables {
    /// etcd.
    pub etcd: Option<PathBuf>,
    /// nats-server.
    pub nats: Option<PathBuf>,
    /// Whether that can sync each write, which it can since 2.10.
    pub nats_syncs: bool,
    /// The registry.
    pub registry: PathBuf,
    /// The feed.
    pub feed: PathBuf,
    /// This program, which serves a floor too.
    pub own: PathBuf,
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// Its data, removed with it.
    data: TempDir,
}

/// CPU time, user and system, and memory of a server at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// CPU seconds since its start.
    pub cpu: f64,
    /// Bytes resident.
    pub resident: u64,
}

impl Executables {
    /// Those asked for by flag, or found on `PATH`, or (Hansa's) beside this program.
    pub async fn find(etcd: Option<PathBuf>, nats: Option<PathBuf>) -> Result<Executables> {
        let own = std::env::current_exe()?;
        let nats = nats.or_else(|| on_path("nats-server"));
        let nats_syncs = match &nats {
            Some(nats) => syncs(nats).await?,
            None => false,
        };
        Ok(Executables {
            etcd: etcd.or_else(|| on_path("etcd")),
            nats,
            nats_syncs,
            registry: own.with_file_name("registry-service"),
            feed: own.with_file_name("feed-service"),
            own,
        })
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Whether a nats-server takes the setting that syncs each write.
async fn syncs(nats: &Path) -> Result<bool> {
    let data = tempfile::tempdir()?;
    let settings = nats_settings(data.path(), 4222, true)?;
    let mut command = Command::new(nats);
    command.arg("-t").arg("--config").arg(settings);
    Ok(command.output().await?.status.success())
}

/// A file with the settings of NATS; `always` syncs each write before it is acknowledged, which JetStream
/// by default does not.
fn nats_settings(data: &Path, port: u16, always: bool) -> Result<PathBuf> {
    let interval = if always { "sync_interval: always\n" } else { "" };
    let store = data.join("jetstream");
    let settings = format!(
        "listen: \"127.0.0.1:{port}\"\nmax_pending: 256MB\n\
         jetstream {{\nstore_dir: \"{}\"\n{interval}}}\n",
        store.display()
    );
    let file = data.join("nats.conf");
    fs::write(&file, settings)?;
    Ok(file)
}

/// Who was measured, in one line each, with what is not its default.
pub async fn versions(executables: &Executables) -> Result<String> {
    let mut lines = vec![format!("- Hansa {}: defaults", env!("CARGO_PKG_VERSION"))];
    let peers = [
        (&executables.etcd, "one node, quota of 8 GiB"),
        (&executables.nats, "`max_pending` 256 MiB, JetStream over files"),
    ];
    for (executable, settings) in peers {
        if let Some(executable) = executable {
            lines.push(format!("- {}: {settings}", version(executable).await?));
        }
    }
    Ok(lines.join("\n"))
}

/// What an executable says of its version, on one line.
async fn version(executable: &Path) -> Result<String> {
    let output = Command::new(executable).arg("--version").output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

impl Server {
    /// etcd, one node, with its defaults but a quota of 8 GiB.
    pub async fn etcd(executable: &Path) -> Result<Server> {
        let data = tempfile::tempdir()?;
        let (client, peer) = (free_port().await?, free_port().await?);
        let peers = format!("http://127.0.0.1:{peer}");
        let clients = format!("http://127.0.0.1:{client}");
        let mut command = Command::new(executable);
        command.arg("--data-dir").arg(data.path().join("etcd"));
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
        command.args(["--initial-cluster", &format!("default={peers}")]);
        command.args(["--quota-backend-bytes", "8589934592"]);
        Server::start(command, data, client).await
    }

    /// NATS with JetStream over files; `always` syncs each write before it is acknowledged.
    pub async fn nats(executable: &Path, always: bool) -> Result<Server> {
        let data = tempfile::tempdir()?;
        let port = free_port().await?;
        let mut command = Command::new(executable);
        command.arg("--config").arg(nats_settings(data.path(), port, always)?);
        Server::start(command, data, port).await
    }

    /// h2 alone, which hands out what is published through [`Server::publish_socket`].
    pub async fn http2_alone(executable: &Path) -> Result<Server> {
        let data = tempfile::tempdir()?;
        let mut command = Command::new(executable);
        command.args(["http2-alone", "127.0.0.1:0"]).arg(data.path().join(SOCKET));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let (child, address) = start_and_hear(command).await?;
        Ok(Server { child, address, data })
    }

    /// Where [`Server::http2_alone`] is published to.
    pub fn publish_socket(&self) -> PathBuf {
        self.data.path().join(SOCKET)
    }

    async fn start(mut command: Command, data: TempDir, port: u16) -> Result<Server> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn()?;
        let address = format!("127.0.0.1:{port}");
        let waiting = Stopwatch::start();
        let mut turn = tokio::time::interval(Duration::from_millis(20));
        while TcpStream::connect(&address).await.is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if waiting.elapsed() > PATIENCE {
                bail!("the server was not reachable for {PATIENCE:?}");
            }
            turn.tick().await;
        }
        Ok(Server { child, address, data })
    }

    /// The registry, with the settings it has in production.
    pub async fn registry(executable: &Path) -> Result<Server> {
        Server::hansa(executable, tempfile::tempdir()?, &[]).await
    }

    /// The feed of a registry, with the settings it has in production.
    pub async fn feed(executable: &Path, registry: &Server) -> Result<Server> {
        let registry = format!("http://{}", registry.address);
        Server::hansa(executable, tempfile::tempdir()?, &["--registry", &registry]).await
    }

    /// A feed with the settings it has in production, and no registry to follow.
    pub async fn feed_alone(executable: &Path) -> Result<Server> {
        Server::hansa(executable, tempfile::tempdir()?, &["--registry", NO_REGISTRY]).await
    }

    /// Stops a feed that is alone as a signal would, and starts it again on its data, of its view only when
    /// that is kept. How long it took until it served.
    pub async fn feed_again(
        self,
        executable: &Path,
        keep_view: bool,
    ) -> Result<(Server, Duration)> {
        let Server { mut child, data, .. } = self;
        terminate(&mut child).await?;
        if !keep_view {
            fs::remove_dir_all(data.path().join("view"))?;
        }
        let starting = Stopwatch::start();
        let server = Server::hansa(executable, data, &["--registry", NO_REGISTRY]).await?;
        Ok((server, starting.elapsed()))
    }

    async fn hansa(executable: &Path, data: TempDir, more: &[&str]) -> Result<Server> {
        let mut command = Command::new(executable);
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data.path()).args(more);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let (child, address) = start_and_hear(command).await?;
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        tokio::time::timeout(PATIENCE, serving(endpoint.connect().await?))
            .await
            .context("it does not serve")??;
        Ok(Server { child, address, data })
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage> {
        let process = self.child.id().context("it runs no more")?;
        Ok(Usage { cpu: cpu_seconds(process)?, resident: crate::measure::resident(process)? })
    }

    /// Where its data are.
    pub fn data(&self) -> &Path {
        self.data.path()
    }
}

/// A port that was free a moment ago.
async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

/// CPU time of a process, user and system (Linux: fields 14 and 15 of `/proc/PID/stat`, counted after
/// the parenthesis that ends its name).
pub fn cpu_seconds(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat.rsplit_once(')').context("no name in /proc/PID/stat")?.1;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let user = times.next().context("no user time")??;
    let system = times.next().context("no system time")??;
    Ok((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// CPU time of this process, the client of all others.
pub fn own_cpu_seconds() -> Result<f64> {
    cpu_seconds(std::process::id())
}
