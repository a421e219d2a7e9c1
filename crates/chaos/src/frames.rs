//! The messages of gRPC in a stream of bytes: a flag, four bytes of length, the message.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

const PREFIX: usize = 5;

/// One message with its prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame(Bytes);

impl Frame {
    /// A message that is not compressed.
    pub(crate) fn of(message: &impl prost::Message) -> Frame {
        let body = message.encode_to_vec();
        let mut bytes = BytesMut::with_capacity(PREFIX + body.len());
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
        bytes.put_slice(&body);
        Frame(bytes.freeze())
    }

    /// What it says; none when it is compressed or of another type.
    pub(crate) fn read<M: prost::Message + Default>(&self) -> Option<M> {
        if self.0[0] != 0 {
            return None;
        }
        M::decode(self.0.slice(PREFIX..)).ok()
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The first half of it: a prefix that promises more than there is.
    pub(crate) fn half(&self) -> Bytes {
        self.0.slice(..PREFIX.min(self.0.len()) + (self.0.len() - PREFIX) / 2)
    }
}

/// Bytes on their way to being frames.
#[derive(Debug, Default)]
pub(crate) struct Frames(BytesMut);

impl Frames {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole one.
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        let mut prefix = self.0.get(1..PREFIX)?;
        let length = PREFIX + prefix.get_u32() as usize;
        if self.0.len() < length {
            return None;
        }
        Some(Frame(self.0.split_to(length).freeze()))
    }

    /// What is left and is no whole one.
    pub(crate) fn rest(self) -> Bytes {
        self.0.freeze()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn frames_come_whole_however_the_bytes_are_cut() {
        let frames = [Frame::of(&"one".to_owned()), Frame::of(&String::new())];
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.0.to_vec()).collect();
        for size in 1..=bytes.len() {
            let (mut read, mut found) = (Frames::default(), Vec::new());
            for chunk in bytes.chunks(size) {
                read.push(chunk);
                found.extend(std::iter::from_fn(|| read.pop()));
            }
            assert_eq!(found, frames);
            assert!(read.rest().is_empty());
        }
        assert_eq!(frames[0].read::<String>().unwrap(), "one");
        assert!(frames[0].half().len() < frames[0].0.len());
        assert_eq!(frames[0].half().len(), PREFIX + 2);
    }
}
