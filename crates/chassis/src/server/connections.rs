//! The open connections of one server: accepting them, and ending every task that serves them.
//!
//! Each connection and each HTTP/2 stream in it is a task. All of them are counted, and all of them
//! stop when `dropped` is cancelled, so that after [`Connections::drop_all`] nothing holds on to what
//! the services own. (tonic's own server detaches its tasks; they outlive it.)

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::server::Connected;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, service_fn};

use super::Limits;
use super::calls::Calls;
use super::gather::Gather;
use super::life::Life;
use super::limits;
use super::origin;

/// How long accepting pauses when the system refuses, as it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Answering = BoxCloneSyncService<Request<Body>, http::Response<Body>, Infallible>;

/// See the top of this file.
pub(super) struct Connections {
    answering: Answering,
    limits: Limits,
    places: Arc<Semaphore>,
    tasks: Tasks,
    stopped: CancellationToken,
    /// Ends the tasks also when the server's future is dropped.
    _guard: DropGuard,
}

/// Runs the tasks of one server.
#[derive(Debug, Clone, Default)]
struct Tasks {
    tracker: TaskTracker,
    dropped: CancellationToken,
}

/// Runs the calls of one connection.
#[derive(Debug, Clone)]
struct CallTasks {
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

impl<F> hyper::rt::Executor<F> for CallTasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.life.begin();
        let call = Call(Arc::clone(&self.life));
        self.tasks.execute(async move {
            task.await;
            drop(call);
        });
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let dropped = self.dropped.clone();
        self.tracker.spawn(async move {
            dropped.run_until_cancelled_owned(task).await;
        });
    }
}

impl Connections {
    pub(super) fn new(routes: Routes, limits: &Limits) -> Self {
        let tasks = Tasks::default();
        Self {
            answering: answering(routes, limits, &tasks),
            limits: limits.clone(),
            places: Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS))),
            stopped: CancellationToken::new(),
            _guard: tasks.dropped.clone().drop_guard(),
            tasks,
        }
    }

    /// Accepts connections; never returns.
    pub(super) async fn accept(&self, listener: &TcpListener) {
        loop {
            let place = self.places.clone().acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((stream, _)) => self.serve(stream, place),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Lets open calls go on, takes no new ones and closes what is idle.
    pub(super) fn stop(&self) {
        self.stopped.cancel();
        self.tasks.tracker.close();
    }

    /// Returns once every task has ended after [`Connections::stop`].
    pub(super) async fn ended(&self) {
        self.tasks.tracker.wait().await;
    }

    /// How many tasks there are.
    pub(super) fn open(&self) -> usize {
        self.tasks.tracker.len()
    }

    /// Drops all connections and calls, and returns once that is done.
    pub(super) async fn drop_all(self) {
        self.stop();
        self.tasks.dropped.cancel();
        self.ended().await;
    }

    fn serve(&self, stream: TcpStream, place: tokio::sync::OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off delays on a connection");
        }
        let peer = stream.connect_info();
        let answering = self.answering.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            answering.clone().call(request.map(Body::new))
        });
        let life = Arc::new(Life::default());
        let calls = CallTasks { tasks: self.tasks.clone(), life: Arc::clone(&life) };
        let http = http_server(calls, &self.limits);
        let (handshake, idle) = (self.limits.handshake_deadline, self.limits.idle_deadline);
        let stopped = self.stopped.clone();
        hyper::rt::Executor::execute(&self.tasks, async move {
            let service = TowerToHyperService::new(service);
            let stream = TokioIo::new(Gather::new(stream, Arc::clone(&life)));
            let mut connection = pin!(http.serve_connection(stream, service));
            let over = async {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = life.idle(idle) => tracing::debug!("nobody calls on a connection"),
                }
            };
            let ended = tokio::select! {
                // What has come counts, however late it is looked at.
                biased;
                ended = &mut connection => ended,
                () = life.silent(handshake) => Err("it never said hello".into()),
                () = over => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(error, "a connection failed");
            }
            drop(place);
        });
    }
}

/// From the outside in: who may ask from a page, gRPC-Web, one call.
fn answering(routes: Routes, limits: &Limits, tasks: &Tasks) -> Answering {
    let calls = Calls::new(routes, limits, tasks.tracker.clone());
    let call = service_fn(move |request| calls.clone().answer(request));
    let web = tonic_web::GrpcWebLayer::new().layer(call);
    BoxCloneSyncService::new(origin::only_local_pages(web))
}

fn http_server(calls: CallTasks, limits: &Limits) -> auto::Builder<CallTasks> {
    let mut http = auto::Builder::new(calls);
    // Without a timer, unfinished headers would be waited for without end.
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.handshake_deadline)
        .max_buf_size(limits::HTTP1_BUFFER_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits::KEEPALIVE_INTERVAL)
        .keep_alive_timeout(limits::KEEPALIVE_TIMEOUT)
        .max_concurrent_streams(limits.max_streams_per_connection)
        .max_pending_accept_reset_streams(limits::PENDING_RESETS_MAX)
        .max_local_error_reset_streams(limits::ERROR_RESETS_MAX)
        .max_send_buf_size(limits::SEND_BUFFER_BYTES)
        .max_header_list_size(limits::HEADER_BYTES_MAX);
    http
}
