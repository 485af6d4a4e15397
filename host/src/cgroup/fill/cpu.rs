//! Processor time and its limits: cpu.stat, cpu.max, cpu.weight; of v1 cpuacct.usage, cpuacct.stat, cpu.cfs_quota_us, cpu.shares.

use procwire_proto::{
    CgroupFieldSet,
    cgroup_fields::bit,
    v1::{Cgroup, CgroupCpu},
};

use super::{Filler, Missing};
use crate::cgroup::{
    cause::Cause,
    files::Files,
    hierarchy::Home,
    limits::{self, Limit},
    parse,
};

const TIMES: CgroupFieldSet = bit::CPU_USAGE_NS.union(bit::CPU_USER_NS).union(bit::CPU_SYSTEM_NS);
const THROTTLING: CgroupFieldSet = bit::CPU_PERIODS.union(bit::CPU_THROTTLED_PERIODS).union(bit::CPU_THROTTLED_NS);
const LIMITS: CgroupFieldSet = bit::CPU_LIMIT_CPUS.union(bit::CPU_EFFECTIVE_LIMIT_CPUS);

impl<F: Files> Filler<'_, F> {
    pub(super) fn cpu(&mut self) {
        if self.wants(TIMES) {
            self.times();
        }
        if self.wants(THROTTLING) {
            self.throttling();
        }
        if self.wants(LIMITS) {
            self.cpu_limits();
        }
        if self.wants(bit::CPU_WEIGHT) {
            self.weight();
        }
    }

    /// The unified tree counts the time of each of its groups, controller or not.
    fn times(&mut self) {
        let v1 = self.homes.cpuacct.place().filter(|place| self.homes.cpuacct.is_v1() && self.files.is_in(*place));
        let Some(place) = v1 else {
            let home = self.homes.unified.map_or(self.homes.cpuacct, Home::Unified);
            let Some(place) = self.place_of(home, "cpuacct", TIMES) else { return };
            for (field, line) in [
                (bit::CPU_USAGE_NS, "usage_usec"),
                (bit::CPU_USER_NS, "user_usec"),
                (bit::CPU_SYSTEM_NS, "system_usec"),
            ] {
                let ns = |text: &[u8]| parse::keyed(text, line.as_bytes())?.checked_mul(1000);
                let ns = self.take((place, "cpu", c"cpu.stat"), field, Missing::Unsaid, ns);
                set(&mut self.row, field, ns);
            }
            return;
        };
        let usage = self.take((place, "cpuacct", c"cpuacct.usage"), bit::CPU_USAGE_NS, Missing::Unsaid, parse::single);
        set(&mut self.row, bit::CPU_USAGE_NS, usage);
        let tick_ns = 1_000_000_000_u64.checked_div(self.machine.ticks_per_second).unwrap_or(0);
        for (field, line) in [(bit::CPU_USER_NS, "user"), (bit::CPU_SYSTEM_NS, "system")] {
            let ns = |text: &[u8]| parse::keyed(text, line.as_bytes())?.checked_mul(tick_ns);
            let ns = self.take((place, "cpuacct", c"cpuacct.stat"), field, Missing::Unsaid, ns);
            set(&mut self.row, field, ns);
        }
    }

    /// The unified tree has these lines only where the controller is in force.
    fn throttling(&mut self) {
        let home = self.homes.cpu;
        let Some(place) = self.place_of(home, "cpu", THROTTLING) else { return };
        let (throttled, unit_ns) = if home.is_v1() { ("throttled_time", 1) } else { ("throttled_usec", 1000) };
        let lines = [
            (bit::CPU_PERIODS, "nr_periods", 1),
            (bit::CPU_THROTTLED_PERIODS, "nr_throttled", 1),
            (bit::CPU_THROTTLED_NS, throttled, unit_ns),
        ];
        for (field, line, unit) in lines {
            let value = |text: &[u8]| match parse::keyed(text, line.as_bytes()) {
                Some(value) => value.checked_mul(unit).map(Some),
                None => memchr::memmem::find(text, line.as_bytes()).is_none().then_some(None),
            };
            match self.take((place, "cpu", c"cpu.stat"), field, Missing::Unsaid, value) {
                Some(Some(value)) => set(&mut self.row, field, Some(value)),
                Some(None) => {
                    let cause = match self.why_missing(place, "cpu", c"cpu.stat") {
                        Cause::NoFile(file) => Cause::NoLine(file, line),
                        cause => cause,
                    };
                    self.causes.add(field, cause);
                }
                None => {}
            }
        }
    }

    fn cpu_limits(&mut self) {
        let home = self.homes.cpu;
        let own = match home.place() {
            None => {
                self.causes.add(LIMITS, Cause::Unseen("cpu"));
                return;
            }
            // Where it is not, it is not limited; the groups above may be.
            Some(place) if !self.files.is_in(place) => Limit::Unlimited,
            Some(_) => {
                let reading = limits::cpu(&mut self.files, home);
                let name = if home.is_v1() { c"cpu.cfs_quota_us" } else { c"cpu.max" };
                self.limit(name, LIMITS, reading)
            }
        };
        let effective = self.effective(own, self.above.cpus, bit::CPU_EFFECTIVE_LIMIT_CPUS);
        if let Some(cpus) = own.value().filter(|_| self.wants(bit::CPU_LIMIT_CPUS)) {
            self.row.cpu.get_or_insert_default().limit_cpus = Some(cpus);
        }
        if let Some(cpus) = effective.filter(|_| self.wants(bit::CPU_EFFECTIVE_LIMIT_CPUS)) {
            self.row.cpu.get_or_insert_default().effective_limit_cpus = Some(cpus);
        }
    }

    fn weight(&mut self) {
        let home = self.homes.cpu;
        let Some(place) = self.place_of(home, "cpu", bit::CPU_WEIGHT) else { return };
        let weight = if home.is_v1() {
            self.take((place, "cpu", c"cpu.shares"), bit::CPU_WEIGHT, Missing::Unsaid, parse::weight_of_shares)
        } else {
            let weight = |text: &[u8]| u32::try_from(parse::single(text)?).ok();
            self.take((place, "cpu", c"cpu.weight"), bit::CPU_WEIGHT, Missing::Unsaid, weight)
        };
        if weight.is_some() {
            self.row.cpu.get_or_insert_default().weight = weight;
        }
    }
}

fn set(row: &mut Cgroup, field: CgroupFieldSet, value: Option<u64>) {
    if value.is_none() {
        return;
    }
    let CgroupCpu { usage_ns, user_ns, system_ns, throttled_ns, periods, throttled_periods, .. } =
        row.cpu.get_or_insert_default();
    for (of, place) in [
        (bit::CPU_USAGE_NS, usage_ns),
        (bit::CPU_USER_NS, user_ns),
        (bit::CPU_SYSTEM_NS, system_ns),
        (bit::CPU_THROTTLED_NS, throttled_ns),
        (bit::CPU_PERIODS, periods),
        (bit::CPU_THROTTLED_PERIODS, throttled_periods),
    ] {
        if of == field {
            *place = value;
        }
    }
}
