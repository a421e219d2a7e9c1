//! A channel that writes down what goes through it, and that can be told to lose what comes back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame};
use parking_lot::Mutex;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::Service;

use super::{Direction, History, What, json_of};

/// What a channel is told to lose, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The answer of the next call: it was made, and the caller is told that the connection broke.
    Answer,
    /// What comes after so many messages of the next call, and what came in one piece with it.
    After(usize),
}

/// A channel whose calls are recorded.
#[derive(Clone, Debug)]
pub struct Recorded<S> {
    inner: S,
    history: History,
    actor: String,
    cut: Arc<Mutex<Option<Cut>>>,
    /// Cuts that took something away.
    fired: Arc<Mutex<usize>>,
}

impl<S> Recorded<S> {
    /// Records what `actor` does over a channel.
    pub fn new(inner: S, history: History, actor: &str) -> Recorded<S> {
        let (cut, fired) = Default::default();
        Recorded { inner, history, actor: actor.to_owned(), cut, fired }
    }

    /// Cuts the next call.
    pub fn cut(&self, cut: Cut) {
        *self.cut.lock() = Some(cut);
    }

    /// How many cuts have taken something away that the service had sent.
    pub fn fired(&self) -> usize {
        *self.fired.lock()
    }
}

impl<S, R> Service<http::Request<Body>> for Recorded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<R>>,
    S::Future: Send + 'static,
    S::Error: std::error::Error + Send + Sync + 'static,
    R: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    R::Error: std::error::Error + Send + Sync + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().to_owned();
        let number = self.history.call(&self.actor, &method);
        let call = Call {
            history: self.history.clone(),
            actor: self.actor.clone(),
            number,
            method,
            over: Arc::default(),
        };
        let ending = Ending(call.clone());
        let cut = self.cut.lock().take();
        let fired = Arc::clone(&self.fired);
        let sent = call.clone();
        let request =
            request.map(|body| Body::new(Tapped::new(body, Direction::Request, sent, None, None)));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = match answer.await {
                Ok(response) => response,
                Err(error) => {
                    let status = Status::from_error(error.into());
                    ending.0.ended(&status);
                    // As the service would have said it: the caller gets the same status either way.
                    return Ok(status.into_http());
                }
            };
            if cut == Some(Cut::Answer) {
                *fired.lock() += 1;
                return Ok(ending.0.broken().into_http());
            }
            if let Some(status) = Status::from_header_map(response.headers()) {
                ending.0.ended(&status);
            }
            Ok(response.map(|body| {
                let cut = match cut {
                    Some(Cut::After(messages)) => Some((messages, fired)),
                    _ => None,
                };
                Body::new(Tapped::new(
                    body,
                    Direction::Response,
                    ending.0.clone(),
                    cut,
                    Some(ending),
                ))
            }))
        })
    }
}

/// One call, on its way.
#[derive(Clone, Debug)]
struct Call {
    history: History,
    actor: String,
    number: u64,
    method: String,
    /// Whether its end was written.
    over: Arc<Mutex<bool>>,
}

impl Call {
    fn message(&self, direction: Direction, bytes: &[u8]) {
        let message = json_of(&self.method, direction, bytes);
        let what = match direction {
            Direction::Request => What::Sent { message },
            Direction::Response => What::Received { message },
        };
        self.history.write(&self.actor, self.number, what);
    }

    fn ended(&self, status: &Status) {
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
        let message = status.message().to_owned();
        self.over(What::Ended { code: status.code() as i32, reason, message });
    }

    fn broken(&self) -> Status {
        let status = Status::unknown("the connection was cut");
        self.ended(&status);
        status
    }

    fn over(&self, what: What) {
        if !std::mem::replace(&mut *self.over.lock(), true) {
            self.history.write(&self.actor, self.number, what);
        }
    }
}

/// Dropped before the end of the call, it says that the caller went away.
struct Ending(Call);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.over(What::Abandoned);
    }
}

/// A body whose messages are written down as they pass.
struct Tapped<B> {
    inner: B,
    direction: Direction,
    call: Call,
    cut: Option<(usize, Arc<Mutex<usize>>)>,
    _ending: Option<Ending>,
    /// Bytes of a message that is not whole yet.
    partial: BytesMut,
    messages: usize,
}

impl<B> Tapped<B> {
    fn new(
        inner: B,
        direction: Direction,
        call: Call,
        cut: Option<(usize, Arc<Mutex<usize>>)>,
        ending: Option<Ending>,
    ) -> Tapped<B> {
        let partial = BytesMut::new();
        Tapped { inner, direction, call, cut, _ending: ending, partial, messages: 0 }
    }

    /// Takes a piece of the body; false: it is lost, and with it everything after it.
    fn take(&mut self, data: &Bytes) -> bool {
        self.partial.extend_from_slice(data);
        let whole: Vec<Bytes> = std::iter::from_fn(|| next_message(&mut self.partial)).collect();
        self.messages += whole.len();
        if let Some((_, fired)) = self.cut.as_ref().filter(|(most, _)| self.messages > *most) {
            *fired.lock() += 1;
            return false;
        }
        whole.iter().for_each(|message| self.call.message(self.direction, message));
        true
    }
}

/// The first whole message: a byte that says whether it is compressed, four of its length, itself.
fn next_message(partial: &mut BytesMut) -> Option<Bytes> {
    let length = u32::from_be_bytes(partial.get(1..5)?.try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    if partial.len() < 5 + length {
        return None;
    }
    partial.advance(5);
    Some(partial.split_to(length).freeze())
}

impl<B> HttpBody for Tapped<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref()
                    && !self.take(&data.clone())
                {
                    return Poll::Ready(Some(Err(self.call.broken())));
                }
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.ended(&told(trailers));
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let status = Status::from_error(Box::new(error));
                if self.direction == Direction::Response {
                    self.call.ended(&status);
                }
                Some(Err(status))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

fn told(trailers: &HeaderMap) -> Status {
    Status::from_header_map(trailers)
        .unwrap_or_else(|| Status::new(Code::Unknown, "the end has no status"))
}
