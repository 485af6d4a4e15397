//! Processors a thread may run on (sched_getaffinity(2)) and its I/O priority (ioprio_get(2)).

use rustix::io::Errno;

use super::{access::Access, draft::Draft};

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let _ = (access.pid, draft.process.pid);
    Err(Errno::NOSYS)
}
/// Reads it into the row.
pub(super) fn read_io_priority(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let _ = (access.pid, draft.process.pid);
    Err(Errno::NOSYS)
}
