//! How a request arrives: for how long, and how many bytes of requests are held at once.
//!
//! A call whose answer has not begun must be there whole within a time. What it holds beyond a small
//! part that is free is counted against a budget all calls share, so that many large requests, or many
//! that never end, cost bounded memory while small ones beside them go on. Once the answer has begun,
//! as it does at once for an import, only the message that is just coming is counted, and it may take
//! its time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;

use crate::status;

/// So much of each request is not counted: the number of calls bounds it.
const FREE_BYTES: usize = 16 * 1024;

/// A head of a gRPC message: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;

/// The room that requests share.
#[derive(Debug, Clone)]
pub(super) struct Room {
    bytes: Arc<Semaphore>,
    bytes_max: usize,
}

impl Room {
    pub(super) fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }
}

/// Says when the answer has begun.
#[derive(Debug)]
pub(super) struct Answered(Arc<AtomicBool>);

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A body on its way in; see the top of this file.
pub(super) struct Arriving {
    body: Body,
    answered: Arc<AtomicBool>,
    /// Made when something is first waited for: most requests are there at once.
    overdue: Option<Pin<Box<Sleep>>>,
    limit: Duration,
    room: Room,
    free: usize,
    held: Option<OwnedSemaphorePermit>,
    messages: Messages,
}

impl Arriving {
    /// The body, and what is dropped when its answer begins.
    pub(super) fn new(body: Body, limit: Duration, room: Room) -> (Self, Answered) {
        let answered = Arc::new(AtomicBool::new(false));
        let says = Answered(Arc::clone(&answered));
        let (overdue, free, held) = (None, FREE_BYTES, None);
        let messages = Messages::default();
        (Self { body, answered, overdue, limit, room, free, held, messages }, says)
    }

    /// Counts what came, or refuses the call.
    fn count(&mut self, bytes: &[u8]) -> Result<(), Status> {
        let whole = self.messages.pass(bytes);
        if whole && self.answered.load(Ordering::Relaxed) {
            (self.free, self.held) = (FREE_BYTES, None);
            return Ok(());
        }
        let free = self.free.min(bytes.len());
        self.free -= free;
        let counted = u32::try_from(bytes.len() - free).unwrap_or(u32::MAX);
        if counted == 0 {
            return Ok(());
        }
        let Ok(more) = Arc::clone(&self.room.bytes).try_acquire_many_owned(counted) else {
            return Err(status::too_many_bytes(self.room.bytes_max));
        };
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let limit = self.limit;
            if !self.answered.load(Ordering::Relaxed) {
                let overdue =
                    self.overdue.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                ready!(overdue.as_mut().poll(cx));
                // The answer may have begun meanwhile.
                if !self.answered.load(Ordering::Relaxed) {
                    return Poll::Ready(Some(Err(status::request_unfinished(limit))));
                }
            }
            return Poll::Pending;
        };
        if let Some(Ok(frame)) = &frame
            && let Some(bytes) = frame.data_ref()
        {
            self.count(bytes)?;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where the messages of a request end, whatever pieces they come in.
#[derive(Debug, Default)]
struct Messages {
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    left: usize,
}

impl Messages {
    /// Passes over what came; true: it ends where a message ends.
    fn pass(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.left > 0 {
                let here = self.left.min(bytes.len());
                (self.left, bytes) = (self.left - here, &bytes[here..]);
                continue;
            }
            self.head[self.head_bytes] = bytes[0];
            (self.head_bytes, bytes) = (self.head_bytes + 1, &bytes[1..]);
            if self.head_bytes == HEAD_BYTES {
                let [_, length @ ..] = self.head;
                self.left = u32::from_be_bytes(length) as usize;
                self.head_bytes = 0;
            }
        }
        self.left == 0 && self.head_bytes == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::future::poll_fn;
    use tonic::Code;
    use tonic_types::StatusExt as _;

    async fn next(body: &mut Arriving) -> Option<Result<Frame<Bytes>, Status>> {
        poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
    }

    /// A body that comes as it is sent.
    fn sent() -> (tokio::sync::mpsc::Sender<Bytes>, Body) {
        struct Coming(tokio::sync::mpsc::Receiver<Bytes>);
        impl HttpBody for Coming {
            type Data = Bytes;
            type Error = Status;
            fn poll_frame(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
                self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
        let (sender, receiver) = tokio::sync::mpsc::channel(8);
        (sender, Body::new(Coming(receiver)))
    }

    fn message(bytes: usize) -> Bytes {
        let mut message = vec![0];
        message.extend_from_slice(&u32::try_from(bytes).unwrap().to_be_bytes());
        message.resize(HEAD_BYTES + bytes, 7);
        message.into()
    }

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn messages_end_wherever_they_are_cut() {
        let three = [message(0), message(300), message(7)].concat();
        let ends: Vec<usize> = [message(0), message(300), message(7)]
            .iter()
            .scan(0, |so_far, message| {
                *so_far += message.len();
                Some(*so_far)
            })
            .collect();
        for piece in [1, 2, 3, 5, 8, 100, 1000] {
            let (mut messages, mut so_far) = (Messages::default(), 0);
            for bytes in three.chunks(piece) {
                so_far += bytes.len();
                assert_eq!(messages.pass(bytes), ends.contains(&so_far), "{piece}, {so_far}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_beyond_the_budget_is_refused_and_given_back() {
        let room = Room::new(100_000);
        let (sender, body) = sent();
        let (mut large, _first) = Arriving::new(body, LONG, room.clone());
        sender.send(message(FREE_BYTES + 90_000)).await.unwrap();
        assert!(next(&mut large).await.unwrap().is_ok());

        let (sender, body) = sent();
        let (mut another, _second) = Arriving::new(body, LONG, room.clone());
        sender.send(message(FREE_BYTES + 20_000)).await.unwrap();
        let status = next(&mut another).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.get_error_details().retry_info().is_some());

        let (sender, body) = sent();
        let (mut small, _third) = Arriving::new(body, LONG, room.clone());
        sender.send(message(FREE_BYTES - HEAD_BYTES)).await.unwrap();
        assert!(next(&mut small).await.unwrap().is_ok(), "small ones go on");

        drop(large);
        assert_eq!(room.bytes.available_permits(), 100_000);
    }

    #[tokio::test]
    async fn after_the_answer_began_only_the_coming_message_is_counted() {
        let room = Room::new(100_000);
        let (sender, body) = sent();
        let (mut rows, answered) = Arriving::new(body, LONG, room.clone());
        drop(answered);
        for _ in 0..20 {
            sender.send(message(60_000)).await.unwrap();
            assert!(next(&mut rows).await.unwrap().is_ok());
            assert_eq!(room.bytes.available_permits(), 100_000);
        }
        sender.send(message(60_000).slice(..50_000)).await.unwrap();
        assert!(next(&mut rows).await.unwrap().is_ok());
        assert_eq!(room.bytes.available_permits(), 100_000 + FREE_BYTES - 50_000);
    }

    #[tokio::test]
    async fn a_request_that_never_ends_is_refused_in_time() {
        let (_sender, body) = sent();
        let (mut slow, _answered) = Arriving::new(body, SHORT, Room::new(1));
        let status = next(&mut slow).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["side_effects"], "none");
    }

    #[tokio::test]
    async fn a_stream_that_is_answered_may_take_its_time() {
        let (sender, body) = sent();
        let (mut rows, answered) = Arriving::new(body, SHORT, Room::new(1));
        drop(answered);
        let waiting = tokio::time::timeout(SHORT * 5, next(&mut rows)).await;
        assert!(waiting.is_err(), "it waits");
        sender.send(message(1)).await.unwrap();
        assert!(next(&mut rows).await.unwrap().is_ok());
    }
}
