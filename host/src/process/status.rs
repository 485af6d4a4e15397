//! `/proc/PID/status` (fs/proc/array.c: proc_pid_status; proc_pid_status(5)).

use procwire_proto::v1::{GroupIds, UserIds};

use crate::procfs::{Numbers, number};

/// The lines that are served. A line that the kernel did not write is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) thread_group: Option<u64>,
    pub(crate) uids: Option<UserIds>,
    pub(crate) gids: Option<GroupIds>,
    pub(crate) peak_virtual_bytes: Option<u64>,
    pub(crate) locked_bytes: Option<u64>,
    pub(crate) peak_resident_bytes: Option<u64>,
    pub(crate) resident_anonymous_bytes: Option<u64>,
    pub(crate) resident_file_bytes: Option<u64>,
    pub(crate) resident_shmem_bytes: Option<u64>,
    pub(crate) page_table_bytes: Option<u64>,
    pub(crate) swap_bytes: Option<u64>,
    pub(crate) hugetlb_bytes: Option<u64>,
    pub(crate) voluntary_switches: Option<u64>,
    pub(crate) involuntary_switches: Option<u64>,
}

impl Status {
    /// Parses the file. The kernel escapes newlines in the name, so a line is a line.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let mut status = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (key, rest) = line.split_at(colon);
            let value = rest.get(1..).unwrap_or_default();
            match key {
                b"Tgid" => status.thread_group = number(value),
                b"Uid" => status.uids = ids(value).map(user_ids),
                b"Gid" => status.gids = ids(value).map(group_ids),
                b"VmPeak" => status.peak_virtual_bytes = kilobytes(value),
                b"VmLck" => status.locked_bytes = kilobytes(value),
                b"VmHWM" => status.peak_resident_bytes = kilobytes(value),
                b"RssAnon" => status.resident_anonymous_bytes = kilobytes(value),
                b"RssFile" => status.resident_file_bytes = kilobytes(value),
                b"RssShmem" => status.resident_shmem_bytes = kilobytes(value),
                b"VmPTE" => status.page_table_bytes = kilobytes(value),
                b"VmSwap" => status.swap_bytes = kilobytes(value),
                b"HugetlbPages" => status.hugetlb_bytes = kilobytes(value),
                b"voluntary_ctxt_switches" => status.voluntary_switches = number(value),
                b"nonvoluntary_ctxt_switches" => status.involuntary_switches = number(value),
                _ => {}
            }
        }
        status
    }

    /// False for kernel threads and zombies: the kernel then writes none of the `Vm` lines, and what they count is 0.
    pub(crate) fn has_address_space(&self) -> bool {
        self.peak_virtual_bytes.is_some()
    }
}

fn kilobytes(value: &[u8]) -> Option<u64> {
    number(value)?.checked_mul(1024)
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
        TracerPid:\t0\nUid:\t1000\t1001\t1002\t1003\nGid:\t1004\t1005\t1006\t1007\nFDSize:\t256\nGroups:\t0 \n\
        VmPeak:\t    4312 kB\nVmSize:\t    4312 kB\nVmLck:\t       4 kB\nVmPin:\t       0 kB\nVmHWM:\t    2644 kB\nVmRSS:\t    2644 kB\n\
        RssAnon:\t     664 kB\nRssFile:\t    1980 kB\nRssShmem:\t       1 kB\nVmPTE:\t      52 kB\nVmSwap:\t       8 kB\nHugetlbPages:\t       2 kB\n\
        Threads:\t66\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t13\n";

    /// With the numbers of vector V17 of psutil's tests.
    #[test]
    fn a_captured_file_is_read_line_by_line() {
        let status = Status::parse(CAPTURED);
        assert_eq!(status.thread_group, Some(2080));
        assert_eq!(status.uids, Some(UserIds { real: 1000, effective: 1001, saved: 1002, filesystem: 1003 }));
        assert_eq!(status.gids, Some(GroupIds { real: 1004, effective: 1005, saved: 1006, filesystem: 1007 }));
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
        assert_eq!((status.voluntary_switches, status.involuntary_switches), (Some(12), Some(13)));
        assert!(status.has_address_space());
    }

    #[test]
    fn lines_that_are_missing_or_torn_are_absent() {
        let status = Status::parse(b"Name:\tkthreadd\nUid:\t0\t0\t0\nTgid:\t2");
        assert_eq!((status.uids, status.gids, status.swap_bytes), (None, None, None));
        assert_eq!(status.thread_group, Some(2));
        assert!(!status.has_address_space());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0..600_usize) {
            Status::parse(&bytes);
            Status::parse(CAPTURED.get(..cut).unwrap_or(CAPTURED));
        }
    }
}
