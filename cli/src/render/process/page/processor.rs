//! What it uses of processors, and how it is scheduled.

use procwire_proto::v1::{Process, SchedulingPolicy};

use super::{Pairs, present};
use crate::render::units;

pub(super) const FIELDS: &[&str] = &[
    "cpu_times",
    "cpu_usage_ratio",
    "cpu_number",
    "cpu_affinity",
    "nice",
    "scheduling",
    "thread_count",
    "context_switches",
];

pub(super) fn pairs(process: &Process) -> Pairs {
    let times = process.cpu_times.unwrap_or_default();
    present([
        ("usage", process.cpu_usage_ratio.map(|ratio| format!("{} of one processor", units::percent(ratio)))),
        ("time", of_user_and_system(times.user_ns, times.system_ns)),
        (
            "of children",
            of_user_and_system(times.children_user_ns, times.children_system_ns).filter(|text| text != "0:00.00"),
        ),
        ("waited", times.block_io_wait_ns.filter(|ns| *ns > 0).map(|ns| format!("{} for disks", units::cpu_time(ns)))),
        ("threads", process.thread_count.map(|count| count.to_string())),
        ("runs on", runs_on(process)),
        ("priority", priority(process)),
        ("switches", switches(process)),
    ])
}

/// `0:03.21 (user 0:03.00, system 0:00.21)`
fn of_user_and_system(user_ns: Option<u64>, system_ns: Option<u64>) -> Option<String> {
    let (user, system) = (user_ns?, system_ns?);
    let sum = units::cpu_time(user.saturating_add(system));
    if user == 0 && system == 0 {
        return Some(sum);
    }
    Some(format!("{sum} (user {}, system {})", units::cpu_time(user), units::cpu_time(system)))
}

fn runs_on(process: &Process) -> Option<String> {
    let last = process.cpu_number.map(|number| format!("cpu {number} last"));
    let may = (!process.cpu_affinity.is_empty()).then(|| format!("may on {}", ranges(&process.cpu_affinity)));
    let parts: Vec<_> = last.into_iter().chain(may).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Ascending numbers as the kernel writes them: `0-3,8`.
fn ranges(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|left, right| left.checked_add(1) == Some(*right));
    let text = runs.filter_map(|run| match run {
        [] => None,
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    text.collect::<Vec<_>>().join(",")
}

fn priority(process: &Process) -> Option<String> {
    let scheduling = process.scheduling.as_ref();
    let policy = scheduling.and_then(|scheduling| {
        let policy = scheduling.policy.map(|_| scheduling.policy())?;
        let realtime = scheduling.realtime_priority.filter(|priority| *priority > 0);
        // Everybody's; only others are worth a word.
        let words = (policy != SchedulingPolicy::Other).then(|| format!("policy {}", policy.as_words()))?;
        Some(realtime.map_or(words.clone(), |priority| format!("{words}, realtime priority {priority}")))
    });
    let nice = process.nice.map(|nice| format!("nice {nice}"));
    let parts: Vec<_> = nice.into_iter().chain(policy).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn switches(process: &Process) -> Option<String> {
    let switches = process.context_switches.as_ref()?;
    let pair = |voluntary: Option<u64>, forced: Option<u64>| {
        Some(format!("{} voluntary, {} forced", units::count(voluntary?), units::count(forced?)))
    };
    let all = pair(switches.all_threads_voluntary, switches.all_threads_involuntary);
    let main = pair(switches.voluntary, switches.involuntary);
    match (main, all) {
        (Some(main), Some(all)) => Some(format!("{all}; of these the main thread's {main}")),
        (Some(main), None) if process.thread_count.is_some_and(|count| count > 1) => {
            Some(format!("{main} (main thread)"))
        }
        (main, all) => main.or(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_told_as_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 3, 8, 10, 11]), "0-3,8,10-11");
        assert_eq!(ranges(&[5]), "5");
        assert_eq!(ranges(&[u32::MAX]), "4294967295");
    }

    #[test]
    fn times_add_up_and_nothing_is_made_of_half() {
        assert_eq!(
            of_user_and_system(Some(3_000_000_000), Some(210_000_000)).as_deref(),
            Some("0:03.21 (user 0:03.00, system 0:00.21)")
        );
        assert_eq!(of_user_and_system(Some(0), Some(0)).as_deref(), Some("0:00.00"));
        assert_eq!(of_user_and_system(Some(3), None), None);
    }
}
