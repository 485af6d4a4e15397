//! The tables that the kernel keeps: one for each protocol and family, and how each is asked for.

use std::fmt;

use procwire_proto::v1::SocketFamily;

use super::row::{DCCP, DGRAM, RAW, STREAM};

/// A table of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Inet { transport: Transport, family: SocketFamily },
    Unix,
    Netlink,
    Packet,
    Vsock,
}

/// Protocols above IP, with tables of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
    UdpLite,
    Raw,
    Sctp,
    Dccp,
    Mptcp,
}

const fn inet(transport: Transport) -> Table {
    Table::Inet { transport, family: SocketFamily::Inet }
}

const fn inet6(transport: Transport) -> Table {
    Table::Inet { transport, family: SocketFamily::Inet6 }
}

impl Table {
    /// All of them. The longest ones first: rows are collected in this order.
    pub(super) const ALL: [Self; 18] = [
        inet(Transport::Tcp),
        inet6(Transport::Tcp),
        inet(Transport::Udp),
        inet6(Transport::Udp),
        inet(Transport::UdpLite),
        inet6(Transport::UdpLite),
        inet(Transport::Raw),
        inet6(Transport::Raw),
        inet(Transport::Sctp),
        inet6(Transport::Sctp),
        inet(Transport::Dccp),
        inet6(Transport::Dccp),
        inet(Transport::Mptcp),
        inet6(Transport::Mptcp),
        Self::Unix,
        Self::Netlink,
        Self::Packet,
        Self::Vsock,
    ];

    pub(super) const fn family(self) -> SocketFamily {
        match self {
            Self::Inet { family, .. } => family,
            Self::Unix => SocketFamily::Unix,
            Self::Netlink => SocketFamily::Netlink,
            Self::Packet => SocketFamily::Packet,
            Self::Vsock => SocketFamily::Vsock,
        }
    }

    pub(super) const fn is_tcp(self) -> bool {
        matches!(self, Self::Inet { transport: Transport::Tcp, .. })
    }

    /// Its name below `/proc/PID/net`, if it is there as text.
    pub(super) fn text_file(self) -> Option<String> {
        let is_text = match self {
            Self::Inet { transport, .. } => !matches!(transport, Transport::Sctp | Transport::Dccp | Transport::Mptcp),
            Self::Unix | Self::Netlink | Self::Packet => true,
            Self::Vsock => false,
        };
        is_text.then(|| self.to_string())
    }

    /// True if its text says less than netlink does.
    pub(super) const fn loses_by_text(self) -> bool {
        matches!(self, Self::Unix | Self::Netlink | Self::Inet { transport: Transport::Tcp, .. })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Inet { transport, .. } => match transport {
                Transport::Tcp => "tcp",
                Transport::Udp => "udp",
                Transport::UdpLite => "udplite",
                Transport::Raw => "raw",
                Transport::Sctp => "sctp",
                Transport::Dccp => "dccp",
                Transport::Mptcp => "mptcp",
            },
            Self::Unix => "unix",
            Self::Netlink => "netlink",
            Self::Packet => "packet",
            Self::Vsock => "vsock",
        };
        formatter.write_str(name)?;
        if self.family() == SocketFamily::Inet6 { formatter.write_str("6") } else { Ok(()) }
    }
}

impl Transport {
    /// `IPPROTO_*`. Of a raw socket it is the socket's own.
    pub(super) const fn protocol(self) -> u16 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::UdpLite => 136,
            Self::Raw => 255,
            Self::Sctp => 132,
            Self::Dccp => 33,
            Self::Mptcp => 262,
        }
    }

    /// `SOCK_*`. An SCTP socket may be SEQPACKET as well; the kernel does not tell.
    pub(super) const fn kind(self) -> u8 {
        match self {
            Self::Tcp | Self::Sctp | Self::Mptcp => STREAM,
            Self::Udp | Self::UdpLite => DGRAM,
            Self::Raw => RAW,
            Self::Dccp => DCCP,
        }
    }

    /// True if every socket has a state; others have one only when they are connected.
    pub(super) const fn has_states(self) -> bool {
        !matches!(self, Self::Udp | Self::UdpLite | Self::Raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_called_as_the_kernel_calls_their_files() {
        let files: Vec<String> = Table::ALL.into_iter().filter_map(Table::text_file).collect();
        let expected =
            ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "unix", "netlink", "packet"];
        assert_eq!(files, expected);
    }
}
