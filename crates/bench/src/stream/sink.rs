//! Raw sinks: subscribers that take what comes off the socket, walk its frames, count every event and
//! note its age, and decode nothing. One thread for each connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hansa_chassis::clock::{Stopwatch, now_micros};
use hansa_proto::pb::feed::v1 as pb;
use prost::Message as _;

use super::publish::stamped;
use crate::wire::{self, Visit, Walk};

const SUBSCRIBE: &str = "/hansa.feed.v1.FeedService/Subscribe";
/// Read at once.
const READ_BYTES: usize = 256 * 1024;
/// Ages up to this many steps of a hundredth of a millisecond are told apart.
const AGES: usize = 100_000;
/// The largest window.
const WINDOW: u32 = (1 << 31) - 1;
/// Calls that may wait at once for their answer to begin.
const CALLS_WAITING: u64 = 200;
/// Nothing is waited for longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// What all sinks have seen together.
#[derive(Debug)]
pub struct Seen {
    /// Events.
    pub events: AtomicU64,
    /// Bytes of their messages.
    pub bytes: AtomicU64,
    /// Messages that are no events: Opened, CaughtUp, Progress and the like.
    pub others: AtomicU64,
    /// Streams that ended.
    pub ended: AtomicU64,
    /// When the last event came, in microseconds since 1970.
    pub last_at: AtomicI64,
    ages: Vec<AtomicU64>,
    noting_ages: AtomicBool,
    stopped: AtomicBool,
}

impl Seen {
    fn new() -> Arc<Seen> {
        Arc::new(Seen {
            events: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            others: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            last_at: AtomicI64::new(0),
            ages: (0..AGES).map(|_| AtomicU64::new(0)).collect(),
            noting_ages: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        })
    }

    /// From now on the age of each event that says when it was published is noted.
    pub fn note_ages(&self) {
        self.noting_ages.store(true, Ordering::Relaxed);
    }

    /// The age in milliseconds that so many of a thousand events do not exceed.
    pub fn age(&self, of_a_thousand: u64) -> f64 {
        let counts: Vec<u64> = self.ages.iter().map(|age| age.load(Ordering::Relaxed)).collect();
        let wanted = counts.iter().sum::<u64>() * of_a_thousand / 1000;
        let mut so_far = 0;
        let step = counts.iter().position(|count| {
            so_far += count;
            so_far > wanted
        });
        step.unwrap_or_default() as f64 / 100.0
    }

    /// Waits until something holds of what was seen.
    pub fn wait(&self, what: &str, holds: impl Fn(&Seen) -> bool) -> Result<()> {
        let waiting = Stopwatch::start();
        while !holds(self) {
            if waiting.elapsed() > PATIENCE {
                let events = self.events.load(Ordering::Relaxed);
                bail!("{what} was waited for too long; {events} events were seen");
            }
            std::thread::park_timeout(Duration::from_micros(200));
        }
        Ok(())
    }
}

/// Sinks that run.
pub struct Sinks {
    /// What they see.
    pub seen: Arc<Seen>,
    sockets: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
}

impl Sinks {
    /// Opens a stream for each request, in turn over so many connections.
    pub fn open(
        address: &str,
        connections: usize,
        requests: impl Iterator<Item = pb::SubscribeRequest>,
    ) -> Result<Sinks> {
        Sinks::open_with(address, connections, requests, WINDOW)
    }

    /// The same, with a window for each stream.
    pub fn open_with(
        address: &str,
        connections: usize,
        requests: impl Iterator<Item = pb::SubscribeRequest>,
        window: u32,
    ) -> Result<Sinks> {
        let mut opening: Vec<(Vec<u8>, usize)> = Vec::new();
        for _ in 0..connections {
            let mut bytes = Vec::new();
            wire::open(&mut bytes, window);
            opening.push((bytes, 0));
        }
        for (number, request) in requests.enumerate() {
            let (bytes, streams) = &mut opening[number % connections];
            let id = 2 * *streams as u32 + 1;
            wire::call(bytes, id, &wire::head(SUBSCRIBE, false), &request.encode_to_vec());
            *streams += 1;
        }
        let seen = Seen::new();
        let (mut sockets, mut threads, mut opened) = (Vec::new(), Vec::new(), 0);
        for (bytes, streams) in opening {
            let socket = TcpStream::connect(address).context("the feed is not reachable")?;
            socket.set_nodelay(true)?;
            sockets.push(socket.try_clone()?);
            let sink = Sink { seen: Arc::clone(&seen), events: 0, bytes: 0 };
            let walk = Walk::new(streams, window);
            threads.push(std::thread::spawn(move || run(socket, &bytes, walk, sink)));
            // So many calls may wait for their answer; Opened is the first message of each.
            opened += streams as u64;
            let most = CALLS_WAITING;
            seen.wait("Opened", |seen| seen.others.load(Ordering::Relaxed) + most >= opened)?;
        }
        Ok(Sinks { seen, sockets, threads })
    }

    /// Ends them all.
    pub fn close(self) {
        self.seen.stopped.store(true, Ordering::Relaxed);
        for socket in &self.sockets {
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn run(mut socket: TcpStream, opening: &[u8], mut walk: Walk, mut sink: Sink) {
    if socket.write_all(opening).is_err() {
        return;
    }
    let mut buffer = vec![0; READ_BYTES];
    let mut answer = Vec::new();
    while let Ok(count @ 1..) = socket.read(&mut buffer) {
        walk.read(&buffer[..count], &mut answer, &mut sink);
        sink.tell();
        if !answer.is_empty() && socket.write_all(&answer).is_err() {
            return;
        }
        answer.clear();
        if sink.seen.stopped.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// What one connection has seen since it last told.
struct Sink {
    seen: Arc<Seen>,
    events: u64,
    bytes: u64,
}

impl Sink {
    fn tell(&mut self) {
        if self.events > 0 {
            self.seen.events.fetch_add(self.events, Ordering::Relaxed);
            self.seen.bytes.fetch_add(self.bytes, Ordering::Relaxed);
            self.seen.last_at.fetch_max(now_micros(), Ordering::Relaxed);
            (self.events, self.bytes) = (0, 0);
        }
    }
}

impl Visit for Sink {
    fn message(&mut self, _: usize, start: &[u8], length: usize) {
        // The tag of a batch.
        if start.first() != Some(&0x12) {
            self.seen.others.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.events += 1;
        self.bytes += length as u64;
        if self.seen.noting_ages.load(Ordering::Relaxed)
            && let Some(published_at) = wire::subject(start).and_then(stamped)
        {
            let age = usize::try_from((now_micros() - published_at) / 10).unwrap_or_default();
            self.seen.ages[age.min(AGES - 1)].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn ended(&mut self, _: usize) {
        self.seen.ended.fetch_add(1, Ordering::Relaxed);
    }
}
