//! The way along a path, one name after the other, up to its end or to a link.
//!
//! openat(2) of the whole path would follow links unseen: into a filesystem that never answers, into a folder where looking at a name
//! mounts something, into /proc, where they lead to what other processes have open. RESOLVE_NO_MAGICLINKS of openat2(2) refuses only the
//! last, and only since Linux 5.6. One name at a time needs no more than O_PATH and O_NOFOLLOW, and is the same in a container.

use std::{
    ffi::OsStr,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Component, Path, PathBuf},
};

use procwire_proto::v1::DiskUsage;
use rustix::{
    fs::{CWD, Mode, OFlags},
    io::Errno,
};

use super::mount::{MountKey, usage_of};
use crate::askers::Question;

/// PROC_SUPER_MAGIC (include/uapi/linux/magic.h).
const PROCFS: i64 = 0x9fa0;

/// How much room there is at a path, or where the first link on the way leads.
pub(crate) struct PathQuestion {
    /// Root of the host, where it is not the agent's.
    pub(super) root: Option<PathBuf>,
    pub(super) key: PathKey,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PathKey {
    /// The mount that the path ends in, if the table has it.
    pub(super) mount: Option<MountKey>,
    /// As [`plain`] has it.
    pub(super) path: PathBuf,
}

/// Where a way ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum WayEnd {
    Usage(DiskUsage),
    /// The path goes on from the root like this.
    Link(PathBuf),
    /// A link of procfs: it opens what it leads to by itself, whatever its text says.
    ProcfsLink,
    Failed(Errno),
}

impl Question for PathQuestion {
    type Key = PathKey;
    type Answer = WayEnd;

    /// A filesystem may answer statfs and hang at its files: others keep their threads, and a second caller his chance.
    const MOST_BESIDE: usize = 2;

    fn key(&self) -> PathKey {
        self.key.clone()
    }

    fn is_beside(key: &PathKey, other: &PathKey) -> bool {
        key.mount == other.mount
    }

    fn ask(&self) -> WayEnd {
        self.walk().unwrap_or_else(WayEnd::Failed)
    }
}

impl PathQuestion {
    fn walk(&self) -> Result<WayEnd, Errno> {
        let root = self.root.as_deref().unwrap_or(Path::new("/"));
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let mut place = rustix::fs::openat(CWD, root, flags | OFlags::DIRECTORY, Mode::empty())?;
        let mut names = self.key.path.components();
        let mut walked = PathBuf::from("/");
        while let Some(component) = names.next() {
            let Component::Normal(name) = component else { continue };
            place = rustix::fs::openat(&place, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
            if let Some(target) = target_of(&place)? {
                if is_of_procfs(&place)? {
                    return Ok(WayEnd::ProcfsLink);
                }
                return Ok(WayEnd::Link(joined(&walked, &target).join(names.as_path())));
            }
            walked.push(name);
        }
        usage_of(&place).map(WayEnd::Usage)
    }
}

/// Where a link leads; `None` for what is no link. The kernel tells them apart without asking the filesystem (fs/stat.c, do_readlinkat).
fn target_of(place: &OwnedFd) -> Result<Option<PathBuf>, Errno> {
    match rustix::fs::readlinkat(place, c"", Vec::new()) {
        Ok(target) => Ok(Some(PathBuf::from(OsStr::from_bytes(target.as_bytes())))),
        Err(Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[allow(clippy::unnecessary_cast, reason = "the words of statfs have other sizes on other architectures")]
fn is_of_procfs(place: &OwnedFd) -> Result<bool, Errno> {
    rustix::fs::fstatfs(place).map(|told| told.f_type as i64 == PROCFS)
}

/// An absolute path without `.`, doubled and last slashes; a last one would trigger an automount point. `None` if it has a `..`: what that
/// means depends on the links before it.
pub(super) fn plain(path: &Path) -> Option<PathBuf> {
    let has_parent = path.components().any(|component| component == Component::ParentDir);
    (path.is_absolute() && !has_parent).then(|| path.components().collect())
}

/// Where a link in this folder leads. The folder has no links in it, so that `..` is what stands before.
fn joined(folder: &Path, target: &Path) -> PathBuf {
    let mut joined = folder.to_path_buf();
    for component in target.components() {
        match component {
            Component::RootDir => joined = PathBuf::from("/"),
            Component::ParentDir => {
                joined.pop();
            }
            Component::Normal(name) => joined.push(name),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    joined
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn walk(path: &Path) -> WayEnd {
        PathQuestion { root: None, key: PathKey { mount: None, path: path.to_path_buf() } }.ask()
    }

    #[test]
    fn a_way_ends_at_the_first_link() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir(folder.join("a")).unwrap();
        for (target, expected) in
            [("x", "a/x/b/c"), ("../x", "x/b/c"), ("./x/../y/.", "a/y/b/c"), ("x/../../../..//etc", "../../etc/b/c")]
        {
            let link = folder.join("a/link");
            symlink(target, &link).unwrap();
            let expected = joined(&folder, Path::new(expected));
            assert_eq!(walk(&link.join("b/c")), WayEnd::Link(expected), "{target}");
            fs::remove_file(link).unwrap();
        }
        symlink("/../../x", folder.join("a/link")).unwrap();
        assert_eq!(walk(&folder.join("a/link")), WayEnd::Link("/x".into()));
        assert!(matches!(walk(&folder.join("a")), WayEnd::Usage(_)));
        assert_eq!(walk(&folder.join("none/x")), WayEnd::Failed(Errno::NOENT));
    }

    #[test]
    fn links_of_procfs_are_never_followed() {
        for path in ["/proc/self", "/proc/self/fd/0", "/proc/1/root/x", "/proc/thread-self/cwd"] {
            let end = walk(Path::new(path));
            assert!(matches!(end, WayEnd::ProcfsLink | WayEnd::Failed(_)), "{path}: {end:?}");
        }
        let own = PathBuf::from(format!("/proc/{}/root", std::process::id()));
        assert_eq!(walk(&own), WayEnd::ProcfsLink);
    }

    #[test]
    fn a_path_is_plain_before_it_is_looked_up() {
        for (path, expected) in [("/", "/"), ("//a/./b//", "/a/b"), ("/...", "/...")] {
            assert_eq!(plain(Path::new(path)).unwrap().as_os_str(), expected);
        }
        for path in ["/..", "/a/../b", "/a/..", "a", ""] {
            assert_eq!(plain(Path::new(path)), None, "{path}");
        }
    }
}
