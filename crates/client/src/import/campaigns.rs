//! What a row of campaigns.jsonl becomes: a campaign with its participants, and its end.

use hansa_proto::date::PartialDate;
use hansa_proto::pb::feed::v1::{
    Campaign, CampaignKind, EndCampaignRequest, LaunchCampaignRequest, Outcome, OutcomeKind,
    Participation,
};

use super::beside::Beside;
use super::cells::{Cells, Note, source, target};
use super::problem::Problems;
use super::read::{CampaignRow, Row};
use super::step::{Fact, Kind, Step, Write, campaign_name, member_name, network_name};
use super::words;

pub(super) fn steps(
    row: &Row<CampaignRow>,
    beside: &Beside<'_>,
    problems: &mut Problems,
) -> Vec<Step> {
    let mut cells = Cells { at: &row.at, problems };
    let cell = &row.cells;
    let started = date(&mut cells, "started", &cell.started, &cell.started_precision);
    let ended = date(&mut cells, "ended", &cell.ended, &cell.ended_precision);
    let over = cells.word("status", &cell.status, words::CAMPAIGN_STATUSES).unwrap_or(false);
    let uri = cell.source_url.as_deref().unwrap_or_default();
    let sources = source(&cell.source, uri).into_iter().collect();
    let literature = cell.literature.as_deref().unwrap_or_default();
    let request = LaunchCampaignRequest {
        campaign: Some(Campaign {
            readings: beside.readings(&campaign_name(&cell.campaign_id)),
            sources: beside.cited(&mut cells, literature, sources),
            ..campaign(&mut cells, cell, started, over)
        }),
        participants: participants(cell, started),
        ..Default::default()
    };
    let write = Write::LaunchCampaign(Box::new(request));
    let network = cell.network_id.clone().unwrap_or_default();
    let members = cell.leads.iter().chain(&cell.participants);
    let launch = Step::new(&row.at, Kind::Campaign, started, write)
        .needs([Fact::Network(network.clone())])
        .needs(members.map(|id| Fact::Member(id.clone())))
        .makes([Fact::Campaign(cell.campaign_id.clone()), Fact::NetworkUsed(network)]);
    match over {
        true => vec![launch, end(row, ended)],
        false => vec![launch],
    }
}

fn date(
    cells: &mut Cells<'_>,
    column: &'static str,
    text: &Option<String>,
    precision: &str,
) -> Option<PartialDate> {
    cells.date(column, text.as_deref().unwrap_or_default(), precision)
}

fn campaign(
    cells: &mut Cells<'_>,
    cell: &CampaignRow,
    started: Option<PartialDate>,
    over: bool,
) -> Campaign {
    let kind = cells.word("kind", &cell.kind, words::CAMPAIGN_KINDS).unwrap_or(CampaignKind::Front);
    let front = cell.front_type.as_deref().unwrap_or_default();
    let front = cells.word_or_none("front_type", front, words::FRONT_TYPES);
    Campaign {
        name: campaign_name(&cell.campaign_id),
        title: cell.title.clone(),
        kind: kind.into(),
        kind_stated: cell.kind.clone(),
        front_type: front.map_or(0, i32::from),
        network: network_name(cell.network_id.as_deref().unwrap_or_default()),
        leads: cell.leads.iter().map(|id| member_name(id)).collect(),
        supporters: cell.supporters.clone(),
        target: target(cells, cell.target.as_deref(), cell.target_kind.as_deref()),
        demands: cell.demands.clone(),
        themes: cell.themes.clone(),
        summary: cell.summary.clone().unwrap_or_default(),
        started: started.map(|date| date.to_pb()),
        note: note(cell, over),
        ..Default::default()
    }
}

fn participants(cell: &CampaignRow, started: Option<PartialDate>) -> Vec<Participation> {
    let participation = |id: &String| Participation {
        member: member_name(id),
        joined: started.map(|date| date.to_pb()),
        ..Default::default()
    };
    cell.participants.iter().map(participation).collect()
}

fn note(cell: &CampaignRow, over: bool) -> String {
    let mut note = Note::of(cell.note.as_deref().unwrap_or_default());
    if !over {
        note.labelled("Planned end", cell.ended.as_deref().unwrap_or_default());
    }
    if cell.status == "historical" {
        note.line("Status in the source: historical");
    }
    note.text()
}

/// No source says what came of a campaign. It ends before its network does, which would end it too.
fn end(row: &Row<CampaignRow>, ended: Option<PartialDate>) -> Step {
    let id = &row.cells.campaign_id;
    let request = EndCampaignRequest {
        name: campaign_name(id),
        outcome: Some(Outcome { kind: OutcomeKind::NotKnown.into(), summary: String::new() }),
        ended: ended.map(|date| date.to_pb()),
        ..Default::default()
    };
    Step::new(&row.at, Kind::Ending, ended, Write::EndCampaign(Box::new(request)))
        .needs([Fact::Campaign(id.clone()), Fact::CampaignUsed(id.clone())])
        .makes(row.cells.network_id.clone().map(Fact::NetworkUsed))
}
