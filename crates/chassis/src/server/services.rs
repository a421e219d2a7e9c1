//! Which service answers a call: the one whose name the path begins with.
//!
//! (tonic's own routes are those of a web framework: patterns, boxes and parameters, a tenth of what a small call
//! cost its connection.)

use std::convert::Infallible;
use std::fmt;

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use super::answering::Answer;
use crate::status;

/// The services of a process, by their full names.
#[derive(Default)]
pub struct Services(Vec<(&'static str, Box<dyn Serve>)>);

/// A generated service.
trait Serve: Send + Sync {
    fn answer(&self, request: Request<Body>) -> Answer;
}

impl<S> Serve for S
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
    S: Clone + Send + Sync,
{
    fn answer(&self, request: Request<Body>) -> Answer {
        self.clone().call(request)
    }
}

impl Services {
    /// Adds a generated service under its own name.
    #[must_use]
    pub fn and<S>(self, service: S) -> Services
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        self.named(S::NAME, service)
    }

    /// Adds a service under a name.
    pub(super) fn named<S>(mut self, name: &'static str, service: S) -> Services
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
        S: Clone + Send + Sync + 'static,
    {
        self.0.push((name, Box::new(service)));
        self
    }

    /// Begins to answer a call; `UNIMPLEMENTED` when no service has that name.
    pub(super) fn answer(&self, request: Request<Body>) -> Answer {
        let named = service_of(request.uri().path());
        match self.0.iter().find(|(name, _)| Some(*name) == named) {
            Some((_, service)) => service.answer(request),
            None => Box::pin(async { Ok(status::no_such_service().into_http()) }),
        }
    }
}

/// The service in `/service/method`.
fn service_of(path: &str) -> Option<&str> {
    Some(path.strip_prefix('/')?.split_once('/')?.0)
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
