//! What a row of network_relations.csv becomes: a relation of one network to another.

use hansa_proto::pb::registry::v1::{RelateNetworksRequest, Relation};

use super::cells::{Cells, source};
use super::networks::relating;
use super::problem::Problems;
use super::read::{RelationRow, Row};
use super::step::{Kind, Step, Write, network_name};
use super::words::relation_kind;

pub(super) fn step(row: &Row<RelationRow>, problems: &mut Problems) -> Step {
    let mut cells = Cells { at: &row.at, problems };
    let cell = &row.cells;
    let since = cells.date("since", &cell.since, &cell.since_precision);
    let request = RelateNetworksRequest {
        name: network_name(&cell.from_network_id),
        relation: Some(Relation {
            kind: relation_kind(&cell.relation).into(),
            network: network_name(&cell.to_network_id),
            kind_stated: cell.relation.clone(),
            since: since.map(|date| date.to_pb()),
            note: cell.note.clone(),
            sources: source(&cell.source, &cell.source_url).into_iter().collect(),
        }),
        ..Default::default()
    };
    let write = Write::RelateNetworks(Box::new(request));
    let step = Step::new(&row.at, Kind::Relation, since, write);
    relating(step, &cell.from_network_id, &cell.to_network_id)
}
