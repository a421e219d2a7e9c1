//! How the front ends calls: the only place of this crate where a `tonic::Status` is made. What a feed
//! would say is said in its words.

use std::time::Duration;

use hansa_chassis::status::Problem;
use http::HeaderMap;
use tonic::{Code, Status};

use crate::identity::{Identity, Mask};

/// As a feed that stops.
pub(crate) fn not_serving(retry_after: Duration) -> Status {
    Problem::new(Code::Unavailable, "NOT_SERVING", "the feed is starting or stopping")
        .retry_after(retry_after)
        .into_status()
}

/// As a feed that has too many subscriptions.
pub(crate) fn turned_away(retry_after: Duration) -> Status {
    Problem::new(Code::ResourceExhausted, "STREAM_QUOTA", "there are too many subscriptions")
        .quota("subscriptions", "turned away by chaos")
        .retry_after(retry_after)
        .into_status()
}

/// As a feed that keeps nothing before its head.
pub(crate) fn expired(head: u64, identity: &Identity) -> Status {
    let identity: String = identity.iter().map(|byte| format!("{byte:02x}")).collect();
    Problem::new(Code::OutOfRange, "CURSOR_EXPIRED", "nothing as old as the cursor is kept")
        .metadata("oldest", head)
        .metadata("head", head)
        .metadata("identity", identity)
        .into_status()
}

/// The feed behind the front is not there.
pub(crate) fn unreachable() -> Status {
    Problem::new(Code::Unavailable, "NOT_SERVING", "the feed behind the chaos front is not there")
        .retryable(true)
        .into_status()
}

/// A request to the front itself is malformed.
pub(crate) fn malformed(field: &'static str, problem: String) -> Status {
    Problem::new(Code::InvalidArgument, "MALFORMED", format!("{field}: {problem}"))
        .field_violations([(field, problem)])
        .into_status()
}

/// There is no fault of this number.
pub(crate) fn no_such_fault(number: u64) -> Status {
    Problem::new(Code::NotFound, "NOT_FOUND", "there is no fault of this number")
        .resource("fault", number.to_string())
        .into_status()
}

/// The trailers of the feed with another identity in their details.
pub(crate) fn masked(mut trailers: HeaderMap, mask: &Mask) -> HeaderMap {
    if mask.real == mask.shown {
        return trailers;
    }
    let Some(status) = Status::from_header_map(&trailers) else { return trailers };
    let details = mask.outward(status.details().to_vec().into());
    let seen = Status::with_details(status.code(), status.message(), details);
    for (name, value) in headers(&seen) {
        if let Some(name) = name {
            trailers.insert(name, value);
        }
    }
    trailers
}

/// A status as gRPC writes it down.
pub(crate) fn headers(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers).expect("a status of ours is a header");
    headers
}
