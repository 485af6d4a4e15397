//! TLS 1.3 to an agent.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::time::{Instant, timeout_at};

use super::tls_config::HTTP2;
use super::{BoxedStream, ConnectError, ConnectPhase, Connector, Endpoint, tcp};

/// Opens TLS connections to one endpoint; `connect_timeout` covers resolving, TCP and the handshake together.
pub(crate) struct TlsConnector {
    endpoint: Endpoint,
    server_name: ServerName<'static>,
    tls: tokio_rustls::TlsConnector,
    connect_timeout: Duration,
}

impl TlsConnector {
    pub(crate) fn new(
        endpoint: Endpoint,
        server_name: ServerName<'static>,
        config: Arc<rustls::ClientConfig>,
        connect_timeout: Duration,
    ) -> Self {
        Self { endpoint, server_name, tls: tokio_rustls::TlsConnector::from(config), connect_timeout }
    }

    pub(crate) fn into_connector(self) -> Connector {
        let this = Arc::new(self);
        Arc::new(move || {
            let this = Arc::clone(&this);
            Box::pin(async move { this.connect().await })
        })
    }

    async fn connect(&self) -> Result<BoxedStream, ConnectError> {
        let deadline = Instant::now() + self.connect_timeout;
        let (stream, address) = tcp::connect(&self.endpoint, deadline).await?;
        let handshake = self.tls.connect(self.server_name.clone(), stream);
        let stream = match timeout_at(deadline, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(source)) => return Err(ConnectError::Tls { address, source: Arc::new(source) }),
            Err(_elapsed) => {
                let phase = ConnectPhase::Tls { address };
                return Err(ConnectError::TimedOut { phase, after: self.connect_timeout });
            }
        };
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Err(ConnectError::NoHttp2 { address });
        }
        Ok(Box::new(stream))
    }
}
