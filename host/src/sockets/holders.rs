//! Who holds which socket: the links below `/proc/PID/fd`, of all processes or of some, read by two threads.

use std::{
    collections::{HashSet, VecDeque},
    ffi::{CStr, CString},
    ops::{ControlFlow, Range},
    os::fd::{AsFd as _, BorrowedFd},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use procwire_proto::v1::{ProcessRef, SocketHolder};
use rustix::{fs::readlinkat_raw, io::Errno, path::DecInt};

use crate::{
    Host, HostError,
    process::Stat,
    procfs::{self, Buffer, Directory, ProcessPath},
};

/// A process with more descriptors than this is shared out between the threads.
const SHARE: usize = 1024;
/// So many are remembered by one walk, of all processes together: 96 MiB. Descriptors cost whoever opens them less than that.
const HELD_MAX: usize = 4 << 20;

/// A socket that a process has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    pub(crate) inode: u64,
    pub(crate) pid: u32,
    pub(crate) fd: u32,
    pub(crate) start_ticks: u64,
}

impl Held {
    pub(crate) fn holder(&self, boot_id: &Bytes) -> SocketHolder {
        let Self { pid, start_ticks, fd, .. } = *self;
        let reference = ProcessRef { pid, start_ticks, boot_id: boot_id.clone(), pidfd_inode: None };
        SocketHolder { r#ref: Some(reference), fd }
    }
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Holders {
    /// By inode, then pid, then descriptor.
    held: Vec<Held>,
    /// Processes that did not let us look, and may hold something.
    pub(super) unreadable: Vec<u32>,
    /// Descriptors that there was no room for.
    pub(super) beyond: usize,
}

impl Holders {
    /// Every descriptor that a socket is open at.
    pub(super) fn of(&self, inode: u64) -> &[Held] {
        // 0 is no inode but the lack of one.
        if inode == 0 {
            return &[];
        }
        let start = self.held.partition_point(|held| held.inode < inode);
        let rest = self.held.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|held| held.inode == inode)).unwrap_or_default()
    }

    /// Where in [`all`](Self::all) the descriptors of each of these sockets are. For many of them this is quicker than to look for one
    /// after the other.
    pub(super) fn places(&self, inodes: &[u64]) -> Vec<Range<u32>> {
        let mut places = vec![0..0; inodes.len()];
        let mut wanted: Vec<(u64, usize)> = inodes.iter().copied().zip(0..).filter(|(inode, _)| *inode != 0).collect();
        wanted.sort_unstable();
        let mut held = self.held.chunk_by(|one, other| one.inode == other.inode).peekable();
        let mut start = 0;
        for (inode, place) in wanted {
            while let Some(earlier) = held.next_if(|group| group.first().is_some_and(|held| held.inode < inode)) {
                start += length(earlier);
            }
            let same = held.peek().filter(|group| group.first().is_some_and(|held| held.inode == inode));
            if let (Some(same), Some(place)) = (same, places.get_mut(place)) {
                *place = start..start + length(same);
            }
        }
        places
    }

    /// The descriptors at such a place.
    pub(super) fn at(&self, place: &Range<u32>) -> &[Held] {
        let (start, end) = (usize::try_from(place.start), usize::try_from(place.end));
        start.ok().zip(end.ok()).and_then(|(start, end)| self.held.get(start..end)).unwrap_or_default()
    }

    /// Lets go of the descriptors, once they have decided what they were read for.
    pub(super) fn forget(&mut self) {
        self.held = Vec::new();
    }

    /// Lets go of all descriptors that none of these places leads to.
    pub(super) fn keep_only(&mut self, places: [&mut [Range<u32>]; 2]) {
        let mut starts: Vec<u32> = Vec::new();
        let mut kept: Vec<Held> = Vec::new();
        let mut wanted: Vec<&mut Range<u32>> =
            places.into_iter().flatten().filter(|place| place.start < place.end).collect();
        wanted.sort_unstable_by_key(|place| place.start);
        for place in wanted {
            // Several sockets may have the same one at their other end.
            let (begin, count) = (place.start, place.end - place.start);
            if starts.last() != Some(&begin) {
                starts.push(begin);
                kept.extend_from_slice(self.at(place));
            }
            let end = length(&kept);
            *place = end.saturating_sub(count)..end;
        }
        self.held = kept;
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Held] {
        &self.held
    }
}

fn length(group: &[Held]) -> u32 {
    u32::try_from(group.len()).unwrap_or(u32::MAX)
}

/// A walk that several threads work on.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    host: &'a Host,
    pids: &'a [u32],
    /// The only sockets that are looked for.
    wanted: Option<&'a HashSet<u64>>,
    /// How many may still be remembered.
    room: AtomicUsize,
    work: Mutex<Work>,
    /// There are shares, or there will be none.
    changed: Condvar,
    stop: &'a AtomicBool,
}

#[derive(Debug, Default)]
struct Work {
    next_pid: usize,
    shares: VecDeque<Share>,
    /// Threads that may still hand out shares.
    opening: usize,
    found: Holders,
}

/// Some descriptors of a process that has many.
#[derive(Debug)]
struct Share {
    listed: Arc<Descriptors>,
    pid: u32,
    start_ticks: u64,
    numbers: Vec<u32>,
}

enum Unit {
    Process(u32),
    Share(Share),
    Nothing,
}

impl<'a> Walk<'a> {
    pub(super) fn new(host: &'a Host, pids: &'a [u32], stop: &'a AtomicBool) -> Self {
        let (work, changed, room) = (Mutex::default(), Condvar::new(), AtomicUsize::new(HELD_MAX));
        Self { host, pids, wanted: None, room, work, changed, stop }
    }

    /// One that looks for these sockets alone.
    pub(super) fn for_sockets(self, wanted: &'a HashSet<u64>) -> Self {
        Self { wanted: Some(wanted), ..self }
    }

    /// Works until there is nothing left; called by every thread that has time.
    pub(super) fn work(&self) {
        let mut found = Holders::default();
        let mut buffer = Buffer::new();
        loop {
            match self.next() {
                Unit::Process(pid) => {
                    let shares = self.process(pid, &mut buffer, &mut found);
                    let mut work = self.lock();
                    work.shares.extend(shares);
                    work.opening -= 1;
                    drop(work);
                    self.changed.notify_all();
                }
                Unit::Share(share) => self.share(share, &mut found),
                Unit::Nothing => break,
            }
        }
        let mut work = self.lock();
        work.found.unreadable.append(&mut found.unreadable);
        work.found.held.append(&mut found.held);
        work.found.beyond += found.beyond;
    }

    /// What all threads found.
    pub(super) fn found(self) -> Holders {
        let mut found = self.work.into_inner().unwrap_or_else(PoisonError::into_inner).found;
        found.held.sort_unstable();
        found.unreadable.sort_unstable();
        found.unreadable.dedup();
        found
    }

    fn next(&self) -> Unit {
        let mut work = self.lock();
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Unit::Nothing;
            }
            if let Some(share) = work.shares.pop_front() {
                return Unit::Share(share);
            }
            if let Some(pid) = self.pids.get(work.next_pid) {
                work.next_pid += 1;
                work.opening += 1;
                return Unit::Process(*pid);
            }
            if work.opening == 0 {
                return Unit::Nothing;
            }
            work = self.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Reads the descriptors of a process; what is too much for one thread is given back.
    fn process(&self, pid: u32, buffer: &mut Buffer, found: &mut Holders) -> Vec<Share> {
        match self.read(pid, buffer, found) {
            Ok(shares) => shares,
            // It has ended.
            Err(Errno::NOENT | Errno::SRCH) => Vec::new(),
            Err(_) => {
                if may_hold_something(self.host, pid, buffer) {
                    found.unreadable.push(pid);
                }
                Vec::new()
            }
        }
    }

    fn read(&self, pid: u32, buffer: &mut Buffer, found: &mut Holders) -> Result<Vec<Share>, Errno> {
        let listed = Descriptors::list(self.host, pid, buffer)?;
        if listed.numbers.len() <= SHARE {
            let sockets = listed.sockets(buffer)?;
            self.keep(pid, sockets.iter().flat_map(|sockets| sockets.held(pid)), found);
            return Ok(Vec::new());
        }
        // Whoever may read one link may read all.
        links(listed.links(), listed.numbers.get(..1).unwrap_or_default(), &mut Vec::new())?;
        let Some(start_ticks) = listed.start_ticks(buffer) else { return Ok(Vec::new()) };
        let chunks: Vec<Vec<u32>> = listed.numbers.chunks(SHARE).map(<[u32]>::to_vec).collect();
        let listed = Arc::new(listed);
        let share = |numbers| Share { listed: Arc::clone(&listed), pid, start_ticks, numbers };
        Ok(chunks.into_iter().map(share).collect())
    }

    fn share(&self, share: Share, found: &mut Holders) {
        let Share { listed, pid, start_ticks, numbers } = share;
        let mut sockets = Vec::with_capacity(numbers.len());
        // It could be read a moment ago; if it cannot now, it has ended.
        if links(listed.links(), &numbers, &mut sockets).is_ok() {
            self.keep(pid, sockets.into_iter().map(|(inode, fd)| Held { inode, pid, fd, start_ticks }), found);
        }
    }

    /// Remembers what is looked for, as far as there is room.
    fn keep(&self, pid: u32, held: impl Iterator<Item = Held>, found: &mut Holders) {
        let first = found.held.len();
        found.held.extend(held.filter(|held| self.wanted.is_none_or(|wanted| wanted.contains(&held.inode))));
        let count = found.held.len() - first;
        if count == 0 {
            return;
        }
        let take = |room: usize| Some(room.saturating_sub(count));
        let room = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).unwrap_or(0);
        if room < count {
            found.held.truncate(first + room);
            found.beyond += count - room;
            found.unreadable.push(pid);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kernel threads have no descriptors of their own and zombies none any more, though theirs are told to nobody but root
/// (fs/proc/base.c: `task_dump_owner`).
pub(super) fn may_hold_something(host: &Host, pid: u32, buffer: &mut Buffer) -> bool {
    let line = buffer.read_file(host.proc(), ProcessPath::new(pid).file("stat"));
    let stat = line.ok().and_then(Stat::parse);
    stat.is_none_or(|stat| stat.leader_has_exited() || !(stat.is_zombie() || stat.is_kernel_thread()))
}

/// The sockets that one process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnSockets {
    pub(crate) start_ticks: u64,
    /// Inode and descriptor.
    pub(crate) sockets: Vec<(u64, u32)>,
}

impl OwnSockets {
    /// Reads them; `None`: it holds none.
    pub(crate) fn read(host: &Host, pid: u32, buffer: &mut Buffer) -> Result<Option<Self>, Errno> {
        Descriptors::list(host, pid, buffer)?.sockets(buffer)
    }

    pub(super) fn held(&self, pid: u32) -> impl Iterator<Item = Held> {
        let start_ticks = self.start_ticks;
        self.sockets.iter().map(move |&(inode, fd)| Held { inode, pid, fd, start_ticks })
    }
}

/// The pids that procfs lists.
pub(super) fn pids(host: &Host) -> Result<Vec<u32>, HostError> {
    numbers_in(host.proc(), c".")
        .map(|(_, pids)| pids)
        .map_err(|errno| HostError::io("list", &host.roots().proc, errno))
}

/// The entries of a directory that are numbers, and the directory.
fn numbers_in(parent: BorrowedFd<'_>, path: &CStr) -> Result<(Directory, Vec<u32>), Errno> {
    let directory = Directory::open(parent, path)?;
    let mut numbers = Vec::new();
    directory.each_number(|number, _| {
        numbers.push(number);
        ControlFlow::Continue(())
    })?;
    Ok((directory, numbers))
}

/// The descriptors of one process.
#[derive(Debug)]
struct Descriptors {
    /// `PID/fd`, or `PID/task` where the main thread has exited and its descriptors are closed to the agent.
    directory: Directory,
    /// The same below `PID/task`, where the main thread has exited and let go of them.
    of_thread: Option<Directory>,
    numbers: Vec<u32>,
}

impl Descriptors {
    fn list(host: &Host, pid: u32, buffer: &mut Buffer) -> Result<Self, Errno> {
        let (directory, numbers) = match numbers_in(host.proc(), ProcessPath::new(pid).file("fd")) {
            Err(errno @ (Errno::ACCESS | Errno::PERM)) => return Self::of_leaderless(host, pid, buffer)?.ok_or(errno),
            listed => listed?,
        };
        let mut listed = Self { directory, of_thread: None, numbers };
        if listed.numbers.is_empty() {
            let stat = buffer.read_file(listed.directory.as_fd(), c"../stat")?;
            if Stat::parse(stat).is_some_and(|stat| stat.leader_has_exited()) {
                listed.look_into_threads();
            }
        }
        Ok(listed)
    }

    /// Those of a process whose main thread has exited. What is left of that thread is root's (fs/proc/base.c: `task_dump_owner`), what
    /// the others share is their user's. `None`: its main thread lives, or they may not be read either.
    fn of_leaderless(host: &Host, pid: u32, buffer: &mut Buffer) -> Result<Option<Self>, Errno> {
        let stat = buffer.read_file(host.proc(), ProcessPath::new(pid).file("stat"))?;
        if !Stat::parse(stat).is_some_and(|stat| stat.leader_has_exited()) {
            return Ok(None);
        }
        let (directory, _) = numbers_in(host.proc(), ProcessPath::new(pid).file("task"))?;
        let mut listed = Self { directory, of_thread: None, numbers: Vec::new() };
        listed.look_into_threads();
        Ok(listed.of_thread.is_some().then_some(listed))
    }

    fn look_into_threads(&mut self) {
        let Ok((_, threads)) = numbers_in(self.directory.as_fd(), c"../task") else { return };
        for thread in threads {
            let Ok(path) = CString::new(format!("../task/{thread}/fd")) else { continue };
            let Ok((directory, numbers)) = numbers_in(self.directory.as_fd(), &path) else { continue };
            (self.of_thread, self.numbers) = (Some(directory), numbers);
            if !self.numbers.is_empty() {
                return;
            }
        }
    }

    /// The sockets among them; `None`: there are none.
    fn sockets(&self, buffer: &mut Buffer) -> Result<Option<OwnSockets>, Errno> {
        let mut sockets = Vec::new();
        links(self.links(), &self.numbers, &mut sockets)?;
        if sockets.is_empty() {
            return Ok(None);
        }
        Ok(self.start_ticks(buffer).map(|start_ticks| OwnSockets { start_ticks, sockets }))
    }

    fn links(&self) -> BorrowedFd<'_> {
        self.of_thread.as_ref().unwrap_or(&self.directory).as_fd()
    }

    /// The start of the process. The parent of its directory `fd` is the directory of that process and of no other, even if the pid has
    /// been given out again. `None`: it has ended.
    fn start_ticks(&self, buffer: &mut Buffer) -> Option<u64> {
        Stat::parse(buffer.read_file(self.directory.as_fd(), c"../stat").ok()?).map(|stat| stat.start_ticks)
    }
}

/// Adds inode and number of the descriptors that are sockets.
fn links(directory: BorrowedFd<'_>, descriptors: &[u32], sockets: &mut Vec<(u64, u32)>) -> Result<(), Errno> {
    // A longer link is no socket's.
    let mut target = [0_u8; 48];
    for &descriptor in descriptors {
        match readlinkat_raw(directory, DecInt::new(descriptor), target.as_mut_slice()) {
            Ok(length) => {
                let inode = target.get(..length).and_then(socket_inode);
                sockets.extend(inode.map(|inode| (inode, descriptor)));
            }
            Err(errno @ (Errno::ACCESS | Errno::PERM)) => return Err(errno),
            // Closed meanwhile, or no link (EINVAL), or a path that is too long for one (ENAMETOOLONG): no socket.
            Err(_) => {}
        }
    }
    Ok(())
}

/// The inode in "socket:[4711]".
fn socket_inode(target: &[u8]) -> Option<u64> {
    let digits = target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    procfs::number(digits).filter(|_| digits.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Roots;

    #[test]
    fn what_no_row_leads_to_is_let_go() {
        let held = |(inode, fd)| Held { inode, pid: 9, fd, start_ticks: 1 };
        let all = [(1, 3), (1, 4), (2, 5), (3, 6), (3, 7), (3, 8)].map(held);
        let mut holders = Holders { held: all.to_vec(), ..Holders::default() };
        let (mut own, mut peers) = ([3..6, 0..0], [0..2, 3..6]);
        holders.keep_only([&mut own, &mut peers]);
        assert_eq!(holders.held, [(1, 3), (1, 4), (3, 6), (3, 7), (3, 8)].map(held));
        assert_eq!(
            (own.each_ref().map(|place| holders.at(place).len()), holders.of(1)),
            ([3, 0], holders.at(&peers[0]))
        );
        assert_eq!((holders.at(&own[0]), holders.at(&peers[1])), (holders.of(3), holders.of(3)));
    }

    #[test]
    fn what_is_not_looked_for_takes_no_room_and_what_has_none_is_counted() {
        let host = Host::open(Roots::default()).unwrap();
        let (stop, wanted) = (AtomicBool::new(false), HashSet::from([5, 6]));
        let held = |inode| Held { inode, pid: 9, fd: 3, start_ticks: 1 };
        let walk = Walk { room: AtomicUsize::new(3), ..Walk::new(&host, &[], &stop).for_sockets(&wanted) };
        let mut found = Holders::default();
        walk.keep(9, [5, 7, 6, 8].into_iter().map(held), &mut found);
        assert_eq!(
            (found.held.as_slice(), found.beyond, found.unreadable.len()),
            ([held(5), held(6)].as_slice(), 0, 0)
        );
        walk.keep(9, [6, 5, 6].into_iter().map(held), &mut found);
        assert_eq!((found.held.len(), found.beyond, found.unreadable.as_slice()), (3, 2, [9].as_slice()));
    }
}
