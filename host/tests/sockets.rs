//! Sockets of this machine, made for the purpose, by netlink and as text.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "sockets/holders.rs"]
mod holders;
#[path = "sockets/namespaces.rs"]
mod namespaces;
#[path = "sockets/ports.rs"]
mod ports;
#[path = "sockets/processes.rs"]
mod processes;
#[path = "sockets/tables.rs"]
mod tables;

use std::{
    collections::BTreeSet,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    process::{Child, Command},
    sync::{Mutex, atomic::AtomicBool},
};

use procwire_host::{
    Host, Roots,
    sockets::{SocketFilter, SocketQuery, SocketSource, SocketTable},
};
use procwire_proto::v1::{Socket, SocketFamily, SocketHolder, SocketPredicate};
use rustix::io::{FdFlags, fcntl_setfd};

fn host() -> Host {
    Host::open(Roots::default()).unwrap()
}

fn own_pid() -> u32 {
    std::process::id()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// When the process began, as its stat says (proc(5)).
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()
}

fn read(query: &SocketQuery) -> SocketTable {
    SocketTable::read(&host(), query, &AtomicBool::new(false)).unwrap()
}

/// False in a sandbox that refuses netlink: text tables tell no peers of unix sockets.
fn has_netlink() -> bool {
    !read(&asking(SocketPredicate { families: vec![SocketFamily::Unix.into()], ..Default::default() })).is_from_text()
}

/// The sockets with these inodes, ascending by inode.
fn with_inodes(inodes: &BTreeSet<u64>, source: SocketSource) -> Vec<Socket> {
    let predicate = SocketPredicate { inodes: inodes.iter().copied().collect(), ..SocketPredicate::default() };
    let mut sockets: Vec<Socket> = read(&SocketQuery { source, ..asking(predicate) }).sockets().collect();
    sockets.sort_by_key(|socket| socket.inode);
    sockets
}

fn asking(predicate: SocketPredicate) -> SocketQuery {
    SocketQuery { filter: SocketFilter::parse(vec![predicate]).unwrap(), ..SocketQuery::default() }
}

fn inode(socket: &impl AsFd) -> u64 {
    rustix::fs::fstat(socket).unwrap().st_ino
}

fn fd(socket: &impl AsRawFd) -> u32 {
    u32::try_from(socket.as_raw_fd()).unwrap()
}

fn pids_and_fds(holders: &[SocketHolder]) -> Vec<(u32, u32)> {
    holders.iter().map(|holder| (holder.r#ref.as_ref().unwrap().pid, holder.fd)).collect()
}

fn sleep() -> Command {
    let mut command = Command::new("sleep");
    command.arg("600");
    command
}

/// Of these processes alone: while another test starts a child, that one has our descriptors too, for a moment.
fn held_by(holders: &[SocketHolder], pids: &[u32]) -> Vec<(u32, u32)> {
    pids_and_fds(holders).into_iter().filter(|(pid, _)| pids.contains(pid)).collect()
}

/// A process that sleeps until the test is over.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self::run(&mut sleep(), None)
    }

    /// One that has the same socket open.
    fn sharing(socket: &impl AsFd) -> Self {
        Self::run(&mut sleep(), Some(socket.as_fd()))
    }

    /// Tests run side by side in one process, and each one's children shall inherit what that test wants.
    fn run(command: &mut Command, shared: Option<BorrowedFd<'_>>) -> Self {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock().unwrap();
        let set = |flags| shared.iter().for_each(|socket| fcntl_setfd(socket, flags).unwrap());
        set(FdFlags::empty());
        let child = command.spawn().unwrap();
        set(FdFlags::CLOEXEC);
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
