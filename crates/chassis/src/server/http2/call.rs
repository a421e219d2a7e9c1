//! One call: its answer is waited for, then sent as fast as the client takes it. Nothing is taken of a body
//! before there is room for what was taken last, so a client that does not read costs a piece and what h2
//! keeps. When the client resets the stream, all of it is dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use hyper::body::{Body as _, Bytes, Frame};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::body::Body;

use super::Terms;
use super::request::Coming;
use crate::framed::{self, Follows, Outgoing};
use crate::server::answering::Answer;
use crate::server::life::Life;

/// A call that is being answered.
pub(super) struct Call {
    stage: Stage,
    life: Arc<Life>,
    _counted: TaskTrackerToken,
}

enum Stage {
    Answering(Answer, SendResponse<Bytes>),
    Sending(Sending),
}

/// An answer that has begun.
struct Sending {
    body: Outgoing,
    stream: SendStream<Bytes>,
    /// What was taken of the body, and waits for room; whether it is the last.
    held: Option<(Bytes, bool)>,
}

impl Call {
    pub(super) fn begin(
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        terms: &Terms,
    ) -> Call {
        terms.life.begin();
        let answer = terms.answering.answer(request.map(|body| Body::new(Coming::new(body))));
        let (life, _counted) = (Arc::clone(&terms.life), terms.tracker.token());
        Call { stage: Stage::Answering(answer, respond), life, _counted }
    }

    fn poll_through(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            match &mut self.stage {
                Stage::Answering(answer, respond) => {
                    let Poll::Ready(Ok(answer)) = answer.as_mut().poll(cx) else {
                        // Until the answer begins a reset is all that h2 wakes it for.
                        return respond.poll_reset(cx).map(|reset| Err(reset?.into()));
                    };
                    match begin(framed::outgoing(answer), respond)? {
                        Some(sending) => self.stage = Stage::Sending(sending),
                        None => return Poll::Ready(Ok(())),
                    }
                }
                Stage::Sending(sending) => return sending.poll_through(cx),
            }
        }
    }

    /// What it follows, if it has nothing else to say.
    fn follows(&self) -> Option<Follows> {
        match &self.stage {
            Stage::Sending(Sending { body, held: None, .. }) => body.follows(),
            _ => None,
        }
    }

    /// Readies one that follows for [`Call::pass`]; false when it has ended. `cx` is woken when it is reset,
    /// or has room.
    pub(super) fn prepare(&mut self, cx: &mut Context<'_>) -> bool {
        let Stage::Sending(Sending { stream, .. }) = &mut self.stage else { return false };
        stream.reserve_capacity(1);
        stream.poll_reset(cx).is_pending()
    }

    /// Sends one that follows a piece, if there is room for what it was sent before.
    pub(super) fn pass(&mut self, piece: &Bytes, cx: &mut Context<'_>) -> Passed {
        let Stage::Sending(Sending { stream, .. }) = &mut self.stage else { return Passed::Ended };
        if stream.capacity() == 0 {
            return Passed::NoRoom;
        }
        match stream.send_data(piece.clone(), false).is_ok() && self.prepare(cx) {
            true => Passed::Sent,
            false => Passed::Ended,
        }
    }

    /// It was sent everything up to a place of what it follows.
    pub(super) fn goes_on(&mut self, place: u64) {
        if let Stage::Sending(Sending { body, .. }) = &mut self.stage {
            body.goes_on(place);
        }
    }
}

/// What became of a piece.
pub(super) enum Passed {
    Sent,
    NoRoom,
    /// The call has ended.
    Ended,
}

/// A call by itself: polled until it has ended, or has nothing to say but what it follows.
pub(super) struct Alone {
    call: Option<Call>,
    /// Whether it waits by itself once, whatever it follows.
    stays: bool,
}

impl Alone {
    pub(super) fn new(call: Call) -> Alone {
        Alone { call: Some(call), stays: false }
    }

    /// One that could not join those who follow the same: it waits until something is new.
    pub(super) fn staying(call: Call) -> Alone {
        Alone { call: Some(call), stays: true }
    }
}

impl Future for Alone {
    type Output = Option<(Call, Follows)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.call else { return Poll::Ready(None) };
        match call.poll_through(cx) {
            Poll::Ready(Ok(())) => return Poll::Ready(None),
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "an answer was not sent to its end");
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        let stays = std::mem::take(&mut self.stays);
        let follows = self.call.as_ref().filter(|_| !stays).and_then(Call::follows);
        match follows {
            Some(follows) => Poll::Ready(self.call.take().map(|call| (call, follows))),
            None => Poll::Pending,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.life.end();
    }
}

/// Sends the head of an answer; what follows it, if anything.
fn begin(
    answer: Response<Outgoing>,
    respond: &mut SendResponse<Bytes>,
) -> Result<Option<Sending>, h2::Error> {
    let (head, body) = answer.into_parts();
    let ended = body.is_end_stream();
    let stream = respond.send_response(Response::from_parts(head, ()), ended)?;
    Ok((!ended).then_some(Sending { body, stream, held: None }))
}

impl Sending {
    fn poll_through(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        // h2 would wake this call for the room it asks for itself: nobody is to be woken before it waits.
        if let Poll::Ready(reset) = self.stream.poll_reset(&mut asleep()) {
            return Poll::Ready(Err(reset?.into()));
        }
        while self.poll_room(cx)?.is_ready() {
            if let Some((bytes, last)) = self.held.take() {
                self.stream.send_data(bytes, last)?;
                if last {
                    return Poll::Ready(Ok(()));
                }
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if self.take(frame)? {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(Some(Err(_))) => {
                    self.stream.send_reset(Reason::INTERNAL_ERROR);
                    return Poll::Ready(Err(Reason::INTERNAL_ERROR.into()));
                }
                Poll::Ready(None) => {
                    return Poll::Ready(self.stream.send_data(Bytes::new(), true));
                }
                Poll::Pending => break,
            }
        }
        self.stream.poll_reset(cx).map(|reset| Err(reset?.into()))
    }

    /// Takes a frame of the body; whether it is the end.
    fn take(&mut self, frame: Frame<Bytes>) -> Result<bool, h2::Error> {
        match frame.into_data() {
            Ok(bytes) => {
                // As little as h2 gives room for: it asks for the rest itself when it has the bytes.
                self.stream.reserve_capacity(1.min(bytes.len()));
                self.held = Some((bytes, self.body.is_end_stream()));
                Ok(false)
            }
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => self.stream.send_trailers(trailers).map(|()| true),
                Err(_) => Ok(false),
            },
        }
    }

    /// Ready when there is room for what is held.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let needs_room = self.held.as_ref().is_some_and(|(bytes, _)| !bytes.is_empty());
        while needs_room && self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Err(Reason::STREAM_CLOSED.into())),
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn asleep() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
