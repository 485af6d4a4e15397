//! Sockets as people read them.

mod holders;
mod listeners;
mod table;

pub(crate) use holders::Programs;
pub(crate) use listeners::listener_table;
pub(crate) use table::{holder_table, socket_table, sort};

use procwire_proto::v1::{Socket, SocketFamily, SocketState, SocketType, socket_address::Address};

/// Local end, remote end and state on one line: `127.0.0.1:80->127.0.0.1:4711 (ESTABLISHED)`.
pub(crate) fn ends(socket: &Socket) -> String {
    let mut text = local(socket);
    if let Some(remote) = &socket.remote {
        text = format!("{text}->{remote}");
    }
    if socket.family() == SocketFamily::Unix && socket.r#type() != SocketType::Stream {
        text = format!("{text} ({})", socket.r#type().as_code().to_ascii_lowercase());
    }
    match socket.state {
        Some(_) => format!("{text} ({})", state(socket)),
        None => text,
    }
}

/// The local end, `*` where there is none.
fn local(socket: &Socket) -> String {
    socket.local.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string)
}

/// The remote end, `*` where there is none.
fn remote(socket: &Socket) -> String {
    socket.remote.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string)
}

/// As `ss` names it; a socket without a state is one that is not connected.
fn state(socket: &Socket) -> &'static str {
    match socket.state {
        Some(_) if socket.state() != SocketState::Unspecified => socket.state().as_code(),
        Some(_) => "?",
        None => "UNCONN",
    }
}

/// The local port; 0 for what has none.
fn local_port(socket: &Socket) -> u32 {
    match socket.local.as_ref().and_then(|local| local.address.as_ref()) {
        Some(Address::Inet(inet)) => inet.port,
        Some(Address::Vsock(vsock)) => vsock.port,
        _ => 0,
    }
}

/// True for a socket that others can send to: it listens, or it is a UDP socket that is bound and has no peer.
pub(crate) fn takes_what_comes(socket: &Socket) -> bool {
    let is_datagram =
        matches!(socket.family(), SocketFamily::Inet | SocketFamily::Inet6) && socket.r#type() == SocketType::Dgram;
    socket.is_listening() || (is_datagram && socket.remote.is_none() && local_port(socket) != 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
pub(in crate::render) mod tests {
    use procwire_proto::v1::{InetAddress, ProcessRef, SocketAddress, SocketHolder, UnixAddress};

    use super::*;

    pub(in crate::render) fn inet(port: u32) -> Option<SocketAddress> {
        Some(SocketAddress {
            address: Some(Address::Inet(InetAddress { ip: vec![127, 0, 0, 1], port, scope_id: None })),
        })
    }

    pub(in crate::render) fn holder(pid: u32, fd: u32) -> SocketHolder {
        SocketHolder { r#ref: Some(ProcessRef { pid, start_ticks: 100, ..ProcessRef::default() }), fd }
    }

    pub(in crate::render) fn tcp(local: u32, remote: Option<u32>, state: SocketState) -> Socket {
        Socket {
            inode: Some(5000),
            family: SocketFamily::Inet.into(),
            r#type: SocketType::Stream.into(),
            protocol: Some(6),
            state: Some(state.into()),
            local: inet(local),
            remote: remote.and_then(inet),
            receive_queue: Some(0),
            send_queue: Some(128),
            uid: Some(33),
            ..Socket::default()
        }
    }

    pub(in crate::render) fn udp(local: u32, remote: Option<u32>) -> Socket {
        let socket = tcp(local, remote, SocketState::Established);
        let state = remote.map(|_| SocketState::Established.into());
        Socket { r#type: SocketType::Dgram.into(), protocol: Some(17), state, ..socket }
    }

    pub(in crate::render) fn unix(path: &[u8]) -> Socket {
        let address = Address::Unix(UnixAddress { path: Some(path.to_vec()) });
        Socket {
            family: SocketFamily::Unix.into(),
            r#type: SocketType::Seqpacket.into(),
            local: Some(SocketAddress { address: Some(address) }),
            ..Socket::default()
        }
    }

    #[test]
    fn a_socket_is_told_in_one_line() {
        let connected = tcp(80, Some(4711), SocketState::Established);
        assert_eq!(ends(&connected), "127.0.0.1:80->127.0.0.1:4711 (ESTABLISHED)");
        assert_eq!(ends(&udp(53, None)), "127.0.0.1:53");
        assert_eq!(ends(&unix(b"\0a\x1b")), r"@a\x1b (seqpacket)");
        assert_eq!(ends(&Socket::default()), "*");
    }

    #[test]
    fn what_takes_what_comes_is_listening_or_a_bound_datagram_socket() {
        assert!(takes_what_comes(&tcp(80, None, SocketState::Listen)));
        assert!(takes_what_comes(&udp(53, None)));
        assert!(!takes_what_comes(&udp(53, Some(99))));
        assert!(!takes_what_comes(&udp(0, None)));
        assert!(!takes_what_comes(&tcp(80, Some(4711), SocketState::Established)));
        assert!(!takes_what_comes(&unix(b"/x")));
    }
}
