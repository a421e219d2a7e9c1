//! Where the services are, and the connections to them.

use clap::Args;
use hansa_client::{ConnectError, Feed, Registry};

/// What every command takes that talks to running services.
#[derive(Debug, Args)]
#[command(next_help_heading = "Services")]
pub(crate) struct ClientOptions {
    /// Where the registry is
    #[arg(
        long,
        global = true,
        env = "HANSA_REGISTRY",
        value_name = "URL",
        default_value = "http://127.0.0.1:50051"
    )]
    pub(crate) registry: String,

    /// Where the feed is
    #[arg(
        long,
        global = true,
        env = "HANSA_FEED",
        value_name = "URL",
        default_value = "http://127.0.0.1:50052"
    )]
    pub(crate) feed: String,

    /// Print one JSON object a line, and nothing else, on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl ClientOptions {
    pub(crate) async fn registry(&self) -> Result<Registry, ConnectError> {
        Registry::connect(&self.registry).await
    }

    pub(crate) async fn feed(&self) -> Result<Feed, ConnectError> {
        Feed::connect(&self.feed).await
    }
}
