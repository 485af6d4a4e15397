//! The agent within another program: the same services behind the same access layer, over memory instead of the network.

use std::{sync::Arc, time::Duration};

use procwire_host::{Host, Roots};
use tokio::io::DuplexStream;

use crate::{
    access::check_table,
    app::{Parts, StartError, assemble},
    audit::Audit,
    config::{ServicesConfig, TransportLimits},
    policy::PolicyHandle,
    server::{Peer, Stack, serve},
    shutdown::{self, Shutdown, ShutdownTrigger},
};

/// Bytes on the way in each direction.
const PIPE_BYTES: usize = 256 << 10;
/// Age is for spreading load over a network; here there is none.
const NO_AGE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// An agent without a network. Its only caller is the principal "local" with the role admin: whoever runs this program can
/// do no more through it than without it. Ends when the last clone is dropped.
#[derive(Clone)]
pub struct Embedded {
    shared: Arc<Shared>,
}

struct Shared {
    stack: Stack,
    limits: TransportLimits,
    shutdown: Shutdown,
    _trigger: ShutdownTrigger,
}

impl Embedded {
    /// Opens this host. Nothing runs until there is a call.
    ///
    /// # Errors
    /// `/proc` cannot be opened.
    pub fn start() -> Result<Embedded, StartError> {
        check_table()?;
        let limits = TransportLimits { connection_age: NO_AGE, ..TransportLimits::defaults()? };
        let (trigger, shutdown) = shutdown::channel();
        let parts = Parts {
            host: Arc::new(Host::open(Roots::default())?),
            config: Arc::new(ServicesConfig::defaults()?),
            policy: PolicyHandle::load(None)?,
            audit: Audit::to_log(),
            shutdown: shutdown.clone(),
        };
        let (stack, _) = assemble(parts, &limits, None);
        Ok(Embedded { shared: Arc::new(Shared { stack, limits, shutdown, _trigger: trigger }) })
    }

    /// A connection to it, for an HTTP/2 client. Must be called within a tokio runtime, of whatever kind.
    pub fn connect(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let Shared { stack, limits, shutdown, .. } = &*self.shared;
        tokio::spawn(serve(far, Peer::local(), stack.clone(), limits.clone(), shutdown.clone()));
        near
    }
}
