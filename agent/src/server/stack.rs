//! Everything between a connection and the services, in the order in which a call meets it.

use std::{convert::Infallible, sync::Arc, task::Poll, time::Duration};

use http::Request;
use hyper::body::Incoming;
use tonic::body::Body;
use tower::{Layer, Service, ServiceBuilder};

use super::{
    calls::{Calls, CallsLayer},
    farewell::{Farewell, FarewellLayer},
    request_body::RequestBody,
    routes::Routes,
};
use crate::{
    access::{Access, AccessLayer},
    counters::Counters,
    status::HostName,
};

/// Cloned for every call.
pub(crate) type Stack = Calls<Farewell<Access<Bodies<Routes>>>>;

/// Counted, then its certificate is asked for, then it is authorised, then its body is looked at, then it is routed.
pub(crate) fn stack(
    counters: Arc<Counters>,
    host_name: HostName,
    access: AccessLayer,
    request_timeout: Duration,
    routes: Routes,
) -> Stack {
    ServiceBuilder::new()
        .layer(CallsLayer(counters))
        .layer(FarewellLayer(host_name))
        .layer(access)
        .layer(BodiesLayer(request_timeout))
        .service(routes)
}

struct BodiesLayer(Duration);

impl<S> Layer<S> for BodiesLayer {
    type Service = Bodies<S>;

    fn layer(&self, inner: S) -> Bodies<S> {
        Bodies { inner, request_timeout: self.0 }
    }
}

/// Gives each request's body its time limit.
#[derive(Clone)]
pub(crate) struct Bodies<S> {
    inner: S,
    request_timeout: Duration,
}

impl<S> Service<Request<Incoming>> for Bodies<S>
where
    S: Service<Request<Body>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Incoming>) -> S::Future {
        self.inner.call(request.map(|body| Body::new(RequestBody::new(body, self.request_timeout))))
    }
}
