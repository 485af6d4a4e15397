//! Section `cpu`, and the boot time that the same file tells.

use procwire_proto::{
    SystemFieldSet, Timestamp,
    system_fields::bit,
    v1::{Cpu, FieldErrorReason},
};

use super::{
    SystemReader,
    answer::{Answer, Missing},
    parse::stat::{self, PerCpu, Stat},
};

/// Fields of each processor that this file tells.
const PER_CPU: SystemFieldSet = bit::CPU_CPUS_NUMBER.union(bit::CPU_CPUS_TIMES);

/// Fields of each processor that other files tell; the rows themselves come from here.
const OF_ROWS: SystemFieldSet = bit::CPU_CPUS_FREQUENCY_HZ
    .union(bit::CPU_CPUS_CORE_ID)
    .union(bit::CPU_CPUS_PACKAGE_ID)
    .union(bit::CPU_CPUS_KIND)
    .union(bit::CPU_CPUS_CAPACITY);

pub(super) fn read(reader: &mut SystemReader, answer: &mut Answer) {
    if answer.wants(reader.stat.fields().union(OF_ROWS)) {
        read_stat(reader, answer);
    }
    if answer.wants(bit::CPU_USABLE_COUNT) {
        read_affinity(answer);
    }
}

fn read_stat(reader: &mut SystemReader, answer: &mut Answer) {
    let per_cpu = match (answer.wants(bit::CPU_CPUS_TIMES), answer.wants(bit::CPU_CPUS_NUMBER.union(OF_ROWS))) {
        (true, _) => PerCpu::Times,
        (false, true) => PerCpu::Numbers,
        (false, false) => PerCpu::Nothing,
    };
    let Stat { mut cpu, boot_time_seconds } = match reader.stat.read_value(&mut reader.buffer) {
        Ok(text) => stat::parse(text, per_cpu, reader.host.machine(), reader.cpu_rows),
        Err(error) => return answer.unreadable(reader.stat.fields().union(OF_ROWS), &error),
    };
    reader.cpu_rows = cpu.cpus.len();
    if cpu.logical_count.is_none() && answer.wants(bit::CPU_LOGICAL_COUNT) {
        cpu.logical_count = reader.topology.online_count(&mut reader.buffer);
    }

    let missing = |line| Missing { source: &reader.stat, line };
    if answer.wants(bit::BOOT_TIME) {
        let mut time = boot_time_seconds.map(|seconds| Timestamp { seconds, nanos: 0 });
        answer.settle(bit::BOOT_TIME, &mut time, missing("btime"));
        answer.system.boot.get_or_insert_default().time = time;
    }
    settle(&mut cpu, answer, missing);
    if answer.wants(reader.stat.fields().difference(bit::BOOT_TIME).union(OF_ROWS)) {
        answer.system.cpu = Some(cpu);
    }
}

fn settle<'a>(cpu: &mut Cpu, answer: &mut Answer, missing: impl Fn(&'static str) -> Missing<'a>) {
    answer.settle(bit::CPU_TIMES, &mut cpu.times, missing("cpu"));
    answer.settle(bit::CPU_LOGICAL_COUNT, &mut cpu.logical_count, missing("cpu0"));
    answer.settle(bit::CPU_CONTEXT_SWITCHES, &mut cpu.context_switches, missing("ctxt"));
    answer.settle(bit::CPU_INTERRUPTS, &mut cpu.interrupts, missing("intr"));
    answer.settle(bit::CPU_SOFT_INTERRUPTS, &mut cpu.soft_interrupts, missing("softirq"));
    answer.settle(bit::CPU_FORKS, &mut cpu.forks, missing("processes"));
    answer.settle(bit::CPU_RUNNING_THREADS, &mut cpu.running_threads, missing("procs_running"));
    answer.settle(bit::CPU_BLOCKED_THREADS, &mut cpu.blocked_threads, missing("procs_blocked"));
    if cpu.cpus.is_empty() {
        answer.absent(PER_CPU.union(OF_ROWS), FieldErrorReason::Unsupported, &missing("cpu0").to_string());
    }
}

/// Of the thread that reads, which is as free as the agent is.
fn read_affinity(answer: &mut Answer) {
    let thread = rustix::thread::gettid().as_raw_pid().cast_unsigned();
    match crate::sys::cpu_affinity(thread) {
        Ok(processors) => {
            answer.system.cpu.get_or_insert_default().usable_count = u32::try_from(processors.len()).ok();
        }
        // A sandbox that refuses it (seccomp).
        Err(error) => {
            answer.absent(bit::CPU_USABLE_COUNT, FieldErrorReason::Unsupported, &format!("sched_getaffinity: {error}"));
        }
    }
}
