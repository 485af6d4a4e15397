//! What the composition root hands to the services.

use std::sync::Arc;

use procwire_host::Host;

use crate::{
    audit::Audit, config::ServicesConfig, counters::Counters, policy::PolicyHandle, server::Certificates,
    shutdown::Shutdown, status::HostName,
};

/// Everything a service needs from the rest of the agent. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The machine.
    pub host: Arc<Host>,
    /// Its name in error messages.
    pub host_name: HostName,
    /// What the services were told.
    pub config: Arc<ServicesConfig>,
    /// Where every control action is written down.
    pub audit: Audit,
    /// What callers may do.
    pub policy: Arc<PolicyHandle>,
    /// Live figures.
    pub counters: Arc<Counters>,
    /// The end of the whole agent.
    pub shutdown: Shutdown,
    /// Certificates, keys and lists in force; `None`: the embedded agent needs none.
    pub certificates: Option<Arc<Certificates>>,
}
