//! How close to its judges each field must be. What the judges said before and after the agent is the frame; tolerances widen it.

use serde_json::Value;

/// How a value relates to what a judge said before and after it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Equal to one of the two.
    Same,
    /// Not below the first and not above the second, by more than this.
    Counter(f64),
    /// Not outside the two by more than this.
    Near(f64),
    /// Not outside the two by more than this, of a process that did not run between the two: one that runs all the time is never
    /// caught in the act.
    Resting(f64),
    /// Left to another test, which the row's comment names.
    Elsewhere,
}

use Rule::{Counter, Elsewhere, Near, Resting, Same};

const MIB: f64 = 1024.0 * 1024.0;
/// One clock tick at 100 Hz: the kernel scales user and system time so that their sum is exact, and either may go back by one.
const TICK_NS: f64 = 10_000_000.0;

/// Fields of Process. The longest matching prefix counts; a field without a row here must be the same.
pub(crate) const PROCESS: &[(&str, Rule)] = &[
    ("cpu_times", Counter(TICK_NS)),
    // psutil adds floating-point seconds.
    ("start_time", Near(TICK_NS)),
    ("memory", Near(2.0 * MIB)),
    ("memory.text_bytes", Same),
    ("memory_ratio", Resting(1e-12)),
    // What is shared changes with every other process that maps the same files.
    ("memory_footprint", Resting(MIB)),
    ("memory_maps", Resting(MIB / 4.0)),
    ("memory_map_groups", Resting(MIB)),
    ("state", Resting(0.0)),
    ("cpu_number", Resting(0.0)),
    ("context_switches", Counter(0.0)),
    ("page_faults", Counter(0.0)),
    ("io", Counter(0.0)),
    // usage.rs: the share of a processor that a spinning process had
    ("cpu_usage_ratio", Elsewhere),
    ("oom.score", Near(3.0)),
    ("open_files", Resting(0.0)),
    ("sockets", Resting(0.0)),
    // sockets.rs: who holds the other end
    ("sockets.peer_holders", Elsewhere),
    ("signals", Resting(0.0)),
    ("threads.user_ns", Counter(TICK_NS)),
    ("threads.system_ns", Counter(TICK_NS)),
    ("threads.block_io_wait_ns", Counter(TICK_NS)),
    ("threads.state", Resting(0.0)),
    ("threads.cpu_number", Resting(0.0)),
    ("threads.voluntary_context_switches", Counter(0.0)),
    ("threads.involuntary_context_switches", Counter(0.0)),
];

/// Fields of System.
pub(crate) const SYSTEM: &[(&str, Rule)] = &[
    // e2e: a snapshot is stamped with both clocks
    ("sampled", Elsewhere),
    // The kernel recomputes it from the wall clock.
    ("boot.time", Near(1e9)),
    ("boot.uptime_ns", Counter(0.0)),
    // Idle and iowait of a processor that sleeps are estimated anew at each reading, and go back.
    ("cpu.times", Counter(2.0 * TICK_NS)),
    ("cpu.cpus.times", Counter(2.0 * TICK_NS)),
    ("cpu.context_switches", Counter(0.0)),
    ("cpu.interrupts", Counter(0.0)),
    ("cpu.soft_interrupts", Counter(0.0)),
    ("cpu.forks", Counter(0.0)),
    // Gauges of an instant: the judge counts itself, the agent counts itself.
    ("cpu.running_threads", Near(8.0)),
    ("cpu.blocked_threads", Near(8.0)),
    ("load.runnable_threads", Near(8.0)),
    ("load.total_threads", Near(64.0)),
    // Measured anew at each reading.
    ("cpu.cpus.frequency_hz", Near(1.5e9)),
    ("cpu.frequency_policies.current_hz", Near(1.5e9)),
    ("cpu.frequency_policies.number", Same),
    // libc may read them with more digits than /proc/loadavg shows, and the kernel renews them every 5 s.
    ("load", Near(0.02)),
    ("memory", Near(16.0 * MIB)),
    ("memory.total_bytes", Same),
    ("memory.nodes.number", Same),
    ("memory.nodes.total_bytes", Same),
    ("memory.nodes.cpus", Same),
    ("memory.nodes.distances", Same),
    // the rows of the judges have the same names
    ("memory.nodes.statistics.name", Elsewhere),
    // Sizes, and numbers of pages that nobody changes while the tests run.
    ("memory.nodes.huge_pages", Same),
    ("memory.huge_pages", Same),
    ("memory.used_ratio", Near(0.002)),
    ("swap", Near(16.0 * MIB)),
    ("swap.total_bytes", Same),
    ("swap.used_ratio", Near(0.002)),
    ("swap.devices.kind", Same),
    ("swap.devices.total_bytes", Same),
    ("swap.devices.priority", Same),
    ("swap.swapped_in_bytes", Counter(0.0)),
    ("swap.swapped_out_bytes", Counter(0.0)),
    // Averages are renewed every two seconds (kernel/sched/psi.c), by a quarter of the way for the shortest.
    ("pressure", Near(0.25)),
    ("pressure.cpu.some.total_ns", Counter(0.0)),
    ("pressure.cpu.full.total_ns", Counter(0.0)),
    ("pressure.memory.some.total_ns", Counter(0.0)),
    ("pressure.memory.full.total_ns", Counter(0.0)),
    ("pressure.io.some.total_ns", Counter(0.0)),
    ("pressure.io.full.total_ns", Counter(0.0)),
    ("pressure.irq.full.total_ns", Counter(0.0)),
    // Everybody who is in the group uses it meanwhile.
    ("cgroup.cpu", Counter(0.0)),
    ("cgroup.cpu.user_ns", Counter(2.0 * TICK_NS)),
    ("cgroup.cpu.system_ns", Counter(2.0 * TICK_NS)),
    ("cgroup.cpu.limit_cpus", Same),
    ("cgroup.cpu.effective_limit_cpus", Same),
    ("cgroup.cpu.weight", Same),
    ("cgroup.memory", Counter(0.0)),
    ("cgroup.memory.usage_bytes", Near(512.0 * MIB)),
    ("cgroup.memory.swap_bytes", Near(512.0 * MIB)),
    ("cgroup.memory.working_set_bytes", Near(512.0 * MIB)),
    ("cgroup.io", Counter(0.0)),
    ("cgroup.pids.current", Near(64.0)),
    ("cgroup.pids.limit_hits", Counter(0.0)),
    ("cgroup.pressure", Near(0.25)),
    ("cgroup.pressure.cpu.some.total_ns", Counter(0.0)),
    ("cgroup.pressure.cpu.full.total_ns", Counter(0.0)),
    ("cgroup.pressure.memory.some.total_ns", Counter(0.0)),
    ("cgroup.pressure.memory.full.total_ns", Counter(0.0)),
    ("cgroup.pressure.io.some.total_ns", Counter(0.0)),
    ("cgroup.pressure.io.full.total_ns", Counter(0.0)),
    ("cgroup.pressure.irq.full.total_ns", Counter(0.0)),
    // What sensors of a running machine say between two looks.
    ("sensors.temperatures.current_celsius", Near(10.0)),
    ("sensors.thermal_zones.current_celsius", Near(10.0)),
    ("sensors.thermal_zones.number", Same),
    ("sensors.fans.revolutions_per_minute", Near(500.0)),
    ("sensors.voltages.volts", Near(0.5)),
    ("sensors.powers.watts", Near(200.0)),
    ("sensors.currents.amperes", Near(5.0)),
    ("sensors.energies.joules", Counter(0.0)),
    ("sensors.humidities.humidity_ratio", Near(0.05)),
    ("power.batteries.charge_ratio", Near(0.01)),
    // psutil cuts seconds.
    ("power.batteries.time_left_ns", Near(1e9)),
    ("gpus.memory_used_bytes", Near(256.0 * MIB)),
    // psutil has whole seconds.
    ("users.started", Near(1e9)),
    ("disks", Counter(0.0)),
    // the rows of the judges have the same names
    ("disks.name", Elsewhere),
    // unit tests of host: classes of block devices
    ("disks.disk_class", Elsewhere),
    ("disks.major", Same),
    ("disks.minor", Same),
    ("disks.size_bytes", Same),
    ("disks.in_flight", Near(64.0)),
    // Others write meanwhile.
    ("mounts.usage", Near(256.0 * MIB)),
    ("mounts.usage.total_bytes", Near(16.0 * MIB)),
    ("mounts.usage.used_ratio", Near(0.005)),
    ("mounts.usage.total_inodes", Near(1e6)),
    ("mounts.usage.free_inodes", Near(1e6)),
    // the rows of the judges have the same names
    ("network.interfaces.name", Elsewhere),
    ("network.interfaces.counters", Counter(0.0)),
    // the rows of the judges have the same names
    ("network.protocols.protocol", Elsewhere),
    ("network.protocols.name", Elsewhere),
    ("network.socket_statistics.protocol", Elsewhere),
    ("network.socket_statistics.name", Elsewhere),
    // A few are gauges (CurrEstab), and other tests open and close connections.
    ("network.protocols.value", Near(16.0)),
    ("network.socket_statistics.value", Near(64.0)),
    // the rows of the judges have the same names
    ("memory.statistics.name", Elsewhere),
    ("cpu.cpus.number", Same),
];

pub(crate) fn rule(table: &[(&str, Rule)], path: &str) -> Rule {
    let plain = without_rows(path);
    let holds = |prefix: &str| plain.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let best = table.iter().filter(|(prefix, _)| holds(prefix)).max_by_key(|(prefix, _)| prefix.len());
    best.map_or(Same, |(_, rule)| *rule)
}

/// `disks[x:766461].reads` -> `disks.reads`
pub(crate) fn without_rows(path: &str) -> String {
    // Names of rows are hexadecimal or numbers, or, in the files of the system, may have parentheses: no brackets.
    let mut parts = path.split(['[', ']']);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    while let (Some(_), Some(rest)) = (parts.next(), parts.next()) {
        plain.push_str(rest);
    }
    plain
}

impl Rule {
    pub(crate) fn holds(self, before: &Value, ours: &Value, after: &Value) -> bool {
        if ours == before || ours == after {
            return true;
        }
        let (Some(before), Some(ours), Some(after)) = (before.as_f64(), ours.as_f64(), after.as_f64()) else {
            return false;
        };
        match self {
            Same => false,
            Counter(slack) => before - slack <= ours && ours <= after + slack,
            Near(slack) | Resting(slack) => before.min(after) - slack <= ours && ours <= before.max(after) + slack,
            Elsewhere => true,
        }
    }
}

mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_refuse_what_they_should() {
        assert!(!Same.holds(&json!(1), &json!(2), &json!(3)));
        assert!(Same.holds(&json!("x:61"), &json!("x:62"), &json!("x:62")));
        assert!(!Counter(0.0).holds(&json!(5), &json!(4), &json!(9)));
        assert!(!Counter(0.0).holds(&json!(5), &json!(10), &json!(9)));
        assert!(Counter(1.0).holds(&json!(5), &json!(4), &json!(9)));
        assert!(Near(0.5).holds(&json!(2.0), &json!(0.6), &json!(1.0)));
        assert!(!Near(0.5).holds(&json!(2.0), &json!(2.6), &json!(1.0)));
    }

    #[test]
    fn the_nearest_row_of_the_table_counts() {
        assert!(matches!(rule(SYSTEM, "disks[x:766461].reads"), Counter(_)));
        assert!(matches!(rule(SYSTEM, "disks[x:766461].major"), Same));
        assert!(matches!(rule(PROCESS, "memory.text_bytes"), Same));
        assert!(matches!(rule(PROCESS, "environ[x:61].value"), Same));
        assert!(matches!(rule(PROCESS, "threads[7].user_ns"), Counter(_)));
        assert_eq!(without_rows("sockets[7].holders[8/9].ref.pid"), "sockets.holders.ref.pid");
        assert_eq!(without_rows("memory.statistics[Active(anon)].bytes"), "memory.statistics.bytes");
    }
}
