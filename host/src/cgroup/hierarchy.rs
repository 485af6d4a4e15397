//! Which trees of groups there are, where they are mounted, and which of them answers for what.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use procwire_proto::v1::{CgroupV1Membership, ProcessCgroup};

use super::mounts::{self, CgroupMount};
use crate::Host;

/// The trees that are mounted.
#[derive(Clone, Debug, Default)]
pub(super) struct Hierarchies {
    pub(super) trees: Vec<Tree>,
    pub(super) homes: Homes,
}

/// One tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// As `/proc/PID/cgroup` has them: "cpu,cpuacct", "name=systemd"; empty: the unified tree.
    pub(super) controllers: Vec<u8>,
    /// Where its top is mounted.
    pub(super) directory: PathBuf,
    /// Which group is at its top, as the agent's cgroup namespace names it; `None` if nothing tells.
    pub(super) top: Option<Vec<u8>>,
}

/// Who answers for a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Home {
    /// The unified tree at this place of the list.
    Unified(usize),
    /// The v1 tree at this place of the list.
    V1(usize),
    /// A tree that is not mounted where the agent could see it.
    #[default]
    Unseen,
}

/// Who answers for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Homes {
    pub(super) unified: Option<usize>,
    pub(super) cpu: Home,
    pub(super) cpuacct: Home,
    pub(super) memory: Home,
    pub(super) io: Home,
    pub(super) pids: Home,
    /// The v1 freezer; the unified tree freezes without a controller.
    pub(super) freezer: Option<usize>,
}

impl Home {
    pub(super) fn place(self) -> Option<usize> {
        match self {
            Self::Unified(place) | Self::V1(place) => Some(place),
            Self::Unseen => None,
        }
    }

    pub(super) fn is_v1(self) -> bool {
        matches!(self, Self::V1(_))
    }
}

impl Hierarchies {
    /// The trees below `/sys/fs/cgroup` of the host: what groups are named in.
    pub(super) fn of_host(host: &Host, membership: &ProcessCgroup) -> Self {
        let base = host.roots().sys.join("fs/cgroup");
        let base = fs::canonicalize(&base).unwrap_or(base);
        let mounts = mounts_of(host);
        let find = |controllers: &[u8]| {
            let mount = mounts.iter().find(|mount| mount.is_of(controllers) && path(&mount.point).starts_with(&base));
            mount.map(|mount| Tree::mounted(controllers, mount)).or_else(|| Tree::looked_for(&base, controllers))
        };
        Self::new(membership, find, || listed(&base))
    }

    /// The trees in which the agent's own group can be seen: below `/sys/fs/cgroup` of the host, or else wherever one is mounted whose
    /// top is that group or above it. In a container that has the host's `/sys` beside its own and a cgroup namespace, only its own
    /// shows it by name.
    pub(super) fn of_agent(host: &Host, membership: &ProcessCgroup) -> Self {
        let base = host.roots().sys.join("fs/cgroup");
        let base = fs::canonicalize(&base).unwrap_or(base);
        let mut mounts = mounts_of(host);
        mounts.sort_by_key(|mount| !path(&mount.point).starts_with(&base));
        let find = |controllers: &[u8]| {
            let own = own_path(membership, controllers)?;
            let shows = |mount: &&CgroupMount| mount.is_of(controllers) && below_top(own, &mount.root).is_some();
            match mounts.iter().find(shows) {
                Some(mount) => Some(Tree::mounted(controllers, mount)),
                None if mounts.iter().any(|mount| mount.is_of(controllers)) => None,
                None => Tree::looked_for(&base, controllers),
            }
        };
        Self::new(membership, find, || listed(&base))
    }

    fn new(
        membership: &ProcessCgroup,
        find: impl Fn(&[u8]) -> Option<Tree>,
        listed: impl FnOnce() -> Vec<Tree>,
    ) -> Self {
        let mut trees: Vec<Tree> = find(b"").into_iter().collect();
        trees.extend(membership.v1.iter().filter_map(|tree| find(&tree.controllers)));
        if membership.path.is_none() && membership.v1.is_empty() {
            // Nothing tells which trees there are: a captured machine without processes.
            trees.extend(listed());
        }
        let homes = Homes::new(&trees, &membership.v1);
        Self { trees, homes }
    }
}

impl Homes {
    pub(super) fn new(trees: &[Tree], v1: &[CgroupV1Membership]) -> Self {
        let unified = trees.iter().position(|tree| tree.controllers.is_empty());
        let v1_tree = |controller: &[u8]| trees.iter().position(|tree| has(&tree.controllers, controller));
        let home = |controller: &[u8]| match (v1_tree(controller), unified) {
            (Some(place), _) => Home::V1(place),
            // A controller is in one tree at a time.
            (None, _) if v1.iter().any(|tree| has(&tree.controllers, controller)) => Home::Unseen,
            (None, Some(place)) => Home::Unified(place),
            (None, None) => Home::Unseen,
        };
        Self {
            unified,
            cpu: home(b"cpu"),
            cpuacct: home(b"cpuacct"),
            memory: home(b"memory"),
            io: home(b"blkio"),
            pids: home(b"pids"),
            freezer: v1_tree(b"freezer"),
        }
    }
}

impl Tree {
    fn mounted(controllers: &[u8], mount: &CgroupMount) -> Self {
        let directory = path(&mount.point).to_owned();
        Self { controllers: controllers.to_vec(), directory, top: Some(mount.root.clone()) }
    }

    /// Where everyone mounts it, if something is there.
    fn looked_for(base: &Path, controllers: &[u8]) -> Option<Self> {
        let directory = match controllers {
            b"" => [base.to_owned(), base.join("unified")]
                .into_iter()
                .find(|at| at.join("cgroup.controllers").is_file())?,
            controllers => {
                let name = controllers.strip_prefix(b"name=").unwrap_or(controllers);
                let is_name = !name.contains(&b'/') && !matches!(name, b"" | b"." | b"..");
                Some(base.join(path(name))).filter(|at| is_name && at.join("cgroup.procs").is_file())?
            }
        };
        Some(Self { controllers: controllers.to_vec(), directory, top: None })
    }

    /// The agent's own path of `/proc/self/cgroup`, from the top of what is mounted.
    pub(super) fn below_top<'a>(&self, own: &'a [u8]) -> Option<&'a [u8]> {
        match &self.top {
            Some(top) => below_top(own, top),
            // As everyone does who knows no better: the group if it is there, else what is there.
            None => {
                let below = own.strip_prefix(b"/")?;
                Some(if self.directory.join(path(below)).is_dir() { own } else { b"/" })
            }
        }
    }
}

/// The path of a process in the tree of these controllers.
pub(super) fn own_path<'a>(membership: &'a ProcessCgroup, controllers: &[u8]) -> Option<&'a [u8]> {
    if controllers.is_empty() {
        return membership.path.as_deref();
    }
    membership.v1.iter().find(|tree| tree.controllers == controllers).map(|tree| tree.path.as_slice())
}

/// The path of a group below the group at the top of a mount; `None` if it is not below it.
fn below_top<'a>(group: &'a [u8], top: &[u8]) -> Option<&'a [u8]> {
    let below = if top == b"/" { group } else { group.strip_prefix(top)? };
    match below.first() {
        None => Some(b"/"),
        Some(b'/') => Some(below),
        Some(_) => None,
    }
}

fn mounts_of(host: &Host) -> Vec<CgroupMount> {
    let roots = host.roots();
    let mountinfo = fs::read(roots.proc.join("self/mountinfo")).unwrap_or_default();
    let mounts = mounts::parse(&mountinfo).into_iter();
    if is_procfs(host) {
        return mounts.collect();
    }
    // The table of a captured machine speaks of its own /sys.
    let captured = |mount: CgroupMount| {
        let directory = roots.sys.join(path(mount.point.strip_prefix(b"/sys/")?));
        directory.is_dir().then(|| CgroupMount { point: directory.as_os_str().as_bytes().to_vec(), ..mount })
    };
    mounts.filter_map(captured).map(canonical).collect()
}

fn canonical(mount: CgroupMount) -> CgroupMount {
    match fs::canonicalize(path(&mount.point)) {
        Ok(point) => CgroupMount { point: point.into_os_string().as_bytes().to_vec(), ..mount },
        Err(_) => mount,
    }
}

fn is_procfs(host: &Host) -> bool {
    rustix::fs::fstatfs(host.proc()).is_ok_and(|filesystem| filesystem.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// The v1 trees that are in their places, and the unified one.
fn listed(base: &Path) -> Vec<Tree> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).collect();
    names.sort_by_key(fs::DirEntry::file_name);
    let controllers = |entry: &fs::DirEntry| match entry.file_name().as_bytes() {
        b"systemd" => b"name=systemd".to_vec(),
        name => name.to_vec(),
    };
    if base.join("cgroup.controllers").is_file() {
        return Vec::new();
    }
    let is_v1 = |tree: &Tree| !tree.directory.join("cgroup.controllers").is_file();
    names.iter().filter_map(|entry| Tree::looked_for(base, &controllers(entry))).filter(is_v1).collect()
}

fn has(controllers: &[u8], controller: &[u8]) -> bool {
    controllers.split(|byte| *byte == b',').any(|name| name == controller)
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_mount_need_not_be_the_root() {
        assert_eq!(below_top(b"/docker/7", b"/"), Some(&b"/docker/7"[..]));
        assert_eq!(below_top(b"/docker/7", b"/docker/7"), Some(&b"/"[..]));
        assert_eq!(below_top(b"/docker/7/a", b"/docker/7"), Some(&b"/a"[..]));
        assert_eq!(below_top(b"/", b"/"), Some(&b"/"[..]));
        assert_eq!(below_top(b"/docker/77", b"/docker/7"), None);
        assert_eq!(below_top(b"/", b"/../.."), None, "the host's tree, seen from a cgroup namespace");
        assert_eq!(below_top(b"", b"/"), Some(&b"/"[..]));
    }

    #[test]
    fn a_controller_whose_v1_tree_is_not_mounted_is_not_taken_for_unlimited() {
        let tree = |controllers: &[u8]| Tree { controllers: controllers.to_vec(), directory: "/x".into(), top: None };
        let line = |controllers: &[u8]| CgroupV1Membership { controllers: controllers.to_vec(), path: b"/".to_vec() };
        let trees = [tree(b""), tree(b"cpu,cpuacct")];
        let homes = Homes::new(&trees, &[line(b"cpu,cpuacct"), line(b"memory")]);
        assert_eq!((homes.cpu, homes.cpuacct, homes.memory), (Home::V1(1), Home::V1(1), Home::Unseen));
        assert_eq!((homes.pids, homes.unified, homes.freezer), (Home::Unified(0), Some(0), None));
        assert_eq!(Homes::new(&[], &[]), Homes::default());
    }
}
