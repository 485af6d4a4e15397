//! How many processes can be held at a time: each takes descriptors.

use std::io;

use rustix::process::{Resource, getrlimit};

use super::ScopeError;

/// A handle holds a pidfd, or the directory of its process.
const DESCRIPTORS_EACH: u64 = 1;
/// For connections, reads and the audit trail, whatever is held.
const RESERVE: u64 = 192;
/// With the limits of most machines this is what bounds a scope; more processes than this are named by nobody.
const MOST: usize = 65_536;

/// The most members of a scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    most: usize,
    limit: u64,
}

impl Room {
    /// Three quarters of the descriptors that the agent may have, so that another scope has room as well, and its callers.
    pub(super) fn of_process() -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = (limit - limit / 4).saturating_sub(RESERVE) / DESCRIPTORS_EACH;
        Self { most: usize::try_from(most).map_or(MOST, |most| most.min(MOST)), limit }
    }

    #[cfg(test)]
    pub(super) fn for_members(most: usize) -> Self {
        Self { most, limit: 0 }
    }

    pub(super) fn demand(self, members: usize) -> Result<(), ScopeError> {
        if members < self.most { Ok(()) } else { Err(self.used_up(members)) }
    }

    pub(super) fn used_up(self, members: usize) -> ScopeError {
        ScopeError::Descriptors { found: members, limit: self.limit }
    }
}

/// EMFILE, ENFILE.
pub(super) fn is_used_up(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}
