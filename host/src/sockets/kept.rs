//! The sockets of single processes. A table is the same for all processes of a network namespace, so one that was read for a process
//! serves the next ones, for as long as a scan of all processes may take it for the present.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::{Duration, Instant},
};

use procwire_proto::v1::Socket;
use rustix::io::Errno;

use super::{
    SocketFilter, SocketSource,
    collect::{CollectError, Wanted, collect},
    holders::{Held, OwnSockets},
    namespaces::Namespace,
    reading::ROWS_MAX,
    row::Row,
    wire::write_holders,
};
use crate::{Host, procfs::Buffer};

/// How long a table is taken for the present.
const LIFE: Duration = Duration::from_secs(1);
/// A table lacks sockets that are younger than it, and those that are in no table at all. To tell them apart it is read again, though
/// not for every process that has such a one.
const LIFE_IF_LACKING: Duration = Duration::from_millis(50);
/// Nor more often than that a tenth of the time goes into it.
const REST_AFTER_READING: u32 = 10;

/// Tables that were read for one plan.
#[derive(Debug, Default)]
pub(crate) struct KeptTables(Mutex<Vec<Arc<NamespaceTable>>>);

/// All sockets of a network namespace.
#[derive(Debug)]
struct NamespaceTable {
    namespace: Option<u64>,
    /// By inode; without those that have none.
    rows: Vec<Row>,
    /// What was looked for and is in no table, though it was there before this one was read: such as a socket of TCP without a port.
    in_no_table: HashSet<u64>,
    /// When the reading ended, and how long it took.
    since: Instant,
    took: Duration,
}

impl KeptTables {
    /// The sockets that a process holds, by their lowest descriptor. Nothing is read for one that holds none.
    /// `thread` stands for its main thread, if that has exited.
    pub(crate) fn of_process(
        &self,
        host: &Host,
        pid: u32,
        thread: Option<u32>,
        buffer: &mut Buffer,
    ) -> Result<Vec<Socket>, Errno> {
        let Some(own) = OwnSockets::read(host, pid, buffer)? else { return Ok(Vec::new()) };
        let namespace = Namespace::of_process(host, pid, thread)?;
        let table = self.table(host, &namespace, &own)?;
        Ok(table.sockets_of(host, pid, &own))
    }

    fn table(&self, host: &Host, namespace: &Namespace, own: &OwnSockets) -> Result<Arc<NamespaceTable>, Errno> {
        // Held while a table is read: whoever needs the same one waits for it.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|table| table.since.elapsed() < LIFE);
        let known = kept.iter().position(|table| table.namespace == namespace.inode);
        if let Some(table) = known.and_then(|place| kept.get(place))
            && table.serves(own, table.since.elapsed())
        {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(NamespaceTable::read(host, namespace, own)?);
        if let Some(place) = known {
            kept.swap_remove(place);
        }
        kept.push(Arc::clone(&table));
        Ok(table)
    }
}

impl NamespaceTable {
    fn read(host: &Host, namespace: &Namespace, own: &OwnSockets) -> Result<Self, Errno> {
        let began = Instant::now();
        let filter = SocketFilter::default();
        let stop = AtomicBool::new(false);
        let wanted = Wanted {
            filter: &filter,
            keep_tcp: false,
            keep_unix: false,
            source: SocketSource::Auto,
            room: ROWS_MAX,
            // A scan reads other processes at the same time.
            is_alone: false,
            stop: &stop,
        };
        let mut rows = match collect(host, namespace, 0, wanted) {
            Ok(collected) => collected.rows,
            Err(CollectError::Denied(errno) | CollectError::Failed(errno)) => return Err(errno),
            // What it lives in now is not what it lived in a moment ago, or it has ended.
            Err(CollectError::Gone) => return Err(Errno::SRCH),
            Err(CollectError::Stopped) => Vec::new(),
        };
        rows.retain(|row| row.inode != 0);
        rows.sort_unstable_by_key(|row| row.inode);
        let (since, took) = (Instant::now(), began.elapsed());
        let mut table = Self { namespace: namespace.inode, rows, in_no_table: HashSet::new(), since, took };
        table.in_no_table =
            own.sockets.iter().map(|(inode, _)| *inode).filter(|inode| table.row(*inode).is_none()).collect();
        Ok(table)
    }

    /// True if, at this age, it may be taken for the present by a process that has these.
    fn serves(&self, own: &OwnSockets, age: Duration) -> bool {
        let is_known = |inode: u64| self.row(inode).is_some() || self.in_no_table.contains(&inode);
        age < LIFE_IF_LACKING.max(self.took.saturating_mul(REST_AFTER_READING))
            || own.sockets.iter().all(|(inode, _)| is_known(*inode))
    }

    fn row(&self, inode: u64) -> Option<&Row> {
        let place = self.rows.binary_search_by_key(&inode, |row| row.inode).ok()?;
        self.rows.get(place)
    }

    fn sockets_of(&self, host: &Host, pid: u32, own: &OwnSockets) -> Vec<Socket> {
        let mut held: Vec<Held> = own.held(pid).collect();
        held.sort_unstable();
        let mut sockets: Vec<Socket> = Vec::new();
        for held in held.chunk_by(|one, other| one.inode == other.inode) {
            let Some(row) = held.first().and_then(|held| self.row(held.inode)) else { continue };
            let mut socket = Socket::default();
            row.write(self.namespace, &mut socket);
            write_holders(held, &host.machine().boot_id, &mut socket.holders);
            sockets.push(socket);
        }
        sockets.sort_by_key(|socket| socket.holders.first().map(|holder| holder.fd));
        sockets
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Roots;

    fn holding(inode: u64) -> OwnSockets {
        OwnSockets { start_ticks: 1, sockets: vec![(inode, 3)] }
    }

    #[test]
    fn what_is_in_no_table_does_not_have_it_read_for_every_process() {
        let host = Host::open(Roots::default()).unwrap();
        let mut table = NamespaceTable::read(&host, &Namespace::own(), &holding(u64::MAX)).unwrap();
        table.took = Duration::from_millis(1);
        let (young, old) = (Duration::from_millis(49), Duration::from_millis(51));
        assert!(table.serves(&holding(u64::MAX), old), "it was looked for already");
        assert!(table.serves(&holding(u64::MAX - 1), young) && !table.serves(&holding(u64::MAX - 1), old));
        table.took = Duration::from_millis(20);
        assert!(table.serves(&holding(u64::MAX - 1), old), "to read it takes too long to do it again so soon");
        assert!(!table.serves(&holding(u64::MAX - 1), Duration::from_millis(201)));
    }
}
