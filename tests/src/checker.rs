//! Whether a history keeps what docs/guarantees.md promises: a validator for each name, each of which
//! says which lines break it.
//!
//! It knows the contract and nothing of the services: messages are those of the contract, filters are
//! evaluated by words of the contract, cursors are bytes that stand for the position some message gave
//! them. What no message told, it does not hold against anybody: a gap that nobody saw is no gap.
//!
//! | file | answers |
//! | --- | --- |
//! | `observed.rs` | what was called, answered and streamed, and what is known of both journals from it |
//! | `filter.rs` | what a filter takes |
//! | `streams.rs` | Ordered, Unique, Atomic |
//! | `cursors.rs` | Complete, Resumable, Bookmarkable |
//! | `durable.rs` | Durable before visible |
//! | `snapshot.rs` | Snapshot-consistent |
//! | `following.rs` | Exactly once from the registry |
//! | `writes.rs` | what is promised to those who write |

mod cursors;
mod durable;
mod filter;
mod following;
mod observed;
mod snapshot;
mod streams;
#[cfg(test)]
mod tests;
mod writes;

use std::fmt;

use crate::history::Line;

pub use filter::matches;
pub use observed::Observed;

/// A promise of docs/guarantees.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// Events of a stream come in ascending place.
    Ordered,
    /// No event comes twice in one stream.
    Unique,
    /// The events of a commit that match come in one batch.
    Atomic,
    /// Every event after the start that matches comes, and no other.
    Complete,
    /// After any cursor received comes exactly what had still to come.
    Resumable,
    /// Signs of life are never wrong.
    Bookmarkable,
    /// What somebody has seen or was told stays.
    Durable,
    /// The present state is that of one position.
    Snapshot,
    /// Every change of the registry becomes an event once, in its order.
    ExactlyOnce,
    /// An acknowledged write is present.
    Acknowledged,
    /// The same request id and payload is done once.
    RequestIdOnce,
    /// A refused write changes nothing.
    RefusedChangesNothing,
}

impl Guarantee {
    /// All of them.
    pub const ALL: [Guarantee; 12] = [
        Guarantee::Ordered,
        Guarantee::Unique,
        Guarantee::Atomic,
        Guarantee::Complete,
        Guarantee::Resumable,
        Guarantee::Bookmarkable,
        Guarantee::Durable,
        Guarantee::Snapshot,
        Guarantee::ExactlyOnce,
        Guarantee::Acknowledged,
        Guarantee::RequestIdOnce,
        Guarantee::RefusedChangesNothing,
    ];

    /// As docs/guarantees.md calls it.
    pub fn name(self) -> &'static str {
        match self {
            Guarantee::Ordered => "Ordered",
            Guarantee::Unique => "Unique",
            Guarantee::Atomic => "Atomic",
            Guarantee::Complete => "Complete",
            Guarantee::Resumable => "Resumable",
            Guarantee::Bookmarkable => "Bookmarkable",
            Guarantee::Durable => "Durable before visible",
            Guarantee::Snapshot => "Snapshot-consistent",
            Guarantee::ExactlyOnce => "Exactly once from the registry",
            Guarantee::Acknowledged => "An acknowledged write",
            Guarantee::RequestIdOnce => "The same `request_id`",
            Guarantee::RefusedChangesNothing => "A refused write changes nothing",
        }
    }

    /// Everything in a history that breaks it.
    pub fn broken_in(self, observed: &Observed) -> Vec<Violation> {
        let found = match self {
            Guarantee::Ordered => streams::ordered(observed),
            Guarantee::Unique => streams::unique(observed),
            Guarantee::Atomic => streams::atomic(observed),
            Guarantee::Complete => cursors::complete(observed),
            Guarantee::Resumable => cursors::resumable(observed),
            Guarantee::Bookmarkable => cursors::bookmarkable(observed),
            Guarantee::Durable => durable::durable(observed),
            Guarantee::Snapshot => snapshot::consistent(observed),
            Guarantee::ExactlyOnce => following::exactly_once(observed),
            Guarantee::Acknowledged => writes::acknowledged(observed),
            Guarantee::RequestIdOnce => writes::once(observed),
            Guarantee::RefusedChangesNothing => writes::refused(observed),
        };
        let named = |(lines, problem)| Violation { guarantee: self, lines, problem };
        found.into_iter().map(named).collect()
    }
}

/// Lines of a history that break a guarantee, and how.
type Found = (Vec<u64>, String);

/// That a guarantee is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub guarantee: Guarantee,
    /// The lines that show it, by their order.
    pub lines: Vec<u64>,
    /// How.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines.iter().map(ToString::to_string).collect();
        write!(formatter, "{}: lines {}: {}", self.guarantee.name(), lines.join(", "), self.problem)
    }
}

/// What a history shows, and what is wrong with it.
#[derive(Debug)]
pub struct Verdict {
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// Streams, calls and events that were looked at.
    pub looked_at: LookedAt,
}

/// How much there was to look at: a history without anything in it keeps every promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookedAt {
    /// Calls that ended.
    pub calls: usize,
    /// Streams of the feed.
    pub streams: usize,
    /// Events known from them.
    pub events: usize,
    /// Commits of the registry known.
    pub commits: usize,
}

/// Puts a history through every validator.
///
/// # Errors
/// Says what of the history cannot be read.
pub fn check(lines: &[Line]) -> Result<Verdict, String> {
    let observed = Observed::of(lines)?;
    let violations =
        Guarantee::ALL.iter().flat_map(|guarantee| guarantee.broken_in(&observed)).collect();
    let looked_at = LookedAt {
        calls: observed.calls.values().filter(|call| call.end.is_some()).count(),
        streams: observed.streams.len(),
        events: observed.events.len(),
        commits: observed.commits.len(),
    };
    Ok(Verdict { violations, looked_at })
}
