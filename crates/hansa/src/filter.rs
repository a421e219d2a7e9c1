//! Which events: the options that say it, the same wherever they are asked for.

use std::str::FromStr;

use clap::Args;
use hansa_proto::country::Country;
use hansa_proto::feed::EventKind;
use hansa_proto::ids::{CampaignId, MemberId, NetworkId};
use hansa_proto::pb::feed::v1 as pb;

use crate::values;

/// Which events. Each option may be given several times: values of one option are alternatives,
/// different options must all hold.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which events")]
pub(crate) struct FilterOptions {
    /// Only this kind of event, such as joined or statement_published
    #[arg(long, value_name = "KIND", value_parser = EventKind::from_str)]
    kind: Vec<EventKind>,

    /// Only what happens in this network
    #[arg(long, value_name = "ID", value_parser = values::network)]
    network: Vec<NetworkId>,

    /// Only what this member is part of
    #[arg(long, value_name = "ID", value_parser = values::member)]
    member: Vec<MemberId>,

    /// Only what members of this country are part of, such as PT
    #[arg(long, value_name = "CODE", value_parser = values::country)]
    country: Vec<Country>,

    /// Only this subject
    #[arg(long)]
    theme: Vec<String>,

    /// Only what belongs to this campaign
    #[arg(long, value_name = "ID", value_parser = values::campaign)]
    campaign: Vec<CampaignId>,

    /// Accept networks, members and campaigns that do not exist yet
    #[arg(long)]
    allow_unknown: bool,
}

impl FilterOptions {
    /// As the feed wants it.
    pub(crate) fn filter(&self) -> pb::Filter {
        pb::Filter {
            kinds: self.kind.iter().map(|kind| kind.to_pb()).collect(),
            networks: self.network.iter().map(ToString::to_string).collect(),
            members: self.member.iter().map(ToString::to_string).collect(),
            countries: self.country.iter().map(ToString::to_string).collect(),
            themes: self.theme.clone(),
            campaigns: self.campaign.iter().map(ToString::to_string).collect(),
            exclude_withdrawals: false,
            allow_unknown: self.allow_unknown,
        }
    }

    /// Whether nothing was said, so that everything is meant.
    pub(crate) fn is_everything(&self) -> bool {
        let FilterOptions { kind, network, member, country, theme, campaign, allow_unknown: _ } =
            self;
        kind.is_empty()
            && network.is_empty()
            && member.is_empty()
            && country.is_empty()
            && theme.is_empty()
            && campaign.is_empty()
    }
}
