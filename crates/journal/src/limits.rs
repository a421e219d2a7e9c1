//! Every limit of the journal, by name.

/// Most bytes of `meta` and `body` together in one commit.
pub const COMMIT_BYTES: usize = 1024 * 1024;

/// Bytes that a commit takes once something of it is erased, beside what remains of it: the hashes of
/// what stood there, and two lengths.
pub const ERASURE_BYTES: usize = 72;

/// Bytes of erasures made together, unless one is larger.
pub const ERASURES_BYTES: usize = 4 * 1024 * 1024;

/// Size at which a segment is closed and the next one begun, unless told otherwise.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// So much of a segment is written with zeros ahead of its records: a sync of what is written over them has
/// nothing to note of the file but what is in it. Less in tests, so that they go past it often.
pub const AHEAD_BYTES: u64 = if cfg!(test) { 4 * 1024 } else { 256 * 1024 };

/// A larger batch has nothing written ahead of it: what that saves is little beside its own bytes.
pub const AHEAD_OF_BYTES: usize = 64 * 1024;

/// Records between two marks of the offset index, at most.
pub const MARK_RECORDS: usize = 64;

/// Bytes between two marks of the offset index, unless one record is larger.
pub const MARK_BYTES: u64 = 64 * 1024;

/// Records from one step of the offset index to the next: a byte of memory for each record.
pub const STEP_RECORDS: u64 = 4;

/// Commands waiting for the writer, unless told otherwise.
pub const QUEUE: usize = 1024;

/// Commands decided in one batch, unless told otherwise.
pub const BATCH_COMMANDS: usize = 512;

/// Bytes of drafts after which a batch takes no further command, unless told otherwise.
pub const BATCH_BYTES: usize = 1024 * 1024;

/// Microseconds that a batch may take for the next caller to wait for his where his call is served, beside
/// the other calls of his connection: a disk that is slower is waited for by the writer's thread.
pub const ALONE_MICROS: i64 = 5_000;

/// Bytes of recent commits kept in memory for readers.
pub const RING_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of one block of recent commits, a larger commit apart: what one slow reader may keep from being
/// given back.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// Bytes of frames made ready at once out of segments, a larger commit apart.
pub const FRAMES_BYTES: usize = 128 * 1024;

/// Bytes read from a segment at once to frame them, a larger record apart: they stay in the cache of one
/// processor until they are framed.
pub const WINDOW_BYTES: usize = 32 * 1024;

/// So many bytes between two records that are wanted are sooner read than passed over.
pub const GAP_BYTES: u64 = 4 * 1024;

/// Commits replayed between two settles.
pub const REPLAY_COMMITS: usize = 1024;

/// Bytes replayed between two settles, unless one commit is larger.
pub const REPLAY_BYTES: usize = 4 * 1024 * 1024;

// Lengths are stored in 32 bits, and a batch must be able to hold the largest commit.
const _: () = assert!(COMMIT_BYTES < u32::MAX as usize);
const _: () = assert!(COMMIT_BYTES <= BATCH_BYTES && COMMIT_BYTES as u64 <= SEGMENT_BYTES);
