//! What processors there are, and what the kernel counted while they were looked at.

use procwire_proto::{
    escape,
    v1::{Cpu, CpuKind, LoadAverage, System},
};

use super::numbers::ranges;
use crate::render::units;

/// Pairs of name and value.
pub(super) fn facts(before: Option<&System>, system: &System, cpu: &Cpu) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut push = |label: &str, text: Option<String>| pairs.extend(text.map(|text| (label.to_owned(), text)));
    let models: Vec<_> = cpu.models.iter().map(|model| escape::terminal(model).into_owned()).collect();
    push("model", Some(models.join(", ")).filter(|models| !models.is_empty()));
    push("count", counts(cpu));
    push("kinds", kinds(cpu));
    push("offline", (!cpu.offline_cpus.is_empty()).then(|| ranges(&cpu.offline_cpus)));
    push("load", system.load.as_ref().and_then(load));
    push("threads", threads(system, cpu));
    push("per second", before.and_then(|before| per_second(before, system)));
    if before.is_none() {
        push("since boot", since_boot(cpu));
    }
    pairs
}

/// `8 on 4 cores, 2 usable by the agent, quota of its control group 1.5`.
pub(crate) fn counts(cpu: &Cpu) -> Option<String> {
    let count = cpu.logical_count?;
    let mut text = count.to_string();
    if let Some(cores) = cpu.physical_count {
        let noun = if cores == 1 { "core" } else { "cores" };
        text.push_str(&format!(" on {cores} {noun}"));
    }
    if let Some(usable) = cpu.usable_count.filter(|usable| *usable != count) {
        text.push_str(&format!(", {usable} usable by the agent"));
    }
    if let Some(quota) = cpu.quota_cpus {
        text.push_str(&format!(", the agent's control group may use {quota:.2}"));
    }
    Some(text)
}

/// `performance 0-15, efficiency 16-23`; nothing where all are alike.
fn kinds(cpu: &Cpu) -> Option<String> {
    let of_kind = |kind: CpuKind| -> Vec<u32> {
        cpu.cpus.iter().filter(|one| one.kind == Some(kind.into())).map(|one| one.number).collect()
    };
    let kinds =
        [("performance", CpuKind::Performance), ("efficiency", CpuKind::Efficiency), ("low power", CpuKind::LowPower)];
    let named = kinds.into_iter().map(|(name, kind)| (name, of_kind(kind))).filter(|(_, numbers)| !numbers.is_empty());
    let shown: Vec<_> = named.map(|(name, numbers)| format!("{name} {}", ranges(&numbers))).collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

fn load(load: &LoadAverage) -> Option<String> {
    let averages = [load.one_minute?, load.five_minutes?, load.fifteen_minutes?].map(|load| format!("{load:.2}"));
    Some(format!("{} over 1, 5 and 15 minutes", averages.join("  ")))
}

fn threads(system: &System, cpu: &Cpu) -> Option<String> {
    let of_load = system.load.as_ref();
    let running = cpu.running_threads.or(of_load.and_then(|load| load.runnable_threads))?;
    let mut text = format!("{running} running or ready");
    if let Some(blocked) = cpu.blocked_threads {
        text.push_str(&format!(", {blocked} waiting for disks"));
    }
    if let Some(total) = of_load.and_then(|load| load.total_threads) {
        text.push_str(&format!(", {} in all", units::count(total.into())));
    }
    Some(text)
}

/// Between two readings of one boot.
fn per_second(before: &System, after: &System) -> Option<String> {
    let (earlier, later) = (before.sampled.as_ref()?, after.sampled.as_ref()?);
    let nanoseconds = later.monotonic_ns.checked_sub(earlier.monotonic_ns).filter(|between| *between > 0)?;
    if earlier.boot_id != later.boot_id {
        return None;
    }
    let (before, after) = (before.cpu.as_ref()?, after.cpu.as_ref()?);
    let rate = |count: fn(&Cpu) -> Option<u64>| {
        let advance = count(after)?.checked_sub(count(before)?)?;
        Some(units::count(u64::try_from(u128::from(advance) * 1_000_000_000 / u128::from(nanoseconds)).ok()?))
    };
    in_words([
        (rate(|cpu| cpu.context_switches), "context switches"),
        (rate(|cpu| cpu.interrupts), "interrupts"),
        (rate(|cpu| cpu.soft_interrupts), "soft interrupts"),
        (rate(|cpu| cpu.forks), "forks"),
    ])
}

fn since_boot(cpu: &Cpu) -> Option<String> {
    in_words([
        (cpu.context_switches.map(units::count), "context switches"),
        (cpu.interrupts.map(units::count), "interrupts"),
        (cpu.soft_interrupts.map(units::count), "soft interrupts"),
        (cpu.forks.map(units::count), "forks"),
    ])
}

fn in_words(counts: [(Option<String>, &str); 4]) -> Option<String> {
    let shown: Vec<_> = counts.into_iter().filter_map(|(count, name)| Some(format!("{} {name}", count?))).collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}
