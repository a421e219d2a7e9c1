//! The systems the literature names: every row of the table in docs/domain-coverage.md, held against the
//! registry with the real data set in it.

use std::collections::BTreeSet;

use hansa_proto::date::PartialDate;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::common::v1::FrontType;
use hansa_proto::pb::common::v1::reading::Value;
use hansa_proto::pb::registry::v1::{Network, Origin, Scale, Scope};
use hansa_proto::violation::Violations;

use crate::real;

/// A row of the table.
struct Row<'d> {
    name: &'d str,
    networks: Vec<&'d str>,
    kinds: Vec<&'d str>,
    said: Vec<&'d str>,
    sources: Vec<&'d str>,
}

/// The rows, and nothing of the text around them.
fn rows(coverage: &str) -> Vec<Row<'_>> {
    let table = coverage.split("## Named systems").nth(1).unwrap();
    let table = table.split("## Requirements").next().unwrap();
    let lines = table.lines().filter(|line| line.starts_with("| ")).skip(2);
    lines.map(row).collect()
}

fn row(line: &str) -> Row<'_> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [name, represented, kinds, said, sources] = cells[..] else { panic!("{line}") };
    let listed = |cell: &'static str| move |it: &&str| !it.is_empty() && *it != cell;
    Row {
        name,
        networks: represented
            .split('`')
            .filter_map(|it| it.strip_prefix("networks/"))
            .filter(|id| !id.is_empty())
            .collect(),
        kinds: kinds.split(", ").filter(listed("–")).collect(),
        said: said.split(", ").filter(listed("–")).collect(),
        sources: sources.split(' ').collect(),
    }
}

/// Part of the citation that a key of the table stands for.
fn cited_as(key: &str) -> &'static str {
    match key {
        "M" => "Jean-Pierre Malé",
        "K" => "Lorenzo Kihlgren Grandi",
        "L" => "Thomas Lacroix",
        "A" => "New America",
        "W" => "Metropolis, How the pandemic",
        other => panic!("no such key: {other}"),
    }
}

/// Whether a network holds what a row says of it, in its field or as a reading of it.
fn holds(network: &Network, said: &str) -> bool {
    match said {
        "global" => network.scale() == Scale::Global,
        "regional" => network.scale() == Scale::Regional,
        "national" => network.scale() == Scale::National,
        "transnational" => [Scale::Global, Scale::Regional].contains(&network.scale()),
        "grassroots" => network.origin() == Origin::Grassroots,
        "co-opted" => network.origin() == Origin::CoOpted,
        "generalist" => network.scope() == Scope::Generalist,
        "specialised" => network.scope() == Scope::Specialised,
        "against_policy" => network.front_type() == FrontType::AgainstPolicy,
        "against_common_risk" => network.front_type() == FrontType::AgainstCommonRisk,
        _ if said.len() == 2 => network.countries.iter().any(|country| country == said),
        _ => holds_words(network, said),
    }
}

fn holds_words(network: &Network, said: &str) -> bool {
    if let Some(who) = said.strip_prefix("by ") {
        let contributors = network.contributions.iter().map(|it| &it.contributor);
        let mut all = network.founders.iter().chain(&network.sponsors).chain(contributors);
        return all.any(|it| it.contains(who));
    }
    if let Some(place) = said.strip_prefix("in ") {
        return network.seat.contains(place);
    }
    if let Some(count) = said.strip_suffix(" members") {
        let count: i64 = count.parse().unwrap();
        return network.stated_member_counts.iter().any(|it| it.count == count);
    }
    match said.strip_prefix("until ") {
        Some(date) => is_date(network, "ended", network.ended, date),
        None => is_date(network, "founded", network.founded, said),
    }
}

/// Whether a date, or one that another source gives, is the one said or within it.
fn is_date(network: &Network, field: &str, held: Option<common::PartialDate>, said: &str) -> bool {
    let said: PartialDate = said.parse().unwrap();
    let readings = network.readings.iter().filter(|reading| reading.field == field);
    let others = readings.filter_map(|reading| match &reading.value {
        Some(Value::Date(date)) => Some(*date),
        _ => None,
    });
    held.into_iter().chain(others).any(|date| {
        let date = PartialDate::parse(date, field, &mut Violations::default()).unwrap();
        let within = date.to_string().starts_with(&said.to_string());
        date == said || within
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_named_system_is_held_as_the_literature_has_it() {
    let rows = rows(include_str!("../../../docs/domain-coverage.md"));
    assert_eq!(rows.len(), 93, "rows of the table");
    let real = real::data().await;
    let (mut facts, mut cited) = (0, 0);
    for row in rows.iter().filter(|row| !row.kinds.is_empty()) {
        let mut networks = Vec::new();
        for id in &row.networks {
            networks.push(real.network(id).await);
        }
        let kinds: Vec<&str> = networks.iter().map(|it| it.kind().as_str_name()).collect();
        let of_kind = |kind: &str| format!("NETWORK_KIND_{kind}");
        let is_first = |kind: &str| kinds[0] == of_kind(kind) || kinds[0] == kind;
        assert!(is_first(row.kinds[0]), "{}: {kinds:?}", row.name);
        for kind in &row.kinds {
            let held = kinds.iter().any(|it| *it == of_kind(kind) || it == kind);
            assert!(held, "{}: {kind} in {kinds:?}", row.name);
        }
        for said in &row.said {
            assert!(holds(&networks[0], said), "{}: {said} of {:?}", row.name, networks[0]);
            facts += 1;
        }
        let sources: BTreeSet<&str> = networks
            .iter()
            .flat_map(|network| &network.sources)
            .map(|source| source.citation.as_str())
            .collect();
        for key in &row.sources {
            let found = sources.iter().any(|it| it.contains(cited_as(key)));
            assert!(found, "{}: {key} in {sources:?}", row.name);
            cited += 1;
        }
    }
    assert!(facts > 250 && cited > 100, "{facts} facts, {cited} sources");
}
