//! The cursor of a named subscription: committed forwards only, and only where nobody else has committed
//! one meanwhile. A commit whose answer was lost is repeated with the same request id, so that it is done
//! once.

use bytes::Bytes;
use hansa_proto::feed::Cursor;
use hansa_proto::pb::feed::v1 as pb;
use uuid::Uuid;

use super::Subscription;
use super::backoff::Waits;
use super::builder::{Commits, Start};
use super::error::{CommitError, Interruption};
use super::link;
use super::tokens::{TokenFor, signed};
use crate::error::CallError;

/// Tries of one commit.
const TRIES: u32 = 5;

/// What is known of the cursor committed.
#[derive(Debug, Default)]
pub(super) struct Committing {
    /// The cursor committed last, as far as is known; empty when there was none.
    pub(super) committed: Option<Bytes>,
    /// A commit that was sent and not answered.
    pending: Option<Pending>,
    /// Yielded, and not committed by itself yet.
    behind: Option<Bytes>,
    events_behind: u32,
    quiet: bool,
}

#[derive(Debug, Clone)]
struct Pending {
    cursor: Bytes,
    expected: Bytes,
    request_id: String,
}

impl Committing {
    /// Events were yielded.
    pub(super) fn yielded(&mut self, cursor: &Bytes, events: usize) {
        self.behind = Some(cursor.clone());
        self.events_behind =
            self.events_behind.saturating_add(u32::try_from(events).unwrap_or(u32::MAX));
        self.quiet = false;
    }

    /// The feed has nothing more for now.
    pub(super) fn quiet(&mut self) {
        self.quiet = true;
    }

    fn due(&self, commits: Commits, ending: bool) -> Option<Bytes> {
        let Commits::After { events } = commits else { return None };
        let due = ending || self.quiet || self.events_behind >= events.max(1);
        self.behind.clone().filter(|_| due)
    }

    fn postpone(&mut self) {
        self.quiet = false;
        self.events_behind = 0;
    }

    fn position(&self) -> u64 {
        self.committed.as_deref().map_or(0, position)
    }
}

impl Subscription {
    /// Commits how far the named subscription has come: everything up to this cursor was dealt with. One
    /// that is not after the cursor committed last changes nothing. May be cancelled; commit again then.
    pub async fn commit(&mut self, cursor: &Bytes) -> Result<(), CommitError> {
        let mut waits = Waits::new(self.options.backoff.clone());
        loop {
            let failed = match self.try_commit(cursor).await {
                Err(CommitError::Failed(failed)) => failed,
                other => return other,
            };
            let (passes, asked_for) = match &failed {
                Interruption::Call(call) => (may_pass(call), call.retry_after),
                _ => (true, None),
            };
            match waits.next(asked_for).filter(|_| passes && waits.tries() < TRIES) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(CommitError::Failed(failed)),
            }
        }
    }

    /// The cursor committed last under the name, as far as is known here.
    pub fn committed(&self) -> Option<&Bytes> {
        self.committing.committed.as_ref().filter(|cursor| !cursor.is_empty())
    }

    /// What is due by itself. What cannot be committed now is tried again later; only when somebody else
    /// has committed there is nothing to go on with.
    pub(super) async fn commit_by_itself(&mut self, ending: bool) -> Result<(), CommitError> {
        let Some(cursor) = self.committing.due(self.options.commits, ending) else {
            return Ok(());
        };
        let tried = match ending {
            true => self.commit(&cursor).await,
            false => self.try_commit(&cursor).await,
        };
        match tried {
            Ok(()) => {
                self.committing.behind = None;
                self.committing.postpone();
                Ok(())
            }
            Err(CommitError::Failed(failed)) => {
                tracing::warn!(%failed, "the cursor is committed later");
                self.committing.postpone();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn try_commit(&mut self, cursor: &Bytes) -> Result<(), CommitError> {
        let Start::Subscription(name) = &self.options.start else {
            return Err(CommitError::NotNamed);
        };
        let name = name.clone();
        let wanted = Cursor::decode(cursor).map_err(|_| CommitError::NotYielded)?.position;
        if wanted > self.order.up_to() {
            return Err(CommitError::NotYielded);
        }
        if self.committing.committed.is_none() {
            let tokens = self.options.tokens.as_ref();
            let committed = link::committed(&mut self.feed, name.clone(), tokens).await;
            self.committing.committed = Some(committed.map_err(CommitError::Failed)?);
        }
        // What was sent and not answered comes first: it may have been done.
        if let Some(pending) = self.committing.pending.clone() {
            self.send(&name, pending).await?;
        }
        if wanted <= self.committing.position() {
            return Ok(());
        }
        let pending = Pending {
            cursor: cursor.clone(),
            expected: self.expected(cursor),
            request_id: Uuid::new_v4().to_string(),
        };
        self.committing.pending = Some(pending.clone());
        self.send(&name, pending).await
    }

    /// The cursor known to be committed; where there was none, the one before everything.
    fn expected(&self, cursor: &Bytes) -> Bytes {
        let committed = self.committing.committed.clone().unwrap_or_default();
        match Cursor::decode(cursor) {
            Ok(cursor) if committed.is_empty() => Cursor { position: 0, ..cursor }.encode(),
            _ => committed,
        }
    }

    async fn send(&mut self, name: &str, pending: Pending) -> Result<(), CommitError> {
        let message = pb::CommitCursorRequest {
            name: name.to_owned(),
            cursor: pending.cursor.clone(),
            expected_cursor: pending.expected,
            request_id: pending.request_id,
            validate_only: false,
        };
        let mut why = TokenFor::Connection;
        loop {
            let request = signed(message.clone(), self.options.tokens.as_ref(), why).await;
            let request = request.map_err(CommitError::Failed)?;
            let call = self.feed.commit_cursor(request);
            let answer = match tokio::time::timeout(self.patience, call).await {
                Ok(answer) => answer,
                Err(_) => return Err(CommitError::Failed(Interruption::Silence(self.patience))),
            };
            let error = match answer {
                Ok(_) => {
                    self.committing.committed = Some(pending.cursor);
                    self.committing.pending = None;
                    return Ok(());
                }
                Err(status) => CallError::from(status),
            };
            let unauthenticated = error.code == tonic::Code::Unauthenticated;
            if unauthenticated && self.options.tokens.is_some() && why == TokenFor::Connection {
                why = TokenFor::Refused;
                continue;
            }
            if !may_pass(&error) {
                self.committing.pending = None;
            }
            return Err(self.not_committed(error));
        }
    }

    fn not_committed(&self, error: CallError) -> CommitError {
        let expected = self.committing.position();
        let other = match error.reason.as_deref() {
            Some("ETAG_MISMATCH") => error.metadata.get("actual"),
            Some("CURSOR_BEHIND") => error.metadata.get("committed"),
            _ => None,
        };
        match other.and_then(|position| position.parse().ok()) {
            Some(actual) => CommitError::CommittedElsewhere { expected, actual },
            None => CommitError::Failed(Interruption::Call(error)),
        }
    }
}

/// Whether a commit may succeed later: then it may have been done, too.
fn may_pass(error: &CallError) -> bool {
    error.retryable || error.side_effects_unknown
}

/// Position of a cursor; 0 for what is none.
pub(super) fn position(cursor: &[u8]) -> u64 {
    Cursor::decode(cursor).map_or(0, |cursor| cursor.position)
}
