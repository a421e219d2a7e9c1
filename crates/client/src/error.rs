//! What a failed call means, for people: which field, which rule, whether to try again.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use tonic::Code;
use tonic_types::StatusExt as _;

/// A call that failed. Derefs to what is known about it; boxed, because it is rare and large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError(Box<CallFailure>);

/// Everything the status of a failed call says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// The gRPC code.
    pub code: Code,
    /// The reason of google.rpc.ErrorInfo, such as `REFUSED`. None: the status carries none, so it
    /// was most likely made by the transport.
    pub reason: Option<String>,
    /// What the service says.
    pub message: String,
    /// Further facts, such as `expected` and `actual`.
    pub metadata: HashMap<String, String>,
    /// Malformed fields.
    pub fields: Vec<FieldProblem>,
    /// Rules that refuse the call.
    pub rules: Vec<RuleProblem>,
    /// The resource it is about, when the status names one.
    pub resource: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// When to try again, when the service says so.
    pub retry_after: Option<Duration>,
    /// Whether it is unknown if the call took effect.
    pub side_effects_unknown: bool,
}

/// A malformed field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Its path in the request, such as `network.names[0].text`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A rule that refuses a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// Its name, such as `CHARTER_NOT_SIGNED`.
    pub rule: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub problem: String,
}

impl CallError {
    fn of_transport(code: Code, message: String, retryable: bool) -> Self {
        Self(Box::new(CallFailure {
            code,
            reason: None,
            message,
            metadata: HashMap::new(),
            fields: Vec::new(),
            rules: Vec::new(),
            resource: None,
            retryable,
            retry_after: None,
            side_effects_unknown: matches!(code, Code::Unknown | Code::DeadlineExceeded),
        }))
    }

    /// What one can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        match self.reason.as_deref() {
            Some("MALFORMED") => Some("correct the fields named and call again"),
            Some("NOT_FOUND") => Some("check the spelling; the list commands show what there is"),
            Some("ALREADY_EXISTS") => Some("choose another id, or change the one there is"),
            Some("REFUSED") => self.rules.iter().find_map(|rule| advice_on(&rule.rule)),
            Some("REQUEST_ID_REUSED") => Some("use a new request id for another request"),
            Some("ETAG_MISMATCH") => Some("read it again: somebody changed it in between"),
            Some("CURSOR_EXPIRED") => Some("start from the beginning: nothing so old is kept"),
            Some("CURSOR_IN_FUTURE" | "CURSOR_FOREIGN") => {
                Some("this cursor is of another feed: start from the beginning or the end")
            }
            Some("DISK_FULL") => Some("make space on the disk of the service, then call again"),
            Some("OUTCOME_UNKNOWN") => Some("call again with the same request id"),
            Some("TOO_LARGE") => Some("split it into several calls"),
            Some("CHAIN_MISMATCH" | "STORAGE") => {
                Some("see the log of the service; `hansa journal verify` checks its files")
            }
            Some(_) if self.retryable => Some("try again shortly"),
            None if self.code == Code::Unavailable => {
                Some("see whether the services run: `hansa up` starts them")
            }
            Some(_) | None => None,
        }
    }

    /// The whole story over several lines: what was wrong, where, and what to do.
    pub fn for_people(&self) -> String {
        let mut text = match (self.fields.is_empty(), self.rules.is_empty()) {
            (false, _) => "the request is malformed".to_owned(),
            (true, false) => "refused".to_owned(),
            (true, true) => self.message.clone(),
        };
        for FieldProblem { field, problem } in &self.fields {
            text.push_str(&format!("\n  {field}: {problem}"));
        }
        for RuleProblem { rule, subject, problem } in &self.rules {
            text.push_str(&format!("\n  {problem} ({rule}, {subject})"));
        }
        if let Some(reason) = &self.reason
            && self.rules.is_empty()
        {
            text.push_str(&format!("\n  reason: {reason}"));
        }
        if let Some(advice) = self.advice() {
            text.push_str(&format!("\n  what to do: {advice}"));
        }
        text
    }

    /// Whether a rule of this name refused the call.
    pub fn refused_by(&self, rule: &str) -> bool {
        self.rules.iter().any(|problem| problem.rule == rule)
    }
}

fn advice_on(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "CHARTER_NOT_SIGNED" => "give the date the charter was signed: --charter-signed 2024-05-01",
        "SOURCE_MISSING" => "say who states it: --source 'Author, title, date'",
        "NETWORK_UNKNOWN" => "see `hansa networks list` for the networks there are",
        "MEMBER_UNKNOWN" => "see `hansa members list` for the members there are",
        "CAMPAIGN_UNKNOWN" => "see `hansa campaigns list` for the campaigns there are",
        "ALREADY_A_MEMBER" => "see `hansa memberships list --network … --member …`",
        "NOT_INVITED" => "the network has to invite it first (InviteMember)",
        "NETWORK_NOT_ACTIVE" => "nobody can join before it is ACTIVE",
        "NOT_AN_ACTIVE_MEMBER" => "name an active member, or leave --acting-member out",
        "NO_MEMBER_LIST" => "this network has no members to join; statements can still name it",
        "NETWORK_ENDED" | "CAMPAIGN_ENDED" | "MEMBERSHIP_ENDED" | "MEMBER_RETIRED" => {
            "what has ended stays as it is"
        }
        _ => return None,
    })
}

/// One line, for logs and for reports of many.
impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        for FieldProblem { field, problem } in &self.fields {
            write!(formatter, "; {field}: {problem}")?;
        }
        for RuleProblem { rule, problem, .. } in &self.rules {
            write!(formatter, "; {rule}: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

impl Deref for CallError {
    type Target = CallFailure;

    fn deref(&self) -> &CallFailure {
        &self.0
    }
}

impl From<tonic::Status> for CallError {
    fn from(status: tonic::Status) -> Self {
        let details = status.get_error_details();
        let Self(mut error) = Self::of_transport(
            status.code(),
            status.message().to_owned(),
            retryable_without_details(&status),
        );
        if let Some(info) = details.error_info() {
            error.reason = Some(info.reason.clone());
            error.retryable = info.metadata.get("retryable").is_some_and(|value| value == "true");
            error.side_effects_unknown =
                info.metadata.get("side_effects").is_some_and(|value| value == "unknown");
            error.metadata = info.metadata.clone();
        }
        if let Some(request) = details.bad_request() {
            error.fields.extend(request.field_violations.iter().map(|violation| FieldProblem {
                field: violation.field.clone(),
                problem: violation.description.clone(),
            }));
        }
        if let Some(failure) = details.precondition_failure() {
            error.rules.extend(failure.violations.iter().map(|violation| RuleProblem {
                rule: violation.r#type.clone(),
                subject: violation.subject.clone(),
                problem: violation.description.clone(),
            }));
        }
        error.resource = details.resource_info().map(|resource| resource.resource_name.clone());
        error.retry_after = details.retry_info().and_then(|retry| retry.retry_delay);
        Self(error)
    }
}

/// What tonic says of a stream that ends in the middle of a message.
const CUT_IN_A_MESSAGE: &str = "Unexpected EOF decoding stream.";

/// A status without details was made by the transport, here or in between: a broken connection, or a
/// stream that was cut or has no end, is worth another try; a message that cannot be decoded is not.
fn retryable_without_details(status: &tonic::Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::Cancelled | Code::Unknown => true,
        Code::Internal => {
            std::error::Error::source(status).is_some() || status.message() == CUT_IN_A_MESSAGE
        }
        _ => false,
    }
}
