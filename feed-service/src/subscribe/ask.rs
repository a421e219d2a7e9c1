//! What a subscription asks for, strict.

use std::time::Duration;

use hansa_proto::feed::{Cursor, Filter, OnExpired};
use hansa_proto::ids::SubscriptionId;
use hansa_proto::limits;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::progress;
use hansa_proto::violation::Violations;
use pb::subscribe_request::Start;

use super::batch::Caps;

/// What a subscription asks for.
pub(super) struct Ask {
    pub(super) start: Begin,
    pub(super) filter: Filter,
    pub(super) stop_at_head: bool,
    pub(super) progress_interval: Duration,
    pub(super) caps: Caps,
    pub(super) include_snapshot: bool,
    pub(super) on_expired: Option<OnExpired>,
}

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    Beginning,
    End,
    After(Cursor),
    /// Before the first event recorded at or after this time, in microseconds since 1970.
    Since(i64),
    /// Before the last so many events that match.
    Last(u32),
    /// After the cursor committed under this name, with its filter.
    Named(SubscriptionId),
}

pub(super) fn parse(request: pb::SubscribeRequest, violations: &mut Violations) -> Option<Ask> {
    let start = begin(request.start, violations);
    if request.include_snapshot
        && start.as_ref().is_some_and(|start| !matches!(start, Begin::Beginning | Begin::End))
    {
        let problem =
            "goes with beginning or end; for a cursor that is expired there is on_expired";
        violations.push("include_snapshot", problem);
    }
    if matches!(start, Some(Begin::Named(_))) && request.filter.is_some() {
        violations.push("filter", "must be absent: a named subscription has its own");
    }
    let filter = Filter::parse(request.filter.unwrap_or_default(), "filter", violations);
    let progress_interval =
        progress::interval(request.progress_interval, "progress_interval", violations);
    let events = (1, limits::BATCH_EVENTS, limits::BATCH_EVENTS_MOST);
    let bytes = (limits::BATCH_BYTES_LEAST, limits::BATCH_BYTES, limits::BATCH_BYTES_MOST);
    let caps = Caps {
        events: cap(request.max_batch_events, events, "max_batch_events", violations),
        bytes: cap(request.max_batch_bytes, bytes, "max_batch_bytes", violations),
    };
    let on_expired = OnExpired::from_pb(request.on_expired);
    if request.on_expired != 0 && on_expired.is_none() {
        violations.push("on_expired", "is not known");
    }
    Some(Ask {
        start: start?,
        filter: filter?,
        stop_at_head: request.stop_at_head,
        progress_interval,
        caps,
        include_snapshot: request.include_snapshot,
        on_expired,
    })
}

fn begin(start: Option<Start>, violations: &mut Violations) -> Option<Begin> {
    let parsed = match start {
        None => Err(("start", "is required".to_owned())),
        Some(Start::Beginning(())) => Ok(Begin::Beginning),
        Some(Start::End(())) => Ok(Begin::End),
        Some(Start::AfterCursor(bytes)) => {
            Cursor::decode(&bytes).map(Begin::After).map_err(|problem| ("after_cursor", problem))
        }
        Some(Start::Since(time)) => {
            micros(time).map(Begin::Since).map_err(|problem| ("since", problem))
        }
        Some(Start::Last(count)) if (1..=limits::LAST_EVENTS_MOST).contains(&count) => {
            Ok(Begin::Last(count))
        }
        Some(Start::Last(_)) => Err(("last", format!("must be 1 to {}", limits::LAST_EVENTS_MOST))),
        Some(Start::Subscription(name)) => SubscriptionId::parse(&name)
            .map(Begin::Named)
            .map_err(|problem| ("subscription", problem)),
    };
    parsed.map_err(|(field, problem)| violations.push(field, problem)).ok()
}

fn micros(time: prost_types::Timestamp) -> Result<i64, String> {
    let nanos = i64::from(time.nanos);
    let whole = time.seconds.checked_mul(1_000_000).filter(|_| (0..1_000_000_000).contains(&nanos));
    // A fraction of a microsecond rounds up: the event must not be before the time.
    let micros = whole.and_then(|whole| whole.checked_add((nanos + 999) / 1_000));
    micros.ok_or_else(|| "is not a time".to_owned())
}

/// A cap within its bounds; 0 means the usual.
fn cap(
    asked: u32,
    (least, usual, most): (u32, u32, u32),
    field: &str,
    violations: &mut Violations,
) -> u32 {
    if asked == 0 {
        return usual;
    }
    if !(least..=most).contains(&asked) {
        violations.push(field, format!("must be {least} to {most}, or 0"));
    }
    asked
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fields(request: pb::SubscribeRequest) -> Vec<String> {
        let mut violations = Violations::default();
        parse(request, &mut violations);
        violations.into_vec().into_iter().map(|violation| violation.field).collect()
    }

    fn starting(start: Start) -> pb::SubscribeRequest {
        pb::SubscribeRequest { start: Some(start), ..Default::default() }
    }

    #[test]
    fn starts_are_strict() {
        let time = |seconds, nanos| Start::Since(prost_types::Timestamp { seconds, nanos });
        assert_eq!(fields(pb::SubscribeRequest::default()), ["start"]);
        for (start, field) in [
            (Start::Last(0), "last"),
            (Start::Last(10_001), "last"),
            (time(0, -1), "since"),
            (time(i64::MAX, 0), "since"),
            (Start::Subscription("a".into()), "subscription"),
            (Start::AfterCursor(vec![1].into()), "after_cursor"),
        ] {
            assert_eq!(fields(starting(start)), [field]);
        }
        assert!(fields(starting(Start::Last(10_000))).is_empty());
        assert_eq!(micros(prost_types::Timestamp { seconds: -1, nanos: 1 }), Ok(-999_999));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let named = starting(Start::Subscription("subscriptions/a".into()));
        let filtered = pb::SubscribeRequest { filter: Some(pb::Filter::default()), ..named };
        assert_eq!(fields(filtered), ["filter"]);
        let state = pb::SubscribeRequest { include_snapshot: true, ..starting(Start::Last(1)) };
        assert_eq!(fields(state), ["include_snapshot"]);
        let unknown = pb::SubscribeRequest { on_expired: 9, ..starting(Start::End(())) };
        assert_eq!(fields(unknown), ["on_expired"]);
    }
}
