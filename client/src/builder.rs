//! From an endpoint and certificates to a client.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rustls_pki_types::ServerName;

use crate::connect::{AgentIdentity, ConfigError, Endpoint, Pem, TlsConnector, TlsFiles, TlsSettings};
use crate::transport::Transport;
use crate::{Client, Error, InvalidSpiffeId};

pub(crate) const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const DEFAULT_READ_ATTEMPTS: u32 = 3;

/// Builds a [`Client`] that reaches its agent over mutual TLS.
///
/// TLS 1.3 only, the given certificate authorities only (never the system's), no session resumption.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    endpoint: String,
    tls: TlsSettings,
    server_name: Option<String>,
    agent: Option<Result<AgentIdentity, InvalidSpiffeId>>,
    connect_timeout: Duration,
    read_attempts: u32,
    default_timeout: Option<Duration>,
}

impl ClientBuilder {
    pub(crate) fn new(endpoint: String) -> Self {
        Self {
            endpoint,
            tls: TlsSettings::default(),
            server_name: None,
            agent: None,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            read_attempts: DEFAULT_READ_ATTEMPTS,
            default_timeout: None,
        }
    }

    /// The certificate authority that signed the agent's certificate, as PEM text; may be called again for more, and one
    /// text may hold several. At least one authority is needed.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.authorities.push(Pem::Text(pem.into()));
        self
    }

    /// Like [`ca_pem`](Self::ca_pem), from a file that [`build`](Self::build) reads, and each connection again if it has changed.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.authorities.push(Pem::File(path.into()));
        self
    }

    /// This client's certificate, followed by intermediates if there are any, and its private key (PKCS #8, SEC 1 or
    /// PKCS #1, not encrypted), both as PEM text. The last identity given counts.
    ///
    /// An agent refuses clients without one; that shows at the first call, as
    /// [`ErrorKind::ClientCertificate`](crate::ErrorKind::ClientCertificate).
    pub fn identity_pem(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.tls.identity = Some((Pem::Text(certificate.into()), Pem::Text(key.into())));
        self
    }

    /// Like [`identity_pem`](Self::identity_pem), from files. A key file that everyone on this machine can read or write is
    /// refused.
    ///
    /// [`build`](Self::build) reads them, and the client again whenever it connects; while it is connected, it looks once in half
    /// a minute, when a call begins, and takes a new connection for that call if there is another certificate. So it lives on
    /// with what SPIRE, cert-manager or a timer renew. Files that cannot be used at that moment (half of a pair is there) do not
    /// replace what was read before; if the agent then refuses the old certificate, the error says what is wrong with the files.
    pub fn identity_files(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.identity = Some((Pem::File(certificate.into()), Pem::File(key.into())));
        self
    }

    /// The name or IP address that the agent's certificate must carry, where that is not the endpoint's host: behind a
    /// tunnel or a forwarded port.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Who the agent must be: `spiffe://example.org/procwire/web1`. Its certificate must carry this SPIFFE id; names and addresses
    /// in it, and the one that it is reached by, are not looked at. Chain, purpose, validity and revocation are.
    ///
    /// The authorities given must be those of the id's trust domain (SPIRE's bundle), and no others.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), procwire_client::Error> {
    /// let client = procwire_client::Client::builder("10.0.0.7:7443")
    ///     .ca_file("/run/spire/bundle.pem")
    ///     .identity_files("/run/spire/svid.pem", "/run/spire/svid_key.pem")
    ///     .agent_spiffe_id("spiffe://example.org/procwire/web1")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn agent_spiffe_id(mut self, id: impl AsRef<str>) -> Self {
        self.agent = Some(id.as_ref().parse().map(AgentIdentity::Id));
        self
    }

    /// Like [`agent_spiffe_id`](Self::agent_spiffe_id), for every agent of a trust domain: `example.org`. The last one given counts.
    ///
    /// Every workload of the domain that has a certificate for servers can pose as the agent then, not only agents.
    pub fn agent_trust_domain(mut self, domain: impl AsRef<str>) -> Self {
        self.agent = Some(domain.as_ref().parse().map(AgentIdentity::Domain));
        self
    }

    /// A file with the revocation list of the authority that signed the agent's certificate (PEM, one list for each authority that
    /// signs): an agent whose certificate is revoked is not trusted, and neither is any when the list is past its own time. Read
    /// again as [`identity_files`](Self::identity_files) are. May be given several times.
    pub fn ca_revocation_list(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.revocation_lists.push(Pem::File(path.into()));
        self
    }

    /// How long connecting may take: resolving, TCP and TLS together. Default: 5 s. A call's own deadline still holds.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// How often a read is tried in all when the agent cannot be reached or is unavailable. Default: 3; 0 and 1 both mean
    /// no repetition. Calls that act on the host are sent once whatever this says.
    pub fn read_attempts(mut self, attempts: u32) -> Self {
        self.read_attempts = attempts;
        self
    }

    /// The time for each call that is not given one by its own `timeout`, in place of the 10 s (30 s for a list) that their
    /// documentation names. What a call is told to measure or to wait comes on top: its usage window, its grace period.
    pub fn default_timeout(mut self, time: Duration) -> Self {
        self.default_timeout = Some(time);
        self
    }

    /// Makes the client. Reads the files that were named; does not connect, and may be called outside a runtime.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration), naming the argument or the file that cannot be used.
    ///
    /// ```no_run
    /// # fn example(ca: Vec<u8>, certificate: Vec<u8>, key: Vec<u8>) -> Result<(), procwire_client::Error> {
    /// use std::time::Duration;
    ///
    /// let client = procwire_client::Client::builder("10.0.0.7:7443")
    ///     .ca_pem(ca)
    ///     .identity_pem(certificate, key)
    ///     .server_name("db1.example")
    ///     .connect_timeout(Duration::from_secs(2))
    ///     .default_timeout(Duration::from_secs(60))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn build(self) -> Result<Client, Error> {
        self.try_build().map_err(|error| Error::from_config(&self.endpoint.as_str().into(), error))
    }

    fn try_build(&self) -> Result<Client, ConfigError> {
        let endpoint = Endpoint::parse(&self.endpoint)?;
        let origin = endpoint.origin()?;
        let target = endpoint.to_string().into();
        let server_name = match &self.server_name {
            Some(_) if self.agent.is_some() => return Err(ConfigError::NameAndIdentity),
            Some(name) => {
                ServerName::try_from(name.clone()).map_err(|_| ConfigError::ServerName { text: name.clone() })?
            }
            None => endpoint.server_name()?,
        };
        let mut settings = self.tls.clone();
        settings.agent = self.agent.clone().transpose().map_err(ConfigError::AgentIdentity)?;
        let files = TlsFiles::load(settings)?;
        let connector = TlsConnector::new(endpoint, server_name, files, self.connect_timeout).into_connector();
        let client = Client::from_parts(Transport::new(connector), origin, target, self.read_attempts);
        Ok(self.default_timeout.map_or_else(|| client.clone(), |time| client.with_default_timeout(time)))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key.
        formatter
            .debug_struct("ClientBuilder")
            .field("endpoint", &self.endpoint)
            .field("server_name", &self.server_name)
            .field("agent", &self.agent)
            .field("connect_timeout", &self.connect_timeout)
            .field("read_attempts", &self.read_attempts)
            .field("default_timeout", &self.default_timeout)
            .finish_non_exhaustive()
    }
}
