//! Changing how a process is scheduled and what it may use.
//!
//! None of these system calls takes a pidfd. So whose number it is is proved around each call: the directory of the process, or of the
//! thread, was opened and verified before, and is looked into again after. What a directory of procfs means never changes, and a number is
//! not given away as long as there is something in it; if there is something after the call, then the number was this thread's all the
//! while. If there is nothing, the thread ended during the call, and that is what is reported. What remains: should it have ended before the
//! kernel looked its number up, and its number have been given to another thread by then, that other one was changed. Numbers are given out
//! in a circle (kernel/pid.c: alloc_pid), so it would take a whole turn of it within microseconds. `oom_score_adj` is a file below
//! the verified directory and has no such gap.

mod foresight;
mod limits;
mod reading;
mod threads;
mod writing;

use std::time::Instant;

use procwire_proto::v1::{IoClass, ResourceKind};

use super::ControlError;
pub(super) use threads::Tally;

/// One thing to change, with a value that is in the kernel's range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// -20 to 19.
    Nice(i32),
    /// I/O scheduling class, and level within it: 0 to 7.
    IoPriority(IoClass, u8),
    /// Processors; none: all that the cpuset allows.
    CpuAffinity(Vec<u32>),
    /// Limits, each resource at most once.
    ResourceLimits(Vec<LimitChange>),
    /// -1000 to 1000.
    OomScoreAdjustment(i32),
}

/// A limit to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitChange {
    /// Of which resource.
    pub kind: ResourceKind,
    /// In force; `u64::MAX` is none. Absent: leave it.
    pub soft: Option<u64>,
    /// Highest that soft may be set to. Absent: leave it.
    pub hard: Option<u64>,
}

impl Setting {
    /// Paths of all of them, as an update mask has them.
    pub const PATHS: [&'static str; 5] =
        ["nice", "io_priority", "cpu_affinity", "resource_limits", "oom_score_adjustment"];

    /// Its path.
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Nice(_) => "nice",
            Self::IoPriority(..) => "io_priority",
            Self::CpuAffinity(_) => "cpu_affinity",
            Self::ResourceLimits(_) => "resource_limits",
            Self::OomScoreAdjustment(_) => "oom_score_adjustment",
        }
    }
}

/// Which threads a setting of threads is changed for. Limits and the adjustment belong to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The main thread alone.
    Main,
    /// All, those born meanwhile too.
    All,
}

/// What became of one setting.
#[derive(Debug)]
pub struct Applied {
    /// Threads that it was changed for; none for what belongs to the process.
    pub threads_changed: u32,
    /// Threads that refused it.
    pub threads_failed: u32,
    /// Why it was not changed, or not for all threads.
    pub error: Option<ControlError>,
}

/// When to stop changing threads of a process that has them faster than they can be changed.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub(super) Instant);

impl Patience {
    /// Until then.
    pub const fn until(end: Instant) -> Self {
        Self(end)
    }
}
