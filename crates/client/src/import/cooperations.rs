//! What a row of cooperations.jsonl becomes: a network of its own, with givers and receivers as its
//! members, the networks that give as its supporters, the money, and its end where one is stated.

use hansa_proto::date::PartialDate;
use hansa_proto::pb::common::v1::Money;
use hansa_proto::pb::registry::v1::{
    Contribution, CreateNetworkRequest, EndNetworkRequest, EndReason, MembershipClass,
    MembershipState, Network, NetworkKind, RelateNetworksRequest, Relation, RelationKind, Role,
    RoleKind, Term,
};

use super::cells::{Cells, Note, official_name, source};
use super::memberships::{belonging, record};
use super::networks::{ending, relating};
use super::problem::Problems;
use super::read::{CooperationRow, Row};
use super::step::{Fact, Kind, Step, Write, network_name};
use super::words;

pub(super) fn steps(row: &Row<CooperationRow>, problems: &mut Problems) -> Vec<Step> {
    let mut cells = Cells { at: &row.at, problems };
    let cell = &row.cells;
    let date = cell.date.as_deref().unwrap_or_default();
    let date = cells.date("date", date, &cell.date_precision);
    let ended = cell.ended.as_deref().unwrap_or_default();
    let ended = cells.date("ended", ended, &cell.ended_precision);
    for id in cell.givers.iter().filter(|id| cell.receivers.contains(id)) {
        cells.problem("receivers", format!("`{id}` gives and receives"));
    }

    let network = network(&mut cells, cell, date);
    let request = CreateNetworkRequest { network: Some(network), ..Default::default() };
    let create = Write::CreateNetwork(Box::new(request));
    let mut steps = vec![
        Step::new(&row.at, Kind::Cooperation, date, create)
            .makes([Fact::Network(cell.event_id.clone())]),
    ];
    steps.extend(cell.givers.iter().map(|id| member(row, id, RoleKind::Donor, date)));
    steps.extend(cell.receivers.iter().map(|id| member(row, id, RoleKind::Recipient, date)));
    steps.extend(cell.giver_networks.iter().map(|id| giver(row, id, date)));
    if ended.is_some() {
        steps.push(end(row, ended));
    }
    steps
}

fn network(cells: &mut Cells<'_>, cell: &CooperationRow, date: Option<PartialDate>) -> Network {
    let kind = cells
        .word("kind", &cell.kind, words::COOPERATION_KINDS)
        .unwrap_or(NetworkKind::Cooperation);
    let contribution = |units| Contribution {
        amount: Some(Money { currency: "EUR".to_owned(), units, nanos: 0 }),
        ..Default::default()
    };
    Network {
        name: network_name(&cell.event_id),
        names: vec![official_name(&cell.title)],
        kind: kind.into(),
        kind_stated: cell.kind.clone(),
        themes: cell.themes.clone(),
        founded: date.map(|date| date.to_pb()),
        sponsors: cell.partners.clone(),
        contributions: cell.amount_eur.map(contribution).into_iter().collect(),
        note: Note::of(cell.summary.as_deref().unwrap_or_default()).text(),
        sources: sources(cell),
        ..Default::default()
    }
}

fn sources(cell: &CooperationRow) -> Vec<hansa_proto::pb::common::v1::Source> {
    source(&cell.source, cell.source_url.as_deref().unwrap_or_default()).into_iter().collect()
}

/// Both sides take part; the end of the cooperation ends their terms.
fn member(
    row: &Row<CooperationRow>,
    member_id: &str,
    role: RoleKind,
    date: Option<PartialDate>,
) -> Step {
    let term = Term {
        state: MembershipState::Active.into(),
        class: MembershipClass::Participant.into(),
        roles: vec![Role { kind: role.into(), stated: String::new() }],
        joined: date.map(|date| date.to_pb()),
        end_reason: EndReason::Unspecified.into(),
        sources: sources(&row.cells),
        ..Default::default()
    };
    let network_id = &row.cells.event_id;
    let step = Step::new(&row.at, Kind::Membership, date, record(network_id, member_id, term));
    belonging(step, network_id, member_id, 1, MembershipState::Active)
}

fn giver(row: &Row<CooperationRow>, giver_id: &str, date: Option<PartialDate>) -> Step {
    let request = RelateNetworksRequest {
        name: network_name(&row.cells.event_id),
        relation: Some(Relation {
            kind: RelationKind::SupportedBy.into(),
            network: network_name(giver_id),
            kind_stated: "giver".to_owned(),
            since: date.map(|date| date.to_pb()),
            note: String::new(),
            sources: sources(&row.cells),
        }),
        ..Default::default()
    };
    let write = Write::RelateNetworks(Box::new(request));
    relating(Step::new(&row.at, Kind::Relation, date, write), &row.cells.event_id, giver_id)
}

fn end(row: &Row<CooperationRow>, ended: Option<PartialDate>) -> Step {
    let request = EndNetworkRequest {
        name: network_name(&row.cells.event_id),
        ended: ended.map(|date| date.to_pb()),
        sources: sources(&row.cells),
        ..Default::default()
    };
    let write = Write::EndNetwork(Box::new(request));
    ending(&row.at, &row.cells.event_id, ended, write)
}
