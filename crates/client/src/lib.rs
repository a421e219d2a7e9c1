//! Clients of the two services, and what is built on them.
//!
//! | file | answers |
//! | --- | --- |
//! | `connect.rs` | how one reaches the registry and the feed |
//! | `error.rs` | what a failed call means, for people |
//! | `subscription.rs`, `subscription/` | the feed as a stream that resumes by itself: nothing repeated, nothing skipped |
//! | `mirror.rs`, `mirror/` | a local copy of the present state that follows the feed |
//! | `import.rs`, `import/` | how a data set of tables becomes calls, in order, and safe to repeat |
//! | `tables.rs`, `tables/` | tables of memberships from the world: long, wide, graded, snapshots; and out again |

mod connect;
mod error;
pub mod import;
mod mirror;
mod subscription;
pub mod tables;

pub use connect::{ConnectError, Feed, Registry};
pub use error::{CallError, CallFailure, FieldProblem, RuleProblem};
pub use mirror::{Mirror, MirrorReader, MirrorRefused, Present, Size};
pub use subscription::{
    Backoff, CommitError, Commits, Gap, GapCause, Interruption, Item, OnExpired, Start,
    Subscription, SubscriptionBuilder, SubscriptionError, TokenFor, Tokens,
};
