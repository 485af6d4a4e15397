//! The peers, each used as its documentation says.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::sets::Set;

/// Python with psutil that runs on, and keeps its objects between calls. It times itself, so that neither the start of the
/// interpreter, nor the import, nor the pipe counts.
pub struct Script {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

const PSUTIL: &str = "
import psutil, sys, time
attrs = sys.argv[1:]
for line in sys.stdin:
    start = time.perf_counter()
    rows = [p.info for p in psutil.process_iter(attrs)]
    print(time.perf_counter() - start, len(rows), flush=True)
";

/// `process_iter` with the attributes of a set.
pub fn psutil(set: &Set) -> Script {
    Script::start(PSUTIL, set.attributes)
}

impl Script {
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(procwire_tests::python::python());
        command.args(["-W", "ignore", "-c", script]).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }

    /// Seconds, and how many rows they were spent on.
    pub fn read(&mut self) -> (f64, usize) {
        self.stdin.write_all(b"go\n").unwrap();
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).unwrap();
        let (seconds, rows) = answer.trim().split_once(' ').unwrap();
        (seconds.parse().unwrap(), rows.parse().unwrap())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole program, its start (a few milliseconds) included, as one has to.
pub fn ps() -> usize {
    let columns = "pid,comm,ppid,state,cputime,lstart,nlwp,rss,vsz";
    let output = Command::new("ps").args(["--no-headers", "-eo", columns]).output().unwrap();
    assert!(output.status.success());
    output.stdout.iter().filter(|byte| **byte == b'\n').count()
}

pub fn sysinfo() -> usize {
    use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};
    let mut system = System::new().unwrap();
    let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    system.processes().len()
}

pub fn procfs() -> usize {
    let read = |process: procfs::process::Process| Some((process.stat().ok()?, process.statm().ok()?));
    let rows: Vec<_> = procfs::process::all_processes().unwrap().flatten().filter_map(read).collect();
    rows.len()
}
