//! What a row of statements.jsonl becomes: a statement with its signatures.

use hansa_proto::pb::common::v1::StatedCount;
use hansa_proto::pb::feed::v1::{PublishStatementRequest, Signature, Statement, StatementKind};

use super::beside::Beside;
use super::cells::{Cells, source, target};
use super::problem::Problems;
use super::read::{Row, StatementRow};
use super::step::{
    Fact, Kind, Step, Write, campaign_name, member_name, network_name, statement_name,
};
use super::words;

pub(super) fn step(row: &Row<StatementRow>, beside: &Beside<'_>, problems: &mut Problems) -> Step {
    let mut cells = Cells { at: &row.at, problems };
    let cell = &row.cells;
    let published = cell.published.as_deref().unwrap_or_default();
    let published = cells.date("published", published, &cell.published_precision);
    let signature = |id: &String| Signature { member: member_name(id), ..Default::default() };
    let described = statement(&mut cells, cell);
    let literature = cell.literature.as_deref().unwrap_or_default();
    let request = PublishStatementRequest {
        statement: Some(Box::new(Statement {
            published: published.map(|date| date.to_pb()),
            readings: beside.readings(&statement_name(&cell.statement_id)),
            sources: beside.cited(&mut cells, literature, described.sources),
            ..described
        })),
        signatures: cell.signatories.iter().map(signature).collect(),
        ..Default::default()
    };
    let network = cell.issuer_network_id.clone().unwrap_or_default();
    let campaign = cell.campaign_id.clone().unwrap_or_default();
    Step::new(&row.at, Kind::Statement, published, Write::PublishStatement(Box::new(request)))
        .needs([Fact::Network(network.clone()), Fact::Campaign(campaign.clone())])
        .needs(cell.signatories.iter().map(|id| Fact::Member(id.clone())))
        .makes([Fact::NetworkUsed(network), Fact::CampaignUsed(campaign)])
}

fn statement(cells: &mut Cells<'_>, cell: &StatementRow) -> Statement {
    let kind =
        cells.word("kind", &cell.kind, words::STATEMENT_KINDS).unwrap_or(StatementKind::Other);
    let sources: Vec<_> =
        source(&cell.source, cell.source_url.as_deref().unwrap_or_default()).into_iter().collect();
    let stated = |count| StatedCount { count, as_of: None, sources: sources.clone() };
    Statement {
        name: statement_name(&cell.statement_id),
        kind: kind.into(),
        kind_stated: cell.kind.clone(),
        title: cell.title.clone(),
        summary: cell.summary.clone().unwrap_or_default(),
        issuer_network: network_name(cell.issuer_network_id.as_deref().unwrap_or_default()),
        authors_stated: cell.authors.clone().unwrap_or_default(),
        stated_signature_counts: cell.signatory_count_stated.map(stated).into_iter().collect(),
        target: target(cells, cell.target.as_deref(), cell.target_kind.as_deref()),
        supporters: cell.supporters.clone(),
        themes: cell.themes.clone(),
        campaign: campaign_name(cell.campaign_id.as_deref().unwrap_or_default()),
        note: cell.note.clone().unwrap_or_default(),
        sources,
        ..Default::default()
    }
}
