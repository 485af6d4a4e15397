//! The parent of a process, its parent, and so on.

use rustix::io::Errno;

use super::{access::Access, draft::Draft};

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let _ = (access.pid, draft.process.pid);
    Err(Errno::NOSYS)
}
