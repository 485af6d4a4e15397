//! `netlink` (net/netlink/af_netlink.c: netlink_seq_show) and `packet` (net/packet/af_packet.c: packet_seq_show).

use super::{hexadecimal, narrow};
use crate::{
    procfs::Numbers,
    sockets::row::{Ends, RAW, Row},
};

/// `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode`. Datagram and raw are the same to netlink.
pub(super) fn parse_netlink(line: &[u8]) -> Option<Row> {
    let mut columns = Numbers::new(line);
    let protocol = narrow(columns.skip(1).unsigned()?)?;
    let port_id = narrow(columns.unsigned()?)?;
    let groups = hexadecimal(columns.token()?)?;
    let inode = columns.skip(5).unsigned()?;
    let ends = Ends::Netlink { protocol, port_id, groups, remote_port_id: 0, remote_group: 0 };
    Some(row(inode, RAW, None, 0, ends))
}

/// `sk RefCnt Type Proto Iface R Rmem User Inode`.
pub(super) fn parse_packet(line: &[u8]) -> Option<Row> {
    let mut columns = Numbers::new(line);
    let kind = narrow(columns.skip(2).unsigned()?)?;
    let protocol = narrow(hexadecimal(columns.token()?)?)?;
    let interface = narrow(columns.unsigned()?)?;
    let uid = columns.skip(2).unsigned()?;
    let inode = columns.unsigned()?;
    Some(row(inode, kind, narrow(uid), interface, Ends::Packet { protocol, interface }))
}

fn row(inode: u64, kind: u8, uid: Option<u32>, interface: u32, ends: Ends) -> Row {
    let (receive_queue, send_queue) = (None, None);
    Row { inode, ends, receive_queue, send_queue, uid, interface, protocol: None, kind, state: 0, namespace: 0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_netlink_socket() {
        let line = b"ffff8881027fd800 15  4711       00000002 0        0        0     2        0        38211   ";
        let row = parse_netlink(line).unwrap();
        let ends = Ends::Netlink { protocol: 15, port_id: 4711, groups: 2, remote_port_id: 0, remote_group: 0 };
        assert_eq!((row.inode, row.ends), (38211, ends));
        assert_eq!(parse_netlink(b"ffff8881027fd800 15 4711 00000002 0"), None);
    }

    #[test]
    fn a_packet_socket() {
        let row = parse_packet(b"ffff888103fb9000 3      3    0003   2     1 0      1000   39112 ").unwrap();
        assert_eq!((row.inode, row.kind, row.uid, row.interface), (39112, 3, Some(1000), 2));
        assert_eq!(row.ends, Ends::Packet { protocol: 3, interface: 2 });
        assert_eq!(parse_packet(b"ffff888103fb9000 3 3 zz 2 1 0 0 1"), None);
    }
}
