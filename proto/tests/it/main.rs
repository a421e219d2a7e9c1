//! The strict types seen from outside: what is written is read back, and junk is refused by name.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod edges;
mod enums;
mod patches;
mod round_trip;
mod strategies;
mod violations;
