//! The same measurements at several sizes, as a table: what grows with the registry, and what does not.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hansa_proto::pb::registry::v1 as pb;

use crate::fill::{Filled, fill};
use crate::measure::{self, Latency, Load};
use crate::service::{Place, Running};
use crate::world::{Plan, World};

/// What was measured of a registry of one size.
#[derive(Clone, Debug)]
pub struct Measured {
    memberships: usize,
    members: usize,
    networks: usize,
    filled: Filled,
    /// Seconds of processor time of the registry.
    import_processor: f64,
    import_bytes: u64,
    journal_bytes: u64,
    view_bytes: u64,
    resident_bytes: u64,
    open_with_view: Duration,
    open_without_view: Duration,
    rest: Duration,
    point: Latency,
    page: Latency,
    overview: Duration,
    table: Duration,
    reach: Duration,
    overlaps_of_one: Duration,
    overlaps_of_all: Duration,
    join: Latency,
}

/// Joins that a registry is asked for at most, so many in a second.
const JOINS_A_SECOND: f64 = 100_000.0;

/// Fills a registry in an empty directory, restarts it with and without its view, measures, and writes more.
pub async fn measure(place: &Place, plan: Plan, load: Load, data: &Path) -> Result<Measured> {
    let world = Arc::new(World::new(plan));
    let running = place.start(data).await?;
    let filled = fill(&running.registry, &world, |_| {}).await?;
    let import_processor = measure::processor_seconds(running.process_id())?;
    let import_bytes = measure::resident(running.process_id())?;
    running.stop().await?;
    let journal_bytes = measure::bytes_in(&data.join("journal"))?;
    let view_bytes = measure::bytes_in(&data.join("view"))?;

    let running = place.start(data).await?;
    let open_with_view = running.opened_in;
    let rest = match place {
        Place::Process(_) => measure::rest(running.process_id()).await?,
        // Here others work too.
        Place::Here => Duration::ZERO,
    };
    let names = Arc::new(measure::sample(&world, 10_000));
    let point = measure::points(&running, names, load).await?;
    let page = measure::pages(&running, &world, load).await?;
    let statistics = statistics(&running).await?;
    let resident_bytes = measure::resident(running.process_id())?;
    running.stop().await?;

    fs::remove_dir_all(data.join("view"))?;
    let running = place.start(data).await?;
    let open_without_view = running.opened_in;
    // Last, because what is written is in the way of everything above.
    let joins = (JOINS_A_SECOND * load.lasting.as_secs_f64()) as usize;
    let join = measure::joins(&running, measure::strangers(&world, joins), load).await?;
    running.stop().await?;

    let [overview, table, reach, overlaps_of_one, overlaps_of_all] = statistics;
    Ok(Measured {
        memberships: world.memberships(),
        members: plan.members,
        networks: plan.networks,
        filled,
        import_processor,
        import_bytes,
        journal_bytes,
        view_bytes,
        resident_bytes,
        open_with_view,
        open_without_view,
        rest,
        point,
        page,
        overview,
        table,
        reach,
        overlaps_of_one,
        overlaps_of_all,
        join,
    })
}

/// How long the landscape takes: overview, a table, reach, overlaps of a network in the middle, and of all.
async fn statistics(running: &Running) -> Result<[Duration; 5]> {
    let landscape = &running.registry.landscape;
    let overview = measure::middle(|| {
        let mut client = landscape.clone();
        async move { client.get_overview(pb::GetOverviewRequest::default()).await }
    });
    let table = measure::middle(|| {
        let mut client = landscape.clone();
        let statistic = pb::Statistic::RegionByScale.into();
        let request = pb::GetTableRequest { statistic, ..Default::default() };
        async move { client.get_table(request).await }
    });
    let reach = measure::middle(|| {
        let mut client = landscape.clone();
        async move { client.list_member_reach(pb::ListMemberReachRequest::default()).await }
    });
    let overlaps = async |network: &str| {
        let mut client = landscape.clone();
        let network = network.to_owned();
        let request = pb::ListOverlapsRequest { network, page_size: 10, ..Default::default() };
        let stopwatch = hansa_chassis::clock::Stopwatch::start();
        client.list_overlaps(request).await?;
        anyhow::Ok(stopwatch.elapsed())
    };
    let (overview, table, reach) = (overview.await?, table.await?, reach.await?);
    let of_one = overlaps(&crate::world::network_name(20)).await?;
    let of_all = overlaps("").await?;
    Ok([overview, table, reach, of_one, of_all])
}

/// What is measured, and how it is written.
type Row = (&'static str, fn(&Measured) -> String);

const ROWS: [Row; 28] = [
    ("networks", |it| thousands(it.networks as u64)),
    ("members", |it| thousands(it.members as u64)),
    ("import, rows a second", |it| {
        thousands((it.filled.rows as f64 / it.filled.took.as_secs_f64()) as u64)
    }),
    ("import, processor seconds a million rows", |it| {
        format!("{:.1}", it.import_processor * 1e6 / it.filled.rows as f64)
    }),
    ("memory at the end of the import", |it| megabytes(it.import_bytes)),
    ("journal on disk", |it| megabytes(it.journal_bytes)),
    ("view on disk", |it| megabytes(it.view_bytes)),
    ("memory while it is read", |it| megabytes(it.resident_bytes)),
    ("start until serving, view present", |it| time(it.open_with_view)),
    ("start until serving, view made again", |it| time(it.open_without_view)),
    ("merging what the import left, before the reads", |it| time(it.rest)),
    ("point reads a second", |it| thousands(it.point.per_second as u64)),
    ("point reads, processor seconds a million", |it| format!("{:.1}", it.point.processor)),
    ("point read, p50", |it| time(it.point.p50)),
    ("point read, p99", |it| time(it.point.p99)),
    ("pages of 100 a second", |it| thousands(it.page.per_second as u64)),
    ("pages of 100, processor seconds a million", |it| format!("{:.0}", it.page.processor)),
    ("page of 100, p50", |it| time(it.page.p50)),
    ("page of 100, p99", |it| time(it.page.p99)),
    ("joins a second, each durable", |it| thousands(it.join.per_second as u64)),
    ("joins, processor seconds a million", |it| format!("{:.1}", it.join.processor)),
    ("join, p50", |it| time(it.join.p50)),
    ("join, p99", |it| time(it.join.p99)),
    ("overview", |it| time(it.overview)),
    ("table of region by scale", |it| time(it.table)),
    ("reach, first page", |it| time(it.reach)),
    ("overlaps of the network of rank 20, first 10", |it| time(it.overlaps_of_one)),
    ("overlaps of all networks, first 10", |it| time(it.overlaps_of_all)),
];

/// The measurements side by side, in Markdown.
pub fn table(measured: &[Measured]) -> String {
    let row = |first: &str, cells: Vec<String>| format!("| {first} | {} |\n", cells.join(" | "));
    let cells = |cell: fn(&Measured) -> String| measured.iter().map(cell).collect();
    let mut text = row("memberships", cells(|it| thousands(it.memberships as u64)));
    text += &format!("| --- |{}\n", " ---: |".repeat(measured.len()));
    for (label, cell) in ROWS {
        text += &row(label, cells(cell));
    }
    text
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", thousands(bytes.div_ceil(1_000_000)))
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        10.0.. => format!("{seconds:.0} s"),
        1.0.. => format!("{seconds:.1} s"),
        0.01.. => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{:.2} ms", seconds * 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(5_000_000), "5,000,000");
        assert_eq!(megabytes(1_500_000), "2 MB");
        assert_eq!(time(Duration::from_micros(240)), "0.24 ms");
        assert_eq!(time(Duration::from_millis(1_250)), "1.2 s");
    }
}
