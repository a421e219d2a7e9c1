//! How the feed tells a failure to a caller: the only place of this crate where a `tonic::Status` is
//! made.

use std::time::Duration;

use hansa_chassis::status::Problem;
use hansa_journal::{JournalId, Position, ReadError, SubmitError};
use hansa_proto::violation::Violations;
use hansa_view::{FrozenError, ViewError};
use tonic::{Code, Status};

use crate::codec::Corrupt;
use crate::domain::Rejection;

/// When to come back after being turned away.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// Fields of a request are malformed.
pub(crate) fn malformed(violations: Violations) -> Status {
    let message = violations.to_string();
    let fields = violations.into_vec().into_iter().map(|each| (each.field, each.problem));
    Problem::new(Code::InvalidArgument, "MALFORMED", message).field_violations(fields).into_status()
}

/// There is no such resource.
pub(crate) fn not_found(kind: &'static str, name: impl ToString) -> Status {
    let name = name.to_string();
    rejected(Rejection::NotFound { kind, name })
}

/// The rules are against a command.
pub(crate) fn rejected(rejection: Rejection) -> Status {
    let message = rejection.to_string();
    match rejection {
        Rejection::NotFound { kind, name } => {
            Problem::new(Code::NotFound, "NOT_FOUND", message).resource(kind, name)
        }
        Rejection::AlreadyExists { kind, name } => {
            Problem::new(Code::AlreadyExists, "ALREADY_EXISTS", message).resource(kind, name)
        }
        Rejection::EtagMismatch { expected, actual } => {
            Problem::new(Code::Aborted, "ETAG_MISMATCH", message)
                .metadata("expected", expected)
                .metadata("actual", actual)
        }
        Rejection::Refused(broken) => {
            let listed: Vec<String> = broken
                .iter()
                .map(|each| format!("{}: {}", each.subject, each.rule.description()))
                .collect();
            let problem = Problem::new(Code::FailedPrecondition, "REFUSED", listed.join("; "));
            broken.into_iter().fold(problem, |problem, each| {
                let description = each.rule.description();
                problem.precondition(each.rule.as_str(), each.subject, description)
            })
        }
        Rejection::RequestIdReused => {
            Problem::new(Code::FailedPrecondition, "REQUEST_ID_REUSED", message)
        }
        Rejection::TooManySubscriptions { limit } => {
            Problem::new(Code::ResourceExhausted, "SUBSCRIPTION_QUOTA", message)
                .quota("named subscriptions", format!("at most {limit}"))
        }
        Rejection::CursorBehind { committed, given } => {
            Problem::new(Code::FailedPrecondition, "CURSOR_BEHIND", message)
                .metadata("committed", committed)
                .metadata("given", given)
        }
        Rejection::RegistryGap { .. } | Rejection::RegistryForeign => {
            Problem::new(Code::Internal, "STORAGE", message)
        }
    }
    .into_status()
}

/// There is no answer to a command.
pub(crate) fn unanswered(error: SubmitError<Rejection>) -> Status {
    let message = error.to_string();
    match error {
        SubmitError::Refused(rejection) => return rejected(rejection),
        SubmitError::QueueFull => {
            Problem::new(Code::ResourceExhausted, "QUEUE_FULL", message).retry_after(RETRY_AFTER)
        }
        SubmitError::TooLarge { limit } => {
            Problem::new(Code::ResourceExhausted, "TOO_LARGE", message).metadata("limit", limit)
        }
        SubmitError::Full => {
            Problem::new(Code::ResourceExhausted, "DISK_FULL", message).retryable(true)
        }
        SubmitError::NotServing => return not_serving(),
        SubmitError::OutcomeUnknown => Problem::new(Code::Unknown, "OUTCOME_UNKNOWN", message)
            .retryable(true)
            .side_effects_unknown(),
    }
    .into_status()
}

/// The feed starts or stops.
pub(crate) fn not_serving() -> Status {
    Problem::new(Code::Unavailable, "NOT_SERVING", "the feed is starting or stopping")
        .retry_after(RETRY_AFTER)
        .into_status()
}

/// A position asked for was not reached in time.
pub(crate) fn position_not_reached(what: &str, wanted: u64, reached: u64) -> Status {
    let message = format!("{what} {wanted} was not reached in time, it is at {reached}");
    Problem::new(Code::Unavailable, "POSITION_NOT_REACHED", message)
        .metadata("wanted", wanted)
        .metadata("reached", reached)
        .retry_after(RETRY_AFTER)
        .into_status()
}

/// There are as many subscriptions as there may be.
pub(crate) fn too_many_streams(limit: usize) -> Status {
    Problem::new(Code::ResourceExhausted, "STREAM_QUOTA", "there are too many subscriptions")
        .quota("subscriptions", format!("at most {limit} at once"))
        .retry_after(RETRY_AFTER * 4)
        .into_status()
}

/// Too many read the present state at once.
pub(crate) fn too_many_snapshots(limit: usize) -> Status {
    Problem::new(Code::ResourceExhausted, "STREAM_QUOTA", "too many snapshots are read at once")
        .quota("snapshots", format!("at most {limit} at once"))
        .retry_after(RETRY_AFTER * 4)
        .into_status()
}

/// The present state cannot be read.
pub(crate) fn snapshot_failed(error: FrozenError) -> Status {
    let message = error.to_string();
    match error {
        FrozenError::View(error) => view_failed(error),
        FrozenError::Lost => Problem::new(Code::ResourceExhausted, "SNAPSHOT_LOST", message)
            .retryable(true)
            .retry_after(RETRY_AFTER * 4)
            .into_status(),
    }
}

/// Why a cursor is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadCursor {
    /// Nothing so old is kept.
    Expired,
    /// Ahead of the journal.
    InFuture,
    /// Of another journal.
    Foreign,
}

/// A cursor is not taken.
pub(crate) fn bad_cursor(
    why: BadCursor,
    oldest: Position,
    head: Position,
    identity: JournalId,
) -> Status {
    let (code, reason, message) = match why {
        BadCursor::Expired => {
            (Code::OutOfRange, "CURSOR_EXPIRED", "nothing as old as the cursor is kept")
        }
        BadCursor::InFuture => {
            (Code::OutOfRange, "CURSOR_IN_FUTURE", "the cursor is ahead of the journal")
        }
        BadCursor::Foreign => {
            (Code::FailedPrecondition, "CURSOR_FOREIGN", "the cursor is of another journal")
        }
    };
    Problem::new(code, reason, message)
        .metadata("oldest", oldest)
        .metadata("head", head)
        .metadata("identity", identity)
        .into_status()
}

/// The view failed. The log has the details.
pub(crate) fn view_failed(error: ViewError) -> Status {
    tracing::error!(error = &error as &dyn std::error::Error, "the view cannot be read");
    storage()
}

/// The journal failed. The log has the details.
pub(crate) fn journal_failed(error: ReadError) -> Status {
    tracing::error!(error = &error as &dyn std::error::Error, "the journal cannot be read");
    match error {
        ReadError::Damaged { .. } | ReadError::Undecoded(_) => damaged(),
        ReadError::Expired { .. } | ReadError::Ahead { .. } | ReadError::Storage(_) => storage(),
    }
}

/// A stored commit does not decode. The log has the details.
pub(crate) fn commit_corrupt(corrupt: Corrupt) -> Status {
    tracing::error!(%corrupt, "a commit cannot be decoded");
    damaged()
}

fn damaged() -> Status {
    Problem::new(Code::DataLoss, "CHAIN_MISMATCH", "the journal is damaged").into_status()
}

fn storage() -> Status {
    Problem::new(Code::Internal, "STORAGE", "the feed's storage failed").into_status()
}
