//! Publishing, signing, correcting, retracting and redacting statements. Nothing is silently changed: a
//! correction is a new statement, a withdrawal and a redaction are events.

use std::collections::HashSet;

use hansa_journal::Slot;
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::{EventKind, Signature, Statement, StatementState};
use hansa_proto::ids::{MemberId, StatementId};
use hansa_proto::stored::Recorded;

use super::rules::{Checks, check_etag};
use super::{
    Body, Decided, Former, NewEvent, Rejection, Rule, Signing, State, Undecided, Unreadable,
};

const KIND: &str = "hansa.feed.v1.Statement";

/// Publishes a statement, and each first signature, in one commit. With enough of them a joint statement
/// takes effect in it.
pub(super) fn publish(
    state: &dyn State,
    slot: Slot,
    statement: Statement,
    signings: Vec<Signing>,
) -> Result<Decided, Undecided> {
    if state.statement(&statement.id)?.is_some() {
        return Err(exists(&statement.id).into());
    }
    let mut checks = Checks::new(state);
    let context = check_publication(&mut checks, &statement)?;
    let mut signatories = HashSet::new();
    let mut countries = Vec::with_capacity(signings.len());
    for signing in &signings {
        countries.push(checks.member(&signing.member)?);
        if !signatories.insert(&signing.member) {
            checks.broken(Rule::AlreadySigned, &signing.member);
        }
    }
    checks.finish()?;

    let count = i64::try_from(signings.len()).unwrap_or(i64::MAX);
    let statement = published(slot, statement, None, count);
    let signed: Vec<NewEvent> = signings
        .into_iter()
        .zip(countries)
        .map(|(signing, country)| {
            signed_event(
                &statement,
                &context.themes,
                signature(slot, &statement.id, signing),
                country,
            )
        })
        .collect();
    let occurred_at = statement.published;
    let takes_effect = statement.effective && statement.effective_threshold > 0;
    let effective = takes_effect.then(|| {
        event(EventKind::StatementEffective, &context, occurred_at, statement.clone(), count)
    });
    let mut events =
        vec![event(EventKind::StatementPublished, &context, occurred_at, statement, count)];
    events.extend(signed);
    events.extend(effective);
    Ok(Decided::events(events))
}

/// A member signs a statement that stands. The signature that reaches its threshold makes it take effect.
pub(super) fn sign(
    state: &dyn State,
    slot: Slot,
    id: &StatementId,
    signing: Signing,
) -> Result<Decided, Undecided> {
    let statement = existing(state, id)?;
    let mut checks = Checks::new(state);
    check_stands(&mut checks, &statement);
    let country = checks.member(&signing.member)?;
    if state.has_signed(id, &signing.member)? {
        checks.broken(Rule::AlreadySigned, &signing.member);
    }
    checks.finish()?;
    let context = context(state, &statement)?;
    let signature = signature(slot, id, signing);
    let occurred_at = signature.signed;
    let count = state.signature_count(id)? + 1;
    let mut events = vec![signed_event(&statement, &context.themes, signature, country)];
    if !statement.effective && count >= statement.effective_threshold {
        let mut statement = Statement { effective: true, ..statement };
        touch(&mut statement, slot);
        let kind = EventKind::StatementEffective;
        events.push(event(kind, &context, occurred_at, statement, count));
    }
    Ok(Decided::events(events))
}

/// Supersedes a statement by a new one; signatures stay with the old one.
pub(super) fn correct(
    state: &dyn State,
    slot: Slot,
    id: &StatementId,
    correction: Statement,
    reason: String,
    etag: &str,
) -> Result<Decided, Undecided> {
    let mut old = existing(state, id)?;
    if state.statement(&correction.id)?.is_some() {
        return Err(exists(&correction.id).into());
    }
    check_etag(etag, old.recorded.etag())?;
    let mut checks = Checks::new(state);
    check_stands(&mut checks, &old);
    let new_context = check_publication(&mut checks, &correction)?;
    checks.finish()?;

    let new = published(slot, correction, Some(id.clone()), 0);
    old.state = StatementState::Superseded;
    old.superseded_by = Some(new.id.clone());
    old.reason = reason;
    touch(&mut old, slot);
    let (old_context, old_count) = (context(state, &old)?, state.signature_count(id)?);
    let occurred_at = new.published;
    let events = vec![
        event(EventKind::StatementCorrected, &old_context, occurred_at, old, old_count),
        event(EventKind::StatementPublished, &new_context, occurred_at, new, 0),
    ];
    Ok(Decided { answer: 1, ..Decided::events(events) })
}

/// Withdraws a statement that stands.
pub(super) fn retract(
    state: &dyn State,
    slot: Slot,
    id: &StatementId,
    reason: String,
    occurred_at: Option<PartialDate>,
    etag: &str,
) -> Result<Decided, Undecided> {
    let mut statement = existing(state, id)?;
    check_etag(etag, statement.recorded.etag())?;
    let mut checks = Checks::new(state);
    check_stands(&mut checks, &statement);
    checks.finish()?;
    statement.state = StatementState::Retracted;
    statement.reason = reason;
    touch(&mut statement, slot);
    let (context, count) = (context(state, &statement)?, state.signature_count(id)?);
    let retracted = event(EventKind::StatementRetracted, &context, occurred_at, statement, count);
    Ok(Decided::events(vec![retracted]))
}

/// Erases the content of a statement, whatever state it is in. One that is redacted stays as it is.
pub(super) fn redact(
    state: &dyn State,
    slot: Slot,
    id: &StatementId,
    legal_ground: String,
    etag: &str,
) -> Result<Decided, Undecided> {
    let mut statement = existing(state, id)?;
    check_etag(etag, statement.recorded.etag())?;
    let (context, count) = (context(state, &statement)?, state.signature_count(id)?);
    let redacted =
        |statement| event(EventKind::StatementRedacted, &context, None, statement, count);
    if statement.state == StatementState::Redacted {
        return Ok(Decided::unchanged(redacted(statement)));
    }
    statement.state = StatementState::Redacted;
    statement.redacted_position = slot.position.get();
    statement.legal_ground = legal_ground;
    touch(&mut statement, slot);
    Ok(Decided::events(vec![redacted(statement)]))
}

/// What an event about a statement takes from the registry.
struct Context {
    countries: Vec<Country>,
    themes: Vec<String>,
}

/// Checks everything a statement names, and that somebody stands behind it.
fn check_publication(
    checks: &mut Checks<'_>,
    statement: &Statement,
) -> Result<Context, Unreadable> {
    let mut themes = statement.themes.clone();
    if let Some(network) = &statement.issuer_network {
        let of_network = checks.network(network)?;
        if themes.is_empty() {
            themes = of_network;
        }
    }
    if let Some(member) = &statement.acting_member {
        checks.acting_member(member, statement.issuer_network.as_ref())?;
    }
    let countries = checks.members(&behind(statement))?;
    if let Some(campaign) = &statement.campaign {
        checks.campaign_takes_statement(campaign)?;
    }
    let nobody = statement.issuer_network.is_none() && statement.issuer_members.is_empty();
    if nobody && statement.sources.is_empty() {
        checks.broken(Rule::SourceMissing, &statement.id);
    }
    Ok(Context { countries, themes })
}

/// What an event about a statement of old takes from the registry as it is now. Nothing is checked:
/// issuers may have ended since.
fn context(state: &dyn State, statement: &Statement) -> Result<Context, Unreadable> {
    let mut themes = statement.themes.clone();
    if let (true, Some(network)) = (themes.is_empty(), &statement.issuer_network) {
        themes = state.network(network)?.map(|facts| facts.themes).unwrap_or_default();
    }
    let countries = Checks::new(state).members(&behind(statement))?;
    Ok(Context { countries, themes })
}

/// The members an event about a statement is about: who issues it, and who acts for the network.
fn behind(statement: &Statement) -> Vec<MemberId> {
    with_acting(&statement.issuer_members, statement.acting_member.as_ref())
}

/// Members and who acts for the network, each once.
pub(super) fn with_acting(members: &[MemberId], acting: Option<&MemberId>) -> Vec<MemberId> {
    let acting = acting.filter(|acting| !members.contains(acting));
    members.iter().chain(acting).cloned().collect()
}

fn check_stands(checks: &mut Checks<'_>, statement: &Statement) {
    if statement.state != StatementState::Published {
        checks.broken(Rule::StatementClosed, &statement.id);
    }
}

fn existing(state: &dyn State, id: &StatementId) -> Result<Statement, Undecided> {
    let found = state.statement(id)?;
    found.ok_or_else(|| Rejection::NotFound { kind: KIND, name: id.to_string() }.into())
}

fn exists(id: &StatementId) -> Rejection {
    Rejection::AlreadyExists { kind: KIND, name: id.to_string() }
}

/// The statement with everything the feed sets, signed by so many from the start.
fn published(
    slot: Slot,
    statement: Statement,
    supersedes: Option<StatementId>,
    signature_count: i64,
) -> Statement {
    Statement {
        state: StatementState::Published,
        effective: signature_count >= statement.effective_threshold,
        superseded_by: None,
        supersedes,
        reason: String::new(),
        recorded: recorded(slot),
        ..statement
    }
}

/// What is recorded of a resource that begins in this slot.
pub(super) fn recorded(slot: Slot) -> Recorded {
    Recorded {
        created_position: slot.position.get(),
        updated_position: slot.position.get(),
        created_at_micros: slot.recorded_at_micros,
        updated_at_micros: slot.recorded_at_micros,
    }
}

fn touch(statement: &mut Statement, slot: Slot) {
    statement.recorded.updated_position = slot.position.get();
    statement.recorded.updated_at_micros = slot.recorded_at_micros;
}

fn signature(slot: Slot, statement: &StatementId, signing: Signing) -> Signature {
    Signature {
        statement: statement.clone(),
        member: signing.member,
        representative: signing.representative,
        signed: signing.signed,
        position: slot.position.get(),
    }
}

fn signed_event(
    statement: &Statement,
    themes: &[String],
    signature: Signature,
    country: Option<Country>,
) -> NewEvent {
    NewEvent {
        kind: EventKind::StatementSigned,
        network: statement.issuer_network.clone(),
        members: vec![signature.member.clone()],
        countries: country.into_iter().collect(),
        themes: themes.to_vec(),
        campaign: statement.campaign.clone(),
        occurred_at: signature.signed,
        former: Former::default(),
        body: Body::Signature(signature),
    }
}

fn event(
    kind: EventKind,
    context: &Context,
    occurred_at: Option<PartialDate>,
    statement: Statement,
    signature_count: i64,
) -> NewEvent {
    NewEvent {
        kind,
        network: statement.issuer_network.clone(),
        members: behind(&statement),
        countries: context.countries.clone(),
        themes: context.themes.clone(),
        campaign: statement.campaign.clone(),
        occurred_at,
        former: Former::default(),
        body: Body::Statement(Box::new(statement), signature_count),
    }
}
