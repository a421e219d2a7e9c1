//! The feed's streams at the work of the peers, as [`crate::stream`] measures them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hansa_chassis::clock::Stopwatch;

use super::fan::{Fan, Pace};
use super::figure::Figure;
use super::server::Server;
use crate::stream::publish::Publisher;
use crate::stream::{self, Audience, Client};

fn figure(server: &Server, measured: stream::Figure) -> Result<Figure> {
    let micros = |milliseconds: Option<f64>| milliseconds.map(|value| value * 1e3);
    Ok(Figure {
        per_second: measured.delivered.context("nothing was delivered")?,
        cpu_per_million: measured.cpu_per_million.context("nothing was delivered")?,
        p50: micros(measured.p50),
        p99: micros(measured.p99),
        resident: server.usage()?.resident,
    })
}

async fn publisher(server: &Server) -> Result<Publisher> {
    let publisher = Publisher::connect(&server.address).await?;
    publisher.one(0).await?;
    Ok(publisher)
}

/// Live events to raw sinks.
pub async fn live(server: &Server, fan: Fan) -> Result<Figure> {
    let publisher = publisher(server).await?;
    let Fan { subscribers, connections, pace, lasting } = fan;
    let audience = Audience { subscribers, connections, filtered: false };
    let measured = match pace {
        Pace::Full(_) => stream::fan_out(server, &publisher, audience, 1, lasting).await?,
        Pace::Rate(rate) => {
            stream::at_rate(server, &publisher, audience, (1, rate), lasting).await?
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
    let (before, whole, mut events) = (server.usage()?, Stopwatch::start(), 0);
    while events == 0 || whole.elapsed() < lasting {
        events += stream::replay_once(server, client, false).await?;
    }
    Ok(Figure::new(events, whole.elapsed().as_secs_f64(), before, server.usage()?))
}
