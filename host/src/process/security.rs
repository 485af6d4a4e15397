//! `attr/current` and `loginuid`: what the security module and audit keep of a process.

use rustix::io::Errno;

use super::{access::Access, draft::Draft};
use crate::procfs::number;

/// `AUDIT_UID_UNSET`: the process descends from no login.
const UNSET: u64 = u32::MAX as u64;

/// Reads the label into the row.
pub(super) fn read_label(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let label = label(access.contents("attr/current")?).to_vec();
    if label.is_empty() {
        // As a kernel without a module that labels processes says it (security/security.c).
        return Err(Errno::INVAL);
    }
    draft.process.security_label = Some(label);
    Ok(())
}

/// Reads the login uid into the row; one that is unset is absent, and there is nothing to say.
pub(super) fn read_login_uid(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let uid = number(access.contents("loginuid")?).ok_or(Errno::BADMSG)?;
    draft.process.login_uid = if uid == UNSET { None } else { Some(u32::try_from(uid).map_err(|_| Errno::BADMSG)?) };
    Ok(())
}

/// AppArmor ends it with a newline, SELinux with a NUL.
fn label(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !matches!(byte, 0 | b'\n')).map_or(0, |last| last + 1);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_label_is_taken_off_and_nothing_else() {
        assert_eq!(label(b"unconfined\n"), b"unconfined");
        assert_eq!(label(b"/usr/sbin/named (enforce)\n"), b"/usr/sbin/named (enforce)");
        assert_eq!(label(b"system_u:system_r:init_t:s0\0"), b"system_u:system_r:init_t:s0");
        assert_eq!(label(b"a\nb \n\0"), b"a\nb ");
        assert_eq!(label(b"\n\0"), b"");
        assert_eq!(label(b""), b"");
    }
}
