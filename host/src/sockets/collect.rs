//! The tables of one network namespace, by netlink or as text, sieved while they are read.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use procwire_proto::v1::{FieldErrorReason, SocketFamily};
use rustix::io::Errno;

use super::{
    filter::SocketFilter,
    namespaces::{Namespace, Way},
    netlink::{DiagSocket, DumpError, Sink},
    reading::SocketSource,
    row::{Ends, Row},
    tables::{Table, Transport},
    text,
};
use crate::Host;

/// What to read of a namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) filter: &'a SocketFilter,
    /// Rows of TCP that the filter leaves out are kept apart: they may be the other end of one that it lets pass.
    pub(super) keep_tcp: bool,
    /// The same for unix sockets.
    pub(super) keep_unix: bool,
    pub(super) source: SocketSource,
    pub(super) stop: &'a AtomicBool,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) rows: Vec<Row>,
    /// Left out by the filter, but kept.
    pub(super) others: Vec<Row>,
    /// Left out by the filter.
    pub(super) filtered: usize,
    /// TCP, UDP or unix sockets come from the text tables.
    pub(super) from_text: bool,
    pub(super) problems: Vec<(FieldErrorReason, String)>,
}

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CollectError {
    Denied(Errno),
    Failed(Errno),
    Stopped,
}

/// Reads the tables of one namespace.
pub(super) fn collect(
    host: &Host,
    namespace: &Namespace,
    place: u16,
    wanted: Wanted<'_>,
) -> Result<Collected, CollectError> {
    let tables: Vec<(Table, u32)> =
        Table::ALL.into_iter().filter_map(|table| Some((table, wanted.states_of(table)?))).collect();
    // IPv4 in one thread, the rest in another: each has a dump of its own, and the kernel makes them side by side.
    let (front, back): (Vec<_>, Vec<_>) =
        tables.into_iter().partition(|(table, _)| table.family() == SocketFamily::Inet);
    let read = |tables: &[(Table, u32)]| Part::new(host, namespace, place, wanted).read(tables);
    if front.is_empty() || back.is_empty() {
        return read(&[front, back].concat());
    }
    thread::scope(|scope| {
        let other = thread::Builder::new().name("socket-tables".to_owned()).spawn_scoped(scope, || read(&back));
        let Ok(other) = other else { return read(&[front, back.clone()].concat()) };
        let collected = read(&front);
        match other.join() {
            Ok(rest) => Ok(collected?.joined(rest?)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

impl Wanted<'_> {
    /// The states to ask for; `None`: nothing of this table is needed.
    fn states_of(self, table: Table) -> Option<u32> {
        let asked = self.filter.states_of(table);
        match table {
            Table::Inet { transport: Transport::Tcp, .. } if self.keep_tcp => Some(u32::MAX),
            Table::Unix if self.keep_unix => Some(u32::MAX),
            _ => asked,
        }
    }

    fn keeps(self, row: &Row) -> bool {
        match row.ends {
            Ends::Unix { .. } => self.keep_unix,
            Ends::Inet4 { .. } | Ends::Inet6 { .. } => self.keep_tcp && row.protocol == Some(Transport::Tcp.protocol()),
            Ends::Netlink { .. } | Ends::Packet { .. } | Ends::Vsock { .. } => false,
        }
    }
}

/// The tables that one thread reads.
struct Part<'a> {
    host: &'a Host,
    namespace: &'a Namespace,
    place: u16,
    wanted: Wanted<'a>,
    collected: Collected,
    /// Lengths when the table began.
    mark: (usize, usize, usize),
}

impl<'a> Part<'a> {
    fn new(host: &'a Host, namespace: &'a Namespace, place: u16, wanted: Wanted<'a>) -> Self {
        Self { host, namespace, place, wanted, collected: Collected::default(), mark: (0, 0, 0) }
    }

    fn read(mut self, tables: &[(Table, u32)]) -> Result<Collected, CollectError> {
        if tables.is_empty() {
            return Ok(self.collected);
        }
        let socket = match self.wanted.source {
            SocketSource::Text => Err(DumpError::Refused(Errno::OPNOTSUPP)),
            SocketSource::Auto | SocketSource::Netlink => self.namespace.diag_socket(self.host),
        };
        match socket {
            Ok(mut socket) => self.dump(&mut socket, tables)?,
            Err(DumpError::Stopped) => return Err(CollectError::Stopped),
            Err(DumpError::Failed(errno)) => return Err(CollectError::Failed(errno)),
            Err(error) => tables.iter().try_for_each(|(table, _)| self.text(*table, error))?,
        }
        Ok(self.collected)
    }

    fn dump(&mut self, socket: &mut DiagSocket, tables: &[(Table, u32)]) -> Result<(), CollectError> {
        for &(table, states) in tables {
            match socket.dump(table, states, self) {
                Ok(dumped) if dumped.is_inconsistent => {
                    let detail = format!(
                        "{}: {table} changed again and again while it was read; sockets may be missing or twice",
                        self.namespace.name()
                    );
                    self.collected.problems.push((FieldErrorReason::ReadFailed, detail));
                }
                Ok(_) => {}
                Err(DumpError::Stopped) => return Err(CollectError::Stopped),
                Err(DumpError::Failed(errno)) => return Err(CollectError::Failed(errno)),
                Err(error @ (DumpError::NotThere | DumpError::Refused(_))) => self.text(table, error)?,
            }
        }
        Ok(())
    }

    /// What netlink does not tell is read as text.
    fn text(&mut self, table: Table, instead_of: DumpError) -> Result<(), CollectError> {
        let refused = match instead_of {
            DumpError::Refused(errno) => errno,
            _ => Errno::NOENT,
        };
        if self.wanted.source == SocketSource::Netlink {
            return match instead_of {
                DumpError::NotThere => Ok(()),
                _ => Err(CollectError::Denied(refused)),
            };
        }
        let mut rows = Vec::new();
        let read = match &self.namespace.way {
            Way::Own => match text::read(self.host.proc(), "self", table, &mut rows) {
                // The procfs that is read has no entry for us.
                Err(Errno::NOENT) => text::read(self.host.proc(), "/proc/self", table, &mut rows),
                read => read,
            },
            Way::Process(directory) => text::read(self.host.proc(), directory, table, &mut rows),
            Way::Bound(_) => Err(refused),
        };
        match read {
            Ok(()) => {}
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(CollectError::Failed(errno)),
            Err(errno) => return Err(CollectError::Denied(errno)),
        }
        self.begin();
        if !rows.into_iter().all(|row| self.take(row)) {
            return Err(CollectError::Stopped);
        }
        self.collected.from_text |= table.loses_by_text();
        Ok(())
    }
}

impl Sink for Part<'_> {
    fn begin(&mut self) {
        let Collected { rows, others, filtered, .. } = &mut self.collected;
        self.mark = (rows.len(), others.len(), *filtered);
    }

    fn again(&mut self) {
        let Collected { rows, others, filtered, .. } = &mut self.collected;
        rows.truncate(self.mark.0);
        others.truncate(self.mark.1);
        *filtered = self.mark.2;
    }

    fn take(&mut self, mut row: Row) -> bool {
        row.namespace = self.place;
        if self.wanted.filter.may_match(&row, self.namespace.inode) {
            self.collected.rows.push(row);
        } else {
            self.collected.filtered += 1;
            if self.wanted.keeps(&row) {
                self.collected.others.push(row);
            }
        }
        !self.wanted.stop.load(Ordering::Relaxed)
    }
}

impl Collected {
    /// With what another read, behind it.
    pub(super) fn joined(mut self, mut other: Self) -> Self {
        self.rows.append(&mut other.rows);
        self.others.append(&mut other.others);
        self.filtered += other.filtered;
        self.from_text |= other.from_text;
        self.problems.append(&mut other.problems);
        self
    }
}
