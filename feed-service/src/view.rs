//! The feed's view: what it knows, as keys. Made of the feed's own commits alone, so it can be thrown
//! away and is rebuilt from the journal.
//!
//! Ids hold lower case letters, digits and hyphens, so `/` ends one and keys under a prefix stand in the
//! order of names. Numbers are big-endian.
//!
//! | key | value | tells |
//! | --- | --- | --- |
//! | `n/{network}` | `NetworkRow`, `Told` | a network of the registry: what decisions need, and the whole of it |
//! | `m/{member}` | `MemberRow`, `Told` | a member of the registry: what decisions need, and the whole of it |
//! | `b/{network}/{member}` | state, `i32`, then `Membership` | a membership of the registry |
//! | `s/{statement}` | `hansa.feed.v1.Statement` | a statement without its content; its `signature_count` is at `sc/` |
//! | `st/{statement}/{position}{index}` | empty | the events that tell its content, or told it |
//! | `red/{statement}` | empty | statements that are redacted |
//! | `sn/{network}/{statement}` | empty | statements a network issued |
//! | `sm/{member}/{statement}` | empty | statements a member issued or signed |
//! | `g/{statement}/{member}` | `hansa.feed.v1.Signature` | a signature |
//! | `sc/{statement}` | `i64` | signatures of a statement |
//! | `c/{campaign}` | `hansa.feed.v1.Campaign` | a campaign; its `participant_count` is at `pc/`, its `statements` at `cs/` |
//! | `cn/{network}/{campaign}` | empty | campaigns a network runs, or ran to their end |
//! | `cr/{network}/{campaign}` | empty | those of them that run |
//! | `cm/{member}/{campaign}` | empty | campaigns a member leads or led, takes or took part in |
//! | `cs/{campaign}/{position}/{statement}` | empty | statements of a campaign, and since when; 20 digits |
//! | `due/{network}` | `CauseRow` | a network that has ended while campaigns of it still run |
//! | `p/{campaign}/{member}` | `hansa.feed.v1.Participation` | a participation, also one that ended |
//! | `pc/{campaign}` | `i64` | members that take part now, leads not counted |
//! | `req/{request_id}` | `RequestRow` | which event answers a request |
//! | `u/{subscription}` | `hansa.feed.v1.Subscription` | a named subscription, without its lag |
//! | `ix` | count, bytes | events there are |
//! | `ip/{block}` | places | where the events of a block of numbers stand |
//! | `it/{axis}/{value}` | count, bytes, last block | numbers and places of the events that have a value |
//! | `ib/{axis}/{value}\0{block}` | numbers and places | its full blocks |
//! | `followed` | place | how far the registry is followed |
//!
//! | file | answers |
//! | --- | --- |
//! | `fold.rs` | what a commit writes |
//! | `campaigns.rs` | what it writes of campaigns, their statements, and the networks that run them |
//! | `lookup.rs` | what decisions and queries read |
//! | `index.rs` | which events have a value on an axis of a filter |
//! | `search.rs` | which events match a filter |
//! | `state.rs` | the present state as a snapshot tells it |
//! | `keys.rs` | how keys are made |

mod campaigns;
mod fold;
pub(crate) mod index;
mod keys;
mod lookup;
pub(crate) mod search;
pub(crate) mod state;

pub(crate) use fold::fold;
pub(crate) use lookup::Lookup;

use hansa_proto::pb::common::v1 as common;
use prost::Message;

/// Format of the keys and values. Another number: the view is rebuilt.
pub(crate) const FORMAT: u8 = 4;

/// What is kept of a network of the registry.
#[derive(Clone, PartialEq, Message)]
struct NetworkRow {
    #[prost(bool, tag = "1")]
    ended: bool,
    #[prost(string, repeated, tag = "2")]
    themes: Vec<String>,
    #[prost(message, optional, tag = "3")]
    ended_on: Option<common::PartialDate>,
    /// Resource name; empty: it did not merge.
    #[prost(string, tag = "4")]
    merged_into: String,
}

/// What stands behind a `NetworkRow` or a `MemberRow`, in one value with it: decisions read past it.
#[derive(Clone, PartialEq, Message)]
struct Told {
    /// The network or member, as the registry last told it.
    #[prost(bytes = "vec", tag = "15")]
    told: Vec<u8>,
}

/// What caused a network to end: the events that still follow from it say the same.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CauseRow {
    #[prost(string, tag = "1")]
    pub(crate) principal: String,
    #[prost(string, tag = "2")]
    pub(crate) request_id: String,
    #[prost(uint64, tag = "3")]
    pub(crate) registry_position: u64,
}

/// What is kept of a member of the registry.
#[derive(Clone, PartialEq, Message)]
struct MemberRow {
    #[prost(bool, tag = "1")]
    retired: bool,
    /// ISO 3166-1 alpha-2; empty: none.
    #[prost(string, tag = "2")]
    country: String,
}

/// Which event answers a request.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestRow {
    /// SHA-256 of the request's payload.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) payload_hash: Vec<u8>,
    /// Position of the commit.
    #[prost(uint64, tag = "2")]
    pub(crate) position: u64,
    /// Index of the event in it.
    #[prost(uint32, tag = "3")]
    pub(crate) event_index: u32,
}

#[cfg(test)]
mod tests;
