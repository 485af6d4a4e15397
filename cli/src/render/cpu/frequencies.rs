//! How fast the processors may run, and do.

use anstyle::Style;
use procwire_proto::{escape, v1::CpuFrequencyPolicy};

use super::numbers::{clock_span, ranges};
use crate::render::{
    table::{Align, Column, Table},
    value::MISSING,
};

/// A row for the policies that are alike in all but the present clock: a host may have one for each of 256 processors.
pub(crate) fn frequency_table(policies: &[CpuFrequencyPolicy]) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let mut table = Table::new(vec![
        Column::new("CPUS", Align::Left),
        right("NOW"),
        right("ALLOWED"),
        right("HARDWARE"),
        Column::new("GOVERNOR", Align::Left),
    ]);
    let mut groups: Vec<Vec<&CpuFrequencyPolicy>> = Vec::new();
    for policy in policies {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| are_alike(first, policy))) {
            Some(group) => group.push(policy),
            None => groups.push(vec![policy]),
        }
    }
    for group in groups {
        let Some(first) = group.first() else { continue };
        let mut cpus: Vec<u32> = group.iter().flat_map(|policy| &policy.cpus).copied().collect();
        cpus.sort_unstable();
        let limits = |least: Option<u64>, most: Option<u64>| clock_span([least?, most?].into_iter());
        let cells = [
            Some(ranges(&cpus)).filter(|cpus| !cpus.is_empty()),
            clock_span(group.iter().filter_map(|policy| policy.current_hz)),
            limits(first.min_hz, first.max_hz),
            limits(first.hardware_min_hz, first.hardware_max_hz),
            first.governor.as_ref().map(|governor| escape::terminal(governor.as_bytes()).into_owned()),
        ];
        table.push(cells.map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).to_vec(), Style::new());
    }
    table
}

fn are_alike(left: &CpuFrequencyPolicy, right: &CpuFrequencyPolicy) -> bool {
    let limits =
        |policy: &CpuFrequencyPolicy| [policy.min_hz, policy.max_hz, policy.hardware_min_hz, policy.hardware_max_hz];
    limits(left) == limits(right) && left.governor == right.governor
}
