//! The messages of the feed, strict: statements, campaigns, what a subscriber asks for, cursors.

mod campaign;
mod cursor;
mod filter;
mod statement;

pub use crate::enums::feed::EventKind;
pub use crate::stored::Recorded;
pub use campaign::{
    Campaign, CampaignKind, CampaignState, Figure, Milestone, Outcome, OutcomeKind, Participation,
};
pub use cursor::Cursor;
pub use filter::Filter;
pub use statement::{Signature, Statement, StatementKind, StatementState};
