//! How a zombie ended.

use std::{ffi::CStr, os::fd::BorrowedFd};

use procwire_proto::v1::ExitStatus;
use rustix::io::Errno;

use crate::procfs::ProcessPath;

/// The end of a zombie by field 52 of its stat. The kernel writes 0 there for those who may not trace it (fs/proc/array.c: do_task_stat),
/// so a 0 is an exit code only for those who may. The caller makes sure afterwards that the zombie is still there.
pub(super) fn status(proc: BorrowedFd<'_>, pid: u32, wait_status: Option<u32>) -> ExitStatus {
    match wait_status {
        None => ExitStatus::unknown("this kernel shows no exit status of zombies; Linux 3.5 does"),
        Some(0) if !may_trace_zombie(proc, ProcessPath::new(pid).file("exe")) => ExitStatus::unknown(
            "the agent may not trace this process, and only then does the kernel show its exit status",
        ),
        Some(status) => ExitStatus::from_wait_status(status),
    }
}

/// True if the agent may trace this zombie. Following the link exe takes the same right (ptrace(2), "access mode checking"), and for a zombie
/// it leads nowhere: only the error differs. It leads nowhere for a process that is gone as well.
pub(crate) fn may_trace_zombie(directory: BorrowedFd<'_>, exe: &CStr) -> bool {
    rustix::fs::readlinkat(directory, exe, Vec::new()) == Err(Errno::NOENT)
}
