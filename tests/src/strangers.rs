//! Load, and strangers that mean no good, against both services as processes of their own.
//!
//! Many subscribers on many connections read everything; beside them are some who never read, and
//! strangers of every kind `strangers/kinds.rs` knows. All the while a caller writes and a subscriber reads,
//! as one should: both go on, and what is told is what was written, in order. In the end no process has
//! used more memory than it may, none has panicked, and what the strangers took has come back.
//!
//! | file | answers |
//! | --- | --- |
//! | `kinds.rs` | what each kind of stranger does, and what the server owes it |
//! | `neighbours.rs` | who behaves well beside them |
//! | `process.rs` | the processes, and what they use |
//! | `raw.rs` | HTTP/2 by hand |

mod kinds;
mod neighbours;
mod process;
mod raw;

use std::collections::BTreeMap;
use std::path::PathBuf;

use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::{Statement, SubscribeRequest};
use prost::Message as _;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::events::from_beginning;
use crate::make;
use crate::world::{PATIENCE, within};
use neighbours::{Neighbours, refusal};
use process::{Pair, Process};
use raw::{DATA, HEADERS, Raw, call, hello};

pub use neighbours::Beside;
pub use process::Used;

const SUBSCRIBE: &str = "/hansa.feed.v1.FeedService/Subscribe";
/// What every subscriber is told in the end.
const MARKER: &str = "the very last title of all";
/// Statements with a body of this size are there before: more than a stream may hold unread.
const STATEMENTS: usize = 8;
const BODY_BYTES: usize = 48 * 1024;
/// Streams on one connection.
const STREAMS_MOST: usize = 1_000;
/// Senders of the largest messages at once, each on a connection of its own, in a short run.
const LARGEST: usize = 24;
/// Strangers beside the subscribers, who subscribe too.
const OTHERS: usize = 1_200;

/// KiB a service may use without anybody, with what is in the caches of its allocator.
pub const IDLE_KIB: u64 = 256 * 1024;
/// KiB each subscriber may cost that reads, or waits.
pub const SUBSCRIBER_KIB: u64 = 64;
/// KiB each subscriber may cost that does not read: two runs, and what is buffered for its stream.
pub const UNREAD_KIB: u64 = 384;
/// KiB of requests on their way in.
pub const REQUESTS_KIB: u64 = 64 * 1024;
/// KiB that a connection may have sent before anybody has looked at it: the window of HTTP/2.
pub const WINDOW_KIB: u64 = 1024;
/// KiB that may remain when everybody has gone, beside what there was.
pub const REMAINS_KIB: u64 = 192 * 1024;

/// What is done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program that runs the services, as `registry` and `feed`.
    pub program: PathBuf,
    /// Subscribers that read.
    pub subscriptions: usize,
    /// Their connections.
    pub connections: usize,
    /// How much of each kind of stranger: 1 for a short run.
    pub times: usize,
}

/// What came of it; anything wrong has panicked before.
#[derive(Debug)]
pub struct Report {
    /// What the feed used before, at its end, and of that the most.
    pub feed: (Used, Used),
    /// The same of the registry.
    pub registry: (Used, Used),
    /// What the feed may use at the most, in KiB.
    pub bound: u64,
    /// How much each kind of stranger did.
    pub strangers: BTreeMap<&'static str, usize>,
    /// The caller beside them.
    pub beside: Beside,
}

/// Does it.
pub async fn run(plan: &Plan) -> Report {
    let places = plan.subscriptions + unread(plan) + OTHERS;
    // Short, for those who let it pass; but not for those who are many on a busy machine.
    let deadline = if plan.times > 1 { "15" } else { "3" };
    let limits = ["--request-deadline", deadline, "--handshake-deadline", deadline];
    let limits = limits.map(str::to_owned);
    let quota = ["--max-subscriptions".to_owned(), places.to_string()];
    let mut pair = Pair::start(&plan.program, &limits, &quota).await;
    fill(&pair).await;
    let clients = pair.clients();
    let neighbours = Neighbours::begin(&clients).await;
    neighbours.go_on(5).await;
    let before = (pair.feed.used(), pair.registry.used());

    let (leave, left) = watch::channel(false);
    let readers = readers(&pair, plan, &left).await;
    let sleepers = sleepers(&pair, plan).await;
    neighbours.go_on(5).await;
    let strangers = strangers(&pair, plan).await;
    neighbours.go_on(5).await;
    over_quota(&pair, plan, places).await;
    for process in [&mut pair.feed, &mut pair.registry] {
        process.check();
    }

    publish(&pair, "last", MARKER, 0).await;
    let told: usize = within(readers.join_all()).await.into_iter().sum();
    assert_eq!(told, plan.subscriptions, "some were not told of the last statement");
    drop((sleepers, leave));
    let beside = neighbours.end(&clients).await;
    let after = (back(&pair.feed, before.0).await, back(&pair.registry, before.1).await);
    let subscribers = SUBSCRIBER_KIB * places as u64 + UNREAD_KIB * unread(plan) as u64;
    let bound = IDLE_KIB + REQUESTS_KIB + subscribers;
    assert!(after.0.memory_most < bound, "the feed used {:?}, it may use {bound} KiB", after.0);
    let senders = (LARGEST * plan.times) as u64;
    let of_registry = IDLE_KIB + REQUESTS_KIB + WINDOW_KIB * senders;
    assert!(after.1.memory_most < of_registry, "the registry used {:?}", after.1);
    pair.end();
    Report { feed: (before.0, after.0), registry: (before.1, after.1), bound, strangers, beside }
}

/// Streams that are never read, beside those that are.
fn unread(plan: &Plan) -> usize {
    plan.subscriptions / 10
}

fn subscribe() -> Vec<u8> {
    from_beginning().encode_to_vec()
}

/// A network and statements of it.
async fn fill(pair: &Pair) {
    let request = make::network("strangers");
    let made = pair.clients().registry().create_network(request).await.expect("it is made");
    pair.clients().feed_follows(made.into_inner().position).await;
    for number in 0..STATEMENTS {
        publish(pair, &format!("s-{number}"), "A statement", BODY_BYTES).await;
    }
}

async fn publish(pair: &Pair, id: &str, title: &str, body: usize) {
    let mut request = make::statement(id, "strangers", &[]);
    let statement: &mut Statement = request.statement.as_mut().expect("just made");
    (statement.title, statement.body) = (title.to_owned(), "x".repeat(body));
    within(pair.clients().statements().publish_statement(request)).await.expect("it is published");
}

/// Subscribers that read everything; each connection gives how many of its streams were told of the last.
/// Returns when all have been answered.
async fn readers(pair: &Pair, plan: &Plan, left: &watch::Receiver<bool>) -> JoinSet<usize> {
    let (mut readers, opened) = (JoinSet::new(), watch::Sender::new(0_usize));
    for number in 0..plan.connections {
        let streams = (number..plan.subscriptions).step_by(plan.connections).count();
        let (address, told) = (pair.feed.address.clone(), opened.clone());
        let left = left.clone();
        readers.spawn(async move {
            let count = read(&address, streams, &told).await;
            drop(left);
            count
        });
        // So many replay at once: what is open besides waits.
        let due = (number * plan.subscriptions) / plan.connections;
        let mut so_far = opened.subscribe();
        let enough = so_far.wait_for(|opened| opened + 2_000 >= due);
        tokio::time::timeout(PATIENCE, enough).await.expect("they open").expect("somebody opens");
    }
    let mut so_far = opened.subscribe();
    let all = so_far.wait_for(|opened| *opened == plan.subscriptions);
    tokio::time::timeout(PATIENCE * 3, all).await.expect("all open").expect("somebody opens");
    readers
}

async fn read(address: &str, streams: usize, opened: &watch::Sender<usize>) -> usize {
    let mut bytes = hello();
    for number in 0..streams {
        bytes.extend(call(2 * number as u32 + 1, SUBSCRIBE, &[], &subscribe()));
    }
    let mut raw = Raw::open(address, &bytes).await;
    let mut ends: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut told = 0;
    while told < streams {
        let frame = raw.next().await.expect("the connection lives");
        match frame.kind {
            HEADERS => opened.send_modify(|opened| *opened += 1),
            // The middle of a body.
            DATA if [0, frame.payload.len() / 2, frame.payload.len().saturating_sub(1)]
                .iter()
                .all(|at| frame.payload.get(*at) == Some(&b'x')) => {}
            DATA => {
                // The marker may stand across two frames.
                let end = ends.entry(frame.stream).or_default();
                end.extend_from_slice(&frame.payload);
                told += usize::from(contains(end, MARKER.as_bytes()));
                end.drain(..end.len() - end.len().min(MARKER.len() - 1));
            }
            _ => {}
        }
    }
    told
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Streams that nobody reads: their windows are as large as can be, and their sockets are full.
async fn sleepers(pair: &Pair, plan: &Plan) -> Vec<Raw> {
    let connections = plan.connections.div_ceil(10);
    let mut sleeping = Vec::new();
    for number in 0..connections {
        let streams = (number..unread(plan)).step_by(connections).count();
        let mut bytes = hello();
        for number in 0..streams {
            bytes.extend(call(2 * number as u32 + 1, SUBSCRIBE, &[], &subscribe()));
        }
        sleeping.push(Raw::open(&pair.feed.address, &bytes).await);
    }
    sleeping
}

/// All kinds of strangers at once.
async fn strangers(pair: &Pair, plan: &Plan) -> BTreeMap<&'static str, usize> {
    let (feed, times, clients) = (pair.feed.address.as_str(), plan.times, pair.clients());
    let mut did = BTreeMap::new();
    let (one, two, three, four, five, six, seven, eight, nine) = tokio::join!(
        kinds::vanish(feed, 12 * times),
        kinds::largest(&clients, LARGEST * times),
        kinds::malformed_frames(feed),
        kinds::malformed_messages(feed, 400),
        kinds::never_ending(feed, 10 * times, 96_000),
        kinds::silent(feed, 50 * times),
        kinds::header_floods(feed, 5 * times),
        kinds::rapid_reset(feed, 5_000 * times),
        kinds::deadlines(feed, 800),
    );
    did.insert("vanished", one);
    did.insert("largest messages", two);
    did.insert("malformed frames", three);
    did.insert("malformed messages", four);
    did.insert("requests without end", five);
    did.insert("silent connections", six);
    did.insert("floods of headers", seven);
    did.insert("rapid resets", eight);
    did.insert("deadlines", nine);
    did.insert("streams too many", kinds::too_many_streams(feed, STREAMS_MOST).await);
    did
}

/// Subscribers beyond the quota are told when to come back.
async fn over_quota(pair: &Pair, plan: &Plan, places: usize) {
    let request = SubscribeRequest { start: Some(Start::End(())), ..Default::default() };
    let rest = places - plan.subscriptions - unread(plan) - 1;
    let mut holders = Vec::new();
    for number in 0..rest.div_ceil(STREAMS_MOST) {
        let streams = STREAMS_MOST.min(rest - number * STREAMS_MOST);
        let mut bytes = hello();
        for stream in 0..streams {
            bytes.extend(call(2 * stream as u32 + 1, SUBSCRIBE, &[], &request.encode_to_vec()));
        }
        let mut raw = Raw::open(&pair.feed.address, &bytes).await;
        let mut answered = 0;
        while answered < streams {
            let frame = within(raw.next()).await.expect("the connection lives");
            answered += usize::from(frame.kind == HEADERS);
        }
        holders.push(raw);
    }
    // Some of these may have been refused, when those that have vanished had not come back yet.
    let mut feed = pair.clients().feed();
    let mut open = Vec::new();
    let refused = within(async {
        while open.len() < STREAMS_MOST - 1 {
            match feed.subscribe(request.clone()).await {
                Ok(stream) => open.push(stream),
                Err(status) => return Some(status),
            }
        }
        None
    })
    .await;
    refusal(&refused.expect("there is a quota"));
}

/// Waits until what was taken has come back.
async fn back(process: &Process, before: Used) -> Used {
    let returned = async {
        loop {
            let now = process.used();
            if now.files <= before.files + 4 && now.memory <= before.memory + REMAINS_KIB {
                return now;
            }
            tokio::task::yield_now().await;
        }
    };
    match tokio::time::timeout(PATIENCE, returned).await {
        Ok(used) => used,
        Err(_) => panic!("the {} keeps {:?} of {before:?}", process.name, process.used()),
    }
}
