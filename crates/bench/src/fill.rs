//! How a world gets into a registry: through `Import`, as any other data.

use std::ops::Range;
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
    each: impl FnMut(i64),
) -> Result<Filled> {
    let plan = world.plan();
    let all = plan.networks + plan.members + world.memberships();
    import(registry, world, 0..all, each).await
}

/// Imports these of the world's rows, which must be there.
pub async fn import(
    registry: &Registry,
    world: &Arc<World>,
    wanted: Range<usize>,
    mut each: impl FnMut(i64),
) -> Result<Filled> {
    let expected = i64::try_from(wanted.len()).context("too many rows")?;
    let stopwatch = Stopwatch::start();
    let (sender, receiver) = mpsc::channel(AHEAD);
    let made = Arc::clone(world);
    let making = tokio::task::spawn_blocking(move || {
        let options = pb::import_request::Message::Options(pb::ImportOptions::default());
        let items = made.items().enumerate().skip(wanted.start).take(wanted.len());
        let rows = items.map(|(index, item)| {
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
    if rows != expected {
        bail!("{rows} of {expected} rows were answered");
    }
    Ok(Filled { rows, took: stopwatch.elapsed() })
}
