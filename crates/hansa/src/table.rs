//! What resources look like as tables, fitted to the terminal.

use std::io::IsTerminal;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// An empty table with these headings.
pub(crate) fn new(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_content_arrangement(match std::io::stdout().is_terminal() {
        true => ContentArrangement::Dynamic,
        // Behind a pipe a row is a line, however long.
        false => ContentArrangement::Disabled,
    });
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    table
}

/// As text, without blanks at the ends of lines.
pub(crate) fn text(table: &Table) -> String {
    table.trim_fmt()
}

/// A resource, a field a row.
pub(crate) fn of_one(value: &Value) -> String {
    let mut table = new(&["field", "value"]);
    for (field, value) in value.as_object().into_iter().flatten() {
        table.add_row([field.clone(), said(value, "\n")]);
    }
    text(&table)
}

/// A value in words: parts of a list a line each, parts of an object behind each other.
fn said(value: &Value, separator: &str) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(parts) => {
            parts.iter().map(|part| said(part, ", ")).collect::<Vec<_>>().join(separator)
        }
        Value::Object(parts) => {
            let part =
                |(field, value): (&String, &Value)| format!("{field}: {}", said(value, ", "));
            parts.iter().map(part).collect::<Vec<_>>().join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_take_a_line_each_and_objects_one() {
        let names = json!([{"text": "A", "kind": "official"}, {"text": "B"}]);
        assert_eq!(said(&names, "\n"), "text: A; kind: official\ntext: B");
    }
}
