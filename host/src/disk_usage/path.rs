//! Space and inodes of the filesystem that holds a path of the host.

use std::{
    ffi::OsStr,
    fs, io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use procwire_proto::{escape, v1::DiskUsage};
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags},
    io::Errno,
};

use super::{CAP, MountQuestion, MountUsage, Waits, mount::usage_of};
use crate::{
    Host, HostError,
    askers::{Outcome, Question},
    system::mountinfo::{MountLine, each_mount},
};

/// Why the room at a path is not known. The path is escaped as for a terminal.
#[derive(Debug, thiserror::Error)]
pub enum DiskUsageError {
    /// Nothing is there.
    #[error("{path} does not exist on this host")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// The agent may not look.
    #[error("{path} cannot be reached with the agent's privileges: {source}")]
    Denied {
        /// What was asked for.
        path: String,
        /// EACCES or EPERM.
        source: io::Error,
    },
    /// Its filesystem did not answer, now or since an earlier call.
    #[error("the filesystem of {path} does not answer; look at its server, or at the program behind it")]
    Timeout {
        /// What was asked for.
        path: String,
        /// How long a call waits.
        after: Duration,
    },
    /// No path of any host: too long, or links that lead round.
    #[error("{path} leads nowhere: {source}")]
    Unusable {
        /// What was asked for.
        path: String,
        /// ENAMETOOLONG or ELOOP.
        source: io::Error,
    },
    /// This kernel cannot look below the root of another process.
    #[error("a path of the host cannot be followed from within a container by this kernel: openat2(2) needs Linux 5.6")]
    Unsupported,
    /// The kernel refused for another reason.
    #[error("{path}: {source}")]
    Failed {
        /// What was asked for.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// The mount table cannot be read.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Host {
    /// Space and inodes of the filesystem that holds this absolute path, seen from the root of the host. Links are followed; an automount
    /// point that the path ends in is not triggered, one on the way is. Returns within two seconds.
    ///
    /// # Errors
    /// The path does not exist, cannot be reached, or its filesystem does not answer.
    pub fn disk_usage(&self, path: &Path) -> Result<DiskUsage, DiskUsageError> {
        if let Some(mount) = self.mount_of(path)? {
            // Asked first, because it is this which hangs: so all paths of a dead filesystem cost one thread.
            let question = Arc::new(mount.question);
            match self.filesystems().ask(mount.waits, &[question]).pop() {
                Some(Outcome::Answered(MountUsage::Usage(usage))) if mount.is_path => return Ok(usage),
                Some(Outcome::Answered(_)) | None => {}
                Some(Outcome::Silent | Outcome::NoThread) => return Err(timeout(path)),
            }
        }
        let root = (!self.has_own_namespaces()).then(|| self.namespace_process().join("root"));
        let question = Arc::new(PathQuestion { root, path: path.to_path_buf() });
        match self.filesystems().paths.ask(&[question], CAP).pop() {
            Some(Outcome::Answered(Ok(usage))) => Ok(usage),
            Some(Outcome::Answered(Err(errno))) => Err(failed(path, errno)),
            Some(Outcome::Silent | Outcome::NoThread) | None => Err(timeout(path)),
        }
    }

    /// The mount that holds the path as it is written; links may lead elsewhere.
    fn mount_of(&self, path: &Path) -> Result<Option<MountOfPath>, HostError> {
        let table = self.namespace_process().join("mountinfo");
        let text = fs::read(&table).map_err(|error| HostError::io("read", &table, error))?;
        let root = self.mounts_root();
        Ok(mount_of_path(&text, path).map(|(mount, waits)| {
            let point = mount.mount_point();
            let place = place_of(root.as_deref(), &point);
            let question = MountQuestion::new(mount.id, (mount.major, mount.minor), place);
            MountOfPath { question, waits, is_path: path.as_os_str().as_bytes() == &*point }
        }))
    }

    /// Below what the host's mount points are, if not where they say.
    pub(crate) fn mounts_root(&self) -> Option<PathBuf> {
        (!self.has_own_namespaces()).then(|| self.namespace_process().join("root"))
    }
}

/// A mount point as the agent reaches it.
pub(crate) fn place_of(root: Option<&Path>, mount_point: &[u8]) -> PathBuf {
    let Some(root) = root else { return PathBuf::from(OsStr::from_bytes(mount_point)) };
    let mut place = root.as_os_str().as_bytes().to_vec();
    place.extend_from_slice(mount_point);
    PathBuf::from(OsStr::from_bytes(&place))
}

struct MountOfPath {
    question: MountQuestion,
    waits: Waits,
    is_path: bool,
}

/// The mount with the longest point that begins the path, of several at one point the one on top, and what it and those above it wait for.
fn mount_of_path<'a>(table: &'a [u8], path: &Path) -> Option<(MountLine<'a>, Waits)> {
    let mut best: Option<MountLine<'a>> = None;
    let mut waits = Waits::Never;
    each_mount(table, |mount| {
        let point = mount.mount_point();
        if !path.starts_with(OsStr::from_bytes(&point)) {
            return;
        }
        waits = waits.max(Waits::of(&mount.filesystem_type(), mount.major));
        let is_better = best.is_none_or(|best| {
            let length = best.mount_point().len();
            point.len() > length || (point.len() == length && best.parent_id != mount.id)
        });
        if is_better {
            best = Some(mount);
        }
    });
    best.map(|best| (best, waits))
}

/// How much room there is at a path.
pub(crate) struct PathQuestion {
    /// Root of the host, where it is not the agent's.
    root: Option<PathBuf>,
    path: PathBuf,
}

impl Question for PathQuestion {
    type Key = PathBuf;
    type Answer = Result<DiskUsage, Errno>;

    fn key(&self) -> PathBuf {
        self.path.clone()
    }

    fn ask(&self) -> Self::Answer {
        self.open().and_then(|place| usage_of(&place))
    }
}

impl PathQuestion {
    fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let Some(root) = &self.root else { return rustix::fs::openat(CWD, &self.path, flags, Mode::empty()) };
        let root = rustix::fs::openat(CWD, root, flags | OFlags::DIRECTORY, Mode::empty())?;
        // Links of the host are meant from its root, and never lead out of it.
        rustix::fs::openat2(root, &self.path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
    }
}

fn shown(path: &Path) -> String {
    escape::terminal(path.as_os_str().as_bytes()).into_owned()
}

fn timeout(path: &Path) -> DiskUsageError {
    DiskUsageError::Timeout { path: shown(path), after: CAP }
}

fn failed(path: &Path, errno: Errno) -> DiskUsageError {
    let (path, source) = (shown(path), io::Error::from(errno));
    match errno {
        Errno::NOENT | Errno::NOTDIR => DiskUsageError::NotFound { path },
        Errno::ACCESS | Errno::PERM => DiskUsageError::Denied { path, source },
        Errno::NAMETOOLONG | Errno::LOOP => DiskUsageError::Unusable { path, source },
        Errno::NOSYS => DiskUsageError::Unsupported,
        Errno::TIMEDOUT => DiskUsageError::Timeout { path, after: CAP },
        _ => DiskUsageError::Failed { path, source },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::{Machine, Roots};

    #[test]
    fn the_room_at_a_path_is_that_of_its_filesystem() {
        let host = Host::open(Roots::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "text").unwrap();
        symlink("file", folder.path().join("link")).unwrap();
        let expected = rustix::fs::statvfs(folder.path()).unwrap();
        for name in ["", "file", "link"] {
            let usage = host.disk_usage(&folder.path().join(name)).unwrap();
            assert_eq!(usage.total_bytes, expected.f_blocks * expected.f_frsize, "{name}");
        }
        let root = rustix::fs::statvfs("/").unwrap();
        assert_eq!(host.disk_usage(Path::new("/")).unwrap().total_bytes, root.f_blocks * root.f_frsize);
    }

    #[test]
    fn a_path_that_is_not_there_is_told_from_one_that_leads_nowhere() {
        let host = Host::open(Roots::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| host.disk_usage(&folder.path().join(name)).unwrap_err();
        fs::write(folder.path().join("file"), "").unwrap();
        symlink("round", folder.path().join("round")).unwrap();
        assert!(matches!(at("nonsense\x1b"), DiskUsageError::NotFound { path } if path.ends_with("nonsense\\x1b")));
        assert!(matches!(at("file/below"), DiskUsageError::NotFound { .. }));
        assert!(matches!(at("round"), DiskUsageError::Unusable { .. }));
        assert!(matches!(at(&"x".repeat(300)), DiskUsageError::Unusable { .. }));
    }

    #[test]
    fn paths_of_a_container_are_followed_below_the_root_of_its_host() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("1/root");
        fs::create_dir_all(root.join("data")).unwrap();
        symlink("/data", root.join("link")).unwrap();
        symlink("/../../../../../proc", root.join("out")).unwrap();
        fs::write(folder.path().join("1/mountinfo"), "1 0 254:0 / / rw - ext4 /dev/vda rw\n").unwrap();
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: Default::default() };
        let roots = Roots { proc: folder.path().to_path_buf(), ..Roots::default() };
        let host = Host::with_machine(roots, machine).unwrap();
        let expected = rustix::fs::statvfs(&root).unwrap();
        match host.disk_usage(Path::new("/link")) {
            Ok(usage) => assert_eq!(usage.total_bytes, expected.f_blocks * expected.f_frsize),
            Err(DiskUsageError::Unsupported) => return eprintln!("skipped: this kernel has no openat2"),
            Err(error) => panic!("{error}"),
        }
        for name in ["/out", "/tmp/nothing"] {
            assert!(matches!(host.disk_usage(Path::new(name)), Err(DiskUsageError::NotFound { .. })), "{name}");
        }
    }

    #[test]
    fn a_path_belongs_to_the_mount_on_top_of_the_longest_point() {
        let table = b"20 1 254:0 / / rw - ext4 /dev/vda rw\n\
            21 20 0:5 / /a rw - nfs4 host:/ rw\n\
            22 21 8:1 / /a/b rw - ext4 /dev/sda1 rw\n\
            30 22 0:6 / /a/b rw - tmpfs none rw\n\
            23 20 8:2 / /ab rw - xfs /dev/sda2 rw\n";
        let found = |path: &str| {
            let (mount, waits) = mount_of_path(table, Path::new(path)).unwrap();
            (mount.id, waits)
        };
        assert_eq!(found("/x"), (20, Waits::Never));
        assert_eq!(found("/a"), (21, Waits::ForOthers));
        assert_eq!(found("/a/b/c"), (30, Waits::ForOthers), "the way to it leads through the other host");
        assert_eq!(found("/ab/c"), (23, Waits::ForDevice));
        assert!(mount_of_path(b"", Path::new("/")).is_none());
    }
}
