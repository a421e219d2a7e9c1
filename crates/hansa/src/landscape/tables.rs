//! What tables of the landscape look like: figures in a table, shares and developments as bars, and the
//! unique total beside the summed one.

use hansa_proto::pb::registry::v1 as pb;
use pb::Statistic;
use serde_json::{Value, json};

use crate::table;
use crate::values::bare;

/// Characters of the longest bar.
const BAR: usize = 40;

/// What a table is called.
const fn title(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::RegionByScale => "Networks by region and scale",
        Statistic::OriginScopeByScale => "Networks by origin and scope, and scale",
        Statistic::ActivityByOrigin => "Share of the networks of an origin that have an activity",
        Statistic::PeriodByOrigin => "Networks created, by period and origin",
        Statistic::KindByState => "Networks by kind and state",
        Statistic::ReachByRegion => "Members by how many networks they belong to, and region",
        Statistic::Unspecified => "",
    }
}

/// A share in words: `67 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The table for people.
pub(super) fn text(statistic: Statistic, answer: &pb::GetTableResponse) -> String {
    let mut parts = vec![title(statistic).to_owned(), figures(statistic, answer)];
    if matches!(statistic, Statistic::ActivityByOrigin | Statistic::PeriodByOrigin) {
        parts.push(bars(statistic, answer));
    }
    parts.push(totals(statistic, answer));
    parts.extend(names(answer));
    parts.join("\n") + "\n"
}

fn cells(answer: &pb::GetTableResponse) -> impl Iterator<Item = (&str, i64, &[pb::TableCell])> {
    let width = answer.columns.len().max(1);
    let rows = answer.rows.iter().zip(&answer.row_totals).zip(answer.cells.chunks(width));
    rows.map(|((row, total), cells)| (row.as_str(), *total, cells))
}

fn figures(statistic: Statistic, answer: &pb::GetTableResponse) -> String {
    let mut headings = vec![answer.row_axis.as_str()];
    headings.extend(answer.columns.iter().map(String::as_str));
    headings.push("total");
    let mut figures = table::new(&headings);
    // Kinds without a network say nothing; empty regions and periods do.
    let empty_rows = statistic != Statistic::KindByState;
    for (row, total, cells) in cells(answer).filter(|(_, total, _)| empty_rows || *total > 0) {
        let count = |cell: &pb::TableCell| match statistic {
            Statistic::ActivityByOrigin if cell.count > 0 => {
                format!("{} ({})", cell.count, percent(cell.share))
            }
            _ => cell.count.to_string(),
        };
        let mut line = vec![row.to_owned()];
        line.extend(cells.iter().map(count));
        line.push(total.to_string());
        figures.add_row(line);
    }
    let mut line = vec!["total, each once".to_owned()];
    line.extend(answer.column_totals.iter().map(ToString::to_string));
    line.push(answer.unique_total.to_string());
    figures.add_row(line);
    table::text(&figures)
}

/// A bar for each row of each column that has anything.
fn bars(statistic: Statistic, answer: &pb::GetTableResponse) -> String {
    let value = |cell: &pb::TableCell| match statistic {
        Statistic::ActivityByOrigin => cell.share,
        _ => cell.count as f64,
    };
    let most = answer.cells.iter().map(value).fold(0.0, f64::max);
    let width = answer.rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (index, column) in answer.columns.iter().enumerate() {
        if answer.column_totals.get(index).is_none_or(|total| *total == 0) {
            continue;
        }
        lines.push(format!("\n{column}"));
        for (row, _, cells) in cells(answer) {
            let value = cells.get(index).map_or(0.0, value);
            let said = match statistic {
                Statistic::ActivityByOrigin => percent(value),
                _ => format!("{value}"),
            };
            lines.push(format!("  {row:width$} {} {said}", bar(value, most)));
        }
    }
    lines.join("\n") + "\n"
}

fn bar(value: f64, most: f64) -> String {
    let length = if most > 0.0 { (value / most * BAR as f64).round() as usize } else { 0 };
    "█".repeat(length)
}

fn totals(statistic: Statistic, answer: &pb::GetTableResponse) -> String {
    let what = match statistic {
        Statistic::ReachByRegion => "members",
        _ => "networks",
    };
    let pb::GetTableResponse { unique_total, summed_total, left_out, .. } = answer;
    format!(
        "{unique_total} {what}, each once; {summed_total} when the row totals are summed; \
         {left_out} left out, of which too little is known"
    )
}

/// The names behind the figures, a line each, when they were asked for.
fn names(answer: &pb::GetTableResponse) -> Vec<String> {
    let bare =
        |names: &[String]| names.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    for (row, _, cells) in cells(answer) {
        for (column, cell) in answer.columns.iter().zip(cells) {
            if !cell.names.is_empty() {
                lines.push(format!("{row}, {column}: {}", bare(&cell.names)));
            }
        }
    }
    if !answer.left_out_names.is_empty() {
        lines.push(format!("left out: {}", bare(&answer.left_out_names)));
    }
    lines
}

/// The table as JSON: a row an object, a column a field.
pub(super) fn json(statistic: Statistic, answer: &pb::GetTableResponse) -> Value {
    let cell = |cell: &pb::TableCell| {
        let mut value = json!({ "count": cell.count });
        if statistic == Statistic::ActivityByOrigin {
            value["share"] = json!(cell.share);
        }
        if !cell.names.is_empty() {
            value["names"] = json!(cell.names);
        }
        value
    };
    let row = |(row, total, cells): (&str, i64, &[pb::TableCell])| {
        let columns = answer.columns.iter().zip(cells);
        let cells: serde_json::Map<_, _> =
            columns.map(|(column, it)| (column.clone(), cell(it))).collect();
        json!({ "row": row, "cells": cells, "total": total })
    };
    json!({
        "table": title(statistic),
        "row_axis": answer.row_axis,
        "column_axis": answer.column_axis,
        "rows": cells(answer).map(row).collect::<Vec<_>>(),
        "columns": answer.columns,
        "column_totals": answer.column_totals,
        "unique_total": answer.unique_total,
        "summed_total": answer.summed_total,
        "left_out": answer.left_out,
        "left_out_names": answer.left_out_names,
        "position": answer.position,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> pb::GetTableResponse {
        let cell = |count, share, name: &str| pb::TableCell {
            count,
            share,
            names: vec![format!("networks/{name}")],
        };
        pb::GetTableResponse {
            row_axis: "activity".to_owned(),
            column_axis: "origin".to_owned(),
            rows: vec!["lobbying".to_owned(), "funding".to_owned()],
            columns: vec!["grassroots".to_owned(), "mixed".to_owned()],
            cells: vec![cell(2, 1.0, "a"), cell(0, 0.0, "b"), cell(1, 0.5, "c"), cell(0, 0.0, "d")],
            row_totals: vec![2, 1],
            column_totals: vec![2, 0],
            unique_total: 2,
            summed_total: 3,
            left_out: 4,
            ..Default::default()
        }
    }

    #[test]
    fn shares_are_bars_and_totals_stand_beside_sums() {
        let text = text(Statistic::ActivityByOrigin, &answer());
        assert!(text.contains(&format!("{} 100 %", "█".repeat(BAR))), "{text}");
        assert!(text.contains(&format!("{} 50 %", "█".repeat(BAR / 2))), "{text}");
        assert!(text.contains("2 networks, each once; 3 when the row totals are summed; 4 left"));
        assert!(text.contains("lobbying, grassroots: a\n"), "{text}");
        assert!(!text.contains("\nmixed\n"), "a column without networks has no bars: {text}");
    }

    #[test]
    fn json_has_a_field_a_column() {
        let value = json(Statistic::ActivityByOrigin, &answer());
        assert_eq!(value["rows"][1]["cells"]["grassroots"]["share"], 0.5);
        assert_eq!(value["rows"][0]["total"], 2);
        assert_eq!(value["summed_total"], 3);
    }
}
