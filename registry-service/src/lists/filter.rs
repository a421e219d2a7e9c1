//! What a filter is, and whether a resource matches it.

use hansa_proto::date::PartialDate;

use super::facts::{Fact, Field, Row};
use crate::fold_text;

/// Which resources are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// All of these; with none, every resource.
    And(Vec<Filter>),
    /// At least one of these.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A comparison of a field.
    Compare {
        /// The field.
        field: Field,
        /// How.
        comparison: Comparison,
        /// With what.
        value: Value,
    },
    /// The field holds anything at all.
    Present(Field),
    /// A field of text holds these words next to each other, the last perhaps only begun.
    Has(Field, Phrase),
    /// A name holds these words next to each other, the last perhaps only begun.
    Named(Phrase),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Any of these words or codes.
    AnyOf(Vec<String>),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A date.
    Date(PartialDate),
}

/// Words next to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// Folded; at least one.
    pub(crate) words: Vec<String>,
    /// Whether the last word is whole, or only the beginning of one.
    pub(crate) whole: bool,
}

impl Filter {
    /// The filter that everything matches.
    pub(crate) const fn all() -> Filter {
        Filter::And(Vec::new())
    }

    /// Whether everything matches.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Filter::And(parts) if parts.is_empty())
    }

    /// Whether a resource matches.
    pub(crate) fn matches(&self, row: Row<'_>) -> bool {
        match self {
            Filter::And(parts) => parts.iter().all(|part| part.matches(row)),
            Filter::Or(parts) => parts.iter().any(|part| part.matches(row)),
            Filter::Not(part) => !part.matches(row),
            Filter::Compare { field, comparison, value } => {
                row.facts(*field).iter().any(|fact| compares(fact, *comparison, value))
            }
            Filter::Present(field) => !row.facts(*field).is_empty(),
            Filter::Has(field, phrase) => row.facts(*field).iter().any(|fact| match fact {
                Fact::Text(text) => {
                    phrase.is_in(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
                }
                Fact::Flag(_) | Fact::Number(_) | Fact::Date(_) => false,
            }),
            Filter::Named(phrase) => {
                row.names().iter().any(|name| phrase.is_in(&fold_text::words(&name.text)))
            }
        }
    }
}

impl Phrase {
    fn is_in(&self, words: &[String]) -> bool {
        let Some((last, before)) = self.words.split_last() else { return true };
        words.windows(self.words.len()).any(|window| {
            let (found, begun) = (&window[before.len()], &window[..before.len()]);
            begun == before
                && if self.whole { found == last } else { found.starts_with(last.as_str()) }
        })
    }
}

fn compares(fact: &Fact, comparison: Comparison, value: &Value) -> bool {
    match (fact, value) {
        (Fact::Text(text), Value::AnyOf(wanted)) => wanted.contains(text),
        (Fact::Flag(flag), Value::Flag(wanted)) => flag == wanted,
        (Fact::Number(number), Value::Number(wanted)) => match comparison {
            Comparison::Equal => number == wanted,
            Comparison::Less => number < wanted,
            Comparison::AtMost => number <= wanted,
            Comparison::Greater => number > wanted,
            Comparison::AtLeast => number >= wanted,
        },
        (Fact::Date(date), Value::Date(wanted)) => dates_compare(*date, comparison, *wanted),
        _ => false,
    }
}

/// Of dates that are known in part, what must be so whichever days they are.
fn dates_compare(date: PartialDate, comparison: Comparison, wanted: PartialDate) -> bool {
    match comparison {
        Comparison::Equal => {
            wanted.earliest() <= date.earliest() && date.latest() <= wanted.latest()
        }
        Comparison::Less => date.latest() < wanted.earliest(),
        Comparison::AtMost => date.latest() <= wanted.latest(),
        Comparison::Greater => date.earliest() > wanted.latest(),
        Comparison::AtLeast => date.earliest() >= wanted.earliest(),
    }
}
