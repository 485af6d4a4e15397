//! The judgement of one client's certificate within its handshake, so that who is refused gets an alert that says why.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{
    trust::{Examined, Trust},
    unwelcome::Unwelcome,
};

/// Of one connection; it keeps what it found.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) trust: Arc<Trust>,
    peer: SocketAddr,
    algorithms: WebPkiSupportedAlgorithms,
    verdict: OnceLock<Result<Examined, Unwelcome>>,
}

impl Gate {
    pub(super) fn new(trust: Arc<Trust>, peer: SocketAddr, provider: &CryptoProvider) -> Gate {
        let algorithms = provider.signature_verification_algorithms;
        Gate { trust, peer, algorithms, verdict: OnceLock::new() }
    }

    /// `None`: it was shown no certificate.
    pub(super) fn verdict(&self) -> Option<Result<Examined, Unwelcome>> {
        self.verdict.get().cloned()
    }
}

impl ClientCertVerifier for Gate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.trust.hints()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<CertificateDer<'_>> =
            std::iter::once(end_entity).chain(intermediates).map(|der| CertificateDer::from(der.as_ref())).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
        let verdict = self.verdict.get_or_init(|| self.trust.examine(&chain, self.peer, now));
        verdict.as_ref().map(|_| ClientCertVerified::assertion()).map_err(Unwelcome::to_rustls)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
