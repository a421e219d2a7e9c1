//! `hansa import`: a data set of ten tables into both services.

pub(crate) mod table;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use hansa_client::import::{DataSet, Kind, Report, Source};
use hansa_client::{Feed, Registry};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::client::ClientOptions;
use crate::{dataset, output, table as tables};

const HELP: &str = "\
Files: networks.csv, members.csv, memberships.csv, network_relations.csv, statements.jsonl, \
campaigns.jsonl, cooperations.jsonl, readings.csv, network_places.csv, literature.csv; data/README.md describes their columns. A directory may hold \
some of them.

Every row is checked before anything is written. An import can be repeated: what an earlier one wrote \
stays as it is.

Examples:
  hansa import              the data set that is built in
  hansa import my-tables    one of your own
  hansa import table FILE   memberships out of a single table: hansa import table --help";

/// Import a data set of ten tables
#[derive(Debug, Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    table: Option<Table>,

    /// Directory with the tables; without it, the data set that is built in
    directory: Option<PathBuf>,

    #[command(flatten)]
    client: ClientOptions,
}

#[derive(Debug, Subcommand)]
enum Table {
    /// Import memberships out of a table of your own: long, wide, graded, or a snapshot
    Table(Box<table::Arguments>),
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    if let Some(Table::Table(table)) = arguments.table {
        return Box::pin(table::run(*table)).await;
    }
    let source = match &arguments.directory {
        Some(directory) => Source::Directory(directory),
        None => Source::Texts(&dataset::TEXTS),
    };
    let data_set = DataSet::read(source)?;
    let registry = arguments.client.registry().await?;
    let feed = arguments.client.feed().await?;
    let report = Box::pin(import(data_set, &registry, &feed)).await?;
    match arguments.client.json {
        true => output::json(&as_json(&report))?,
        false => output::line(&as_text(&report))?,
    }
    complain_of_failures(&report)
}

/// Imports with a progress bar, which shows only on a terminal.
pub(crate) async fn import(data_set: DataSet, registry: &Registry, feed: &Feed) -> Result<Report> {
    let plan = data_set.plan()?;
    let bar = ProgressBar::new(u64::try_from(plan.len()).unwrap_or(u64::MAX));
    let style =
        ProgressStyle::with_template("importing {msg:12} [{bar:40}] {pos}/{len}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    let mut shown = None;
    let report = Box::pin(plan.run(registry, feed, &mut |progress| {
        if shown.replace(progress.kind) != Some(progress.kind) {
            bar.set_message(progress.kind.plural());
        }
        bar.inc(1);
    }))
    .await;
    bar.finish_and_clear();
    Ok(report?)
}

/// Fails when rows were refused, and says which.
pub(crate) fn complain_of_failures(report: &Report) -> Result<()> {
    const SHOWN: usize = 20;
    if report.failures.is_empty() {
        return Ok(());
    }
    let count = report.failures.len();
    let mut text = format!("{count} rows were refused");
    for failure in report.failures.iter().take(SHOWN) {
        text.push_str(&format!("\n  {}: {}", failure.at, failure.error));
    }
    if count > SHOWN {
        text.push_str(&format!("\n  … and {} more", count - SHOWN));
    }
    bail!(text)
}

pub(crate) fn as_text(report: &Report) -> String {
    let mut rows = tables::new(&["", "written", "there already", "refused"]);
    for kind in Kind::ALL {
        if let Some(count) = report.counts.get(&kind) {
            let numbers = [count.created, count.unchanged, count.failed];
            let cells = numbers.iter().map(ToString::to_string);
            rows.add_row(std::iter::once(kind.plural().to_owned()).chain(cells));
        }
    }
    format!("{}\n{report}", tables::text(&rows))
}

fn as_json(report: &Report) -> serde_json::Value {
    let counts = report.counts.iter().map(|(kind, count)| {
        let numbers = json!({
            "created": count.created,
            "unchanged": count.unchanged,
            "failed": count.failed,
        });
        (kind.plural().to_owned(), numbers)
    });
    let failures = report.failures.iter().map(|failure| {
        json!({
            "file": failure.at.file,
            "line": failure.at.line,
            "key": failure.at.key,
            "error": failure.error.to_string(),
        })
    });
    json!({
        "created": report.created(),
        "unchanged": report.unchanged(),
        "counts": counts.collect::<serde_json::Map<_, _>>(),
        "failures": failures.collect::<Vec<_>>(),
        "registry_position": report.registry_position,
        "feed_position": report.feed_position,
    })
}
