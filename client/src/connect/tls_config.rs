//! Certificates and keys into a TLS configuration, each fault with the file it is in.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

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
}

impl TlsSettings {
    /// TLS 1.3 only, these authorities only, no resumption (a resumed session would outlive a revoked certificate).
    pub(crate) fn to_config(&self) -> Result<ClientConfig, ConfigError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(ConfigError::Tls)?
            .with_root_certificates(self.root_store()?);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = read_certificates(certificate, "identity_pem's certificate")?;
                let private_key = read_key(key, "identity_pem's key")?;
                builder.with_client_auth_cert(chain, private_key).map_err(|source| ConfigError::Identity {
                    certificate: certificate.origin("identity_pem's certificate"),
                    key: key.origin("identity_pem's key"),
                    source,
                })?
            }
        };
        config.alpn_protocols = vec![HTTP2.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn root_store(&self) -> Result<RootCertStore, ConfigError> {
        if self.authorities.is_empty() {
            return Err(ConfigError::NoAuthority);
        }
        let mut roots = RootCertStore::empty();
        for authority in &self.authorities {
            for certificate in read_certificates(authority, "ca_pem")? {
                roots
                    .add(certificate)
                    .map_err(|source| ConfigError::Authority { origin: authority.origin("ca_pem"), source })?;
            }
        }
        Ok(roots)
    }
}

fn read_certificates(pem: &Pem, argument: &'static str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let origin = || pem.origin(argument);
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem.read()?)
        .collect::<Result<_, _>>()
        .map_err(|source| ConfigError::Pem { origin: origin(), source })?;
    if certificates.is_empty() {
        return Err(ConfigError::NoCertificate { origin: origin() });
    }
    Ok(certificates)
}

fn read_key(pem: &Pem, argument: &'static str) -> Result<PrivateKeyDer<'static>, ConfigError> {
    if let Pem::File(path) = pem {
        refuse_if_readable_by_others(path)?;
    }
    PrivateKeyDer::from_pem_slice(&pem.read()?).map_err(|source| match source {
        pem::Error::NoItemsFound => ConfigError::NoKey { origin: pem.origin(argument) },
        source => ConfigError::Pem { origin: pem.origin(argument), source },
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
