//! `hansa launch`.

use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use hansa_proto::common::{FrontType, TargetKind};
use hansa_proto::date::PartialDate;
use hansa_proto::feed::CampaignKind;
use hansa_proto::ids::{CampaignId, MemberId, NetworkId};
use hansa_proto::pb::common::v1::{Source, Target};
use hansa_proto::pb::feed::v1::{Campaign, LaunchCampaignRequest, Participation};

use super::{WriteOptions, name, names, registry_position};
use crate::client::ClientOptions;
use crate::output::answer;
use crate::{json, values};

const HELP: &str = "\
A campaign is run by a network, led by members, or neither when a source is given.

Examples:
  hansa launch fair-rents --title 'Fair rents' --kind lobbying --lead es-barcelona \\
        --participant fr-paris --target 'European Commission' --demand 'regulate platforms'
  hansa launch cool-cities --title 'Cool cities' --kind pledge --network c40";

/// Launch a campaign
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Launch {
    /// Id of the campaign: lower case letters, digits and hyphens
    #[arg(value_parser = values::campaign)]
    id: CampaignId,

    /// Title
    #[arg(long)]
    title: String,

    /// What it is, such as front, pledge or lobbying
    #[arg(long, value_parser = CampaignKind::from_str)]
    kind: CampaignKind,

    /// The source's own word for what it is
    #[arg(long, value_name = "WORD")]
    kind_stated: Option<String>,

    /// Which kind of front it is of: against_policy or against_common_risk
    #[arg(long, value_name = "TYPE", value_parser = FrontType::from_str)]
    front_type: Option<FrontType>,

    /// The network that runs it
    #[arg(long, value_name = "ID", value_parser = values::network)]
    network: Option<NetworkId>,

    /// The member that acts for the network
    #[arg(long, value_name = "ID", value_parser = values::member, requires = "network")]
    acting_member: Option<MemberId>,

    /// A member that leads it
    #[arg(long, value_name = "ID", value_parser = values::member)]
    lead: Vec<MemberId>,

    /// A member that takes part from the start
    #[arg(long, value_name = "ID", value_parser = values::member)]
    participant: Vec<MemberId>,

    /// Who supports it without taking part
    #[arg(long, value_name = "NAME")]
    supporter: Vec<String>,

    /// Whom it is aimed at
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// What that is, such as national_government
    #[arg(long, value_name = "KIND", value_parser = TargetKind::from_str, requires = "target")]
    target_kind: Option<TargetKind>,

    /// Something it demands
    #[arg(long, value_name = "TEXT")]
    demand: Vec<String>,

    /// A subject
    #[arg(long)]
    theme: Vec<String>,

    /// What it is about in short
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,

    /// When it began: 2026, 2026-11 or 2026-11-22
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    started: Option<PartialDate>,

    /// Anything else worth knowing
    #[arg(long)]
    note: Option<String>,

    /// Who says so: 'Author, title, date', and behind a bar where it can be read
    #[arg(long, value_name = "CITATION[|URL]", value_parser = values::source)]
    source: Vec<Source>,

    #[command(flatten)]
    write: WriteOptions,

    #[command(flatten)]
    client: ClientOptions,
}

pub(crate) async fn launch(arguments: Launch) -> Result<()> {
    let mut client = arguments.client.feed().await?.campaigns;
    let started = arguments.started.map(PartialDate::to_pb);
    let participation = |id: &MemberId| Participation {
        member: id.to_string(),
        joined: started,
        ..Default::default()
    };
    let request = LaunchCampaignRequest {
        campaign: Some(campaign(&arguments)),
        participants: arguments.participant.iter().map(participation).collect(),
        min_registry_position: registry_position(&arguments.client).await,
        request_id: arguments.write.request_id(),
        validate_only: arguments.write.dry_run,
    };
    let done = answer(client.launch_campaign(request).await)?;
    let campaign = done.campaign.unwrap_or_default();
    let sentence = format!("launched {}: {}", arguments.id.id(), campaign.title);
    let how = (done.position, done.replayed);
    let rendered = json::campaign(&campaign);
    arguments.write.show(&arguments.client, "campaign", rendered, how, &sentence)
}

fn campaign(arguments: &Launch) -> Campaign {
    Campaign {
        name: arguments.id.to_string(),
        title: arguments.title.clone(),
        kind: arguments.kind.to_pb(),
        kind_stated: arguments.kind_stated.clone().unwrap_or_default(),
        front_type: arguments.front_type.map_or(0, FrontType::to_pb),
        network: name(arguments.network.as_ref()),
        acting_member: name(arguments.acting_member.as_ref()),
        leads: names(&arguments.lead),
        supporters: arguments.supporter.clone(),
        target: arguments.target.as_ref().map(|target| Target {
            name: target.clone(),
            kind: arguments.target_kind.map_or(0, TargetKind::to_pb),
        }),
        demands: arguments.demand.clone(),
        themes: arguments.theme.clone(),
        summary: arguments.summary.clone().unwrap_or_default(),
        started: arguments.started.map(PartialDate::to_pb),
        note: arguments.note.clone().unwrap_or_default(),
        sources: arguments.source.clone(),
        ..Default::default()
    }
}
