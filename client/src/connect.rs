//! Getting a byte stream to the agent: through TCP and TLS, or through whatever the caller provides.

mod endpoint;
mod error;
mod tcp;
mod tls;
mod tls_config;
mod watched;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

pub(crate) use endpoint::Endpoint;
pub(crate) use error::{ConnectError, ConnectPhase, rustls_error};
pub(crate) use tls::TlsConnector;
pub(crate) use tls_config::{ConfigError, Pem, TlsSettings};
pub(crate) use watched::{ConnectionFate, Watched};

/// What a connection runs over.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for T {}

pub(crate) type BoxedStream = Box<dyn ByteStream>;

pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<BoxedStream, ConnectError>> + Send>>;

/// Opens one byte stream to the agent each time it is called.
pub(crate) type Connector = Arc<dyn Fn() -> Connecting + Send + Sync>;

/// A connector from the caller's own function.
pub(crate) fn custom<Connect, Opening, Stream>(connect: Connect, time: Duration) -> Connector
where
    Connect: Fn() -> Opening + Send + Sync + 'static,
    Opening: Future<Output = io::Result<Stream>> + Send + 'static,
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Arc::new(move || {
        let opening = connect();
        Box::pin(async move {
            match timeout(time, opening).await {
                Ok(Ok(stream)) => Ok(Box::new(stream) as BoxedStream),
                Ok(Err(source)) => Err(ConnectError::Connector { source: Arc::new(source) }),
                Err(_elapsed) => Err(ConnectError::TimedOut { phase: ConnectPhase::Connector, after: time }),
            }
        })
    })
}
