//! Launching campaigns, who takes part, what they reach and how that is judged, which statements belong
//! to them, and how they end.

use std::collections::HashSet;

use hansa_journal::Slot;
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::{
    Campaign, CampaignState, Evaluation, EventKind, Milestone, Outcome, Participation,
    StatementState,
};
use hansa_proto::ids::{CampaignId, MemberId, StatementId};
use hansa_proto::limits;

use super::rules::{Checks, check_etag};
use super::statement::{recorded, with_acting};
use super::{
    Body, Decided, Former, Joining, NewEvent, Rejection, Rule, State, Undecided, Unreadable,
};

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
    let place = place(campaign.milestones.iter().map(|known| known.reached), reached);
    campaign.milestones.insert(place, milestone);
    changed(state, slot, EventKind::CampaignMilestone, reached, campaign)
}

/// Records how a campaign did, also after it has ended, at its place in time.
pub(super) fn evaluate(
    state: &dyn State,
    slot: Slot,
    id: &CampaignId,
    evaluation: Evaluation,
    etag: &str,
) -> Result<Decided, Undecided> {
    let mut campaign = existing(state, id)?;
    check_etag(etag, campaign.recorded.etag())?;
    let mut checks = Checks::new(state);
    if campaign.evaluations.len() >= limits::EVALUATIONS {
        checks.broken(Rule::LimitReached, id);
    }
    checks.finish()?;
    let evaluated = evaluation.evaluated;
    let place = place(campaign.evaluations.iter().map(|known| known.evaluated), evaluated);
    campaign.evaluations.insert(place, evaluation);
    changed(state, slot, EventKind::CampaignEvaluated, evaluated, campaign)
}

/// The place of a date among dates, oldest first: behind those that are equal or not known.
fn place(
    known: impl ExactSizeIterator<Item = Option<PartialDate>>,
    date: Option<PartialDate>,
) -> usize {
    let end = known.len();
    let Some(date) = date else { return end };
    let mut known = known;
    known.position(|known| known.is_some_and(|known| known > date)).unwrap_or(end)
}

/// Makes a statement that stands part of a campaign that runs. A statement belongs to at most one.
pub(super) fn attach(
    state: &dyn State,
    slot: Slot,
    id: &CampaignId,
    statement: StatementId,
    etag: &str,
) -> Result<Decided, Undecided> {
    let mut campaign = existing(state, id)?;
    check_etag(etag, campaign.recorded.etag())?;
    let kind = EventKind::CampaignStatementAttached;
    let mut checks = Checks::new(state);
    match state.statement(&statement)? {
        None => checks.broken(Rule::StatementUnknown, &statement),
        Some(known) if known.campaign.as_ref() == Some(id) => {
            return unchanged(state, kind, campaign);
        }
        Some(known) => {
            if known.campaign.is_some() {
                checks.broken(Rule::LimitReached, &statement);
            }
            if known.state != StatementState::Published {
                checks.broken(Rule::StatementClosed, &statement);
            }
        }
    }
    checks.takes_statement(&campaign);
    checks.finish()?;
    campaign.statements.push(statement);
    changed(state, slot, kind, None, campaign)
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
pub(super) struct Context {
    pub(super) countries: Vec<Country>,
    pub(super) themes: Vec<String>,
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
    let countries = checks.members(&behind(campaign))?;
    let nobody = campaign.network.is_none() && campaign.leads.is_empty();
    if nobody && campaign.sources.is_empty() {
        checks.broken(Rule::SourceMissing, &campaign.id);
    }
    Ok(Context { countries, themes })
}

/// The members an event about a campaign is about: who leads it, and who acts for the network.
pub(super) fn behind(campaign: &Campaign) -> Vec<MemberId> {
    with_acting(&campaign.leads, campaign.acting_member.as_ref())
}

/// What an event about a campaign of old takes from the registry as it is now. Nothing is checked.
pub(super) fn context(state: &dyn State, campaign: &Campaign) -> Result<Context, Unreadable> {
    let mut themes = campaign.themes.clone();
    if let (true, Some(network)) = (themes.is_empty(), &campaign.network) {
        themes = state.network(network)?.map(|facts| facts.themes).unwrap_or_default();
    }
    let countries = Checks::new(state).members(&behind(campaign))?;
    Ok(Context { countries, themes })
}

pub(super) fn check_runs(checks: &mut Checks<'_>, campaign: &Campaign) {
    if campaign.state == CampaignState::Ended {
        checks.broken(Rule::CampaignEnded, &campaign.id);
    }
}

pub(super) fn existing(state: &dyn State, id: &CampaignId) -> Result<Campaign, Undecided> {
    let found = state.campaign(id)?;
    found.ok_or_else(|| Rejection::NotFound { kind: KIND, name: id.to_string() }.into())
}

/// The campaign with everything the feed sets.
fn launched(slot: Slot, mut campaign: Campaign) -> Campaign {
    campaign.state = CampaignState::Active;
    campaign.ended = None;
    campaign.outcome = None;
    campaign.milestones = Vec::new();
    campaign.evaluations = Vec::new();
    campaign.statements = Vec::new();
    campaign.handovers = Vec::new();
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
        former: Former::default(),
        body: Body::Participation(participation),
    }
}

/// The one event of a campaign that changed in this slot.
pub(super) fn changed(
    state: &dyn State,
    slot: Slot,
    kind: EventKind,
    occurred_at: Option<PartialDate>,
    mut campaign: Campaign,
) -> Result<Decided, Undecided> {
    touch(&mut campaign, slot);
    let (context, count) = (context(state, &campaign)?, state.participant_count(&campaign.id)?);
    Ok(Decided::events(vec![event(kind, &context, occurred_at, campaign, count)]))
}

/// A campaign that is already as it should be.
pub(super) fn unchanged(
    state: &dyn State,
    kind: EventKind,
    campaign: Campaign,
) -> Result<Decided, Undecided> {
    let (context, count) = (context(state, &campaign)?, state.participant_count(&campaign.id)?);
    Ok(Decided::unchanged(event(kind, &context, None, campaign, count)))
}

pub(super) fn touch(campaign: &mut Campaign, slot: Slot) {
    campaign.recorded.updated_position = slot.position.get();
    campaign.recorded.updated_at_micros = slot.recorded_at_micros;
}

pub(super) fn event(
    kind: EventKind,
    context: &Context,
    occurred_at: Option<PartialDate>,
    campaign: Campaign,
    participant_count: i64,
) -> NewEvent {
    NewEvent {
        kind,
        network: campaign.network.clone(),
        members: behind(&campaign),
        countries: context.countries.clone(),
        themes: context.themes.clone(),
        campaign: Some(campaign.id.clone()),
        occurred_at,
        former: Former::default(),
        body: Body::Campaign(Box::new(campaign), participant_count),
    }
}
