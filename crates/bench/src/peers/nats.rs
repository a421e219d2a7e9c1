//! NATS at Hansa's work: subscribers of a subject (core), and JetStream's publishing and replay.
//!
//! Subscribers of the core are raw sinks: they walk the frames on the socket, so that what is measured is
//! the server and not a client library.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_nats::jetstream::{self, consumer, stream};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use hansa_chassis::clock::Stopwatch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::Mutex;

use super::calls::{Callers, calls};
use super::fan::{Fan, PAYLOAD, Published, Seen};
use super::figure::Figure;
use super::server::{Server, own_cpu_seconds};

/// The subject of all events.
const SUBJECT: &str = "events";

/// A connection on which everybody may do everything.
async fn connect(server: &Server) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(&server.address).await?;
    socket.set_nodelay(true)?;
    socket.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n").await?;
    Ok(socket)
}

/// A subscription each, `fan.subscribers` of them over `fan.connections`.
pub async fn core(server: &Server, fan: Fan) -> Result<Figure> {
    let seen = Seen::new(fan.subscribers);
    let mut tasks = Vec::new();
    for connection in 0..fan.connections {
        let mut socket = connect(server).await?;
        for subscriber in (connection..fan.subscribers).step_by(fan.connections) {
            socket.write_all(format!("SUB {SUBJECT} {subscriber}\r\n").as_bytes()).await?;
        }
        socket.write_all(b"PING\r\n").await?;
        let (reader, writer) = socket.into_split();
        let mut sink = Sink { reader, bytes: BytesMut::with_capacity(1 << 20) };
        sink.until_pong().await?;
        let seen = seen.clone();
        tasks.push(tokio::spawn(async move {
            let _open = writer;
            sink.deliver(&seen).await
        }));
    }
    let (_answers, writer) = connect(server).await?.into_split();
    let writer = Arc::new(Mutex::new(writer));
    let publish = move |_, payload: Published| {
        let writer = Arc::clone(&writer);
        async move {
            let mut frame = format!("PUB {SUBJECT} {}\r\n", payload.len()).into_bytes();
            frame.extend_from_slice(&payload);
            frame.extend_from_slice(b"\r\n");
            Ok(writer.lock().await.write_all(&frame).await?)
        }
    };
    let figure = fan.run(server, &seen, 1, publish).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    figure
}

struct Sink {
    reader: OwnedReadHalf,
    bytes: BytesMut,
}

impl Sink {
    /// The next line, without its end.
    async fn line(&mut self) -> Result<Bytes> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                return Ok(self.bytes.split_to(end + 1).freeze());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<()> {
        self.bytes.reserve(1 << 16);
        if self.reader.read_buf(&mut self.bytes).await? == 0 {
            bail!("the server hung up");
        }
        Ok(())
    }

    async fn until_pong(&mut self) -> Result<()> {
        while !self.line().await?.starts_with(b"PONG") {}
        Ok(())
    }

    /// `MSG subject subscription bytes`, then the payload and a line's end, for ever.
    async fn deliver(mut self, seen: &Seen) -> Result<()> {
        loop {
            let line = self.line().await?;
            let Some(rest) = line.strip_prefix(b"MSG ") else { continue };
            let text = std::str::from_utf8(rest)?;
            let mut words = text.split_whitespace().skip(1);
            let subscriber = words.next().context("no subscription")?.parse()?;
            let length: usize = words.next().context("no length")?.parse()?;
            while self.bytes.len() < length + 2 {
                self.more().await?;
            }
            seen.event(subscriber, &self.bytes[..length]);
            self.bytes.advance(length + 2);
        }
    }
}

/// A stream in files, over so many connections.
async fn jetstream(server: &Server, connections: usize) -> Result<Vec<jetstream::Context>> {
    let mut contexts = Vec::new();
    for _ in 0..connections {
        contexts.push(jetstream::new(async_nats::connect(&server.address).await?));
    }
    let config = stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec![SUBJECT.to_owned()],
        storage: stream::StorageType::File,
        ..Default::default()
    };
    contexts[0].create_stream(config).await?;
    Ok(contexts)
}

/// Publishes, each acknowledged before its caller goes on.
pub async fn publish(server: &Server, callers: Callers) -> Result<Figure> {
    let clients = jetstream(server, callers.connections()).await?;
    let payload = Bytes::from(vec![b'x'; PAYLOAD]);
    calls(server, callers, &clients, move |client| {
        let payload = payload.clone();
        async move {
            client.publish(SUBJECT, payload).await?.await?;
            Ok(())
        }
    })
    .await
}

/// Publishes `count` events over one connection with at most 1,024 not acknowledged yet.
pub async fn pipelined(server: &Server, count: u64) -> Result<Figure> {
    let client = jetstream(server, 1).await?.remove(0);
    let payload = Bytes::from(vec![b'x'; PAYLOAD]);
    let before = server.usage()?;
    let whole = Stopwatch::start();
    let mut acknowledged = futures_util::stream::iter(0..count)
        .map(|_| {
            let (client, payload) = (client.clone(), payload.clone());
            async move { anyhow::Ok(client.publish(SUBJECT, payload).await?.await?) }
        })
        .buffer_unordered(1_024);
    while let Some(answer) = acknowledged.next().await {
        answer?;
    }
    Ok(Figure::new(count, whole.elapsed().as_secs_f64(), before, server.usage()?))
}

/// Reads `count` events, published before, from the first on with an ordered consumer; over and over for
/// so long.
pub async fn replay(server: &Server, count: u64, lasting: Duration) -> Result<Figure> {
    pipelined(server, count).await?;
    let client = async_nats::connect(&server.address).await?;
    let stream = jetstream::new(client.clone()).get_stream("EVENTS").await?;
    let (before, own, whole) = (server.usage()?, own_cpu_seconds()?, Stopwatch::start());
    let mut events = 0;
    while events == 0 || whole.elapsed() < lasting {
        let deliver_subject = client.new_inbox();
        let config = consumer::push::OrderedConfig { deliver_subject, ..Default::default() };
        let mut messages = stream.create_consumer(config).await?.messages().await?;
        for _ in 0..count {
            messages.next().await.context("the consumer ended")??;
        }
        events += count;
    }
    let (seconds, own) = (whole.elapsed().as_secs_f64(), own_cpu_seconds()? - own);
    Ok(Figure::new(events, seconds, before, server.usage()?).with_client(events, own))
}
