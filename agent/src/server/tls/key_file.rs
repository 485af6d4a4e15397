//! Refuses a private key that others than the agent's user and root could read or replace.

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
    judge(path, key.mode, key.owner, procwire_host::own_user())
}

fn judge(path: &Path, mode: u32, owner: u32, agent: u32) -> Result<(), TlsError> {
    if mode & forbidden(owner, agent) != 0 {
        return Err(TlsError::KeyTooOpen { path: path.to_owned(), mode: mode & 0o777 });
    }
    // Root's agent can read what it is only lent.
    if owner != ROOT && owner != agent {
        return Err(TlsError::KeyOfAnother { path: path.to_owned(), owner, agent });
    }
    Ok(())
}

/// What nobody may do with a key of this owner. Root may hand one to the agent's group, as PostgreSQL has it: that is how Kubernetes
/// mounts secrets for a pod that is not root (fsGroup).
fn forbidden(owner: u32, agent: u32) -> u32 {
    if owner == ROOT && agent != ROOT { NOT_READ_BY_GROUP } else { NOT_OWNER }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_root_may_share_a_key_with_the_group_and_only_to_read() {
        let is_good = |mode: u32, owner, agent| judge(Path::new("key"), mode, owner, agent).is_ok();
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

    #[test]
    fn a_key_belongs_to_the_agent_or_to_root() {
        for agent in [ROOT, 1000] {
            let problem = judge(Path::new("key"), 0o600, 1001, agent).unwrap_err().to_string();
            let wanted = format!(
                "tls.key key: it belongs to user 1001, neither the agent's ({agent}) nor root; run chown {agent} on it"
            );
            assert_eq!(problem, wanted);
            judge(Path::new("key"), 0o600, agent, agent).unwrap();
            judge(Path::new("key"), 0o400, ROOT, agent).unwrap();
        }
    }
}
