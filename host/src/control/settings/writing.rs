//! What is written, and what it means when the kernel refuses.

use std::os::fd::{AsFd as _, BorrowedFd};

use procwire_proto::v1::IoClass;
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    process::{Pid, setpriority_process},
};

use super::{Applied, Patience, Setting, Tally, Threads, limits, threads};
use crate::{
    control::{ControlError, ProcessHandle},
    sys,
};

impl ProcessHandle {
    /// Changes one setting. What was done stays done where a part of it fails.
    pub fn apply(&self, setting: &Setting, threads: Threads, patience: Patience) -> Applied {
        if self.has_ended() {
            return Applied::failed(ControlError::Gone { pid: self.reference().pid });
        }
        let applied = match self.directory() {
            Ok(directory) => self.write(directory.as_fd(), setting, threads, patience),
            Err(error) => Applied::failed(error),
        };
        match applied {
            // Whatever else was wrong, this is why.
            Applied { error: Some(_), .. } if self.has_ended() => {
                Applied { error: Some(ControlError::Gone { pid: self.reference().pid }), ..applied }
            }
            Applied { threads_changed, threads_failed, error: None } if self.demand_pid().is_err() => Applied {
                error: Some(ControlError::Gone { pid: self.reference().pid }),
                threads_changed,
                threads_failed,
            },
            applied => applied,
        }
    }

    fn write(&self, directory: BorrowedFd<'_>, setting: &Setting, which: Threads, patience: Patience) -> Applied {
        let pid = self.reference().pid;
        let of_threads = |change: &dyn Fn(u32) -> Result<(), Errno>| {
            let tally = threads::change(directory, pid, which, patience, change);
            self.applied(setting, tally)
        };
        match setting {
            Setting::Nice(nice) => of_threads(&|thread| set_nice(thread, *nice)),
            Setting::IoPriority(class, level) => match packed(*class, *level) {
                Some(packed) => of_threads(&|thread| sys::set_io_priority(thread, packed)),
                None => Applied::failed(unknown_class()),
            },
            Setting::CpuAffinity(processors) => {
                let mask =
                    if processors.is_empty() { sys::ProcessorMask::all() } else { sys::ProcessorMask::of(processors) };
                of_threads(&|thread| sys::set_cpu_affinity(thread, &mask))
            }
            Setting::ResourceLimits(changes) => match limits::write(self, directory, changes) {
                Ok(()) => Applied::done(),
                Err(error) => Applied::failed(error),
            },
            Setting::OomScoreAdjustment(adjustment) => match set_oom_score_adjustment(directory, *adjustment) {
                Ok(()) => Applied::done(),
                Err((step, errno)) => Applied::failed(oom_error(step, pid, errno)),
            },
        }
    }

    fn applied(&self, setting: &Setting, tally: Result<Tally, Errno>) -> Applied {
        let pid = self.reference().pid;
        let Tally { changed, failed, errno, out_of_time } = match tally {
            Ok(tally) => tally,
            Err(errno) => return Applied::failed(ControlError::of("list the threads", pid, errno)),
        };
        let error = match errno {
            Some(errno) => Some(thread_error(setting, pid, errno)),
            None if out_of_time => Some(ControlError::OutOfTime { pid, path: setting.path() }),
            // The thread that was asked for ended.
            None if changed == 0 => Some(ControlError::Gone { pid }),
            None => None,
        };
        Applied { threads_changed: changed, threads_failed: failed, error }
    }
}

impl Applied {
    fn done() -> Self {
        Self { threads_changed: 0, threads_failed: 0, error: None }
    }

    fn failed(error: ControlError) -> Self {
        Self { error: Some(error), ..Self::done() }
    }
}

/// setpriority(2): on Linux nice is an attribute of the thread.
fn set_nice(thread: u32, nice: i32) -> Result<(), Errno> {
    let thread = i32::try_from(thread).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    setpriority_process(Some(thread), nice)
}

/// Class from bit 13, level in bits 0 to 2 (include/uapi/linux/ioprio.h); on the wire the class is one more.
fn packed(class: IoClass, level: u8) -> Option<u32> {
    let class = u32::try_from(i32::from(class) - 1).ok()?;
    Some(class << 13 | u32::from(level & 7))
}

/// The file is opened below the verified directory: it can be no other process's. The error comes with the step that failed.
fn set_oom_score_adjustment(directory: BorrowedFd<'_>, adjustment: i32) -> Result<(), (&'static str, Errno)> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, c"oom_score_adj", flags, Mode::empty());
    let file = file.map_err(|errno| ("open oom_score_adj", errno))?;
    // One write: the kernel takes each as a whole value (fs/proc/base.c: oom_score_adj_write).
    rustix::io::write(&file, adjustment.to_string().as_bytes())
        .map(drop)
        .map_err(|errno| ("write oom_score_adj", errno))
}

fn thread_error(setting: &Setting, pid: u32, errno: Errno) -> ControlError {
    let denied = |operation, needs| ControlError::PermissionDenied { operation, pid, needs };
    match (setting, errno) {
        // EACCES: lower than RLIMIT_NICE lets it; EPERM: another user's (kernel/sys.c: set_one_prio).
        (Setting::Nice(_), Errno::ACCESS) => {
            denied("setpriority", "CAP_SYS_NICE, or the process a resource limit NICE that allows so low a value")
        }
        (Setting::Nice(_), Errno::PERM) => denied("setpriority", "CAP_SYS_NICE or the process's user"),
        (Setting::IoPriority(IoClass::Realtime, _), Errno::PERM | Errno::ACCESS) => {
            denied("ioprio_set", "CAP_SYS_NICE (before Linux 5.14 CAP_SYS_ADMIN) for the real-time class")
        }
        (Setting::IoPriority(..), Errno::PERM | Errno::ACCESS) => {
            denied("ioprio_set", "CAP_SYS_NICE or the process's user")
        }
        (Setting::IoPriority(..), Errno::INVAL) => unknown_class(),
        (Setting::CpuAffinity(_), Errno::PERM | Errno::ACCESS) => {
            denied("sched_setaffinity", "CAP_SYS_NICE or the process's user")
        }
        (Setting::CpuAffinity(_), Errno::INVAL) => ControlError::InvalidSetting {
            path: "cpu_affinity".to_owned(),
            problem: "names no processor that is online and in the cpuset of the process".to_owned(),
        },
        (Setting::Nice(_), errno) => ControlError::of("setpriority", pid, errno),
        (Setting::IoPriority(..), errno) => ControlError::of("ioprio_set", pid, errno),
        (_, errno) => ControlError::of("sched_setaffinity", pid, errno),
    }
}

fn unknown_class() -> ControlError {
    ControlError::InvalidSetting {
        path: "io_priority".to_owned(),
        problem: "is of a class that this kernel does not have".to_owned(),
    }
}

fn oom_error(step: &'static str, pid: u32, errno: Errno) -> ControlError {
    match (step, errno) {
        ("open oom_score_adj", Errno::ACCESS | Errno::PERM) => {
            ControlError::PermissionDenied { operation: step, pid, needs: "CAP_DAC_OVERRIDE or the process's user" }
        }
        // Lower than the least it ever had by right (fs/proc/base.c: __set_oom_adj).
        (_, Errno::ACCESS | Errno::PERM) => ControlError::PermissionDenied {
            operation: step,
            pid,
            needs: "CAP_SYS_RESOURCE to go below what it was set to with that capability",
        },
        (_, errno) => ControlError::of(step, pid, errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_packed_as_the_kernel_has_them() {
        assert_eq!(packed(IoClass::None, 0), Some(0));
        assert_eq!(packed(IoClass::Realtime, 3), Some(1 << 13 | 3));
        assert_eq!(packed(IoClass::BestEffort, 7), Some(2 << 13 | 7));
        assert_eq!(packed(IoClass::Idle, 0), Some(3 << 13));
        assert_eq!(packed(IoClass::Unspecified, 0), None);
    }

    #[test]
    fn what_the_kernel_refuses_names_the_capability() {
        let words = |setting: &Setting, errno| thread_error(setting, 7, errno).to_string();
        let lower = words(&Setting::Nice(-5), Errno::ACCESS);
        assert!(lower.contains("permission denied") && lower.contains("CAP_SYS_NICE"), "{lower}");
        assert!(words(&Setting::CpuAffinity(vec![]), Errno::PERM).contains("CAP_SYS_NICE"));
        assert!(words(&Setting::IoPriority(IoClass::Realtime, 0), Errno::PERM).contains("real-time"));
        assert!(words(&Setting::CpuAffinity(vec![9]), Errno::INVAL).starts_with("cpu_affinity names no processor"));
        assert!(oom_error("write oom_score_adj", 7, Errno::ACCESS).to_string().contains("CAP_SYS_RESOURCE"));
        assert!(matches!(thread_error(&Setting::Nice(1), 7, Errno::SRCH), ControlError::Gone { pid: 7 }));
    }
}
