//! What the agent shows: its certificate, with its key.

use std::sync::Arc;

use rustls::{crypto::CryptoProvider, sign::CertifiedKey};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName};

use super::{TlsError, expiry::Validity, pem::Source};
use crate::{digest::hexadecimal, spiffe::SpiffeId};

/// A usable identity of the agent.
#[derive(Clone, Debug)]
pub(super) struct OwnIdentity {
    pub(super) key: Arc<CertifiedKey>,
    /// Of the certificate.
    pub(super) path: String,
    pub(super) validity: Validity,
    /// Hexadecimal.
    pub(super) serial: String,
    pub(super) spiffe_id: Option<String>,
}

impl OwnIdentity {
    /// An expired certificate is none of our business: clients refuse it, and say so better than a dead agent.
    pub(super) fn read(certificate: Source<'_>, key: Source<'_>, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let chain = certificate.certificates()?;
        let private_key = key.private_key()?;
        let own = chain.first().ok_or_else(|| certificate.garbled("no certificate in it"))?;
        let parsed = certificate.parsed(own)?;
        let (validity, serial) = (Validity::of(&parsed), hexadecimal(parsed.raw_serial()));
        let spiffe_id = spiffe_id(&parsed);
        let key = CertifiedKey::from_der(chain, private_key, provider).map_err(|source| TlsError::Unusable {
            certificate: certificate.path().to_owned(),
            key: key.path().to_owned(),
            source,
        })?;
        let path = certificate.path().display().to_string();
        Ok(OwnIdentity { key: Arc::new(key), path, validity, serial, spiffe_id })
    }
}

/// Its only URI, if that is one: X.509-SVID, section 2.
fn spiffe_id(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = certificate.subject_alternative_name().ok().flatten()?;
    let mut uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let only = uris.next().filter(|uri| SpiffeId::parse(uri).is_some())?;
    uris.next().is_none().then(|| only.to_owned())
}
