//! Publishers: statements of about 300 bytes as events, over gRPC, each durable before it is answered; or the
//! same events, ready made, for a server that only hands them out.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use hansa_chassis::clock::{Stopwatch, now_micros};
use hansa_proto::pb::common::v1::Source;
use hansa_proto::pb::feed::v1 as pb;
use pb::statement_service_client::StatementServiceClient;
use pb::subscribe_response::Message;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::floors::http2;

/// Different subjects of events: a filter on one of them takes one event in a hundred.
pub const SUBJECTS: u64 = 100;
/// What makes the message of an event about 300 bytes long.
const TITLE: &str = "A statement of the cities of a network to those who govern their countries, on what they \
                     need to keep what they promised";
/// Bytes of a cursor.
const CURSOR_BYTES: usize = 26;
/// Calls at once, over so many connections.
const CALLS: usize = 64;
const CONNECTIONS: usize = 4;

/// The subject of an event, spread evenly and without a pattern.
pub fn subject(number: u64) -> String {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    format!("s{:02}", mixed % SUBJECTS)
}

/// A time as a subject.
pub fn stamp(micros: i64) -> String {
    format!("t{micros:x}")
}

/// The time that a subject says, in microseconds since 1970.
pub fn stamped(subject: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(subject).ok()?.strip_prefix('t')?;
    i64::from_str_radix(digits, 16).ok()
}

/// Publishes events.
#[derive(Clone)]
pub struct Publisher {
    way: Way,
    /// Events published so far.
    published: Arc<AtomicU64>,
}

/// How events get to a server.
#[derive(Clone)]
enum Way {
    /// Calls to a feed, over several connections.
    Calls(Vec<StatementServiceClient<Channel>>),
    /// As they are sent to subscribers, to a server that does nothing to them.
    ReadyMade(Arc<Mutex<UnixStream>>),
}

impl Publisher {
    /// Connects to a feed.
    pub async fn connect(address: &str) -> Result<Publisher> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
            let channel = endpoint.tcp_nodelay(true).connect().await?;
            clients.push(StatementServiceClient::new(channel));
        }
        Ok(Publisher { way: Way::Calls(clients), published: Arc::default() })
    }

    /// Connects to a server that hands out what it is given.
    pub async fn of_ready_made(socket: &Path) -> Result<Publisher> {
        let socket = Arc::new(Mutex::new(http2::publisher(socket).await?));
        Ok(Publisher { way: Way::ReadyMade(socket), published: Arc::default() })
    }

    /// Events published so far.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Publishes one event.
    pub async fn one(&self, number: u64) -> Result<()> {
        self.publish(number, subject(number)).await
    }

    /// Publishes one event whose subject is when that began.
    async fn stamped(&self, number: u64) -> Result<()> {
        self.publish(number, stamp(now_micros())).await
    }

    async fn publish(&self, number: u64, subject: String) -> Result<()> {
        let statement = statement(number, subject);
        match &self.way {
            Way::Calls(clients) => {
                let mut client = clients[number as usize % CONNECTIONS].clone();
                let statement = Some(statement.into());
                let request = pb::PublishStatementRequest { statement, ..Default::default() };
                client.publish_statement(request).await?;
            }
            Way::ReadyMade(socket) => {
                let message = http2::framed(&event(number, statement));
                socket.lock().await.write_all(&message).await?;
            }
        }
        self.published.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Publishes with all calls at once until told that it is enough, `from` being the first number. An
    /// event is begun when there is room for one more.
    pub async fn full_speed(
        &self,
        from: u64,
        room: impl Fn(u64) -> Room + Clone + Send + 'static,
    ) -> Result<()> {
        let next = Arc::new(AtomicU64::new(from));
        let mut callers = JoinSet::new();
        for _ in 0..CALLS {
            let (publisher, next, room) = (self.clone(), Arc::clone(&next), room.clone());
            callers.spawn(async move {
                loop {
                    match room(next.load(Ordering::Relaxed) - from) {
                        Room::Enough => return anyhow::Ok(()),
                        Room::Full => tokio::time::sleep(Duration::from_millis(1)).await,
                        Room::OneMore => {
                            publisher.one(next.fetch_add(1, Ordering::Relaxed)).await?;
                        }
                    }
                }
            });
        }
        while let Some(caller) = callers.join_next().await {
            caller??;
        }
        Ok(())
    }

    /// Publishes so many a second for so long; each event says when that began, and has no other subject.
    pub async fn at_rate(&self, from: u64, rate: u64, lasting: Duration) -> Result<u64> {
        let mut turn = tokio::time::interval(Duration::from_secs(1) / rate as u32);
        let (whole, mut number, mut calls) = (Stopwatch::start(), from, JoinSet::new());
        while whole.elapsed() < lasting {
            turn.tick().await;
            let publisher = self.clone();
            calls.spawn(async move { publisher.stamped(number).await });
            number += 1;
            while let Some(call) = calls.try_join_next() {
                call??;
            }
        }
        while let Some(call) = calls.join_next().await {
            call??;
        }
        Ok(number - from)
    }
}

/// Whether another event may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Yes.
    OneMore,
    /// Not now.
    Full,
    /// No more at all.
    Enough,
}

fn statement(number: u64, subject: String) -> pb::Statement {
    pb::Statement {
        name: format!("statements/s{number:09}"),
        kind: pb::StatementKind::Declaration.into(),
        title: TITLE.to_owned(),
        themes: vec![subject],
        sources: vec![Source { citation: "A source".to_owned(), ..Default::default() }],
        ..Default::default()
    }
}

/// The event of a statement, about as a feed would send it.
fn event(number: u64, statement: pb::Statement) -> pb::SubscribeResponse {
    let event = pb::Event {
        name: format!("events/{number}.0"),
        position: number,
        kind: pb::EventKind::StatementPublished.into(),
        themes: statement.themes.clone(),
        principal: "anonymous".to_owned(),
        body: Some(pb::event::Body::StatementBody(statement.into())),
        ..Default::default()
    };
    let batch = pb::Batch { events: vec![event], cursor: vec![0; CURSOR_BYTES].into() };
    pb::SubscribeResponse { message: Some(Message::Batch(batch)) }
}
