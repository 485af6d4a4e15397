//! A stream that outlives the decision that let it begin: when another policy comes into force, its caller is judged again, at once and
//! not with the next message. Who may not begin it any more does not go on with it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio_stream::{Stream as _, wrappers::WatchStream};
use tonic::{Status, body::Body};

/// Judges the caller again: the status that ends the stream, if it ends.
pub(super) type Judge = Arc<dyn Fn() -> Option<Status> + Send + Sync>;

/// The answer of a call that goes on for long.
pub(super) struct Renewed {
    body: Body,
    changes: WatchStream<u64>,
    judge: Judge,
    has_ended: bool,
}

impl Renewed {
    pub(super) fn new(body: Body, changes: WatchStream<u64>, judge: Judge) -> Self {
        Self { body, changes, judge, has_ended: false }
    }
}

impl http_body::Body for Renewed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        // Until it is pending, so that the next change wakes the stream. The end of changes is the end of the agent.
        while let Poll::Ready(Some(_)) = Pin::new(&mut self.changes).poll_next(context) {
            if let Some(status) = (self.judge)() {
                self.has_ended = true;
                let mut trailers = HeaderMap::new();
                // Without them the client sees a stream that was cut off, which is no worse.
                return Poll::Ready(status.add_header(&mut trailers).is_ok().then(|| Ok(Frame::trailers(trailers))));
            }
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
