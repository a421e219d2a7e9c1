//! How keys are made: a prefix, then ids with `/` between them.

use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId};

/// The place in the registry.
pub(super) const FOLLOWED: &[u8] = b"followed";
/// All statements.
pub(super) const STATEMENTS: &str = "s/";
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

fn key(parts: &[&str]) -> Vec<u8> {
    parts.join("/").into_bytes()
}
