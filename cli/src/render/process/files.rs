//! What processes have open: descriptors, and the files that they hold without one.

use std::{borrow::Cow, collections::BTreeMap};

use anstyle::{AnsiColor, Style};
use procwire_proto::{
    escape, json,
    v1::{MemoryMapGroup, OpenFile, OpenFileKind, Process, Socket},
};
use serde_json::{Value, json};

use crate::render::{
    sockets,
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// One thing that a process has open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'process> {
    /// Its working directory.
    Directory(&'process [u8], bool),
    /// Its root directory.
    Root(&'process [u8]),
    /// Its program.
    Program(&'process [u8], bool),
    /// A file mapped into its memory.
    Mapped(&'process MemoryMapGroup),
    /// A descriptor, and the socket behind it where it is one that could be looked up.
    Descriptor(&'process OpenFile, Option<&'process Socket>),
}

/// Which entries to show.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryFilter {
    /// Only descriptors of these kinds.
    pub(crate) kinds: Vec<OpenFileKind>,
    /// Only what was removed.
    pub(crate) only_deleted: bool,
    /// Only this path and what is below it.
    pub(crate) below: Option<Vec<u8>>,
}

/// Everything that a process has open and that passes the filter: what it holds without a descriptor comes first.
pub(crate) fn entries<'process>(process: &'process Process, filter: &EntryFilter) -> Vec<Entry<'process>> {
    let sockets: BTreeMap<u64, &Socket> =
        process.sockets.iter().filter_map(|socket| Some((socket.inode?, socket))).collect();
    let directory = process.cwd.as_deref().map(|path| Entry::Directory(path, process.cwd_deleted()));
    let root = process.root.as_deref().map(Entry::Root);
    let program = process.exe.as_deref().map(|path| Entry::Program(path, process.exe_deleted()));
    let mapped = process.memory_map_groups.iter().filter(|group| is_file(group, process)).map(Entry::Mapped);
    let descriptors = process.open_files.iter().map(|file| {
        let socket = file.inode.filter(|_| file.kind() == OpenFileKind::Socket);
        Entry::Descriptor(file, socket.and_then(|inode| sockets.get(&inode).copied()))
    });
    let all = [directory, root, program].into_iter().flatten().chain(mapped).chain(descriptors);
    all.filter(|entry| filter.passes(entry)).collect()
}

/// Mapped memory that is a file, and not the program, which has an entry of its own.
fn is_file(group: &MemoryMapGroup, process: &Process) -> bool {
    let is_path = |path: &[u8]| path.starts_with(b"/") && process.exe.as_deref() != Some(path);
    group.path.as_deref().is_some_and(is_path)
}

impl EntryFilter {
    fn passes(&self, entry: &Entry<'_>) -> bool {
        let kind = match entry {
            Entry::Descriptor(file, _) => Some(file.kind()),
            _ => None,
        };
        (self.kinds.is_empty() || kind.is_some_and(|kind| self.kinds.contains(&kind)))
            && (!self.only_deleted || entry.is_deleted())
            && self.below.as_deref().is_none_or(|path| is_at_or_below(entry.path(), path))
    }
}

/// At a component boundary: `/var/log` is not above `/var/logs`.
fn is_at_or_below(path: &[u8], above: &[u8]) -> bool {
    let above = above.strip_suffix(b"/").unwrap_or(above);
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

impl Entry<'_> {
    /// Where it is: a path, or what the kernel calls it.
    fn path(&self) -> &[u8] {
        match self {
            Self::Directory(path, _) | Self::Root(path) | Self::Program(path, _) => path,
            Self::Mapped(group) => group.path.as_deref().unwrap_or_default(),
            Self::Descriptor(file, _) => &file.path,
        }
    }

    fn is_deleted(&self) -> bool {
        match self {
            Self::Directory(_, deleted) | Self::Program(_, deleted) => *deleted,
            Self::Root(_) => false,
            Self::Mapped(group) => group.deleted,
            Self::Descriptor(file, _) => file.deleted,
        }
    }

    /// As `lsof` has it: `cwd`, `3r`, `4w`, `5u`.
    fn descriptor(&self) -> String {
        match self {
            Self::Directory(..) => "cwd".to_owned(),
            Self::Root(_) => "rtd".to_owned(),
            Self::Program(..) => "txt".to_owned(),
            Self::Mapped(_) => "mem".to_owned(),
            Self::Descriptor(file, _) => {
                let mode = match file.mode() {
                    Some("r") => "r",
                    Some("w" | "a") => "w",
                    Some(_) => "u",
                    None => "",
                };
                format!("{}{mode}", file.fd)
            }
        }
    }

    /// Short names, as wide as `lsof`'s.
    fn kind(&self) -> Cow<'static, str> {
        let (file, socket) = match self {
            Self::Directory(..) | Self::Root(_) => return Cow::Borrowed("DIR"),
            Self::Program(..) | Self::Mapped(_) => return Cow::Borrowed("REG"),
            Self::Descriptor(file, socket) => (file, socket),
        };
        Cow::Borrowed(match (file.kind(), socket) {
            (_, Some(socket)) => return socket.protocol_name(),
            (OpenFileKind::Unspecified, _) => "?",
            (OpenFileKind::Regular, _) => "REG",
            (OpenFileKind::Directory, _) => "DIR",
            (OpenFileKind::Device, _) => "DEV",
            (OpenFileKind::Pipe, _) => "PIPE",
            (OpenFileKind::AnonymousInode, _) => "anon",
            (OpenFileKind::IoUring, _) => "io_uring",
            (other, _) => return Cow::Owned(other.as_words()),
        })
    }

    /// Path or addresses, safe to print.
    fn name(&self) -> String {
        let mark = if self.is_deleted() { " (deleted)" } else { "" };
        let path = || escape::terminal(self.path());
        match self {
            Self::Descriptor(_, Some(socket)) => sockets::ends(socket),
            Self::Descriptor(OpenFile { target_pid: Some(pid), .. }, _) => format!("{} of process {pid}", path()),
            _ => format!("{}{mark}", path()),
        }
    }

    /// One row for programs: what the wire says of it, and whose it is.
    pub(crate) fn to_json(self, process: &Process) -> Value {
        let owner = Process {
            pid: process.pid,
            r#ref: process.r#ref.clone(),
            name: process.name.clone(),
            username: process.username.clone(),
            ..Process::default()
        };
        let mut row = json!({ "held_as": self.held_as(), "process": json::to_json(&owner) });
        let path = |field: fn(Vec<u8>) -> Process, path: &[u8]| json::to_json(&field(path.to_vec()));
        let members = match self {
            Self::Directory(cwd, deleted) => {
                let mut members = path(|cwd| Process { cwd: Some(cwd), ..Process::default() }, cwd);
                insert(&mut members, "cwd_deleted", deleted.into());
                members
            }
            Self::Root(root) => path(|root| Process { root: Some(root), ..Process::default() }, root),
            Self::Program(exe, deleted) => {
                let mut members = path(|exe| Process { exe: Some(exe), ..Process::default() }, exe);
                insert(&mut members, "exe_deleted", deleted.into());
                members
            }
            Self::Mapped(group) => json!({ "map": json::to_json(group) }),
            Self::Descriptor(file, socket) => {
                let mut members = json!({ "file": json::to_json(file) });
                if let Some(socket) = socket {
                    insert(&mut members, "socket", json::to_json(socket));
                }
                members
            }
        };
        for (name, value) in members.as_object().into_iter().flatten().filter(|(name, _)| *name != "pid") {
            insert(&mut row, name, value.clone());
        }
        row
    }

    fn held_as(&self) -> &'static str {
        match self {
            Self::Directory(..) => "cwd",
            Self::Root(_) => "root",
            Self::Program(..) => "exe",
            Self::Mapped(_) => "map",
            Self::Descriptor(..) => "fd",
        }
    }
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// Table of entries; with columns that say whose they are where they are of several processes.
#[derive(Debug)]
pub(crate) struct EntryTable {
    table: Table,
    names_owners: bool,
    is_wide: bool,
}

impl EntryTable {
    /// Without rows.
    pub(crate) fn new(names_owners: bool, is_wide: bool) -> Self {
        let mut columns = Vec::new();
        if names_owners {
            let short = |header| Column { max_width: 16, ..Column::new(header, Align::Left) };
            columns.extend([short("PROGRAM"), Column::new("PID", Align::Right)]);
            columns.push(Column { drop_order: Some(3), ..short("USER") });
        }
        columns.push(Column::new("FD", Align::Right));
        columns.push(Column { may_be_cut: false, ..Column::new("TYPE", Align::Left) });
        if is_wide {
            columns.push(Column { drop_order: Some(6), ..Column::new("FLAGS", Align::Left) });
            columns.push(Column { drop_order: Some(5), ..Column::new("DEVICE", Align::Right) });
        }
        columns.push(Column { drop_order: Some(4), ..Column::new("OFFSET", Align::Right) });
        columns.push(Column { drop_order: Some(1), ..Column::new("SIZE", Align::Right) });
        columns.push(Column { drop_order: Some(2), ..Column::new("NODE", Align::Right) });
        columns.push(Column::of_paths("NAME"));
        Self { table: Table::new(columns), names_owners, is_wide }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, process: &Process, entry: &Entry<'_>) {
        let mut cells = Vec::new();
        if self.names_owners {
            let user = match (&process.username, process.uids) {
                (Some(name), _) => escape::terminal(name).into_owned(),
                (None, uids) => uids.map_or_else(|| MISSING.to_owned(), |uids| uids.real.to_string()),
            };
            cells.extend([process.display_name().into_owned(), process.pid.to_string(), user]);
        }
        let file = match entry {
            Entry::Descriptor(file, _) => Some(*file),
            _ => None,
        };
        let size = match entry {
            Entry::Mapped(group) => group.size_bytes,
            _ => file.and_then(|file| file.size_bytes),
        };
        let or_missing = |cell: Option<String>| cell.unwrap_or_else(|| MISSING.to_owned());
        cells.extend([entry.descriptor(), entry.kind().into_owned()]);
        if self.is_wide {
            let device = file.and_then(|file| Some(format!("{}:{}", file.device_major?, file.device_minor?)));
            cells.extend([or_missing(file.and_then(|file| file.flags).map(flags)), or_missing(device)]);
        }
        let position = file.filter(|file| has_position(file)).and_then(|file| file.position_bytes);
        cells.push(or_missing(position.map(units::bytes_short)));
        cells.push(or_missing(size.map(units::bytes_short)));
        cells.push(or_missing(file.and_then(|file| file.inode).map(|inode| inode.to_string())));
        cells.push(entry.name());
        let style = if entry.is_deleted() { AnsiColor::Yellow.on_default() } else { Style::new() };
        self.table.push(cells, style);
    }

    /// The table.
    pub(crate) fn finish(self) -> Table {
        self.table
    }
}

/// The others are read from their beginning, and the kernel says 0.
fn has_position(file: &OpenFile) -> bool {
    matches!(file.kind(), OpenFileKind::Regular | OpenFileKind::Directory | OpenFileKind::Device | OpenFileKind::Memfd)
}

/// Flags that mean the same on x86 and ARM (include/uapi/asm-generic/fcntl.h); the mode is in the column of descriptors.
const FLAGS: [(u32, &str); 6] = [
    (0o2000, "append"),
    (0o4000, "nonblock"),
    (0o20_000, "async"),
    (0o2_000_000, "cloexec"),
    (0o4_000_000, "sync"),
    (0o10_000_000, "path"),
];

fn flags(flags: u32) -> String {
    let names = FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect::<Vec<_>>();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{SocketFamily, SocketState, SocketType};

    use super::*;

    fn file(fd: u32, kind: OpenFileKind, path: &[u8], flags: u32) -> OpenFile {
        OpenFile {
            fd,
            kind: kind.into(),
            path: path.to_vec(),
            flags: Some(flags),
            inode: Some(1000 + u64::from(fd)),
            position_bytes: Some(2048),
            ..OpenFile::default()
        }
    }

    fn process() -> Process {
        let socket = Socket {
            inode: Some(1004),
            family: SocketFamily::Unix.into(),
            r#type: SocketType::Stream.into(),
            state: Some(SocketState::Listen.into()),
            ..Socket::default()
        };
        Process {
            pid: 7,
            name: Some(b"odd\x1b".to_vec()),
            username: Some(b"alice".to_vec()),
            cwd: Some(b"/gone".to_vec()),
            cwd_deleted: Some(true),
            root: Some(b"/".to_vec()),
            exe: Some(b"/bin/odd".to_vec()),
            open_files: vec![
                OpenFile { size_bytes: Some(4096), ..file(0, OpenFileKind::Regular, b"/var/log/a\nb", 0o2001) },
                OpenFile { deleted: true, ..file(3, OpenFileKind::Regular, b"/tmp/\xff", 0o2) },
                file(4, OpenFileKind::Socket, b"socket:[1004]", 0o2_004_002),
                file(5, OpenFileKind::Socket, b"socket:[1005]", 0o2),
                OpenFile { target_pid: Some(99), ..file(6, OpenFileKind::Pidfd, b"anon_inode:[pidfd]", 0o2_000_002) },
                file(7, OpenFileKind::Directory, b"/var/logs", 0o10_000_000),
            ],
            sockets: vec![socket],
            ..Process::default()
        }
    }

    fn lines(filter: &EntryFilter, names_owners: bool, is_wide: bool) -> Vec<String> {
        let process = process();
        let mut table = EntryTable::new(names_owners, is_wide);
        entries(&process, filter).iter().for_each(|entry| table.push(&process, entry));
        let mut out = Vec::new();
        table.finish().write(&mut out, Some(120)).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn descriptors_are_shown_as_lsof_does_and_nothing_acts_on_the_terminal() {
        assert_eq!(
            lines(&EntryFilter::default(), false, false),
            [
                "FD TYPE OFFSET SIZE NODE NAME",
                "cwd DIR - - - /gone (deleted)",
                "rtd DIR - - - /",
                "txt REG - - - /bin/odd",
                r"0w REG 2.0K 4.0K 1000 /var/log/a\nb",
                r"3u REG 2.0K - 1003 /tmp/\xff (deleted)",
                "4u unix - - 1004 * (LISTEN)",
                "5u socket - - 1005 socket:[1005]",
                "6u pidfd - - 1006 anon_inode:[pidfd] of process 99",
                "7 DIR 2.0K - 1007 /var/logs",
            ]
        );
        let wide = lines(&EntryFilter::default(), true, true);
        assert_eq!(wide[0], "PROGRAM PID USER FD TYPE FLAGS DEVICE OFFSET SIZE NODE NAME");
        assert!(wide[4].starts_with(r"odd\x1b 7 alice 0w REG append - 2.0K"), "{wide:?}");
    }

    #[test]
    fn filters_look_at_kinds_removal_and_whole_components_of_paths() {
        let names = |filter: &EntryFilter| {
            let process = process();
            entries(&process, filter).iter().map(Entry::descriptor).collect::<Vec<_>>().join(" ")
        };
        let below = |path: &[u8]| EntryFilter { below: Some(path.to_vec()), ..EntryFilter::default() };
        assert_eq!(names(&below(b"/var/log")), "0w");
        assert_eq!(names(&below(b"/var/log/")), "0w");
        assert_eq!(names(&below(b"/var/logs")), "7");
        assert_eq!(names(&below(b"/bin/odd")), "txt");
        assert_eq!(names(&below(b"/")), "cwd rtd txt 0w 3u 7", "sockets have no path");
        assert_eq!(names(&EntryFilter { only_deleted: true, ..EntryFilter::default() }), "cwd 3u");
        let kinds = vec![OpenFileKind::Pidfd, OpenFileKind::Directory];
        assert_eq!(names(&EntryFilter { kinds, ..EntryFilter::default() }), "6u 7");
    }

    #[test]
    fn rows_of_json_are_messages_of_the_wire_and_their_owner() {
        let process = process();
        let rows: Vec<_> =
            entries(&process, &EntryFilter::default()).into_iter().map(|entry| entry.to_json(&process)).collect();
        assert_eq!(rows[0]["held_as"], "cwd");
        assert_eq!((&rows[0]["cwd"], &rows[0]["cwd_deleted"]), (&json!("/gone"), &json!(true)));
        assert_eq!(rows[4]["file"]["path_base64"], "L3RtcC//");
        assert_eq!(rows[4]["process"]["pid"], 7);
        assert_eq!(rows[5]["socket"]["state"], "listen");
        assert!(rows.iter().all(|row| row.get("pid").is_none()), "{rows:?}");
    }
}
