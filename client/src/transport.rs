//! One HTTP/2 connection to an agent, made when it is first needed and again when it is gone, shared by all calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use tokio::time::Instant;
use tonic::codegen::Service;

use crate::connect::{ConnectError, Connector};
use crate::connection::{Connection, ResponseBody};
use crate::transport_error::TransportError;

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("procwire-client/", env!("CARGO_PKG_VERSION")));

/// A connection is asked no more often than this whether its certificate is still the one to show.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// The way to one agent. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Shared>);

struct Shared {
    connector: Connector,
    current: Arc<Mutex<Option<Connection>>>,
    /// Held while connecting, so that many calls make one connection; keeps the last failure for those that waited.
    connecting: tokio::sync::Mutex<Option<Failed>>,
    /// When it was last looked whether there are other certificates than those that the connection was made with.
    looked: Mutex<Instant>,
}

struct Failed {
    began: Instant,
    error: ConnectError,
}

impl Transport {
    pub(crate) fn new(connector: Connector) -> Self {
        Self(Arc::new(Shared {
            connector,
            current: Arc::default(),
            connecting: tokio::sync::Mutex::new(None),
            looked: Mutex::new(Instant::now()),
        }))
    }

    /// True if a new connection may show another certificate than the one there is.
    pub(crate) fn is_renewable(&self) -> bool {
        self.0.connector.is_renewable()
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
        let mut failure = match self.connection().await?.send(request).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        match failure.unsent.take() {
            Some(unsent) => self.connection().await?.send(unsent).await.map_err(|failure| failure.error),
            None => Err(failure.error),
        }
    }

    /// The connection there is, or a new one. Callers that wait for the same attempt share its failure.
    async fn connection(&self) -> Result<Connection, ConnectError> {
        self.leave_outdated().await;
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
                self.keep(&connection);
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
        current.as_ref().filter(|connection| !connection.is_closed()).cloned()
    }

    /// A connection lives as long as the certificate that it was made with; a client that was given another one meanwhile does not
    /// wait for the end. Calls that are under way stay where they are.
    async fn leave_outdated(&self) {
        let is_due = self.live().is_some() && {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = looked.elapsed() >= LOOK_INTERVAL;
            if is_due {
                *looked = Instant::now();
            }
            is_due
        };
        if is_due && Arc::clone(&self.connector).is_outdated().await {
            self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    async fn open(&self) -> Result<Connection, ConnectError> {
        let opened = Arc::clone(&self.connector).connect().await?;
        let (connection, driver) = Connection::start(opened).await?;
        let current = Arc::downgrade(&self.current);
        // Ends when the connection does, or when every client is dropped; then it lets go of the connection.
        tokio::spawn(async move {
            driver.await;
            if let Some(current) = current.upgrade() {
                let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
                current.take_if(|connection| connection.is_closed());
            }
        });
        Ok(connection)
    }

    /// Keeps a new connection for the calls to come, unless it has ended already.
    fn keep(&self, connection: &Connection) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some(connection.clone()).filter(|connection| !connection.is_closed());
    }
}
