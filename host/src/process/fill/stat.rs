//! What `stat` answers.

use procwire_proto::{
    Timestamp,
    process_fields::bit,
    v1::{PageFaults, ProcessCpuTimes, ProcessMemory, Scheduling, SchedulingPolicy},
};

use super::{Entry, Row};
use crate::process::stat::Stat;

impl Row<'_> {
    /// Everything that stat answers but the name, the terminal and the start time, which need more than stat.
    pub(in crate::process) fn stat(&mut self, stat: &Stat<'_>) {
        self.ids_of_stat(stat);
        self.times_of_stat(stat);
        self.scheduling(stat);
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
    pub(in crate::process) fn start_time(&mut self, stat: &Stat<'_>, boot_time: Timestamp) {
        const SECOND: u64 = 1_000_000_000;
        let since_boot = self.machine.ticks_to_ns(stat.start_ticks);
        self.process.start_time = Some(Timestamp {
            seconds: boot_time.seconds.saturating_add(i64::try_from(since_boot / SECOND).unwrap_or(i64::MAX)),
            nanos: i32::try_from(since_boot % SECOND).unwrap_or(0),
        });
    }

    fn scheduling(&mut self, stat: &Stat<'_>) {
        if !self.plan.wants(bit::SCHEDULING) {
            return;
        }
        let scheduling = Scheduling {
            policy: stat.policy.and_then(policy).map(i32::from),
            realtime_priority: stat.realtime_priority.and_then(|priority| u32::try_from(priority).ok()),
            priority: stat.priority.and_then(|priority| i32::try_from(priority).ok()),
        };
        let parts = [
            ("scheduling.policy", scheduling.policy.is_some()),
            ("scheduling.realtime_priority", scheduling.realtime_priority.is_some()),
            ("scheduling.priority", scheduling.priority.is_some()),
        ];
        self.process.scheduling = self.message(bit::SCHEDULING, scheduling, &parts);
    }
}

/// The policy of the kernel's number (include/uapi/linux/sched.h); `None` for one that came after this was written.
pub(in crate::process) fn policy(number: u64) -> Option<SchedulingPolicy> {
    let value = i32::try_from(number).ok()?.checked_add(1)?;
    SchedulingPolicy::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_have_the_numbers_of_the_kernel() {
        for (number, expected) in [
            (0, Some(SchedulingPolicy::Other)),
            (1, Some(SchedulingPolicy::Fifo)),
            (2, Some(SchedulingPolicy::RoundRobin)),
            (3, Some(SchedulingPolicy::Batch)),
            (4, None),
            (5, Some(SchedulingPolicy::Idle)),
            (6, Some(SchedulingPolicy::Deadline)),
            (7, Some(SchedulingPolicy::Ext)),
            (8, None),
            (u64::MAX, None),
        ] {
            assert_eq!(policy(number), expected, "{number}");
        }
    }
}
