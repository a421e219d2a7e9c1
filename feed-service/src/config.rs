//! Flags and `HANSA_*` variables of the feed, each with its unit and default.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use hansa_chassis::clock::Clock;
use hansa_chassis::config::{LogOptions, ServeOptions};
use hansa_journal::limits::SEGMENT_BYTES;

/// What the streams of a feed may take; the limits of every server are beside them.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Limits")]
pub struct StreamLimits {
    /// Subscriptions at once; more are refused with RESOURCE_EXHAUSTED
    #[arg(long, env = "HANSA_FEED_MAX_SUBSCRIPTIONS", value_name = "COUNT",
          default_value_t = 20_000, value_parser = at_least_one)]
    pub max_subscriptions: usize,

    /// Bytes of the past that all subscriptions hold together and that their readers have not read, beyond
    /// 16 KiB, or one larger commit, of each
    #[arg(long, env = "HANSA_FEED_MAX_REPLAY_BYTES", value_name = "BYTES",
          default_value_t = 512 * 1024 * 1024, value_parser = at_least_one)]
    pub max_replay_bytes: usize,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits { max_subscriptions: 20_000, max_replay_bytes: 512 * 1024 * 1024 }
    }
}

/// How a feed runs.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Directory of the feed's journal and view; made when it is missing
    #[arg(long, env = "HANSA_FEED_DATA", value_name = "DIRECTORY", default_value = "data/feed")]
    pub data: PathBuf,

    /// The registry to follow
    #[arg(
        long,
        env = "HANSA_REGISTRY",
        value_name = "URI",
        default_value = "http://127.0.0.1:50051"
    )]
    pub registry: String,

    /// Commands that may wait for the writer; more are refused with RESOURCE_EXHAUSTED
    #[arg(long, env = "HANSA_FEED_QUEUE", value_name = "COUNT", default_value_t = 1024,
          value_parser = at_least_one)]
    pub queue: usize,

    /// Most commands made durable together
    #[arg(long, env = "HANSA_FEED_BATCH_COMMANDS", value_name = "COUNT", default_value_t = 512,
          value_parser = at_least_one)]
    pub batch_commands: usize,

    /// Bytes after which no further command joins those made durable together
    #[arg(long, env = "HANSA_FEED_BATCH_BYTES", value_name = "BYTES", default_value_t = 1_048_576,
          value_parser = at_least_one)]
    pub batch_bytes: usize,

    /// Size at which a file of the journal is closed and the next one begun
    #[arg(long, env = "HANSA_FEED_SEGMENT_BYTES", value_name = "BYTES",
          default_value_t = SEGMENT_BYTES)]
    pub segment_bytes: u64,

    /// What streams may take.
    #[command(flatten)]
    pub streams: StreamLimits,

    /// How the server runs and ends.
    #[command(flatten)]
    pub serve: ServeOptions,

    /// The clock it goes by; tests set it.
    #[arg(skip)]
    pub clock: Clock,
}

impl Config {
    /// The defaults, with a directory and a registry.
    pub fn new(data: PathBuf, registry: String) -> Config {
        Config {
            data,
            registry,
            queue: 1024,
            batch_commands: 512,
            batch_bytes: 1_048_576,
            segment_bytes: SEGMENT_BYTES,
            streams: StreamLimits::default(),
            serve: ServeOptions::default(),
            clock: Clock::default(),
        }
    }
}

/// What the process itself is told.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "feed-service", version, about = "The feed of Hansa: what happened, streamed")]
pub struct Arguments {
    /// Address to listen on; port 0 lets the system choose
    #[arg(
        long,
        env = "HANSA_FEED_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:50052"
    )]
    pub listen: SocketAddr,

    /// How the feed runs.
    #[command(flatten)]
    pub config: Config,

    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogOptions,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("not a whole number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;

    #[test]
    fn flags_default_to_what_the_code_defaults_to() {
        let arguments = Arguments::try_parse_from(["feed-service"]).unwrap();
        let config = Config::new("data/feed".into(), "http://127.0.0.1:50051".to_owned());
        assert_eq!(format!("{:?}", arguments.config), format!("{config:?}"));
        assert_eq!(arguments.listen.to_string(), "127.0.0.1:50052");
    }

    #[test]
    fn a_queue_of_nothing_is_refused() {
        assert!(Arguments::try_parse_from(["feed-service", "--queue", "0"]).is_err());
        assert!(Arguments::try_parse_from(["feed-service", "--queue", "many"]).is_err());
    }
}
