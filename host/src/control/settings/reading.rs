//! Settings as the kernel has them, of the main thread.

use std::os::fd::AsFd as _;

use procwire_proto::v1::ProcessSettings;
use rustix::io::Errno;

use super::{Setting, limits};
use crate::{
    control::{ControlError, ProcessHandle},
    process::{self, Stat},
    procfs::{Buffer, Numbers},
    sys,
};

impl ProcessHandle {
    /// The values of the settings that are to be changed, of the main thread; of limits those that are named.
    ///
    /// # Errors
    /// The process has ended, or the kernel does not tell.
    pub fn settings(&self, asked: &[Setting]) -> Result<ProcessSettings, ControlError> {
        let pid = self.reference().pid;
        let directory = self.directory()?;
        let error = |operation, errno| ControlError::of(operation, pid, errno);
        let mut buffer = Buffer::new();
        let mut settings = ProcessSettings::default();
        for setting in asked {
            match setting {
                Setting::Nice(_) => {
                    let line =
                        buffer.read_file(directory.as_fd(), c"stat").map_err(|errno| error("read stat", errno))?;
                    let nice = Stat::parse(line).and_then(|stat| stat.nice).and_then(|nice| i32::try_from(nice).ok());
                    settings.nice = Some(nice.ok_or_else(|| error("read stat", Errno::BADMSG))?);
                }
                Setting::IoPriority(..) => {
                    let packed = sys::io_priority(pid).map_err(|errno| error("ioprio_get", errno))?;
                    settings.io_priority = process::io_priority(packed);
                }
                Setting::CpuAffinity(_) => {
                    settings.cpu_affinity =
                        sys::cpu_affinity(pid).map_err(|errno| error("sched_getaffinity", errno))?;
                }
                Setting::ResourceLimits(changes) => {
                    let now = limits::current(pid, directory.as_fd())?;
                    let is_asked = |kind| changes.iter().any(|change| change.kind == kind);
                    settings.resource_limits = now.into_iter().filter(|limit| is_asked(limit.resource())).collect();
                }
                Setting::OomScoreAdjustment(_) => {
                    let text = buffer
                        .read_file(directory.as_fd(), c"oom_score_adj")
                        .map_err(|errno| error("read oom_score_adj", errno))?;
                    let number = Numbers::new(text).signed().and_then(|number| i32::try_from(number).ok());
                    settings.oom_score_adjustment =
                        Some(number.ok_or_else(|| error("read oom_score_adj", Errno::BADMSG))?);
                }
            }
        }
        // What was asked by pid is this process's only if it still has it.
        self.demand_pid()?;
        Ok(settings)
    }
}
