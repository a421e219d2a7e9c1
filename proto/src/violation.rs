//! What is wrong with a request: every violation at once, each with the path of its field.

use crate::limits::VIOLATIONS;
use crate::path::Path;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Violation {
    /// Path of the field in proto names, such as `network.names[2].language`.
    pub field: String,
    /// What is wrong, in words that follow on the name of the field.
    pub problem: String,
}

/// What is wrong with a request, in the order it was found.
///
/// Keeps [`VIOLATIONS`] of them, because an answer has room for so many; the rest is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.summary())]
pub struct Violations {
    kept: Vec<Violation>,
    count: usize,
}

impl Violations {
    /// Adds one.
    pub fn push(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.count += 1;
        if self.kept.len() < VIOLATIONS {
            self.kept.push(Violation { field: field.into(), problem: problem.into() });
        }
    }

    /// Adds one at a path.
    pub(crate) fn at(&mut self, path: &Path<'_>, problem: impl Into<String>) {
        self.push(path.to_string(), problem);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are, also those not kept.
    pub fn len(&self) -> usize {
        self.count
    }

    /// All that were kept; the last one says how many more there are, if so.
    pub fn into_vec(mut self) -> Vec<Violation> {
        let dropped = self.count - self.kept.len();
        if let (true, Some(last)) = (dropped > 0, self.kept.last_mut()) {
            last.problem.push_str(&format!(" (and {dropped} more violations in this request)"));
        }
        self.kept
    }

    /// Nothing is wrong, or what is.
    pub fn finish(self) -> Result<(), Violations> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    fn summary(&self) -> String {
        let listed: Vec<String> = self.kept.iter().map(Violation::to_string).collect();
        listed.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finish_is_ok_only_without_violations() {
        assert_eq!(Violations::default().finish(), Ok(()));
        let mut violations = Violations::default();
        violations.push("name", "is required");
        assert_eq!(violations.to_string(), "name: is required");
        assert!(violations.finish().is_err());
    }

    #[test]
    fn what_is_not_kept_is_counted() {
        let mut violations = Violations::default();
        for index in 0..VIOLATIONS + 2 {
            violations.push(format!("names[{index}]"), "is blank");
        }
        assert_eq!(violations.len(), VIOLATIONS + 2);
        let listed = violations.into_vec();
        assert_eq!(listed.len(), VIOLATIONS);
        assert_eq!(listed[0].problem, "is blank");
        assert_eq!(
            listed[VIOLATIONS - 1].problem,
            "is blank (and 2 more violations in this request)"
        );
    }
}
