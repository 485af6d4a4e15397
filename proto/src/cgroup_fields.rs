//! The table of the fields of [`Cgroup`]: what a list of control groups can be asked for.

use crate::{field_set::field_table, v1::Cgroup};

/// A set of fields of [`Cgroup`].
pub type CgroupFieldSet = crate::FieldSet<Cgroup>;

field_table! { Cgroup,
    PATH = "path" from "/sys/fs/cgroup" Free Basic Default;
    V1 = "v1" from "/proc/self/cgroup" Cheap Basic Default;
    CPU_USAGE_NS = "cpu.usage_ns" from "cpu.stat" Cheap Basic Default;
    CPU_USER_NS = "cpu.user_ns" from "cpu.stat" Cheap Basic Default;
    CPU_SYSTEM_NS = "cpu.system_ns" from "cpu.stat" Cheap Basic Default;
    CPU_THROTTLED_NS = "cpu.throttled_ns" from "cpu.stat" Cheap Basic Default;
    CPU_PERIODS = "cpu.periods" from "cpu.stat" Cheap Basic Default;
    CPU_THROTTLED_PERIODS = "cpu.throttled_periods" from "cpu.stat" Cheap Basic Default;
    CPU_LIMIT_CPUS = "cpu.limit_cpus" from "cpu.max" Cheap Basic Default;
    CPU_EFFECTIVE_LIMIT_CPUS = "cpu.effective_limit_cpus" from "cpu.max" Cheap Basic Default;
    CPU_WEIGHT = "cpu.weight" from "cpu.weight" Cheap Basic Default;
    CPU_USED_CPUS = "cpu.used_cpus" from "cpu.stat" Cheap Basic Default;
    MEMORY_USAGE_BYTES = "memory.usage_bytes" from "memory.current" Cheap Basic Default;
    MEMORY_PEAK_BYTES = "memory.peak_bytes" from "memory.peak" Cheap Basic Default;
    MEMORY_LIMIT_BYTES = "memory.limit_bytes" from "memory.max" Cheap Basic Default;
    MEMORY_EFFECTIVE_LIMIT_BYTES = "memory.effective_limit_bytes" from "memory.max" Cheap Basic Default;
    MEMORY_SWAP_BYTES = "memory.swap_bytes" from "memory.swap.current" Cheap Basic Default;
    MEMORY_SWAP_LIMIT_BYTES = "memory.swap_limit_bytes" from "memory.swap.max" Cheap Basic Default;
    MEMORY_OOM_KILLS = "memory.oom_kills" from "memory.events" Cheap Basic Default;
    MEMORY_LIMIT_HITS = "memory.limit_hits" from "memory.events" Cheap Basic Default;
    MEMORY_HIGH_BYTES = "memory.high_bytes" from "memory.high" Cheap Basic Default;
    MEMORY_HIGH_HITS = "memory.high_hits" from "memory.events" Cheap Basic Default;
    MEMORY_OUT_OF_MEMORY_EVENTS = "memory.out_of_memory_events" from "memory.events" Cheap Basic Default;
    MEMORY_STATISTICS = "memory.statistics" from "memory.stat" Cheap Basic Served;
    MEMORY_WORKING_SET_BYTES = "memory.working_set_bytes" from "memory.stat" Cheap Basic Default;
    IO = "io" from "io.stat" Cheap Basic Default;
    PIDS = "pids" from "pids.current" Cheap Basic Default;
    PRESSURE = "pressure" from "cpu.pressure" Cheap Basic Default;
    POPULATED = "populated" from "cgroup.events" Cheap Basic Default;
    FROZEN = "frozen" from "cgroup.events" Cheap Basic Default;
    CONTROLLERS = "controllers" from "cgroup.controllers" Cheap Basic Default;
}
