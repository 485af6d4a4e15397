//! Processors the main thread may run on (sched_getaffinity(2)) and its I/O priority (ioprio_get(2)), also when it has exited. Everyone
//! may ask both of any process.

use procwire_proto::v1::{FieldErrorReason, IoClass, IoPriority};
use rustix::io::Errno;

use super::{access::Access, draft::Draft};
use crate::sys;

/// Reads the processors into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    if !names_the_same_process(access, draft, "cpu_affinity") {
        return Ok(());
    }
    draft.process.cpu_affinity = sys::cpu_affinity(access.pid)?;
    Ok(())
}

/// Reads the I/O priority into the row.
pub(super) fn read_io_priority(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    if !names_the_same_process(access, draft, "io_priority") {
        return Ok(());
    }
    let number = sys::io_priority(access.pid)?;
    draft.process.io_priority = io_priority(number).map(Box::new);
    if draft.process.io_priority.is_none() {
        let detail = format!("ioprio_get: {number} is of a class that is not known");
        draft.absent("io_priority", FieldErrorReason::InvalidData, detail);
    }
    Ok(())
}

/// False, and said in the row: asked by its number, the kernel would answer for another process.
fn names_the_same_process(access: &Access<'_>, draft: &mut Draft<'_>, path: &str) -> bool {
    let is_same = access.host.has_own_pids();
    if !is_same {
        let detail = "system calls by pid need a procfs of the agent's own pid namespace".to_owned();
        draft.absent(path, FieldErrorReason::Unsupported, detail);
    }
    is_same
}

/// The kernel packs three numbers (include/uapi/linux/ioprio.h): class from bit 13, level in bits 0 to 2, hints between them.
pub(crate) fn io_priority(number: u32) -> Option<IoPriority> {
    let class = i32::try_from(number >> 13).ok().and_then(|class| IoClass::try_from(class + 1).ok())?;
    Some(IoPriority { io_class: class.into(), level: number & 7 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_level_are_unpacked_and_hints_are_left_out() {
        let unpacked = |number| io_priority(number).map(|priority| (priority.io_class(), priority.level));
        assert_eq!(unpacked(0), Some((IoClass::None, 0)));
        assert_eq!(unpacked(1 << 13), Some((IoClass::Realtime, 0)));
        assert_eq!(unpacked(2 << 13 | 7), Some((IoClass::BestEffort, 7)));
        assert_eq!(unpacked(3 << 13), Some((IoClass::Idle, 0)));
        assert_eq!(unpacked(2 << 13 | 5 << 3 | 4), Some((IoClass::BestEffort, 4)), "with a hint");
        assert_eq!(unpacked(4 << 13), None);
        assert_eq!(unpacked(u32::MAX), None);
    }
}
