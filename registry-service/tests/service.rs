//! The registry through gRPC: the very service, on a port of its own and a directory of its own.
#![allow(clippy::unwrap_used)]

#[path = "service/batches.rs"]
mod batches;
#[path = "service/exports.rs"]
mod exports;
#[path = "service/harness.rs"]
mod harness;
#[path = "service/imports.rs"]
mod imports;
#[path = "service/landscape.rs"]
mod landscape;
#[path = "service/limits.rs"]
mod limits;
#[path = "service/lists.rs"]
mod lists;
#[path = "service/process.rs"]
mod process;
#[path = "service/reads.rs"]
mod reads;
#[path = "service/starting.rs"]
mod starting;
#[path = "service/two_times.rs"]
mod two_times;
#[path = "service/watching.rs"]
mod watching;
#[path = "service/writes.rs"]
mod writes;
