//! The feed's side: the connection to it, and one call of it.

use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use http::{HeaderMap, Request, Response, Uri, header, request};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use crate::frames::{Frame, Frames};
use crate::identity::Mask;

/// Much may be on the way: the front holds nothing back by itself.
const WINDOW: u32 = 1024 * 1024;

/// A connection to the feed, made when it is needed and made again when it broke.
pub(crate) struct Connection {
    address: SocketAddr,
    held: Mutex<Option<SendRequest<Bytes>>>,
    dropped: CancellationToken,
}

/// What is sent to the feed.
pub(crate) enum Asked {
    /// All of it is here.
    Whole(Bytes),
    /// It is still coming.
    Coming(RecvStream),
}

/// One call of the feed. Dropped, it is cancelled.
pub(crate) struct Call {
    head: Option<ResponseFuture>,
    body: Option<RecvStream>,
    frames: Frames,
    asking: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// What the feed says.
pub(crate) enum Heard {
    Head { head: Response<()>, is_end: bool },
    Message(Frame),
    End { rest: Bytes, trailers: Option<HeaderMap> },
}

impl Connection {
    pub(crate) fn new(address: SocketAddr, dropped: CancellationToken) -> Connection {
        Connection { address, held: Mutex::default(), dropped }
    }

    /// Begins a call; none when the feed is not there.
    pub(crate) async fn call(
        &self,
        head: &request::Parts,
        asked: Asked,
        mask: Mask,
    ) -> Option<Call> {
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::new(());
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = format!("http://{}{path}", self.address).parse::<Uri>().ok()?;
        *request.headers_mut() = head.headers.clone();
        request.headers_mut().remove(header::HOST);
        // What the feed says has to be readable here.
        request.headers_mut().remove("grpc-accept-encoding");
        let (head, mut to_feed) = self.sender().await?.send_request(request, false).ok()?;
        let asking: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            match asked {
                Asked::Whole(bytes) => drop(to_feed.send_data(mask.inward(bytes), true)),
                Asked::Coming(mut body) => {
                    let mut frames = Frames::default();
                    while let Some(Ok(bytes)) = body.data().await {
                        let _ = body.flow_control().release_capacity(bytes.len());
                        frames.push(&bytes);
                        while let Some(frame) = frames.pop() {
                            let _ = to_feed.send_data(mask.inward(frame.into_bytes()), false);
                        }
                    }
                    // The feed is to see what is malformed, too.
                    let _ = to_feed.send_data(frames.rest(), true);
                }
            }
        });
        let frames = Frames::default();
        Some(Call { head: Some(head), body: None, frames, asking: Some(asking) })
    }

    async fn sender(&self) -> Option<SendRequest<Bytes>> {
        let mut held = self.held.lock().await;
        if let Some(sender) = held.take()
            && let Ok(sender) = sender.ready().await
        {
            *held = Some(sender.clone());
            return Some(sender);
        }
        let stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let mut http = h2::client::Builder::new();
        http.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        let (sender, connection) = http.handshake(stream).await.ok()?;
        let dropped = self.dropped.clone();
        tokio::spawn(async move { dropped.run_until_cancelled(connection).await });
        let sender = sender.ready().await.ok()?;
        *held = Some(sender.clone());
        Some(sender)
    }
}

impl Call {
    /// What the feed says next. May be stopped and called again without losing anything.
    pub(crate) async fn next(&mut self) -> Result<Heard, h2::Error> {
        let Call { head, body, frames, asking } = self;
        let mut ask = async || match asking {
            Some(future) => {
                future.await;
                *asking = None;
            }
            None => std::future::pending().await,
        };
        loop {
            let hearing = hear(head, body, frames);
            tokio::select! {
                heard = hearing => return heard,
                () = ask() => {}
            }
        }
    }
}

async fn hear(
    head: &mut Option<ResponseFuture>,
    body: &mut Option<RecvStream>,
    frames: &mut Frames,
) -> Result<Heard, h2::Error> {
    if let Some(coming) = head {
        let (parts, stream) = coming.await?.into_parts();
        *head = None;
        let is_end = stream.is_end_stream();
        *body = Some(stream);
        return Ok(Heard::Head { head: Response::from_parts(parts, ()), is_end });
    }
    let Some(body) = body else { return std::future::pending().await };
    loop {
        if let Some(frame) = frames.pop() {
            return Ok(Heard::Message(frame));
        }
        match body.data().await {
            Some(bytes) => {
                let bytes = bytes?;
                body.flow_control().release_capacity(bytes.len())?;
                frames.push(&bytes);
            }
            None => {
                let trailers = body.trailers().await?;
                return Ok(Heard::End { rest: std::mem::take(frames).rest(), trailers });
            }
        }
    }
}

/// A client of the feed of the front's own.
pub(crate) fn client(
    address: SocketAddr,
) -> Result<FeedServiceClient<Channel>, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    Ok(FeedServiceClient::new(endpoint.connect_lazy()))
}
