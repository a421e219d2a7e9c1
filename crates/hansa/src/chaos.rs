//! `hansa up --chaos`: a front before the feed that lets go wrong what can go wrong, for tests of clients.
//!
//! What is planned, applied and fired is told on standard output, a JSON object a line.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use hansa_chaos::{Front, Plan, serve_control};
use hansa_chassis::shutdown::Shutdown;
use tokio::net::TcpListener;

use crate::output;

#[derive(Debug, Args)]
#[group(id = "chaos-front")]
#[command(next_help_heading = "Chaos, for tests of clients")]
pub(crate) struct Arguments {
    /// Put a front before the feed that cuts, delays, pauses and drains what it hands on: as a seed
    /// plans, `seed=7,faults=12,every=8,cut=2,refuse=2,delay=2,drain=2,pause=1,new_identity=0,
    /// expire_cursors=0`, all but the seed optional; without a plan only when it is told to
    #[arg(long, value_name = "PLAN", num_args = 0..=1, default_missing_value = "", value_parser = asked)]
    chaos: Option<Asked>,

    /// Where the control of the front listens (hansa.chaos.v1.ChaosService); port 0 takes a free one
    #[arg(
        long,
        env = "HANSA_CHAOS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:50053",
        requires = "chaos"
    )]
    chaos_listen: SocketAddr,
}

#[derive(Clone, Debug)]
struct Asked(Option<Plan>);

fn asked(text: &str) -> Result<Asked, String> {
    match text {
        "" => Ok(Asked(None)),
        plan => plan.parse().map(Some).map(Asked),
    }
}

/// Addresses that are taken, and what will be done there.
pub(crate) struct Prepared {
    plan: Option<Plan>,
    front: TcpListener,
    control: TcpListener,
}

/// A front at work. Dropped, it ends.
pub(crate) struct Running {
    front: Front,
    control: TcpListener,
}

impl Arguments {
    pub(crate) fn is_asked_for(&self) -> bool {
        self.chaos.is_some()
    }

    /// Where the control will listen.
    pub(crate) fn control(&self) -> SocketAddr {
        self.chaos_listen
    }

    /// What to do with the two listeners, if anything.
    pub(crate) fn prepare(&self, front: TcpListener, control: TcpListener) -> Result<Prepared> {
        let address = front.local_addr()?;
        if !address.ip().to_canonical().is_loopback() {
            bail!("with --chaos nothing listens on {address}: it is for tests on one machine");
        }
        let plan = self.chaos.as_ref().and_then(|asked| asked.0.clone());
        Ok(Prepared { plan, front, control })
    }
}

impl Prepared {
    /// Stands before the feed, which serves.
    pub(crate) async fn start(self, feed: &str) -> Result<Running> {
        let feed = feed.trim_start_matches("http://").parse().context("not an address")?;
        output::note(
            "WARNING: CHAOS. The feed's clients are cut off, kept waiting and lied to on purpose.\n\
             WARNING: this is for tests of clients and for nothing else.",
        );
        // Nobody has to read it.
        let report = Box::new(|line: &_| drop(output::json(line)));
        let front = Front::start(self.front, feed, self.plan.as_ref(), report).await?;
        Ok(Running { front, control: self.control })
    }
}

impl Running {
    /// Serves the control; ends only by an error, or when it is asked to stop. The front stands until this
    /// is dropped.
    pub(crate) async fn serve(self, shutdown: Shutdown) -> Result<Infallible> {
        let Running { front, control } = self;
        serve_control(&front, control, shutdown).await.context("the control of chaos stopped")?;
        std::future::pending().await
    }
}
