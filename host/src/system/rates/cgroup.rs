//! Processors that the agent's own control group used.

use procwire_proto::v1::Cgroup;

use super::{Window, advance};

/// Nothing if the agent was moved to another group meanwhile: the two counters have nothing to do with each other.
pub(super) fn add_rates(previous: &Cgroup, current: &mut Cgroup, window: Window) {
    if previous.path != current.path || previous.v1 != current.v1 {
        return;
    }
    let before = previous.cpu.as_ref().and_then(|cpu| cpu.usage_ns);
    if let Some(cpu) = &mut current.cpu {
        cpu.used_cpus = advance(before, cpu.usage_ns).map(|used_ns| window.per_second(used_ns) / 1e9);
    }
}

#[cfg(test)]
mod tests {
    use procwire_proto::v1::CgroupCpu;

    use super::*;

    fn group(path: &str, usage_ns: u64) -> Cgroup {
        let cpu = Some(CgroupCpu { usage_ns: Some(usage_ns), ..CgroupCpu::default() });
        Cgroup { path: Some(path.into()), cpu, ..Cgroup::default() }
    }

    #[test]
    fn processors_are_time_used_by_time_passed_in_the_same_group() {
        let used = |previous: Cgroup, mut current: Cgroup| {
            add_rates(&previous, &mut current, Window { ns: 2_000_000_000 });
            current.cpu.and_then(|cpu| cpu.used_cpus)
        };
        assert_eq!(used(group("/a", 7), group("/a", 3_000_000_007)), Some(1.5));
        assert_eq!(used(group("/a", 7), group("/b", 3_000_000_007)), None, "moved");
        assert_eq!(used(group("/a", 7), group("/a", 6)), None, "made anew under the same name");
        assert_eq!(used(Cgroup::default(), Cgroup::default()), None);
    }
}
