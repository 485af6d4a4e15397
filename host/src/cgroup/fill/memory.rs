//! Memory and its limits: memory.*; of v1 the files that end in `_in_bytes`, memory.failcnt and memory.oom_control.

use procwire_proto::{CgroupFieldSet, cgroup_fields::bit};

use super::{Filler, Missing};
use crate::cgroup::{
    cause::Cause,
    files::Files,
    limits::{self, Limit},
    parse,
};

const LIMITS: CgroupFieldSet = bit::MEMORY_LIMIT_BYTES.union(bit::MEMORY_EFFECTIVE_LIMIT_BYTES);
const ALL: CgroupFieldSet = LIMITS
    .union(bit::MEMORY_USAGE_BYTES)
    .union(bit::MEMORY_PEAK_BYTES)
    .union(bit::MEMORY_SWAP_BYTES)
    .union(bit::MEMORY_SWAP_LIMIT_BYTES)
    .union(bit::MEMORY_OOM_KILLS)
    .union(bit::MEMORY_LIMIT_HITS)
    .union(bit::MEMORY_HIGH_BYTES)
    .union(bit::MEMORY_HIGH_HITS)
    .union(bit::MEMORY_OUT_OF_MEMORY_EVENTS)
    .union(bit::MEMORY_STATISTICS)
    .union(bit::MEMORY_WORKING_SET_BYTES);
const USAGE: CgroupFieldSet = bit::MEMORY_USAGE_BYTES.union(bit::MEMORY_WORKING_SET_BYTES);
/// What v1 does not know.
const V2_ALONE: CgroupFieldSet = bit::MEMORY_HIGH_HITS.union(bit::MEMORY_OUT_OF_MEMORY_EVENTS);

/// What memory.stat is read for.
struct Statistics {
    inactive_file_bytes: Option<u64>,
    /// Of v1: the least limit of the group and all above it, those outside of a container too.
    hierarchical_limit_bytes: Option<u64>,
}

impl<F: Files> Filler<'_, F> {
    pub(super) fn memory(&mut self) {
        if !self.wants(ALL) {
            return;
        }
        let home = self.homes.memory;
        if home.place().is_some_and(|place| !self.files.is_in(place)) {
            // Where it is not, it is not limited; the groups above may be.
            self.causes
                .add(ALL.difference(LIMITS).difference(bit::MEMORY_SWAP_LIMIT_BYTES), Cause::NotInTree("memory"));
            return self.set_limits(Limit::Unlimited, self.above.memory_bytes);
        }
        let Some(place) = self.place_of(home, "memory", ALL) else { return };
        let statistics = self.memory_statistics(place);
        if home.is_v1() {
            self.memory_v1(place);
        } else {
            self.memory_v2(place);
        }
        self.working_set(statistics.inactive_file_bytes);
        if self.wants(LIMITS) {
            let reading = limits::memory(&mut self.files, home, self.machine);
            let name = if home.is_v1() { c"memory.limit_in_bytes" } else { c"memory.max" };
            let own = self.limit(name, LIMITS, reading);
            let above = match statistics.hierarchical_limit_bytes {
                Some(bytes) => parse::v1_memory_limit_of(bytes, self.machine.page_size_bytes),
                None => self.above.memory_bytes,
            };
            self.set_limits(own, above);
        }
    }

    fn memory_v2(&mut self, place: usize) {
        let file = |name| (place, "memory", name);
        let usage = self.take(file(c"memory.current"), USAGE, Missing::Unsaid, parse::single);
        let peak = self.take(file(c"memory.peak"), bit::MEMORY_PEAK_BYTES, Missing::Unsaid, parse::single);
        let high = self.take(file(c"memory.high"), bit::MEMORY_HIGH_BYTES, Missing::Nothing, parse::limit);
        let swap = self.take(file(c"memory.swap.current"), bit::MEMORY_SWAP_BYTES, Missing::Unsaid, parse::single);
        let swap_limit = bit::MEMORY_SWAP_LIMIT_BYTES;
        let swap_limit = self.take(file(c"memory.swap.max"), swap_limit, Missing::Nothing, parse::limit);
        let mut event = |field, line: &'static str| {
            let value = |text: &[u8]| parse::keyed(text, line.as_bytes());
            self.take(file(c"memory.events"), field, Missing::Unsaid, value)
        };
        let oom_kills = event(bit::MEMORY_OOM_KILLS, "oom_kill");
        let limit_hits = event(bit::MEMORY_LIMIT_HITS, "max");
        let high_hits = event(bit::MEMORY_HIGH_HITS, "high");
        let out_of_memory_events = event(bit::MEMORY_OUT_OF_MEMORY_EVENTS, "oom");
        let memory = self.row.memory.get_or_insert_default();
        memory.usage_bytes = usage;
        memory.peak_bytes = peak;
        memory.high_bytes = high.and_then(Limit::value);
        memory.swap_bytes = swap;
        memory.swap_limit_bytes = swap_limit.and_then(Limit::value);
        memory.oom_kills = oom_kills;
        memory.limit_hits = limit_hits;
        memory.high_hits = high_hits;
        memory.out_of_memory_events = out_of_memory_events;
    }

    /// Swap is what is left of memory and swap without memory; its limit likewise, as container runtimes convert it.
    fn memory_v1(&mut self, place: usize) {
        let file = |name| (place, "memory", name);
        let of_swap = bit::MEMORY_SWAP_BYTES;
        let usage = self.take(file(c"memory.usage_in_bytes"), USAGE.union(of_swap), Missing::Unsaid, parse::single);
        let peak =
            self.take(file(c"memory.max_usage_in_bytes"), bit::MEMORY_PEAK_BYTES, Missing::Unsaid, parse::single);
        let both = self.take(file(c"memory.memsw.usage_in_bytes"), of_swap, Missing::Unsaid, parse::single);
        let page_size_bytes = self.machine.page_size_bytes;
        let limit = |text: &[u8]| parse::v1_memory_limit(text, page_size_bytes);
        let limit_of_both =
            self.take(file(c"memory.memsw.limit_in_bytes"), bit::MEMORY_SWAP_LIMIT_BYTES, Missing::Nothing, limit);
        let own_limit =
            self.take(file(c"memory.limit_in_bytes"), bit::MEMORY_SWAP_LIMIT_BYTES, Missing::Nothing, limit);
        let limit_hits = self.take(file(c"memory.failcnt"), bit::MEMORY_LIMIT_HITS, Missing::Unsaid, parse::single);
        // Kernel 4.13.
        let kills = |text: &[u8]| match parse::keyed(text, b"oom_kill") {
            None if memchr::memmem::find(text, b"oom_kill ").is_none() => Some(None),
            kills => kills.map(Some),
        };
        let oom_kills = match self.take(file(c"memory.oom_control"), bit::MEMORY_OOM_KILLS, Missing::Unsaid, kills) {
            Some(None) => {
                self.causes.add(bit::MEMORY_OOM_KILLS, Cause::NoLine(c"memory.oom_control", "oom_kill"));
                None
            }
            kills => kills.flatten(),
        };
        self.causes.add(V2_ALONE, Cause::NotInV1);
        let memory = self.row.memory.get_or_insert_default();
        memory.usage_bytes = usage;
        memory.peak_bytes = peak;
        memory.swap_bytes = both.zip(usage).map(|(both, memory)| both.saturating_sub(memory));
        memory.swap_limit_bytes = match (limit_of_both, own_limit) {
            (Some(Limit::At(both)), Some(Limit::At(memory))) => Some(both.saturating_sub(memory)),
            (Some(Limit::At(both)), _) => Some(both),
            _ => None,
        };
        memory.limit_hits = limit_hits;
        memory.oom_kills = oom_kills;
    }

    /// memory.stat, if something of it is wanted. v1 says the sums of the groups below in lines that begin with "total_".
    fn memory_statistics(&mut self, place: usize) -> Statistics {
        let is_v1 = self.homes.memory.is_v1();
        let mut needed = bit::MEMORY_STATISTICS.union(bit::MEMORY_WORKING_SET_BYTES);
        if is_v1 {
            needed = needed.union(bit::MEMORY_EFFECTIVE_LIMIT_BYTES);
        }
        let wants_all = self.wants(bit::MEMORY_STATISTICS);
        let read = |text: &[u8]| {
            let inactive = |name: &[u8]| parse::keyed(text, name);
            let found = Statistics {
                inactive_file_bytes: inactive(b"total_inactive_file").or_else(|| inactive(b"inactive_file")),
                hierarchical_limit_bytes: parse::keyed(text, b"hierarchical_memory_limit"),
            };
            let lines = if wants_all { parse::statistics(text) } else { Vec::new() };
            Some((found, lines))
        };
        let nothing = Statistics { inactive_file_bytes: None, hierarchical_limit_bytes: None };
        if !self.wants(needed) {
            return nothing;
        }
        // The effective limit can be had without it.
        let told = needed.difference(bit::MEMORY_EFFECTIVE_LIMIT_BYTES);
        let taken = self.take_unasked((place, "memory", c"memory.stat"), told, Missing::Unsaid, read);
        let Some((found, lines)) = taken else { return nothing };
        if wants_all && lines.is_empty() {
            self.causes.add(bit::MEMORY_STATISTICS, Cause::Malformed(c"memory.stat"));
        } else if wants_all {
            self.row.memory.get_or_insert_default().statistics = lines;
        }
        if found.inactive_file_bytes.is_none() {
            self.causes.add(bit::MEMORY_WORKING_SET_BYTES, Cause::NoLine(c"memory.stat", "inactive_file"));
        }
        found
    }

    fn working_set(&mut self, inactive_file_bytes: Option<u64>) {
        let wants_usage = self.wants(bit::MEMORY_USAGE_BYTES);
        let wants_working_set = self.wants(bit::MEMORY_WORKING_SET_BYTES);
        let Some(memory) = &mut self.row.memory else { return };
        if wants_working_set {
            let working_set = memory.usage_bytes.zip(inactive_file_bytes);
            memory.working_set_bytes = working_set.map(|(usage, inactive)| usage.saturating_sub(inactive));
        }
        if !wants_usage {
            memory.usage_bytes = None;
        }
        if *memory == Default::default() {
            self.row.memory = None;
        }
    }

    fn set_limits(&mut self, own: Limit<u64>, above: Limit<u64>) {
        let effective = self.effective(own, above, bit::MEMORY_EFFECTIVE_LIMIT_BYTES);
        if let Some(bytes) = own.value().filter(|_| self.wants(bit::MEMORY_LIMIT_BYTES)) {
            self.row.memory.get_or_insert_default().limit_bytes = Some(bytes);
        }
        if let Some(bytes) = effective.filter(|_| self.wants(bit::MEMORY_EFFECTIVE_LIMIT_BYTES)) {
            self.row.memory.get_or_insert_default().effective_limit_bytes = Some(bytes);
        }
    }
}
