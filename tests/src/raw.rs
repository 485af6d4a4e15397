//! Connections that say what the SDK never would: generated stubs over one bare HTTP/2 connection, and bare TLS.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, Uri};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::body::Body;

use crate::{Agent, Identity};

/// A TLS connection to the agent with this certificate, or with none.
pub async fn tls(agent: &Agent, identity: Option<&Identity>) -> TlsStream<TcpStream> {
    let mut config = client_config(agent.pki.ca_pem(), identity);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(agent.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
}

fn client_config(ca_pem: &str, identity: Option<&Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    }
}

/// One HTTP/2 connection for generated stubs: `ProcessServiceClient::with_origin(connection, connection.origin())`.
#[derive(Clone)]
pub struct Connection {
    sender: http2::SendRequest<Body>,
}

impl Connection {
    /// Opens one with this certificate.
    pub async fn open(agent: &Agent, identity: &Identity) -> Self {
        let stream = tls(agent, Some(identity)).await;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Opens one that lets the agent send only so many bytes ahead of what was read.
    pub async fn open_narrow(agent: &Agent, identity: &Identity, window_bytes: u32) -> Self {
        let stream = tls(agent, Some(identity)).await;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(window_bytes);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Where its requests say they go.
    pub fn origin() -> Uri {
        Uri::from_static("https://localhost")
    }
}

impl tower::Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}

/// A connection that was good once and of which nobody reads any more: pings are not answered.
pub struct Paused {
    _stream: TlsStream<TcpStream>,
}

impl Paused {
    /// Opens one, says what HTTP/2 begins with, and falls silent.
    pub async fn open(agent: &Agent, identity: &Identity) -> Self {
        use tokio::io::AsyncWriteExt as _;
        let mut stream = tls(agent, Some(identity)).await;
        stream.write_all(PREFACE_AND_SETTINGS).await.unwrap();
        Self { _stream: stream }
    }
}

/// The client's preface and an empty SETTINGS frame (RFC 9113, sections 3.4 and 6.5).
pub const PREFACE_AND_SETTINGS: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
