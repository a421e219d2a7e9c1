//! Statements and campaigns as JSON.

use hansa_proto::common::FrontType;
use hansa_proto::feed::{CampaignKind, CampaignState, OutcomeKind, StatementKind, StatementState};
use hansa_proto::pb::feed::v1 as pb;
use serde_json::Value;

use super::{Object, date, reading, source, stated_count, target, time, word_of};
use crate::values::to_hex;

pub(crate) fn statement(statement: &pb::Statement) -> Value {
    Object::default()
        .with("name", statement.name.as_str())
        .given("kind", word_of!(StatementKind, statement.kind))
        .given("kind_stated", statement.kind_stated.as_str())
        .with("title", statement.title.as_str())
        .given("language", statement.language.as_str())
        .given("summary", statement.summary.as_str())
        .given("body", statement.body.as_str())
        .given("document_uri", statement.document_uri.as_str())
        .given("document_sha256", to_hex(&statement.document_sha256))
        .given("issuer_network", statement.issuer_network.as_str())
        .given("acting_member", statement.acting_member.as_str())
        .given("issuer_members", statement.issuer_members.clone())
        .given("authors_stated", statement.authors_stated.as_str())
        .list("stated_signature_counts", &statement.stated_signature_counts, stated_count)
        .given("target", target(statement.target.as_ref()))
        .list("further_targets", &statement.further_targets, |each| target(Some(each)))
        .given("supporters", statement.supporters.clone())
        .given("themes", statement.themes.clone())
        .given("campaign", statement.campaign.as_str())
        .given("published", date(statement.published.as_ref()))
        .given("note", statement.note.as_str())
        .list("sources", &statement.sources, source)
        .list("readings", &statement.readings, reading)
        .given("state", word_of!(StatementState, statement.state))
        .given("superseded_by", statement.superseded_by.as_str())
        .given("supersedes", statement.supersedes.as_str())
        .given("reason", statement.reason.as_str())
        .given("redacted_position", statement.redacted_position)
        .given("legal_ground", statement.legal_ground.as_str())
        .given("content_sha256", to_hex(&statement.content_sha256))
        .with("signature_count", statement.signature_count)
        .with("effective_threshold", statement.effective_threshold)
        .with("effective", statement.effective)
        .given("etag", statement.etag.as_str())
        .with("created_position", statement.created_position)
        .with("updated_position", statement.updated_position)
        .given("created_at", time(statement.created_at.as_ref()))
        .given("updated_at", time(statement.updated_at.as_ref()))
        .into()
}

pub(crate) fn signature(signature: &pb::Signature) -> Value {
    Object::default()
        .with("statement", signature.statement.as_str())
        .with("member", signature.member.as_str())
        .given("representative", signature.representative.as_str())
        .given("signed", date(signature.signed.as_ref()))
        .with("position", signature.position)
        .into()
}

pub(crate) fn campaign(campaign: &pb::Campaign) -> Value {
    let outcome = campaign.outcome.as_ref().map_or(Value::Null, |outcome| {
        Object::default()
            .given("kind", word_of!(OutcomeKind, outcome.kind))
            .given("summary", outcome.summary.as_str())
            .into()
    });
    Object::default()
        .with("name", campaign.name.as_str())
        .with("title", campaign.title.as_str())
        .given("kind", word_of!(CampaignKind, campaign.kind))
        .given("kind_stated", campaign.kind_stated.as_str())
        .given("front_type", word_of!(FrontType, campaign.front_type))
        .given("network", campaign.network.as_str())
        .given("acting_member", campaign.acting_member.as_str())
        .given("leads", campaign.leads.clone())
        .given("supporters", campaign.supporters.clone())
        .given("target", target(campaign.target.as_ref()))
        .given("demands", campaign.demands.clone())
        .given("themes", campaign.themes.clone())
        .given("summary", campaign.summary.as_str())
        .given("started", date(campaign.started.as_ref()))
        .given("ended", date(campaign.ended.as_ref()))
        .given("outcome", outcome)
        .list("milestones", &campaign.milestones, milestone)
        .list("evaluations", &campaign.evaluations, evaluation)
        .given("statements", campaign.statements.clone())
        .list("handovers", &campaign.handovers, handover)
        .given("note", campaign.note.as_str())
        .list("sources", &campaign.sources, source)
        .list("readings", &campaign.readings, reading)
        .given("state", word_of!(CampaignState, campaign.state))
        .with("participant_count", campaign.participant_count)
        .given("etag", campaign.etag.as_str())
        .with("created_position", campaign.created_position)
        .with("updated_position", campaign.updated_position)
        .given("created_at", time(campaign.created_at.as_ref()))
        .given("updated_at", time(campaign.updated_at.as_ref()))
        .into()
}

fn milestone(milestone: &pb::Milestone) -> Value {
    Object::default()
        .with("title", milestone.title.as_str())
        .given("reached", date(milestone.reached.as_ref()))
        .list("figures", &milestone.figures, figure)
        .given("note", milestone.note.as_str())
        .list("sources", &milestone.sources, source)
        .into()
}

fn evaluation(evaluation: &pb::Evaluation) -> Value {
    Object::default()
        .with("summary", evaluation.summary.as_str())
        .given("evaluated", date(evaluation.evaluated.as_ref()))
        .list("figures", &evaluation.figures, figure)
        .list("sources", &evaluation.sources, source)
        .into()
}

fn figure(figure: &pb::Figure) -> Value {
    Object::default()
        .with("label", figure.label.as_str())
        .with("value", figure.value)
        .given("unit", figure.unit.as_str())
        .into()
}

fn handover(handover: &pb::Handover) -> Value {
    Object::default()
        .given("from_network", handover.from_network.as_str())
        .given("occurred_at", date(handover.occurred_at.as_ref()))
        .with("position", handover.position)
        .into()
}

pub(crate) fn participation(participation: &pb::Participation) -> Value {
    Object::default()
        .with("campaign", participation.campaign.as_str())
        .with("member", participation.member.as_str())
        .given("joined", date(participation.joined.as_ref()))
        .given("left", date(participation.left.as_ref()))
        .with("active", participation.active)
        .with("position", participation.position)
        .into()
}
