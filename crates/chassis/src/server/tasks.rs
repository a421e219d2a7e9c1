//! The tasks of one server, a task for each connection, and the calls in them: all are counted, and all stop
//! when they are to be dropped.

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Runs the tasks of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    dropped: CancellationToken,
}

impl Tasks {
    /// Runs a connection until it ends or all are dropped.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, connection: F) {
        let dropped = self.dropped.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                biased;
                () = dropped.cancelled() => {}
                () = connection => {}
            }
        });
    }

    /// Drops all of them when it is dropped.
    pub(super) fn guard(&self) -> DropGuard {
        self.dropped.clone().drop_guard()
    }

    /// What counts them, and their calls.
    pub(super) fn tracker(&self) -> TaskTracker {
        self.tracker.clone()
    }

    /// No more come than those that are there bring forth.
    pub(super) fn close(&self) {
        self.tracker.close();
    }

    /// Returns once every task has ended after [`Tasks::close`].
    pub(super) async fn ended(&self) {
        self.tracker.wait().await;
    }

    /// How many connections and calls there are.
    pub(super) fn open(&self) -> usize {
        self.tracker.len()
    }

    /// Drops all of them.
    pub(super) fn drop_all(&self) {
        self.dropped.cancel();
    }
}
