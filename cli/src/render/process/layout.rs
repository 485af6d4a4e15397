//! Which columns a table of processes has, and the table itself.

use procwire_proto::{json, v1::Process};

use super::{
    columns::{
        COMMAND, FDS, MAJOR_FAULTS, MEMORY_RATIO, NAME, NICE, ON_DEMAND, PID, PPID, PROPORTIONAL, ProcessColumn, READ,
        RESIDENT, SHARED, START, STATE, SWAP, SWAPPED, TERMINAL, THREADS, TIME, UID, UNIQUE, USER, VIRTUAL, WRITTEN,
        style,
    },
    fields,
};
use crate::render::{
    clock::Clock,
    table::{Align, Column, Table},
    value::MISSING,
};

/// Names of users, terminals and threads are short; the few that are not leave their room to the command.
const LONGEST_NAME: u16 = 16;

/// A choice of columns; the last is the command.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    columns: Vec<LayoutColumn>,
}

#[derive(Clone, Debug)]
struct LayoutColumn {
    shown: Shown,
    /// Whether it stays where there is no room.
    stays: bool,
}

#[derive(Clone, Debug)]
enum Shown {
    /// One with a look of its own.
    Known(&'static ProcessColumn),
    /// Any field, by its path.
    Field(String),
}

impl Layout {
    /// What `ps` shows: it fits 80 columns.
    pub(crate) fn compact() -> Self {
        Self::of(&[
            &PID,
            &PPID,
            &USER,
            &STATE,
            &THREADS,
            &MEMORY_RATIO,
            &RESIDENT,
            &VIRTUAL,
            &TIME,
            &START,
            &TERMINAL,
            &COMMAND,
        ])
    }

    /// What `ps -o wide` shows.
    pub(crate) fn wide() -> Self {
        Self::of(&[
            &PID,
            &PPID,
            &USER,
            &UID,
            &STATE,
            &NICE,
            &THREADS,
            &FDS,
            &MEMORY_RATIO,
            &RESIDENT,
            &SHARED,
            &SWAP,
            &VIRTUAL,
            &READ,
            &WRITTEN,
            &MAJOR_FAULTS,
            &TIME,
            &START,
            &TERMINAL,
            &NAME,
            &COMMAND,
        ])
    }

    /// What `mem` shows.
    pub(crate) fn memory() -> Self {
        Self::of(&[&PID, &USER, &UNIQUE, &PROPORTIONAL, &SWAPPED, &RESIDENT, &COMMAND])
    }

    fn of(columns: &[&'static ProcessColumn]) -> Self {
        let column = |column: &&'static ProcessColumn| LayoutColumn { shown: Shown::Known(column), stays: false };
        Self { columns: columns.iter().map(column).collect() }
    }

    /// The same with these fields, which stay where there is no room.
    #[must_use]
    pub(crate) fn showing<'a>(mut self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        for path in paths {
            match self.columns.iter_mut().find(|column| column.shown.shows(path)) {
                Some(column) => column.stays = true,
                None if fields::mask_path(path).is_some() => self.insert(path),
                None => {}
            }
        }
        self
    }

    /// After the state, or in a layout without one after the user.
    fn insert(&mut self, path: &str) {
        let known = ON_DEMAND.iter().find(|column| column.fields.contains(&path));
        let shown = known.map_or_else(|| Shown::Field(path.to_owned()), |column| Shown::Known(column));
        let place = |fields: &str| self.columns.iter().position(|column| column.shown.shows(fields));
        let after = place("state").or_else(|| place("username")).map_or(0, |index| index + 1);
        self.columns.insert(after, LayoutColumn { shown, stays: true });
    }

    /// The fields to ask for.
    pub(crate) fn fields(&self) -> Vec<&str> {
        // The style of a row needs the last two.
        let shown = self.columns.iter().flat_map(|column| column.shown.fields());
        let mut fields: Vec<_> = shown.filter_map(fields::mask_path).chain(["kernel_thread", "state"]).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    fn cells(&self, process: &Process, clock: &Clock) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| column.shown.cell(process, clock).unwrap_or_else(|| MISSING.to_owned()))
            .collect()
    }
}

impl LayoutColumn {
    fn column(&self) -> Column {
        let column = match &self.shown {
            Shown::Known(known) => Column { drop_order: known.drop_order, ..Column::new(known.header, known.align) },
            // What is put in order is mostly a number.
            Shown::Field(path) => Column::new(fields::short_header(path), Align::Right),
        };
        if self.stays { Column { drop_order: None, ..column } } else { column }
    }
}

impl Shown {
    fn fields(&self) -> Vec<&str> {
        match self {
            Self::Known(column) => column.fields.to_vec(),
            Self::Field(path) => vec![path],
        }
    }

    fn shows(&self, path: &str) -> bool {
        self.fields().contains(&path)
    }

    fn cell(&self, process: &Process, clock: &Clock) -> Option<String> {
        match self {
            Self::Known(column) => (column.cell)(process, clock),
            Self::Field(path) => fields::show(&json::to_json(process), path, clock),
        }
    }
}

/// The table of these processes.
pub(crate) fn table(layout: &Layout, processes: &[Process], clock: &Clock) -> Table {
    let mut table = empty_table(layout);
    for process in processes {
        table.push(layout.cells(process, clock), style(process));
    }
    table
}

/// The table of these processes, each with what stands before its command.
pub(crate) fn table_with_branches<'a>(
    layout: &Layout,
    rows: impl Iterator<Item = (String, &'a Process)>,
    clock: &Clock,
) -> Table {
    let mut table = empty_table(layout);
    for (branch, process) in rows {
        let mut cells = layout.cells(process, clock);
        if let Some(command) = cells.last_mut() {
            command.insert_str(0, &branch);
        }
        table.push(cells, style(process));
    }
    table
}

fn empty_table(layout: &Layout) -> Table {
    let mut columns: Vec<_> = layout.columns.iter().map(LayoutColumn::column).collect();
    if let Some((_command, others)) = columns.split_last_mut() {
        others.iter_mut().filter(|column| column.may_be_cut).for_each(|column| column.max_width = LONGEST_NAME);
    }
    Table::new(columns)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
pub(super) mod tests {
    use jiff::tz::TimeZone;
    use procwire_proto::{
        ProcessFieldSet,
        v1::{ProcessCpuTimes, ProcessMemory, ProcessState, UserIds},
    };

    use super::*;

    pub(in crate::render::process) fn clock() -> Clock {
        Clock::fixed("2026-11-21T22:30:00Z".parse().unwrap(), TimeZone::UTC)
    }

    pub(in crate::render::process) fn process(pid: u32, name: &[u8], cmdline: &[&[u8]]) -> Process {
        Process {
            pid,
            ppid: Some(1),
            name: Some(name.to_vec()),
            cmdline: cmdline.iter().map(|argument| argument.to_vec()).collect(),
            state: Some(ProcessState::Sleeping.into()),
            uids: Some(UserIds { real: 1000, effective: 1000, saved: 1000, filesystem: 1000 }),
            username: Some(b"alice".to_vec()),
            thread_count: Some(4),
            memory: Some(ProcessMemory {
                resident_bytes: Some(12_582_912),
                virtual_bytes: Some(1_288_490_188),
                ..ProcessMemory::default()
            }),
            cpu_times: Some(ProcessCpuTimes {
                user_ns: Some(3_000_000_000),
                system_ns: Some(210_000_000),
                ..ProcessCpuTimes::default()
            }),
            memory_ratio: Some(0.0123),
            start_time: Some(prost_types::Timestamp { seconds: 1_795_206_905, nanos: 0 }),
            ..Process::default()
        }
    }

    fn lines(layout: &Layout, processes: &[Process], width: Option<u16>) -> Vec<String> {
        let mut out = Vec::new();
        table(layout, processes, &clock()).write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_compact_table_fits_80_and_uses_200() {
        let processes = [
            process(4_194_304, b"java", &[b"/usr/lib/jvm/bin/java", b"-Xmx4g", b"-jar", &[b'x'; 300]]),
            process(2, b"kthreadd", &[]),
        ];
        for width in [80, 200] {
            let lines = lines(&Layout::compact(), &processes, Some(width));
            assert!(lines.iter().all(|line| line.chars().count() <= usize::from(width)), "{lines:#?}");
            assert_eq!(lines[1].chars().count(), usize::from(width));
            assert!(lines[1].contains(" /usr/lib/jvm/bin/java -Xmx4"), "{}", lines[1]);
            assert!(lines[2].ends_with(" [kthreadd]"), "{}", lines[2]);
        }
        let wide = lines(&Layout::compact(), &processes, Some(200));
        assert_eq!(
            wide[2].split_whitespace().collect::<Vec<_>>(),
            ["2", "1", "alice", "S", "4", "1.2", "12M", "1.2G", "0:03.21", "Nov20", "?", "[kthreadd]"]
        );
    }

    #[test]
    fn a_hostile_name_stays_in_its_cell() {
        let hostile = process(7, b")\n\x1b[2J", &[]);
        for layout in [Layout::compact(), Layout::wide()] {
            let lines = lines(&layout, std::slice::from_ref(&hostile), None);
            assert_eq!(lines.len(), 2, "{lines:?}");
            assert!(lines[1].ends_with(r"[)\n\x1b[2J]"), "{}", lines[1]);
        }
    }

    #[test]
    fn what_could_not_be_read_is_a_dash() {
        let lines = lines(&Layout::compact(), &[Process { pid: 9, ..Process::default() }], None);
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            ["9", "-", "-", "-", "-", "-", "-", "-", "-", "-", "?", "-"]
        );
    }

    #[test]
    fn what_an_order_is_about_has_a_column_that_stays() {
        let layout = Layout::compact().showing(["memory_footprint.unique_bytes", "oom.score", "terminal", "aura"]);
        let lines = lines(&layout, &[process(7, b"one", &[&[b'x'; 100]])], Some(60));
        assert_eq!(
            lines[0].split_whitespace().collect::<Vec<_>>(),
            ["PID", "USER", "S", "SCORE", "USS", "RSS", "TIME+", "TTY", "COMMAND"]
        );
        let fields = layout.fields();
        assert!(
            fields.contains(&"memory_footprint") && fields.contains(&"oom") && !fields.contains(&"aura"),
            "{fields:?}"
        );
    }

    #[test]
    fn every_field_asked_for_exists() {
        for layout in [Layout::compact(), Layout::wide()] {
            let paths = layout.fields().into_iter().map(str::to_owned).collect();
            let mask = procwire_proto::FieldMask { paths };
            ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap();
        }
    }
}
