//! Durable order of bytes. Knows positions and commits, not networks.
//!
//! ```text
//!  position     0      1   2   3   4   5
//!             ORIGIN [ A | B | C | D ] (next append)
//!                              ^   ^
//!                       released   tail           always: released <= tail, and the tail is durable
//! ```
//!
//! * **J1** positions are contiguous from 1 and never reused.
//! * **J2** a commit is all or nothing.
//! * **J3** an append names the tail it expects, or is refused.
//! * **J4** only durable commits are released; only released commits are read by others or acknowledged.
//! * **J5** what is read back is verified: format version, length, CRC-32C, chain. (Streams check all but
//!   the chain, which was checked when the journal was opened.)
//! * **J6** after a storage error the journal accepts nothing more until it is reopened.
//!
//! | file | answers |
//! | --- | --- |
//! | `position.rs` | what a position is |
//! | `commit.rs` | what a commit is, and the chain that tells two histories apart |
//! | `erasure.rs` | what is put in the place of what must go |
//! | `journal.rs` | the contract of an engine |
//! | `lineage.rs` | under which identities a history went on |
//! | `limits.rs` | every limit by name |
//! | `disk.rs`, `disk/` | what engine 1 asks of a disk; (test-util) a disk that tears, fills up, loses power |
//! | `segment.rs`, `segment/` | engine 1: append-only segment files, verified and dumped without opening |
//! | `machine.rs` | what a service supplies: decide, settle, replay |
//! | `writer.rs`, `writer/` | the one loop: drain, decide, append, settle, release, answer |
//! | `reader.rs`, `ring.rs` | reading released commits after a cursor, recent ones from memory |
//! | `frames.rs` | commits as they go out on a stream, ready-made |
//! | `conformance.rs` | (test-util) the suite every engine passes |
//! | `faulty.rs` | (test-util) a journal that fails, stalls or loses its reply on demand |

mod commit;
#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
pub mod disk;
mod erasure;
#[cfg(any(test, feature = "test-util"))]
pub mod faulty;
mod frames;
mod journal;
pub mod limits;
mod lineage;
mod machine;
mod position;
mod reader;
mod ring;
mod segment;
mod writer;

pub use commit::{Chain, Commit, Draft, JournalId};
pub use erasure::{EraseError, Erasure};
pub use frames::{Excerpt, Excerpts, Framing, Run, Stored, Wanted, as_stored};
pub use journal::{AppendError, Journal, ReadError, ReadLimit};
pub use lineage::Lineage;
pub use machine::{Decision, Fault, Machine, Refused, Slot};
pub use position::Position;
pub use reader::{Reader, Reading, WriterGone};
pub use segment::{
    Copied, Damage, OpenError, Repair, Report, SegmentJournal, SegmentOptions, Torn, copy, dump,
    restore, verify, verify_on,
};
pub use writer::{NowMicros, Pending, Started, SubmitError, Writer, WriterOptions, WriterState};
