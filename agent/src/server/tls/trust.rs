//! Which clients are let in: by whom their certificate must be signed, and what must not be said of it. The same judgement at the
//! handshake, whenever what is in force changes, and when time runs out for something that the last judgement rested on.

use std::{
    collections::BTreeSet,
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{
    CertificateError, DistinguishedName,
    crypto::CryptoProvider,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::{
    authorities::Authorities, deny_list::DenyList, expiry::Validity, revocation::RevocationLists, unwelcome::Unwelcome,
};
use crate::{
    access::Principal,
    spiffe::{SpiffeId, poses_as_id},
};

/// The grain of the times in certificates.
const SECOND: Duration = Duration::from_secs(1);

/// Everything that decides on a client's certificate, at one moment.
pub(crate) struct Trust {
    authorities: Arc<Authorities>,
    lists: Arc<RevocationLists>,
    deny_list: Arc<DenyList>,
    trust_domains: Arc<BTreeSet<String>>,
    /// `None`: no authority is in force.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    hints: Vec<DistinguishedName>,
}

/// What a client's certificate must pass.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) authorities: Arc<Authorities>,
    pub(super) lists: Arc<RevocationLists>,
    pub(super) deny_list: Arc<DenyList>,
    pub(super) trust_domains: Arc<BTreeSet<String>>,
}

/// A client that is let in.
#[derive(Clone, Debug)]
pub(crate) struct Examined {
    pub(crate) principal: Principal,
    /// When it must be examined again, if nothing changes before: the end of a certificate or of a revocation list.
    pub(crate) until: SystemTime,
}

impl Trust {
    pub(super) fn new(rules: Rules, provider: &Arc<CryptoProvider>, now: SystemTime) -> Result<Trust, String> {
        let Rules { authorities, lists, deny_list, trust_domains } = rules;
        let roots = authorities.in_force(&deny_list, now);
        let hints = roots.subjects();
        let verifier = if roots.is_empty() {
            None
        } else {
            let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
            // With lists the whole chain is looked up in them, what none of them speaks for is refused, and one that is past its next
            // update speaks for nobody.
            let builder = builder.with_crls(lists.ders()).enforce_revocation_expiration();
            Some(builder.build().map_err(|error| error.to_string())?)
        };
        Ok(Trust { authorities, lists, deny_list, trust_domains, verifier, hints })
    }

    /// True as long as no authority that it was made with has ended since.
    pub(super) fn is_current(&self, now: SystemTime) -> bool {
        self.authorities.in_force(&self.deny_list, now).len() == self.hints.len()
    }

    pub(super) fn hints(&self) -> &[DistinguishedName] {
        &self.hints
    }

    /// Judges a chain of certificates, the client's own first.
    pub(crate) fn examine(
        &self,
        chain: &[CertificateDer<'_>],
        peer: SocketAddr,
        now: SystemTime,
    ) -> Result<Examined, Unwelcome> {
        let Some((own, intermediates)) = chain.split_first() else {
            return Err(Unwelcome::Certificate(CertificateError::BadEncoding.into()));
        };
        let verifier = self.verifier.as_ref().ok_or_else(|| CertificateError::UnknownIssuer.into());
        let verifier = verifier.map_err(Unwelcome::Certificate)?;
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let verified = verifier.verify_client_cert(own, intermediates, UnixTime::since_unix_epoch(since_epoch));
        // Whom it names is worth a record even where it is revoked: its issuer's signature was verified before.
        verified.map_err(|error| match (&error, Principal::from_certificate(own, peer)) {
            (rustls::Error::InvalidCertificate(CertificateError::Revoked), Ok(principal)) => {
                Unwelcome::Revoked(Box::new(principal))
            }
            _ => Unwelcome::Certificate(error),
        })?;
        let principal = Principal::from_certificate(own, peer)?;
        self.check_name(&principal)?;
        let until = self.check_deny_list(chain, &principal, now)?;
        Ok(Examined { principal, until })
    }

    fn check_name(&self, principal: &Principal) -> Result<(), Unwelcome> {
        let name = &principal.name;
        let id = SpiffeId::parse(name);
        if id.is_none() && poses_as_id(name) {
            return Err(Unwelcome::NoSpiffeId(name.clone()));
        }
        let is_of_ours = |id: SpiffeId<'_>| self.trust_domains.contains(id.trust_domain);
        if !self.trust_domains.is_empty() && !id.is_some_and(is_of_ours) {
            return Err(Unwelcome::TrustDomain(Box::new(principal.clone())));
        }
        Ok(())
    }

    /// Looks the chain up, and says until when what was found holds.
    fn check_deny_list(
        &self,
        chain: &[CertificateDer<'_>],
        principal: &Principal,
        now: SystemTime,
    ) -> Result<SystemTime, Unwelcome> {
        let denied = |entry| Unwelcome::Denied { principal: Box::new(principal.clone()), entry };
        if let Some(entry) = self.deny_list.finds_name(principal) {
            return Err(denied(entry));
        }
        let mut ends: Vec<SystemTime> =
            [self.authorities.next_end(now).map(|end| end + SECOND), self.lists.next_end(now)]
                .into_iter()
                .flatten()
                .collect();
        for der in chain {
            // What follows the client's own need not be of any use, and then says nothing.
            let Ok((_, certificate)) = X509Certificate::from_der(der) else { continue };
            if let Some(entry) = self.deny_list.finds(certificate.raw_serial(), der) {
                return Err(denied(entry));
            }
            // The last second counts.
            let end = Validity::of(&certificate).ends + SECOND;
            ends.extend((end > now).then_some(end));
        }
        // The client's own is among them.
        Ok(ends.into_iter().min().unwrap_or(now))
    }
}

/// It is of no use in a log, and holds all lists.
impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}
