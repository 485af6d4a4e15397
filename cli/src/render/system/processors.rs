//! Processors: how busy, with what, and how long the queue is.

use std::time::Duration;

use procwire_proto::{
    escape,
    v1::{Cpu, CpuUsage, LoadAverage},
};

use super::{bar::bar, page::Pairs};
use crate::render::{
    cpu::{counts, ranges},
    units,
};

/// So many processors are shown on a page about everything; of more, the busiest.
const MOST: usize = 32;
/// And so many of those.
const BUSIEST: usize = 16;

/// In words.
pub(super) fn processors(cpu: &Cpu, load: Option<&LoadAverage>) -> Pairs {
    let mut pairs = Pairs::new();
    let mut push = |label: &str, text: Option<String>| pairs.extend(text.map(|text| (label.to_owned(), text)));
    let models: Vec<_> = cpu.models.iter().map(|model| escape::terminal(model).into_owned()).collect();
    push("model", Some(models.join(", ")).filter(|models| !models.is_empty()));
    push("count", counts(cpu));
    push("offline", (!cpu.offline_cpus.is_empty()).then(|| ranges(&cpu.offline_cpus)));
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
    let which = if cpu.cpus.len() > MOST { "The busiest processors" } else { "Each processor" };
    window.map_or_else(|| which.to_owned(), |window| format!("{which} over {}", units::span(window)))
}

/// How busy each is.
pub(super) fn each_processor(cpu: &Cpu) -> Pairs {
    let mut usage: Vec<_> = cpu.cpus.iter().filter_map(|one| Some((one.number, one.usage?.busy_ratio))).collect();
    if usage.len() > MOST {
        usage.sort_by(|left, right| right.1.total_cmp(&left.1));
        usage.truncate(BUSIEST);
    }
    usage.into_iter().map(|(number, busy)| (format!("cpu {number}"), units::percent(busy))).collect()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::LogicalCpu;

    use super::*;

    #[test]
    fn of_many_processors_the_busiest_are_shown() {
        let cpus = |count: u32| Cpu {
            cpus: (0..count)
                .map(|number| LogicalCpu {
                    number,
                    usage: Some(CpuUsage { busy_ratio: f64::from(number) / 1000.0, ..CpuUsage::default() }),
                    ..LogicalCpu::default()
                })
                .collect(),
            ..Cpu::default()
        };
        let few = each_processor(&cpus(32));
        assert_eq!((few.len(), few[0].0.as_str()), (32, "cpu 0"));
        let many = each_processor(&cpus(256));
        assert_eq!((many.len(), many[0].clone()), (16, ("cpu 255".to_owned(), "25.5 %".to_owned())));
        assert!(busy_title(&cpus(256)).starts_with("The busiest") && busy_title(&cpus(32)).starts_with("Each"));
    }
}
