//! What can be wrong with certificates and keys, each with the file's name.

use std::{io, path::PathBuf};

use rustls_pki_types::pem;

/// Certificates or keys that cannot be used.
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

pub(super) fn pem_problem(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "no private key in it: a line \"-----BEGIN PRIVATE KEY-----\" is wanted".to_owned(),
        pem::Error::MissingSectionEnd { .. } => "not PEM: a section begins and does not end".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "not PEM: a line that begins a section is malformed".to_owned(),
        pem::Error::Base64Decode(problem) => format!("not PEM: not base64: {problem}"),
        other => format!("not PEM: {other:?}"),
    }
}
