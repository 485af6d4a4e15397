//! From a row to the message. The message is used again for the next row: a table is encoded without an allocation for each.

use procwire_proto::v1::{
    InetAddress, NetlinkAddress, PacketAddress, Socket, SocketAddress, SocketHolder, UnixAddress, VsockAddress,
    socket_address::Address,
};

use super::row::{Endpoint, Ends, Row};

impl Row {
    /// Sets everything but the holders, whatever the message held before.
    pub(super) fn write(&self, namespace: Option<u64>, socket: &mut Socket) {
        let Socket {
            inode,
            family,
            r#type,
            protocol,
            state,
            local,
            remote,
            holders: _,
            network_namespace,
            uid,
            receive_queue,
            send_queue,
            peer_inode,
            interface_index,
            peer_holders: _,
        } = socket;
        *inode = Some(self.inode).filter(|inode| *inode != 0);
        *family = self.family().into();
        *r#type = self.kind.into();
        *protocol = self.protocol.map(u32::from);
        *state = Some(i32::from(self.state)).filter(|state| *state != 0);
        *network_namespace = namespace;
        *uid = self.uid;
        *receive_queue = self.receive_queue.map(u64::from);
        *send_queue = self.send_queue.map(u64::from);
        *peer_inode = None;
        *interface_index = Some(self.interface).filter(|interface| *interface != 0);
        match &self.ends {
            Ends::Inet4 { local: from, remote: to } => {
                inet(local, from, self.interface);
                inet_if(self.has_remote(), remote, to, self.interface);
            }
            Ends::Inet6 { local: from, remote: to } => {
                inet(local, from, self.interface);
                inet_if(self.has_remote(), remote, to, self.interface);
            }
            Ends::Unix { name, peer } => {
                let path = name.as_ref().map(|name| name.to_vec());
                *local = address(Address::Unix(UnixAddress { path }));
                *remote = None;
                *peer_inode = Some(*peer).filter(|peer| *peer != 0);
            }
            Ends::Netlink { protocol, port_id, groups, remote_port_id, remote_group } => {
                let protocol = u32::from(*protocol);
                *local = address(Address::Netlink(NetlinkAddress { protocol, port_id: *port_id, groups: *groups }));
                let groups = group_bit(*remote_group);
                let to = NetlinkAddress { protocol, port_id: *remote_port_id, groups };
                *remote = self.has_remote().then_some(SocketAddress { address: Some(Address::Netlink(to)) });
            }
            Ends::Packet { protocol, interface } => {
                let interface_index = Some(*interface).filter(|interface| *interface != 0);
                *local = address(Address::Packet(PacketAddress { protocol: u32::from(*protocol), interface_index }));
                *remote = None;
            }
            Ends::Vsock { local: from, remote: to } => {
                *local = address(vsock(*from));
                *remote = self.has_remote().then_some(SocketAddress { address: Some(vsock(*to)) });
            }
        }
    }
}

/// Holders into a list that is used again.
pub(super) fn write_holders(held: &[super::holders::Held], boot_id: &bytes::Bytes, holders: &mut Vec<SocketHolder>) {
    holders.clear();
    holders.extend(held.iter().map(|held| held.holder(boot_id)));
}

fn address(address: Address) -> Option<SocketAddress> {
    Some(SocketAddress { address: Some(address) })
}

fn inet_if<const BYTES: usize>(
    is_there: bool,
    place: &mut Option<SocketAddress>,
    end: &Endpoint<BYTES>,
    interface: u32,
) {
    if is_there { inet(place, end, interface) } else { *place = None }
}

/// Keeps the buffer of the address that was there.
fn inet<const BYTES: usize>(place: &mut Option<SocketAddress>, end: &Endpoint<BYTES>, interface: u32) {
    let mut ip = match place.take() {
        Some(SocketAddress { address: Some(Address::Inet(InetAddress { ip, .. })) }) => ip,
        _ => Vec::with_capacity(16),
    };
    ip.clear();
    ip.extend_from_slice(&end.ip);
    let scope_id = Some(interface).filter(|interface| *interface != 0 && is_link_local(&end.ip));
    *place = address(Address::Inet(InetAddress { ip, port: end.port.into(), scope_id }));
}

/// `fe80::/10`: it means something only together with an interface, the one that the socket is bound to.
fn is_link_local(ip: &[u8]) -> bool {
    matches!(ip, [0xfe, second, ..] if ip.len() == 16 && second & 0xc0 == 0x80)
}

fn vsock((context_id, port): (u32, u32)) -> Address {
    Address::Vsock(VsockAddress { context_id, port })
}

/// The kernel names one group by its number, beginning with 1.
fn group_bit(group: u32) -> u64 {
    group.checked_sub(1).and_then(|group| 1_u64.checked_shl(group)).unwrap_or(0)
}
