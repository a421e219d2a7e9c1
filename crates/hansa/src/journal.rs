//! `hansa journal`: the files of a service, checked and printed without the service.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use hansa_journal::{Commit, Position};
use hansa_proto::pb::feed::v1::{SubscribeResponse, subscribe_response};
use hansa_proto::pb::registry::v1::{WatchChangesResponse, watch_changes_response};
use prost::Message as _;
use prost_types::Timestamp;
use serde_json::{Value, json};

use crate::json::{self as render, Object};
use crate::{output, repair};

/// Check or print the journal of a service that does not need to run
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check every commit: length, checksum, position, chain
    Verify(Verify),
    /// Print every commit with what it holds
    Dump(Dump),
    /// Say what giving up a damaged end would cost, and do it if told to
    Repair(repair::Arguments),
}

#[derive(Debug, Args)]
struct Verify {
    /// Data directory of `hansa up`, of a service, or the journal itself
    directory: PathBuf,

    /// Print one JSON object a journal
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Dump {
    /// Data directory of `hansa up`, of a service, or the journal itself
    directory: PathBuf,

    /// Only commits after this position
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    after: u64,

    /// Print one JSON object a commit, with everything in it
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    match arguments.action {
        Action::Verify(verify) => {
            let journals = journals(&verify.directory)?;
            journals.iter().try_for_each(|directory| check(directory, verify.json))
        }
        Action::Repair(arguments) => repair::run(&arguments),
        Action::Dump(dump) => {
            let journals = journals(&dump.directory)?;
            journals.iter().try_for_each(|directory| print(directory, &dump))
        }
    }
}

/// The journals in a directory.
pub(crate) fn journals(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.is_dir() {
        bail!("{} is not a directory", directory.display());
    }
    let inside = ["journal", "registry/journal", "feed/journal"];
    let found: Vec<PathBuf> =
        inside.iter().map(|name| directory.join(name)).filter(|path| path.is_dir()).collect();
    Ok(if found.is_empty() { vec![directory.to_owned()] } else { found })
}

fn check(directory: &Path, as_json: bool) -> Result<()> {
    let report = hansa_journal::verify(directory)
        .with_context(|| format!("the journal in {} is not whole", directory.display()))?;
    if as_json {
        let torn = report
            .torn
            .as_ref()
            .map(|torn| json!({ "file": torn.file, "offset": torn.offset, "bytes": torn.bytes }));
        return Ok(output::json(&json!({
            "directory": directory,
            "identity": report.identity.to_string(),
            "segments": report.segments,
            "commits": report.commits,
            "erased": report.erased,
            "first_position": report.first.map(Position::get),
            "last_position": report.last.get(),
            "chain": report.chain.to_string(),
            "bytes": report.bytes,
            "torn": torn,
        }))?);
    }
    output::line(&format!(
        "{}: whole, {} commits up to position {} in {} segments, {} bytes\n  identity {}\n  chain    {}",
        directory.display(),
        report.commits,
        report.last.get(),
        report.segments,
        report.bytes,
        report.identity,
        report.chain
    ))?;
    if report.erased > 0 {
        output::line(&format!(
            "  {} of the commits have content that was erased; they stand in the chain by its hashes",
            report.erased
        ))?;
    }
    if let Some(torn) = &report.torn {
        output::line(&format!(
            "  {} bytes of an unfinished write at the end of {}: never acknowledged, cut off at the \
             next start",
            torn.bytes,
            torn.file.display()
        ))?;
    }
    Ok(())
}

fn print(directory: &Path, dump: &Dump) -> Result<()> {
    if !dump.json {
        output::line(&format!("{}:", directory.display()))?;
    }
    let mut written = Ok(());
    hansa_journal::dump(directory, Position::new(dump.after), |commit| {
        written = match dump.json {
            true => output::json(&as_json(&commit)),
            false => output::line(&as_text(&commit)),
        };
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })
    .with_context(|| format!("the journal in {} cannot be read", directory.display()))?;
    Ok(written?)
}

/// What a commit's body holds: the registry and the feed each store the message their watchers receive.
enum Body {
    Registry(hansa_proto::pb::registry::v1::Commit),
    Feed(hansa_proto::pb::feed::v1::Batch),
    Unknown,
}

fn decoded(commit: &Commit) -> Body {
    use subscribe_response::Message::Batch;
    use watch_changes_response::Message::Commit as OfRegistry;
    let registry = WatchChangesResponse::decode(commit.body.clone());
    if let Ok(WatchChangesResponse { message: Some(OfRegistry(body)) }) = registry
        && body.position == commit.position.get()
    {
        return Body::Registry(body);
    }
    match SubscribeResponse::decode(commit.body.clone()) {
        Ok(SubscribeResponse { message: Some(Batch(body)) }) => Body::Feed(body),
        _ => Body::Unknown,
    }
}

fn as_json(commit: &Commit) -> Value {
    let object = Object::default()
        .with("position", commit.position.get())
        .with("recorded_at", recorded_at(commit).to_string())
        .with("chain", commit.chain.to_string())
        .with("meta_bytes", commit.meta.len())
        .with("body_bytes", commit.body.len());
    match decoded(commit) {
        Body::Registry(body) => object
            .with("principal", body.principal)
            .given("request_id", body.request_id)
            .list("changes", &body.changes, render::change),
        Body::Feed(body) => {
            object.list("events", &body.events, |event| render::event(event, &body.cursor))
        }
        Body::Unknown => object.with("body", crate::values::to_hex(&commit.body)),
    }
    .into()
}

/// A commit in a line, with the requests it answers.
pub(crate) fn described(commit: &Commit) -> String {
    let mut ids: Vec<String> = match decoded(commit) {
        Body::Registry(body) => vec![body.request_id],
        Body::Feed(body) => body.events.into_iter().map(|event| event.request_id).collect(),
        Body::Unknown => Vec::new(),
    };
    ids.retain(|id| !id.is_empty());
    ids.dedup();
    let ids = if ids.is_empty() { "no request id".to_owned() } else { ids.join(" ") };
    format!("{}  ({ids})", as_text(commit))
}

fn as_text(commit: &Commit) -> String {
    let mut text = format!("{:>8}  {}", commit.position.get(), recorded_at(commit));
    let rows: Vec<String> = match decoded(commit) {
        Body::Registry(body) => {
            body.changes.iter().map(|change| changed(&render::change(change))).collect()
        }
        Body::Feed(body) => body
            .events
            .iter()
            .map(|event| {
                let kind = hansa_proto::feed::EventKind::from_pb(event.kind);
                let kind = kind.map_or("unknown", hansa_proto::feed::EventKind::as_str);
                format!("{kind}  {}", render::headline(event))
            })
            .collect(),
        Body::Unknown => {
            vec![format!("{} bytes that are no message known here", commit.body.len())]
        }
    };
    match rows.as_slice() {
        [] => text.push_str("  (nothing for watchers)"),
        rows => rows.iter().for_each(|row| text.push_str(&format!("  {row}"))),
    }
    text
}

/// A change in a line: its kind and the resource.
fn changed(change: &Value) -> String {
    let kind = change["kind"].as_str().unwrap_or("unknown");
    let resource = ["network", "member", "membership"]
        .iter()
        .find_map(|resource| change[*resource]["name"].as_str())
        .unwrap_or_default();
    format!("{kind}  {resource}")
}

fn recorded_at(commit: &Commit) -> Timestamp {
    let micros = commit.recorded_at_micros;
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}
