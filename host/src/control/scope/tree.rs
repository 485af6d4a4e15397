//! Descendants: found in a census, and adopted once they are open and their parent is known to live.

use rustix::io::Errno;

use super::{
    Scope, ScopeError,
    census::{Census, Entry},
    identity,
    membership::entry_of,
};
use crate::{Host, control::ProcessHandle};

/// Why a process is one of a member's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bond {
    Child,
    /// In the session that the member leads: only its descendants can be. Asked of those that started after the scope was resolved, so
    /// that a plan holds what a person sees in a tree of processes.
    Session,
}

impl Scope {
    /// Takes a census, and adopts whoever descends from a member.
    pub(super) fn grow_trees(&mut self, host: &Host) -> Result<(), ScopeError> {
        let census = Census::take(host).map_err(|errno: Errno| ScopeError::io("list", "the processes", errno))?;
        // By their parents first: a session knows its leader only, and who is farther down is to be ended earlier.
        self.adopt_children(host, &census, 0)?;
        let known = self.members.len();
        for place in 0..known {
            self.adopt_from(host, &census, place, Bond::Session)?;
        }
        self.adopt_children(host, &census, known)
    }

    /// Of the members from `place` on. Those adopted on the way are at the end of the list, and come to their turn.
    fn adopt_children(&mut self, host: &Host, census: &Census, mut place: usize) -> Result<(), ScopeError> {
        while place < self.members.len() {
            self.adopt_from(host, census, place, Bond::Child)?;
            place += 1;
        }
        Ok(())
    }

    fn adopt_from(&mut self, host: &Host, census: &Census, parent: usize, bond: Bond) -> Result<(), ScopeError> {
        let Some(member) = self.members.get(parent) else { return Ok(()) };
        let pid = member.handle.reference().pid;
        let found: Vec<Entry> = match bond {
            Bond::Child => census.children(pid).collect(),
            Bond::Session => census.of_session(pid).filter(|entry| entry.start_ticks >= self.began_ticks).collect(),
        };
        if found.is_empty() || member.handle.has_ended() {
            return Ok(());
        }
        for entry in found {
            match self.known.get(&(entry.pid, entry.start_ticks)).copied() {
                Some(known) => self.nest(known, parent, bond),
                None => self.adopt(host, entry, parent, bond)?,
            }
        }
        Ok(())
    }

    fn adopt(&mut self, host: &Host, entry: Entry, parent: usize, bond: Bond) -> Result<(), ScopeError> {
        let Some(handle) = self.open(host, entry.pid, entry.start_ticks)? else { return Ok(()) };
        let Some(member) = self.members.get(parent) else { return Ok(()) };
        if belongs(&handle, &member.handle, bond) {
            let owner = member.owner;
            self.remember(handle, owner, Some(parent), None);
        }
        Ok(())
    }

    /// A target that turns out to descend from another target.
    fn nest(&mut self, target: usize, parent: usize, bond: Bond) {
        let Some((inner, outer)) = self.members.get(target).zip(self.members.get(parent)) else { return };
        let (inner_owner, outer_owner) = (inner.owner, outer.owner);
        let is_top = inner.parent.is_none() && inner_owner != outer_owner;
        if !is_top || !belongs(&inner.handle, &outer.handle, bond) || self.is_above(target, parent) {
            return;
        }
        if let Some(member) = self.members.get_mut(target) {
            member.parent = Some(parent);
        }
        if let Some(owner) = self.owners.get_mut(inner_owner) {
            owner.within = Some(outer_owner);
        }
    }

    /// True if `member` is an ancestor of `other`, or the same.
    fn is_above(&self, member: usize, other: usize) -> bool {
        let mut next = Some(other);
        while let Some(place) = next {
            if place == member {
                return true;
            }
            next = self.members.get(place).and_then(|member| member.parent);
        }
        false
    }
}

/// What the process says first, then whether the member that it names lives: as long as it does, its pid is nobody else's, and so is the
/// number of its session.
fn belongs(handle: &ProcessHandle, member: &ProcessHandle, bond: Bond) -> bool {
    let Some(entry) = entry_of(handle) else { return false };
    let named = match bond {
        Bond::Child => entry.parent,
        Bond::Session => entry.session,
    };
    let is_itself = identity(handle.reference()) == identity(member.reference());
    !is_itself
        && named == member.reference().pid
        && entry.start_ticks >= member.reference().start_ticks
        && !member.has_ended()
}
