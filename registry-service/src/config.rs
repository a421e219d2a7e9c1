//! Flags and `HANSA_*` variables of the registry, each with its unit and default.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use hansa_chassis::clock::Clock;
use hansa_chassis::server::ServeOptions;
use hansa_journal::{WriterOptions, limits};

use crate::codec;

/// How the registry runs.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Directory of the registry's data: the journal, and the view made of it
    #[arg(long, env = "HANSA_REGISTRY_DATA", value_name = "DIRECTORY")]
    pub data: PathBuf,

    /// Address to listen on; port 0 lets the system choose
    #[arg(
        long,
        env = "HANSA_REGISTRY_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:50051"
    )]
    pub listen: SocketAddr,

    /// Commands that may wait; more are refused with RESOURCE_EXHAUSTED
    #[arg(
        long,
        env = "HANSA_REGISTRY_QUEUE",
        value_name = "COUNT",
        default_value_t = limits::QUEUE,
        value_parser = at_least_one
    )]
    pub queue: usize,

    /// Most commands made durable together
    #[arg(
        long,
        env = "HANSA_REGISTRY_BATCH_COMMANDS",
        value_name = "COUNT",
        default_value_t = limits::BATCH_COMMANDS,
        value_parser = at_least_one
    )]
    pub batch_commands: usize,

    /// Bytes after which no further command is made durable together with those before
    #[arg(
        long,
        env = "HANSA_REGISTRY_BATCH_BYTES",
        value_name = "BYTES",
        default_value_t = limits::BATCH_BYTES,
        value_parser = at_least_one
    )]
    pub batch_bytes: usize,

    /// Size at which a file of the journal is closed and the next one begun
    #[arg(
        long,
        env = "HANSA_REGISTRY_SEGMENT_BYTES",
        value_name = "BYTES",
        default_value_t = limits::SEGMENT_BYTES
    )]
    pub segment_bytes: u64,

    /// How the server serves.
    #[command(flatten)]
    pub serve: ServeOptions,

    /// The clock it goes by; tests set it.
    #[arg(skip)]
    pub clock: Clock,
}

impl Config {
    /// Defaults, over a data directory.
    pub fn new(data: PathBuf) -> Config {
        Config {
            data,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)),
            queue: limits::QUEUE,
            batch_commands: limits::BATCH_COMMANDS,
            batch_bytes: limits::BATCH_BYTES,
            segment_bytes: limits::SEGMENT_BYTES,
            serve: ServeOptions::default(),
            clock: Clock::default(),
        }
    }

    pub(crate) fn writer_options(&self) -> WriterOptions {
        let clock = self.clock.clone();
        WriterOptions {
            queue: self.queue,
            batch_commands: self.batch_commands,
            batch_bytes: self.batch_bytes,
            now_micros: Arc::new(move || clock.now_micros()),
            framing: codec::framing,
        }
    }
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

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Process {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn the_flags_default_to_what_the_code_defaults_to() {
        let parsed = Process::try_parse_from(["registry", "--data", "d"]).unwrap().config;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Config::new(PathBuf::from("d"))));
    }

    #[test]
    fn a_queue_without_room_is_refused() {
        assert!(Process::try_parse_from(["registry", "--data", "d", "--queue", "0"]).is_err());
    }
}
