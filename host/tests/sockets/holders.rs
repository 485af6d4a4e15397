//! Who has a socket open, and its other end.

use std::{
    collections::BTreeSet,
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixStream,
};

use procwire_host::sockets::{SocketQuery, SocketSource};
use procwire_proto::v1::{Socket, SocketPredicate, SocketState};

use crate::{Sleeper, asking, fd, has_netlink, held_by, inode, own_pid, pids_and_fds, read};

fn held(socket: &impl std::os::fd::AsFd) -> Socket {
    let predicate = SocketPredicate { inodes: vec![inode(socket)], ..SocketPredicate::default() };
    let found: Vec<Socket> = read(&SocketQuery { with_holders: true, ..asking(predicate) }).sockets().collect();
    let [socket] = found.as_slice() else { panic!("{found:?}") };
    socket.clone()
}

#[test]
fn every_holder_is_told_and_who_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let again = listener.try_clone().unwrap();
    let child = Sleeper::sharing(&listener);
    let socket = held(&listener);
    let mut expected = vec![(own_pid(), fd(&listener)), (own_pid(), fd(&again)), (child.pid(), fd(&listener))];
    expected.sort_unstable();
    assert_eq!(held_by(&socket.holders, &[own_pid(), child.pid()]), expected);
    for holder in &socket.holders {
        let reference = holder.r#ref.as_ref().unwrap();
        assert!(reference.start_ticks > 0 && reference.boot_id.len() == 16, "{reference:?}");
    }
    assert!(socket.peer_holders.is_empty());
}

#[test]
fn the_other_end_on_this_host_has_holders_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    assert_eq!(held_by(&held(&client).peer_holders, &[own_pid()]), [(own_pid(), fd(&server))]);
    assert_eq!(held_by(&held(&server).peer_holders, &[own_pid()]), [(own_pid(), fd(&client))]);

    let (one, other) = UnixStream::pair().unwrap();
    if has_netlink() {
        assert_eq!(held_by(&held(&one).peer_holders, &[own_pid()]), [(own_pid(), fd(&other))]);
    }
}

#[test]
fn a_mapped_address_meets_its_plain_peer() {
    let Ok(listener) = TcpListener::bind("[::]:0") else { return };
    let client = TcpStream::connect(("127.0.0.1", listener.local_addr().unwrap().port())).unwrap();
    let server = listener.accept().unwrap().0;
    assert_eq!(held_by(&held(&server).peer_holders, &[own_pid()]), [(own_pid(), fd(&client))]);
    assert_eq!(held_by(&held(&client).peer_holders, &[own_pid()]), [(own_pid(), fd(&server))]);
}

#[test]
fn nobody_is_looked_for_unless_asked() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let predicate = SocketPredicate { inodes: vec![inode(&socket)], ..SocketPredicate::default() };
    let found: Vec<Socket> = read(&asking(predicate)).sockets().collect();
    assert_eq!((found.len(), found[0].holders.len()), (1, 0));
}

/// Inodes of the sockets among its descriptors.
fn children_sockets(pid: u32) -> BTreeSet<u64> {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let inode = |link: std::path::PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    links.filter_map(inode).collect()
}

#[test]
fn pids_choose_by_what_they_hold() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _mine_alone = UdpSocket::bind("127.0.0.1:0").unwrap();
    let child = Sleeper::sharing(&listener);
    for with_holders in [false, true] {
        for source in [SocketSource::Auto, SocketSource::Text] {
            let predicate = SocketPredicate { pids: vec![child.pid()], ..SocketPredicate::default() };
            let table = read(&SocketQuery { with_holders, source, ..asking(predicate) });
            let sockets: Vec<Socket> = table.sockets().collect();
            let ours = sockets.iter().find(|socket| socket.inode == Some(inode(&listener))).unwrap();
            assert_eq!(ours.state(), SocketState::Listen);
            let holders: BTreeSet<u32> = pids_and_fds(&ours.holders).into_iter().map(|(pid, _)| pid).collect();
            let all = BTreeSet::from([child.pid(), own_pid()]);
            assert_eq!(holders.is_superset(&all), with_holders, "all of them if they are asked for");
            assert_eq!(holders.is_empty(), !with_holders, "else none, not those that are named");
            // It has the listener, and what it inherited from whoever runs the tests.
            let of_child = children_sockets(child.pid());
            let found: BTreeSet<u64> = sockets.iter().filter_map(|socket| socket.inode).collect();
            assert!(found.is_subset(&of_child), "{found:?} {of_child:?}");
        }
    }
}

#[test]
fn a_process_with_many_descriptors_is_shared_out_and_nothing_is_lost() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let count = usize::try_from(limit.current.unwrap_or(4096)).unwrap_or(4096).min(4096) - 256;
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let copies: Vec<UdpSocket> = (0..count).map_while(|_| one.try_clone().ok()).collect();
    let holders = pids_and_fds(&held(&one).holders);
    let fds: BTreeSet<u32> = holders.iter().filter(|(pid, _)| *pid == own_pid()).map(|(_, fd)| *fd).collect();
    assert_eq!(fds, copies.iter().chain([&one]).map(fd).collect());
    assert!(copies.len() > 500);
}

#[test]
fn only_what_is_named_is_walked() {
    // Pid 4194304 is the highest there can be.
    let predicate = SocketPredicate { pids: vec![4_194_304], ..SocketPredicate::default() };
    let table = read(&asking(predicate));
    assert!(table.is_empty());
    assert_eq!(table.unreadable_processes(), 0);
}
