//! HTTP/2 as clients speak it, well and badly, over real sockets.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{FutureExt as _, future, stream};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response, request};
use hyper::body::Body as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::body::Body;

use super::*;
use crate::framed;
use crate::server::answering::Answer;
use crate::server::calls::Calls;
use crate::server::hello::{Hello, hello};
use crate::server::services::Services;

/// Long enough that a test which waits for it has failed.
const FAR_AWAY: Duration = Duration::from_secs(60);
const PIECE: usize = 16 * 1024;
/// The window that a client begins with.
const WINDOW: usize = 65_535;

/// One connection that is served, and how it ended.
struct Served {
    finish: Arc<Notify>,
    ended: JoinHandle<Result<(), Failed>>,
}

impl Served {
    /// A connection to a server of what answers all calls, as the other side sees it.
    async fn connect<F>(
        keepalive: Duration,
        answer: impl Fn(Request<Body>) -> F + Clone + Send + Sync + 'static,
    ) -> (TcpStream, Served)
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let service = tower::service_fn(move |request| {
            let answer = answer(request);
            Box::pin(async move { Ok(answer.await) }) as Answer
        });
        let services = Services::default().named("things.v1.Things", service);
        let (tracker, life) = (TaskTracker::new(), Arc::default());
        let calls = Calls::new(services, &crate::server::Limits::default(), tracker.clone());
        let answering = Answering::new(calls);
        let keepalive = (keepalive, keepalive);
        let terms = Terms { max_streams: 100, keepalive, answering, tracker, life };
        let finish = Arc::new(Notify::new());
        let asked = Arc::clone(&finish);
        let ended = tokio::spawn(async move {
            let Ok(Hello::Http2(stream)) = hello(stream).await else { panic!("it is HTTP/2") };
            let mut connection = Http2::greet(stream, terms).await?;
            tokio::select! {
                ended = future::poll_fn(|cx| connection.poll(cx)) => return ended,
                () = asked.notified() => connection.finish(),
            }
            future::poll_fn(|cx| connection.poll(cx)).await
        });
        (client, Served { finish, ended })
    }

    async fn ended(self) -> Result<(), Failed> {
        tokio::time::timeout(FAR_AWAY, self.ended).await.unwrap().unwrap()
    }
}

/// A client of a connection, with room for a MiB that nobody reads on all its streams.
async fn client(stream: TcpStream) -> SendRequest<Bytes> {
    let mut builder = h2::client::Builder::new();
    builder.initial_connection_window_size(1024 * 1024);
    let (client, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn call(
    client: &SendRequest<Bytes>,
    body_follows: bool,
) -> (ResponseFuture, SendStream<Bytes>) {
    send(client, request(), body_follows).await
}

fn request() -> request::Builder {
    Request::post("http://localhost/things.v1.Things/Do").header("content-type", "application/grpc")
}

async fn send(
    client: &SendRequest<Bytes>,
    request: request::Builder,
    body_follows: bool,
) -> (ResponseFuture, SendStream<Bytes>) {
    let request = request.body(()).unwrap();
    client.clone().ready().await.unwrap().send_request(request, !body_follows).unwrap()
}

/// What is left of an answer: bytes of data, and the trailers. Room is given back for what is read.
async fn read(body: &mut RecvStream) -> (usize, Option<HeaderMap>) {
    let mut bytes = 0;
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        bytes += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    (bytes, body.trailers().await.unwrap())
}

fn answer_of<M>(response: tonic::Response<M>) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.extensions_mut() = response.into_parts().2;
    answer
}

/// So many pieces, counted as they are taken.
fn pieces(count: usize, taken: Arc<AtomicUsize>) -> Response<Body> {
    let pieces = stream::iter(0..count).map(move |_| {
        taken.fetch_add(1, Ordering::Relaxed);
        Ok(Bytes::from_static(&[7; PIECE]))
    });
    answer_of(framed::response::<()>(pieces))
}

/// An answer that never begins, or has begun and never goes on; says when it was dropped.
fn endless(
    dropped: oneshot::Sender<()>,
    begins: bool,
) -> future::BoxFuture<'static, Response<Body>> {
    struct Held(Option<oneshot::Sender<()>>);
    impl Drop for Held {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }
    let held = Held(Some(dropped));
    let never = async move {
        future::pending::<()>().await;
        drop(held);
        Some((Ok::<_, Status>(Bytes::new()), ()))
    };
    match begins {
        false => Box::pin(never.map(|_| Response::new(Body::empty()))),
        true => {
            let mut never = Some(Box::pin(never));
            let pieces = stream::unfold((), move |()| never.take().unwrap());
            Box::pin(future::ready(answer_of(framed::response::<()>(pieces))))
        }
    }
}

#[tokio::test]
async fn a_reset_drops_the_call_whether_it_is_answered_or_not() {
    for begins in [false, true] {
        let (sender, mut calls) = mpsc::channel(8);
        let (stream, _served) = Served::connect(FAR_AWAY, move |_| {
            let (dropped, heard) = oneshot::channel();
            sender.try_send(heard).unwrap();
            endless(dropped, begins)
        })
        .await;
        let client = client(stream).await;
        let (answer, mut request) = call(&client, true).await;
        let dropped = calls.recv().await.unwrap();
        if begins {
            drop(answer.await.unwrap());
        }
        request.send_reset(Reason::CANCEL);
        tokio::time::timeout(FAR_AWAY, dropped).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_nobody_reads_is_not_taken_and_all_of_it_comes_when_somebody_does() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let (stream, _served) = Served::connect(FAR_AWAY, move |request| {
        let large = request.headers().contains_key("large");
        future::ready(pieces(if large { 100 } else { 1 }, Arc::clone(&counted)))
    })
    .await;
    let client = client(stream).await;
    let (answer, _) = send(&client, request().header("large", "1"), false).await;
    let mut large = answer.await.unwrap().into_body();
    let mut unread = 0;
    while unread < WINDOW {
        unread += large.data().await.unwrap().unwrap().len();
    }
    // Others are served meanwhile, in turns in which more of it could have been taken.
    for others in 1..=10 {
        let (answer, _) = call(&client, false).await;
        let mut small = answer.await.unwrap().into_body();
        assert_eq!(read(&mut small).await.0, PIECE);
        let most = (WINDOW + limits::SEND_BUFFER_BYTES) / PIECE + 2;
        let taken = taken.load(Ordering::Relaxed) - others;
        assert!(taken <= most, "{taken} pieces were taken, {most} may be");
    }
    large.flow_control().release_capacity(unread).unwrap();
    let (rest, trailers) = read(&mut large).await;
    assert_eq!((unread + rest, taken.load(Ordering::Relaxed)), (100 * PIECE, 110));
    assert_eq!(trailers.unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn who_is_asked_to_finish_ends_what_is_open_and_takes_nothing_more() {
    let (sender, mut calls) = mpsc::channel(8);
    let (stream, served) = Served::connect(FAR_AWAY, move |_| {
        let (pieces, coming) = mpsc::channel(8);
        sender.try_send(pieces).unwrap();
        let coming = stream::unfold(coming, |mut coming| async move {
            let piece: Bytes = coming.recv().await?;
            Some((Ok(piece), coming))
        });
        future::ready(answer_of(framed::response::<()>(coming)))
    })
    .await;
    let client = client(stream).await;
    let (answer, _) = call(&client, false).await;
    let pieces = calls.recv().await.unwrap();
    let mut body = answer.await.unwrap().into_body();
    served.finish.notify_one();
    // The client hears of it, and is refused by its own library from then on.
    let refused = async {
        while let Ok(ready) = client.clone().ready().await {
            drop(ready);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(FAR_AWAY, refused).await.unwrap();
    pieces.try_send(Bytes::from_static(b"the rest")).unwrap();
    drop(pieces);
    let (bytes, trailers) = read(&mut body).await;
    assert_eq!((bytes, trailers.unwrap()["grpc-status"].as_bytes()), (8, &b"0"[..]));
    served.ended().await.unwrap();
}

#[tokio::test]
async fn an_answer_may_be_early_and_a_request_larger_than_its_window() {
    let (stream, _served) = Served::connect(FAR_AWAY, |request| async move {
        if request.headers().contains_key("early") {
            return answer_of(framed::message::<()>(Bytes::from_static(b"early")));
        }
        let (mut body, mut bytes) = (request.into_body(), 0);
        while let Some(frame) =
            future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await
        {
            bytes += frame.unwrap().into_data().unwrap().len();
        }
        answer_of(framed::message::<()>(bytes.to_string().into()))
    })
    .await;
    let client = client(stream).await;

    let (answer, mut unsent) = send(&client, request().header("early", "1"), true).await;
    let (bytes, trailers) = read(&mut answer.await.unwrap().into_body()).await;
    assert_eq!((bytes, trailers.unwrap()["grpc-status"].as_bytes()), (5, &b"0"[..]));
    let reset = future::poll_fn(|cx| unsent.poll_reset(cx)).await.unwrap();
    assert_eq!(reset, Reason::NO_ERROR, "nobody reads the rest of the request");

    let (answer, mut request) = call(&client, true).await;
    let whole = 3 * limits::WINDOW_BYTES as usize;
    let mut left = whole;
    while left > 0 {
        request.reserve_capacity(left);
        let room = future::poll_fn(|cx| request.poll_capacity(cx)).await.unwrap().unwrap();
        let bytes = vec![1; room.min(left)];
        left -= bytes.len();
        request.send_data(bytes.into(), left == 0).unwrap();
    }
    let mut body = answer.await.unwrap().into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), whole.to_string().as_bytes());
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;

/// The next frame: its kind, its flags and what it holds; none at the end.
async fn next(stream: &mut TcpStream) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], head[4], payload))
}

#[tokio::test]
async fn who_answers_is_kept_and_who_does_not_is_given_up() {
    let interval = Duration::from_millis(100);
    let (mut stream, served) =
        Served::connect(interval, |_| future::pending::<Response<Body>>()).await;
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    let mut asked = 0;
    while let Some((kind, flags, payload)) = next(&mut stream).await {
        if kind == PING && flags & ACK == 0 {
            asked += 1;
            if asked <= 3 {
                stream.write_all(&frame(PING, ACK, 0, &payload)).await.unwrap();
            }
        }
    }
    assert_eq!(asked, 4, "it is asked once for each silence");
    assert!(matches!(served.ended().await, Err(Failed::Gone)));
}

#[tokio::test]
async fn who_breaks_the_rules_is_told_and_dropped() {
    let broken = [
        ("data for no stream", frame(DATA, 0, 0, b"x")),
        ("a call of the server", frame(HEADERS, 5, 2, &[0x82])),
        ("headers that cannot be read", frame(HEADERS, 5, 1, &[0xff; 20])),
        ("a larger frame than was allowed", frame(DATA, 0, 1, &[0; 20_000])),
        ("a window beyond the largest", frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("settings of no length", frame(SETTINGS, 0, 0, &[1])),
    ];
    for (what, broken) in broken {
        let (mut stream, served) =
            Served::connect(FAR_AWAY, |_| future::pending::<Response<Body>>()).await;
        let sent = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &broken].concat();
        stream.write_all(&sent).await.unwrap();
        let mut told = false;
        while let Some((kind, ..)) = next(&mut stream).await {
            told |= kind == GOAWAY;
        }
        assert!(told, "{what}");
        assert!(matches!(served.ended().await, Err(Failed::Http2(_))), "{what}");
    }
}

#[tokio::test]
async fn who_hangs_up_takes_its_calls_along() {
    let (sender, mut calls) = mpsc::channel(8);
    let (stream, served) = Served::connect(FAR_AWAY, move |_| {
        let (dropped, heard) = oneshot::channel();
        sender.try_send(heard).unwrap();
        endless(dropped, true)
    })
    .await;
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let (answer, _request) = call(&client, false).await;
    drop(answer.await.unwrap());
    connection.abort();
    tokio::time::timeout(FAR_AWAY, calls.recv().await.unwrap()).await.unwrap().unwrap();
    let _ = served.ended().await;
}
