//! Both services in this process, on ports of their own, with directories of their own: for the tests
//! of the pair, and for the integration tests of whoever calls it.
//!
//! ```no_run
//! # async fn example() {
//! let mut world = hansa_tests::World::start().await;
//! let mut registry = world.registry();
//! // … call it, subscribe to the feed, then pull a plug:
//! world.kill_feed().await;
//! world.start_feed().await;
//! # }
//! ```
//!
//! Everything here panics when it fails: a test has nothing better to do.
//!
//! | file | answers |
//! | --- | --- |
//! | `world.rs` | how the pair is started, stopped, killed and looked at |
//! | `crash.rs` | rounds of kill -9 of real processes |
//! | `checker.rs` | whether a history keeps what docs/guarantees.md promises |
//! | `history.rs` | what happened in a run, line by line |
//! | `model.rs` | what must become of a command |
//! | `run.rs` | seeded random runs |
//! | `make.rs` | the smallest valid request of each kind |
//! | `mutants.rs` | faults made by hand, each with the test that has to catch it |
//! | `events.rs` | reading streams to an end that is known |
//! | `refusal.rs` | what a status says, for assertions |
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod checker;
pub mod crash;
pub mod events;
pub mod history;
pub mod make;
pub mod model;
pub mod mutants;
pub mod refusal;
pub mod run;
mod world;

pub use world::{Clients, World};
