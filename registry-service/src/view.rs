//! The view's keys, how a change is folded into them, and look-ups.
//!
//! | key | value | says |
//! | --- | --- | --- |
//! | `network/{network}` | message Network, without `active_member_count` | the network |
//! | `member/{member}` | message Member | the member |
//! | `membership/{network}/{member}` | message Membership | the membership, by network |
//! | `belongs/{member}/{network}` | 1 when it belongs now, else 0: u8 | the membership, by member |
//! | `count/{network}` | held, held and active, position of the last change: 3 × u64 | memberships of the network |
//! | `total/network/{state}` | u64 | networks in the state |
//! | `total/member` | u64 | members |
//! | `total/membership/{state}` | u64 | memberships whose last term is in the state |
//! | `total/term` | u64 | terms |
//! | `request/{request id}` | payload hash: 32 bytes, position: u64, index: u32 | what it was answered |
//!
//! `view/tallies.rs` has those the statistics read, `view/versions.rs` those of what was, and
//! `view/postings.rs` those by which lists are filtered and ordered;
//! `view/clues.rs` those by which members are found by what others call them. `view/candidates.rs` reads of a
//! member what the rules of membership ask, `view/networks.rs` networks once for many who join.
//!
//! Every value begins with the byte [`FORMAT`]; numbers are big-endian. Ids hold no `/`, so that a
//! prefix that ends in one is never the beginning of another id.

mod candidates;
pub(crate) mod clues;
pub(crate) mod networks;
pub(crate) mod postings;
pub(crate) mod tallies;
pub(crate) mod versions;

use std::sync::Arc;

use hansa_journal::Position;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId, RequestId};
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{Member, Membership, MembershipState, Network, NetworkState};
use hansa_view::{Keys, Staging, ViewError};
use prost::Message;
use smallvec::SmallVec;

use crate::codec::{self, CodecError};
use crate::domain::candidate::Candidate;
use crate::domain::{self, State, StateError};
use networks::Networks;
use postings::Postings;

/// Format of the view and of each value in it. Another one empties the view at the next start.
pub(crate) const FORMAT: u8 = 2;

/// Prefix of all networks.
pub(crate) const NETWORKS: &[u8] = b"network/";
/// Prefix of all members.
pub(crate) const MEMBERS: &[u8] = b"member/";
/// Prefix of all memberships, by network.
pub(crate) const MEMBERSHIPS: &[u8] = b"membership/";

const TOTAL_MEMBERS: &[u8] = b"total/member";
const TOTAL_TERMS: &[u8] = b"total/term";

/// How many memberships are looked at in one go.
const SCAN: usize = 500;

/// A key; most are so short.
pub(crate) type Key = SmallVec<[u8; 96]>;

/// A value; numbers and the like are so short.
type Value = SmallVec<[u8; 48]>;

/// A key of its parts.
fn key(parts: &[&str]) -> Key {
    let mut key = Key::new();
    parts.iter().for_each(|part| key.extend_from_slice(part.as_bytes()));
    key
}

fn network_key(id: &NetworkId) -> Key {
    key(&["network/", id.id()])
}

fn member_key(id: &MemberId) -> Key {
    key(&["member/", id.id()])
}

fn membership_key(id: &MembershipId) -> Key {
    key(&["membership/", id.network.id(), "/", id.member.id()])
}

/// Key of the index entry of a membership, by member.
pub(crate) fn belongs_key(id: &MembershipId) -> Key {
    key(&["belongs/", id.member.id(), "/", id.network.id()])
}

/// Prefix of the memberships of a network.
pub(crate) fn memberships_of_network(id: &NetworkId) -> Vec<u8> {
    key(&["membership/", id.id(), "/"]).into_vec()
}

/// Prefix of the index entries of a member.
pub(crate) fn memberships_of_member(id: &MemberId) -> Vec<u8> {
    key(&["belongs/", id.id(), "/"]).into_vec()
}

fn count_key(id: &NetworkId) -> Key {
    key(&["count/", id.id()])
}

fn total_networks_key(state: NetworkState) -> Key {
    key(&["total/network/", state.as_str()])
}

fn total_memberships_key(state: MembershipState) -> Key {
    key(&["total/membership/", state.as_str()])
}

fn request_key(id: &RequestId) -> Key {
    key(&["request/", id.as_str()])
}

/// What is stored is not what this service writes.
pub(crate) fn undecodable(error: CodecError) -> ViewError {
    ViewError::Value(error.to_string())
}

/// What a value holds behind its format byte.
pub(crate) fn content(value: &[u8]) -> Result<&[u8], ViewError> {
    match value.split_first() {
        Some((&FORMAT, content)) => Ok(content),
        Some((format, _)) => Err(ViewError::Value(format!("format {format} is unknown"))),
        None => Err(ViewError::Value("a value is empty".to_owned())),
    }
}

fn stored(content: &[u8]) -> Value {
    let mut value = Value::with_capacity(1 + content.len());
    value.push(FORMAT);
    value.extend_from_slice(content);
    value
}

fn stored_message(message: &impl Message) -> Vec<u8> {
    let mut value = Vec::with_capacity(1 + message.encoded_len());
    value.push(FORMAT);
    message.encode_raw(&mut value);
    value
}

/// A message out of a value.
pub(crate) fn message<M: Message + Default>(value: &[u8]) -> Result<M, ViewError> {
    M::decode(content(value)?).map_err(|error| ViewError::Value(error.to_string()))
}

fn message_at<M: Message + Default>(keys: &dyn Keys, key: &[u8]) -> Result<Option<M>, ViewError> {
    keys.get(key)?.map(|value| message(&value)).transpose()
}

/// Memberships of one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Whatever their state.
    pub(crate) held: u64,
    /// ACTIVE or SUSPENDED.
    pub(crate) active: u64,
    /// Position of the last change of one of them.
    pub(crate) changed: u64,
}

impl Count {
    /// The active ones as the wire has them.
    pub(crate) fn active_on_the_wire(self) -> i64 {
        on_the_wire(self.active)
    }
}

/// A count as the wire has it.
pub(crate) fn on_the_wire(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn number(keys: &dyn Keys, key: &[u8]) -> Result<u64, ViewError> {
    number_in(keys.get(key)?.as_deref())
}

/// The number a value holds; 0 when there is none.
fn number_in(value: Option<&[u8]>) -> Result<u64, ViewError> {
    value.map_or(Ok(0), |value| decoded_number(content(value)?))
}

fn decoded_number(content: &[u8]) -> Result<u64, ViewError> {
    let bytes: [u8; 8] =
        content.try_into().map_err(|_| ViewError::Value("a number has not 8 bytes".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Memberships of a network.
pub(crate) fn count(keys: &dyn Keys, id: &NetworkId) -> Result<Count, ViewError> {
    let Some(value) = keys.get(&count_key(id))? else { return Ok(Count::default()) };
    let damaged = || ViewError::Value("a count has not 24 bytes".to_owned());
    let (numbers, []) = content(&value)?.as_chunks::<8>() else { return Err(damaged()) };
    let [held, active, changed] = *numbers else { return Err(damaged()) };
    Ok(Count {
        held: u64::from_be_bytes(held),
        active: u64::from_be_bytes(active),
        changed: u64::from_be_bytes(changed),
    })
}

/// Networks in a state.
pub(crate) fn total_networks(keys: &dyn Keys, state: NetworkState) -> Result<u64, ViewError> {
    number(keys, &total_networks_key(state))
}

/// Members in all.
pub(crate) fn total_members(keys: &dyn Keys) -> Result<u64, ViewError> {
    number(keys, TOTAL_MEMBERS)
}

/// Memberships whose last term is in a state.
pub(crate) fn total_memberships(keys: &dyn Keys, state: MembershipState) -> Result<u64, ViewError> {
    number(keys, &total_memberships_key(state))
}

/// Terms in all.
pub(crate) fn total_terms(keys: &dyn Keys) -> Result<u64, ViewError> {
    number(keys, TOTAL_TERMS)
}

/// The network as callers receive it.
pub(crate) fn network(keys: &dyn Keys, id: &NetworkId) -> Result<Option<pb::Network>, ViewError> {
    let Some(network) = message_at::<pb::Network>(keys, &network_key(id))? else {
        return Ok(None);
    };
    counted(keys, network).map(Some)
}

/// A stored network with the number of its members.
pub(crate) fn counted(keys: &dyn Keys, network: pb::Network) -> Result<pb::Network, ViewError> {
    let id = NetworkId::parse(&network.name).map_err(ViewError::Value)?;
    let active_member_count = count(keys, &id)?.active_on_the_wire();
    Ok(pb::Network { active_member_count, ..network })
}

/// A stored network, strict.
pub(crate) fn strict_network(network: pb::Network) -> Result<Network, ViewError> {
    codec::network_from_pb(network).map_err(undecodable)
}

/// The member as callers receive it.
pub(crate) fn member(keys: &dyn Keys, id: &MemberId) -> Result<Option<pb::Member>, ViewError> {
    message_at(keys, &member_key(id))
}

/// The membership as callers receive it.
pub(crate) fn membership(
    keys: &dyn Keys,
    id: &MembershipId,
) -> Result<Option<pb::Membership>, ViewError> {
    message_at(keys, &membership_key(id))
}

/// What a request id was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// SHA-256 of the payload.
    pub(crate) payload_hash: [u8; 32],
    /// The commit it led to.
    pub(crate) position: Position,
    /// The change of the commit that answers it.
    pub(crate) index: u32,
}

/// What a request id was answered, if it was ever.
pub(crate) fn answered(keys: &dyn Keys, id: &RequestId) -> Result<Option<Answered>, ViewError> {
    let Some(value) = keys.get(&request_key(id))? else { return Ok(None) };
    let damaged = || ViewError::Value("an answered request has not 44 bytes".to_owned());
    let (payload_hash, rest) = content(&value)?.split_first_chunk::<32>().ok_or_else(damaged)?;
    let (position, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let index: [u8; 4] = rest.try_into().map_err(|_| damaged())?;
    Ok(Some(Answered {
        payload_hash: *payload_hash,
        position: Position::new(u64::from_be_bytes(*position)),
        index: u32::from_be_bytes(index),
    }))
}

/// Stages what a request id was answered.
pub(crate) fn put_answered(staging: &mut Staging, id: &RequestId, answered: Answered) {
    let mut value = Value::from_slice(&answered.payload_hash);
    value.extend_from_slice(&answered.position.get().to_be_bytes());
    value.extend_from_slice(&answered.index.to_be_bytes());
    staging.put(request_key(id), stored(&value));
}

/// Stages the effect of a change: the resource as it is now, its network's members not counted.
pub(crate) fn fold(
    staging: &mut Staging,
    resource: &pb::change::Resource,
) -> Result<(), ViewError> {
    match resource {
        pb::change::Resource::Network(network) => fold_network(staging, network),
        pb::change::Resource::Member(member) => fold_member(staging, member),
        pb::change::Resource::Membership(membership) => fold_membership(staging, membership),
    }
}

fn bare<T>(id: Result<T, String>) -> Result<T, ViewError> {
    id.map_err(ViewError::Value)
}

fn fold_network(staging: &mut Staging, network: &pb::Network) -> Result<(), ViewError> {
    let key = network_key(&bare(NetworkId::parse(&network.name))?);
    let position = network.updated_position;
    let mut stood = Postings::new();
    if let Some(before) = message_at::<pb::Network>(staging, &key)? {
        stood = postings::of_network(&before);
        versions::keep(staging, &key, &before, position);
        add(staging, total_networks_key(state_of_network(&before)?), -1)?;
    }
    add(staging, total_networks_key(state_of_network(network)?), 1)?;
    postings::restage(staging, &stood, &postings::of_network(network), position);
    let value = match network.active_member_count {
        0 => stored_message(network),
        _ => stored_message(&pb::Network { active_member_count: 0, ..network.clone() }),
    };
    staging.put(key, value);
    Ok(())
}

fn state_of_network(network: &pb::Network) -> Result<NetworkState, ViewError> {
    NetworkState::from_pb(network.state)
        .ok_or_else(|| ViewError::Value(format!("{} is in no known state", network.name)))
}

fn state_of_membership(membership: &pb::Membership) -> Result<MembershipState, ViewError> {
    MembershipState::from_pb(membership.state)
        .ok_or_else(|| ViewError::Value(format!("{} is in no known state", membership.name)))
}

fn fold_member(staging: &mut Staging, member: &pb::Member) -> Result<(), ViewError> {
    let id = bare(MemberId::parse(&member.name))?;
    let key = member_key(&id);
    let position = member.updated_position;
    let before = message_at::<pb::Member>(staging, &key)?;
    let stood = before.as_ref().map(postings::of_member).unwrap_or_default();
    match &before {
        Some(before) => versions::keep(staging, &key, before, position),
        None => add(staging, TOTAL_MEMBERS, 1).map(drop)?,
    }
    tallies::member_changed(staging, &id, before.as_ref(), member)?;
    clues::member_changed(staging, &id, before.as_ref(), member);
    postings::restage(staging, &stood, &postings::of_member(member), position);
    staging.put(key, stored_message(member));
    Ok(())
}

fn fold_membership(staging: &mut Staging, membership: &pb::Membership) -> Result<(), ViewError> {
    let id = &bare(MembershipId::parse(&membership.name))?;
    let key = membership_key(id);
    let position = membership.updated_position;
    let before = message_at::<pb::Membership>(staging, &key)?;
    let mut count = count(staging, &id.network)?;
    let mut new_terms = membership.terms.len();
    match &before {
        Some(before) => {
            versions::keep(staging, &key, before, position);
            let state = state_of_membership(before)?;
            add(staging, total_memberships_key(state), -1)?;
            count.active = count
                .active
                .checked_sub(u64::from(domain::is_active(state)))
                .ok_or_else(|| ViewError::Value("a count would be less than zero".to_owned()))?;
            new_terms = new_terms.saturating_sub(before.terms.len());
        }
        None => count.held += 1,
    }
    staging.put(belongs_key(id), tallies::belonging(membership));
    tallies::membership_changed(staging, id, before.as_ref(), membership)?;
    let state = state_of_membership(membership)?;
    count.active += u64::from(domain::is_active(state));
    add(staging, total_memberships_key(state), 1)?;
    if new_terms > 0 {
        let added = i64::try_from(new_terms).expect("a membership has at most 100 terms");
        add(staging, TOTAL_TERMS, added)?;
    }
    let mut value = Value::from_slice(&count.held.to_be_bytes());
    value.extend_from_slice(&count.active.to_be_bytes());
    value.extend_from_slice(&position.to_be_bytes());
    staging.put(count_key(&id.network), stored(&value));
    postings::membership_changed(staging, before.as_ref(), membership);
    staging.put(key, stored_message(membership));
    Ok(())
}

/// Adds to a number: what it was, and what it is then.
fn add(
    staging: &mut Staging,
    key: impl AsRef<[u8]>,
    difference: i64,
) -> Result<(u64, u64), ViewError> {
    let (mut was, mut is) = (0, 0);
    staging.update(key, |value| {
        was = number_in(value)?;
        is = was
            .checked_add_signed(difference)
            .ok_or_else(|| ViewError::Value("a total would be less than zero".to_owned()))?;
        Ok(stored(&is.to_be_bytes()))
    })?;
    Ok((was, is))
}

/// The view as the domain decides against it.
pub(crate) struct ViewState<'k> {
    pub(crate) keys: &'k dyn Keys,
    pub(crate) networks: &'k Networks,
}

fn looked_up<T>(result: Result<T, ViewError>) -> Result<T, StateError> {
    result.map_err(|error| StateError(Box::new(error)))
}

impl ViewState<'_> {
    fn open(
        &self,
        prefix: &[u8],
        mut after: Option<Vec<u8>>,
        limit: usize,
        membership: impl Fn(&[u8], &[u8]) -> Result<Membership, ViewError>,
    ) -> Result<Vec<Membership>, ViewError> {
        let mut open = Vec::new();
        loop {
            let entries = self.keys.scan(prefix, after.as_deref(), SCAN)?;
            let Some((last, _)) = entries.last() else { return Ok(open) };
            after = Some(last.clone());
            for (key, value) in &entries {
                let found = membership(key, value)?;
                if domain::is_open(found.state()) {
                    open.push(found);
                }
                if open.len() == limit {
                    return Ok(open);
                }
            }
        }
    }
}

impl State for ViewState<'_> {
    fn network(&self, id: &NetworkId) -> Result<Option<Arc<Network>>, StateError> {
        let network = self
            .keys
            .get(&network_key(id))
            .and_then(|found| found.map(|value| self.networks.decoded(id, value)).transpose());
        looked_up(network)
    }

    fn member(&self, id: &MemberId) -> Result<Option<Member>, StateError> {
        let member = message_at(self.keys, &member_key(id))
            .and_then(|found| found.map(codec::member_from_pb).transpose().map_err(undecodable));
        looked_up(member)
    }

    fn candidate(&self, id: &MemberId) -> Result<Option<Candidate>, StateError> {
        looked_up(candidates::candidate(self.keys, id))
    }

    fn membership(&self, id: &MembershipId) -> Result<Option<Membership>, StateError> {
        let membership = message_at(self.keys, &membership_key(id)).and_then(|found| {
            found.map(codec::membership_from_pb).transpose().map_err(undecodable)
        });
        looked_up(membership)
    }

    fn active_members(&self, id: &NetworkId) -> Result<u64, StateError> {
        looked_up(count(self.keys, id).map(|count| count.active))
    }

    fn open_of_network(
        &self,
        id: &NetworkId,
        after: Option<&MembershipId>,
        limit: usize,
    ) -> Result<Vec<Membership>, StateError> {
        let after = after.map(|after| membership_key(after).into_vec());
        let open = self.open(&memberships_of_network(id), after, limit, |_, value| {
            codec::membership_from_pb(message(value)?).map_err(undecodable)
        });
        looked_up(open)
    }

    fn open_of_member(
        &self,
        id: &MemberId,
        after: Option<&MembershipId>,
        limit: usize,
    ) -> Result<Vec<Membership>, StateError> {
        let after = after.map(|after| belongs_key(after).into_vec());
        let open = self.open(&memberships_of_member(id), after, limit, |key, _| {
            let found = indexed_membership(self.keys, key)?;
            codec::membership_from_pb(found).map_err(undecodable)
        });
        looked_up(open)
    }
}

/// The id in the key of a network or a member, or both ids in the key of a membership.
pub(crate) fn name_of(key: &[u8]) -> Result<&str, ViewError> {
    let name = std::str::from_utf8(key).ok().and_then(|key| key.split_once('/'));
    name.map(|(_, name)| name).ok_or_else(broken_index)
}

/// The membership whose key has these two ids.
pub(crate) fn membership_of(name: &str) -> Result<MembershipId, ViewError> {
    let (network, member) = name.split_once('/').ok_or_else(broken_index)?;
    Ok(MembershipId {
        network: NetworkId::from_id(network).map_err(ViewError::Value)?,
        member: MemberId::from_id(member).map_err(ViewError::Value)?,
    })
}

/// The membership an index entry of a member stands for.
pub(crate) fn indexed_membership(
    keys: &dyn Keys,
    index_key: &[u8],
) -> Result<pb::Membership, ViewError> {
    membership(keys, &indexed(index_key)?)?.ok_or_else(broken_index)
}

/// Which membership an index entry of a member stands for.
pub(crate) fn indexed(index_key: &[u8]) -> Result<MembershipId, ViewError> {
    let text = std::str::from_utf8(index_key).map_err(|_| broken_index())?;
    let ids = text.strip_prefix("belongs/").and_then(|ids| ids.split_once('/'));
    let (member, network) = ids.ok_or_else(broken_index)?;
    Ok(MembershipId {
        network: NetworkId::from_id(network).map_err(ViewError::Value)?,
        member: MemberId::from_id(member).map_err(ViewError::Value)?,
    })
}

fn broken_index() -> ViewError {
    ViewError::Value("an index entry leads to no membership".to_owned())
}
