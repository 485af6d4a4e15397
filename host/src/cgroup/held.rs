//! The group of a process, held by its directory: who is in it, and the files that freeze and end it (Documentation/admin-guide/cgroup-v2.rst,
//! "Core Interface Files"; cgroup-v1/freezer-subsystem.rst).

use std::{
    ffi::CStr,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use procwire_proto::v1::ProcessCgroup;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Dir, FileType, Mode, OFlags},
    io::Errno,
};

use super::{
    files::{open_directory, open_file, open_group},
    hierarchy::{Hierarchies, own_path},
    path::GroupPath,
};
use crate::{Host, procfs::each_line};

/// Trees of version 1 whose groups are somebody's group, and not only a share of a resource; in this order.
const V1_TREES: [&[u8]; 3] = [b"name=systemd", b"freezer", b"pids"];
/// Deeper than any tree is made; a tree that is changed while it is walked must not lead on forever, and nobody is to be hidden below.
const DEEPEST: usize = 256;
/// How long one wait for a notice of the kernel lasts before the file is read again anyway.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A control group, its directory kept open: a group that is removed and made anew under its name is another.
#[derive(Debug)]
pub(crate) struct HeldGroup {
    /// Empty: the unified tree.
    controllers: Vec<u8>,
    /// As `/proc/PID/cgroup` names it.
    name: GroupPath,
    directory: OwnedFd,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum NoHeldGroup {
    /// It is in the root of every tree that counts.
    Root,
    /// Its group is not shown in the trees that the agent sees.
    Unseen,
    Io(Vec<u8>, Errno),
}

impl HeldGroup {
    /// The group that a membership means: in the unified tree, or where that says only "/", in the first v1 tree that says more.
    pub(crate) fn of(host: &Host, membership: &ProcessCgroup) -> Result<Self, NoHeldGroup> {
        let candidates = std::iter::once(&b""[..]).chain(V1_TREES);
        let is_placed = |controllers: &&[u8]| own_path(membership, controllers).is_some_and(|path| path != b"/");
        let controllers = candidates.into_iter().find(is_placed).ok_or(NoHeldGroup::Root)?;
        let path = own_path(membership, controllers).ok_or(NoHeldGroup::Root)?;
        let trees = Hierarchies::of_host(host, membership).trees;
        let tree = trees.iter().find(|tree| tree.controllers == controllers).ok_or(NoHeldGroup::Unseen)?;
        // A path that leads up names a group outside of what the agent sees.
        let below = tree.below_top(path).and_then(|below| GroupPath::parse(below).ok()).ok_or(NoHeldGroup::Unseen)?;
        let name = GroupPath::parse(path).map_err(|_| NoHeldGroup::Unseen)?;
        if below.is_root() {
            return Err(NoHeldGroup::Root);
        }
        let root = open_directory(&tree.directory).ok_or(NoHeldGroup::Unseen)?;
        let directory =
            open_group(root.as_fd(), &below, OFlags::RDONLY).map_err(|errno| NoHeldGroup::Io(path.to_vec(), errno))?;
        Ok(Self { controllers: controllers.to_vec(), name, directory })
    }

    /// As `/proc/PID/cgroup` names it.
    pub(crate) fn path(&self) -> &[u8] {
        self.name.as_bytes()
    }

    pub(crate) fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }

    /// True if a process with this membership is in it, or below.
    pub(crate) fn has(&self, membership: &ProcessCgroup) -> bool {
        let path = own_path(membership, &self.controllers).and_then(|path| GroupPath::parse(path).ok());
        path.is_some_and(|path| path.is_within(&self.name))
    }

    /// True if the other is this one, or below it.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.controllers == other.controllers && other.name.is_within(&self.name)
    }

    pub(crate) fn depth(&self) -> usize {
        self.name.as_bytes().iter().filter(|byte| **byte == b'/').count()
    }

    /// The pids in it and in the groups below, as the kernel lists them: 0 stands for a process of another pid namespace.
    pub(crate) fn pids(&self) -> Result<Vec<u32>, Errno> {
        let mut pids = Vec::new();
        let mut groups = vec![(self.directory.try_clone().map_err(|_| Errno::MFILE)?, 0)];
        while let Some((group, depth)) = groups.pop() {
            match read_pids(group.as_fd(), &mut pids) {
                // It was removed meanwhile, and only an empty one can be.
                Err(Errno::NOENT | Errno::NODEV) if depth > 0 => continue,
                // It has threads only, whose processes are listed farther up ("Threads" of cgroup-v2.rst).
                Err(Errno::OPNOTSUPP) if depth > 0 => {}
                listed => listed?,
            }
            let below = match below(group.as_fd()) {
                Err(Errno::NOENT | Errno::NODEV) if depth > 0 => continue,
                below => below?,
            };
            if depth >= DEEPEST && !below.is_empty() {
                return Err(Errno::LOOP);
            }
            groups.extend(below.into_iter().map(|group| (group, depth + 1)));
        }
        Ok(pids)
    }

    /// Ends every process in it and below at once: `cgroup.kill`, kernel 5.14, not in v1 and not where the group has threads only.
    pub(crate) fn kill(&self) -> Result<(), Errno> {
        if !self.is_unified() {
            return Err(Errno::OPNOTSUPP);
        }
        self.write(c"cgroup.kill", b"1")
    }

    /// Stops the whole group; `None` where that cannot be, or was done by somebody else already.
    pub(crate) fn freeze(&self) -> Option<Freeze> {
        let is_freezer = self.controllers.split(|byte| *byte == b',').any(|name| name == b"freezer");
        let freeze = match (self.is_unified(), is_freezer) {
            (true, _) => Freeze { file: c"cgroup.freeze", frozen: b"1", thawed: b"0" },
            (false, true) => Freeze { file: c"freezer.state", frozen: b"FROZEN", thawed: b"THAWED" },
            (false, false) => return None,
        };
        let now = self.read(freeze.file).ok()?;
        if now.trim_ascii() != freeze.thawed || self.write(freeze.file, freeze.frozen).is_err() {
            return None;
        }
        Some(freeze)
    }

    /// Waits until everything in it stands still; false if the time was up before.
    pub(crate) fn await_frozen(&self, deadline: Instant) -> bool {
        loop {
            if self.is_frozen() {
                return true;
            }
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            self.await_notice((deadline - now).min(LOOK_AGAIN));
        }
    }

    pub(crate) fn thaw(&self, freeze: Freeze) -> Result<(), Errno> {
        self.write(freeze.file, freeze.thawed)
    }

    fn is_frozen(&self) -> bool {
        if self.is_unified() {
            let events = self.read(c"cgroup.events").unwrap_or_default();
            return events.split(|byte| *byte == b'\n').any(|line| line == b"frozen 1");
        }
        // Reading it lets the kernel look again (freezer_read of kernel/cgroup/legacy_freezer.c).
        self.read(c"freezer.state").is_ok_and(|state| state.trim_ascii() == b"FROZEN")
    }

    /// The kernel tells of changes of cgroup.events; v1 does not.
    fn await_notice(&self, limit: Duration) {
        let Ok(file) =
            open_file(self.directory.as_fd(), if self.is_unified() { c"cgroup.events" } else { c"cgroup.procs" })
        else {
            return;
        };
        let flags = if self.is_unified() { PollFlags::PRI } else { PollFlags::empty() };
        let limit = Timespec { tv_sec: 0, tv_nsec: limit.subsec_nanos().into() };
        // Too early is not too bad.
        let _ = poll(&mut [PollFd::new(&file, flags)], Some(&limit));
    }

    fn read(&self, name: &CStr) -> Result<Vec<u8>, Errno> {
        let file = open_file(self.directory.as_fd(), name)?;
        let mut text = vec![0; 4096];
        let length = rustix::io::read(&file, text.as_mut_slice())?;
        text.truncate(length);
        Ok(text)
    }

    fn write(&self, name: &CStr, text: &[u8]) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(&self.directory, name, flags, Mode::empty())?;
        rustix::io::write(&file, text).map(drop)
    }
}

/// How a group was stopped, and is let go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freeze {
    file: &'static CStr,
    frozen: &'static [u8],
    thawed: &'static [u8],
}

fn read_pids(group: BorrowedFd<'_>, pids: &mut Vec<u32>) -> Result<(), Errno> {
    let file = open_file(group, c"cgroup.procs")?;
    each_line(&file, |line| {
        pids.extend(crate::procfs::number(line).and_then(|pid| u32::try_from(pid).ok()));
    })
}

fn below(group: BorrowedFd<'_>) -> Result<Vec<OwnedFd>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut groups = Vec::new();
    for entry in Dir::read_from(group)? {
        let entry = entry?;
        let is_group = entry.file_type() == FileType::Directory && !entry.file_name().to_bytes().starts_with(b".");
        if !is_group {
            continue;
        }
        match rustix::fs::openat(group, entry.file_name(), flags, Mode::empty()) {
            Ok(group) => groups.push(group),
            Err(Errno::NOENT | Errno::NODEV) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(groups)
}
