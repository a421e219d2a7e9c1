//! Streams whose messages are ready-made: pieces of many frames each, sent as they are, past the encoder.
//!
//! A handler of a server stream answers with [`response`]: no messages, and the stream aside. [`Framed`],
//! around the generated service, puts it in the place of the body. Path, request, limits, errors before
//! the first message and headers stay those of the generated service; the trailers are made here.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream, stream};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Bytes, Frame};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// What the generated service takes for the stream.
pub type NoMessages<M> = stream::Empty<Result<M, Status>>;

/// The answer with this stream: each piece is whole gRPC frames, uncompressed; an error is the end.
pub fn response<M>(
    pieces: impl Stream<Item = Result<Bytes, Status>> + Send + 'static,
) -> tonic::Response<NoMessages<M>> {
    let mut response = tonic::Response::new(stream::empty());
    response.extensions_mut().insert(Aside(Arc::new(Mutex::new(Some(Box::pin(pieces))))));
    response
}

/// A stream on its way from the handler to the body. Taken once.
#[derive(Clone)]
struct Aside(Arc<Mutex<Option<Pieces>>>);

/// A generated service some of whose handlers answer with [`response`].
#[derive(Clone, Debug)]
pub struct Framed<S>(pub S);

impl<S: NamedService> NamedService for Framed<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Framed<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request).map(|answer| answer.map(with_pieces)).boxed()
    }
}

fn with_pieces(mut answer: Response<Body>) -> Response<Body> {
    let aside = answer.extensions_mut().remove::<Aside>();
    let pieces = aside.and_then(|aside| {
        let mut aside = aside.0.lock().unwrap_or_else(PoisonError::into_inner);
        aside.take()
    });
    match pieces {
        Some(pieces) => answer.map(|_| Body::new(Piecewise(Some(pieces)))),
        None => answer,
    }
}

/// The body: pieces, then trailers.
struct Piecewise(Option<Pieces>);

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
        let end = match ready!(pieces.as_mut().poll_next(cx)) {
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
