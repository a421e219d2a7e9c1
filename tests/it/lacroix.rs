//! Lacroix 2021, Tables 1 and 2 and Graphs 1 and 2, of the networks of the data set that he names,
//! selected by that source, beside what is printed there. What differs is told in docs/landscape.md.

use hansa_proto::pb::registry::v1 as pb;
use pb::Statistic;

use crate::dataset::rows;
use crate::real;

/// Networks that Lacroix names and that are classified.
const CLASSIFIED: &str = "source : \"10.1080/03003930.2021.1938553\" origin : *";
/// Networks in his Table 2.
const TABLE_2: &str =
    "source : \"Lacroix Migration-related city networks\" source : \"2021, Table 2\"";

const CONTINENTS: [&str; 6] =
    ["Europe", "South America", "North America", "Oceania", "Africa", "Asia"];

/// A row of a table: its label and its figures.
type Printed = (&'static str, Vec<i64>);

async fn table(statistic: Statistic, filter: &str) -> pb::GetTableResponse {
    let real = real::data().await;
    let request = pb::GetTableRequest {
        statistic: statistic.into(),
        filter: filter.to_owned(),
        include_rows: true,
        ..Default::default()
    };
    real.clients().landscape().get_table(request).await.unwrap().into_inner()
}

fn figures(table: &pb::GetTableResponse, row: &str) -> Vec<i64> {
    let width = table.columns.len();
    let row = table.rows.iter().position(|label| label == row).unwrap();
    table.cells[row * width..(row + 1) * width].iter().map(|cell| cell.count).collect()
}

/// The figure of a row in a column.
fn figure(table: &pb::GetTableResponse, row: &str, column: &str) -> i64 {
    figures(table, row)[table.columns.iter().position(|label| label == column).unwrap()]
}

fn check(table: &pb::GetTableResponse, expected: &[Printed]) {
    for (row, expected) in expected {
        assert_eq!(figures(table, row), *expected, "{row}");
    }
}

/// The networks in a cell, by their ids.
fn within<'t>(table: &'t pb::GetTableResponse, row: &str, column: &str) -> Vec<&'t str> {
    let width = table.columns.len();
    let row = table.rows.iter().position(|label| label == row).unwrap();
    let column = table.columns.iter().position(|label| label == column).unwrap();
    ids(&table.cells[row * width + column].names)
}

fn ids(names: &[String]) -> Vec<&str> {
    names.iter().map(|name| name.trim_start_matches("networks/")).collect()
}

/// Who is in a list takes a filter on sources as who is in a table does.
async fn listed(filter: &str) -> Vec<String> {
    let request = pb::ListNetworksRequest {
        filter: filter.to_owned(),
        page_size: 1000,
        ..Default::default()
    };
    let listed = real::data().await.clients().registry().list_networks(request).await.unwrap();
    listed.into_inner().networks.into_iter().map(|network| network.name).collect()
}

/// Table 1 counts the 12 global networks in every region: 64 networks, and 124 when totals are summed.
#[tokio::test(flavor = "multi_thread")]
async fn table_1_region_and_scale() {
    let _held = real::data().await;
    // All twelve global networks are examples of Table 2: his figure, in every region.
    let examples = table(Statistic::RegionByScale, TABLE_2).await;
    for region in CONTINENTS {
        assert_eq!(figure(&examples, region, "global"), 12, "{region}");
    }
    assert_eq!(examples.column_totals, [12, 12, 12]);
    assert_eq!((examples.unique_total, examples.summed_total), (36, 101));
    assert_eq!(ids(&examples.left_out_names), ["arlem", "host-municipalities", "recosol"]);

    let classified = table(Statistic::RegionByScale, CLASSIFIED).await;
    #[rustfmt::skip]
    let expected: [Printed; 6] = [
        ("Europe", vec![13, 12, 6]),        // printed: 12, 15, 12
        ("South America", vec![13, 4, 0]),  // printed: 12, 4, 1
        ("North America", vec![13, 4, 6]),  // printed: 12, –, 9
        ("Oceania", vec![13, 1, 2]),        // printed: 12, –, 2
        ("Africa", vec![13, 3, 3]),         // printed: 12, 5, 2
        ("Asia", vec![13, 3, 1]),           // printed: 12, 1, 1
    ];
    check(&classified, &expected);
    assert_eq!(classified.row_totals, [31, 17, 23, 16, 19, 17]);
    // Each once beside the doubly counted: 5 more for each global one, 8 for those of several continents.
    assert_eq!((classified.unique_total, classified.summed_total), (50, 50 + 5 * 13 + 8));
    let left_out = ["arlem", "host-municipalities", "iccar-middle-east", "recosol"];
    assert_eq!(ids(&classified.left_out_names), left_out);

    // What differs, by name. The thirteenth global one:
    let global: Vec<&str> = within(&classified, "Asia", "global");
    let more = global.iter().filter(|id| !within(&examples, "Asia", "global").contains(id));
    assert_eq!(more.collect::<Vec<_>>(), [&"observatory-inclusive-cities"]);
    // In North America with their Latin America, which he counts as South America:
    let of_the_south = ["ciudad-solidaria", "flacma", "iccar-latin-america", "mercociudades"];
    assert_eq!(within(&classified, "North America", "regional"), of_the_south);
    assert_eq!(within(&classified, "South America", "regional"), of_the_south);
    // A project, where he says that the only national organisation is South African:
    assert_eq!(within(&classified, "Africa", "national"), ["erhd-uganda", "salga", "ulga"]);
    assert_eq!(within(&classified, "Oceania", "national"), ["welcoming-australia", "welcoming-nz"]);
    assert_eq!(within(&classified, "Asia", "national"), ["japan-committee"]);
    let asia = ["clip", "iccar-asia-pacific", "mc2cm"];
    assert_eq!(within(&classified, "Asia", "regional"), asia);
    assert_eq!(within(&classified, "Oceania", "regional"), ["iccar-asia-pacific"]);
    let africa = ["iccar-sub-saharan-africa", "mc2cm", "uclg-africa"];
    assert_eq!(within(&classified, "Africa", "regional"), africa);
}

/// Table 2 names 38 examples in six cells.
#[tokio::test(flavor = "multi_thread")]
async fn table_2_origin_scope_and_scale() {
    let table = table(Statistic::OriginScopeByScale, TABLE_2).await;
    assert_eq!(table.columns, ["global", "regional", "national"]);
    let transnational = |row: &str| figure(&table, row, "global") + figure(&table, row, "regional");
    assert_eq!(transnational("grassroots, generalist"), 3);
    assert_eq!(transnational("grassroots, specialised"), 5);
    assert_eq!(transnational("co-opted, generalist"), 9);
    assert_eq!(transnational("co-opted, specialised"), 8);
    let national = |origin: &str| {
        let of = |scope: &str| figure(&table, &format!("{origin}, {scope}"), "national");
        of("generalist") + of("specialised")
    };
    // With RECOSOL, of which the scope is not known, 7 of grassroots origin.
    assert_eq!((national("grassroots"), national("co-opted")), (6, 6));
    assert_eq!(ids(&table.left_out_names), ["host-municipalities", "recosol"]);
    assert_eq!((table.unique_total, table.summed_total, table.left_out), (37, 37, 2));
    // Nothing in the steps between: he has two ends.
    for row in table.rows.iter().filter(|row| row.starts_with("m")) {
        assert!(figures(&table, row).iter().all(|count| *count == 0), "{row}");
    }
}

/// Graph 1 has no figures but those of the text: knowledge 68 % of grassroots and half of co-opted
/// networks, lobbying 45 % and 22 %, campaigns 18 % and 9 %, funding 18 % of grassroots.
#[tokio::test(flavor = "multi_thread")]
async fn graph_1_activities_by_origin() {
    let table = table(Statistic::ActivityByOrigin, CLASSIFIED).await;
    let share = |activity: &str, origin: &str| {
        let column = table.columns.iter().position(|label| label == origin).unwrap();
        let count = figure(&table, activity, origin);
        let of = table.column_totals[column];
        let row = table.rows.iter().position(|label| label == activity).unwrap();
        let share = table.cells[row * table.columns.len() + column].share;
        assert!((share - count as f64 / of as f64).abs() < 1e-9, "{activity}, {origin}");
        (count, of)
    };
    assert_eq!(share("knowledge and best practices", "grassroots"), (8, 14));
    assert_eq!(share("knowledge and best practices", "co-opted"), (6, 15));
    assert_eq!(share("lobbying", "grassroots"), (7, 14));
    assert_eq!(share("lobbying", "co-opted"), (4, 15));
    assert_eq!(share("awareness campaigns", "grassroots"), (0, 14));
    assert_eq!(share("awareness campaigns", "co-opted"), (1, 15));
    assert_eq!(share("guidance to local policies", "grassroots"), (3, 14));
    assert_eq!(share("charters and labels", "grassroots"), (5, 14));
    assert_eq!(share("funding", "grassroots"), (0, 14));
    assert_eq!(share("guidance to local policies", "co-opted"), (3, 15));
    assert_eq!(share("charters and labels", "co-opted"), (2, 15));
    assert_eq!(share("funding", "co-opted"), (1, 15));
    assert_eq!((table.unique_total, table.summed_total, table.left_out), (29, 43, 25));
}

/// Graph 2, in his words: a handful before the eighties, the start in the eighties, few in the nineties,
/// sizeable from the 2000s, driven by co-opted ones, grassroots in the 2010s.
#[tokio::test(flavor = "multi_thread")]
async fn graph_2_creations_by_origin() {
    let table = table(Statistic::PeriodByOrigin, CLASSIFIED).await;
    let both =
        |period: &str| (figure(&table, period, "grassroots"), figure(&table, period, "co-opted"));
    assert_eq!(both("1910–1919"), (0, 1));
    for empty in ["1920–1929", "1930–1939", "1940–1949", "1950–1959", "1960–1969", "1970–1979"]
    {
        assert_eq!(both(empty), (0, 0), "{empty}");
    }
    assert_eq!(both("1980–1989"), (2, 1));
    assert_eq!(both("1990–1999"), (1, 2));
    assert_eq!(both("2000–2009"), (2, 5));
    assert_eq!(both("2010–2019"), (8, 6));
    assert_eq!((table.unique_total, table.summed_total, table.left_out), (28, 28, 26));
    // Every date that his text gives and that no other source makes more precise is in its period.
    for (id, period, origin) in [
        ("vng", "1910–1919", "co-opted"),
        ("eurocities", "1980–1989", "grassroots"),
        ("sanctuary-cities", "1980–1989", "grassroots"),
        ("icorn", "1990–1999", "grassroots"),
        ("erhd-uganda", "1990–1999", "co-opted"),
        ("uclg", "2000–2009", "co-opted"),
        ("iccar", "2000–2009", "co-opted"),
        ("welcoming-america", "2000–2009", "grassroots"),
        ("observatory-inclusive-cities", "2010–2019", "co-opted"),
        ("intercultural-cities", "2010–2019", "co-opted"),
        ("mayoral-forum", "2010–2019", "co-opted"),
        ("ciudad-solidaria", "2010–2019", "co-opted"),
        ("welcoming-australia", "2010–2019", "grassroots"),
        ("anvita", "2010–2019", "grassroots"),
    ] {
        assert!(within(&table, period, origin).contains(&id), "{id} in {period}");
    }
}

/// The selection is what the files say, and the same in lists, in tables and under NOT.
#[tokio::test(flavor = "multi_thread")]
async fn sources_select_the_same_everywhere() {
    let held = real::data().await;
    let files = rows("networks.csv");
    let names = |key: &str| -> Vec<String> {
        let of = files.iter().filter(|row| row["literature"].split(';').any(|it| it == key));
        let mut names: Vec<String> =
            of.map(|row| format!("networks/{}", row["network_id"])).collect();
        names.sort();
        names
    };
    let lacroix = listed("source : \"Thomas Lacroix, Migration-related city networks\"").await;
    assert_eq!((lacroix.len(), &lacroix), (65, &names("L")));
    assert_eq!(listed("source : \"https://doi.org/10.1080/03003930.2021.1938553\"").await, lacroix);
    assert_eq!(listed("source : \"LACROIX migration-related\"").await, lacroix);
    assert_eq!(listed(TABLE_2).await, names("L2"));
    assert_eq!(listed(TABLE_2).await.len(), 39);
    // A seminar stands in the file of cooperations.
    let mut male = names("M");
    male.push("networks/cidob-seminar-2018".to_owned());
    male.sort();
    assert_eq!(listed("source : \"Jean-Pierre Malé\"").await, male);
    let both = listed("source : \"Jean-Pierre Male\" source : \"Thomas Lacroix\"").await;
    assert_eq!(both, ["networks/sanctuary-cities", "networks/uclg"]);
    let whole =
        "source = \"Lorenzo Kihlgren Grandi, Decentralized Cooperation, in: City Diplomacy, 2020\"";
    assert!(listed(whole).await.len() > 20);
    assert_eq!(listed("source = Kihlgren").await, Vec::<String>::new());
    let all = listed("").await.len();
    let without = listed("NOT source : \"Thomas Lacroix\"").await.len();
    assert_eq!(without + lacroix.len(), all);

    let registry = held.clients().registry();
    let request = pb::ListMembershipsRequest {
        network: "networks/c40".to_owned(),
        filter: "source : \"c40.org\"".to_owned(),
        page_size: 1000,
        ..Default::default()
    };
    let of_c40 = registry.clone().list_memberships(request).await.unwrap().into_inner();
    let in_file = |row: &&std::collections::BTreeMap<String, String>| {
        row["network_id"] == "c40"
            && (row["source_url"].contains("c40.org") || row["other_sources"].contains("c40.org"))
    };
    let expected = rows("memberships.csv").iter().filter(in_file).count();
    assert!(expected > 50);
    assert_eq!(of_c40.memberships.len(), expected);
    let request = pb::ListMembersRequest {
        filter: "source : geonames source : \"Lorenzo Kihlgren\"".to_owned(),
        ..Default::default()
    };
    let members = registry.clone().list_members(request).await.unwrap().into_inner().members;
    assert!(members.iter().any(|member| member.name == "members/mz-quelimane"));
}
