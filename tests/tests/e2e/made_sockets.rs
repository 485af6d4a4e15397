//! ListSockets and Process.sockets of the real agent, on sockets that another process made for the purpose.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::fs::MetadataExt as _,
    process::{Child, Command, Stdio},
};

use procwire_client::{ErrorKind, SocketList, SocketSelect};
use procwire_proto::v1::{
    ErrorReason, FieldErrorReason, IpNetwork, ListSocketsRequest, Socket, SocketFamily, SocketHolder, SocketPredicate,
    SocketState, SocketType, socket_address::Address, system_service_client::SystemServiceClient,
};
use procwire_tests::{
    Agent, Role, is_root, python,
    raw::Connection,
    reference_of,
    waiting::{eventually, eventually_async},
};
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;
use tonic_types::StatusExt as _;

/// The process that made them, and what it says of them.
struct Made {
    child: Child,
    told: Value,
    _directory: TempDir,
}

impl Made {
    fn here() -> Self {
        Self::by(Command::new(python::python()), &[])
    }

    /// One listener in a network namespace of its own.
    fn elsewhere() -> Self {
        let mut command = Command::new("unshare");
        command.arg("--net").arg(python::python());
        Self::by(command, &["bare"])
    }

    fn by(mut command: Command, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        command.arg(python::script("made_sockets.py")).arg(directory.path()).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, told, _directory: directory }
    }

    fn number(&self, name: &str, fact: &str) -> u64 {
        self.told[name][fact].as_u64().unwrap_or_else(|| panic!("{name}.{fact}: {}", self.told))
    }

    fn port(&self, name: &str) -> u16 {
        self.number(name, "port").try_into().unwrap()
    }

    fn path(&self, name: &str) -> Vec<u8> {
        self.told[name]["path"].as_str().unwrap().as_bytes().to_vec()
    }

    /// The pid of the process and of the child that shares a listener with it.
    fn pids(&self) -> [u32; 2] {
        let pid = |place: usize| u32::try_from(self.told["pids"][place].as_u64().unwrap()).unwrap();
        [pid(0), pid(1)]
    }

    /// The row of one of them.
    #[track_caller]
    fn find<'a>(&self, name: &str, sockets: &'a [Socket]) -> &'a Socket {
        let inode = self.number(name, "inode");
        let found: Vec<_> = sockets.iter().filter(|socket| socket.inode == Some(inode)).collect();
        let [socket] = found.as_slice() else { panic!("{name}: {found:?}") };
        socket
    }

    /// Who holds one of them, as the process says itself.
    fn holder(&self, name: &str) -> (u32, u32) {
        (self.pids()[0], self.number(name, "fd").try_into().unwrap())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn holders(holders: &[SocketHolder]) -> Vec<(u32, u32)> {
    holders.iter().map(|holder| (holder.r#ref.as_ref().unwrap().pid, holder.fd)).collect()
}

async fn everything(agent: &Agent) -> SocketList {
    agent.client(Role::Inspector).system().sockets().with_holders().await.unwrap()
}

#[tokio::test]
async fn sockets_of_every_kind_and_state_are_told_with_who_holds_them() {
    let (agent, made) = (Agent::start(), Made::here());
    // Segments on their way make a state come a little later.
    let sockets = eventually_async("the states to settle", || async {
        let sockets = everything(&agent).await.sockets;
        let is_settled = made.find("close_wait", &sockets).state() == SocketState::CloseWait;
        (is_settled && time_wait(&made, &sockets).is_some()).then_some(sockets)
    })
    .await;
    let (stream, dgram) = (SocketType::Stream, SocketType::Dgram);
    for (name, family, kind, state) in [
        ("listen", SocketFamily::Inet, stream, Some(SocketState::Listen)),
        ("client", SocketFamily::Inet, stream, Some(SocketState::Established)),
        ("server", SocketFamily::Inet, stream, Some(SocketState::Established)),
        ("close_wait", SocketFamily::Inet, stream, Some(SocketState::CloseWait)),
        ("syn_sent", SocketFamily::Inet, stream, Some(SocketState::SynSent)),
        ("udp", SocketFamily::Inet, dgram, None),
        ("udp_connected", SocketFamily::Inet, dgram, Some(SocketState::Established)),
        ("udp6", SocketFamily::Inet6, dgram, None),
        ("unix_stream", SocketFamily::Unix, stream, Some(SocketState::Listen)),
        ("unix_client", SocketFamily::Unix, stream, Some(SocketState::Established)),
        ("unix_dgram", SocketFamily::Unix, dgram, Some(SocketState::Established)),
        ("unix_seqpacket", SocketFamily::Unix, SocketType::Seqpacket, Some(SocketState::Established)),
        ("unix_abstract", SocketFamily::Unix, dgram, None),
        ("netlink", SocketFamily::Netlink, SocketType::Raw, None),
        ("packet", SocketFamily::Packet, SocketType::Raw, None),
    ] {
        // Without IPv6 or without root there is no such socket.
        if made.told.get(name).is_none() {
            assert!(matches!(name, "udp6" | "packet"), "{name}");
            continue;
        }
        let socket = made.find(name, &sockets);
        let told = (socket.family(), socket.r#type(), socket.state.map(|_| socket.state()));
        assert_eq!(told, (family, kind, state), "{name}");
        assert_eq!(holders(&socket.holders), [made.holder(name)], "{name}");
        assert_eq!(socket.holders[0].r#ref, Some(reference_of(made.pids()[0])), "{name}");
        assert_eq!(socket.network_namespace, Some(own_namespace()), "{name}");
    }
    let time_wait = time_wait(&made, &sockets).unwrap();
    assert_eq!((time_wait.inode, time_wait.uid, time_wait.holders.len()), (None, None, 0), "nobody's");
}

fn time_wait<'a>(made: &Made, sockets: &'a [Socket]) -> Option<&'a Socket> {
    let port = u32::from(made.port("time_wait"));
    sockets.iter().find(|socket| socket.state() == SocketState::TimeWait && local_port(socket) == Some(port))
}

fn local_port(socket: &Socket) -> Option<u32> {
    match socket.local.as_ref()?.address.as_ref()? {
        Address::Inet(address) => Some(address.port),
        _ => None,
    }
}

fn own_namespace() -> u64 {
    std::fs::metadata("/proc/self/ns/net").unwrap().ino()
}

#[tokio::test]
async fn names_of_unix_sockets_come_byte_for_byte() {
    let (agent, made) = (Agent::start(), Made::here());
    let sockets = everything(&agent).await.sockets;
    for name in ["unix_stream", "unix_abstract"] {
        let Some(Address::Unix(address)) = made.find(name, &sockets).local.clone().unwrap().address else {
            panic!("{name} has no unix address")
        };
        assert_eq!(address.path, Some(made.path(name)), "{name}");
    }
    let select = SocketSelect::new().unix_path(made.path("unix_stream"));
    let list = agent.client(Role::Inspector).system().sockets().matching(select).await.unwrap();
    let mut found: Vec<u64> = list.sockets.iter().filter_map(|socket| socket.inode).collect();
    found.sort_unstable();
    let mut expected = ["unix_stream", "unix_client", "unix_server"].map(|name| made.number(name, "inode"));
    expected.sort_unstable();
    assert_eq!(found, expected, "the listener, whom it accepted, and who called");
}

#[tokio::test]
async fn both_holders_of_a_shared_listener_are_told() {
    let (agent, made) = (Agent::start(), Made::here());
    let select = SocketSelect::new().tcp().listening().local_port(made.port("shared"));
    let list = agent.client(Role::Inspector).system().sockets().matching(select).with_holders().await.unwrap();
    let [socket] = list.sockets.as_slice() else { panic!("{list:?}") };
    let fd = made.holder("shared").1;
    let mut pids = made.pids();
    pids.sort_unstable();
    assert_eq!(holders(&socket.holders), pids.map(|pid| (pid, fd)));
    assert_eq!(
        socket.holders.iter().map(|holder| holder.r#ref.clone().unwrap()).collect::<Vec<_>>(),
        pids.map(reference_of)
    );
}

#[tokio::test]
async fn the_other_end_is_told_where_it_is_on_this_host() {
    let (agent, made) = (Agent::start(), Made::here());
    let sockets = everything(&agent).await.sockets;
    for (name, peer) in [
        ("client", "server"),
        ("server", "client"),
        ("unix_client", "unix_server"),
        ("unix_dgram", "unix_dgram_peer"),
        ("unix_seqpacket_peer", "unix_seqpacket"),
    ] {
        let socket = made.find(name, &sockets);
        assert_eq!(holders(&socket.peer_holders), [made.holder(peer)], "{name}");
        let peer_inode = Some(made.number(peer, "inode")).filter(|_| name.starts_with("unix"));
        assert_eq!(socket.peer_inode, peer_inode, "{name}");
    }
    assert!(made.find("listen", &sockets).peer_holders.is_empty());
}

#[tokio::test]
async fn a_list_gives_what_was_asked_for_and_no_more() {
    let (agent, made) = (Agent::start(), Made::here());
    let client = agent.client(Role::Inspector);
    let list = |select: SocketSelect| {
        let client = client.clone();
        async move { client.system().sockets().matching(select).await.unwrap() }
    };
    let of_pid = list(SocketSelect::new().pid(made.pids()[0]).inet()).await;
    made.find("udp", &of_pid.sockets);
    assert!(of_pid.sockets.iter().all(|socket| socket.holders.is_empty()), "nobody asked for holders");
    assert!(of_pid.sockets.iter().all(|socket| matches!(socket.family(), SocketFamily::Inet | SocketFamily::Inet6)));

    let listening = list(SocketSelect::new().tcp().listening()).await;
    made.find("listen", &listening.sockets);
    assert!(listening.sockets.iter().all(|socket| socket.state() == SocketState::Listen && socket.protocol == Some(6)));
    assert!(listening.sockets.iter().all(|socket| socket.holders.is_empty()), "nobody asked for holders");

    let to = SocketSelect::new().remote_port(made.port("listen")).remote_network("127.0.0.0/8".parse().unwrap());
    let calling = list(to.state(SocketState::Established)).await;
    let [socket] = calling.sockets.as_slice() else { panic!("{calling:?}") };
    assert_eq!(socket.inode, Some(made.number("client", "inode")));
    assert!(calling.summary.filtered > 0 && calling.summary.returned == 1, "{:?}", calling.summary);
    assert!(calling.summary.read_ns > 0 && !calling.summary.from_text_tables);
    assert!(calling.header.sampled.unwrap().monotonic_ns > 0);

    let limited = client.system().sockets().limit(3).await.unwrap();
    assert_eq!((limited.sockets.len(), limited.summary.returned), (3, 3));
}

#[tokio::test]
async fn a_process_has_its_sockets_with_its_own_descriptors() {
    let (agent, made) = (Agent::start(), Made::here());
    let client = agent.client(Role::Inspector);
    let [parent, child] = made.pids();
    let answer = client.processes().get(parent).fields(["sockets", "ref"]).await.unwrap();
    let process = answer.process.unwrap();
    assert!(process.errors.is_empty(), "{:?}", process.errors);
    for name in ["listen", "client", "udp", "unix_stream", "unix_abstract", "netlink", "shared"] {
        assert_eq!(holders(&made.find(name, &process.sockets).holders), [made.holder(name)], "{name}");
    }
    let process = client.processes().get(child).fields(["sockets"]).await.unwrap().process.unwrap();
    let [socket] = process.sockets.as_slice() else { panic!("{:?}", process.sockets) };
    assert_eq!(socket.inode, Some(made.number("shared", "inode")));
    assert_eq!(holders(&socket.holders), [(child, made.holder("shared").1)]);
}

#[tokio::test]
async fn another_network_namespace_is_looked_into_when_asked_for() {
    if !is_root() {
        return;
    }
    let (agent, made) = (Agent::start(), Made::elsewhere());
    let client = agent.client(Role::Inspector);
    let namespace = std::fs::metadata(format!("/proc/{}/ns/net", made.pids()[0])).unwrap().ino();
    assert_ne!(namespace, own_namespace());
    let inode = made.number("shared", "inode");
    let is_it = |socket: &&Socket| socket.inode == Some(inode);

    let own = client.system().sockets().matching(SocketSelect::new().listening()).await.unwrap();
    assert_eq!((own.sockets.iter().find(is_it), own.summary.network_namespaces), (None, 1));

    let select = SocketSelect::new().listening().local_port(made.port("shared"));
    let all = client.system().sockets().matching(select).all_network_namespaces().with_holders().await.unwrap();
    let socket = all.sockets.iter().find(is_it).unwrap_or_else(|| panic!("{all:?}"));
    assert_eq!(socket.network_namespace, Some(namespace));
    let mut pids: Vec<u32> = holders(&socket.holders).into_iter().map(|(pid, _)| pid).collect();
    pids.sort_unstable();
    let mut expected = made.pids();
    expected.sort_unstable();
    assert_eq!(pids, expected);
    assert!(all.summary.network_namespaces >= 2);

    let process = client.processes().get(made.pids()[0]).fields(["sockets"]).await.unwrap().process.unwrap();
    assert_eq!(made.find("shared", &process.sockets).network_namespace, Some(namespace));
}

#[tokio::test]
async fn without_privileges_rows_are_there_and_what_is_missing_is_said() {
    let agent = Agent::options().unprivileged().start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = agent.client(Role::Inspector);
    let select = SocketSelect::new().listening().local_port(port);
    let list = client.system().sockets().matching(select).all_network_namespaces().with_holders().await.unwrap();
    let [socket] = list.sockets.as_slice() else { panic!("{list:?}") };
    assert_eq!(socket.state(), SocketState::Listen);
    // pid 1 is root's wherever the tests run.
    assert!(list.summary.unreadable_processes > 0);
    let hidden = list.summary.errors.iter().find(|error| error.path == "network_namespace").unwrap();
    assert_eq!(hidden.reason(), FieldErrorReason::PermissionDenied);
    assert!(hidden.detail.contains("processes"), "{hidden:?}");
    if is_root() {
        assert!(socket.holders.is_empty(), "the agent may not see who holds it");
    }
    let process = client.processes().get(1).fields(["sockets"]).await.unwrap().process.unwrap();
    assert!(process.sockets.is_empty());
    assert_eq!(process.errors[0].reason(), FieldErrorReason::PermissionDenied, "{:?}", process.errors);
}

#[tokio::test]
async fn a_reader_gets_no_sockets() {
    let agent = Agent::start();
    let error = agent.client(Role::Reader).system().sockets().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::PermissionDenied, Some(ErrorReason::RoleMissing)),
        "{error}"
    );
    assert_eq!(error.metadata()["needed"], "inspector");
    let own = std::process::id();
    let process = agent.client(Role::Reader).processes().get(own).fields(["sockets"]).await.unwrap().process.unwrap();
    assert!(process.sockets.is_empty());
    assert_eq!(process.errors[0].reason(), FieldErrorReason::Redacted, "{:?}", process.errors);
}

#[tokio::test]
async fn conditions_that_cannot_be_meant_are_refused_by_name() {
    let agent = Agent::start();
    let connection = Connection::open(&agent, &agent.pki.client(Role::Inspector)).await;
    let mut client = SystemServiceClient::with_origin(connection, Connection::origin());
    let network = |ip: Vec<u8>, prefix_length| vec![IpNetwork { ip, prefix_length }];
    for (predicate, field) in [
        (SocketPredicate::default(), "allow[0]"),
        (SocketPredicate { local_ports: vec![65_536], ..Default::default() }, "allow[0].local_ports[0]"),
        (
            SocketPredicate { local_networks: network(vec![10, 0, 0, 0], 33), ..Default::default() },
            "allow[0].local_networks[0].prefix_length",
        ),
        (
            SocketPredicate { remote_networks: network(vec![10; 5], 8), ..Default::default() },
            "allow[0].remote_networks[0].ip",
        ),
        (SocketPredicate { families: vec![77], ..Default::default() }, "allow[0].families[0]"),
        (SocketPredicate { pids: vec![0], ..Default::default() }, "allow[0].pids[0]"),
    ] {
        let request = ListSocketsRequest { allow: vec![predicate], ..Default::default() };
        let status = client.list_sockets(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, field);
    }
    client.list_sockets(ListSocketsRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_caller_who_leaves_is_forgotten() {
    let agent = Agent::start();
    let client = agent.client(Role::Inspector);
    for _ in 0..8 {
        drop(client.system().sockets().with_holders().stream().await.unwrap());
    }
    let own = agent.pid();
    eventually("threads that read sockets to end", || {
        let threads = std::fs::read_dir(format!("/proc/{own}/task")).unwrap();
        let names = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        (!names.into_iter().any(|name| name.starts_with("socket-"))).then_some(())
    });
    client.system().sockets().await.unwrap();
}
