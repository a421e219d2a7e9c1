//! How a world gets into a registry: through `Import`, as any other data.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hansa_chassis::clock::Stopwatch;
use hansa_proto::pb::registry::v1 as pb;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::service::Registry;
use crate::world::World;

/// Rows made ahead of what the registry takes.
const AHEAD: usize = 4_096;

/// What filling came to.
#[derive(Clone, Copy, Debug)]
pub struct Filled {
    /// Rows: networks, members and memberships.
    pub rows: i64,
    /// How long it took.
    pub took: Duration,
}

/// Imports the world. Its rows carry no import id: nobody repeats them.
pub async fn fill(
    registry: &Registry,
    world: &Arc<World>,
    mut each: impl FnMut(i64),
) -> Result<Filled> {
    let stopwatch = Stopwatch::start();
    let (sender, receiver) = mpsc::channel(AHEAD);
    let made = Arc::clone(world);
    let making = tokio::task::spawn_blocking(move || {
        let options = pb::import_request::Message::Options(pb::ImportOptions::default());
        let rows = made.items().enumerate().map(|(index, item)| {
            let row = pb::ImportRow { key: format!("{index}"), item: Some(item) };
            pb::import_request::Message::Row(row)
        });
        for message in std::iter::once(options).chain(rows) {
            let request = pb::ImportRequest { message: Some(message) };
            if sender.blocking_send(request).is_err() {
                return;
            }
        }
    });
    let mut client = registry.registry.clone();
    let mut answers = client.import(ReceiverStream::new(receiver)).await?.into_inner();
    let mut rows = 0;
    while let Some(answer) = answers.message().await? {
        for result in &answer.results {
            if result.outcome() != pb::ImportOutcome::Applied {
                bail!("row {} was not applied: {:?}", result.key, result.error);
            }
        }
        rows = answer.rows;
        each(rows);
    }
    making.await?;
    let plan = world.plan();
    let expected = plan.networks + plan.members + world.memberships();
    let expected = i64::try_from(expected).context("too many rows")?;
    if rows != expected {
        bail!("{rows} of {expected} rows were answered");
    }
    Ok(Filled { rows, took: stopwatch.elapsed() })
}
