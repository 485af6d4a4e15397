//! Which sockets are asked for, compiled once: what the kernel can leave out, what a row alone decides, and what needs its holders
//! or its peer.

mod limits;
mod network;

use std::collections::HashSet;

use procwire_proto::v1::{SocketFamily, SocketPredicate, SocketState, SocketType};

use self::network::Network;
use super::{
    row::{BOUND_INACTIVE, CLOSE, ESTABLISHED, Ends, LISTEN, Row},
    tables::{Table, Transport},
};

/// Conditions on sockets: their union, or everything if there are none.
#[derive(Clone, Debug, Default)]
pub struct SocketFilter {
    predicates: Vec<Predicate>,
}

/// A condition that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidPredicate {
    /// As a path: `allow[0].local_ports[2]`.
    pub field: String,
    /// Reads on from the field: "is 70000; a port is at most 65535".
    pub problem: String,
}

/// One condition. An empty set of anything is no condition.
#[derive(Clone, Debug, Default)]
struct Predicate {
    /// Bits by number.
    families: u64,
    types: u64,
    states: u32,
    local_ports: HashSet<u32>,
    remote_ports: HashSet<u32>,
    local_networks: Vec<Network>,
    remote_networks: Vec<Network>,
    pids: HashSet<u32>,
    protocols: HashSet<u32>,
    uids: HashSet<u32>,
    network_namespaces: HashSet<u64>,
    unix_paths: HashSet<Vec<u8>>,
    inodes: HashSet<u64>,
}

/// What is known of a row beside itself.
pub(super) struct Beside<'a> {
    /// Inode of its network namespace.
    pub(super) namespace: Option<u64>,
    /// Name of the unix socket at the other end.
    pub(super) peer_name: Option<&'a [u8]>,
}

impl SocketFilter {
    /// Compiles the conditions of a request, which has them in the field `allow`.
    ///
    /// # Errors
    /// The first one that cannot be meant, or is too much.
    pub fn parse(allow: Vec<SocketPredicate>) -> Result<Self, InvalidPredicate> {
        limits::check(&allow)?;
        let parse = |(index, predicate)| Predicate::parse(&format!("allow[{index}]"), predicate);
        Ok(Self { predicates: allow.into_iter().enumerate().map(parse).collect::<Result<_, _>>()? })
    }

    /// The states (bits by number) that a table is asked for; `None`: none of its sockets can be meant.
    pub(super) fn states_of(&self, table: Table) -> Option<u32> {
        if self.predicates.is_empty() {
            return Some(u32::MAX);
        }
        self.predicates.iter().filter_map(|predicate| predicate.states_of(table)).reduce(|all, states| all | states)
    }

    /// True if namespaces other than our own are named.
    pub(super) fn names_namespaces(&self) -> bool {
        self.predicates.iter().any(|predicate| !predicate.network_namespaces.is_empty())
    }

    /// True if this namespace is one of those that are named.
    pub(super) fn names(&self, inode: Option<u64>) -> bool {
        inode.is_some_and(|inode| self.predicates.iter().any(|predicate| predicate.network_namespaces.contains(&inode)))
    }

    /// False if no condition lets a socket of this namespace pass.
    pub(super) fn may_match_namespace(&self, inode: Option<u64>) -> bool {
        self.predicates.is_empty() || self.predicates.iter().any(|predicate| predicate.matches_namespace(inode))
    }

    /// The pids whose descriptors decide, ascending; `None`: a row passes without anybody's descriptors.
    pub(super) fn pids(&self) -> Option<Vec<u32>> {
        let mut pids: Vec<u32> = self.predicates.iter().flat_map(|predicate| predicate.pids.iter().copied()).collect();
        pids.sort_unstable();
        pids.dedup();
        (!pids.is_empty()).then_some(pids)
    }

    /// True if the names of unix peers are needed.
    pub(super) fn needs_peer_names(&self) -> bool {
        self.predicates.iter().any(|predicate| !predicate.unix_paths.is_empty())
    }

    /// What the row alone says: false is final.
    pub(super) fn may_match(&self, row: &Row, namespace: Option<u64>) -> bool {
        self.predicates.is_empty() || self.predicates.iter().any(|predicate| predicate.matches_row(row, namespace))
    }

    /// The last word. `holds` tells whether one of these pids has the socket open.
    pub(super) fn matches(&self, row: &Row, beside: &Beside<'_>, holds: impl Fn(&HashSet<u32>) -> bool) -> bool {
        self.predicates.is_empty()
            || self.predicates.iter().any(|predicate| {
                predicate.matches_row(row, beside.namespace)
                    && (predicate.unix_paths.is_empty() || predicate.matches_path(row, beside.peer_name))
                    && (predicate.pids.is_empty() || holds(&predicate.pids))
            })
    }
}

impl Predicate {
    fn parse(path: &str, predicate: SocketPredicate) -> Result<Self, InvalidPredicate> {
        if predicate == SocketPredicate::default() {
            return Err(invalid(path, "has no condition; leave it out to get all sockets"));
        }
        let SocketPredicate {
            families,
            types,
            states,
            local_ports,
            remote_ports,
            local_networks,
            remote_networks,
            pids,
            protocols,
            uids,
            network_namespaces,
            unix_paths,
            inodes,
        } = predicate;
        let field = |name: &str| format!("{path}.{name}");
        let networks = |name: &str, networks: Vec<procwire_proto::v1::IpNetwork>| {
            let parse = |(index, network)| Network::parse(&format!("{}[{index}]", field(name)), &network);
            networks.into_iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            families: bits(&field("families"), &families, |number| SocketFamily::try_from(number).is_ok())?,
            types: bits(&field("types"), &types, |number| SocketType::try_from(number).is_ok())?,
            states: u32::try_from(bits(&field("states"), &states, |number| SocketState::try_from(number).is_ok())?)
                .unwrap_or(u32::MAX),
            local_ports: ports(&field("local_ports"), &local_ports)?,
            remote_ports: ports(&field("remote_ports"), &remote_ports)?,
            local_networks: networks("local_networks", local_networks)?,
            remote_networks: networks("remote_networks", remote_networks)?,
            pids: in_range(&field("pids"), &pids, "a pid", 1, procwire_proto::v1::ProcessRef::MAX_PID)?,
            protocols: in_range(&field("protocols"), &protocols, "an IP protocol", 0, u16::MAX.into())?,
            uids: uids.into_iter().collect(),
            network_namespaces: network_namespaces.into_iter().collect(),
            unix_paths: unix_paths.into_iter().collect(),
            inodes: inodes.into_iter().collect(),
        })
    }

    fn states_of(&self, table: Table) -> Option<u32> {
        let of_inet = matches!(table, Table::Inet { .. });
        let possible = has(self.families, table.family() as i32)
            && (self.types == 0 || table.kind().is_none_or(|kind| has(self.types, kind.into())))
            && (self.protocols.is_empty() || self.may_have_protocol(table))
            && (self.unix_paths.is_empty() || table == Table::Unix)
            && (of_inet || (self.local_networks.is_empty() && self.remote_networks.is_empty()))
            && (of_inet || table == Table::Vsock || (self.local_ports.is_empty() && self.remote_ports.is_empty()));
        if !possible {
            return None;
        }
        let states = match self.states {
            0 => return Some(u32::MAX),
            states if states & 1 << CLOSE != 0 => states | BOUND_INACTIVE,
            states => states,
        };
        let told = match table {
            Table::Inet { transport, .. } if transport.has_states() => u32::MAX,
            Table::Inet { .. } => 1 << ESTABLISHED,
            Table::Unix | Table::Vsock => !(1 << CLOSE | BOUND_INACTIVE),
            Table::Netlink | Table::Packet => 0,
        };
        Some(states & told).filter(|states| *states != 0)
    }

    fn may_have_protocol(&self, table: Table) -> bool {
        match table {
            Table::Inet { transport: Transport::Raw, .. } => true,
            Table::Inet { transport, .. } => self.protocols.contains(&transport.protocol().into()),
            Table::Unix | Table::Netlink | Table::Packet | Table::Vsock => false,
        }
    }

    fn matches_namespace(&self, inode: Option<u64>) -> bool {
        self.network_namespaces.is_empty() || inode.is_some_and(|inode| self.network_namespaces.contains(&inode))
    }

    /// Everything but pids and unix paths, which need more than the row.
    fn matches_row(&self, row: &Row, namespace: Option<u64>) -> bool {
        has(self.families, row.family() as i32)
            && has(self.types, row.kind.into())
            && (self.states == 0 || (row.state != 0 && self.states & 1 << row.state != 0))
            && any_of(&self.local_ports, row.ports().map(|(local, _)| local))
            && any_of(&self.remote_ports, row.ports().filter(|_| row.has_remote()).map(|(_, remote)| remote))
            && in_any(&self.local_networks, row.ips().map(|(local, _)| local))
            && in_any(&self.remote_networks, row.ips().filter(|_| row.has_remote()).map(|(_, remote)| remote))
            && any_of(&self.protocols, row.protocol.map(u32::from))
            && any_of(&self.uids, row.uid)
            && any_of(&self.inodes, Some(row.inode).filter(|inode| *inode != 0))
            && self.matches_namespace(namespace)
            && (self.unix_paths.is_empty() || matches!(row.ends, Ends::Unix { .. }))
    }

    fn matches_path(&self, row: &Row, peer_name: Option<&[u8]>) -> bool {
        let own = match &row.ends {
            Ends::Unix { name, .. } => name.as_deref(),
            _ => None,
        };
        own.into_iter().chain(peer_name).any(|name| self.unix_paths.contains(name))
    }
}

impl Table {
    /// `SOCK_*`, where all sockets of the table are of one.
    fn kind(self) -> Option<u8> {
        match self {
            Self::Inet { transport, .. } => Some(transport.kind()),
            Self::Unix | Self::Netlink | Self::Packet | Self::Vsock => None,
        }
    }
}

/// States in which there is nobody at the other end.
pub(super) const fn is_only_listening(states: u32) -> bool {
    states & !(1 << LISTEN | 1 << CLOSE | BOUND_INACTIVE) == 0
}

fn has(bits: u64, number: i32) -> bool {
    bits == 0 || u32::try_from(number).is_ok_and(|number| bits.checked_shr(number).unwrap_or(0) & 1 != 0)
}

fn any_of<T: std::hash::Hash + Eq>(wanted: &HashSet<T>, value: Option<T>) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.contains(&value))
}

fn in_any(networks: &[Network], ip: Option<&[u8]>) -> bool {
    networks.is_empty() || ip.is_some_and(|ip| networks.iter().any(|network| network.contains(ip)))
}

fn bits(field: &str, numbers: &[i32], is_known: impl Fn(i32) -> bool) -> Result<u64, InvalidPredicate> {
    numbers.iter().enumerate().try_fold(0, |bits, (index, &number)| {
        let place = u32::try_from(number).ok().filter(|place| (1..64).contains(place) && is_known(number));
        let place = place.ok_or_else(|| invalid(format!("{field}[{index}]"), format!("is {number}, which is none")))?;
        Ok(bits | 1 << place)
    })
}

fn ports(field: &str, ports: &[u32]) -> Result<HashSet<u32>, InvalidPredicate> {
    in_range(field, ports, "a port", 0, u16::MAX.into())
}

fn in_range(field: &str, numbers: &[u32], what: &str, least: u32, most: u32) -> Result<HashSet<u32>, InvalidPredicate> {
    let odd = numbers.iter().enumerate().find(|(_, number)| !(least..=most).contains(number));
    match odd {
        None => Ok(numbers.iter().copied().collect()),
        Some((index, number)) => {
            Err(invalid(format!("{field}[{index}]"), format!("is {number}; {what} is {least} to {most}")))
        }
    }
}

fn invalid(field: impl Into<String>, problem: impl Into<String>) -> InvalidPredicate {
    InvalidPredicate { field: field.into(), problem: problem.into() }
}

#[cfg(test)]
mod tests;
