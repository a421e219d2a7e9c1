//! Standard output, also when nobody reads it any more: `hansa … | head` ends quietly.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use hansa_client::{CallError, SubscriptionError};
use serde_json::Value;

/// Writes a line to standard output.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    // Somebody may be waiting for this very line behind a pipe.
    output.flush()
}

/// Writes one JSON object as a line.
pub(crate) fn json(value: &Value) -> io::Result<()> {
    line(&value.to_string())
}

/// Writes a line of progress or advice to standard error; whether it is read does not matter.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether colours help.
pub(crate) fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Whether this is only about nobody reading standard output any more.
pub(crate) fn nobody_reads(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Tells on standard error what went wrong, with what to do about it.
pub(crate) fn complain(error: &anyhow::Error) {
    note(&format!("error: {}", described(error)));
}

/// The causes one below the other, each once; a failed call tells all its fields and rules.
fn described(error: &anyhow::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = match (cause.downcast_ref::<CallError>(), cause.downcast_ref()) {
            (Some(call), _) => call.for_people(),
            // What a refusal is about, and what to do about it, the call says.
            (None, Some(SubscriptionError::Refused { .. })) | (None, None) => cause.to_string(),
            (None, Some(error)) => format!("{error}\n  what to do: {}", error.way_out()),
        };
        // The transport's own layers say nothing a person can use.
        if text != "transport error" && !causes.contains(&text) {
            causes.push(text);
        }
    }
    causes.join("\n  because: ")
}

/// What a call answers, or what it says is wrong.
pub(crate) fn answer<T>(result: Result<tonic::Response<T>, tonic::Status>) -> Result<T, CallError> {
    Ok(result?.into_inner())
}
