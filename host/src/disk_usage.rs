//! Space and inodes of filesystems, some of which may never answer: a server that is gone, a FUSE program that hangs.
//!
//! Where the kernel answers out of its own memory it is asked at once. All others are asked by threads of their own ([`Askers`]), so that
//! a filesystem that does not answer costs one thread and one wait, and nothing more until it answers.

mod error;
mod mount;
mod path;
mod tree;
mod waits;
mod walk;

use std::{fmt, sync::Arc, time::Duration};

pub use self::error::DiskUsageError;
use self::walk::PathQuestion;
pub(crate) use self::{
    mount::{MountKey, MountQuestion, MountUsage},
    path::place_of,
    tree::Ways,
    waits::Waits,
};
use crate::askers::{Askers, Outcome};

/// All filesystems of one call have this long to answer, together: several round trips to the other side of the world.
pub(crate) const CAP: Duration = Duration::from_secs(1);

/// Threads for filesystems of other hosts and of other programs.
const REMOTE_THREADS: usize = 16;
/// Threads for filesystems on devices of this host, which so never wait behind those.
const LOCAL_THREADS: usize = 4;
/// Threads for paths that lead to other hosts and programs.
const REMOTE_PATH_THREADS: usize = 8;
/// Threads for all other paths.
const LOCAL_PATH_THREADS: usize = 4;

/// Whom a host asks about its filesystems. What hangs is known to all readers of the host.
pub(crate) struct Filesystems {
    remote: Askers<MountQuestion>,
    local: Askers<MountQuestion>,
    remote_paths: Askers<PathQuestion>,
    local_paths: Askers<PathQuestion>,
}

impl Filesystems {
    pub(crate) fn new() -> Self {
        Self {
            remote: Askers::new("mounts-remote", REMOTE_THREADS),
            local: Askers::new("mounts-local", LOCAL_THREADS),
            remote_paths: Askers::new("mounts-r-paths", REMOTE_PATH_THREADS),
            local_paths: Askers::new("mounts-l-paths", LOCAL_PATH_THREADS),
        }
    }

    /// Asks filesystems that all wait for something.
    pub(crate) fn ask(
        &self,
        waits: Waits,
        questions: &[Arc<MountQuestion>],
        cap: Duration,
    ) -> Vec<Outcome<MountUsage>> {
        let askers = match waits {
            Waits::Never => {
                return questions.iter().map(|question| Outcome::Answered(question.ask_at_once())).collect();
            }
            Waits::ForDevice => &self.local,
            Waits::ForOthers => &self.remote,
        };
        askers.ask(questions, cap)
    }

    /// Whom to ask about a path whose way waits for this.
    fn paths(&self, waits: Waits) -> &Askers<PathQuestion> {
        match waits {
            Waits::Never | Waits::ForDevice => &self.local_paths,
            Waits::ForOthers => &self.remote_paths,
        }
    }
}

impl fmt::Debug for Filesystems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Filesystems").finish_non_exhaustive()
    }
}

/// Why there is no answer, for people.
pub(crate) fn silence<A>(outcome: &Outcome<A>) -> &'static str {
    match outcome {
        Outcome::Answered(_) => "it answered",
        Outcome::Silent => "the filesystem does not answer; it is asked again when it does",
        Outcome::NoThread => "not asked: as many filesystems as are waited for do not answer",
    }
}
