//! One look at the process table: who descends from whom.

use std::{collections::HashMap, ops::ControlFlow};

use rustix::io::Errno;

use crate::{
    Host,
    process::Stat,
    procfs::{Buffer, Directory, ProcessPath},
};

/// A process as the census found it. It is only a hint: whoever acts on it opens it and asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) pid: u32,
    pub(super) start_ticks: u64,
    pub(super) parent: u32,
    pub(super) session: u32,
}

/// The processes that live, by parent and by session. Zombies are none: their children have been left to others already.
#[derive(Debug, Default)]
pub(super) struct Census {
    entries: Vec<Entry>,
    by_parent: HashMap<u32, Vec<usize>>,
    by_session: HashMap<u32, Vec<usize>>,
}

impl Census {
    pub(super) fn take(host: &Host) -> Result<Self, Errno> {
        let mut buffer = Buffer::new();
        let mut entries = Vec::new();
        Directory::open(host.proc(), c".")?.each_number(|pid, _| {
            // One that ends meanwhile, or is hidden, is not there.
            let line = buffer.read_file(host.proc(), ProcessPath::new(pid).file("stat")).unwrap_or_default();
            entries.extend(Entry::parse(pid, line));
            ControlFlow::Continue(())
        })?;
        Ok(Self::of(entries))
    }

    pub(super) fn of(entries: Vec<Entry>) -> Self {
        let mut census = Self { entries, ..Self::default() };
        for (place, entry) in census.entries.iter().enumerate() {
            census.by_parent.entry(entry.parent).or_default().push(place);
            census.by_session.entry(entry.session).or_default().push(place);
        }
        census
    }

    pub(super) fn children(&self, pid: u32) -> impl Iterator<Item = Entry> {
        self.found(self.by_parent.get(&pid))
    }

    pub(super) fn of_session(&self, leader: u32) -> impl Iterator<Item = Entry> {
        self.found(self.by_session.get(&leader))
    }

    fn found<'a>(&'a self, places: Option<&'a Vec<usize>>) -> impl Iterator<Item = Entry> + 'a {
        places.into_iter().flatten().filter_map(|place| self.entries.get(*place).copied())
    }
}

impl Entry {
    /// `None`: it has ended, or the line is torn.
    pub(super) fn parse(pid: u32, line: &[u8]) -> Option<Self> {
        Self::of(pid, &Stat::parse(line)?)
    }

    /// `None`: it has ended.
    pub(super) fn of(pid: u32, stat: &Stat<'_>) -> Option<Self> {
        if stat.is_zombie() && !stat.leader_has_exited() {
            return None;
        }
        let parent = stat.ppid.and_then(|parent| u32::try_from(parent).ok())?;
        let session = stat.session.and_then(|session| u32::try_from(session).ok()).unwrap_or(0);
        Some(Self { pid, start_ticks: stat.start_ticks, parent, session })
    }
}
