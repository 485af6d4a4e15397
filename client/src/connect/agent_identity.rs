//! Who an agent must be, where its SPIFFE id says it and not the name that it is reached by.

use std::cell::Cell;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertRevocationListError, CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use crate::{SpiffeId, TrustDomain};

/// id-kp-serverAuth, 1.3.6.1.5.5.7.3.1, as DER has it (RFC 5280, section 4.2.1.12).
const SERVER_AUTHENTICATION: &[u8] = &[43, 6, 1, 5, 5, 7, 3, 1];

/// Which agents are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AgentIdentity {
    /// The one of this name.
    Id(SpiffeId),
    /// Every one of this trust domain.
    Domain(TrustDomain),
}

/// An agent whose certificate is good and belongs to somebody else.
#[derive(Clone, Debug, thiserror::Error)]
#[error("it is for {found}, not for {expected}")]
pub(crate) struct WrongIdentity {
    expected: String,
    found: String,
}

/// Checks chain, purpose, time and revocation as for any agent, and the SPIFFE id in place of a name.
#[derive(Debug)]
pub(super) struct AgentVerifier {
    pub(super) expected: AgentIdentity,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) revocation_lists: Vec<CertRevocationList<'static>>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl AgentVerifier {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let certificate = EndEntityCert::try_from(end_entity).map_err(tls_error)?;
        let lists: Vec<_> = self.revocation_lists.iter().collect();
        let revocation = match RevocationOptionsBuilder::new(&lists) {
            // As rustls checks it where a name is expected.
            Ok(options) => Some(
                options
                    .with_depth(RevocationCheckDepth::Chain)
                    .with_status_policy(UnknownStatusPolicy::Deny)
                    .with_expiration_policy(ExpirationPolicy::Enforce)
                    .build(),
            ),
            Err(_no_lists) => None,
        };
        certificate
            .verify_for_usage(
                self.provider.signature_verification_algorithms.all,
                &self.roots.roots,
                intermediates,
                now,
                &ServerPurpose::default(),
                revocation,
                None,
            )
            .map_err(tls_error)?;
        let uris: Vec<_> = certificate.valid_uri_names().collect();
        self.expected
            .check(&uris)
            .map_err(|wrong| rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(wrong)))))
    }
}

/// The agent's own certificate must say that it is for servers: one for no stated purpose would do elsewhere. Authorities between it and the
/// root usually say nothing, as SPIRE's do, and need not.
#[derive(Default)]
struct ServerPurpose {
    /// webpki looks at the agent's own certificate first. If that changed, an authority that says nothing would be refused, not let through.
    is_past_own: Cell<bool>,
}

impl ExtendedKeyUsageValidator for &ServerPurpose {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        if self.is_past_own.replace(true) {
            KeyUsage::server_auth().validate(purposes)
        } else {
            KeyUsage::required(SERVER_AUTHENTICATION).validate(purposes)
        }
    }
}

impl ServerCertVerifier for AgentVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verify(end_entity, intermediates, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

// === impl AgentIdentity ===

impl AgentIdentity {
    /// A certificate of SPIFFE has exactly one URI (X.509-SVID, section 2): with more, it is nobody's.
    fn check(&self, uris: &[&str]) -> Result<(), WrongIdentity> {
        let wrong = |found: String| WrongIdentity { expected: self.to_string(), found };
        let id: SpiffeId = match uris {
            [] => return Err(wrong("nobody: it has no SPIFFE id".to_owned())),
            [only] => only.parse().map_err(|_| wrong(format!("{:?}, which is no SPIFFE id", shortened(only))))?,
            several => return Err(wrong(format!("nobody: it has {} URIs", several.len()))),
        };
        let is_expected = match self {
            Self::Id(expected) => *expected == id,
            Self::Domain(expected) => expected.as_str() == id.trust_domain(),
        };
        if is_expected { Ok(()) } else { Err(wrong(id.to_string())) }
    }
}

impl std::fmt::Display for AgentIdentity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(formatter, "{id}"),
            Self::Domain(domain) => write!(formatter, "the trust domain {domain}"),
        }
    }
}

/// What somebody else wrote may be long.
fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

/// In the words of rustls, which the rest of the SDK understands, as rustls' own verifier translates them.
fn tls_error(error: webpki::Error) -> rustls::Error {
    use webpki::Error as Of;
    let problem = match error {
        Of::BadDer | Of::BadDerTime | Of::TrailingData(_) => CertificateError::BadEncoding,
        Of::CertNotValidYet { time, not_before } => CertificateError::NotValidYetContext { time, not_before },
        Of::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        Of::InvalidCertValidity => CertificateError::Expired,
        Of::UnknownIssuer => CertificateError::UnknownIssuer,
        Of::CertRevoked => CertificateError::Revoked,
        Of::UnknownRevocationStatus => CertificateError::UnknownRevocationStatus,
        Of::CrlExpired { time, next_update } => CertificateError::ExpiredRevocationListContext { time, next_update },
        Of::IssuerNotCrlSigner => return CertRevocationListError::IssuerInvalidForCrl.into(),
        Of::InvalidCrlSignatureForPublicKey => return CertRevocationListError::BadSignature.into(),
        Of::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        Of::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    };
    rustls::Error::InvalidCertificate(problem)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn one_id_is_that_id_and_a_domain_is_every_id_of_it() {
        let id = AgentIdentity::Id("spiffe://example.org/procwire/web1".parse().unwrap());
        let domain = AgentIdentity::Domain("example.org".parse().unwrap());
        id.check(&["spiffe://example.org/procwire/web1"]).unwrap();
        domain.check(&["spiffe://example.org/procwire/web1"]).unwrap();
        domain.check(&["spiffe://example.org/other"]).unwrap();
        for (expected, uris, words) in [
            (&id, &["spiffe://example.org/procwire/web2"][..], "not for spiffe://example.org/procwire/web1"),
            (&id, &["spiffe://example.org/procwire/web1/below"], "web1/below"),
            (&id, &["spiffe://example.org/PROCWIRE/web1"], "PROCWIRE"),
            (&id, &[], "no SPIFFE id"),
            (&id, &["spiffe://example.org/procwire/web1", "https://example.org"], "2 URIs"),
            (&id, &["https://example.org"], "which is no SPIFFE id"),
            (&id, &["a\u{1b}[2J"], "a\\u{1b}[2J"),
            (&domain, &["spiffe://example.org.evil.test/procwire/web1"], "the trust domain example.org"),
            (&domain, &["spiffe://evil.test/example.org"], "the trust domain example.org"),
            (&domain, &["spiffe://sub.example.org/a"], "the trust domain example.org"),
        ] {
            let error = expected.check(uris).unwrap_err().to_string();
            assert!(error.contains(words), "{uris:?} gave {error:?}");
        }
    }
}
