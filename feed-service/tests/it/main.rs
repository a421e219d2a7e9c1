//! The feed through gRPC alone, with a registry whose commits the test controls.
#![allow(clippy::unwrap_used)]

mod campaigns;
mod feed;
mod following;
mod registry;
mod statements;
mod subscribing;
