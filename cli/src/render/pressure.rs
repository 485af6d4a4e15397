//! Pressure stall information: how long tasks waited for what.

use anstyle::{AnsiColor, Style};
use procwire_proto::v1::{Pressure, PressureResource, PressureStall};

use super::{
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// A share of the last ten seconds from which on a stall is something to look at, and one from which on it is trouble.
const NOTABLE: f64 = 0.1;
const HEAVY: f64 = 0.4;

/// The four resources with their names.
pub(crate) fn resources(pressure: &Pressure) -> [(&'static str, Option<&PressureResource>); 4] {
    [
        ("cpu", pressure.cpu.as_ref()),
        ("memory", pressure.memory.as_ref()),
        ("io", pressure.io.as_ref()),
        ("irq", pressure.irq.as_ref()),
    ]
}

/// Two rows for each resource that the kernel tells about: some tasks waited, all tasks waited.
pub(crate) fn pressure_table(pressure: &Pressure) -> Table {
    let right = |header| Column::new(header, Align::Right).at_least(6);
    let mut table = Table::new(vec![
        Column { may_be_cut: false, ..Column::new("FOR", Align::Left) },
        Column { may_be_cut: false, ..Column::new("WAITED", Align::Left) },
        right("10 S"),
        right("60 S"),
        right("300 S"),
        right("IN ALL"),
        Column { drop_order: Some(1), ..Column::new("WHICH MEANS", Align::Left) },
    ]);
    for (name, resource) in resources(pressure) {
        let Some(resource) = resource else { continue };
        for (who, stall) in [("some", resource.some), ("all", resource.full)] {
            let Some(stall) = stall else { continue };
            table.push(row(name, who, &stall), style(stall.ten_seconds_ratio));
        }
    }
    table
}

fn row(name: &str, who: &str, stall: &PressureStall) -> Vec<String> {
    let percent = |ratio: f64| format!("{:.2}%", ratio * 100.0);
    vec![
        name.to_owned(),
        who.to_owned(),
        percent(stall.ten_seconds_ratio),
        percent(stall.one_minute_ratio),
        percent(stall.five_minutes_ratio),
        units::cpu_time(stall.total_ns),
        meaning(name, who).to_owned(),
    ]
}

/// Documentation/accounting/psi.rst.
fn meaning(name: &str, who: &str) -> &'static str {
    match (name, who) {
        ("cpu", "some") => "some had no processor to run on",
        // "CPU full is undefined at the system level, but has been reported since 5.13, so it is set to zero".
        ("cpu", _) => "always 0 for a whole host",
        ("memory", "some") => "some waited for memory",
        ("memory", _) => "nothing ran for want of memory",
        ("io", "some") => "some waited for disks",
        ("io", _) => "nothing ran while disks worked",
        ("irq", _) => "interrupts took all the time",
        _ => MISSING,
    }
}

fn style(ten_seconds_ratio: f64) -> Style {
    match ten_seconds_ratio {
        HEAVY.. => AnsiColor::Red.on_default(),
        NOTABLE.. => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
pub(crate) mod tests {
    use super::*;

    /// Some waited for this share of the last ten seconds, all of them for half of it.
    pub(crate) fn waiting(ratio: f64) -> Option<PressureResource> {
        let stall = |ratio| PressureStall {
            ten_seconds_ratio: ratio,
            one_minute_ratio: ratio / 2.0,
            five_minutes_ratio: 0.0001,
            total_ns: 7_800_000_000_000,
        };
        Some(PressureResource { some: Some(stall(ratio)), full: Some(stall(ratio / 2.0)) })
    }

    fn printed(pressure: &Pressure, width: Option<u16>) -> Vec<String> {
        let mut out = Vec::new();
        pressure_table(pressure).write(&mut out, width).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_resource_has_its_two_rows_with_a_word_on_what_they_mean() {
        let irq = PressureResource { some: None, ..waiting(0.0).unwrap() };
        let pressure = Pressure { cpu: waiting(1.0), memory: waiting(0.25), io: None, irq: Some(irq) };
        let lines = printed(&pressure, Some(80));
        let plain: Vec<_> = lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(
            plain,
            [
                "FOR    WAITED    10 S   60 S  300 S  IN ALL WHICH MEANS",
                "cpu    some   100.00% 50.00%  0.01% 2:10:00 some had no processor to run on",
                "cpu    all     50.00% 25.00%  0.01% 2:10:00 always 0 for a whole host",
                "memory some    25.00% 12.50%  0.01% 2:10:00 some waited for memory",
                "memory all     12.50%  6.25%  0.01% 2:10:00 nothing ran for want of memory",
                "irq    all      0.00%  0.00%  0.01% 2:10:00 interrupts took all the time",
            ]
        );
        assert!(lines[1].contains("\u{1b}[31m") && lines[4].contains("\u{1b}[33m"), "{lines:?}");
        assert!(!lines[5].contains('\u{1b}'), "{lines:?}");
        assert_eq!(printed(&pressure, Some(200)), lines);
    }

    #[test]
    fn numbers_that_are_none_do_no_harm() {
        for odd in [f64::NAN, -1.0, f64::INFINITY] {
            assert_eq!(printed(&Pressure { io: waiting(odd), ..Pressure::default() }, Some(80)).len(), 3);
        }
    }
}
