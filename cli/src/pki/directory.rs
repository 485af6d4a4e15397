//! Where an authority and what it issued are kept: `ca.crt`, `ca.key`, `NAME.crt`, `NAME.key`, `registry.json`, and `ca.crl` once there is one.

mod lock;
mod renewal;
mod revoking;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use self::lock::Lock;
pub use self::{
    renewal::{RenewOptions, Renewal},
    revoking::{ListWritten, Revocation, RevokeTarget},
};
use super::{
    AgentProfile, Authority, ClientProfile, Entry, Issued, Leaf, PkiError, Registry, certificate::Certificate,
    check_name, registry::LIST_FILE,
};
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

    /// Where the revocation list is, once there is one.
    pub fn revocation_list(&self) -> PathBuf {
        self.path.join(LIST_FILE)
    }

    /// Keeps a new authority here.
    pub fn init(&self, authority: &Authority) -> Result<Stored, PkiError> {
        private_file::create_directory(&self.path).map_err(io_error("make directory", &self.path))?;
        let _lock = Lock::take(&self.path)?;
        let stored = self.store_pair("ca", authority.certificate_pem(), &authority.key_pem())?;
        // They tell of the authority that was replaced, whose key is gone.
        for name in [super::registry::FILE, LIST_FILE] {
            remove_if_there(&self.path.join(name))?;
        }
        Ok(stored)
    }

    /// Takes the authority up again.
    pub fn authority(&self) -> Result<Authority, PkiError> {
        Authority::from_pem(&self.read("ca.crt")?, &self.read("ca.key")?)
    }

    /// What it issued, as far as is known.
    pub fn registry(&self) -> Result<Registry, PkiError> {
        Registry::load(&self.path, &self.read("ca.crt")?)
    }

    /// Issues the certificate of an agent and keeps it here.
    pub fn issue_agent(&self, profile: &AgentProfile) -> Result<Stored, PkiError> {
        self.issue(&Leaf::from(profile))
    }

    /// Issues the certificate of a client and keeps it here.
    pub fn issue_client(&self, profile: &ClientProfile) -> Result<Stored, PkiError> {
        self.issue(&Leaf::from(profile))
    }

    /// Issues a certificate and keeps it here.
    pub fn issue(&self, leaf: &Leaf) -> Result<Stored, PkiError> {
        check_name(&leaf.name)?;
        let authority = self.authority()?;
        let _lock = Lock::take(&self.path)?;
        self.check_free(&leaf.name)?;
        self.make(&authority, leaf)
    }

    /// Notes a certificate that is kept elsewhere, so that it can be revoked.
    pub fn record(&self, certificate_pem: &str) -> Result<(), PkiError> {
        let _lock = Lock::take(&self.path)?;
        self.note(certificate_pem)
    }

    /// Certificates of a name that are good now.
    pub fn good_ones(&self, name: &str) -> Result<Vec<Entry>, PkiError> {
        let registry = self.registry()?;
        let (now, is_of_name) = (SystemTime::now(), |entry: &&Entry| entry.is_named(name));
        Ok(registry.entries().into_iter().filter(is_of_name).filter(|entry| entry.is_good(now)).cloned().collect())
    }

    /// Noted before it is written: what nobody has may be revoked, what somebody has must be.
    fn make(&self, authority: &Authority, leaf: &Leaf) -> Result<Stored, PkiError> {
        let Issued { certificate_pem, key_pem } = authority.issue(leaf)?;
        self.note(&certificate_pem)?;
        self.store_pair(&leaf.name, &certificate_pem, &key_pem)
    }

    fn note(&self, certificate_pem: &str) -> Result<(), PkiError> {
        let certificate = Certificate::parse(certificate_pem)
            .ok_or(PkiError::Certificate { what: "note it", source: rcgen::Error::CouldNotParseCertificate })?;
        let mut registry = self.registry()?;
        registry.add(&certificate);
        registry.save(&self.path, SystemTime::now())
    }

    fn pair(&self, name: &str) -> Stored {
        Stored { certificate: self.path.join(format!("{name}.crt")), key: self.path.join(format!("{name}.key")) }
    }

    /// Both are looked at first, so that a refusal leaves no half of a pair.
    fn check_free(&self, name: &str) -> Result<(), PkiError> {
        let stored = self.pair(name);
        for path in [stored.key, stored.certificate] {
            if self.existing == Existing::Keep && path.symlink_metadata().is_ok() {
                return Err(PkiError::Exists { path });
            }
        }
        Ok(())
    }

    fn store_pair(&self, name: &str, certificate_pem: &str, key_pem: &str) -> Result<Stored, PkiError> {
        self.check_free(name)?;
        let stored = self.pair(name);
        let key = (&*stored.key, key_pem.as_bytes());
        let certificate = (&*stored.certificate, certificate_pem.as_bytes());
        private_file::write_both(key, certificate, self.existing).map_err(|(path, source)| match source.kind() {
            io::ErrorKind::AlreadyExists => PkiError::Exists { path },
            _ => PkiError::Io { operation: "write", path, source },
        })?;
        Ok(stored)
    }

    fn read(&self, name: &str) -> Result<String, PkiError> {
        let path = self.path.join(name);
        fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => PkiError::NoAuthority { path, directory: self.path.clone() },
            _ => PkiError::Io { operation: "read", path, source },
        })
    }
}

fn remove_if_there(path: &Path) -> Result<(), PkiError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PkiError {
    move |source| PkiError::Io { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
