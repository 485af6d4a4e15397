//! How the processors spent their time.

use std::time::Duration;

use anstyle::Style;
use procwire_proto::v1::{Cpu, CpuKind, CpuTimes, CpuUsage, LogicalCpu};

use super::numbers::clock_rate;
use crate::render::{
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// `Usage over 500 ms`.
pub(super) fn title(cpu: &Cpu) -> String {
    let window = cpu.usage.as_ref().map(|usage| units::span(Duration::from_nanos(usage.window_ns)));
    window.map_or_else(|| "Usage".to_owned(), |window| format!("Usage over {window}"))
}

/// Shares of a window in percent: of all processors together, and of each; `None` if nothing was measured.
pub(super) fn share_table(cpu: &Cpu, each: bool) -> Option<Table> {
    cpu.usage.as_ref()?;
    let share = |header| Column::new(header, Align::Right).at_least(5);
    let rarely = |drop_order, header| Column { drop_order: Some(drop_order), ..share(header) };
    let mut columns = vec![
        Column::new("CPU", Align::Right).at_least(3),
        share("BUSY%"),
        share("USER%"),
        rarely(5, "NICE%"),
        share("SYS%"),
        rarely(7, "IRQ%"),
        rarely(6, "SOFT%"),
        rarely(4, "STEAL%"),
        rarely(3, "GUEST%"),
        share("WAIT%"),
        share("IDLE%"),
    ];
    let facts = facts(cpu);
    if each {
        columns.extend(facts.iter().map(|fact| fact.column.clone()));
    }
    let width = columns.len();
    let mut table = Table::new(columns);
    let mut push = |name: String, usage: Option<&CpuUsage>, facts: Vec<Option<String>>| {
        let shares = usage.map_or([const { None }; 10], |usage| shares(usage).map(Some));
        let cells = std::iter::once(Some(name)).chain(shares).chain(facts);
        let mut cells: Vec<String> = cells.map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).collect();
        cells.resize(width, String::new());
        table.push(cells, Style::new());
    };
    push("all".to_owned(), cpu.usage.as_ref(), Vec::new());
    for one in cpu.cpus.iter().filter(|_| each) {
        push(one.number.to_string(), one.usage.as_ref(), facts.iter().map(|fact| (fact.of)(one)).collect());
    }
    Some(table)
}

fn shares(usage: &CpuUsage) -> [String; 10] {
    let shares = [
        usage.busy_ratio,
        usage.user_ratio,
        usage.nice_ratio,
        usage.system_ratio,
        usage.irq_ratio,
        usage.softirq_ratio,
        usage.steal_ratio,
        usage.guest_ratio + usage.guest_nice_ratio,
        usage.iowait_ratio,
        usage.idle_ratio,
    ];
    shares.map(|share| format!("{:.1}", share * 100.0))
}

/// What is known of single processors beside their time.
struct Fact {
    column: Column,
    of: fn(&LogicalCpu) -> Option<String>,
}

/// Those that at least one of these processors has.
fn facts(cpu: &Cpu) -> Vec<Fact> {
    let right = |drop_order, header| Column { drop_order: Some(drop_order), ..Column::new(header, Align::Right) };
    let facts = [
        Fact { column: right(8, "CLOCK"), of: |one| one.frequency_hz.map(clock_rate) },
        Fact { column: right(9, "CORE"), of: |one| Some(format!("{}/{}", one.package_id?, one.core_id?)) },
        Fact {
            column: Column { drop_order: Some(10), ..Column::new("KIND", Align::Left) },
            of: |one| match CpuKind::try_from(one.kind?).ok()? {
                CpuKind::Performance => Some("performance".to_owned()),
                CpuKind::Efficiency => Some("efficiency".to_owned()),
                CpuKind::LowPower => Some("low power".to_owned()),
                CpuKind::Unspecified => None,
            },
        },
        Fact { column: right(11, "CAPACITY"), of: |one| one.capacity.map(|capacity| capacity.to_string()) },
    ];
    facts.into_iter().filter(|fact| cpu.cpus.iter().any(|one| (fact.of)(one).is_some())).collect()
}

/// Times since boot: of all processors together, and of each.
pub(super) fn time_table(cpu: &Cpu, each: bool) -> Table {
    let column = |header| Column::new(header, Align::Right);
    let rarely = |drop_order, header| Column { drop_order: Some(drop_order), ..column(header) };
    let mut table = Table::new(vec![
        column("CPU"),
        column("USER"),
        rarely(3, "NICE"),
        column("SYS"),
        rarely(5, "IRQ"),
        rarely(4, "SOFT"),
        rarely(2, "STEAL"),
        rarely(1, "GUEST"),
        column("WAIT"),
        column("IDLE"),
    ]);
    let mut push = |name: String, times: Option<&CpuTimes>| {
        let times = times.copied().unwrap_or_default();
        let guest = match (times.guest_ns, times.guest_nice_ns) {
            (Some(guest), Some(nice)) => Some(guest.saturating_add(nice)),
            (guest, _) => guest,
        };
        let spent = [
            times.user_ns,
            times.nice_ns,
            times.system_ns,
            times.irq_ns,
            times.softirq_ns,
            times.steal_ns,
            guest,
            times.iowait_ns,
            times.idle_ns,
        ];
        let shown = spent.map(|time| time.map_or_else(|| MISSING.to_owned(), units::cpu_time));
        table.push(std::iter::once(name).chain(shown).collect(), Style::new());
    };
    push("all".to_owned(), cpu.times.as_ref());
    for one in cpu.cpus.iter().filter(|_| each) {
        push(one.number.to_string(), one.times.as_ref());
    }
    table
}
