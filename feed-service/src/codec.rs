//! Events as bytes: what a commit of the feed holds, and the only file that knows how.
//!
//! | part | bytes |
//! | --- | --- |
//! | `body` | `SubscribeResponse { batch: Batch { events, cursor } }`, as a subscriber who takes all receives it |
//! | `meta` | one byte, the format ([`META_FORMAT`]), then the message [`Meta`] |
//!
//! The chain value is no part of either, so a commit is encoded once, before it is appended.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::{BufMut, Bytes, BytesMut};
use hansa_journal::limits::ERASURE_BYTES;
use hansa_journal::{Chain, Commit, Draft, Erasure, JournalId, Position, Slot};
use hansa_proto::feed::{Cursor, Subscription};
use hansa_proto::ids::{EventId, MemberId, RequestId, SubscriptionId};
use hansa_proto::pb::feed::v1 as pb;
use pb::subscribe_response::Message as StreamMessage;
use prost::Message;
use prost::encoding::{self, WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use crate::content;
use crate::domain::{Body, Followed, Former, Kept, NewEvent};

/// Number of the batch in its message, and of what a batch has.
const BATCH: u32 = 2;
const EVENTS: u32 = 1;
const CURSOR: u32 = 2;

/// Format of the meta part.
pub(crate) const META_FORMAT: u8 = 1;

/// What an event takes from the command that caused it.
pub(crate) struct Origin<'o> {
    /// Who caused it.
    pub(crate) principal: &'o str,
    /// The request that caused it; may be empty.
    pub(crate) request_id: &'o str,
    /// Position of the registry's commit it comes from; 0: none.
    pub(crate) registry_position: u64,
}

/// What only the feed reads of its commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommitMeta {
    /// The request that is answered by this commit.
    pub(crate) answered: Option<Answered>,
    /// How far the registry is followed after this commit, when it changed.
    pub(crate) followed: Option<Followed>,
    /// What became of a named subscription.
    pub(crate) kept: Option<Kept>,
    /// How many bytes events had before something of them was erased, by their index.
    pub(crate) told_bytes: BTreeMap<u32, u64>,
}

/// A request and where its answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The request.
    pub(crate) request_id: RequestId,
    /// SHA-256 of its payload.
    pub(crate) payload_hash: [u8; 32],
    /// Index of the event whose body answers it.
    pub(crate) event_index: u32,
}

/// A commit of the feed, read back.
pub(crate) struct Decoded {
    /// Its events, in order.
    pub(crate) events: Vec<pb::Event>,
    /// What only the feed reads.
    pub(crate) meta: CommitMeta,
}

/// Stored bytes are not what this program writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be decoded: {problem}")]
pub(crate) struct Corrupt {
    /// What.
    pub(crate) what: &'static str,
    /// Why not.
    pub(crate) problem: String,
}

impl Corrupt {
    /// For a reason that has words.
    pub(crate) fn new(what: &'static str, problem: impl ToString) -> Corrupt {
        Corrupt { what, problem: problem.to_string() }
    }
}

/// The stored form of [`CommitMeta`]. Fields are only ever added.
#[derive(Clone, PartialEq, Message)]
struct Meta {
    /// Empty: no request id.
    #[prost(string, tag = "1")]
    request_id: String,
    /// 32 bytes, with a request id.
    #[prost(bytes = "vec", tag = "2")]
    payload_hash: Vec<u8>,
    #[prost(uint32, tag = "3")]
    event_index: u32,
    #[prost(message, optional, tag = "4")]
    followed: Option<FollowedBytes>,
    #[prost(message, optional, tag = "5")]
    subscription: Option<pb::Subscription>,
    /// Resource name; empty: none was deleted.
    #[prost(string, tag = "6")]
    subscription_deleted: String,
    /// Zeros, so that the commit can hold what stands in its place once its content is erased.
    #[prost(bytes = "vec", tag = "7")]
    room: Vec<u8>,
    #[prost(btree_map = "uint32, uint64", tag = "8")]
    told_bytes: BTreeMap<u32, u64>,
}

/// The stored form of [`Followed`].
#[derive(Clone, PartialEq, Message)]
struct FollowedBytes {
    #[prost(uint64, tag = "1")]
    position: u64,
    #[prost(bytes = "vec", tag = "2")]
    chain: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    identity: Vec<u8>,
}

/// The events of a commit in their places.
pub(crate) fn place(slot: Slot, origin: &Origin<'_>, events: Vec<NewEvent>) -> Vec<pb::Event> {
    let numbered = (0u32..).zip(events);
    numbered.map(|(index, event)| placed(slot, index, origin, event)).collect()
}

fn placed(slot: Slot, index: u32, origin: &Origin<'_>, event: NewEvent) -> pb::Event {
    let position = slot.position.get();
    pb::Event {
        name: EventId { position, index }.to_string(),
        position,
        index,
        kind: event.kind.to_pb(),
        network: event.network.map(|id| id.name()).unwrap_or_default(),
        members: event.members.iter().map(MemberId::name).collect(),
        countries: event.countries.iter().map(ToString::to_string).collect(),
        themes: event.themes,
        campaign: event.campaign.map(|id| id.name()).unwrap_or_default(),
        occurred_at: event.occurred_at.map(|date| date.to_pb()),
        recorded_at: Some(timestamp(slot.recorded_at_micros)),
        principal: origin.principal.to_owned(),
        request_id: origin.request_id.to_owned(),
        registry_position: origin.registry_position,
        former: former(event.former),
        body: Some(body(event.body)),
        redacted_position: 0,
    }
}

fn former(former: Former) -> Option<pb::Former> {
    (!former.is_nothing()).then(|| pb::Former {
        network: former.network.map(|id| id.name()).unwrap_or_default(),
        members: former.members.iter().map(MemberId::name).collect(),
        countries: former.countries.iter().map(ToString::to_string).collect(),
        themes: former.themes,
    })
}

fn body(body: Body) -> pb::event::Body {
    use pb::event::Body as Pb;
    match body {
        Body::Network(network, active) => Pb::NetworkBody(Box::new(network.to_pb(active))),
        Body::Member(member) => Pb::MemberBody(Box::new(member.to_pb())),
        Body::Membership(membership) => Pb::MembershipBody(membership.to_pb()),
        Body::Statement(statement, signatures) => {
            Pb::StatementBody(Box::new(statement.into_pb(signatures)))
        }
        Body::Signature(signature) => Pb::SignatureBody(signature.to_pb()),
        Body::Campaign(campaign, participants) => {
            Pb::CampaignBody(Box::new(campaign.to_pb(participants)))
        }
        Body::Participation(participation) => Pb::ParticipationBody(participation.to_pb()),
    }
}

/// Microseconds since 1970 as the wire has them.
pub(crate) fn timestamp(micros: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).expect("below a billion"),
    }
}

/// The commit that holds these events.
pub(crate) fn encode(
    identity: JournalId,
    slot: Slot,
    events: &[pb::Event],
    meta: &CommitMeta,
) -> Draft {
    let (cursor, mut stored) = (cursor(identity, slot.position), stored_meta(meta));
    match frees_enough(events) {
        true => debug_assert_eq!(room(events, meta, &cursor), 0),
        false => stored.room = vec![0; room(events, meta, &cursor)],
    }
    let (meta, body) = (encode_meta(&stored), encode_body(events, &cursor));
    Draft { recorded_at_micros: slot.recorded_at_micros, meta, body }
}

/// Most bytes that an event takes more when its content is erased: when that was, twice, and in the meta
/// part how many bytes it had.
const ERASED_BYTES: usize = 48;

/// Whether what stands in the place of a commit once its content is erased certainly has no more bytes, as is
/// so of most: to find out how many takes as long as to encode it.
fn frees_enough(events: &[pb::Event]) -> bool {
    let told = events.iter().filter_map(content::told);
    let (count, freed) =
        told.fold((0, 0), |(count, freed), told| (count + 1, freed + content::text_bytes(told)));
    count == 0 || freed >= ERASURE_BYTES + count * ERASED_BYTES
}

/// Bytes that a commit lacks to hold what stands in its place once all its content is erased.
fn room(events: &[pb::Event], meta: &CommitMeta, cursor: &Bytes) -> usize {
    let held = stored_meta(meta).encoded_len() + body_bytes(events, cursor);
    let mut left = Decoded { events: events.to_vec(), meta: meta.clone() };
    match erase(&mut left, |_| Ok::<_, Infallible>(u64::MAX)) {
        Ok(false) => 0,
        Ok(true) => {
            let left_bytes = body_bytes(&left.events, cursor) + ERASURE_BYTES;
            (stored_meta(&left.meta).encoded_len() + left_bytes).saturating_sub(held)
        }
    }
}

/// Erases the content of statements where they were told, given the position of the event that redacted
/// them, 0 for one that stays. Whether there was anything.
pub(crate) fn erase<E>(
    commit: &mut Decoded,
    mut redacted: impl FnMut(&str) -> Result<u64, E>,
) -> Result<bool, E> {
    let mut any = false;
    for event in &mut commit.events {
        let Some(statement) = content::told(event) else { continue };
        let position = redacted(&statement.name)?;
        if position > 0 {
            commit.meta.told_bytes.insert(event.index, event.encoded_len() as u64);
            content::erase(event, position);
            any = true;
        }
    }
    Ok(any)
}

/// What is to stand in the place of a commit of which something is erased.
pub(crate) fn erasure(identity: JournalId, position: Position, left: Decoded) -> Erasure {
    let meta = encode_meta(&stored_meta(&left.meta));
    Erasure { position, meta, body: encode_body(&left.events, &cursor(identity, position)) }
}

/// A batch in its message, as prost encodes it, of events that are not taken for it.
fn encode_body(events: &[pb::Event], cursor: &Bytes) -> Bytes {
    let mut body = BytesMut::with_capacity(body_bytes(events, cursor));
    encode_key(BATCH, WireType::LengthDelimited, &mut body);
    encode_varint(batch_bytes(events, cursor) as u64, &mut body);
    events.iter().for_each(|event| encoding::message::encode(EVENTS, event, &mut body));
    encoding::bytes::encode(CURSOR, cursor, &mut body);
    body.freeze()
}

fn body_bytes(events: &[pb::Event], cursor: &Bytes) -> usize {
    let batch = batch_bytes(events, cursor);
    key_len(BATCH) + encoded_len_varint(batch as u64) + batch
}

fn batch_bytes(events: &[pb::Event], cursor: &Bytes) -> usize {
    let events = events.iter().map(|event| encoding::message::encoded_len(EVENTS, event));
    events.sum::<usize>() + encoding::bytes::encoded_len(CURSOR, cursor)
}

/// The cursor that says *after this position*.
pub(crate) fn cursor(identity: JournalId, position: Position) -> Bytes {
    Cursor { identity: *identity.as_bytes(), position: position.get() }.encode()
}

fn stored_meta(meta: &CommitMeta) -> Meta {
    let (request_id, payload_hash, event_index) = match &meta.answered {
        Some(answered) => {
            (answered.request_id.to_string(), answered.payload_hash.to_vec(), answered.event_index)
        }
        None => Default::default(),
    };
    let followed = meta.followed.map(followed_bytes);
    let (subscription, subscription_deleted) = match &meta.kept {
        Some(Kept::Now(subscription)) => (Some(subscription.to_pb()), String::new()),
        Some(Kept::Deleted(id)) => (None, id.to_string()),
        None => (None, String::new()),
    };
    Meta {
        request_id,
        payload_hash,
        event_index,
        followed,
        subscription,
        subscription_deleted,
        room: Vec::new(),
        told_bytes: meta.told_bytes.clone(),
    }
}

fn encode_meta(message: &Meta) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + message.encoded_len());
    bytes.put_u8(META_FORMAT);
    message.encode_raw(&mut bytes);
    bytes.freeze()
}

/// The commit read back.
pub(crate) fn decode(commit: &Commit) -> Result<Decoded, Corrupt> {
    Ok(Decoded { events: decode_events(&commit.body)?, meta: decode_meta(&commit.meta)? })
}

/// The events of a stored body.
pub(crate) fn decode_events(body: &Bytes) -> Result<Vec<pb::Event>, Corrupt> {
    let decoded = pb::SubscribeResponse::decode(body.clone())
        .map_err(|error| Corrupt::new("the body of a commit", error))?;
    match decoded.message {
        Some(StreamMessage::Batch(batch)) => Ok(batch.events),
        _ => Err(Corrupt::new("the body of a commit", "it is not a batch")),
    }
}

/// The meta part read back.
pub(crate) fn decode_meta(meta: &[u8]) -> Result<CommitMeta, Corrupt> {
    let corrupt = |problem: String| Corrupt::new("the meta part of a commit", problem);
    let Some((&META_FORMAT, message)) = meta.split_first() else {
        return Err(corrupt("its format is not known".to_owned()));
    };
    let meta = Meta::decode(message).map_err(|error| corrupt(error.to_string()))?;
    let answered = match meta.request_id.as_str() {
        "" => None,
        request_id => Some(Answered {
            request_id: RequestId::parse(request_id).map_err(corrupt)?,
            payload_hash: fixed(&meta.payload_hash).map_err(corrupt)?,
            event_index: meta.event_index,
        }),
    };
    let followed = meta.followed.map(read_followed).transpose().map_err(corrupt)?;
    let kept = match (meta.subscription, meta.subscription_deleted.as_str()) {
        (Some(message), _) => {
            let subscription = Subscription::from_stored(message);
            Some(Kept::Now(Box::new(subscription.map_err(|error| corrupt(error.to_string()))?)))
        }
        (None, "") => None,
        (None, name) => Some(Kept::Deleted(SubscriptionId::parse(name).map_err(corrupt)?)),
    };
    Ok(CommitMeta { answered, followed, kept, told_bytes: meta.told_bytes })
}

/// How far the registry is followed, as stored in the view.
pub(crate) fn encode_followed(followed: Followed) -> Vec<u8> {
    followed_bytes(followed).encode_to_vec()
}

/// How far the registry is followed, read back from the view.
pub(crate) fn decode_followed(bytes: &[u8]) -> Result<Followed, Corrupt> {
    let corrupt = |problem: String| Corrupt::new("the place in the registry", problem);
    let message = FollowedBytes::decode(bytes).map_err(|error| corrupt(error.to_string()))?;
    read_followed(message).map_err(corrupt)
}

fn followed_bytes(followed: Followed) -> FollowedBytes {
    FollowedBytes {
        position: followed.position.get(),
        chain: followed.chain.as_bytes().to_vec(),
        identity: followed.identity.as_bytes().to_vec(),
    }
}

fn read_followed(message: FollowedBytes) -> Result<Followed, String> {
    Ok(Followed {
        position: Position::new(message.position),
        chain: Chain::from_bytes(fixed(&message.chain)?),
        identity: JournalId::from_bytes(fixed(&message.identity)?),
    })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("{} bytes where {N} belong", bytes.len()))
}

#[cfg(test)]
mod tests;
