//! The one descriptor that holds a process: its pidfd, or its directory where there are no pidfds.

use std::{
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::Arc,
};

use procwire_proto::v1::{ExitStatus, ProcessRef};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::{
    Host,
    control::ControlAbilities,
    process::Stat,
    procfs::{Buffer, ProcessPath},
    sys::pidfd_info,
};

/// What holds a process.
#[derive(Debug)]
pub(in crate::control) enum Grip {
    /// Its files are found by its pid in `proc`, and told to be its own by its start.
    Pidfd { pidfd: OwnedFd, tells_exit: bool, proc: Arc<OwnedFd> },
    /// Its directory in procfs.
    Directory(OwnedFd),
}

impl Grip {
    pub(super) fn take(host: &Host, pid: Pid) -> Result<Self, Errno> {
        let ControlAbilities { pidfd, exit_status } = host.control_abilities();
        if pidfd {
            let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
            return Ok(Self::Pidfd { pidfd, tells_exit: exit_status, proc: host.shared_proc() });
        }
        open_directory(host.proc(), pid.as_raw_pid().cast_unsigned()).map(Self::Directory)
    }

    pub(super) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Pidfd { pidfd, .. } => Some(pidfd.as_fd()),
            Self::Directory(_) => None,
        }
    }

    /// Where its files are. By pid they may be another process's: whoever reads them compares the start.
    pub(in crate::control) fn files(&self, pid: u32) -> (BorrowedFd<'_>, ProcessPath) {
        match self {
            Self::Pidfd { proc, .. } => (proc.as_fd(), ProcessPath::new(pid)),
            Self::Directory(directory) => (directory.as_fd(), ProcessPath::here()),
        }
    }

    /// Its stat, if it is its own; `SRCH` if not.
    pub(in crate::control) fn stat<'a>(
        &self,
        reference: &ProcessRef,
        buffer: &'a mut Buffer,
    ) -> Result<Stat<'a>, Errno> {
        let (directory, mut path) = self.files(reference.pid);
        own_stat(directory, &mut path, reference, buffer)
    }

    /// Its directory, of its own for good. The check comes after the opening, so nothing can come between.
    pub(super) fn directory(&self, reference: &ProcessRef) -> Result<OwnedFd, Errno> {
        let directory = match self {
            Self::Pidfd { proc, .. } => open_directory(proc.as_fd(), reference.pid)?,
            Self::Directory(directory) => rustix::io::fcntl_dupfd_cloexec(directory, 0)?,
        };
        own_stat(directory.as_fd(), &mut ProcessPath::here(), reference, &mut Buffer::new())?;
        Ok(directory)
    }

    /// The inode of a pidfd names the process for the life of the kernel (pidfs, kernel 6.9); before that all pidfds share one.
    pub(super) fn inode(&self) -> Option<u64> {
        /// `PID_FS_MAGIC`, include/uapi/linux/magic.h.
        const PID_FS_MAGIC: u64 = 0x5049_4446;
        let pidfd = self.pidfd()?;
        let filesystem = rustix::fs::fstatfs(pidfd).ok()?;
        let is_pidfs = u64::try_from(filesystem.f_type).is_ok_and(|kind| kind == PID_FS_MAGIC);
        is_pidfs.then(|| rustix::fs::fstat(pidfd).ok().map(|file| file.st_ino)).flatten()
    }

    /// Whether the process has ended, `None` without a pidfd: it is readable then, zombies included (pidfd_open(2)).
    pub(in crate::control) fn has_ended(&self) -> Option<bool> {
        let pidfd = self.pidfd()?;
        let mut watched = [PollFd::new(&pidfd, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            match poll(&mut watched, Some(&at_once)) {
                Err(Errno::INTR) => {}
                result => return Some(result.is_ok_and(|ready| ready > 0)),
            }
        }
    }

    /// That the pid is still its own: it lives, or is a zombie, whose pid is not given away either.
    pub(super) fn demand_pid(&self, reference: &ProcessRef) -> Result<(), Errno> {
        match self {
            Self::Directory(directory) => rustix::fs::statat(directory, c"stat", AtFlags::empty()).map(drop),
            Self::Pidfd { .. } if self.has_ended() == Some(false) => Ok(()),
            Self::Pidfd { .. } => self.stat(reference, &mut Buffer::new()).map(drop),
        }
    }

    /// How it ended, once its parent has waited for it.
    pub(in crate::control) fn exit_status(&self) -> Option<ExitStatus> {
        match self {
            Self::Pidfd { pidfd, tells_exit: true, .. } => {
                Some(ExitStatus::from_wait_status(pidfd_info(pidfd.as_fd()).ok()?.wait_status?))
            }
            Self::Pidfd { .. } | Self::Directory(_) => None,
        }
    }
}

fn own_stat<'a>(
    directory: BorrowedFd<'_>,
    path: &mut ProcessPath,
    reference: &ProcessRef,
    buffer: &'a mut Buffer,
) -> Result<Stat<'a>, Errno> {
    let stat = Stat::parse(buffer.read_file(directory, path.file("stat"))?).ok_or(Errno::BADMSG)?;
    if stat.start_ticks == reference.start_ticks { Ok(stat) } else { Err(Errno::SRCH) }
}

fn open_directory(proc: BorrowedFd<'_>, pid: u32) -> Result<OwnedFd, Errno> {
    let mut path = ProcessPath::new(pid);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    loop {
        match rustix::fs::openat(proc, path.file(""), flags, Mode::empty()) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
