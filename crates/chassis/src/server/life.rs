//! Whether a connection is worth keeping: one on which nobody calls is given up, so that a stranger cannot
//! take all places by doing nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What one connection has done so far.
#[derive(Debug, Default)]
pub(super) struct Life {
    heard: AtomicU64,
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Life {
    /// So many bytes came.
    pub(super) fn hear(&self, bytes: usize) {
        self.heard.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many bytes came.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// A call begins.
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// A call ends.
    pub(super) fn end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns when there has been no call for the time, or up to twice of it.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            let open = before != self.ended.load(Ordering::Relaxed);
            tokio::time::sleep(limit).await;
            if !open && self.begun.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);

    async fn ends(waiting: impl Future<Output = ()>, limit: Duration) -> bool {
        tokio::time::timeout(limit, waiting).await.is_ok()
    }

    #[tokio::test]
    async fn who_has_a_call_open_is_not_idle() {
        let life = Life::default();
        assert!(ends(life.idle(LIMIT), LIMIT * 1000).await);
        life.begin();
        assert!(!ends(life.idle(LIMIT), LIMIT * 5).await);
        life.end();
        assert!(ends(life.idle(LIMIT), LIMIT * 1000).await);
    }
}
