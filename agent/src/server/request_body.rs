//! Requests are small and whole; one that never ends to arrive is cut off.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;

/// A body that must arrive in full within a time limit. The timer is only made when the body makes us wait.
pub(super) struct RequestBody<B> {
    inner: B,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> RequestBody<B> {
    pub(super) fn new(inner: B, limit: Duration) -> RequestBody<B> {
        RequestBody { inner, limit, timer: None }
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| Status::from_error(error.into()))));
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        timer.as_mut().poll(context).map(|()| {
            Some(Err(Status::deadline_exceeded(format!(
                "the request did not arrive in full within limits.request_timeout = {limit:?}"
            ))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::{collections::VecDeque, convert::Infallible, future::poll_fn};

    use super::*;

    /// Gives these pieces, then hangs.
    struct Hanging(VecDeque<&'static [u8]>);

    impl Body for Hanging {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop_front() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece))))),
                None => Poll::Pending,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_ends_is_cut_off() {
        let limit = Duration::from_secs(10);
        let mut body = RequestBody::new(Hanging(VecDeque::from([b"abc".as_slice()])), limit);
        let begin = tokio::time::Instant::now();
        let first = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "abc");
        let status = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        assert_eq!(begin.elapsed(), limit);
    }
}
