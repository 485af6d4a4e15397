//! Processes of the tests' own, to be acted on.

use procwire_proto::v1::ProcessRef;

use crate::{Host, process::Stat};

/// The reference of a process that lives.
pub(super) fn reference(host: &Host, pid: u32) -> ProcessRef {
    let line = std::fs::read(format!("/proc/{pid}/stat")).unwrap();
    let start_ticks = Stat::parse(&line).unwrap().start_ticks;
    ProcessRef { pid, start_ticks, boot_id: host.machine().boot_id.clone(), pidfd_inode: None }
}
