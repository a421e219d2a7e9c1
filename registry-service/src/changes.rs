//! WatchChanges: the journal as a stream.
//!
//! The stream pulls: it holds a position and one bounded run of commits, framed as they are stored, and
//! makes the next when the last was taken. A slow watcher costs nothing and loses nothing. The first commit
//! after a silence is sent at once, and what comes right behind it together. A sign of life comes at least
//! every interval, while catching up too, and names the position of the last commit sent.

use std::pin::Pin;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use hansa_chassis::clock::{Clock, uptime};
use hansa_chassis::shutdown::Shutdown;
use hansa_journal::{JournalId, Position, Reader, Run};
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_proto::{limits, progress};
use pb::watch_changes_response::Message;
use prost::Message as _;
use tokio::time::Sleep;
use tonic::Status;

use crate::{codec, status};

/// Who has caught up waits so long before the next commits: to be woken for each would cost the writer's
/// callers more than it gains.
const REST: Duration = Duration::from_millis(2);

/// A checked request.
struct Start {
    after: Position,
    identity: Option<[u8; limits::IDENTITY_BYTES]>,
    chain: Option<[u8; limits::CHAIN_BYTES]>,
    interval: Duration,
}

fn parse(request: &pb::WatchChangesRequest) -> Result<Start, Violations> {
    let mut violations = Violations::default();
    let identity = fixed(&request.identity, "identity", &mut violations);
    let chain = fixed(&request.chain, "chain", &mut violations);
    let interval =
        progress::interval(request.progress_interval, "progress_interval", &mut violations);
    violations.finish()?;
    Ok(Start { after: Position::new(request.after_position), identity, chain, interval })
}

/// Bytes of a fixed length, or none at all.
fn fixed<const N: usize>(
    bytes: &[u8],
    field: &str,
    violations: &mut Violations,
) -> Option<[u8; N]> {
    if bytes.is_empty() {
        return None;
    }
    let fixed = bytes.try_into().ok();
    if fixed.is_none() {
        violations.push(field, format!("must have {N} bytes, or none"));
    }
    fixed
}

/// Opens the stream, whole frames ready to be sent, or says why it cannot be.
pub(crate) async fn watch(
    reader: Reader,
    clock: Clock,
    shutdown: Shutdown,
    request: pb::WatchChangesRequest,
) -> Result<impl Stream<Item = Result<Bytes, Status>> + Send + use<>, Status> {
    let start = parse(&request).map_err(status::malformed)?;
    check_history(&reader, &start).await?;
    let opened = pb::WatchOpened {
        identity: bytes::Bytes::copy_from_slice(reader.identity().as_bytes()),
        after_position: start.after.get(),
        head_position: reader.head().get(),
        progress_interval: prost_types::Duration::try_from(start.interval).ok(),
    };
    let watch = Watch {
        reader,
        clock,
        shutdown,
        position: start.after,
        interval: start.interval,
        silence: Box::pin(tokio::time::sleep(start.interval)),
        rests_until: Duration::ZERO,
        opened: Some(opened),
        ended: false,
    };
    Ok(stream::unfold(watch, |mut watch| async move {
        let next = watch.next().await?;
        Some((next, watch))
    }))
}

async fn check_history(reader: &Reader, start: &Start) -> Result<(), Status> {
    let known = |identity| reader.knows(JournalId::from_bytes(identity), start.after);
    if start.identity.is_some_and(|identity| !known(identity)) {
        return Err(status::foreign(reader));
    }
    if start.after > reader.head() {
        return Err(status::in_future(reader.head(), reader));
    }
    let Some(expected) = start.chain else { return Ok(()) };
    let actual =
        reader.chain_at(start.after).await.map_err(|error| status::journal(error, reader))?;
    match expected == *actual.as_bytes() {
        true => Ok(()),
        false => Err(status::chain_mismatch(start.after, reader)),
    }
}

/// One watcher.
struct Watch {
    reader: Reader,
    clock: Clock,
    shutdown: Shutdown,
    /// The last commit sent.
    position: Position,
    interval: Duration,
    silence: Pin<Box<Sleep>>,
    /// Since the process began; past, unless it has just caught up.
    rests_until: Duration,
    opened: Option<pb::WatchOpened>,
    ended: bool,
}

impl Watch {
    /// The next frames; an error is the last.
    async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        if self.ended {
            return None;
        }
        if let Some(opened) = self.opened.take() {
            return Some(Ok(framed(Message::Opened(opened))));
        }
        let frames = self.frames().await;
        self.ended = frames.is_err();
        Some(frames)
    }

    async fn frames(&mut self) -> Result<Bytes, Status> {
        let run = tokio::select! {
            biased;
            () = self.shutdown.drained() => return Err(status::not_serving()),
            () = &mut self.silence => return Ok(self.progress()),
            run = run(&self.reader, self.position, self.rests_until) => run?,
        };
        let frames = match run {
            Run::Frames { frames, up_to } => {
                self.position = up_to;
                frames
            }
            Run::Apart(commit) => {
                self.position = commit.position;
                let watched = codec::watched(&commit).map_err(status::codec)?;
                watched.message.map(framed).ok_or_else(status::not_serving)?
            }
        };
        if self.position == self.reader.head() {
            self.rests_until = uptime() + REST;
        }
        Ok(frames)
    }

    fn progress(&mut self) -> Bytes {
        self.silence = Box::pin(tokio::time::sleep(self.interval));
        framed(Message::Progress(pb::WatchProgress {
            position: self.position.get(),
            head_position: self.reader.head().get(),
            server_time: Some(codec::timestamp(self.clock.now_micros())),
        }))
    }
}

/// Waits until there is something to send. Nothing is lost when it is dropped half way.
async fn run(reader: &Reader, position: Position, rests_until: Duration) -> Result<Run, Status> {
    let rest = rests_until.saturating_sub(uptime());
    if !rest.is_zero() {
        tokio::time::sleep(rest).await;
    }
    loop {
        reader.beyond(position).await.map_err(|_stopped| status::not_serving())?;
        let run = reader.run(position, reader.head()).await;
        if let Some(run) = run.map_err(|error| status::journal(error, reader))? {
            return Ok(run);
        }
    }
}

/// A message as gRPC frames it: a zero and its length before it.
fn framed(message: Message) -> Bytes {
    let message = pb::WatchChangesResponse { message: Some(message) };
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(5 + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).expect("a message is far below four gigabytes"));
    message.encode_raw(&mut frame);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(request: pb::WatchChangesRequest) -> usize {
        parse(&request).err().map_or(0, |violations| violations.len())
    }

    #[test]
    fn an_interval_outside_its_range_is_refused() {
        let seconds = |seconds, nanos| pb::WatchChangesRequest {
            progress_interval: Some(prost_types::Duration { seconds, nanos }),
            ..pb::WatchChangesRequest::default()
        };
        for (whole, nanos) in [(0, 0), (0, 999_999_999), (60, 1), (61, 0), (-1, 0), (i64::MIN, 0)] {
            assert_eq!(violations(seconds(whole, nanos)), 1, "{whole}.{nanos}");
        }
        for (whole, nanos) in [(1, 0), (1, 1), (60, 0)] {
            assert_eq!(violations(seconds(whole, nanos)), 0, "{whole}.{nanos}");
        }
    }

    #[test]
    fn every_violation_is_reported() {
        let request = pb::WatchChangesRequest {
            identity: bytes::Bytes::from_static(&[1; 15]),
            chain: bytes::Bytes::from_static(&[1; 33]),
            progress_interval: Some(prost_types::Duration { seconds: 0, nanos: 0 }),
            after_position: 0,
        };
        assert_eq!(violations(request), 3);
    }
}
