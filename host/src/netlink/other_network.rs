//! A network namespace of its own for a test, so that the machine is left as it is.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    os::fd::AsFd as _,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{Entering, within};

/// A shell that lives in it.
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
