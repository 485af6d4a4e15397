#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::*;
use crate::{
    netlink::message::u32_at,
    sockets::row::{CLOSE_WAIT, ESTABLISHED, Endpoint, Ends, LAST_ACK, LISTEN},
};

/// An answer of inet_diag, attributes behind it.
fn inet_message(family: u8, state: u8, inode: u32, attributes: &[u8]) -> Vec<u8> {
    let mut message = vec![family, state, 0, 0];
    message.extend_from_slice(&8080_u16.to_be_bytes());
    message.extend_from_slice(&50000_u16.to_be_bytes());
    message.extend_from_slice(&[10, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    message.extend_from_slice(&[10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    message.extend_from_slice(&3_u32.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    for number in [0, 7, 9, 0, inode] {
        message.extend_from_slice(&number.to_ne_bytes());
    }
    message.extend_from_slice(attributes);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut attribute = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    attribute.extend_from_slice(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

#[test]
fn an_inet_answer_becomes_a_row() {
    let row = inet::parse(&inet_message(2, CLOSE_WAIT, 77, &[]), Transport::Tcp).unwrap();
    let (local, remote) = (Endpoint { ip: [10, 0, 0, 5], port: 8080 }, Endpoint { ip: [10, 0, 0, 9], port: 50000 });
    assert_eq!(row.ends, Ends::Inet4 { local, remote });
    assert_eq!((row.inode, row.state, row.interface), (77, CLOSE_WAIT, 3));
    assert_eq!((row.receive_queue, row.send_queue, row.uid), (Some(7), Some(9), Some(0)));
    let row = inet::parse(&inet_message(10, ESTABLISHED, 77, &[]), Transport::Udp).unwrap();
    assert!(matches!(row.ends, Ends::Inet6 { remote: Endpoint { ip: [10, 0, 0, 9, .., 2], .. }, .. }));
    assert_eq!((row.state, row.protocol), (ESTABLISHED, Some(17)));
}

#[test]
fn numbers_that_stand_for_nothing_are_not_told() {
    let time_wait = inet::parse(&inet_message(2, 6, 0, &[]), Transport::Tcp).unwrap();
    assert_eq!((time_wait.inode, time_wait.uid), (0, None), "root has nothing to do with it");
    let udp = inet::parse(&inet_message(2, 7, 5, &[]), Transport::Udp).unwrap();
    assert_eq!(udp.state, 0, "a datagram socket without a peer has no state");
    let raw = inet::parse(&inet_message(2, 7, 5, &[]), Transport::Raw).unwrap();
    assert_eq!((raw.protocol, raw.ports().unwrap().0), (Some(8080), 0), "what looks like a port is the protocol");
}

#[test]
fn associations_of_sctp_have_states_of_their_own() {
    const PEERS: u16 = 13;
    let state =
        |state, attributes: &[u8]| inet::parse(&inet_message(2, state, 5, attributes), Transport::Sctp).unwrap().state;
    let association = [attribute(5, b"\0"), attribute(PEERS, &[0; 128])].concat();
    assert_eq!(state(3, &association), ESTABLISHED);
    assert_eq!(state(7, &association), LAST_ACK);
    assert_eq!(state(10, &[]), LISTEN);
    assert_eq!(state(7, &[]), 7, "an endpoint that is closed");
}

fn unix_message(attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut message = vec![1, 5, 1, 0];
    message.extend_from_slice(&31337_u32.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&attributes.concat());
    message
}

#[test]
fn a_unix_answer_has_a_name_a_peer_and_queues() {
    let number = |number: u32| number.to_ne_bytes();
    let message = unix_message(&[
        attribute(0, b"/run/a b\n.sock\0"),
        attribute(2, &number(31338)),
        attribute(4, &[number(3), number(128)].concat()),
        attribute(7, &number(1000)),
        attribute(99, b"new"),
    ]);
    let row = unix::parse(&message).unwrap();
    assert_eq!(row.ends, Ends::Unix { name: Some(b"/run/a b\n.sock".as_slice().into()), peer: 31338 });
    assert_eq!((row.inode, row.kind, row.state), (31337, 5, ESTABLISHED));
    assert_eq!((row.receive_queue, row.send_queue, row.uid), (Some(3), Some(128), Some(1000)));

    let name = |name: &[u8]| match unix::parse(&unix_message(&[attribute(0, name)])).unwrap().ends {
        Ends::Unix { name, .. } => name.map(<[u8]>::into_vec),
        _ => panic!("no unix socket"),
    };
    assert_eq!(name(b"\0abstract\0with\0"), Some(b"\0abstract\0with\0".to_vec()), "every byte of it counts");
    assert_eq!(name(b"\0"), Some(b"\0".to_vec()));
    assert_eq!(name(b""), None);
    assert_eq!(name(b"/full-length"), Some(b"/full-length".to_vec()));
}

#[test]
fn the_other_families() {
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_ne_bytes()).collect::<Vec<u8>>();
    let groups = attribute(1, &5_u64.to_ne_bytes());
    let netlink = [vec![16, 3, 15, 0], numbers(&[4711, 0, 0, 88, 0, 0]), groups].concat();
    let row = others::parse_netlink(&netlink).unwrap();
    let ends = Ends::Netlink { protocol: 15, port_id: 4711, groups: 5, remote_port_id: 0, remote_group: 0 };
    assert_eq!((row.inode, row.ends, row.uid), (88, ends, None));

    let info = attribute(0, &numbers(&[2, 1, 0, 0, 0, 0]));
    let header = [vec![17, 3], 3_u16.to_ne_bytes().to_vec(), numbers(&[99, 0, 0])].concat();
    let packet = [header, info, attribute(5, &numbers(&[1000]))].concat();
    let row = others::parse_packet(&packet).unwrap();
    assert_eq!((row.inode, row.uid, row.interface), (99, Some(1000), 2));
    assert_eq!(row.ends, Ends::Packet { protocol: 3, interface: 2 });

    let vsock = [vec![40, 1, LISTEN, 0], numbers(&[3, 1024, u32::MAX, u32::MAX, 55, 0, 0])].concat();
    let row = others::parse_vsock(&vsock).unwrap();
    assert_eq!((row.inode, row.state, row.has_remote()), (55, LISTEN, false));
}

#[test]
fn a_protocol_number_beyond_a_byte_is_an_attribute() {
    let request = inet::request(Transport::Mptcp, SocketFamily::Inet, u32::MAX, Share::All);
    assert_eq!(request.len(), 64);
    assert_eq!(request.get(..2), Some(&[2, 254][..]), "a kernel that does not know the attribute finds no protocol");
    assert_eq!(u32_at(&request, 60), Some(262));
    assert_eq!(inet::request(Transport::Udp, SocketFamily::Inet6, 1, Share::All).get(..2), Some(&[10, 17][..]));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_parsed_without_a_panic(bytes: Vec<u8>) {
        inet::parse(&bytes, Transport::Sctp);
        unix::parse(&bytes);
        others::parse_netlink(&bytes);
        others::parse_packet(&bytes);
        others::parse_vsock(&bytes);
    }
}

/// Collects everything.
#[derive(Default)]
struct All(Vec<Row>);

impl Sink for All {
    fn begin(&mut self) {}
    fn again(&mut self) {
        self.0.clear();
    }
    fn take(&mut self, row: Row) -> bool {
        self.0.push(row);
        true
    }

    fn is_wanted(&self) -> bool {
        true
    }
}

/// The TCP sockets of this machine with one of these ports, as one dump has them.
fn dumped(dumps: &[Dump], ports: &[u16]) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    for dump in dumps {
        let mut all = All::default();
        // A kernel or a sandbox without sock_diag has nothing to compare.
        DiagSocket::open().ok()?.dump(*dump, u32::MAX, &mut all).ok()?;
        rows.append(&mut all.0);
    }
    let is_ours = |row: &Row| {
        row.ports().is_some_and(|(local, remote)| ports.iter().any(|port| [local, remote].contains(&(*port).into())))
    };
    rows.retain(is_ours);
    rows.sort_by_key(Row::ports);
    Some(rows)
}

#[test]
fn both_halves_and_both_families_are_the_whole_and_nothing_twice() {
    let listeners = ["127.0.0.1:0", "[::1]:0"].map(std::net::TcpListener::bind);
    let listeners: Vec<_> = listeners.into_iter().filter_map(Result::ok).collect();
    let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    let mut connections = Vec::new();
    for listener in &listeners {
        for _ in 0..20 {
            connections.push(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            connections.push(listener.accept().unwrap().0);
        }
    }
    let tcp = |families, share| Dump::Tcp { families, share };
    let family = |family| Dump::Whole(Table::Inet { transport: Transport::Tcp, family });
    let whole = dumped(&[family(SocketFamily::Inet), family(SocketFamily::Inet6)], &ports);
    let Some(whole) = whole else { return };
    assert_eq!(whole.len(), listeners.len() + connections.len());
    let both = dumped(&[tcp(None, Share::All)], &ports).unwrap();
    assert_eq!(both, whole);
    let halves = dumped(&[tcp(None, Share::First), tcp(None, Share::Second)], &ports).unwrap();
    assert_eq!(halves, whole);
    let inet = Some(SocketFamily::Inet);
    let of_inet = dumped(&[tcp(inet, Share::First), tcp(inet, Share::Second)], &ports).unwrap();
    assert_eq!(of_inet, dumped(&[family(SocketFamily::Inet)], &ports).unwrap());
    let is_upper = |port: u32| port >= 46_884;
    let mut first = whole;
    first.retain(|row| row.ports().is_some_and(|(local, remote)| remote == 0 || is_upper(local) != is_upper(remote)));
    assert_eq!(dumped(&[tcp(None, Share::First)], &ports).unwrap(), first);
}
