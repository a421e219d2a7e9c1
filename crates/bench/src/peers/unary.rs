//! Unary calls of gRPC in frames of HTTP/2, the same for all servers: caller and server share the processors,
//! so that what a caller takes of them would be measured as if the server were slow. One thread runs the calls
//! of a connection; what several of its callers have to say goes out in one write. Headers are not decoded:
//! a call went well that was answered by a message.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hansa_chassis::clock::Stopwatch;
use prost::Message;
use tokio::task::spawn_blocking;

use super::calls::{Callers, figure};
use super::figure::Figure;
use super::server::Server;
use crate::wire::{self, Frame};

/// Before a message: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;
/// More than an answer has.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// A request has less: the least that a server takes in a frame.
const REQUEST_BYTES_MOST: usize = 16 * 1024;
/// Read at once.
const READ_BYTES: usize = 64 * 1024;
/// Nothing is waited for longer.
const PATIENCE: Duration = Duration::from_secs(60);

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
        opened.push(Connection::open(&server.address, method.path)?);
    }
    let (method, numbers) = (Arc::new(method), Arc::new(AtomicU64::new(0)));
    figure(server, |whole| {
        let run = |(place, connection): (usize, Connection)| {
            let (method, numbers) = (Arc::clone(&method), Arc::clone(&numbers));
            let callers_here = (place..callers.callers).step_by(connections).count();
            spawn_blocking(move || {
                let next = || {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let goes_on = whole.elapsed() < callers.lasting;
                    goes_on.then(|| (method.request)(number)).transpose()
                };
                connection.run(callers_here, next, &method.answer)
            })
        };
        opened.into_iter().enumerate().map(run).collect()
    })
    .await
}

/// A connection and the calls that are open on it.
struct Connection {
    socket: TcpStream,
    /// Headers of the next call.
    head: Vec<u8>,
    stream: u32,
    /// Bytes of requests that the server takes before it says that it takes more.
    room: usize,
    /// Bytes of answers that the server was not yet told are read.
    unread: u32,
    open: Vec<Call>,
    /// What is to be said.
    out: Vec<u8>,
    took: Vec<Duration>,
}

/// A call that waits for its answer.
struct Call {
    stream: u32,
    since: Stopwatch,
    answer: Vec<u8>,
}

impl Connection {
    fn open(address: &str, path: &str) -> Result<Connection> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut out = Vec::new();
        wire::open(&mut out, WINDOW_BYTES);
        Ok(Connection {
            socket,
            head: wire::head(path, true),
            stream: 1,
            room: wire::WINDOW_FIRST as usize,
            unread: 0,
            open: Vec::new(),
            out,
            took: Vec::new(),
        })
    }

    /// Each caller begins its next call when its last one was answered, as long as there is one. How long
    /// the calls took.
    fn run<M: Message>(
        mut self,
        callers: usize,
        next: impl Fn() -> Result<Option<M>>,
        holds: &impl Fn(&[u8]) -> Result<()>,
    ) -> Result<Vec<Duration>> {
        let (mut buffer, mut there, mut over) = (vec![0; READ_BYTES], 0, false);
        loop {
            while !over && self.open.len() < callers && self.room >= REQUEST_BYTES_MOST {
                match next()? {
                    Some(message) => self.call(&message)?,
                    None => over = true,
                }
            }
            if over && self.open.is_empty() {
                return Ok(self.took);
            }
            self.socket.write_all(&self.out)?;
            self.out.clear();
            let count = self.socket.read(&mut buffer[there..]).context("no answer comes")?;
            ensure!(count > 0, "the server closed the connection");
            there += count;
            let mut bytes = &buffer[..there];
            while let Some((frame, rest)) = wire::first_frame(bytes) {
                self.take(frame, holds)?;
                bytes = rest;
            }
            let rest = bytes.len();
            buffer.copy_within(there - rest..there, 0);
            there = rest;
            ensure!(there < READ_BYTES, "a frame larger than an answer");
        }
    }

    fn call(&mut self, message: &impl Message) -> Result<()> {
        let since = Stopwatch::start();
        let message = message.encode_to_vec();
        ensure!(message.len() + HEAD_BYTES <= REQUEST_BYTES_MOST, "a request is too large");
        wire::call(&mut self.out, self.stream, &self.head, &message);
        self.head.clear();
        self.head.extend_from_slice(&wire::HEAD_AGAIN);
        self.room -= message.len() + HEAD_BYTES;
        self.open.push(Call { stream: self.stream, since, answer: Vec::new() });
        self.stream += 2;
        Ok(())
    }

    fn take(&mut self, frame: Frame<'_>, holds: &impl Fn(&[u8]) -> Result<()>) -> Result<()> {
        let Frame { kind, flags, stream, payload } = frame;
        match kind {
            wire::DATA => {
                self.read(payload.len());
                self.answered(stream)?.answer.extend_from_slice(payload);
            }
            wire::HEADERS if flags & wire::END_STREAM != 0 => {
                let answered = self.answered(stream)?;
                let message = answered.answer.get(HEAD_BYTES..);
                holds(message.context("a call was answered by an error")?)?;
                let took = answered.since.elapsed();
                self.took.push(took);
                self.open.retain(|call| call.stream != stream);
            }
            wire::SETTINGS if flags & wire::ACK == 0 => {
                wire::frame(&mut self.out, wire::SETTINGS, wire::ACK, 0, &[]);
            }
            wire::PING if flags & wire::ACK == 0 => {
                wire::frame(&mut self.out, wire::PING, wire::ACK, 0, payload);
            }
            wire::WINDOW_UPDATE if stream == 0 => {
                let more = payload.first_chunk().context("a window without a size")?;
                self.room += u32::from_be_bytes(*more) as usize;
            }
            wire::RST_STREAM => bail!("the server reset a call"),
            wire::GOAWAY => bail!("the server ends the connection"),
            _ => {}
        }
        Ok(())
    }

    fn answered(&mut self, stream: u32) -> Result<&mut Call> {
        let call = self.open.iter_mut().find(|call| call.stream == stream);
        call.context("an answer to nothing")
    }

    fn read(&mut self, bytes: usize) {
        self.unread += bytes as u32;
        if self.unread >= wire::WINDOW_STEP {
            wire::window(&mut self.out, 0, std::mem::take(&mut self.unread));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Response};
    use tonic_health::pb::HealthCheckRequest;

    use super::*;

    /// A server of h2 that answers so many calls with what they asked for, and the next with an error.
    async fn server(calls: usize) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let mut seen = Vec::new();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let status = if seen.len() < calls { "0" } else { "5" };
                let trailers = HeaderMap::from_iter([(
                    "grpc-status".parse().unwrap(),
                    HeaderValue::from_static(status),
                )]);
                let fields = request.headers();
                seen.push(format!(
                    "{} {:?} {:?}",
                    request.uri(),
                    fields["content-type"],
                    fields["te"]
                ));
                if status == "0" {
                    let mut body = respond.send_response(Response::new(()), false).unwrap();
                    body.send_data(Bytes::from_static(&[0, 0, 0, 0, 2, 8, 1]), false).unwrap();
                    body.send_trailers(trailers).unwrap();
                } else {
                    let mut refused = Response::new(());
                    *refused.headers_mut() = trailers;
                    respond.send_response(refused, true).unwrap();
                }
            }
            seen
        });
        (address, served)
    }

    fn run(address: &str, calls: usize) -> Result<Vec<Duration>> {
        let left = std::cell::Cell::new(calls);
        let next = || {
            let is_left = left.get() > 0;
            left.set(left.get().saturating_sub(1));
            Ok(is_left.then(HealthCheckRequest::default))
        };
        let holds = |message: &[u8]| {
            ensure!(message == [8, 1], "was {message:?}");
            Ok(())
        };
        Connection::open(address, "/a.B/C")?.run(16, next, &holds)
    }

    #[tokio::test]
    async fn every_call_says_the_same_and_is_answered_once() {
        let (address, served) = server(1_000).await;
        let took = spawn_blocking(move || run(&address, 1_000)).await.unwrap().unwrap();
        let seen = served.await.unwrap();
        assert_eq!((took.len(), seen.len()), (1_000, 1_000));
        let expected = r#"http://127.0.0.1/a.B/C "application/grpc" "trailers""#;
        assert!(seen.iter().all(|call| call == expected), "{:?}", seen.first());
    }

    #[tokio::test]
    async fn an_answer_that_is_an_error_is_one() {
        let (address, _served) = server(20).await;
        let error = spawn_blocking(move || run(&address, 21)).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "a call was answered by an error");
    }
}
