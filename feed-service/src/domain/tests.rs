//! Tables: a state and a command, and what they come to.
#![allow(clippy::unwrap_used)]
