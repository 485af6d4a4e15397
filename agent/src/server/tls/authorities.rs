//! Whom the agent believes when a client shows a certificate.

use std::{sync::Arc, time::SystemTime};

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

use super::{TlsError, deny_list::DenyList, expiry::Validity, pem::Source};

/// The authorities of one bundle: during a rotation the old and the new.
#[derive(Clone, Debug)]
pub(super) struct Authorities {
    path: String,
    members: Vec<Authority>,
}

#[derive(Clone, Debug)]
struct Authority {
    certificate: CertificateDer<'static>,
    raw_serial: Vec<u8>,
    validity: Validity,
}

impl Authorities {
    pub(super) fn read(bundle: Source<'_>) -> Result<Authorities, TlsError> {
        bundle.guarded_content()?;
        let mut members = Vec::new();
        for certificate in bundle.certificates()? {
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| bundle.garbled(format!("not the certificate of an authority: {error}")))?;
            let parsed = bundle.parsed(&certificate)?;
            let (validity, raw_serial) = (Validity::of(&parsed), parsed.raw_serial().to_vec());
            members.push(Authority { certificate, raw_serial, validity });
        }
        Ok(Authorities { path: bundle.path().display().to_string(), members })
    }

    /// Those in force. An anchor of trust has no end of its own for webpki; for us, as for OpenSSL, it has. Nor is it part of the chain that
    /// is looked up in the list of who is denied.
    pub(super) fn in_force(&self, denied: &DenyList, now: SystemTime) -> Arc<RootCertStore> {
        let mut store = RootCertStore::empty();
        let is_in_force = |member: &&Authority| !member.validity.is_over(now) && member.denied_by(denied).is_none();
        for member in self.members.iter().filter(is_in_force) {
            // It was added to a store before.
            let _ = store.add(member.certificate.clone());
        }
        Arc::new(store)
    }

    /// The entries that some of them are on.
    pub(super) fn denied_by(&self, list: &DenyList) -> impl Iterator<Item = (&str, String)> {
        self.members.iter().filter_map(|member| Some((self.path.as_str(), member.denied_by(list)?)))
    }

    /// When the first of them ends.
    pub(super) fn first_end(&self) -> Option<SystemTime> {
        self.members.iter().map(|member| member.validity.ends).min()
    }

    /// When the next of those in force ends.
    pub(super) fn next_end(&self, now: SystemTime) -> Option<SystemTime> {
        self.members.iter().map(|member| member.validity.ends).filter(|end| *end >= now).min()
    }

    pub(super) fn validities(&self) -> impl Iterator<Item = (&str, &Validity)> {
        self.members.iter().map(|member| (self.path.as_str(), &member.validity))
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

impl Authority {
    fn denied_by(&self, list: &DenyList) -> Option<String> {
        list.finds(&self.raw_serial, &self.certificate)
    }
}
