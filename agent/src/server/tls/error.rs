//! What can be wrong with certificates and keys, each with the file's name.

use std::{io, path::PathBuf};

/// Certificates, keys or lists that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{role} {}: {source}", path.display())]
    Unreadable {
        /// The key of the configuration.
        role: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{role} {}: {problem}", path.display())]
    Garbled {
        /// The key of the configuration.
        role: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Others than its owner may read the private key.
    #[error("tls.key {}: mode {mode:03o} lets others than its owner read or write it; run chmod 600 on it", path.display())]
    KeyTooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The private key is somebody else's, who could read and replace it.
    #[error(
        "tls.key {}: it belongs to user {owner}, neither the agent's ({agent}) nor root; run chown {agent} on it",
        path.display()
    )]
    KeyOfAnother {
        /// The file.
        path: PathBuf,
        /// User id.
        owner: u32,
        /// User id of the agent.
        agent: u32,
    },
    /// Authorities and revocation lists cannot be used.
    #[error("tls.client_ca and tls.client_crl: {problem}")]
    Lists {
        /// What rustls says.
        problem: String,
    },
    /// Certificate and key cannot be used together.
    #[error(
        "tls.certificate {} and tls.key {}: {}",
        certificate.display(),
        key.display(),
        match source {
            rustls::Error::InconsistentKeys(_) => "they do not belong together".to_owned(),
            other => other.to_string(),
        }
    )]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}
