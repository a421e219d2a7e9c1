//! Recorded time: what a resource was at any position, and at which positions it changed.
//!
//! | key | value | says |
//! | --- | --- | --- |
//! | `version/{key of the resource}/{position}` | the message | it was so from the position to its next |
//!
//! A version is kept when another takes its place, so that what is recorded once costs nothing more. Of
//! several changes in one commit only the last was ever to be seen, and only that is kept. Who changed it
//! and how is in the journal, at the position of the version.

use hansa_journal::Position;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::pb::registry::v1 as pb;
use hansa_view::{Keys, ReadView, Staging, ViewError};
use prost::Message;

use super::{Count, Key, SCAN, message, message_at};

/// A resource as it is stored, which knows when it was recorded.
pub(crate) trait Versioned: Message + Default {
    /// Position it was created at.
    fn created(&self) -> u64;
    /// Position of its last change.
    fn updated(&self) -> u64;
}

macro_rules! versioned {
    ($($message:ident),*) => {$(
        impl Versioned for pb::$message {
            fn created(&self) -> u64 {
                self.created_position
            }

            fn updated(&self) -> u64 {
                self.updated_position
            }
        }
    )*};
}

versioned!(Network, Member, Membership);

fn prefix(key: &[u8]) -> Vec<u8> {
    [b"version/", key, b"/"].concat()
}

fn version_key(key: &[u8], position: u64) -> Vec<u8> {
    [prefix(key).as_slice(), &position.to_be_bytes()].concat()
}

/// Keeps what a resource was before a change at a position.
pub(super) fn keep(staging: &mut Staging, key: &[u8], before: &impl Versioned, next: u64) {
    if before.updated() < next {
        let version = super::stored(&before.encode_to_vec());
        staging.put(version_key(key, before.updated()), version);
    }
}

/// The resource of a key as it was at a position.
fn at<M: Versioned>(
    keys: &ReadView<'_>,
    key: &[u8],
    position: Position,
) -> Result<Option<M>, ViewError> {
    match message_at::<M>(keys, key)? {
        Some(now) => shown(keys, key, now, position),
        None => Ok(None),
    }
}

/// A resource as it was at a position, by what it is now.
fn shown<M: Versioned>(
    keys: &ReadView<'_>,
    key: &[u8],
    now: M,
    position: Position,
) -> Result<Option<M>, ViewError> {
    match (now.created() > position.get(), now.updated() > position.get()) {
        (true, _) => Ok(None),
        (false, true) => replaced_at(keys, key, position),
        (false, false) => Ok(Some(now)),
    }
}

fn replaced_at<M: Versioned>(
    keys: &ReadView<'_>,
    key: &[u8],
    position: Position,
) -> Result<Option<M>, ViewError> {
    let before = version_key(key, position.get().saturating_add(1));
    let found = keys.scan_back(&prefix(key), Some(&before), 1)?;
    found.first().map(|(_, value)| message(value)).transpose()
}

/// The network as it was at a position, its members not counted.
pub(crate) fn network_at(
    keys: &ReadView<'_>,
    id: &NetworkId,
    position: Position,
) -> Result<Option<pb::Network>, ViewError> {
    at(keys, &super::network_key(id), position)
}

/// The member as it was at a position.
pub(crate) fn member_at(
    keys: &ReadView<'_>,
    id: &MemberId,
    position: Position,
) -> Result<Option<pb::Member>, ViewError> {
    at(keys, &super::member_key(id), position)
}

/// The membership as it was at a position.
pub(crate) fn membership_at(
    keys: &ReadView<'_>,
    id: &MembershipId,
    position: Position,
) -> Result<Option<pb::Membership>, ViewError> {
    at(keys, &super::membership_key(id), position)
}

/// The membership as it was at a position, by what it is now.
pub(crate) fn membership_shown(
    keys: &ReadView<'_>,
    id: &MembershipId,
    now: pb::Membership,
    position: Position,
) -> Result<Option<pb::Membership>, ViewError> {
    shown(keys, &super::membership_key(id), now, position)
}

/// How many memberships of a network `counts` held true for at a position, and how many were looked at.
/// Walks them all.
pub(crate) fn count_at(
    keys: &ReadView<'_>,
    id: &NetworkId,
    position: Position,
    counts: impl Fn(pb::Membership) -> bool,
) -> Result<(u64, usize), ViewError> {
    let prefix = super::memberships_of_network(id);
    let (mut counted, mut looked_at) = (0, 0);
    let mut after: Option<Vec<u8>> = None;
    loop {
        let entries = keys.scan(&prefix, after.as_deref(), SCAN)?;
        let Some((last, _)) = entries.last() else { return Ok((counted, looked_at)) };
        after = Some(last.clone());
        looked_at += entries.len();
        for (key, value) in &entries {
            let now: pb::Membership = message(value)?;
            let then = shown(keys, key, now, position)?;
            counted += u64::from(then.is_some_and(&counts));
        }
    }
}

/// Memberships of a network at a position that are ACTIVE or SUSPENDED, and how many were looked at.
pub(crate) fn active_at(
    keys: &ReadView<'_>,
    id: &NetworkId,
    position: Position,
) -> Result<(u64, usize), ViewError> {
    let Count { active, changed, .. } = super::count(keys, id)?;
    if changed <= position.get() {
        return Ok((active, 0));
    }
    count_at(keys, id, position, |membership| {
        hansa_proto::registry::MembershipState::from_pb(membership.state)
            .is_some_and(crate::domain::is_active)
    })
}

/// Which resource a history is of.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// A network.
    Network(NetworkId),
    /// A member.
    Member(MemberId),
    /// A membership.
    Membership(MembershipId),
}

/// Positions at which a resource changed, from one on in either direction, at most so many; `None` when
/// it was never recorded.
pub(crate) fn positions(
    keys: &ReadView<'_>,
    subject: &Subject,
    from: Option<u64>,
    descending: bool,
    limit: usize,
) -> Result<Option<Vec<u64>>, ViewError> {
    let (key, last) = match subject {
        Subject::Network(id) => updated::<pb::Network>(keys, super::network_key(id))?,
        Subject::Member(id) => updated::<pb::Member>(keys, super::member_key(id))?,
        Subject::Membership(id) => updated::<pb::Membership>(keys, super::membership_key(id))?,
    };
    let Some(last) = last else { return Ok(None) };
    let prefix = prefix(&key);
    let mut positions = Vec::new();
    if descending {
        positions.extend((from.is_none_or(|from| last <= from)).then_some(last));
        let before = from.and_then(|from| from.checked_add(1)).map(|it| version_key(&key, it));
        let found = keys.scan_back(&prefix, before.as_deref(), limit)?;
        positions.extend(found.iter().filter_map(|(key, _)| position_of(key)));
    } else {
        let after = from.and_then(|from| from.checked_sub(1)).map(|it| version_key(&key, it));
        let found = keys.scan(&prefix, after.as_deref(), limit)?;
        positions.extend(found.iter().filter_map(|(key, _)| position_of(key)));
        positions.extend((from.is_none_or(|from| last >= from)).then_some(last));
    }
    positions.truncate(limit);
    Ok(Some(positions))
}

fn updated<M: Versioned>(keys: &ReadView<'_>, key: Key) -> Result<(Key, Option<u64>), ViewError> {
    let last = message_at::<M>(keys, &key)?.map(|message| message.updated());
    Ok((key, last))
}

fn position_of(version_key: &[u8]) -> Option<u64> {
    version_key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
