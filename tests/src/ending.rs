//! How processes ended, as far as this kernel tells those that are not the parent.

use std::fs;

use procwire_proto::v1::{ExitStatus, exit_status::End};

/// Demands this end; before kernel 6.15, which tells it to the parent alone, that it is said to be unknown.
#[track_caller]
pub fn assert_ended(status: &ExitStatus, end: End) {
    match &status.end {
        Some(End::Unknown(_)) if !kernel_tells_exit_status() => {}
        found => assert_eq!(found, &Some(end)),
    }
}

/// True from kernel 6.15 on (PIDFD_INFO_EXIT).
pub fn kernel_tells_exit_status() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut parts = release.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    version >= (6, 15)
}
