//! A process whose identity was verified, held so that it cannot become another.

mod grip;

use std::os::fd::{BorrowedFd, OwnedFd};

use procwire_proto::v1::{ControlMechanism, ProcessRef};
use rustix::{
    fs::AtFlags,
    io::Errno,
    process::{Pid, kill_process, pidfd_send_signal},
};

pub(super) use self::grip::Grip;
use super::{ControlError, Liveness, liveness};
use crate::{
    Host,
    process::{Stat, thread_group},
    procfs::Buffer,
    sys,
};

/// One process, held by a descriptor of which the kernel guarantees that it never means another: its pidfd, which signals go through and
/// which wakes those who wait.
///
/// Where there are no pidfds (before Linux 5.3, or under a filter of system calls) its directory in procfs holds it: nothing is found below
/// it once the process is gone, whoever has its pid then. A signal goes by kill(2) right after the directory has shown that the pid is
/// still this process's. Between the two the process would have to end, be waited for, and its pid be given to another process: pids are
/// given out in a circle, so that takes a whole turn of it within microseconds. That is what a pidfd rules out and the directory does not.
#[derive(Debug)]
pub struct ProcessHandle {
    grip: Grip,
    pid: Pid,
    reference: ProcessRef,
    name: Vec<u8>,
    effective_uid: Option<u32>,
    is_kernel_thread: bool,
}

impl ProcessHandle {
    /// Opens the process of a reference: the descriptors first, then the check that it is the one that was meant. In this order
    /// nothing can come between, because the descriptors keep to whatever process had the pid when they were opened.
    ///
    /// # Errors
    /// The reference is malformed, or its process is gone, another one, or of another boot.
    pub fn open(host: &Host, target: &ProcessRef) -> Result<Self, ControlError> {
        let pid = checked(host, target)?;
        let error = |operation, errno| ControlError::of(operation, target.pid, errno);
        let grip = Grip::take(host, pid).map_err(|errno| match errno {
            // ENOENT (EINVAL before 6.9): the number is a thread's.
            Errno::NOENT | Errno::INVAL => ControlError::Gone { pid: target.pid },
            errno => error("pidfd_open", errno),
        })?;
        let (directory, mut path) = grip.files(target.pid);
        let mut buffer = Buffer::new();
        if grip.pidfd().is_none() {
            let text = buffer.read_file(directory, path.file("status")).map_err(|errno| error("read status", errno))?;
            // Threads have directories too, which no listing shows; kill(2) would signal their process.
            if thread_group(text) != Some(u64::from(target.pid)) {
                return Err(ControlError::Gone { pid: target.pid });
            }
        }
        let line = buffer.read_file(directory, path.file("stat")).map_err(|errno| error("read stat", errno))?;
        let stat = Stat::parse(line).ok_or_else(|| error("read stat", Errno::BADMSG))?;
        let found = ProcessRef { start_ticks: stat.start_ticks, pidfd_inode: grip.inode(), ..target.clone() };
        let is_other_inode = found.pidfd_inode.zip(target.pidfd_inode).is_some_and(|(found, wanted)| found != wanted);
        if found.start_ticks != target.start_ticks || is_other_inode {
            return Err(ControlError::Reused {
                pid: target.pid,
                wanted_start_ticks: target.start_ticks,
                found_start_ticks: found.start_ticks,
            });
        }
        let name = stat.comm.to_vec();
        let is_kernel_thread = stat.is_kernel_thread();
        let owner = rustix::fs::statat(directory, path.file(""), AtFlags::empty());
        let effective_uid = owner.ok().map(|directory| directory.st_uid);
        Ok(Self { grip, pid, reference: found, name, effective_uid, is_kernel_thread })
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

    /// Its pidfd, which becomes readable when the process has ended; `None` where there are none.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.grip.pidfd()
    }

    /// How signals reach it.
    pub fn mechanism(&self) -> ControlMechanism {
        if self.grip.pidfd().is_some() { ControlMechanism::Pidfd } else { ControlMechanism::Kill }
    }

    /// Sends a signal. To a zombie it does nothing, and succeeds.
    ///
    /// # Errors
    /// The process is gone, the agent may not, or there is no such signal.
    pub fn signal(&self, number: i32) -> Result<ControlMechanism, ControlError> {
        let signal = sys::signal(number).ok_or_else(|| ControlError::InvalidReference {
            field: "signal",
            detail: format!("{number} is no signal; 1 to 31 and 34 to 64 are"),
        })?;
        let error = |operation, errno| ControlError::of(operation, self.reference.pid, errno);
        if let Some(pidfd) = self.grip.pidfd() {
            pidfd_send_signal(pidfd, signal).map_err(|errno| error("pidfd_send_signal", errno))?;
            return Ok(ControlMechanism::Pidfd);
        }
        // Nothing comes between the check and the call.
        self.demand_pid()?;
        kill_process(self.pid, signal).map_err(|errno| error("kill", errno))?;
        Ok(ControlMechanism::Kill)
    }

    /// Whether it lives, and how it ended.
    pub fn liveness(&self) -> Liveness {
        Liveness::look(&self.grip, &self.reference)
    }

    /// True if it has ended, zombies included. Costs less than [`ProcessHandle::liveness`], which tells how.
    pub fn has_ended(&self) -> bool {
        liveness::has_ended(&self.grip, &self.reference)
    }

    /// Its directory in procfs. Below it nothing is found once the process is gone (`SRCH`, `NOENT`), whoever has its pid then.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn directory(&self) -> Result<OwnedFd, ControlError> {
        let error = |errno| ControlError::of("open the directory", self.reference.pid, errno);
        self.grip.directory(&self.reference).map_err(error)
    }

    /// Its stat; `SRCH` once it is gone.
    pub(super) fn stat<'a>(&self, buffer: &'a mut Buffer) -> Result<Stat<'a>, Errno> {
        self.grip.stat(&self.reference, buffer)
    }

    /// That its pid is still its own, for system calls that take no descriptor.
    pub(super) fn demand_pid(&self) -> Result<(), ControlError> {
        let error = |errno| ControlError::of("look for", self.reference.pid, errno);
        self.grip.demand_pid(&self.reference).map_err(error)
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
