//! One reading of sockets: tables and holders side by side, then joined.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use procwire_proto::v1::{FieldError, FieldErrorReason, Socket};
use rustix::io::Errno;

use super::{
    collect::{CollectError, Collected, Wanted, collect},
    filter::{Beside, SocketFilter, is_only_listening},
    holders::{self, Held, Holders, Walk},
    namespaces::Namespace,
    peers,
    port_owners::{Port, PortOwners},
    row::{Ends, Row},
    tables::Table,
    wire::write_holders,
};
use crate::{Host, HostError};

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct SocketQuery {
    /// Which sockets.
    pub filter: SocketFilter,
    /// Find every process that has one of them open, and those at the other end.
    pub with_holders: bool,
    /// Look into every network namespace that can be reached.
    pub all_network_namespaces: bool,
    /// Where the tables come from.
    pub source: SocketSource,
}

/// Where the tables come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SocketSource {
    /// Netlink, and text for what it refuses or does not have.
    #[default]
    Auto,
    /// Netlink alone.
    Netlink,
    /// The text tables below `/proc/PID/net` alone.
    Text,
}

/// Sockets of a host at one moment.
#[derive(Debug, Default)]
pub struct SocketTable {
    rows: Vec<Row>,
    /// Inodes of the namespaces that rows are of.
    namespaces: Vec<Option<u64>>,
    /// Processes that are known to live in a namespace that was not looked into.
    unseen: Vec<u32>,
    holders: Holders,
    /// Of each row, where its holders are, and those of its other end; empty if nobody looked for any.
    held: Vec<Range<u32>>,
    held_by_peers: Vec<Range<u32>>,
    boot_id: Bytes,
    filtered: usize,
    from_text: bool,
    errors: Vec<FieldError>,
}

/// What one reading takes at most: whoever may make namespaces may make very many.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Each is a thread, for a moment, and some dumps.
    namespaces: usize,
    /// After so long no further namespace is looked into.
    time: Duration,
    errors: usize,
    /// Of one row, and as many at its other end.
    holders: u32,
    rows: usize,
}

/// More sockets than that nobody has; a row is about a hundred bytes.
pub(super) const ROWS_MAX: usize = 2 << 20;

const BOUNDS: Bounds =
    Bounds { namespaces: 1024, time: Duration::from_secs(10), errors: 64, holders: 4096, rows: ROWS_MAX };

/// The field that says in which namespace a socket lives; errors about namespaces carry its name.
const NAMESPACE_FIELD: &str = "network_namespace";
const HOLDERS_FIELD: &str = "holders";
const PEER_HOLDERS_FIELD: &str = "peer_holders";

impl SocketTable {
    /// Reads them. It ends soon after `stop` is set, with what it has.
    ///
    /// # Errors
    /// Our own network namespace cannot be read, neither by netlink nor as text; or procfs cannot be listed where that is needed.
    pub fn read(host: &Host, query: &SocketQuery, stop: &AtomicBool) -> Result<Self, HostError> {
        let mut table = Self::read_within(host, query, stop, BOUNDS)?;
        table.shorten_errors(BOUNDS.errors);
        Ok(table)
    }

    fn read_within(host: &Host, query: &SocketQuery, stop: &AtomicBool, bounds: Bounds) -> Result<Self, HostError> {
        let SocketQuery { filter, with_holders, all_network_namespaces, .. } = query;
        let names_namespaces = filter.names_namespaces();
        let lists_namespaces = *all_network_namespaces || names_namespaces;
        let named_pids = filter.pids();
        let pids = if *with_holders || lists_namespaces { holders::pids(host)? } else { Vec::new() };
        let mut table = Self { boot_id: host.machine().boot_id.clone(), ..Self::default() };
        let mut homes = Vec::new();
        let namespaces = if lists_namespaces {
            let found = Namespace::find(host, &pids);
            table.note_hidden_namespaces(found.hidden.len());
            homes = found.homes;
            found.namespaces
        } else {
            vec![Namespace::of_host(host)]
        };
        let is_asked = |namespace: &Namespace| {
            filter.may_match_namespace(namespace.inode)
                && (*all_network_namespaces || !names_namespaces || namespace.is_own() || filter.names(namespace.inode))
        };
        let namespaces: Vec<Namespace> = namespaces.into_iter().filter(is_asked).collect();
        // Whoever asks for holders is told all of them; a condition on pids alone is decided by their own descriptors.
        let walked = match (with_holders, &named_pids) {
            (true, _) => Some(pids.as_slice()),
            (false, named) => named.as_deref(),
        };
        let walk = walked.map(|pids| Walk::new(host, pids, stop));
        let mut others = Vec::new();
        thread::scope(|scope| {
            let helper = walk.as_ref().map(|walk| {
                thread::Builder::new().name("socket-holders".to_owned()).spawn_scoped(scope, || walk.work())
            });
            let read = table.read_namespaces(host, query, &namespaces, (stop, bounds), &mut others);
            if read.is_err() {
                // Then nobody waits for holders.
                stop.store(true, Ordering::Relaxed);
            }
            if let Some(walk) = &walk {
                walk.work();
            }
            if let Some(Ok(helper)) = helper
                && let Err(panic) = helper.join()
            {
                std::panic::resume_unwind(panic);
            }
            read
        })?;
        table.holders = walk.map(Walk::found).unwrap_or_default();
        table.note_lost_holders();
        let seen: HashSet<u64> = table.namespaces.iter().copied().flatten().collect();
        table.unseen.extend(homes.into_iter().filter(|(_, inode)| !seen.contains(inode)).map(|(pid, _)| pid));
        table.decide(filter, &others);
        if *with_holders {
            let inodes: Vec<u64> = table.rows.iter().map(|row| row.inode).collect();
            table.held = table.holders.places(&inodes);
            table.held_by_peers = table.holders.places(&peers::inodes(&table.rows, &others));
            table.shorten_holders(bounds.holders);
        } else {
            table.holders.forget();
        }
        Ok(table)
    }

    fn read_namespaces(
        &mut self,
        host: &Host,
        query: &SocketQuery,
        namespaces: &[Namespace],
        (stop, bounds): (&AtomicBool, Bounds),
        others: &mut Vec<Row>,
    ) -> Result<(), HostError> {
        let began = Instant::now();
        let SocketQuery { filter, with_holders, source, .. } = query;
        // A listener has no other end that would have to be looked for.
        let is_listening = |table: &Table| filter.states_of(*table).is_none_or(is_only_listening);
        let is_tcp = |table: &&Table| matches!(table, Table::Inet { transport: super::tables::Transport::Tcp, .. });
        let wanted = Wanted {
            filter,
            keep_tcp: *with_holders && !Table::ALL.iter().filter(is_tcp).all(is_listening),
            keep_unix: filter.needs_peer_names(),
            source: *source,
            room: bounds.rows,
            is_alone: !with_holders && filter.pids().is_none(),
            stop,
        };
        let mut ways: Vec<Cow<'_, Namespace>> = namespaces.iter().rev().map(Cow::Borrowed).collect();
        let mut looked_for = 0;
        while let Some(namespace) = ways.pop() {
            let namespace = namespace.as_ref();
            let is_late = !namespace.is_own() && began.elapsed() >= bounds.time;
            let place = u16::try_from(self.namespaces.len());
            let (false, true, Ok(place)) = (is_late, looked_for < bounds.namespaces, place) else {
                let detail = format!(
                    "{looked_for} of {} network namespaces: no more than {} are looked into, and none after {:?}",
                    namespaces.len(),
                    bounds.namespaces,
                    bounds.time,
                );
                self.note(FieldErrorReason::Truncated, detail);
                return Ok(());
            };
            looked_for += 1;
            let room = bounds.rows.saturating_sub(self.rows.len() + others.len());
            match collect(host, namespace, place, Wanted { room, ..wanted }) {
                Ok(collected) => {
                    self.namespaces.push(namespace.inode);
                    self.add(namespace, collected, others);
                }
                Err(CollectError::Gone) => {
                    // A namespace without a process is none that we could have seen.
                    if let Some(another) = namespace.by_another() {
                        looked_for -= 1;
                        ways.push(Cow::Owned(another));
                    }
                }
                Err(CollectError::Stopped) => return Ok(()),
                Err(CollectError::Denied(errno) | CollectError::Failed(errno)) if namespace.is_own() => {
                    return Err(HostError::io("dump", "sock_diag and /proc/self/net", errno));
                }
                Err(CollectError::Denied(errno)) => {
                    self.note(FieldErrorReason::PermissionDenied, denied(namespace, errno));
                }
                Err(CollectError::Failed(errno)) => self.note(FieldErrorReason::ReadFailed, denied(namespace, errno)),
            }
        }
        Ok(())
    }

    fn add(&mut self, namespace: &Namespace, collected: Collected, others: &mut Vec<Row>) {
        let Collected { mut rows, others: mut more_others, filtered, beyond, from_text, problems } = collected;
        if self.rows.is_empty() {
            self.rows = rows;
        } else {
            self.rows.append(&mut rows);
        }
        others.append(&mut more_others);
        self.filtered += filtered;
        self.from_text |= from_text;
        if beyond > 0 {
            let name = namespace.name();
            self.note(
                FieldErrorReason::Truncated,
                format!("{name}: {beyond} sockets are left out: there are too many"),
            );
        }
        for (reason, detail) in problems {
            self.note(reason, detail);
        }
    }

    /// Applies the conditions that need more than the row.
    fn decide(&mut self, filter: &SocketFilter, others: &[Row]) {
        if filter.pids().is_none() && !filter.needs_peer_names() {
            return;
        }
        let Self { rows, namespaces, holders, .. } = self;
        let names: HashMap<u64, Box<[u8]>> = rows.iter().chain(others).filter_map(named).collect();
        let before = rows.len();
        rows.retain(|row| {
            let peer_name = match &row.ends {
                Ends::Unix { peer, .. } => names.get(peer).map(AsRef::as_ref),
                _ => None,
            };
            let namespace = namespaces.get(usize::from(row.namespace)).copied().flatten();
            let holds = |pids: &HashSet<u32>| holders.of(row.inode).iter().any(|held| pids.contains(&held.pid));
            filter.matches(row, &Beside { namespace, peer_name }, holds)
        });
        self.filtered += before - rows.len();
    }

    fn note_hidden_namespaces(&mut self, processes: usize) {
        if processes > 0 {
            let detail = format!(
                "the network namespaces of {processes} processes cannot be seen; the agent needs CAP_SYS_PTRACE for that"
            );
            self.note(FieldErrorReason::PermissionDenied, detail);
        }
    }

    fn note_lost_holders(&mut self) {
        let beyond = self.holders.beyond;
        if beyond > 0 {
            let detail = format!("{beyond} descriptors of sockets are left out: there are too many");
            self.note_of(HOLDERS_FIELD, FieldErrorReason::Truncated, detail);
        }
    }

    fn note(&mut self, reason: FieldErrorReason, detail: String) {
        self.note_of(NAMESPACE_FIELD, reason, detail);
    }

    fn note_of(&mut self, field: &str, reason: FieldErrorReason, detail: String) {
        self.errors.push(FieldError { path: field.to_owned(), reason: reason.into(), detail });
    }

    /// A process may have one socket open at very many descriptors, and have a thousand children that inherit it.
    fn shorten_holders(&mut self, most: u32) {
        let shorten = |places: &mut [Range<u32>]| {
            let long = places.iter_mut().filter(|place| place.end.saturating_sub(place.start) > most);
            long.map(|place| place.end = place.start.saturating_add(most)).count()
        };
        let cut = [(HOLDERS_FIELD, shorten(&mut self.held)), (PEER_HOLDERS_FIELD, shorten(&mut self.held_by_peers))];
        for (field, rows) in cut.into_iter().filter(|(_, rows)| *rows > 0) {
            let detail = format!("{rows} sockets have more than {most} holders; the first {most} of each are told");
            self.note_of(field, FieldErrorReason::Truncated, detail);
        }
    }

    /// Many namespaces may fail in the same way.
    fn shorten_errors(&mut self, most: usize) {
        let beyond = self.errors.len().saturating_sub(most);
        if beyond > 0 {
            self.errors.truncate(most);
            self.note(FieldErrorReason::Truncated, format!("{beyond} more errors"));
        }
    }

    /// Keeps the first so many, and of the holders only theirs.
    pub fn truncate(&mut self, rows: usize) {
        if rows >= self.rows.len() {
            return;
        }
        self.rows.truncate(rows);
        self.rows.shrink_to_fit();
        self.held.truncate(rows);
        self.held_by_peers.truncate(rows);
        self.holders.keep_only([&mut self.held, &mut self.held_by_peers]);
    }

    /// How many sockets there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes a row into a message, whose buffers it uses again. False: there is no such row.
    pub fn write(&self, index: usize, socket: &mut Socket) -> bool {
        let Some(row) = self.rows.get(index) else { return false };
        row.write(self.namespaces.get(usize::from(row.namespace)).copied().flatten(), socket);
        let held = |places: &[Range<u32>]| places.get(index).map(|place| self.holders.at(place)).unwrap_or_default();
        write_holders(held(&self.held), &self.boot_id, &mut socket.holders);
        write_holders(held(&self.held_by_peers), &self.boot_id, &mut socket.peer_holders);
        true
    }

    /// Who has which local port: walks over all descriptors if there is anything to look for.
    pub(super) fn ports_held(&self, host: &Host, stop: &AtomicBool) -> Result<PortOwners, HostError> {
        let mut bound: HashMap<u64, Port> = HashMap::new();
        for row in self.rows.iter().filter(|row| row.inode != 0) {
            if let Some((number, _)) = row.ports() {
                bound.insert(row.inode, Port { number, listens: row.listens() });
            }
        }
        if bound.is_empty() {
            return Ok(PortOwners::default().with_unseen(&self.unseen));
        }
        let (pids, inodes) = (holders::pids(host)?, bound.keys().copied().collect());
        let walk = Walk::new(host, &pids, stop).for_sockets(&inodes);
        thread::scope(|scope| {
            // If there is no thread to be had, this one does all the work.
            let _ = thread::Builder::new().name("socket-holders".to_owned()).spawn_scoped(scope, || walk.work());
            walk.work();
        });
        let found = walk.found();
        let of = |held: &Held| Some(((held.pid, *bound.get(&held.inode)?), held.start_ticks));
        let owned = found.all().iter().filter_map(of).collect();
        let unreadable = found.unreadable.into_iter().collect();
        Ok(PortOwners::new(bound.into_values().collect(), owned, unreadable).with_unseen(&self.unseen))
    }

    /// All of them as messages.
    pub fn sockets(&self) -> impl Iterator<Item = Socket> {
        (0..self.len()).map(|index| {
            let mut socket = Socket::default();
            self.write(index, &mut socket);
            socket
        })
    }

    /// Sockets that were seen and left out by the filter.
    pub fn filtered(&self) -> usize {
        self.filtered
    }

    /// Processes whose descriptors could not be read, of those that were looked at.
    pub fn unreadable_processes(&self) -> u32 {
        u32::try_from(self.holders.unreadable.len()).unwrap_or(u32::MAX)
    }

    /// Network namespaces that were looked into.
    pub fn network_namespaces(&self) -> usize {
        self.namespaces.len()
    }

    /// True if text tables were read in place of netlink, and say less.
    pub fn is_from_text(&self) -> bool {
        self.from_text
    }

    /// What could not be read.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }
}

fn named(row: &Row) -> Option<(u64, Box<[u8]>)> {
    match &row.ends {
        Ends::Unix { name: Some(name), .. } if row.inode != 0 => Some((row.inode, name.clone())),
        _ => None,
    }
}

fn denied(namespace: &Namespace, errno: Errno) -> String {
    let error = std::io::Error::from(errno);
    match errno {
        Errno::PERM | Errno::ACCESS => {
            format!("{}: {error}; the agent needs CAP_SYS_ADMIN to look into it", namespace.name())
        }
        _ => format!("{}: {error}", namespace.name()),
    }
}

#[cfg(test)]
mod tests;
