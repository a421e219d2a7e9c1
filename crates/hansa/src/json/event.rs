//! Events as JSON, and in one line.

use hansa_proto::feed::EventKind;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::registry::MembershipClass;
use serde_json::Value;

use super::{Object, date, shown, time, word_of};
use crate::values::{bare, to_hex};

/// An event. Its envelope is always there, whole; of the body it carries title and summary. The cursor
/// may be resumed from: nothing after this event is missed, and nothing repeated but events of the
/// same commit.
pub(crate) fn event(event: &pb::Event, cursor: &[u8]) -> Value {
    Object::default()
        .with("position", event.position)
        .with("index", event.index)
        .with("kind", word_of!(EventKind, event.kind))
        .with("network", or_null(&event.network))
        .with("members", event.members.clone())
        .with("countries", event.countries.clone())
        .with("themes", event.themes.clone())
        .with("campaign", or_null(&event.campaign))
        .with("occurred_at", date(event.occurred_at.as_ref()))
        .with("recorded_at", time(event.recorded_at.as_ref()))
        .given("principal", event.principal.as_str())
        .given("request_id", event.request_id.as_str())
        .given("registry_position", event.registry_position)
        .given("redacted_position", event.redacted_position)
        .given("resource", resource(event))
        .given("title", headline(event))
        .given("summary", summary(event))
        .with("cursor", to_hex(cursor))
        .into()
}

fn or_null(name: &str) -> Value {
    match name.is_empty() {
        true => Value::Null,
        false => name.into(),
    }
}

/// The resource it is about.
fn resource(event: &pb::Event) -> &str {
    match &event.body {
        Some(Body::NetworkBody(network)) => &network.name,
        Some(Body::MemberBody(member)) => &member.name,
        Some(Body::MembershipBody(membership)) => &membership.name,
        Some(Body::StatementBody(statement)) => &statement.name,
        Some(Body::SignatureBody(signature)) => &signature.statement,
        Some(Body::CampaignBody(campaign)) => &campaign.name,
        Some(Body::ParticipationBody(participation)) => &participation.campaign,
        None => "",
    }
}

/// What it is about, in a few words.
pub(crate) fn headline(event: &pb::Event) -> String {
    match &event.body {
        Some(Body::NetworkBody(network)) => shown(&network.names).to_owned(),
        Some(Body::MemberBody(member)) => shown(&member.names).to_owned(),
        Some(Body::MembershipBody(membership)) => {
            let class =
                membership.terms.last().and_then(|term| MembershipClass::from_pb(term.class));
            let class = class.map(|class| format!(" ({class})")).unwrap_or_default();
            format!("{} in {}{class}", bare(&membership.member), bare(&membership.network))
        }
        Some(Body::StatementBody(statement)) if statement.redacted_position > 0 => {
            format!("{} (redacted)", bare(&statement.name))
        }
        Some(Body::StatementBody(statement)) => statement.title.clone(),
        Some(Body::SignatureBody(signature)) => {
            format!("{} signed {}", bare(&signature.member), bare(&signature.statement))
        }
        Some(Body::CampaignBody(campaign)) => campaign.title.clone(),
        Some(Body::ParticipationBody(participation)) => {
            format!("{} in {}", bare(&participation.member), bare(&participation.campaign))
        }
        None => String::new(),
    }
}

fn summary(event: &pb::Event) -> &str {
    match &event.body {
        Some(Body::StatementBody(statement)) => &statement.summary,
        Some(Body::CampaignBody(campaign)) => &campaign.summary,
        _ => "",
    }
}
