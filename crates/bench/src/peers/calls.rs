//! Calls one after another by each of several callers, and what they cost the server.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hansa_chassis::clock::Stopwatch;
use tokio::task::JoinHandle;

use super::figure::Figure;
use super::server::Server;

/// Connections that callers share at most.
const CONNECTIONS: usize = 4;

/// Who calls, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Callers {
    /// At once.
    pub callers: usize,
    /// How long.
    pub lasting: Duration,
}

impl Callers {
    /// Connections they share.
    pub fn connections(self) -> usize {
        self.callers.min(CONNECTIONS)
    }
}

/// What calls came to, which tasks made that were told when it began: how long each took.
pub(super) async fn figure(
    server: &Server,
    begin: impl FnOnce(Stopwatch) -> Vec<JoinHandle<Result<Vec<Duration>>>>,
) -> Result<Figure> {
    let before = server.usage()?;
    let whole = Stopwatch::start();
    let tasks = begin(whole);
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.context("a caller failed")??);
    }
    let seconds = whole.elapsed().as_secs_f64();
    let after = server.usage()?;
    Ok(Figure::new(took.len() as u64, seconds, before, after).with_latencies(took))
}

/// Has every caller call with its client, one of `clients` in turn, until the time is over.
pub async fn calls<C, F>(
    server: &Server,
    callers: Callers,
    clients: &[C],
    call: impl Fn(C) -> F + Clone + Send + 'static,
) -> Result<Figure>
where
    C: Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    figure(server, |whole| {
        let caller = |caller: usize| {
            let (client, call) = (clients[caller % clients.len()].clone(), call.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while whole.elapsed() < callers.lasting {
                    let one = Stopwatch::start();
                    call(client.clone()).await?;
                    took.push(one.elapsed());
                }
                anyhow::Ok(took)
            })
        };
        (0..callers.callers).map(caller).collect()
    })
    .await
}
