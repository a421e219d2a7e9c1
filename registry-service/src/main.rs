//! The registry as a process: arguments, telemetry, bind, run, drain.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use hansa_chassis::config::LogOptions;
use hansa_chassis::server;
use hansa_chassis::shutdown::Shutdown;
use registry_service::{Config, run};

// The writer thread makes and drops many small keys and values.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Which networks exist and who belongs to which.
#[derive(Debug, Parser)]
#[command(name = "registry-service", version)]
struct Arguments {
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    log: LogOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { config, log } = Arguments::parse();
    log.start("info");
    match start(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(config: Config) -> anyhow::Result<()> {
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let (listener, address) = server::bind(config.listen).await?;
    writeln!(std::io::stdout(), "registry listening on http://{address}")?;
    run(config, listener, shutdown).await?;
    Ok(())
}
