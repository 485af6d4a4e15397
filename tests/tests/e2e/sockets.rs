//! Sockets of this very test, as an agent tells of them.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use procwire_client::v1::{Socket, SocketState};
use procwire_client::{ErrorKind, ListSockets, SocketSelect};
use procwire_tests::{Agent, Role};

async fn listed(request: ListSockets) -> Vec<Socket> {
    let list = request.await.unwrap();
    assert_eq!(list.summary.errors, []);
    assert_eq!(usize::try_from(list.summary.returned).unwrap(), list.sockets.len());
    list.sockets
}

/// The descriptors of this process among the holders.
fn held_here(socket: &Socket) -> Vec<i32> {
    let here = socket.holders.iter().filter(|holder| holder.r#ref.as_ref().unwrap().pid == std::process::id());
    here.map(|holder| i32::try_from(holder.fd).unwrap()).collect()
}

fn local(socket: &Socket) -> String {
    socket.local.as_ref().unwrap().to_string()
}

#[tokio::test]
async fn a_connection_has_a_listener_and_two_ends_each_with_its_holder() {
    let agent = Agent::start();
    let system = agent.client(Role::Inspector).system();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let copy = listener.try_clone().unwrap();
    let near = TcpStream::connect(address).unwrap();
    let (far, _) = listener.accept().unwrap();

    let of_port = SocketSelect::new().tcp().local_port(address.port());
    let served = listed(system.sockets().matching(of_port.clone()).with_holders()).await;
    let listening = served.iter().find(|socket| socket.is_listening()).unwrap();
    assert_eq!((local(listening), listening.protocol_name().as_ref()), (address.to_string(), "tcp"));
    assert_eq!(held_here(listening), [listener.as_raw_fd(), copy.as_raw_fd()], "both descriptors of the listener");

    let accepted = served.iter().find(|socket| socket.state() == SocketState::Established).unwrap();
    assert_eq!(held_here(accepted), [far.as_raw_fd()]);
    let remote = accepted.remote.as_ref().unwrap();
    assert_eq!(remote.as_socket_addr(), Some(near.local_addr().unwrap()));
    let peers: Vec<_> = accepted.peer_holders.iter().map(|holder| i32::try_from(holder.fd).unwrap()).collect();
    assert_eq!(peers, [near.as_raw_fd()], "the other end is here too");

    let to_port = SocketSelect::new().tcp().remote_port(address.port()).remote_network("127.0.0.0/8".parse().unwrap());
    let connected = listed(system.sockets().matching(to_port.clone())).await;
    assert_eq!(connected.iter().map(local).collect::<Vec<_>>(), [near.local_addr().unwrap().to_string()]);
    assert_eq!(connected[0].holders, [], "nobody asked for them");
    let both = listed(system.sockets().matching(of_port.clone()).matching(to_port)).await;
    assert_eq!(both.len(), 3);

    let limited = system.sockets().matching(of_port).limit(1).await.unwrap();
    assert_eq!(limited.sockets.len(), 1);
}

#[tokio::test]
async fn udp_and_unix_sockets_are_found_by_what_they_are_bound_to() {
    let agent = Agent::start();
    let system = agent.client(Role::Inspector).system();
    let udp = UdpSocket::bind("[::1]:0").or_else(|_| UdpSocket::bind("127.0.0.1:0")).unwrap();
    let port = udp.local_addr().unwrap().port();
    let found = listed(system.sockets().matching(SocketSelect::new().udp().local_port(port)).with_holders()).await;
    let ours = found.iter().find(|socket| held_here(socket) == [udp.as_raw_fd()]).unwrap();
    assert_eq!(local(ours), udp.local_addr().unwrap().to_string());

    let name = format!("procwire-test-{}", std::process::id());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let stream = UnixStream::connect_addr(&listener.local_addr().unwrap()).unwrap();
    let abstract_path = [b"\0", name.as_bytes()].concat();
    let of_name = SocketSelect::new().unix().unix_path(&abstract_path);
    let found = listed(system.sockets().matching(of_name).with_holders()).await;
    let listening = found.iter().find(|socket| socket.is_listening()).unwrap();
    assert_eq!((local(listening), listening.protocol_name().as_ref()), (format!("@{name}"), "unix"));
    assert_eq!(held_here(listening), [listener.as_raw_fd()]);
    drop(stream);
}

#[tokio::test]
async fn a_stream_of_sockets_is_the_list_in_pieces() {
    let agent = Agent::start();
    let client = agent.client(Role::Inspector);
    let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = client.system().sockets().stream().await.unwrap();
    assert_eq!(stream.header().sampled.as_ref().unwrap().boot_id, procwire_tests::boot_id());
    let mut count = 0;
    while let Some(rows) = stream.next().await.unwrap() {
        count += rows.len();
    }
    let summary = stream.summary().unwrap();
    assert!(count > 0);
    assert_eq!(usize::try_from(summary.returned).unwrap(), count);
    assert!(summary.network_namespaces >= 1);
}

#[tokio::test]
async fn a_reader_may_not_list_sockets_and_nonsense_is_named() {
    let agent = Agent::start();
    let error = agent.client(Role::Reader).system().sockets().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    let too_long = procwire_client::v1::IpNetwork { ip: vec![10, 0, 0, 0], prefix_length: 33 };
    let sockets = agent.client(Role::Inspector).system().sockets();
    let error = sockets.matching(SocketSelect::new().local_network(too_long)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert!(error.field().is_some_and(|field| field.starts_with("allow[0].local_networks[0]")), "{:?}", error.field());
}
