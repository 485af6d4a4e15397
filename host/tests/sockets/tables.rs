//! Every family and state, and both sources against each other.

use std::{
    collections::BTreeSet,
    io::Write as _,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr as UnixSocketAddr, UnixDatagram, UnixListener, UnixStream},
        },
    },
};

use procwire_host::sockets::SocketSource;
use procwire_proto::v1::{
    InetAddress, Socket, SocketFamily, SocketPredicate, SocketState, SocketType, socket_address::Address,
};
use rustix::net::{AddressFamily, SocketFlags, bind, connect, listen, socket_with};

use crate::{asking, has_netlink, inode, is_root, read, with_inodes};

fn row(socket: &impl std::os::fd::AsFd) -> Socket {
    let found = with_inodes(&BTreeSet::from([inode(socket)]), SocketSource::Auto);
    let [socket] = found.as_slice() else { panic!("{found:?}") };
    socket.clone()
}

/// Once it is so; the kernel passes segments on when it gets to it.
fn row_once(socket: &impl std::os::fd::AsFd, is_so: impl Fn(&Socket) -> bool) -> Socket {
    until(|| Some(row(socket)).filter(&is_so))
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed().as_secs() < 30, "it never came to that");
        std::thread::yield_now();
    }
}

fn ports(socket: &Socket) -> (u32, Option<u32>) {
    let port = |end: &procwire_proto::v1::SocketAddress| match end.address.as_ref().unwrap() {
        Address::Inet(InetAddress { port, .. }) => *port,
        other => panic!("{other:?}"),
    };
    (port(socket.local.as_ref().unwrap()), socket.remote.as_ref().map(port))
}

fn path(socket: &Socket) -> Option<Vec<u8>> {
    match socket.local.as_ref().unwrap().address.as_ref().unwrap() {
        Address::Unix(unix) => unix.path.clone(),
        other => panic!("{other:?}"),
    }
}

fn pair() -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    (listener, client, server)
}

#[test]
fn a_connection_and_its_listener() {
    let (listener, client, mut server) = pair();
    server.write_all(b"12345").unwrap();
    let port = u32::from(listener.local_addr().unwrap().port());
    let client_port = u32::from(client.local_addr().unwrap().port());

    let socket = row(&listener);
    assert_eq!((socket.family(), socket.r#type(), socket.protocol), (SocketFamily::Inet, SocketType::Stream, Some(6)));
    assert_eq!((socket.state(), ports(&socket)), (SocketState::Listen, (port, None)));
    assert_eq!(socket.uid, Some(rustix::process::geteuid().as_raw()));
    let own = std::fs::metadata("/proc/self/ns/net").map(|file| std::os::unix::fs::MetadataExt::ino(&file)).unwrap();
    assert_eq!(socket.network_namespace, Some(own));

    let socket = row_once(&client, |socket| socket.receive_queue == Some(5));
    assert_eq!((socket.state(), ports(&socket)), (SocketState::Established, (client_port, Some(port))));
    assert_eq!(ports(&row(&server)), (port, Some(client_port)));
}

#[test]
fn a_listener_tells_how_many_wait_and_how_many_may() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _waiting: Vec<_> = (0..3).map(|_| TcpStream::connect(listener.local_addr().unwrap()).unwrap()).collect();
    let socket = row_once(&listener, |socket| socket.receive_queue == Some(3));
    let inodes = BTreeSet::from([inode(&listener)]);
    let as_text = &with_inodes(&inodes, SocketSource::Text)[0];
    assert_eq!((as_text.receive_queue, as_text.send_queue), (Some(3), None));
    assert!(socket.send_queue.is_none_or(|limit| limit >= 3), "the length of the queue: {socket:?}");
}

#[test]
fn every_end_of_a_connection_has_its_state() {
    // Closed there first, not here.
    let (_listener, client, server) = pair();
    drop(server);
    row_once(&client, |socket| socket.state() == SocketState::CloseWait);

    // Closed here first, then there: TIME_WAIT, which nobody holds.
    let (listener, client, server) = pair();
    let (port, client_port) = (listener.local_addr().unwrap().port(), client.local_addr().unwrap().port());
    drop(client);
    drop(server);
    let predicate = SocketPredicate {
        local_ports: vec![client_port.into()],
        remote_ports: vec![port.into()],
        ..SocketPredicate::default()
    };
    let socket = until(|| {
        let mut sockets = read(&asking(predicate.clone())).sockets().collect::<Vec<_>>().into_iter();
        sockets.find(|socket| socket.state() == SocketState::TimeWait)
    });
    assert_eq!((socket.inode, socket.uid), (None, None));
    assert!(socket.holders.is_empty());

    // A listener whose queue is full answers no more.
    let listener =
        socket_with(AddressFamily::INET, rustix::net::SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    listen(&listener, 0).unwrap();
    let address = TcpListener::from(listener.try_clone().unwrap()).local_addr().unwrap();
    let call = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let caller = socket_with(AddressFamily::INET, rustix::net::SocketType::STREAM, flags, None).unwrap();
        let _in_progress = connect(&caller, &address);
        caller
    };
    let callers: Vec<OwnedFd> = (0..8).map(|_| call()).collect();
    assert_eq!(row(callers.last().unwrap()).state(), SocketState::SynSent);
}

#[test]
fn a_socket_that_is_only_bound_says_so_where_the_kernel_tells() {
    let bound = socket_with(AddressFamily::INET, rustix::net::SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&bound, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let found = with_inodes(&BTreeSet::from([inode(&bound)]), SocketSource::Auto);
    // Since kernel 6.8.
    assert!(found.len() <= 1);
    assert!(found.iter().all(|socket| socket.state() == SocketState::Close && socket.remote.is_none()), "{found:?}");
}

#[test]
fn datagrams_have_a_state_only_when_they_are_connected() {
    let waiting = UdpSocket::bind("127.0.0.1:0").unwrap();
    let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
    connected.connect(waiting.local_addr().unwrap()).unwrap();
    let socket = row(&waiting);
    assert_eq!((socket.r#type(), socket.protocol), (SocketType::Dgram, Some(17)));
    assert_eq!((socket.state, socket.remote), (None, None));
    let socket = row(&connected);
    assert_eq!((socket.state(), socket.remote.is_some()), (SocketState::Established, true));
}

#[test]
fn addresses_of_ipv6_have_sixteen_bytes_mapped_ones_too() {
    let Ok(listener) = TcpListener::bind("[::]:0") else { return };
    let port = listener.local_addr().unwrap().port();
    let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let server = listener.accept().unwrap().0;
    let ip = |end: Option<procwire_proto::v1::SocketAddress>| match end.unwrap().address.unwrap() {
        Address::Inet(address) => address.ip,
        other => panic!("{other:?}"),
    };
    for source in [SocketSource::Auto, SocketSource::Text] {
        let found = with_inodes(&BTreeSet::from([inode(&listener), inode(&server)]), source);
        let by_inode = |inode| found.iter().find(|socket| socket.inode == Some(inode)).cloned().unwrap();
        assert_eq!(ip(by_inode(inode(&listener)).local), [0; 16]);
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets();
        assert_eq!(ip(by_inode(inode(&server)).local), mapped);
        assert_eq!(ip(by_inode(inode(&server)).remote), mapped);
        assert_eq!(by_inode(inode(&server)).family(), SocketFamily::Inet6);
    }
}

#[test]
fn both_sources_tell_the_same() {
    if !has_netlink() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (listener, client, server) = pair();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
    connected.connect(udp.local_addr().unwrap()).unwrap();
    let unix = UnixListener::bind(directory.path().join("with blanks and\nnewline")).unwrap();
    let abstract_name = format!("procwire test {}", std::process::id());
    let datagram =
        UnixDatagram::bind_addr(&UnixSocketAddr::from_abstract_name(abstract_name.as_bytes()).unwrap()).unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    let route = netlink();
    let mut inodes = BTreeSet::from([
        inode(&listener),
        inode(&client),
        inode(&server),
        inode(&udp),
        inode(&connected),
        inode(&unix),
        inode(&datagram),
        inode(&one),
        inode(&other),
        inode(&route),
    ]);
    let udp6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0));
    inodes.extend(udp6.as_ref().ok().map(inode));
    let packet = packet();
    inodes.extend(packet.as_ref().map(inode));

    let by_netlink = with_inodes(&inodes, SocketSource::Auto);
    let as_text = with_inodes(&inodes, SocketSource::Text);
    assert_eq!(by_netlink.len(), inodes.len());
    // Text tells no peers and no queues of unix sockets and listeners, and the owner of inet and packet sockets only.
    let common = |socket: &Socket| Socket {
        peer_inode: None,
        receive_queue: None,
        send_queue: None,
        uid: None,
        interface_index: None,
        ..socket.clone()
    };
    let common_of = |sockets: &[Socket]| sockets.iter().map(common).collect::<Vec<_>>();
    assert_eq!(common_of(&by_netlink), common_of(&as_text));
}

fn netlink() -> OwnedFd {
    let protocol = Some(rustix::net::netlink::KOBJECT_UEVENT);
    let socket =
        socket_with(AddressFamily::NETLINK, rustix::net::SocketType::RAW, SocketFlags::CLOEXEC, protocol).unwrap();
    bind(&socket, &rustix::net::netlink::SocketAddrNetlink::new(0, 1)).unwrap();
    socket
}

/// Only root may have one.
fn packet() -> Option<OwnedFd> {
    let protocol = rustix::net::Protocol::from_raw(std::num::NonZero::new(u32::from(3_u16.to_be())).unwrap());
    let kind = rustix::net::SocketType::RAW;
    let socket = socket_with(AddressFamily::PACKET, kind, SocketFlags::CLOEXEC, Some(protocol));
    assert_eq!(socket.is_ok(), is_root());
    socket.ok()
}

#[test]
fn unix_sockets_of_every_type_keep_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let odd = directory.path().join(" two  blanks\nand a newline ");
    let listener = UnixListener::bind(&odd).unwrap();
    let socket = row(&listener);
    assert_eq!((socket.r#type(), socket.state()), (SocketType::Stream, SocketState::Listen));
    assert_eq!(path(&socket).unwrap(), odd.as_os_str().as_bytes());

    // As text a NUL within an abstract name looks like "@".
    let name = format!("procwire{}{}", if has_netlink() { "\0" } else { "" }, std::process::id());
    let datagram = UnixDatagram::bind_addr(&UnixSocketAddr::from_abstract_name(name.as_bytes()).unwrap()).unwrap();
    let socket = row(&datagram);
    assert_eq!((socket.r#type(), socket.state), (SocketType::Dgram, None));
    assert_eq!(path(&socket).unwrap(), [b"\0", name.as_bytes()].concat());

    let kind = rustix::net::SocketType::SEQPACKET;
    let (one, other) = rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
    let socket = row(&one);
    assert_eq!((socket.r#type(), socket.state()), (SocketType::Seqpacket, SocketState::Established));
    assert_eq!((path(&socket), socket.peer_inode), (None, Some(inode(&other)).filter(|_| has_netlink())));
}

#[test]
fn netlink_and_packet_sockets_have_addresses_of_their_own() {
    if !has_netlink() {
        return;
    }
    let socket = row(&netlink());
    assert_eq!(socket.family(), SocketFamily::Netlink);
    let Some(Address::Netlink(address)) = socket.local.unwrap().address else { panic!("no netlink address") };
    assert_eq!((address.protocol, address.groups), (15, 1));
    assert!(address.port_id > 0);
    if let Some(packet) = packet() {
        let socket = row(&packet);
        let Some(Address::Packet(address)) = socket.local.unwrap().address else { panic!("no packet address") };
        assert_eq!((socket.r#type, address.protocol, address.interface_index), (3, 3, None));
        assert_eq!(socket.uid, Some(0));
    }
}

#[test]
fn a_raw_socket_names_its_protocol() {
    if !is_root() {
        return;
    }
    let protocol = Some(rustix::net::ipproto::ICMP);
    let raw = socket_with(AddressFamily::INET, rustix::net::SocketType::RAW, SocketFlags::CLOEXEC, protocol).unwrap();
    let socket = row(&raw);
    assert_eq!((socket.r#type(), socket.protocol, ports(&socket)), (SocketType::Raw, Some(1), (0, None)));
}

#[test]
fn a_path_leads_to_both_ends() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("server");
    let listener = UnixListener::bind(&file).unwrap();
    let client = UnixStream::connect(&file).unwrap();
    let server = listener.accept().unwrap().0;
    let predicate =
        SocketPredicate { unix_paths: vec![file.as_os_str().as_bytes().to_vec()], ..SocketPredicate::default() };
    let table = read(&asking(predicate));
    let mut found: Vec<u64> = table.sockets().filter_map(|socket| socket.inode).collect();
    found.sort_unstable();
    let mut expected = vec![inode(&listener), inode(&client), inode(&server)];
    expected.sort_unstable();
    if table.is_from_text() {
        // Text does not know the client's peer.
        expected.retain(|found| *found != inode(&client));
    }
    assert_eq!(found, expected);
    assert!(table.filtered() > 0, "others were seen and left out");
}
