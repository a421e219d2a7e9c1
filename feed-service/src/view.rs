//! The feed's view: what it knows, as keys. Made of the feed's own commits alone, so it can be thrown
//! away and is rebuilt from the journal.
//!
//! Ids hold lower case letters, digits and hyphens, so `/` ends one and keys under a prefix stand in the
//! order of names. Numbers are big-endian.
//!
//! | key | value | tells |
//! | --- | --- | --- |
//! | `n/{network}` | `NetworkRow` | a network of the registry: has it ended, its themes |
//! | `m/{member}` | `MemberRow` | a member of the registry: is it retired, its country |
//! | `b/{network}/{member}` | state, `i32` | a membership of the registry |
//! | `s/{statement}` | `hansa.feed.v1.Statement` | a statement; its `signature_count` is at `sc/` |
//! | `sn/{network}/{statement}` | empty | statements a network issued |
//! | `sm/{member}/{statement}` | empty | statements a member issued or signed |
//! | `g/{statement}/{member}` | `hansa.feed.v1.Signature` | a signature |
//! | `sc/{statement}` | `i64` | signatures of a statement |
//! | `c/{campaign}` | `hansa.feed.v1.Campaign` | a campaign; its `participant_count` is at `pc/` |
//! | `cn/{network}/{campaign}` | empty | campaigns of a network |
//! | `cm/{member}/{campaign}` | empty | campaigns a member leads, takes or took part in |
//! | `p/{campaign}/{member}` | `hansa.feed.v1.Participation` | a participation, also one that ended |
//! | `pc/{campaign}` | `i64` | members that take part now, leads not counted |
//! | `req/{request_id}` | `RequestRow` | which event answers a request |
//! | `followed` | place | how far the registry is followed |
//!
//! | file | answers |
//! | --- | --- |
//! | `fold.rs` | what a commit writes |
//! | `lookup.rs` | what decisions and queries read |
//! | `keys.rs` | how keys are made |

mod fold;
mod keys;
mod lookup;

pub(crate) use fold::fold;
pub(crate) use lookup::Lookup;

use prost::Message;

/// Format of the keys and values. Another number: the view is rebuilt.
pub(crate) const FORMAT: u8 = 1;

/// What is kept of a network of the registry.
#[derive(Clone, PartialEq, Message)]
struct NetworkRow {
    #[prost(bool, tag = "1")]
    ended: bool,
    #[prost(string, repeated, tag = "2")]
    themes: Vec<String>,
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
