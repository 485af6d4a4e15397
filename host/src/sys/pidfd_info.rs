//! `ioctl(PIDFD_GET_INFO)`: what the kernel knows of a process by its pidfd, the exit status of any process included
//! (include/uapi/linux/pidfd.h; kernel 6.13, exit status since 6.15).

use std::os::fd::BorrowedFd;

use rustix::{
    io::Errno,
    ioctl::{self, Updater, opcode},
};

/// `PIDFD_INFO_EXIT`: ask for, or have got, the exit status.
const INFO_EXIT: u64 = 1 << 3;

/// `struct pidfd_info` in its first published size; the kernel fills what it and we know.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct RawPidfdInfo {
    mask: u64,
    cgroupid: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ruid: u32,
    rgid: u32,
    euid: u32,
    egid: u32,
    suid: u32,
    sgid: u32,
    fsuid: u32,
    fsgid: u32,
    exit_code: i32,
}

const PIDFD_GET_INFO: ioctl::Opcode = opcode::read_write::<RawPidfdInfo>(0xFF, 11);

/// What a pidfd tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PidfdInfo {
    /// Raw wait status; `None` as long as the process was not waited for by its parent.
    pub(crate) wait_status: Option<u32>,
}

/// Asks the kernel about a pidfd.
///
/// # Errors
/// `NOTTY` or `INVAL` before kernel 6.13; `SRCH` when the process is gone and was not watched before it went.
pub(crate) fn pidfd_info(pidfd: BorrowedFd<'_>) -> Result<PidfdInfo, Errno> {
    let mut raw = RawPidfdInfo { mask: INFO_EXIT, ..RawPidfdInfo::default() };
    // SAFETY: the opcode is built from the type that is passed, so the kernel reads and writes exactly `raw`, which is plain
    // integers: any bytes are a valid value. `raw` outlives the call.
    unsafe {
        let call = Updater::<PIDFD_GET_INFO, RawPidfdInfo>::new(&mut raw);
        ioctl::ioctl(pidfd, call)?;
    }
    let has_status = raw.mask & INFO_EXIT != 0;
    Ok(PidfdInfo { wait_status: has_status.then_some(raw.exit_code.cast_unsigned()) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{os::fd::AsFd as _, process::Command};

    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::*;

    #[test]
    fn the_record_has_the_size_the_kernel_published() {
        assert_eq!(size_of::<RawPidfdInfo>(), 64);
    }

    #[test]
    fn the_exit_status_is_there_after_the_reap_and_not_before() {
        let mut child =
            Command::new("sh").args(["-c", "read line; exit 42"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        match pidfd_info(pidfd.as_fd()) {
            // A kernel before 6.13 has no such call, and the agent says so; there is nothing to check then.
            Err(errno) => assert!(matches!(errno, Errno::NOTTY | Errno::INVAL), "{errno}"),
            Ok(alive) => {
                assert_eq!(alive.wait_status, None);
                drop(child.stdin.take());
                child.wait().unwrap();
                let status = pidfd_info(pidfd.as_fd()).ok().and_then(|info| info.wait_status);
                assert!(status.is_none_or(|status| status == 42 << 8), "{status:?}");
            }
        }
    }
}
