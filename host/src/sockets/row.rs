//! One socket, as compact as it can be kept: a host may have hundreds of thousands.

use procwire_proto::v1::{SocketFamily, SocketState, SocketType};

/// A socket of one network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// 0: none, because no process can hold it any more or yet (TIME_WAIT, a handshake).
    pub(super) inode: u64,
    pub(super) ends: Ends,
    pub(super) receive_queue: Option<u32>,
    pub(super) send_queue: Option<u32>,
    pub(super) uid: Option<u32>,
    /// Interface that it is bound to; 0: none.
    pub(super) interface: u32,
    pub(super) protocol: Option<u16>,
    /// `SOCK_*`.
    pub(super) kind: u8,
    /// `TCP_*`; 0: there is nothing to say.
    pub(super) state: u8,
    /// Which of the namespaces of the reading.
    pub(super) namespace: u16,
}

/// Where it is, and what it is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Inet4 {
        local: Endpoint<4>,
        remote: Endpoint<4>,
    },
    Inet6 {
        local: Endpoint<16>,
        remote: Endpoint<16>,
    },
    Unix {
        /// An abstract name begins with NUL.
        name: Option<Box<[u8]>>,
        /// Inode of the peer; 0: none.
        peer: u64,
    },
    Netlink {
        protocol: u8,
        port_id: u32,
        groups: u64,
        remote_port_id: u32,
        remote_group: u32,
    },
    Packet {
        protocol: u16,
        /// 0: none.
        interface: u32,
    },
    Vsock {
        local: (u32, u32),
        remote: (u32, u32),
    },
}

/// Address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Endpoint<const BYTES: usize> {
    /// In network order.
    pub(super) ip: [u8; BYTES],
    pub(super) port: u16,
}

impl<const BYTES: usize> Endpoint<BYTES> {
    /// Port 0 of no address: there is no such end.
    pub(super) fn is_unspecified(&self) -> bool {
        self.port == 0 && self.ip == [0; BYTES]
    }
}

impl Row {
    pub(super) fn family(&self) -> SocketFamily {
        match &self.ends {
            Ends::Inet4 { .. } => SocketFamily::Inet,
            Ends::Inet6 { .. } => SocketFamily::Inet6,
            Ends::Unix { .. } => SocketFamily::Unix,
            Ends::Netlink { .. } => SocketFamily::Netlink,
            Ends::Packet { .. } => SocketFamily::Packet,
            Ends::Vsock { .. } => SocketFamily::Vsock,
        }
    }

    /// Ports of both ends, where the family has ports that are shared by processes.
    pub(super) fn ports(&self) -> Option<(u32, u32)> {
        match &self.ends {
            Ends::Inet4 { local, remote } => Some((local.port.into(), remote.port.into())),
            Ends::Inet6 { local, remote } => Some((local.port.into(), remote.port.into())),
            Ends::Vsock { local, remote } => Some((local.1, remote.1)),
            Ends::Unix { .. } | Ends::Netlink { .. } | Ends::Packet { .. } => None,
        }
    }

    /// Addresses of both ends in network order, where they have some.
    pub(super) fn ips(&self) -> Option<(&[u8], &[u8])> {
        match &self.ends {
            Ends::Inet4 { local, remote } => Some((&local.ip, &remote.ip)),
            Ends::Inet6 { local, remote } => Some((&local.ip, &remote.ip)),
            Ends::Unix { .. } | Ends::Netlink { .. } | Ends::Packet { .. } | Ends::Vsock { .. } => None,
        }
    }

    /// True if there is an end that it is connected to.
    pub(super) fn has_remote(&self) -> bool {
        match &self.ends {
            Ends::Inet4 { remote, .. } => !remote.is_unspecified(),
            Ends::Inet6 { remote, .. } => !remote.is_unspecified(),
            Ends::Unix { peer, .. } => *peer != 0,
            Ends::Netlink { remote_port_id, remote_group, .. } => (*remote_port_id, *remote_group) != (0, 0),
            Ends::Packet { .. } => false,
            Ends::Vsock { remote, .. } => !matches!(remote, (0 | VSOCK_ANY, 0 | VSOCK_ANY)),
        }
    }

    /// True if it waits for connections, or, where there are none, for whatever comes.
    pub(super) fn listens(&self) -> bool {
        const DGRAM: u8 = 2;
        self.state == LISTEN || (self.kind == DGRAM && !self.has_remote() && self.ports().is_some())
    }
}

/// `VMADDR_CID_ANY`, `VMADDR_PORT_ANY` (include/uapi/linux/vm_sockets.h).
pub(super) const VSOCK_ANY: u32 = u32::MAX;

/// `TCP_*` (include/net/tcp_states.h).
pub(super) const ESTABLISHED: u8 = number(SocketState::Established);
pub(super) const SYN_SENT: u8 = number(SocketState::SynSent);
pub(super) const FIN_WAIT1: u8 = number(SocketState::FinWait1);
pub(super) const CLOSE: u8 = number(SocketState::Close);
pub(super) const CLOSE_WAIT: u8 = number(SocketState::CloseWait);
pub(super) const LAST_ACK: u8 = number(SocketState::LastAck);
pub(super) const LISTEN: u8 = number(SocketState::Listen);
/// `TCP_BOUND_INACTIVE` as a bit (kernel 6.8): bound, neither connected nor listening; such a socket says CLOSE.
pub(super) const BOUND_INACTIVE: u32 = 1 << 13;

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the numbers of the kernel are below 13")]
const fn number(state: SocketState) -> u8 {
    state as u8
}

/// `SOCK_*` (include/linux/net.h).
pub(super) const STREAM: u8 = SocketType::Stream as u8;
pub(super) const DGRAM: u8 = SocketType::Dgram as u8;
pub(super) const RAW: u8 = SocketType::Raw as u8;
/// `SOCK_DCCP`, which the wire passes on as a number.
pub(super) const DCCP: u8 = 6;
