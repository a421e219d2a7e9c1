//! One thing that goes wrong, and how it is told.

use std::time::Duration;

use hansa_proto::pb::chaos::v1 as pb;
use hansa_proto::progress;
use serde_json::{Map, Value, json};

use crate::kind::Kind;
use crate::plan::EVERY_MAX;

/// The calls that faults happen to when nothing else is said.
pub const SUBSCRIBE: &str = "hansa.feed.v1.FeedService/Subscribe";

const RETRY_AFTER: Duration = Duration::from_millis(100);
const DELAY: Duration = Duration::from_millis(100);
/// Nobody waits longer for a test.
const DURATION_MAX: Duration = Duration::from_secs(3_600);
const TIMES_MAX: u32 = 1_000;

/// One thing that goes wrong, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// The calls it may happen to, `package.Service/Method`.
    pub method: String,
    /// After how many events more; 0 is at once.
    pub after_events: u32,
    /// How long a delay or a pause lasts; none: a delay of 100 ms, a pause until the client gives up.
    pub duration: Option<Duration>,
    /// How many calls in turn are turned away.
    pub times: u32,
    /// When those are asked to come back.
    pub retry_after: Duration,
}

impl Fault {
    /// A fault of this kind, to subscriptions, at once.
    pub fn of(kind: Kind) -> Fault {
        Fault {
            kind,
            method: SUBSCRIBE.to_owned(),
            after_events: 0,
            duration: None,
            times: 1,
            retry_after: RETRY_AFTER,
        }
    }

    /// The same after so many events more.
    #[must_use]
    pub fn after(self, events: u32) -> Fault {
        Fault { after_events: events, ..self }
    }

    /// The same to another method, `package.Service/Method`.
    #[must_use]
    pub fn on(self, method: &str) -> Fault {
        Fault { method: method.to_owned(), ..self }
    }

    pub(crate) fn is_on_subscriptions(&self) -> bool {
        self.method == SUBSCRIBE
    }

    /// How long it delays.
    pub(crate) fn delay(&self) -> Duration {
        self.duration.unwrap_or(DELAY)
    }

    /// What is wrong with it: field and problem.
    pub(crate) fn parse(fault: Option<pb::Fault>) -> Result<Fault, (&'static str, String)> {
        let fault = fault.ok_or_else(|| ("fault", "is missing".to_owned()))?;
        let kind = Kind::from_pb(fault.kind)
            .ok_or_else(|| ("fault.kind", "is not a kind of fault".to_owned()))?;
        let parsed = Fault {
            kind,
            method: match fault.method.is_empty() {
                true => SUBSCRIBE.to_owned(),
                false => fault.method.trim_start_matches('/').to_owned(),
            },
            after_events: fault.after_events,
            duration: length(fault.duration, "fault.duration")?,
            times: fault.times.max(1),
            retry_after: length(fault.retry_after, "fault.retry_after")?.unwrap_or(RETRY_AFTER),
        };
        let problem = |field, problem: &str| Err((field, problem.to_owned()));
        if parsed.after_events > EVERY_MAX {
            return problem("fault.after_events", "is more than 10,000");
        }
        if parsed.times > TIMES_MAX {
            return problem("fault.times", "is more than 1,000");
        }
        if !parsed.is_on_subscriptions() && parsed.after_events > 0 {
            return problem("fault.after_events", "only Subscribe hands on events");
        }
        if !parsed.is_on_subscriptions() && kind.is_about_the_feed() {
            return problem("fault.method", "this kind of fault happens to Subscribe alone");
        }
        Ok(parsed)
    }
}

fn length(
    duration: Option<prost_types::Duration>,
    field: &'static str,
) -> Result<Option<Duration>, (&'static str, String)> {
    let Some(duration) = duration else { return Ok(None) };
    let length = progress::duration(duration).filter(|length| *length <= DURATION_MAX);
    length.map(Some).ok_or_else(|| (field, "is not a length of time up to an hour".to_owned()))
}

/// How a fault fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// To which call of its method, counted from 1.
    pub call: u64,
    /// How many events had been handed on.
    pub events: u64,
}

/// A fault that the front knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// From 1, in the order of planning and applying.
    pub number: u64,
    /// The fault.
    pub fault: Fault,
    /// Whether a seed planned it.
    pub planned: bool,
    /// How it fired; none: not yet.
    pub firing: Option<Firing>,
}

impl Known {
    pub(crate) fn to_pb(&self) -> pb::Fault {
        let fault = &self.fault;
        let duration = |length: Duration| prost_types::Duration {
            seconds: i64::try_from(length.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(length.subsec_nanos()).unwrap_or(0),
        };
        pb::Fault {
            number: self.number,
            kind: fault.kind.to_pb().into(),
            method: fault.method.clone(),
            after_events: fault.after_events,
            duration: fault.duration.map(duration),
            times: fault.times,
            retry_after: Some(duration(fault.retry_after)),
            planned: self.planned,
            firing: self.firing.map(|Firing { call, events }| pb::Firing { call, events }),
        }
    }

    /// As a line: what will happen.
    pub(crate) fn expected(&self) -> Value {
        let fault = &self.fault;
        let mut line = Map::new();
        line.insert("fault".to_owned(), json!(self.number));
        line.insert("planned".to_owned(), json!(self.planned));
        line.insert("kind".to_owned(), json!(fault.kind.as_str()));
        line.insert("after_events".to_owned(), json!(fault.after_events));
        if !fault.is_on_subscriptions() {
            line.insert("method".to_owned(), json!(fault.method));
        }
        if fault.kind == Kind::Delay {
            line.insert("delay_ms".to_owned(), json!(milliseconds(fault.delay())));
        }
        if let (Kind::Pause, Some(length)) = (fault.kind, fault.duration) {
            line.insert("pause_ms".to_owned(), json!(milliseconds(length)));
        }
        if fault.kind.turns_away() {
            line.insert("times".to_owned(), json!(fault.times));
        }
        if fault.kind.turns_away() || fault.kind == Kind::Drain {
            let retry_after = milliseconds(fault.retry_after);
            line.insert("retry_after_ms".to_owned(), json!(retry_after));
        }
        Value::Object(line)
    }

    /// As a line: whether and how it happened.
    pub(crate) fn outcome(&self) -> Value {
        let kind = self.fault.kind.as_str();
        match self.firing {
            Some(Firing { call, events }) => {
                json!({ "fault": self.number, "kind": kind, "fired": true, "call": call, "events": events })
            }
            None => json!({ "fault": self.number, "kind": kind, "fired": false }),
        }
    }
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
