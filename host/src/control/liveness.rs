//! Whether a process lives, and how it ended, child or not.

use procwire_proto::v1::{ExitStatus, ProcessRef, ProcessState};
use rustix::io::Errno;

use super::handle::Grip;
use crate::{process::may_trace_zombie, procfs::Buffer};

/// What became of a process.
#[derive(Clone, Debug, PartialEq)]
pub enum Liveness {
    /// It lives, in this state (unspecified if that could not be read).
    Running(ProcessState),
    /// It has ended but was not waited for by its parent yet, and the agent may not read how it ended. Look again when the
    /// descriptor wakes, or after a while: the kernel tells once the parent has waited.
    ZombieUnknown,
    /// It has ended.
    Ended(ExitStatus),
}

impl Liveness {
    pub(super) fn look(grip: &Grip, reference: &ProcessRef) -> Self {
        // A second try, because it may end, and its parent wait for it, between the questions.
        for _ in 0..2 {
            let has_ended = grip.has_ended();
            if let Some(status) = grip.exit_status().filter(|_| has_ended == Some(true)) {
                return Self::Ended(status);
            }
            match (Seen::of(grip, reference), has_ended) {
                (Seen::Zombie(status), _) => return Self::Ended(ExitStatus::from_wait_status(status)),
                (Seen::SecretZombie, _) => return Self::ZombieUnknown,
                (Seen::Alive(state), Some(false) | None) => return Self::Running(state),
                (Seen::Gone, None) => break,
                // The pidfd knows better than what is seen.
                (Seen::Gone, Some(false)) => {}
                (Seen::Gone | Seen::Alive(_), Some(true)) => {}
            }
        }
        match grip.has_ended() {
            Some(false) => Self::Running(ProcessState::Unspecified),
            Some(true) | None => Self::Ended(ExitStatus::unknown(
                "this kernel keeps no exit status for processes of other parents; Linux 6.15 does",
            )),
        }
    }
}

/// True if it has ended, zombies included.
pub(super) fn has_ended(grip: &Grip, reference: &ProcessRef) -> bool {
    grip.has_ended().unwrap_or_else(|| !matches!(Seen::of(grip, reference), Seen::Alive(_)))
}

/// A process as its stat shows it.
enum Seen {
    /// In this state; unspecified where that could not be read.
    Alive(ProcessState),
    /// Its raw wait status.
    Zombie(u32),
    /// The agent may not know how it ended.
    SecretZombie,
    /// It was waited for.
    Gone,
}

impl Seen {
    fn of(grip: &Grip, reference: &ProcessRef) -> Self {
        let mut buffer = Buffer::new();
        match grip.stat(reference, &mut buffer) {
            // Its main thread may have exited while others run on.
            Ok(stat) if !stat.is_zombie() || stat.leader_has_exited() => Self::Alive(stat.state.unwrap_or_default()),
            Ok(_) => Self::zombie(grip, reference, &mut buffer),
            Err(Errno::SRCH | Errno::NOENT) => Self::Gone,
            // A shortage of descriptors is no sign of an end.
            Err(_) => Self::Alive(ProcessState::Unspecified),
        }
    }

    /// Field 52 of a zombie's stat is its wait status, for those who may trace it; others read 0 (fs/proc/array.c).
    fn zombie(grip: &Grip, reference: &ProcessRef, buffer: &mut Buffer) -> Self {
        // Asked first: of a process that is gone the answer is the same, and stat, read after it, proves that this one was not gone.
        let (directory, mut path) = grip.files(reference.pid);
        let may_trace = may_trace_zombie(directory, path.file("exe"));
        match grip.stat(reference, buffer).map(|stat| stat.wait_status) {
            Err(_) => Self::Gone,
            Ok(Some(status)) if may_trace || status != 0 => Self::Zombie(status),
            Ok(_) => Self::SecretZombie,
        }
    }
}
