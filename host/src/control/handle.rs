//! A pidfd whose identity was verified.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use procwire_proto::v1::{ControlMechanism, ProcessRef};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal},
};

use super::{ControlError, Liveness};
use crate::{
    Host,
    process::Stat,
    procfs::{Buffer, ProcessPath},
    sys,
};

/// One process, held by a descriptor of which the kernel guarantees that it never means another. The descriptor becomes readable when
/// the process has ended.
#[derive(Debug)]
pub struct ProcessHandle {
    pidfd: OwnedFd,
    reference: ProcessRef,
    name: Vec<u8>,
    effective_uid: Option<u32>,
    is_kernel_thread: bool,
    proc: OwnedFd,
}

impl ProcessHandle {
    /// Opens the process of a reference: the descriptor first, then the check that it is the one that was meant. In this order
    /// nothing can come between, because the descriptor keeps to whatever process had the pid when it was opened.
    ///
    /// # Errors
    /// The reference is malformed, or its process is gone, another one, or of another boot.
    pub fn open(host: &Host, target: &ProcessRef) -> Result<Self, ControlError> {
        let pid = checked(host, target)?;
        let error = |operation, errno| error_of(operation, target.pid, errno);
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| match errno {
            // ENOENT (EINVAL before 6.9): the number is a thread's.
            Errno::NOENT | Errno::INVAL => ControlError::Gone { pid: target.pid },
            errno => error("pidfd_open", errno),
        })?;
        let mut buffer = Buffer::new();
        let line = buffer
            .read_file(host.proc(), ProcessPath::new(target.pid).file("stat"))
            .map_err(|errno| error("read stat", errno))?;
        let stat = Stat::parse(line).ok_or_else(|| error("read stat", Errno::BADMSG))?;
        let found = ProcessRef { start_ticks: stat.start_ticks, pidfd_inode: inode(&pidfd), ..target.clone() };
        let wanted_inode = target.pidfd_inode.or(found.pidfd_inode);
        if found.start_ticks != target.start_ticks || found.pidfd_inode != wanted_inode {
            return Err(ControlError::Reused {
                pid: target.pid,
                wanted_start_ticks: target.start_ticks,
                found_start_ticks: found.start_ticks,
            });
        }
        let name = stat.comm.to_vec();
        let is_kernel_thread = stat.is_kernel_thread();
        let effective_uid =
            rustix::fs::statat(host.proc(), ProcessPath::new(target.pid).file(""), rustix::fs::AtFlags::empty());
        let proc = host.proc().try_clone_to_owned().map_err(|source| ControlError::Io {
            operation: "dup",
            pid: target.pid,
            source,
        })?;
        Ok(Self {
            pidfd,
            reference: found,
            name,
            effective_uid: effective_uid.ok().map(|directory| directory.st_uid),
            is_kernel_thread,
            proc,
        })
    }

    /// The process, with the inode of its pidfd where the kernel has one.
    pub fn reference(&self) -> &ProcessRef {
        &self.reference
    }

    /// Its name when it was opened, as the kernel cuts it.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its effective uid when it was opened: the owner of its directory in procfs.
    pub fn effective_uid(&self) -> Option<u32> {
        self.effective_uid
    }

    /// True if it is a part of the kernel.
    pub fn is_kernel_thread(&self) -> bool {
        self.is_kernel_thread
    }

    /// Sends a signal: `pidfd_send_signal(2)`. To a zombie it does nothing, and succeeds.
    ///
    /// # Errors
    /// The process is gone, the agent may not, or there is no such signal.
    pub fn signal(&self, number: i32) -> Result<ControlMechanism, ControlError> {
        let pid = self.reference.pid;
        let signal = sys::signal(number).ok_or_else(|| ControlError::InvalidReference {
            field: "signal",
            detail: format!("{number} is no signal; 1 to 31 and 34 to 64 are"),
        })?;
        pidfd_send_signal(&self.pidfd, signal).map_err(|errno| error_of("pidfd_send_signal", pid, errno))?;
        Ok(ControlMechanism::Pidfd)
    }

    /// Whether it lives, and how it ended.
    pub fn liveness(&self) -> Liveness {
        Liveness::look(self.pidfd.as_fd(), self.proc.as_fd(), &self.reference)
    }
}

impl AsFd for ProcessHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// The pid of a reference that can name a process of this boot.
fn checked(host: &Host, target: &ProcessRef) -> Result<Pid, ControlError> {
    let invalid = |field, detail: String| ControlError::InvalidReference { field, detail };
    if target.pid == 0 || target.pid > ProcessRef::MAX_PID {
        return Err(invalid("pid", format!("{} is no pid; 1 to {} are", target.pid, ProcessRef::MAX_PID)));
    }
    if target.boot_id.len() != 16 {
        let length = target.boot_id.len();
        return Err(invalid(
            "boot_id",
            format!("{length} bytes where 16 are; take the whole ref of an earlier answer"),
        ));
    }
    if target.boot_id != host.machine().boot_id {
        return Err(ControlError::Rebooted { pid: target.pid });
    }
    if !host.has_own_pids() {
        return Err(ControlError::ForeignPids { pid: target.pid });
    }
    let pid = i32::try_from(target.pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| invalid("pid", format!("{} is no pid", target.pid)))
}

/// The inode of a pidfd names the process for the life of the kernel (pidfs, kernel 6.9); before that all pidfds share one.
fn inode(pidfd: &OwnedFd) -> Option<u64> {
    /// `PID_FS_MAGIC`, include/uapi/linux/magic.h.
    const PID_FS_MAGIC: u64 = 0x5049_4446;
    let filesystem = rustix::fs::fstatfs(pidfd).ok()?;
    let is_pidfs = u64::try_from(filesystem.f_type).is_ok_and(|kind| kind == PID_FS_MAGIC);
    is_pidfs.then(|| rustix::fs::fstat(pidfd).ok().map(|file| file.st_ino)).flatten()
}

fn error_of(operation: &'static str, pid: u32, errno: Errno) -> ControlError {
    match errno {
        Errno::SRCH | Errno::NOENT => ControlError::Gone { pid },
        Errno::PERM | Errno::ACCESS => ControlError::PermissionDenied { operation, pid },
        Errno::NOSYS => ControlError::UnsupportedKernel { feature: operation },
        errno => ControlError::Io { operation, pid, source: errno.into() },
    }
}
