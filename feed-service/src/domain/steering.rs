//! Who leads a campaign, and which network runs it: both may change while it runs.

use hansa_journal::Slot;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::{Campaign, EventKind, Handover};
use hansa_proto::ids::{CampaignId, MemberId, NetworkId};
use hansa_proto::limits;

use super::campaign::{
    Context, behind, changed, check_runs, context, event, existing, touch, unchanged,
};
use super::rules::{Checks, check_etag};
use super::{Decided, Former, Rule, State, Undecided, Unreadable};

/// Changes who leads a campaign that runs.
pub(super) fn change_leads(
    state: &dyn State,
    slot: Slot,
    id: &CampaignId,
    leads: Vec<MemberId>,
    occurred_at: Option<PartialDate>,
    etag: &str,
) -> Result<Decided, Undecided> {
    let mut campaign = existing(state, id)?;
    check_etag(etag, campaign.recorded.etag())?;
    let mut checks = Checks::new(state);
    check_runs(&mut checks, &campaign);
    checks.members(&leads)?;
    if leads.is_empty() && campaign.network.is_none() && campaign.sources.is_empty() {
        checks.broken(Rule::SourceMissing, id);
    }
    checks.finish()?;

    let former = former(state, &campaign)?;
    let before = std::mem::replace(&mut campaign.leads, leads);
    let count = count_beside(state, &campaign, &before)?;
    touch(&mut campaign, slot);
    let context = context(state, &campaign)?;
    let kind = EventKind::CampaignLeadsChanged;
    let event = event(kind, &context, occurred_at, campaign, count).after(former);
    Ok(Decided::events(vec![event]))
}

/// What a campaign is found by, before it changes.
fn former(state: &dyn State, campaign: &Campaign) -> Result<Former, Unreadable> {
    let Context { countries, themes } = context(state, campaign)?;
    let (network, members) = (campaign.network.clone(), behind(campaign));
    Ok(Former { network, members, countries, themes })
}

/// How many take part beside the leads, once others lead.
fn count_beside(
    state: &dyn State,
    campaign: &Campaign,
    before: &[MemberId],
) -> Result<i64, Unreadable> {
    let takes_part = |member: &MemberId| -> Result<i64, Unreadable> {
        let known = state.participation(&campaign.id, member)?;
        Ok(i64::from(known.is_some_and(|known| known.active)))
    };
    let mut count = state.participant_count(&campaign.id)?;
    for lead in campaign.leads.iter().filter(|lead| !before.contains(lead)) {
        count -= takes_part(lead)?;
    }
    for lead in before.iter().filter(|lead| !campaign.leads.contains(lead)) {
        count += takes_part(lead)?;
    }
    Ok(count)
}

/// Gives a campaign that runs to another network.
pub(super) fn hand_over(
    state: &dyn State,
    slot: Slot,
    id: &CampaignId,
    network: NetworkId,
    occurred_at: Option<PartialDate>,
    etag: &str,
) -> Result<Decided, Undecided> {
    let campaign = existing(state, id)?;
    check_etag(etag, campaign.recorded.etag())?;
    let mut checks = Checks::new(state);
    check_runs(&mut checks, &campaign);
    checks.network(&network)?;
    let to_another = campaign.network.as_ref() != Some(&network);
    if to_another && !can_be_handed_over(&campaign) {
        checks.broken(Rule::LimitReached, id);
    }
    checks.finish()?;
    if !to_another {
        return unchanged(state, EventKind::CampaignHandedOver, campaign);
    }
    let former = former(state, &campaign)?;
    let campaign = handed_over(campaign, slot, network, occurred_at);
    let decided = changed(state, slot, EventKind::CampaignHandedOver, occurred_at, campaign)?;
    let events = decided.events.into_iter().map(|event| event.after(former.clone())).collect();
    Ok(Decided { events, ..decided })
}

/// Whether there is room to remember one network more.
pub(super) fn can_be_handed_over(campaign: &Campaign) -> bool {
    campaign.handovers.len() < limits::HANDOVERS
}

/// The campaign as another network runs it. Who acted for the network before does not act for this one.
pub(super) fn handed_over(
    mut campaign: Campaign,
    slot: Slot,
    network: NetworkId,
    occurred_at: Option<PartialDate>,
) -> Campaign {
    let from_network = campaign.network.replace(network);
    campaign.acting_member = None;
    campaign.handovers.push(Handover { from_network, occurred_at, position: slot.position.get() });
    campaign
}
