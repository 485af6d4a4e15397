//! Processes: what to read (`plan`), how it is read (`reader`, `access`), and the parsers of each file, which take bytes.

mod access;
mod affinity;
mod ancestors;
mod cgroup;
mod cmdline;
mod draft;
mod environ;
mod exit;
mod failure;
mod fill;
mod footprint;
mod io;
mod kept;
mod limits;
mod link;
mod memory_maps;
mod namespaces;
mod oom;
mod open_files;
mod pair;
mod plan;
mod reader;
mod removed;
mod scrub;
mod security;
mod smaps;
mod sockets;
mod stat;
mod statm;
mod status;
mod terminals;
mod thread_switches;
mod threads;
mod usage;

pub use pair::{Half, ReaderPair};
pub use plan::{EnvironDisclosure, ProcessPlan};
pub use reader::ProcessReader;
pub use usage::UsageBaseline;

/// Masks secrets of a command line in place, as those of processes are; true if there were any.
pub fn scrub_command(arguments: &mut [Vec<u8>]) -> bool {
    scrub::scrub_arguments(arguments)
}

pub(crate) use affinity::io_priority;
pub(crate) use cgroup::{everywhere as cgroups_everywhere, meant as cgroup_meant, parse as cgroup_membership};
pub(crate) use exit::may_trace_zombie;
pub(crate) use limits::parse as resource_limits;
pub(crate) use stat::Stat;
pub(crate) use status::{run_as, thread_group};
