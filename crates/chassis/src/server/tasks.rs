//! The tasks of one server, a task for each connection, and the calls in them: all are counted, and all stop
//! when they are to be dropped.
//!
//! A connection's calls are run by its own task. What concerns many of its streams wakes one task, which
//! looks after those of them that have something to do, and then writes: no call waits for another thread to
//! let go of the connection, and none moves between processors by itself. So no handler may keep a thread:
//! what takes long is done elsewhere, and awaited.

use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::task::unconstrained;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::life::Life;

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

/// Takes the calls that one connection begins.
#[derive(Clone)]
pub(super) struct CallTasks {
    tracker: TaskTracker,
    life: Arc<Life>,
    begun: Arc<Mutex<Vec<Call>>>,
}

impl CallTasks {
    pub(super) fn new(tasks: &Tasks, life: Arc<Life>) -> CallTasks {
        CallTasks { tracker: tasks.tracker(), life, begun: Arc::default() }
    }

    fn begun(&self) -> MutexGuard<'_, Vec<Call>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for CallTasks {
    fn execute(&self, call: F) {
        self.life.begin();
        let (answering, life) = (Box::pin(call), Arc::clone(&self.life));
        self.begun().push(Call { answering, life, _counted: self.tracker.token() });
    }
}

/// A call that is being answered.
struct Call {
    answering: BoxFuture<'static, ()>,
    life: Arc<Life>,
    _counted: TaskTrackerToken,
}

impl Future for Call {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.answering.as_mut().poll(cx)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.life.end();
    }
}

/// A connection's calls.
pub(super) struct Calls {
    tasks: CallTasks,
    open: FuturesUnordered<Call>,
}

impl Calls {
    pub(super) fn of(tasks: CallTasks) -> Calls {
        Calls { tasks, open: FuturesUnordered::new() }
    }

    /// Runs the connection, and the calls beside it, until the connection ends.
    pub(super) async fn beside<C: Future>(&mut self, mut connection: Pin<&mut C>) -> C::Output {
        poll_fn(|cx| self.poll_beside(cx, connection.as_mut())).await
    }

    /// The calls first, so that the connection sends what they have to say in the same turn.
    fn poll_beside<C: Future>(
        &mut self,
        cx: &mut Context<'_>,
        mut connection: Pin<&mut C>,
    ) -> Poll<C::Output> {
        loop {
            self.poll_open(cx);
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            let begun = mem::take(&mut *self.tasks.begun());
            if begun.is_empty() {
                return Poll::Pending;
            }
            self.open.extend(begun);
        }
    }

    /// Each call has a say once, however many others of the connection had one before it: no budget that
    /// they share makes the last of them wait for another turn.
    fn poll_open(&mut self, cx: &mut Context<'_>) {
        let open = &mut self.open;
        let mut calls = pin!(unconstrained(poll_fn(|cx| {
            while let Poll::Ready(Some(())) = open.poll_next_unpin(cx) {}
            Poll::<()>::Pending
        })));
        let _ = calls.as_mut().poll(cx);
    }
}
