//! Which processes have which local ports, for filters on processes.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::AtomicBool,
};

use procwire_proto::v1::{SocketFamily, SocketPredicate};

use super::{SocketFilter, SocketQuery, SocketTable};
use crate::{Host, HostError};

/// Processes that hold sockets with some local ports, of all network namespaces that can be reached.
#[derive(Clone, Debug, Default)]
pub struct PortOwners {
    /// Ports at which there is a socket, whoever holds it.
    bound: HashSet<Port>,
    /// When the process began that has it.
    owned: HashMap<(u32, Port), u64>,
    /// Processes whose descriptors cannot be read.
    unreadable: HashSet<u32>,
    /// Processes that are known to live in a network namespace that was not looked into.
    unseen: HashSet<u32>,
}

/// A local port of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Port {
    pub(super) number: u32,
    pub(super) listens: bool,
}

impl PortOwners {
    /// Looks for the processes that have one of these ports. It ends soon after `stop` is set, with what it has.
    ///
    /// # Errors
    /// As [`SocketTable::read`].
    pub fn find(host: &Host, ports: &[u32], stop: &AtomicBool) -> Result<Self, HostError> {
        let ports: Vec<u32> = ports.iter().copied().filter(|port| u16::try_from(*port).is_ok()).collect();
        if ports.is_empty() {
            return Ok(Self::default());
        }
        let families = vec![SocketFamily::Inet.into(), SocketFamily::Inet6.into()];
        let predicate = SocketPredicate { families, local_ports: ports, ..SocketPredicate::default() };
        // What was just made of numbers that are ports is no invalid filter.
        let filter = SocketFilter::parse(vec![predicate]).unwrap_or_default();
        let query = SocketQuery { filter, all_network_namespaces: true, ..SocketQuery::default() };
        SocketTable::read(host, &query, stop)?.ports_held(host, stop)
    }

    pub(super) fn new(bound: HashSet<Port>, owned: HashMap<(u32, Port), u64>, unreadable: HashSet<u32>) -> Self {
        Self { bound, owned, unreadable, unseen: HashSet::new() }
    }

    pub(super) fn with_unseen(self, pids: &[u32]) -> Self {
        Self { unseen: pids.iter().copied().collect(), ..self }
    }

    /// Whether the process that began at this moment has a socket bound to one of these ports. `None`: that cannot be told. There is one,
    /// and either what the process holds cannot be read, or it is not known yet whether this is the process that was looked at; or its
    /// network namespace was not looked into.
    pub fn holds_local(&self, pid: u32, start_ticks: Option<u64>, ports: &[u32]) -> Option<bool> {
        self.has_any(pid, start_ticks, Self::any(ports, true))
    }

    /// Whether the process that began at this moment listens on one of these ports, or waits for datagrams there from anybody. `None`:
    /// as of [`holds_local`](Self::holds_local).
    pub fn listens(&self, pid: u32, start_ticks: Option<u64>, ports: &[u32]) -> Option<bool> {
        self.has_any(pid, start_ticks, Self::any(ports, false))
    }

    fn has_any(&self, pid: u32, start_ticks: Option<u64>, ports: impl Iterator<Item = Port>) -> Option<bool> {
        let (is_unreadable, is_unseen) = (self.unreadable.contains(&pid), self.unseen.contains(&pid));
        let mut is_sure = true;
        for port in ports {
            is_sure &= !is_unseen;
            match (self.owned.get(&(pid, port)), start_ticks) {
                (Some(owner), Some(start_ticks)) if *owner == start_ticks => return Some(true),
                // The pid has been given out again since.
                (Some(_), Some(_)) => {}
                (Some(_), None) => is_sure = false,
                (None, _) => is_sure &= !(is_unreadable && self.bound.contains(&port)),
            }
        }
        is_sure.then_some(false)
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

    const STARTED: Option<u64> = Some(11);

    fn port(number: u32, listens: bool) -> Port {
        Port { number, listens }
    }

    #[test]
    fn whoever_cannot_be_looked_at_may_hold_what_there_is_and_nothing_else() {
        let bound = HashSet::from([port(80, true), port(5000, false)]);
        let owners = PortOwners::new(bound, HashMap::from([((7, port(80, true)), 11)]), HashSet::from([9]));
        assert_eq!(owners.holds_local(7, STARTED, &[80]), Some(true));
        assert_eq!(owners.listens(7, STARTED, &[22, 80]), Some(true));
        assert_eq!((owners.listens(9, STARTED, &[80]), owners.holds_local(9, STARTED, &[5000])), (None, None));
        assert_eq!(owners.listens(9, STARTED, &[5000]), Some(false), "there is no such socket");
        assert_eq!(owners.holds_local(9, STARTED, &[22]), Some(false), "there is no such socket");
        assert_eq!(owners.holds_local(8, STARTED, &[80]), Some(false));
    }

    #[test]
    fn of_whoever_lives_where_nobody_looked_nothing_is_known() {
        let owned = HashMap::from([((7, port(80, true)), 11)]);
        let owners = PortOwners::new(HashSet::from([port(80, true)]), owned, HashSet::new()).with_unseen(&[7, 9]);
        assert_eq!((owners.listens(9, STARTED, &[22]), owners.holds_local(9, STARTED, &[80])), (None, None));
        assert_eq!(owners.listens(7, STARTED, &[80]), Some(true), "it was seen, though it lives elsewhere");
        assert_eq!(owners.listens(8, STARTED, &[22]), Some(false));
        assert_eq!(owners.listens(9, STARTED, &[]), Some(false));
    }

    #[test]
    fn a_pid_that_was_given_out_again_does_not_inherit_a_port() {
        let owned = HashMap::from([((7, port(80, true)), 11)]);
        let owners = PortOwners::new(HashSet::from([port(80, true)]), owned, HashSet::new());
        assert_eq!(
            (owners.listens(7, Some(12), &[80]), owners.holds_local(7, Some(12), &[80])),
            (Some(false), Some(false))
        );
        assert_eq!(owners.listens(7, None, &[80]), None, "who it is is not known yet");
        assert_eq!(owners.listens(8, None, &[80]), Some(false));
    }
}
