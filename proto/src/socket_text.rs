//! Sockets and their addresses in words, for people.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::escape;
use crate::v1::{
    InetAddress, NetlinkAddress, PacketAddress, Socket, SocketAddress, SocketFamily, SocketState, SocketType,
    UnixAddress, VsockAddress, socket_address::Address,
};

impl Socket {
    /// The protocol as `netstat` names it: `tcp`, `udp6`, `unix`, `netlink`; `?` for a family that this version does not know.
    pub fn protocol_name(&self) -> Cow<'static, str> {
        let (four, six) = match (self.protocol, self.r#type()) {
            (_, SocketType::Raw) => ("raw", "raw6"),
            (Some(6), _) => ("tcp", "tcp6"),
            (Some(17), _) => ("udp", "udp6"),
            (Some(132), _) => ("sctp", "sctp6"),
            (Some(136), _) => ("udplite", "udplite6"),
            (Some(262), _) => ("mptcp", "mptcp6"),
            (Some(1), _) => ("icmp", "icmp6"),
            (Some(58), _) => ("icmp", "icmp6"),
            (Some(other), _) if self.is_internet() => return Cow::Owned(format!("ip-{other}")),
            (_, SocketType::Stream) => ("tcp", "tcp6"),
            (_, SocketType::Dgram) => ("udp", "udp6"),
            _ => ("inet", "inet6"),
        };
        Cow::Borrowed(match self.family() {
            SocketFamily::Inet => four,
            SocketFamily::Inet6 => six,
            SocketFamily::Unix => "unix",
            SocketFamily::Netlink => "netlink",
            SocketFamily::Packet => "packet",
            SocketFamily::Vsock => "vsock",
            SocketFamily::Unspecified => "?",
        })
    }

    /// True if it accepts connections. Sockets without connections (UDP) never do, though they may be bound and served.
    pub fn is_listening(&self) -> bool {
        self.state() == SocketState::Listen
    }

    fn is_internet(&self) -> bool {
        matches!(self.family(), SocketFamily::Inet | SocketFamily::Inet6)
    }
}

impl SocketAddress {
    /// The address in the standard library's type; `None` for other families than `AF_INET` and `AF_INET6`, and for what is no address.
    pub fn as_socket_addr(&self) -> Option<SocketAddr> {
        match &self.address {
            Some(Address::Inet(inet)) => inet.as_socket_addr(),
            _ => None,
        }
    }
}

impl InetAddress {
    /// The address in the standard library's type; `None` if `ip` has neither 4 nor 16 bytes, or the port is none.
    pub fn as_socket_addr(&self) -> Option<SocketAddr> {
        let port = u16::try_from(self.port).ok()?;
        Some(match ip_address(&self.ip)? {
            IpAddr::V4(ip) => SocketAddr::V4(SocketAddrV4::new(ip, port)),
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, self.scope_id.unwrap_or_default())),
        })
    }
}

pub(crate) fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// One end as it stands in a table: `127.0.0.1:80`, `[::1]:80`, `/run/x.sock`, `@abstract`; `*` for no port and for no name. Safe to print.
impl fmt::Display for SocketAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(Address::Inet(inet)) => inet.fmt(formatter),
            Some(Address::Unix(unix)) => unix.fmt(formatter),
            Some(Address::Vsock(VsockAddress { context_id, port })) => write!(formatter, "{context_id}:{port}"),
            Some(Address::Netlink(NetlinkAddress { protocol, port_id, groups: _ })) => {
                write!(formatter, "{protocol}:{port_id}")
            }
            Some(Address::Packet(PacketAddress { protocol, interface_index: Some(index) })) => {
                write!(formatter, "0x{protocol:04x}:{index}")
            }
            Some(Address::Packet(PacketAddress { protocol, interface_index: None })) => {
                write!(formatter, "0x{protocol:04x}:*")
            }
            None => formatter.write_str("?"),
        }
    }
}

/// `127.0.0.1:80`, `[fe80::1%2]:80`; a port of 0, which means none, is `*`.
impl fmt::Display for InetAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ip_address(&self.ip) {
            Some(IpAddr::V4(ip)) => write!(formatter, "{ip}:")?,
            Some(IpAddr::V6(ip)) => match self.scope_id.filter(|scope| *scope != 0) {
                Some(scope) => write!(formatter, "[{ip}%{scope}]:")?,
                None => write!(formatter, "[{ip}]:")?,
            },
            None => formatter.write_str("?:")?,
        }
        match self.port {
            0 => formatter.write_str("*"),
            port => write!(formatter, "{port}"),
        }
    }
}

/// The path, or `@name` for an abstract name, safe to print; `*` for none. A path that begins with `@` shows it as `\x40`.
impl fmt::Display for UnixAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_deref() {
            None | Some([]) => formatter.write_str("*"),
            Some([0, name @ ..]) => write!(formatter, "@{}", escape::terminal(name)),
            Some([b'@', rest @ ..]) => write!(formatter, "\\x40{}", escape::terminal(rest)),
            Some(path) => formatter.write_str(&escape::terminal(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inet(ip: &[u8], port: u32, scope_id: Option<u32>) -> SocketAddress {
        SocketAddress { address: Some(Address::Inet(InetAddress { ip: ip.to_vec(), port, scope_id })) }
    }

    fn unix(path: Option<&[u8]>) -> String {
        SocketAddress { address: Some(Address::Unix(UnixAddress { path: path.map(<[u8]>::to_vec) })) }.to_string()
    }

    fn six(last: u8) -> [u8; 16] {
        let mut ip = [0; 16];
        ip[15] = last;
        ip
    }

    #[test]
    fn internet_addresses_read_as_people_write_them() {
        assert_eq!(inet(&[127, 0, 0, 1], 80, None).to_string(), "127.0.0.1:80");
        assert_eq!(inet(&[0; 4], 0, None).to_string(), "0.0.0.0:*");
        assert_eq!(inet(&six(1), 80, None).to_string(), "[::1]:80");
        assert_eq!(inet(&six(1), 80, Some(2)).to_string(), "[::1%2]:80");
        assert_eq!(inet(&six(1), 80, Some(0)).to_string(), "[::1]:80");
        assert_eq!(inet(&[1, 2, 3], 80, None).to_string(), "?:80");
        assert_eq!(SocketAddress { address: None }.to_string(), "?");
    }

    #[test]
    fn internet_addresses_become_the_standard_librarys() {
        assert_eq!(inet(&[10, 0, 0, 5], 22, None).as_socket_addr(), "10.0.0.5:22".parse().ok());
        assert_eq!(inet(&six(1), 22, Some(3)).as_socket_addr(), "[::1%3]:22".parse().ok());
        assert_eq!(inet(&[10, 0, 0, 5], 65_536, None).as_socket_addr(), None);
        assert_eq!(inet(&[], 22, None).as_socket_addr(), None);
        assert_eq!(SocketAddress { address: None }.as_socket_addr(), None);
    }

    #[test]
    fn names_of_unix_sockets_are_shown_not_obeyed() {
        assert_eq!(unix(Some(b"/run/x.sock")), "/run/x.sock");
        assert_eq!(unix(Some(b"\0/tmp/dbus-X")), "@/tmp/dbus-X");
        assert_eq!(unix(Some(b"@odd")), r"\x40odd", "a relative path cannot pose as an abstract name");
        assert_eq!(unix(Some(b"\0a\0\x1b[2J")), r"@a\x00\x1b[2J");
        assert_eq!(unix(Some(b"")), "*");
        assert_eq!(unix(None), "*");
    }

    #[test]
    fn the_other_families_have_their_numbers() {
        let shown = |address| SocketAddress { address: Some(address) }.to_string();
        assert_eq!(shown(Address::Vsock(VsockAddress { context_id: 3, port: 1024 })), "3:1024");
        assert_eq!(shown(Address::Netlink(NetlinkAddress { protocol: 15, port_id: 4242, groups: 1 })), "15:4242");
        assert_eq!(shown(Address::Packet(PacketAddress { protocol: 3, interface_index: Some(2) })), "0x0003:2");
        assert_eq!(shown(Address::Packet(PacketAddress { protocol: 0x88cc, interface_index: None })), "0x88cc:*");
    }

    #[test]
    fn protocols_have_the_names_of_netstat() {
        let name = |family: SocketFamily, kind: SocketType, protocol| {
            Socket { family: family.into(), r#type: kind.into(), protocol, ..Socket::default() }.protocol_name()
        };
        use {SocketFamily as Family, SocketType as Type};
        assert_eq!(name(Family::Inet, Type::Stream, Some(6)), "tcp");
        assert_eq!(name(Family::Inet6, Type::Stream, Some(6)), "tcp6");
        assert_eq!(name(Family::Inet6, Type::Dgram, Some(17)), "udp6");
        assert_eq!(name(Family::Inet, Type::Stream, None), "tcp");
        assert_eq!(name(Family::Inet, Type::Raw, Some(6)), "raw");
        assert_eq!(name(Family::Inet, Type::Stream, Some(262)), "mptcp");
        assert_eq!(name(Family::Inet6, Type::Dgram, Some(58)), "icmp6");
        assert_eq!(name(Family::Inet, Type::Seqpacket, Some(200)), "ip-200");
        assert_eq!(name(Family::Unix, Type::Stream, None), "unix");
        assert_eq!(name(Family::Unix, Type::Dgram, Some(200)), "unix");
        assert_eq!(name(Family::Netlink, Type::Raw, None), "netlink");
        assert_eq!(name(Family::Packet, Type::Dgram, None), "packet");
        assert_eq!(name(Family::Vsock, Type::Stream, None), "vsock");
        assert_eq!(name(Family::Unspecified, Type::Stream, None), "?");
    }

    #[test]
    fn only_what_accepts_connections_listens() {
        let in_state = |state: SocketState| Socket { state: Some(state.into()), ..Socket::default() };
        assert!(in_state(SocketState::Listen).is_listening());
        assert!(!in_state(SocketState::Close).is_listening());
        assert!(!Socket::default().is_listening());
    }
}
