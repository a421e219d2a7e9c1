//! What readings.csv, network_places.csv and literature.csv say beside the row of a resource: all become
//! part of what is created, and a row about a resource that no other row makes is an error.

use std::collections::{HashMap, HashSet};

use hansa_proto::common::{Reading as StrictReading, ReadingOf};
use hansa_proto::pb::common::v1::{Reading, Source, reading};
use hansa_proto::pb::registry::v1::Network;
use hansa_proto::violation::Violations;

use super::cells::{Cells, source, split};
use super::problem::{At, Problems};
use super::read::{DataSet, LITERATURE, LiteratureRow, PlaceRow, ReadingRow, Row};
use super::step::{campaign_name, member_name, network_name, statement_name};

/// Readings by resource, places by network, and literature by key.
pub(super) struct Beside<'a> {
    readings: HashMap<&'a str, Vec<Reading>>,
    places: HashMap<&'a str, &'a PlaceRow>,
    literature: HashMap<&'a str, Option<Source>>,
}

impl<'a> Beside<'a> {
    /// Reads both files of a data set.
    pub(super) fn of(data_set: &'a DataSet, problems: &mut Problems) -> Beside<'a> {
        let known = Known::of(data_set);
        let literature = data_set.literature.iter().map(|row| {
            let LiteratureRow { key, source: citation, source_url } = &row.cells;
            (key.as_str(), source(citation, source_url))
        });
        let mut beside = Beside {
            readings: HashMap::new(),
            places: HashMap::new(),
            literature: literature.collect(),
        };
        for row in &data_set.readings {
            known.check(&row.at, "resource", &row.cells.resource, problems);
            let reading = reading(row, problems);
            beside.readings.entry(&row.cells.resource).or_default().extend(reading);
        }
        for row in &data_set.places {
            let name = network_name(&row.cells.network_id);
            known.check(&row.at, "network_id", &name, problems);
            beside.places.insert(&row.cells.network_id, &row.cells);
        }
        beside
    }

    /// What other sources say of a resource, in the order of the file.
    pub(super) fn readings(&self, resource: &str) -> Vec<Reading> {
        self.readings.get(resource).cloned().unwrap_or_default()
    }

    /// The sources with the literature of these keys behind them, each citation once.
    pub(super) fn cited(
        &self,
        cells: &mut Cells<'_>,
        keys: &str,
        mut sources: Vec<Source>,
    ) -> Vec<Source> {
        for key in split(keys) {
            match self.literature.get(key.as_str()) {
                None => cells.problem("literature", format!("`{key}` is no key of {LITERATURE}")),
                Some(found) => {
                    let new = found.iter().filter(|new| !cites(&sources, new)).cloned();
                    sources.extend(new.collect::<Vec<_>>());
                }
            }
        }
        sources
    }

    /// The network with its countries and continents, and with who says so.
    pub(super) fn placed(&self, network_id: &str, mut network: Network) -> Network {
        let Some(place) = self.places.get(network_id) else { return network };
        network.countries = split(&place.countries);
        network.m49_regions = split(&place.m49_regions);
        let source = source(&place.source, &place.source_url);
        let new = source.filter(|new| !cites(&network.sources, new));
        network
            .sources
            .extend(new.map(|new| Source { note: "for where it works".to_owned(), ..new }));
        network
    }
}

fn cites(sources: &[Source], new: &Source) -> bool {
    sources.iter().any(|known| known.citation == new.citation)
}

/// Of which term a reading is: the first one, or the one a number says.
pub(super) fn term_name(network_id: &str, member_id: &str, number: u32) -> String {
    let name = format!("{}/memberships/{member_id}", network_name(network_id));
    if number == 1 { name } else { format!("{name}:{number}") }
}

/// Names of everything the other files make.
struct Known(HashSet<String>);

impl Known {
    fn of(data_set: &DataSet) -> Known {
        let networks = data_set.networks.iter().map(|row| network_name(&row.cells.network_id));
        let members = data_set.members.iter().map(|row| member_name(&row.cells.member_id));
        let statements =
            data_set.statements.iter().map(|row| statement_name(&row.cells.statement_id));
        let campaigns = data_set.campaigns.iter().map(|row| campaign_name(&row.cells.campaign_id));
        let terms = data_set.memberships.iter().map(|row| {
            let number = row.cells.membership_id.split_once(':').map(|(_, number)| number.parse());
            let number = number.and_then(Result::ok).unwrap_or(1);
            term_name(&row.cells.network_id, &row.cells.member_id, number)
        });
        Known(networks.chain(members).chain(statements).chain(campaigns).chain(terms).collect())
    }

    fn check(&self, at: &At, column: &'static str, name: &str, problems: &mut Problems) {
        if !self.0.contains(name) {
            problems.push(at, column, format!("`{name}` is made by no row of the other files"));
        }
    }
}

/// A row as a reading, checked as the services check it.
fn reading(row: &Row<ReadingRow>, problems: &mut Problems) -> Option<Reading> {
    let cell = &row.cells;
    let mut cells = Cells { at: &row.at, problems };
    let value = match cell.value_precision.as_str() {
        "" => reading::Value::Text(cell.value.clone()),
        "count" => reading::Value::Count(cells.number("value", &cell.value)?),
        precision => reading::Value::Date(cells.date("value", &cell.value, precision)?.to_pb()),
    };
    let reading = Reading {
        field: cell.field.clone(),
        value: Some(value),
        sources: source(&cell.source, &cell.source_url).into_iter().collect(),
        note: cell.note.clone(),
    };
    let mut violations = Violations::default();
    let of = kind_of(&cell.resource);
    if StrictReading::parse(reading.clone(), of, "", &mut violations).is_some() {
        return Some(reading);
    }
    for violation in violations.into_vec() {
        cells.problem("", format!("{} {}", violation.field, violation.problem));
    }
    None
}

fn kind_of(resource: &str) -> ReadingOf {
    match resource.split_once('/') {
        Some(("members", _)) => ReadingOf::Member,
        Some(("statements", _)) => ReadingOf::Statement,
        Some(("campaigns", _)) => ReadingOf::Campaign,
        _ if resource.contains("/memberships/") => ReadingOf::Term,
        _ => ReadingOf::Network,
    }
}
