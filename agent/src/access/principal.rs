//! Who calls: read once from the client certificate that the handshake verified, then carried with every request.

use std::{net::SocketAddr, sync::Arc};

use x509_parser::{
    certificate::X509Certificate, error::X509Error, extensions::GeneralName, prelude::FromDer as _,
    x509::AttributeTypeAndValue,
};

use super::{Role, RoleSet};

const SPIFFE_SCHEME: &str = "spiffe://";
/// SPIFFE allows 2048 bytes; nobody needs that many, and the name goes into every audit line.
const NAME_MAX_BYTES: usize = 512;

/// A verified caller. There is no default: a request without one is not answered.
#[derive(Clone, Debug)]
pub struct Principal {
    /// SPIFFE id of the certificate, else its common name; "local" for the embedded agent.
    pub name: String,
    /// What it may do.
    pub roles: RoleSet,
    /// The organisations of its certificate, those that are roles among them: rules of a policy may go by them.
    pub groups: Arc<[String]>,
    /// Serial number of its certificate, hexadecimal.
    pub certificate_serial: Option<String>,
    /// Where it calls from.
    pub peer: Option<SocketAddr>,
}

/// Why a verified certificate names nobody.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Not a certificate we can read, though the handshake took it.
    #[error("client certificate cannot be parsed: {0}")]
    Malformed(String),
    /// No extended key usage, or one without clientAuth: an agent's certificate is not a caller's.
    #[error("client certificate is not for clients: its extended key usage lacks clientAuth")]
    NotForClients,
    /// Neither a SPIFFE id nor a common name.
    #[error("client certificate names nobody: it has neither a spiffe:// URI nor a common name")]
    Nameless,
    /// More than one name of the kind that counts.
    #[error("client certificate is ambiguous: it has more than one {0}")]
    Ambiguous(&'static str),
    /// A name that would mislead whoever reads the audit trail.
    #[error("client certificate has an unusable {kind}: {problem}")]
    BadName {
        /// "common name" or "SPIFFE id".
        kind: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl From<X509Error> for IdentityError {
    fn from(error: X509Error) -> Self {
        IdentityError::Malformed(error.to_string())
    }
}

impl Principal {
    /// The user of the embedded agent: already on the host with the same rights as the agent.
    pub fn local() -> Principal {
        Principal {
            name: "local".to_owned(),
            roles: RoleSet::from_iter([Role::Admin]),
            groups: Arc::default(),
            certificate_serial: None,
            peer: None,
        }
    }

    /// For the record of a call that came without an identity.
    pub(crate) fn nobody() -> Principal {
        Principal {
            name: "(none)".to_owned(),
            roles: RoleSet::NONE,
            groups: Arc::default(),
            certificate_serial: None,
            peer: None,
        }
    }

    /// From a certificate that the TLS handshake has verified; this decides only whom it names.
    pub fn from_certificate(der: &[u8], peer: SocketAddr) -> Result<Principal, IdentityError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| IdentityError::Malformed(error.to_string()))?;
        demand_client_purpose(&certificate)?;
        let name = match spiffe_id(&certificate)? {
            Some(id) => id,
            None => common_name(&certificate)?,
        };
        let organizations = certificate.subject().iter_organization().filter_map(|value| value.as_str().ok());
        let groups: Arc<[String]> = organizations.map(str::to_owned).collect();
        Ok(Principal {
            name,
            roles: RoleSet::from_organizations(groups.iter().map(String::as_str)),
            groups,
            certificate_serial: Some(hexadecimal(certificate.raw_serial())),
            peer: Some(peer),
        })
    }
}

/// webpki accepts a client certificate without an extended key usage; we do not, so that nothing issued for another purpose calls.
fn demand_client_purpose(certificate: &X509Certificate<'_>) -> Result<(), IdentityError> {
    match certificate.extended_key_usage()? {
        Some(usage) if usage.value.client_auth => Ok(()),
        _ => Err(IdentityError::NotForClients),
    }
}

/// A SPIFFE certificate has exactly one URI (X.509-SVID, section 2).
fn spiffe_id(certificate: &X509Certificate<'_>) -> Result<Option<String>, IdentityError> {
    let Some(names) = certificate.subject_alternative_name()? else { return Ok(None) };
    let uris: Vec<&str> = names.value.general_names.iter().filter_map(uri).collect();
    match uris.as_slice() {
        [only] if only.starts_with(SPIFFE_SCHEME) => usable(only, "SPIFFE id").map(Some),
        several if several.iter().any(|uri| uri.starts_with(SPIFFE_SCHEME)) => {
            Err(IdentityError::Ambiguous("URI beside a SPIFFE id"))
        }
        _ => Ok(None),
    }
}

fn uri<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    match name {
        GeneralName::URI(uri) => Some(uri),
        _ => None,
    }
}

fn common_name(certificate: &X509Certificate<'_>) -> Result<String, IdentityError> {
    let mut names = certificate.subject().iter_common_name().map(AttributeTypeAndValue::as_str);
    let name = names.next().ok_or(IdentityError::Nameless)??;
    if names.next().is_some() {
        return Err(IdentityError::Ambiguous("common name"));
    }
    if name.starts_with(SPIFFE_SCHEME) {
        return Err(IdentityError::BadName { kind: "common name", problem: "it poses as a SPIFFE id" });
    }
    usable(name, "common name")
}

fn usable(name: &str, kind: &'static str) -> Result<String, IdentityError> {
    let problem = match name {
        "" | SPIFFE_SCHEME => "it is empty",
        long if long.len() > NAME_MAX_BYTES => "it is longer than 512 bytes",
        odd if !odd.chars().all(|c| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric()) => {
            "it has characters other than letters, digits, ASCII punctuation and spaces"
        }
        _ => return Ok(name.to_owned()),
    };
    Err(IdentityError::BadName { kind, problem })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType, SerialNumber};

    use super::*;

    fn read(change: impl FnOnce(&mut CertificateParams)) -> Result<Principal, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(SerialNumber::from_slice(&[0x0a, 0xff]));
        change(&mut params);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Principal::from_certificate(certificate.der(), "192.0.2.1:5000".parse().unwrap())
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    #[test]
    fn a_common_name_and_its_roles() {
        let principal = read(|params| {
            params.distinguished_name.push(DnType::CommonName, "alice");
            params.distinguished_name.push(DnType::OrganizationName, "procwire:operator");
        })
        .unwrap();
        assert_eq!(principal.name, "alice");
        assert_eq!(principal.roles.to_string(), "operator");
        assert_eq!(principal.certificate_serial.as_deref(), Some("0aff"));
        assert_eq!(principal.peer.unwrap().to_string(), "192.0.2.1:5000");
    }

    #[test]
    fn a_spiffe_id_goes_before_the_common_name() {
        let principal = read(|params| {
            params.distinguished_name.push(DnType::CommonName, "alice");
            params.subject_alt_names = vec![uri("spiffe://example.org/collector")];
        })
        .unwrap();
        assert_eq!(principal.name, "spiffe://example.org/collector");
        assert!(principal.roles.is_empty());
    }

    #[test]
    fn other_uris_do_not_count() {
        let principal = read(|params| {
            params.distinguished_name.push(DnType::CommonName, "alice");
            params.subject_alt_names = vec![uri("https://example.org/alice")];
        })
        .unwrap();
        assert_eq!(principal.name, "alice");
    }

    #[test]
    fn a_second_uri_beside_a_spiffe_id_is_refused() {
        for at in 0..3 {
            let mut uris = vec![uri("https://a.example"), uri("https://b.example")];
            uris.insert(at, uri("spiffe://example.org/x"));
            let error = read(|params| params.subject_alt_names = uris).unwrap_err();
            assert!(matches!(error, IdentityError::Ambiguous(_)), "{error}");
        }
    }

    #[test]
    fn a_certificate_for_servers_or_for_anything_does_not_call() {
        for usages in [vec![ExtendedKeyUsagePurpose::ServerAuth], vec![]] {
            let error = read(|params| {
                params.distinguished_name.push(DnType::CommonName, "host-7");
                params.extended_key_usages = usages;
            })
            .unwrap_err();
            assert!(matches!(error, IdentityError::NotForClients), "{error}");
        }
    }

    #[test]
    fn names_that_mislead_are_refused() {
        for odd in ["", "spiffe://example.org/admin", "root\n{\"principal\":\"x\"}", "\u{202e}toor", &"x".repeat(600)] {
            let error = read(|params| params.distinguished_name.push(DnType::CommonName, odd)).unwrap_err();
            assert!(matches!(error, IdentityError::BadName { .. }), "{odd:?}: {error}");
        }
        assert!(matches!(read(|_| {}).unwrap_err(), IdentityError::Nameless));
    }

    #[test]
    fn garbage_is_an_error() {
        let error = Principal::from_certificate(b"\x30\x03abc", "192.0.2.1:1".parse().unwrap()).unwrap_err();
        assert!(matches!(error, IdentityError::Malformed(_)));
    }
}
