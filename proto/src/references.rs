//! Naming one process, and saying when.

use std::{cmp::Ordering, fmt};

use crate::v1::{Process, ProcessRef, SampleTime};

impl ProcessRef {
    /// Highest pid that Linux gives out (`PID_MAX_LIMIT`, include/linux/threads.h).
    pub const MAX_PID: u32 = 4_194_304;

    /// True if both name the same process. A pidfd inode that one side lacks does not count.
    pub fn is_same_process(&self, other: &Self) -> bool {
        let same_inode = match (self.pidfd_inode, other.pidfd_inode) {
            (Some(left), Some(right)) => left == right,
            _ => true,
        };
        self.pid == other.pid && self.start_ticks == other.start_ticks && self.boot_id == other.boot_id && same_inode
    }
}

/// `pid@start_ticks`, the form used in logs, audit records and tables.
impl fmt::Display for ProcessRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.pid, self.start_ticks)
    }
}

/// By pid, then by start.
impl Ord for ProcessRef {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.pid, self.start_ticks, &self.boot_id, self.pidfd_inode).cmp(&(
            other.pid,
            other.start_ticks,
            &other.boot_id,
            other.pidfd_inode,
        ))
    }
}

impl PartialOrd for ProcessRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Process {
    /// The process's name for later calls; absent only if not even its stat file was readable.
    pub fn reference(&self) -> Option<&ProcessRef> {
        self.r#ref.as_ref()
    }
}

impl SampleTime {
    /// Nanoseconds from an earlier sample to this one, by the monotonic clock; `None` across a reboot or backwards.
    pub fn nanoseconds_since(&self, earlier: &Self) -> Option<u64> {
        if self.boot_id != earlier.boot_id {
            return None;
        }
        self.monotonic_ns.checked_sub(earlier.monotonic_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(pid: u32, start_ticks: u64, pidfd_inode: Option<u64>) -> ProcessRef {
        ProcessRef { pid, start_ticks, boot_id: vec![7; 16].into(), pidfd_inode }
    }

    #[test]
    fn identity_is_pid_start_and_boot() {
        assert!(reference(100, 50, None).is_same_process(&reference(100, 50, Some(9))));
        assert!(!reference(100, 50, Some(8)).is_same_process(&reference(100, 50, Some(9))));
        assert!(!reference(100, 50, None).is_same_process(&reference(100, 60, None)));
        assert!(!reference(101, 50, None).is_same_process(&reference(100, 50, None)));
        let rebooted = ProcessRef { boot_id: vec![8; 16].into(), ..reference(100, 50, None) };
        assert!(!rebooted.is_same_process(&reference(100, 50, None)));
    }

    #[test]
    fn shows_pid_and_start() {
        assert_eq!(reference(4242, 123_456, None).to_string(), "4242@123456");
    }

    #[test]
    fn durations_do_not_cross_a_reboot_or_run_backwards() {
        let at = |monotonic_ns, boot: u8| SampleTime { wall: None, monotonic_ns, boot_id: vec![boot; 16].into() };
        assert_eq!(at(30, 1).nanoseconds_since(&at(10, 1)), Some(20));
        assert_eq!(at(10, 1).nanoseconds_since(&at(30, 1)), None);
        assert_eq!(at(30, 2).nanoseconds_since(&at(10, 1)), None);
    }
}
