//! Certificates, keys and revocation lists out of the bytes of their files.

use std::path::{Path, PathBuf};

use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::{TlsError, key_file};
use crate::reload::{Content, WatchedFile};

/// What RFC 7468 begins every section with.
const SECTION: &[u8] = b"-----BEGIN ";

/// A file, and the key of the configuration that names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) role: &'static str,
    pub(super) file: &'a WatchedFile,
}

impl<'a> Source<'a> {
    pub(super) fn path(self) -> &'a Path {
        &self.file.path
    }

    pub(super) fn content(self) -> Result<&'a Content, TlsError> {
        self.file.content.as_ref().map_err(|error| {
            let source = copy_of(error);
            TlsError::Unreadable { role: self.role, path: self.owned_path(), source }
        })
    }

    /// The same, unless everyone could have written it.
    pub(super) fn guarded_content(self) -> Result<&'a Content, TlsError> {
        let content = self.content()?;
        content.open_to_writers().map_or(Ok(content), |problem| Err(self.garbled(problem)))
    }

    pub(super) fn garbled(self, problem: impl Into<String>) -> TlsError {
        TlsError::Garbled { role: self.role, path: self.owned_path(), problem: problem.into() }
    }

    /// A chain or a bundle: at least one, each of which can be read.
    pub(super) fn certificates(self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.content()?.bytes).collect();
        let found = found.map_err(|error| self.garbled(problem(&error)))?;
        if found.is_empty() {
            return Err(self.garbled("no certificate in it: a line \"-----BEGIN CERTIFICATE-----\" is wanted"));
        }
        Ok(found)
    }

    /// What a certificate of this file says.
    pub(super) fn parsed(self, certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, TlsError> {
        let parsed = X509Certificate::from_der(certificate);
        parsed.map(|(_, parsed)| parsed).map_err(|error| self.garbled(format!("not a certificate: {error}")))
    }

    /// A private key, unless others than its owner and root could read it.
    pub(super) fn private_key(self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let content = self.content()?;
        key_file::check(self.path(), content)?;
        PrivateKeyDer::from_pem_slice(&content.bytes).map_err(|error| self.garbled(problem(&error)))
    }

    /// Revocation lists: several as PEM, or one as DER.
    pub(super) fn revocation_lists(self) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
        let bytes = &self.guarded_content()?.bytes;
        if !bytes.windows(SECTION.len()).any(|window| window == SECTION) {
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return Err(self.garbled("it is empty: a revocation list that names nobody has a few hundred bytes"));
            }
            return Ok(vec![CertificateRevocationListDer::from(bytes.clone())]);
        }
        let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(bytes).collect();
        let found = found.map_err(|error| self.garbled(problem(&error)))?;
        if found.is_empty() {
            return Err(self.garbled("no revocation list in it: a line \"-----BEGIN X509 CRL-----\" is wanted"));
        }
        Ok(found)
    }

    fn owned_path(self) -> PathBuf {
        self.path().to_owned()
    }
}

/// As much of an error as can be had twice.
fn copy_of(error: &std::io::Error) -> std::io::Error {
    match error.raw_os_error() {
        Some(number) => std::io::Error::from_raw_os_error(number),
        None => std::io::Error::new(error.kind(), error.to_string()),
    }
}

fn problem(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "no private key in it: a line \"-----BEGIN PRIVATE KEY-----\" is wanted".to_owned(),
        pem::Error::MissingSectionEnd { .. } => "not PEM: a section begins and does not end".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "not PEM: a line that begins a section is malformed".to_owned(),
        pem::Error::Base64Decode(problem) => format!("not PEM: not base64: {problem}"),
        other => format!("not PEM: {other:?}"),
    }
}
