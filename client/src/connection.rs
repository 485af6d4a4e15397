//! One HTTP/2 connection: requests in, answers out, and what is known of its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use crate::connect::{ConnectError, ConnectionFate, Opened, Watched};
use crate::transport_error::{BrokenConnection, TransportError};

/// While a call is open, an agent that is silent for this long is asked for a sign of life,
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// and if that does not come within this time the connection is dead.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A way to send requests on one connection; clones send on the same.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: http2::SendRequest<tonic::body::Body>,
    fate: Arc<ConnectionFate>,
}

/// A request without an answer.
pub(crate) struct Unanswered {
    /// The request, if it was not sent at all and may go out on another connection.
    pub(crate) unsent: Option<Request<tonic::body::Body>>,
    pub(crate) error: TransportError,
}

impl Connection {
    /// Starts HTTP/2 on a byte stream. The second part drives the connection and must run for it to work; its end says
    /// nothing, since the calls concerned learn of errors themselves.
    pub(crate) async fn start(
        opened: Opened,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), ConnectError> {
        let fate = Arc::new(ConnectionFate::new(opened.not_reloaded));
        let watched = Watched::new(opened.stream, Arc::clone(&fate));
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .handshake(TokioIo::new(watched))
            .await
            .map_err(|source| ConnectError::Http2 { source: Arc::new(source) })?;
        let driver = async move {
            let _ = driver.await;
        };
        Ok((Self { sender, fate }, driver))
    }

    /// True if it takes no more requests.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(crate) async fn send(self, request: Request<tonic::body::Body>) -> Result<Response<ResponseBody>, Unanswered> {
        let Self { mut sender, fate } = self;
        let answer = sender.try_send_request(request);
        // A request that is queued at the very moment the connection ends stays in the queue, and its answer pending,
        // until the last sender is gone: nobody may wait and hold one.
        drop(sender);
        match answer.await {
            Ok(response) => Ok(response.map(|body| ResponseBody { body, fate })),
            Err(mut failure) => {
                // On a connection that was never answered on, the next would fare no better.
                let unsent = failure.take_message().filter(|_| fate.heard());
                Err(Unanswered { unsent, error: broken(&fate, failure.into_error()) })
            }
        }
    }
}

/// The body of an answer; if the connection breaks under it, it tells what is known of that.
pub(crate) struct ResponseBody {
    body: Incoming,
    fate: Arc<ConnectionFate>,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        Pin::new(&mut self.body)
            .poll_frame(context)
            .map(|frame| frame.map(|frame| frame.map_err(|source| broken(&self.fate, source))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn broken(fate: &ConnectionFate, source: hyper::Error) -> TransportError {
    TransportError::Broken(BrokenConnection::new(fate, source))
}
