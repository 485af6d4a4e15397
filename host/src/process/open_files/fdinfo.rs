//! `/proc/PID/fdinfo/FD` (fs/proc/fd.c: seq_show; proc_pid_fdinfo(5)).

use crate::procfs::number;

/// The lines that are served. A line that the kernel did not write is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FdInfo {
    pub(super) position: Option<u64>,
    /// As in open(2).
    pub(super) flags: Option<u32>,
    /// Linux 5.14.
    pub(super) inode: Option<u64>,
    /// The process that a pidfd stands for, unless it is gone (-1) or not of the pid namespace of this procfs (0).
    pub(super) pid: Option<u32>,
}

impl FdInfo {
    /// Parses the file, or its beginning: what is served comes first. The lines that a kind of file adds follow those of every file and
    /// do not take their names.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut info = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, rest) = line.split_at(colon);
            let value = rest.get(1..).unwrap_or_default();
            match name {
                b"pos" => info.position = info.position.or(number(value)),
                b"flags" => info.flags = info.flags.or(octal(value)),
                b"ino" => info.inode = info.inode.or(number(value)),
                b"Pid" => info.pid = number(value).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0),
                _ => {}
            }
        }
        info
    }
}

fn octal(value: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(value).ok()?.trim(), 8).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn captured_files_are_read() {
        // Linux 6.18.
        let pidfd = b"pos:\t0\nflags:\t02000002\nmnt_id:\t4\nino:\t560215\nPid:\t8531\nNSpid:\t8531\n";
        let expected = FdInfo { position: Some(0), flags: Some(0o2_000_002), inode: Some(560_215), pid: Some(8531) };
        assert_eq!(FdInfo::parse(pidfd), expected);
        // Linux 3.10, with a lock.
        let old = b"pos:\t8192\nflags:\t0100002\nlock:\t1: POSIX  ADVISORY  WRITE 99 fe:00:12 0 EOF\n";
        let expected = FdInfo { position: Some(8192), flags: Some(0o100_002), inode: None, pid: None };
        assert_eq!(FdInfo::parse(old), expected);
        let inotify = b"pos:\t0\nflags:\t00\nmnt_id:\t17\nino:\t1038\ninotify wd:1 ino:9 sdev:fe00000 mask:800afce\n";
        assert_eq!(FdInfo::parse(inotify).inode, Some(1038));
    }

    #[test]
    fn a_process_that_is_gone_or_elsewhere_has_no_pid() {
        for gone in [&b"Pid:\t-1\nNSpid:\t-1\n"[..], b"Pid:\t0\n", b"Pid:\t\n", b"Pid:\t4294967296\n", b""] {
            assert_eq!(FdInfo::parse(gone).pid, None);
        }
    }

    #[test]
    fn torn_lines_are_absent() {
        assert_eq!(FdInfo::parse(b"pos\nflags:\t8\nino:"), FdInfo::default());
        assert_eq!(FdInfo::parse(b"flags:\t\xff"), FdInfo::default());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            FdInfo::parse(&bytes);
        }

        #[test]
        fn any_position_and_flags_are_read_back(position: u64, flags: u32) {
            let info = FdInfo::parse(format!("pos:\t{position}\nflags:\t0{flags:o}\n").as_bytes());
            proptest::prop_assert_eq!((info.position, info.flags), (Some(position), Some(flags)));
        }
    }
}
