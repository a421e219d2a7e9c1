//! Answers whose messages are ready-made: pieces of many frames each, sent as they are, past the encoder.
//!
//! A handler of a server stream answers with [`response`]: no messages, and the stream aside; one of a
//! single message with [`message`]: an empty one, and its frame aside. [`Framed`], around the generated service, puts it in the place of the body. Path, request, limits, errors before
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

/// The answer with this message: one whole gRPC frame, uncompressed.
pub fn message<M: Default>(frame: Bytes) -> tonic::Response<M> {
    let mut response = tonic::Response::new(M::default());
    let frame = stream::once(std::future::ready(Ok(frame)));
    response.extensions_mut().insert(Aside(Arc::new(Mutex::new(Some(Box::pin(frame))))));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use hyper::body::Body as _;
    use tonic::Code;

    use super::*;

    /// What an answer with these pieces comes to: its data, and how it ended.
    async fn answered(pieces: Vec<Result<Bytes, Status>>) -> (Vec<Bytes>, Status) {
        let pieces = Mutex::new(Some(pieces));
        let service = tower::service_fn(move |_: Request<Body>| {
            let pieces = pieces.lock().unwrap().take().unwrap();
            let answer = response::<()>(stream::iter(pieces)).into_parts();
            let mut generated = Response::new(Body::empty());
            *generated.extensions_mut() = answer.2;
            std::future::ready(Ok::<_, Infallible>(generated))
        });
        let answer = Framed(service).call(Request::new(Body::empty())).await.unwrap();
        let mut body = answer.into_body();
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

    #[tokio::test]
    async fn an_answer_without_pieces_stays_as_it_is() {
        let service = tower::service_fn(|_: Request<Body>| {
            std::future::ready(Ok::<_, Infallible>(Status::not_found("none").into_http()))
        });
        let answer = Framed(service).call(Request::new(Body::empty())).await.unwrap();
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!(status.code(), Code::NotFound);
    }
}
