//! How keys are made: a prefix, then ids with `/` between them.

use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId, SubscriptionId};

use super::index::Place;
use crate::terms::Term;

/// The place in the registry.
pub(super) const FOLLOWED: &[u8] = b"followed";
/// How many events there are.
pub(super) const EVENTS: &[u8] = b"ix";
/// All networks, members and memberships of the registry.
pub(super) const NETWORKS: &str = "n/";
pub(super) const MEMBERS: &str = "m/";
pub(super) const MEMBERSHIPS: &str = "b/";
/// All named subscriptions.
pub(super) const SUBSCRIPTIONS: &str = "u/";
/// All statements.
pub(super) const STATEMENTS: &str = "s/";
/// All redacted statements.
pub(super) const REDACTED: &str = "red/";
/// All campaigns.
pub(super) const CAMPAIGNS: &str = "c/";

pub(super) fn network(id: &NetworkId) -> Vec<u8> {
    key(&["n", id.id()])
}

pub(super) fn member(id: &MemberId) -> Vec<u8> {
    key(&["m", id.id()])
}

pub(super) fn membership(network: &NetworkId, member: &MemberId) -> Vec<u8> {
    key(&["b", network.id(), member.id()])
}

pub(super) fn statement(id: &StatementId) -> Vec<u8> {
    key(&["s", id.id()])
}

/// Where a statement was told with its content.
pub(super) fn told_at(id: &StatementId, place: Place) -> Vec<u8> {
    let mut key = numbered(told(id).into_bytes(), place.position);
    key.extend(place.index.to_be_bytes());
    key
}

pub(super) fn told(id: &StatementId) -> String {
    format!("st/{}/", id.id())
}

pub(super) fn redacted(id: &StatementId) -> Vec<u8> {
    key(&["red", id.id()])
}

pub(super) fn statement_of_network(network: &NetworkId, id: &StatementId) -> Vec<u8> {
    key(&["sn", network.id(), id.id()])
}

pub(super) fn statements_of_network(network: &NetworkId) -> String {
    format!("sn/{}/", network.id())
}

pub(super) fn statement_of_member(member: &MemberId, id: &StatementId) -> Vec<u8> {
    key(&["sm", member.id(), id.id()])
}

pub(super) fn statements_of_member(member: &MemberId) -> String {
    format!("sm/{}/", member.id())
}

pub(super) fn signature(id: &StatementId, member: &MemberId) -> Vec<u8> {
    key(&["g", id.id(), member.id()])
}

pub(super) fn signatures(id: &StatementId) -> String {
    format!("g/{}/", id.id())
}

pub(super) fn signature_count(id: &StatementId) -> Vec<u8> {
    key(&["sc", id.id()])
}

pub(super) fn campaign(id: &CampaignId) -> Vec<u8> {
    key(&["c", id.id()])
}

pub(super) fn campaign_of_network(network: &NetworkId, id: &CampaignId) -> Vec<u8> {
    key(&["cn", network.id(), id.id()])
}

pub(super) fn campaigns_of_network(network: &NetworkId) -> String {
    format!("cn/{}/", network.id())
}

pub(super) fn campaign_that_runs(network: &NetworkId, id: &CampaignId) -> Vec<u8> {
    key(&["cr", network.id(), id.id()])
}

pub(super) fn campaigns_that_run(network: &NetworkId) -> String {
    format!("cr/{}/", network.id())
}

pub(super) fn to_close(network: &NetworkId) -> Vec<u8> {
    key(&["due", network.id()])
}

/// All networks to close.
pub(super) const TO_CLOSE: &str = "due/";

/// Statements of a campaign stand in the order in which they came to it.
pub(super) fn statement_of_campaign(
    campaign: &CampaignId,
    position: u64,
    id: &StatementId,
) -> Vec<u8> {
    let position = format!("{position:020}");
    key(&["cs", campaign.id(), &position, id.id()])
}

pub(super) fn statements_of_campaign(campaign: &CampaignId) -> String {
    format!("cs/{}/", campaign.id())
}

pub(super) fn campaign_of_member(member: &MemberId, id: &CampaignId) -> Vec<u8> {
    key(&["cm", member.id(), id.id()])
}

pub(super) fn campaigns_of_member(member: &MemberId) -> String {
    format!("cm/{}/", member.id())
}

pub(super) fn participation(id: &CampaignId, member: &MemberId) -> Vec<u8> {
    key(&["p", id.id(), member.id()])
}

pub(super) fn participations(id: &CampaignId) -> String {
    format!("p/{}/", id.id())
}

pub(super) fn participant_count(id: &CampaignId) -> Vec<u8> {
    key(&["pc", id.id()])
}

pub(super) fn request(request_id: &str) -> Vec<u8> {
    key(&["req", request_id])
}

pub(super) fn subscription(id: &SubscriptionId) -> Vec<u8> {
    key(&["u", id.id()])
}

/// A block of the places of all events.
pub(super) fn places(block: u64) -> Vec<u8> {
    numbered(b"ip/".to_vec(), block)
}

/// The list of a term. A theme may hold anything but a zero byte, so nothing comes after it here.
pub(super) fn list(term: &Term) -> Vec<u8> {
    key(&["it", term.axis.letter(), &term.value])
}

/// A full block of the list of a term.
pub(super) fn list_block(term: &Term, block: u64) -> Vec<u8> {
    let mut key = key(&["ib", term.axis.letter(), &term.value]);
    key.push(0);
    numbered(key, block)
}

fn numbered(mut key: Vec<u8>, number: u64) -> Vec<u8> {
    key.extend(number.to_be_bytes());
    key
}

fn key(parts: &[&str]) -> Vec<u8> {
    parts.join("/").into_bytes()
}
