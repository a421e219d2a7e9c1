//! The caller's side of one call, and every way to end it, proper or not.

use std::convert::Infallible;
use std::future::poll_fn;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, Response};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use crate::status;

/// Nothing more can be said to the caller: it has gone, or was told the end.
#[derive(Debug)]
pub(crate) struct Ended;

/// What a call wants of the connection that it is on.
#[derive(Debug)]
pub(crate) enum Wish {
    /// To be told when everything said so far has arrived.
    Arrived(oneshot::Sender<()>),
    /// To be closed without a word.
    Disconnect,
    /// GOAWAY, and to be closed with all calls on it.
    GoAway,
}

/// One call, as the caller sees it.
pub(crate) struct Caller {
    respond: SendResponse<Bytes>,
    body: Option<SendStream<Bytes>>,
    connection: mpsc::Sender<Wish>,
}

impl Caller {
    pub(crate) fn new(respond: SendResponse<Bytes>, connection: mpsc::Sender<Wish>) -> Caller {
        Caller { respond, body: None, connection }
    }

    /// Returns when the caller wants no more.
    pub(crate) async fn gone(&mut self) {
        let Caller { respond, body, .. } = self;
        // Whatever the reason is: there is nobody any more.
        let _ = poll_fn(|context| match body {
            Some(body) => body.poll_reset(context),
            None => respond.poll_reset(context),
        })
        .await;
    }

    /// The head of the answer; nothing follows it when it is also the end.
    pub(crate) fn begin(&mut self, head: Response<()>, is_end: bool) -> Result<(), Ended> {
        self.body = Some(self.respond.send_response(head, is_end).map_err(|_| Ended)?);
        Ok(())
    }

    /// Some bytes of the answer, when the caller has room for them.
    pub(crate) async fn send(&mut self, mut bytes: Bytes) -> Result<(), Ended> {
        let body = self.body()?;
        while !bytes.is_empty() {
            body.reserve_capacity(bytes.len());
            let room = poll_fn(|context| body.poll_capacity(context)).await;
            let room = room.ok_or(Ended)?.map_err(|_| Ended)?.min(bytes.len());
            body.send_data(bytes.split_to(room), false).map_err(|_| Ended)?;
        }
        Ok(())
    }

    /// The end that gRPC has.
    pub(crate) fn end(&mut self, trailers: HeaderMap) -> Ended {
        if let Some(body) = &mut self.body {
            let _ = body.send_trailers(trailers);
            return Ended;
        }
        let mut head = head();
        head.headers_mut().extend(trailers);
        let _ = self.respond.send_response(head, true);
        Ended
    }

    /// The end with a status.
    pub(crate) fn end_with(&mut self, status: &Status) -> Ended {
        self.end(status::headers(status))
    }

    /// The end that HTTP has, without that of gRPC, perhaps after half a message.
    pub(crate) async fn end_without_trailers(&mut self, last: Bytes) -> Result<Infallible, Ended> {
        self.send(last).await?;
        let _ = self.body()?.send_data(Bytes::new(), true);
        Err(Ended)
    }

    /// RST_STREAM, once what was said before has arrived.
    pub(crate) async fn reset(&mut self) -> Ended {
        self.arrived().await;
        match &mut self.body {
            Some(body) => body.send_reset(Reason::INTERNAL_ERROR),
            None => self.respond.send_reset(Reason::INTERNAL_ERROR),
        }
        Ended
    }

    /// The end of the whole connection, once what was said before has arrived.
    pub(crate) async fn end_connection(&mut self, how: Wish) -> Ended {
        self.arrived().await;
        if self.connection.send(how).await.is_ok() {
            // The connection ends this call, not this call itself.
            self.gone().await;
        }
        Ended
    }

    async fn arrived(&self) {
        let (tell, arrived) = oneshot::channel();
        if self.connection.send(Wish::Arrived(tell)).await.is_ok() {
            // An error is the end of the connection.
            let _ = arrived.await;
        }
    }

    fn body(&mut self) -> Result<&mut SendStream<Bytes>, Ended> {
        if self.body.is_none() {
            self.begin(head(), false)?;
        }
        self.body.as_mut().ok_or(Ended)
    }
}

fn head() -> Response<()> {
    let mut head = Response::new(());
    let kind = http::HeaderValue::from_static("application/grpc");
    head.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    head
}
