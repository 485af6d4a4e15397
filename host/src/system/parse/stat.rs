//! `/proc/stat` (Documentation/filesystems/proc.rst, 1.7; fs/proc/stat.c).

use procwire_proto::v1::{Cpu, CpuTimes, LogicalCpu};

use super::lines;
use crate::{Machine, procfs::Numbers};

/// What to keep of the per-processor lines. They are counted in any case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::system) enum PerCpu {
    Nothing,
    Numbers,
    Times,
}

pub(in crate::system) struct Stat {
    pub(in crate::system) cpu: Cpu,
    pub(in crate::system) boot_time_seconds: Option<i64>,
}

/// Everything in the file that `Cpu` has a place for. `cpu_capacity` is a guess at the number of processors.
pub(in crate::system) fn parse(text: &[u8], per_cpu: PerCpu, machine: &Machine, cpu_capacity: usize) -> Stat {
    let mut stat = Stat { cpu: Cpu::default(), boot_time_seconds: None };
    if per_cpu != PerCpu::Nothing {
        stat.cpu.cpus.reserve(cpu_capacity);
    }
    let mut online = 0;
    for line in lines(text) {
        let mut words = Numbers::new(line);
        let Some(label) = words.token() else { continue };
        match label {
            b"cpu" => stat.cpu.times = Some(cpu_times(words, machine)),
            b"ctxt" => stat.cpu.context_switches = words.unsigned(),
            // The total comes first; a number per interrupt follows, thousands on large hosts.
            b"intr" => stat.cpu.interrupts = words.unsigned(),
            b"softirq" => stat.cpu.soft_interrupts = words.unsigned(),
            b"btime" => stat.boot_time_seconds = words.unsigned().and_then(|seconds| i64::try_from(seconds).ok()),
            b"processes" => stat.cpu.forks = words.unsigned(),
            b"procs_running" => stat.cpu.running_threads = words.unsigned().and_then(|count| u32::try_from(count).ok()),
            b"procs_blocked" => stat.cpu.blocked_threads = words.unsigned().and_then(|count| u32::try_from(count).ok()),
            _ => {
                let Some(number) = cpu_number(label) else { continue };
                online += 1;
                if per_cpu != PerCpu::Nothing {
                    let times = (per_cpu == PerCpu::Times).then(|| cpu_times(words, machine));
                    stat.cpu.cpus.push(LogicalCpu { number, times, ..LogicalCpu::default() });
                }
            }
        }
    }
    stat.cpu.logical_count = (online > 0).then_some(online);
    stat
}

/// Offline processors have no line, so the number in the label counts, not the place of the line.
fn cpu_number(label: &[u8]) -> Option<u32> {
    Numbers::new(label.strip_prefix(b"cpu")?).unsigned().and_then(|number| u32::try_from(number).ok())
}

/// Columns came one by one (iowait 2.5.41, irq and softirq 2.6.0, steal 2.6.11, guest 2.6.24, guest_nice 2.6.33), so a line may
/// be short; the fields are read in the order in which they are written here.
fn cpu_times(mut columns: Numbers<'_>, machine: &Machine) -> CpuTimes {
    let mut next = || columns.unsigned().map(|ticks| machine.ticks_to_ns(ticks));
    CpuTimes {
        user_ns: next(),
        nice_ns: next(),
        system_ns: next(),
        idle_ns: next(),
        iowait_ns: next(),
        irq_ns: next(),
        softirq_ns: next(),
        steal_ns: next(),
        guest_ns: next(),
        guest_nice_ns: next(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    const MACHINE: Machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: Bytes::new() };

    fn ns(ticks: u64) -> Option<u64> {
        Some(ticks * 10_000_000)
    }

    #[test]
    fn a_kernel_of_today() {
        let stat = parse(include_bytes!("../../../tests/fixtures/system-6.18/proc/stat"), PerCpu::Times, &MACHINE, 2);
        assert_eq!(
            stat.cpu.times.unwrap(),
            CpuTimes {
                user_ns: ns(5028),
                nice_ns: ns(0),
                system_ns: ns(4412),
                idle_ns: ns(243_244),
                iowait_ns: ns(251),
                irq_ns: ns(0),
                softirq_ns: ns(34),
                steal_ns: ns(11),
                guest_ns: ns(0),
                guest_nice_ns: ns(0),
            }
        );
        assert_eq!(stat.cpu.cpus.iter().map(|cpu| cpu.number).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(stat.cpu.cpus[1].times.unwrap().system_ns, ns(3302));
        assert_eq!(stat.cpu.logical_count, Some(2));
        assert_eq!(stat.cpu.interrupts, Some(139_339));
        assert_eq!(stat.cpu.context_switches, Some(256_989));
        assert_eq!(stat.boot_time_seconds, Some(1_795_296_583));
        assert_eq!(stat.cpu.forks, Some(10_690));
        assert_eq!(stat.cpu.running_threads, Some(3));
        assert_eq!(stat.cpu.blocked_threads, Some(0));
        assert_eq!(stat.cpu.soft_interrupts, Some(94_651));
    }

    #[test]
    fn a_column_that_the_kernel_does_not_have_is_absent() {
        let times = parse(b"cpu  10 20 30 40\ncpu0 10 20 30 40 50 60 70\n", PerCpu::Times, &MACHINE, 1);
        let total = times.cpu.times.unwrap();
        assert_eq!((total.idle_ns, total.iowait_ns, total.guest_nice_ns), (ns(40), None, None));
        let first = times.cpu.cpus[0].times.unwrap();
        assert_eq!((first.softirq_ns, first.steal_ns), (ns(70), None));
        assert_eq!(times.cpu.forks, None);
    }

    #[test]
    fn offline_processors_leave_gaps() {
        let text = (0..256)
            .filter(|number| number % 3 != 1)
            .fold("cpu 1 1 1 1\n".to_owned(), |text, number| format!("{text}cpu{number} {number} 0 0 0 0 0 0 0 0 0\n"));
        let stat = parse(text.as_bytes(), PerCpu::Times, &MACHINE, 0);
        assert_eq!(stat.cpu.logical_count, Some(171));
        assert_eq!(stat.cpu.cpus[1].number, 2);
        assert_eq!(stat.cpu.cpus[170].number, 255);
        assert!(stat.cpu.cpus.iter().all(|cpu| cpu.times.unwrap().user_ns == ns(cpu.number.into())));
    }

    #[test]
    fn only_what_is_wanted_of_each_processor() {
        let text = include_bytes!("../../../tests/fixtures/system-6.18/proc/stat");
        let numbers = parse(text, PerCpu::Numbers, &MACHINE, 0).cpu;
        assert_eq!((numbers.cpus.len(), numbers.cpus[0].times), (2, None));
        let nothing = parse(text, PerCpu::Nothing, &MACHINE, 0).cpu;
        assert_eq!((nothing.cpus.len(), nothing.logical_count), (0, Some(2)));
    }

    #[test]
    fn odd_text_gives_what_can_be_read() {
        let stat =
            parse(b"cpu 1 x 3\ncpux 1\ncpu99999999999 1\nctxt\nbtime -5\nprocesses 7", PerCpu::Times, &MACHINE, 0);
        let times = stat.cpu.times.unwrap();
        assert_eq!((times.user_ns, times.nice_ns, times.system_ns), (ns(1), None, ns(3)));
        assert_eq!((stat.cpu.cpus.len(), stat.cpu.logical_count), (0, None));
        assert_eq!((stat.cpu.context_switches, stat.boot_time_seconds, stat.cpu.forks), (None, None, Some(7)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text, PerCpu::Times, &MACHINE, 0);
        }

        #[test]
        fn any_line_after_a_label_is_survived(label in "(cpu|cpu[0-9]{0,12}|ctxt|intr|softirq|btime|processes|procs_running|procs_blocked)", rest: String) {
            parse(format!("{label} {rest}").as_bytes(), PerCpu::Times, &MACHINE, 0);
        }

        #[test]
        fn a_text_cut_anywhere_is_survived(end in 0_usize..1130) {
            let text = include_bytes!("../../../tests/fixtures/system-6.18/proc/stat");
            let whole = parse(text, PerCpu::Times, &MACHINE, 0).cpu;
            let torn = parse(&text[..end.min(text.len())], PerCpu::Times, &MACHINE, 0).cpu;
            prop_assert!(torn.cpus.len() <= whole.cpus.len());
        }

        #[test]
        fn the_columns_come_in_the_kernels_order(columns: [u32; 10]) {
            let words: Vec<_> = columns.iter().map(ToString::to_string).collect();
            let times = parse(format!("cpu  {}\n", words.join(" ")).as_bytes(), PerCpu::Nothing, &MACHINE, 0).cpu.times.unwrap();
            let found = [
                times.user_ns, times.nice_ns, times.system_ns, times.idle_ns, times.iowait_ns,
                times.irq_ns, times.softirq_ns, times.steal_ns, times.guest_ns, times.guest_nice_ns,
            ];
            prop_assert_eq!(found, columns.map(|count| ns(count.into())));
        }
    }
}
