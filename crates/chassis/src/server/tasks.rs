//! The tasks of one server: all are counted, and all stop when they are to be dropped.
//!
//! A stream that waits is hardly more than its task, and each call pays for moving it into its place, so
//! what surrounds the future of a connection or call is a plain struct: an `async` block that awaits a
//! future it was given holds it twice.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

use super::life::Life;

/// Runs the tasks of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    dropped: CancellationToken,
}

/// Runs the calls of one connection.
#[derive(Debug, Clone)]
pub(super) struct CallTasks {
    tasks: Tasks,
    life: Arc<Life>,
}

/// Ends a call of a connection, also when it is dropped.
struct Call(Arc<Life>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.end();
    }
}

pin_project! {
    /// A future until it ends or all tasks are dropped.
    struct Task<F> {
        #[pin]
        future: F,
        #[pin]
        dropped: WaitForCancellationFutureOwned,
        call: Option<Call>,
    }
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = self.project();
        match task.dropped.poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => task.future.poll(cx),
        }
    }
}

impl Tasks {
    /// Runs a future until it ends or all are dropped.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        self.spawn_for(future, None);
    }

    fn spawn_for<F: Future<Output = ()> + Send + 'static>(&self, future: F, call: Option<Call>) {
        let dropped = self.dropped.clone().cancelled_owned();
        self.tracker.spawn(Task { future, dropped, call });
    }

    /// Drops all of them when it is dropped.
    pub(super) fn guard(&self) -> DropGuard {
        self.dropped.clone().drop_guard()
    }

    /// What counts them.
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

    /// How many there are.
    pub(super) fn open(&self) -> usize {
        self.tracker.len()
    }

    /// Drops all of them.
    pub(super) fn drop_all(&self) {
        self.dropped.cancel();
    }
}

impl CallTasks {
    pub(super) fn new(tasks: Tasks, life: Arc<Life>) -> CallTasks {
        CallTasks { tasks, life }
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for CallTasks {
    fn execute(&self, call: F) {
        self.life.begin();
        self.tasks.spawn_for(call, Some(Call(Arc::clone(&self.life))));
    }
}
