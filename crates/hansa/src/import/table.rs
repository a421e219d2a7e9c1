//! `hansa import table`: memberships out of a table of one's own, long or wide, graded, or as one of
//! several snapshots of a network.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use hansa_client::Registry;
use hansa_client::tables::{
    self, Action, Decisions, Grades, Held, Layout, Part, Plan, Planned, Sheet, Snapshot, Tally,
};
use hansa_proto::date::PartialDate;
use hansa_proto::ids::NetworkId;
use hansa_proto::pb::common::v1::Source;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::pb::registry::v1::batch_item::Change;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::client::ClientOptions;
use crate::{output, values};

const HELP: &str = "\
The table is CSV with a header, or JSON Lines (a name ending in .jsonl). A long table has a row for \
every membership, a wide one (--wide) a column for every network. docs/import.md has the columns, the \
grades and examples.

A name is taken for a member only when an id or one certain match says so. All others are listed with \
who may be meant, and left out; `--matches FILE` decides on them. Importing a table again changes \
nothing.

Examples:
  hansa import table members.csv --network c40 --column member=City --column country=Country \\
        --source 'C40, member cities, 2024 | https://www.c40.org' --as-of 2024-04 --dry-run
  hansa import table tmn.csv --wide --ignore TMN --ignore ETMN --as-of 2017 --source 'Acuto, Leffel 2021'
  hansa import table grades.csv --wide --grades quentin --as-of 2024 --source 'quentin.city'
  hansa import table 2024.csv --network c40 --snapshot-of 2024-04 --previous 2020-04 --source '…'
  hansa import table registry.jsonl --resources";

/// Import memberships out of a table
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// The table
    file: PathBuf,
    /// A column for every network, instead of a row for every membership
    #[arg(long)]
    wide: bool,
    /// Which header says what, such as member=City
    #[arg(long, value_name = "COLUMN=HEADER", value_parser = column)]
    column: Vec<(Part, String)>,
    /// A column of a wide table that is no network
    #[arg(long, value_name = "HEADER")]
    ignore: Vec<String>,
    /// Which network a header of a wide table stands for, such as "C40 Cities=c40"
    #[arg(long, value_name = "HEADER=NETWORK", value_parser = network_column)]
    network_column: Vec<(String, NetworkId)>,
    /// What grades mean: yes-or-no, quentin, or a CSV file with grade, class, roles and text
    #[arg(long, value_name = "SCHEME")]
    grades: Option<String>,
    /// The network all rows are of
    #[arg(long, value_parser = values::network)]
    network: Option<NetworkId>,
    /// For when the table states what it states
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    as_of: Option<PartialDate>,
    /// Who says so, where rows do not say
    #[arg(long, value_name = "CITATION", value_parser = values::source)]
    source: Option<Source>,
    /// Where that can be read
    #[arg(long, value_name = "URI", requires = "source")]
    source_uri: Option<String>,
    /// The table lists all members of --network on this day
    #[arg(long, value_name = "DATE", value_parser = values::date, requires = "network")]
    snapshot_of: Option<PartialDate>,
    /// The day of the snapshot before: who is new joined, and who is missing left, since then
    #[arg(long, value_name = "DATE", value_parser = values::date, requires = "snapshot_of")]
    previous: Option<PartialDate>,
    /// Who is meant: a CSV file with text and member, where `new` makes a member
    #[arg(long, value_name = "FILE")]
    matches: Option<PathBuf>,
    /// Make members that nobody in the registry is like; needs a country
    #[arg(long)]
    create_missing: bool,
    /// The file holds whole resources, as `hansa export all --format jsonl` writes them
    #[arg(long, conflicts_with_all = ["wide", "column", "grades", "snapshot_of"])]
    resources: bool,
    /// Say what would happen, and do nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    client: ClientOptions,
}

fn column(text: &str) -> Result<(Part, String), String> {
    let (part, header) = text.split_once('=').ok_or("write COLUMN=HEADER, such as member=City")?;
    Ok((Part::parse(part)?, header.to_owned()))
}

fn network_column(text: &str) -> Result<(String, NetworkId), String> {
    let (header, network) = text.rsplit_once('=').ok_or("write HEADER=NETWORK")?;
    Ok((header.to_owned(), values::network(network)?))
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let registry = arguments.client.registry().await?;
    let plan = match arguments.resources {
        true => resources(&arguments, &registry).await?,
        false => planned(&arguments, &registry).await?,
    };
    let rows: Vec<(String, Change)> = plan
        .planned
        .iter()
        .filter_map(|planned| Some((planned.key.clone(), planned.change.clone()?)))
        .collect();
    let bar = ProgressBar::new(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("recording [{bar:40}] {pos}/{len}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    let tally =
        tables::run(&registry, rows, arguments.dry_run, &mut |rows| bar.set_position(rows)).await;
    bar.finish_and_clear();
    report(&arguments, &plan, &tally?)
}

/// Whole resources, as they were exported: those that are not held as they are.
async fn resources(arguments: &Arguments, registry: &Registry) -> Result<Plan> {
    let file = arguments.file.display().to_string();
    let text = std::fs::read_to_string(&arguments.file)
        .with_context(|| format!("{file} cannot be read"))?;
    let (resources, troubles) = tables::resources_of(&file, &text);
    let request = pb::ExportRequest::default();
    let held = tables::exported(registry, request, &mut |_| {}).await?;
    let (resources, unchanged) = tables::absent(resources, &held);
    let changes = tables::restored(resources).into_iter().map(|(key, change)| Planned {
        at: file.clone(),
        what: key.clone(),
        key,
        action: Action::Create,
        change: Some(change),
    });
    let held = (0..unchanged).map(|_| Planned {
        at: file.clone(),
        what: "a resource".to_owned(),
        key: String::new(),
        action: Action::Unchanged,
        change: None,
    });
    Ok(Plan { planned: changes.chain(held).collect(), troubles, ..Plan::default() })
}

async fn planned(arguments: &Arguments, registry: &Registry) -> Result<Plan> {
    let sheet = Sheet::read(&arguments.file)?;
    let layout = layout(arguments)?;
    let decisions = match &arguments.matches {
        Some(file) => Decisions::of_sheet(&Sheet::read(file)?)?,
        None => Decisions::default(),
    };
    let observed = tables::observe(&sheet, &layout);
    let held = Held::ask(registry).await?;
    let create = arguments.create_missing;
    Ok(tables::plan(registry, &held, &layout, &observed, &decisions, create).await?)
}

fn layout(arguments: &Arguments) -> Result<Layout> {
    let grades = match arguments.grades.as_deref() {
        None => None,
        Some(name) => match Grades::named(name) {
            Some(grades) => Some(grades),
            None => Some(Grades::of_sheet(&Sheet::read(name.as_ref())?)?),
        },
    };
    let uri = arguments.source_uri.clone();
    let source = arguments
        .source
        .clone()
        .map(|source| Source { uri: uri.unwrap_or_else(|| source.uri.clone()), ..source });
    let snapshot = arguments.snapshot_of.zip(arguments.network.clone());
    Ok(Layout {
        columns: arguments.column.clone(),
        wide: arguments.wide,
        ignored: arguments.ignore.clone(),
        networks: arguments.network_column.clone(),
        grades,
        network: arguments.network.clone(),
        as_of: arguments.as_of,
        source,
        snapshot: snapshot.map(|(date, network)| Snapshot {
            network,
            date,
            previous: arguments.previous,
        }),
    })
}

fn report(arguments: &Arguments, plan: &Plan, tally: &Tally) -> Result<()> {
    let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
    for planned in &plan.planned {
        *counts.entry(planned.action).or_default() += 1;
    }
    let count = |action| counts.get(&action).copied().unwrap_or_default();
    if arguments.client.json {
        output::json(&json!({
            "dry_run": arguments.dry_run,
            "members_created": count(Action::Create),
            "joined": count(Action::Join),
            "changed": count(Action::Change),
            "departed": count(Action::Depart),
            "unchanged": count(Action::Unchanged),
            "unmatched": plan.unmatched.iter().map(unmatched).collect::<Vec<_>>(),
            "left_alone": plan.left_alone,
            "applied": tally.applied,
            "position": tally.position,
        }))?;
    } else {
        describe(arguments, plan)?;
        let verb = if arguments.dry_run { "would be recorded" } else { "recorded" };
        output::line(&format!(
            "{} members made, {} memberships joined, {} changed, {} ended: {} rows {verb}; {} unchanged, \
             {} names not matched",
            count(Action::Create),
            count(Action::Join),
            count(Action::Change),
            count(Action::Depart),
            tally.applied,
            count(Action::Unchanged) + tally.unchanged,
            plan.unmatched.len(),
        ))?;
    }
    complain(plan, tally)
}

/// Every row of a dry run, and everybody nobody is certainly meant by.
fn describe(arguments: &Arguments, plan: &Plan) -> Result<()> {
    if arguments.dry_run {
        for planned in &plan.planned {
            let word = match planned.action {
                Action::Create => "new member",
                Action::Join => "joins",
                Action::Change => "changes",
                Action::Depart => "departs",
                Action::Unchanged => "unchanged",
            };
            output::line(&format!("{}  {word}: {}", planned.at, planned.what))?;
        }
    }
    for unmatched in &plan.unmatched {
        let at = unmatched.at.first().map(String::as_str).unwrap_or_default();
        output::line(&format!("{at}  not matched: {}", unmatched.member))?;
        for proposal in &unmatched.proposals {
            let reasons = proposal.reasons.join(", ");
            let (member, name, score) = (&proposal.member, &proposal.name, proposal.score);
            output::line(&format!("    {score:.2}  {member}  {name}  ({reasons})"))?;
        }
    }
    for left_alone in &plan.left_alone {
        output::line(&format!("left alone: {left_alone}"))?;
    }
    Ok(())
}

fn unmatched(unmatched: &tables::Unmatched) -> serde_json::Value {
    let proposals = unmatched.proposals.iter().map(|proposal| {
        json!({
            "member": proposal.member,
            "name": proposal.name,
            "score": proposal.score,
            "reasons": proposal.reasons,
        })
    });
    json!({
        "text": unmatched.member,
        "country": unmatched.country,
        "at": unmatched.at,
        "proposals": proposals.collect::<Vec<_>>(),
    })
}

/// Fails when rows could not be read or were refused, and says which.
fn complain(plan: &Plan, tally: &Tally) -> Result<()> {
    const SHOWN: usize = 20;
    let places: BTreeMap<&str, &str> =
        plan.planned.iter().map(|planned| (planned.key.as_str(), planned.at.as_str())).collect();
    let unread = plan.troubles.iter().map(|trouble| format!("{}: {}", trouble.at, trouble.problem));
    let refused = tally.refused.iter().map(|refused| {
        let at = places.get(refused.key.as_str()).copied().unwrap_or_default();
        format!("{at} ({}): {}", refused.key, refused.why)
    });
    let all: Vec<String> = unread.chain(refused).collect();
    if all.is_empty() {
        return Ok(());
    }
    let mut text = format!("{} rows were left out", all.len());
    for line in all.iter().take(SHOWN) {
        text.push_str(&format!("\n  {line}"));
    }
    if all.len() > SHOWN {
        text.push_str(&format!("\n  … and {} more", all.len() - SHOWN));
    }
    bail!(text)
}
