//! Which processes have which local ports, for filters on processes.

use std::{collections::HashSet, sync::atomic::AtomicBool};

use procwire_proto::v1::{SocketFamily, SocketPredicate};

use super::{SocketFilter, SocketQuery, SocketTable};
use crate::{Host, HostError};

/// Processes that hold sockets with some local ports, of all network namespaces that can be reached.
#[derive(Clone, Debug, Default)]
pub struct PortOwners {
    /// Ports at which there is a socket, whoever holds it.
    bound: HashSet<Port>,
    owned: HashSet<(u32, Port)>,
    /// Processes whose descriptors cannot be read.
    unreadable: HashSet<u32>,
}

/// A local port of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Port {
    pub(super) number: u32,
    pub(super) listens: bool,
}

impl PortOwners {
    /// Looks for the processes that have one of these ports.
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
        SocketTable::read(host, &query, &AtomicBool::new(false))?.ports_held(host)
    }

    pub(super) fn new(bound: HashSet<Port>, owned: HashSet<(u32, Port)>, unreadable: HashSet<u32>) -> Self {
        Self { bound, owned, unreadable }
    }

    /// True if the process has a socket bound to one of these ports.
    pub fn holds_local(&self, pid: u32, ports: &[u32]) -> bool {
        Self::any(ports, true).any(|port| self.owned.contains(&(pid, port)))
    }

    /// True if the process listens on one of these ports, or waits for datagrams there from anybody.
    pub fn listens(&self, pid: u32, ports: &[u32]) -> bool {
        Self::any(ports, false).any(|port| self.owned.contains(&(pid, port)))
    }

    /// True if the process may have a socket bound to one of these ports: there is one, and what it holds cannot be read.
    pub fn may_hold_local(&self, pid: u32, ports: &[u32]) -> bool {
        self.unreadable.contains(&pid) && Self::any(ports, true).any(|port| self.bound.contains(&port))
    }

    /// True if the process may listen on one of these ports: somebody does, and what it holds cannot be read.
    pub fn may_listen(&self, pid: u32, ports: &[u32]) -> bool {
        self.unreadable.contains(&pid) && Self::any(ports, false).any(|port| self.bound.contains(&port))
    }

    /// These ports as those of listeners, and of others too if that will do.
    fn any(ports: &[u32], or_bound: bool) -> impl Iterator<Item = Port> {
        let listening = ports.iter().map(|&number| Port { number, listens: true });
        let others = ports.iter().filter(move |_| or_bound).map(|&number| Port { number, listens: false });
        listening.chain(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_cannot_be_looked_at_may_hold_what_there_is_and_nothing_else() {
        let port = |number, listens| Port { number, listens };
        let bound = HashSet::from([port(80, true), port(5000, false)]);
        let owners = PortOwners::new(bound, HashSet::from([(7, port(80, true))]), HashSet::from([9]));
        assert!(owners.holds_local(7, &[80]) && owners.listens(7, &[22, 80]) && !owners.may_listen(7, &[80]));
        assert!(owners.may_listen(9, &[80]) && owners.may_hold_local(9, &[5000]), "80 may be shared with 7");
        assert!(!owners.may_listen(9, &[5000]) && !owners.may_hold_local(9, &[22]), "there is no such socket");
        assert!(!owners.may_hold_local(8, &[80]) && !owners.holds_local(9, &[80]));
    }
}
