//! Reading the view for callers: only while serving, not before the position they want, and off the
//! async threads.

use std::sync::Arc;
use std::time::Duration;

use hansa_chassis::server;
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
    /// For nothing.
    pub(crate) fn none() -> Wait {
        Wait { position: Position::ORIGIN, patience: PATIENCE }
    }

    /// For `min_position`, at most until the deadline of the call.
    pub(crate) fn until(min_position: u64, metadata: &MetadataMap) -> Wait {
        let patience = server::patience(metadata, PATIENCE);
        Wait { position: Position::new(min_position), patience }
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

    /// Waits until the view has reached a position.
    async fn reached(&self, wait: Wait) -> Result<(), Status> {
        self.require_serving()?;
        if self.reader.head() >= wait.position {
            return Ok(());
        }
        let reached = tokio::time::timeout(wait.patience, self.reader.wait_for(wait.position));
        match reached.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_stopped)) => Err(status::not_serving()),
            Err(_elapsed) => Err(status::position_not_reached(wait.position, self.reader.head())),
        }
    }

    /// The position a read is shown at: the one asked for, or the last one when that is 0. What came
    /// before it is in the view.
    pub(crate) async fn shown_at(&self, wait: Wait, at_position: u64) -> Result<Position, Status> {
        self.reached(wait).await?;
        let head = self.reader.head();
        match Position::new(at_position) {
            Position::ORIGIN => Ok(head),
            ahead if ahead > head => Err(status::in_future(head, &self.reader)),
            then => Ok(then),
        }
    }

    /// Like [`Queries::read`], for a look at a few keys.
    pub(crate) async fn glance<R: Send + 'static>(
        &self,
        wait: Wait,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError> + Send + 'static,
    ) -> Result<R, Status> {
        self.reached(wait).await?;
        self.view.glance(look).await.map_err(status::view)
    }

    /// Looks at the view once it has reached the position waited for; gives the position it stood at.
    pub(crate) async fn read<R: Send + 'static>(
        &self,
        wait: Wait,
        look: impl FnOnce(&ReadView<'_>) -> Result<R, ViewError> + Send + 'static,
    ) -> Result<(R, u64), Status> {
        self.reached(wait).await?;
        self.view
            .query(move |keys| Ok((look(keys)?, keys.applied().get())))
            .await
            .map_err(status::view)
    }
}
