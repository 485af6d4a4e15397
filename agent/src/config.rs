//! What the agent was told to do. Everything is checked here, before a port is bound; nothing past this door checks again.
//!
//! One way: defaults, file, environment and flags -> [`Settings`] (values with where they come from) -> [`Config`] (valid by type).

mod build;
mod error;
mod flags;
mod keys;
mod parse;
mod settings;
mod value;

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use procwire_host::Roots;
use tracing_subscriber::filter::LevelFilter;

pub use self::{
    error::ConfigError,
    flags::Flags,
    keys::{KEYS, Key},
    settings::{Settings, Source},
};

/// A whole valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The agent's certificate and the authority it trusts.
    pub tls: TlsFiles,
    /// Limits of connections and calls.
    pub limits: TransportLimits,
    /// What the services are told.
    pub services: Arc<ServicesConfig>,
    /// Where the host's files are.
    pub roots: Roots,
    /// How to log.
    pub log: LogConfig,
    /// Where the audit trail goes.
    pub audit: AuditConfig,
    /// The rules of what callers may do; `None`: their roles decide.
    pub policy_file: Option<PathBuf>,
}

/// Where the audit trail goes.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// `None`: into the log.
    pub file: Option<PathBuf>,
    /// Size at which the agent begins a new file; `None`: something else rotates it.
    pub rotate_size_bytes: Option<u64>,
    /// Files beside the current one that the agent keeps.
    pub keep: u32,
}

/// Files of the agent's own identity.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain, PEM, the agent's own first.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Authorities whose client certificates are accepted, PEM.
    pub client_ca: PathBuf,
    /// Revocation lists of these authorities and of those between them and the clients, PEM or DER. Where there is one, a certificate that
    /// none speaks for is refused.
    pub client_crl: Vec<PathBuf>,
    /// Serial numbers, fingerprints and names that are refused.
    pub deny_list: Option<PathBuf>,
    /// If there are any, only clients with a SPIFFE id of one of these are accepted.
    pub spiffe_trust_domains: BTreeSet<String>,
}

/// What a peer may cost before and around its calls.
#[derive(Clone, Debug)]
pub struct TransportLimits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections of one principal at a time.
    pub connections_per_principal: usize,
    /// Handshakes at a time; more wait in the kernel's queue.
    pub handshakes: usize,
    /// Those of one address (IPv6: of one /64); more of them wait, and many more are refused.
    pub handshakes_per_address: usize,
    /// Time for the TLS handshake and the HTTP/2 preface together.
    pub handshake_timeout: Duration,
    /// Size of a request message.
    pub request_bytes: usize,
    /// Time for a request's body to arrive in full.
    pub request_timeout: Duration,
    /// Calls at a time on one connection.
    pub concurrent_streams: u32,
    /// Size of a request's headers.
    pub header_list_bytes: u32,
    /// Calls reset by the peer before they were looked at.
    pub pending_resets: usize,
    /// Silence after which the peer is pinged.
    pub keepalive_interval: Duration,
    /// Time for the answer to a ping.
    pub keepalive_timeout: Duration,
    /// Age at which a connection is closed, give or take a tenth.
    pub connection_age: Duration,
    /// Time for its calls to end after that.
    pub connection_age_grace: Duration,
    /// Time for calls to end when the agent stops.
    pub shutdown_grace: Duration,
}

/// What the services are told.
#[derive(Clone, Debug)]
pub struct ServicesConfig {
    /// Limits of streams, reads and control actions.
    pub limits: ServiceLimits,
    /// What is never acted on.
    pub control: ControlConfig,
}

/// Limits of streams, reads and control actions.
#[derive(Clone, Debug)]
pub struct ServiceLimits {
    /// Shortest interval of a stream.
    pub stream_interval_min: Duration,
    /// Longest interval of a stream.
    pub stream_interval_max: Duration,
    /// Longest silence on a stream.
    pub heartbeat_interval: Duration,
    /// Watch streams at a time.
    pub streams: usize,
    /// Watch streams of one principal at a time.
    pub streams_per_principal: usize,
    /// Paces and masks at a time that watch streams are sampled at.
    pub samplers: usize,
    /// Those of one principal.
    pub samplers_per_principal: usize,
    /// Lists at a time, of each kind: sockets, control groups, units.
    pub lists: usize,
    /// Those of one principal.
    pub lists_per_principal: usize,
    /// Snapshots with a usage window at a time.
    pub windowed_snapshots: usize,
    /// Those of one principal.
    pub windowed_snapshots_per_principal: usize,
    /// How long a reader may take nothing before it is cut off.
    pub stream_lag: Duration,
    /// Threads for quick host reads.
    pub host_quick_threads: usize,
    /// Threads for reads that may hang on a process's locks.
    pub host_slow_threads: usize,
    /// Threads for reads that are long work; they stand back behind all others.
    pub host_heavy_threads: usize,
    /// Host reads that may wait for a thread.
    pub host_queue: usize,
    /// Time cap of a quick read.
    pub host_quick_timeout: Duration,
    /// Time cap of a slow read.
    pub host_slow_timeout: Duration,
    /// Time cap of a heavy read.
    pub host_heavy_timeout: Duration,
    /// Longest wait for a process to end.
    pub wait_timeout_max: Duration,
    /// Terminations at a time, dry runs included.
    pub terminations: usize,
    /// Those of one principal.
    pub terminations_per_principal: usize,
    /// Processes that are waited for at a time; each is an open file.
    pub waits: usize,
    /// Those of one principal.
    pub waits_per_principal: usize,
}

/// How often callers may act, and on what never: beside pid 1, kernel threads, the agent and its ancestors.
#[derive(Clone, Debug, Default)]
pub struct ControlConfig {
    /// Processes that one principal may act on in a minute.
    pub actions_per_minute_per_principal: u32,
    /// By pid.
    pub protected_pids: BTreeSet<u32>,
    /// By name, as the kernel has it: at most 15 bytes.
    pub protected_names: BTreeSet<Vec<u8>>,
    /// By systemd unit: a name, or its beginning followed by `*`.
    pub protected_units: BTreeSet<Vec<u8>>,
    /// By control group: these groups and all below them.
    pub protected_cgroups: BTreeSet<Vec<u8>>,
}

/// How to log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// One line of text or one JSON object per event.
    pub format: LogFormat,
    /// What is worth a line.
    pub level: LevelFilter,
}

/// Shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}
