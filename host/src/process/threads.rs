//! `/proc/PID/task`: the threads of a process.

use procwire_proto::v1::ProcessState;
use rustix::io::Errno;

use super::{access::Access, draft::Draft};
use crate::{Host, procfs::Buffer};

/// A thread that is not a zombie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LiveThread {
    pub(super) id: u32,
    pub(super) state: Option<ProcessState>,
}

/// A thread of this process that lives, if there is one.
pub(super) fn live_thread(host: &Host, buffer: &mut Buffer, pid: u32) -> Option<LiveThread> {
    let _ = (host, buffer, pid);
    None
}

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let _ = (access.pid, draft.process.pid);
    Err(Errno::NOSYS)
}
