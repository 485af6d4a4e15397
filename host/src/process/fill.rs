//! From parsed files to the fields of a row. Only what was asked for is set; a column that the kernel did not write is an error of
//! its field.

use procwire_proto::{
    ProcessFieldSet, Timestamp,
    process_fields::bit,
    v1::{FieldError, FieldErrorReason, PageFaults, Process, ProcessCpuTimes, ProcessIo, ProcessMemory},
};

use super::{plan::ProcessPlan, stat::Stat, statm::Statm, status::Status};
use crate::Machine;

/// A field of a message, the value for it, and where it goes.
type Entry<M> = (ProcessFieldSet, Option<u64>, fn(&mut M) -> &mut Option<u64>);

/// One row in the making.
pub(super) struct Row<'a> {
    pub(super) process: &'a mut Process,
    pub(super) plan: &'a ProcessPlan,
    pub(super) machine: &'a Machine,
}

impl Row<'_> {
    /// Everything that stat answers but the name, the terminal and the start time, which need more than stat.
    pub(super) fn stat(&mut self, stat: &Stat<'_>) {
        self.ids_of_stat(stat);
        self.times_of_stat(stat);
        let faults: [Entry<PageFaults>; 4] = [
            (bit::PAGE_FAULTS_MINOR, stat.minor_faults, |faults| &mut faults.minor),
            (bit::PAGE_FAULTS_MAJOR, stat.major_faults, |faults| &mut faults.major),
            (bit::PAGE_FAULTS_CHILDREN_MINOR, stat.children_minor_faults, |faults| &mut faults.children_minor),
            (bit::PAGE_FAULTS_CHILDREN_MAJOR, stat.children_major_faults, |faults| &mut faults.children_major),
        ];
        self.fill(&faults, |process| process.page_faults.get_or_insert_default());
        let memory: [Entry<ProcessMemory>; 1] =
            [(bit::MEMORY_VIRTUAL_BYTES, stat.virtual_bytes, |memory| &mut memory.virtual_bytes)];
        self.fill(&memory, |process| process.memory.get_or_insert_default());
    }

    fn ids_of_stat(&mut self, stat: &Stat<'_>) {
        let narrow = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        let positive = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
        if self.plan.wants(bit::PPID) {
            self.process.ppid = self.checked(bit::PPID, narrow(stat.ppid));
        }
        if self.plan.wants(bit::STATE) {
            self.process.state = self.checked(bit::STATE, stat.state.map(i32::from));
        }
        if self.plan.wants(bit::THREAD_COUNT) {
            self.process.thread_count = self.checked(bit::THREAD_COUNT, narrow(stat.threads));
        }
        if self.plan.wants(bit::NICE) {
            let nice = stat.nice.and_then(|nice| i32::try_from(nice).ok());
            self.process.nice = self.checked(bit::NICE, nice);
        }
        if self.plan.wants(bit::KERNEL_THREAD) {
            self.process.kernel_thread = Some(stat.is_kernel_thread());
        }
        if self.plan.wants(bit::CPU_NUMBER) {
            self.process.cpu_number = self.checked(bit::CPU_NUMBER, narrow(stat.cpu_number));
        }
        if self.plan.wants(bit::PROCESS_GROUP_ID) {
            self.process.process_group_id = self.checked(bit::PROCESS_GROUP_ID, positive(stat.process_group));
        }
        if self.plan.wants(bit::SESSION_ID) {
            self.process.session_id = self.checked(bit::SESSION_ID, positive(stat.session));
        }
        if self.plan.wants(bit::FOREGROUND_PROCESS_GROUP_ID) {
            // -1: there is no terminal, and nothing to say.
            self.process.foreground_process_group_id = positive(stat.foreground_process_group);
        }
    }

    fn times_of_stat(&mut self, stat: &Stat<'_>) {
        let machine = self.machine;
        let ns = |ticks: Option<u64>| ticks.map(|ticks| machine.ticks_to_ns(ticks));
        let times: [Entry<ProcessCpuTimes>; 5] = [
            (bit::CPU_TIMES_USER_NS, ns(stat.user_ticks), |times| &mut times.user_ns),
            (bit::CPU_TIMES_SYSTEM_NS, ns(stat.system_ticks), |times| &mut times.system_ns),
            (bit::CPU_TIMES_CHILDREN_USER_NS, ns(stat.children_user_ticks), |times| &mut times.children_user_ns),
            (bit::CPU_TIMES_CHILDREN_SYSTEM_NS, ns(stat.children_system_ticks), |times| &mut times.children_system_ns),
            (bit::CPU_TIMES_BLOCK_IO_WAIT_NS, ns(stat.block_io_wait_ticks), |times| &mut times.block_io_wait_ns),
        ];
        self.fill(&times, |process| process.cpu_times.get_or_insert_default());
    }

    /// The wall time of the start.
    pub(super) fn start_time(&mut self, stat: &Stat<'_>, boot_time: Timestamp) {
        const SECOND: u64 = 1_000_000_000;
        let since_boot = self.machine.ticks_to_ns(stat.start_ticks);
        self.process.start_time = Some(Timestamp {
            seconds: boot_time.seconds.saturating_add(i64::try_from(since_boot / SECOND).unwrap_or(i64::MAX)),
            nanos: i32::try_from(since_boot % SECOND).unwrap_or(0),
        });
    }

    pub(super) fn statm(&mut self, statm: &Statm) {
        let page = self.machine.page_size_bytes;
        let bytes = |pages: Option<u64>| pages.and_then(|pages| pages.checked_mul(page));
        let memory: [Entry<ProcessMemory>; 4] = [
            (bit::MEMORY_RESIDENT_BYTES, bytes(statm.resident_pages), |memory| &mut memory.resident_bytes),
            (bit::MEMORY_SHARED_BYTES, bytes(statm.shared_pages), |memory| &mut memory.shared_bytes),
            (bit::MEMORY_TEXT_BYTES, bytes(statm.text_pages), |memory| &mut memory.text_bytes),
            (bit::MEMORY_DATA_BYTES, bytes(statm.data_pages), |memory| &mut memory.data_bytes),
        ];
        self.fill(&memory, |process| process.memory.get_or_insert_default());
    }

    pub(super) fn status(&mut self, status: &Status) {
        if self.plan.wants(bit::UIDS) {
            self.process.uids = self.checked(bit::UIDS, status.uids);
        }
        if self.plan.wants(bit::GIDS) {
            self.process.gids = self.checked(bit::GIDS, status.gids);
        }
        self.switches(status);
        let has_none = !status.has_address_space();
        let bytes = |value: Option<u64>| value.or(has_none.then_some(0));
        let memory: [Entry<ProcessMemory>; 9] = [
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
        ];
        self.fill(&memory, |process| process.memory.get_or_insert_default());
    }

    fn switches(&mut self, status: &Status) {
        let switches: [Entry<procwire_proto::v1::ContextSwitches>; 2] = [
            (bit::CONTEXT_SWITCHES_VOLUNTARY, status.voluntary_switches, |switches| &mut switches.voluntary),
            (bit::CONTEXT_SWITCHES_INVOLUNTARY, status.involuntary_switches, |switches| &mut switches.involuntary),
        ];
        self.fill(&switches, |process| process.context_switches.get_or_insert_default());
    }

    pub(super) fn io(&mut self, read: &ProcessIo) {
        let io: [Entry<ProcessIo>; 7] = [
            (bit::IO_READ_CALLS, read.read_calls, |io| &mut io.read_calls),
            (bit::IO_WRITE_CALLS, read.write_calls, |io| &mut io.write_calls),
            (bit::IO_READ_BYTES, read.read_bytes, |io| &mut io.read_bytes),
            (bit::IO_WRITE_BYTES, read.write_bytes, |io| &mut io.write_bytes),
            (bit::IO_READ_CALL_BYTES, read.read_call_bytes, |io| &mut io.read_call_bytes),
            (bit::IO_WRITE_CALL_BYTES, read.write_call_bytes, |io| &mut io.write_call_bytes),
            (bit::IO_CANCELLED_WRITE_BYTES, read.cancelled_write_bytes, |io| &mut io.cancelled_write_bytes),
        ];
        self.fill(&io, |process| process.io.get_or_insert_default());
    }

    /// Sets the entries that were asked for; the message is made only if one was.
    fn fill<M>(&mut self, entries: &[Entry<M>], message: fn(&mut Process) -> &mut M) {
        for (field, value, place) in entries {
            if self.plan.wants(*field) {
                let value = self.checked(*field, *value);
                *place(message(self.process)) = value;
            }
        }
    }

    fn checked<T>(&mut self, field: ProcessFieldSet, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.absent(field, FieldErrorReason::Unsupported, "the kernel did not write it");
        }
        value
    }

    /// Says why fields are absent.
    pub(super) fn absent(&mut self, fields: ProcessFieldSet, reason: FieldErrorReason, detail: &str) {
        for path in self.plan.fields().intersection(fields).to_mask().paths {
            self.process.errors.push(FieldError { path, reason: reason.into(), detail: detail.to_owned() });
        }
    }
}
