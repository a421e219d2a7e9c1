//! `hansa export`: what the registry holds, as tables or as whole resources.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use hansa_client::tables::{self, Exported, Grades, Sheet};
use hansa_proto::ids::NetworkId;
use hansa_proto::pb::registry::v1 as pb;
use indicatif::ProgressBar;

use crate::client::ClientOptions;
use crate::values;

/// Write what the registry holds to a table
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to write
    #[arg(value_enum)]
    what: What,
    /// How: csv (a row each), jsonl (everything, a resource a line) or wide (a column for every network)
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Only this network and what belongs to it
    #[arg(long, value_parser = values::network)]
    network: Option<NetworkId>,
    /// As recorded at this position; 0: now
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    at_position: u64,
    /// What a cell of a wide table holds: yes-or-no, quentin, or a CSV file of grades
    #[arg(long, value_name = "SCHEME", default_value = "yes-or-no")]
    grades: String,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    #[command(flatten)]
    client: ClientOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Memberships,
    Members,
    Networks,
    /// Networks, members and memberships
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
    Wide,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    use pb::ExportKind::{Members, Memberships, Networks};
    let kinds = match (arguments.what, arguments.format) {
        (What::Memberships, Format::Csv | Format::Jsonl) => vec![Memberships],
        (What::Members, Format::Csv | Format::Jsonl) => vec![Members],
        (What::Networks, Format::Csv | Format::Jsonl) => vec![Networks],
        (What::All, Format::Jsonl) | (What::Memberships, Format::Wide) => Vec::new(),
        (What::All, Format::Csv | Format::Wide) => bail!("`all` is written with `--format jsonl`"),
        (_, Format::Wide) => bail!("only memberships are written with `--format wide`"),
    };
    let request = pb::ExportRequest {
        kinds: kinds.into_iter().map(i32::from).collect(),
        network: arguments.network.as_ref().map(NetworkId::to_string).unwrap_or_default(),
        at_position: arguments.at_position,
        min_position: 0,
    };
    let registry = arguments.client.registry().await?;
    let bar = ProgressBar::new_spinner();
    bar.set_message("exporting");
    let exported = tables::exported(&registry, request, &mut |rows| bar.set_position(rows)).await;
    bar.finish_and_clear();
    write(&arguments, &text(&arguments, &exported?)?)
}

fn text(arguments: &Arguments, exported: &Exported) -> Result<String> {
    Ok(match (arguments.format, arguments.what) {
        (Format::Jsonl, _) | (_, What::All) => tables::json_lines(exported),
        (Format::Wide, _) => {
            let grades = match Grades::named(&arguments.grades) {
                Some(grades) => grades,
                None => Grades::of_sheet(&Sheet::read(arguments.grades.as_ref())?)?,
            };
            tables::wide(exported, &grades)
        }
        (Format::Csv, What::Memberships) => tables::long(&exported.memberships),
        (Format::Csv, What::Members) => tables::members(&exported.members),
        (Format::Csv, What::Networks) => tables::networks(&exported.networks),
    })
}

fn write(arguments: &Arguments, text: &str) -> Result<()> {
    match &arguments.to {
        Some(file) => std::fs::write(file, text)
            .with_context(|| format!("{} cannot be written", file.display())),
        None => Ok(std::io::stdout().lock().write_all(text.as_bytes())?),
    }
}
