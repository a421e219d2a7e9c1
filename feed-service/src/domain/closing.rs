//! What becomes of the campaigns that run when their network ends: they end with it, their outcome not
//! known; when it merges into another that stands, they go to that one.
//!
//! This follows in the commit that tells of the end, behind everything the registry said. A commit that
//! has no room for all of them takes as many as fit, by name; the others stay due, and the feed closes
//! them with commits of their own right after it, again as many as fit into each. A campaign is due as
//! long as it runs and its network has ended: each is closed exactly once, also when the feed stops in
//! between, and nobody can launch another one for that network.

use hansa_journal::Slot;
use hansa_proto::feed::{Campaign, CampaignState, EventKind, Outcome, OutcomeKind};
use hansa_proto::ids::NetworkId;
use hansa_proto::limits;

use super::campaign::{Context, behind, event, touch};
use super::registry::Known;
use super::steering::{can_be_handed_over, handed_over};
use super::{Decided, Former, NetworkFacts, NewEvent, State, Undecided, Unreadable};

/// Networks that merged one after the other, followed to the one that stands.
const MERGERS: usize = 100;

/// Closes what is due of one network.
pub(super) fn close(state: &dyn State, slot: Slot) -> Result<Decided, Undecided> {
    let mut decided = Decided::events(Vec::new());
    if let Some(network) = state.network_to_close()? {
        decided.following = closings(&Known::new(state), slot, &network, limits::COMMIT_CHANGES)?;
    }
    Ok(decided)
}

/// What becomes of the campaigns of a network that has ended, at most so many.
pub(super) fn closings(
    known: &Known<'_>,
    slot: Slot,
    network: &NetworkId,
    limit: usize,
) -> Result<Vec<NewEvent>, Unreadable> {
    let facts = known.network(network)?.unwrap_or_default();
    let heir = heir(known, &facts)?;
    let mut closings = Vec::new();
    for campaign in known.state.running_campaigns(network, limit)? {
        let heir = heir.clone().filter(|_| can_be_handed_over(&campaign));
        closings.push(closed(known, slot, campaign, &facts, heir)?);
    }
    Ok(closings)
}

/// The network that a network merged into, by way of others that merged as well. None when it does not
/// stand.
fn heir(known: &Known<'_>, ended: &NetworkFacts) -> Result<Option<NetworkId>, Unreadable> {
    let mut next = ended.merged_into.clone();
    for _ in 0..MERGERS {
        let Some(id) = next else { return Ok(None) };
        match known.network(&id)? {
            None => return Ok(None),
            Some(facts) if !facts.ended => return Ok(Some(id)),
            Some(facts) => next = facts.merged_into,
        }
    }
    Ok(None)
}

fn closed(
    known: &Known<'_>,
    slot: Slot,
    campaign: Campaign,
    network: &NetworkFacts,
    heir: Option<NetworkId>,
) -> Result<NewEvent, Unreadable> {
    let count = known.state.participant_count(&campaign.id)?;
    let former = former(known, &campaign)?;
    let (kind, mut campaign) = match heir {
        Some(heir) => {
            let campaign = handed_over(campaign, slot, heir, network.ended_on);
            (EventKind::CampaignHandedOver, campaign)
        }
        None => (EventKind::CampaignEnded, ended(campaign, network)),
    };
    touch(&mut campaign, slot);
    let context = context(known, &campaign)?;
    Ok(event(kind, &context, network.ended_on, campaign, count).after(former))
}

/// What a campaign is found by, before it changes.
fn former(known: &Known<'_>, campaign: &Campaign) -> Result<Former, Unreadable> {
    let Context { countries, themes } = context(known, campaign)?;
    let (network, members) = (campaign.network.clone(), behind(campaign));
    Ok(Former { network, members, countries, themes })
}

fn ended(campaign: Campaign, network: &NetworkFacts) -> Campaign {
    Campaign {
        state: CampaignState::Ended,
        ended: network.ended_on,
        outcome: Some(Outcome { kind: OutcomeKind::NotKnown, summary: String::new() }),
        ..campaign
    }
}

/// As for every other event about a campaign, with what this commit has changed so far.
fn context(known: &Known<'_>, campaign: &Campaign) -> Result<Context, Unreadable> {
    let mut themes = campaign.themes.clone();
    if let (true, Some(network)) = (themes.is_empty(), &campaign.network) {
        themes = known.network(network)?.map(|facts| facts.themes).unwrap_or_default();
    }
    let mut countries = Vec::new();
    for member in behind(campaign) {
        let country = known.country(&member)?;
        countries.extend(country.filter(|country| !countries.contains(country)));
    }
    Ok(Context { countries, themes })
}
