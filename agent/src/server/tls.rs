//! The agent's side of mutual TLS: what it shows, whom it trusts, and nothing older than TLS 1.3. All of it may change while the agent
//! runs; [`Certificates`] holds what is in force.

mod authorities;
mod certificates;
mod deny_list;
mod error;
mod expiry;
mod gate;
mod key_file;
mod own;
mod parts;
mod pem;
mod revocation;
mod trust;
mod unwelcome;

use std::{net::SocketAddr, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::NoServerSessionStorage,
    sign::SingleCertAndKey,
    version::TLS13,
};

pub use self::{certificates::Certificates, error::TlsError, unwelcome::Unwelcome};
pub(crate) use self::{
    certificates::InForce,
    trust::{Examined, Trust},
};
use self::{gate::Gate, own::OwnIdentity};

/// HTTP/2, the only protocol spoken.
pub(super) const ALPN_HTTP2: &[u8] = b"h2";

/// How to shake hands with one peer, and what was found out about it.
pub(super) struct Handshake {
    pub(super) config: Arc<ServerConfig>,
    gate: Arc<Gate>,
}

impl Handshake {
    /// By what is in force now.
    pub(super) fn new(in_force: &InForce, peer: SocketAddr) -> Result<Handshake, rustls::Error> {
        let provider = &in_force.provider;
        let gate = Arc::new(Gate::new(Arc::clone(&in_force.trust), peer, provider));
        let config = server_config(provider, &in_force.own, Arc::clone(&gate))?;
        Ok(Handshake { config: Arc::new(config), gate })
    }

    /// What its certificate is worth. `None`: it showed none.
    pub(super) fn verdict(&self) -> Option<Result<Examined, Unwelcome>> {
        self.gate.verdict()
    }

    /// What that was judged by.
    pub(super) fn trust(&self) -> &Arc<Trust> {
        &self.gate.trust
    }
}

/// With rustls' feature prefer-post-quantum its first key exchange is X25519MLKEM768.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    own: &OwnIdentity,
    gate: Arc<Gate>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(gate)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&own.key))));
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
    // A resumed session would skip the check of the client's certificate: no tickets, no cache, no early data.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

#[cfg(test)]
mod tests;
