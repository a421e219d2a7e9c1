//! Tables of memberships from the world, into the registry and out of it.
//!
//! A sheet (CSV or JSON Lines) is read by a layout, long or wide, into observations: who belongs to what,
//! how, since when, says which line. Who is meant is looked up and never guessed: an id, or one certain
//! match, is taken; everything else is proposed and left out until somebody decides. The plan compares
//! the observations with what the registry holds, so that a table imported twice changes nothing the
//! second time, and is then carried out as one stream of rows.
//!
//! | file | answers |
//! | --- | --- |
//! | `tables/sheet.rs` | what a file looks like, line by line |
//! | `tables/layout.rs` | which column says what |
//! | `tables/grades.rs` | what a grade means: class, roles, words |
//! | `tables/cells.rs` | how a cell becomes a date, a class, roles, sources, and back |
//! | `tables/observe.rs` | what the rows say |
//! | `tables/identity.rs` | who is meant |
//! | `tables/held.rs` | what the registry holds |
//! | `tables/plan.rs` | what is to be recorded |
//! | `tables/run.rs` | recording it, or trying to |
//! | `tables/resources.rs` | whole resources as JSON Lines |
//! | `tables/write.rs` | the same tables out of the registry |

mod cells;
mod grades;
mod held;
mod identity;
mod layout;
mod observe;
mod plan;
mod resources;
mod run;
mod sheet;
mod write;

pub use grades::{Grade, Grades};
pub use held::Held;
pub use identity::{Decisions, Proposal, Unmatched};
pub use layout::{Layout, Part, Snapshot};
pub use observe::{Observation, Observed, observe};
pub use plan::{Action, Plan, Planned, plan};
pub use resources::{absent, resources_of, restored};
pub use run::{Refused, Tally, run};
pub use sheet::{Sheet, SheetRow};
pub use write::{Exported, exported, json_lines, long, members, networks, wide};

/// Something about a line of a table that keeps it from being imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where: file and line.
    pub at: String,
    /// What.
    pub problem: String,
}

/// A table that cannot be read at all, or a registry that cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read.
    #[error("{file} cannot be read")]
    File {
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what its format asks for.
    #[error("{at}: {problem}")]
    Malformed {
        /// File and line.
        at: String,
        /// What is wrong.
        problem: String,
    },
    /// An export that is not whole.
    #[error("the export ended before its end: ask for it again")]
    Unfinished,
    /// The registry does not answer.
    #[error(transparent)]
    Call(#[from] crate::CallError),
}

impl From<tonic::Status> for TableError {
    fn from(status: tonic::Status) -> TableError {
        TableError::Call(status.into())
    }
}
