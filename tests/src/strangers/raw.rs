//! HTTP/2 by hand, for what no client library would send, and for many streams that cost little here.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

const WINDOW_MOST: u32 = (1 << 31) - 1;
const WINDOW_FIRST: u32 = 65_535;

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// What begins a connection whose reader promises to take everything there is.
pub(super) fn hello() -> Vec<u8> {
    let mut setting = 4_u16.to_be_bytes().to_vec();
    setting.extend_from_slice(&WINDOW_MOST.to_be_bytes());
    let window = (WINDOW_MOST - WINDOW_FIRST).to_be_bytes();
    let settings = frame(SETTINGS, 0, 0, &setting);
    [PREFACE.to_vec(), settings, frame(WINDOW_UPDATE, 0, 0, &window)].concat()
}

/// The block of headers of a call, with more of them.
pub(super) fn headers(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (name, value) in [(4, path), (1, "127.0.0.1")] {
        block.push(name);
        text(&mut block, value);
    }
    for (name, value) in
        [("content-type", "application/grpc"), ("te", "trailers")].iter().chain(more)
    {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

/// A text of HPACK, as it is.
fn text(out: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        out.push(length as u8);
    } else {
        out.push(127);
        length -= 127;
        while length >= 128 {
            out.push((length % 128 + 128) as u8);
            length /= 128;
        }
        out.push(length as u8);
    }
    out.extend_from_slice(text.as_bytes());
}

/// A message with its head.
pub(super) fn message(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
    out
}

/// A whole call on a stream.
pub(super) fn call(stream: u32, path: &str, more: &[(&str, &str)], bytes: &[u8]) -> Vec<u8> {
    let head = frame(HEADERS, END_HEADERS, stream, &headers(path, more));
    [head, frame(DATA, END_STREAM, stream, &message(bytes))].concat()
}

/// A connection.
pub(super) struct Raw {
    pub(super) socket: TcpStream,
    held: Vec<u8>,
}

/// A frame that came.
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Raw {
    /// Connects and sends this.
    pub(super) async fn open(address: &str, bytes: &[u8]) -> Raw {
        let socket = TcpStream::connect(address).await.expect("it listens");
        socket.set_nodelay(true).expect("it is a socket");
        let mut raw = Raw { socket, held: Vec::new() };
        raw.send(bytes).await;
        raw
    }

    /// Connects, and waits until the windows are as large as the server makes them.
    pub(super) async fn greeted(address: &str) -> Raw {
        let mut raw = Raw::open(address, &hello()).await;
        while let Some(frame) = raw.next().await {
            if frame.kind == SETTINGS {
                break;
            }
        }
        raw
    }

    /// Sends; whether the other side still takes it does not matter to a stranger.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).await.is_ok()
    }

    /// The next frame; none: the connection has ended. Pings and settings are answered.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        loop {
            while self.held.len() < 9 || self.held.len() < 9 + self.length() {
                let mut buffer = vec![0; 16 * 1024];
                let count = self.socket.read(&mut buffer).await.unwrap_or(0);
                if count == 0 {
                    return None;
                }
                self.held.extend_from_slice(&buffer[..count]);
            }
            let length = self.length();
            let frame = Frame {
                kind: self.held[3],
                flags: self.held[4],
                stream: u32::from_be_bytes(self.held[5..9].try_into().expect("four bytes")),
                payload: self.held[9..9 + length].to_vec(),
            };
            self.held.drain(..9 + length);
            match (frame.kind, frame.flags & ACK) {
                (SETTINGS, 0) => drop(self.send(&self::frame(SETTINGS, ACK, 0, &[])).await),
                (PING, 0) => drop(self.send(&self::frame(PING, ACK, 0, &frame.payload)).await),
                _ => return Some(frame),
            }
        }
    }

    fn length(&self) -> usize {
        u32::from_be_bytes([0, self.held[0], self.held[1], self.held[2]]) as usize
    }

    /// Reads until so many streams have ended or the connection has; how each ended: true when it was
    /// answered, false when it was reset.
    pub(super) async fn ends(&mut self, streams: usize) -> BTreeMap<u32, bool> {
        let mut ended = BTreeMap::new();
        while ended.len() < streams {
            let Some(frame) = self.next().await else { break };
            match frame.kind {
                HEADERS | DATA if frame.flags & END_STREAM != 0 => {
                    ended.entry(frame.stream).or_insert(true);
                }
                RST_STREAM => {
                    ended.entry(frame.stream).or_insert(false);
                }
                GOAWAY => break,
                _ => {}
            }
        }
        ended
    }

    /// Waits until the other side has closed the connection.
    pub(super) async fn closed(&mut self, within: Duration) -> bool {
        tokio::time::timeout(within, async { while self.next().await.is_some() {} }).await.is_ok()
    }
}
