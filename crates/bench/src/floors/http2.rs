//! A server of HTTP/2 and nothing else, in a process of its own: what comes through one socket goes to every
//! stream that is open, as it is. It stores nothing, looks at nothing, and hands out shared bytes.
//!
//! It is built as cheaply as the library allows (h2, which hyper and tonic stand on): a task for each
//! connection and none for a stream, frames gathered before they are written. Streams are opened as those of
//! the feed, and answered as by a feed that has no past; so the sinks, rates and ages of [`crate::stream`]
//! are the same for both.

use std::future::poll_fn;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::{BufMut as _, Bytes, BytesMut};
use h2::server::{Connection, SendResponse};
use h2::{RecvStream, SendStream};
use hansa_proto::pb::feed::v1 as pb;
use http::{Request, Response, header};
use pb::subscribe_response::Message;
use prost::Message as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::broadcast;

use super::gathered::gathered;

/// A connection that is behind by more than this has lost something, and ends.
const WAITING: usize = 1 << 14;
/// Read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Says where it listens, and serves until the publisher, who connects to a socket of the system, hangs up.
pub async fn serve(listen: SocketAddr, publish: &Path) -> Result<()> {
    let publishers = UnixListener::bind(publish)?;
    let listener = TcpListener::bind(listen).await?;
    writeln!(std::io::stdout(), "streams at http://{}", listener.local_addr()?)?;
    let (events, _) = broadcast::channel(WAITING);
    let handing_out = hand_out(publishers, events.clone());
    let accepting = async move {
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(connection(socket, events.subscribe()));
        }
    };
    tokio::select! {
        ended = tokio::spawn(handing_out) => ended?,
        failed = tokio::spawn(accepting) => failed?,
    }
}

/// Reads messages, each with its prefix, and hands out those that were read together at once.
async fn hand_out(publishers: UnixListener, events: broadcast::Sender<Bytes>) -> Result<()> {
    let mut socket: UnixStream = publishers.accept().await?.0;
    let mut bytes = BytesMut::with_capacity(BUFFER_BYTES);
    while socket.read_buf(&mut bytes).await? > 0 {
        let whole = whole_messages(&bytes);
        if whole > 0 {
            // Nobody need be listening.
            let _ = events.send(bytes.split_to(whole).freeze());
        }
        bytes.reserve(BUFFER_BYTES);
    }
    Ok(())
}

/// Bytes of the messages that are there to their end.
fn whole_messages(bytes: &[u8]) -> usize {
    let mut whole = 0;
    while let Some([_, length @ ..]) = bytes[whole..].first_chunk::<5>() {
        let end = whole + 5 + u32::from_be_bytes(*length) as usize;
        if end > bytes.len() {
            break;
        }
        whole = end;
    }
    whole
}

/// Runs until the other side hangs up, or loses something: then its streams end before the last event.
async fn connection(socket: TcpStream, mut events: broadcast::Receiver<Bytes>) -> Result<()> {
    socket.set_nodelay(true)?;
    let (socket, mut writer) = gathered(socket);
    let mut handshake = h2::server::handshake(socket);
    let mut connection: Connection<_, Bytes> = tokio::select! {
        biased;
        connection = &mut handshake => connection?,
        failed = poll_fn(|cx| writer.poll_write(cx)) => return Err(failed.into()),
    };
    let mut streams: Vec<SendStream<Bytes>> = Vec::new();
    loop {
        // All events that are there, then what they make frames of, then the frames.
        tokio::select! {
            biased;
            event = events.recv() => {
                let event = event?;
                for stream in &mut streams {
                    stream.send_data(event.clone(), false)?;
                }
            }
            call = connection.accept() => match call {
                Some(call) => streams.push(answer(call?)?),
                None => return Ok(()),
            },
            failed = poll_fn(|cx| writer.poll_write(cx)) => return Err(failed.into()),
        }
    }
}

/// Opened and CaughtUp: nothing is past, all else is new.
fn answer(
    (_, mut respond): (Request<RecvStream>, SendResponse<Bytes>),
) -> Result<SendStream<Bytes>> {
    let response = Response::builder().header(header::CONTENT_TYPE, "application/grpc").body(())?;
    let mut stream = respond.send_response(response, false)?;
    for message in
        [Message::Opened(pb::Opened::default()), Message::CaughtUp(pb::CaughtUp::default())]
    {
        stream.send_data(framed(&pb::SubscribeResponse { message: Some(message) }), false)?;
    }
    Ok(stream)
}

/// A message with the prefix it has in gRPC.
pub fn framed(message: &pb::SubscribeResponse) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5 + message.encoded_len());
    bytes.put_u8(0);
    bytes.put_u32(message.encoded_len() as u32);
    bytes.put(message.encode_to_vec().as_slice());
    bytes.freeze()
}

/// Connects to a server as its publisher.
pub async fn publisher(socket: &Path) -> Result<UnixStream> {
    UnixStream::connect(socket).await.context("the server takes no publisher")
}
