//! Other network namespaces.

use std::{
    net::TcpListener,
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    process::Command,
    sync::{Arc, atomic::AtomicBool},
};

use procwire_host::{
    ProcessPlan, ProcessReader,
    sockets::{PortOwners, SocketQuery, SocketSource},
};
use procwire_proto::{
    process_fields::bit,
    v1::{Socket, SocketPredicate, SocketState},
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{Sleeper, asking, has_netlink, host, is_root, pids_and_fds, read, started};

/// A process that sleeps in a network namespace of its own and holds a listener there.
struct Elsewhere {
    sleeper: Sleeper,
    namespace: u64,
    port: u32,
    _first: Sleeper,
}

/// `None`: we have no right to make one.
fn elsewhere() -> Option<Elsewhere> {
    if !is_root() {
        return None;
    }
    let first = Sleeper::run(Command::new("unshare").args(["--net", "sleep", "600"]), None);
    let path = format!("/proc/{}/ns/net", first.pid());
    let own = std::fs::metadata("/proc/self/ns/net").unwrap().ino();
    while std::fs::metadata(&path).unwrap().ino() == own {
        std::thread::yield_now();
    }
    let namespace = std::fs::metadata(&path).unwrap().ino();
    let inside = move || {
        let file = std::fs::File::open(path).unwrap();
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        (Sleeper::sharing(&listener), listener.local_addr().unwrap().port())
    };
    let (sleeper, port) = std::thread::spawn(inside).join().unwrap();
    Some(Elsewhere { sleeper, namespace, port: port.into(), _first: first })
}

fn listening(port: u32) -> SocketPredicate {
    SocketPredicate { local_ports: vec![port], states: vec![SocketState::Listen.into()], ..SocketPredicate::default() }
}

#[test]
fn sockets_elsewhere_are_found_when_asked_for() {
    let Some(Elsewhere { sleeper, namespace, port, .. }) = elsewhere() else { return };
    let is_there = |socket: &Socket| socket.network_namespace == Some(namespace);
    let refused = !has_netlink();
    for source in [SocketSource::Auto, SocketSource::Netlink, SocketSource::Text] {
        if refused && source == SocketSource::Netlink {
            continue;
        }
        let own_only = SocketQuery { source, ..asking(listening(port)) };
        assert!(!read(&own_only).sockets().any(|socket| is_there(&socket)));

        let everywhere =
            SocketQuery { source, all_network_namespaces: true, with_holders: true, ..asking(listening(port)) };
        let table = read(&everywhere);
        let found: Vec<Socket> = table.sockets().filter(is_there).collect();
        let [socket] = found.as_slice() else { panic!("{source:?} {found:?} {:?}", table.errors()) };
        assert_eq!(pids_and_fds(&socket.holders)[0].0, sleeper.pid());
        assert!(table.network_namespaces() >= 2);
        assert_eq!(table.is_from_text(), refused || source == SocketSource::Text);

        let named = SocketPredicate { network_namespaces: vec![namespace], ..SocketPredicate::default() };
        let table = read(&SocketQuery { source, ..asking(named) });
        assert!(!table.is_empty() && table.sockets().all(|socket| is_there(&socket)));
        assert_eq!(table.network_namespaces(), 1);
    }
}

#[test]
fn a_process_elsewhere_has_the_sockets_of_its_own_namespace() {
    let Some(Elsewhere { sleeper, namespace, .. }) = elsewhere() else { return };
    let plan = ProcessPlan::new(bit::SOCKETS);
    let process = ProcessReader::new(Arc::new(host())).read(sleeper.pid(), &plan).unwrap().unwrap();
    let [socket] = process.sockets.as_slice() else { panic!("{process:?}") };
    assert_eq!((socket.state(), socket.network_namespace), (SocketState::Listen, Some(namespace)));
}

#[test]
fn a_port_elsewhere_leads_to_its_process() {
    let Some(Elsewhere { sleeper, port, .. }) = elsewhere() else { return };
    let owners = PortOwners::find(&host(), &[port], &AtomicBool::new(false)).unwrap();
    assert_eq!(owners.listens(sleeper.pid(), started(sleeper.pid()), &[port]), Some(true));
}

#[test]
fn reading_elsewhere_leaves_us_where_we_are() {
    let Some(_elsewhere) = elsewhere() else { return };
    let before = std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino();
    let table = read(&SocketQuery { all_network_namespaces: true, ..SocketQuery::default() });
    assert!(table.network_namespaces() >= 2);
    assert_eq!(std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino(), before);
    for thread in std::fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok) {
        let namespace = std::fs::metadata(thread.path().join("ns/net"));
        // Those of other tests that are just there to be elsewhere have a name of their own.
        let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        if name.starts_with("socket-") {
            assert_eq!(namespace.map(|file| file.ino()).unwrap_or(before), before, "{name}");
        }
    }
}
