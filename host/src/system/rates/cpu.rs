//! How processor time was spent between two readings.

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{Cpu, CpuTimes, CpuUsage},
};

use super::{Window, find};

pub(super) fn add_rates(fields: SystemFieldSet, previous: &Cpu, current: &mut Cpu, window: Window) {
    if fields.contains(bit::CPU_USAGE) {
        current.usage = usage(previous.times.as_ref(), current.times.as_ref(), window);
    }
    if fields.contains(bit::CPU_CPUS_USAGE) {
        // By number: a processor that went offline moves the ones behind it up in the list.
        for (index, cpu) in current.cpus.iter_mut().enumerate() {
            let before = find(&previous.cpus, index, |before| before.number == cpu.number);
            cpu.usage = usage(before.and_then(|before| before.times.as_ref()), cpu.times.as_ref(), window);
        }
    }
}

/// psutil's cpu_times_percent() and cpu_percent() without their faults: right for windows below one second, and the parts add up
/// to 1. Absent if not one tick passed.
fn usage(previous: Option<&CpuTimes>, current: Option<&CpuTimes>, window: Window) -> Option<CpuUsage> {
    let (previous, current) = previous.zip(current)?;
    // Each counter may go back a little (iowait, steal), so each is cut off at nothing before any sum. A column that the kernel
    // does not have has not moved.
    let spent = |column: fn(&CpuTimes) -> Option<u64>| {
        column(current).unwrap_or(0).saturating_sub(column(previous).unwrap_or(0))
    };
    // Guests are part of user and nice (kernel/sched/cputime.c, account_guest_time).
    let (user, nice) = (spent(|times| times.user_ns), spent(|times| times.nice_ns));
    let guest = spent(|times| times.guest_ns).min(user);
    let guest_nice = spent(|times| times.guest_nice_ns).min(nice);
    let parts = [
        user - guest,
        nice - guest_nice,
        spent(|times| times.system_ns),
        spent(|times| times.idle_ns),
        spent(|times| times.iowait_ns),
        spent(|times| times.irq_ns),
        spent(|times| times.softirq_ns),
        spent(|times| times.steal_ns),
        guest,
        guest_nice,
    ];
    let total = parts.iter().fold(0_u64, |total, part| total.saturating_add(*part));
    if total == 0 {
        return None;
    }
    let [user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice] =
        parts.map(|part| part as f64 / total as f64);
    Some(CpuUsage {
        busy_ratio: (1.0 - idle - iowait).clamp(0.0, 1.0),
        user_ratio: user,
        nice_ratio: nice,
        system_ratio: system,
        idle_ratio: idle,
        iowait_ratio: iowait,
        irq_ratio: irq,
        softirq_ratio: softirq,
        steal_ratio: steal,
        guest_ratio: guest,
        guest_nice_ratio: guest_nice,
        window_ns: window.ns,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::LogicalCpu;
    use proptest::prelude::*;

    use super::*;

    const TICK_NS: u64 = 10_000_000;
    const WINDOW: Window = Window { ns: 1_000 };

    /// Times in the order of the kernel.
    fn times(ticks: [u64; 10]) -> CpuTimes {
        let [user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice] =
            ticks.map(|ticks| Some(ticks * TICK_NS));
        CpuTimes {
            user_ns: user,
            nice_ns: nice,
            system_ns: system,
            idle_ns: idle,
            iowait_ns: iowait,
            irq_ns: irq,
            softirq_ns: softirq,
            steal_ns: steal,
            guest_ns: guest,
            guest_nice_ns: guest_nice,
        }
    }

    fn between(before: [u64; 10], after: [u64; 10]) -> Option<CpuUsage> {
        usage(Some(&times(before)), Some(&times(after)), WINDOW)
    }

    fn parts(usage: &CpuUsage) -> [f64; 10] {
        [
            usage.user_ratio,
            usage.nice_ratio,
            usage.system_ratio,
            usage.idle_ratio,
            usage.iowait_ratio,
            usage.irq_ratio,
            usage.softirq_ratio,
            usage.steal_ratio,
            usage.guest_ratio,
            usage.guest_nice_ratio,
        ]
    }

    #[test]
    fn a_counter_that_went_back_counts_as_still() {
        let usage = between([0, 0, 0, 0, 0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!((usage.busy_ratio, usage.user_ratio, usage.steal_ratio), (1.0, 1.0, 0.0));
    }

    #[test]
    fn the_parts_add_up_below_one_second_too() {
        // 10 ticks are 0.1 s: psutil would say 3 % where it is 30 %.
        let usage = between([0; 10], [3, 0, 1, 5, 1, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!((usage.user_ratio, usage.system_ratio, usage.idle_ratio, usage.iowait_ratio), (0.3, 0.1, 0.5, 0.1));
        assert!((usage.busy_ratio - 0.4).abs() < 1e-12);
        assert_eq!(usage.window_ns, 1_000);
    }

    #[test]
    fn guests_are_counted_once() {
        let usage = between([0; 10], [6, 3, 0, 11, 0, 0, 0, 0, 4, 3]).unwrap();
        assert_eq!((usage.user_ratio, usage.guest_ratio), (0.1, 0.2));
        assert_eq!((usage.nice_ratio, usage.guest_nice_ratio), (0.0, 0.15));
        assert!((usage.busy_ratio - 0.45).abs() < 1e-12);
    }

    #[test]
    fn without_a_tick_there_is_nothing_to_say() {
        assert_eq!(between([7; 10], [7; 10]), None);
        assert_eq!(usage(Some(&CpuTimes::default()), Some(&CpuTimes::default()), WINDOW), None);
        assert_eq!(usage(None, Some(&times([1; 10])), WINDOW), None);
    }

    #[test]
    fn processors_are_matched_by_number() {
        let cpu = |number, user, idle| LogicalCpu {
            number,
            times: Some(times([user, 0, 0, idle, 0, 0, 0, 0, 0, 0])),
            ..LogicalCpu::default()
        };
        let previous = Cpu { cpus: vec![cpu(0, 0, 0), cpu(1, 50, 50), cpu(2, 100, 100)], ..Cpu::default() };
        let mut current = Cpu { cpus: vec![cpu(0, 1, 3), cpu(2, 103, 101), cpu(3, 9, 9)], ..Cpu::default() };
        add_rates(bit::CPU_CPUS_USAGE, &previous, &mut current, WINDOW);
        let busy: Vec<_> = current.cpus.iter().map(|cpu| cpu.usage.map(|usage| usage.busy_ratio)).collect();
        assert_eq!(busy, [Some(0.25), Some(0.75), None]);
        assert_eq!(current.usage, None);
    }

    proptest! {
        #[test]
        fn ratios_are_shares_of_one(before: [u16; 10], after: [u16; 10]) {
            if let Some(usage) = between(before.map(u64::from), after.map(u64::from)) {
                let sum: f64 = parts(&usage).iter().sum();
                prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
                prop_assert!(parts(&usage).iter().chain([&usage.busy_ratio]).all(|part| (0.0..=1.0).contains(part)));
                prop_assert!((usage.busy_ratio - (1.0 - usage.idle_ratio - usage.iowait_ratio)).abs() < 1e-9);
            }
        }

        #[test]
        fn any_counters_are_survived(before: [u64; 10], after: [u64; 10]) {
            let of = |values: [u64; 10]| CpuTimes {
                user_ns: Some(values[0]), nice_ns: Some(values[1]), idle_ns: Some(values[2]), guest_ns: Some(values[3]),
                guest_nice_ns: Some(values[4]), system_ns: Some(values[5]), ..CpuTimes::default()
            };
            let found = usage(Some(&of(before)), Some(&of(after)), WINDOW);
            prop_assert!(found.is_none_or(|usage| (0.0..=1.0).contains(&usage.busy_ratio)));
        }
    }
}
