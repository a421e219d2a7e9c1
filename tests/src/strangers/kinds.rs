//! What each kind of stranger does. Each looks at what became of it where the server owes it something.

use std::io::Write as _;
use std::time::Duration;

use hansa_proto::pb::feed::v1::GetFeedStatusRequest;
use hansa_proto::pb::registry::v1::CreateMemberRequest;
use prost::Message as _;
use tokio::task::JoinSet;
use tonic::Code;

use super::neighbours::refusal;
use super::raw::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, Raw,
    SETTINGS, WINDOW_UPDATE, call, frame, headers, hello,
};
use super::{SUBSCRIBE, subscribe};
use crate::Clients;
use crate::make;

const STATUS: &str = "/hansa.feed.v1.FeedService/GetFeedStatus";
/// Nothing a server owes a stranger takes longer, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Streams are opened, and the sockets go: with a reset, with an end, or with half an end.
pub(super) async fn vanish(feed: &str, rounds: usize) -> usize {
    for round in 0..rounds {
        let mut bytes = hello();
        for number in 0..20 {
            bytes.extend(call(2 * number + 1, SUBSCRIBE, &[], &subscribe()));
        }
        let mut raw = Raw::open(feed, &bytes).await;
        // Some go before anything came, some when the first frame has.
        if round % 2 == 0 {
            raw.next().await;
        }
        match round % 3 {
            // Closed with bytes unread: the system sends a reset.
            0 => drop(raw),
            1 => {
                let socket = raw.socket.into_std().expect("a socket");
                socket.shutdown(std::net::Shutdown::Both).expect("it is open");
            }
            _ => {
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut raw.socket).await;
                assert!(raw.closed(PATIENCE).await, "half an end is not answered");
            }
        }
    }
    rounds
}

/// The largest messages a call may have, many at once. Each is refused for what it says, or for want of
/// room, and says when to come back.
pub(super) async fn largest(clients: &Clients, count: usize) -> usize {
    let mut calls = JoinSet::new();
    for number in 0..count {
        let mut registry = clients.registry();
        calls.spawn(async move {
            let mut request: CreateMemberRequest = make::member(&format!("large-{number}"), "PT");
            let member = request.member.as_mut().expect("just made");
            member.names[0].text = "x".repeat(4 * 1024 * 1024 - 4096);
            registry.create_member(request).await.expect_err("a name is not so long")
        });
    }
    let mut without_room = 0;
    while let Some(status) = calls.join_next().await {
        let status = status.expect("a call does not panic");
        match status.code() {
            Code::InvalidArgument => {}
            // On a busy machine it may not have come in time.
            Code::DeadlineExceeded => {
                assert!(status.message().contains("not there whole"), "{status:?}");
            }
            _ => {
                refusal(&status);
                without_room += 1;
            }
        }
    }
    let text = format!("largest messages: {without_room} of {count} had no room");
    writeln!(std::io::stdout(), "{text}").expect("standard output is open");
    count
}

/// Bytes that are no HTTP/2: each connection is ended by the server, or its stream is.
pub(super) async fn malformed_frames(feed: &str) -> usize {
    let good = headers(STATUS, &[]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("headers on stream 0", frame(HEADERS, END_HEADERS, 0, &good)),
        ("data on an idle stream", frame(DATA, 0, 1, b"x")),
        ("an even stream", frame(HEADERS, END_HEADERS, 2, &good)),
        ("settings of five bytes", frame(SETTINGS, 0, 0, &[0; 5])),
        ("a ping of seven bytes", frame(PING, 0, 0, &[0; 7])),
        ("a window of nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        (
            "a window too large",
            frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()).repeat(2),
        ),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &good)),
        ("a reset of an idle stream", frame(RST_STREAM, 0, 9, &[0; 4])),
        ("no HPACK", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 40])),
        ("a frame too large", frame(DATA, 0, 1, &vec![0; 20_000])),
        (
            "headers cut by others",
            [frame(HEADERS, 0, 1, &good), frame(PING, 0, 0, &[0; 8])].concat(),
        ),
    ];
    let count = cases.len();
    for (what, bytes) in cases {
        let mut raw =
            Raw::open(feed, &[PREFACE.to_vec(), frame(SETTINGS, 0, 0, &[]), bytes].concat()).await;
        assert!(raw.closed(PATIENCE).await, "{what}: the connection lives on");
    }
    // What is no beginning at all is taken for HTTP/1 and refused.
    let mut raw = Raw::open(feed, &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 13, 10, 13, 10]).await;
    assert!(raw.closed(PATIENCE).await, "noise: the connection lives on");
    count + 1
}

/// Messages that are none: each call is answered.
pub(super) async fn malformed_messages(feed: &str, count: usize) -> usize {
    let mut bytes = hello();
    for number in 0..count {
        let noise: Vec<u8> =
            (0..number % 97 + 2).map(|at| (at * 37 + number * 11) as u8 | 7).collect();
        bytes.extend(call(2 * number as u32 + 1, STATUS, &[], &noise));
    }
    let mut raw = Raw::open(feed, &bytes).await;
    let ended = raw.ends(count).await;
    assert_eq!(ended.values().filter(|answered| **answered).count(), count, "not all are answered");
    count
}

/// Requests that never end: each is answered when its time is over, and what it held is given back.
pub(super) async fn never_ending(feed: &str, connections: usize, held: usize) -> usize {
    let mut strangers = JoinSet::new();
    for _ in 0..connections {
        let feed = feed.to_owned();
        strangers.spawn(async move {
            let mut raw = Raw::greeted(&feed).await;
            let mut bytes = Vec::new();
            for number in 0..8 {
                bytes.extend(frame(HEADERS, END_HEADERS, 2 * number + 1, &headers(STATUS, &[])));
                // The head of a message of a million bytes, and a part of it.
                bytes.extend(frame(DATA, 0, 2 * number + 1, &[0, 0, 0x0f, 0x42, 0x40]));
                for _ in 0..held / 16_000 {
                    bytes.extend(frame(DATA, 0, 2 * number + 1, &[7; 16_000]));
                }
            }
            raw.send(&bytes).await;
            let ended = tokio::time::timeout(PATIENCE, raw.ends(8)).await;
            assert_eq!(ended.expect("their time is over").len(), 8, "not all were ended");
        });
    }
    strangers.join_all().await;
    connections
}

/// Connections that say nothing, or half of a hello: closed by the server.
pub(super) async fn silent(feed: &str, connections: usize) -> usize {
    let mut open = Vec::new();
    for number in 0..connections {
        open.push(Raw::open(feed, &PREFACE[..number % 20]).await);
    }
    for raw in &mut open {
        assert!(raw.closed(PATIENCE).await, "a silent connection lives on");
    }
    connections
}

/// More headers than a request may have, in one block or without end.
pub(super) async fn header_floods(feed: &str, rounds: usize) -> usize {
    let value = "x".repeat(4_000);
    for round in 0..rounds {
        let mut block = headers(STATUS, &[("flood", value.as_str()); 3]);
        let mut bytes = [hello(), frame(HEADERS, 0, 1, &block)].concat();
        block.drain(..block.len() - 3 * 4_010);
        for _ in 0..200 {
            bytes.extend(frame(CONTINUATION, 0, 1, &block));
        }
        let mut raw = Raw::open(feed, &bytes).await;
        assert!(raw.closed(PATIENCE).await, "{round}: a flood of headers goes on");
    }
    rounds
}

/// Streams opened and reset again and again: the connection is ended.
pub(super) async fn rapid_reset(feed: &str, resets: usize) -> usize {
    let mut raw = Raw::open(feed, &hello()).await;
    let mut sent = 0;
    while sent < resets {
        let mut bytes = Vec::new();
        for _ in 0..250 {
            let stream = 2 * sent as u32 + 1;
            bytes.extend(call(stream, SUBSCRIBE, &[], &subscribe()));
            bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            sent += 1;
        }
        if !raw.send(&bytes).await {
            break;
        }
    }
    sent
}

/// Calls with a deadline of a millisecond that wait for what does not come: each is answered.
pub(super) async fn deadlines(feed: &str, count: usize) -> usize {
    let wait = GetFeedStatusRequest { min_registry_position: 1 << 40 }.encode_to_vec();
    let mut bytes = hello();
    for number in 0..count {
        bytes.extend(call(2 * number as u32 + 1, STATUS, &[("grpc-timeout", "1m")], &wait));
    }
    let mut raw = Raw::open(feed, &bytes).await;
    let ended = raw.ends(count).await;
    assert!(ended.values().all(|answered| *answered) && ended.len() == count, "{}", ended.len());
    count
}

/// More streams on a connection than it may have: those beyond are reset, the others live.
pub(super) async fn too_many_streams(feed: &str, most: usize) -> usize {
    let mut bytes = hello();
    for number in 0..most + 10 {
        bytes.extend(call(2 * number as u32 + 1, SUBSCRIBE, &[], &subscribe()));
    }
    let mut raw = Raw::open(feed, &bytes).await;
    let mut refused = 0;
    while refused < 10 {
        let Some(frame) = raw.next().await else { panic!("the connection ended") };
        assert_ne!(frame.kind, GOAWAY, "the connection is asked to go");
        if frame.kind == RST_STREAM {
            assert_eq!(frame.payload, 7_u32.to_be_bytes(), "REFUSED_STREAM");
            refused += 1;
        }
    }
    refused
}
