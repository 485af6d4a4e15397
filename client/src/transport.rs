//! One HTTP/2 connection to an agent, made when it is first needed and again when it is gone, shared by all calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;
use tonic::codegen::Service;

use crate::connect::{ConnectError, ConnectionFate, Connector, Watched};
use crate::transport_error::{BrokenConnection, TransportError};

/// While a call is open, an agent that is silent for this long is asked for a sign of life,
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// and if that does not come within this time the connection is dead.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("procwire-client/", env!("CARGO_PKG_VERSION")));

/// The way to one agent. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Shared>);

struct Shared {
    connector: Connector,
    current: Mutex<Option<Connection>>,
    /// Held while connecting, so that many calls make one connection; keeps the last failure for those that waited.
    connecting: tokio::sync::Mutex<Option<Failed>>,
}

#[derive(Clone)]
struct Connection {
    sender: http2::SendRequest<tonic::body::Body>,
    fate: Arc<ConnectionFate>,
}

struct Failed {
    began: Instant,
    error: ConnectError,
}

impl Transport {
    pub(crate) fn new(connector: Connector) -> Self {
        Self(Arc::new(Shared { connector, current: Mutex::new(None), connecting: tokio::sync::Mutex::new(None) }))
    }

    /// Makes the next call take a new connection, because nothing is heard on this one any more. Calls that are under way
    /// stay on it.
    pub(crate) fn abandon_connection(&self) {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Service<Request<tonic::body::Body>> for Transport {
    type Response = Response<ResponseBody>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    /// Always ready: generated code would flatten an error from here into text.
    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<tonic::body::Body>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
        Box::pin(async move { shared.send(request).await })
    }
}

impl Shared {
    /// Sends a request. One that comes back unsent, because the agent closed an idle connection at that very moment, goes
    /// out once more on a new one; one that may have reached the agent never does.
    async fn send(&self, request: Request<tonic::body::Body>) -> Result<Response<ResponseBody>, TransportError> {
        let mut connection = self.connection().await?;
        let mut failure = match connection.sender.try_send_request(request).await {
            Ok(response) => return Ok(connection.watch(response)),
            Err(failure) => failure,
        };
        let Some(unsent) = failure.take_message().filter(|_| connection.fate.heard()) else {
            return Err(broken(&connection.fate, failure.into_error()));
        };
        let mut connection = self.connection().await?;
        match connection.sender.send_request(unsent).await {
            Ok(response) => Ok(connection.watch(response)),
            Err(failure) => Err(broken(&connection.fate, failure)),
        }
    }

    /// The connection there is, or a new one. Callers that wait for the same attempt share its failure.
    async fn connection(&self) -> Result<Connection, ConnectError> {
        if let Some(connection) = self.live() {
            return Ok(connection);
        }
        let arrived = Instant::now();
        let mut last_failure = self.connecting.lock().await;
        if let Some(connection) = self.live() {
            return Ok(connection);
        }
        if let Some(failed) = last_failure.as_ref().filter(|failed| failed.began >= arrived) {
            return Err(failed.error.clone());
        }
        let began = Instant::now();
        match self.open().await {
            Ok(connection) => {
                *last_failure = None;
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                *last_failure = Some(Failed { began, error: error.clone() });
                Err(error)
            }
        }
    }

    fn live(&self) -> Option<Connection> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().filter(|connection| !connection.sender.is_closed()).cloned()
    }

    async fn open(&self) -> Result<Connection, ConnectError> {
        let stream = (self.connector)().await?;
        let fate = Arc::new(ConnectionFate::default());
        let watched = Watched::new(stream, Arc::clone(&fate));
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .handshake(TokioIo::new(watched))
            .await
            .map_err(|source| ConnectError::Http2 { source: Arc::new(source) })?;
        // Ends when the connection does, or when every client and every open stream is dropped. Its error reaches the
        // calls that it concerns.
        tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(Connection { sender, fate })
    }
}

impl Connection {
    fn watch(&self, response: Response<Incoming>) -> Response<ResponseBody> {
        response.map(|body| ResponseBody { body, fate: Arc::clone(&self.fate) })
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
