//! `/proc/PID/cgroup`: control group, systemd unit, container (cgroups(7)).

use rustix::io::Errno;

use super::{access::Access, draft::Draft};

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let _ = (access.pid, draft.process.pid);
    Err(Errno::NOSYS)
}
