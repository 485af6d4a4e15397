//! Counts calls, each from its first byte to the last of its answer.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::counters::{Counters, Raised};

/// Puts [`Calls`] in front of a service.
#[derive(Clone)]
pub(super) struct CallsLayer(pub(super) Arc<Counters>);

impl<S> Layer<S> for CallsLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls { inner, counters: Arc::clone(&self.0) }
    }
}

/// Counts what goes through.
#[derive(Clone)]
pub(crate) struct Calls<S> {
    inner: S,
    counters: Arc<Counters>,
}

impl<S, B> Service<Request<B>> for Calls<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = CallFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let in_progress =
            InProgress { counters: Arc::clone(&self.counters), _raised: self.counters.calls_in_progress.raise() };
        CallFuture { inner: self.inner.call(request), in_progress: Some(in_progress) }
    }
}

/// A call; when it is dropped, it is over.
struct InProgress {
    counters: Arc<Counters>,
    _raised: Raised,
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.counters.calls.increment();
    }
}

/// Answer of [`Calls`].
pub(crate) struct CallFuture<F> {
    inner: F,
    in_progress: Option<InProgress>,
}

impl<F> Future for CallFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(response) = ready!(Pin::new(&mut self.inner).poll(context));
        let in_progress = self.in_progress.take();
        // A body that is empty stays so: `Body::new` looks.
        Poll::Ready(Ok(response.map(|body| Body::new(Counted { body, _in_progress: in_progress }))))
    }
}

/// An answer whose end is the end of the call.
struct Counted {
    body: Body,
    _in_progress: Option<InProgress>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use http_body::Body as _;

    use super::*;

    /// An answer that goes on for ever.
    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    #[derive(Clone)]
    struct Answers(bool);

    impl Service<Request<()>> for Answers {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            std::future::ready(Ok(Response::new(if self.0 { Body::new(Endless) } else { Body::empty() })))
        }
    }

    #[tokio::test]
    async fn a_call_lasts_as_long_as_its_answer() {
        let counters = Arc::new(Counters::default());
        let mut streaming = CallsLayer(Arc::clone(&counters)).layer(Answers(true));
        let response = streaming.call(Request::new(())).await.unwrap();
        assert_eq!((counters.calls_in_progress.get(), counters.calls.get()), (1, 0));
        drop(response);
        assert_eq!((counters.calls_in_progress.get(), counters.calls.get()), (0, 1));
    }

    #[tokio::test]
    async fn an_empty_answer_ends_the_call_and_stays_empty() {
        let counters = Arc::new(Counters::default());
        let mut brief = CallsLayer(Arc::clone(&counters)).layer(Answers(false));
        let response = brief.call(Request::new(())).await.unwrap();
        assert!(response.body().is_end_stream());
        assert_eq!((counters.calls_in_progress.get(), counters.calls.get()), (0, 1));
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_is_counted() {
        let counters = Arc::new(Counters::default());
        drop(CallsLayer(Arc::clone(&counters)).layer(Answers(true)).call(Request::new(())));
        assert_eq!((counters.calls_in_progress.get(), counters.calls.get()), (0, 1));
    }
}
