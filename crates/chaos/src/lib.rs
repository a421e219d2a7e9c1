//! A front before a real feed that lets go wrong what can go wrong: for tests of clients.
//!
//! It speaks HTTP/2 itself, so that it can cut where no gRPC library would: in the middle of a message,
//! without trailers, by GOAWAY. What it lets through is what the feed says, in the feed's order, each
//! message once; only an identity is exchanged for another, when that is asked for. The kinds of faults
//! stand in `hansa/chaos/v1/chaos_service.proto`, how to use it in `docs/testing-clients.md`.
//!
//! It listens on loopback only, and it is off unless it is asked for.
//!
//! | file | answers |
//! | --- | --- |
//! | `kind.rs`, `fault.rs` | what can go wrong, and how it is told |
//! | `plan.rs` | what a seed plans |
//! | `control.rs` | which fault fires when |
//! | `front.rs` | connections |
//! | `exchange.rs` | one call: what the feed says, and what happens to it |
//! | `caller.rs`, `feed.rs` | its two sides |
//! | `frames.rs` | messages in a stream of bytes |
//! | `identity.rs`, `expiry.rs` | another identity, cursors that have expired |
//! | `service.rs` | the control over gRPC |

mod caller;
mod control;
mod exchange;
mod expiry;
mod fault;
mod feed;
mod frames;
mod front;
mod identity;
mod kind;
mod plan;
mod service;
mod status;

pub use control::Report;
pub use fault::{Fault, Firing, Known, SUBSCRIBE};
pub use front::{Front, StartError};
pub use kind::Kind;
pub use plan::{EVERY_MAX, FAULTS_MAX, Plan, WEIGHT_MAX};
pub use service::serve_control;
