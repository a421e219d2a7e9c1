//! What of a history is the same in every run of a seed.
//!
//! Times, ports, cursors and how messages are cut into frames are not, nor how often a call had to be
//! made until it was answered. What was asked, what became of it and at which position, and which events
//! each actor was sent, is: here first what was done to the services, then everything that was asked, then
//! each actor's events, all in order. Whether a call under way was answered before its service was cut off
//! or when it was made again is not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::history::{Line, What};

/// A history as lines that two runs of a seed have in common.
pub fn same_in_every_run(lines: &[Line]) -> Vec<String> {
    let mut calls: BTreeMap<u64, Call> = BTreeMap::new();
    let (mut deeds, mut commands) = (Vec::new(), Vec::new());
    let mut answered: BTreeSet<String> = BTreeSet::new();
    // What was on its way when a stream ended comes again.
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for line in lines {
        let call = calls.entry(line.call).or_default();
        match &line.what {
            What::Begun { of } => deeds.push(format!("begun {of}")),
            What::Done { deed } => deeds.push(format!("done {deed}")),
            What::Called { method } => call.method.clone_from(method),
            What::Sent { message } => call.request = message.clone(),
            What::Received { message } => {
                let fresh = events(&line.actor, message).into_iter();
                let fresh = fresh.filter(|event| seen.insert(event.clone()));
                sent.entry(line.actor.clone()).or_default().extend(fresh);
                call.answer = message.clone();
            }
            What::Ended { code, reason, .. } => {
                let told = call.told(&line.actor, *code, reason);
                commands.extend(told.filter(|told| answered.insert(told.clone())));
            }
            What::Abandoned => {}
        }
    }
    let events = sent.into_values().flatten();
    deeds.into_iter().chain(commands).chain(events).collect()
}

#[derive(Default)]
struct Call {
    method: String,
    request: Value,
    answer: Value,
}

impl Call {
    /// What became of a command. Of reads and streams, and of calls that were cut off, nothing.
    fn told(&self, actor: &str, code: i32, reason: &str) -> Option<String> {
        let definite = code == 0 || !reason.is_empty();
        let may_be_asked_again = [1, 2, 13, 14].contains(&code);
        self.request.get("requestId").filter(|_| definite && !may_be_asked_again)?;
        let method = self.method.rsplit('/').next().unwrap_or_default();
        let request = without(&self.request, &["cursor", "minRegistryPosition"]);
        let position = &self.answer["position"];
        Some(format!("{actor} {method} {request}: {code} {reason} at {position}"))
    }
}

/// The events in a message, each without when it was recorded.
fn events(actor: &str, message: &Value) -> Vec<String> {
    let events = message["batch"]["events"].as_array();
    let untimed = |event: &Value| {
        let event = without(event, &["recordedAt", "createdAt", "updatedAt"]);
        format!("{actor} is told {event}")
    };
    events.into_iter().flatten().map(untimed).collect()
}

/// A value without some fields, wherever they stand.
fn without(value: &Value, fields: &[&str]) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.iter().filter(|(name, _)| !fields.contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), without(value, fields))).collect()
        }
        Value::Array(values) => values.iter().map(|value| without(value, fields)).collect(),
        other => other.clone(),
    }
}
