//! What tests of netlink need: messages of a real kernel, and a network of their own.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use rustix::net::netlink::SOCK_DIAG;

use super::*;

#[test]
fn nobody_answers_in_the_place_of_the_kernel() {
    // Only who may administer the network could send to another's socket at all.
    let Ok(asking) = KernelSocket::open(Some(SOCK_DIAG)) else { return };
    let forger = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG));
    let forger = forger.unwrap();
    let asked_through = SocketAddrNetlink::try_from(rustix::net::getsockname(&asking.socket).unwrap()).unwrap();
    let forged = with_header(20, REQUEST, &[0; 72], 1);
    let sent = rustix::net::sendto(&forger, &forged, SendFlags::empty(), &asked_through);
    assert!(matches!(sent, Err(Errno::CONNREFUSED | Errno::PERM)), "{sent:?}");

    let from = |pid| is_kernel(Some(&SocketAddrNetlink::new(pid, 0).into()));
    assert!(from(0) && !from(asked_through.pid()) && !is_kernel(None));
}

/// The payloads of a fixture: a line of hexadecimal digits each.
pub(super) fn payloads(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let byte = |line: &str, place: usize| u8::from_str_radix(line.get(place..place + 2).unwrap(), 16).unwrap();
    lines.map(|line| (0..line.len()).step_by(2).map(|place| byte(line, place)).collect()).collect()
}

/// An attribute, padded.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut attribute = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    attribute.extend_from_slice(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// A network namespace of its own for a test, so that the machine is left as it is, and a shell that lives in it.
pub(crate) struct OtherNetwork {
    shell: Child,
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl OtherNetwork {
    /// `None`, with the reason printed, if this user may not make one or its shell has no `ip`.
    pub(crate) fn new() -> Option<Self> {
        let mut command = Command::new("unshare");
        let shell = command.args(["-n", "sh"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut shell) = shell else {
            eprintln!("not tried: there is no unshare(1)");
            return None;
        };
        let (orders, told) = (shell.stdin.take().unwrap(), BufReader::new(shell.stdout.take().unwrap()));
        let mut network = Self { shell, orders, told };
        if network.run("ip link set lo up") {
            return Some(network);
        }
        eprintln!("not tried: only root may make a network namespace, and iproute2 is needed in it");
        None
    }

    /// True if all of these went well.
    pub(crate) fn run(&mut self, script: &str) -> bool {
        let asked = writeln!(self.orders, "{{ {script}; }} >&2 && echo well || echo badly");
        let mut answer = String::new();
        asked.is_ok() && self.told.read_line(&mut answer).is_ok() && answer == "well\n"
    }

    /// The process in it.
    pub(crate) fn pid(&self) -> u32 {
        self.shell.id()
    }

    /// Makes something within it.
    pub(crate) fn enter<T: Send>(&self, open: impl FnOnce() -> T + Send) -> T {
        let file = File::open(format!("/proc/{}/ns/net", self.pid())).unwrap();
        within(file.as_fd(), || Ok::<_, Entering>(open())).unwrap()
    }
}

impl Drop for OtherNetwork {
    fn drop(&mut self) {
        drop(self.shell.kill());
        drop(self.shell.wait());
    }
}
