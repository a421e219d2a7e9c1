//! Messages of Subscribe as gRPC frames them: five bytes, a zero and the length, then the message.

use bytes::{BufMut, Bytes, BytesMut};
use hansa_journal::Stored;
use hansa_proto::pb::feed::v1 as pb;
use pb::subscribe_response::Message as StreamMessage;
use prost::Message;

/// Tag of the events of a batch, and of the batch in the message.
const EVENTS: u8 = 1 << 3 | 2;
const BATCH: u8 = 2 << 3 | 2;

/// How commits go out to those who take everything: as they are stored, unless they have no events.
pub(crate) fn framing(stored: &Stored<'_>, _: &mut Vec<u8>) -> bool {
    has_events(stored.body)
}

/// Whether a stored body begins with an event.
fn has_events(body: &[u8]) -> bool {
    let Some((&BATCH, mut rest)) = body.split_first() else { return false };
    prost::encoding::decode_varint(&mut rest).is_ok() && rest.first() == Some(&EVENTS)
}

/// How many events a stored body has; none when it is not one.
pub(crate) fn count_events(body: &[u8]) -> Option<usize> {
    let (&BATCH, mut rest) = body.split_first()? else { return None };
    prost::encoding::decode_varint(&mut rest).ok()?;
    let mut count = 0;
    while let Some((&EVENTS, mut after)) = rest.split_first() {
        let length = prost::encoding::decode_varint(&mut after).ok()?;
        rest = after.get(usize::try_from(length).ok()?..)?;
        count += 1;
    }
    Some(count)
}

/// A message, framed.
pub(crate) fn message(message: StreamMessage) -> Bytes {
    let message = pb::SubscribeResponse { message: Some(message) };
    let bytes = message.encoded_len();
    let mut out = BytesMut::with_capacity(5 + bytes);
    prefix(&mut out, bytes);
    message.encode_raw(&mut out);
    out.freeze()
}

/// Appends a stored body, framed.
pub(crate) fn append(out: &mut impl BufMut, body: &[u8]) {
    prefix(out, body.len());
    out.put_slice(body);
}

fn prefix(out: &mut impl BufMut, bytes: usize) {
    out.put_u8(0);
    out.put_u32(u32::try_from(bytes).expect("a message is far below four gigabytes"));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stored(events: Vec<pb::Event>) -> Vec<u8> {
        let batch = pb::Batch { events, cursor: Bytes::from_static(b"cursor") };
        pb::SubscribeResponse { message: Some(StreamMessage::Batch(batch)) }.encode_to_vec()
    }

    #[test]
    fn only_a_commit_with_events_is_sent() {
        assert!(has_events(&stored(vec![pb::Event::default()])));
        let large = pb::Event { principal: "a".repeat(70_000), ..Default::default() };
        assert!(has_events(&stored(vec![large])));
        assert!(!has_events(&stored(Vec::new())));
        for count in [0, 1, 3] {
            let events = vec![pb::Event { position: 300, ..Default::default() }; count];
            assert_eq!(count_events(&stored(events)), Some(count));
        }
        assert_eq!(count_events(&[BATCH, 9, EVENTS, 200, 1]), None);
        assert!(!has_events(&[]) && !has_events(&[BATCH]) && !has_events(&[BATCH, 0xff]));
    }

    #[test]
    fn a_frame_holds_its_message() {
        let body = stored(vec![pb::Event::default()]);
        let mut appended = BytesMut::new();
        append(&mut appended, &body);
        let read = pb::SubscribeResponse::decode(&appended[5..]).unwrap();
        assert_eq!(appended.freeze(), message(read.message.unwrap()));
    }
}
