//! Network namespaces: the agent's own, and every other one that a process lives in or that is bound below `/run/netns`.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, stat, statat},
    io::Errno,
};

use super::{
    holders::may_hold_something,
    netlink::{DiagSocket, DumpError},
};
use crate::{
    Host,
    netlink::within,
    procfs::{Buffer, ProcessPath},
};

/// One network namespace, and the way into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Namespace {
    /// Inode of `/proc/PID/ns/net`; `None`: not known, which only happens to our own, and to the host's where we may not see it.
    pub(super) inode: Option<u64>,
    pub(super) way: Way,
    /// Other processes that live in it, should that one end.
    spare: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// We are in it.
    Own,
    /// Through a process that is: its directory below `/proc`, or that of one of its threads.
    Process(String),
    /// Through a file that it is bound to.
    Bound(PathBuf),
}

/// Init, which lives in the host's own namespaces.
const FIRST_PROCESS: u32 = 1;

/// So many other processes of a namespace are remembered.
const SPARE_MAX: usize = 3;

/// Namespaces found, and who lives where.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) namespaces: Vec<Namespace>,
    /// Pid and namespace.
    pub(super) homes: Vec<(u32, u64)>,
    /// Processes that did not let us see theirs, and may hold sockets there.
    pub(super) hidden: Vec<u32>,
}

impl Namespace {
    /// The one that the agent lives in: of the real procfs, whichever one is read.
    pub(super) fn own() -> Self {
        Self::new(stat("/proc/self/ns/net").ok().map(|file| file.st_ino), Way::Own)
    }

    /// The one that stands for the host: our own, or that of process 1 where we see the host's procfs from a container. Which one that
    /// is takes CAP_SYS_PTRACE to learn, and CAP_SYS_ADMIN to enter; its text tables are for everybody.
    pub(super) fn of_host(host: &Host) -> Self {
        if host.has_own_network() {
            return Self::own();
        }
        match Self::of_process(host, FIRST_PROCESS, None) {
            Ok(namespace) => namespace,
            Err(Errno::ACCESS | Errno::PERM) => Self::new(None, Way::Process(FIRST_PROCESS.to_string())),
            // A captured tree, in which nobody lives.
            Err(_) => Self::own(),
        }
    }

    /// The one that a process lives in, or the thread that stands for it.
    pub(super) fn of_process(host: &Host, pid: u32, thread: Option<u32>) -> Result<Self, Errno> {
        let directory = thread.map_or_else(|| pid.to_string(), |thread| format!("{pid}/task/{thread}"));
        let inode = Some(statat(host.proc(), format!("{directory}/ns/net"), AtFlags::empty())?.st_ino);
        let own = Self::own();
        Ok(if own.inode == inode { own } else { Self::new(inode, Way::Process(directory)) })
    }

    /// The host's, and those of these processes and below `/run/netns`, each once.
    pub(super) fn find(host: &Host, pids: &[u32]) -> Found {
        let of_host = Self::of_host(host);
        // Where in the list each is.
        let mut known: BTreeMap<u64, usize> = of_host.inode.map(|inode| (inode, 0)).into_iter().collect();
        let mut found = Found { namespaces: vec![of_host], homes: Vec::new(), hidden: Vec::new() };
        let mut buffer = Buffer::new();
        for &pid in pids {
            let file = statat(host.proc(), ProcessPath::new(pid).file("ns/net"), AtFlags::empty());
            found.homes.extend(file.as_ref().ok().map(|file| (pid, file.st_ino)));
            match file {
                Ok(file) => match known.entry(file.st_ino) {
                    Entry::Vacant(place) => {
                        place.insert(found.namespaces.len());
                        found.namespaces.push(Self::new(Some(file.st_ino), Way::Process(pid.to_string())));
                    }
                    Entry::Occupied(place) => {
                        let namespace = found.namespaces.get_mut(*place.get()).filter(|namespace| !namespace.is_own());
                        if let Some(namespace) = namespace.filter(|namespace| namespace.spare.len() < SPARE_MAX) {
                            namespace.spare.push(pid);
                        }
                    }
                },
                Err(Errno::ACCESS | Errno::PERM) if may_hold_something(host, pid, &mut buffer) => {
                    found.hidden.push(pid);
                }
                // It has gone, or is a zombie, which lives nowhere.
                Err(_) => {}
            }
        }
        for (inode, path) in bound(&host.roots().run.join("netns")) {
            if let Entry::Vacant(place) = known.entry(inode) {
                place.insert(found.namespaces.len());
                found.namespaces.push(Self::new(Some(inode), Way::Bound(path)));
            }
        }
        found
    }

    pub(super) fn new(inode: Option<u64>, way: Way) -> Self {
        Self { inode, way, spare: Vec::new() }
    }

    /// The same by another process that lives in it, should there be no way by the first.
    pub(super) fn by_another(&self) -> Option<Self> {
        let (pid, spare) = self.spare.split_last()?;
        Some(Self { inode: self.inode, way: Way::Process(pid.to_string()), spare: spare.to_vec() })
    }

    /// True if the way still leads into it: a process may end, and its pid be given out again.
    pub(super) fn is_there(&self, host: &Host) -> bool {
        match &self.way {
            Way::Own => true,
            // Process 1 does not end before its host does.
            Way::Process(_) if self.inode.is_none() => true,
            Way::Process(directory) => {
                let file = statat(host.proc(), format!("{directory}/ns/net"), AtFlags::empty());
                file.is_ok_and(|file| Some(file.st_ino) == self.inode)
            }
            Way::Bound(path) => stat(path).is_ok_and(|file| Some(file.st_ino) == self.inode),
        }
    }

    /// A socket that answers for this namespace.
    pub(super) fn diag_socket(&self, host: &Host) -> Result<DiagSocket, DumpError> {
        let file = match &self.way {
            Way::Own => return DiagSocket::open(),
            Way::Process(directory) => {
                openat(host.proc(), format!("{directory}/ns/net"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            }
            // Nothing may be waited for, should it be something else by now.
            Way::Bound(path) => openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()),
        };
        let file = file.map_err(|errno| match errno {
            Errno::NOENT | Errno::SRCH => DumpError::Gone,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => DumpError::Failed(errno),
            _ => DumpError::Refused(errno),
        })?;
        let inode = fstat(&file).map_err(DumpError::Failed)?.st_ino;
        if self.inode.is_some_and(|known| known != inode) {
            return Err(DumpError::Gone);
        }
        within(file.as_fd(), DiagSocket::open)
    }

    /// True of the one that the agent lives in.
    pub(super) fn is_own(&self) -> bool {
        self.way == Way::Own
    }

    /// How it is called in messages: as the kernel writes it.
    pub(super) fn name(&self) -> String {
        self.inode.map_or_else(|| "net:[?]".to_owned(), |inode| format!("net:[{inode}]"))
    }
}

/// Namespaces that files of this directory are bound to, as `ip netns add` does it.
fn bound(directory: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(kernel) = stat("/proc/self/ns/net").map(|file| file.st_dev) else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        // All namespaces are files of one filesystem (fs/nsfs.c); what else may lie there is not ours to open.
        if let Ok(file) = stat(&path)
            && file.st_dev == kernel
        {
            found.push((file.st_ino, path));
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Roots;

    #[test]
    fn our_own_comes_first_and_once() {
        let host = Host::open(Roots::default()).unwrap();
        let found = Namespace::find(&host, &[std::process::id(), std::process::id()]).namespaces;
        let own = Namespace::own();
        assert_eq!(found.iter().filter(|namespace| namespace.inode == own.inode).collect::<Vec<_>>(), [&found[0]]);
        assert_eq!(found[0], own);
        let link = std::fs::read_link("/proc/self/ns/net").unwrap();
        assert_eq!(own.name(), link.to_str().unwrap());
    }

    #[test]
    fn in_a_container_that_of_process_1_comes_first_seen_or_not() {
        let host = Host::open(Roots { proc: "/proc/../proc".into(), ..Roots::default() }).unwrap();
        let of_host = Namespace::of_host(&host);
        assert_eq!(Namespace::find(&host, &[]).namespaces.first(), Some(&of_host));
        match stat("/proc/1/ns/net") {
            Ok(file) => assert_eq!(of_host.inode, Some(file.st_ino)),
            Err(_) if host.has_own_network() => assert_eq!(of_host, Namespace::own()),
            Err(_) => assert_eq!(of_host, Namespace::new(None, Way::Process("1".to_owned()))),
        }
        assert!(of_host.is_there(&host));
        let unseen = Namespace::new(None, Way::Process("1".to_owned()));
        assert!(unseen.is_there(&host) && !unseen.is_own());
        assert_eq!(unseen.name(), "net:[?]");
    }

    #[test]
    fn files_that_are_no_namespaces_are_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink("/proc/self/ns/net", directory.path().join("net")).unwrap();
        let found = bound(directory.path());
        assert_eq!(found, [(Namespace::own().inode.unwrap(), directory.path().join("net"))]);
        assert!(bound(Path::new("/does/not/exist")).is_empty());
    }

    #[test]
    fn a_namespace_that_is_another_by_now_is_not_entered() {
        let host = Host::open(Roots::default()).unwrap();
        let mut other = Namespace::new(Some(1), Way::Process("self".to_owned()));
        assert_eq!(other.diag_socket(&host).unwrap_err(), DumpError::Gone);
        assert!(!other.is_there(&host) && Namespace::own().is_there(&host));
        // Pid 4194304 is the highest there can be.
        other.way = Way::Process("4194304".to_owned());
        assert_eq!(other.diag_socket(&host).unwrap_err(), DumpError::Gone);
        assert!(!other.is_there(&host));
    }

    #[test]
    fn another_process_of_it_will_do() {
        let mut first = Namespace::new(Some(7), Way::Process("3".to_owned()));
        first.spare = vec![5, 9];
        let second = first.by_another().unwrap();
        assert_eq!((second.inode, &second.way), (Some(7), &Way::Process("9".to_owned())));
        let third = second.by_another().unwrap();
        assert_eq!((&third.way, third.by_another()), (&Way::Process("5".to_owned()), None));
    }
}
