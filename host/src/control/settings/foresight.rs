//! What can be said of a change before it is made: all that a dry run tells. The kernel has the last word.

use std::os::fd::AsFd as _;

use procwire_proto::v1::{IoClass, ResourceKind};
use rustix::io::Errno;

use super::{Setting, limits};
use crate::{
    Host,
    control::{ControlError, ProcessHandle},
    features::{CAP_DAC_OVERRIDE, CAP_SYS_ADMIN, CAP_SYS_NICE, CAP_SYS_RESOURCE, Privileges},
    process::{Stat, run_as},
    procfs::Buffer,
    sys,
};

impl ProcessHandle {
    /// Whether this change would be refused, as far as it can be known without making it.
    ///
    /// # Errors
    /// Why it would be.
    pub fn foresee(&self, setting: &Setting) -> Result<(), ControlError> {
        let pid = self.reference().pid;
        let own = Privileges::of_the_agent();
        let denied = |operation, needs| Err(ControlError::PermissionDenied { operation, pid, needs });
        match setting {
            Setting::Nice(nice) => {
                if !own.has(CAP_SYS_NICE) && !self.is_of_the_agents_user()? {
                    return denied("setpriority", "CAP_SYS_NICE or the process's user");
                }
                if !own.has(CAP_SYS_NICE) && *nice < self.lowest_nice()? {
                    return denied("setpriority", "CAP_SYS_NICE to lower nice");
                }
            }
            Setting::IoPriority(class, _) => {
                if !own.has(CAP_SYS_NICE) && !self.is_of_the_agents_user()? {
                    return denied("ioprio_set", "CAP_SYS_NICE or the process's user");
                }
                if *class == IoClass::Realtime && !own.has(CAP_SYS_NICE) && !own.has(CAP_SYS_ADMIN) {
                    return denied("ioprio_set", "CAP_SYS_NICE for the real-time class");
                }
            }
            Setting::CpuAffinity(_) => {
                if !own.has(CAP_SYS_NICE) && !self.is_of_the_agents_user()? {
                    return denied("sched_setaffinity", "CAP_SYS_NICE or the process's user");
                }
            }
            Setting::ResourceLimits(changes) => {
                let directory = self.directory()?;
                let now = limits::current(pid, directory.as_fd())?;
                for (index, change) in changes.iter().enumerate() {
                    let (before, wanted) = limits::merged(&now, index, change)?;
                    // Asking takes the right that setting takes.
                    if let Err(Errno::PERM) = sys::resource_limit(pid, change.kind) {
                        return denied("prlimit", "CAP_SYS_RESOURCE or the process's user and group");
                    }
                    if wanted.hard > before.hard && !own.has(CAP_SYS_RESOURCE) {
                        return denied("prlimit", "CAP_SYS_RESOURCE to raise a hard limit");
                    }
                }
            }
            Setting::OomScoreAdjustment(_) => {
                if !own.has(CAP_DAC_OVERRIDE) && self.effective_uid() != Some(own.effective_uid) {
                    return denied("open oom_score_adj", "CAP_DAC_OVERRIDE or the process's user");
                }
            }
        }
        self.demand_pid()
    }

    /// The kernel compares the agent's effective user with either of the process's (kernel/sys.c: set_one_prio_perm; block/ioprio.c).
    fn is_of_the_agents_user(&self) -> Result<bool, ControlError> {
        let directory = self.directory()?;
        let mut buffer = Buffer::new();
        let text = buffer
            .read_file(directory.as_fd(), c"status")
            .map_err(|errno| ControlError::of("read status", self.reference().pid, errno))?;
        let own = Privileges::of_the_agent().effective_uid;
        Ok(run_as(text).is_some_and(|user| user.real == own || user.effective == own))
    }

    /// Its own, or as low as RLIMIT_NICE lets it go: 20 minus that (getrlimit(2)).
    fn lowest_nice(&self) -> Result<i32, ControlError> {
        let pid = self.reference().pid;
        let directory = self.directory()?;
        let mut buffer = Buffer::new();
        let line =
            buffer.read_file(directory.as_fd(), c"stat").map_err(|errno| ControlError::of("read stat", pid, errno))?;
        let nice = Stat::parse(line).and_then(|stat| stat.nice).and_then(|nice| i32::try_from(nice).ok());
        let limits = limits::current(pid, directory.as_fd())?;
        let of_nice = limits.iter().find(|limit| limit.resource() == ResourceKind::Nice);
        let allowed = of_nice.and_then(|limit| limits::number(limit.soft)).unwrap_or(0).min(40);
        let lowest = 20 - i32::try_from(allowed).unwrap_or(0);
        Ok(nice.unwrap_or(lowest).min(lowest))
    }
}

impl Host {
    /// The first of these processors that this machine cannot have, by its place in the list; `None` also where the kernel does not tell
    /// which it can.
    pub fn unknown_processor(&self, processors: &[u32]) -> Option<usize> {
        let path = self.roots().sys.join("devices/system/cpu/possible");
        let possible = std::fs::read(path).ok().and_then(|text| crate::system::number_list(&text))?;
        processors.iter().position(|number| possible.binary_search(number).is_err())
    }
}
