//! What is wrong with a row: file, line, column. All problems are collected before any is reported.

use std::fmt;

/// Where a row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The file, such as `networks.csv`.
    pub file: &'static str,
    /// The line it begins on, from 1.
    pub line: u64,
    /// The row's key, such as `anvita`. Empty when the row could not be read that far.
    pub key: String,
}

/// Something wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which row.
    pub at: At,
    /// Which column or field. Empty: the row as a whole.
    pub column: &'static str,
    /// What is wrong.
    pub problem: String,
}

/// Everything that is wrong with a data set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// All of them, in the order of files and lines.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    pub(super) fn push(&mut self, at: &At, column: &'static str, problem: impl Into<String>) {
        self.0.push(Problem { at: at.clone(), column, problem: problem.into() });
    }

    pub(super) fn finish<T>(self, value: T) -> Result<T, Self> {
        match self.0.is_empty() {
            true => Ok(value),
            false => Err(self),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)?;
        match self.key.is_empty() {
            true => Ok(()),
            false => write!(formatter, " ({})", self.key),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            "" => write!(formatter, "{}: {}", self.at, self.problem),
            column => write!(formatter, "{}: {column}: {}", self.at, self.problem),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        let count = self.0.len();
        write!(formatter, "{count} problem{} in the files", if count == 1 { "" } else { "s" })?;
        for problem in self.0.iter().take(SHOWN) {
            write!(formatter, "\n  {problem}")?;
        }
        match count > SHOWN {
            true => write!(formatter, "\n  … and {} more", count - SHOWN),
            false => Ok(()),
        }
    }
}

impl std::error::Error for Problems {}
