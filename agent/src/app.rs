//! The composition root: from a valid configuration to a running agent, and to its orderly end.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use procwire_host::{Host, HostError, RootError};
use tokio::{net::TcpListener, select, task::JoinError, time::timeout};

use crate::{
    access::{AccessLayer, TableError, check_table},
    audit::{Audit, AuditError, AuditEvent},
    config::{Config, ServicesConfig, TransportLimits},
    context::Context,
    counters::Counters,
    health::Health,
    policy::{PolicyError, PolicyFile, PolicyHandle},
    reload::{Files, Reload, Reloaded, Reloader},
    server::{self, Admission, Certificates, RefusalLog, Routes, Server, Stack, TlsError},
    services::Services,
    shutdown::{self, Ending, Shutdown, ShutdownTrigger},
    status::HostName,
};

/// Connections end by themselves when the grace is over; this much later the agent no longer waits for them.
const AFTER_GRACE: Duration = Duration::from_secs(1);

/// An agent that is bound to its port.
pub struct Agent {
    listener: TcpListener,
    address: SocketAddr,
    server: Arc<Server>,
    certificates: Arc<Certificates>,
    reload: Reload,
    audit: Audit,
    trigger: ShutdownTrigger,
}

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A method nobody decided on.
    #[error(transparent)]
    Permissions(#[from] TableError),
    /// Certificates or keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A root of the host's files is not what it is said to be.
    #[error(transparent)]
    Roots(#[from] RootError),
    /// The policy is none.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The audit trail cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The host cannot be read.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The built-in defaults are not valid.
    #[error(transparent)]
    Config(#[from] crate::ConfigError),
    /// There is no thread to look after changed files.
    #[error("start a thread: {0}")]
    Reload(#[source] io::Error),
    /// The port cannot be had.
    #[error("listen on {address}: {source}")]
    Bind {
        /// As configured.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl StartError {
    /// True if the operator's settings are to blame, not the machine.
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            StartError::Tls(_)
                | StartError::Roots(_)
                | StartError::Policy(_)
                | StartError::Audit(_)
                | StartError::Config(_)
        )
    }
}

/// How a run ended otherwise than in order.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The accept loop is gone; this is a defect.
    #[error("the accept loop ended: {0}")]
    AcceptLoop(#[from] JoinError),
    /// Something did not end in time.
    #[error(
        "{connections} connections were cut off, because their calls did not end within limits.shutdown_grace = {grace:?}"
    )]
    CutOff {
        /// Still open.
        connections: u32,
        /// The time they had.
        grace: Duration,
    },
}

impl Agent {
    /// Checks everything that [`Agent::bind`] does before it takes the port.
    pub fn check(config: &Config) -> Result<(), StartError> {
        check_table()?;
        config.roots.check()?;
        Certificates::load(&config.tls)?;
        PolicyHandle::load(config.policy_file.as_deref())?;
        Audit::check(&config.audit)?;
        Host::open(config.roots.clone())?;
        Ok(())
    }

    /// Loads certificates, opens the host and takes the port. Nobody is answered before [`Agent::run`].
    pub async fn bind(config: Config) -> Result<Agent, StartError> {
        check_table()?;
        config.roots.check()?;
        let loaded = Certificates::load(&config.tls)?;
        let policy = PolicyHandle::load(config.policy_file.as_deref())?;
        let audit = Audit::open(&config.audit)?;
        let host = Arc::new(Host::open(config.roots)?);
        let bind_error = |source| StartError::Bind { address: config.listen, source };
        let listener = server::bind(config.listen).map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;

        let (trigger, shutdown) = shutdown::channel();
        let parts = Parts {
            host,
            config: config.services,
            policy: Arc::clone(&policy),
            audit: audit.clone(),
            shutdown: shutdown.clone(),
        };
        let (stack, counters) = assemble(parts, &config.limits, Some(Arc::clone(&loaded.certificates)));
        let mut reloader = Reloader::default();
        for (part, files) in loaded.parts {
            reloader.add(part, &files);
        }
        if let Some(path) = config.policy_file {
            let files = Files::read(std::slice::from_ref(&path));
            reloader.add(Box::new(PolicyFile::new(path, policy)), &files);
        }
        let reload = reloader.start(note_reload(audit.clone())).map_err(StartError::Reload)?;
        let server = Server {
            admission: Admission::new(Arc::clone(&loaded.certificates), &config.limits),
            stack,
            limits: config.limits,
            counters,
            shutdown,
            refusals: RefusalLog::default(),
            audit: audit.clone(),
        };
        audit.note_start(address);
        let certificates = loaded.certificates;
        Ok(Agent { listener, address, server: Arc::new(server), certificates, reload, audit, trigger })
    }

    /// Where it listens: with port 0 in the configuration, the port it got.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// For whoever wants changed files to be looked at now: at SIGHUP.
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Serves until `shutdown` completes; then stops accepting, says goodbye on every stream and waits for calls to end, at most
    /// for `limits.shutdown_grace`.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) -> Result<(), RunError> {
        let mut accepting = pin!(tokio::spawn(Arc::clone(&self.server).run(self.listener)));
        select! {
            ended = accepting.as_mut() => return Ok(ended?),
            () = self.certificates.watch_ends() => {}
            () = shutdown => {}
        }
        let grace = self.server.limits.shutdown_grace;
        tracing::info!(connections = self.server.counters.connections.get(), ?grace, "stopping");
        self.trigger.fire(Ending::Agent);
        accepting.await?;
        let in_time = timeout(grace + AFTER_GRACE, self.trigger.released()).await;
        let how = if in_time.is_ok() { "in order" } else { "cut off calls that did not end in time" };
        self.audit.finish(how).await;
        match (in_time, self.server.counters.connections.get()) {
            (Err(_), connections) if connections > 0 => Err(RunError::CutOff { connections, grace }),
            _ => {
                tracing::info!("stopped");
                Ok(())
            }
        }
    }
}

/// What the stack is made from, with or without a network.
pub(crate) struct Parts {
    pub(crate) host: Arc<Host>,
    pub(crate) config: Arc<ServicesConfig>,
    pub(crate) policy: Arc<PolicyHandle>,
    pub(crate) audit: Audit,
    pub(crate) shutdown: Shutdown,
}

/// Services behind the access layer: the same for the network and for the embedded agent.
pub(crate) fn assemble(
    parts: Parts,
    limits: &TransportLimits,
    certificates: Option<Arc<Certificates>>,
) -> (Stack, Arc<Counters>) {
    let Parts { host, config, policy, audit, shutdown } = parts;
    let host_name = host_name(&host);
    let counters = Arc::new(Counters::default());
    let access = AccessLayer::new(
        host_name.clone(),
        audit.clone(),
        Arc::clone(&counters),
        shutdown.clone(),
        Arc::clone(&policy),
    );
    let health = Health::server(shutdown.clone(), limits.request_bytes);
    let context = Context {
        host,
        host_name: host_name.clone(),
        config,
        policy,
        audit,
        counters: Arc::clone(&counters),
        shutdown,
        certificates,
    };
    let services = Services::new(&context, limits.request_bytes);
    let routes = Routes::default()
        .add(services.process)
        .add(services.control)
        .add(services.system)
        .add(services.agent)
        .add(health);
    let stack = server::stack(Arc::clone(&counters), host_name, access, limits.request_timeout, routes);
    (stack, counters)
}

/// What changed files came to is on record.
fn note_reload(audit: Audit) -> impl Fn(Reloaded) + Send + 'static {
    move |Reloaded { what, result }| match result {
        Ok(in_force) => audit.note(AuditEvent::Reloaded, what, &in_force),
        Err(problem) => audit.note(AuditEvent::ReloadRefused, what, &problem),
    }
}

fn host_name(host: &Host) -> HostName {
    // Without a name, messages say "this host".
    HostName::new(&host.name())
}
