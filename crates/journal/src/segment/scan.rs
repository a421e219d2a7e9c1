//! Reading records from a segment file, through a window, without a cursor in the file.

use std::io;

use bytes::Bytes;

use super::record::{FORMAT, HEADER_BYTES, Header, Record};
use crate::Position;
use crate::disk::DiskFile;

const WINDOW_BYTES: usize = 256 * 1024;

/// The bytes of a segment up to an end.
pub(super) struct Scanner<'a> {
    file: &'a dyn DiskFile,
    end: u64,
    window: Bytes,
    window_start: u64,
}

impl<'a> Scanner<'a> {
    /// Sees the file up to `end`.
    pub(super) fn new(file: &'a dyn DiskFile, end: u64) -> Scanner<'a> {
        Scanner { file, end, window: Bytes::new(), window_start: 0 }
    }

    /// The record at an offset, or what is wrong with it.
    pub(super) fn record(&mut self, offset: u64) -> io::Result<Result<Record, &'static str>> {
        let header = match self.header(offset)? {
            Ok(header) => header,
            Err(flaw) => return Ok(Err(flaw)),
        };
        match self.bytes(offset, header.record_bytes())? {
            Some(bytes) => Ok(header.record(&bytes)),
            None => Ok(Err("cut short")),
        }
    }

    /// Whether a readable record of a batch after the one beginning at `batch_first` stands anywhere
    /// after `offset`, where nothing readable stands.
    pub(super) fn later_batch_after(
        &mut self,
        offset: u64,
        batch_first: Position,
    ) -> io::Result<bool> {
        let mut from = offset + 1;
        while let Some(candidate) = self.first_byte_of(from, |byte| byte == FORMAT)? {
            from = candidate + 1;
            let Ok(header) = self.header(candidate)? else { continue };
            let plausible = header.batch_first > batch_first
                && header.position >= header.batch_first
                && header.position.get() - batch_first.get() <= self.end;
            if plausible && self.record(candidate)?.is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether nothing but zeros stands from an offset on.
    pub(super) fn is_zero_from(&mut self, offset: u64) -> io::Result<bool> {
        Ok(self.first_byte_of(offset, |byte| byte != 0)?.is_none())
    }

    /// Where what is written from an offset on ends, and only zeros follow.
    pub(super) fn end_of_written(&mut self, offset: u64) -> io::Result<u64> {
        let mut end = offset;
        while let Some(written) = self.first_byte_of(end, |byte| byte != 0)? {
            end = self.first_byte_of(written, |byte| byte == 0)?.unwrap_or(self.end);
        }
        Ok(end)
    }

    /// Where the first byte of a kind stands from an offset on.
    fn first_byte_of(
        &mut self,
        mut offset: u64,
        kind: impl Fn(u8) -> bool,
    ) -> io::Result<Option<u64>> {
        while offset < self.end {
            let window_end = self.window_start + self.window.len() as u64;
            let length = match offset >= self.window_start && offset < window_end {
                true => window_end - offset,
                false => (self.end - offset).min(WINDOW_BYTES as u64),
            };
            let length = usize::try_from(length).expect("a window is in memory");
            let Some(bytes) = self.bytes(offset, length)? else { break };
            if let Some(found) = bytes.iter().position(|byte| kind(*byte)) {
                return Ok(Some(offset + found as u64));
            }
            offset += length as u64;
        }
        Ok(None)
    }

    fn header(&mut self, offset: u64) -> io::Result<Result<Header, &'static str>> {
        let Some(bytes) = self.bytes(offset, HEADER_BYTES)? else {
            return Ok(Err("cut short"));
        };
        let bytes = bytes.as_ref().try_into().expect("as many bytes as asked for");
        Ok(Header::parse(bytes))
    }

    /// Exactly these bytes; `None` where they would pass the end.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<Option<Bytes>> {
        if offset + length as u64 > self.end {
            return Ok(None);
        }
        let window_end = self.window_start + self.window.len() as u64;
        if offset < self.window_start || offset + length as u64 > window_end {
            let rest = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
            let mut window = vec![0; length.max(WINDOW_BYTES).min(rest)];
            match self.file.read_at(&mut window, offset) {
                // The file was cut by the journal that owns it while we only look on.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                other => other?,
            }
            self.window = Bytes::from(window);
            self.window_start = offset;
        }
        let start = usize::try_from(offset - self.window_start).expect("within the window");
        Ok(Some(self.window.slice(start..start + length)))
    }
}
