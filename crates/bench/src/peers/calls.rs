//! Calls one after another by each of several callers, and what they cost the server.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hansa_chassis::clock::Stopwatch;

use super::figure::Figure;
use super::server::Server;

/// Who calls, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Callers {
    /// At once.
    pub callers: usize,
    /// How long.
    pub lasting: Duration,
}

/// Has every caller call with its client, one of `clients` in turn, until the time is over. `call` is
/// given the number of the call, counted over all callers from 0.
pub async fn calls<C, F>(
    server: &Server,
    callers: Callers,
    clients: &[C],
    call: impl Fn(C, u64) -> F + Clone + Send + 'static,
) -> Result<Figure>
where
    C: Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let numbers = Arc::new(AtomicU64::new(0));
    let before = server.usage()?;
    let whole = Stopwatch::start();
    let tasks: Vec<_> = (0..callers.callers)
        .map(|caller| {
            let client = clients[caller % clients.len()].clone();
            let (call, numbers) = (call.clone(), Arc::clone(&numbers));
            tokio::spawn(async move {
                let mut took = Vec::new();
                while whole.elapsed() < callers.lasting {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let one = Stopwatch::start();
                    call(client.clone(), number).await?;
                    took.push(one.elapsed());
                }
                anyhow::Ok(took)
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.context("a caller failed")??);
    }
    let seconds = whole.elapsed().as_secs_f64();
    let after = server.usage()?;
    Ok(Figure::new(took.len() as u64, seconds, before, after).with_latencies(took))
}
