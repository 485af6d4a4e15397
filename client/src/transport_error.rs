//! What goes wrong below gRPC, kept typed so that it can be told apart.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::connect::{ConfigError, ConnectError, ConnectionFate, rustls_error};

/// What goes wrong below gRPC.
#[derive(Clone, Debug)]
pub(crate) enum TransportError {
    /// No connection came about.
    Connect(ConnectError),
    /// The connection, or the stream on it, broke.
    Broken(BrokenConnection),
}

/// A connection, or a stream on it, that broke.
#[derive(Clone, Debug)]
pub(crate) struct BrokenConnection {
    /// What the byte stream reported, if it did.
    pub(crate) io_error: Option<Arc<io::Error>>,
    /// True if the agent had ever sent anything on it.
    pub(crate) heard: bool,
    /// Why it was opened with older files than there were, if it was.
    pub(crate) not_reloaded: Option<Arc<ConfigError>>,
    pub(crate) source: Arc<hyper::Error>,
}

impl BrokenConnection {
    pub(crate) fn new(fate: &ConnectionFate, source: hyper::Error) -> Self {
        Self {
            io_error: fate.failure(),
            heard: fate.heard(),
            not_reloaded: fate.not_reloaded(),
            source: Arc::new(source),
        }
    }

    /// What HTTP/2 reports, if it was not the byte stream that broke.
    pub(crate) fn http2_error(&self) -> Option<&h2::Error> {
        std::error::Error::source(&*self.source)?.downcast_ref()
    }
}

impl From<ConnectError> for TransportError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => formatter.write_str("no connection"),
            Self::Broken(broken) => match &broken.io_error {
                Some(error) => write!(formatter, "the connection broke: {error}"),
                None => formatter.write_str("the stream broke"),
            },
        }
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Broken(broken) => match broken.io_error.as_deref().and_then(rustls_error) {
                Some(tls) => Some(tls),
                None => Some(&*broken.source),
            },
        }
    }
}
