//! Writing batches at the end of the active segment.
//!
//! ```text
//!   records … records │ the next batch, written over zeros │ zeros │ end of the file
//! ```
//!
//! A file that grows with each append has its length written too, at each sync, after the records: half of
//! what a sync of one record takes. So the active segment is written with zeros ahead, now and then, together
//! with a batch. Zeros to the end of the last segment say that nothing was written there; they are cut off
//! when a segment or the journal is closed, and by the next open when it could not be.

use std::io;
use std::sync::Arc;

use super::highwater::Highwater;
use super::record;
use super::walk::Tip;
use crate::disk::DiskFile;
use crate::limits::{AHEAD_BYTES, AHEAD_OF_BYTES, BATCH_BYTES};
use crate::{AppendError, Commit};

/// What only the one who appends touches.
pub(super) struct Appender {
    pub(super) highwater: Highwater,
    buffer: Vec<u8>,
    /// Up to where the active segment's file is written, zeros ahead of its records included.
    pub(super) written: u64,
    /// J6: what failed, once something did.
    pub(super) failed: Option<String>,
}

/// Where the next batch goes.
pub(super) struct Active {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) end: u64,
    /// No batch begins here or after it.
    pub(super) full: u64,
}

impl Appender {
    pub(super) fn new(highwater: Highwater, written: u64) -> Appender {
        Appender { highwater, buffer: Vec::new(), written, failed: None }
    }

    /// Writes a batch and makes it durable: one write, one `fdatasync`.
    pub(super) fn write(&mut self, active: &Active, commits: &[Commit]) -> Result<(), AppendError> {
        let batch_first = commits[0].position;
        self.buffer.clear();
        for (index, commit) in commits.iter().enumerate() {
            record::encode(&mut self.buffer, commit, batch_first, index + 1 == commits.len());
        }
        let batch = self.buffer.len();
        self.fill_ahead(active);
        let written = self.write_buffer(active, batch).and_then(|()| self.sync(active));
        if written.is_ok() {
            self.written = self.written.max(active.end + self.buffer.len() as u64);
        }
        if self.buffer.capacity() > KEPT_BUFFER_BYTES {
            self.buffer = Vec::new();
        }
        written
    }

    /// Puts zeros behind the batch when it goes past those that are written.
    fn fill_ahead(&mut self, active: &Active) {
        let end = active.end + self.buffer.len() as u64;
        if end <= self.written || self.buffer.len() > AHEAD_OF_BYTES {
            return;
        }
        let zeros = AHEAD_BYTES.min(active.full.saturating_sub(end));
        let zeros = usize::try_from(zeros).expect("AHEAD_BYTES at most");
        self.buffer.resize(self.buffer.len() + zeros, 0);
    }

    /// Writes the buffer, of which so many bytes are the batch and the others zeros.
    fn write_buffer(&mut self, active: &Active, batch: usize) -> Result<(), AppendError> {
        match active.file.write_at(&self.buffer, active.end) {
            Ok(()) => Ok(()),
            Err(error) if is_full(&error) => {
                self.cut(active, "cutting off a batch the full disk did not take")?;
                self.written = active.end;
                if self.buffer.len() == batch {
                    return Err(AppendError::Full);
                }
                // There may be room for the batch alone.
                self.buffer.truncate(batch);
                self.write_buffer(active, batch)
            }
            Err(error) => Err(self.lose("writing a batch", error)),
        }
    }

    /// A segment to which nothing is added any more ends with its records.
    pub(super) fn close(&mut self, active: &Active) -> Result<(), AppendError> {
        match self.written > active.end {
            true => self.cut(active, "cutting off what was written ahead"),
            false => Ok(()),
        }
    }

    /// Back to the durable end, durably: nothing half-written may stay.
    fn cut(&mut self, active: &Active, doing: &str) -> Result<(), AppendError> {
        let cut = active.file.truncate(active.end).and_then(|()| active.file.sync_data());
        cut.map_err(|error| self.fail(doing, error))
    }

    fn sync(&mut self, active: &Active) -> Result<(), AppendError> {
        active.file.sync_data().map_err(|error| self.lose("syncing a batch", error))
    }

    /// Notes how far the journal is durable. What was appended is safe even if that cannot be noted.
    pub(super) fn note(&mut self, tip: Tip) {
        match self.highwater.note(tip) {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                tracing::warn!(%error, "no space to note how far the journal is durable");
            }
            Err(error) => self.failed = Some(format!("noting the tail failed before: {error}")),
        }
    }

    /// J6, and nothing of the batch is there.
    pub(super) fn fail(&mut self, doing: &str, error: io::Error) -> AppendError {
        self.failed = Some(format!("{doing} failed before: {error}"));
        AppendError::Storage(error)
    }

    /// J6, and nobody knows how much of the batch is there.
    fn lose(&mut self, doing: &str, error: io::Error) -> AppendError {
        self.failed = Some(format!("{doing} failed before: {error}"));
        AppendError::OutcomeUnknown(error)
    }
}

/// A buffer larger than this is given back after use.
const KEPT_BUFFER_BYTES: usize = 4 * BATCH_BYTES;

pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
