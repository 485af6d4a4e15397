use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::*;
use crate::{Roots, control::test_children::reference, process::Stat};

const PATIENCE: Duration = Duration::from_secs(20);

fn host() -> Host {
    Host::open(Roots::default()).unwrap()
}

/// A shell in a session of its own, by which everything that it starts is found and ended, whatever the test does.
struct Family {
    head: Child,
}

impl Family {
    /// The script says "ready" when it is.
    fn new(script: &str) -> Self {
        Self::started(Command::new("setsid").args(["-w", "sh", "-c", script]))
    }

    fn started(command: &mut Command) -> Self {
        let mut head = command.stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(head.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { head }
    }

    fn pid(&self) -> u32 {
        // setsid(1) forks if it leads a process group, as it does here, so that the session is its child's.
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.head.id())).unwrap();
        children.trim().parse().unwrap()
    }

    fn handle(&self, host: &Host) -> ProcessHandle {
        ProcessHandle::open(host, &reference(host, self.pid())).unwrap()
    }

    /// Everything in its session that lives.
    fn living(&self, host: &Host, session: u32) -> Vec<u32> {
        let census = census::Census::take(host).unwrap();
        census.of_session(session).map(|entry| entry.pid).collect()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        let host = host();
        if let Ok(children) = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.head.id()))
            && let Ok(session) = children.trim().parse()
        {
            while !self.living(&host, session).is_empty() {
                for pid in self.living(&host, session) {
                    let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
                }
            }
        }
        let _ = self.head.kill();
        let _ = self.head.wait();
    }
}

fn tree(host: &Host, family: &Family) -> Scope {
    let (mut scope, unresolved) = Scope::resolve(host, ScopeKind::Tree, vec![(0, family.handle(host))]).unwrap();
    assert!(unresolved.is_empty(), "{unresolved:?}");
    permit_all(&mut scope);
    scope
}

fn state(pid: u32) -> Option<procwire_proto::v1::ProcessState> {
    let line = fs::read(format!("/proc/{pid}/stat")).ok()?;
    Stat::parse(&line)?.state
}

fn is_stopped(member: &Member) -> bool {
    state(member.handle.reference().pid) == Some(procwire_proto::v1::ProcessState::Stopped)
}

#[track_caller]
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let since = std::time::Instant::now();
    while !condition() {
        assert!(since.elapsed() < PATIENCE, "{what} never came");
        std::thread::yield_now();
    }
}

fn all(_: usize) -> bool {
    true
}

fn permit_all(scope: &mut Scope) {
    scope.undecided().into_iter().for_each(|member| scope.permit(member));
}

fn everyone(_: usize, _: &Member) -> bool {
    true
}

#[test]
fn a_tree_is_the_target_and_its_descendants_those_farthest_down_first() {
    let host = host();
    let family = Family::new("sh -c 'sleep 60 & echo ready; wait' & sleep 60 & wait");
    eventually("the second child", || tree(&host, &family).members().len() == 4);
    let scope = tree(&host, &family);
    let names: Vec<_> = scope.members().iter().map(|member| member.handle.name().to_vec()).collect();
    assert_eq!(names.iter().filter(|name| *name == b"sleep").count(), 2, "{names:?}");
    let order = scope.deepest_first();
    assert_eq!(order.last(), Some(&0), "the target comes last");
    let pid = |member: &usize| scope.members()[*member].handle.reference().pid;
    let grandchild = scope.depths().iter().position(|depth| *depth == 2).unwrap();
    assert_eq!(order[0], grandchild, "{:?}", order.iter().map(pid).collect::<Vec<_>>());
    assert!((0..4).all(|member| scope.target_of(member) == Some(0)));
}

#[test]
fn one_that_forks_as_fast_as_it_can_is_ended_whole() {
    let host = host();
    // Every child forks too; there is an end to it, should the test fail.
    let family = Family::new("echo ready; i=0; while [ $i -lt 3000 ]; do i=$((i+1)); (sleep 60 & wait) & done; wait");
    let session = family.pid();
    eventually("some forks", || family.living(&host, session).len() > 20);
    let mut scope = tree(&host, &family);
    let planned = scope.members().len();
    let held = scope.hold(&host, PATIENCE, &mut everyone).unwrap();
    assert!(held.is_whole());
    let total = scope.members().len();
    assert!(total > planned, "{total}: nothing was forked meanwhile, so nothing was tried");
    let killed = held.kill(&scope, &all);
    assert!(killed.iter().all(|(_, result)| result.is_ok()), "{killed:?}");
    eventually("the end of all", || family.living(&host, session).is_empty());
    assert!(scope.members().iter().all(|member| member.handle.has_ended()));
}

#[test]
fn what_was_held_is_let_go_and_what_was_stopped_before_stays_stopped() {
    let host = host();
    let family = Family::new("sh -c 'kill -STOP $$' & sleep 60 & echo ready; wait");
    eventually("a stopped child", || tree(&host, &family).members().iter().any(is_stopped));
    let mut scope = tree(&host, &family);
    let stopped = |scope: &Scope| scope.members().iter().filter(|member| is_stopped(member)).count();
    let held = scope.hold(&host, PATIENCE, &mut everyone).unwrap();
    assert!(held.is_whole());
    assert_eq!((stopped(&scope), scope.members().len()), (3, 3));
    drop(held);
    eventually("the others to go on", || stopped(&scope) == 1);
}

#[test]
fn threads_of_a_process_are_all_stopped_before_it_counts_as_stopped() {
    let host = host();
    let scope = tree(&host, &Family::new("echo ready; exec sleep 60"));
    // This process has several threads, and none is stopped.
    let own = ProcessHandle::open(&host, &reference(&host, std::process::id())).unwrap();
    assert!(!membership::is_stopped(&own));
    drop(scope);
}

#[test]
fn who_is_as_young_as_the_scope_stands_below_its_parent_and_not_below_its_session() {
    let host = host();
    let family = Family::new("sh -c 'sleep 60 & sleep 61 & echo ready; wait' & sleep 62 & wait");
    eventually("all children", || tree(&host, &family).members().len() == 5);
    let (mut scope, _) = Scope::resolve(&host, ScopeKind::Process, vec![(0, family.handle(&host))]).unwrap();
    // As if all had been forked within this tick.
    scope.began_ticks = 0;
    scope.grow_trees(&host).unwrap();
    let mut depths = scope.depths();
    depths.sort_unstable();
    assert_eq!(depths, [0, 1, 1, 2, 2]);
}

#[test]
fn a_denied_member_refuses_the_targets_around_it_and_no_other() {
    let host = host();
    let family = Family::new("sh -c 'sleep 60 & sleep 61 & echo ready; wait' & sleep 62 & wait");
    eventually("all children", || tree(&host, &family).members().len() == 5);
    let whole = tree(&host, &family);
    let open = |member: usize| {
        let reference = whole.members()[member].handle.reference().clone();
        ProcessHandle::open(&host, &reference).unwrap()
    };
    let depth = |wanted: u32| whole.depths().iter().position(|depth| *depth == wanted).unwrap();
    let inner = whole.members()[depth(2)].parent.unwrap();
    // Inner targets named before and after the outer one, and one process a second time.
    let targets = vec![(7, open(inner)), (8, open(0)), (9, open(depth(2))), (10, open(0))];
    let (mut scope, unresolved) = Scope::resolve(&host, ScopeKind::Tree, targets).unwrap();
    assert!(unresolved.is_empty());
    assert_eq!(scope.members().len(), 5, "each once");
    let of = |target: usize| (0..5).filter(|member| scope.target_of(*member) == Some(target)).count();
    assert_eq!((of(7), of(8), of(9), of(10)), (2, 2, 1, 0), "each with the innermost target");
    assert_eq!(scope.depths()[0], 1, "a target below another is as deep as it is");
    permit_all(&mut scope);
    assert_eq!(scope.refuse(0), [7, 8]);
    assert_eq!(scope.deepest_first().len(), 1);
    assert_eq!(scope.target_of(scope.deepest_first()[0]), Some(9));
    assert_eq!(scope.refuse(0), Vec::<usize>::new());
}

#[test]
fn one_that_joined_and_is_denied_is_spared() {
    let host = host();
    let family = Family::new("echo ready; sleep 60 & sleep 61 & wait");
    let pid = family.pid();
    let (mut scope, _) = Scope::resolve(&host, ScopeKind::Tree, vec![(0, family.handle(&host))]).unwrap();
    permit_all(&mut scope);
    eventually("both children", || family.living(&host, pid).len() == 3);
    let planned = scope.members().len();
    let held = scope.hold(&host, PATIENCE, &mut |_, _| false).unwrap();
    assert_eq!(scope.members().len(), 3);
    assert_eq!(scope.deepest_first().len(), planned);
    held.kill(&scope, &all);
    eventually("the end of the shell", || !family.living(&host, pid).contains(&pid));
    let left = family.living(&host, pid);
    assert_eq!(left.len(), 3 - planned, "the spared live");
    assert!(left.iter().all(|pid| state(*pid) != Some(procwire_proto::v1::ProcessState::Stopped)));
}

#[test]
fn orphans_are_found_by_the_session_of_a_member_that_leads_it() {
    let host = host();
    // The orphan's parent is gone before anybody looks.
    let family = Family::new("echo ready; read line; (sleep 60 & true); wait; sleep 61");
    drop(family);
    let family = Family::new("echo ready; sleep 0.3; (sleep 60 &); sleep 61");
    let pid = family.pid();
    let mut scope = tree(&host, &family);
    eventually("the orphan", || family.living(&host, pid).len() >= 3 && !scope.rescan(&host).unwrap().is_empty());
    eventually("all", || {
        scope.rescan(&host).unwrap();
        let known: Vec<u32> = scope.members().iter().map(|member| member.handle.reference().pid).collect();
        let living = family.living(&host, pid);
        living.len() == 3 && living.iter().all(|pid| known.contains(pid))
    });
}

#[test]
fn more_processes_than_descriptors_are_refused_before_anything_is_done() {
    let host = host();
    let family = Family::new("sleep 60 & sleep 61 & sleep 62 & echo ready; wait");
    let mut scope = Scope {
        kind: ScopeKind::Tree,
        owners: Vec::new(),
        members: Vec::new(),
        known: HashMap::new(),
        began_ticks: 0,
        room: Room::for_members(3),
    };
    scope.add_target(&host, 0, family.handle(&host)).unwrap();
    let error = scope.rescan(&host).unwrap_err();
    assert!(matches!(error, ScopeError::Descriptors { found: 3, .. }), "{error}");
}

#[test]
fn who_was_found_by_a_look_that_failed_is_decided_on_before_anything_is_done() {
    let host = host();
    let family = Family::new("sleep 60 & sleep 61 & sleep 62 & echo ready; wait");
    let pid = family.pid();
    let mut scope = Scope {
        kind: ScopeKind::Tree,
        owners: Vec::new(),
        members: Vec::new(),
        known: HashMap::new(),
        began_ticks: 0,
        room: Room::for_members(3),
    };
    eventually("all children", || family.living(&host, pid).len() == 4);
    scope.add_target(&host, 0, family.handle(&host)).unwrap();
    scope.permit(0);
    scope.hold(&host, PATIENCE, &mut |_, _| panic!("a look that failed asks nobody")).unwrap_err();
    assert_eq!((scope.members().len(), scope.deepest_first()), (3, vec![0]));
    scope.room = Room::for_members(100);
    let mut asked = Vec::new();
    let held = scope.hold(&host, PATIENCE, &mut |member, _| {
        asked.push(member);
        false
    });
    let held = held.unwrap();
    assert_eq!(asked, [1, 2, 3], "those of the look that failed as well, each once");
    assert_eq!(scope.members().iter().filter(|member| is_stopped(member)).count(), 1);
    let killed: Vec<usize> = held.kill(&scope, &all).into_iter().map(|(member, _)| member).collect();
    assert_eq!(killed, [0]);
    eventually("the end of the shell", || !family.living(&host, pid).contains(&pid));
    assert_eq!(family.living(&host, pid).len(), 3);
}

#[test]
fn who_joins_a_target_that_was_refused_is_nobodys_to_decide_on() {
    let host = host();
    let family = Family::new("sleep 60 & echo ready; wait");
    let (mut scope, _) = Scope::resolve(&host, ScopeKind::Tree, vec![(0, family.handle(&host))]).unwrap();
    assert_eq!(scope.refuse(0), [0]);
    eventually("the child", || scope.rescan(&host).is_ok() && scope.members().len() == 2);
    assert!(scope.undecided().is_empty());
    scope.permit(1);
    assert!(!scope.is_active(1));
}

#[test]
fn who_came_into_a_group_after_the_last_look_is_not_ended_with_it() {
    let Some(group) = MadeGroup::unified() else { return };
    let host = host();
    let family = group.family("sleep 60 & echo ready; wait");
    let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
    let (mut scope, _) = Scope::resolve(&host, ScopeKind::Cgroup, vec![(0, family.handle(&host))]).unwrap();
    let held = scope.hold(&host, PATIENCE, &mut everyone).unwrap();
    assert!(held.is_whole());
    let moved = fs::write(group.0.join("below/cgroup.procs"), stranger.id().to_string());
    let killed = held.kill(&scope, &all);
    let by_pidfd = killed.iter().all(|(_, result)| matches!(result, Ok(ControlMechanism::Pidfd)));
    let lives = stranger.try_wait().unwrap().is_none();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    moved.unwrap();
    assert!(by_pidfd && lives && !killed.is_empty(), "{killed:?}");
}

#[test]
fn a_group_with_one_that_is_not_meant_is_not_ended_at_once() {
    let Some(group) = MadeGroup::unified() else { return };
    let host = host();
    let family = group.family("sleep 60 & sleep 61 & echo ready; wait");
    let (mut scope, _) = Scope::resolve(&host, ScopeKind::Cgroup, vec![(0, family.handle(&host))]).unwrap();
    let held = scope.hold(&host, PATIENCE, &mut everyone).unwrap();
    let killed = held.kill(&scope, &|member| member != 1);
    assert!(killed.iter().all(|(member, result)| *member != 1 && matches!(result, Ok(ControlMechanism::Pidfd))));
    assert!(!scope.members()[1].handle.has_ended());
}

/// A group of the test's own, in the tree below this directory.
struct MadeGroup(PathBuf);

impl MadeGroup {
    /// `None`, with the reason printed, where none can be made.
    fn below(tree: &str, file: &str) -> Option<Self> {
        static MADE: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = Path::new(tree).join(format!("procwire-scope-{}-{number}", std::process::id()));
        let made = if Path::new(tree).join(file).exists() {
            fs::create_dir_all(folder.join("below")).map_err(|error| error.to_string())
        } else {
            Err(format!("{tree} is no such tree"))
        };
        match made {
            Ok(()) => Some(Self(folder)),
            Err(error) => {
                eprintln!("skipped: no group can be made: {error}");
                None
            }
        }
    }

    fn unified() -> Option<Self> {
        let hybrid = Path::new("/sys/fs/cgroup/unified/cgroup.procs").exists();
        let tree = if hybrid { "/sys/fs/cgroup/unified" } else { "/sys/fs/cgroup" };
        Self::below(tree, if hybrid { "cgroup.procs" } else { "cgroup.controllers" })
    }

    fn freezer() -> Option<Self> {
        Self::below("/sys/fs/cgroup/freezer", "cgroup.procs")
    }

    /// A shell that went into the group below, and said "ready".
    fn family(&self, script: &str) -> Family {
        let enter = format!("echo $$ > {}/cgroup.procs; {script}", self.0.join("below").display());
        Family::new(&enter)
    }
}

impl Drop for MadeGroup {
    fn drop(&mut self) {
        let since = std::time::Instant::now();
        while since.elapsed() < PATIENCE
            && (fs::remove_dir(self.0.join("below")).is_err() | fs::remove_dir(&self.0).is_err())
        {
            if !self.0.exists() {
                return;
            }
        }
    }
}

const FORKER: &str = "echo ready; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); (setsid sleep 60 &) ; done; wait";

fn ended_whole(group: &MadeGroup, wanted: ControlMechanism) {
    let host = host();
    let family = group.family(FORKER);
    let procs = group.0.join("below/cgroup.procs");
    let count = || fs::read_to_string(&procs).unwrap().lines().count();
    eventually("some forks", || count() > 20);
    let (mut scope, unresolved) = Scope::resolve(&host, ScopeKind::Cgroup, vec![(3, family.handle(&host))]).unwrap();
    assert!(unresolved.is_empty(), "{unresolved:?}");
    permit_all(&mut scope);
    let planned = scope.members().len();
    let held = scope.hold(&host, PATIENCE, &mut everyone).unwrap();
    assert!(held.is_whole());
    assert!(scope.members().len() >= planned.max(20));
    let killed = held.kill(&scope, &all);
    let alive: Vec<_> = killed.iter().filter(|(_, result)| !matches!(result, Ok(how) if *how == wanted)).collect();
    assert!(alive.is_empty(), "{alive:?}");
    eventually("an empty group", || count() == 0);
    assert!(scope.rescan(&host).unwrap().is_empty());
    eventually("all ends", || scope.members().iter().all(|member| member.handle.has_ended()));
}

use procwire_proto::v1::ControlMechanism;

#[test]
fn daemons_of_a_unified_group_are_ended_with_it() {
    let Some(group) = MadeGroup::unified() else { return };
    let wanted =
        if group.0.join("cgroup.kill").exists() { ControlMechanism::CgroupKill } else { ControlMechanism::Pidfd };
    ended_whole(&group, wanted);
    let frozen = fs::read_to_string(group.0.join("cgroup.freeze")).unwrap_or_default();
    assert!(!frozen.contains('1'), "it is thawed again");
}

#[test]
fn daemons_of_a_group_of_the_old_freezer_are_ended_with_it() {
    let Some(group) = MadeGroup::freezer() else { return };
    if fs::read_to_string("/proc/self/cgroup").unwrap().lines().any(|line| line.starts_with("0::/") && line != "0::/") {
        eprintln!("skipped: the tests live in a group of the unified tree, which comes first");
        return;
    }
    ended_whole(&group, ControlMechanism::Pidfd);
    assert_eq!(fs::read_to_string(group.0.join("below/freezer.state")).unwrap(), "THAWED\n");
}

#[test]
fn a_group_that_is_let_go_is_thawed_and_one_denied_keeps_it_from_being_ended_at_once() {
    let Some(group) = MadeGroup::unified() else { return };
    let host = host();
    let family = group.family("sleep 60 & sleep 61 & echo ready; wait");
    let (mut scope, _) = Scope::resolve(&host, ScopeKind::Cgroup, vec![(0, family.handle(&host))]).unwrap();
    assert_eq!(scope.members().len(), 3);
    permit_all(&mut scope);
    let freeze = group.0.join("below/cgroup.freeze");
    let held = scope.hold(&host, PATIENCE, &mut everyone).unwrap();
    assert_eq!(fs::read_to_string(&freeze).unwrap(), "1\n");
    drop(held);
    assert_eq!(fs::read_to_string(&freeze).unwrap(), "0\n");
    scope.spare(2);
    let killed = scope.hold(&host, PATIENCE, &mut everyone).unwrap().kill(&scope, &all);
    assert!(killed.iter().all(|(member, result)| *member != 2 && matches!(result, Ok(ControlMechanism::Pidfd))));
    assert!(!scope.members()[2].handle.has_ended());
    assert_eq!(fs::read_to_string(&freeze).unwrap(), "0\n");
}

#[test]
fn two_targets_in_one_group_are_one_owner_and_an_inner_group_is_refused_with_its_outer() {
    let Some(group) = MadeGroup::unified() else { return };
    let host = host();
    let inner = group.family("echo ready; exec sleep 60");
    let second = group.family("echo ready; exec sleep 61");
    let outer = Family::new(&format!("echo $$ > {}/cgroup.procs; echo ready; exec sleep 62", group.0.display()));
    let targets = vec![(0, inner.handle(&host)), (1, outer.handle(&host)), (2, second.handle(&host))];
    let (mut scope, unresolved) = Scope::resolve(&host, ScopeKind::Cgroup, targets).unwrap();
    assert!(unresolved.is_empty());
    assert_eq!(scope.members().len(), 3);
    assert_eq!((0..3).map(|member| scope.target_of(member).unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    permit_all(&mut scope);
    assert_eq!(scope.refuse(1), [1], "what is wrong with the outer group is nothing to the inner");
    assert_eq!(scope.deepest_first().len(), 2);
    assert_eq!(scope.refuse(2), [0, 2]);
    assert_eq!(scope.deepest_first().len(), 0);
}

#[test]
fn the_root_and_the_agents_own_group_are_nobodys_scope() {
    let host = host();
    // A child is where the tests are: in the root, or in the group of the agent itself.
    let family = Family::new("echo ready; exec sleep 60");
    let (scope, unresolved) = Scope::resolve(&host, ScopeKind::Cgroup, vec![(5, family.handle(&host))]).unwrap();
    assert!(scope.members().is_empty());
    let [(5, error)] = unresolved.as_slice() else { panic!("{unresolved:?}") };
    assert!(matches!(error, ScopeError::NoGroup { .. } | ScopeError::ProtectedGroup { .. }), "{error}");
}
