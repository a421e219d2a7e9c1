//! `hansa campaign join|leave|leads|attach|milestone|evaluate|hand-over|end`: what a campaign goes
//! through after its launch.

use std::str::FromStr;

use anyhow::Result;
use clap::{Args, Subcommand};
use hansa_proto::date::PartialDate;
use hansa_proto::feed::OutcomeKind;
use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId};
use hansa_proto::pb::common::v1::Source;
use hansa_proto::pb::feed::v1 as pb;

use super::{WriteOptions, names, registry_position};
use crate::client::ClientOptions;
use crate::output::answer;
use crate::{json, values};

type CampaignClient = pb::campaign_service_client::CampaignServiceClient<tonic::transport::Channel>;

const HELP: &str = "\
Examples:
  hansa campaign join fair-rents pt-lisbon --date 2026-11
  hansa campaign leads fair-rents --lead fr-paris --lead es-barcelona
  hansa campaign milestone fair-rents 'A hearing' --date 2027-03 --figure 'members heard=12'
  hansa campaign hand-over fair-rents eurocities
  hansa campaign end fair-rents --outcome partly_won --summary 'Data are shared, rents are not'";

/// Take a campaign further: who takes part, who leads, what it reaches, how it ends
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Course {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// A member joins it
    Join(Participant),
    /// A member leaves it
    Leave(Participant),
    /// Others lead it from now on
    Leads(Leads),
    /// A published statement becomes part of it
    Attach(Attach),
    /// It reached something
    Milestone(Milestone),
    /// It was evaluated
    Evaluate(Evaluate),
    /// It goes to another network
    HandOver(HandOver),
    /// It ends
    End(End),
}

/// What every step takes.
#[derive(Debug, Args)]
struct Common {
    /// The campaign
    #[arg(value_parser = values::campaign)]
    campaign: CampaignId,

    /// When: 2026, 2026-11 or 2026-11-22
    #[arg(long, value_parser = values::date)]
    date: Option<PartialDate>,

    #[command(flatten)]
    write: WriteOptions,

    #[command(flatten)]
    client: ClientOptions,
}

#[derive(Debug, Args)]
struct Participant {
    #[command(flatten)]
    common: Common,

    /// The member
    #[arg(value_parser = values::member)]
    member: MemberId,
}

#[derive(Debug, Args)]
struct Leads {
    #[command(flatten)]
    common: Common,

    /// A member that leads it; none: nobody does any more
    #[arg(long, value_name = "ID", value_parser = values::member)]
    lead: Vec<MemberId>,
}

#[derive(Debug, Args)]
struct Attach {
    #[command(flatten)]
    common: Common,

    /// The statement
    #[arg(value_parser = values::statement)]
    statement: StatementId,
}

#[derive(Debug, Args)]
struct Milestone {
    #[command(flatten)]
    common: Common,

    /// What was reached
    title: String,

    #[command(flatten)]
    evidence: Evidence,

    /// Anything else worth knowing
    #[arg(long)]
    note: Option<String>,
}

#[derive(Debug, Args)]
struct Evaluate {
    #[command(flatten)]
    common: Common,

    /// How it did
    summary: String,

    #[command(flatten)]
    evidence: Evidence,
}

/// What stands behind a milestone or an evaluation.
#[derive(Debug, Args)]
struct Evidence {
    /// A figure, and behind a blank its unit
    #[arg(long, value_name = "LABEL=NUMBER[ UNIT]", value_parser = figure)]
    figure: Vec<pb::Figure>,

    /// Who says so: 'Author, title, date', and behind a bar where it can be read
    #[arg(long, value_name = "CITATION[|URL]", value_parser = values::source)]
    source: Vec<Source>,
}

#[derive(Debug, Args)]
struct HandOver {
    #[command(flatten)]
    common: Common,

    /// The network that runs it from now on
    #[arg(value_parser = values::network)]
    network: NetworkId,
}

#[derive(Debug, Args)]
struct End {
    #[command(flatten)]
    common: Common,

    /// What came of it, such as won, partly_won, lost or abandoned
    #[arg(long, value_parser = OutcomeKind::from_str)]
    outcome: Option<OutcomeKind>,

    /// What came of it in words
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
}

pub(crate) async fn course(arguments: Course) -> Result<()> {
    match arguments.step {
        Step::Join(step) => join(step).await,
        Step::Leave(step) => leave(step).await,
        Step::Leads(step) => leads(step).await,
        Step::Attach(step) => attach(step).await,
        Step::Milestone(step) => milestone(step).await,
        Step::Evaluate(step) => evaluate(step).await,
        Step::HandOver(step) => hand_over(step).await,
        Step::End(step) => end(step).await,
    }
}

impl Common {
    async fn campaigns(&self) -> Result<CampaignClient> {
        Ok(self.client.feed().await?.campaigns)
    }

    fn occurred_at(&self) -> Option<hansa_proto::pb::common::v1::PartialDate> {
        self.date.map(PartialDate::to_pb)
    }

    fn show(&self, campaign: Option<pb::Campaign>, how: (u64, bool), sentence: &str) -> Result<()> {
        let rendered = json::campaign(&campaign.unwrap_or_default());
        self.write.show(&self.client, "campaign", rendered, how, sentence)
    }
}

async fn join(Participant { common, member }: Participant) -> Result<()> {
    let request = pb::JoinCampaignRequest {
        name: common.campaign.to_string(),
        member: member.to_string(),
        occurred_at: common.occurred_at(),
        min_registry_position: registry_position(&common.client).await,
        request_id: common.write.request_id(),
        validate_only: common.write.dry_run,
    };
    let done = answer(common.campaigns().await?.join_campaign(request).await)?;
    let sentence = format!("{} joined {}", member.id(), common.campaign.id());
    let rendered = json::participation(&done.participation.unwrap_or_default());
    let how = (done.position, done.replayed);
    common.write.show(&common.client, "participation", rendered, how, &sentence)
}

async fn leave(Participant { common, member }: Participant) -> Result<()> {
    let request = pb::LeaveCampaignRequest {
        name: common.campaign.to_string(),
        member: member.to_string(),
        occurred_at: common.occurred_at(),
        request_id: common.write.request_id(),
        validate_only: common.write.dry_run,
    };
    let done = answer(common.campaigns().await?.leave_campaign(request).await)?;
    let sentence = format!("{} left {}", member.id(), common.campaign.id());
    let rendered = json::participation(&done.participation.unwrap_or_default());
    let how = (done.position, done.replayed);
    common.write.show(&common.client, "participation", rendered, how, &sentence)
}

async fn leads(Leads { common, lead }: Leads) -> Result<()> {
    let request = pb::ChangeLeadsRequest {
        name: common.campaign.to_string(),
        leads: names(&lead),
        occurred_at: common.occurred_at(),
        min_registry_position: registry_position(&common.client).await,
        etag: String::new(),
        request_id: common.write.request_id(),
        validate_only: common.write.dry_run,
    };
    let done = answer(common.campaigns().await?.change_leads(request).await)?;
    let leads: Vec<&str> = lead.iter().map(MemberId::id).collect();
    let leads = if leads.is_empty() { "nobody".to_owned() } else { leads.join(", ") };
    let sentence = format!("{} is led by {leads}", common.campaign.id());
    common.show(done.campaign, (done.position, done.replayed), &sentence)
}

async fn attach(Attach { common, statement }: Attach) -> Result<()> {
    let request = pb::AttachStatementRequest {
        name: common.campaign.to_string(),
        statement: statement.to_string(),
        etag: String::new(),
        request_id: common.write.request_id(),
        validate_only: common.write.dry_run,
    };
    let done = answer(common.campaigns().await?.attach_statement(request).await)?;
    let sentence = format!("{} is part of {}", statement.id(), common.campaign.id());
    common.show(done.campaign, (done.position, done.replayed), &sentence)
}

async fn milestone(step: Milestone) -> Result<()> {
    let Milestone { common, title, evidence, note } = step;
    let milestone = pb::Milestone {
        title,
        reached: common.occurred_at(),
        figures: evidence.figure,
        note: note.unwrap_or_default(),
        sources: evidence.source,
    };
    let request = pb::AddMilestoneRequest {
        name: common.campaign.to_string(),
        milestone: Some(milestone),
        etag: String::new(),
        request_id: common.write.request_id(),
        validate_only: common.write.dry_run,
    };
    let done = answer(common.campaigns().await?.add_milestone(request).await)?;
    let sentence = format!("{} reached a milestone", common.campaign.id());
    common.show(done.campaign, (done.position, done.replayed), &sentence)
}

async fn evaluate(Evaluate { common, summary, evidence }: Evaluate) -> Result<()> {
    let evaluation = pb::Evaluation {
        summary,
        figures: evidence.figure,
        evaluated: common.occurred_at(),
        sources: evidence.source,
    };
    let request = pb::EvaluateCampaignRequest {
        name: common.campaign.to_string(),
        evaluation: Some(evaluation),
        etag: String::new(),
        request_id: common.write.request_id(),
        validate_only: common.write.dry_run,
    };
    let done = answer(common.campaigns().await?.evaluate_campaign(request).await)?;
    let sentence = format!("{} was evaluated", common.campaign.id());
    common.show(done.campaign, (done.position, done.replayed), &sentence)
}

async fn hand_over(HandOver { common, network }: HandOver) -> Result<()> {
    let request = pb::HandOverCampaignRequest {
        name: common.campaign.to_string(),
        network: network.to_string(),
        occurred_at: common.occurred_at(),
        min_registry_position: registry_position(&common.client).await,
        etag: String::new(),
        request_id: common.write.request_id(),
        validate_only: common.write.dry_run,
    };
    let done = answer(common.campaigns().await?.hand_over_campaign(request).await)?;
    let sentence = format!("{} is run by {}", common.campaign.id(), network.id());
    common.show(done.campaign, (done.position, done.replayed), &sentence)
}

async fn end(End { common, outcome, summary }: End) -> Result<()> {
    let kind = outcome.unwrap_or(OutcomeKind::NotKnown).to_pb();
    let request = pb::EndCampaignRequest {
        name: common.campaign.to_string(),
        outcome: Some(pb::Outcome { kind, summary: summary.unwrap_or_default() }),
        ended: common.occurred_at(),
        etag: String::new(),
        request_id: common.write.request_id(),
        validate_only: common.write.dry_run,
    };
    let done = answer(common.campaigns().await?.end_campaign(request).await)?;
    let sentence = format!("{} ended", common.campaign.id());
    common.show(done.campaign, (done.position, done.replayed), &sentence)
}

/// `households housed=120` or `paid=1200.5 EUR`.
fn figure(text: &str) -> Result<pb::Figure, String> {
    let wrong = || "write 'households housed=120' or 'paid=1200.5 EUR'".to_owned();
    let (label, rest) = text.rsplit_once('=').ok_or_else(wrong)?;
    let (value, unit) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    let value = value.parse::<f64>().map_err(|_| wrong())?;
    let (label, unit) = (label.trim().to_owned(), unit.trim().to_owned());
    if label.is_empty() || !value.is_finite() {
        return Err(wrong());
    }
    Ok(pb::Figure { label, value, unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_a_label_a_number_and_perhaps_a_unit() {
        let made = |label: &str, value, unit: &str| {
            Ok(pb::Figure { label: label.to_owned(), value, unit: unit.to_owned() })
        };
        assert_eq!(figure("homes=120"), made("homes", 120.0, ""));
        assert_eq!(figure("a=b= -1.5 t CO2 "), made("a=b", -1.5, "t CO2"));
        for wrong in ["homes", "=3", "homes=many", "homes=inf", "homes="] {
            assert!(figure(wrong).is_err(), "{wrong}");
        }
    }
}
