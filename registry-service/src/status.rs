//! How a failure is told to a caller: the only place of this service where a `tonic::Status` is made.
//! Every match is exhaustive, so that a new failure does not compile before it has a code and a reason.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use hansa_chassis::status::Problem;
use hansa_journal::{Position, ReadError, Reader, SubmitError};
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
    let message = rejection.to_string();
    match rejection {
        Rejection::NotFound(target) => not_found(target.sort(), target),
        Rejection::AlreadyExists(target) => {
            Problem::new(Code::AlreadyExists, "ALREADY_EXISTS", message)
                .resource(target.sort(), target.to_string())
                .into_status()
        }
        Rejection::EtagMismatch { expected, actual } => {
            Problem::new(Code::Aborted, "ETAG_MISMATCH", message)
                .metadata("expected", expected)
                .metadata("actual", actual)
                .into_status()
        }
        Rejection::Refused(violations) => violations
            .into_iter()
            .fold(
                Problem::new(Code::FailedPrecondition, "REFUSED", message),
                |problem, violation| {
                    let rule = violation.rule.as_str();
                    problem.precondition(rule, violation.subject, violation.description)
                },
            )
            .into_status(),
        Rejection::TooLarge { limit } => too_large(limit, message),
        Rejection::RequestIdReused => {
            Problem::new(Code::FailedPrecondition, "REQUEST_ID_REUSED", message).into_status()
        }
    }
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
        ReadError::Damaged { .. } => {
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
