//! How fast the feed streams: live, with filters, slowly to many, to many that wait, out of the past, to
//! one that does not keep up. The feed is a process of its own with the settings of production, every event
//! durable before anybody sees it; subscribers are raw sinks, and for a replay the ordinary client too.
//!
//! | function | measures |
//! | --- | --- |
//! | [`fan_out`] | events to many subscribers at full speed, all of them or one in a hundred each |
//! | [`at_rate`] | how old events are at a rate that all keep up with |
//! | [`idle`] | what subscribers cost that wait, and how soon one event reaches all |
//! | [`replay`] | the past to one subscriber, all of it or one event in a hundred |
//! | `starts` | how long a feed with a past starts |
//! | [`slow`] | what the feed holds for one that reads an event a second |

pub mod publish;
pub mod sink;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hansa_chassis::clock::{Stopwatch, now_micros};
use hansa_proto::pb::feed::v1 as pb;
use pb::feed_service_client::FeedServiceClient;
use pb::subscribe_request::Start;
use pb::subscribe_response::Message;
use tonic::Streaming;
use tonic::transport::Endpoint;

use crate::floors;
use crate::peers::server::{Server, Usage};
use publish::{Publisher, Room, SUBJECTS, subject};
use sink::Sinks;

/// How far ahead of the average subscriber is published.
fn window(subscribers: usize) -> u64 {
    match subscribers {
        0..=10 => 8192,
        11..=100 => 2048,
        _ => 256,
    }
}

/// What one measurement came to. Absent figures do not apply.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// Events published in a second.
    pub published: Option<f64>,
    /// Events delivered in a second, to all subscribers together.
    pub delivered: Option<f64>,
    /// CPU seconds of the feed for a million deliveries; publishing is part of it.
    pub cpu_per_million: Option<f64>,
    /// CPU microseconds of the feed for an event published.
    pub cpu_per_event: Option<f64>,
    /// Age of half of the events, in milliseconds, since the feed decided them.
    pub p50: Option<f64>,
    /// Age that all but one in a hundred do not exceed.
    pub p99: Option<f64>,
    /// Whatever else there is to say.
    pub note: String,
}

/// A feed without a registry: nothing measured here needs one.
pub async fn feed(executable: &Path) -> Result<Server> {
    Server::feed_alone(executable).await
}

/// A subscription from a start, with a filter on one subject or none.
fn request(start: Start, subject: Option<(String, usize)>) -> pb::SubscribeRequest {
    let filter = subject.map(|(subject, own)| pb::Filter {
        // The second subject no event has: it makes each filter another one.
        themes: vec![subject, format!("own {own}")],
        ..Default::default()
    });
    pb::SubscribeRequest { start: Some(start), filter, ..Default::default() }
}

/// Who subscribes live.
#[derive(Clone, Copy, Debug)]
pub struct Audience {
    /// How many.
    pub subscribers: usize,
    /// Over how many connections.
    pub connections: usize,
    /// Whether each has a filter of its own that takes one event in a hundred.
    pub filtered: bool,
}

impl Audience {
    /// Opens them at the head and waits until all are live.
    fn open(self, server: &Server) -> Result<Sinks> {
        let requests = (0..self.subscribers).map(|number| {
            let subject =
                self.filtered.then(|| (format!("s{:02}", number as u64 % SUBJECTS), number));
            request(Start::End(()), subject)
        });
        let sinks = Sinks::open(&server.address, self.connections, requests)?;
        let wanted = 2 * self.subscribers as u64;
        // Opened and CaughtUp.
        sinks.seen.wait("being live", |seen| seen.others.load(Relaxed) >= wanted)?;
        Ok(sinks)
    }

    /// Deliveries that these events come to.
    fn deliveries(self, from: u64, count: u64) -> u64 {
        if !self.filtered {
            return count * self.subscribers as u64;
        }
        let mut each = vec![0; SUBJECTS as usize];
        (0..self.subscribers).for_each(|number| each[number % SUBJECTS as usize] += 1);
        let index = |number| subject(number)[1..].parse::<usize>().unwrap_or_default();
        (from..from + count).map(|number| each[index(number)]).sum()
    }

    fn name(self) -> String {
        let Audience { subscribers, connections, filtered } = self;
        let filter = if filtered { ", each a filter of its own (1 %)" } else { "" };
        format!("{subscribers} subscribers, {connections} connections{filter}")
    }
}

/// Live, at full speed for so long; `from` is the number of the first event.
pub async fn fan_out(
    server: &Server,
    publisher: &Publisher,
    audience: Audience,
    from: u64,
    lasting: Duration,
) -> Result<Figure> {
    let sinks = if audience.subscribers > 0 { Some(audience.open(server)?) } else { None };
    let (before, whole, first) = (server.usage()?, Stopwatch::start(), publisher.published());
    let (seen, window) =
        (sinks.as_ref().map(|it| Arc::clone(&it.seen)), window(audience.subscribers));
    let share = if audience.filtered { SUBJECTS } else { 1 };
    let average = move || {
        let seen = seen.as_ref().map(|seen| seen.events.load(Relaxed) * share);
        seen.map(|seen| seen / audience.subscribers as u64)
    };
    publisher
        .full_speed(from, move |begun| match average() {
            _ if whole.elapsed() > lasting => Room::Enough,
            Some(average) if begun >= average + window => Room::Full,
            _ => Room::OneMore,
        })
        .await?;
    let published = publisher.published() - first;
    let wanted = audience.deliveries(from, published);
    if let Some(sinks) = &sinks {
        sinks.seen.wait("the last delivery", |seen| seen.events.load(Relaxed) >= wanted)?;
    }
    let (took, cpu) = (whole.elapsed().as_secs_f64(), cpu(server, before)?);
    let bytes = sinks.as_ref().map_or(0, |it| it.seen.bytes.load(Relaxed));
    let fell_behind = sinks.as_ref().map_or(0, |it| it.seen.others.load(Relaxed));
    let note = format!(
        "{} bytes an event; {} other messages",
        bytes / wanted.max(1),
        fell_behind.saturating_sub(2 * audience.subscribers as u64)
    );
    if let Some(sinks) = sinks {
        anyhow::ensure!(sinks.seen.events.load(Relaxed) == wanted, "something came twice");
        sinks.close();
    }
    Ok(Figure {
        what: format!("live, full speed: {}", audience.name()),
        published: Some(published as f64 / took),
        delivered: (wanted > 0).then(|| wanted as f64 / took),
        cpu_per_million: (wanted > 0).then(|| cpu * 1e6 / wanted as f64),
        cpu_per_event: Some(cpu * 1e6 / published as f64),
        note,
        ..Figure::default()
    })
}

/// Live, at a rate that all keep up with.
pub async fn at_rate(
    server: &Server,
    publisher: &Publisher,
    audience: Audience,
    (from, rate): (u64, u64),
    lasting: Duration,
) -> Result<Figure> {
    let sinks = audience.open(server)?;
    let first = publisher.at_rate(from, rate, Duration::from_millis(300)).await?;
    let wanted = audience.deliveries(from, first);
    sinks.seen.wait("the first deliveries", |seen| seen.events.load(Relaxed) >= wanted)?;
    sinks.seen.note_ages();
    let (before, whole) = (server.usage()?, Stopwatch::start());
    let published = publisher.at_rate(from + first, rate, lasting).await?;
    let all = audience.deliveries(from, first + published);
    sinks.seen.wait("the last delivery", |seen| seen.events.load(Relaxed) >= all)?;
    let (took, cpu, wanted) = (whole.elapsed().as_secs_f64(), cpu(server, before)?, all - wanted);
    let figure = Figure {
        what: format!("live, {rate} events a second: {}", audience.name()),
        published: Some(published as f64 / took),
        delivered: Some(wanted as f64 / took),
        cpu_per_million: Some(cpu * 1e6 / wanted as f64),
        cpu_per_event: Some(cpu * 1e6 / published as f64),
        p50: Some(sinks.seen.age(500)),
        p99: Some(sinks.seen.age(990)),
        note: "ages since the call that published began, the sync included".to_owned(),
    };
    sinks.close();
    Ok(figure)
}

/// Subscribers that wait, for so long; then one event to all of them.
pub async fn idle(
    server: &Server,
    publisher: &Publisher,
    audience: Audience,
    (from, lasting): (u64, Duration),
) -> Result<Figure> {
    publisher.one(from).await?;
    let without = server.usage()?;
    let opening = Stopwatch::start();
    let sinks = audience.open(server)?;
    let opened = opening.elapsed();
    let before = server.usage()?;
    let signs = sinks.seen.others.load(Relaxed);
    tokio::time::sleep(lasting).await;
    let cpu = cpu(server, before)?;
    let (with, signs) = (server.usage()?, sinks.seen.others.load(Relaxed) - signs);
    let published_at = now_micros();
    publisher.one(from + 1).await?;
    let wanted = audience.subscribers as u64;
    sinks.seen.wait("the event", |seen| seen.events.load(Relaxed) >= wanted)?;
    let reached = (sinks.seen.last_at.load(Relaxed) - published_at) as f64 / 1e3;
    sinks.close();
    let each = with.resident.saturating_sub(without.resident) as f64 / 1024.0 / wanted as f64;
    Ok(Figure {
        what: format!("idle: {}", audience.name()),
        note: format!(
            "{each:.2} KiB each, {:.4} cores idle with {signs} signs of life in {lasting:?}, all open \
             in {opened:.1?}, one event reached all in {reached:.1} ms",
            cpu / lasting.as_secs_f64()
        ),
        ..Figure::default()
    })
}

/// Fills a feed with so many events.
pub async fn fill(publisher: &Publisher, count: u64) -> Result<()> {
    let room = move |begun| if begun < count { Room::OneMore } else { Room::Enough };
    publisher.full_speed(1, room).await
}

/// Who reads the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A raw sink.
    Raw,
    /// The client generated by tonic, which decodes every event.
    Tonic,
}

/// The past to one subscriber.
pub async fn replay(server: &Server, client: Client, filtered: bool) -> Result<Figure> {
    let (before, whole) = (server.usage()?, Stopwatch::start());
    let events = replay_once(server, client, filtered).await?;
    let (took, cpu) = (whole.elapsed().as_secs_f64(), cpu(server, before)?);
    let share = if filtered { ", one event in a hundred" } else { "" };
    let mut note = format!("{events} events in {:.1} ms", took * 1e3);
    if filtered {
        // Right after, so that the files are as much in memory.
        let alone = floors::preads(&server.data().join("journal"), events)?;
        note += &format!("; floor: one pread a match, {:.1} ms", alone.as_secs_f64() * 1e3);
    }
    Ok(Figure {
        what: format!("replay to one{share}: {client:?}").to_lowercase(),
        delivered: Some(events as f64 / took),
        cpu_per_million: Some(cpu * 1e6 / events as f64),
        note,
        ..Figure::default()
    })
}

/// Has one subscriber read the past; how many events it was.
pub async fn replay_once(server: &Server, client: Client, filtered: bool) -> Result<u64> {
    let subject = filtered.then(|| ("s07".to_owned(), 0));
    let request =
        pb::SubscribeRequest { stop_at_head: true, ..request(Start::Beginning(()), subject) };
    match client {
        Client::Raw => {
            let sinks = Sinks::open(&server.address, 1, std::iter::once(request))?;
            sinks.seen.wait("the end", |seen| seen.ended.load(Relaxed) > 0)?;
            let events = sinks.seen.events.load(Relaxed);
            sinks.close();
            Ok(events)
        }
        Client::Tonic => read_all(&server.address, request).await,
    }
}

/// The first batch there is, as the ordinary client has it.
pub async fn first_batch(address: &str) -> Result<pb::Batch> {
    let mut stream = subscribe(address, request(Start::Beginning(()), None)).await?;
    while let Some(response) = stream.message().await? {
        if let Some(Message::Batch(batch)) = response.message {
            return Ok(batch);
        }
    }
    anyhow::bail!("the stream ended before its first batch")
}

async fn subscribe(
    address: &str,
    request: pb::SubscribeRequest,
) -> Result<Streaming<pb::SubscribeResponse>> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let mut client = FeedServiceClient::new(endpoint.tcp_nodelay(true).connect().await?);
    Ok(client.subscribe(request).await?.into_inner())
}

async fn read_all(address: &str, request: pb::SubscribeRequest) -> Result<u64> {
    let mut stream = subscribe(address, request).await?;
    let mut events = 0;
    while let Some(response) = stream.message().await? {
        if let Some(Message::Batch(batch)) = response.message {
            events += batch.events.len() as u64;
        }
    }
    Ok(events)
}

/// How long a feed that has so many commits starts, until it serves.
async fn starts(mut server: Server, executable: &Path, events: u64) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (keep_view, view) in [(true, "present"), (true, "present"), (false, "absent")] {
        let (again, took) = server.feed_again(executable, keep_view).await?;
        server = again;
        figures.push(Figure {
            what: format!("start with {events} commits, view {view}"),
            note: format!("serves after {:.2} s", took.as_secs_f64()),
            ..Figure::default()
        });
    }
    Ok(figures)
}

/// One that reads an event a second while so many are published: what the feed holds for it.
pub async fn slow(server: &Server, publisher: &Publisher, from: u64, count: u64) -> Result<Figure> {
    let mut stream = subscribe(&server.address, request(Start::End(()), None)).await?;
    let reading = tokio::spawn(async move {
        let mut turn = tokio::time::interval(Duration::from_secs(1));
        let mut read = 0;
        while let Ok(Some(_)) = stream.message().await {
            read += 1;
            turn.tick().await;
        }
        read
    });
    // What is kept for everybody, the recent commits and the view's cache, is there after some events.
    let some = count / 4;
    let room = |count| move |begun| if begun < count { Room::OneMore } else { Room::Enough };
    publisher.full_speed(from, room(some)).await?;
    let before = server.usage()?;
    publisher.full_speed(from + some + 1000, room(count - some)).await?;
    let after = server.usage()?;
    reading.abort();
    let more = (after.resident as f64 - before.resident as f64) / 1024.0 / 1024.0;
    let _: Result<i32, _> = reading.await;
    Ok(Figure {
        what: "one that reads an event a second".to_owned(),
        note: format!(
            "{count} events; {:.0} MiB resident after a quarter of them, {more:+.1} MiB after all",
            before.resident as f64 / 1024.0 / 1024.0
        ),
        ..Figure::default()
    })
}

fn cpu(server: &Server, before: Usage) -> Result<f64> {
    Ok(server.usage().context("the feed is gone")?.cpu - before.cpu)
}

/// Figures in Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut text =
        "| work | published/s | delivered/s | CPU s/M deliveries | CPU µs/event | p50 ms \
                    | p99 ms | |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
            .to_owned();
    for figure in figures {
        let whole = |value: Option<f64>| value.map_or_else(String::new, |it| format!("{it:.0}"));
        let parts = |value: Option<f64>| value.map_or_else(String::new, |it| format!("{it:.2}"));
        let Figure { what, published, delivered, cpu_per_million, .. } = figure;
        text += &format!(
            "| {what} | {} | {} | {} | {} | {} | {} | {} |\n",
            whole(*published),
            whole(*delivered),
            cpu_per_million.map_or_else(String::new, |it| format!("{it:.3}")),
            parts(figure.cpu_per_event),
            parts(figure.p50),
            parts(figure.p99),
            figure.note,
        );
    }
    text
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Row {
    /// Publishing alone, without subscribers.
    Publish,
    /// 1, 10, 100, 1,000 and 10,000 subscribers at full speed.
    FanOut,
    /// 1,000 subscribers, each with its own filter, at full speed.
    Filtered,
    /// 200 events a second to 1,000 subscribers.
    Rate,
    /// 10,000 subscribers that wait.
    Idle,
    /// The past to one subscriber.
    Replay,
    /// Starts with what is stored, with its view and without.
    Start,
    /// One that reads an event a second.
    Slow,
}

/// Measures rows, each on a feed of its own.
pub async fn measure(
    executable: &Path,
    rows: &[Row],
    lasting: Duration,
    events: u64,
) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for row in rows {
        let server = feed(executable).await?;
        let publisher = Publisher::connect(&server.address).await?;
        publisher.one(0).await?;
        figures.extend(one_row(&server, &publisher, *row, lasting, events).await?);
        if *row == Row::Start {
            drop(publisher);
            figures.extend(starts(server, executable, events).await?);
        }
    }
    Ok(figures)
}

async fn one_row(
    server: &Server,
    publisher: &Publisher,
    row: Row,
    lasting: Duration,
    events: u64,
) -> Result<Vec<Figure>> {
    let audience = |subscribers: usize, connections: usize, filtered| Audience {
        subscribers,
        connections: connections.min(subscribers.max(1)),
        filtered,
    };
    let mut figures = Vec::new();
    let mut from = 1;
    match row {
        Row::Publish | Row::FanOut | Row::Filtered => {
            let audiences = match row {
                Row::Publish => vec![audience(0, 1, false)],
                Row::Filtered => vec![audience(1000, 10, true)],
                _ => [(1, 1), (10, 10), (100, 10), (1000, 10), (10_000, 100)]
                    .map(|(subscribers, connections)| audience(subscribers, connections, false))
                    .to_vec(),
            };
            for audience in audiences {
                from += publisher.published() + 1;
                figures.push(fan_out(server, publisher, audience, from, lasting).await?);
            }
        }
        Row::Rate => {
            let audience = audience(1000, 10, false);
            figures.push(at_rate(server, publisher, audience, (from, 200), lasting).await?);
        }
        Row::Idle => {
            let audience = audience(10_000, 100, false);
            let lasting = lasting.max(Duration::from_secs(20));
            figures.push(idle(server, publisher, audience, (from, lasting)).await?);
        }
        Row::Replay => {
            fill(publisher, events).await?;
            for (client, filtered) in [
                (Client::Raw, false),
                (Client::Raw, false),
                (Client::Tonic, false),
                (Client::Raw, true),
                (Client::Raw, true),
                (Client::Tonic, true),
            ] {
                figures.push(replay(server, client, filtered).await?);
            }
        }
        Row::Start => fill(publisher, events).await?,
        Row::Slow => figures.push(slow(server, publisher, from, events).await?),
    }
    Ok(figures)
}
