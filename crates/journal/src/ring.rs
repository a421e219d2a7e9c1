//! The most recent released commits in memory, shared by all readers, so that those who keep up never
//! touch the disk.

use std::collections::VecDeque;

use parking_lot::RwLock;

use crate::{Commit, Position, ReadLimit};

/// A bounded stretch of commits without gaps, the newest at the end.
pub(crate) struct Ring {
    kept: RwLock<Kept>,
    limit_bytes: usize,
}

#[derive(Default)]
struct Kept {
    commits: VecDeque<Commit>,
    bytes: usize,
}

impl Ring {
    /// An empty ring of at most so many bytes.
    pub(crate) fn new(limit_bytes: usize) -> Ring {
        Ring { kept: RwLock::default(), limit_bytes }
    }

    /// Adds the commits after its last one, and lets go of the oldest.
    pub(crate) fn push(&self, commits: &[Commit]) {
        let mut kept = self.kept.write();
        for commit in commits {
            if let Some(last) = kept.commits.back() {
                assert_eq!(commit.position, last.position.next(), "commits are released in order");
            }
            kept.bytes += size(commit);
            kept.commits.push_back(commit.clone());
        }
        while kept.bytes > self.limit_bytes {
            let Some(oldest) = kept.commits.pop_front() else { break };
            kept.bytes -= size(&oldest);
        }
    }

    /// The commits after a position, up to and with `last`; `None` when the next one is not here.
    pub(crate) fn read(
        &self,
        after: Position,
        last: Position,
        limit: ReadLimit,
    ) -> Option<Vec<Commit>> {
        let kept = self.kept.read();
        let first = kept.commits.front()?.position;
        let skipped = after.next().get().checked_sub(first.get())?;
        let wanted = kept.commits.range(usize::try_from(skipped).ok()?.min(kept.commits.len())..);
        let mut found = Vec::new();
        let mut bytes = 0;
        for commit in wanted.take_while(|commit| commit.position <= last) {
            bytes += commit.meta.len() + commit.body.len();
            if !found.is_empty() && (found.len() >= limit.commits || bytes > limit.bytes) {
                break;
            }
            found.push(commit.clone());
        }
        (!found.is_empty()).then_some(found)
    }
}

fn size(commit: &Commit) -> usize {
    size_of::<Commit>() + commit.meta.len() + commit.body.len()
}
