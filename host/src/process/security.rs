//! `attr/current` and `loginuid`.

use rustix::io::Errno;

use super::{access::Access, draft::Draft};

/// Reads it into the row.
pub(super) fn read_label(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let _ = (access.pid, draft.process.pid);
    Err(Errno::NOSYS)
}
/// Reads it into the row.
pub(super) fn read_login_uid(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let _ = (access.pid, draft.process.pid);
    Err(Errno::NOSYS)
}
