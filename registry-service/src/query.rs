//! Reading the view for callers: only while serving, not before the position they want, and off the
//! async threads.

use std::sync::Arc;
use std::time::Duration;

use hansa_journal::{Position, Reader, WriterState};
use hansa_view::{ReadView, View, ViewError};
use tokio::sync::watch;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::status;

/// How long `min_position` is waited for when the caller sets no deadline.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a read waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    position: Position,
    patience: Duration,
}

impl Wait {
    /// For `min_position`, at most until the deadline of the call.
    pub(crate) fn until(min_position: u64, metadata: &MetadataMap) -> Wait {
        let timeout = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok());
        // A tenth of the time is left for the answer: after the deadline nobody hears it.
        let patience = timeout.and_then(timeout_of).map_or(PATIENCE, |timeout| timeout / 10 * 9);
        Wait { position: Position::new(min_position), patience }
    }
}

/// Value and unit of a `grpc-timeout` header.
fn timeout_of(header: &str) -> Option<Duration> {
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

/// Answers reads. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Queries {
    view: Arc<View>,
    reader: Reader,
    state: watch::Receiver<WriterState>,
}

impl Queries {
    /// Over a view and the journal it follows.
    pub(crate) fn new(
        view: Arc<View>,
        reader: Reader,
        state: watch::Receiver<WriterState>,
    ) -> Queries {
        Queries { view, reader, state }
    }

    /// The journal's reader.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Refuses while the writer replays, and after it failed or stopped.
    pub(crate) fn require_serving(&self) -> Result<(), Status> {
        match &*self.state.borrow() {
            WriterState::Serving => Ok(()),
            WriterState::Replaying { .. } | WriterState::Failed(_) | WriterState::Stopped => {
                Err(status::not_serving())
            }
        }
    }

    /// Looks at the view once it has reached the position waited for; gives the position it stood at.
    pub(crate) async fn read<R: Send + 'static>(
        &self,
        wait: Wait,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError> + Send + 'static,
    ) -> Result<(R, u64), Status> {
        self.require_serving()?;
        let reached = tokio::time::timeout(wait.patience, self.reader.wait_for(wait.position));
        match reached.await {
            Ok(Ok(())) => {}
            Ok(Err(_stopped)) => return Err(status::not_serving()),
            Err(_elapsed) => {
                return Err(status::position_not_reached(wait.position, self.reader.head()));
            }
        }
        self.view
            .query(move |keys| Ok((look(keys)?, keys.applied().get())))
            .await
            .map_err(status::view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_in_every_unit() {
        assert_eq!(timeout_of("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(timeout_of("3M"), Some(Duration::from_secs(180)));
        assert_eq!(timeout_of("5S"), Some(Duration::from_secs(5)));
        assert_eq!(timeout_of("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout_of("7u"), Some(Duration::from_micros(7)));
        assert_eq!(timeout_of("9n"), Some(Duration::from_nanos(9)));
        for malformed in ["", "S", "5", "5x", "-1S", "123456789S", "é"] {
            assert_eq!(timeout_of(malformed), None, "{malformed}");
        }
    }
}
