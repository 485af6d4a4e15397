//! `/proc/PID/smaps`: mappings, one by one and added up by path.

use rustix::io::Errno;

use super::{access::Access, draft::Draft};

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let _ = (access.pid, draft.process.pid);
    Err(Errno::NOSYS)
}
