//! What a file looks like, line by line: CSV with a header, or JSON Lines whose keys are the columns.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::TableError;

/// Rows under columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Name of the file.
    pub file: String,
    /// Headers, in order.
    pub columns: Vec<String>,
    /// Rows, in order.
    pub rows: Vec<SheetRow>,
}

/// A row: a cell for every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetRow {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Cells, in the order of the columns, without blanks around them.
    pub cells: Vec<String>,
}

impl Sheet {
    /// Reads a file: JSON Lines when its name ends in `.jsonl` or `.ndjson`, CSV otherwise.
    pub fn read(path: &Path) -> Result<Sheet, TableError> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|source| TableError::File { file: file.clone(), source })?;
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending {
            "jsonl" | "ndjson" => Sheet::of_json_lines(&file, &text),
            _ => Sheet::of_csv(&file, &text),
        }
    }

    /// Reads CSV.
    pub fn of_csv(file: &str, text: &str) -> Result<Sheet, TableError> {
        let malformed = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            TableError::Malformed { at: format!("{file}:{line}"), problem: error.to_string() }
        };
        // Spreadsheets put a byte order mark before the first header.
        let text = text.trim_start_matches('\u{feff}');
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let columns = reader.headers().map_err(malformed)?.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(malformed)?;
            let line = record.position().map_or(0, csv::Position::line);
            rows.push(SheetRow { line, cells: record.iter().map(str::to_owned).collect() });
        }
        Ok(Sheet { file: file.to_owned(), columns, rows })
    }

    /// Reads JSON Lines: an object a line. A key that comes later is one more column.
    pub fn of_json_lines(file: &str, text: &str) -> Result<Sheet, TableError> {
        let mut sheet = Sheet { file: file.to_owned(), ..Sheet::default() };
        for (line, content) in (1..).zip(text.lines()) {
            if content.trim().is_empty() {
                continue;
            }
            let malformed =
                |problem: String| TableError::Malformed { at: format!("{file}:{line}"), problem };
            let object: serde_json::Map<String, Value> =
                serde_json::from_str(content).map_err(|error| malformed(error.to_string()))?;
            let mut cells = vec![String::new(); sheet.columns.len()];
            for (key, value) in object {
                let cell = cell(&value)
                    .ok_or_else(|| malformed(format!("`{key}` is neither a text nor a number")))?;
                match sheet.columns.iter().position(|column| *column == key) {
                    Some(index) => cells[index] = cell,
                    None => {
                        sheet.columns.push(key);
                        cells.push(cell);
                    }
                }
            }
            sheet.rows.push(SheetRow { line, cells });
        }
        let width = sheet.columns.len();
        for row in &mut sheet.rows {
            row.cells.resize(width, String::new());
        }
        Ok(sheet)
    }

    /// Where a row stands, for people.
    pub fn at(&self, row: &SheetRow) -> String {
        format!("{}:{}", self.file, row.line)
    }
}

fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(truth) => Some(if *truth { "1" } else { "0" }.to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
