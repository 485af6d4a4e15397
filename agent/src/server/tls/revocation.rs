//! Revocation lists: whose certificates no longer count.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::CertificateRevocationListDer;
use x509_parser::{prelude::FromDer as _, revocation_list::CertificateRevocationList};

use super::{TlsError, expiry::Validity, pem::Source};

/// Lists of one or several authorities.
#[derive(Clone, Debug, Default)]
pub(super) struct RevocationLists {
    lists: Vec<List>,
}

#[derive(Clone, Debug)]
struct List {
    path: String,
    issuer: String,
    der: CertificateRevocationListDer<'static>,
    /// From its issue to the time by which it is replaced.
    validity: Validity,
    revoked: u64,
}

impl RevocationLists {
    pub(super) fn read<'a>(files: impl IntoIterator<Item = Source<'a>>) -> Result<RevocationLists, TlsError> {
        let mut lists = Vec::new();
        for file in files {
            for der in file.revocation_lists()? {
                lists.push(List::read(file, der)?);
            }
        }
        Ok(RevocationLists { lists })
    }

    pub(super) fn ders(&self) -> impl Iterator<Item = CertificateRevocationListDer<'static>> + '_ {
        self.lists.iter().map(|list| list.der.clone())
    }

    pub(super) fn revoked(&self) -> u64 {
        self.lists.iter().map(|list| list.revoked).sum()
    }

    /// When the first of them is to be replaced.
    pub(super) fn first_end(&self) -> Option<SystemTime> {
        self.lists.iter().map(|list| list.validity.ends).min()
    }

    /// When the next of those that are not past it is to be replaced.
    pub(super) fn next_end(&self, now: SystemTime) -> Option<SystemTime> {
        self.lists.iter().map(|list| list.validity.ends).filter(|end| *end > now).min()
    }

    pub(super) fn validities(&self) -> impl Iterator<Item = (&str, &Validity)> {
        self.lists.iter().map(|list| (list.path.as_str(), &list.validity))
    }

    /// What must not come into force while `self` is: a list that is past its end, or older than the one of the same issuer, from a backup
    /// perhaps, which would let somebody in again who was revoked since.
    pub(super) fn problem_with(&self, new: &RevocationLists, now: SystemTime) -> Option<String> {
        let path = |list: &List| list.path.clone();
        let is_over = |list: &&List| list.validity.is_over(now);
        if let Some(over) = new.lists.iter().find(is_over) {
            // If it is no worse than what is in force, it is as good as that.
            if !self.lists.iter().any(|old| old.issuer == over.issuer && old.validity.is_over(now)) {
                return Some(format!(
                    "tls.client_crl {}: past its next update, {}",
                    path(over),
                    over.validity.end_text()
                ));
            }
        }
        let newest = |lists: &RevocationLists, issuer: &str| {
            lists.lists.iter().filter(|list| list.issuer == issuer).map(|list| list.validity.begins).max()
        };
        let older = new.lists.iter().find(|list| newest(self, &list.issuer) > newest(new, &list.issuer))?;
        Some(format!("tls.client_crl {}: older than the list in force", path(older)))
    }
}

impl List {
    fn read(file: Source<'_>, der: CertificateRevocationListDer<'static>) -> Result<List, TlsError> {
        let garbled = |problem: String| file.garbled(format!("not a revocation list: {problem}"));
        let (rest, parsed) = CertificateRevocationList::from_der(&der).map_err(|error| garbled(error.to_string()))?;
        if !rest.is_empty() {
            return Err(garbled("something follows it".to_owned()));
        }
        let next_update = parsed.next_update().ok_or_else(|| garbled("it has no next update".to_owned()))?;
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let validity = Validity { begins: at(parsed.last_update().timestamp()), ends: at(next_update.timestamp()) };
        let revoked = u64::try_from(parsed.iter_revoked_certificates().count()).unwrap_or(u64::MAX);
        let issuer = parsed.issuer().to_string();
        Ok(List { path: file.path().display().to_string(), issuer, validity, revoked, der })
    }
}
