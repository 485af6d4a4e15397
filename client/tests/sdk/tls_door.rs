//! A TLS door on loopback in front of a scripted agent.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, Identity};
use crate::fake_agent::FakeAgent;

/// What the door does with a client whose handshake succeeded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Serve,
    Close,
}

/// Opens a door that shows `identity` and lets in clients of `clients`.
pub(crate) async fn open(agent: &FakeAgent, identity: &Identity, clients: &Authority) -> SocketAddr {
    open_with(agent, identity, clients, &[b"h2"], Then::Serve).await
}

pub(crate) async fn open_with(
    agent: &FakeAgent,
    identity: &Identity,
    clients: &Authority,
    protocols: &[&[u8]],
    then: Then,
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(clients.certificate()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain(), identity.private_key())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();

    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let switchboard = agent.serve();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, switchboard) = (acceptor.clone(), switchboard.clone());
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(stream).await else { return };
                if then == Then::Serve {
                    let _ = tokio::io::copy_bidirectional(&mut tls, &mut switchboard.plug()).await;
                }
            });
        }
    });
    address
}
