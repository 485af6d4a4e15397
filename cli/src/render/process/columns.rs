//! The columns of `procwire ps`, each with the fields it is made of.

use anstyle::{AnsiColor, Style};
use procwire_proto::{
    escape,
    v1::{Process, ProcessState},
};

use crate::render::{
    clock::Clock,
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// One column of the process table.
#[derive(Debug)]
pub(crate) struct ProcessColumn {
    header: &'static str,
    align: Align,
    drop_order: Option<u8>,
    /// Paths for the read mask.
    fields: &'static [&'static str],
    cell: fn(&Process, &Clock) -> Option<String>,
}

/// A choice of columns.
#[derive(Debug)]
pub(crate) struct Layout(&'static [&'static ProcessColumn]);

/// What `ps` shows: it fits 80 columns.
pub(crate) static COMPACT: Layout =
    Layout(&[&PID, &PPID, &USER, &STATE, &THREADS, &RESIDENT, &VIRTUAL, &TIME, &START, &TERMINAL, &COMMAND]);

/// What `ps -o wide` shows.
pub(crate) static WIDE: Layout = Layout(&[
    &PID,
    &PPID,
    &USER,
    &UID,
    &STATE,
    &NICE,
    &THREADS,
    &FDS,
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
]);

impl Layout {
    /// The fields to ask for.
    pub(crate) fn fields(&self) -> Vec<&'static str> {
        // The style of a row needs the last two.
        let mut fields: Vec<_> =
            self.0.iter().flat_map(|column| column.fields).copied().chain(["kernel_thread", "state"]).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }
}

/// Names of users, terminals and threads are short; the few that are not leave their room to the command.
const LONGEST_NAME: u16 = 16;

/// The table of these processes.
pub(crate) fn table(layout: &Layout, processes: &[Process], clock: &Clock) -> Table {
    let columns = layout
        .0
        .iter()
        .map(|column| Column { drop_order: column.drop_order, ..Column::new(column.header, column.align) });
    let mut columns: Vec<_> = columns.collect();
    if let Some((_command, others)) = columns.split_last_mut() {
        others.iter_mut().filter(|column| column.may_be_cut).for_each(|column| column.max_width = LONGEST_NAME);
    }
    let mut table = Table::new(columns);
    for process in processes {
        let cell = |column: &&ProcessColumn| (column.cell)(process, clock).unwrap_or_else(|| MISSING.to_owned());
        table.push(layout.0.iter().map(cell).collect(), style(process));
    }
    table
}

/// Rows that stand out: what needs a look, and what is the kernel's own.
pub(super) fn style(process: &Process) -> Style {
    match process.state() {
        ProcessState::Zombie | ProcessState::Dead => AnsiColor::Red.on_default(),
        ProcessState::DiskSleep => AnsiColor::Yellow.on_default(),
        ProcessState::Stopped | ProcessState::TracingStop => AnsiColor::Magenta.on_default(),
        _ if process.kernel_thread() => Style::new().dimmed(),
        _ => Style::new(),
    }
}

macro_rules! column {
    ($name:ident, $header:literal, $align:ident, [$($field:literal),*], $cell:expr) => {
        static $name: ProcessColumn =
            ProcessColumn { header: $header, align: Align::$align, drop_order: None, fields: &[$($field),*], cell: $cell };
    };
    ($name:ident, $header:literal, $align:ident, drop $order:literal, [$($field:literal),*], $cell:expr) => {
        static $name: ProcessColumn = ProcessColumn {
            header: $header, align: Align::$align, drop_order: Some($order), fields: &[$($field),*], cell: $cell,
        };
    };
}

column!(PID, "PID", Right, ["pid"], |process, _| Some(process.pid.to_string()));
column!(PPID, "PPID", Right, drop 8, ["ppid"], |process, _| Some(process.ppid?.to_string()));
column!(USER, "USER", Left, ["username", "uids"], |process, _| match &process.username {
    Some(name) => Some(escape::terminal(name).into_owned()),
    None => Some(process.uids?.real.to_string()),
});
column!(UID, "UID", Right, drop 5, ["uids"], |process, _| Some(process.uids?.effective.to_string()));
column!(STATE, "S", Left, ["state"], |process, _| { process.state.map(|_| process.state().letter().to_string()) });
column!(NICE, "NI", Right, drop 4, ["nice"], |process, _| Some(process.nice?.to_string()));
column!(THREADS, "THR", Right, drop 2, ["thread_count"], |process, _| Some(process.thread_count?.to_string()));
column!(FDS, "FDS", Right, drop 3, ["fd_count"], |process, _| Some(process.fd_count?.to_string()));
column!(RESIDENT, "RSS", Right, ["memory.resident_bytes"], |process, _| {
    Some(units::bytes_short(process.memory?.resident_bytes?))
});
column!(SHARED, "SHR", Right, drop 6, ["memory.shared_bytes"], |process, _| {
    Some(units::bytes_short(process.memory?.shared_bytes?))
});
column!(SWAP, "SWAP", Right, drop 6, ["memory.swap_bytes"], |process, _| {
    Some(units::bytes_short(process.memory?.swap_bytes?))
});
column!(VIRTUAL, "VIRT", Right, drop 9, ["memory.virtual_bytes"], |process, _| {
    Some(units::bytes_short(process.memory?.virtual_bytes?))
});
column!(READ, "READ", Right, drop 5, ["io.read_bytes"], |process, _| {
    Some(units::bytes_short(process.io?.read_bytes?))
});
column!(WRITTEN, "WRITE", Right, drop 5, ["io.write_bytes"], |process, _| {
    Some(units::bytes_short(process.io?.write_bytes?))
});
column!(MAJOR_FAULTS, "MAJFL", Right, drop 7, ["page_faults.major"], |process, _| {
    Some(process.page_faults?.major?.to_string())
});
column!(TIME, "TIME+", Right, ["cpu_times.user_ns", "cpu_times.system_ns"], |process, _| {
    let times = process.cpu_times?;
    Some(units::cpu_time(times.user_ns?.saturating_add(times.system_ns?)))
});
column!(START, "START", Right, drop 1, ["start_time"], |process, clock| {
    Some(clock.brief(process.start_time.as_ref()?))
});
// "?" is what ps shows for a process without a terminal; it is no error.
column!(TERMINAL, "TTY", Left, drop 7, ["terminal"], |process, _| {
    let path = process.terminal.as_deref().unwrap_or(b"?");
    Some(escape::terminal(path.strip_prefix(b"/dev/").unwrap_or(path)).into_owned())
});
column!(NAME, "NAME", Left, drop 8, ["name"], |process, _| process.name.as_deref().map(|name| escape::terminal(name).into_owned()));
column!(COMMAND, "COMMAND", Left, ["cmdline", "name"], |process, _| {
    (process.name.is_some() || !process.cmdline.is_empty()).then(|| process.display_command())
});

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
pub(super) mod tests {
    use jiff::tz::TimeZone;
    use procwire_proto::{
        ProcessFieldSet,
        v1::{ProcessCpuTimes, ProcessMemory, UserIds},
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
            let lines = lines(&COMPACT, &processes, Some(width));
            assert!(lines.iter().all(|line| line.chars().count() <= usize::from(width)), "{lines:#?}");
            assert_eq!(lines[1].chars().count(), usize::from(width));
            assert!(lines[1].contains(" /usr/lib/jvm/bin/java -Xmx4"), "{}", lines[1]);
            assert!(lines[2].ends_with(" [kthreadd]"), "{}", lines[2]);
        }
        let wide = lines(&COMPACT, &processes, Some(200));
        assert_eq!(
            wide[2].split_whitespace().collect::<Vec<_>>(),
            ["2", "1", "alice", "S", "4", "12M", "1.2G", "0:03.21", "Nov20", "?", "[kthreadd]"]
        );
    }

    #[test]
    fn a_hostile_name_stays_in_its_cell() {
        let hostile = process(7, b")\n\x1b[2J", &[]);
        for layout in [&COMPACT, &WIDE] {
            let lines = lines(layout, std::slice::from_ref(&hostile), None);
            assert_eq!(lines.len(), 2, "{lines:?}");
            assert!(lines[1].ends_with(r"[)\n\x1b[2J]"), "{}", lines[1]);
        }
    }

    #[test]
    fn what_could_not_be_read_is_a_dash() {
        let lines = lines(&COMPACT, &[Process { pid: 9, ..Process::default() }], None);
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            ["9", "-", "-", "-", "-", "-", "-", "-", "-", "?", "-"]
        );
    }

    #[test]
    fn every_field_asked_for_exists() {
        for layout in [&COMPACT, &WIDE] {
            let paths = layout.fields().into_iter().map(str::to_owned).collect();
            let mask = procwire_proto::FieldMask { paths };
            ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap();
        }
    }
}
