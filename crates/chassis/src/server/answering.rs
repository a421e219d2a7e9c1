//! Who answers a call. From the outside in: who may ask from a page, gRPC-Web, one call; what needs only the
//! last goes there at once.

use std::convert::Infallible;

use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderValue, Method, Request, Response, Version};
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, service_fn};

use super::calls::Calls;
use super::origin;
use crate::framed;

/// An answer on its way.
pub(super) type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

/// See the top of this file.
#[derive(Clone)]
pub(super) struct Answering {
    calls: Calls,
    pages: BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>,
}

impl Answering {
    pub(super) fn new(calls: Calls) -> Answering {
        let inner = calls.clone();
        let call = service_fn(move |request| {
            let calls = inner.clone();
            // gRPC-Web looks into bodies.
            async move { Ok(framed::outgoing(calls.answer(request).await?).map(Body::new)) }
        });
        let web = tonic_web::GrpcWebLayer::new().layer(call);
        Answering { calls, pages: BoxCloneSyncService::new(origin::only_local_pages(web)) }
    }

    /// Begins to answer; what is ready-made of the answer to a call that is neither from a page nor gRPC-Web
    /// is still aside.
    pub(super) fn answer(&self, request: Request<Body>) -> Answer {
        match is_plain(&request) {
            true => self.calls.answer(request),
            false => self.pages.clone().call(request),
        }
    }
}

/// Whether it is no page that asks, and not gRPC-Web.
fn is_plain<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    request.version() == Version::HTTP_2
        && request.method() == Method::POST
        && !request.headers().contains_key(ORIGIN)
        && !kind.is_some_and(|kind| kind.starts_with(b"application/grpc-web"))
}
