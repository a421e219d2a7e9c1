//! What a commit writes: its resources and the keys that lead to them; its events are listed with those of
//! its batch (`index.rs`). The same for a commit just decided and for one read back, so a rebuilt view cannot
//! differ from a live one.

use hansa_journal::Position;
use hansa_proto::feed::EventKind;
use hansa_proto::ids::{CampaignId, MemberId, MembershipId, NetworkId, StatementId};
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::registry::v1 as registry;
use hansa_view::{Staging, ViewError};
use pb::event::Body;
use prost::Message;

use super::{Lookup, MemberRow, NetworkRow, RequestRow, Told, campaigns, index, keys};
use crate::codec::{self, CommitMeta};
use crate::content;
use crate::domain::Kept;

/// Stages what a commit writes.
pub(crate) fn fold(
    staging: &mut Staging,
    position: Position,
    events: &[pb::Event],
    meta: &CommitMeta,
) -> Result<(), ViewError> {
    for event in events {
        fold_event(staging, event)?;
    }
    match &meta.kept {
        Some(Kept::Now(subscription)) => {
            let key = keys::subscription(&subscription.id);
            staging.put(key, subscription.to_pb().encode_to_vec());
        }
        Some(Kept::Deleted(id)) => staging.delete(&keys::subscription(id)),
        None => {}
    }
    if let Some(answered) = &meta.answered {
        let row = RequestRow {
            payload_hash: answered.payload_hash.to_vec(),
            position: position.get(),
            event_index: answered.event_index,
        };
        staging.put(keys::request(answered.request_id.as_str()), row.encode_to_vec());
    }
    if let Some(followed) = meta.followed {
        staging.put(keys::FOLLOWED, codec::encode_followed(followed));
    }
    Ok(())
}

fn fold_event(staging: &mut Staging, event: &pb::Event) -> Result<(), ViewError> {
    let Some(body) = &event.body else {
        return Err(ViewError::Value(format!("{} has no body", event.name)));
    };
    let folded = match body {
        Body::NetworkBody(network) => return fold_network(staging, event, network),
        Body::MemberBody(member) => fold_member(staging, member),
        Body::MembershipBody(membership) => fold_membership(staging, membership),
        Body::StatementBody(statement) => return fold_statement(staging, event, statement),
        Body::SignatureBody(signature) => return fold_signature(staging, signature),
        Body::CampaignBody(campaign) => return campaigns::fold(staging, event, campaign),
        Body::ParticipationBody(participation) => {
            return fold_participation(staging, participation);
        }
    };
    folded.map_err(ViewError::Value)
}

fn fold_network(
    staging: &mut Staging,
    event: &pb::Event,
    network: &registry::Network,
) -> Result<(), ViewError> {
    use registry::NetworkState::{Ended, Merged};
    let id = NetworkId::parse(&network.name).map_err(ViewError::Value)?;
    let merged = network.state == Merged as i32;
    let ended = merged || network.state == Ended as i32;
    let mut relations = network.relations.iter().rev();
    let heir = relations
        .find(|relation| relation.kind == registry::RelationKind::MergedInto as i32)
        .filter(|_| merged);
    let row = NetworkRow {
        ended,
        themes: network.themes.clone(),
        ended_on: network.ended,
        merged_into: heir.map(|relation| relation.network.clone()).unwrap_or_default(),
    };
    staging.put(keys::network(&id), told(&row, network));
    match ended {
        true => campaigns::network_ended(staging, event, &id),
        false => Ok(()),
    }
}

fn fold_member(staging: &mut Staging, member: &registry::Member) -> Result<(), String> {
    let retired = member.state == registry::MemberState::Retired as i32;
    let row = MemberRow { retired, country: member.country.clone() };
    staging.put(keys::member(&MemberId::parse(&member.name)?), told(&row, member));
    Ok(())
}

/// What decisions need of a resource, and the whole of it.
fn told(row: &impl Message, resource: &impl Message) -> Vec<u8> {
    let mut value = row.encode_to_vec();
    Told { told: resource.encode_to_vec() }.encode_raw(&mut value);
    value
}

fn fold_membership(staging: &mut Staging, membership: &registry::Membership) -> Result<(), String> {
    let id = MembershipId::parse(&membership.name)?;
    let key = keys::membership(&id.network, &id.member);
    let mut value = membership.state.to_be_bytes().to_vec();
    membership.encode_raw(&mut value);
    staging.put(key, value);
    Ok(())
}

fn fold_statement(
    staging: &mut Staging,
    event: &pb::Event,
    statement: &pb::Statement,
) -> Result<(), ViewError> {
    let id = StatementId::parse(&statement.name).map_err(ViewError::Value)?;
    if !statement.issuer_network.is_empty() {
        let network = NetworkId::parse(&statement.issuer_network).map_err(ViewError::Value)?;
        staging.put(keys::statement_of_network(&network, &id), Vec::new());
    }
    for member in &statement.issuer_members {
        let member = MemberId::parse(member).map_err(ViewError::Value)?;
        staging.put(keys::statement_of_member(&member, &id), Vec::new());
    }
    if Lookup(&*staging).statement_message(&id)?.is_none() {
        campaigns::statement_published(staging, &id, statement)?;
    }
    let mut bare = content::without(statement);
    if event.kind == EventKind::StatementRedacted.to_pb() {
        staging.put(keys::redacted(&id), Vec::new());
    } else {
        let place = index::Place { position: event.position, index: event.index };
        staging.put(keys::told_at(&id, place), Vec::new());
        // Read back, its content may have been erased since: not yet, at this position.
        bare.redacted_position = 0;
    }
    staging.put(keys::statement(&id), bare.encode_to_vec());
    Ok(())
}

fn fold_signature(staging: &mut Staging, signature: &pb::Signature) -> Result<(), ViewError> {
    let statement = StatementId::parse(&signature.statement).map_err(ViewError::Value)?;
    let member = MemberId::parse(&signature.member).map_err(ViewError::Value)?;
    let lookup = Lookup(&*staging);
    let known = lookup.signature_message(&statement, &member)?.is_some();
    let count = lookup.signatures_held(&statement)? + i64::from(!known);
    staging.put(keys::signature_count(&statement), count.to_be_bytes());
    staging.put(keys::signature(&statement, &member), signature.encode_to_vec());
    staging.put(keys::statement_of_member(&member, &statement), Vec::new());
    Ok(())
}

fn fold_participation(
    staging: &mut Staging,
    participation: &pb::Participation,
) -> Result<(), ViewError> {
    let campaign = CampaignId::parse(&participation.campaign).map_err(ViewError::Value)?;
    let member = MemberId::parse(&participation.member).map_err(ViewError::Value)?;
    let lookup = Lookup(&*staging);
    let before = lookup.participation_message(&campaign, &member)?;
    let was_active = before.is_some_and(|before| before.active);
    let leads = lookup.campaign_row(&campaign)?.map(|campaign| campaign.leads);
    let counted = !leads.unwrap_or_default().contains(&participation.member);
    let change = i64::from(participation.active) - i64::from(was_active);
    let count = lookup.participants_held(&campaign)? + if counted { change } else { 0 };
    staging.put(keys::participant_count(&campaign), count.to_be_bytes());
    staging.put(keys::participation(&campaign, &member), participation.encode_to_vec());
    staging.put(keys::campaign_of_member(&member, &campaign), Vec::new());
    Ok(())
}
