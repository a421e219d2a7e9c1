//! Tables of networks: each network stands once in a row and once in a column however many of their cells
//! it is in, so that totals beside sums show what is counted twice.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::date::PartialDate;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{Network, NetworkKind, NetworkState, Origin, Scale, Scope};

use super::activities::Activity;
use crate::continent::Continent;

/// Names sent of one cell; its count tells how many there are.
pub(super) const NAMES: usize = hansa_proto::limits::NAMES_OF_FIGURE;

/// Columns, and the years of a row of the table of periods.
const SCALES: [Scale; 3] = [Scale::Global, Scale::Regional, Scale::National];
const ORIGINS: [Origin; 5] = [
    Origin::Grassroots,
    Origin::MostlyGrassroots,
    Origin::Mixed,
    Origin::MostlyCoOpted,
    Origin::CoOpted,
];
const SCOPES: [Scope; 2] = [Scope::Generalist, Scope::Specialised];
const PERIOD_YEARS: i32 = 10;

/// A network and where it is.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) network: Network,
    /// Where it says it works, or else where its members are or were.
    pub(super) continents: BTreeSet<Continent>,
}

/// A table that is being filled.
pub(super) struct Table {
    axes: (&'static str, &'static str),
    rows: Vec<String>,
    columns: Vec<String>,
    cells: Vec<Cell>,
    row_totals: Vec<u64>,
    column_totals: Vec<u64>,
    unique_total: u64,
    left_out: u64,
    left_out_names: Vec<String>,
    shares: bool,
}

#[derive(Clone, Default)]
struct Cell {
    count: u64,
    names: Vec<String>,
}

impl Table {
    pub(super) fn new(
        axes: (&'static str, &'static str),
        rows: Vec<String>,
        columns: Vec<String>,
    ) -> Table {
        let (height, width) = (rows.len(), columns.len());
        Table {
            axes,
            rows,
            columns,
            cells: vec![Cell::default(); height * width],
            row_totals: vec![0; height],
            column_totals: vec![0; width],
            unique_total: 0,
            left_out: 0,
            left_out_names: Vec::new(),
            shares: false,
        }
    }

    /// Puts a resource in every place where one of its rows meets one of its columns.
    fn add(&mut self, name: &str, rows: &BTreeSet<usize>, columns: &BTreeSet<usize>) {
        if rows.is_empty() || columns.is_empty() {
            self.leave_out(1, [name.to_owned()]);
            return;
        }
        for row in rows {
            for column in columns {
                self.add_many(*row, *column, 1, [name.to_owned()]);
            }
        }
        self.unique_total += 1;
        rows.iter().for_each(|row| self.row_totals[*row] += 1);
        columns.iter().for_each(|column| self.column_totals[*column] += 1);
    }

    /// Puts so many resources, of whom some are named, in one place and no other.
    pub(super) fn add_to_one(
        &mut self,
        (row, column): (usize, usize),
        count: u64,
        names: impl IntoIterator<Item = String>,
    ) {
        self.add_many(row, column, count, names);
        self.unique_total += count;
        self.row_totals[row] += count;
        self.column_totals[column] += count;
    }

    fn add_many(
        &mut self,
        row: usize,
        column: usize,
        count: u64,
        names: impl IntoIterator<Item = String>,
    ) {
        let cell = &mut self.cells[row * self.columns.len() + column];
        cell.count += count;
        let room = NAMES - cell.names.len();
        cell.names.extend(names.into_iter().take(room));
    }

    /// Counts resources of which nothing is known.
    pub(super) fn leave_out(&mut self, count: u64, names: impl IntoIterator<Item = String>) {
        self.left_out += count;
        let room = NAMES - self.left_out_names.len();
        self.left_out_names.extend(names.into_iter().take(room));
    }

    /// How many names a place has room for.
    pub(super) fn room(&self, (row, column): (usize, usize)) -> usize {
        NAMES - self.cells[row * self.columns.len() + column].names.len()
    }

    /// How many names there is room for beside the table.
    pub(super) fn room_left_out(&self) -> usize {
        NAMES - self.left_out_names.len()
    }

    /// As callers receive it.
    pub(super) fn into_pb(self, include_rows: bool, position: u64) -> pb::GetTableResponse {
        let number = crate::view::on_the_wire;
        let shared = |index: usize, count: u64| {
            let of = self.column_totals[index % self.columns.len()];
            if self.shares && of > 0 { count as f64 / of as f64 } else { 0.0 }
        };
        let cells = self.cells.iter().enumerate().map(|(index, cell)| pb::TableCell {
            count: number(cell.count),
            share: shared(index, cell.count),
            names: if include_rows { cell.names.clone() } else { Vec::new() },
        });
        pb::GetTableResponse {
            cells: cells.collect(),
            row_axis: self.axes.0.to_owned(),
            column_axis: self.axes.1.to_owned(),
            row_totals: self.row_totals.iter().copied().map(number).collect(),
            column_totals: self.column_totals.iter().copied().map(number).collect(),
            unique_total: number(self.unique_total),
            summed_total: number(self.row_totals.iter().sum()),
            left_out: number(self.left_out),
            left_out_names: if include_rows { self.left_out_names } else { Vec::new() },
            rows: self.rows,
            columns: self.columns,
            position,
        }
    }
}

/// A value's place in a list, as the row or column it is.
fn place<T: PartialEq>(of: &[T], value: Option<T>) -> BTreeSet<usize> {
    let found = value.and_then(|value| of.iter().position(|it| *it == value));
    found.into_iter().collect()
}

fn words<T: Copy>(of: &[T], word: fn(T) -> &'static str) -> Vec<String> {
    of.iter().map(|value| label(word(*value))).collect()
}

/// A word of the contract as people write it.
fn label(word: &str) -> String {
    word.replace("co_opted", "co-opted").replace('_', " ")
}

fn name(placed: &Placed) -> String {
    placed.network.id.to_string()
}

/// Networks by continent and scale.
pub(super) fn region_by_scale(networks: &[Placed]) -> Table {
    let rows = words(&Continent::ALL, Continent::as_str);
    let columns = words(&SCALES, |scale| scale.as_str());
    let mut table = Table::new(("region", "scale"), rows, columns);
    for placed in networks {
        let everywhere = placed.network.scale == Some(Scale::Global);
        let on = |continent: &Continent| everywhere || placed.continents.contains(continent);
        let rows = (0..Continent::ALL.len()).filter(|row| on(&Continent::ALL[*row])).collect();
        table.add(&name(placed), &rows, &place(&SCALES, placed.network.scale));
    }
    table
}

/// Networks by origin and scope, and scale.
pub(super) fn origin_scope_by_scale(networks: &[Placed]) -> Table {
    let pairs: Vec<(Origin, Scope)> =
        ORIGINS.iter().flat_map(|origin| SCOPES.iter().map(|scope| (*origin, *scope))).collect();
    let rows = pairs
        .iter()
        .map(|(origin, scope)| format!("{}, {}", label(origin.as_str()), scope.as_str()))
        .collect();
    let columns = words(&SCALES, |scale| scale.as_str());
    let mut table = Table::new(("origin and scope", "scale"), rows, columns);
    for placed in networks {
        let network = &placed.network;
        let rows = place(&pairs, network.origin.zip(network.scope));
        table.add(&name(placed), &rows, &place(&SCALES, network.scale));
    }
    table
}

/// Share of the networks of an origin that have an activity.
pub(super) fn activity_by_origin(networks: &[Placed]) -> Table {
    let rows = words(&Activity::ALL, Activity::as_str);
    let columns = words(&ORIGINS, |origin| origin.as_str());
    let mut table = Table::new(("activity", "origin"), rows, columns);
    table.shares = true;
    for placed in networks {
        let stated = placed.network.activities.iter().flat_map(|stated| Activity::of(stated));
        let rows = stated.flat_map(|activity| place(&Activity::ALL, Some(activity))).collect();
        table.add(&name(placed), &rows, &place(&ORIGINS, placed.network.origin));
    }
    table
}

/// Networks created, by ten years and origin.
pub(super) fn period_by_origin(networks: &[Placed]) -> Table {
    let known: BTreeMap<usize, i32> = networks
        .iter()
        .enumerate()
        .filter_map(|(index, placed)| Some((index, period(placed.network.founded?)?)))
        .collect();
    let first = known.values().min().copied().unwrap_or(0);
    let last = known.values().max().copied().unwrap_or(first - 1);
    let label = |period: i32| {
        let year = period * PERIOD_YEARS;
        format!("{year}–{}", year + PERIOD_YEARS - 1)
    };
    let rows = (first..=last).map(label).collect();
    let columns = words(&ORIGINS, |origin| origin.as_str());
    let mut table = Table::new(("period", "origin"), rows, columns);
    for (index, placed) in networks.iter().enumerate() {
        let row = known.get(&index).and_then(|period| usize::try_from(period - first).ok());
        let rows = row.into_iter().collect();
        table.add(&name(placed), &rows, &place(&ORIGINS, placed.network.origin));
    }
    table
}

/// The ten years a date is in; an interval may be in several, and then nobody knows.
fn period(date: PartialDate) -> Option<i32> {
    let first = date.year() / PERIOD_YEARS;
    let last = i32::from(date.latest().year()) / PERIOD_YEARS;
    (first == last).then_some(first)
}

/// Networks by kind and state.
pub(super) fn kind_by_state(networks: &[Placed]) -> Table {
    let rows = words(NetworkKind::ALL, |kind| kind.as_str());
    let columns = words(NetworkState::ALL, |state| state.as_str());
    let mut table = Table::new(("kind", "state"), rows, columns);
    for placed in networks {
        let rows = place(NetworkKind::ALL, Some(placed.network.kind));
        let columns = place(NetworkState::ALL, Some(placed.network.state));
        table.add(&name(placed), &rows, &columns);
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::fixtures;

    fn placed(id: &str, change: impl FnOnce(&mut Network)) -> Placed {
        let mut network = fixtures::network(id);
        change(&mut network);
        Placed { network, continents: BTreeSet::from([Continent::Asia, Continent::Africa]) }
    }

    #[test]
    fn a_network_in_two_rows_is_one_in_the_total() {
        let networks = [
            placed("a", |network| network.scale = Some(Scale::Regional)),
            placed("b", |network| network.scale = Some(Scale::Global)),
            placed("c", |network| network.scale = None),
        ];
        let table = region_by_scale(&networks).into_pb(true, 1);
        assert_eq!(table.row_totals, [1, 1, 1, 1, 2, 2]);
        assert_eq!(table.column_totals, [1, 1, 0]);
        assert_eq!((table.unique_total, table.summed_total, table.left_out), (2, 8, 1));
        assert_eq!(table.left_out_names, ["networks/c"]);
        assert_eq!(table.cells[4 * 3].names, ["networks/b"]);
    }

    #[test]
    fn shares_are_of_the_networks_that_do_anything() {
        let doing = |activities: &[&str]| {
            let activities = activities.iter().map(|it| (*it).to_owned()).collect();
            move |network: &mut Network| {
                network.origin = Some(Origin::CoOpted);
                network.activities = activities;
            }
        };
        let networks = [
            placed("a", doing(&["training", "webinars", "charter"])),
            placed("b", doing(&["training"])),
            placed("c", doing(&[])),
        ];
        let table = activity_by_origin(&networks).into_pb(false, 1);
        let share = |activity: usize| table.cells[activity * ORIGINS.len() + 4].share;
        assert_eq!((share(0), share(4), share(5)), (1.0, 0.5, 0.0));
        assert_eq!((table.unique_total, table.left_out), (2, 1));
        assert!(table.cells.iter().all(|cell| cell.names.is_empty()));
    }

    #[test]
    fn periods_without_a_network_are_rows_too_and_an_interval_may_be_in_none() {
        let year = |year| PartialDate::new(year, None, None).unwrap();
        let founded = |date: PartialDate| {
            move |network: &mut Network| {
                network.origin = Some(Origin::Grassroots);
                network.founded = Some(date);
            }
        };
        let networks = [
            placed("a", founded(year(1979))),
            placed("b", founded(year(1990))),
            placed("c", founded(year(1989).until(year(1990)).unwrap())),
            placed("d", founded(year(1971).until(year(1979)).unwrap())),
        ];
        let table = period_by_origin(&networks).into_pb(false, 1);
        assert_eq!(table.rows, ["1970–1979", "1980–1989", "1990–1999"]);
        assert_eq!((table.row_totals, table.left_out), (vec![2, 0, 1], 1));
        assert_eq!(period_by_origin(&[]).into_pb(false, 1).rows, Vec::<String>::new());
    }
}
