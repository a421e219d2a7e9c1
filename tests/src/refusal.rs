//! What a status says, for assertions.

use std::collections::BTreeSet;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The parts of a status a caller goes by.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The gRPC code.
    pub code: Code,
    /// `ErrorInfo.reason`; empty when there is none.
    pub reason: String,
    /// Fields of `BadRequest`, or types of `PreconditionFailure`.
    pub about: BTreeSet<String>,
}

impl Refusal {
    /// Reads a status; one without ErrorInfo of domain `hansa`, `retryable` and `side_effects` fails.
    pub fn of(status: &Status) -> Refusal {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
        assert_eq!(info.domain, "hansa");
        assert!(info.metadata.contains_key("retryable"), "{info:?}");
        assert!(info.metadata.contains_key("side_effects"), "{info:?}");
        let fields = details
            .bad_request()
            .into_iter()
            .flat_map(|bad| bad.field_violations.iter().map(|violation| violation.field.clone()));
        let rules = details.precondition_failure().into_iter().flat_map(|failure| {
            failure.violations.iter().map(|violation| violation.r#type.clone())
        });
        Refusal {
            code: status.code(),
            reason: info.reason.clone(),
            about: fields.chain(rules).collect(),
        }
    }

    /// What a refusal should be.
    pub fn expected(code: Code, reason: &str, about: &[&str]) -> Refusal {
        Refusal {
            code,
            reason: reason.to_owned(),
            about: about.iter().map(|&part| part.to_owned()).collect(),
        }
    }
}

/// The refusal of a call that must fail.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, Status>) -> Refusal {
    Refusal::of(&result.expect_err("it is refused"))
}
