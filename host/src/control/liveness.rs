//! Whether a process lives, and how it ended, child or not.

use std::os::fd::BorrowedFd;

use procwire_proto::v1::{ExitStatus, ProcessRef, ProcessState};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{
    process::{Stat, may_trace_zombie},
    procfs::{Buffer, ProcessPath},
    sys::pidfd_info,
};

/// What became of a process.
#[derive(Clone, Debug, PartialEq)]
pub enum Liveness {
    /// It lives, in this state (unspecified if that could not be read).
    Running(ProcessState),
    /// It has ended but was not waited for by its parent yet, and the agent may not read how it ended. Look again when the
    /// descriptor wakes, or after a while: the kernel tells once the parent has waited.
    ZombieUnknown,
    /// It has ended.
    Ended(ExitStatus),
}

impl Liveness {
    pub(super) fn look(pidfd: BorrowedFd<'_>, proc: BorrowedFd<'_>, reference: &ProcessRef) -> Self {
        if !has_ended(pidfd) {
            return Self::Running(state(proc, reference).unwrap_or_default());
        }
        // A second try, because the parent may wait for it between the two questions.
        for _ in 0..2 {
            if let Some(status) = pidfd_info(pidfd).ok().and_then(|info| info.wait_status) {
                return Self::Ended(ExitStatus::from_wait_status(status));
            }
            match zombie(proc, reference) {
                Zombie::Status(status) => return Self::Ended(ExitStatus::from_wait_status(status)),
                Zombie::Secret => return Self::ZombieUnknown,
                Zombie::Reaped => {}
            }
        }
        Self::Ended(ExitStatus::unknown(
            "this kernel keeps no exit status for processes of other parents; Linux 6.15 does",
        ))
    }
}

/// A pidfd is readable once its process has ended, zombies included (pidfd_open(2)).
fn has_ended(pidfd: BorrowedFd<'_>) -> bool {
    let mut watched = [PollFd::new(&pidfd, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        match poll(&mut watched, Some(&at_once)) {
            Err(Errno::INTR) => {}
            result => return result.is_ok_and(|ready| ready > 0),
        }
    }
}

fn state(proc: BorrowedFd<'_>, reference: &ProcessRef) -> Option<ProcessState> {
    let mut buffer = Buffer::new();
    let line = buffer.read_file(proc, ProcessPath::new(reference.pid).file("stat")).ok()?;
    Stat::parse(line).filter(|stat| stat.start_ticks == reference.start_ticks)?.state
}

enum Zombie {
    /// Its raw wait status.
    Status(u32),
    /// The agent may not know.
    Secret,
    /// It is none any more.
    Reaped,
}

/// Field 52 of a zombie's stat is its wait status, for those who may trace it; others read 0 (fs/proc/array.c).
fn zombie(proc: BorrowedFd<'_>, reference: &ProcessRef) -> Zombie {
    let mut buffer = Buffer::new();
    // Asked first: of a process that is gone the answer is the same, and stat, read after it, proves that this one was not gone.
    let may_trace = may_trace_zombie(proc, reference.pid);
    let Ok(line) = buffer.read_file(proc, ProcessPath::new(reference.pid).file("stat")) else { return Zombie::Reaped };
    let is_it = |stat: &Stat<'_>| stat.start_ticks == reference.start_ticks && stat.is_zombie();
    match Stat::parse(line).filter(is_it) {
        None => Zombie::Reaped,
        Some(Stat { wait_status: Some(status), .. }) if may_trace || status != 0 => Zombie::Status(status),
        Some(_) => Zombie::Secret,
    }
}
