//! Units of systemd.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use procwire_proto::{escape, v1::Unit};

use super::{
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// A row for each unit, by name.
pub(crate) fn unit_table(shown: &[Unit], is_wide: bool) -> Table {
    let left = |header| Column::new(header, Align::Left);
    let right = |header| Column::new(header, Align::Right);
    let mut columns = vec![
        Column { max_width: 40, ..left("UNIT") },
        Column { drop_order: Some(2), may_be_cut: false, ..left("LOAD") },
        Column { may_be_cut: false, ..left("ACTIVE") },
        Column { may_be_cut: false, ..left("SUB") },
        right("PID"),
        right("MEMORY"),
        Column { drop_order: Some(3), ..right("TASKS") },
        Column { drop_order: Some(1), ..right("RESTARTS") },
    ];
    if is_wide {
        columns.extend([left("STARTS"), left("USER")]);
    }
    columns.push(Column { drop_order: Some(4), ..left("DESCRIPTION") });
    let mut table = Table::new(columns);
    let mut sorted: Vec<_> = shown.iter().collect();
    sorted.sort_by(|left, right| left.name.cmp(&right.name));
    for unit in sorted {
        table.push(row(unit, is_wide), style(unit));
    }
    table
}

/// How many there are in each state: `143 active, 2 failed`.
pub(crate) fn counts(shown: &[Unit]) -> String {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for unit in shown {
        *states.entry(&unit.active_state).or_default() += 1;
    }
    let states: Vec<_> = states.iter().map(|(state, number)| format!("{number} {}", text(state))).collect();
    if states.is_empty() { "no units".to_owned() } else { states.join(", ") }
}

fn row(unit: &Unit, is_wide: bool) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(|| MISSING.to_owned(), |number| number.to_string());
    let mut cells = vec![
        text(&unit.name),
        text(&unit.load_state),
        text(&unit.active_state),
        text(&unit.sub_state),
        number(unit.main_pid.map(u64::from)),
        unit.memory_bytes.map_or_else(|| MISSING.to_owned(), units::bytes_short),
        number(unit.tasks),
        number(unit.restarts),
    ];
    if is_wide {
        // A service without a user runs as root; a mount or a timer as nobody.
        let user = unit.user.as_deref().map(|user| if user.is_empty() { "root" } else { user });
        cells.extend([text(&unit.unit_file_state), user.map_or_else(|| MISSING.to_owned(), text)]);
    }
    cells.push(text(&unit.description));
    cells
}

fn text(text: &str) -> String {
    if text.is_empty() { MISSING.to_owned() } else { escape::terminal(text.as_bytes()).into_owned() }
}

fn style(unit: &Unit) -> Style {
    match (unit.active_state.as_str(), unit.load_state.as_str()) {
        ("failed", _) => AnsiColor::Red.on_default(),
        (_, "not-found" | "error" | "bad-setting") => AnsiColor::Yellow.on_default(),
        ("inactive", _) => AnsiColor::BrightBlack.on_default(),
        _ => Style::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn unit(name: &str, active: &str, sub: &str) -> Unit {
        Unit {
            name: name.to_owned(),
            description: "A description of what this one does, at some length".to_owned(),
            load_state: "loaded".to_owned(),
            active_state: active.to_owned(),
            sub_state: sub.to_owned(),
            ..Unit::default()
        }
    }

    fn listed() -> Vec<Unit> {
        let web = Unit {
            main_pid: Some(4242),
            memory_bytes: Some(3_565_158),
            tasks: Some(7),
            restarts: Some(3),
            user: Some(String::new()),
            unit_file_state: "enabled".to_owned(),
            ..unit("web.service", "active", "running")
        };
        let hostile =
            Unit { description: "\u{202e}\n".to_owned(), ..unit("evil\u{1b}[2J.service", "failed", "failed") };
        vec![web, hostile, Unit { load_state: "not-found".to_owned(), ..unit("gone.service", "inactive", "dead") }]
    }

    fn printed(width: Option<u16>, is_wide: bool) -> Vec<String> {
        let mut out = Vec::new();
        unit_table(&listed(), is_wide).write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn units_are_listed_by_name_and_hostile_text_is_escaped() {
        let lines = printed(None, false);
        assert_eq!(
            lines[..3],
            [
                "UNIT                LOAD      ACTIVE   SUB      PID MEMORY TASKS RESTARTS DESCRIPTION",
                r"evil\x1b[2J.service loaded    failed   failed     -      -     -        - \u{202e}\n",
                "gone.service        not-found inactive dead       -      -     -        - A description of what this one does, at some length",
            ]
        );
        assert!(lines[3].contains(" 4242   3.4M     7        3 A description"), "{lines:?}");
        assert_eq!(counts(&listed()), "1 active, 1 failed, 1 inactive");
        assert_eq!(counts(&[]), "no units");
    }

    #[test]
    fn it_fits_its_terminal() {
        for (width, is_wide) in [(80, false), (80, true), (200, true)] {
            let lines = printed(Some(width), is_wide);
            assert!(lines.iter().all(|line| line.chars().count() <= usize::from(width)), "{lines:?}");
            assert!(lines[3].starts_with("web.service") && lines[3].contains("4242"), "{lines:?}");
        }
        assert!(printed(Some(200), true)[3].contains("enabled root"), "{:?}", printed(Some(200), true));
    }
}
