//! How a failure is told to a caller: the only place of this service where a `tonic::Status` is made.
//! Every match is exhaustive, so that a new failure does not compile before it has a code and a reason.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use hansa_chassis::status::Problem;
use hansa_journal::{Position, ReadError, Reader, SubmitError};
use hansa_proto::limits;
use hansa_proto::pb::common::v1::{ErrorReason, RuleViolation};
use hansa_proto::pb::registry::v1::ImportError;
use hansa_proto::violation::Violations;
use hansa_view::ViewError;
use tonic::{Code, Status};

use crate::codec::CodecError;
use crate::domain::Rejection;

/// When to come back after a refusal that passes by itself.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// When to come back to a service that is starting.
const RETRY_AFTER_START: Duration = Duration::from_secs(1);

/// Fields are malformed.
pub(crate) fn malformed(violations: Violations) -> Status {
    let fields = violations.into_vec().into_iter().map(|it| (it.field, it.problem));
    Problem::new(Code::InvalidArgument, "MALFORMED", "the request is malformed")
        .field_violations(fields)
        .into_status()
}

/// There is no such resource.
pub(crate) fn not_found(sort: &str, name: impl Display) -> Status {
    Problem::new(Code::NotFound, "NOT_FOUND", format!("{name} does not exist"))
        .resource(sort, name.to_string())
        .into_status()
}

/// A command came to nothing.
pub(crate) fn submit(error: SubmitError<Rejection>) -> Status {
    match error {
        SubmitError::Refused(rejection) => rejected(rejection),
        SubmitError::QueueFull => {
            Problem::new(Code::ResourceExhausted, "QUEUE_FULL", "too many commands are waiting")
                .quota("commands waiting", "the writer's queue is full")
                .retry_after(RETRY_AFTER)
                .into_status()
        }
        SubmitError::TooLarge { limit } => {
            too_large(limit, format!("the commit would have more than {limit} bytes"))
        }
        SubmitError::Full => Problem::new(
            Code::ResourceExhausted,
            "DISK_FULL",
            "the disk is full; nothing was written",
        )
        .quota("disk", "no space is left for the journal")
        .into_status(),
        SubmitError::NotServing => not_serving(),
        SubmitError::OutcomeUnknown => Problem::new(
            Code::Unknown,
            "OUTCOME_UNKNOWN",
            "perhaps applied: ask again with the same request id",
        )
        .retryable(true)
        .side_effects_unknown()
        .into_status(),
    }
}

fn rejected(rejection: Rejection) -> Status {
    match rejection {
        Rejection::InItem { index, rejection } => {
            problem(*rejection, &format!("items[{index}]: ")).metadata("item", index).into_status()
        }
        rejection => problem(rejection, "").into_status(),
    }
}

/// What is against a command; `place` stands before every text.
fn problem(rejection: Rejection, place: &str) -> Problem {
    let message = format!("{place}{rejection}");
    let reason = reason(&rejection);
    match rejection {
        Rejection::NotFound(target) => Problem::new(Code::NotFound, reason, message)
            .resource(target.sort(), target.to_string()),
        Rejection::AlreadyExists(target) => Problem::new(Code::AlreadyExists, reason, message)
            .resource(target.sort(), target.to_string()),
        Rejection::EtagMismatch { expected, actual } => {
            Problem::new(Code::Aborted, reason, message)
                .metadata("expected", expected)
                .metadata("actual", actual)
        }
        Rejection::Refused(violations) => violations.into_iter().fold(
            Problem::new(Code::FailedPrecondition, reason, message),
            |problem, violation| {
                let description = format!("{place}{}", violation.description);
                problem.precondition(violation.rule.as_str(), violation.subject, description)
            },
        ),
        Rejection::TooLarge { limit } => {
            Problem::new(Code::ResourceExhausted, reason, message).metadata("limit", limit)
        }
        Rejection::RequestIdReused => Problem::new(Code::FailedPrecondition, reason, message),
        // Batches do not hold batches.
        Rejection::InItem { rejection, .. } => problem(*rejection, place),
    }
}

/// The reason of a rejection, as in ErrorInfo.
fn reason(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::NotFound(_) => "NOT_FOUND",
        Rejection::AlreadyExists(_) => "ALREADY_EXISTS",
        Rejection::EtagMismatch { .. } => "ETAG_MISMATCH",
        Rejection::Refused(_) => "REFUSED",
        Rejection::TooLarge { .. } => "TOO_LARGE",
        Rejection::RequestIdReused => "REQUEST_ID_REUSED",
        Rejection::InItem { rejection, .. } => reason(rejection),
    }
}

/// A count that would take too much memory or time.
pub(crate) fn too_much_to_count(limit: usize, of: &str) -> Status {
    too_large(limit, format!("there are more than {limit} {of}"))
}

/// A row of an import that is refused, as its answer tells it.
pub(crate) fn row_rejected(rejection: Rejection) -> ImportError {
    let rules = match &rejection {
        Rejection::Refused(violations) => {
            let named =
                |rule: &str| RuleViolation::from_str_name(&format!("RULE_VIOLATION_{rule}"));
            let rules = violations.iter().filter_map(|violation| named(violation.rule.as_str()));
            rules.map(i32::from).collect()
        }
        _ => Vec::new(),
    };
    let error = row_error(reason(&rejection), rejection.to_string());
    ImportError { rules, ..error }
}

/// A row of an import that is malformed.
pub(crate) fn row_malformed(violations: Violations) -> ImportError {
    let fields = violations.into_vec().into_iter();
    let fields = fields.map(|violation| violation.to_string()).collect();
    ImportError { fields, ..row_error("MALFORMED", "the row is malformed".to_owned()) }
}

/// A row of an import that does not fit into one commit.
pub(crate) fn row_too_large() -> ImportError {
    row_error("TOO_LARGE", "what the row would do does not fit into one commit".to_owned())
}

/// A dry run has more rows than are decided at once.
pub(crate) fn trial_too_large() -> Status {
    let (rows, bytes) = (limits::TRIAL_ROWS, limits::TRIAL_BYTES);
    let message = format!("a dry run decides at most {rows} rows of {bytes} bytes in all");
    too_large(rows, message)
}

fn row_error(reason: &str, message: String) -> ImportError {
    let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{reason}"));
    ImportError { reason: reason.map_or(0, i32::from), message, ..ImportError::default() }
}

fn too_large(limit: usize, message: String) -> Status {
    Problem::new(Code::ResourceExhausted, "TOO_LARGE", message)
        .metadata("limit", limit)
        .into_status()
}

/// Starting or stopping.
pub(crate) fn not_serving() -> Status {
    Problem::new(Code::Unavailable, "NOT_SERVING", "the registry is starting or stopping")
        .retry_after(RETRY_AFTER_START)
        .into_status()
}

/// `min_position` was not reached in time.
pub(crate) fn position_not_reached(wanted: Position, head: Position) -> Status {
    let message = format!("position {wanted} was not reached in time: the registry is at {head}");
    Problem::new(Code::Unavailable, "POSITION_NOT_REACHED", message)
        .metadata("head", head)
        .retry_after(RETRY_AFTER)
        .into_status()
}

/// The view failed.
pub(crate) fn view(error: ViewError) -> Status {
    internal("the view could not be read", &error)
}

/// What is stored does not decode.
pub(crate) fn codec(error: CodecError) -> Status {
    internal("a stored commit does not decode", &error)
}

/// Our fault: the log has the details, the caller learns that it is our fault.
fn internal(what: &str, error: &dyn Error) -> Status {
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "{what}");
    Problem::new(Code::Internal, "STORAGE", "the registry's storage failed").into_status()
}

/// The journal could not be read after a position.
pub(crate) fn journal(error: ReadError, reader: &Reader) -> Status {
    match error {
        ReadError::Expired { oldest } => {
            let message = format!("nothing is kept up to position {oldest}");
            cursor(Problem::new(Code::OutOfRange, "CURSOR_EXPIRED", message), reader)
        }
        ReadError::Ahead { tail } => in_future(tail, reader),
        ReadError::Damaged { .. } | ReadError::Undecoded(_) => {
            tracing::error!(%error, "the journal is damaged");
            Problem::new(Code::DataLoss, "CHAIN_MISMATCH", error.to_string()).into_status()
        }
        ReadError::Storage(source) => internal("the journal could not be read", &source),
    }
}

/// The position is ahead of the journal.
pub(crate) fn in_future(head: Position, reader: &Reader) -> Status {
    let message = format!("the position is ahead of the journal, which ends at {head}");
    cursor(Problem::new(Code::OutOfRange, "CURSOR_IN_FUTURE", message), reader)
}

/// The cursor is of another journal.
pub(crate) fn foreign(reader: &Reader) -> Status {
    let message = "the position is of another journal";
    cursor(Problem::new(Code::FailedPrecondition, "CURSOR_FOREIGN", message), reader)
}

/// Another history up to this position.
pub(crate) fn chain_mismatch(position: Position, reader: &Reader) -> Status {
    let message = format!("another history up to position {position}");
    cursor(Problem::new(Code::DataLoss, "CHAIN_MISMATCH", message), reader)
}

fn cursor(problem: Problem, reader: &Reader) -> Status {
    problem
        .metadata("oldest", reader.oldest())
        .metadata("head", reader.head())
        .metadata("identity", reader.identity())
        .into_status()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hansa_proto::ids::NetworkId;
    use hansa_proto::pb::common::v1::{ErrorReason, RuleViolation as Named};

    use super::*;
    use crate::domain::{Rule, RuleViolation, Target};

    fn all() -> Vec<(SubmitError<Rejection>, Code, &'static str)> {
        let target = Target::Network(NetworkId::from_id("a").unwrap());
        let refused = |rejection| SubmitError::Refused(rejection);
        let mismatch = Rejection::EtagMismatch { expected: "1".into(), actual: "2".into() };
        vec![
            (refused(Rejection::NotFound(target.clone())), Code::NotFound, "NOT_FOUND"),
            (refused(Rejection::AlreadyExists(target)), Code::AlreadyExists, "ALREADY_EXISTS"),
            (refused(mismatch), Code::Aborted, "ETAG_MISMATCH"),
            (refused(Rejection::Refused(vec![])), Code::FailedPrecondition, "REFUSED"),
            (refused(Rejection::TooLarge { limit: 1 }), Code::ResourceExhausted, "TOO_LARGE"),
            (refused(Rejection::RequestIdReused), Code::FailedPrecondition, "REQUEST_ID_REUSED"),
            (
                refused(Rejection::InItem {
                    index: 3,
                    rejection: Box::new(Rejection::RequestIdReused),
                }),
                Code::FailedPrecondition,
                "REQUEST_ID_REUSED",
            ),
            (SubmitError::QueueFull, Code::ResourceExhausted, "QUEUE_FULL"),
            (SubmitError::TooLarge { limit: 1 }, Code::ResourceExhausted, "TOO_LARGE"),
            (SubmitError::Full, Code::ResourceExhausted, "DISK_FULL"),
            (SubmitError::NotServing, Code::Unavailable, "NOT_SERVING"),
            (SubmitError::OutcomeUnknown, Code::Unknown, "OUTCOME_UNKNOWN"),
        ]
    }

    #[test]
    fn every_failure_has_its_code_and_a_reason_of_the_contract() {
        for (error, code, reason) in all() {
            let status = submit(error);
            assert_eq!(status.code(), code, "{reason}");
            let name = format!("ERROR_REASON_{reason}");
            assert!(ErrorReason::from_str_name(&name).is_some(), "{name} is in the contract");
            assert!(String::from_utf8_lossy(status.details()).contains(reason), "{reason}");
        }
    }

    #[test]
    fn every_rule_has_its_name_in_the_contract_and_is_listed() {
        let violation = |rule: Rule| RuleViolation {
            rule,
            subject: "networks/a".to_owned(),
            description: "so it is".to_owned(),
        };
        for rule in Rule::ALL {
            let name = format!("RULE_VIOLATION_{}", rule.as_str());
            assert!(Named::from_str_name(&name).is_some(), "{name} is in the contract");
        }
        let rules = [Rule::NotInvited, Rule::MemberRetired];
        let status = rejected(Rejection::Refused(rules.map(violation).to_vec()));
        let details = String::from_utf8_lossy(status.details()).into_owned();
        assert!(details.contains("NOT_INVITED") && details.contains("MEMBER_RETIRED"));
    }
}
