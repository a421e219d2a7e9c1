//! Behaviour of the pair, through gRPC only.
// Seeds are printed: a failed run can be repeated.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod backup;
mod campaign_ends;
mod campaigns;
mod chaos;
mod client;
mod clocks;
mod contradictions;
mod crash;
mod damage;
mod dataset;
mod endings;
mod errors;
mod fixtures;
mod full_disk;
mod fuzz_seeds;
mod guarantees;
mod histories;
mod joins;
mod joint_statements;
mod lacroix;
mod landscape;
mod memberships;
mod mirror;
mod mutants;
mod plugs;
mod power;
mod real;
mod redaction;
mod requirements;
mod statements;
mod story;
mod strangers;
mod subscriptions;
mod table_files;
mod tables;
mod tidy;
mod validation;
mod views;
