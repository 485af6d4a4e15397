//! Where an authority and what it issued are kept: `ca.crt`, `ca.key`, `NAME.crt`, `NAME.key`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{AgentProfile, Authority, ClientProfile, Issued, PkiError, check_name};
use crate::private_file::{self, Existing};

/// A directory with an authority.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
    existing: Existing,
}

/// Where a certificate and its key were put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Directory {
    /// Names one; nothing is touched yet.
    pub fn new(path: impl Into<PathBuf>, existing: Existing) -> Self {
        Self { path: path.into(), existing }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the authority's certificate is.
    pub fn authority_certificate(&self) -> PathBuf {
        self.path.join("ca.crt")
    }

    /// Keeps a new authority here.
    pub fn init(&self, authority: &Authority) -> Result<Stored, PkiError> {
        private_file::create_directory(&self.path).map_err(io_error("make directory", &self.path))?;
        self.store_pair("ca", authority.certificate_pem(), &authority.key_pem())
    }

    /// Takes the authority up again.
    pub fn authority(&self) -> Result<Authority, PkiError> {
        Authority::from_pem(&self.read("ca.crt")?, &self.read("ca.key")?)
    }

    /// Issues the certificate of an agent and keeps it here.
    pub fn issue_agent(&self, profile: &AgentProfile) -> Result<Stored, PkiError> {
        let issued = self.authority()?.issue_agent(profile)?;
        self.store(&profile.name, &issued)
    }

    /// Issues the certificate of a client and keeps it here.
    pub fn issue_client(&self, profile: &ClientProfile) -> Result<Stored, PkiError> {
        let issued = self.authority()?.issue_client(profile)?;
        self.store(&profile.name, &issued)
    }

    fn store(&self, name: &str, issued: &Issued) -> Result<Stored, PkiError> {
        check_name(name)?;
        self.store_pair(name, &issued.certificate_pem, &issued.key_pem)
    }

    fn store_pair(&self, name: &str, certificate_pem: &str, key_pem: &str) -> Result<Stored, PkiError> {
        let stored =
            Stored { certificate: self.path.join(format!("{name}.crt")), key: self.path.join(format!("{name}.key")) };
        // Both are looked at first, so that a refusal leaves no half of a pair.
        for path in [&stored.key, &stored.certificate] {
            if self.existing == Existing::Keep && path.symlink_metadata().is_ok() {
                return Err(PkiError::Exists { path: path.clone() });
            }
        }
        self.write(&stored.key, key_pem)?;
        self.write(&stored.certificate, certificate_pem)?;
        Ok(stored)
    }

    fn write(&self, path: &Path, contents: &str) -> Result<(), PkiError> {
        private_file::write(path, contents.as_bytes(), self.existing).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => PkiError::Exists { path: path.to_owned() },
            _ => PkiError::Io { operation: "write", path: path.to_owned(), source },
        })
    }

    fn read(&self, name: &str) -> Result<String, PkiError> {
        let path = self.path.join(name);
        fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => PkiError::NoAuthority { path, directory: self.path.clone() },
            _ => PkiError::Io { operation: "read", path, source },
        })
    }
}

fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PkiError {
    move |source| PkiError::Io { operation, path: path.to_owned(), source }
}
