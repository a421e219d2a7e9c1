//! The open connections of one server: accepting them, and ending every task that serves them.
//!
//! Each connection is a task that runs its calls too (`tasks.rs`), so that after [`Connections::drop_all`]
//! nothing holds on to what the services own. (tonic's own server detaches its tasks; they outlive it.)

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderValue, Method, Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::body::Body;
use tonic::service::Routes;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, service_fn};

use super::Limits;
use super::calls::Calls;
use super::gather::Gather;
use super::life::Life;
use super::limits;
use super::origin;
use super::tasks::{self, CallTasks, Tasks};

/// How long accepting pauses when the system refuses, as it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An answer on its way.
type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

/// Answers calls. From the outside in: who may ask from a page, gRPC-Web, one call; what needs only the
/// last goes there at once.
#[derive(Clone)]
struct Answering {
    calls: Calls,
    pages: BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>,
}

impl Answering {
    fn new(calls: Calls) -> Answering {
        let inner = calls.clone();
        let call = service_fn(move |request| inner.clone().answer(request));
        let web = tonic_web::GrpcWebLayer::new().layer(call);
        Answering { calls, pages: BoxCloneSyncService::new(origin::only_local_pages(web)) }
    }

    fn answer(&self, request: Request<Body>) -> Answer {
        match is_plain(&request) {
            true => Box::pin(self.calls.clone().answer(request)),
            false => self.pages.clone().call(request),
        }
    }
}

/// Whether it is no page that asks, and not gRPC-Web.
fn is_plain<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    request.version() == Version::HTTP_2
        && request.method() == Method::POST
        && !request.headers().contains_key(ORIGIN)
        && !kind.is_some_and(|kind| kind.starts_with(b"application/grpc-web"))
}

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

impl Connections {
    pub(super) fn new(routes: Routes, limits: &Limits) -> Self {
        let tasks = Tasks::default();
        Self {
            answering: Answering::new(Calls::new(routes, limits, tasks.tracker())),
            limits: limits.clone(),
            places: Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS))),
            stopped: CancellationToken::new(),
            _guard: tasks.guard(),
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
        self.tasks.close();
    }

    /// Returns once every task has ended after [`Connections::stop`].
    pub(super) async fn ended(&self) {
        self.tasks.ended().await;
    }

    /// How many tasks there are.
    pub(super) fn open(&self) -> usize {
        self.tasks.open()
    }

    /// Drops all connections and calls, and returns once that is done.
    pub(super) async fn drop_all(self) {
        self.stop();
        self.tasks.drop_all();
        self.ended().await;
    }

    fn serve(&self, stream: TcpStream, place: tokio::sync::OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off delays on a connection");
        }
        let answering = self.answering.clone();
        let service =
            service_fn(move |request: Request<Incoming>| answering.answer(request.map(Body::new)));
        let life = Arc::new(Life::default());
        let calls = CallTasks::new(&self.tasks, Arc::clone(&life));
        let http = http_server(calls.clone(), &self.limits);
        let (handshake, idle) = (self.limits.handshake_deadline, self.limits.idle_deadline);
        let stopped = self.stopped.clone();
        self.tasks.spawn(async move {
            let service = TowerToHyperService::new(service);
            let stream = TokioIo::new(Gather::new(stream, Arc::clone(&life)));
            let mut connection = pin!(http.serve_connection(stream, service));
            let mut calls = tasks::Calls::of(calls);
            let over = async {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = life.idle(idle) => tracing::debug!("nobody calls on a connection"),
                }
            };
            let ended = tokio::select! {
                // What has come counts, however late it is looked at.
                biased;
                ended = calls.beside(connection.as_mut()) => ended,
                () = life.silent(handshake) => Err("it never said hello".into()),
                () = over => {
                    connection.as_mut().graceful_shutdown();
                    calls.beside(connection).await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(error, "a connection failed");
            }
            drop(place);
        });
    }
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
