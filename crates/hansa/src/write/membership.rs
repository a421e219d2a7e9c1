//! `hansa join` and `hansa leave`.

use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::pb::common::v1::Source;
use hansa_proto::pb::registry::v1::{JoinNetworkRequest, LeaveNetworkRequest, Membership, Role};
use hansa_proto::registry::{MembershipClass, MembershipState};

use super::WriteOptions;
use crate::client::ClientOptions;
use crate::output::answer;
use crate::{json, values};

const JOIN_HELP: &str = "\
The network's rules decide: it may be open, ask for approval or an invitation, or for its charter to be \
signed first. A refusal names every rule that stands against it.

Examples:
  hansa join eurocities pt-lisbon --date 2026-11
  hansa join anvita fr-lyon --charter-signed 2024-05-01 --source 'City council, minutes, May 2024'
  hansa join c40 es-barcelona --role founder --role 'board=vice-chair 2026'";

/// Let a member join a network, under its rules of admission
#[derive(Debug, Args)]
#[command(after_help = JOIN_HELP)]
pub(crate) struct Join {
    /// The network
    #[arg(value_parser = values::network)]
    network: NetworkId,

    /// The member
    #[arg(value_parser = values::member)]
    member: MemberId,

    /// Class of membership, such as full, associate or observer
    #[arg(long, value_parser = MembershipClass::from_str)]
    class: Option<MembershipClass>,

    /// A role, and behind an equals sign the source's own words for it
    #[arg(long, value_name = "KIND[=WORDS]", value_parser = values::role)]
    role: Vec<Role>,

    /// When it joins: 2026, 2026-11 or 2026-11-22
    #[arg(long, value_parser = values::date)]
    date: Option<PartialDate>,

    /// When it signed the network's charter
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    charter_signed: Option<PartialDate>,

    /// When its council voted to join
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    council_voted: Option<PartialDate>,

    /// The person who is or signs for the member
    #[arg(long, value_name = "NAME")]
    representative: Option<String>,

    /// Grade on the network's own scale
    #[arg(long)]
    grade: Option<String>,

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

/// Let a member leave a network
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  hansa leave eurocities pt-lisbon --date 2027 --reason 'fee too high'"
)]
pub(crate) struct Leave {
    /// The network
    #[arg(value_parser = values::network)]
    network: NetworkId,

    /// The member
    #[arg(value_parser = values::member)]
    member: MemberId,

    /// When it leaves: 2026, 2026-11 or 2026-11-22
    #[arg(long, value_parser = values::date)]
    date: Option<PartialDate>,

    /// Why
    #[arg(long)]
    reason: Option<String>,

    /// The network expels it
    #[arg(long)]
    expelled: bool,

    #[command(flatten)]
    write: WriteOptions,

    #[command(flatten)]
    client: ClientOptions,
}

pub(crate) async fn join(arguments: Join) -> Result<()> {
    let mut client = arguments.client.registry().await?.registry;
    let request = JoinNetworkRequest {
        network: arguments.network.to_string(),
        member: arguments.member.to_string(),
        class: arguments.class.map_or(0, MembershipClass::to_pb),
        roles: arguments.role,
        representative: arguments.representative.unwrap_or_default(),
        occurred_at: arguments.date.map(PartialDate::to_pb),
        charter_signed: arguments.charter_signed.map(PartialDate::to_pb),
        council_voted: arguments.council_voted.map(PartialDate::to_pb),
        grade: arguments.grade.unwrap_or_default(),
        note: arguments.note.unwrap_or_default(),
        sources: arguments.source,
        etag: String::new(),
        request_id: arguments.write.request_id(),
        validate_only: arguments.write.dry_run,
    };
    let done = answer(client.join_network(request).await)?;
    let membership = done.membership.unwrap_or_default();
    let sentence =
        format!("{} in {}: {}", arguments.member.id(), arguments.network.id(), state(&membership));
    let how = (done.position, done.replayed);
    let rendered = json::membership(&membership);
    arguments.write.show(&arguments.client, "membership", rendered, how, &sentence)
}

fn state(membership: &Membership) -> &'static str {
    match MembershipState::from_pb(membership.state) {
        Some(MembershipState::Applied) => "applied; the network has to approve",
        Some(state) => state.as_str(),
        None => "unknown",
    }
}

pub(crate) async fn leave(arguments: Leave) -> Result<()> {
    let mut client = arguments.client.registry().await?.registry;
    let (network, member) = (arguments.network, arguments.member);
    let sentence = format!("{} left {}", member.id(), network.id());
    let request = LeaveNetworkRequest {
        name: MembershipId { network, member }.to_string(),
        occurred_at: arguments.date.map(PartialDate::to_pb),
        reason: arguments.reason.unwrap_or_default(),
        expelled: arguments.expelled,
        etag: String::new(),
        request_id: arguments.write.request_id(),
        validate_only: arguments.write.dry_run,
    };
    let done = answer(client.leave_network(request).await)?;
    let how = (done.position, done.replayed);
    let rendered = json::membership(&done.membership.unwrap_or_default());
    arguments.write.show(&arguments.client, "membership", rendered, how, &sentence)
}
