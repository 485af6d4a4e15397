//! Which socket is at the other end, where that is one of the same reading.

use std::collections::HashMap;

use super::row::{Ends, Row};

/// A TCP connection as one of its ends sees it: namespace, local address and port, remote address and port.
type Connection = (u16, [u8; 16], u16, [u8; 16], u16);

/// Sockets by what their peers know them by.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// Inode of the socket with this view of a connection.
    tcp: HashMap<Connection, u64>,
}

impl Peers {
    /// Of all rows of a reading, whether they are shown or not.
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        Self { tcp: rows.filter(|row| row.inode != 0).filter_map(|row| Some((connection(row)?, row.inode))).collect() }
    }

    /// The inode of the socket at the other end; 0: there is none on this host.
    pub(super) fn inode(&self, row: &Row) -> u64 {
        if let Ends::Unix { peer, .. } = row.ends {
            return peer;
        }
        let Some((namespace, local, local_port, remote, remote_port)) = connection(row) else { return 0 };
        self.tcp.get(&(namespace, remote, remote_port, local, local_port)).copied().unwrap_or(0)
    }
}

/// Of a TCP socket that is connected. IPv4 addresses are written the way IPv6 sockets write them: the other end may be one.
fn connection(row: &Row) -> Option<Connection> {
    const TCP: u16 = 6;
    if row.protocol != Some(TCP) || !row.has_remote() {
        return None;
    }
    match &row.ends {
        Ends::Inet4 { local, remote } => {
            Some((row.namespace, mapped(local.ip), local.port, mapped(remote.ip), remote.port))
        }
        Ends::Inet6 { local, remote } => Some((row.namespace, local.ip, local.port, remote.ip, remote.port)),
        Ends::Unix { .. } | Ends::Netlink { .. } | Ends::Packet { .. } | Ends::Vsock { .. } => None,
    }
}

fn mapped(ip: [u8; 4]) -> [u8; 16] {
    std::net::Ipv4Addr::from(ip).to_ipv6_mapped().octets()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::row::{ESTABLISHED, Endpoint, STREAM};

    fn row(inode: u64, namespace: u16, ends: Ends) -> Row {
        Row {
            inode,
            ends,
            receive_queue: None,
            send_queue: None,
            uid: None,
            interface: 0,
            protocol: Some(6),
            kind: STREAM,
            state: ESTABLISHED,
            namespace,
        }
    }

    fn inet4(inode: u64, namespace: u16, local: u16, remote: u16) -> Row {
        let end = |port| Endpoint { ip: [127, 0, 0, 1], port };
        row(inode, namespace, Ends::Inet4 { local: end(local), remote: end(remote) })
    }

    #[test]
    fn the_ends_of_a_connection_find_each_other_in_their_namespace() {
        let end = |port| Endpoint { ip: mapped([127, 0, 0, 1]), port };
        let mapped_client = row(3, 0, Ends::Inet6 { local: end(7), remote: end(80) });
        let rows = [
            inet4(1, 0, 80, 5),
            inet4(2, 0, 5, 80),
            mapped_client,
            inet4(4, 0, 80, 7),
            inet4(5, 1, 5, 80),
            inet4(6, 0, 80, 9),
        ];
        let peers = Peers::of(rows.iter());
        let found: Vec<u64> = rows.iter().map(|row| peers.inode(row)).collect();
        assert_eq!(found, [2, 1, 4, 3, 0, 0]);
    }
}
