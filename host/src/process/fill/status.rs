//! What `status` answers.

use procwire_proto::{
    process_fields::bit,
    v1::{Capabilities, ContextSwitches, ProcessMemory, SeccompMode, SignalMasks, SyscallFilter},
};

use super::{Entry, Row};
use crate::{process::status::Status, procfs::Numbers};

impl Row<'_> {
    pub(in crate::process) fn status(&mut self, status: &Status<'_>) {
        if self.plan.wants(bit::UIDS) {
            self.process.uids = self.checked(bit::UIDS, status.uids);
        }
        if self.plan.wants(bit::GIDS) {
            self.process.gids = self.checked(bit::GIDS, status.gids);
        }
        self.switches(status);
        self.rights(status);
        self.lists(status);
        let has_none = !status.has_address_space();
        let bytes = |value: Option<u64>| value.or(has_none.then_some(0));
        let memory: [Entry<ProcessMemory>; 10] = [
            (bit::MEMORY_PEAK_RESIDENT_BYTES, bytes(status.peak_resident_bytes), |memory| {
                &mut memory.peak_resident_bytes
            }),
            (bit::MEMORY_PEAK_VIRTUAL_BYTES, bytes(status.peak_virtual_bytes), |memory| &mut memory.peak_virtual_bytes),
            (bit::MEMORY_RESIDENT_ANONYMOUS_BYTES, bytes(status.resident_anonymous_bytes), |memory| {
                &mut memory.resident_anonymous_bytes
            }),
            (bit::MEMORY_RESIDENT_FILE_BYTES, bytes(status.resident_file_bytes), |memory| {
                &mut memory.resident_file_bytes
            }),
            (bit::MEMORY_RESIDENT_SHMEM_BYTES, bytes(status.resident_shmem_bytes), |memory| {
                &mut memory.resident_shmem_bytes
            }),
            (bit::MEMORY_SWAP_BYTES, bytes(status.swap_bytes), |memory| &mut memory.swap_bytes),
            (bit::MEMORY_HUGETLB_BYTES, bytes(status.hugetlb_bytes), |memory| &mut memory.hugetlb_bytes),
            (bit::MEMORY_LOCKED_BYTES, bytes(status.locked_bytes), |memory| &mut memory.locked_bytes),
            (bit::MEMORY_PAGE_TABLE_BYTES, bytes(status.page_table_bytes), |memory| &mut memory.page_table_bytes),
            (bit::MEMORY_ESTIMATED_PROPORTIONAL_BYTES, bytes(estimated_proportional_bytes(status)), |memory| {
                &mut memory.estimated_proportional_bytes
            }),
        ];
        self.fill(&memory, |process| process.memory.get_or_insert_default());
    }

    fn switches(&mut self, status: &Status<'_>) {
        let switches: [Entry<ContextSwitches>; 2] = [
            (bit::CONTEXT_SWITCHES_VOLUNTARY, status.voluntary_switches, |switches| &mut switches.voluntary),
            (bit::CONTEXT_SWITCHES_INVOLUNTARY, status.involuntary_switches, |switches| &mut switches.involuntary),
        ];
        self.fill(&switches, |process| process.context_switches.get_or_insert_default());
    }

    /// What it may do: capabilities, system call filter, signals.
    fn rights(&mut self, status: &Status<'_>) {
        if self.plan.wants(bit::CAPABILITIES) {
            let sets = Capabilities {
                inheritable: status.capabilities_inheritable,
                permitted: status.capabilities_permitted,
                effective: status.capabilities_effective,
                bounding: status.capabilities_bounding,
                ambient: status.capabilities_ambient,
            };
            let parts = [
                ("capabilities.inheritable", sets.inheritable.is_some()),
                ("capabilities.permitted", sets.permitted.is_some()),
                ("capabilities.effective", sets.effective.is_some()),
                ("capabilities.bounding", sets.bounding.is_some()),
                ("capabilities.ambient", sets.ambient.is_some()),
            ];
            self.process.capabilities = self.message(bit::CAPABILITIES, sets, &parts);
        }
        if self.plan.wants(bit::SYSCALL_FILTER) {
            let filter = SyscallFilter {
                seccomp_mode: status.seccomp_mode.and_then(seccomp_mode).map(i32::from),
                filter_count: status.seccomp_filters.and_then(|count| u32::try_from(count).ok()),
                no_new_privileges: status.no_new_privileges.map(|flag| flag != 0),
            };
            let parts = [
                ("syscall_filter.seccomp_mode", filter.seccomp_mode.is_some()),
                ("syscall_filter.filter_count", filter.filter_count.is_some()),
                ("syscall_filter.no_new_privileges", filter.no_new_privileges.is_some()),
            ];
            self.process.syscall_filter = self.message(bit::SYSCALL_FILTER, filter, &parts);
        }
        if self.plan.wants(bit::SIGNALS) {
            let masks = SignalMasks {
                pending: status.signals_pending,
                blocked: status.signals_blocked,
                ignored: status.signals_ignored,
                caught: status.signals_caught,
            };
            let parts = [
                ("signals.pending", masks.pending.is_some()),
                ("signals.blocked", masks.blocked.is_some()),
                ("signals.ignored", masks.ignored.is_some()),
                ("signals.caught", masks.caught.is_some()),
            ];
            self.process.signals = self.message(bit::SIGNALS, masks, &parts);
        }
    }

    /// Its tracer, and the lines that hold a list.
    fn lists(&mut self, status: &Status<'_>) {
        if self.plan.wants(bit::TRACER_PID) {
            let tracer = self.checked(bit::TRACER_PID, status.tracer);
            // 0: nobody, and nothing to say.
            self.process.tracer_pid = tracer.filter(|pid| *pid != 0).and_then(|pid| u32::try_from(pid).ok());
        }
        if self.plan.wants(bit::NAMESPACE_PIDS) {
            let list = self.checked(bit::NAMESPACE_PIDS, status.namespace_pids);
            self.process.namespace_pids = list.map(numbers).unwrap_or_default();
        }
        if self.plan.wants(bit::SUPPLEMENTARY_GIDS) {
            let list = self.checked(bit::SUPPLEMENTARY_GIDS, status.groups);
            self.process.supplementary_gids = list.map(numbers).unwrap_or_default();
        }
    }
}

/// A page of a file or of shared memory counts as if four processes had it; smaps_rollup knows how many do.
fn estimated_proportional_bytes(status: &Status<'_>) -> Option<u64> {
    let shared = status.resident_file_bytes?.saturating_add(status.resident_shmem_bytes?);
    Some(status.resident_anonymous_bytes?.saturating_add(shared / 4))
}

/// The mode of the kernel's number (include/uapi/linux/seccomp.h).
fn seccomp_mode(number: u64) -> Option<SeccompMode> {
    SeccompMode::try_from(i32::try_from(number).ok()?.checked_add(1)?).ok()
}

fn numbers(line: &[u8]) -> Vec<u32> {
    let mut columns = Numbers::new(line);
    let next = || columns.unsigned().and_then(|number| u32::try_from(number).ok());
    std::iter::from_fn(next).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::{
        FieldMask, ProcessFieldSet,
        v1::{FieldErrorReason, Process},
    };

    use super::*;
    use crate::{Machine, process::ProcessPlan};

    fn filled(paths: &[&str], text: &str) -> Process {
        let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
        let plan = ProcessPlan::new(ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap());
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: bytes::Bytes::new() };
        let mut process = Process::default();
        Row { process: &mut process, plan: &plan, machine: &machine }.status(&Status::parse(text.as_bytes()));
        process
    }

    fn errors(process: &Process) -> Vec<(&str, FieldErrorReason)> {
        process.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect()
    }

    #[test]
    fn a_part_that_an_old_kernel_does_not_write_is_named_and_the_rest_is_there() {
        let process = filled(&["syscall_filter"], "NoNewPrivs:\t1\nSeccomp:\t2\n");
        let filter = process.syscall_filter.as_deref().unwrap();
        assert_eq!((filter.seccomp_mode(), filter.no_new_privileges), (SeccompMode::Filter, Some(true)));
        assert_eq!(errors(&process), [("syscall_filter.filter_count", FieldErrorReason::Unsupported)]);
        let process = filled(&["capabilities", "signals"], "");
        assert!(process.capabilities.is_none() && process.signals.is_none());
        let unsupported = FieldErrorReason::Unsupported;
        assert_eq!(errors(&process), [("capabilities", unsupported), ("signals", unsupported)]);
    }

    #[test]
    fn a_process_that_nobody_traces_has_no_tracer_and_no_error() {
        let process = filled(&["tracer_pid"], "TracerPid:\t0\n");
        assert_eq!((process.tracer_pid, process.errors.len()), (None, 0));
        assert_eq!(filled(&["tracer_pid"], "TracerPid:\t31\n").tracer_pid, Some(31));
        assert_eq!(errors(&filled(&["tracer_pid"], "")), [("tracer_pid", FieldErrorReason::Unsupported)]);
    }

    #[test]
    fn lists_may_be_empty_and_end_at_what_is_no_number() {
        let paths = ["supplementary_gids", "namespace_pids"];
        let process = filled(&paths, "Groups:\t \nNStgid:\t70\t2\t1\n");
        assert_eq!((process.supplementary_gids.len(), process.namespace_pids.as_slice()), (0, &[70, 2, 1][..]));
        assert_eq!(process.errors, []);
        assert_eq!(filled(&paths, "Groups:\t4 24 x 27\n").supplementary_gids, [4, 24]);
    }

    #[test]
    fn shared_pages_count_a_quarter_in_the_estimate() {
        let estimate = |text: &str| {
            filled(&["memory.estimated_proportional_bytes"], text).memory.unwrap().estimated_proportional_bytes
        };
        let text = "VmPeak:\t1 kB\nRssAnon:\t100 kB\nRssFile:\t30 kB\nRssShmem:\t10 kB\n";
        assert_eq!(estimate(text), Some(110 * 1024));
        assert_eq!(estimate(""), Some(0), "no address space");
        assert_eq!(estimate("VmPeak:\t1 kB\nRssAnon:\t100 kB\n"), None, "before Linux 4.5");
    }
}
