//! Hansa beside etcd and NATS: the same work, in one run, on one machine, each a process of its own.
//!
//! Absolute figures of a shared machine mean little; the contenders of a work take turns, run after run,
//! so that ratios do. A peer that cannot do a work, or does not keep up with it, is named with the reason.
//! What lies below Hansa takes its turn too ([`crate::floors`]), so that a goal beyond it is known for one.

pub mod calls;
pub mod etcd;
pub mod fan;
pub mod feed;
pub mod figure;
pub mod goals;
pub mod hansa;
pub mod nats;
pub mod server;
pub mod unary;

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use calls::Callers;
use fan::{Fan, Pace};
use figure::Figure;
use server::{Executables, Server};

use crate::floors;
use crate::stream::Client;
use crate::stream::publish::Publisher;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Runs of each contender.
    pub runs: usize,
    /// How long a run lasts that ends by time.
    pub lasting: Duration,
    /// How many events or rows a run takes that ends by number.
    pub count: u64,
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Effort { runs, lasting, count } = self;
        write!(
            f,
            "- {runs} runs each, in turns, of {lasting:?} or {count} events or rows; payloads of {} bytes; \
             server CPU and RSS from /proc; median [least..most]",
            fan::PAYLOAD
        )
    }
}

/// Something to do, which several contenders can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Work {
    /// Durable writes, 64 callers.
    Write,
    /// Durable writes, one caller.
    WriteAlone,
    /// Reads of one thing, 64 callers.
    Read,
    /// Many writes, none waited for by itself.
    Bulk,
    /// Events to 1,000 subscribers at full speed.
    FanOut,
    /// 200 events a second to 1,000 subscribers.
    SlowFanOut,
    /// Stored events to one subscriber.
    Replay,
}

/// Several runs of one contender at one work.
#[derive(Clone, Debug)]
pub struct Runs {
    work: Work,
    contender: Contender,
    /// Each run, in the order in which all took turns; none where it failed.
    pub figures: Vec<Option<Figure>>,
}

impl Runs {
    fn of(work: Work, contender: Contender) -> Runs {
        Runs { work, contender, figures: Vec::new() }
    }

    /// What is measured.
    pub fn what(&self) -> &'static str {
        self.work.title()
    }

    /// Who.
    pub fn who(&self) -> &'static str {
        self.contender.title(self.work)
    }
}

/// Who can do some work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contender {
    Etcd,
    Nats,
    NatsAlways,
    HansaJoin,
    HansaFollowed,
    HansaStatement,
    HansaMembership,
    HansaImport,
    HansaFeed,
    HansaRaw,
    /// [`floors::calls_of_nothing`].
    FloorCall,
    /// [`floors::syncs`].
    FloorSync,
    /// [`floors::http2`].
    FloorHttp2,
    /// [`floors::decoding`].
    FloorDecoding,
    /// [`floors::copying`].
    FloorCopying,
}

impl Work {
    /// All of it, in the order of the table.
    pub const ALL: [Work; 7] = [
        Work::Write,
        Work::WriteAlone,
        Work::Read,
        Work::Bulk,
        Work::FanOut,
        Work::SlowFanOut,
        Work::Replay,
    ];

    fn title(self) -> &'static str {
        match self {
            Work::Write => "durable write, 64 callers",
            Work::WriteAlone => "durable write, one caller",
            Work::Read => "point read, 64 callers",
            Work::Bulk => "bulk",
            Work::FanOut => "fan-out to 1,000 on 10 connections, full speed",
            Work::SlowFanOut => "200 events/s to 1,000 on 10 connections",
            Work::Replay => "replay",
        }
    }

    fn contenders(self) -> &'static [Contender] {
        use Contender::{
            Etcd, FloorCall, FloorCopying, FloorDecoding, FloorHttp2, FloorSync, HansaFeed,
            HansaFollowed, HansaImport, HansaJoin, HansaMembership, HansaRaw, HansaStatement, Nats,
            NatsAlways,
        };
        match self {
            Work::Write | Work::WriteAlone => {
                &[Etcd, NatsAlways, HansaJoin, HansaFollowed, HansaStatement, FloorCall, FloorSync]
            }
            Work::Read => &[Etcd, HansaMembership],
            Work::Bulk => &[NatsAlways, Nats, HansaImport],
            Work::FanOut | Work::SlowFanOut => &[Etcd, Nats, HansaFeed, FloorHttp2],
            Work::Replay => &[Nats, HansaFeed, HansaRaw, FloorDecoding, FloorCopying],
        }
    }

    fn fan(self, effort: Effort) -> Fan {
        let pace = if self == Work::SlowFanOut { Pace::Rate(200) } else { Pace::Full(256) };
        Fan { subscribers: 1_000, connections: 10, pace, lasting: effort.lasting }
    }
}

impl Contender {
    fn title(self, work: Work) -> &'static str {
        match (self, work) {
            (Contender::Etcd, Work::Read) => "etcd, serializable get",
            (Contender::Etcd, Work::FanOut | Work::SlowFanOut) => "etcd, a watch stream each",
            (Contender::Etcd, _) => "etcd put",
            (Contender::Nats, Work::FanOut | Work::SlowFanOut) => {
                "NATS core (not stored), raw sinks"
            }
            (Contender::Nats, Work::Replay) => "JetStream, ordered consumer",
            (Contender::Nats, _) => "JetStream, default sync (not durable)",
            (Contender::NatsAlways, _) => "JetStream, sync always",
            (Contender::HansaJoin, _) => "Hansa, join",
            (Contender::HansaFollowed, _) => "Hansa, join, the feed following",
            (Contender::HansaStatement, _) => "Hansa, statement",
            (Contender::HansaMembership, _) => "Hansa, membership",
            (Contender::HansaFeed, Work::Replay) => "Hansa, client of tonic",
            (Contender::HansaFeed | Contender::HansaRaw, _) => "Hansa (stored), raw sinks",
            (Contender::HansaImport, _) => "Hansa, import of memberships",
            (Contender::FloorCall, _) => "floor: a call that does nothing",
            (Contender::FloorSync, _) => "floor: write and fdatasync",
            (Contender::FloorHttp2, _) => "floor: HTTP/2 alone",
            (Contender::FloorDecoding, _) => "floor: decoding alone, client's CPU",
            (Contender::FloorCopying, _) => "floor: from a file into a socket",
        }
    }

    /// What is missing.
    fn missing(self, executables: &Executables) -> Option<&'static str> {
        match self {
            Contender::Etcd if executables.etcd.is_none() => Some("etcd is not installed"),
            Contender::Nats | Contender::NatsAlways if executables.nats.is_none() => {
                Some("nats-server is not installed")
            }
            Contender::NatsAlways if !executables.nats_syncs => {
                Some("this nats-server knows no `sync_interval: always`")
            }
            Contender::HansaFeed
            | Contender::HansaRaw
            | Contender::HansaFollowed
            | Contender::HansaStatement
            | Contender::FloorDecoding
            | Contender::FloorCopying
                if !executables.feed.is_file() =>
            {
                Some("feed-service is not beside this program")
            }
            Contender::HansaJoin
            | Contender::HansaFollowed
            | Contender::HansaStatement
            | Contender::HansaMembership
            | Contender::HansaImport
            | Contender::FloorCall
                if !executables.registry.is_file() =>
            {
                Some("registry-service is not beside this program")
            }
            _ => None,
        }
    }

    fn is_peer(self) -> bool {
        matches!(self, Contender::Etcd | Contender::Nats | Contender::NatsAlways)
    }

    /// One run, on servers and data of its own.
    async fn run(self, work: Work, effort: Effort, executables: &Executables) -> Result<Figure> {
        let many = if work == Work::WriteAlone { 1 } else { 64 };
        let callers = Callers { callers: many, lasting: effort.lasting };
        match self {
            Contender::Etcd => {
                let server = Server::etcd(required(executables.etcd.as_deref())?).await?;
                match work {
                    Work::Read => etcd::gets(&server, callers).await,
                    Work::FanOut | Work::SlowFanOut => etcd::watch(&server, work.fan(effort)).await,
                    _ => etcd::puts(&server, callers).await,
                }
            }
            Contender::Nats | Contender::NatsAlways => {
                let always = self == Contender::NatsAlways;
                let server = Server::nats(required(executables.nats.as_deref())?, always).await?;
                // A sync a write makes ten thousand of them long enough.
                let count = if always { effort.count.min(10_000) } else { effort.count };
                match work {
                    Work::Bulk => nats::pipelined(&server, count).await,
                    Work::FanOut | Work::SlowFanOut => nats::core(&server, work.fan(effort)).await,
                    Work::Replay => nats::replay(&server, count, effort.lasting).await,
                    _ => nats::publish(&server, callers).await,
                }
            }
            Contender::HansaFeed | Contender::HansaRaw => {
                let server = Server::feed_alone(&executables.feed).await?;
                let raw = self == Contender::HansaRaw;
                let client = if raw { Client::Raw } else { Client::Tonic };
                match work {
                    Work::Replay => {
                        feed::replay(&server, client, effort.count, effort.lasting).await
                    }
                    _ => {
                        let publisher = feed::publisher(&server).await?;
                        feed::live(&server, &publisher, work.fan(effort)).await
                    }
                }
            }
            Contender::HansaImport => {
                hansa::imports(executables, usize::try_from(effort.count)?).await
            }
            Contender::HansaJoin => {
                hansa::joins(&hansa::Filled::start(executables).await?, callers).await
            }
            Contender::HansaFollowed => {
                let pair = hansa::Pair::start(executables).await?;
                hansa::joins(&pair.filled, callers).await
            }
            Contender::HansaStatement => {
                hansa::publish(&hansa::Pair::start(executables).await?, callers).await
            }
            Contender::HansaMembership => {
                hansa::gets(&hansa::Filled::start(executables).await?, callers).await
            }
            Contender::FloorCall => {
                let server = Server::registry(&executables.registry).await?;
                floors::calls_of_nothing(&server, callers).await
            }
            Contender::FloorSync => floors::syncs(effort.lasting).await,
            Contender::FloorHttp2 => {
                let server = Server::http2_alone(&executables.own).await?;
                let publisher = Publisher::of_ready_made(&server.publish_socket()).await?;
                feed::live(&server, &publisher, work.fan(effort)).await
            }
            Contender::FloorDecoding => {
                let server = Server::feed_alone(&executables.feed).await?;
                floors::decoding(&server, effort.count, effort.lasting).await
            }
            Contender::FloorCopying => {
                let server = Server::feed_alone(&executables.feed).await?;
                floors::copying(&server, effort.count, effort.lasting).await
            }
        }
    }
}

fn required(executable: Option<&std::path::Path>) -> Result<&std::path::Path> {
    anyhow::Context::context(executable, "the executable is missing")
}

/// Who does a work, as the table names them.
pub fn contenders(work: Work) -> impl Iterator<Item = &'static str> {
    work.contenders().iter().map(move |contender| contender.title(work))
}

/// Measures works with everybody who can do them and has `whom` in the name; `note` is told what happens.
pub async fn measure(
    works: &[Work],
    whom: &str,
    effort: Effort,
    executables: &Executables,
    note: impl Fn(&str),
) -> Result<Vec<Runs>> {
    let mut all = Vec::new();
    for work in works {
        let mut present = Vec::new();
        let asked = |contender: &Contender| contender.title(*work).contains(whom);
        for contender in work.contenders().iter().copied().filter(asked) {
            match contender.missing(executables) {
                Some(missing) => note(&format!("SKIPPED {}: {missing}", contender.title(*work))),
                None => present.push((contender, Runs::of(*work, contender))),
            }
        }
        for run in 1..=effort.runs {
            for (contender, runs) in &mut present {
                note(&format!("{}, {}, run {run}", work.title(), runs.who()));
                match contender.run(*work, effort, executables).await {
                    Err(error) if contender.is_peer() => {
                        note(&format!("FAILED {}: {error:#}", runs.who()));
                        runs.figures.push(None);
                    }
                    figure => runs.figures.push(Some(figure?)),
                }
            }
        }
        all.extend(present.into_iter().map(|(_, runs)| runs));
    }
    Ok(all)
}
