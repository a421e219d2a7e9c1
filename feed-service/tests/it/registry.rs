//! A registry whose commits a test controls: a real server of WatchChanges, and nothing else.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Stream, stream};
use hansa_chassis::status::Problem;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;
use http::{Request, Response};
use pb::change::Resource;
use pb::watch_changes_response::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Code, Status};

/// How the registry behaves towards watchers.
#[derive(Clone, Debug)]
struct Behaviour {
    identity: [u8; 16],
    commits: Vec<pb::Commit>,
    /// How often each commit is sent.
    times: usize,
    /// Commits after which a stream breaks off.
    breaks_after: usize,
    /// How many streams were opened.
    opened: usize,
    /// How many were refused.
    refused: usize,
    /// The progress interval it promises. It never keeps it: commits are its only signs of life.
    interval_seconds: i64,
}

/// The registry.
#[derive(Clone)]
pub(crate) struct Registry {
    behaviour: Arc<watch::Sender<Behaviour>>,
    pub(crate) uri: String,
}

impl Registry {
    /// Starts one without commits.
    pub(crate) async fn start() -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let (behaviour, _) = watch::channel(Behaviour {
            identity: [7; 16],
            commits: Vec::new(),
            times: 1,
            breaks_after: usize::MAX,
            opened: 0,
            refused: 0,
            interval_seconds: 15,
        });
        let registry = Registry { behaviour: Arc::new(behaviour), uri };
        let service = Service(registry.clone());
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        tokio::spawn(
            tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming),
        );
        registry
    }

    /// Appends a commit of these changes. Gives its position.
    pub(crate) fn commit(&self, changes: Vec<pb::Change>) -> u64 {
        let mut position = 0;
        self.behaviour.send_modify(|behaviour| {
            position = behaviour.commits.len() as u64 + 1;
            let mut chain = vec![behaviour.identity[0]; 32];
            chain[..8].copy_from_slice(&position.to_be_bytes());
            behaviour.commits.push(pb::Commit {
                position,
                recorded_at: None,
                principal: "registrar".to_owned(),
                request_id: format!("registry-{position}"),
                changes,
                chain: chain.into(),
            });
        });
        position
    }

    /// Becomes another registry with the same commits.
    pub(crate) fn change_identity(&self, identity: [u8; 16]) {
        self.behaviour.send_modify(|behaviour| behaviour.identity = identity);
    }

    /// Sends each commit so often, and breaks streams off after so many commits.
    pub(crate) fn stammer(&self, times: usize, breaks_after: usize) {
        self.behaviour.send_modify(|behaviour| {
            behaviour.times = times;
            behaviour.breaks_after = breaks_after;
        });
    }

    /// How many streams were opened so far.
    pub(crate) fn streams_opened(&self) -> usize {
        self.behaviour.borrow().opened
    }

    /// Promises signs of life that never come.
    pub(crate) fn promise_progress(&self, interval_seconds: i64) {
        self.behaviour.send_modify(|behaviour| behaviour.interval_seconds = interval_seconds);
    }

    /// Waits until so many streams were opened.
    pub(crate) async fn opens(&self, streams: usize) {
        self.behaviour.subscribe().wait_for(|now| now.opened >= streams).await.unwrap();
    }

    /// Waits until a stream was refused.
    pub(crate) async fn refuses(&self) {
        self.behaviour.subscribe().wait_for(|now| now.refused > 0).await.unwrap();
    }

    fn watch(
        &self,
        request: &pb::WatchChangesRequest,
    ) -> Result<impl Stream<Item = Result<pb::WatchChangesResponse, Status>> + use<>, Status> {
        let now = self.behaviour.borrow().clone();
        let after = usize::try_from(request.after_position).unwrap();
        if !request.identity.is_empty() && request.identity != now.identity.as_slice() {
            self.behaviour.send_modify(|behaviour| behaviour.refused += 1);
            let problem = Problem::new(Code::FailedPrecondition, "CURSOR_FOREIGN", "foreign");
            return Err(problem.into_status());
        }
        if after > 0 && request.chain != now.commits[after - 1].chain {
            return Err(Problem::new(Code::DataLoss, "CHAIN_MISMATCH", "chain").into_status());
        }
        self.behaviour.send_modify(|behaviour| behaviour.opened += 1);
        let opened = pb::WatchOpened {
            identity: now.identity.to_vec().into(),
            after_position: request.after_position,
            head_position: now.commits.len() as u64,
            progress_interval: Some(prost_types::Duration {
                seconds: now.interval_seconds,
                nanos: 0,
            }),
        };
        let watcher = Watcher {
            behaviour: self.behaviour.subscribe(),
            opened: Some(opened),
            at: after,
            sent: 0,
            repeated: 0,
        };
        Ok(stream::unfold(watcher, |mut watcher| async move {
            let message = watcher.next().await?;
            Some((Ok(pb::WatchChangesResponse { message: Some(message) }), watcher))
        }))
    }
}

struct Watcher {
    behaviour: watch::Receiver<Behaviour>,
    opened: Option<pb::WatchOpened>,
    at: usize,
    sent: usize,
    repeated: usize,
}

impl Watcher {
    async fn next(&mut self) -> Option<Message> {
        if let Some(opened) = self.opened.take() {
            return Some(Message::Opened(opened));
        }
        let at = self.at;
        let now = self.behaviour.wait_for(|now| now.commits.len() > at).await.ok()?;
        if self.sent >= now.breaks_after {
            return None;
        }
        let commit = now.commits[at].clone();
        self.repeated += 1;
        if self.repeated >= now.times {
            self.repeated = 0;
            self.at += 1;
            self.sent += 1;
        }
        Some(Message::Commit(commit))
    }
}

/// The registry as a gRPC service with one method.
#[derive(Clone)]
struct Service(Registry);

type Answering<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl ServerStreamingService<pb::WatchChangesRequest> for Service {
    type Response = pb::WatchChangesResponse;
    type ResponseStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchChangesResponse, Status>> + Send>>;
    type Future = Answering<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<pb::WatchChangesRequest>) -> Self::Future {
        let watched = self.0.watch(request.get_ref());
        Box::pin(async move {
            let stream: Self::ResponseStream = Box::pin(watched?);
            Ok(tonic::Response::new(stream))
        })
    }
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert!(request.uri().path().ends_with("/WatchChanges"), "{}", request.uri());
        let service = self.clone();
        Box::pin(async move {
            let codec = tonic_prost::ProstCodec::default();
            Ok(Grpc::new(codec).server_streaming(service, request).await)
        })
    }
}

impl NamedService for Service {
    const NAME: &'static str = "hansa.registry.v1.RegistryService";
}

/// A network was recorded, or ended.
pub(crate) fn network(id: &str, state: pb::NetworkState) -> pb::Change {
    let kind = match state {
        pb::NetworkState::Ended => pb::ChangeKind::NetworkEnded,
        _ => pb::ChangeKind::NetworkCreated,
    };
    let network = pb::Network {
        name: format!("networks/{id}"),
        names: vec![name(id)],
        kind: pb::NetworkKind::CityNetwork as i32,
        themes: vec!["Housing".to_owned()],
        state: state as i32,
        active_member_count: 3,
        created_position: 1,
        updated_position: 1,
        etag: "1".to_owned(),
        ..Default::default()
    };
    change(kind, Resource::Network(network.into()))
}

/// A member was recorded, or retired.
pub(crate) fn member(id: &str, state: pb::MemberState) -> pb::Change {
    let kind = match state {
        pb::MemberState::Retired => pb::ChangeKind::MemberRetired,
        _ => pb::ChangeKind::MemberCreated,
    };
    let member = pb::Member {
        name: format!("members/{id}"),
        names: vec![name(id)],
        kind: pb::MemberKind::Municipality as i32,
        country: "ES".to_owned(),
        state: state as i32,
        created_position: 1,
        updated_position: 1,
        etag: "1".to_owned(),
        ..Default::default()
    };
    change(kind, Resource::Member(member.into()))
}

/// A member joined a network.
pub(crate) fn joined(network: &str, member: &str) -> pb::Change {
    let state = pb::MembershipState::Active as i32;
    let membership = pb::Membership {
        name: format!("networks/{network}/memberships/{member}"),
        network: format!("networks/{network}"),
        member: format!("members/{member}"),
        state,
        terms: vec![pb::Term { state, ..Default::default() }],
        created_position: 1,
        updated_position: 1,
        etag: "1".to_owned(),
        ..Default::default()
    };
    change(pb::ChangeKind::MembershipJoined, Resource::Membership(membership))
}

fn change(kind: pb::ChangeKind, resource: Resource) -> pb::Change {
    let occurred_at = Some(common::PartialDate { year: 2019, month: 5, ..Default::default() });
    pb::Change { kind: kind as i32, occurred_at, resource: Some(resource) }
}

fn name(id: &str) -> common::Name {
    common::Name { text: id.to_owned(), ..Default::default() }
}
