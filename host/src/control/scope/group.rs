//! Control groups as a scope: which may be one, and who is in it.

use procwire_proto::escape;
use rustix::io::Errno;

use super::{Scope, ScopeError, census::Entry, membership::groups_of};
use crate::{
    Host,
    cgroup::{HeldGroup, NoHeldGroup},
    control::ProcessHandle,
    process::{Stat, cgroup_membership},
    procfs::{Buffer, ProcessPath},
};

const FOREIGN: &str = "a process of another pid namespace is in it, which the agent cannot look at";

/// The group of a target.
#[derive(Debug)]
pub(super) struct Group(HeldGroup);

impl Group {
    pub(super) fn of(host: &Host, target: &ProcessHandle) -> Result<Self, ScopeError> {
        let pid = target.reference().pid;
        let none = |why| ScopeError::NoGroup { pid, why };
        let membership =
            groups_of(target).map_err(|_| none("its membership cannot be read; it has ended, or is hidden"))?;
        let group = HeldGroup::of(host, &membership).map_err(|problem| match problem {
            NoHeldGroup::Root => none("it is in the root of the tree, with everything that has no group of its own"),
            NoHeldGroup::Unseen => none("its group is not in the trees that the agent sees"),
            NoHeldGroup::Io(path, errno) => ScopeError::io("open", escape::terminal(&path), errno),
        })?;
        let path = || escape::terminal(group.path()).into_owned();
        let mut buffer = Buffer::new();
        // Not knowing where the agent is itself, nothing can be ruled out.
        let own = buffer
            .read_file(host.proc(), c"self/cgroup")
            .map_err(|errno| ScopeError::io("read", "self/cgroup of procfs", errno))?;
        if group.has(&cgroup_membership(own)) {
            return Err(ScopeError::ProtectedGroup { path: path(), why: "the agent itself is in it, or below" });
        }
        if group.pids().is_ok_and(|pids| pids.contains(&0)) {
            return Err(ScopeError::ProtectedGroup { path: path(), why: FOREIGN });
        }
        Ok(Self(group))
    }

    pub(super) fn held(&self) -> &HeldGroup {
        &self.0
    }

    pub(super) fn contains(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.contains(other) && other.contains(self)
    }

    pub(super) fn depth(&self) -> usize {
        self.0.depth()
    }
}

impl Scope {
    /// Lists the groups, and adopts whoever is in them. Inner groups come first, so that a process belongs to the innermost.
    pub(super) fn grow_groups(&mut self, host: &Host) -> Result<(), ScopeError> {
        let depth = |place: &usize| self.owners.get(*place).and_then(|owner| Some(owner.group.as_ref()?.depth()));
        let mut owners: Vec<usize> = (0..self.owners.len()).collect();
        owners.sort_by_key(|place| std::cmp::Reverse(depth(place)));
        for owner in owners {
            self.grow_group(host, owner)?;
        }
        Ok(())
    }

    fn grow_group(&mut self, host: &Host, owner: usize) -> Result<(), ScopeError> {
        let Some(group) = self.owners.get(owner).and_then(|owner| owner.group.clone()) else { return Ok(()) };
        let path = || escape::terminal(group.held().path()).into_owned();
        // A group that was removed is empty.
        let pids = match group.held().pids() {
            Err(Errno::NODEV | Errno::NOENT) => return Ok(()),
            pids => pids.map_err(|errno| ScopeError::io("list the processes of", path(), errno))?,
        };
        if pids.contains(&0) {
            return Err(ScopeError::ProtectedGroup { path: path(), why: FOREIGN });
        }
        let mut buffer = Buffer::new();
        for pid in pids {
            let unread = |errno| ScopeError::io("read", format!("{pid} of procfs, which is in {}", path()), errno);
            // One that has ended since it was listed is in no group; of any other it must be known who it is.
            let stat = match buffer.read_file(host.proc(), ProcessPath::new(pid).file("stat")) {
                Err(Errno::NOENT | Errno::SRCH) => continue,
                line => Stat::parse(line.map_err(unread)?).ok_or_else(|| unread(Errno::BADMSG))?,
            };
            let Some(entry) = Entry::of(pid, &stat) else { continue };
            if self.known.contains_key(&(pid, entry.start_ticks)) {
                continue;
            }
            let Some(handle) = self.open(host, pid, entry.start_ticks)? else { continue };
            // The pid may have become another's since it was listed; and one may leave a group.
            let membership = match groups_of(&handle) {
                Err(_) if handle.has_ended() => continue,
                membership => membership.map_err(unread)?,
            };
            let is_in = |owner: &super::Owner| owner.group.as_ref().is_some_and(|group| group.held().has(&membership));
            if self.owners.get(owner).is_some_and(is_in) {
                self.remember(handle, owner, None, None);
            }
        }
        Ok(())
    }
}
