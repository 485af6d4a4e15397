//! The same certificate again: same name, roles and names, another key and serial number, valid from now.

use std::{
    fs, io,
    time::{Duration, SystemTime},
};

use super::{Directory, Lock, Stored};
use crate::{
    pki::{Authority, Leaf, PkiError, Serial, Validity, certificate::Certificate, check_name},
    private_file::Existing,
};

/// How to renew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenewOptions {
    /// Only a certificate that ends within this time.
    pub if_within: Option<Duration>,
    /// For how many days; without it, for as long as the old one.
    pub days: Option<u32>,
}

/// What became of one renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It is good for long enough.
    NotDue {
        /// When it ends.
        not_after: SystemTime,
    },
    /// There is a new one in its place.
    Renewed {
        /// Where.
        stored: Stored,
        /// What it says.
        leaf: Box<Leaf>,
        /// The serial number of the old one, which is good until its end.
        old: Serial,
        /// The end of the old one.
        old_not_after: SystemTime,
    },
}

impl Directory {
    /// Renews the certificate of a name, from what it says itself: nobody is asked for it.
    pub fn renew(&self, name: &str, options: RenewOptions) -> Result<Renewal, PkiError> {
        check_name(name)?;
        let authority = self.authority()?;
        let _lock = Lock::take(&self.path)?;
        let old = self.renewable(name, &authority)?;
        let now = SystemTime::now();
        if options.if_within.is_some_and(|within| old.not_after > now + within) {
            return Ok(Renewal::NotDue { not_after: old.not_after });
        }
        let leaf = old.leaf().ok_or_else(|| PkiError::NotRenewable {
            path: self.pair(name).certificate,
            problem: "it says what this tool does not issue",
        })?;
        let leaf = Leaf { validity: validity(&old, &authority, options.days)?, ..leaf };
        let replacing = Self { existing: Existing::Replace, ..self.clone() };
        let stored = replacing.make(&authority, &leaf)?;
        Ok(Renewal::Renewed { stored, leaf: Box::new(leaf), old: old.serial, old_not_after: old.not_after })
    }

    /// Names of those that lie here and may be renewed.
    pub fn renewable_names(&self) -> Result<Vec<String>, PkiError> {
        let registry = self.registry()?;
        let mut names = Vec::new();
        for entry in registry.entries().into_iter().filter(|entry| entry.revoked.is_none()) {
            let Some(known) = &entry.certificate else { continue };
            let Ok(pem) = fs::read_to_string(self.pair(&known.name).certificate) else { continue };
            let lies_here = Certificate::parse(&pem).is_some_and(|certificate| certificate.serial == entry.serial);
            if lies_here && !names.contains(&known.name) {
                names.push(known.name.clone());
            }
        }
        Ok(names)
    }

    fn renewable(&self, name: &str, authority: &Authority) -> Result<Certificate, PkiError> {
        let path = self.pair(name).certificate;
        let pem = match fs::read_to_string(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(PkiError::NotRenewable {
                    path,
                    problem: "it is not there; `procwire pki list` shows what is",
                });
            }
            Err(source) => return Err(PkiError::Io { operation: "read", path, source }),
        };
        // Whoever can put a file here must not get a signature under what it says.
        let certificate = Certificate::parse_signed_by(&pem, authority.certificate_pem());
        let certificate = certificate.filter(|certificate| certificate.name == name);
        let Some(certificate) = certificate else {
            return Err(PkiError::NotRenewable { path, problem: "it is no certificate of this authority and name" });
        };
        let registry = self.registry()?;
        if registry.get(&certificate.serial).is_some_and(|entry| entry.revoked.is_some()) {
            let problem = "it is revoked; if the name shall have one again: `procwire pki issue --force`";
            return Err(PkiError::NotRenewable { path, problem });
        }
        Ok(certificate)
    }
}

/// As long as before, but not longer than the authority.
fn validity(old: &Certificate, authority: &Authority, days: Option<u32>) -> Result<Validity, PkiError> {
    if let Some(days) = days {
        return Ok(Validity::days(days));
    }
    let length = old.not_after.duration_since(old.not_before).unwrap_or_default();
    let not_before = Validity::days(1).not_before;
    let not_after = (not_before + length).min(authority.not_after());
    if not_after <= old.not_after && authority.not_after() <= old.not_after {
        let problem = "the authority ends no later than the certificate; make a new authority".to_owned();
        return Err(PkiError::Validity { problem });
    }
    Ok(Validity { not_before, not_after })
}
