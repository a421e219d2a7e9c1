//! What every Hansa process needs, and nothing about networks: it would serve any gRPC service.
//!
//! | file | answers |
//! | --- | --- |
//! | `clock.rs` | what time is it; the only place that reads a clock |
//! | `config.rs` | the flags every process shares |
//! | `telemetry.rs` | where log lines go, and panics with them |
//! | `shutdown.rs` | when to stop: gently (drain) or at once (kill) |
//! | `health.rs` | which services may be called |
//! | `server.rs`, `server/` | how a process listens, and how its server ends |
//! | `framed.rs` | streams whose messages are ready-made |
//! | `status.rs` | how a failure is told to a caller |
//!
//! Promise: once [`server::serve`] has returned, none of its tasks lives on, so the same port and
//! the same data directory can be used again at once.

pub mod clock;
pub mod config;
pub mod framed;
pub mod health;
pub mod server;
pub mod shutdown;
pub mod status;
pub mod telemetry;
