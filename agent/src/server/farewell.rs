//! Calls of a caller whose certificate does not count any more: new ones are refused, and those in progress are told so and ended.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tokio::time::sleep;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::standing::Standing;
use crate::{
    shutdown::{Ending, Shutdown},
    status::{Failure, HostName},
};

/// What a call in progress has to come to its own end: a stream says goodbye, an action that has begun is written down.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// Puts [`Farewell`] in front of a service.
#[derive(Clone)]
pub(super) struct FarewellLayer(pub(super) HostName);

impl<S> Layer<S> for FarewellLayer {
    type Service = Farewell<S>;

    fn layer(&self, inner: S) -> Farewell<S> {
        Farewell { inner, host_name: self.0.clone() }
    }
}

/// Lets calls through as long as the caller's certificate counts.
#[derive(Clone)]
pub(crate) struct Farewell<S> {
    inner: S,
    host_name: HostName,
}

impl<S, B> Service<Request<B>> for Farewell<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = FarewellFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let extensions = request.extensions();
        let lost = match (extensions.get::<Arc<Standing>>(), extensions.get::<Shutdown>()) {
            (Some(standing), Some(connection)) => {
                if standing.check().is_err() {
                    return FarewellFuture::Refused(Some(status(standing, &self.host_name)));
                }
                Some(Lost::new(Arc::clone(standing), connection.clone(), self.host_name.clone()))
            }
            // The user of the embedded agent has no certificate that could be revoked.
            _ => None,
        };
        FarewellFuture::Allowed { inner: self.inner.call(request), lost }
    }
}

/// What the caller is told.
fn status(standing: &Standing, host_name: &HostName) -> Status {
    let failure = Failure::certificate_revoked();
    let failure = match standing.check() {
        Ok(()) => failure,
        Err(why) => failure.with_metadata("why", &why),
    };
    failure.on(host_name)
}

/// Completes some time after the certificate has ceased to count.
pub(crate) struct Lost(Pin<Box<dyn Future<Output = Status> + Send>>);

impl Lost {
    fn new(standing: Arc<Standing>, connection: Shutdown, host_name: HostName) -> Lost {
        Lost(Box::pin(async move {
            if connection.signalled().await != Ending::AccessRevoked {
                std::future::pending::<()>().await;
            }
            sleep(LAST_WORDS).await;
            status(&standing, &host_name)
        }))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        self.0.as_mut().poll(context)
    }
}

/// Answer of [`Farewell`].
pub(crate) enum FarewellFuture<F> {
    Allowed { inner: F, lost: Option<Lost> },
    Refused(Option<Status>),
}

impl<F> Future for FarewellFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (inner, lost) = match &mut *self {
            FarewellFuture::Allowed { inner, lost } => (inner, lost),
            FarewellFuture::Refused(status) => {
                let status = status.take().unwrap_or_else(|| Status::unauthenticated("answered already"));
                return Poll::Ready(Ok(status.into_http()));
            }
        };
        if let Poll::Ready(Ok(response)) = Pin::new(inner).poll(context) {
            let Some(lost) = lost.take() else { return Poll::Ready(Ok(response)) };
            // What is complete already stays as it is.
            let watch =
                |body: Body| if http_body::Body::is_end_stream(&body) { body } else { Watched::body(body, lost) };
            return Poll::Ready(Ok(response.map(watch)));
        }
        match lost.as_mut().map(|lost| lost.poll(context)) {
            Some(Poll::Ready(status)) => Poll::Ready(Ok(status.into_http())),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }
}

/// An answer that ends with its caller's standing.
struct Watched {
    body: Body,
    lost: Option<Lost>,
}

impl Watched {
    fn body(body: Body, lost: Lost) -> Body {
        Body::new(Watched { body, lost: Some(lost) })
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // Looked at first, so that an answer that always has more to say ends, too.
        let Watched { body, lost } = &mut *self;
        let Some(waiting) = lost else { return Poll::Ready(None) };
        if let Poll::Ready(status) = waiting.poll(context) {
            *lost = None;
            let mut trailers = HeaderMap::new();
            return Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))));
        }
        Pin::new(body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.lost.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
