//! `hansa-bench world` fills a data directory with a synthetic world; `hansa-bench scale` measures
//! registries of several sizes and writes a table; `hansa-bench peers` measures Hansa beside others.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand, ValueEnum as _};
use hansa_bench::fill::fill;
use hansa_bench::floors::http2;
use hansa_bench::measure::Load;
use hansa_bench::peers::server::{self, Executables};
use hansa_bench::peers::{self, Effort, Work, figure, goals};
use hansa_bench::scale::{self, measure};
use hansa_bench::service::Place;
use hansa_bench::stream::{self, Row};
use hansa_bench::world::{Plan, World};

/// As the services have it: a registry may run in this process, and callers cost as little as they can.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A synthetic world of any size, and what the registry makes of it
#[derive(Debug, Parser)]
#[command(name = "hansa-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fill a registry's data directory with a synthetic world
    World(WorldArguments),
    /// Measure registries of several sizes, and write a table in Markdown
    Scale(ScaleArguments),
    /// Measure Hansa beside etcd and NATS, and write a table in Markdown
    Peers(PeersArguments),
    /// Measure how fast the feed streams, and write a table in Markdown
    Stream(StreamArguments),
    /// Serve streams that are handed what is published through a socket: a floor of `peers`
    #[command(hide = true)]
    Http2Alone(Http2Arguments),
}

#[derive(Debug, Args)]
struct Http2Arguments {
    /// Where streams are served
    listen: SocketAddr,
    /// The socket of the publisher, made here
    publish: PathBuf,
}

#[derive(Debug, Args)]
struct StreamArguments {
    /// What is measured; without it, everything
    #[arg(value_enum)]
    rows: Vec<Row>,
    /// How many seconds a run lasts that ends by time
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many events are replayed, and published to a slow subscriber
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// The executable of the feed; without it, the one beside this program
    #[arg(long, value_name = "FILE")]
    feed_service: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct PeersArguments {
    /// What is measured; without it, everything
    #[arg(value_enum)]
    works: Vec<Work>,
    /// How many runs each contender makes of each work
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// How many seconds a run lasts that ends by time
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How many events or rows a run takes that ends by number
    #[arg(long, default_value_t = 200_000)]
    count: u64,
    /// Only those who have this in the name they have in the table
    #[arg(long, default_value = "", hide_default_value = true)]
    whom: String,
    /// The executable of etcd; without it, the one on PATH
    #[arg(long, value_name = "FILE")]
    etcd: Option<PathBuf>,
    /// The executable of NATS; without it, the one on PATH
    #[arg(long, value_name = "FILE")]
    nats: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct WorldArguments {
    /// The same seed makes the same world
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many networks
    #[arg(long, default_value_t = 1_000)]
    networks: usize,
    /// How many members
    #[arg(long, default_value_t = 1_000_000)]
    members: usize,
    /// How many memberships
    #[arg(long, default_value_t = 5_000_000)]
    memberships: usize,
    /// The data directory of the registry, which must not run
    #[arg(long, value_name = "DIRECTORY")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct ScaleArguments {
    /// The same seed makes the same worlds
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many memberships the registries have, each five for a member
    #[arg(long, value_delimiter = ',', default_values_t = [50_000, 500_000, 5_000_000])]
    memberships: Vec<usize>,
    /// How many callers read at once
    #[arg(long, default_value_t = 64)]
    callers: usize,
    /// How many seconds each kind of read is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The executable of the registry; without it, the one beside this program
    #[arg(long, value_name = "FILE")]
    registry_service: Option<PathBuf>,
    /// Where the data directories are made, and removed again; without it, a temporary directory
    #[arg(long, value_name = "DIRECTORY")]
    work: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::World(arguments) => world(arguments).await,
        Command::Scale(arguments) => scale(arguments).await,
        Command::Peers(arguments) => peers(arguments).await,
        Command::Stream(arguments) => stream(arguments).await,
        Command::Http2Alone(Http2Arguments { listen, publish }) => {
            http2::serve(listen, &publish).await
        }
    }
}

async fn world(arguments: WorldArguments) -> Result<()> {
    let WorldArguments { seed, networks, members, memberships, data } = arguments;
    let world = Arc::new(World::new(Plan { seed, networks, members, memberships }));
    let running = Place::Here.start(&data).await?;
    let filled = fill(&running.registry, &world, |rows| {
        if rows % 100_000 < 512 {
            note(&format!("{rows} rows"));
        }
    })
    .await?;
    running.stop().await?;
    let Plan { networks, members, .. } = world.plan();
    let memberships = world.memberships();
    let seconds = filled.took.as_secs_f64();
    let text = format!("{networks} networks, {members} members, {memberships} memberships");
    writeln!(std::io::stdout(), "{text} in {seconds:.1} s")?;
    Ok(())
}

async fn scale(arguments: ScaleArguments) -> Result<()> {
    let executable = match arguments.registry_service {
        Some(executable) => executable,
        None => std::env::current_exe()?.with_file_name("registry-service"),
    };
    let place = Place::Process(executable);
    let lasting = Duration::from_secs(arguments.seconds);
    let load = Load { callers: arguments.callers, lasting };
    let mut measured = Vec::new();
    for memberships in arguments.memberships {
        let networks = (memberships / 5_000).clamp(100, 1_000);
        let plan = Plan { seed: arguments.seed, networks, members: memberships / 5, memberships };
        let data = match &arguments.work {
            Some(work) => tempfile::tempdir_in(work),
            None => tempfile::tempdir(),
        };
        let data = data.context("no room to work in")?;
        note(&format!("{memberships} memberships"));
        measured.push(measure(&place, plan, load, data.path()).await?);
    }
    write!(std::io::stdout(), "{}", scale::table(&measured))?;
    Ok(())
}

async fn peers(arguments: PeersArguments) -> Result<()> {
    let executables = Executables::find(arguments.etcd, arguments.nats).await?;
    let works = if arguments.works.is_empty() { &Work::ALL[..] } else { &arguments.works };
    let lasting = Duration::from_secs(arguments.seconds);
    let effort = Effort { runs: arguments.runs, lasting, count: arguments.count };
    let measured = peers::measure(works, &arguments.whom, effort, &executables, note).await?;
    let versions = server::versions(&executables).await?;
    let (figures, goals) = (figure::table(&measured), goals::table(&measured));
    writeln!(std::io::stdout(), "{versions}\n{effort}\n\n{figures}\n{goals}")?;
    Ok(())
}

async fn stream(arguments: StreamArguments) -> Result<()> {
    let executable = match arguments.feed_service {
        Some(executable) => executable,
        None => std::env::current_exe()?.with_file_name("feed-service"),
    };
    let rows = if arguments.rows.is_empty() { Row::value_variants() } else { &arguments.rows };
    let lasting = Duration::from_secs(arguments.seconds);
    for row in rows {
        note(&format!("{row:?}"));
        let figures = stream::measure(&executable, &[*row], lasting, arguments.events).await?;
        write!(std::io::stdout(), "{}", stream::table(&figures))?;
    }
    Ok(())
}

/// Progress; whether it is read does not matter.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
