//! Everything a server takes on, by name: what can be set, and what is the same everywhere. What all of
//! it comes to in memory stands in docs/operations.md.

use std::time::Duration;

use clap::Args;

use crate::config::seconds;

/// A connection on which nothing came for this long is asked whether it is still there.
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// A connection that does not answer that for this long is dropped.
pub(super) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// What may be on its way to the server, of one request and of all of a connection.
pub(super) const WINDOW_BYTES: u32 = 1024 * 1024;
/// The most bytes of headers of one request.
pub(super) const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Streams that were opened and reset before they were looked at; one more ends the connection.
pub(super) const PENDING_RESETS_MAX: usize = 20;
/// Streams reset for errors of the other side in the life of a connection; one more ends it.
pub(super) const ERROR_RESETS_MAX: usize = 256;
/// What is buffered for a stream whose reader does not read, before the service is not asked for more.
pub(super) const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// What is read of a request of HTTP/1 before it is dealt with, headers included.
pub(super) const HTTP1_BUFFER_BYTES: usize = 64 * 1024;

/// What one process takes on. Beyond these it says RESOURCE_EXHAUSTED or lets callers wait; it never
/// grows without bound.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Connections at once; more wait in the system's backlog
    #[arg(
        long,
        env = "HANSA_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 4096,
        value_parser = at_least_one
    )]
    pub max_connections: usize,

    /// Calls at once on one connection, streams included; HTTP/2 clients hold further ones back
    #[arg(
        long,
        env = "HANSA_MAX_STREAMS_PER_CONNECTION",
        value_name = "COUNT",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub max_streams_per_connection: u32,

    /// Calls at once that have not begun to answer; more are refused with RESOURCE_EXHAUSTED. A
    /// stream counts only until it answers
    #[arg(
        long,
        env = "HANSA_MAX_WAITING_CALLS",
        value_name = "COUNT",
        default_value_t = 8192,
        value_parser = at_least_one
    )]
    pub max_waiting_calls: usize,

    /// Calls at once in all, streams and connections included; more are refused with
    /// RESOURCE_EXHAUSTED
    #[arg(
        long,
        env = "HANSA_MAX_OPEN_CALLS",
        value_name = "COUNT",
        default_value_t = 32_768,
        value_parser = at_least_one
    )]
    pub max_open_calls: usize,

    /// Bytes at once of requests that are not answered yet, beyond 16 KiB of each; more are refused
    /// with RESOURCE_EXHAUSTED
    #[arg(
        long,
        env = "HANSA_MAX_REQUEST_BYTES",
        value_name = "BYTES",
        default_value_t = 64 * 1024 * 1024,
        value_parser = at_least_one
    )]
    pub max_request_bytes: usize,

    /// How long a request may take to come whole, if its answer does not begin before. In seconds
    #[arg(
        long = "request-deadline",
        env = "HANSA_REQUEST_DEADLINE",
        value_name = "SECONDS",
        default_value = "20",
        value_parser = seconds
    )]
    pub request_deadline: Duration,

    /// How long a new connection may take to say what it speaks. In seconds
    #[arg(
        long = "handshake-deadline",
        env = "HANSA_HANDSHAKE_DEADLINE",
        value_name = "SECONDS",
        default_value = "10",
        value_parser = seconds
    )]
    pub handshake_deadline: Duration,

    /// After how long without a call a connection is asked to go; clients connect again by
    /// themselves. In seconds
    #[arg(
        long = "idle-deadline",
        env = "HANSA_IDLE_DEADLINE",
        value_name = "SECONDS",
        default_value = "300",
        value_parser = seconds
    )]
    pub idle_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_streams_per_connection: 1000,
            max_waiting_calls: 8192,
            max_open_calls: 32_768,
            max_request_bytes: 64 * 1024 * 1024,
            request_deadline: Duration::from_secs(20),
            handshake_deadline: Duration::from_secs(10),
            idle_deadline: Duration::from_secs(300),
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
