//! The sockets of one process.

use std::{
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    sync::Arc,
};

use procwire_host::{ProcessPlan, ProcessReader};
use procwire_proto::{
    process_fields::bit,
    v1::{Process, Socket, SocketState},
};

use crate::{Sleeper, fd, host, inode, own_pid, pids_and_fds};

fn process(pid: u32) -> Process {
    let plan = ProcessPlan::new(bit::SOCKETS.union(bit::REF));
    ProcessReader::new(Arc::new(host())).read(pid, &plan).unwrap().unwrap()
}

fn socket(process: &Process, inode: u64) -> &Socket {
    process.sockets.iter().find(|socket| socket.inode == Some(inode)).unwrap_or_else(|| panic!("{process:?}"))
}

#[test]
fn a_process_has_its_own_descriptors_and_nobody_elses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let again = listener.try_clone().unwrap();
    let child = Sleeper::sharing(&listener);

    let process_of_child = process(child.pid());
    let socket_of_child = socket(&process_of_child, inode(&listener));
    assert_eq!(socket_of_child.state(), SocketState::Listen);
    assert_eq!(pids_and_fds(&socket_of_child.holders), [(child.pid(), fd(&listener))]);
    assert_eq!(socket_of_child.holders[0].r#ref, process_of_child.r#ref);
    assert!(process_of_child.errors.is_empty(), "{:?}", process_of_child.errors);

    let own = process(own_pid());
    let mut expected = vec![(own_pid(), fd(&listener)), (own_pid(), fd(&again))];
    expected.sort_unstable();
    assert_eq!(pids_and_fds(&socket(&own, inode(&listener)).holders), expected);
}

#[test]
fn a_process_without_sockets_has_none_and_no_error() {
    let child = Sleeper::start();
    let process = process(child.pid());
    assert_eq!((process.sockets.len(), process.errors.len()), (0, 0), "{process:?}");
}

#[test]
fn what_was_opened_after_a_table_was_read_is_found_by_the_same_plan() {
    let host = Arc::new(host());
    let plan = ProcessPlan::new(bit::SOCKETS);
    let mut reader = ProcessReader::new(Arc::clone(&host));
    let mut read = || reader.read_listed(own_pid(), &plan).unwrap().unwrap();
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    socket(&read(), inode(&first));
    let client = TcpStream::connect(first.local_addr().unwrap()).unwrap();
    let (one, _other) = UnixStream::pair().unwrap();
    // A table is believed for a moment, even if it lacks something, and no longer.
    let began = std::time::Instant::now();
    let is_there = |process: &Process| process.sockets.iter().any(|socket| socket.inode == Some(inode(&client)));
    let mut process = read();
    while !is_there(&process) {
        assert!(began.elapsed().as_secs() < 30, "a table was kept for ever");
        process = read();
    }
    assert_eq!(socket(&process, inode(&client)).state(), SocketState::Established);
    socket(&process, inode(&one));
}
