//! Networks, members and memberships as JSON.

use hansa_proto::common::FrontType;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::pb::registry::v1::change::Resource;
use hansa_proto::registry::{
    AdmissionMode, Certainty, ChangeKind, EndReason, ExternalIdScheme, MemberKind, MemberState,
    MembershipClass, MembershipState, NetworkKind, NetworkState, Origin, RelationKind, RoleKind,
    Scale, Scope,
};
use serde_json::Value;

use super::{Object, date, name, reading, source, stated_count, time, word_of};

pub(crate) fn network(network: &pb::Network) -> Value {
    Object::default()
        .with("name", network.name.as_str())
        .list("names", &network.names, name)
        .given("kind", word_of!(NetworkKind, network.kind))
        .given("kind_stated", network.kind_stated.as_str())
        .given("front_type", word_of!(FrontType, network.front_type))
        .given("scale", word_of!(Scale, network.scale))
        .given("origin", word_of!(Origin, network.origin))
        .given("scope", word_of!(Scope, network.scope))
        .given("themes", network.themes.clone())
        .given("activities", network.activities.clone())
        .given("founded", date(network.founded.as_ref()))
        .given("ended", date(network.ended.as_ref()))
        .given("founders", network.founders.clone())
        .given("sponsors", network.sponsors.clone())
        .given("seat", network.seat.as_str())
        .list("stated_member_counts", &network.stated_member_counts, stated_count)
        .given("admission", network.admission.as_ref().map_or(Value::Null, admission))
        .given("state", word_of!(NetworkState, network.state))
        .given("countries", network.countries.clone())
        .given("m49_regions", network.m49_regions.clone())
        .given("benefits", network.benefits.clone())
        .list("relations", &network.relations, relation)
        .list("contributions", &network.contributions, contribution)
        .list("readings", &network.readings, reading)
        .given("note", network.note.as_str())
        .list("sources", &network.sources, source)
        .with("active_member_count", network.active_member_count)
        .given("etag", network.etag.as_str())
        .with("created_position", network.created_position)
        .with("updated_position", network.updated_position)
        .given("created_at", time(network.created_at.as_ref()))
        .given("updated_at", time(network.updated_at.as_ref()))
        .into()
}

fn admission(admission: &pb::Admission) -> Value {
    Object::default()
        .given("mode", word_of!(AdmissionMode, admission.mode))
        .with("charter_required", admission.charter_required)
        .given("rules_stated", admission.rules_stated.as_str())
        .list("classes", &admission.classes, |class| word_of!(MembershipClass, *class))
        .given("council_vote_required", admission.council_vote_required.then_some(true))
        .given("max_members", admission.max_members)
        .given("eligibility", admission.eligibility.as_ref().map_or(Value::Null, eligibility))
        .list("class_rules", &admission.class_rules, class_rule)
        .into()
}

fn class_rule(rule: &pb::ClassRule) -> Value {
    Object::default()
        .given("class", word_of!(MembershipClass, rule.class))
        .given("eligibility", rule.eligibility.as_ref().map_or(Value::Null, eligibility))
        .into()
}

fn eligibility(eligibility: &pb::Eligibility) -> Value {
    Object::default()
        .list("member_kinds", &eligibility.member_kinds, |kind| word_of!(MemberKind, *kind))
        .given("countries", eligibility.countries.clone())
        .given("excluded_countries", eligibility.excluded_countries.clone())
        .given("m49_regions", eligibility.m49_regions.clone())
        .given("min_population", eligibility.min_population)
        .given("max_population", eligibility.max_population)
        .given("capitals_only", eligibility.capitals_only.then_some(true))
        .into()
}

fn relation(relation: &pb::Relation) -> Value {
    Object::default()
        .given("kind", word_of!(RelationKind, relation.kind))
        .with("network", relation.network.as_str())
        .given("kind_stated", relation.kind_stated.as_str())
        .given("since", date(relation.since.as_ref()))
        .given("note", relation.note.as_str())
        .list("sources", &relation.sources, source)
        .into()
}

fn contribution(contribution: &pb::Contribution) -> Value {
    let amount = contribution.amount.as_ref().map_or(Value::Null, |money| {
        Object::default()
            .with("currency", money.currency.as_str())
            .with("units", money.units)
            .given("nanos", money.nanos)
            .into()
    });
    Object::default()
        .given("amount", amount)
        .given("contributor", contribution.contributor.as_str())
        .given("note", contribution.note.as_str())
        .into()
}

pub(crate) fn member(member: &pb::Member) -> Value {
    let point = member.point.as_ref().map_or(Value::Null, |point| {
        let both = Object::default().with("latitude", point.latitude);
        both.with("longitude", point.longitude).into()
    });
    Object::default()
        .with("name", member.name.as_str())
        .list("names", &member.names, name)
        .given("kind", word_of!(MemberKind, member.kind))
        .given("kind_stated", member.kind_stated.as_str())
        .given("country", member.country.as_str())
        .given("m49_region", member.m49_region.as_str())
        .given("m49_subregion", member.m49_subregion.as_str())
        .given("point", point)
        .given("capital", member.capital.then_some(true))
        .list("populations", &member.populations, population)
        .list("external_ids", &member.external_ids, external_id)
        .given("network", member.network.as_str())
        .given("predecessors", member.predecessors.clone())
        .given("state", word_of!(MemberState, member.state))
        .given("retired", date(member.retired.as_ref()))
        .given("note", member.note.as_str())
        .list("readings", &member.readings, reading)
        .list("sources", &member.sources, source)
        .given("etag", member.etag.as_str())
        .with("created_position", member.created_position)
        .with("updated_position", member.updated_position)
        .given("created_at", time(member.created_at.as_ref()))
        .given("updated_at", time(member.updated_at.as_ref()))
        .into()
}

fn population(population: &pb::Population) -> Value {
    Object::default()
        .with("count", population.count)
        .given("as_of", date(population.as_of.as_ref()))
        .list("sources", &population.sources, source)
        .into()
}

fn external_id(id: &pb::ExternalId) -> Value {
    Object::default()
        .given("scheme", word_of!(ExternalIdScheme, id.scheme))
        .with("value", id.value.as_str())
        .given("label", id.label.as_str())
        .into()
}

pub(crate) fn membership(membership: &pb::Membership) -> Value {
    Object::default()
        .with("name", membership.name.as_str())
        .with("network", membership.network.as_str())
        .with("member", membership.member.as_str())
        .given("state", word_of!(MembershipState, membership.state))
        .list("terms", &membership.terms, term)
        .given("etag", membership.etag.as_str())
        .with("created_position", membership.created_position)
        .with("updated_position", membership.updated_position)
        .given("created_at", time(membership.created_at.as_ref()))
        .given("updated_at", time(membership.updated_at.as_ref()))
        .into()
}

fn term(term: &pb::Term) -> Value {
    Object::default()
        .given("state", word_of!(MembershipState, term.state))
        .given("class", word_of!(MembershipClass, term.class))
        .list("roles", &term.roles, role)
        .given("grade", term.grade.as_str())
        .given("representative", term.representative.as_str())
        .given("applied", date(term.applied.as_ref()))
        .given("invited", date(term.invited.as_ref()))
        .given("charter_signed", date(term.charter_signed.as_ref()))
        .given("joined", date(term.joined.as_ref()))
        .given("left", date(term.left.as_ref()))
        .given("as_of", date(term.as_of.as_ref()))
        .given("end_reason", word_of!(EndReason, term.end_reason))
        .given("reason", term.reason.as_str())
        .given("certainty", word_of!(Certainty, term.certainty))
        .given("council_voted", date(term.council_voted.as_ref()))
        .list("readings", &term.readings, reading)
        .given("note", term.note.as_str())
        .list("sources", &term.sources, source)
        .into()
}

fn role(role: &pb::Role) -> Value {
    Object::default()
        .given("kind", word_of!(RoleKind, role.kind))
        .given("stated", role.stated.as_str())
        .into()
}

/// One change of a commit of the registry.
pub(crate) fn change(change: &pb::Change) -> Value {
    let object = Object::default()
        .given("kind", word_of!(ChangeKind, change.kind))
        .given("occurred_at", date(change.occurred_at.as_ref()));
    match &change.resource {
        Some(Resource::Network(resource)) => object.with("network", network(resource)),
        Some(Resource::Member(resource)) => object.with("member", member(resource)),
        Some(Resource::Membership(resource)) => object.with("membership", membership(resource)),
        None => object,
    }
    .into()
}

/// One entry of the history of a resource.
pub(crate) fn history_entry(entry: &pb::HistoryEntry) -> Value {
    Object::default()
        .with("position", entry.position)
        .given("recorded_at", time(entry.recorded_at.as_ref()))
        .given("principal", entry.principal.as_str())
        .given("request_id", entry.request_id.as_str())
        .given("change", entry.change.as_ref().map_or(Value::Null, change))
        .into()
}
