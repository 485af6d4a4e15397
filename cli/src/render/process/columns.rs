//! The columns that tables of processes are made of, each with the fields it shows.

use anstyle::{AnsiColor, Style};
use procwire_proto::{
    escape,
    v1::{Process, ProcessState},
};

use crate::render::{clock::Clock, table::Align, units};

/// One column of a table of processes.
#[derive(Debug)]
pub(super) struct ProcessColumn {
    pub(super) header: &'static str,
    pub(super) align: Align,
    /// Whether it may go when there is no room; the highest number goes first.
    pub(super) drop_order: Option<u8>,
    /// Paths for the read mask.
    pub(super) fields: &'static [&'static str],
    pub(super) cell: fn(&Process, &Clock) -> Option<String>,
}

/// Columns that appear where an order or an option asks for what they show.
pub(super) static ON_DEMAND: &[&ProcessColumn] = &[
    &CPU,
    &MEMORY_RATIO,
    &UNIQUE,
    &PROPORTIONAL,
    &SWAP,
    &SHARED,
    &RESIDENT,
    &VIRTUAL,
    &FDS,
    &THREADS,
    &NICE,
    &READ,
    &WRITTEN,
    &MAJOR_FAULTS,
    &TIME,
    &START,
    &TERMINAL,
    &NAME,
    &PPID,
];

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
        pub(super) static $name: ProcessColumn =
            ProcessColumn { header: $header, align: Align::$align, drop_order: None, fields: &[$($field),*], cell: $cell };
    };
    ($name:ident, $header:literal, $align:ident, drop $order:literal, [$($field:literal),*], $cell:expr) => {
        pub(super) static $name: ProcessColumn = ProcessColumn {
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
column!(CPU, "%CPU", Right, ["cpu_usage_ratio"], |process, _| Some(format!("{:.1}", process.cpu_usage_ratio? * 100.0)));
column!(MEMORY_RATIO, "%MEM", Right, drop 3, ["memory_ratio"], |process, _| {
    Some(format!("{:.1}", process.memory_ratio? * 100.0))
});
column!(UID, "UID", Right, drop 5, ["uids"], |process, _| Some(process.uids?.effective.to_string()));
column!(STATE, "S", Left, ["state"], |process, _| { process.state.map(|_| process.state().letter().to_string()) });
column!(NICE, "NI", Right, drop 4, ["nice"], |process, _| Some(process.nice?.to_string()));
column!(THREADS, "THR", Right, drop 2, ["thread_count"], |process, _| Some(process.thread_count?.to_string()));
column!(FDS, "FDS", Right, drop 3, ["fd_count"], |process, _| Some(process.fd_count?.to_string()));
column!(RESIDENT, "RSS", Right, ["memory.resident_bytes"], |process, _| {
    Some(units::bytes_short(process.memory?.resident_bytes?))
});
column!(UNIQUE, "USS", Right, ["memory_footprint.unique_bytes"], |process, _| {
    Some(units::bytes_short(process.memory_footprint.as_ref()?.unique_bytes?))
});
column!(PROPORTIONAL, "PSS", Right, ["memory_footprint.proportional_bytes"], |process, _| {
    Some(units::bytes_short(process.memory_footprint.as_ref()?.proportional_bytes?))
});
column!(SWAPPED, "SWAP", Right, ["memory_footprint.swap_bytes"], |process, _| {
    Some(units::bytes_short(process.memory_footprint.as_ref()?.swap_bytes?))
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
    // As ps marks those that have ended and were not waited for.
    let mark = if process.state() == ProcessState::Zombie { " <defunct>" } else { "" };
    (process.name.is_some() || !process.cmdline.is_empty()).then(|| process.display_command() + mark)
});
