//! The messages of the feed, strict: statements, campaigns, subscriptions and what they ask for,
//! cursors.

mod campaign;
mod cursor;
mod filter;
mod statement;
mod subscription;

pub use crate::enums::feed::{EventKind, OnExpired};
pub use crate::stored::Recorded;
pub use campaign::{
    Campaign, CampaignKind, CampaignState, Evaluation, Figure, Handover, Milestone, Outcome,
    OutcomeKind, Participation,
};
pub use cursor::Cursor;
pub use filter::Filter;
pub use statement::{Signature, Statement, StatementKind, StatementState};
pub use subscription::{Subscription, SubscriptionState};
