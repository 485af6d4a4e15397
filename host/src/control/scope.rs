//! What belongs to the targets of a control request: themselves, their descendants, or their control groups.
//!
//! Every member is a [`ProcessHandle`], so that nothing is ever done to a process that was not looked at. Members are remembered for as
//! long as the scope lives, whatever becomes of their parents: one that was found stays found when it is left to another parent.
//!
//! A descendant is adopted while its parent is known to live (its pid cannot have become another's then), so that no stranger is ever
//! taken for one. What was left behind by a parent before anybody looked is found only through the session of a member that leads one;
//! a process that leaves its session and its parent at once (a daemon) is a descendant of nobody. A control group has no such hole.

mod census;
mod error;
mod group;
mod hold;
mod membership;
mod room;
mod tree;

use std::{collections::HashMap, sync::Arc, time::Duration};

use procwire_proto::v1::ProcessRef;

pub use self::{error::ScopeError, hold::Held};
use self::{group::Group, membership::cgroup_of, room::Room};
use super::{ControlError, ProcessHandle};
use crate::{Host, host::monotonic_ns};

/// What belongs to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// The process alone.
    Process,
    /// It and all its descendants.
    Tree,
    /// Every process of its control group and the groups below.
    Cgroup,
}

/// A process that belongs to a target.
#[derive(Debug)]
pub struct Member {
    /// The process.
    pub handle: Arc<ProcessHandle>,
    /// Its control group when it was found.
    pub cgroup: Option<Vec<u8>>,
    /// The target that it is itself.
    target: Option<usize>,
    /// Place of its owner in the list of those.
    owner: usize,
    /// Place of its parent in the list of members.
    parent: Option<usize>,
    decision: Decision,
}

/// Nothing is done to a member before it is known that it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// It was found, and nobody was asked yet: perhaps the look that found it failed later.
    Open,
    Permitted,
    Spared,
}

/// What targets of the request own: a tree, or a group that several of them may be in.
#[derive(Debug)]
struct Owner {
    /// Which targets, as the caller counts them; the first stands for all.
    targets: Vec<usize>,
    refused: bool,
    /// The owner that this one is within.
    within: Option<usize>,
    group: Option<Arc<Group>>,
}

/// The processes that belong to the targets of one request.
#[derive(Debug)]
pub struct Scope {
    kind: ScopeKind,
    owners: Vec<Owner>,
    members: Vec<Member>,
    known: HashMap<(u32, u64), usize>,
    /// What starts later has joined.
    began_ticks: u64,
    room: Room,
}

impl Scope {
    /// Finds what belongs to these targets, each with the number that the caller has for it. A process comes once, with the innermost
    /// of the targets that it belongs to. What cannot be resolved is in the second list, and leaves nothing in the scope.
    ///
    /// # Errors
    /// Nothing can be told: procfs cannot be read, or there are more processes than descriptors.
    pub fn resolve(
        host: &Host,
        kind: ScopeKind,
        targets: Vec<(usize, ProcessHandle)>,
    ) -> Result<(Self, Vec<(usize, ScopeError)>), ScopeError> {
        let began_ticks = ticks_of(host, monotonic_ns());
        let room = Room::of_process();
        let mut scope =
            Self { kind, owners: Vec::new(), members: Vec::new(), known: HashMap::new(), began_ticks, room };
        let mut unresolved = Vec::new();
        for (target, handle) in targets {
            if let Err(error) = scope.add_target(host, target, handle) {
                unresolved.push((target, error));
            }
        }
        scope.nest_groups();
        scope.rescan(host)?;
        Ok((scope, unresolved))
    }

    /// All members: the targets first, then what was found, in the order in which it was found.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Which target a member belongs to, as the caller counts them.
    pub fn target_of(&self, member: usize) -> Option<usize> {
        let Member { target, owner, .. } = self.members.get(member)?;
        target.or_else(|| self.owners.get(*owner)?.targets.first().copied())
    }

    /// True if it is to be acted on: it was permitted, and not refused with its target.
    pub fn is_active(&self, member: usize) -> bool {
        let permitted = self.members.get(member).filter(|member| member.decision == Decision::Permitted);
        permitted.is_some_and(|member| !self.is_refused(member))
    }

    /// Members that nobody has decided on, and somebody must before anything is done to them. Those of a target that was refused are none.
    pub fn undecided(&self) -> Vec<usize> {
        let open = |member: &Member| member.decision == Decision::Open && !self.is_refused(member);
        self.members.iter().enumerate().filter(|(_, member)| open(member)).map(|(place, _)| place).collect()
    }

    /// A member may be acted on.
    pub fn permit(&mut self, member: usize) {
        self.decide(member, Decision::Permitted);
    }

    /// Members to be acted on, those farthest down first: a parent that restarts its children has none left when its turn comes.
    pub fn deepest_first(&self) -> Vec<usize> {
        let depths = self.depths();
        let mut active: Vec<usize> = (0..self.members.len()).filter(|member| self.is_active(*member)).collect();
        active.sort_by_key(|member| std::cmp::Reverse(depths.get(*member).copied().unwrap_or(0)));
        active
    }

    /// A member may not be acted on. With it its target is refused, and every target that contains it; tells which.
    pub fn refuse(&mut self, member: usize) -> Vec<usize> {
        let mut refused = Vec::new();
        let mut next = self.members.get(member).map(|member| member.owner);
        while let Some(owner) = next.and_then(|place| self.owners.get_mut(place)) {
            if !std::mem::replace(&mut owner.refused, true) {
                refused.extend(owner.targets.iter().copied());
            }
            next = owner.within;
        }
        refused
    }

    /// A member that joined may not be acted on, and the rest is.
    pub fn spare(&mut self, member: usize) {
        self.decide(member, Decision::Spared);
    }

    /// Looks again, and tells which members are undecided: those that are new, and those of a look that failed.
    ///
    /// # Errors
    /// As [`Scope::resolve`]; those found before stay, and those that this look found stay undecided.
    pub fn rescan(&mut self, host: &Host) -> Result<Vec<usize>, ScopeError> {
        match self.kind {
            ScopeKind::Process => {}
            ScopeKind::Tree => self.grow_trees(host)?,
            ScopeKind::Cgroup => self.grow_groups(host)?,
        }
        Ok(self.undecided())
    }

    /// Keeps what is to be acted on from making more: groups are frozen where that can be, everything else is stopped, again and again
    /// until a look finds nothing new, or the time is up. Each process that joins is shown to `permit`, with its place in the list of
    /// members; without its leave it is spared. What is held is let go when the answer is dropped, unless it was killed.
    ///
    /// # Errors
    /// As [`Scope::resolve`]; nothing stays stopped then. What `permit` was asked before holds.
    pub fn hold(
        &mut self,
        host: &Host,
        within: Duration,
        permit: &mut dyn FnMut(usize, &Member) -> bool,
    ) -> Result<Held, ScopeError> {
        hold::hold(self, host, within, permit)
    }

    fn is_refused(&self, member: &Member) -> bool {
        self.owners.get(member.owner).is_none_or(|owner| owner.refused)
    }

    fn decide(&mut self, member: usize, decision: Decision) {
        if let Some(member) = self.members.get_mut(member) {
            member.decision = decision;
        }
    }

    /// An owner, and those that it is within.
    fn owner_chain(&self, owner: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(owner), |place| self.owners.get(*place).and_then(|owner| owner.within))
    }

    fn add_target(&mut self, host: &Host, target: usize, handle: ProcessHandle) -> Result<(), ScopeError> {
        let group = match self.kind {
            ScopeKind::Cgroup => Some(Arc::new(Group::of(host, &handle)?)),
            ScopeKind::Process | ScopeKind::Tree => None,
        };
        // The same one a second time belongs to the first.
        if self.known.contains_key(&identity(handle.reference())) {
            return Ok(());
        }
        let same = group.as_ref().and_then(|group| {
            self.owners.iter().position(|owner| owner.group.as_ref().is_some_and(|other| other.is_same(group)))
        });
        let owner = same.unwrap_or(self.owners.len());
        match self.owners.get_mut(owner) {
            Some(known) => known.targets.push(target),
            None => self.owners.push(Owner { targets: vec![target], refused: false, within: None, group }),
        }
        self.remember(handle, owner, None, Some(target));
        Ok(())
    }

    /// Which group is within which.
    fn nest_groups(&mut self) {
        let within = |inner: &Owner| {
            let inner = inner.group.as_ref()?;
            let outer =
                self.owners.iter().enumerate().filter_map(|(place, owner)| Some((place, owner.group.as_ref()?)));
            let containing = outer.filter(|(_, group)| group.contains(inner) && !group.is_same(inner));
            containing.max_by_key(|(_, group)| group.depth()).map(|(place, _)| place)
        };
        let found: Vec<Option<usize>> = self.owners.iter().map(within).collect();
        for (owner, within) in self.owners.iter_mut().zip(found) {
            owner.within = within;
        }
    }

    fn remember(&mut self, handle: ProcessHandle, owner: usize, parent: Option<usize>, target: Option<usize>) {
        let cgroup = cgroup_of(&handle);
        self.known.insert(identity(handle.reference()), self.members.len());
        self.members.push(Member { handle: Arc::new(handle), cgroup, target, owner, parent, decision: Decision::Open });
    }

    /// Opens one that was found. `None`: it is gone already, or was another one.
    fn open(&self, host: &Host, pid: u32, start_ticks: u64) -> Result<Option<ProcessHandle>, ScopeError> {
        self.room.demand(self.members.len())?;
        let boot_id = host.machine().boot_id.clone();
        match ProcessHandle::open(host, &ProcessRef { pid, start_ticks, boot_id, pidfd_inode: None }) {
            Ok(handle) => Ok(Some(handle)),
            Err(ControlError::Gone { .. } | ControlError::Reused { .. }) => Ok(None),
            Err(ControlError::Io { source, .. }) if room::is_used_up(&source) => {
                Err(self.room.used_up(self.members.len()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn depths(&self) -> Vec<u32> {
        let mut depths: Vec<Option<u32>> = vec![None; self.members.len()];
        for start in 0..self.members.len() {
            let mut chain = Vec::new();
            let mut next = Some(start);
            let mut depth = 0;
            while let Some(place) = next {
                if let Some(known) = depths.get(place).copied().flatten() {
                    depth = known + 1;
                    break;
                }
                // Parents lead up and never in a circle: each was adopted by one that was a member before.
                chain.push(place);
                next = self.members.get(place).and_then(|member| member.parent);
            }
            for place in chain.into_iter().rev() {
                if let Some(known) = depths.get_mut(place) {
                    *known = Some(depth);
                }
                depth += 1;
            }
        }
        depths.into_iter().map(Option::unwrap_or_default).collect()
    }
}

fn identity(reference: &ProcessRef) -> (u32, u64) {
    (reference.pid, reference.start_ticks)
}

/// As start times are counted.
fn ticks_of(host: &Host, since_boot_ns: u64) -> u64 {
    let per_second = u128::from(host.machine().ticks_per_second);
    u64::try_from(u128::from(since_boot_ns) * per_second / 1_000_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests;
