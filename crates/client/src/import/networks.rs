//! What a row of networks.csv becomes: a network, and its end where it has ended.

use hansa_proto::pb::common::v1::{NameKind, StatedCount};
use hansa_proto::pb::registry::v1::{
    CreateNetworkRequest, EndNetworkRequest, Network, NetworkKind, NetworkState,
    RelateNetworksRequest, Relation, RelationKind,
};

use super::admission::admission;
use super::beside::Beside;
use super::cells::{Cells, Note, name, official_name, source, split};
use super::problem::{At, Problems};
use super::read::{NetworkRow, RelationRow, Row};
use super::step::{Fact, Kind, Step, Write, network_name};
use super::words;
use super::words::Life;

pub(super) fn steps(
    row: &Row<NetworkRow>,
    relations: &[Row<RelationRow>],
    beside: &Beside<'_>,
    problems: &mut Problems,
) -> Vec<Step> {
    let mut cells = Cells { at: &row.at, problems };
    let cell = &row.cells;
    let life = cells.word("status", &cell.status, words::NETWORK_STATUSES).unwrap_or(Life::Active);
    let over = matches!(life, Life::Ended | Life::Merged);
    let founded = cells.date("founded", &cell.founded, &cell.founded_precision);
    let ended = cells.date("ended", &cell.ended, &cell.ended_precision);

    let name = network_name(&cell.network_id);
    let network = Network {
        readings: beside.readings(&name),
        name,
        state: match life {
            Life::Announced => NetworkState::Announced.into(),
            Life::Active | Life::Ended | Life::Merged => NetworkState::Active.into(),
        },
        founded: founded.map(|date| date.to_pb()),
        note: note(cell, over),
        ..described(&mut cells, cell)
    };
    let sources = beside.cited(&mut cells, &cell.literature, network.sources);
    let network = Network { sources, ..network };
    let network = beside.placed(&cell.network_id, network);
    let request = CreateNetworkRequest { network: Some(network), ..Default::default() };
    let create = Write::CreateNetwork(Box::new(request));
    let mut steps = vec![
        Step::new(&row.at, Kind::Network, founded, create)
            .makes([Fact::Network(cell.network_id.clone())]),
    ];
    steps.extend(parent(&row.at, cell, relations));
    if over {
        let into = merged_into(cell, relations);
        if life == Life::Merged && into.is_none() {
            cells.problem("status", "is `merged`, but no relation `merged_into` says into what");
        }
        let request = EndNetworkRequest {
            name: network_name(&cell.network_id),
            ended: ended.map(|date| date.to_pb()),
            merged_into: network_name(into.filter(|_| life == Life::Merged).unwrap_or_default()),
            sources: source(&cell.source, &cell.source_url).into_iter().collect(),
            ..Default::default()
        };
        let write = Write::EndNetwork(Box::new(request));
        steps.push(ending(&row.at, &cell.network_id, ended, write));
    }
    steps
}

/// The end of a network comes after everything that needs it open.
pub(super) fn ending(
    at: &At,
    network_id: &str,
    ended: Option<hansa_proto::date::PartialDate>,
    write: Write,
) -> Step {
    let network = || network_id.to_owned();
    Step::new(at, Kind::Ending, ended, write)
        .needs([Fact::Network(network()), Fact::NetworkUsed(network())])
}

fn described(cells: &mut Cells<'_>, cell: &NetworkRow) -> Network {
    let kind = cells.word("kind", &cell.kind, words::NETWORK_KINDS).unwrap_or(NetworkKind::Other);
    let mut names = vec![official_name(&cell.name)];
    if !cell.acronym.is_empty() {
        names.push(name(&cell.acronym, NameKind::Acronym));
    }
    let front = cells.word_or_none("front_type", &cell.front_type, words::FRONT_TYPES);
    let scale = cells.word_or_none("scale", &cell.scale, words::SCALES);
    let origin = cells.word_or_none("origin", &cell.origin, words::ORIGINS);
    let scope = cells.word_or_none("scope", &cell.scope, words::SCOPES);
    Network {
        names,
        kind: kind.into(),
        kind_stated: cell.kind.clone(),
        front_type: front.map_or(0, i32::from),
        scale: scale.map_or(0, i32::from),
        origin: origin.map_or(0, i32::from),
        scope: scope.map_or(0, i32::from),
        themes: split(&cell.themes),
        activities: split(&cell.activities),
        founders: split(&cell.founder),
        sponsors: split(&cell.sponsor),
        seat: cell.seat.clone(),
        stated_member_counts: stated_count(cells, cell).into_iter().collect(),
        admission: admission(kind, &cell.membership_rules),
        sources: source(&cell.source, &cell.source_url).into_iter().collect(),
        ..Default::default()
    }
}

fn stated_count(cells: &mut Cells<'_>, cell: &NetworkRow) -> Option<StatedCount> {
    let as_of =
        cells.date("member_count_date", &cell.member_count_date, &cell.member_count_date_precision);
    let count = cells.number("member_count", &cell.member_count);
    if count.is_none() && as_of.is_some() {
        cells.problem("member_count", "is empty although it has a date");
    }
    Some(StatedCount {
        count: count?,
        as_of: as_of.map(|date| date.to_pb()),
        sources: source(&cell.source, &cell.source_url).into_iter().collect(),
    })
}

/// The end of a network that has not ended is a plan.
fn note(cell: &NetworkRow, over: bool) -> String {
    let mut note = Note::of(&cell.note);
    if !over {
        note.labelled("Planned end", &cell.ended);
    }
    if cell.status == "proposed" {
        note.line("Proposed, not founded");
    }
    note.text()
}

/// The parent, where no relation says what it is to the network.
fn parent(at: &At, cell: &NetworkRow, relations: &[Row<RelationRow>]) -> Option<Step> {
    if cell.parent_network_id.is_empty() {
        return None;
    }
    let related = relations.iter().map(|row| &row.cells).any(|relation| {
        let ends = (&relation.from_network_id, &relation.to_network_id);
        ends == (&cell.network_id, &cell.parent_network_id)
            || ends == (&cell.parent_network_id, &cell.network_id)
    });
    if related {
        return None;
    }
    let request = RelateNetworksRequest {
        name: network_name(&cell.network_id),
        relation: Some(Relation {
            kind: RelationKind::Other.into(),
            network: network_name(&cell.parent_network_id),
            kind_stated: "parent".to_owned(),
            sources: source(&cell.source, &cell.source_url).into_iter().collect(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let write = Write::RelateNetworks(Box::new(request));
    Some(relating(
        Step::new(at, Kind::Relation, None, write),
        &cell.network_id,
        &cell.parent_network_id,
    ))
}

/// A relation needs both networks, and the first one open.
pub(super) fn relating(step: Step, from: &str, to: &str) -> Step {
    step.needs([Fact::Network(from.to_owned()), Fact::Network(to.to_owned())])
        .makes([Fact::NetworkUsed(from.to_owned())])
}

fn merged_into<'a>(cell: &NetworkRow, relations: &'a [Row<RelationRow>]) -> Option<&'a str> {
    let merged = relations.iter().map(|row| &row.cells).find(|relation| {
        relation.from_network_id == cell.network_id && relation.relation == "merged_into"
    });
    merged.map(|relation| relation.to_network_id.as_str())
}
