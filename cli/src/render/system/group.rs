//! What the agent's own control group may use and uses: on a page about the host the place where a container shows.

use procwire_proto::{
    escape,
    v1::{Cgroup, CgroupV1Membership},
};

use super::page::Pairs;
use crate::render::units;

/// Where it is, and label and value for each limit that there is.
pub(super) fn limits(cgroup: &Cgroup) -> Pairs {
    let mut pairs = Pairs::new();
    if let Some(cpu) = &cgroup.cpu
        && let Some(limit) = cpu.effective_limit_cpus.or(cpu.limit_cpus)
    {
        let throttled = cpu.throttled_periods.filter(|periods| *periods > 0);
        let throttled = throttled.map(|periods| format!(", held back {} times", units::count(periods)));
        pairs.push(("processors".to_owned(), format!("{limit:.2} at most{}", throttled.unwrap_or_default())));
    }
    if let Some(memory) = &cgroup.memory {
        if let Some(limit) = memory.effective_limit_bytes.or(memory.limit_bytes) {
            pairs.push(("memory".to_owned(), of_limit(memory.usage_bytes, limit, units::bytes)));
        }
        if let Some(limit) = memory.swap_limit_bytes {
            pairs.push(("swap".to_owned(), of_limit(memory.swap_bytes, limit, units::bytes)));
        }
    }
    if let Some(pids) = &cgroup.pids
        && let Some(limit) = pids.effective_limit.or(pids.limit)
    {
        pairs.push(("tasks".to_owned(), of_limit(pids.current, limit, units::count)));
    }
    if pairs.is_empty() {
        pairs.push(("limits".to_owned(), "none".to_owned()));
    }
    if let Some(path) = path_of(cgroup) {
        pairs.insert(0, ("path".to_owned(), escape::terminal(path).into_owned()));
    }
    pairs
}

/// In the unified tree; where that has no controllers, in the tree of memory.
pub(crate) fn path_of(cgroup: &Cgroup) -> Option<&[u8]> {
    let has_memory =
        |one: &&CgroupV1Membership| one.controllers.split(|byte| *byte == b',').any(|name| name == b"memory");
    let in_tree_of_memory = cgroup.v1.iter().find(has_memory).map(|one| one.path.as_slice());
    in_tree_of_memory.or(cgroup.path.as_deref())
}

fn of_limit(used: Option<u64>, limit: u64, show: fn(u64) -> String) -> String {
    match used {
        Some(used) if limit > 0 => {
            format!("{} of {} ({})", show(used), show(limit), units::percent(used as f64 / limit as f64))
        }
        Some(used) => format!("{} of {}", show(used), show(limit)),
        None => format!("{} at most", show(limit)),
    }
}

#[cfg(test)]
mod tests {
    use procwire_proto::v1::{CgroupCpu, CgroupMemory, CgroupPids};

    use super::*;

    #[test]
    fn limits_are_shown_with_what_is_used_of_them() {
        let group = Cgroup {
            path: Some(b"/docker/\x1ba".to_vec()),
            cpu: Some(CgroupCpu { limit_cpus: Some(1.5), throttled_periods: Some(1234), ..CgroupCpu::default() }),
            memory: Some(CgroupMemory {
                usage_bytes: Some(16 << 20),
                limit_bytes: Some(128 << 20),
                effective_limit_bytes: Some(64 << 20),
                swap_limit_bytes: Some(0),
                swap_bytes: Some(0),
                ..CgroupMemory::default()
            }),
            pids: Some(CgroupPids { limit: Some(100), ..CgroupPids::default() }),
            ..Cgroup::default()
        };
        let shown: Vec<_> = limits(&group).into_iter().map(|(label, value)| format!("{label}: {value}")).collect();
        assert_eq!(
            shown,
            [
                r"path: /docker/\x1ba",
                "processors: 1.50 at most, held back 1 234 times",
                "memory: 16 MiB of 64 MiB (25.0 %)",
                "swap: 0 B of 0 B",
                "tasks: 100 at most",
            ]
        );
    }

    #[test]
    fn a_group_without_limits_says_so_and_where_it_is() {
        let memory = CgroupV1Membership { controllers: b"cpu,memory".to_vec(), path: b"/lxc/a".to_vec() };
        let mut group = Cgroup { path: Some(b"/".to_vec()), cpu: Some(CgroupCpu::default()), ..Cgroup::default() };
        let said = |group: &Cgroup| limits(group).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        assert_eq!(said(&group), ["/", "none"]);
        group.v1.push(memory);
        assert_eq!(said(&group), ["/lxc/a", "none"]);
    }
}
