//! One call: whether there is room for it, and how long the caller waits for its answer to begin.
//!
//! A call counts until its answer begins, which for a stream is at once: streams are limited per
//! connection and by the services. The same holds for the caller's deadline (`grpc-timeout`): past the
//! beginning of the answer it is the caller who ends a stream. All calls that are open, streams too, are
//! limited in number as tasks of the server.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::Limits;
use super::answering::Answer;
use super::arrival::{Arriving, Room};
use super::services::Services;
use crate::status;

/// At most this much of a deadline is kept for the answer: after it nobody hears it.
const TIME_TO_ANSWER: Duration = Duration::from_millis(100);

/// The services, and the room for calls to them.
#[derive(Debug, Clone)]
pub(super) struct Calls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    services: Services,
    places: Arc<Semaphore>,
    places_max: usize,
    /// Every connection and every call is a task.
    tasks: TaskTracker,
    open_max: usize,
    room: Room,
    arrival: Duration,
}

impl Calls {
    pub(super) fn new(services: Services, limits: &Limits, tasks: TaskTracker) -> Self {
        let places_max = limits.max_waiting_calls;
        let places = Arc::new(Semaphore::new(places_max.min(Semaphore::MAX_PERMITS)));
        let (open_max, arrival) = (limits.max_open_calls, limits.request_deadline);
        let room = Room::new(limits.max_request_bytes);
        Self(Arc::new(Shared { services, places, places_max, tasks, open_max, room, arrival }))
    }

    /// Begins to answer a call. The request is handed on at once: what waits is small.
    pub(super) fn answer(&self, request: Request<Body>) -> Answer {
        let Self(shared) = self;
        // Connections are tasks too, and have a limit of their own: a little more than this is open.
        if shared.tasks.len() > shared.open_max {
            return refused(status::too_many_open(shared.open_max));
        }
        let Ok(place) = shared.places.clone().try_acquire_owned() else {
            return refused(status::too_many_calls(shared.places_max));
        };
        let limit = deadline(request.headers());
        let (parts, body) = request.into_parts();
        let (arriving, answered) = Arriving::new(body, shared.arrival, shared.room.clone());
        let request = Request::from_parts(parts, Body::new(arriving));
        let answer = shared.services.answer(request);
        Box::pin(async move {
            let _until_it_begins = (place, answered);
            let answer = match limit {
                None => answer.await?,
                Some(limit) => match Box::pin(tokio::time::timeout(limit, answer)).await {
                    Ok(answer) => answer?,
                    Err(_) => status::deadline_passed().into_http(),
                },
            };
            Ok(match refusal(&answer) {
                Some(refusal) => status::with_details(refusal).into_http(),
                None => answer,
            })
        })
    }
}

fn refused(status: Status) -> Answer {
    Box::pin(std::future::ready(Ok(status.into_http())))
}

/// The status of an answer that is nothing else.
fn refusal(answer: &Response<Body>) -> Option<Status> {
    Status::from_header_map(answer.headers()).filter(|status| status.code() != Code::Ok)
}

/// How long a method may wait for something and still answer in time: most of what the caller gives it
/// by `grpc-timeout`, or this long when the caller sets no deadline.
#[must_use]
pub fn patience(metadata: &MetadataMap, without_deadline: Duration) -> Duration {
    deadline(metadata.as_ref())
        .map_or(without_deadline, |deadline| deadline - (deadline / 10).min(TIME_TO_ANSWER))
}

/// At most eight digits and a unit. A deadline that is malformed is none, as gRPC asks of servers
/// that cannot read it.
fn deadline(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use tonic_types::StatusExt;

    fn headers(timeout: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-timeout"),
            timeout.parse().unwrap(),
        )])
    }

    #[test]
    fn deadlines_are_read_in_every_unit() {
        let cases = [
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("99999999m", Duration::from_millis(99_999_999)),
            ("5u", Duration::from_micros(5)),
            ("0n", Duration::ZERO),
        ];
        for (text, duration) in cases {
            assert_eq!(deadline(&headers(text)), Some(duration), "{text}");
        }
    }

    #[test]
    fn some_of_a_deadline_is_kept_for_the_answer() {
        let usual = Duration::from_secs(7);
        let patient = |text| patience(&MetadataMap::from_headers(headers(text)), usual);
        assert_eq!(patience(&MetadataMap::new(), usual), usual);
        assert_eq!(patient("500m"), Duration::from_millis(450));
        assert_eq!(patient("60S"), Duration::from_millis(59_900));
        assert_eq!(patient("never"), usual);
    }

    #[test]
    fn malformed_deadlines_are_none() {
        for text in ["", "S", "5", "5s", "-1S", "+1S", "123456789S", "1.5S"] {
            assert_eq!(deadline(&headers(text)), None, "{text:?}");
        }
        assert_eq!(deadline(&HeaderMap::new()), None);
    }

    fn request(headers: HeaderMap) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.headers_mut() = headers;
        *request.uri_mut() = "/slow/Call".parse().unwrap();
        request
    }

    async fn answer(calls: Calls, headers: HeaderMap) -> Status {
        let answer = calls.answer(request(headers)).await.unwrap();
        Status::from_header_map(answer.headers()).unwrap()
    }

    /// Services that never answer.
    fn never() -> Services {
        let unanswered = |_| Box::pin(std::future::pending()) as Answer;
        Services::default().named("slow", tower::service_fn(unanswered))
    }

    fn one_call_of(services: Services) -> Calls {
        let limits = Limits { max_waiting_calls: 1, ..Limits::default() };
        Calls::new(services, &limits, TaskTracker::new())
    }

    #[tokio::test]
    async fn a_call_is_given_up_at_the_callers_deadline() {
        let status = answer(one_call_of(never()), headers("50m")).await;
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["side_effects"], "unknown");
    }

    #[tokio::test]
    async fn calls_beyond_the_limit_are_refused_at_once() {
        let calls = one_call_of(never());
        let waiting = tokio::spawn(calls.answer(request(HeaderMap::new())));
        while calls.0.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let status = answer(calls, HeaderMap::new()).await;
        assert_eq!(status.code(), Code::ResourceExhausted);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["side_effects"], "none");
        assert!(details.retry_info().is_some());
        waiting.abort();
    }

    #[tokio::test]
    async fn open_calls_beyond_the_limit_are_refused_at_once() {
        let limits = Limits { max_open_calls: 1, ..Limits::default() };
        let tasks = TaskTracker::new();
        let open: Vec<_> = (0..2).map(|_| tasks.token()).collect();
        let status = answer(Calls::new(never(), &limits, tasks.clone()), HeaderMap::new()).await;
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.get_error_details().retry_info().is_some());
        drop(open);
    }
}
