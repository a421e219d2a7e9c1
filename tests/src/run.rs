//! Seeded random runs: publishers, joiners, subscribers with random filters, cursors, disconnects,
//! restarts of both services, slow readers, snapshots, lost answers.
//!
//! One driver does one step after the other, so that the same seed tells the same story, however long
//! each step takes: what is acknowledged, and at which position, and what each subscriber is sent, are
//! functions of the seed. Each command goes through the model first, and its answer and its events have
//! to be what the model says. The whole run is recorded, and in the end its history goes through every
//! validator, and both journals through `verify`. A fault that was planned and did not fire fails it.
//!
//! | file | answers |
//! | --- | --- |
//! | `plan.rs` | what is done, step by step: a function of the seed |
//! | `ask.rs` | how a command of the model is asked over gRPC |
//! | `drive.rs` | how the steps are done, and what is checked after each |
//! | `subscriber.rs` | how a subscriber reads as far as it is due, and resumes |
//! | `faults.rs` | which faults were planned, and which fired |
//! | `same.rs` | what of a history is the same in every run of a seed |

mod ask;
mod drive;
mod faults;
mod plan;
mod same;
mod subscriber;

pub use drive::{Report, run};
pub use faults::{Fault, Ledger};
pub use plan::{Apart, From, Link, Plan, Plug, Step, Way};
pub use same::same_in_every_run;
