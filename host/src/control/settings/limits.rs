//! Resource limits: told by the file below the verified directory, which everyone may read, and set by prlimit(2).

use std::os::fd::BorrowedFd;

use procwire_proto::v1::{LimitValue, ResourceKind, ResourceLimit, Unlimited, limit_value::Value};
use rustix::io::Errno;

use super::LimitChange;
use crate::{
    control::{ControlError, ProcessHandle},
    process,
    procfs::Buffer,
    sys::{self, LimitPair},
};

/// Sets each; the first that fails ends it, and those before it stay set.
pub(super) fn write(
    handle: &ProcessHandle,
    directory: BorrowedFd<'_>,
    changes: &[LimitChange],
) -> Result<(), ControlError> {
    let pid = handle.reference().pid;
    for (index, change) in changes.iter().enumerate() {
        let now = current(pid, directory)?;
        let (before, wanted) = merged(&now, index, change)?;
        handle.demand_pid()?;
        sys::set_resource_limit(pid, change.kind, wanted)
            .map_err(|errno| error(pid, index, change.kind, before, wanted, errno))?;
        handle.demand_pid()?;
    }
    Ok(())
}

/// The limits as they are.
pub(super) fn current(pid: u32, directory: BorrowedFd<'_>) -> Result<Vec<ResourceLimit>, ControlError> {
    let mut buffer = Buffer::new();
    let text = buffer.read_file(directory, c"limits").map_err(|errno| ControlError::of("read limits", pid, errno))?;
    // Nothing is written once the process is being waited for.
    if text.is_empty() { Err(ControlError::Gone { pid }) } else { Ok(process::resource_limits(text)) }
}

/// What a limit is, and what it is to be. What a change leaves is as it is now; the kernel takes both at once only.
pub(super) fn merged(
    now: &[ResourceLimit],
    index: usize,
    change: &LimitChange,
) -> Result<(LimitPair, LimitPair), ControlError> {
    let invalid = |part: &str, problem: String| ControlError::InvalidSetting {
        path: format!("resource_limits[{index}]{part}"),
        problem,
    };
    let found = now.iter().find(|limit| limit.resource() == change.kind);
    let before = found.and_then(|limit| Some(LimitPair { soft: number(limit.soft)?, hard: number(limit.hard)? }));
    let before = before.ok_or_else(|| invalid(".resource", "is not known to this kernel".to_owned()))?;
    let wanted = LimitPair { soft: change.soft.unwrap_or(before.soft), hard: change.hard.unwrap_or(before.hard) };
    if wanted.soft > wanted.hard {
        let (soft, hard) = (words(wanted.soft), words(wanted.hard));
        let part = if change.soft.is_some() { ".soft" } else { ".hard" };
        let problem = if change.soft.is_some() {
            format!("is {soft}, above the hard limit, which is {hard}")
        } else {
            format!("is {hard}, below the soft limit, which is {soft}; lower that too")
        };
        return Err(invalid(part, problem));
    }
    Ok((before, wanted))
}

fn error(
    pid: u32,
    index: usize,
    kind: ResourceKind,
    before: LimitPair,
    wanted: LimitPair,
    errno: Errno,
) -> ControlError {
    let denied = |needs| ControlError::PermissionDenied { operation: "prlimit", pid, needs };
    match errno {
        // do_prlimit of kernel/sys.c: not even root's may be above fs.nr_open.
        Errno::PERM if kind == ResourceKind::Nofile && wanted.hard > before.hard => {
            denied("CAP_SYS_RESOURCE to raise a hard limit, and for NOFILE a sysctl fs.nr_open that is as high")
        }
        Errno::PERM if wanted.hard > before.hard => denied("CAP_SYS_RESOURCE to raise a hard limit"),
        Errno::PERM | Errno::ACCESS => denied("CAP_SYS_RESOURCE or the process's user and group"),
        Errno::INVAL => ControlError::InvalidSetting {
            path: format!("resource_limits[{index}]"),
            problem: "is no limit that this kernel takes".to_owned(),
        },
        errno => ControlError::of("prlimit", pid, errno),
    }
}

/// A value of the wire as the kernel has it.
pub(super) fn number(value: Option<LimitValue>) -> Option<u64> {
    match value?.value? {
        Value::Limit(limit) => Some(limit),
        Value::Unlimited(Unlimited {}) => Some(u64::MAX),
    }
}

fn words(value: u64) -> String {
    if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn limit(kind: ResourceKind, soft: u64, hard: Option<u64>) -> ResourceLimit {
        let value = |value| Some(LimitValue { value: Some(value) });
        let hard = hard.map_or(Value::Unlimited(Unlimited {}), Value::Limit);
        ResourceLimit { resource: kind.into(), soft: value(Value::Limit(soft)), hard: value(hard) }
    }

    #[test]
    fn what_a_change_leaves_is_as_it_was() {
        let now = [limit(ResourceKind::Nofile, 100, Some(200)), limit(ResourceKind::Core, 0, None)];
        let merge = |kind, soft, hard| merged(&now, 3, &LimitChange { kind, soft, hard });
        let (before, wanted) = merge(ResourceKind::Nofile, Some(150), None).unwrap();
        assert_eq!((before, wanted), (LimitPair { soft: 100, hard: 200 }, LimitPair { soft: 150, hard: 200 }));
        let (_, wanted) = merge(ResourceKind::Core, Some(u64::MAX), None).unwrap();
        assert_eq!(wanted, LimitPair { soft: u64::MAX, hard: u64::MAX });
        let words = |result: Result<_, ControlError>| result.unwrap_err().to_string();
        let above = words(merge(ResourceKind::Nofile, Some(201), None));
        assert_eq!(above, "resource_limits[3].soft is 201, above the hard limit, which is 200");
        let below = words(merge(ResourceKind::Nofile, None, Some(99)));
        assert!(below.starts_with("resource_limits[3].hard is 99, below the soft limit, which is 100"), "{below}");
        assert!(words(merge(ResourceKind::Cpu, Some(1), None)).starts_with("resource_limits[3].resource"));
    }

    #[test]
    fn a_hard_limit_that_may_not_be_raised_names_the_capability() {
        let (low, high) = (LimitPair { soft: 1, hard: 1 }, LimitPair { soft: 1, hard: 2 });
        let words = |kind, wanted| error(7, 0, kind, low, wanted, Errno::PERM).to_string();
        assert!(words(ResourceKind::Core, high).contains("CAP_SYS_RESOURCE to raise"));
        assert!(words(ResourceKind::Nofile, high).contains("fs.nr_open"));
        assert!(words(ResourceKind::Core, low).contains("user and group"));
    }
}
