//! What a held process says of itself now: its parent, its session, its group. What is read is its own and never that of another process
//! with its pid.

use std::{ffi::CString, ops::ControlFlow, os::fd::AsFd as _};

use procwire_proto::v1::{ProcessCgroup, ProcessState};
use rustix::io::Errno;

use super::census::Entry;
use crate::{
    control::ProcessHandle,
    process::{Stat, cgroup_meant, cgroup_membership},
    procfs::{Buffer, Directory},
};

/// Its parent and session; `None` once it has ended.
pub(super) fn entry_of(handle: &ProcessHandle) -> Option<Entry> {
    Entry::of(handle.reference().pid, &handle.stat(&mut Buffer::new()).ok()?)
}

/// Every control group that it is in.
pub(super) fn groups_of(handle: &ProcessHandle) -> Result<ProcessCgroup, Errno> {
    let directory = handle.directory().map_err(|_| Errno::SRCH)?;
    Buffer::new().read_file(directory.as_fd(), c"cgroup").map(cgroup_membership)
}

/// The one that people mean, as rules of policies see it.
pub(super) fn cgroup_of(handle: &ProcessHandle) -> Option<Vec<u8>> {
    cgroup_meant(&groups_of(handle).ok()?).map(<[u8]>::to_vec)
}

/// True if it cannot start anything until somebody continues it: every thread is stopped, or has ended. A thread in a system call that
/// cannot be interrupted is not stopped yet: it may be in fork(2).
pub(super) fn is_stopped(handle: &ProcessHandle) -> bool {
    let mut buffer = Buffer::new();
    let Ok(stat) = handle.stat(&mut buffer) else { return true };
    if stat.threads.unwrap_or(1) <= 1 {
        return stands_still(&stat);
    }
    let Ok(directory) = handle.directory() else { return true };
    let Ok(threads) = Directory::open(directory.as_fd(), c"task") else { return true };
    let mut all = true;
    let listed = threads.each_number(|_, name| {
        let path = CString::new([name.to_bytes(), b"/stat"].concat()).unwrap_or_default();
        let line = buffer.read_file(threads.as_fd(), &path).unwrap_or_default();
        all = Stat::parse(line).is_none_or(|stat| stands_still(&stat));
        if all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    all && listed.is_ok()
}

fn stands_still(stat: &Stat<'_>) -> bool {
    stat.is_zombie() || matches!(stat.state, Some(ProcessState::Stopped | ProcessState::TracingStop))
}
