//! What this kernel, and the filter of system calls that the agent runs under, offer for acting on a process.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{PidfdFlags, getpid, pidfd_open},
};

use crate::sys::{pidfd_info, pidfd_of_thread, pidfd_send_nothing};

/// What a process can be held and asked by. Probed once, by the agent on itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlAbilities {
    /// A process can be held by a pidfd and signalled through it (Linux 5.3, and no filter that refuses it). Without it, the open directory
    /// of the process in procfs holds it, and kill(2) signals it right after a check.
    pub pidfd: bool,
    /// The pidfd tells how its process ended, whoever its parent is, even after the parent has waited for it (Linux 6.15).
    pub exit_status: bool,
}

impl ControlAbilities {
    /// Asks the kernel.
    pub fn probe() -> Self {
        let pidfd = pidfd_open(getpid(), PidfdFlags::empty());
        let can_signal = match &pidfd {
            Ok(pidfd) => pidfd_send_nothing(pidfd.as_fd()).err(),
            Err(errno) => Some(*errno),
        };
        let pidfd = can_signal.is_none_or(|errno| !is_for_good(errno));
        Self { pidfd, exit_status: pidfd && tells_exit() }
    }
}

/// What a kernel without the call says, and a filter of system calls (seccomp(2)). Anything else, such as a shortage of descriptors, passes.
fn is_for_good(errno: Errno) -> bool {
    matches!(errno, Errno::NOSYS | Errno::PERM | Errno::ACCESS)
}

/// The first kernels with `PIDFD_GET_INFO` (6.13, 6.14) keep no exit status, and of a process that lives all of them say the same. So a
/// thread is asked after its end, which takes no child process: pidfds of threads came with Linux 6.9.
fn tells_exit() -> bool {
    let opened = thread::Builder::new().name("procwire-probe".into()).spawn(|| -> Option<OwnedFd> {
        let own = rustix::thread::gettid();
        pidfd_of_thread(own).ok()
    });
    let Ok(Some(Some(pidfd))) = opened.map(|thread| thread.join().ok()) else { return false };
    // The kernel lets go of the thread a moment after it can be joined; then it knows how it ended, or nothing (ESRCH).
    let began = Instant::now();
    loop {
        match pidfd_info(pidfd.as_fd()) {
            Ok(info) if info.wait_status.is_some() => return true,
            Ok(_) if began.elapsed() < LONGEST_PROBE => thread::yield_now(),
            _ => return false,
        }
    }
}

/// Far longer than a thread takes to end.
const LONGEST_PROBE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_probe_finds_agrees_with_the_release_of_the_kernel() {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let mut numbers =
            release.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let found = ControlAbilities::probe();
        // Only upwards: features are carried back to older kernels, and filters take them away.
        if found.exit_status {
            assert!(found.pidfd);
        } else if version >= (6, 15) && found.pidfd {
            assert!(pidfd_open(getpid(), PidfdFlags::empty()).is_ok_and(|pidfd| pidfd_info(pidfd.as_fd()).is_err()));
        }
        if version < (5, 3) {
            assert!(!found.pidfd);
        }
    }

    #[test]
    fn a_shortage_is_not_taken_for_a_kernel_that_cannot() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::SRCH] {
            assert!(!is_for_good(errno), "{errno}");
        }
        assert!(is_for_good(Errno::NOSYS) && is_for_good(Errno::PERM));
    }
}
