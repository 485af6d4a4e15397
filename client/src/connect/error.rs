//! Why no connection came about.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::ConfigError;

/// Why no connection came about. Causes are shared, because several calls may have waited for the same connection.
#[derive(Clone, Debug)]
pub(crate) enum ConnectError {
    /// The name has no address.
    Resolve { host: String, source: Arc<io::Error> },
    /// TCP was refused or the host not reached; `address` is the last one tried.
    Tcp { address: SocketAddr, source: Arc<io::Error> },
    /// The handshake failed; `not_reloaded` says why it was made with older files than there are now.
    Tls { address: SocketAddr, source: Arc<io::Error>, not_reloaded: Option<Arc<ConfigError>> },
    /// TLS was agreed on without HTTP/2.
    NoHttp2 { address: SocketAddr },
    /// The caller's connector failed.
    Connector { source: Arc<io::Error> },
    /// HTTP/2 could not be started.
    Http2 { source: Arc<hyper::Error> },
    /// A step took too long.
    TimedOut { phase: ConnectPhase, after: Duration },
}

/// The steps of connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectPhase {
    Resolve { host: String },
    Tcp { address: SocketAddr },
    Tls { address: SocketAddr },
    Connector,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host, source } => write!(formatter, "resolve {host}: {source}"),
            Self::Tcp { address, source } => write!(formatter, "connect to {address}: {source}"),
            Self::Tls { address, source, .. } => write!(formatter, "TLS handshake with {address}: {source}"),
            Self::NoHttp2 { address } => write!(formatter, "{address} did not agree to HTTP/2"),
            Self::Connector { source } => write!(formatter, "open the connection: {source}"),
            Self::Http2 { source } => write!(formatter, "start HTTP/2: {source}"),
            Self::TimedOut { phase, after } => write!(formatter, "{phase} took longer than {after:?}"),
        }
    }
}

impl fmt::Display for ConnectPhase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host } => write!(formatter, "resolving {host}"),
            Self::Tcp { address } => write!(formatter, "connecting to {address}"),
            Self::Tls { address } => write!(formatter, "the TLS handshake with {address}"),
            Self::Connector => formatter.write_str("opening the connection"),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Resolve { source, .. } | Self::Tcp { source, .. } | Self::Connector { source } => Some(&**source),
            // An io::Error hides the error that it carries from the chain, so that is given in its place.
            Self::Tls { source, .. } => match rustls_error(source) {
                Some(tls) => Some(tls),
                None => Some(&**source),
            },
            Self::Http2 { source } => Some(&**source),
            Self::NoHttp2 { .. } | Self::TimedOut { .. } => None,
        }
    }
}

/// The TLS error that an I/O error carries, if it does.
pub(crate) fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
