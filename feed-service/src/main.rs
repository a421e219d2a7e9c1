//! The feed as a process: arguments, telemetry, bind, run, drain.

use anyhow::Context;
use clap::Parser;
use feed_service::{Arguments, run};
use hansa_chassis::server::bind;
use hansa_chassis::shutdown::Shutdown;

// The writer threads make and drop many small keys and values.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    arguments.log.start("info");

    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen for signals")?;

    let (listener, address) = bind(arguments.listen).await?;
    announce(address);

    run(arguments.config, listener, shutdown).await.context("the feed failed")
}

#[allow(clippy::print_stdout, reason = "whoever started the process reads where it listens")]
fn announce(address: std::net::SocketAddr) {
    println!("feed listening on http://{address}");
}
