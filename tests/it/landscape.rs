//! The landscape of the real data set, against its files and against what Lacroix printed.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::pb::registry::v1 as pb;
use hansa_tests::{World, make};
use pb::Statistic;

use crate::dataset::{imported, rows};

const CONTINENTS: [&str; 6] =
    ["Europe", "South America", "North America", "Oceania", "Africa", "Asia"];

async fn table(world: &World, statistic: Statistic, filter: &str) -> pb::GetTableResponse {
    let request = pb::GetTableRequest {
        statistic: statistic.into(),
        filter: filter.to_owned(),
        include_rows: true,
        ..Default::default()
    };
    world.landscape().get_table(request).await.unwrap().into_inner()
}

/// A table's count by the labels of its row and column.
fn count(table: &pb::GetTableResponse, row: &str, column: &str) -> i64 {
    cell(table, row, column).count
}

fn cell<'t>(table: &'t pb::GetTableResponse, row: &str, column: &str) -> &'t pb::TableCell {
    let row = table.rows.iter().position(|label| label == row).unwrap();
    let column = table.columns.iter().position(|label| label == column).unwrap();
    &table.cells[row * table.columns.len() + column]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_networks_by_region_and_scale() {
    let world = imported().await;
    let table = table(&world, Statistic::RegionByScale, "").await;
    let files = rows("networks.csv");
    let global = files.iter().filter(|row| row["scale"] == "global").count() as i64;
    assert!(global > 12, "Lacroix alone has 12");
    for region in CONTINENTS {
        assert_eq!(count(&table, region, "global"), global, "{region}");
    }
    // A global network is in all six rows and once in the unique total; who else is in several rows
    // is so by its own places.
    let several: i64 = {
        let mut rows_of: BTreeMap<&str, i64> = BTreeMap::new();
        for cell in &table.cells {
            for name in &cell.names {
                *rows_of.entry(name).or_default() += 1;
            }
        }
        assert_eq!(rows_of.len() as i64, table.unique_total);
        rows_of.values().filter(|rows| **rows < 6).map(|rows| rows - 1).sum()
    };
    assert_eq!(table.summed_total, table.unique_total + 5 * global + several);

    let held: BTreeMap<String, pb::Network> = {
        let request = pb::ListNetworksRequest { page_size: 1000, ..Default::default() };
        let page = world.registry().list_networks(request).await.unwrap().into_inner();
        page.networks.into_iter().map(|it| (it.name.clone(), it)).collect()
    };
    assert_eq!((table.unique_total + table.left_out) as usize, held.len());
    for (index, cell) in table.cells.iter().enumerate() {
        let column = table.columns[index % table.columns.len()].as_str();
        for name in &cell.names {
            let scale = held[name].scale().as_str_name().to_lowercase();
            assert_eq!(scale, format!("scale_{column}"), "{name}");
        }
    }
    for (region, column, name) in [
        ("Europe", "national", "networks/anvita"),
        ("Europe", "regional", "networks/eurocities"),
        ("South America", "regional", "networks/mercociudades"),
    ] {
        let names = &cell(&table, region, column).names;
        assert!(names.iter().any(|it| it == name), "{name} is not {column} in {region}: {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_networks_by_origin() {
    let world = imported().await;
    let files = rows("networks.csv");
    let lobbying = table(&world, Statistic::ActivityByOrigin, "").await;
    let doing = |origin: &str| {
        let rows = files.iter().filter(|row| row["origin"] == origin);
        rows.filter(|row| !row["activities"].is_empty()).count() as i64
    };
    let column = |label: &str| lobbying.columns.iter().position(|it| it == label).unwrap();
    for (label, origin) in [("grassroots", "grassroots"), ("co-opted", "co-opted")] {
        assert_eq!(lobbying.column_totals[column(label)], doing(origin), "{label}");
        for row in &lobbying.rows {
            let cell = cell(&lobbying, row, label);
            let share = cell.count as f64 / doing(origin) as f64;
            assert!((cell.share - share).abs() < 1e-9, "{row}, {label}");
        }
        // Exchange of knowledge is what most of them do, as in Lacroix's graph.
        let knowledge = cell(&lobbying, "knowledge and best practices", label).share;
        assert!(knowledge >= cell(&lobbying, "funding", label).share, "{label}");
    }

    let periods = table(&world, Statistic::PeriodByOrigin, "").await;
    for (period, founded) in [("1910–1919", "191"), ("1980–1989", "198"), ("2010–2019", "201")]
    {
        for (label, origin) in [("grassroots", "grassroots"), ("co-opted", "co-opted")] {
            let rows = files.iter().filter(|row| row["origin"] == origin);
            let expected = rows.filter(|row| row["founded"].starts_with(founded)).count() as i64;
            assert_eq!(count(&periods, period, label), expected, "{period} {label}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_real_networks_share_whom_the_files_have_in_both() {
    let world = imported().await;
    let files = rows("memberships.csv");
    let members = |network: &str| -> BTreeSet<String> {
        let rows = files.iter().filter(|row| row["network_id"] == network);
        rows.filter(|row| row["status"] == "active")
            .map(|row| make::member_name(&row["member_id"]))
            .collect()
    };
    let (c40, eurocities) = (members("c40"), members("eurocities"));
    let shared: BTreeSet<String> = c40.intersection(&eurocities).cloned().collect();
    assert!(shared.len() > 3, "only {shared:?}");
    let request = pb::ListOverlapsRequest {
        network: make::network_name("c40"),
        page_size: 1000,
        ..Default::default()
    };
    let found = world.landscape().list_overlaps(request).await.unwrap().into_inner().overlaps;
    let with = make::network_name("eurocities");
    let overlap = found.iter().find(|it| it.other == with).unwrap();
    assert_eq!(overlap.shared_members.iter().cloned().collect::<BTreeSet<_>>(), shared);
    let union = c40.union(&eurocities).count() as f64;
    assert!((overlap.jaccard - shared.len() as f64 / union).abs() < 1e-9);
}

/// A member of so many networks that their pairs are as many as are counted, and of one more.
#[tokio::test(flavor = "multi_thread")]
async fn overlaps_of_all_are_counted_up_to_a_limit() {
    use hansa_client::{Registry, tables};
    use hansa_proto::limits::OVERLAP_PAIRS;
    use pb::batch_item::Change;

    let pairs = |networks: usize| networks * (networks - 1) / 2;
    let most = (1..).take_while(|networks| pairs(*networks) <= OVERLAP_PAIRS).last().unwrap();
    let world = World::start_registry_only().await;
    world.registry().create_member(make::member("everywhere", "DE")).await.unwrap();
    let registry = Registry::connect(&world.registry_url()).await.unwrap();
    let take = async |numbers: std::ops::Range<usize>| {
        let rows = numbers.flat_map(|number| {
            let id = format!("n{number:05}");
            let created = Change::CreateNetwork(make::network(&id));
            let joined = Change::JoinNetwork(make::join(&id, "everywhere"));
            [(format!("{number} is"), created), (format!("{number} takes"), joined)]
        });
        let tally = tables::run(&registry, rows.collect(), false, &mut |_| {}).await.unwrap();
        assert_eq!(tally.refused, []);
    };
    let asked = |network: &str| pb::ListOverlapsRequest {
        network: network.to_owned(),
        page_size: 2,
        ..Default::default()
    };
    take(0..most).await;
    let all = world.landscape().list_overlaps(asked("")).await.unwrap().into_inner();
    assert_eq!((all.overlaps.len(), all.overlaps[0].shared_count), (2, 1));
    take(most..most + 1).await;
    let refused = world.landscape().list_overlaps(asked("")).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert!(refused.message().contains("more than 1000000 pairs"), "{}", refused.message());
    let one = world.landscape().list_overlaps(asked("networks/n00000")).await.unwrap();
    assert_eq!(one.into_inner().overlaps.len(), 2);
}
