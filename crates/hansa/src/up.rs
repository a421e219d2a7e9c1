//! `hansa up`: both services in one process, with the data set in them on the first run.
//!
//! The endpoints file is written in one step, once both services are SERVING and the import is done.
//! The process runs until SIGINT or SIGTERM, drains both services and exits 0; when one of them stops
//! by itself, so does the other, and the process fails with the reason.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Parser};
use feed_service::StreamLimits;
use hansa_chassis::config::ServeOptions;
use hansa_chassis::shutdown::Shutdown;
use hansa_client::import::{DataSet, Source};
use hansa_client::{Feed, Registry, Start, Subscription};
use hansa_proto::pb::registry::v1::GetOverviewRequest;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::{chaos, dataset, import, output, tail};

const HELP: &str = "\
Examples:
  hansa up                                        on 127.0.0.1:50051 and 50052, data in ./hansa-data
  hansa up --data /var/lib/hansa --no-tail
  hansa up --data DIR --registry-listen 127.0.0.1:0 --feed-listen 127.0.0.1:0 \\
           --endpoints-file FILE --no-tail        for scripts: free ports, addresses in FILE
  hansa up --data DIR --no-tail --chaos seed=7    for tests of clients: see docs/testing-clients.md";

/// Run the registry and the feed
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Directory for the data of both services; made when it is missing
    #[arg(long, env = "HANSA_DATA", value_name = "DIRECTORY", default_value = "hansa-data")]
    data: PathBuf,

    /// Where the registry listens; port 0 takes a free one
    #[arg(
        long,
        env = "HANSA_REGISTRY_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:50051"
    )]
    registry_listen: SocketAddr,

    /// Where the feed listens; port 0 takes a free one
    #[arg(
        long,
        env = "HANSA_FEED_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:50052"
    )]
    feed_listen: SocketAddr,

    /// Write {"registry": URL, "feed": URL} to this file once everything is ready
    #[arg(long, value_name = "FILE")]
    endpoints_file: Option<PathBuf>,

    /// Do not follow the feed afterwards
    #[arg(long)]
    no_tail: bool,

    /// Do not import the data set on the first run
    #[arg(long)]
    no_import: bool,

    #[command(flatten)]
    chaos: chaos::Arguments,

    /// How each of the two servers runs and ends
    #[command(flatten)]
    serve: ServeOptions,

    #[command(flatten)]
    streams: StreamLimits,
}

/// Where the services are.
struct Endpoints {
    registry: String,
    feed: String,
    /// The feed itself, when `feed` is a front that stands before it.
    behind: String,
    /// The control of that front.
    chaos: Option<String>,
}

type Services = JoinSet<Result<()>>;

impl Arguments {
    /// What `hansa` without arguments means.
    pub(crate) fn defaults() -> Self {
        #[derive(Parser)]
        struct Alone {
            #[command(flatten)]
            arguments: Arguments,
        }
        Alone::parse_from(["hansa"]).arguments
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen for signals")?;
    let mut services = Services::new();
    let (endpoints, front) = start(&arguments, &mut services, &shutdown).await?;
    // Kept until the services have ended: what they say in the end passes the front.
    let mut serving = Box::pin(serve(&arguments, &endpoints, front, &shutdown));
    let (mut stopped, failed) = tokio::select! {
        biased;
        () = shutdown.stopping() => (Ok(()), Ok(())),
        ended = services.join_next() => (ended_by_itself(ended), Ok(())),
        failed = &mut serving => (Ok(()), failed),
    };
    shutdown.drain();
    while let Some(ended) = services.join_next().await {
        stopped = stopped.and(ended.context("a service panicked").and_then(|result| result));
    }
    // What a service says of its own end explains what failed because of it.
    stopped.and(failed)
}

/// Binds both addresses before anything starts, so that a taken one costs nothing.
async fn start(
    arguments: &Arguments,
    services: &mut Services,
    shutdown: &Shutdown,
) -> Result<(Endpoints, Option<chaos::Prepared>)> {
    let data = &arguments.data;
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot make the directory {}", data.display()))?;
    let registry = bind(arguments.registry_listen, "--registry-listen").await?;
    let mut feed = bind(arguments.feed_listen, "--feed-listen").await?;
    let mut endpoints = Endpoints {
        registry: url(&registry)?,
        feed: url(&feed)?,
        behind: url(&feed)?,
        chaos: None,
    };
    let mut front = None;
    if arguments.chaos.is_asked_for() {
        let control = bind(arguments.chaos.control(), "--chaos-listen").await?;
        endpoints.chaos = Some(url(&control)?);
        let behind = bind((Ipv4Addr::LOCALHOST, 0).into(), "--feed-listen").await?;
        endpoints.behind = url(&behind)?;
        let listener = std::mem::replace(&mut feed, behind);
        front = Some(arguments.chaos.prepare(listener, control)?);
    }

    let mut config = registry_service::Config::new(data.join("registry"));
    config.serve = arguments.serve.clone();
    let running = registry_service::run(config, registry, shutdown.clone());
    services.spawn(async { Box::pin(running).await.context("the registry stopped") });
    let mut config = feed_service::Config::new(data.join("feed"), endpoints.registry.clone());
    (config.serve, config.streams) = (arguments.serve.clone(), arguments.streams.clone());
    let running = feed_service::run(config, feed, shutdown.clone());
    services.spawn(async { Box::pin(running).await.context("the feed stopped") });
    Ok((endpoints, front))
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "{address} is in use: perhaps `hansa up` runs already; {flag} {}:0 takes a free port",
            address.ip()
        ),
        _ => anyhow!(error).context(format!("cannot listen on {address} ({flag})")),
    })
}

/// How this process reaches what listens there.
fn url(listener: &TcpListener) -> Result<String> {
    let mut address = listener.local_addr().context("a listener has no address")?;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    Ok(format!("http://{address}"))
}

fn ended_by_itself(ended: Option<Result<Result<()>, tokio::task::JoinError>>) -> Result<()> {
    match ended {
        Some(Ok(Ok(()))) | None => bail!("a service stopped although nobody asked it to"),
        Some(Ok(Err(error))) => Err(error),
        Some(Err(panicked)) => Err(anyhow!(panicked).context("a service panicked")),
    }
}

/// Everything after the start; ends only by an error.
async fn serve(
    arguments: &Arguments,
    endpoints: &Endpoints,
    front: Option<chaos::Prepared>,
    shutdown: &Shutdown,
) -> Result<()> {
    output::note(&format!("data in {}", arguments.data.display()));
    serving(&endpoints.registry).await.context("the registry does not serve")?;
    serving(&endpoints.behind).await.context("the feed does not serve")?;
    let registry = Registry::connect(&endpoints.registry).await?;
    let feed = Feed::connect(&endpoints.behind).await?;
    if !arguments.no_import {
        Box::pin(first_import(&arguments.data, &registry, &feed)).await?;
    }
    let front = match front {
        Some(front) => Some(front.start(&endpoints.behind).await?),
        None => None,
    };
    if let Some(file) = &arguments.endpoints_file {
        write_endpoints(file, endpoints)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    output::note(&welcome(endpoints));
    let disturb = async {
        match front {
            Some(front) => front.serve(shutdown.clone()).await,
            None => std::future::pending().await,
        }
    };
    let follow = async {
        if !arguments.no_tail && std::io::stdout().is_terminal() {
            let news = Subscription::builder(&feed).start(Start::End);
            Box::pin(tail::follow(news, false)).await?;
        }
        std::future::pending::<Result<()>>().await
    };
    let ((), _) = tokio::try_join!(follow, disturb)?;
    Ok(())
}

/// Returns when everything at this address is SERVING.
async fn serving(url: &str) -> Result<()> {
    let channel = Endpoint::from_shared(url.to_owned())?.connect().await?;
    let mut health = HealthClient::new(channel);
    let request = HealthCheckRequest { service: String::new() };
    let mut statuses = health.watch(request).await?.into_inner();
    while let Some(answer) = statuses.message().await? {
        if answer.status() == ServingStatus::Serving {
            return Ok(());
        }
    }
    bail!("its health ended before it was SERVING")
}

/// Imports into an empty registry, and goes on with an import that was interrupted: the marker is there
/// from before the first write until after the last.
async fn first_import(data: &Path, registry: &Registry, feed: &Feed) -> Result<()> {
    let marker = data.join("import-unfinished");
    let request = GetOverviewRequest { min_position: 0 };
    let overview = output::answer(registry.landscape.clone().get_overview(request).await)?;
    if overview.position > 0 && !marker.exists() {
        return Ok(());
    }
    std::fs::write(&marker, []).with_context(|| format!("cannot write {}", marker.display()))?;
    output::note("importing the data set that is built in (see data/README.md for its sources)");
    let data_set = DataSet::read(Source::Texts(&dataset::TEXTS))?;
    let report = Box::pin(import::import(data_set, registry, feed)).await?;
    output::note(&report.to_string());
    import::complain_of_failures(&report)?;
    std::fs::remove_file(&marker).with_context(|| format!("cannot remove {}", marker.display()))
}

/// A reader sees nothing or all of it.
fn write_endpoints(file: &Path, endpoints: &Endpoints) -> std::io::Result<()> {
    let mut text = json!({ "registry": endpoints.registry, "feed": endpoints.feed });
    if let Some(chaos) = &endpoints.chaos {
        text["chaos"] = json!(chaos);
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = file.with_file_name(name);
    std::fs::write(&partial, format!("{text}\n"))?;
    std::fs::rename(&partial, file)
}

fn welcome(endpoints: &Endpoints) -> String {
    let Endpoints { registry, feed, .. } = endpoints;
    let defaults = registry.ends_with(":50051") && feed.ends_with(":50052");
    let variables = match defaults {
        true => String::new(),
        false => format!("  export HANSA_REGISTRY={registry} HANSA_FEED={feed}\n"),
    };
    format!(
        "registry  {registry}\nfeed      {feed}\n\ntry in another terminal:\n{variables}  \
         hansa tail --from beginning --stop-at-head --member es-barcelona\n  \
         hansa memberships list --member es-barcelona\n  \
         hansa networks get c40\n  \
         hansa join eurocities pt-lisbon --date 2026-11\n"
    )
}
