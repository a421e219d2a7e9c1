//! Commits as they go out on a stream, ready-made: each body with five bytes before it, a zero and its
//! length, which is how gRPC frames a message that is not compressed. A run of commits is then a slice of
//! one buffer that all who read it share, and nothing is encoded for any of them.

use bytes::Bytes;

use crate::{Commit, Position};

/// Bytes before a message.
pub(crate) const PREFIX_BYTES: usize = 5;

/// A commit where it lies, in memory or as it was read from a segment.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Its place.
    pub position: Position,
    /// Chain value up to and including it.
    pub chain: &'a [u8; 32],
    /// What only the service reads.
    pub meta: &'a [u8],
    /// What watchers receive.
    pub body: &'a [u8],
}

/// How a service sends a commit: appends what comes after the body, if anything does, and says whether
/// it goes out like that. A commit that does not, because watchers receive nothing of it or not what is
/// stored, stands apart: readers get it as a [`Commit`] and see to it themselves.
pub type Framing = fn(&Stored<'_>, &mut Vec<u8>) -> bool;

/// The body and nothing else.
pub fn as_stored(_: &Stored<'_>, _: &mut Vec<u8>) -> bool {
    true
}

/// A commit of which a reader wants something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its place.
    pub position: Position,
    /// What the reader knows of it already; its [`Excerpt`] is told.
    pub known: u32,
}

/// What a reader wants of a commit, given what it knew of it: appends that as frames, and says what is
/// wrong with a commit that it cannot read.
pub type Excerpt = dyn Fn(&Stored<'_>, u32, &mut Vec<u8>) -> Result<(), String> + Send + Sync;

/// Of the first commits that were wanted, what was wanted.
#[derive(Clone, Debug)]
pub struct Excerpts {
    /// Their messages.
    pub frames: Bytes,
    /// How many commits they are of.
    pub commits: usize,
}

/// What comes next on a stream.
#[derive(Clone, Debug)]
pub enum Run {
    /// Commits one after the other, ready to be sent.
    Frames {
        /// Their messages.
        frames: Bytes,
        /// The last of them.
        up_to: Position,
    },
    /// One that stands apart.
    Apart(Commit),
}

/// Appends a frame, or nothing when the commit stands apart; says which.
pub(crate) fn append(out: &mut Vec<u8>, stored: &Stored<'_>, framing: Framing) -> bool {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_BYTES]);
    out.extend_from_slice(stored.body);
    if !framing(stored, out) {
        out.truncate(start);
        return false;
    }
    let length = u32::try_from(out.len() - start - PREFIX_BYTES);
    let length =
        length.expect("a commit has at most COMMIT_BYTES, and little comes after its body");
    out[start + 1..start + PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
    true
}

impl Commit {
    /// Where it lies.
    pub fn stored(&self) -> Stored<'_> {
        let Commit { position, chain, meta, body, .. } = self;
        Stored { position: *position, chain: chain.as_bytes(), meta, body }
    }
}

/// The first run of these commits, which follow each other and are at least one.
pub(crate) fn run_of(commits: Vec<Commit>, framing: Framing) -> Option<Run> {
    let mut frames = Vec::new();
    let mut up_to = None;
    for commit in commits {
        if !append(&mut frames, &commit.stored(), framing) {
            return Some(match up_to {
                Some(up_to) => Run::Frames { frames: frames.into(), up_to },
                None => Run::Apart(commit),
            });
        }
        up_to = Some(commit.position);
    }
    up_to.map(|up_to| Run::Frames { frames: frames.into(), up_to })
}
