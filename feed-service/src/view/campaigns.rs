//! What a commit writes of campaigns: the campaign, which statements belong to it, and which network
//! runs it, or should no longer.

use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId};
use hansa_proto::pb::feed::v1 as pb;
use hansa_view::{Staging, ViewError};
use prost::Message;

use super::{CauseRow, Lookup, keys};

/// Stages a campaign as it is after an event.
pub(super) fn fold(
    staging: &mut Staging,
    event: &pb::Event,
    campaign: &pb::Campaign,
) -> Result<(), ViewError> {
    let id = CampaignId::parse(&campaign.name).map_err(ViewError::Value)?;
    let before = Lookup(&*staging).campaign_row(&id)?.unwrap_or_default();
    fold_network(staging, &id, &before, campaign)?;
    fold_leads(staging, &id, &before, campaign)?;
    if event.kind == pb::EventKind::CampaignStatementAttached as i32 {
        attach(staging, event, &id, campaign)?;
    }
    let row = pb::Campaign { statements: Vec::new(), ..campaign.clone() };
    staging.put(keys::campaign(&id), row.encode_to_vec());
    Ok(())
}

/// Which network runs it. One that it no longer runs for may have no other to close.
fn fold_network(
    staging: &mut Staging,
    id: &CampaignId,
    before: &pb::Campaign,
    after: &pb::Campaign,
) -> Result<(), ViewError> {
    let runs = after.state == pb::CampaignState::Active as i32;
    if !before.network.is_empty() {
        let network = NetworkId::parse(&before.network).map_err(ViewError::Value)?;
        staging.delete(&keys::campaign_that_runs(&network, id));
        if before.network != after.network {
            staging.delete(&keys::campaign_of_network(&network, id));
        }
        if !Lookup(&*staging).runs_a_campaign(&network)? {
            staging.delete(&keys::to_close(&network));
        }
    }
    if !after.network.is_empty() {
        let network = NetworkId::parse(&after.network).map_err(ViewError::Value)?;
        staging.put(keys::campaign_of_network(&network, id), Vec::new());
        if runs {
            staging.put(keys::campaign_that_runs(&network, id), Vec::new());
        }
    }
    Ok(())
}

/// Who leads it. A participant that leads from now on is no longer counted, one that led before is.
fn fold_leads(
    staging: &mut Staging,
    id: &CampaignId,
    before: &pb::Campaign,
    after: &pb::Campaign,
) -> Result<(), ViewError> {
    let mut count = Lookup(&*staging).participants_held(id)?;
    for (leads, others, change) in
        [(&after.leads, &before.leads, -1), (&before.leads, &after.leads, 1)]
    {
        for lead in leads.iter().filter(|lead| !others.contains(lead)) {
            let member = MemberId::parse(lead).map_err(ViewError::Value)?;
            let known = Lookup(&*staging).participation_message(id, &member)?;
            if known.is_some_and(|known| known.active) {
                count += change;
            }
            staging.put(keys::campaign_of_member(&member, id), Vec::new());
        }
    }
    staging.put(keys::participant_count(id), count.to_be_bytes());
    Ok(())
}

/// A statement published with a campaign belongs to it from the start.
pub(super) fn statement_published(
    staging: &mut Staging,
    id: &StatementId,
    statement: &pb::Statement,
) -> Result<(), ViewError> {
    if !statement.campaign.is_empty() {
        let campaign = CampaignId::parse(&statement.campaign).map_err(ViewError::Value)?;
        let key = keys::statement_of_campaign(&campaign, statement.created_position, id);
        staging.put(key, Vec::new());
    }
    Ok(())
}

/// The last statement of the campaign is the one that came with this event. From now on it names the
/// campaign, which is a change of the statement.
fn attach(
    staging: &mut Staging,
    event: &pb::Event,
    campaign: &CampaignId,
    after: &pb::Campaign,
) -> Result<(), ViewError> {
    let missing = || ViewError::Value(format!("{} attaches no statement", event.name));
    let name = after.statements.last().ok_or_else(missing)?;
    let id = StatementId::parse(name).map_err(ViewError::Value)?;
    let statement = Lookup(&*staging).statement_message(&id)?.ok_or_else(missing)?;
    let statement = pb::Statement {
        campaign: campaign.to_string(),
        etag: after.etag.clone(),
        updated_position: after.updated_position,
        updated_at: after.updated_at,
        ..statement
    };
    staging.put(keys::statement_of_campaign(campaign, event.position, &id), Vec::new());
    staging.put(keys::statement(&id), statement.encode_to_vec());
    Ok(())
}

/// A network that ended is to be closed while campaigns of it run. Those that are closed in the same
/// commit come behind this event and take it back.
pub(super) fn network_ended(
    staging: &mut Staging,
    event: &pb::Event,
    network: &NetworkId,
) -> Result<(), ViewError> {
    if Lookup(&*staging).runs_a_campaign(network)? {
        let cause = CauseRow {
            principal: event.principal.clone(),
            request_id: event.request_id.clone(),
            registry_position: event.registry_position,
        };
        staging.put(keys::to_close(network), cause.encode_to_vec());
    }
    Ok(())
}
