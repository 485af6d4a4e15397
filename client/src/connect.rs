//! Getting a byte stream to the agent: through TCP and TLS, or through whatever the caller provides.

mod agent_identity;
mod endpoint;
mod error;
mod revocation_lists;
mod tcp;
mod tls;
mod tls_config;
mod tls_files;
mod watched;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

pub(crate) use agent_identity::{AgentIdentity, WrongIdentity};
pub(crate) use endpoint::Endpoint;
pub(crate) use error::{ConnectError, ConnectPhase, rustls_error};
pub(crate) use tls::TlsConnector;
pub(crate) use tls_config::{ConfigError, Pem, TlsSettings};
pub(crate) use tls_files::TlsFiles;
pub(crate) use watched::{ConnectionFate, Watched};

/// What a connection runs over.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for T {}

pub(crate) type BoxedStream = Box<dyn ByteStream>;

/// A byte stream that was opened, and what the one who uses it should know.
pub(crate) struct Opened {
    pub(crate) stream: BoxedStream,
    /// Why it was opened with older files than there are now.
    pub(crate) not_reloaded: Option<Arc<ConfigError>>,
}

pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<Opened, ConnectError>> + Send>>;

/// Opens byte streams to the agent.
pub(crate) trait Connect: Send + Sync {
    /// Opens one.
    fn connect(self: Arc<Self>) -> Connecting;

    /// True if one that were opened now would show another certificate, or trust other agents, than the one opened last.
    fn is_outdated(self: Arc<Self>) -> Pin<Box<dyn Future<Output = bool> + Send>>;

    /// True if what it shows is in files, where somebody may renew it.
    fn is_renewable(&self) -> bool;
}

pub(crate) type Connector = Arc<dyn Connect>;

/// A connector from the caller's own function.
pub(crate) fn custom<Function, Opening, Stream>(function: Function, time: Duration) -> Connector
where
    Function: Fn() -> Opening + Send + Sync + 'static,
    Opening: Future<Output = io::Result<Stream>> + Send + 'static,
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Arc::new(Custom { function, time })
}

struct Custom<Function> {
    function: Function,
    time: Duration,
}

impl<Function, Opening, Stream> Connect for Custom<Function>
where
    Function: Fn() -> Opening + Send + Sync + 'static,
    Opening: Future<Output = io::Result<Stream>> + Send + 'static,
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn connect(self: Arc<Self>) -> Connecting {
        let (opening, time) = ((self.function)(), self.time);
        Box::pin(async move {
            match timeout(time, opening).await {
                Ok(Ok(stream)) => Ok(Opened { stream: Box::new(stream), not_reloaded: None }),
                Ok(Err(source)) => Err(ConnectError::Connector { source: Arc::new(source) }),
                Err(_elapsed) => Err(ConnectError::TimedOut { phase: ConnectPhase::Connector, after: time }),
            }
        })
    }

    fn is_outdated(self: Arc<Self>) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        Box::pin(std::future::ready(false))
    }

    fn is_renewable(&self) -> bool {
        false
    }
}
