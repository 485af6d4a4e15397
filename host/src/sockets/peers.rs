//! Which socket is at the other end, where that is one of the same reading.

use std::hash::{BuildHasher as _, RandomState};

use super::row::{Ends, Row};

/// Of each row that is shown, the inode of the socket at its other end; 0: there is none on this host. `others` are rows of the same
/// reading that are not shown.
pub(super) fn inodes(rows: &[Row], others: &[Row]) -> Vec<u64> {
    let mut found = vec![0; rows.len()];
    for (place, row) in found.iter_mut().zip(rows) {
        if let Ends::Unix { peer, .. } = row.ends {
            *place = peer;
        }
    }
    // Both ends have the same hash, so that they meet when all are sorted by it. Whoever chooses ports does not know its keys.
    let hasher = RandomState::new();
    let hash = |(place, row): (u32, &Row)| Some((hasher.hash_one(connection(row)?.either_way()), place));
    let mut hashes: Vec<(u64, u32)> = (0..).zip(rows.iter().chain(others)).filter_map(hash).collect();
    hashes.sort_unstable();
    let row_at = |place: u32| {
        let place = usize::try_from(place).ok()?;
        rows.get(place).or_else(|| others.get(place.checked_sub(rows.len())?))
    };
    for same in hashes.chunk_by(|(one, _), (other, _)| one == other) {
        for (_, place) in same {
            let Some(shown) = usize::try_from(*place).ok().and_then(|place| found.get_mut(place)) else { continue };
            let Some(seen) = row_at(*place).and_then(connection) else { continue };
            let is_other_end = |row: &&Row| row.inode != 0 && connection(row) == Some(seen.turned());
            let other_end = same.iter().filter_map(|(_, other)| row_at(*other)).find(is_other_end);
            *shown = other_end.map_or(0, |row| row.inode);
        }
    }
    found
}

/// A TCP connection as one of its ends sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Connection {
    namespace: u16,
    local: ([u8; 16], u16),
    remote: ([u8; 16], u16),
}

impl Connection {
    /// As the other end sees it.
    fn turned(self) -> Self {
        Self { local: self.remote, remote: self.local, ..self }
    }

    /// The same for both ends.
    fn either_way(self) -> Self {
        self.min(self.turned())
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
            let (local, remote) = ((mapped(local.ip), local.port), (mapped(remote.ip), remote.port));
            Some(Connection { namespace: row.namespace, local, remote })
        }
        Ends::Inet6 { local, remote } => {
            let (local, remote) = ((local.ip, local.port), (remote.ip, remote.port));
            Some(Connection { namespace: row.namespace, local, remote })
        }
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
            // Waits for stray segments; nobody has it.
            inet4(0, 0, 9, 80),
            inet4(7, 0, 80, 80),
        ];
        assert_eq!(inodes(&rows, &[]), [2, 1, 4, 3, 0, 0, 6, 7]);
        let (shown, others) = rows.split_at(1);
        assert_eq!(inodes(shown, others), [2], "the other end may be one that is not shown");
    }

    #[test]
    fn a_unix_socket_knows_its_peer() {
        let unix = |inode, peer| Row { protocol: None, ..row(inode, 0, Ends::Unix { name: None, peer }) };
        assert_eq!(inodes(&[unix(1, 2), unix(2, 1), unix(3, 0)], &[]), [2, 1, 0]);
    }
}
