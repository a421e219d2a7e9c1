//! Both services in this process, on ports of their own, with directories of their own: for the tests
//! of the pair, and for the integration tests of whoever calls it.
//!
//! ```
//! # #[tokio::main] async fn main() {
//! use hansa_client::{Feed, Item, Subscription};
//! use hansa_tests::{World, make};
//!
//! let mut world = World::start().await;
//! world.registry().create_member(make::member("pt-lisbon", "PT")).await.unwrap();
//! let feed = Feed::connect(&world.feed_url()).await.unwrap();
//! let mut news = Subscription::builder(&feed).open();
//! let Item::Opened(_) = news.next().await.unwrap().unwrap() else { panic!("not opened") };
//! world.kill_feed().await; // a crash; what is durable is there again
//! world.start_feed().await;
//! let told = async { while !matches!(news.next().await, Some(Ok(Item::Events { .. }))) {} };
//! tokio::time::timeout(std::time::Duration::from_secs(30), told).await.unwrap();
//! # }
//! ```
//!
//! Everything here panics when it fails: a test has nothing better to do.
//!
//! | file | answers |
//! | --- | --- |
//! | `world.rs` | how the pair is started, stopped, killed and looked at |
//! | `chaos.rs` | a front that cuts, delays and lies, for tests of clients |
//! | `crash.rs` | rounds of kill -9 of real processes |
//! | `checker.rs` | whether a history keeps what docs/guarantees.md promises |
//! | `fixture.rs` | what the data directories kept in `fixtures` hold |
//! | `killing.rs` | a disk that kills the process on it in a planned phase |
//! | `model.rs` | what must become of a command |
//! | `run.rs` | seeded random runs |
//! | `make.rs` | the smallest valid request of each kind |
//! | `mutants.rs` | faults made by hand, each with the test that has to catch it |
//! | `events.rs` | reading streams to an end that is known |
//! | `fuzz.rs` | what a stranger's bytes may do to each parser |
//! | `history.rs` | what happened in a run, line by line |
//! | `on_disk.rs` | one service over a disk that fails |
//! | `plug.rs` | connections that are cut, or held still |
//! | `processes.rs` | the pair as a process of its own, with the real binary |
//! | `strangers.rs` | load, and strangers that mean no good |
//! | `refusal.rs` | what a status says, for assertions |
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod chaos;
pub mod checker;
pub mod crash;
pub mod events;
pub mod fixture;
pub mod fuzz;
pub mod history;
pub mod killing;
pub mod make;
pub mod model;
pub mod mutants;
pub mod on_disk;
pub mod plug;
pub mod processes;
pub mod refusal;
pub mod run;
pub mod strangers;
mod world;

pub use world::{Clients, Clocks, Links, World};
