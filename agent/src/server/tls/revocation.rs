//! Revocation lists: whose certificates no longer count.

use std::{
    cmp::Ordering,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustls_pki_types::CertificateRevocationListDer;
use x509_parser::{
    der_parser::Oid,
    num_bigint::BigUint,
    oid_registry::{OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_ISSUER_DISTRIBUTION_POINT},
    prelude::FromDer as _,
    revocation_list::CertificateRevocationList,
};

use super::{TlsError, expiry::Validity, pem::Source};

/// Lists of one or several authorities: the newest of each, and the newest of all first. webpki asks the first that speaks for a
/// certificate and no other, so that an older one before it would let in whom the newer one revokes.
#[derive(Clone, Debug, Default)]
pub(super) struct RevocationLists {
    lists: Vec<List>,
    /// Files with lists that a newer one takes the place of.
    outdated: Vec<String>,
}

#[derive(Clone, Debug)]
struct List {
    path: String,
    scope: Scope,
    /// CRL number, big-endian, without leading zeros.
    number: Option<Vec<u8>>,
    der: CertificateRevocationListDer<'static>,
    /// From its issue to the time by which it is replaced.
    validity: Validity,
    revoked: u64,
}

/// For what a list speaks. One takes the place of another of the same scope only: RFC 5280, section 5.2.3.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    /// DER, as everything here.
    issuer: Vec<u8>,
    /// Which key of the issuer signed it.
    authority_key: Option<Vec<u8>>,
    /// Which of its certificates it is about.
    distribution_point: Option<Vec<u8>>,
}

impl RevocationLists {
    pub(super) fn read<'a>(files: impl IntoIterator<Item = Source<'a>>) -> Result<RevocationLists, TlsError> {
        let mut all = RevocationLists::default();
        for file in files {
            for der in file.revocation_lists()? {
                let list = List::read(file, der)?;
                all.add(list).map_err(|problem| file.garbled(problem))?;
            }
        }
        all.lists.sort_by(|one, other| other.age().cmp(&one.age()));
        Ok(all)
    }

    fn add(&mut self, new: List) -> Result<(), String> {
        let Some(known) = self.lists.iter_mut().find(|known| known.scope == new.scope) else {
            self.lists.push(new);
            return Ok(());
        };
        match new.compared_with(known) {
            Some(Ordering::Greater) => self.outdated.push(std::mem::replace(known, new).path),
            Some(Ordering::Less) => self.outdated.push(new.path),
            Some(Ordering::Equal) => {}
            None => {
                return Err(format!(
                    "it holds a list of the same issuer as one in {}, and by number and date it is unclear which is newer; remove the \
                     older one",
                    known.path
                ));
            }
        }
        Ok(())
    }

    /// Files with lists that are not looked at, because there is a newer one.
    pub(super) fn outdated(&self) -> impl Iterator<Item = &str> {
        self.outdated.iter().map(String::as_str)
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
            if !self.lists.iter().any(|old| old.scope == over.scope && old.validity.is_over(now)) {
                return Some(format!(
                    "tls.client_crl {}: past its next update, {}",
                    path(over),
                    over.validity.end_text()
                ));
            }
        }
        let is_older = |new: &&List| {
            let is_newer = |old: &List| old.scope == new.scope && old.age() > new.age();
            self.lists.iter().any(is_newer)
        };
        let older = new.lists.iter().find(is_older)?;
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
        let number = parsed.crl_number().map(BigUint::to_bytes_be);
        let extension = |oid: &Oid<'_>| {
            parsed.extensions().iter().find(|extension| extension.oid == *oid).map(|extension| extension.value.to_vec())
        };
        let scope = Scope {
            issuer: parsed.issuer().as_raw().to_vec(),
            authority_key: extension(&OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER),
            distribution_point: extension(&OID_X509_EXT_ISSUER_DISTRIBUTION_POINT),
        };
        Ok(List { path: file.path().display().to_string(), scope, number, validity, revoked, der })
    }

    /// What is newer is greater. Numbers as RFC 5280, section 5.2.3, has them: the longer one is the greater.
    fn age(&self) -> (SystemTime, Option<(usize, &[u8])>) {
        (self.validity.begins, self.number.as_deref().map(|number| (number.len(), number)))
    }

    /// Which is newer, by number and date. `None`: they contradict each other, or say nothing.
    fn compared_with(&self, other: &List) -> Option<Ordering> {
        if self.der == other.der {
            return Some(Ordering::Equal);
        }
        let ((date, number), (other_date, other_number)) = (self.age(), other.age());
        let by_number = number.zip(other_number).map_or(Ordering::Equal, |(one, other)| one.cmp(&other));
        match (date.cmp(&other_date), by_number) {
            (Ordering::Equal, Ordering::Equal) => None,
            (one, Ordering::Equal) | (Ordering::Equal, one) => Some(one),
            (by_date, by_number) => (by_date == by_number).then_some(by_date),
        }
    }
}
