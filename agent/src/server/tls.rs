//! The agent's side of mutual TLS: what it shows, whom it trusts, and nothing older than TLS 1.3.

use std::{path::Path, sync::Arc, time::SystemTime};

use prost_types::Timestamp;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

pub use self::error::TlsError;
use self::error::pem_problem;
use crate::config::TlsFiles;

mod error;
mod key_file;

/// HTTP/2, the only protocol spoken.
pub(super) const ALPN_HTTP2: &[u8] = b"h2";
/// A certificate that ends within this many seconds is worth a warning: two weeks.
const EXPIRY_NOTICE_SECONDS: i64 = 14 * 24 * 3600;

/// A usable identity of the agent.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    pub(super) config: Arc<ServerConfig>,
    /// End of the certificate's validity.
    pub expires: Timestamp,
}

impl TlsIdentity {
    /// Reads and checks the files. An expired certificate is only warned of: clients refuse it, and say so better than a dead agent.
    pub fn load(files: &TlsFiles) -> Result<TlsIdentity, TlsError> {
        let chain = certificates("tls.certificate", &files.certificate)?;
        let key = private_key(&files.key)?;
        let expires = check_validity(&chain, &files.certificate)?;
        let config = server_config(chain, key, trusted(&files.client_ca)?, files)?;
        Ok(TlsIdentity { config: Arc::new(config), expires })
    }
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    trusted: RootCertStore,
    files: &TlsFiles,
) -> Result<ServerConfig, TlsError> {
    let unusable =
        |source| TlsError::Unusable { certificate: files.certificate.clone(), key: files.key.clone(), source };
    // With rustls' feature prefer-post-quantum its first key exchange is X25519MLKEM768.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(&provider))
        .build()
        .map_err(|error| TlsError::Garbled {
            role: "tls.client_ca",
            path: files.client_ca.clone(),
            problem: error.to_string(),
        })?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
    // A resumed session would skip the check of the client's certificate: no tickets, no cache, no early data.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

fn certificates(role: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = std::fs::read(path).map_err(|source| TlsError::Unreadable { role, path: path.to_owned(), source })?;
    let garbled = |problem: String| TlsError::Garbled { role, path: path.to_owned(), problem };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| garbled(pem_problem(&error)))?;
    if found.is_empty() {
        return Err(garbled("no certificate in it: a line \"-----BEGIN CERTIFICATE-----\" is wanted".to_owned()));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = key_file::read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| TlsError::Garbled {
        role: "tls.key",
        path: path.to_owned(),
        problem: pem_problem(&error),
    })
}

fn trusted(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates("tls.client_ca", path)? {
        store.add(certificate).map_err(|error| TlsError::Garbled {
            role: "tls.client_ca",
            path: path.to_owned(),
            problem: format!("not the certificate of an authority: {error}"),
        })?;
    }
    Ok(store)
}

fn check_validity(chain: &[CertificateDer<'_>], path: &Path) -> Result<Timestamp, TlsError> {
    let garbled = |problem: String| TlsError::Garbled { role: "tls.certificate", path: path.to_owned(), problem };
    let own = chain.first().ok_or_else(|| garbled("no certificate in it".to_owned()))?;
    let (_, certificate) =
        X509Certificate::from_der(own).map_err(|error| garbled(format!("not a certificate: {error}")))?;
    let validity = certificate.validity();
    let at = |seconds| Timestamp { seconds, nanos: 0 };
    let (begins, expires) = (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()));
    let now = Timestamp::from(SystemTime::now());
    let path = path.display();
    if now.seconds > expires.seconds {
        tracing::warn!(%path, %expires, "the agent's certificate has expired: clients will refuse it");
    } else if now.seconds < begins.seconds {
        tracing::warn!(%path, %begins, "the agent's certificate is not valid yet: clients will refuse it");
    } else if expires.seconds - now.seconds < EXPIRY_NOTICE_SECONDS {
        tracing::warn!(%path, %expires, "the agent's certificate expires soon");
    }
    Ok(expires)
}

#[cfg(test)]
mod tests;
