//! One publisher, many subscribers: at full speed, or at a rate that all keep up with.
//!
//! Full speed means that the publisher is at most a window ahead of the average subscriber; how old
//! events are then only says how large the window is, so ages are kept at a fixed rate alone.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use hansa_chassis::clock::Stopwatch;
use tokio::task::JoinSet;

use super::figure::Figure;
use super::server::Server;

/// Bytes of a payload: those of a small event.
pub const PAYLOAD: usize = 300;
/// Whoever has not seen everything so long after the last event has lost something.
const PATIENCE: Duration = Duration::from_secs(60);

/// How fast is published.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As fast as the average subscriber, who is at most so many events behind.
    Full(u64),
    /// So many events a second.
    Rate(u64),
}

/// Who is told what.
#[derive(Clone, Copy, Debug)]
pub struct Fan {
    /// How many subscribe to everything.
    pub subscribers: usize,
    /// Over how many connections.
    pub connections: usize,
    /// How fast is published.
    pub pace: Pace,
    /// For how long.
    pub lasting: Duration,
}

/// The bytes of an event: when it was published, then nothing that matters.
pub type Published = Vec<u8>;

/// What all subscribers have seen.
#[derive(Clone, Debug)]
pub struct Seen(Arc<Sight>);

#[derive(Debug)]
struct Sight {
    started: Stopwatch,
    /// Events, a counter a subscriber.
    events: Vec<AtomicU64>,
    /// How many events were how old.
    ages: Vec<AtomicU64>,
    total: AtomicU64,
}

impl Seen {
    /// Nothing yet.
    pub fn new(subscribers: usize) -> Seen {
        let counters = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        Seen(Arc::new(Sight {
            started: Stopwatch::start(),
            events: counters(subscribers),
            ages: counters(Ages::BUCKETS),
            total: AtomicU64::new(0),
        }))
    }

    /// A subscriber has received an event.
    pub fn event(&self, subscriber: usize, payload: &[u8]) {
        if let Some(stamp) = payload.first_chunk::<16>() {
            let micros = stamp.iter().fold(0u64, |micros, digit| {
                micros.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')))
            });
            let age = self.micros().saturating_sub(micros);
            self.0.ages[Ages::bucket(age)].fetch_add(1, Ordering::Relaxed);
        }
        self.count(subscriber, 1);
    }

    /// A subscriber has received so many events.
    pub fn count(&self, subscriber: usize, events: u64) {
        self.0.events[subscriber].fetch_add(events, Ordering::Relaxed);
        self.0.total.fetch_add(events, Ordering::Relaxed);
    }

    /// Microseconds since the first of all looked.
    pub fn micros(&self) -> u64 {
        u64::try_from(self.0.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Sixteen digits of a time stamp, filled up to the length of a payload.
    pub fn payload(&self) -> Published {
        let mut payload = format!("{:016}", self.micros()).into_bytes();
        payload.resize(PAYLOAD, b'x');
        payload
    }

    fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    fn least(&self) -> u64 {
        let events = self.0.events.iter().map(|events| events.load(Ordering::Relaxed));
        events.min().unwrap_or_default()
    }

    fn forget_ages(&self) {
        self.0.ages.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
    }

    /// Waits until every subscriber has seen so many events.
    async fn reaches(&self, events: u64) -> Result<()> {
        let waiting = Stopwatch::start();
        let mut turn = tokio::time::interval(Duration::from_millis(1));
        while self.least() < events {
            if waiting.elapsed() > PATIENCE {
                bail!("a subscriber saw {} of {events} events", self.least());
            }
            turn.tick().await;
        }
        Ok(())
    }
}

/// Ages in buckets that are a sixteenth wide.
struct Ages;

impl Ages {
    const BUCKETS: usize = 16 * 64;

    fn bucket(micros: u64) -> usize {
        let order = micros.max(16).ilog2();
        let fraction = (micros >> (order - 4)) & 15;
        if micros < 16 { micros as usize } else { (order as usize - 3) * 16 + fraction as usize }
    }

    /// The least age of a bucket.
    fn of(bucket: usize) -> f64 {
        match bucket {
            0..16 => bucket as f64,
            _ => (16 + bucket % 16) as f64 * f64::powi(2.0, (bucket / 16) as i32 - 1),
        }
    }

    fn at(ages: &[AtomicU64], hundredth: u64) -> Option<f64> {
        let all: u64 = ages.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum();
        let mut before = 0;
        let place = ages.iter().position(|bucket| {
            before += bucket.load(Ordering::Relaxed);
            before * 100 > all * hundredth
        });
        place.map(Ages::of)
    }
}

impl Fan {
    /// Publishes, with at most `publishers` calls at once, until the time is over and all is seen.
    pub async fn run<P, F>(
        &self,
        server: &Server,
        seen: &Seen,
        publishers: usize,
        publish: P,
    ) -> Result<Figure>
    where
        P: Fn(u64, Published) -> F,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        publish(0, seen.payload()).await?;
        seen.reaches(1).await?;
        seen.forget_ages();
        let (first, before) = (seen.total(), server.usage()?);
        let whole = Stopwatch::start();
        let published = match self.pace {
            Pace::Full(window) => self.full(window, seen, publishers, &publish).await?,
            Pace::Rate(rate) => self.at_rate(rate, seen, &publish).await?,
        };
        seen.reaches(published + 1).await?;
        let seconds = whole.elapsed().as_secs_f64();
        let mut figure = Figure::new(seen.total() - first, seconds, before, server.usage()?);
        if let Pace::Rate(_) = self.pace {
            figure.p50 = Ages::at(&seen.0.ages, 50);
            figure.p99 = Ages::at(&seen.0.ages, 99);
        }
        Ok(figure)
    }

    async fn full<P, F>(
        &self,
        window: u64,
        seen: &Seen,
        publishers: usize,
        publish: &P,
    ) -> Result<u64>
    where
        P: Fn(u64, Published) -> F,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let whole = Stopwatch::start();
        let mut calls = JoinSet::new();
        let mut published = 0;
        while whole.elapsed() < self.lasting {
            let average = seen.total() / self.subscribers as u64;
            if published + 1 - average.min(published + 1) >= window {
                tokio::time::sleep(Duration::from_micros(200)).await;
                continue;
            }
            if calls.len() >= publishers
                && let Some(call) = calls.join_next().await
            {
                call??;
            }
            published += 1;
            calls.spawn(publish(published, seen.payload()));
        }
        while let Some(call) = calls.join_next().await {
            call??;
        }
        Ok(published)
    }

    async fn at_rate<P, F>(&self, rate: u64, seen: &Seen, publish: &P) -> Result<u64>
    where
        P: Fn(u64, Published) -> F,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut turn = tokio::time::interval(Duration::from_micros(1_000_000 / rate));
        let mut calls = JoinSet::new();
        let whole = Stopwatch::start();
        let mut published = 0;
        while whole.elapsed() < self.lasting {
            turn.tick().await;
            published += 1;
            calls.spawn(publish(published, seen.payload()));
            while let Some(call) = calls.try_join_next() {
                call??;
            }
        }
        while let Some(call) = calls.join_next().await {
            call??;
        }
        Ok(published)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_stands_in_a_bucket_that_is_at_most_a_sixteenth_off() {
        for micros in [0, 1, 15, 16, 17, 31, 32, 100, 1_000, 123_456, 10_000_000_000] {
            let least = Ages::of(Ages::bucket(micros));
            assert!(least <= micros as f64, "{micros} before its bucket, {least}");
            assert!(micros as f64 <= least * 17.0 / 16.0, "{micros} after its bucket, {least}");
        }
    }

    #[test]
    fn a_payload_says_when_it_was_made() {
        let seen = Seen::new(2);
        seen.event(1, &seen.payload());
        assert_eq!((seen.total(), seen.least()), (1, 0));
        let p50 = Ages::at(&seen.0.ages, 50).unwrap_or(f64::MAX);
        assert!(p50 < 10_000_000.0, "{p50}");
    }
}
