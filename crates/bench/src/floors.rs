//! What lies below Hansa, each measured alone: no service that does the same work by the same means is
//! faster, or needs less. A goal beyond its floor asks for other means, not for another Hansa.
//!
//! | function | measures | a floor of |
//! | --- | --- | --- |
//! | [`calls_of_nothing`] | calls that nothing is done for | every call |
//! | [`syncs`] | a write and an `fdatasync`, over and over | a durable write by one caller |
//! | [`http2`] | ready messages to many streams of h2 | live streams |
//! | [`decoding`] | messages in memory, decoded by prost | a client of tonic |
//! | [`preads`] | a `pread` for each match | a replay with a filter |

mod gathered;
pub mod http2;

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use hansa_chassis::clock::Stopwatch;
use hansa_proto::pb::feed::v1::SubscribeResponse;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use prost::Message as _;
use tokio::task::spawn_blocking;
use tonic_health::pb::HealthCheckRequest;

use crate::peers::calls::Callers;
use crate::peers::figure::Figure;
use crate::peers::server::{Server, own_cpu_seconds};
use crate::peers::unary::{Method, any, unary};
use crate::stream::first_batch;
use crate::stream::publish::Publisher;

/// About as long as the record of a join or of a statement.
const RECORD_BYTES: usize = 600;
/// Written before, so that a sync has nothing to note of the file but what is in it.
const FILE_BYTES: usize = 16 * 1024 * 1024;

/// Calls to a server of Hansa, over connections like those of a write, that nothing is done for.
pub async fn calls_of_nothing(server: &Server, callers: Callers) -> Result<Figure> {
    let method = Method {
        path: "/grpc.health.v1.Health/Check",
        request: |_| Ok(HealthCheckRequest::default()),
        answer: any,
    };
    unary(server, callers, method).await
}

/// Writes a record and syncs it, one after another for so long, in a file that is as long before.
pub async fn syncs(lasting: Duration) -> Result<Figure> {
    let synced = spawn_blocking(move || {
        let data = tempfile::tempdir()?;
        let file = File::create(data.path().join("records"))?;
        file.write_all_at(&vec![0; FILE_BYTES], 0)?;
        file.sync_all()?;
        let (whole, mut took) = (Stopwatch::start(), Vec::new());
        while whole.elapsed() < lasting {
            let place = took.len() % (FILE_BYTES / RECORD_BYTES) * RECORD_BYTES;
            let one = Stopwatch::start();
            file.write_all_at(&[b'x'; RECORD_BYTES], place as u64)?;
            file.sync_data()?;
            took.push(one.elapsed());
        }
        anyhow::Ok((took, whole.elapsed()))
    });
    let (took, whole) = synced.await??;
    Ok(Figure::of_rate(took.len() as f64 / whole.as_secs_f64()).with_latencies(took))
}

/// Decodes so many messages, each an event as the feed sends it, one after another and for so long; what
/// it costs is this process's.
pub async fn decoding(feed: &Server, count: u64, lasting: Duration) -> Result<Figure> {
    Publisher::connect(&feed.address).await?.one(0).await?;
    let message = Message::Batch(first_batch(&feed.address).await?);
    let message = SubscribeResponse { message: Some(message) }.encode_to_vec();
    let length = message.len();
    let all = Bytes::from(message.repeat(usize::try_from(count)?));
    let decoded = spawn_blocking(move || {
        let (before, whole, mut events) = (own_cpu_seconds()?, Stopwatch::start(), 0);
        while events == 0 || whole.elapsed() < lasting {
            for start in (0..all.len()).step_by(length) {
                let message = SubscribeResponse::decode(all.slice(start..start + length))?;
                let Some(Message::Batch(batch)) = black_box(message).message else { continue };
                events += batch.events.len() as u64;
            }
        }
        anyhow::Ok((events, whole.elapsed(), own_cpu_seconds()? - before))
    });
    let (events, took, cpu) = decoded.await??;
    let cpu_per_million = Some(cpu * 1e6 / events as f64);
    Ok(Figure { cpu_per_million, ..Figure::of_rate(events as f64 / took.as_secs_f64()) })
}

/// How long it takes to read so many records, spread evenly over the files of a journal that has a hundred
/// times as many.
pub fn preads(journal: &Path, records: u64) -> Result<Duration> {
    let mut files = Vec::new();
    for entry in fs::read_dir(journal)? {
        let file = File::open(entry?.path())?;
        let length = file.metadata()?.len();
        files.push((file, length));
    }
    let step = files.iter().map(|(_, length)| length).sum::<u64>() / records.max(1);
    ensure!(step >= 100, "the journal does not hold so many records");
    let mut record = vec![0; usize::try_from(step / 100)?];
    let whole = Stopwatch::start();
    for (file, length) in &files {
        let last = length.saturating_sub(record.len() as u64);
        for place in (0..last).step_by(usize::try_from(step)?) {
            file.read_exact_at(&mut record, place).context("the journal shrinks")?;
        }
    }
    Ok(whole.elapsed())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn records_are_read_that_are_there() {
        let journal = tempfile::tempdir().unwrap();
        fs::write(journal.path().join("one"), vec![0; 500_000]).unwrap();
        fs::write(journal.path().join("two"), vec![0; 100]).unwrap();
        assert!(preads(journal.path(), 10).unwrap() > Duration::ZERO);
        assert!(preads(journal.path(), 100_000).is_err());
    }
}
