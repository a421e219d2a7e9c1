//! As much of HTTP/2 as a caller and a sink need: the bytes that open streams, and walking what comes back
//! without decoding it.

/// What a client begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The largest window there is, and the one every connection begins with.
const WINDOW_MOST: u32 = (1 << 31) - 1;
pub(crate) const WINDOW_FIRST: u32 = 65_535;
/// So much is read before the window is opened again.
pub(crate) const WINDOW_STEP: u32 = 1 << 29;

const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
/// The largest frame taken: what a server has at hand need not be cut for it.
const FRAME_MOST: u32 = 1024 * 1024;

/// Appends what opens a connection: each stream may send `stream_window` bytes before it is read.
pub(crate) fn open(out: &mut Vec<u8>, stream_window: u32) {
    out.extend_from_slice(PREFACE);
    let settings =
        [setting(INITIAL_WINDOW_SIZE, stream_window), setting(MAX_FRAME_SIZE, FRAME_MOST)];
    frame(out, SETTINGS, 0, 0, &settings.concat());
    window(out, 0, WINDOW_MOST - WINDOW_FIRST);
}

fn setting(id: u16, value: u32) -> [u8; 6] {
    let mut bytes = [0; 6];
    bytes[..2].copy_from_slice(&id.to_be_bytes());
    bytes[2..].copy_from_slice(&value.to_be_bytes());
    bytes
}

/// The headers of a call; with `noted`, the server notes them, so that [`HEAD_AGAIN`] says the same again.
pub(crate) fn head(path: &str, noted: bool) -> Vec<u8> {
    let noted = if noted { 0x40 } else { 0 };
    let mut headers = vec![0x83, 0x86];
    for (name, value) in [(4, path), (1, "127.0.0.1")] {
        headers.push(noted | name);
        text(&mut headers, value);
    }
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")] {
        headers.push(noted);
        text(&mut headers, name);
        text(&mut headers, value);
    }
    headers
}

/// POST, http, and the four headers that were noted last, the oldest first.
pub(crate) const HEAD_AGAIN: [u8; 6] = [0x83, 0x86, 0xc1, 0xc0, 0xbf, 0xbe];

/// Appends a call with these headers and one message.
pub(crate) fn call(out: &mut Vec<u8>, stream: u32, head: &[u8], message: &[u8]) {
    frame(out, HEADERS, END_HEADERS, stream, head);
    let mut body = vec![0];
    body.extend_from_slice(&(message.len() as u32).to_be_bytes());
    body.extend_from_slice(message);
    frame(out, DATA, END_STREAM, stream, &body);
}

/// A text shorter than 127 bytes, as it is.
fn text(out: &mut Vec<u8>, text: &str) {
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn window(out: &mut Vec<u8>, stream: u32, more: u32) {
    frame(out, WINDOW_UPDATE, 0, stream, &more.to_be_bytes());
}

pub(crate) fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// One frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'b> {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: &'b [u8],
}

/// The first frame, and what comes after it; none while it is not whole.
pub(crate) fn first_frame(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (Head { length, kind, flags, stream }, rest) = first_head(bytes)?;
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((Frame { kind, flags, stream, payload }, rest))
}

/// What a frame begins with.
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

/// The head of the first frame, and what comes after it; none while it is not whole.
fn first_head(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<9>()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some((Head { length, kind: head[3], flags: head[4], stream }, rest))
}

/// What a walk came across.
pub(crate) trait Visit {
    /// The beginning of a message, up to [`SEEN`] bytes of it, and how long it is.
    fn message(&mut self, stream: usize, start: &[u8], length: usize);
    /// A stream ended.
    fn ended(&mut self, stream: usize);
}

/// Bytes of a message that are shown.
const SEEN: usize = 160;

/// Where the messages of one stream are.
#[derive(Clone, Default)]
struct Stream {
    /// Bytes of the present message still to come.
    left: usize,
    /// The beginning of one that is cut off by the end of a frame.
    cut: Vec<u8>,
    unread: u32,
}

/// Walks frames, whatever pieces they come in.
pub(crate) struct Walk {
    streams: Vec<Stream>,
    unread: u32,
    window: u32,
    /// Bytes of the present frame still to come, its stream and whether it ends it.
    data: Option<(usize, usize, bool)>,
    skip: usize,
    held: Vec<u8>,
}

impl Walk {
    pub(crate) fn new(streams: usize, stream_window: u32) -> Walk {
        Walk {
            streams: vec![Stream::default(); streams],
            unread: 0,
            window: stream_window.min(WINDOW_STEP),
            data: None,
            skip: 0,
            held: Vec::new(),
        }
    }

    /// Walks what was read; `out` gets what must be answered.
    pub(crate) fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>, visit: &mut dyn Visit) {
        if self.held.is_empty() {
            let rest = self.walk(bytes, out, visit);
            self.held.extend_from_slice(rest);
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let rest = self.walk(&held, out, visit).len();
        held.drain(..held.len() - rest);
        self.held = held;
    }

    /// Walks all it can; the rest is less than a frame's head.
    fn walk<'b>(
        &mut self,
        mut bytes: &'b [u8],
        out: &mut Vec<u8>,
        visit: &mut dyn Visit,
    ) -> &'b [u8] {
        loop {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                (self.skip, bytes) = (self.skip - skipped, &bytes[skipped..]);
            }
            if let Some((left, stream, end)) = self.data {
                let here = left.min(bytes.len());
                self.messages(stream, &bytes[..here], visit);
                bytes = &bytes[here..];
                self.data = (left > here).then_some((left - here, stream, end));
                if self.data.is_none() && end {
                    visit.ended(stream);
                }
            }
            if self.skip > 0 || self.data.is_some() {
                return bytes;
            }
            let Some((Head { length, kind, flags, stream }, payload)) = first_head(bytes) else {
                return bytes;
            };
            let index = (stream / 2) as usize;
            if kind == PING && payload.len() < length {
                return bytes;
            }
            match kind {
                DATA => {
                    self.count(index, stream, length as u32, out);
                    self.data = Some((length, index, flags & END_STREAM != 0));
                    bytes = payload;
                    continue;
                }
                SETTINGS if flags & ACK == 0 => frame(out, SETTINGS, ACK, 0, &[]),
                PING if flags & ACK == 0 => frame(out, PING, ACK, 0, &payload[..length]),
                HEADERS if flags & END_STREAM != 0 => visit.ended(index),
                RST_STREAM => visit.ended(index),
                GOAWAY => (0..self.streams.len()).for_each(|stream| visit.ended(stream)),
                _ => {}
            }
            (self.skip, bytes) = (length, payload);
        }
    }

    fn count(&mut self, index: usize, stream: u32, length: u32, out: &mut Vec<u8>) {
        self.unread += length;
        if self.unread >= WINDOW_STEP {
            window(out, 0, std::mem::take(&mut self.unread));
        }
        let unread = &mut self.streams[index].unread;
        *unread += length;
        if *unread >= self.window / 2 {
            window(out, stream, std::mem::take(unread));
        }
    }

    fn messages(&mut self, index: usize, mut bytes: &[u8], visit: &mut dyn Visit) {
        let stream = &mut self.streams[index];
        while !bytes.is_empty() {
            if stream.left > 0 {
                let here = stream.left.min(bytes.len());
                if !stream.cut.is_empty() {
                    // The beginning of this one was at the end of the frame before.
                    let more = (SEEN + 5 - stream.cut.len().min(SEEN + 5)).min(here);
                    stream.cut.extend_from_slice(&bytes[..more]);
                }
                (stream.left, bytes) = (stream.left - here, &bytes[here..]);
                if !stream.cut.is_empty() && (stream.left == 0 || stream.cut.len() >= SEEN) {
                    let length = u32::from_be_bytes([
                        stream.cut[1],
                        stream.cut[2],
                        stream.cut[3],
                        stream.cut[4],
                    ]);
                    visit.message(index, &stream.cut[5..], length as usize);
                    stream.cut.clear();
                }
                continue;
            }
            let prefix = 5usize.saturating_sub(stream.cut.len());
            if bytes.len() < prefix {
                stream.cut.extend_from_slice(bytes);
                return;
            }
            let mut head = [0; 5];
            let cut = stream.cut.len().min(5);
            head[..cut].copy_from_slice(&stream.cut[..cut]);
            head[cut..].copy_from_slice(&bytes[..prefix]);
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            bytes = &bytes[prefix..];
            stream.left = length;
            stream.cut.clear();
            if bytes.len() >= length.min(SEEN) {
                visit.message(index, &bytes[..length.min(SEEN)], length);
            } else {
                stream.cut.extend_from_slice(&head);
            }
        }
    }
}

/// The first subject of the event at the beginning of a batch; none for any other message.
pub(crate) fn subject(message: &[u8]) -> Option<&[u8]> {
    let (&0x12, batch) = message.split_first()? else { return None };
    let (_, batch) = varint(batch)?;
    if *batch.first()? != 0x0a {
        return None;
    }
    let (_, mut fields) = varint(&batch[1..])?;
    loop {
        let (tag, rest) = varint(fields)?;
        let (value, rest) = varint(rest)?;
        fields = match (tag >> 3, tag & 7) {
            (8, 2) => return rest.get(..value as usize),
            (_, 0) => rest,
            (_, 2) => rest.get(value as usize..)?,
            _ => return None,
        };
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hansa_proto::pb::feed::v1 as pb;
    use pb::subscribe_response::Message;
    use prost::Message as _;

    /// Stream, length, and the subject of an event.
    type FoundMessage = (usize, usize, Option<String>);

    #[derive(Default)]
    struct Found {
        messages: Vec<FoundMessage>,
        ended: Vec<usize>,
    }

    impl Visit for Found {
        fn message(&mut self, stream: usize, start: &[u8], length: usize) {
            let subject = subject(start).map(|it| String::from_utf8(it.to_vec()).unwrap());
            self.messages.push((stream, length, subject));
        }
        fn ended(&mut self, stream: usize) {
            self.ended.push(stream);
        }
    }

    fn batch(position: u64) -> Vec<u8> {
        let recorded_at = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5_000 });
        let event = pb::Event {
            name: format!("events/{position}.0"),
            position,
            kind: 3,
            themes: vec!["a".repeat(position as usize % 90)],
            recorded_at,
            principal: "p".repeat(300),
            ..Default::default()
        };
        let batch = pb::Batch { events: vec![event], cursor: vec![1; 26].into() };
        pb::SubscribeResponse { message: Some(Message::Batch(batch)) }.encode_to_vec()
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let caught_up = pb::CaughtUp { cursor: vec![1; 26].into(), position: 3 };
        let caught_up = pb::SubscribeResponse { message: Some(Message::CaughtUp(caught_up)) };
        let mut messages = vec![caught_up.encode_to_vec(), Vec::new()];
        messages.extend((1..40).map(batch));
        for (frame_bytes, read_bytes) in [(7, 1), (400, 3), (16_384, 1_000), (150, 100_000)] {
            let mut bytes = Vec::new();
            frame(&mut bytes, SETTINGS, 0, 0, &setting(INITIAL_WINDOW_SIZE, 7));
            frame(&mut bytes, HEADERS, END_HEADERS, 3, &[1, 2, 3]);
            let framed: Vec<u8> = messages
                .iter()
                .flat_map(|message| {
                    let length = (message.len() as u32).to_be_bytes();
                    [&[0][..], &length, message].concat()
                })
                .collect();
            for chunk in framed.chunks(frame_bytes) {
                frame(&mut bytes, DATA, 0, 3, chunk);
            }
            frame(&mut bytes, PING, 0, 0, &[9; 8]);
            frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 3, &[1, 2]);
            let (mut walk, mut found, mut out) =
                (Walk::new(2, 1 << 20), Found::default(), Vec::new());
            for part in bytes.chunks(read_bytes) {
                walk.read(part, &mut out, &mut found);
            }
            let expected: Vec<_> = messages
                .iter()
                .enumerate()
                .map(|(index, message)| {
                    let event = index.checked_sub(1).filter(|index| *index > 0);
                    (1, message.len(), event.map(|position| "a".repeat(position % 90)))
                })
                .collect();
            assert_eq!(found.messages, expected, "{frame_bytes} {read_bytes}");
            assert_eq!(found.ended, [1]);
            let mut answers = Vec::new();
            frame(&mut answers, SETTINGS, ACK, 0, &[]);
            frame(&mut answers, PING, ACK, 0, &[9; 8]);
            assert_eq!(out, answers);
        }
    }
}
