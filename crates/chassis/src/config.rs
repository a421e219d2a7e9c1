//! The flags every process shares, to be flattened into its own. `--listen` is not here: each service
//! has its own flag, variable (`HANSA_REGISTRY_LISTEN`, …) and default for it.

use std::time::Duration;

use clap::Args;

use crate::server::Limits;
use crate::telemetry::{self, LogFormat};

/// How a server runs and ends.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Server")]
pub struct ServeOptions {
    /// How long open calls may take to end after the process was asked to stop; then their
    /// connections are dropped. In seconds
    #[arg(
        long = "drain-deadline",
        env = "HANSA_DRAIN_DEADLINE",
        value_name = "SECONDS",
        default_value = "10",
        value_parser = seconds
    )]
    pub drain_deadline: Duration,

    /// What one process takes on.
    #[command(flatten)]
    pub limits: Limits,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { drain_deadline: Duration::from_secs(10), limits: Limits::default() }
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogOptions {
    /// What to log, such as `info,hansa_journal=debug`; RUST_LOG is read when this is absent
    #[arg(long, global = true, env = "HANSA_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// The form of log lines
    #[arg(
        long,
        global = true,
        env = "HANSA_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub log_format: LogFormat,
}

impl LogOptions {
    /// Starts logging as asked for.
    pub fn start(&self, default_filter: &str) {
        telemetry::init_with(self.log_format, self.log.as_deref(), default_filter);
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Process {
        #[command(flatten)]
        serve: ServeOptions,
        #[command(flatten)]
        log: LogOptions,
    }

    #[test]
    fn the_flags_default_to_what_the_code_defaults_to() {
        let process = Process::try_parse_from(["process"]).unwrap();
        assert_eq!(process.serve, ServeOptions::default());
        assert_eq!(process.log, LogOptions::default());
    }

    #[test]
    fn flags_are_read_with_their_units() {
        let arguments = ["process", "--drain-deadline", "0.5", "--log-format", "json"];
        let process = Process::try_parse_from(arguments).unwrap();
        assert_eq!(process.serve.drain_deadline, Duration::from_millis(500));
        assert_eq!(process.log.log_format, LogFormat::Json);
    }

    #[test]
    fn seconds_that_are_none_are_refused() {
        for text in ["", "ten", "-1", "NaN", "inf"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }
}
