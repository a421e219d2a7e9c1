//! The feed's streams at the work of the peers, as [`crate::stream`] measures them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hansa_chassis::clock::Stopwatch;

use super::fan::{Fan, Pace};
use super::figure::Figure;
use super::server::{Server, own_cpu_seconds};
use crate::stream::publish::Publisher;
use crate::stream::{self, Audience, Client};

fn figure(server: &Server, measured: stream::Figure) -> Result<Figure> {
    let micros = |milliseconds: Option<f64>| milliseconds.map(|value| value * 1e3);
    Ok(Figure {
        per_second: measured.delivered.context("nothing was delivered")?,
        cpu_per_million: measured.cpu_per_million,
        client_cpu_per_million: None,
        p50: micros(measured.p50),
        p99: micros(measured.p99),
        resident: Some(server.usage()?.resident),
    })
}

/// Publishes to a feed, which has an event already.
pub async fn publisher(server: &Server) -> Result<Publisher> {
    let publisher = Publisher::connect(&server.address).await?;
    publisher.one(0).await?;
    Ok(publisher)
}

/// Live events to raw sinks.
pub async fn live(server: &Server, publisher: &Publisher, fan: Fan) -> Result<Figure> {
    let Fan { subscribers, connections, pace, lasting } = fan;
    let audience = Audience { subscribers, connections, filtered: false };
    let measured = match pace {
        Pace::Full(_) => stream::fan_out(server, publisher, audience, 1, lasting).await?,
        Pace::Rate(rate) => {
            stream::at_rate(server, publisher, audience, (1, rate), lasting).await?
        }
    };
    figure(server, measured)
}

/// Stored events to one subscriber, over and over for so long: once is soon over.
pub async fn replay(
    server: &Server,
    client: Client,
    count: u64,
    lasting: Duration,
) -> Result<Figure> {
    stream::fill(&publisher(server).await?, count).await?;
    let (before, own, whole) = (server.usage()?, own_cpu_seconds()?, Stopwatch::start());
    let mut events = 0;
    while events == 0 || whole.elapsed() < lasting {
        events += stream::replay_once(server, client, false).await?;
    }
    let (seconds, own) = (whole.elapsed().as_secs_f64(), own_cpu_seconds()? - own);
    Ok(Figure::new(events, seconds, before, server.usage()?).with_client(events, own))
}
