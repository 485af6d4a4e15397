//! Whether a process lives, and how it ended, child or not.

use std::os::fd::BorrowedFd;

use procwire_proto::v1::{ExitStatus, ProcessRef, ProcessState};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{
    process::Stat,
    procfs::{Buffer, Numbers, ProcessPath},
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
    let mut path = ProcessPath::new(reference.pid);
    // The same right decides on following the link exe, which leads nowhere for a zombie: only the error differs. Asked first: it leads
    // nowhere for a process that is gone as well, and stat, read after it, proves that this one was not.
    let may_trace = rustix::fs::readlinkat(proc, path.file("exe"), Vec::new()) == Err(Errno::NOENT);
    let Ok(line) = buffer.read_file(proc, path.file("stat")) else { return Zombie::Reaped };
    let is_it = Stat::parse(line).is_some_and(|stat| stat.start_ticks == reference.start_ticks && stat.is_zombie());
    if !is_it {
        return Zombie::Reaped;
    }
    let status = wait_status(line);
    match status {
        Some(status) if may_trace || status != 0 => Zombie::Status(status),
        _ => Zombie::Secret,
    }
}

fn wait_status(line: &[u8]) -> Option<u32> {
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let mut fields = Numbers::new(line.get(close + 1..)?);
    fields.skip(49).unsigned().and_then(|status| u32::try_from(status).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_status_is_field_52() {
        let line = b"2080 (a) b) Z 2079 2080 2080 0 -1 4194304 901 1207 3 4 7 5 11 13 20 -5 1 0 5151 0 0 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 9 0 0 0 0 0 0 0 0 0 1792\n";
        assert_eq!(wait_status(line), Some(1792));
        assert_eq!(wait_status(b"2080 (a) Z 1 2"), None);
    }
}
