//! Processes that fork, and whose processes fork, and so on: as many as they were given tokens for and never more, whatever becomes of
//! the test. Every one of them ends when the test does, because all read from one pipe.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
};

use procwire_proto::v1::ProcessRef;

use crate::{victim::reference_of, waiting::eventually};

/// A byte read is a fork. Standard input is the pipe; what a shell starts in the background would not have it.
const SCRIPT: &str = r#"
    exec 3<&0
    bomb() { while read -r _ <&3; do bomb & done; wait; }
    trap '' HUP
    echo ready
    bomb
"#;

/// A fork bomb on a lead.
pub struct Bomb {
    head: Child,
    reference: ProcessRef,
    tokens: Option<ChildStdin>,
}

impl Bomb {
    /// In a process group of its own, by which its processes are counted. `entry` is a shell command that its first process begins with.
    pub fn lay(entry: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{entry}\n{SCRIPT}")]).process_group(0);
        let mut head = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(head.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{entry}");
        let tokens = head.stdin.take();
        let reference = reference_of(head.id());
        Self { head, reference, tokens }
    }

    /// Lets it fork so many times. At once is all in the pipe: it holds 64 KiB.
    pub fn feed(&mut self, forks: usize) {
        assert!(forks <= 4096, "a bomb is small enough to be survived");
        let mut tokens = self.tokens.as_ref().unwrap();
        tokens.write_all(&vec![b'\n'; forks]).unwrap();
    }

    /// Its first process.
    pub fn reference(&self) -> ProcessRef {
        self.reference.clone()
    }

    /// Its processes that live.
    pub fn living(&self) -> usize {
        group_members(self.reference.pid).len()
    }

    /// Waits until so many live.
    pub fn grown_to(&self, count: usize) {
        eventually("a bomb to go off", || (self.living() >= count).then_some(()));
    }

    /// Those of its processes that are stopped.
    pub fn stopped(&self) -> usize {
        group_members(self.reference.pid).iter().filter(|(_, state)| *state == 'T').count()
    }

    /// Waits until all have ended. What it says is the reason to fail.
    pub fn assert_gone(&self, why: &str) {
        eventually(why, || (self.living() == 0).then_some(()));
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.tokens.take();
        // Those that are stopped do not see the end of the pipe. A killed one cannot fork, and without tokens none does.
        while !group_members(self.reference.pid).is_empty() {
            for (pid, _) in group_members(self.reference.pid) {
                let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
            }
            let _ = self.head.try_wait();
            thread::yield_now();
        }
        let _ = self.head.kill();
        let _ = self.head.wait();
    }
}

/// Processes of this group, with their states, zombies left out.
fn group_members(group: u32) -> Vec<(u32, char)> {
    let mut members = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read(entry.path().join("stat")) else { continue };
        let Some(end) = stat.iter().rposition(|byte| *byte == b')') else { continue };
        let rest = String::from_utf8_lossy(&stat[end + 2..]).into_owned();
        let mut fields = rest.split(' ');
        let state = fields.next().and_then(|state| state.chars().next()).unwrap_or('?');
        let process_group = fields.nth(1).and_then(|group| group.parse::<u32>().ok());
        if process_group == Some(group) && !matches!(state, 'Z' | 'X') {
            members.push((pid, state));
        }
    }
    members
}
