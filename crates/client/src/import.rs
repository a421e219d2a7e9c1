//! The import of a data set of ten tables.
//!
//! `DataSet::read` parses the files, `plan` turns their rows into calls in the order they happened
//! (each after what it needs), and `Plan::run` makes them. Nothing a row says is dropped: what has no
//! field of its own goes into the `note` or into a `…_stated` field. Every call carries a request id
//! made from its row, so a second run finds everything done and changes nothing.
//!
//! | file | answers |
//! | --- | --- |
//! | `import/read.rs` | what the files look like |
//! | `import/problem.rs` | what is wrong with a row: file, line, column |
//! | `import/cells.rs` | how a cell becomes a date, a number, a source, a note |
//! | `import/words.rs` | which word of the files means which word of the contract |
//! | `import/admission.rs` | what membership rules in words mean for admission |
//! | `import/networks.rs`, `members.rs`, `memberships.rs`, `relations.rs`, `statements.rs`, `campaigns.rs`, `cooperations.rs` | what a row becomes |
//! | `import/beside.rs` | what other files say beside a row: readings, places |
//! | `import/step.rs` | one call, its row and what it needs |
//! | `import/plan.rs` | the order |
//! | `import/run.rs` | making the calls, and the report |

mod admission;
mod beside;
mod campaigns;
mod cells;
mod cooperations;
mod members;
mod memberships;
mod networks;
mod plan;
mod problem;
mod read;
mod relations;
mod run;
mod statements;
mod step;
#[cfg(test)]
mod tests;
mod words;

pub use plan::Plan;
pub use problem::{At, Problem, Problems};
pub use read::{DataSet, FILES, ReadError, Source};
pub use run::{Count, Failure, ImportError, Progress, Report};
pub use step::Kind;
