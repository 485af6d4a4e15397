//! Why a client is not let in, or not any longer, and what it is told.

use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};

use crate::access::{IdentityError, Principal};

/// What is wrong with a client's certificate.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unwelcome {
    /// Not signed by an authority in force, not of its time, not for clients, or nobody knows whether it is revoked.
    #[error("{}", in_words(.0))]
    Certificate(Error),
    /// On a revocation list.
    #[error("the certificate is revoked: serial {}", serial(.0))]
    Revoked(Box<Principal>),
    /// On the deny list.
    #[error("the client is on tls.deny_list: {entry}")]
    Denied {
        /// Who it is.
        principal: Box<Principal>,
        /// By what it was found there.
        entry: String,
    },
    /// The certificate names nobody.
    #[error("{0}")]
    Identity(Arc<IdentityError>),
    /// A name that begins like a SPIFFE id and does not go on like one.
    #[error("client certificate has an unusable SPIFFE id: {0:?}")]
    NoSpiffeId(String),
    /// Of a trust domain that is not ours, or of none.
    #[error("{} is of none of the domains in tls.spiffe_trust_domains", .0.name)]
    TrustDomain(Box<Principal>),
}

impl Unwelcome {
    /// Who it is, where its certificate was issued to it by an authority of ours. Of an expired certificate that is not known: webpki looks
    /// at the times before it looks at the signature.
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Unwelcome::Revoked(principal) | Unwelcome::Denied { principal, .. } | Unwelcome::TrustDomain(principal) => {
                Some(principal)
            }
            Unwelcome::Certificate(_) | Unwelcome::Identity(_) | Unwelcome::NoSpiffeId(_) => None,
        }
    }

    /// As rustls wants it: what follows from it is the alert that the client gets (RFC 8446, section 6.2).
    pub(super) fn to_rustls(&self) -> Error {
        match self {
            Unwelcome::Revoked(_) | Unwelcome::Denied { .. } => CertificateError::Revoked.into(),
            // rustls says unknown_ca where a revocation list is missing or too old, and handshake_failure where it is wrong: both would send
            // people looking for another mistake. This becomes certificate_unknown.
            Unwelcome::Certificate(error) if is_of_revocation(error) => self.other(),
            Unwelcome::Certificate(error) => error.clone(),
            Unwelcome::Identity(error) if matches!(**error, IdentityError::NotForClients) => {
                CertificateError::InvalidPurpose.into()
            }
            Unwelcome::Identity(_) | Unwelcome::NoSpiffeId(_) => self.other(),
            Unwelcome::TrustDomain(_) => CertificateError::ApplicationVerificationFailure.into(),
        }
    }

    fn other(&self) -> Error {
        CertificateError::Other(OtherError(Arc::new(self.clone()))).into()
    }
}

impl From<IdentityError> for Unwelcome {
    fn from(error: IdentityError) -> Self {
        Unwelcome::Identity(Arc::new(error))
    }
}

fn is_of_revocation(error: &Error) -> bool {
    use CertificateError::{ExpiredRevocationList, ExpiredRevocationListContext, UnknownRevocationStatus};
    matches!(
        error,
        Error::InvalidCertRevocationList(_)
            | Error::InvalidCertificate(
                UnknownRevocationStatus | ExpiredRevocationList | ExpiredRevocationListContext { .. }
            )
    )
}

/// What people meet, in plain words; the rest as rustls has it.
fn in_words(error: &Error) -> String {
    use CertificateError as Bad;
    let Error::InvalidCertificate(problem) = error else {
        return match error {
            Error::InvalidCertRevocationList(problem) => format!("tls.client_crl cannot be used: {problem:?}"),
            other => other.to_string(),
        };
    };
    match problem {
        Bad::UnknownRevocationStatus => {
            "no list in tls.client_crl speaks for the issuer of the certificate, or of one \
                                         between it and its authority"
                .to_owned()
        }
        Bad::ExpiredRevocationList | Bad::ExpiredRevocationListContext { .. } => {
            "the list in tls.client_crl that speaks for the certificate is past its next update".to_owned()
        }
        Bad::Expired | Bad::ExpiredContext { .. } => "the certificate has expired".to_owned(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "the certificate is not valid yet".to_owned(),
        Bad::UnknownIssuer => "the certificate is of no authority in tls.client_ca".to_owned(),
        Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => "the certificate is not for clients".to_owned(),
        other => format!("the certificate is not valid: {other}"),
    }
}

fn serial(principal: &Principal) -> &str {
    principal.certificate_serial.as_deref().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    fn alert(unwelcome: &Unwelcome) -> Option<AlertDescription> {
        match unwelcome.to_rustls() {
            Error::InvalidCertificate(error) => Some(error.into()),
            _ => None,
        }
    }

    #[test]
    fn each_reason_has_the_alert_that_says_it() {
        let somebody = || Box::new(Principal::local());
        let certificate = |error: CertificateError| Unwelcome::Certificate(error.into());
        let lists = Unwelcome::Certificate(rustls::CertRevocationListError::BadSignature.into());
        for (unwelcome, wanted) in [
            (Unwelcome::Revoked(somebody()), AlertDescription::CertificateRevoked),
            (
                Unwelcome::Denied { principal: somebody(), entry: "serial 1".to_owned() },
                AlertDescription::CertificateRevoked,
            ),
            (Unwelcome::TrustDomain(somebody()), AlertDescription::AccessDenied),
            (IdentityError::NotForClients.into(), AlertDescription::UnsupportedCertificate),
            (IdentityError::Nameless.into(), AlertDescription::CertificateUnknown),
            (Unwelcome::NoSpiffeId("spiffe://A".to_owned()), AlertDescription::CertificateUnknown),
            (certificate(CertificateError::Expired), AlertDescription::CertificateExpired),
            (certificate(CertificateError::NotValidYet), AlertDescription::CertificateExpired),
            (certificate(CertificateError::UnknownIssuer), AlertDescription::UnknownCA),
            (certificate(CertificateError::UnknownRevocationStatus), AlertDescription::CertificateUnknown),
            (certificate(CertificateError::ExpiredRevocationList), AlertDescription::CertificateUnknown),
            (lists, AlertDescription::CertificateUnknown),
        ] {
            assert_eq!(alert(&unwelcome), Some(wanted), "{unwelcome}");
        }
    }
}
