//! What it means that a file of a process cannot be read. That depends on what the process is, which is known only when its stat has
//! been read: fs/proc/base.c answers the same errno for a process that may not be looked at and for one that has nothing to show.

use procwire_proto::v1::FieldErrorReason;
use rustix::io::Errno;

use super::{plan::ProcessFile, stat::Stat};

/// A file, or one of several that answer a field together, that could not be read.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    pub(super) file: ProcessFile,
    /// Below `/proc/PID`; for what is no file, the system call.
    pub(super) name: &'a str,
    /// Fields, or parts of one, that it would have answered.
    pub(super) paths: Vec<&'a str>,
    pub(super) errno: Errno,
}

impl Failure<'_> {
    /// Why the fields are absent; `None`: there is nothing to say of such a process, whoever asks.
    pub(super) fn reason(&self, stat: &Stat<'_>) -> Option<FieldErrorReason> {
        let is_refused = matches!(self.errno, Errno::ACCESS | Errno::PERM);
        let is_missing = matches!(self.errno, Errno::NOENT | Errno::SRCH);
        if is_refused || is_missing {
            // A kernel thread runs no program, sits nowhere and was given no environment.
            let has_never = matches!(self.file, ProcessFile::Exe | ProcessFile::Cwd | ProcessFile::Environ);
            if has_never && stat.is_kernel_thread() {
                return None;
            }
            // Nor does it have an address space.
            if is_missing && self.file == ProcessFile::MemoryMaps && stat.is_kernel_thread() {
                return None;
            }
            // A zombie has let go of these; more rights would not bring them back.
            let has_no_more = has_never || matches!(self.file, ProcessFile::Root | ProcessFile::Cmdline);
            if has_no_more && stat.is_zombie() {
                return Some(FieldErrorReason::Zombie);
            }
            // What it had when the reading began is gone before it is a zombie: its memory, files and namespaces, one by one.
            if is_missing && stat.is_ending() {
                return Some(FieldErrorReason::ProcessGone);
            }
        }
        Some(match self.errno {
            // There is such a file, and it is empty.
            Errno::NODATA => return stat.is_zombie().then_some(FieldErrorReason::Zombie),
            Errno::ACCESS | Errno::PERM => FieldErrorReason::PermissionDenied,
            Errno::NOENT | Errno::SRCH if stat.is_zombie() => FieldErrorReason::Zombie,
            // The process is there, as its stat proves: this kernel was built without the file.
            Errno::NOENT if self.may_be_unknown_to_the_kernel() => FieldErrorReason::Unsupported,
            // EINVAL: no security module labels processes (security/security.c: security_getprocattr).
            Errno::INVAL if self.file == ProcessFile::SecurityLabel => FieldErrorReason::Unsupported,
            Errno::NOSYS | Errno::OPNOTSUPP => FieldErrorReason::Unsupported,
            _ => FieldErrorReason::ReadFailed,
        })
    }

    /// What the kernel said, where that explains more than the reason does.
    pub(super) fn detail(&self, reason: FieldErrorReason) -> String {
        match reason {
            FieldErrorReason::ReadFailed | FieldErrorReason::Unsupported => {
                format!("{}: {}", self.name, std::io::Error::from(self.errno))
            }
            _ => String::new(),
        }
    }

    /// Files that are there only if the kernel was configured so, or is young enough.
    fn may_be_unknown_to_the_kernel(&self) -> bool {
        matches!(
            self.file,
            ProcessFile::Cgroup
                | ProcessFile::Footprint
                | ProcessFile::Io
                | ProcessFile::LoginUid
                | ProcessFile::MemoryMaps
                | ProcessFile::Namespaces
                | ProcessFile::SecurityLabel
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::ProcessState;

    use super::*;

    const LIVE: &[u8] = b"7 (a) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1";
    const ZOMBIE: &[u8] = b"7 (a) Z 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 0 0";
    const KERNEL_THREAD: &[u8] = b"7 (a) I 2 0 0 0 -1 2129984 0 0 0 0 2 3 0 0 20 5 1 0 150 0 0";

    fn reason(file: ProcessFile, errno: Errno, stat: &[u8]) -> Option<FieldErrorReason> {
        let failure = Failure { file, name: file.name(), paths: Vec::new(), errno };
        failure.reason(&Stat::parse(stat).unwrap())
    }

    #[test]
    fn what_a_zombie_has_let_go_of_is_so_for_everyone() {
        for file in [ProcessFile::Exe, ProcessFile::Cwd, ProcessFile::Root, ProcessFile::Environ, ProcessFile::Cmdline]
        {
            for errno in [Errno::NOENT, Errno::SRCH, Errno::ACCESS, Errno::PERM] {
                assert_eq!(reason(file, errno, ZOMBIE), Some(FieldErrorReason::Zombie), "{file:?} {errno}");
            }
        }
        // Of these a zombie keeps something, which those with the right to look see.
        for file in [ProcessFile::Io, ProcessFile::FdCount, ProcessFile::Namespaces, ProcessFile::Footprint] {
            assert_eq!(reason(file, Errno::ACCESS, ZOMBIE), Some(FieldErrorReason::PermissionDenied), "{file:?}");
            assert_eq!(reason(file, Errno::SRCH, ZOMBIE), Some(FieldErrorReason::Zombie), "{file:?}");
        }
    }

    #[test]
    fn a_kernel_thread_has_neither_program_nor_directory_nor_environment_and_no_error() {
        for file in [ProcessFile::Exe, ProcessFile::Cwd, ProcessFile::Environ] {
            // As root, and as a user; environ is ESRCH since Linux 6.16.
            for errno in [Errno::NOENT, Errno::SRCH, Errno::ACCESS] {
                assert_eq!(reason(file, errno, KERNEL_THREAD), None, "{file:?} {errno}");
            }
            assert_eq!(reason(file, Errno::MFILE, KERNEL_THREAD), Some(FieldErrorReason::ReadFailed));
        }
        assert_eq!(reason(ProcessFile::MemoryMaps, Errno::SRCH, KERNEL_THREAD), None);
        let with_rights = [ProcessFile::Io, ProcessFile::FdCount, ProcessFile::Root, ProcessFile::OpenFiles];
        for file in with_rights.into_iter().chain([ProcessFile::MemoryMaps]) {
            assert_eq!(reason(file, Errno::ACCESS, KERNEL_THREAD), Some(FieldErrorReason::PermissionDenied));
        }
    }

    #[test]
    fn what_a_process_has_let_go_of_on_its_way_out_is_gone() {
        const ENDING: &[u8] = b"7 (a) R 1 7 7 0 -1 4194308 0 0 0 0 2 3 0 0 20 5 1 0 150 0 0";
        let files = [ProcessFile::Exe, ProcessFile::Cwd, ProcessFile::Environ, ProcessFile::Namespaces];
        for file in files.into_iter().chain([ProcessFile::MemoryMaps, ProcessFile::OpenFiles]) {
            for errno in [Errno::NOENT, Errno::SRCH] {
                assert_eq!(reason(file, errno, ENDING), Some(FieldErrorReason::ProcessGone), "{file:?} {errno}");
            }
            assert_eq!(reason(file, Errno::ACCESS, ENDING), Some(FieldErrorReason::PermissionDenied), "{file:?}");
        }
        // Read through a thread that lives, a process whose main thread is on its way out is not.
        let through = Stat::parse(ENDING).unwrap().through(Some(ProcessState::Sleeping), None);
        let failure = Failure { file: ProcessFile::Io, name: "io", paths: Vec::new(), errno: Errno::NOENT };
        assert_eq!(failure.reason(&through), Some(FieldErrorReason::Unsupported));
        // A kernel thread never had them, on its way out as before.
        let thread: &[u8] = b"7 (a) I 2 0 0 0 -1 2129988 0 0 0 0 2 3 0 0 20 5 1 0 150 0 0";
        assert_eq!(reason(ProcessFile::Exe, Errno::NOENT, thread), None);
    }

    #[test]
    fn an_empty_environment_is_one_unless_the_process_has_let_go_of_it() {
        assert_eq!(reason(ProcessFile::Environ, Errno::NODATA, LIVE), None);
        assert_eq!(reason(ProcessFile::Environ, Errno::NODATA, KERNEL_THREAD), None);
        assert_eq!(reason(ProcessFile::Environ, Errno::NODATA, ZOMBIE), Some(FieldErrorReason::Zombie));
    }

    #[test]
    fn of_a_live_process_the_errno_decides() {
        for file in [ProcessFile::Exe, ProcessFile::Environ, ProcessFile::Io, ProcessFile::Namespaces] {
            assert_eq!(reason(file, Errno::ACCESS, LIVE), Some(FieldErrorReason::PermissionDenied));
            assert_eq!(reason(file, Errno::PERM, LIVE), Some(FieldErrorReason::PermissionDenied));
            // Read after it was opened, and gone: the witness has the last word, and it lives.
            assert_eq!(reason(file, Errno::SRCH, LIVE), Some(FieldErrorReason::ReadFailed));
        }
        // CONFIG_PROC_PAGE_MONITOR.
        assert_eq!(reason(ProcessFile::MemoryMaps, Errno::NOENT, LIVE), Some(FieldErrorReason::Unsupported));
        assert_eq!(reason(ProcessFile::LoginUid, Errno::NOENT, LIVE), Some(FieldErrorReason::Unsupported));
        assert_eq!(reason(ProcessFile::SecurityLabel, Errno::INVAL, LIVE), Some(FieldErrorReason::Unsupported));
        assert_eq!(reason(ProcessFile::Affinity, Errno::NOSYS, LIVE), Some(FieldErrorReason::Unsupported));
        assert_eq!(reason(ProcessFile::Statm, Errno::NOENT, LIVE), Some(FieldErrorReason::ReadFailed));
        assert_eq!(reason(ProcessFile::Limits, Errno::INVAL, LIVE), Some(FieldErrorReason::ReadFailed));
    }

    #[test]
    fn the_detail_names_the_file_and_what_the_kernel_said() {
        let failure = Failure {
            file: ProcessFile::Namespaces,
            name: "ns/net",
            paths: vec!["namespaces.network"],
            errno: Errno::IO,
        };
        assert_eq!(failure.detail(FieldErrorReason::ReadFailed), "ns/net: Input/output error (os error 5)");
        assert_eq!(failure.detail(FieldErrorReason::PermissionDenied), "");
    }
}
