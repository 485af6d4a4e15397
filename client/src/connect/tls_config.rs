//! Certificates and keys into a TLS configuration, each fault with the file it is in.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::AgentIdentity;
use super::agent_identity::AgentVerifier;
use super::revocation_lists::RevocationLists;
use crate::InvalidSpiffeId;

/// How ALPN names HTTP/2.
pub(super) const HTTP2: &[u8] = b"h2";

/// Something a client cannot be built from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{text:?} is no endpoint: {detail}")]
    Endpoint { text: String, detail: &'static str },
    #[error("{text:?} is no server name: give a DNS name or an IP address")]
    ServerName { text: String },
    #[error("no certificate authority: give the one that signed the agent's certificate, with ca_file or ca_pem")]
    NoAuthority,
    #[error("read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} can be read by everyone: chmod 600 {}", path.display(), path.display())]
    KeyReadableByOthers { path: PathBuf },
    #[error("{origin} is no valid PEM")]
    Pem { origin: Origin, source: pem::Error },
    #[error("{origin} has no certificate in it")]
    NoCertificate { origin: Origin },
    #[error("{origin} has no private key in it (PKCS #8, SEC 1 or PKCS #1; not encrypted)")]
    NoKey { origin: Origin },
    #[error("{origin} cannot be used as a certificate authority")]
    Authority { origin: Origin, source: rustls::Error },
    #[error("the certificate in {certificate} and the key in {key} cannot be used")]
    Identity { certificate: Origin, key: Origin, source: rustls::Error },
    #[error("{origin} has no revocation list in it: a line \"-----BEGIN X509 CRL-----\" is wanted")]
    NoRevocationList { origin: Origin },
    #[error("{origin} cannot be used as a revocation list")]
    RevocationList { origin: Origin, source: webpki::Error },
    #[error(
        "{one} and {other} hold lists of one issuer, and by number and date it is unclear which is newer: remove the older one"
    )]
    UnclearLists { one: Origin, other: Origin },
    #[error("the agent's identity: {0}")]
    AgentIdentity(InvalidSpiffeId),
    #[error("server_name and the agent's SPIFFE id cannot both be asked for: the id takes the place of the name")]
    NameAndIdentity,
    #[error("the check of the agent's certificate: {0}")]
    Verifier(String),
    #[error("reading the files of certificates took too long")]
    ReadTimedOut,
    #[error("the TLS library does not offer TLS 1.3")]
    Tls(#[source] rustls::Error),
}

/// PEM text, or the file that holds it.
#[derive(Clone)]
pub(crate) enum Pem {
    File(PathBuf),
    Text(Vec<u8>),
}

/// Where PEM text came from, for messages.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    File(PathBuf),
    Argument(&'static str),
}

/// What the TLS configuration of a client is made from.
#[derive(Clone, Default)]
pub(crate) struct TlsSettings {
    pub(crate) authorities: Vec<Pem>,
    pub(crate) identity: Option<(Pem, Pem)>,
    pub(crate) revocation_lists: Vec<Pem>,
    /// Who the agent must be; without it, its certificate must have the name that it is reached by.
    pub(crate) agent: Option<AgentIdentity>,
}

/// What the settings hold or name, as it was read at one moment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Material {
    authorities: Vec<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    revocation_lists: Vec<Vec<u8>>,
}

impl TlsSettings {
    /// True if some of it is in files, which may change.
    pub(super) fn are_in_files(&self) -> bool {
        let identity = self.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        let mut all = self.authorities.iter().chain(identity).chain(&self.revocation_lists);
        all.any(|pem| matches!(pem, Pem::File(_)))
    }

    /// Reads what is in files.
    pub(super) fn read(&self) -> Result<Material, ConfigError> {
        if self.authorities.is_empty() {
            return Err(ConfigError::NoAuthority);
        }
        let read_all = |list: &[Pem]| list.iter().map(Pem::read).collect::<Result<_, _>>();
        let identity = match &self.identity {
            None => None,
            Some((certificate, key)) => {
                // The key first: whoever replaces both puts the key in its place first, too.
                let key = key.read_key()?;
                Some((certificate.read()?, key))
            }
        };
        Ok(Material {
            authorities: read_all(&self.authorities)?,
            identity,
            revocation_lists: read_all(&self.revocation_lists)?,
        })
    }

    /// TLS 1.3 only, these authorities only, no resumption (a resumed session would outlive a revoked certificate).
    pub(super) fn to_config(&self, material: &Material) -> Result<ClientConfig, ConfigError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = self.verifier(material, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(ConfigError::Tls)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match (&self.identity, &material.identity) {
            (Some((certificate, key)), Some((certificate_pem, key_pem))) => {
                let (certificate, key) =
                    (certificate.origin("identity_pem's certificate"), key.origin("identity_pem's key"));
                let chain = certificates(certificate_pem, &certificate)?;
                let private_key = private_key(key_pem, &key)?;
                builder.with_client_auth_cert(chain, private_key).map_err(|source| ConfigError::Identity {
                    certificate,
                    key,
                    source,
                })?
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![HTTP2.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn verifier(
        &self,
        material: &Material,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
        let roots = Arc::new(self.root_store(material)?);
        let mut lists = RevocationLists::default();
        for (pem, text) in self.revocation_lists.iter().zip(&material.revocation_lists) {
            lists.read(text, &pem.origin("ca_revocation_list"))?;
        }
        if let Some(expected) = self.agent.clone() {
            return Ok(Arc::new(AgentVerifier {
                expected,
                roots,
                revocation_lists: lists.into_looked_through(),
                provider: Arc::clone(provider),
            }));
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .with_crls(lists.into_ders())
            // A list that is too old says nothing about what was revoked since.
            .enforce_revocation_expiration()
            .build()
            .map_err(|error| ConfigError::Verifier(error.to_string()))?;
        Ok(verifier)
    }

    fn root_store(&self, material: &Material) -> Result<RootCertStore, ConfigError> {
        let mut roots = RootCertStore::empty();
        for (authority, text) in self.authorities.iter().zip(&material.authorities) {
            let origin = authority.origin("ca_pem");
            for certificate in certificates(text, &origin)? {
                let unusable = |source| ConfigError::Authority { origin: origin.clone(), source };
                roots.add(certificate).map_err(unusable)?;
            }
        }
        Ok(roots)
    }
}

fn certificates(text: &[u8], origin: &Origin) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|source| ConfigError::Pem { origin: origin.clone(), source })?;
    if certificates.is_empty() {
        return Err(ConfigError::NoCertificate { origin: origin.clone() });
    }
    Ok(certificates)
}

fn private_key(text: &[u8], origin: &Origin) -> Result<PrivateKeyDer<'static>, ConfigError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|source| match source {
        pem::Error::NoItemsFound => ConfigError::NoKey { origin: origin.clone() },
        source => ConfigError::Pem { origin: origin.clone(), source },
    })
}

#[cfg(unix)]
fn refuse_if_readable_by_others(path: &Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = std::fs::metadata(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    if metadata.permissions().mode() & 0o007 == 0 {
        Ok(())
    } else {
        Err(ConfigError::KeyReadableByOthers { path: path.to_owned() })
    }
}

#[cfg(not(unix))]
fn refuse_if_readable_by_others(_path: &Path) -> Result<(), ConfigError> {
    Ok(())
}

// === impl Pem ===

impl Pem {
    fn read(&self) -> Result<Vec<u8>, ConfigError> {
        match self {
            Self::File(path) => std::fs::read(path).map_err(|source| ConfigError::Read { path: path.clone(), source }),
            Self::Text(text) => Ok(text.clone()),
        }
    }

    fn read_key(&self) -> Result<Vec<u8>, ConfigError> {
        if let Self::File(path) = self {
            refuse_if_readable_by_others(path)?;
        }
        self.read()
    }

    fn origin(&self, argument: &'static str) -> Origin {
        match self {
            Self::File(path) => Origin::File(path.clone()),
            Self::Text(_) => Origin::Argument(argument),
        }
    }
}

// === impl Origin ===

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Argument(name) => formatter.write_str(name),
        }
    }
}
