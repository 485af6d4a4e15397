//! prlimit(2) by the names of the wire: the kernel's numbers are not the same on every architecture.

use procwire_proto::v1::ResourceKind;
use rustix::io::Errno;

#[cfg(target_env = "gnu")]
type Number = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Number = libc::c_int;

/// `struct rlimit64` of include/uapi/linux/resource.h; `u64::MAX` is no limit (`RLIM64_INFINITY`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LimitPair {
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

/// Sets a limit of a process.
///
/// # Errors
/// `SRCH`: there is no such process; `PERM`: not the right user, or the hard limit is raised; `INVAL`: soft above hard.
pub(crate) fn set_resource_limit(process: u32, kind: ResourceKind, pair: LimitPair) -> Result<(), Errno> {
    let process = super::thread_id(process)?;
    let kind = number(kind).ok_or(Errno::INVAL)?;
    let old = std::ptr::null_mut::<LimitPair>();
    // SAFETY: the kernel reads one record of two 64-bit numbers, which `pair` is, and writes nothing, because the last argument is null.
    let result = unsafe { libc::syscall(libc::SYS_prlimit64, process, kind, &raw const pair, old) };
    super::result(result).map(drop)
}

/// Asks for a limit of a process, which takes the same rights as setting one that is not raised.
///
/// # Errors
/// `SRCH`: there is no such process; `PERM`: not the right user.
pub(crate) fn resource_limit(process: u32, kind: ResourceKind) -> Result<LimitPair, Errno> {
    let process = super::thread_id(process)?;
    let kind = number(kind).ok_or(Errno::INVAL)?;
    let new = std::ptr::null::<LimitPair>();
    let mut pair = LimitPair::default();
    // SAFETY: the kernel reads nothing, because the third argument is null, and writes one record of two 64-bit numbers, which `pair` is;
    // any bits are a valid value.
    let result = unsafe { libc::syscall(libc::SYS_prlimit64, process, kind, new, &raw mut pair) };
    super::result(result).map(|_| pair)
}

fn number(kind: ResourceKind) -> Option<Number> {
    Some(match kind {
        ResourceKind::Unspecified => return None,
        ResourceKind::Cpu => libc::RLIMIT_CPU,
        ResourceKind::Fsize => libc::RLIMIT_FSIZE,
        ResourceKind::Data => libc::RLIMIT_DATA,
        ResourceKind::Stack => libc::RLIMIT_STACK,
        ResourceKind::Core => libc::RLIMIT_CORE,
        ResourceKind::Rss => libc::RLIMIT_RSS,
        ResourceKind::Nproc => libc::RLIMIT_NPROC,
        ResourceKind::Nofile => libc::RLIMIT_NOFILE,
        ResourceKind::Memlock => libc::RLIMIT_MEMLOCK,
        ResourceKind::As => libc::RLIMIT_AS,
        ResourceKind::Locks => libc::RLIMIT_LOCKS,
        ResourceKind::Sigpending => libc::RLIMIT_SIGPENDING,
        ResourceKind::Msgqueue => libc::RLIMIT_MSGQUEUE,
        ResourceKind::Nice => libc::RLIMIT_NICE,
        ResourceKind::Rtprio => libc::RLIMIT_RTPRIO,
        ResourceKind::Rttime => libc::RLIMIT_RTTIME,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn each_of_the_sixteen_has_a_number_of_its_own() {
        let kinds = (1..).map_while(|number| ResourceKind::try_from(number).ok());
        let mut numbers: Vec<_> = kinds.map(|kind| number(kind).unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..16).collect::<Vec<Number>>());
        assert_eq!(number(ResourceKind::Unspecified), None);
    }

    #[test]
    fn values_of_64_bits_and_none_are_read_back() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let before = resource_limit(child.id(), ResourceKind::Core).unwrap();
        for soft in [before.hard.min(1 << 40), 0, before.hard] {
            let pair = LimitPair { soft, hard: before.hard };
            set_resource_limit(child.id(), ResourceKind::Core, pair).unwrap();
            assert_eq!(resource_limit(child.id(), ResourceKind::Core), Ok(pair));
        }
        let upside_down = LimitPair { soft: 2, hard: 1 };
        assert_eq!(set_resource_limit(child.id(), ResourceKind::Core, upside_down), Err(Errno::INVAL));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(resource_limit(0, ResourceKind::Core), Err(Errno::SRCH), "0 would be the caller");
    }
}
