//! `hansa networks|members|memberships|statements|campaigns`: what there is, listed and one by one.

mod feed;
mod history;
mod which;

pub(crate) use feed::{campaigns, statements};
pub(crate) use history::{History, history};

use anyhow::Result;
use clap::{Args, Subcommand};
use hansa_client::CallError;
use hansa_proto::ids::{CampaignId, MemberId, MembershipId, NetworkId, StatementId};
use hansa_proto::pb::registry::v1 as registry;
use hansa_proto::registry::{
    Certainty, MemberKind, MembershipClass, MembershipState, NetworkKind, NetworkState,
};
use serde_json::Value;

use crate::client::ClientOptions;
use crate::json::{self, date_text, shown};
use crate::output::answer;
use crate::values::{self, bare};
use crate::{output, table};
use which::{Now, OnADay, Recorded, Which};

/// One resource and how many to list, the same for all.
macro_rules! resource_command {
    ($(#[$about:meta])* $command:ident, $action:ident, $list:ident, $times:ident, $id:ty, $parse:path, $get_about:literal, $list_about:literal) => {
        $(#[$about])*
        #[derive(Debug, Args)]
        pub(crate) struct $command {
            #[command(subcommand)]
            action: $action,

            #[command(flatten)]
            client: ClientOptions,
        }

        #[derive(Debug, Subcommand)]
        enum $action {
            #[doc = $list_about]
            List($list),
            #[doc = $get_about]
            Get {
                /// Its id, bare or in full
                #[arg(value_parser = $parse)]
                id: $id,

                #[command(flatten)]
                times: $times,
            },
        }
    };
}

resource_command! {
    /// List networks, or show one
    Networks, NetworkAction, ListNetworks, OnADay, NetworkId, values::network,
    "Show a network", "List networks by id"
}
resource_command! {
    /// List members, or show one
    Members, MemberAction, ListMembers, Recorded, MemberId, values::member,
    "Show a member", "List members by id"
}
resource_command! {
    /// List statements, or show one with its signatures
    Statements, StatementAction, ListOf, Now, StatementId, values::statement,
    "Show a statement with its signatures", "List statements by id"
}
resource_command! {
    /// List campaigns, or show one with its participants
    Campaigns, CampaignAction, ListOf, Now, CampaignId, values::campaign,
    "Show a campaign with its participants", "List campaigns by id"
}

/// List memberships of a network or a member, or show one with all its terms
#[derive(Debug, Args)]
pub(crate) struct Memberships {
    #[command(subcommand)]
    action: MembershipAction,

    #[command(flatten)]
    client: ClientOptions,
}

#[derive(Debug, Subcommand)]
enum MembershipAction {
    /// List memberships of a network, of a member, or both
    List {
        #[command(flatten)]
        whose: Whose,

        #[command(flatten)]
        which: Which,

        #[command(flatten)]
        times: OnADay,

        #[command(flatten)]
        limit: Limit,
    },
    /// Show a membership with all its terms
    Get {
        /// The network
        #[arg(value_parser = values::network)]
        network: NetworkId,

        /// The member
        #[arg(value_parser = values::member)]
        member: MemberId,

        #[command(flatten)]
        times: OnADay,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Whose {
    /// Of this network
    #[arg(long, value_name = "ID", value_parser = values::network)]
    network: Option<NetworkId>,

    /// Of this member
    #[arg(long, value_name = "ID", value_parser = values::member)]
    member: Option<MemberId>,
}

#[derive(Debug, Args)]
struct ListNetworks {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    times: OnADay,

    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
struct ListMembers {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    times: Recorded,

    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
struct ListOf {
    /// Only those of this network
    #[arg(long, value_name = "ID", value_parser = values::network, conflicts_with = "member")]
    network: Option<NetworkId>,

    /// Only those this member has a part in
    #[arg(long, value_name = "ID", value_parser = values::member)]
    member: Option<MemberId>,

    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
struct Limit {
    /// Show this many at most; without it, all
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

const PAGE: i32 = 500;

/// A page and how it goes on.
type Page<T> = Result<(Vec<T>, String), CallError>;

/// Fetches page after page and shows what they hold: JSON as it comes, a table when all is there.
async fn show_all<T, F>(
    as_json: bool,
    limit: &Limit,
    headings: &[&str],
    rendered: fn(&T) -> Value,
    cells: fn(&T) -> Vec<String>,
    mut fetch: impl FnMut(String, i32) -> F,
) -> Result<()>
where
    F: Future<Output = Page<T>>,
{
    let mut rows = table::new(headings);
    let mut left = limit.limit.unwrap_or(usize::MAX);
    let mut shown = 0_usize;
    let mut token = String::new();
    while left > 0 {
        let size = i32::try_from(left).unwrap_or(PAGE).min(PAGE);
        let (page, next) = Box::pin(fetch(token, size)).await?;
        for resource in page.iter().take(left) {
            match as_json {
                true => output::json(&rendered(resource))?,
                false => drop(rows.add_row(cells(resource))),
            }
        }
        shown += page.len().min(left);
        left = left.saturating_sub(page.len());
        token = next;
        if token.is_empty() {
            break;
        }
    }
    if !as_json {
        let more = if token.is_empty() { "" } else { ", and there are more" };
        output::line(&format!("{}\n{shown} shown{more}", table::text(&rows)))?;
    }
    Ok(())
}

fn show_one(as_json: bool, value: &Value) -> Result<()> {
    match as_json {
        true => output::json(value)?,
        false => output::line(&table::of_one(value))?,
    }
    Ok(())
}

fn word(value: Option<&'static str>) -> String {
    value.unwrap_or_default().to_owned()
}

fn optional<T: ToString>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}

pub(crate) async fn networks(arguments: Networks) -> Result<()> {
    let client = arguments.client.registry().await?.registry;
    let as_json = arguments.client.json;
    match arguments.action {
        NetworkAction::Get { id, times } => {
            let request = registry::GetNetworkRequest {
                name: id.to_string(),
                min_position: 0,
                at_position: times.recorded.at_position,
                as_of: times.as_of(),
            };
            let network = answer(client.clone().get_network(request).await)?.network;
            show_one(as_json, &json::network(&network.unwrap_or_default()))
        }
        NetworkAction::List(list) => {
            let headings = ["id", "name", "kind", "founded", "state", "members"];
            show_all(
                as_json,
                &list.limit,
                &headings,
                json::network,
                network_row,
                |page_token, page_size| {
                    let mut client = client.clone();
                    let request = registry::ListNetworksRequest {
                        page_size,
                        page_token,
                        min_position: 0,
                        filter: list.which.filter.clone(),
                        order_by: list.which.order_by.clone(),
                        at_position: list.times.recorded.at_position,
                        as_of: list.times.as_of(),
                    };
                    async move {
                        let page = answer(client.list_networks(request).await)?;
                        Ok((page.networks, page.next_page_token))
                    }
                },
            )
            .await
        }
    }
}

fn network_row(network: &registry::Network) -> Vec<String> {
    vec![
        bare(&network.name).to_owned(),
        shown(&network.names).to_owned(),
        word(NetworkKind::from_pb(network.kind).map(NetworkKind::as_str)),
        date_text(network.founded.as_ref()).unwrap_or_default(),
        word(NetworkState::from_pb(network.state).map(NetworkState::as_str)),
        network.active_member_count.to_string(),
    ]
}

pub(crate) async fn members(arguments: Members) -> Result<()> {
    let client = arguments.client.registry().await?.registry;
    let as_json = arguments.client.json;
    match arguments.action {
        MemberAction::Get { id, times } => {
            let request = registry::GetMemberRequest {
                name: id.to_string(),
                min_position: 0,
                at_position: times.at_position,
            };
            let member = answer(client.clone().get_member(request).await)?.member;
            show_one(as_json, &json::member(&member.unwrap_or_default()))
        }
        MemberAction::List(list) => {
            let headings = ["id", "name", "kind", "country", "population"];
            show_all(
                as_json,
                &list.limit,
                &headings,
                json::member,
                member_row,
                |page_token, page_size| {
                    let mut client = client.clone();
                    let request = registry::ListMembersRequest {
                        page_size,
                        page_token,
                        min_position: 0,
                        filter: list.which.filter.clone(),
                        order_by: list.which.order_by.clone(),
                        at_position: list.times.at_position,
                    };
                    async move {
                        let page = answer(client.list_members(request).await)?;
                        Ok((page.members, page.next_page_token))
                    }
                },
            )
            .await
        }
    }
}

fn member_row(member: &registry::Member) -> Vec<String> {
    vec![
        bare(&member.name).to_owned(),
        shown(&member.names).to_owned(),
        word(MemberKind::from_pb(member.kind).map(MemberKind::as_str)),
        member.country.clone(),
        optional(member.populations.last().map(|population| &population.count)),
    ]
}

pub(crate) async fn memberships(arguments: Memberships) -> Result<()> {
    let client = arguments.client.registry().await?.registry;
    let as_json = arguments.client.json;
    match arguments.action {
        MembershipAction::Get { network, member, times } => {
            let request = registry::GetMembershipRequest {
                name: MembershipId { network, member }.to_string(),
                min_position: 0,
                at_position: times.recorded.at_position,
                as_of: times.as_of(),
            };
            let membership = answer(client.clone().get_membership(request).await)?.membership;
            show_one(as_json, &json::membership(&membership.unwrap_or_default()))
        }
        MembershipAction::List { whose, which, times, limit } => {
            let network = optional(whose.network.as_ref());
            let member = optional(whose.member.as_ref());
            let headings = [
                "network",
                "member",
                "state",
                "class",
                "roles",
                "joined",
                "left",
                "as of",
                "certainty",
            ];
            show_all(
                as_json,
                &limit,
                &headings,
                json::membership,
                membership_row,
                |page_token, page_size| {
                    let mut client = client.clone();
                    let request = registry::ListMembershipsRequest {
                        network: network.clone(),
                        member: member.clone(),
                        page_size,
                        page_token,
                        min_position: 0,
                        filter: which.filter.clone(),
                        order_by: which.order_by.clone(),
                        at_position: times.recorded.at_position,
                        as_of: times.as_of(),
                    };
                    async move {
                        let page = answer(client.list_memberships(request).await)?;
                        Ok((page.memberships, page.next_page_token))
                    }
                },
            )
            .await
        }
    }
}

fn membership_row(membership: &registry::Membership) -> Vec<String> {
    let term = membership.terms.last().cloned().unwrap_or_default();
    let role = |role: &registry::Role| match role.stated.is_empty() {
        true => word(
            hansa_proto::registry::RoleKind::from_pb(role.kind)
                .map(hansa_proto::registry::RoleKind::as_str),
        ),
        false => role.stated.clone(),
    };
    vec![
        bare(&membership.network).to_owned(),
        bare(&membership.member).to_owned(),
        word(MembershipState::from_pb(membership.state).map(MembershipState::as_str)),
        word(MembershipClass::from_pb(term.class).map(MembershipClass::as_str)),
        term.roles.iter().map(role).collect::<Vec<_>>().join(", "),
        date_text(term.joined.as_ref()).unwrap_or_default(),
        date_text(term.left.as_ref()).unwrap_or_default(),
        date_text(term.as_of.as_ref()).unwrap_or_default(),
        word(Certainty::from_pb(term.certainty).map(Certainty::as_str)),
    ]
}
