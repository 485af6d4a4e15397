//! The client: one agent, one connection, any number of calls.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use procwire_proto::v1::agent_service_client::AgentServiceClient;
use procwire_proto::v1::control_service_client::ControlServiceClient;
use procwire_proto::v1::process_service_client::ProcessServiceClient;
use procwire_proto::v1::system_service_client::SystemServiceClient;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic_health::pb::health_client::HealthClient;

use crate::builder::{DEFAULT_CONNECT_TIMEOUT, DEFAULT_READ_ATTEMPTS};
use crate::connect;
use crate::transport::Transport;
use crate::{AgentCalls, ClientBuilder, ControlCalls, ProcessCalls, SystemCalls};

/// One message of an answer may be this long. Lists come in chunks of 256 KiB, but one process with a hundred thousand
/// mappings is one message.
const LONGEST_MESSAGE_BYTES: usize = 64 << 20;

/// A client of one agent.
///
/// Cheap to clone; clones share one HTTP/2 connection, which is made at the first call and made again when it is gone. An
/// agent takes 64 calls at a time on a connection; more wait for their turn, watches included.
#[derive(Clone)]
pub struct Client(Arc<Parts>);

struct Parts {
    transport: Transport,
    origin: Uri,
    target: Arc<str>,
    read_attempts: u32,
    default_timeout: Option<Duration>,
}

impl Client {
    /// Begins a client of the agent at `endpoint`: `https://host:port`, or `host:port`, or `host` with the port 7443.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), procwire_client::Error> {
    /// let client = procwire_client::Client::builder("https://db1.example:7443")
    ///     .ca_file("ca.pem")
    ///     .identity_files("reader.pem", "reader.key")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(endpoint: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(endpoint.into())
    }

    /// A client over any byte stream: an agent in the same process, a Unix socket, a tunnel. `connect` is called for the
    /// first connection and for each that follows a broken one, and has 5 s each time; `name` is what errors call the target.
    ///
    /// The stream carries HTTP/2 in plain text: whoever opens it answers for who is at the other end.
    ///
    /// ```no_run
    /// let client = procwire_client::Client::from_connector("socket", || {
    ///     tokio::net::UnixStream::connect("/run/procwire.sock")
    /// });
    /// ```
    pub fn from_connector<Connect, Opening, Stream>(name: impl Into<String>, connect: Connect) -> Self
    where
        Connect: Fn() -> Opening + Send + Sync + 'static,
        Opening: Future<Output = io::Result<Stream>> + Send + 'static,
        Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let transport = Transport::new(connect::custom(connect, DEFAULT_CONNECT_TIMEOUT));
        Self::from_parts(transport, Uri::from_static("http://localhost"), name.into().into(), DEFAULT_READ_ATTEMPTS)
    }

    /// Processes: list them, read one, ask for its relatives.
    pub fn processes(&self) -> ProcessCalls {
        ProcessCalls::new(self.clone())
    }

    /// The host: one snapshot, samples at an interval, its sockets, control groups and units, the room at a path.
    pub fn system(&self) -> SystemCalls {
        SystemCalls::new(self.clone())
    }

    /// What acts on processes: terminate one, wait for one.
    pub fn control(&self) -> ControlCalls {
        ControlCalls::new(self.clone())
    }

    /// The agent itself: who it is, what it can do, how it fares.
    pub fn agent(&self) -> AgentCalls {
        AgentCalls::new(self.clone())
    }

    /// What errors name as the target: the endpoint with its port, or the name of the connector.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// The same client, over the same connection, whose calls have this much time; see
    /// [`ClientBuilder::default_timeout`].
    ///
    /// ```no_run
    /// # fn example(client: procwire_client::Client) {
    /// let patient = client.with_default_timeout(std::time::Duration::from_secs(300));
    /// # }
    /// ```
    #[must_use = "the client that it is called on stays as it is"]
    pub fn with_default_timeout(&self, time: Duration) -> Self {
        let Parts { transport, origin, target, read_attempts, default_timeout: _ } = &*self.0;
        Self(Arc::new(Parts {
            transport: transport.clone(),
            origin: origin.clone(),
            target: Arc::clone(target),
            read_attempts: *read_attempts,
            default_timeout: Some(time),
        }))
    }

    pub(crate) fn from_parts(transport: Transport, origin: Uri, target: Arc<str>, read_attempts: u32) -> Self {
        Self(Arc::new(Parts { transport, origin, target, read_attempts, default_timeout: None }))
    }

    /// How long a call may take: as it was told itself, else what this client gives every call, else what suits its kind;
    /// in the last two cases on top of what it is told to wait or to measure.
    pub(crate) fn time_for(&self, told: Option<Duration>, of_its_kind: Duration, on_purpose: Duration) -> Duration {
        told.unwrap_or_else(|| self.0.default_timeout.unwrap_or(of_its_kind).saturating_add(on_purpose))
    }

    pub(crate) fn shared_target(&self) -> &Arc<str> {
        &self.0.target
    }

    pub(crate) fn read_attempts(&self) -> u32 {
        self.0.read_attempts
    }

    pub(crate) fn is_renewable(&self) -> bool {
        self.0.transport.is_renewable()
    }

    pub(crate) fn abandon_connection(&self) {
        self.0.transport.abandon_connection();
    }

    pub(crate) fn process_service(&self) -> ProcessServiceClient<Transport> {
        ProcessServiceClient::with_origin(self.0.transport.clone(), self.0.origin.clone())
            .max_decoding_message_size(LONGEST_MESSAGE_BYTES)
    }

    pub(crate) fn system_service(&self) -> SystemServiceClient<Transport> {
        SystemServiceClient::with_origin(self.0.transport.clone(), self.0.origin.clone())
            .max_decoding_message_size(LONGEST_MESSAGE_BYTES)
    }

    pub(crate) fn control_service(&self) -> ControlServiceClient<Transport> {
        ControlServiceClient::with_origin(self.0.transport.clone(), self.0.origin.clone())
            .max_decoding_message_size(LONGEST_MESSAGE_BYTES)
    }

    pub(crate) fn agent_service(&self) -> AgentServiceClient<Transport> {
        AgentServiceClient::with_origin(self.0.transport.clone(), self.0.origin.clone())
            .max_decoding_message_size(LONGEST_MESSAGE_BYTES)
    }

    pub(crate) fn health_service(&self) -> HealthClient<Transport> {
        HealthClient::with_origin(self.0.transport.clone(), self.0.origin.clone())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("target", &self.0.target).finish_non_exhaustive()
    }
}
