//! What lies below Hansa, each measured alone: no service that does the same work by the same means is
//! faster, or needs less. A goal beyond its floor asks for other means, not for another Hansa.
//!
//! | function | measures | a floor of |
//! | --- | --- | --- |
//! | [`calls_of_nothing`] | calls that nothing is done for | every call |
//! | [`syncs`] | a write and an `fdatasync`, over and over | a durable write by one caller |
//! | [`http2`] | ready messages to many streams of h2 | live streams |
//! | [`decoding`] | messages in memory, decoded by prost | a client of tonic |
//! | [`copying`] | the bytes of a file, read and written to a socket | a replay |
//! | [`preads`] | a `pread` for each match | a replay with a filter |

mod gathered;
pub mod http2;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
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
/// Read at once of what is copied.
const WINDOW_BYTES: usize = 32 * 1024;
/// Written at once.
const PIECE_BYTES: usize = 128 * 1024;

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

/// An event as the feed sends it.
async fn message(feed: &Server) -> Result<Vec<u8>> {
    Publisher::connect(&feed.address).await?.one(0).await?;
    let message = Message::Batch(first_batch(&feed.address).await?);
    Ok(SubscribeResponse { message: Some(message) }.encode_to_vec())
}

/// Decodes so many messages, each an event as the feed sends it, one after another and for so long; what
/// it costs is this process's.
pub async fn decoding(feed: &Server, count: u64, lasting: Duration) -> Result<Figure> {
    let message = message(feed).await?;
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

/// Reads a file of so many messages, each an event as the feed sends it, and writes it to somebody who reads
/// it, over and over for so long. What it costs is what the one who writes takes.
pub async fn copying(feed: &Server, count: u64, lasting: Duration) -> Result<Figure> {
    let message = message(feed).await?;
    let copied = spawn_blocking(move || {
        let mut file = tempfile::tempfile()?;
        file.write_all(&message.repeat(usize::try_from(count)?))?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut socket = TcpStream::connect(listener.local_addr()?)?;
        let (reader, _) = listener.accept()?;
        let reads = thread::spawn(move || read_to_the_end(reader));
        let (before, whole, mut events) = (own_thread_seconds()?, Stopwatch::start(), 0);
        while events == 0 || whole.elapsed() < lasting {
            copy(&file, &mut socket)?;
            events += count;
        }
        let (took, cpu) = (whole.elapsed(), own_thread_seconds()? - before);
        drop(socket);
        let read = reads.join().map_err(|_| anyhow!("the reader failed"))??;
        ensure!(read == events * message.len() as u64, "not all of it was read");
        Ok((events, took, cpu))
    });
    let (events, took, cpu) = copied.await??;
    let cpu_per_million = Some(cpu * 1e6 / events as f64);
    Ok(Figure { cpu_per_million, ..Figure::of_rate(events as f64 / took.as_secs_f64()) })
}

/// As the feed does it: pieces that stay in the cache of a processor are read, several of them are written.
fn copy(file: &File, socket: &mut TcpStream) -> Result<()> {
    let (mut piece, mut place, mut filled) = (vec![0; PIECE_BYTES], 0, 0);
    loop {
        let until = piece.len().min(filled + WINDOW_BYTES);
        let count = file.read_at(&mut piece[filled..until], place)?;
        (filled, place) = (filled + count, place + count as u64);
        if count == 0 || filled == piece.len() {
            socket.write_all(&piece[..filled])?;
            filled = 0;
        }
        if count == 0 {
            return Ok(());
        }
    }
}

fn read_to_the_end(mut socket: TcpStream) -> Result<u64> {
    let (mut buffer, mut read) = (vec![0; 256 * 1024], 0);
    loop {
        match socket.read(&mut buffer)? {
            0 => return Ok(read),
            count => read += count as u64,
        }
    }
}

/// Seconds that this thread has run.
fn own_thread_seconds() -> Result<f64> {
    let run = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = run.split(' ').next().context("the system says nothing of this thread")?;
    Ok(nanos.parse::<u64>()? as f64 / 1e9)
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
