//! What a file looks like, line by line: CSV with a header, or JSON Lines whose keys are the columns.
//!
//! A line that is not what its format asks for is told and left out, and keeps no other from being read.
//! A file that is not UTF-8, or whose header leaves open which column is meant, is refused as a whole.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{TableError, Trouble};

/// Rows under columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Name of the file.
    pub file: String,
    /// Headers, in order.
    pub columns: Vec<String>,
    /// Rows, in order.
    pub rows: Vec<SheetRow>,
    /// Lines that are no rows.
    pub troubles: Vec<Trouble>,
}

/// A row: a cell for every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetRow {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Cells as they stand, in the order of the columns.
    pub cells: Vec<String>,
}

impl SheetRow {
    /// A cell without blanks around it; empty where there is none.
    pub fn cell(&self, index: usize) -> &str {
        self.text(index).trim()
    }

    /// A cell as it stands; empty where there is none.
    pub fn text(&self, index: usize) -> &str {
        self.cells.get(index).map(String::as_str).unwrap_or_default()
    }
}

impl Sheet {
    /// Reads a file: JSON Lines when its name ends in `.jsonl` or `.ndjson`, CSV otherwise.
    pub fn read(path: &Path) -> Result<Sheet, TableError> {
        let file = path.display().to_string();
        let bytes =
            fs::read(path).map_err(|source| TableError::File { file: file.clone(), source })?;
        let text = utf8(&file, bytes)?;
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
        let delimiter = delimiter(text);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .trim(csv::Trim::Headers)
            .from_reader(text.as_bytes());
        let columns: Vec<String> =
            reader.headers().map_err(malformed)?.iter().map(str::to_owned).collect();
        let mut sheet = Sheet { file: file.to_owned(), columns, ..Sheet::default() };
        sheet.check_columns()?;
        let open = open_quote(text, delimiter);
        let mut lines = Lines { text, byte: 0, line: 1 };
        for record in reader.records() {
            let record = record.map_err(malformed)?;
            let line = lines.of(record.position().map_or(0, csv::Position::byte));
            sheet.take(line, &record, open);
        }
        Ok(sheet)
    }

    /// A line of CSV becomes a row, or a trouble. All after a quote that is never closed is in one line.
    fn take(&mut self, line: u64, record: &csv::StringRecord, open_quote: Option<u64>) {
        let width = self.columns.len();
        let last_line = line + record.iter().map(|it| it.matches('\n').count() as u64).sum::<u64>();
        if let Some(open) = open_quote.filter(|open| (line..=last_line).contains(open)) {
            let problem = "a quote that begins here is never closed: is the file cut off?";
            self.trouble(open, format!("{problem} Nothing after it was read"));
        } else if record.len() != width {
            let count = record.len();
            let problem = format!("has {count} cells where the header has {width}");
            self.trouble(line, format!("{problem}: is the line cut off, or a quote missing?"));
        } else {
            let cells = record.iter().map(str::to_owned).collect();
            self.rows.push(SheetRow { line, cells });
        }
    }

    fn trouble(&mut self, line: u64, problem: String) {
        self.troubles.push(Trouble { at: format!("{}:{line}", self.file), problem });
    }

    /// No two columns have the same header.
    fn check_columns(&self) -> Result<(), TableError> {
        let named = self.columns.iter().enumerate().filter(|(_, header)| !header.is_empty());
        for (index, header) in named {
            if self.columns[..index].iter().any(|it| it.eq_ignore_ascii_case(header)) {
                let problem = format!("two columns are called `{header}`");
                return Err(TableError::Malformed { at: format!("{}:1", self.file), problem });
            }
        }
        Ok(())
    }

    /// The sheet when every line of it is a row.
    pub(super) fn whole(&self) -> Result<&Sheet, TableError> {
        match self.troubles.first().cloned() {
            None => Ok(self),
            Some(Trouble { at, problem }) => Err(TableError::Malformed { at, problem }),
        }
    }

    /// Reads JSON Lines: an object a line. A key that comes later is one more column.
    pub fn of_json_lines(file: &str, text: &str) -> Result<Sheet, TableError> {
        let mut sheet = Sheet { file: file.to_owned(), ..Sheet::default() };
        for (line, content) in (1..).zip(text.lines()) {
            if content.trim().is_empty() {
                continue;
            }
            match object(content) {
                Ok(object) => sheet.take_object(line, object),
                Err(problem) => sheet.trouble(line, problem),
            }
        }
        let width = sheet.columns.len();
        for row in &mut sheet.rows {
            row.cells.resize(width, String::new());
        }
        Ok(sheet)
    }

    /// An object becomes a row, its keys columns where they are new.
    fn take_object(&mut self, line: u64, object: Vec<(String, String)>) {
        let mut cells = vec![String::new(); self.columns.len()];
        for (key, cell) in object {
            match self.columns.iter().position(|column| *column == key) {
                Some(index) => cells[index] = cell,
                None => {
                    self.columns.push(key);
                    cells.push(cell);
                }
            }
        }
        self.rows.push(SheetRow { line, cells });
    }

    /// Where a row stands, for people.
    pub fn at(&self, row: &SheetRow) -> String {
        format!("{}:{}", self.file, row.line)
    }
}

/// The text of a file, or the first line that is none.
fn utf8(file: &str, bytes: Vec<u8>) -> Result<String, TableError> {
    let malformed = |at: String, problem: String| TableError::Malformed { at, problem };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(malformed(file.to_owned(), "is UTF-16: save the table as UTF-8".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
        let byte = error.as_bytes()[valid];
        let problem = format!("is not UTF-8 (byte {byte:#04x}): save the table as UTF-8");
        malformed(format!("{file}:{line}"), problem)
    })
}

/// Counts lines up to where records begin; the reader's own count is one behind after `\r\n`.
struct Lines<'t> {
    text: &'t str,
    byte: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the first cell at or after a byte; each byte asked for is after the one before.
    fn of(&mut self, byte: u64) -> u64 {
        let from = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len());
        let bytes = self.text.as_bytes();
        let ends = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let start = from + bytes[from..].iter().take_while(ends).count();
        let passed = bytes[self.byte..start].iter().filter(|byte| **byte == b'\n').count();
        self.byte = start;
        self.line += u64::try_from(passed).unwrap_or_default();
        self.line
    }
}

/// What stands between the headers most often, outside of quotes: a comma, a semicolon or a tab.
fn delimiter(text: &str) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in text.lines().next().unwrap_or_default().bytes() {
        quoted ^= byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!quoted && byte == *delimiter);
        }
    }
    let [(first, mut most), rest @ ..] = counts;
    let mut chosen = first;
    for (delimiter, count) in rest {
        if count > most {
            (chosen, most) = (delimiter, count);
        }
    }
    chosen
}

/// The line of a quote that is never closed.
fn open_quote(text: &str, delimiter: u8) -> Option<u64> {
    let (mut line, mut opened, mut at_start) = (1, None, true);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, opened) {
            (b'"', Some(_)) if bytes.peek() == Some(&b'"') => drop(bytes.next()),
            (b'"', Some(_)) => opened = None,
            (b'"', None) if at_start => opened = Some(line),
            _ => {}
        }
        line += u64::from(byte == b'\n');
        let blank = matches!(byte, b' ' | b'\t') && at_start;
        at_start = opened.is_none() && (byte == delimiter || byte == b'\n' || blank);
    }
    opened
}

/// Keys and cells of a line of JSON.
fn object(line: &str) -> Result<Vec<(String, String)>, String> {
    let object: serde_json::Map<String, Value> =
        serde_json::from_str(line).map_err(|error| error.to_string())?;
    let cells = object.into_iter().map(|(key, value)| match cell(&value) {
        Some(cell) => Ok((key, cell)),
        None => Err(format!("`{key}` is neither a text nor a number")),
    });
    cells.collect()
}

fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(truth) => Some(if *truth { "1" } else { "0" }.to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
