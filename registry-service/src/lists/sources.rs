//! Who says what a resource holds: its sources and those of its parts, as text that filters look into.

use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;

use super::facts::Fact;
use crate::fold_text;

/// Of a network, its stated counts, relations and readings.
pub(super) fn of_network(network: &pb::Network) -> Vec<Fact> {
    let stated = network.stated_member_counts.iter().flat_map(|it| &it.sources);
    let relations = network.relations.iter().flat_map(|it| &it.sources);
    let parts = stated.chain(relations);
    texts(network.sources.iter().chain(parts).chain(of_readings(&network.readings)))
}

/// Of a member, its populations and readings.
pub(super) fn of_member(member: &pb::Member) -> Vec<Fact> {
    let populations = member.populations.iter().flat_map(|it| &it.sources);
    texts(member.sources.iter().chain(populations).chain(of_readings(&member.readings)))
}

/// Of a term and its readings.
pub(super) fn of_term(term: &pb::Term) -> Vec<Fact> {
    texts(term.sources.iter().chain(of_readings(&term.readings)))
}

fn of_readings(readings: &[common::Reading]) -> impl Iterator<Item = &common::Source> {
    readings.iter().flat_map(|reading| &reading.sources)
}

/// Citations and addresses, folded.
fn texts<'s>(sources: impl Iterator<Item = &'s common::Source>) -> Vec<Fact> {
    let texts = sources.flat_map(|source| [&source.citation, &source.uri]);
    let folded = texts.map(|text| fold_text::words(text).join(" "));
    folded.filter(|text| !text.is_empty()).map(Fact::Text).collect()
}
