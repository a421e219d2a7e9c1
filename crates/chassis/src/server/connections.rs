//! The open connections of one server: accepting them, and ending every task that serves them.
//!
//! Each connection is a task that runs its calls too, so that after [`Connections::drop_all`] nothing holds on
//! to what the services own. (tonic's own server detaches its tasks; they outlive it.)

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::service_fn;

use super::Limits;
use super::answering::Answering;
use super::calls::Calls;
use super::hello::{Hello, Rewound, hello};
use super::http2::{Http2, Terms};
use super::life::Life;
use super::limits;
use super::services::Services;
use super::tasks::Tasks;

/// How long accepting pauses when the system refuses, as it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    pub(super) fn new(services: Services, limits: &Limits) -> Self {
        let tasks = Tasks::default();
        Self {
            answering: Answering::new(Calls::new(services, limits, tasks.tracker())),
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
        let connection = Connection {
            answering: self.answering.clone(),
            limits: self.limits.clone(),
            tracker: self.tasks.tracker(),
            stopped: self.stopped.clone(),
            life: Arc::default(),
        };
        self.tasks.spawn(async move {
            if let Err(error) = connection.run(stream).await {
                tracing::debug!(error, "a connection failed");
            }
            drop(place);
        });
    }
}

/// One of them.
struct Connection {
    answering: Answering,
    limits: Limits,
    tracker: TaskTracker,
    stopped: CancellationToken,
    life: Arc<Life>,
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

impl Connection {
    async fn run(self, stream: TcpStream) -> Ended {
        let hello = tokio::time::timeout(self.limits.handshake_deadline, hello(stream));
        let hello = tokio::select! {
            // What has come counts, however late it is looked at.
            biased;
            hello = hello => hello.map_err(|_| "it never said hello")??,
            () = self.stopped.cancelled() => return Ok(()),
        };
        match hello {
            Hello::Http2(stream) => self.http2(stream).await,
            Hello::Http1(stream) => self.http1(stream).await,
        }
    }

    async fn http2(self, stream: Rewound) -> Ended {
        let terms = Terms {
            max_streams: self.limits.max_streams_per_connection,
            keepalive: (limits::KEEPALIVE_INTERVAL, limits::KEEPALIVE_TIMEOUT),
            answering: self.answering.clone(),
            tracker: self.tracker.clone(),
            life: Arc::clone(&self.life),
        };
        let mut connection = Http2::greet(stream, terms).await?;
        tokio::select! {
            biased;
            ended = poll_fn(|cx| connection.poll(cx)) => return Ok(ended?),
            () = self.over() => connection.finish(),
        }
        Ok(poll_fn(|cx| connection.poll(cx)).await?)
    }

    async fn http1(self, stream: Rewound) -> Ended {
        let answering = self.answering.clone();
        let service =
            service_fn(move |request: Request<Incoming>| answering.answer(request.map(Body::new)));
        let mut http = http1::Builder::new();
        // Without a timer, unfinished headers would be waited for without end.
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.handshake_deadline)
            .max_buf_size(limits::HTTP1_BUFFER_BYTES);
        let stream = TokioIo::new(stream);
        let mut connection = pin!(http.serve_connection(stream, TowerToHyperService::new(service)));
        tokio::select! {
            biased;
            ended = connection.as_mut() => return Ok(ended?),
            () = self.over() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }

    /// Returns when the connection is to end, once its open calls have.
    async fn over(&self) {
        tokio::select! {
            () = self.stopped.cancelled() => {}
            () = self.life.idle(self.limits.idle_deadline) => {
                tracing::debug!("nobody calls on a connection");
            }
        }
    }
}
