//! The tables of one network namespace, by netlink or as text, sieved while they are read.

mod crowd;

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use procwire_proto::v1::{FieldErrorReason, SocketFamily};
use rustix::io::Errno;

use super::{
    filter::{SocketFilter, is_only_listening},
    namespaces::{Namespace, Way},
    netlink::{DiagSocket, Dump, DumpError, Share, Sink},
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
    /// So many rows of each table are kept, both kinds together; the others are counted.
    pub(super) room: usize,
    /// Nobody walks over descriptors meanwhile, and needs the other cores.
    pub(super) is_alone: bool,
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
    /// Rows that there was no room for.
    pub(super) beyond: usize,
    /// TCP, UDP or unix sockets come from the text tables.
    pub(super) from_text: bool,
    pub(super) problems: Vec<(FieldErrorReason, String)>,
}

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CollectError {
    Denied(Errno),
    Failed(Errno),
    /// Nobody lives in the namespace any more by whom it could be entered.
    Gone,
    Stopped,
}

/// Reads the tables of one namespace.
pub(super) fn collect(
    host: &Host,
    namespace: &Namespace,
    place: u16,
    wanted: Wanted<'_>,
) -> Result<Collected, CollectError> {
    let read = |jobs: &Jobs| Part { host, namespace, wanted, place, found: Vec::new() }.read(jobs);
    let is_crowded =
        || wanted.is_alone && wanted.source != SocketSource::Text && crowd::is_worth_a_thread(host, namespace);
    let jobs = Jobs::new(wanted, is_crowded);
    if !jobs.is_split {
        return Ok(in_order(read(&jobs)?));
    }
    thread::scope(|scope| {
        let helper = thread::Builder::new().name("socket-tables".to_owned()).spawn_scoped(scope, || read(&jobs));
        let mut found = read(&jobs)?;
        match helper.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(rest)) => found.extend(rest?),
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // Then all the work was done here.
            Err(_) => {}
        }
        Ok(in_order(found))
    })
}

/// Rows come in the order of the jobs, whoever did them.
fn in_order(mut found: Vec<(usize, Collected)>) -> Collected {
    found.sort_unstable_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, collected)| collected).reduce(Collected::joined).unwrap_or_default()
}

/// What is to be read, shared by those who read it.
struct Jobs {
    jobs: Vec<(Dump, u32)>,
    next: AtomicUsize,
    is_split: bool,
}

impl Jobs {
    fn new(wanted: Wanted<'_>, is_crowded: impl FnOnce() -> bool) -> Self {
        let tables: Vec<(Table, u32)> =
            Table::ALL.into_iter().filter_map(|table| Some((table, wanted.states_of(table)?))).collect();
        let (tcp, rest): (Vec<_>, Vec<_>) = tables.into_iter().partition(|(table, _)| table.is_tcp());
        let states = tcp.iter().fold(0, |all, (_, states)| all | states);
        // Listeners are in a table of their own; nobody has thousands of them.
        let is_split = !is_only_listening(states) && is_crowded();
        let families = match tcp.as_slice() {
            [(table, _)] => Some(table.family()),
            _ => None,
        };
        let mut jobs = Vec::with_capacity(rest.len() + 2);
        if !tcp.is_empty() {
            let shares: &[Share] = if is_split { &[Share::First, Share::Second] } else { &[Share::All] };
            jobs.extend(shares.iter().map(|share| (Dump::Tcp { families, share: *share }, states)));
        }
        jobs.extend(rest.into_iter().map(|(table, states)| (Dump::Whole(table), states)));
        Self { jobs, next: AtomicUsize::new(0), is_split }
    }

    fn take(&self) -> Option<(usize, Dump, u32)> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        self.jobs.get(place).map(|(dump, states)| (place, *dump, *states))
    }
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

/// What one thread reads.
struct Part<'a> {
    host: &'a Host,
    namespace: &'a Namespace,
    place: u16,
    wanted: Wanted<'a>,
    /// By the place of the job.
    found: Vec<(usize, Collected)>,
}

impl Part<'_> {
    fn read(mut self, jobs: &Jobs) -> Result<Vec<(usize, Collected)>, CollectError> {
        let mut socket = match self.wanted.source {
            SocketSource::Text => Err(DumpError::Refused(Errno::OPNOTSUPP)),
            SocketSource::Auto | SocketSource::Netlink => self.namespace.diag_socket(self.host),
        };
        while let Some((place, dump, states)) = jobs.take() {
            let mut sieve = Sieve::new(self.wanted, self.namespace.inode, self.place);
            match &mut socket {
                Ok(socket) => self.dump(socket, dump, states, &mut sieve)?,
                Err(error) => self.instead_of(dump, *error, &mut sieve)?,
            }
            self.found.push((place, sieve.collected));
        }
        Ok(self.found)
    }

    fn dump(
        &self,
        socket: &mut DiagSocket,
        dump: Dump,
        states: u32,
        sieve: &mut Sieve<'_>,
    ) -> Result<(), CollectError> {
        match socket.dump(dump, states, sieve) {
            Ok(dumped) if dumped.is_inconsistent => {
                let detail = format!(
                    "{}: {} changed again and again while it was read; sockets may be missing or twice",
                    self.namespace.name(),
                    dump.name(),
                );
                sieve.collected.problems.push((FieldErrorReason::ReadFailed, detail));
                Ok(())
            }
            Ok(_) => Ok(()),
            // A kernel that does not split or join families dumps the tables as they are.
            Err(DumpError::NotThere) if matches!(dump, Dump::Tcp { .. }) => {
                dump.tables().into_iter().try_for_each(|table| self.dump(socket, Dump::Whole(table), states, sieve))
            }
            Err(error) => self.instead_of(dump, error, sieve),
        }
    }

    /// What netlink does not tell is read as text.
    fn instead_of(&self, dump: Dump, error: DumpError, sieve: &mut Sieve<'_>) -> Result<(), CollectError> {
        let refused = match error {
            DumpError::Stopped => return Err(CollectError::Stopped),
            DumpError::Gone => return Err(CollectError::Gone),
            DumpError::Failed(errno) => return Err(CollectError::Failed(errno)),
            DumpError::Refused(errno) => errno,
            DumpError::NotThere => Errno::NOENT,
        };
        if self.wanted.source == SocketSource::Netlink {
            return if error == DumpError::NotThere { Ok(()) } else { Err(CollectError::Denied(refused)) };
        }
        dump.tables().into_iter().try_for_each(|table| self.text(table, refused, sieve))
    }

    fn text(&self, table: Table, refused: Errno, sieve: &mut Sieve<'_>) -> Result<(), CollectError> {
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
        // The directory may be that of another process by now, which lives elsewhere.
        if !self.namespace.is_there(self.host) {
            return Err(CollectError::Gone);
        }
        match read {
            Ok(()) => {}
            Err(Errno::NOENT | Errno::SRCH) if !self.namespace.is_own() => return Err(CollectError::Gone),
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(CollectError::Failed(errno)),
            Err(errno) => return Err(CollectError::Denied(errno)),
        }
        sieve.begin();
        if !rows.into_iter().all(|row| sieve.take(row)) {
            return Err(CollectError::Stopped);
        }
        sieve.collected.from_text |= table.loses_by_text();
        Ok(())
    }
}

impl Dump {
    /// The tables that it is of. Of two halves the first stands for IPv4 and the second for IPv6.
    fn tables(self) -> Vec<Table> {
        const TCP: Table = Table::Inet { transport: Transport::Tcp, family: SocketFamily::Inet };
        const TCP6: Table = Table::Inet { transport: Transport::Tcp, family: SocketFamily::Inet6 };
        match self {
            Self::Whole(table) => vec![table],
            Self::Tcp { families: Some(family), share: Share::All | Share::First } => {
                vec![Table::Inet { transport: Transport::Tcp, family }]
            }
            Self::Tcp { families: Some(_), share: Share::Second } => Vec::new(),
            Self::Tcp { families: None, share: Share::All } => vec![TCP, TCP6],
            Self::Tcp { families: None, share: Share::First } => vec![TCP],
            Self::Tcp { families: None, share: Share::Second } => vec![TCP6],
        }
    }

    fn name(self) -> String {
        match self {
            Self::Whole(table) => table.to_string(),
            Self::Tcp { .. } => "tcp".to_owned(),
        }
    }
}

/// Applies the filter to rows as they come.
struct Sieve<'a> {
    wanted: Wanted<'a>,
    namespace: Option<u64>,
    place: u16,
    collected: Collected,
    /// Lengths when the table began.
    mark: (usize, usize, usize, usize),
}

impl<'a> Sieve<'a> {
    fn new(wanted: Wanted<'a>, namespace: Option<u64>, place: u16) -> Self {
        Self { wanted, namespace, place, collected: Collected::default(), mark: (0, 0, 0, 0) }
    }
}

impl Sink for Sieve<'_> {
    fn begin(&mut self) {
        let Collected { rows, others, filtered, beyond, .. } = &mut self.collected;
        self.mark = (rows.len(), others.len(), *filtered, *beyond);
    }

    fn again(&mut self) {
        let Collected { rows, others, filtered, beyond, .. } = &mut self.collected;
        rows.truncate(self.mark.0);
        others.truncate(self.mark.1);
        *filtered = self.mark.2;
        *beyond = self.mark.3;
    }

    fn take(&mut self, mut row: Row) -> bool {
        row.namespace = self.place;
        let Collected { rows, others, filtered, beyond, .. } = &mut self.collected;
        let has_room = rows.len() + others.len() < self.wanted.room;
        if self.wanted.filter.may_match(&row, self.namespace) {
            if has_room {
                rows.push(row);
            } else {
                *beyond += 1;
            }
        } else {
            *filtered += 1;
            // Without room only the other end of some row is not known.
            if has_room && self.wanted.keeps(&row) {
                others.push(row);
            }
        }
        self.is_wanted()
    }

    fn is_wanted(&self) -> bool {
        !self.wanted.stop.load(Ordering::Relaxed)
    }
}

impl Collected {
    /// With what another read, behind it.
    pub(super) fn joined(mut self, mut other: Self) -> Self {
        if self.rows.is_empty() {
            self.rows = std::mem::take(&mut other.rows);
        }
        self.rows.append(&mut other.rows);
        self.others.append(&mut other.others);
        self.filtered += other.filtered;
        self.beyond += other.beyond;
        self.from_text |= other.from_text;
        self.problems.append(&mut other.problems);
        self
    }
}
