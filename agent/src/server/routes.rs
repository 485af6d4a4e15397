//! From the path of a call to the service that has it.

use std::{
    convert::Infallible,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

/// As the generated servers answer.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;
type Handler = dyn Fn(Request<Body>) -> Answer + Send + Sync;

/// The services by name. A handful: a list is quicker than a map.
#[derive(Clone, Default)]
pub(crate) struct Routes {
    services: Vec<(&'static str, Arc<Handler>)>,
}

impl Routes {
    /// Adds a generated server.
    #[must_use]
    pub(crate) fn add<S>(mut self, service: S) -> Routes
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        // The generated servers are always ready.
        let handler = move |request| service.clone().call(request);
        self.services.push((S::NAME, Arc::new(handler)));
        self
    }
}

impl Service<Request<Body>> for Routes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let name = request.uri().path().strip_prefix('/').and_then(|path| path.split('/').next()).unwrap_or_default();
        match self.services.iter().find(|(service, _)| *service == name) {
            Some((_, handler)) => handler(request),
            // The permission table answers unknown methods; this is for a row without a service.
            None => Box::pin(ready(Ok(Status::unimplemented("no such service").into_http()))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[derive(Clone)]
    struct Named;

    impl NamedService for Named {
        const NAME: &'static str = "a.v1.Service";
    }

    impl Service<Request<Body>> for Named {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Answer;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            Box::pin(ready(Ok(Response::new(Body::empty()))))
        }
    }

    #[tokio::test]
    async fn a_path_finds_its_service_and_no_other() {
        let mut routes = Routes::default().add(Named);
        for (path, found) in [
            ("/a.v1.Service/Method", true),
            ("/a.v1.ServiceX/Method", false),
            ("/a.v1/Service/Method", false),
            ("/", false),
            ("*", false),
        ] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = routes.call(request).await.unwrap();
            assert_eq!(!response.headers().contains_key("grpc-status"), found, "{path}");
        }
    }
}
