//! The server as its callers see it, over real sockets. Health and reflection are the services.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt;

use super::answering::Answer;
use super::*;
use crate::clock::Stopwatch;

const SERVICE: &str = "things.v1.Things";

/// Long enough that a test which waits for it has failed.
const FAR_AWAY: Duration = Duration::from_secs(60);

struct Running {
    address: SocketAddr,
    health: Health,
    shutdown: Shutdown,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    async fn start(options: ServeOptions) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), options).await
    }

    async fn start_at(address: SocketAddr, options: ServeOptions) -> Self {
        let (listener, address) = bind(address).await.unwrap();
        Self::with(listener, address, Health::new(), options)
    }

    fn with(
        listener: TcpListener,
        address: SocketAddr,
        health: Health,
        options: ServeOptions,
    ) -> Self {
        let shutdown = Shutdown::new();
        let server =
            serve(listener, Services::default(), health.clone(), &[], options, shutdown.clone());
        Self { address, health, shutdown, serving: tokio::spawn(server) }
    }

    async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    async fn status_of(&self, service: &str) -> Result<ServingStatus, Code> {
        let request = HealthCheckRequest { service: service.to_owned() };
        match HealthClient::new(self.channel().await).check(request).await {
            Ok(answer) => Ok(answer.into_inner().status()),
            Err(status) => Err(status.code()),
        }
    }

    /// The server's end, or a failure when it does not come.
    async fn ended(self) {
        tokio::time::timeout(FAR_AWAY, self.serving).await.unwrap().unwrap().unwrap();
    }
}

fn deadline(drain_deadline: Duration) -> ServeOptions {
    ServeOptions { drain_deadline, ..ServeOptions::default() }
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let error = bind(address.parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, BindError::NotLoopback { .. }), "{address}: {error}");
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
    }
    let (listener, bound) = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    assert_ne!(bound.port(), 0);
    assert_eq!(listener.local_addr().unwrap(), bound);
    let taken = bind(bound).await.unwrap_err();
    assert!(matches!(taken, BindError::Refused { .. }), "{taken}");
}

#[tokio::test]
async fn a_listener_that_others_reach_is_not_served() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let options = ServeOptions::default();
    let ended =
        serve(listener, Services::default(), Health::new(), &[], options, Shutdown::new()).await;
    assert!(matches!(ended, Err(ServeError::Listener(BindError::NotLoopback { .. }))));
}

#[tokio::test]
async fn health_follows_what_the_services_say() {
    let running = Running::start(ServeOptions::default()).await;
    assert_eq!(running.status_of("").await, Ok(ServingStatus::NotServing));
    assert_eq!(running.status_of(SERVICE).await, Err(Code::NotFound));

    running.health.not_serving(SERVICE).await;
    assert_eq!(running.status_of(SERVICE).await, Ok(ServingStatus::NotServing));
    running.health.serving(SERVICE).await;
    assert_eq!(running.status_of(SERVICE).await, Ok(ServingStatus::Serving));
    assert_eq!(running.status_of("").await, Ok(ServingStatus::Serving));

    running.health.not_serving("things.v1.Others").await;
    assert_eq!(running.status_of(SERVICE).await, Ok(ServingStatus::Serving));
    assert_eq!(running.status_of("").await, Ok(ServingStatus::NotServing));
    running.shutdown.kill();
    running.ended().await;
}

#[tokio::test]
async fn a_drain_tells_watchers_and_ends_without_waiting_for_the_deadline() {
    let running = Running::start(deadline(FAR_AWAY * 10)).await;
    running.health.serving(SERVICE).await;
    let request = HealthCheckRequest { service: SERVICE.to_owned() };
    let mut client = HealthClient::new(running.channel().await);
    let mut watch = client.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    running.shutdown.drain();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(watch.message().await.unwrap(), None);
    let address = running.address;
    running.ended().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn nothing_serves_again_once_it_drains() {
    let health = Health::new();
    health.serving(SERVICE).await;
    health.drain().await;
    health.serving(SERVICE).await;
    let (listener, address) = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let running = Running::with(listener, address, health, ServeOptions::default());
    assert_eq!(running.status_of(SERVICE).await, Ok(ServingStatus::NotServing));
    running.shutdown.kill();
    running.ended().await;
}

/// A call that the server would let go on for ever: reflection, never told that no question follows.
async fn open_reflection(
    running: &Running,
) -> (tokio::sync::mpsc::Sender<ServerReflectionRequest>, Vec<String>) {
    let (questions, stream) = tokio::sync::mpsc::channel(1);
    let request = MessageRequest::ListServices(String::new());
    let question = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    questions.send(question).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let mut client = ServerReflectionClient::new(running.channel().await);
    let mut answers = client.server_reflection_info(stream).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    // The answers are read on, as a client does that is in the middle of a stream.
    tokio::spawn(async move { while let Ok(Some(_)) = answers.message().await {} });
    (questions, list.service.into_iter().map(|service| service.name).collect())
}

#[tokio::test]
async fn reflection_lists_what_is_served() {
    let running = Running::start(ServeOptions::default()).await;
    let (_questions, services) = open_reflection(&running).await;
    assert!(services.contains(&"grpc.health.v1.Health".to_owned()), "{services:?}");
    running.shutdown.kill();
    running.ended().await;
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_dropped_at_the_deadline() {
    let limit = Duration::from_millis(300);
    let running = Running::start(deadline(limit)).await;
    let (questions, _) = open_reflection(&running).await;
    let stopwatch = Stopwatch::start();
    running.shutdown.drain();
    running.ended().await;
    assert!(stopwatch.elapsed() >= limit, "the stream was given {:?}", stopwatch.elapsed());
    questions.closed().await;
}

#[tokio::test]
async fn a_kill_ends_at_once_also_while_draining() {
    for drain_first in [false, true] {
        let running = Running::start(deadline(FAR_AWAY * 10)).await;
        let (questions, _) = open_reflection(&running).await;
        if drain_first {
            running.shutdown.drain();
        }
        running.shutdown.kill();
        running.ended().await;
        questions.closed().await;
    }
}

/// Calls any method with a message whose one field is text.
async fn call_with(channel: Channel, path: &'static str, service: String) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<HealthCheckRequest, HealthCheckRequest>::default();
    let path = http::uri::PathAndQuery::from_static(path);
    let request = tonic::Request::new(HealthCheckRequest { service });
    client.unary(request, path, codec).await.map(|_| ())
}

#[tokio::test]
async fn what_the_transport_refuses_has_details_too() {
    let running = Running::start(ServeOptions::default()).await;
    let check = "/grpc.health.v1.Health/Check";
    let large = "x".repeat(5 * 1024 * 1024);
    let cases = [
        (check, "unknown".to_owned(), Code::NotFound, "NOT_FOUND"),
        (check, large, Code::ResourceExhausted, "TOO_LARGE"),
        ("/things.v1.Things/None", String::new(), Code::Unimplemented, "UNIMPLEMENTED"),
    ];
    for (path, text, code, reason) in cases {
        let status = call_with(running.channel().await, path, text).await.unwrap_err();
        assert_eq!(status.code(), code, "{path}: {status}");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.domain.as_str(), info.reason.as_str()), ("hansa", reason));
    }
    // A number where this field holds text.
    let (head, _) = ask(running.address, &grpc_web_check("http://localhost", &[0x08, 0x01])).await;
    let invalid_argument = format!("grpc-status: {}", Code::InvalidArgument as i32);
    assert!(head.contains(&invalid_argument) && head.contains("grpc-status-details-bin"), "{head}");
    running.shutdown.kill();
    running.ended().await;
}

#[tokio::test]
async fn no_task_outlives_the_server() {
    let kept = std::sync::Arc::new(());
    let held = kept.clone();
    let call = tower::service_fn(move |_request| {
        let held = held.clone();
        Box::pin(async move {
            std::future::pending::<()>().await;
            drop(held);
            Ok(http::Response::new(tonic::body::Body::empty()))
        }) as Answer
    });
    let services = Services::default().named("things.v1.Things", call);
    let (listener, address) = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (health, shutdown) = (Health::new(), Shutdown::new());
    let options = ServeOptions::default();
    let server = serve(listener, services, health.clone(), &[], options, shutdown.clone());
    let running = Running { address, health, shutdown, serving: tokio::spawn(server) };

    let before = std::sync::Arc::strong_count(&kept);
    let channel = running.channel().await;
    let call = tokio::spawn(call_with(channel, "/things.v1.Things/Wait", String::new()));
    while std::sync::Arc::strong_count(&kept) <= before {
        tokio::task::yield_now().await;
    }
    running.shutdown.kill();
    running.ended().await;
    assert_eq!(std::sync::Arc::strong_count(&kept), 1, "a call still holds what the service owns");
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn the_same_port_serves_again_at_once() {
    let mut address = "127.0.0.1:0".parse().unwrap();
    for _ in 0..3 {
        let running = Running::start_at(address, deadline(FAR_AWAY)).await;
        address = running.address;
        running.health.serving(SERVICE).await;
        assert_eq!(running.status_of(SERVICE).await, Ok(ServingStatus::Serving));
        running.shutdown.drain();
        running.ended().await;
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let running = Running::start(ServeOptions { limits, ..ServeOptions::default() }).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    let preflight = preflight("http://localhost");
    first.write_all(preflight.as_bytes()).await.unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();

    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(preflight.as_bytes()).await.unwrap();
    let unanswered = tokio::time::timeout(Duration::from_millis(100), second.read(&mut byte)).await;
    assert!(unanswered.is_err(), "the second connection was served beside the first");
    drop(first);
    tokio::time::timeout(FAR_AWAY, second.read_exact(&mut byte)).await.unwrap().unwrap();
    running.shutdown.kill();
    running.ended().await;
}

fn preflight(origin: &str) -> String {
    format!(
        "OPTIONS /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n\
         access-control-request-method: POST\r\n\
         access-control-request-headers: content-type,x-grpc-web\r\n\r\n"
    )
}

/// The head of the answer to one HTTP/1 request, in small letters, and the body after it.
async fn ask(address: SocketAddr, request: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(FAR_AWAY, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    (head, answer.split_off(end + 4))
}

#[tokio::test]
async fn a_local_page_may_ask_and_a_foreign_one_may_not() {
    let running = Running::start(ServeOptions::default()).await;
    for origin in ["http://localhost:5173", "http://127.0.0.1:8080", "http://[::1]:80"] {
        let (head, _) = ask(running.address, preflight(origin).as_bytes()).await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains(&format!("{ACCESS_CONTROL_ALLOW_ORIGIN}: {origin}")), "{head}");
        let allowed = format!("{ACCESS_CONTROL_ALLOW_HEADERS}: content-type,x-grpc-web");
        assert!(head.contains(&allowed), "{head}");
    }
    let (head, _) = ask(running.address, preflight("https://example.org").as_bytes()).await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
    assert!(!head.contains("access-control-allow"), "{head}");
    running.shutdown.kill();
    running.ended().await;
}

/// A call of Check as a page makes it, with one message.
fn grpc_web_check(origin: &str, message: &[u8]) -> Vec<u8> {
    let length = u8::try_from(message.len()).unwrap();
    let mut request = format!(
        "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n\
         content-type: application/grpc-web+proto\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        5 + length
    )
    .into_bytes();
    request.extend([0, 0, 0, 0, length]);
    request.extend(message);
    request
}

#[tokio::test]
async fn a_page_calls_over_grpc_web_and_can_read_how_it_ended() {
    let running = Running::start(ServeOptions::default()).await;
    running.health.serving(SERVICE).await;
    let (head, body) = ask(running.address, &grpc_web_check("http://localhost:1", &[])).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let exposed =
        head.lines().find(|line| line.starts_with(ACCESS_CONTROL_EXPOSE_HEADERS.as_str()));
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
        assert!(exposed.is_some_and(|line| line.contains(name)), "{name} in {head}");
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(text.contains("grpc-status:0"), "{text}");

    let (head, body) = ask(running.address, &grpc_web_check("http://example.org", &[])).await;
    assert!(head.starts_with("http/1.1 403") && body.is_empty(), "{head}");
    running.shutdown.kill();
    running.ended().await;
}
