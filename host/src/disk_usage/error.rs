//! Why the room at a path is not known.

use std::{io, os::unix::ffi::OsStrExt as _, path::Path, time::Duration};

use procwire_proto::escape;
use rustix::io::Errno;

use super::CAP;
use crate::HostError;

/// Why the room at a path is not known. The path is escaped as for a terminal.
#[derive(Debug, thiserror::Error)]
pub enum DiskUsageError {
    /// Nothing is there.
    #[error("{path} does not exist on this host")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// The agent may not look.
    #[error("{path} cannot be reached with the agent's privileges: {source}")]
    Denied {
        /// What was asked for.
        path: String,
        /// EACCES or EPERM.
        source: io::Error,
    },
    /// Its filesystem did not answer, now or since an earlier call.
    #[error("the filesystem of {path} does not answer; look at its server, or at the program behind it")]
    Timeout {
        /// What was asked for.
        path: String,
        /// How long a call waits.
        after: Duration,
    },
    /// No path of any host: too long, or links that lead round.
    #[error("{path} leads nowhere: {source}")]
    Unusable {
        /// What was asked for.
        path: String,
        /// ENAMETOOLONG or ELOOP.
        source: io::Error,
    },
    /// A path that is not followed, because following it would do more than look.
    #[error("{path} {problem}")]
    Refused {
        /// What was asked for.
        path: String,
        /// Reads on from the path: "has a `..` in it".
        problem: String,
    },
    /// Not asked, because as many questions as are waited for have no answer. Of the filesystem of this path that says nothing.
    #[error("{path} was not asked for: too many other paths or filesystems do not answer; try again when they do")]
    Crowded {
        /// What was asked for.
        path: String,
    },
    /// The kernel refused for another reason.
    #[error("{path}: {source}")]
    Failed {
        /// What was asked for.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// The mount table cannot be read.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl DiskUsageError {
    pub(super) fn refused(path: &Path, problem: impl Into<String>) -> Self {
        Self::Refused { path: shown(path), problem: problem.into() }
    }

    pub(super) fn timeout(path: &Path) -> Self {
        Self::Timeout { path: shown(path), after: CAP }
    }

    pub(super) fn crowded(path: &Path) -> Self {
        Self::Crowded { path: shown(path) }
    }

    pub(super) fn failed(path: &Path, errno: Errno) -> Self {
        let (path, source) = (shown(path), io::Error::from(errno));
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::NotFound { path },
            Errno::ACCESS | Errno::PERM => Self::Denied { path, source },
            Errno::NAMETOOLONG | Errno::LOOP => Self::Unusable { path, source },
            Errno::TIMEDOUT => Self::Timeout { path, after: CAP },
            _ => Self::Failed { path, source },
        }
    }
}

fn shown(path: &Path) -> String {
    escape::terminal(path.as_os_str().as_bytes()).into_owned()
}
