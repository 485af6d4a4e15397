//! The files of a process that are many or long: mappings, descriptors, threads. On live processes, beside what the kernel says
//! elsewhere.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod descriptors;
mod memory;
mod threads;

use std::{
    fs,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use procwire_host::{Host, ProcessPlan, ProcessReader, Roots};
use procwire_proto::{
    FieldMask, ProcessFieldSet,
    v1::{FieldError, FieldErrorReason, Process},
};

/// A child that is ended with the test.
struct Victim(Child);

impl Victim {
    /// Runs a program, and waits until it has loaded its libraries and sleeps.
    fn sleeping(command: &mut Command) -> Self {
        let victim = Self(command.stdin(Stdio::null()).spawn().unwrap());
        let mut maps = victim.file("maps");
        loop {
            std::thread::yield_now();
            let now = victim.file("maps");
            if maps == now && victim.file("stat").contains(") S ") {
                return victim;
            }
            maps = now;
        }
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid())).unwrap()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A child that has ended and is not waited for.
fn zombie() -> Victim {
    let child = Command::new("true").spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
    rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).unwrap();
    Victim(child)
}

fn read(pid: u32, paths: &[&str]) -> Process {
    let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
    let plan = ProcessPlan::new(ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap());
    let host = Arc::new(Host::open(Roots::default()).unwrap());
    ProcessReader::new(host).read(pid, &plan).unwrap().unwrap()
}

fn reason_of(process: &Process, path: &str) -> Option<FieldErrorReason> {
    process.errors.iter().find(|error| error.path == path).map(FieldError::reason)
}

/// The oldest kernel thread, if this pid namespace shows any.
fn kernel_thread() -> Option<u32> {
    let name = fs::read_to_string("/proc/2/comm").ok()?;
    (name == "kthreadd\n").then_some(2)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
