//! `hansa landscape`: the map of the space. Tables and graphs of networks, which networks overlap, who
//! meets whom, who is well connected and who is not.

mod tables;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use hansa_client::CallError;
use hansa_proto::country::Country;
use hansa_proto::ids::{MemberId, NetworkId};
use hansa_proto::pb::registry::v1 as pb;
use serde_json::json;

use crate::client::ClientOptions;
use crate::output::answer;
use crate::values::{self, bare};
use crate::{output, table};

/// Names shown of one row, before `…`.
const NAMES: usize = 5;
const PAGE: i32 = 100;

/// Statistics: tables, overlaps, who meets whom, who is well connected
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    client: ClientOptions,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tables and graphs of networks; without a name, all of them (the default)
    Tables(Tables),
    /// Networks that share members: with one network, or all with each other
    Overlaps(Overlaps),
    /// Who meets a member in networks, most networks first
    CoMembers {
        /// The member
        #[arg(value_parser = values::member)]
        member: MemberId,

        /// In networks that match, such as 'theme:migration'
        #[arg(long, value_name = "FILTER", default_value = "")]
        filter: String,

        #[command(flatten)]
        limit: Limit,
    },
    /// How many networks members belong to, most first
    Reach {
        /// Members of this country; may be repeated
        #[arg(long = "country", value_name = "CODE", value_parser = values::country)]
        countries: Vec<Country>,

        /// Members that match, such as 'population >= 1000000'
        #[arg(long, value_name = "FILTER", default_value = "")]
        filter: String,

        /// Fewest first: the under-connected
        #[arg(long)]
        ascending: bool,

        #[command(flatten)]
        limit: Limit,
    },
}

#[derive(Debug, Default, Args)]
struct Tables {
    /// Which
    #[arg(value_enum)]
    statistic: Option<Statistic>,

    /// Networks to count, such as 'scale = regional AND founded >= 2010'
    #[arg(long, value_name = "FILTER", default_value = "")]
    filter: String,

    /// Tell the names behind each figure
    #[arg(long)]
    names: bool,
}

#[derive(Debug, Args)]
struct Overlaps {
    /// With this network; without it, of all networks with each other
    #[arg(value_parser = values::network)]
    network: Option<NetworkId>,

    /// At least so many shared members
    #[arg(long, value_name = "COUNT", default_value_t = 1,
          value_parser = clap::value_parser!(i32).range(1..))]
    min_shared: i32,

    /// Only networks between which no relation is recorded
    #[arg(long)]
    unrelated: bool,

    /// Between networks that match, such as 'theme:migration'
    #[arg(long, value_name = "FILTER", default_value = "")]
    filter: String,

    #[command(flatten)]
    limit: Limit,
}

#[derive(Clone, Copy, Debug, Args)]
struct Limit {
    /// Show this many at most
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

/// The tables, by the names of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Statistic {
    RegionByScale,
    OriginScopeByScale,
    ActivityByOrigin,
    PeriodByOrigin,
    KindByState,
    ReachByRegion,
}

impl Statistic {
    fn to_pb(self) -> pb::Statistic {
        match self {
            Statistic::RegionByScale => pb::Statistic::RegionByScale,
            Statistic::OriginScopeByScale => pb::Statistic::OriginScopeByScale,
            Statistic::ActivityByOrigin => pb::Statistic::ActivityByOrigin,
            Statistic::PeriodByOrigin => pb::Statistic::PeriodByOrigin,
            Statistic::KindByState => pb::Statistic::KindByState,
            Statistic::ReachByRegion => pb::Statistic::ReachByRegion,
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { action, client } = arguments;
    match action.unwrap_or_else(|| Action::Tables(Tables::default())) {
        Action::Tables(asked) => tables(&client, asked).await,
        Action::Overlaps(asked) => overlaps(&client, asked).await,
        Action::CoMembers { member, filter, limit } => {
            co_members(&client, &member, &filter, limit).await
        }
        Action::Reach { countries, filter, ascending, limit } => {
            let asked = pb::ListMemberReachRequest {
                countries: countries.iter().map(ToString::to_string).collect(),
                filter,
                ascending,
                ..Default::default()
            };
            reach(&client, &asked, limit).await
        }
    }
}

async fn tables(client: &ClientOptions, asked: Tables) -> Result<()> {
    let mut landscape = client.registry().await?.landscape;
    let all = || Statistic::value_variants().iter().copied();
    let statistics: Vec<Statistic> = match asked.statistic {
        Some(statistic) => vec![statistic],
        // The table of members takes no filter of networks.
        None => {
            all().filter(|it| asked.filter.is_empty() || *it != Statistic::ReachByRegion).collect()
        }
    };
    for statistic in statistics {
        let request = pb::GetTableRequest {
            statistic: statistic.to_pb().into(),
            filter: asked.filter.clone(),
            include_rows: asked.names,
            min_position: 0,
        };
        let answered = answer(landscape.get_table(request).await)?;
        match client.json {
            true => output::json(&tables::json(statistic.to_pb(), &answered))?,
            false => output::line(&tables::text(statistic.to_pb(), &answered))?,
        }
    }
    Ok(())
}

async fn overlaps(client: &ClientOptions, asked: Overlaps) -> Result<()> {
    let landscape = client.registry().await?.landscape;
    let mut rows = table::new(&[
        "network",
        "other",
        "shared",
        "jaccard",
        "containment",
        "related",
        "themes",
        "members",
    ]);
    let network = asked.network.map(|id| id.to_string()).unwrap_or_default();
    let fetch = async |page_token, page_size| {
        let request = pb::ListOverlapsRequest {
            network: network.clone(),
            min_shared: asked.min_shared,
            unrelated_only: asked.unrelated,
            filter: asked.filter.clone(),
            page_size,
            page_token,
            min_position: 0,
        };
        let page = answer(landscape.clone().list_overlaps(request).await)?;
        Ok((page.overlaps, page.next_page_token))
    };
    let each = |overlap: pb::Overlap| {
        if client.json {
            output::json(&json!({
                "network": overlap.network,
                "other": overlap.other,
                "shared_count": overlap.shared_count,
                "jaccard": overlap.jaccard,
                "containment": overlap.containment,
                "related": overlap.related,
                "shared_themes": overlap.shared_themes,
                "shared_members": overlap.shared_members,
            }))?;
        }
        rows.add_row([
            bare(&overlap.network).to_owned(),
            bare(&overlap.other).to_owned(),
            overlap.shared_count.to_string(),
            tables::percent(overlap.jaccard),
            tables::percent(overlap.containment),
            if overlap.related { "yes" } else { "no" }.to_owned(),
            overlap.shared_themes.join(", "),
            few(&overlap.shared_members),
        ]);
        Ok(())
    };
    page_by_page(asked.limit, fetch, each).await?;
    finish(client, &rows)
}

async fn co_members(
    client: &ClientOptions,
    member: &MemberId,
    filter: &str,
    limit: Limit,
) -> Result<()> {
    let landscape = client.registry().await?.landscape;
    let mut rows = table::new(&["member", "networks", "which"]);
    let fetch = async |page_token, page_size| {
        let request = pb::ListCoMembersRequest {
            member: member.to_string(),
            filter: filter.to_owned(),
            page_size,
            page_token,
            min_position: 0,
        };
        let page = answer(landscape.clone().list_co_members(request).await)?;
        Ok((page.co_members, page.next_page_token))
    };
    let each = |met: pb::CoMember| {
        if client.json {
            output::json(&json!({
                "member": met.member,
                "shared_count": met.shared_count,
                "shared_networks": met.shared_networks,
            }))?;
        }
        let count = met.shared_count.to_string();
        rows.add_row([bare(&met.member).to_owned(), count, few(&met.shared_networks)]);
        Ok(())
    };
    page_by_page(limit, fetch, each).await?;
    finish(client, &rows)
}

async fn reach(
    client: &ClientOptions,
    asked: &pb::ListMemberReachRequest,
    limit: Limit,
) -> Result<()> {
    let landscape = client.registry().await?.landscape;
    let mut rows = table::new(&["member", "networks", "which"]);
    let fetch = async |page_token, page_size| {
        let request = pb::ListMemberReachRequest { page_size, page_token, ..asked.clone() };
        let page = answer(landscape.clone().list_member_reach(request).await)?;
        Ok((page.reaches, page.next_page_token))
    };
    let each = |reach: pb::MemberReach| {
        if client.json {
            output::json(&json!({
                "member": reach.member,
                "network_count": reach.network_count,
                "networks": reach.networks,
            }))?;
        }
        let count = reach.network_count.to_string();
        rows.add_row([bare(&reach.member).to_owned(), count, few(&reach.networks)]);
        Ok(())
    };
    page_by_page(limit, fetch, each).await?;
    finish(client, &rows)
}

/// Shows what pages hold, as many as the limit allows.
async fn page_by_page<T>(
    limit: Limit,
    fetch: impl AsyncFn(String, i32) -> Result<(Vec<T>, String), CallError>,
    mut each: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let mut left = limit.limit;
    let mut token = String::new();
    while left > 0 {
        let size = i32::try_from(left).unwrap_or(PAGE).min(PAGE);
        let (page, next) = fetch(token, size).await?;
        left = left.saturating_sub(page.len());
        page.into_iter().try_for_each(&mut each)?;
        token = next;
        if token.is_empty() {
            break;
        }
    }
    Ok(())
}

fn finish(client: &ClientOptions, rows: &comfy_table::Table) -> Result<()> {
    if !client.json {
        output::line(&table::text(rows))?;
    }
    Ok(())
}

/// The first few names, bare.
fn few(names: &[String]) -> String {
    let mut text: Vec<&str> = names.iter().take(NAMES).map(|name| bare(name)).collect();
    if names.len() > NAMES {
        text.push("…");
    }
    text.join(", ")
}
