//! Control groups as a table.

use anstyle::{AnsiColor, Style};
use procwire_proto::escape;

use super::{
    measured::{Group, Weight},
    order::{Shape, Shown},
};
use crate::render::{
    process::branches::{Branches, Strokes},
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// Less waiting than this is not worth a word.
const NOTABLE_STALL: f64 = 0.01;

/// A row for each group; in a tree with lines to its parent.
pub(crate) fn cgroup_table(shown: &[Shown<'_>], shape: Shape, strokes: Strokes, width: Option<u16>) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let mut table = Table::new(vec![
        Column { keeps_end: shape == Shape::Flat, ..Column::new("GROUP", Align::Left) },
        right("CPU%"),
        Column { drop_order: Some(2), ..right("LIMIT") },
        right("MEMORY"),
        right("LIMIT"),
        right("TASKS"),
        Column { drop_order: Some(3), ..right("READ/s") },
        Column { drop_order: Some(3), ..right("WRITE/s") },
        Column { drop_order: Some(4), ..right("WAITS") },
        Column::new("NOTES", Align::Left),
    ]);
    let mut branches = Branches::new(strokes, width.map(|width| width / 2));
    for one in shown {
        let name = match shape {
            Shape::Tree => format!("{}{}", branches.next(one.depth, one.is_last), name(&one.group, one.depth)),
            Shape::Flat => name(&one.group, 0),
        };
        let notes = one.group.notes();
        let style = match notes.first() {
            Some((Weight::Alarm, _)) => AnsiColor::Yellow.on_default(),
            _ => Style::new(),
        };
        let notes: Vec<_> = notes.into_iter().map(|(_, note)| note).collect();
        table.push([name].into_iter().chain(numbers(&one.group, one.depth)).chain([notes.join(", ")]).collect(), style);
    }
    table
}

/// The whole path of what no parent is shown of, else its last part.
fn name(group: &Group<'_>, depth: usize) -> String {
    let path = group.path();
    let last = path.rsplit(|byte| *byte == b'/').next().filter(|last| depth > 0 && !last.is_empty());
    let name = escape::terminal(last.unwrap_or(path));
    if name.is_empty() { MISSING.to_owned() } else { name.into_owned() }
}

fn numbers(group: &Group<'_>, depth: usize) -> impl Iterator<Item = String> {
    let percent = |cpus: f64| format!("{:.1}", cpus * 100.0);
    let (cpu, memory) = (group.now.cpu, group.now.memory.as_ref());
    // A limit of a parent is shown with the parent, if that is shown.
    let own_or_above = |own: Option<f64>, above: Option<f64>| own.or(above.filter(|_| depth == 0));
    let limit_cpus = cpu.and_then(|cpu| own_or_above(cpu.limit_cpus, cpu.effective_limit_cpus));
    let limit_bytes =
        memory.and_then(|memory| memory.limit_bytes.or(memory.effective_limit_bytes.filter(|_| depth == 0)));
    let cells = [
        group.used_cpus().map(percent),
        limit_cpus.map(|cpus| format!("{:.0}", cpus * 100.0)),
        group.memory_bytes().map(units::bytes_short),
        limit_bytes.map(units::bytes_short),
        group.tasks().map(|tasks| tasks.to_string()),
        group.read_bytes_per_second().map(units::byte_rate_short),
        group.written_bytes_per_second().map(units::byte_rate_short),
        group
            .stall()
            .filter(|(_, ratio)| *ratio >= NOTABLE_STALL)
            .map(|(what, ratio)| format!("{what} {:.0}%", ratio * 100.0)),
    ];
    cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{Cgroup, CgroupCpu, CgroupIo, CgroupMemory, CgroupPids, Pressure};

    use super::{
        super::order::{Order, choose, tests::cgroup},
        *,
    };
    use crate::render::pressure::tests::waiting;

    const STROKES: fn() -> Strokes = || Strokes::of_locale(true);

    /// A group that suffers from everything, as it was and as it is.
    fn suffering() -> (Cgroup, Cgroup) {
        let state = |periods, throttled_periods, oom_kills, read_bytes| Cgroup {
            path: Some(b"/evil\n\x1b[2J\xff.service".to_vec()),
            cpu: Some(CgroupCpu {
                used_cpus: Some(1.5),
                limit_cpus: Some(2.0),
                periods: Some(periods),
                throttled_periods: Some(throttled_periods),
                ..CgroupCpu::default()
            }),
            memory: Some(CgroupMemory {
                usage_bytes: Some(1 << 30),
                limit_bytes: Some(1 << 30),
                oom_kills: Some(oom_kills),
                ..CgroupMemory::default()
            }),
            pids: Some(CgroupPids { current: Some(7), limit: Some(7), limit_hits: Some(3), ..CgroupPids::default() }),
            io: vec![CgroupIo { read_bytes: Some(read_bytes), write_bytes: Some(0), ..CgroupIo::default() }],
            pressure: Some(Pressure { memory: waiting(0.123), io: waiting(0.1), ..Pressure::default() }),
            frozen: Some(true),
            ..Cgroup::default()
        };
        (state(100, 10, 2, 1000), state(110, 15, 3, 5096))
    }

    fn printed(cgroups: &[(Option<Cgroup>, Cgroup)], shape: Shape, width: Option<u16>) -> Vec<String> {
        let groups = cgroups.iter().map(|(before, now)| Group { now, before: before.as_ref(), seconds: 2.0 }).collect();
        let shown = choose(groups, Order::Cpu, shape, None, None);
        let mut out = Vec::new();
        cgroup_table(&shown, shape, STROKES(), width).write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    fn tree() -> Vec<(Option<Cgroup>, Cgroup)> {
        let (before, now) = suffering();
        vec![(None, cgroup(b"/", 2.0, 5)), (Some(before), now), (None, cgroup(b"/quiet.scope", 0.0, 812))]
    }

    #[test]
    fn a_tree_shows_what_each_uses_of_what_it_may_use_and_what_it_suffers_from() {
        let lines = printed(&tree(), Shape::Tree, None);
        assert_eq!(
            lines,
            [
                r"GROUP                         CPU% LIMIT MEMORY LIMIT TASKS READ/s WRITE/s      WAITS NOTES",
                r"/                            200.0     -      5     -     -      -       -          -",
                r"|- evil\n\x1b[2J\xff.service 150.0   200   1.0G  1.0G     7   2.0K       0 memory 12% 1 killed just now for want of memory, at its memory limit, throttled in 50 % of periods, at its limit of tasks, frozen, 2 killed for want of memory before, 3 forks refused",
                r"`- quiet.scope                 0.0     -    812     -     -      -       -          -",
            ]
        );
    }

    #[test]
    fn it_fits_its_terminal_and_keeps_who_uses_what() {
        for width in [80, 200] {
            let lines = printed(&tree(), Shape::Tree, Some(width));
            assert!(lines.iter().all(|line| line.chars().count() <= usize::from(width)), "{lines:?}");
            assert!(lines[2].contains(r"evil\n\x1b[2J\xff.serv") && lines[2].contains(" 150.0 "), "{lines:?}");
            assert!(lines[2].contains("1 killed just now"), "{lines:?}");
        }
        let flat = printed(&tree(), Shape::Flat, Some(80));
        assert!(flat[2].starts_with(r"/evil\n\x1b[2J\xff.service"), "{flat:?}");
    }

    #[test]
    fn what_is_not_known_is_a_dash_and_nothing_is_made_up() {
        let nothing = [(None, Cgroup::default())];
        let words: Vec<_> = printed(&nothing, Shape::Tree, None)[1].split_whitespace().map(str::to_owned).collect();
        assert_eq!(words, ["-"; 9]);
        // A group made anew under the same path has smaller counters than the one before it.
        let (before, now) = suffering();
        let lines = printed(&[(Some(now), before)], Shape::Flat, None);
        assert!(!lines[1].contains("throttled") && !lines[1].contains("just now"), "{lines:?}");
    }
}
