//! How a cell becomes a date, a number, a source, a note: the same way in every file.

use std::str::FromStr;

use hansa_proto::date::PartialDate;
use hansa_proto::pb::common::v1 as pb;

use super::problem::{At, Problems};
use super::words::Words;

/// The cells of one row, and where its problems go.
pub(super) struct Cells<'a> {
    pub(super) at: &'a At,
    pub(super) problems: &'a mut Problems,
}

impl Cells<'_> {
    pub(super) fn problem(&mut self, column: &'static str, problem: impl Into<String>) {
        self.problems.push(self.at, column, problem);
    }

    /// A word that must be one of a table.
    pub(super) fn word<T: Copy>(
        &mut self,
        column: &'static str,
        word: &str,
        words: Words<T>,
    ) -> Option<T> {
        let found = words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
            self.problem(column, format!("unknown word `{word}`; known are {}", known.join(", ")));
        }
        found
    }

    /// A word of a table, or nothing.
    pub(super) fn word_or_none<T: Copy>(
        &mut self,
        column: &'static str,
        word: &str,
        words: Words<T>,
    ) -> Option<T> {
        match word.is_empty() {
            true => None,
            false => self.word(column, word, words),
        }
    }

    /// A date beside the precision the file states for it, which must be the one it has.
    pub(super) fn date(
        &mut self,
        column: &'static str,
        text: &str,
        precision: &str,
    ) -> Option<PartialDate> {
        let written = match text.len() {
            0 => "",
            _ if text.contains("..") => "interval",
            4 => "year",
            7 => "month",
            _ => "day",
        };
        if precision != written {
            self.problem(column, format!("`{text}` is not a date of precision `{precision}`"));
            return None;
        }
        if text.is_empty() {
            return None;
        }
        match PartialDate::from_str(text) {
            Ok(date) => Some(date),
            Err(_) => {
                self.problem(
                    column,
                    format!(
                        "`{text}` is not a date: write 2018, 2018-09, 2018-09-26 or 2018..2019-03"
                    ),
                );
                None
            }
        }
    }

    /// A number, or nothing.
    pub(super) fn number<T: FromStr>(&mut self, column: &'static str, text: &str) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        let number = text.parse().ok();
        if number.is_none() {
            self.problem(column, format!("`{text}` is not a number"));
        }
        number
    }
}

/// Parts of a cell that holds several.
pub(super) fn split(text: &str) -> Vec<String> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// A source, where the row names one.
pub(super) fn source(citation: &str, uri: &str) -> Option<pb::Source> {
    (!citation.is_empty()).then(|| pb::Source {
        citation: citation.to_owned(),
        uri: uri.to_owned(),
        note: String::new(),
    })
}

/// Sources known only by their address.
pub(super) fn sources_by_address(text: &str) -> Vec<pb::Source> {
    let addresses = text.split(" | ").map(str::trim).filter(|address| !address.is_empty());
    addresses.filter_map(|address| source(address, address)).collect()
}

/// A note: what the row notes, then what has no field of its own, a line each.
#[derive(Default)]
pub(super) struct Note(Vec<String>);

impl Note {
    pub(super) fn of(text: &str) -> Self {
        let mut note = Self::default();
        note.line(text);
        note
    }

    pub(super) fn line(&mut self, text: &str) {
        if !text.is_empty() {
            self.0.push(text.to_owned());
        }
    }

    pub(super) fn labelled(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            self.0.push(format!("{label}: {text}"));
        }
    }

    pub(super) fn text(self) -> String {
        self.0.join("\n")
    }
}

/// An official name without a language.
pub(super) fn official_name(text: &str) -> pb::Name {
    name(text, pb::NameKind::Official)
}

pub(super) fn name(text: &str, kind: pb::NameKind) -> pb::Name {
    pb::Name { text: text.to_owned(), language: String::new(), kind: kind.into() }
}

/// Whom something is aimed at.
pub(super) fn target(
    cells: &mut Cells<'_>,
    name: Option<&str>,
    kind: Option<&str>,
) -> Option<pb::Target> {
    let kind = kind.and_then(|word| cells.word("target_kind", word, super::words::TARGET_KINDS));
    let name = name.unwrap_or_default();
    if name.is_empty() && kind.is_some() {
        cells.problem("target", "is empty although `target_kind` is not");
    }
    (!name.is_empty())
        .then(|| pb::Target { name: name.to_owned(), kind: kind.map_or(0, i32::from) })
}
