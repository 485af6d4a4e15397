//! TLS 1.3 to an agent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::time::{Instant, timeout_at};

use super::tls_config::HTTP2;
use super::{Connect, ConnectError, ConnectPhase, Connecting, Connector, Endpoint, Opened, TlsFiles, tcp};

/// Opens TLS connections to one endpoint; `connect_timeout` covers reading changed files, resolving, TCP and the handshake together.
pub(crate) struct TlsConnector {
    endpoint: Endpoint,
    server_name: ServerName<'static>,
    files: Arc<TlsFiles>,
    connect_timeout: Duration,
}

impl TlsConnector {
    pub(crate) fn new(
        endpoint: Endpoint,
        server_name: ServerName<'static>,
        files: TlsFiles,
        connect_timeout: Duration,
    ) -> Self {
        Self { endpoint, server_name, files: Arc::new(files), connect_timeout }
    }

    pub(crate) fn into_connector(self) -> Connector {
        Arc::new(self)
    }

    async fn open(&self) -> Result<Opened, ConnectError> {
        let deadline = Instant::now() + self.connect_timeout;
        let current = self.files.current(deadline).await;
        let not_reloaded = current.problem;
        let (stream, address) = tcp::connect(&self.endpoint, deadline).await?;
        let tls = tokio_rustls::TlsConnector::from(current.config);
        let stream = match timeout_at(deadline, tls.connect(self.server_name.clone(), stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(source)) => return Err(ConnectError::Tls { address, source: Arc::new(source), not_reloaded }),
            Err(_elapsed) => {
                let phase = ConnectPhase::Tls { address };
                return Err(ConnectError::TimedOut { phase, after: self.connect_timeout });
            }
        };
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Err(ConnectError::NoHttp2 { address });
        }
        Ok(Opened { stream: Box::new(stream), not_reloaded })
    }
}

impl Connect for TlsConnector {
    fn connect(self: Arc<Self>) -> Connecting {
        Box::pin(async move { self.open().await })
    }

    fn is_outdated(self: Arc<Self>) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        Box::pin(async move { self.files.have_changed().await })
    }

    fn is_renewable(&self) -> bool {
        self.files.are_files()
    }
}
