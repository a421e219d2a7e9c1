//! Answers whose messages are ready-made: pieces of many frames each, sent as they are, past the encoder.
//!
//! A handler of a server stream answers with [`response`]: no messages, and the stream aside; one of a
//! single message with [`message`]: an empty one, and its frame aside. The server takes it from there
//! (`Outgoing`), past whatever bodies the generated service is wrapped in. Path, request, limits, errors before
//! the first message and headers stay those of the generated service; the trailers are made here.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{Stream, stream};
use http::{HeaderMap, HeaderValue, Response};
use hyper::body::{Bytes, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// Pieces of an answer that are, at times, those of others too.
pub trait Following: Stream<Item = Result<Bytes, Status>> {
    /// What it follows, if it would send nothing else. Asked when it has nothing to send.
    fn follows(&self) -> Option<Follows>;

    /// It was sent everything up to a place of what it follows, and goes on by itself.
    fn goes_on(self: Pin<&mut Self>, place: u64);
}

/// What many answers are sent alike: the connection takes it once for all of its streams that follow it.
pub trait Broadcast: Send + Sync {
    /// What comes after a place: pieces, each with the place it reaches. It ends where each stream has to go on
    /// by itself.
    fn after(self: Arc<Self>, place: u64) -> BoxStream<'static, (Bytes, u64)>;
}

/// Where an answer stands in what it follows.
pub struct Follows {
    /// What it follows.
    pub broadcast: Arc<dyn Broadcast>,
    /// The place up to which it was sent everything.
    pub place: u64,
    /// When it has something to say by itself, by [`clock::uptime`](crate::clock::uptime).
    pub due: Duration,
}

/// What the generated service takes for the stream.
pub type NoMessages<M> = stream::Empty<Result<M, Status>>;

/// The answer with this stream: each piece is whole gRPC frames, uncompressed; an error is the end.
pub fn response<M>(
    pieces: impl Stream<Item = Result<Bytes, Status>> + Send + 'static,
) -> tonic::Response<NoMessages<M>> {
    aside(stream::empty(), Pieces::Own(Box::pin(pieces)))
}

/// [`response`] with a stream that follows what others follow too.
pub fn following<M>(pieces: impl Following + Send + 'static) -> tonic::Response<NoMessages<M>> {
    aside(stream::empty(), Pieces::Following(Box::pin(pieces)))
}

/// The answer with this message: one whole gRPC frame, uncompressed.
pub fn message<M: Default>(frame: Bytes) -> tonic::Response<M> {
    let frame = stream::once(std::future::ready(Ok(frame)));
    aside(M::default(), Pieces::Own(Box::pin(frame)))
}

fn aside<M>(message: M, pieces: Pieces) -> tonic::Response<M> {
    let mut response = tonic::Response::new(message);
    response.extensions_mut().insert(Aside(Arc::new(Mutex::new(Some(pieces)))));
    response
}

/// A stream on its way from the handler to the body. Taken once.
#[derive(Clone)]
struct Aside(Arc<Mutex<Option<Pieces>>>);

enum Pieces {
    Own(Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>),
    Following(Pin<Box<dyn Following + Send>>),
}

/// The body of an answer as it goes out.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// What was aside.
    Pieces(Piecewise),
    /// What the service answered.
    Whole(Body),
}

/// The answer with what is aside, if anything, in the place of its body.
pub(crate) fn outgoing(mut answer: Response<Body>) -> Response<Outgoing> {
    let aside = answer.extensions_mut().remove::<Aside>();
    let pieces = aside.and_then(|aside| {
        let mut aside = aside.0.lock().unwrap_or_else(PoisonError::into_inner);
        aside.take()
    });
    answer.map(|body| match pieces {
        Some(pieces) => Outgoing::Pieces(Piecewise(Some(pieces))),
        None => Outgoing::Whole(body),
    })
}

impl Outgoing {
    /// [`Following::follows`].
    pub(crate) fn follows(&self) -> Option<Follows> {
        match self {
            Outgoing::Pieces(Piecewise(Some(Pieces::Following(pieces)))) => pieces.follows(),
            _ => None,
        }
    }

    /// [`Following::goes_on`].
    pub(crate) fn goes_on(&mut self, place: u64) {
        if let Outgoing::Pieces(Piecewise(Some(Pieces::Following(pieces)))) = self {
            pieces.as_mut().goes_on(place);
        }
    }
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *self {
            Outgoing::Pieces(pieces) => Pin::new(pieces).poll_frame(cx),
            Outgoing::Whole(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Pieces(pieces) => pieces.is_end_stream(),
            Outgoing::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Pieces(pieces) => pieces.size_hint(),
            Outgoing::Whole(body) => body.size_hint(),
        }
    }
}

/// The body: pieces, then trailers.
pub(crate) struct Piecewise(Option<Pieces>);

impl fmt::Debug for Piecewise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piecewise").finish_non_exhaustive()
    }
}

impl hyper::body::Body for Piecewise {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(pieces) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let next = match pieces {
            Pieces::Own(pieces) => pieces.as_mut().poll_next(cx),
            Pieces::Following(pieces) => pieces.as_mut().poll_next(cx),
        };
        let end = match ready!(next) {
            Some(Ok(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
            Some(Err(status)) => trailers(&status),
            None => HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from_static("0"))]),
        };
        // Whatever the stream held is given back before the trailers wait to be read.
        self.0 = None;
        Poll::Ready(Some(Ok(Frame::trailers(end))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    match status.add_header(&mut trailers) {
        Ok(()) => trailers,
        // What cannot be told leaves its code.
        Err(_) => {
            HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from(status.code() as i32))])
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use hyper::body::Body as _;
    use tonic::Code;

    use super::*;

    /// What an answer with these pieces comes to: its data, and how it ended.
    async fn answered(pieces: Vec<Result<Bytes, Status>>) -> (Vec<Bytes>, Status) {
        let mut generated = Response::new(Body::empty());
        *generated.extensions_mut() = response::<()>(stream::iter(pieces)).into_parts().2;
        let mut body = outgoing(generated).into_body();
        let (mut data, mut status) = (Vec::new(), None);
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
        {
            match frame.unwrap().into_data() {
                Ok(bytes) => data.push(bytes),
                Err(frame) => status = Status::from_header_map(frame.trailers_ref().unwrap()),
            }
        }
        assert!(body.is_end_stream());
        (data, status.unwrap())
    }

    #[tokio::test]
    async fn pieces_go_out_as_they_are_and_the_end_is_told() {
        let pieces = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        let (data, status) = answered(pieces.iter().cloned().map(Ok).collect()).await;
        assert_eq!((data.as_slice(), status.code()), (&pieces[..], Code::Ok));
        let refused = Status::unavailable("ends, and says why: ø");
        let (data, status) = answered(vec![Ok(pieces[0].clone()), Err(refused.clone())]).await;
        assert_eq!((data.as_slice(), status.code()), (&pieces[..1], Code::Unavailable));
        assert_eq!(status.message(), refused.message());
    }

    #[test]
    fn an_answer_without_pieces_stays_as_it_is() {
        let answer = outgoing(Status::not_found("none").into_http());
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!(status.code(), Code::NotFound);
        assert!(matches!(answer.body(), Outgoing::Whole(_)) && answer.body().is_end_stream());
    }
}
