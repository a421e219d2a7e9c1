//! Domain ⇄ stored bytes.
//!
//! * The `body` of a commit is an encoded `WatchChangesResponse { commit }` as a watcher receives it,
//!   but for the chain value, which is known only once the commit has its place.
//! * Its `meta` is a format byte and an encoded [`Meta`].
//! * A resource in the view is a format byte and its encoded message.
//!
//! `codec/commits.hex` holds stored bytes of every kind of change: what has been written once
//! must decode for ever.

use bytes::{BufMut, Bytes, BytesMut};
use hansa_journal::{Commit, Slot, Stored};
use hansa_proto::ids::RequestId;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{Member, Membership, Network};
use prost::Message as _;

use crate::domain::{Change, Resource};

/// Format of `meta`.
const META_FORMAT: u8 = 1;

/// Stored bytes that are not what this service writes.
#[derive(Debug, thiserror::Error)]
#[error("{what} does not decode: {why}")]
pub(crate) struct CodecError {
    what: &'static str,
    why: String,
}

impl CodecError {
    pub(crate) fn new(what: &'static str, why: impl ToString) -> CodecError {
        CodecError { what, why: why.to_string() }
    }
}

/// What only the registry reads of a commit.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Meta {
    /// The request that asked for the commit; empty when it carried no id.
    #[prost(string, tag = "1")]
    pub(crate) request_id: String,
    /// SHA-256 of its payload; empty when it carried no id.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) payload_hash: Bytes,
    /// Index of the change whose resource answers it.
    #[prost(uint32, tag = "3")]
    pub(crate) answer_index: u32,
    /// What answers each item, when a batch asked for the commit.
    #[prost(message, repeated, tag = "4")]
    pub(crate) items: Vec<ItemAnswer>,
}

/// What answers one item of a batch.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ItemAnswer {
    /// Index of the change whose resource answers it.
    #[prost(uint32, tag = "1")]
    pub(crate) index: u32,
    /// An encoded `Change` with the resource that answers it; only when the item changed nothing.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) unchanged: Bytes,
}

impl ItemAnswer {
    /// Answered by a change of the commit.
    pub(crate) fn changed(index: u32) -> ItemAnswer {
        ItemAnswer { index, unchanged: Bytes::new() }
    }

    /// Answered by a resource that the item left as it was.
    pub(crate) fn unchanged(resource: pb::change::Resource) -> ItemAnswer {
        let change = pb::Change { resource: Some(resource), ..pb::Change::default() };
        ItemAnswer { index: 0, unchanged: Bytes::from(change.encode_to_vec()) }
    }

    /// The resource, out of the changes of the commit.
    pub(crate) fn resource(
        &self,
        changes: &[pb::Change],
    ) -> Result<pb::change::Resource, CodecError> {
        let missing = || CodecError::new("the answer to an item", "it is not there");
        if self.unchanged.is_empty() {
            let index = usize::try_from(self.index).map_err(|_| missing())?;
            return changes.get(index).and_then(|it| it.resource.clone()).ok_or_else(missing);
        }
        let change = pb::Change::decode(self.unchanged.clone())
            .map_err(|error| CodecError::new("the answer to an item", error))?;
        change.resource.ok_or_else(missing)
    }
}

impl Meta {
    /// As stored.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(1 + self.encoded_len());
        bytes.put_u8(META_FORMAT);
        bytes.extend_from_slice(&self.encode_to_vec());
        bytes.freeze()
    }

    /// From what is stored.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Meta, CodecError> {
        match bytes.split_first() {
            Some((&META_FORMAT, message)) => {
                Meta::decode(message).map_err(|error| CodecError::new("the meta", error))
            }
            Some((format, _)) => {
                Err(CodecError::new("the meta", format!("format {format} is unknown")))
            }
            None => Err(CodecError::new("the meta", "it is empty")),
        }
    }
}

/// The body of a commit. It is lent its changes while it is encoded.
pub(crate) fn body(
    slot: Slot,
    principal: &str,
    request_id: Option<&RequestId>,
    changes: &mut Vec<pb::Change>,
) -> Bytes {
    use pb::watch_changes_response::Message;
    let commit = pb::Commit {
        position: slot.position.get(),
        recorded_at: Some(timestamp(slot.recorded_at_micros)),
        principal: principal.to_owned(),
        request_id: request_id.map(RequestId::to_string).unwrap_or_default(),
        changes: std::mem::take(changes),
        chain: Bytes::new(),
    };
    let response = pb::WatchChangesResponse { message: Some(Message::Commit(commit)) };
    let body = response.encode_to_vec();
    if let Some(Message::Commit(commit)) = response.message {
        *changes = commit.changes;
    }
    body.into()
}

/// A change as watchers receive it; `active_members` is what its network, if it is one, then counts.
pub(crate) fn change_to_pb(change: &Change, active_members: i64) -> pb::Change {
    pb::Change {
        kind: change.kind.to_pb(),
        occurred_at: change.occurred_at.map(|date| date.to_pb()),
        resource: Some(resource_to_pb(&change.resource, active_members)),
    }
}

/// A resource as callers receive it.
pub(crate) fn resource_to_pb(resource: &Resource, active_members: i64) -> pb::change::Resource {
    use pb::change::Resource as Pb;
    match resource {
        Resource::Network(network) => Pb::Network(Box::new(network.to_pb(active_members))),
        Resource::Member(member) => Pb::Member(Box::new(member.to_pb())),
        Resource::Membership(membership) => Pb::Membership(membership.to_pb()),
    }
}

/// The commit of a body, without its chain value.
pub(crate) fn commit(body: &[u8]) -> Result<pb::Commit, CodecError> {
    let response = pb::WatchChangesResponse::decode(body)
        .map_err(|error| CodecError::new("the body of a commit", error))?;
    match response.message {
        Some(pb::watch_changes_response::Message::Commit(commit)) => Ok(commit),
        _ => Err(CodecError::new("the body of a commit", "it holds no commit")),
    }
}

/// How a commit goes out to watchers: what is stored, and the chain value after it. Messages of protobuf
/// merge when they follow each other.
pub(crate) fn framing(stored: &Stored<'_>, out: &mut Vec<u8>) -> bool {
    let commit = pb::Commit { chain: Bytes::from(stored.chain.to_vec()), ..Default::default() };
    let message = pb::watch_changes_response::Message::Commit(commit);
    let chain = pb::WatchChangesResponse { message: Some(message) };
    chain.encode(out).expect("a vector grows as it must");
    true
}

/// A stored commit as a watcher receives it.
pub(crate) fn watched(stored: &Commit) -> Result<pb::WatchChangesResponse, CodecError> {
    let mut commit = commit(&stored.body)?;
    commit.chain = Bytes::copy_from_slice(stored.chain.as_bytes());
    Ok(pb::WatchChangesResponse {
        message: Some(pb::watch_changes_response::Message::Commit(commit)),
    })
}

/// A stored network.
pub(crate) fn network_from_pb(network: pb::Network) -> Result<Network, CodecError> {
    Network::from_stored(network).map_err(|error| CodecError::new("a network", error))
}

/// A stored member.
pub(crate) fn member_from_pb(member: pb::Member) -> Result<Member, CodecError> {
    Member::from_stored(member).map_err(|error| CodecError::new("a member", error))
}

/// A stored membership.
pub(crate) fn membership_from_pb(membership: pb::Membership) -> Result<Membership, CodecError> {
    Membership::from_stored(membership).map_err(|error| CodecError::new("a membership", error))
}

/// Microseconds since 1970 as the wire has them.
pub(crate) fn timestamp(micros: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000)
        .expect("less than a second has less than 2^31 nanoseconds");
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

#[cfg(test)]
mod tests;
