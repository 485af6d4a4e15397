//! Whom the agent believes when a client shows a certificate.

use std::{sync::Arc, time::SystemTime};

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

use super::{TlsError, expiry::Validity, pem::Source};

/// The authorities of one bundle: during a rotation the old and the new.
#[derive(Clone, Debug)]
pub(super) struct Authorities {
    path: String,
    members: Vec<Authority>,
}

#[derive(Clone, Debug)]
struct Authority {
    certificate: CertificateDer<'static>,
    validity: Validity,
}

impl Authorities {
    pub(super) fn read(bundle: Source<'_>) -> Result<Authorities, TlsError> {
        let mut members = Vec::new();
        for certificate in bundle.certificates()? {
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| bundle.garbled(format!("not the certificate of an authority: {error}")))?;
            let validity = Validity::of(&bundle.parsed(&certificate)?);
            members.push(Authority { certificate, validity });
        }
        Ok(Authorities { path: bundle.path().display().to_string(), members })
    }

    /// Those in force. An anchor of trust has no end of its own for webpki; for us, as for OpenSSL, it has.
    pub(super) fn in_force(&self, now: SystemTime) -> Arc<RootCertStore> {
        let mut store = RootCertStore::empty();
        for member in self.members.iter().filter(|member| !member.validity.is_over(now)) {
            // It was added to a store before.
            let _ = store.add(member.certificate.clone());
        }
        Arc::new(store)
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
