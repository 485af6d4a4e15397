//! Why a process could not be acted on.

use std::io;

use rustix::io::Errno;

/// A process could not be acted on, and nothing was done to it.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The reference is no reference.
    #[error("{field}: {detail}")]
    InvalidReference {
        /// Field of the reference.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// No process has this pid.
    #[error("process {pid} is gone")]
    Gone {
        /// The pid.
        pid: u32,
    },
    /// Another process has this pid.
    #[error(
        "pid {pid} was reused: the process started at tick {wanted_start_ticks} was meant, the one there started at {found_start_ticks}"
    )]
    Reused {
        /// The pid.
        pid: u32,
        /// Start of the process that was meant.
        wanted_start_ticks: u64,
        /// Start of the process that is there.
        found_start_ticks: u64,
    },
    /// The reference was made before the last boot.
    #[error("process {pid} was named before the host's last boot")]
    Rebooted {
        /// The pid.
        pid: u32,
    },
    /// Its pid is another process's to a system call of the agent.
    #[error(
        "process {pid} is listed by a procfs of another pid namespace than the agent's, so that its pid means nothing, or another process, to a system call; start the agent in the pid namespace of the host (docker: --pid=host, Kubernetes: hostPID: true)"
    )]
    ForeignPids {
        /// The pid.
        pid: u32,
    },
    /// The kernel does not let the agent do it.
    #[error("{operation} on process {pid}: permission denied; the agent needs {needs}")]
    PermissionDenied {
        /// The system call.
        operation: &'static str,
        /// The pid.
        pid: u32,
        /// What would let it: a capability, a user.
        needs: &'static str,
    },
    /// Its threads are born faster than they can be changed, or the machine is too busy.
    #[error("{path} was not changed for all threads of process {pid} before the time was up; try again")]
    OutOfTime {
        /// The pid.
        pid: u32,
        /// Field of the settings.
        path: &'static str,
    },
    /// The kernel takes no such value.
    #[error("{path} {problem}")]
    InvalidSetting {
        /// Field of the settings: `cpu_affinity[2]`.
        path: String,
        /// What is wrong with it, read on from the path.
        problem: String,
    },
    /// The kernel has no pidfds.
    #[error("this kernel has no {feature}; Linux 5.3 or later is needed")]
    UnsupportedKernel {
        /// What is missing.
        feature: &'static str,
    },
    /// The kernel refused for another reason.
    #[error("{operation} on process {pid}: {source}")]
    Io {
        /// The system call.
        operation: &'static str,
        /// The pid.
        pid: u32,
        /// Why.
        source: io::Error,
    },
}

impl ControlError {
    /// EMFILE, ENFILE: the agent, or the system, has as many open files as it may.
    pub fn is_out_of_descriptors(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(source.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)))
    }

    /// What an error of a system call that looks at or signals a process means.
    pub(super) fn of(operation: &'static str, pid: u32, errno: Errno) -> Self {
        match errno {
            Errno::SRCH | Errno::NOENT => Self::Gone { pid },
            Errno::PERM | Errno::ACCESS => {
                Self::PermissionDenied { operation, pid, needs: "CAP_KILL or the process's user" }
            }
            Errno::NOSYS => Self::UnsupportedKernel { feature: operation },
            errno => Self::Io { operation, pid, source: errno.into() },
        }
    }
}
