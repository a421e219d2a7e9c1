//! What happened in a run, line by line: every call with every message of it, and what was done to the
//! services.
//!
//! A history is a file of JSON Lines. Each line has the run it is of, its `order`, who acted, the number
//! of the call it belongs to (0: none), the time by the clock on the wall and since the run began, and
//! `what`:
//!
//! | what | when it is written |
//! | --- | --- |
//! | `begun` | first of all |
//! | `called` | before anything is sent |
//! | `sent`, `received` | a message is on its way, or was taken by the caller; `message` is canonical JSON |
//! | `ended` | the caller was told how the call ended |
//! | `abandoned` | the caller went away before that |
//! | `done` | something was done to a service, or a planned fault fired |
//!
//! So what a call says was known at its `received`, and what it caused can have happened at any time
//! after its `called`.

mod keeping;
mod messages;
mod record;

use std::fs::File;
use std::io::{LineWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use hansa_chassis::clock::{Stopwatch, now_micros};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use keeping::{Kept, RecordedClients};
pub use messages::{Direction, has_field, json_of, message_of};
pub use record::{Cut, Recorded};

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The run it is of.
    pub run: String,
    /// Its place in the history, from 1.
    pub order: u64,
    /// Who acted.
    pub actor: String,
    /// The call it belongs to; 0: none.
    pub call: u64,
    /// When, in microseconds since 1970, by the clock on the wall.
    pub at_micros: i64,
    /// When, in microseconds since the run began, by a clock that only goes forward.
    pub since_micros: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The run began.
    Begun {
        /// What it is a run of: a seed, a test.
        of: String,
    },
    /// A call begins.
    Called {
        /// Its path, such as `/hansa.feed.v1.FeedService/Subscribe`.
        method: String,
    },
    /// A message was sent.
    Sent {
        /// The message.
        message: Value,
    },
    /// A message was taken.
    Received {
        /// The message.
        message: Value,
    },
    /// A call ended.
    Ended {
        /// Number of the gRPC code.
        code: i32,
        /// `ErrorInfo.reason`; empty: the service gave none.
        reason: String,
        /// In words.
        message: String,
    },
    /// The caller went away before the end.
    Abandoned,
    /// Something was done to the services.
    Done {
        /// What, such as `kill feed`.
        deed: String,
    },
}

/// A history that is being written. Cheap to clone; all clones write the same one.
#[derive(Clone, Debug)]
pub struct History(Arc<Mutex<Writing>>);

#[derive(Debug)]
struct Writing {
    file: LineWriter<File>,
    run: String,
    order: u64,
    calls: u64,
    began: Stopwatch,
}

impl History {
    /// A new one in this file, of a run of this name.
    pub fn begin(path: &Path, run: &str, of: &str) -> History {
        let file = LineWriter::new(File::create(path).expect("a history can be written"));
        let began = Stopwatch::start();
        let writing = Writing { file, run: run.to_owned(), order: 0, calls: 0, began };
        let history = History(Arc::new(Mutex::new(writing)));
        history.write("driver", 0, What::Begun { of: of.to_owned() });
        history
    }

    /// Notes that something was done to the services.
    pub fn done(&self, deed: &str) {
        self.write("driver", 0, What::Done { deed: deed.to_owned() });
    }

    /// Begins a call, and gives its number.
    fn call(&self, actor: &str, method: &str) -> u64 {
        let call = {
            let mut writing = self.0.lock();
            writing.calls += 1;
            writing.calls
        };
        self.write(actor, call, What::Called { method: method.to_owned() });
        call
    }

    fn write(&self, actor: &str, call: u64, what: What) {
        let mut writing = self.0.lock();
        writing.order += 1;
        let line = Line {
            run: writing.run.clone(),
            order: writing.order,
            actor: actor.to_owned(),
            call,
            at_micros: now_micros(),
            since_micros: u64::try_from(writing.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            what,
        };
        let text = serde_json::to_string(&line).expect("a line is JSON");
        writeln!(writing.file, "{text}").expect("a history can be written");
    }
}

/// Reads a history back.
///
/// # Errors
/// Names the line that is none.
pub fn read(path: &Path) -> Result<Vec<Line>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", index + 1))
        })
        .collect()
}
