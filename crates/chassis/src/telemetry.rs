//! Where log lines go: to standard error, as text for people or as JSON for machines. A panic in any
//! thread becomes a log line too. Standard output belongs to what a command answers.
//!
//! What is logged is decided by the first of these that is given: `--log` or `HANSA_LOG`, `RUST_LOG`,
//! the default of the process. Each has the form `info,hansa_journal=debug`.

use std::backtrace::Backtrace;
use std::io::IsTerminal;
use std::panic;
use std::sync::Once;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// One line of text, in colours on a terminal.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Starts logging. A second call in the same process changes nothing, so that every test may make it.
pub fn init(format: LogFormat, default_filter: &str) {
    init_with(format, None, default_filter);
}

/// As [`init`], with a filter that goes before the environment's.
pub fn init_with(format: LogFormat, filter: Option<&str>, default_filter: &str) {
    let (filter, problem) = choose_filter(filter, |name| std::env::var(name).ok(), default_filter);
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    log_panics();
    if started.is_err() {
        return;
    }
    if let Some(problem) = problem {
        tracing::warn!(%problem, "this log filter cannot be used");
    }
}

/// The first filter given that can be used, and what is wrong with those before it.
fn choose_filter(
    explicit: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
    default_filter: &str,
) -> (EnvFilter, Option<String>) {
    let given = explicit
        .map(str::to_owned)
        .or_else(|| variable("HANSA_LOG"))
        .or_else(|| variable("RUST_LOG"))
        .filter(|text| !text.trim().is_empty());
    let Some(given) = given else {
        return (EnvFilter::new(default_filter), None);
    };
    match EnvFilter::try_new(&given) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(default_filter), Some(format!("{given:?}: {error}"))),
    }
}

/// Panics are logged where the other lines are; then the hook that was there before runs no more,
/// since it would say the same again.
fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !tracing::enabled!(tracing::Level::ERROR) {
                return before(info);
            }
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            let message = info.payload_as_str().unwrap_or("no message");
            let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
            let backtrace = Backtrace::capture();
            tracing::error!(location, thread, %backtrace, "panic: {message}");
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_is_harmless() {
        init(LogFormat::Text, "warn");
        init(LogFormat::Json, "info");
    }

    #[test]
    fn the_most_explicit_filter_wins() {
        let variables = |name: &str| match name {
            "HANSA_LOG" => Some("debug".to_owned()),
            _ => Some("trace".to_owned()),
        };
        let rust_log = |name: &str| (name == "RUST_LOG").then(|| "trace".to_owned());
        assert_eq!(choose_filter(Some("error"), variables, "info").0.to_string(), "error");
        assert_eq!(choose_filter(None, variables, "info").0.to_string(), "debug");
        assert_eq!(choose_filter(None, rust_log, "info").0.to_string(), "trace");
        assert_eq!(choose_filter(None, |_| None, "info").0.to_string(), "info");
        assert_eq!(choose_filter(Some(" "), |_| None, "info").0.to_string(), "info");
    }

    #[test]
    fn a_filter_that_cannot_be_used_is_said_and_the_default_taken() {
        let (filter, problem) = choose_filter(Some("a=b=c"), |_| None, "info");
        assert_eq!(filter.to_string(), "info");
        assert!(problem.is_some_and(|text| text.contains("a=b=c")));
    }
}
