//! What rustix has no words for: signal 0 through a pidfd, and the pidfd of a thread.

use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use rustix::{io::Errno, process::Pid};

/// `PIDFD_THREAD` of include/uapi/linux/pidfd.h, kernel 6.9.
const PIDFD_THREAD: libc::c_int = libc::O_EXCL;

/// Asks whether a signal could be sent, and sends none: `pidfd_send_signal(2)` with signal 0.
///
/// # Errors
/// `NOSYS` before kernel 5.1, `PERM` under a filter of system calls or where it may not be signalled, `SRCH` when the process is gone.
pub(crate) fn pidfd_send_nothing(pidfd: BorrowedFd<'_>) -> Result<(), Errno> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the call takes a descriptor that is open, two numbers and a null pointer, which it takes for "no siginfo"; it writes nothing.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), 0_i32, no_info, 0_u32) };
    super::result(sent).map(drop)
}

/// A pidfd of one thread of this process: `pidfd_open(2)` with `PIDFD_THREAD`.
///
/// # Errors
/// `INVAL` before kernel 6.9.
pub(crate) fn pidfd_of_thread(thread: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes two numbers.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, thread.as_raw_pid(), PIDFD_THREAD) };
    let descriptor = super::result(opened).and_then(|number| i32::try_from(number).map_err(|_| Errno::BADF))?;
    // SAFETY: the kernel has just opened this descriptor for us, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{os::fd::AsFd as _, process::Command};

    use rustix::process::{PidfdFlags, pidfd_open};

    use super::*;

    #[test]
    fn nothing_is_sent_and_the_end_is_told() {
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let Ok(pidfd) = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) else {
            child.kill().unwrap();
            child.wait().unwrap();
            return;
        };
        pidfd_send_nothing(pidfd.as_fd()).unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success(), "it ended by itself");
        assert_eq!(pidfd_send_nothing(pidfd.as_fd()), Err(Errno::SRCH));
    }
}
