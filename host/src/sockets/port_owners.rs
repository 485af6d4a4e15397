//! Which processes have which local ports, for filters on processes.

use std::{collections::HashSet, sync::atomic::AtomicBool};

use procwire_proto::v1::{SocketFamily, SocketPredicate};

use super::{SocketFilter, SocketQuery, SocketTable};
use crate::{Host, HostError};

/// Processes that hold sockets with some local ports, of all network namespaces that can be reached.
#[derive(Clone, Debug, Default)]
pub struct PortOwners {
    owned: HashSet<Owned>,
}

/// A process has a port, and, it may be, listens on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Owned {
    pid: u32,
    port: u32,
    listens: bool,
}

impl PortOwners {
    /// Looks for the processes that have one of these ports. Processes whose descriptors cannot be read have none.
    ///
    /// # Errors
    /// As [`SocketTable::read`].
    pub fn find(host: &Host, ports: &[u32]) -> Result<Self, HostError> {
        let ports: Vec<u32> = ports.iter().copied().filter(|port| u16::try_from(*port).is_ok()).collect();
        if ports.is_empty() {
            return Ok(Self::default());
        }
        let families = vec![SocketFamily::Inet.into(), SocketFamily::Inet6.into()];
        let predicate = SocketPredicate { families, local_ports: ports, ..SocketPredicate::default() };
        // What was just made of numbers that are ports is no invalid filter.
        let filter = SocketFilter::parse(vec![predicate]).unwrap_or_default();
        let query = SocketQuery { filter, all_network_namespaces: true, ..SocketQuery::default() };
        let table = SocketTable::read(host, &query, &AtomicBool::new(false))?;
        Ok(Self { owned: table.ports_held(host)?.into_iter().map(Owned::from).collect() })
    }

    /// True if the process has a socket bound to one of these ports.
    pub fn holds_local(&self, pid: u32, ports: &[u32]) -> bool {
        ports.iter().any(|&port| [true, false].into_iter().any(|listens| self.has(pid, port, listens)))
    }

    /// True if the process listens on one of these ports, or waits for datagrams there from anybody.
    pub fn listens(&self, pid: u32, ports: &[u32]) -> bool {
        ports.iter().any(|&port| self.has(pid, port, true))
    }

    fn has(&self, pid: u32, port: u32, listens: bool) -> bool {
        self.owned.contains(&Owned { pid, port, listens })
    }
}

impl From<(u32, u32, bool)> for Owned {
    fn from((pid, port, listens): (u32, u32, bool)) -> Self {
        Self { pid, port, listens }
    }
}
