//! Processes made for a test, with everything about them known beforehand.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use procwire_proto::v1::ProcessRef;

use crate::{
    programs::{self, try_signal},
    signal,
    waiting::eventually,
};

/// A child of the test (not of the agent) that is reaped as soon as it ends, as a shell or a service manager would.
/// It ends with this value at the latest.
pub struct Victim {
    pid: u32,
    /// The number after "ready", if the mode names one.
    named: Option<u32>,
    input: Option<ChildStdin>,
    ended: Receiver<ExitStatus>,
}

impl Victim {
    /// Starts `procwire-victim` with these arguments and waits until it is ready.
    pub fn start<S: AsRef<OsStr>>(arguments: &[S]) -> Self {
        let mut command = Command::new(programs::victim());
        command.args(arguments);
        Self::start_command(command)
    }

    /// The same with a name (comm) of any bytes, at most 15 of them.
    pub fn named(name: &[u8], mode: &str) -> Self {
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::start(&["--comm", &hex, mode])
    }

    /// Starts a copy, or with another folder or uid: whatever the command says. It must say "ready".
    pub fn start_command(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = line.trim_end().strip_prefix("ready").unwrap_or_else(|| panic!("{command:?} said {line:?}"));
        let named = said.trim().parse().ok();
        let pid = child.id();
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait().unwrap()));
        Self { pid, named, input, ended }
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The pid that it named when it was ready: the zombie of "zombie".
    pub fn named_pid(&self) -> u32 {
        self.named.unwrap()
    }

    /// Its reference, read here and not by the agent.
    pub fn reference(&self) -> ProcessRef {
        reference_of(self.pid)
    }

    /// Waits until it sleeps: it says that it is ready a moment before.
    #[must_use]
    pub fn asleep(self) -> Self {
        eventually("a victim to fall asleep", || {
            let stat = fs::read(format!("/proc/{}/stat", self.pid)).unwrap();
            let after_name = stat.iter().rposition(|byte| *byte == b')').unwrap() + 2;
            (stat[after_name] == b'S').then_some(())
        });
        self
    }

    /// Sends it a signal: "STOP".
    pub fn signal(&self, name: &str) {
        signal(self.pid, name);
    }

    /// Waits until it has ended and was reaped. Fails the test after half a minute.
    pub fn ended(&self) -> ExitStatus {
        self.ended.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("victim {} lives on", self.pid))
    }

    /// True if it has not ended. Whoever asks must not have asked [`Victim::ended`] before.
    pub fn is_alive(&self) -> bool {
        self.ended.try_recv().is_err()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        drop(self.input.take());
        // One that is stopped does not see the end of its input.
        if Path::new("/proc").join(self.pid.to_string()).exists() && self.is_alive() {
            try_signal(self.pid, "KILL");
        }
    }
}

/// The reference of a process that is known to live, read without the agent.
pub fn reference_of(pid: u32) -> ProcessRef {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.iter().rposition(|byte| *byte == b')').unwrap() + 2;
    let rest = String::from_utf8(stat[after_name..].to_vec()).unwrap();
    // Field 22; the name is field 2.
    let start_ticks = rest.split(' ').nth(22 - 3).unwrap().parse().unwrap();
    ProcessRef { pid, start_ticks, boot_id: boot_id().into(), pidfd_inode: None }
}

/// The 16 bytes of the boot id.
pub fn boot_id() -> Vec<u8> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let digits: Vec<_> = text.trim().chars().filter(|digit| *digit != '-').collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}
