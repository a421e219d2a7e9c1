//! Behaviour of the pair, through gRPC only.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod campaigns;
mod dataset;
mod errors;
mod guarantees;
mod joins;
mod memberships;
mod plugs;
mod statements;
mod story;
mod tidy;
mod views;
