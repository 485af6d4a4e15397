//! `/proc/PID/stat` (fs/proc/array.c: do_task_stat; proc_pid_stat(5)). Fields are numbered from 1, as there.

use procwire_proto::v1::ProcessState;

use crate::procfs::Numbers;

/// Flag of kernel threads in field 9: `PF_KTHREAD`, include/linux/sched.h.
const PF_KTHREAD: u64 = 0x0020_0000;
/// Flag of those that are on their way out: `PF_EXITING`, the same file.
const PF_EXITING: u64 = 0x0000_0004;

/// The line of one process. A column that an old kernel does not have, or that is no number, is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat<'a> {
    /// Field 2 without its parentheses: any bytes but NUL.
    pub(crate) comm: &'a [u8],
    /// Field 3.
    pub(crate) state: Option<ProcessState>,
    /// Field 4.
    pub(crate) ppid: Option<u64>,
    /// Field 5.
    pub(crate) process_group: Option<i64>,
    /// Field 6.
    pub(crate) session: Option<i64>,
    /// Field 7.
    pub(crate) terminal: Option<i64>,
    /// Field 8.
    pub(crate) foreground_process_group: Option<i64>,
    /// Field 9.
    pub(crate) flags: Option<u64>,
    /// Fields 10 to 13.
    pub(crate) minor_faults: Option<u64>,
    pub(crate) children_minor_faults: Option<u64>,
    pub(crate) major_faults: Option<u64>,
    pub(crate) children_major_faults: Option<u64>,
    /// Fields 14 to 17, in ticks.
    pub(crate) user_ticks: Option<u64>,
    pub(crate) system_ticks: Option<u64>,
    pub(crate) children_user_ticks: Option<u64>,
    pub(crate) children_system_ticks: Option<u64>,
    /// Field 18: what the scheduler calls it.
    pub(crate) priority: Option<i64>,
    /// Field 19.
    pub(crate) nice: Option<i64>,
    /// Field 20.
    pub(crate) threads: Option<u64>,
    /// Field 22, in ticks since boot.
    pub(crate) start_ticks: u64,
    /// Field 23, in bytes.
    pub(crate) virtual_bytes: Option<u64>,
    /// Field 39.
    pub(crate) cpu_number: Option<u64>,
    /// Field 40.
    pub(crate) realtime_priority: Option<u64>,
    /// Field 41.
    pub(crate) policy: Option<u64>,
    /// Field 42, in ticks.
    pub(crate) block_io_wait_ticks: Option<u64>,
    /// Field 52, of zombies only: how it ended, and 0 to those who may not trace it.
    pub(crate) wait_status: Option<u32>,
}

impl<'a> Stat<'a> {
    /// Parses the line. `None` if it is torn before the start time: then it names no process.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let open = line.iter().position(|byte| *byte == b'(')?;
        // The name may hold parentheses, blanks and newlines; what follows it may not.
        let close = line.iter().rposition(|byte| *byte == b')')?;
        let comm = line.get(open + 1..close)?;
        let mut fields = Numbers::new(line.get(close + 1..)?);
        let state = fields.token()?.first().copied().and_then(ProcessState::from_letter);
        Some(Self {
            comm,
            state,
            ppid: fields.unsigned(),
            process_group: fields.signed(),
            session: fields.signed(),
            terminal: fields.signed(),
            foreground_process_group: fields.signed(),
            flags: fields.unsigned(),
            minor_faults: fields.unsigned(),
            children_minor_faults: fields.unsigned(),
            major_faults: fields.unsigned(),
            children_major_faults: fields.unsigned(),
            user_ticks: fields.unsigned(),
            system_ticks: fields.unsigned(),
            children_user_ticks: fields.unsigned(),
            children_system_ticks: fields.unsigned(),
            priority: fields.signed(),
            nice: fields.signed(),
            threads: fields.unsigned(),
            start_ticks: fields.skip(1).unsigned()?,
            virtual_bytes: fields.unsigned(),
            cpu_number: fields.skip(15).unsigned(),
            realtime_priority: fields.unsigned(),
            policy: fields.unsigned(),
            block_io_wait_ticks: fields.unsigned(),
            wait_status: if is_over(state) {
                fields.skip(9).unsigned().and_then(|status| status.try_into().ok())
            } else {
                None
            },
        })
    }

    /// Fields 14 and 15 together.
    pub(crate) fn used_ticks(&self) -> Option<u64> {
        self.user_ticks?.checked_add(self.system_ticks?)
    }

    /// True if the main thread has exited while others run on. The kernel shows such a process as a zombie; a real one has one
    /// thread left, or none.
    pub(crate) fn leader_has_exited(&self) -> bool {
        self.is_zombie() && self.threads.is_some_and(|threads| threads > 1)
    }

    pub(crate) fn is_kernel_thread(&self) -> bool {
        self.flags.is_some_and(|flags| flags & PF_KTHREAD != 0)
    }

    pub(crate) fn is_zombie(&self) -> bool {
        is_over(self.state)
    }

    /// True if the process is letting go of its parts one after the other, and is no zombie yet (kernel/exit.c: do_exit).
    pub(crate) fn is_ending(&self) -> bool {
        !self.is_zombie() && self.flags.is_some_and(|flags| flags & PF_EXITING != 0)
    }

    /// Of a process whose main thread has exited, as seen through one that lives.
    pub(crate) fn through(self, state: Option<ProcessState>, virtual_bytes: Option<u64>) -> Self {
        Self { state, virtual_bytes, flags: self.flags.map(|flags| flags & !PF_EXITING), ..self }
    }
}

fn is_over(state: Option<ProcessState>) -> bool {
    matches!(state, Some(ProcessState::Zombie | ProcessState::Dead))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    /// Captured on Linux 6.18.
    const SHELL: &[u8] = b"2080 (bash) S 2079 2080 2080 34816 2101 4194304 901 1207 3 4 7 5 11 13 20 -5 1 0 5151 4415488 661 18446744073709551615 94310 94311 140 0 0 0 65536 3686404 1266761467 0 0 0 17 1 0 0 9 0 0 0 0 0 0 0 0 0 0\n";

    #[test]
    fn a_captured_line_is_read_field_by_field() {
        let stat = Stat::parse(SHELL).unwrap();
        assert_eq!(stat.comm, b"bash");
        assert_eq!(stat.state, Some(ProcessState::Sleeping));
        assert_eq!((stat.ppid, stat.process_group, stat.session), (Some(2079), Some(2080), Some(2080)));
        assert_eq!((stat.terminal, stat.foreground_process_group), (Some(34816), Some(2101)));
        assert_eq!((stat.minor_faults, stat.children_minor_faults), (Some(901), Some(1207)));
        assert_eq!((stat.major_faults, stat.children_major_faults), (Some(3), Some(4)));
        assert_eq!((stat.user_ticks, stat.system_ticks), (Some(7), Some(5)));
        assert_eq!((stat.children_user_ticks, stat.children_system_ticks), (Some(11), Some(13)));
        assert_eq!((stat.nice, stat.threads, stat.start_ticks), (Some(-5), Some(1), 5151));
        assert_eq!((stat.virtual_bytes, stat.cpu_number), (Some(4_415_488), Some(1)));
        assert_eq!((stat.priority, stat.realtime_priority, stat.policy), (Some(20), Some(0), Some(0)));
        assert_eq!((stat.block_io_wait_ticks, stat.wait_status), (Some(9), None));
        assert!(!stat.is_kernel_thread() && !stat.is_zombie());
    }

    #[test]
    fn a_name_may_hold_anything() {
        let hostile = |comm: &[u8]| [b"7 (", comm, b") Z 1 7 7 0 -1 2097228 0 0 0 0 0 0 0 0 20 0 1 0 6 0 0"].concat();
        for comm in [&b")\n\x1b[2J"[..], b"a) R 1 (b", b"((", b"", b" ", b"\xff\xfe", b"x) S 9 9 9"] {
            let line = hostile(comm);
            let stat = Stat::parse(&line).unwrap();
            assert_eq!(stat.comm, comm);
            assert_eq!((stat.ppid, stat.start_ticks), (Some(1), 6));
            assert!(stat.is_kernel_thread() && stat.is_zombie());
        }
    }

    /// Vector V16 of psutil's tests.
    #[test]
    fn the_times_of_a_zombie_are_read() {
        let line = b"1 (cat) Z 1 0 0 0 0 0 0 0 0 0 2 3 4 5 0 0 0 0 6 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 6 0 0 7";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.comm, stat.state), (&b"cat"[..], Some(ProcessState::Zombie)));
        assert_eq!((stat.user_ticks, stat.system_ticks), (Some(2), Some(3)));
        assert_eq!((stat.children_user_ticks, stat.children_system_ticks), (Some(4), Some(5)));
        assert_eq!((stat.start_ticks, stat.cpu_number, stat.block_io_wait_ticks), (6, Some(6), Some(7)));
        assert_eq!(stat.wait_status, None, "an old kernel has no such column");
    }

    /// Captured on Linux 6.18: `exit 7`, a realtime process before that.
    #[test]
    fn the_end_of_a_zombie_and_its_scheduling_are_read() {
        let line = b"4242 (sh) Z 4241 4242 4241 0 -1 4227084 80 0 0 0 0 0 0 0 -51 0 1 0 9000 0 0 18446744073709551615 0 0 0 0 0 0 0 4096 0 0 0 0 17 1 50 2 0 0 0 0 0 0 0 0 0 0 1792\n";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.wait_status, Some(7 << 8));
        assert_eq!((stat.priority, stat.realtime_priority, stat.policy), (Some(-51), Some(50), Some(2)));
    }

    #[test]
    fn columns_that_are_missing_are_absent_and_a_line_without_a_start_is_none() {
        let old = Stat::parse(b"1 (init) S 0 1 1 0 -1 256 1 2 3 4 5 6 7 8 9 10 11 0 12 13").unwrap();
        assert_eq!((old.start_ticks, old.virtual_bytes), (12, Some(13)));
        assert_eq!((old.cpu_number, old.block_io_wait_ticks), (None, None));
        for torn in [&b""[..], b"1", b"1 (init", b"1 (init)", b"1 (init) S", b"1 (init) S 0 1 1 0 -1 256 1 2 3", b")("]
        {
            assert_eq!(Stat::parse(torn), None);
        }
        assert_eq!(Stat::parse(b"1 (init) ? 0 1 1 0 -1 256 1 2 3 4 5 6 7 8 9 10 11 0 12 13").unwrap().state, None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0..200_usize) {
            Stat::parse(&bytes);
            Stat::parse(&SHELL[..cut.min(SHELL.len())]);
        }

        #[test]
        fn any_name_comes_back(comm in proptest::collection::vec(1..=255_u8, 0..64)) {
            let line = [b"7 (", comm.as_slice(), b") S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 6"].concat();
            proptest::prop_assert_eq!(Stat::parse(&line).unwrap().comm, comm.as_slice());
        }
    }
}
