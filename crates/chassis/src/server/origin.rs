//! Which web pages may ask: those of this machine. A browser names the page's origin on every request
//! that could harm; any other origin is refused before a service sees the call, also when its name
//! was made to resolve to this machine. Programs that are no browsers send no origin.

use std::convert::Infallible;
use std::net::IpAddr;

use http::header::{HeaderName, ORIGIN};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// What a page may read of an answer beyond its body.
const EXPOSED: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// Refuses requests of foreign pages, answers preflights of local ones and hands on the rest.
pub(super) fn only_local_pages<S>(
    service: S,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let service = cors().layer(service);
    service_fn(move |request: Request<Body>| {
        let service = service.clone();
        async move {
            match request.headers().get(ORIGIN) {
                Some(origin) if !is_local(origin) => Ok(refusal()),
                _ => service.oneshot(request).await,
            }
        }
    })
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(|origin, _| is_local(origin)))
        .allow_methods([Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(std::time::Duration::from_secs(600))
}

fn refusal() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::FORBIDDEN;
    answer
}

/// Whether a page with this origin comes from this machine, on whatever port.
fn is_local(origin: &HeaderValue) -> bool {
    let Ok(text) = origin.to_str() else { return false };
    let Some(authority) = text.strip_prefix("http://") else { return false };
    let Ok(uri) = authority.parse::<Uri>() else { return false };
    if uri.authority().is_none_or(|parsed| parsed.as_str() != authority || authority.contains('@'))
    {
        return false;
    }
    match uri.host() {
        Some("localhost") => true,
        Some(host) => host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_are_local_on_any_port() {
        for origin in
            ["http://localhost", "http://localhost:5173", "http://127.0.0.1:80", "http://[::1]:9"]
        {
            assert!(is_local(&HeaderValue::from_static(origin)), "{origin}");
        }
    }

    #[test]
    fn all_others_are_foreign() {
        for origin in [
            "null",
            "",
            "http://",
            "https://localhost",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://example.org",
            "http://example.org@localhost",
            "http://localhost/path",
            "http://192.168.1.10:80",
            "file://localhost",
        ] {
            assert!(!is_local(&HeaderValue::from_static(origin)), "{origin}");
        }
    }
}
