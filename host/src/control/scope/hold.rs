//! Keeping the members of a scope from making more while they are listed, and ending them all at once.
//!
//! A parent is never ended before its children were looked for: as long as it lives, stopped, they can be told by it. A process that is
//! stopped cannot fork, and one that was in fork(2) when the signal came has a child that the next look finds. So when everything is
//! known to stand still and a look finds nothing new, the scope is whole.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use procwire_proto::v1::ControlMechanism;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::Signal,
};

use super::{Member, Scope, ScopeError, group::Group, membership::is_stopped};
use crate::{
    Host,
    cgroup::Freeze,
    control::{ControlError, ProcessHandle},
};

/// How long one wait for stops lasts before states are read again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Members that were stopped, and groups that were frozen. They are let go when this is dropped, but those that were killed.
#[derive(Debug, Default)]
pub struct Held {
    stopped: HashMap<usize, Arc<ProcessHandle>>,
    frozen: Vec<(Arc<Group>, Freeze)>,
    is_whole: bool,
}

impl Held {
    /// True if everything stood still and nothing was left to be found. Otherwise look again after the kill.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Sends SIGKILL to every member that is to be acted on and that `is_meant`, by its group at once where nobody else is in it, and
    /// lets the rest go. Tells of each member that had not ended.
    pub fn kill(
        mut self,
        scope: &Scope,
        is_meant: &dyn Fn(usize) -> bool,
    ) -> Vec<(usize, Result<ControlMechanism, ControlError>)> {
        let meant = scope.deepest_first().into_iter().filter(|place| is_meant(*place));
        let living: Vec<usize> =
            meant.filter(|place| scope.members.get(*place).is_some_and(|member| !member.handle.has_ended())).collect();
        let killed_groups = if self.is_whole { kill_groups(scope, &living) } else { Vec::new() };
        let mut results = Vec::new();
        for place in living {
            let Some(member) = scope.members.get(place) else { continue };
            let by_group = scope.owner_chain(member.owner).any(|owner| killed_groups.contains(&owner));
            let result = match by_group {
                true => Ok(ControlMechanism::CgroupKill),
                false => member.handle.signal(Signal::KILL.as_raw()),
            };
            if result.is_ok() {
                self.stopped.remove(&place);
            }
            results.push((place, result));
        }
        results
    }

    fn freeze(&mut self, scope: &Scope) {
        for owner in scope.owners.iter().filter(|owner| !owner.refused) {
            let Some(group) = &owner.group else { continue };
            if let Some(freeze) = group.held().freeze() {
                self.frozen.push((Arc::clone(group), freeze));
            }
        }
    }

    fn is_in_frozen_group(&self, scope: &Scope, member: &Member) -> bool {
        let group = |owner: usize| scope.owners.get(owner).and_then(|owner| owner.group.as_ref());
        let is_frozen = |group: &Arc<Group>| self.frozen.iter().any(|(frozen, _)| Arc::ptr_eq(frozen, group));
        scope.owner_chain(member.owner).filter_map(group).any(is_frozen)
    }

    /// Stops whoever is not stopped. Tells who has to be waited for; one that the agent may not stop is not among them.
    fn stop(&mut self, scope: &Scope) -> Vec<Arc<ProcessHandle>> {
        let mut running = Vec::new();
        for (place, member) in scope.members.iter().enumerate() {
            if !scope.is_active(place) || self.is_in_frozen_group(scope, member) || is_stopped(&member.handle) {
                continue;
            }
            // Again also if it was stopped before: whoever continued it may not have the last word.
            if member.handle.signal(Signal::STOP.as_raw()).is_ok() {
                self.stopped.insert(place, Arc::clone(&member.handle));
                running.push(Arc::clone(&member.handle));
            }
        }
        running
    }

    fn let_go(&mut self) {
        for (group, freeze) in self.frozen.drain(..) {
            // A group that is gone needs no thawing.
            let _ = group.held().thaw(freeze);
        }
        for (_, handle) in self.stopped.drain() {
            // One that ended meanwhile is none the worse for it.
            let _ = handle.signal(Signal::CONT.as_raw());
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.let_go();
    }
}

pub(super) fn hold(
    scope: &mut Scope,
    host: &Host,
    within: Duration,
    permit: &mut dyn FnMut(usize, &Member) -> bool,
) -> Result<Held, ScopeError> {
    let deadline = Instant::now() + within;
    let mut held = Held::default();
    held.freeze(scope);
    // A process in a system call that cannot be interrupted keeps its group from being frozen; half of the time is for the others.
    let groups_deadline = Instant::now() + within / 2;
    let mut stands_still =
        held.frozen.iter().fold(true, |all, (group, _)| group.held().await_frozen(groups_deadline) && all);
    loop {
        let running = held.stop(scope);
        stands_still &= await_stopped(running, deadline);
        let joined = scope.rescan(host)?;
        let is_new = !joined.is_empty();
        for place in joined {
            let is_permitted = scope.members.get(place).is_some_and(|member| permit(place, member));
            if is_permitted { scope.permit(place) } else { scope.spare(place) }
        }
        held.is_whole = stands_still && !is_new;
        if !is_new || Instant::now() >= deadline {
            return Ok(held);
        }
    }
}

/// True if all of them stand still, or have ended.
fn await_stopped(mut running: Vec<Arc<ProcessHandle>>, deadline: Instant) -> bool {
    loop {
        running.retain(|handle| !is_stopped(handle));
        if running.is_empty() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        // Its end wakes at once, its stop nobody: stops of others' children are told to their parents alone.
        let pidfd = running.first().and_then(|handle| handle.pidfd());
        let mut watched: Vec<PollFd<'_>> = pidfd.iter().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)).collect();
        let limit = Timespec { tv_sec: 0, tv_nsec: LOOK_AGAIN.subsec_nanos().into() };
        // Too early is not too bad.
        let _ = poll(&mut watched, Some(&limit));
    }
}

/// Groups that were ended at once: in which nobody is but those that are meant. The kernel ends whoever is in a group when it is told
/// to, somebody who was moved there meanwhile as well; so it is listed for the last time right before.
fn kill_groups(scope: &Scope, meant: &[usize]) -> Vec<usize> {
    // As long as they live their pids are theirs.
    let pids = meant.iter().filter_map(|place| Some(scope.members.get(*place)?.handle.reference().pid));
    let pids: HashSet<u32> = pids.collect();
    let mut killed = Vec::new();
    for (place, owner) in scope.owners.iter().enumerate() {
        let Some(group) = owner.group.as_ref().filter(|_| !owner.refused) else { continue };
        let is_ours = group.held().pids().is_ok_and(|listed| listed.iter().all(|pid| pids.contains(pid)));
        if is_ours && group.held().kill().is_ok() {
            killed.push(place);
        }
    }
    killed
}
