//! Refuses a private key that others than its owner and root could read.

use std::path::Path;

use super::TlsError;
use crate::reload::Content;

/// Bits of group and others.
const NOT_OWNER: u32 = 0o077;
/// Writing by the group, and all of others.
const NOT_READ_BY_GROUP: u32 = 0o037;
/// The user who can read every file anyway.
const ROOT: u32 = 0;

pub(super) fn check(path: &Path, key: &Content) -> Result<(), TlsError> {
    if key.mode & forbidden(key.owner, procwire_host::own_user()) != 0 {
        return Err(TlsError::KeyTooOpen { path: path.to_owned(), mode: key.mode & 0o777 });
    }
    Ok(())
}

/// What nobody may do with a key of this owner. Root may hand one to the agent's group, as PostgreSQL has it: that is how Kubernetes
/// mounts secrets for a pod that is not root (fsGroup).
fn forbidden(owner: u32, agent: u32) -> u32 {
    if owner == ROOT && agent != ROOT { NOT_READ_BY_GROUP } else { NOT_OWNER }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_may_share_a_key_with_the_group_and_only_to_read() {
        let is_good = |mode: u32, owner, agent| mode & forbidden(owner, agent) == 0;
        assert!(
            is_good(0o600, 1000, 1000) && is_good(0o400, 0, 0) && is_good(0o440, 0, 1000) && is_good(0o640, 0, 1000)
        );
        for (mode, owner, agent) in [
            (0o440, 1000, 1000),
            (0o440, 0, 0),
            (0o440, 1001, 1000),
            (0o460, 0, 1000),
            (0o444, 0, 1000),
            (0o404, 0, 1000),
        ] {
            assert!(!is_good(mode, owner, agent), "{mode:o} of {owner} for {agent}");
        }
    }
}
