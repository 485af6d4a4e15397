//! `procwire mem`: processes by the memory that they alone hold.

use std::collections::BTreeMap;

use anstyle::Style;
use procwire_proto::v1::{FieldError, FieldErrorReason, Process};

use super::layout::{Layout, table};
use crate::render::{
    clock::Clock,
    table::{HEADER, Table},
    units, unreadable,
};

/// The table of processes whose memory could be read, at most `limit` of them, and the sums over all.
pub(crate) fn table_with_sums(layout: &Layout, processes: &[Process], limit: Option<u32>, clock: &Clock) -> Table {
    let readable: Vec<Process> = processes.iter().filter(|process| is_readable(process)).cloned().collect();
    let shown = limit.map_or(readable.len(), |limit| usize::try_from(limit).unwrap_or(usize::MAX)).min(readable.len());
    let mut table = table(layout, readable.get(..shown).unwrap_or_default(), clock);
    let sum = |value: fn(&Process) -> Option<u64>| {
        units::bytes_short(readable.iter().filter_map(value).fold(0, u64::saturating_add))
    };
    let of = match readable.len() {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    };
    let sums = vec![
        String::new(),
        "TOTAL".to_owned(),
        sum(|process| process.memory_footprint.as_ref()?.unique_bytes),
        sum(|process| process.memory_footprint.as_ref()?.proportional_bytes),
        sum(|process| process.memory_footprint.as_ref()?.swap_bytes),
        sum(|process| process.memory?.resident_bytes),
        of,
    ];
    table.push(sums, if readable.is_empty() { Style::new() } else { HEADER });
    table
}

/// How many processes could not be read and why; `None` if all could.
pub(crate) fn note(processes: &[Process], is_local: bool) -> Option<String> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let (mut total, mut is_denied) = (0, false);
    for process in processes.iter().filter(|process| !is_readable(process)) {
        let error = process.errors.iter().find(|error| is_of_footprint(error));
        let Some(reason) = error.map(FieldError::reason) else { continue };
        total += 1;
        is_denied |= reason == FieldErrorReason::PermissionDenied;
        *reasons.entry(reason.as_words()).or_default() += 1;
    }
    let more = if processes.iter().any(is_readable) { "more " } else { "" };
    let noun = if total == 1 { "process" } else { "processes" };
    let advice = if is_denied { format!("; {}", unreadable::advice(is_local)) } else { String::new() };
    (total > 0)
        .then(|| format!("{total} {more}{noun} not readable ({}){advice}", unreadable::counted_reasons(&reasons)))
}

fn is_readable(process: &Process) -> bool {
    process.memory_footprint.as_ref().is_some_and(|footprint| footprint.unique_bytes.is_some())
}

fn is_of_footprint(error: &FieldError) -> bool {
    error.path.split('.').next() == Some("memory_footprint")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{MemoryFootprint, ProcessMemory};

    use super::*;
    use crate::render::process::layout::tests::{clock, process};

    fn readable(pid: u32, megabytes: u64) -> Process {
        let memory_footprint = Some(Box::new(MemoryFootprint {
            unique_bytes: Some(megabytes << 20),
            proportional_bytes: Some(megabytes << 20),
            swap_bytes: Some(0),
            ..MemoryFootprint::default()
        }));
        let memory = Some(ProcessMemory { resident_bytes: Some(megabytes << 21), ..ProcessMemory::default() });
        Process { memory_footprint, memory, ..process(pid, b"name", &[]) }
    }

    fn unreadable(reason: FieldErrorReason) -> Process {
        let path = "memory_footprint".to_owned();
        let errors = vec![FieldError { path, reason: reason.into(), detail: String::new() }];
        Process { errors, ..process(9, b"name", &[]) }
    }

    #[test]
    fn sums_are_over_all_that_could_be_read_also_where_few_are_shown() {
        let processes = [readable(1, 30), readable(2, 12), unreadable(FieldErrorReason::PermissionDenied)];
        let mut out = Vec::new();
        table_with_sums(&Layout::memory(), &processes, Some(1), &clock()).write(&mut out, None).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines,
            [
                vec!["PID", "USER", "USS", "PSS", "SWAP", "RSS", "COMMAND"],
                vec!["1", "alice", "30M", "30M", "0", "60M", "[name]"],
                vec!["TOTAL", "42M", "42M", "0", "84M", "2", "processes"],
            ]
        );
    }

    #[test]
    fn what_could_not_be_read_is_counted_by_reason() {
        use FieldErrorReason::{PermissionDenied, Zombie};
        assert_eq!(note(&[readable(1, 1)], true), None);
        let processes =
            [readable(1, 1), unreadable(PermissionDenied), unreadable(PermissionDenied), unreadable(Zombie)];
        let note = note(&processes, true).unwrap();
        let advice = unreadable::advice(true);
        assert_eq!(note, format!("3 more processes not readable (2 permission denied, 1 zombie); {advice}"));
        assert_eq!(super::note(&[unreadable(Zombie)], true).unwrap(), "1 process not readable (zombie)");
    }
}
