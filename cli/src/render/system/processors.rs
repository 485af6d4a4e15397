//! Processors: how busy, with what, and how long the queue is.

use std::time::Duration;

use procwire_proto::v1::{Cpu, CpuUsage, LoadAverage};

use super::{bar::bar, page::Pairs};
use crate::render::units;

/// In words.
pub(super) fn processors(cpu: &Cpu, load: Option<&LoadAverage>) -> Pairs {
    let mut pairs = Pairs::new();
    let mut push = |label: &str, text: Option<String>| pairs.extend(text.map(|text| (label.to_owned(), text)));
    push(
        "count",
        cpu.logical_count.map(|count| match cpu.usable_count {
            Some(usable) if usable != count => format!("{count}, {usable} usable by the agent"),
            _ => count.to_string(),
        }),
    );
    push(
        "busy",
        cpu.usage.as_ref().map(|usage| format!("{}  {}", bar(usage.busy_ratio), units::percent(usage.busy_ratio))),
    );
    push("of that", cpu.usage.as_ref().map(parts_of_usage));
    push(
        "load",
        load.and_then(|load| {
            let averages =
                [load.one_minute?, load.five_minutes?, load.fifteen_minutes?].map(|load| format!("{load:.2}"));
            Some(format!("{} over 1, 5 and 15 minutes", averages.join("  ")))
        }),
    );
    push(
        "threads",
        load.and_then(|load| {
            Some(format!("{} ready or running of {}", load.runnable_threads?, units::count(load.total_threads?.into())))
        }),
    );
    push("since boot", counters(cpu));
    pairs
}

fn parts_of_usage(usage: &CpuUsage) -> String {
    let parts = [
        ("user", usage.user_ratio),
        ("nice", usage.nice_ratio),
        ("system", usage.system_ratio),
        ("irq", usage.irq_ratio + usage.softirq_ratio),
        ("steal", usage.steal_ratio),
        ("guest", usage.guest_ratio + usage.guest_nice_ratio),
    ];
    let always = ["user", "system"];
    let shown = parts.into_iter().filter(|(name, ratio)| always.contains(name) || *ratio >= 0.0005);
    let shown: Vec<_> = shown.map(|(name, ratio)| format!("{name} {}", units::percent(ratio))).collect();
    format!("{}; waiting for disks {}", shown.join(", "), units::percent(usage.iowait_ratio))
}

fn counters(cpu: &Cpu) -> Option<String> {
    let counters = [("context switches", cpu.context_switches), ("interrupts", cpu.interrupts), ("forks", cpu.forks)];
    let shown = counters.iter().filter_map(|(name, count)| Some(format!("{} {name}", units::count((*count)?))));
    Some(shown.collect::<Vec<_>>().join(", ")).filter(|shown| !shown.is_empty())
}

/// Title of the section of each.
pub(super) fn busy_title(cpu: &Cpu) -> String {
    let window = cpu.cpus.iter().find_map(|one| one.usage).map(|usage| Duration::from_nanos(usage.window_ns));
    window.map_or_else(|| "Each processor".to_owned(), |window| format!("Each processor over {}", units::span(window)))
}

/// How busy each is.
pub(super) fn each_processor(cpu: &Cpu) -> Pairs {
    let usage = cpu.cpus.iter().filter_map(|one| Some((one.number, one.usage?)));
    usage.map(|(number, usage)| (format!("cpu {number}"), units::percent(usage.busy_ratio))).collect()
}
