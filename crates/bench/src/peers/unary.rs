//! Unary calls of gRPC over bare h2, the same for all servers: caller and server share the processors, so that
//! what a caller takes of them would be measured as if the server were slow. One task runs the calls of a
//! connection; what several of its callers have to say goes out in one write.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use h2::client::SendRequest;
use hansa_chassis::clock::Stopwatch;
use http::{HeaderMap, Request, header};
use prost::Message;
use tokio::net::TcpStream;

use super::calls::{Callers, figure};
use super::figure::Figure;
use super::server::Server;
use crate::gathered::{Gathered, Writer, gathered};

/// Before a message: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;
/// More than an answer has.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// A connection, and what writes what it has to say.
type Connection = (h2::client::Connection<Gathered, Bytes>, Writer);

/// What is called.
#[derive(Clone, Debug)]
pub struct Method<Q, A> {
    /// `/service/method`.
    pub path: &'static str,
    /// The request of a call; calls are counted over all callers from 0.
    pub request: Q,
    /// Holds the message of an answer against what was expected.
    pub answer: A,
}

/// Whatever it says, the answer came.
pub fn any(_message: &[u8]) -> Result<()> {
    Ok(())
}

/// Has every caller call a method until the time is over.
pub async fn unary<M, Q, A>(
    server: &Server,
    callers: Callers,
    method: Method<Q, A>,
) -> Result<Figure>
where
    M: Message,
    Q: Fn(u64) -> Result<M> + Send + Sync + 'static,
    A: Fn(&[u8]) -> Result<()> + Send + Sync + 'static,
{
    let connections = callers.connections();
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(open(&server.address).await?);
    }
    let (method, numbers) = (Arc::new(method), Arc::new(AtomicU64::new(0)));
    figure(server, |whole| {
        let run = |(place, (connection, send)): (usize, (Connection, SendRequest<Bytes>))| {
            let (method, numbers) = (Arc::clone(&method), Arc::clone(&numbers));
            let next = move || {
                let (send, method) = (send.clone(), Arc::clone(&method));
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                async move { timed(send, &method, number).await }
            };
            let callers_here = (place..callers.callers).step_by(connections).count();
            let goes_on = move || whole.elapsed() < callers.lasting;
            tokio::spawn(run(connection, callers_here, next, goes_on))
        };
        opened.into_iter().enumerate().map(run).collect()
    })
    .await
}

async fn open(address: &str) -> Result<(Connection, SendRequest<Bytes>)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (stream, writer) = gathered(stream);
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    let (send, connection) = builder.handshake(stream).await?;
    Ok(((connection, writer), send))
}

/// Runs the callers of a connection: each begins its next call when its last one was answered. How long the
/// calls took.
async fn run<F: Future<Output = Result<Duration>>>(
    (mut connection, mut writer): Connection,
    callers: usize,
    next: impl Fn() -> F,
    goes_on: impl Fn() -> bool,
) -> Result<Vec<Duration>> {
    let (mut open, mut took) = (FuturesUnordered::new(), Vec::new());
    open.extend((0..callers).map(|_| next()));
    poll_fn(|cx| {
        loop {
            let before = took.len();
            while let Poll::Ready(Some(answered)) = open.poll_next_unpin(cx) {
                took.push(answered?);
                if goes_on() {
                    open.push(next());
                }
            }
            if open.is_empty() {
                return Poll::Ready(anyhow::Ok(()));
            }
            // What all of them ask, and what came.
            if let Poll::Ready(ended) = connection.poll_unpin(cx) {
                ended.context("the connection failed")?;
                return Poll::Ready(Err(anyhow!("the server closed the connection")));
            }
            if let Poll::Ready(error) = writer.poll_write(cx) {
                return Poll::Ready(Err(error.into()));
            }
            if took.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await?;
    Ok(took)
}

/// One call; how long it took.
async fn timed<M: Message, Q: Fn(u64) -> Result<M>, A: Fn(&[u8]) -> Result<()>>(
    send: SendRequest<Bytes>,
    method: &Method<Q, A>,
    number: u64,
) -> Result<Duration> {
    let one = Stopwatch::start();
    let message = (method.request)(number)?;
    let request = Request::post(format!("http://localhost{}", method.path))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(())?;
    let answer = answered(send, request, framed(&message)).await?;
    (method.answer)(&answer)?;
    Ok(one.elapsed())
}

/// Calls, and takes the message of the answer.
async fn answered(send: SendRequest<Bytes>, request: Request<()>, frame: Bytes) -> Result<Bytes> {
    let (answer, mut body) = send.ready().await?.send_request(request, false)?;
    body.send_data(frame, true)?;
    let (head, mut body) = answer.await?.into_parts();
    let mut message = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        message.extend_from_slice(&data);
    }
    // An answer that is nothing but an error has it in its head.
    check(&body.trailers().await?.unwrap_or(head.headers))?;
    ensure!(message.len() >= HEAD_BYTES, "an answer without a message");
    Ok(message.split_off(HEAD_BYTES).freeze())
}

/// Whether a call went well.
fn check(trailers: &HeaderMap) -> Result<()> {
    let status = trailers.get("grpc-status").context("an answer without a status")?;
    let message = trailers.get("grpc-message");
    ensure!(status == "0", "status {status:?}: {message:?}");
    Ok(())
}

/// A message as gRPC frames it.
fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(HEAD_BYTES + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).expect("a request is small"));
    message.encode_raw(&mut frame);
    frame.freeze()
}
