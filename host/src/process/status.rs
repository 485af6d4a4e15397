//! `/proc/PID/status` (fs/proc/array.c: proc_pid_status; proc_pid_status(5)).

use procwire_proto::v1::{GroupIds, UserIds};

use crate::procfs::{Numbers, number};

/// The lines that are served. A line that the kernel did not write is `None`; lists are left as the kernel wrote them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status<'a> {
    pub(crate) thread_group: Option<u64>,
    /// 0: nobody traces it.
    pub(crate) tracer: Option<u64>,
    pub(crate) uids: Option<UserIds>,
    pub(crate) gids: Option<GroupIds>,
    /// Supplementary groups.
    pub(crate) groups: Option<&'a [u8]>,
    /// Ids of the thread group in each pid namespace. "NSpid:" says the same of a main thread, and of another its own.
    pub(crate) namespace_pids: Option<&'a [u8]>,
    pub(crate) peak_virtual_bytes: Option<u64>,
    pub(crate) locked_bytes: Option<u64>,
    pub(crate) peak_resident_bytes: Option<u64>,
    pub(crate) resident_anonymous_bytes: Option<u64>,
    pub(crate) resident_file_bytes: Option<u64>,
    pub(crate) resident_shmem_bytes: Option<u64>,
    pub(crate) page_table_bytes: Option<u64>,
    pub(crate) swap_bytes: Option<u64>,
    pub(crate) hugetlb_bytes: Option<u64>,
    pub(crate) signals_pending: Option<u64>,
    pub(crate) signals_blocked: Option<u64>,
    pub(crate) signals_ignored: Option<u64>,
    pub(crate) signals_caught: Option<u64>,
    pub(crate) capabilities_inheritable: Option<u64>,
    pub(crate) capabilities_permitted: Option<u64>,
    pub(crate) capabilities_effective: Option<u64>,
    pub(crate) capabilities_bounding: Option<u64>,
    pub(crate) capabilities_ambient: Option<u64>,
    /// 0 or 1.
    pub(crate) no_new_privileges: Option<u64>,
    pub(crate) seccomp_mode: Option<u64>,
    pub(crate) seccomp_filters: Option<u64>,
    /// Processors as the kernel lists them: "0-3,8".
    pub(crate) allowed_cpus: Option<&'a [u8]>,
    pub(crate) voluntary_switches: Option<u64>,
    pub(crate) involuntary_switches: Option<u64>,
}

/// The process that a directory of procfs is of: itself, or the one that the thread belongs to.
pub(crate) fn thread_group(status: &[u8]) -> Option<u64> {
    Status::parse(status).thread_group
}

/// Whom a process runs as.
pub(crate) fn run_as(status: &[u8]) -> Option<UserIds> {
    Status::parse(status).uids
}

impl<'a> Status<'a> {
    /// Parses the file, in one pass. The kernel escapes newlines in the name, so a line is a line.
    pub(crate) fn parse(text: &'a [u8]) -> Self {
        let mut status = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at(length);
            rest = after.get(1..).unwrap_or_default();
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (key, value) = line.split_at(colon);
            status.set(key, value.get(1..).unwrap_or_default());
        }
        status
    }

    fn set(&mut self, key: &[u8], value: &'a [u8]) {
        match key {
            b"Tgid" => self.thread_group = number(value),
            b"TracerPid" => self.tracer = number(value),
            b"Uid" => self.uids = ids(value).map(user_ids),
            b"Gid" => self.gids = ids(value).map(group_ids),
            b"Groups" => self.groups = Some(value),
            b"NStgid" => self.namespace_pids = Some(value),
            b"VmPeak" => self.peak_virtual_bytes = kilobytes(value),
            b"VmLck" => self.locked_bytes = kilobytes(value),
            b"VmHWM" => self.peak_resident_bytes = kilobytes(value),
            b"RssAnon" => self.resident_anonymous_bytes = kilobytes(value),
            b"RssFile" => self.resident_file_bytes = kilobytes(value),
            b"RssShmem" => self.resident_shmem_bytes = kilobytes(value),
            b"VmPTE" => self.page_table_bytes = kilobytes(value),
            b"VmSwap" => self.swap_bytes = kilobytes(value),
            b"HugetlbPages" => self.hugetlb_bytes = kilobytes(value),
            b"ShdPnd" => self.signals_pending = hexadecimal(value),
            b"SigBlk" => self.signals_blocked = hexadecimal(value),
            b"SigIgn" => self.signals_ignored = hexadecimal(value),
            b"SigCgt" => self.signals_caught = hexadecimal(value),
            b"CapInh" => self.capabilities_inheritable = hexadecimal(value),
            b"CapPrm" => self.capabilities_permitted = hexadecimal(value),
            b"CapEff" => self.capabilities_effective = hexadecimal(value),
            b"CapBnd" => self.capabilities_bounding = hexadecimal(value),
            b"CapAmb" => self.capabilities_ambient = hexadecimal(value),
            b"NoNewPrivs" => self.no_new_privileges = number(value),
            b"Seccomp" => self.seccomp_mode = number(value),
            b"Seccomp_filters" => self.seccomp_filters = number(value),
            b"Cpus_allowed_list" => self.allowed_cpus = Some(value.trim_ascii()),
            b"voluntary_ctxt_switches" => self.voluntary_switches = number(value),
            b"nonvoluntary_ctxt_switches" => self.involuntary_switches = number(value),
            _ => {}
        }
    }

    /// False for kernel threads and zombies: the kernel then writes none of the `Vm` lines, and what they count is 0.
    pub(crate) fn has_address_space(&self) -> bool {
        self.peak_virtual_bytes.is_some()
    }
}

fn kilobytes(value: &[u8]) -> Option<u64> {
    number(value)?.checked_mul(1024)
}

/// A mask: up to 64 bits, without a prefix. `None` where an architecture has more signals than that.
fn hexadecimal(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |mask, digit| Some(mask << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}

fn user_ids([real, effective, saved, filesystem]: [u32; 4]) -> UserIds {
    UserIds { real, effective, saved, filesystem }
}

fn group_ids([real, effective, saved, filesystem]: [u32; 4]) -> GroupIds {
    GroupIds { real, effective, saved, filesystem }
}

fn ids(value: &[u8]) -> Option<[u32; 4]> {
    let mut columns = Numbers::new(value);
    let mut id = || columns.unsigned().and_then(|id| u32::try_from(id).ok());
    Some([id()?, id()?, id()?, id()?])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    const CAPTURED: &[u8] = b"Name:\tbash\\nUid: 9 9 9 9\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t2080\nNgid:\t0\nPid:\t2080\nPPid:\t2079\n\
        TracerPid:\t31\nUid:\t1000\t1001\t1002\t1003\nGid:\t1004\t1005\t1006\t1007\nFDSize:\t256\nGroups:\t0 27 1000 \n\
        NStgid:\t2080\t17\nNSpid:\t2081\t18\n\
        VmPeak:\t    4312 kB\nVmSize:\t    4312 kB\nVmLck:\t       4 kB\nVmPin:\t       0 kB\nVmHWM:\t    2644 kB\nVmRSS:\t    2644 kB\n\
        RssAnon:\t     664 kB\nRssFile:\t    1980 kB\nRssShmem:\t       1 kB\nVmPTE:\t      52 kB\nVmSwap:\t       8 kB\nHugetlbPages:\t       2 kB\n\
        Threads:\t66\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000000002\nSigBlk:\t0000000000010000\nSigIgn:\t0000000000384004\nSigCgt:\tfffffffe7bfbba03\n\
        CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t00000000a80425fb\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000004\n\
        NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\n\
        voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t13\n";

    /// With the numbers of vector V17 of psutil's tests.
    #[test]
    fn a_captured_file_is_read_line_by_line() {
        let status = Status::parse(CAPTURED);
        assert_eq!((status.thread_group, status.tracer), (Some(2080), Some(31)));
        assert_eq!(status.uids, Some(UserIds { real: 1000, effective: 1001, saved: 1002, filesystem: 1003 }));
        assert_eq!(status.gids, Some(GroupIds { real: 1004, effective: 1005, saved: 1006, filesystem: 1007 }));
        assert_eq!(status.groups, Some(&b"\t0 27 1000 "[..]));
        assert_eq!(status.namespace_pids, Some(&b"\t2080\t17"[..]), "of the process, not of the thread");
        assert_eq!((status.peak_virtual_bytes, status.peak_resident_bytes), (Some(4312 * 1024), Some(2644 * 1024)));
        assert_eq!((status.locked_bytes, status.page_table_bytes), (Some(4096), Some(52 * 1024)));
        assert_eq!(
            (status.resident_anonymous_bytes, status.resident_file_bytes),
            (Some(664 * 1024), Some(1980 * 1024))
        );
        assert_eq!(
            (status.resident_shmem_bytes, status.swap_bytes, status.hugetlb_bytes),
            (Some(1024), Some(8192), Some(2048))
        );
        assert_eq!(status.allowed_cpus, Some(&b"0-7"[..]));
        assert_eq!((status.voluntary_switches, status.involuntary_switches), (Some(12), Some(13)));
        assert!(status.has_address_space());
    }

    #[test]
    fn masks_are_read_as_the_kernel_writes_them() {
        let status = Status::parse(CAPTURED);
        assert_eq!((status.signals_pending, status.signals_blocked), (Some(2), Some(0x10000)));
        assert_eq!((status.signals_ignored, status.signals_caught), (Some(0x38_4004), Some(0xffff_fffe_7bfb_ba03)));
        assert_eq!((status.capabilities_inheritable, status.capabilities_permitted), (Some(0), Some(0x1ff_ffff_ffff)));
        assert_eq!(
            (status.capabilities_effective, status.capabilities_bounding, status.capabilities_ambient),
            (Some(0xa804_25fb), Some(0x1ff_ffff_ffff), Some(4))
        );
        assert_eq!(
            (status.no_new_privileges, status.seccomp_mode, status.seccomp_filters),
            (Some(1), Some(2), Some(3))
        );
        for odd in [&b""[..], b"  ", b"0x1", b"g", b"10000000000000000", b"1 2"] {
            assert_eq!(hexadecimal(odd), None);
        }
    }

    #[test]
    fn lines_that_are_missing_or_torn_are_absent() {
        let status = Status::parse(b"Name:\tkthreadd\nUid:\t0\t0\t0\nCapEff:\nTgid:\t2");
        assert_eq!((status.uids, status.gids, status.swap_bytes), (None, None, None));
        assert_eq!((status.capabilities_effective, status.groups), (None, None));
        assert_eq!(status.thread_group, Some(2));
        assert!(!status.has_address_space());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0..1_200_usize) {
            Status::parse(&bytes);
            Status::parse(CAPTURED.get(..cut).unwrap_or(CAPTURED));
        }
    }
}
