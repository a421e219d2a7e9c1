//! How a failure is told to a caller: the only place of this crate where a `tonic::Status` is made.
//!
//! Every status carries google.rpc.ErrorInfo of the domain `hansa`: the reason, and in its metadata
//! whether asking again can help (`retryable`) and whether something may have happened all the same
//! (`side_effects`: `none` or `unknown`). The details travel in HTTP/2 headers, where common clients
//! stop at 8 KiB in all, so long messages and lists are cut here, and say so.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The domain of every ErrorInfo.
pub const DOMAIN: &str = "hansa";

/// The most bytes of a message, and of each text of a detail.
const TEXT_BYTES_MAX: usize = 512;

/// The most bytes of all texts of the violations in one status.
const VIOLATION_BYTES_MAX: usize = 2 * 1024;

/// How long a caller that was turned away should wait.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A failure on its way to a caller.
#[derive(Debug, Clone)]
#[must_use = "a problem does nothing until it is turned into a status"]
pub struct Problem {
    code: Code,
    reason: &'static str,
    message: String,
    retryable: bool,
    side_effects: &'static str,
    metadata: HashMap<String, String>,
    details: ErrorDetails,
    violation_bytes: usize,
    violations_left_out: usize,
}

impl Problem {
    /// A failure that had no effect and that asking again does not help. The reason is one of the
    /// service's vocabulary, in capitals; the message is for people: lower case, no full stop.
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: cut(message.into()),
            retryable: false,
            side_effects: "none",
            metadata: HashMap::new(),
            details: ErrorDetails::new(),
            violation_bytes: 0,
            violations_left_out: 0,
        }
    }

    /// Whether the same request may succeed later.
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// The request may have been carried out all the same.
    pub fn side_effects_unknown(mut self) -> Self {
        self.side_effects = "unknown";
        self
    }

    /// One more fact for programs, in ErrorInfo's metadata.
    pub fn metadata(mut self, key: impl Into<String>, value: impl ToString) -> Self {
        self.metadata.insert(key.into(), cut(value.to_string()));
        self
    }

    /// The fields that are malformed, each with what is wrong (BadRequest).
    pub fn field_violations<F, P>(mut self, violations: impl IntoIterator<Item = (F, P)>) -> Self
    where
        F: Into<String>,
        P: Into<String>,
    {
        let mut kept = Vec::new();
        for (field, problem) in violations {
            let (field, problem) = (cut(field.into()), cut(problem.into()));
            if self.has_room_for(field.len() + problem.len()) {
                kept.push(FieldViolation::new(field, problem));
            }
        }
        self.details.set_bad_request(kept);
        self
    }

    /// One more rule that refuses the request (PreconditionFailure).
    pub fn precondition(
        mut self,
        rule: impl Into<String>,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        let (rule, subject) = (cut(rule.into()), cut(subject.into()));
        let description = cut(description.into());
        if self.has_room_for(rule.len() + subject.len() + description.len()) {
            self.details.add_precondition_failure_violation(rule, subject, description);
        }
        self
    }

    /// The resource it is about (ResourceInfo).
    pub fn resource(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        let description = self.message.clone();
        self.details.set_resource_info(cut(kind.into()), cut(name.into()), "", description);
        self
    }

    /// When to come back (RetryInfo). Such a failure is retryable.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self.retryable(true)
    }

    /// The limit that was hit (QuotaFailure).
    pub fn quota(mut self, subject: impl Into<String>, description: impl Into<String>) -> Self {
        self.details.add_quota_failure_violation(cut(subject.into()), cut(description.into()));
        self
    }

    /// The status to answer with.
    #[must_use]
    pub fn into_status(mut self) -> Status {
        self.metadata.insert("retryable".to_owned(), self.retryable.to_string());
        self.metadata.insert("side_effects".to_owned(), self.side_effects.to_owned());
        if self.violations_left_out > 0 {
            let left_out = self.violations_left_out.to_string();
            self.metadata.insert("violations_left_out".to_owned(), left_out);
        }
        self.details.set_error_info(self.reason, DOMAIN, self.metadata);
        Status::with_error_details(self.code, self.message, self.details)
    }

    /// Whether a violation of so many bytes still fits; counts it either way.
    fn has_room_for(&mut self, bytes: usize) -> bool {
        self.violation_bytes += bytes;
        let fits = self.violation_bytes <= VIOLATION_BYTES_MAX;
        if !fits {
            self.violations_left_out += 1;
        }
        fits
    }
}

/// The server has as many calls waiting for an answer as it takes.
pub(crate) fn too_many_calls(limit: usize) -> Status {
    Problem::new(Code::ResourceExhausted, "QUEUE_FULL", "too many calls wait for an answer")
        .retry_after(RETRY_AFTER)
        .quota("calls", format!("at most {limit} wait at once"))
        .into_status()
}

/// The server has as many calls open, streams included, as it takes.
pub(crate) fn too_many_open(limit: usize) -> Status {
    Problem::new(Code::ResourceExhausted, "QUEUE_FULL", "too many calls are open")
        .retry_after(RETRY_AFTER * 4)
        .quota("open calls", format!("at most {limit} are open at once"))
        .into_status()
}

/// The requests on their way in hold as many bytes as the server keeps.
pub(crate) fn too_many_bytes(limit: usize) -> Status {
    Problem::new(Code::ResourceExhausted, "QUEUE_FULL", "too many large requests come at once")
        .retry_after(RETRY_AFTER)
        .quota("request bytes", format!("at most {limit} bytes of requests are held at once"))
        .into_status()
}

/// A request did not end in time. Nothing was done.
pub(crate) fn request_unfinished(limit: Duration) -> Status {
    let message = format!("the request was not there whole after {} seconds", limit.as_secs());
    Problem::new(Code::DeadlineExceeded, "REQUEST_UNFINISHED", message)
        .retryable(true)
        .into_status()
}

/// No service of this process has the name that the path of a call begins with.
pub(crate) fn no_such_service() -> Status {
    Problem::new(Code::Unimplemented, "UNIMPLEMENTED", "there is no such service here")
        .into_status()
}

/// What the transport refuses before a service sees it comes as a status without details. Those are
/// told as all others are; what a service said stays as it is.
pub(crate) fn with_details(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let (code, reason) = match status.code() {
        // A message beyond the service's limit. OUT_OF_RANGE is for positions here.
        Code::OutOfRange => (Code::ResourceExhausted, "TOO_LARGE"),
        // A message that is not of the method's type.
        Code::Internal => (Code::InvalidArgument, "MALFORMED"),
        Code::Unimplemented => (Code::Unimplemented, "UNIMPLEMENTED"),
        Code::NotFound => (Code::NotFound, "NOT_FOUND"),
        _ => return status,
    };
    Problem::new(code, reason, status.message()).into_status()
}

/// The caller's deadline passed before the service answered; it may have acted all the same.
pub(crate) fn deadline_passed() -> Status {
    Problem::new(Code::DeadlineExceeded, "OUTCOME_UNKNOWN", "the caller's deadline has passed")
        .retryable(true)
        .side_effects_unknown()
        .into_status()
}

/// The text, or its beginning and an ellipsis.
fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX - '…'.len_utf8()));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_status_says_reason_domain_and_whether_to_ask_again() {
        let status = Problem::new(Code::NotFound, "NOT_FOUND", "no such thing")
            .metadata("position", 7)
            .resource("thing", "things/a")
            .into_status();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "no such thing"));
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("NOT_FOUND", "hansa"));
        assert_eq!(info.metadata["retryable"], "false");
        assert_eq!(info.metadata["side_effects"], "none");
        assert_eq!(info.metadata["position"], "7");
        assert_eq!(details.resource_info().unwrap().resource_name, "things/a");
    }

    #[test]
    fn retrying_quota_and_unknown_effects_are_told() {
        let status = Problem::new(Code::ResourceExhausted, "QUEUE_FULL", "too much waits")
            .retry_after(Duration::from_millis(250))
            .side_effects_unknown()
            .quota("queue", "at most 10")
            .into_status();
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.metadata["retryable"], "true");
        assert_eq!(info.metadata["side_effects"], "unknown");
        let delay = details.retry_info().unwrap().retry_delay;
        assert_eq!(delay, Some(Duration::from_millis(250)));
        assert_eq!(details.quota_failure().unwrap().violations[0].subject, "queue");
    }

    #[test]
    fn all_violations_are_listed() {
        let status = Problem::new(Code::FailedPrecondition, "REFUSED", "two rules refuse it")
            .precondition("A", "things/a", "first")
            .precondition("B", "things/a", "second")
            .into_status();
        let details = status.get_error_details();
        let violations = &details.precondition_failure().unwrap().violations;
        assert_eq!(violations.iter().map(|v| v.r#type.as_str()).collect::<Vec<_>>(), ["A", "B"]);

        let status = Problem::new(Code::InvalidArgument, "MALFORMED", "two fields are malformed")
            .field_violations([("a", "empty"), ("b[0]", "too long")])
            .into_status();
        let details = status.get_error_details();
        let fields = &details.bad_request().unwrap().field_violations;
        assert_eq!(fields.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["a", "b[0]"]);
    }

    #[test]
    fn what_would_not_fit_into_headers_is_cut_and_counted() {
        let many = (0..1000).map(|index| (format!("rows[{index}]"), "ü".repeat(40)));
        let status = Problem::new(Code::InvalidArgument, "MALFORMED", "ü".repeat(5000))
            .field_violations(many)
            .into_status();
        assert!(status.details().len() < 6 * 1024, "{} bytes", status.details().len());
        assert!(status.message().len() <= TEXT_BYTES_MAX && status.message().ends_with('…'));
        let details = status.get_error_details();
        let kept = details.bad_request().unwrap().field_violations.len();
        let left_out = &details.error_info().unwrap().metadata["violations_left_out"];
        assert_eq!(kept + left_out.parse::<usize>().unwrap(), 1000);
    }
}
