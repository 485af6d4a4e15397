//! What the agent itself costs its host.

use std::fs;

use crate::{Machine, process::Stat, procfs::Numbers};

/// The figures of this very process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnCost {
    /// Processor time, user and system, in nanoseconds.
    pub cpu_time_ns: u64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Open descriptors, the one that counts them included.
    pub fd_count: u32,
    /// Threads.
    pub thread_count: u32,
}

impl OwnCost {
    /// Reads them from `/proc/self`; what cannot be read is 0.
    pub fn read(machine: &Machine) -> Self {
        let line = fs::read("/proc/self/stat").unwrap_or_default();
        let stat = Stat::parse(&line);
        let ticks = stat.and_then(|stat| stat.user_ticks?.checked_add(stat.system_ticks?)).unwrap_or(0);
        let threads = stat.and_then(|stat| stat.threads).unwrap_or(0);
        let statm = fs::read("/proc/self/statm").unwrap_or_default();
        let resident_pages = Numbers::new(&statm).skip(1).unsigned().unwrap_or(0);
        Self {
            cpu_time_ns: machine.ticks_to_ns(ticks),
            resident_bytes: resident_pages.saturating_mul(machine.page_size_bytes),
            fd_count: fs::read_dir("/proc/self/fd")
                .map_or(0, |entries| u32::try_from(entries.count()).unwrap_or(u32::MAX)),
            thread_count: u32::try_from(threads).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_threads_and_descriptors() {
        let machine = Machine::this(&crate::Roots::default()).unwrap();
        let before = OwnCost::read(&machine);
        assert!(before.resident_bytes > 100_000 && before.thread_count >= 1 && before.fd_count >= 3);
    }
}
