//! How many rows a second an import takes in, measured by a real client against a running registry:
//!
//! ```text
//! registry-service --data DIRECTORY &
//! import_rate http://127.0.0.1:50051 200000 [PROCESS ID of the registry]
//! ```

use std::io::Write as _;

use anyhow::{Context as _, Result};
use hansa_client::Registry;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;
use pb::batch_item::Change;
use pb::import_request::Message;
use tokio_stream::StreamExt as _;

const NETWORKS: usize = 100;
/// Ticks of processor time in a second, as Linux tells them.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("first argument: URL of the registry")?;
    let rows: usize = arguments.next().context("second argument: how many rows")?.parse()?;
    let process = arguments.next();
    let registry = Registry::connect(&url).await?;
    let members = rows.div_ceil(NETWORKS);
    measured("networks", &registry, (0..NETWORKS).map(network).collect(), None).await?;
    measured("members", &registry, (0..members).map(member).collect(), process.as_deref()).await?;
    let memberships = (0..rows).map(membership).collect();
    measured("memberships", &registry, memberships, process.as_deref()).await
}

async fn measured(
    what: &str,
    registry: &Registry,
    changes: Vec<Change>,
    process: Option<&str>,
) -> Result<()> {
    let count = changes.len();
    let options = pb::ImportOptions { import_id: String::new(), validate_only: false };
    let first = pb::ImportRequest { message: Some(Message::Options(options)) };
    let rows = changes.into_iter().enumerate().map(|(index, change)| {
        let item = Some(pb::BatchItem { change: Some(change) });
        let row = pb::ImportRow { key: index.to_string(), item };
        pb::ImportRequest { message: Some(Message::Row(row)) }
    });
    let requests = tokio_stream::iter(std::iter::once(first).chain(rows));
    let (own, of_registry) = (seconds("self")?, process.map(seconds).transpose()?);
    let begun = uptime()?;
    let mut answers = registry.registry.clone().import(requests).await?.into_inner();
    let (mut applied, mut refused) = (0, Vec::new());
    while let Some(answer) = answers.next().await {
        for result in answer?.results {
            match result.error {
                None => applied += 1,
                Some(error) => refused.push(error.message),
            }
        }
    }
    let passed = uptime()? - begun;
    let rate = count as f64 / passed;
    let mut out = std::io::stdout();
    writeln!(out, "{what}: {count} rows in {passed:.2} s: {rate:.0} rows/s, {applied} applied")?;
    if let Some(first) = refused.first() {
        writeln!(out, "  {} refused, the first: {first}", refused.len())?;
    }
    let million = 1e6 / count as f64;
    writeln!(out, "  client: {:.1} CPU s per million", (seconds("self")? - own) * million)?;
    if let (Some(before), Some(process)) = (of_registry, process) {
        let used = (seconds(process)? - before) * million;
        writeln!(out, "  registry: {used:.1} CPU s per million")?;
    }
    Ok(())
}

/// Seconds since the machine started, to a hundredth.
fn uptime() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    Ok(text.split_whitespace().next().unwrap_or_default().parse()?)
}

/// Processor time a process has used.
fn seconds(process: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let used: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(used / TICKS)
}

fn names(text: String) -> Vec<common::Name> {
    vec![common::Name { text, ..common::Name::default() }]
}

fn network(number: usize) -> Change {
    let network = pb::Network {
        name: format!("networks/network-{number}"),
        names: names(format!("Network number {number}")),
        kind: pb::NetworkKind::CityNetwork.into(),
        ..pb::Network::default()
    };
    Change::CreateNetwork(pb::CreateNetworkRequest {
        network: Some(network),
        ..pb::CreateNetworkRequest::default()
    })
}

fn member(number: usize) -> Change {
    let countries = ["ES", "FR", "DE", "IT", "BR", "KE", "JP", "US"];
    let member = pb::Member {
        name: format!("members/city-{number}"),
        names: names(format!("City number {number}")),
        kind: pb::MemberKind::Municipality.into(),
        country: countries[number % countries.len()].to_owned(),
        ..pb::Member::default()
    };
    Change::CreateMember(pb::CreateMemberRequest {
        member: Some(member),
        ..pb::CreateMemberRequest::default()
    })
}

fn membership(number: usize) -> Change {
    let source = common::Source {
        citation: "A table of memberships, 2020".to_owned(),
        note: format!("table.csv:{number}"),
        ..common::Source::default()
    };
    let term = pb::Term {
        state: pb::MembershipState::Active.into(),
        as_of: Some(common::PartialDate { year: 2020, month: 4, ..common::PartialDate::default() }),
        sources: vec![source],
        ..pb::Term::default()
    };
    Change::RecordMembership(pb::RecordMembershipRequest {
        network: format!("networks/network-{}", number % NETWORKS),
        member: format!("members/city-{}", number / NETWORKS),
        term: Some(term),
        ..pb::RecordMembershipRequest::default()
    })
}
