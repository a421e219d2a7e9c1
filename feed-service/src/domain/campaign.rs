//! Launching campaigns, who takes part, what they reach and how they end.

use std::collections::HashSet;

use hansa_journal::Slot;
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::{Campaign, CampaignState, EventKind, Milestone, Outcome, Participation};
use hansa_proto::ids::{CampaignId, MemberId};
use hansa_proto::limits;

use super::rules::{Checks, check_etag};
use super::statement::recorded;
use super::{Body, Decided, Joining, NewEvent, Rejection, Rule, State, Undecided, Unreadable};

const KIND: &str = "hansa.feed.v1.Campaign";

/// Launches a campaign, and each first participation, in one commit.
pub(super) fn launch(
    state: &dyn State,
    slot: Slot,
    campaign: Campaign,
    joinings: Vec<Joining>,
) -> Result<Decided, Undecided> {
    if state.campaign(&campaign.id)?.is_some() {
        let name = campaign.id.to_string();
        return Err(Rejection::AlreadyExists { kind: KIND, name }.into());
    }
    let mut checks = Checks::new(state);
    let context = check_launch(&mut checks, &campaign)?;
    let mut participants = HashSet::new();
    let mut countries = Vec::with_capacity(joinings.len());
    for joining in &joinings {
        countries.push(checks.member(&joining.member)?);
        if !participants.insert(joining.member.clone()) {
            checks.broken(Rule::AlreadyAParticipant, &joining.member);
        }
    }
    checks.finish()?;

    let campaign = launched(slot, campaign);
    let beside_leads = participants.iter().filter(|member| !campaign.leads.contains(member));
    let count = i64::try_from(beside_leads.count()).unwrap_or(i64::MAX);
    let joined: Vec<NewEvent> = joinings
        .into_iter()
        .zip(countries)
        .map(|(joining, country)| {
            let joined = participation(slot, &campaign.id, joining);
            participation_event(&campaign, &context.themes, country, joined)
        })
        .collect();
    let occurred_at = campaign.started;
    let mut events =
        vec![event(EventKind::CampaignLaunched, &context, occurred_at, campaign, count)];
    events.extend(joined);
    Ok(Decided::events(events))
}

/// A member joins a campaign that runs. Who left can come back.
pub(super) fn join(
    state: &dyn State,
    slot: Slot,
    id: &CampaignId,
    joining: Joining,
) -> Result<Decided, Undecided> {
    let campaign = existing(state, id)?;
    let mut checks = Checks::new(state);
    check_runs(&mut checks, &campaign);
    let country = checks.member(&joining.member)?;
    if state.participation(id, &joining.member)?.is_some_and(|known| known.active) {
        checks.broken(Rule::AlreadyAParticipant, &joining.member);
    }
    checks.finish()?;
    let themes = context(state, &campaign)?.themes;
    let joined = participation(slot, id, joining);
    Ok(Decided::events(vec![participation_event(&campaign, &themes, country, joined)]))
}

/// A member leaves a campaign that runs. A member that is retired can leave as well.
pub(super) fn leave(
    state: &dyn State,
    slot: Slot,
    id: &CampaignId,
    member: &MemberId,
    left: Option<PartialDate>,
) -> Result<Decided, Undecided> {
    let campaign = existing(state, id)?;
    let mut checks = Checks::new(state);
    check_runs(&mut checks, &campaign);
    let facts = state.member(member)?;
    if facts.is_none() {
        checks.broken(Rule::MemberUnknown, member);
    }
    let known = state.participation(id, member)?.filter(|known| known.active);
    if known.is_none() {
        checks.broken(Rule::NotAParticipant, member);
    }
    checks.finish()?;
    let known = known.expect("its absence is a broken rule");
    let ended = Participation { left, active: false, position: slot.position.get(), ..known };
    let country = facts.and_then(|facts| facts.country);
    let themes = context(state, &campaign)?.themes;
    Ok(Decided::events(vec![participation_event(&campaign, &themes, country, ended)]))
}

/// Records something a campaign reached, also after it has ended, at its place in time.
pub(super) fn add_milestone(
    state: &dyn State,
    slot: Slot,
    id: &CampaignId,
    milestone: Milestone,
    etag: &str,
) -> Result<Decided, Undecided> {
    let mut campaign = existing(state, id)?;
    check_etag(etag, campaign.recorded.etag())?;
    let mut checks = Checks::new(state);
    if campaign.milestones.len() >= limits::MILESTONES {
        checks.broken(Rule::LimitReached, id);
    }
    checks.finish()?;
    let reached = milestone.reached;
    let later = |known: &Milestone| known.reached.is_some() && known.reached > reached;
    let place = match reached {
        Some(_) => campaign.milestones.iter().position(later),
        None => None,
    };
    campaign.milestones.insert(place.unwrap_or(campaign.milestones.len()), milestone);
    changed(state, slot, EventKind::CampaignMilestone, reached, campaign)
}

/// Ends a campaign with its outcome.
pub(super) fn end(
    state: &dyn State,
    slot: Slot,
    id: &CampaignId,
    outcome: Outcome,
    ended: Option<PartialDate>,
    etag: &str,
) -> Result<Decided, Undecided> {
    let mut campaign = existing(state, id)?;
    check_etag(etag, campaign.recorded.etag())?;
    let mut checks = Checks::new(state);
    check_runs(&mut checks, &campaign);
    checks.finish()?;
    campaign.state = CampaignState::Ended;
    campaign.ended = ended;
    campaign.outcome = Some(outcome);
    changed(state, slot, EventKind::CampaignEnded, ended, campaign)
}

/// What an event about a campaign takes from the registry.
struct Context {
    countries: Vec<Country>,
    themes: Vec<String>,
}

/// Checks everything a campaign names, and that somebody stands behind it.
fn check_launch(checks: &mut Checks<'_>, campaign: &Campaign) -> Result<Context, Unreadable> {
    let mut themes = campaign.themes.clone();
    if let Some(network) = &campaign.network {
        let of_network = checks.network(network)?;
        if themes.is_empty() {
            themes = of_network;
        }
    }
    if let Some(member) = &campaign.acting_member {
        checks.acting_member(member, campaign.network.as_ref())?;
    }
    let countries = checks.members(&campaign.leads)?;
    let nobody = campaign.network.is_none() && campaign.leads.is_empty();
    if nobody && campaign.sources.is_empty() {
        checks.broken(Rule::SourceMissing, &campaign.id);
    }
    Ok(Context { countries, themes })
}

/// What an event about a campaign of old takes from the registry as it is now. Nothing is checked.
fn context(state: &dyn State, campaign: &Campaign) -> Result<Context, Unreadable> {
    let mut themes = campaign.themes.clone();
    if let (true, Some(network)) = (themes.is_empty(), &campaign.network) {
        themes = state.network(network)?.map(|facts| facts.themes).unwrap_or_default();
    }
    let countries = Checks::new(state).members(&campaign.leads)?;
    Ok(Context { countries, themes })
}

fn check_runs(checks: &mut Checks<'_>, campaign: &Campaign) {
    if campaign.state == CampaignState::Ended {
        checks.broken(Rule::CampaignEnded, &campaign.id);
    }
}

fn existing(state: &dyn State, id: &CampaignId) -> Result<Campaign, Undecided> {
    let found = state.campaign(id)?;
    found.ok_or_else(|| Rejection::NotFound { kind: KIND, name: id.to_string() }.into())
}

/// The campaign with everything the feed sets.
fn launched(slot: Slot, mut campaign: Campaign) -> Campaign {
    campaign.state = CampaignState::Active;
    campaign.ended = None;
    campaign.outcome = None;
    campaign.milestones = Vec::new();
    campaign.recorded = recorded(slot);
    campaign
}

fn participation(slot: Slot, campaign: &CampaignId, joining: Joining) -> Participation {
    Participation {
        campaign: campaign.clone(),
        member: joining.member,
        joined: joining.joined,
        left: None,
        active: true,
        position: slot.position.get(),
    }
}

fn participation_event(
    campaign: &Campaign,
    themes: &[String],
    country: Option<Country>,
    participation: Participation,
) -> NewEvent {
    let (kind, occurred_at) = match participation.active {
        true => (EventKind::CampaignJoined, participation.joined),
        false => (EventKind::CampaignLeft, participation.left),
    };
    NewEvent {
        kind,
        network: campaign.network.clone(),
        members: vec![participation.member.clone()],
        countries: country.into_iter().collect(),
        themes: themes.to_vec(),
        campaign: Some(campaign.id.clone()),
        occurred_at,
        body: Body::Participation(participation),
    }
}

/// The one event of a campaign that changed in this slot.
fn changed(
    state: &dyn State,
    slot: Slot,
    kind: EventKind,
    occurred_at: Option<PartialDate>,
    mut campaign: Campaign,
) -> Result<Decided, Undecided> {
    campaign.recorded.updated_position = slot.position.get();
    campaign.recorded.updated_at_micros = slot.recorded_at_micros;
    let (context, count) = (context(state, &campaign)?, state.participant_count(&campaign.id)?);
    Ok(Decided::events(vec![event(kind, &context, occurred_at, campaign, count)]))
}

fn event(
    kind: EventKind,
    context: &Context,
    occurred_at: Option<PartialDate>,
    campaign: Campaign,
    participant_count: i64,
) -> NewEvent {
    NewEvent {
        kind,
        network: campaign.network.clone(),
        members: campaign.leads.clone(),
        countries: context.countries.clone(),
        themes: context.themes.clone(),
        campaign: Some(campaign.id.clone()),
        occurred_at,
        body: Body::Campaign(Box::new(campaign), participant_count),
    }
}
