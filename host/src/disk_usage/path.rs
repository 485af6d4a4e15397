//! Space and inodes of the filesystem that holds a path of the host.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use procwire_proto::{escape, v1::DiskUsage};
use rustix::io::Errno;

use super::{
    CAP, DiskUsageError, MountQuestion, MountUsage, Waits,
    tree::{self, Known, MountTree},
    walk::{PathKey, PathQuestion, WayEnd, plain},
};
use crate::{Host, HostError, askers::Outcome};

/// All steps of a path have this long together: that of its filesystem and that of the path, of several if it has links.
const PATH_CAP: Duration = CAP.saturating_mul(2);

/// As many links as the kernel follows (include/linux/namei.h, MAXSYMLINKS).
const LINKS_MAX: usize = 40;

impl Host {
    /// Space and inodes of the filesystem that holds this absolute path, seen from the root of the host. Links are followed, but none of
    /// procfs; nothing is mounted by it. Returns within two seconds.
    ///
    /// # Errors
    /// The path has a `..`, leads below an automount point or into procfs, does not exist, cannot be reached, or its filesystem does not
    /// answer.
    pub fn disk_usage(&self, path: &Path) -> Result<DiskUsage, DiskUsageError> {
        let table = self.namespace_process().join("mountinfo");
        let text = fs::read(&table).map_err(|error| HostError::io("read", &table, error))?;
        let mounts = tree::known(&text);
        let look = Look { host: self, root: self.mounts_root(), tree: MountTree::new(&mounts), asked: path };
        look.usage()
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

/// One call.
struct Look<'a> {
    host: &'a Host,
    root: Option<PathBuf>,
    tree: MountTree<'a>,
    /// As the caller wrote it, for errors.
    asked: &'a Path,
}

impl Look<'_> {
    fn usage(&self) -> Result<DiskUsage, DiskUsageError> {
        let mut path = plain(self.asked).ok_or_else(|| {
            DiskUsageError::refused(self.asked, "has a `..` in it or is relative; name the folder that it leads to")
        })?;
        let ends = Instant::now() + PATH_CAP;
        for _ in 0..=LINKS_MAX {
            match self.step(path, ends)? {
                WayEnd::Usage(usage) => return Ok(usage),
                WayEnd::Link(onward) => path = onward,
                WayEnd::ProcfsLink => return Err(self.refused_as_procfs(b"/proc")),
                WayEnd::Failed(errno) => return Err(DiskUsageError::failed(self.asked, errno)),
            }
        }
        Err(DiskUsageError::failed(self.asked, Errno::LOOP))
    }

    /// As far as the next link. What the mount table tells is told before anything is opened.
    fn step(&self, path: PathBuf, ends: Instant) -> Result<WayEnd, DiskUsageError> {
        let holder = self.tree.holder(&path);
        let waits = self.tree.waits(&path);
        if let Some(holder) = holder {
            let is_end = holder.is_at(&path);
            if !is_end && holder.is_automount() {
                return Err(self.refused_as_automount(&holder.point));
            }
            if !is_end && holder.is_procfs() {
                return Err(self.refused_as_procfs(&holder.point));
            }
            // Asked first where it may hang: so all paths of a dead filesystem cost one thread.
            if is_end || waits != Waits::Never {
                match self.ask_mount(holder, waits, ends)? {
                    MountUsage::Usage(room) if is_end => return Ok(WayEnd::Usage(room.usage)),
                    _ => {}
                }
            }
        }
        let key = PathKey { mount: holder.map(|holder| holder.key), path };
        let question = Arc::new(PathQuestion { root: self.root.clone(), key });
        self.settled(self.host.filesystems().paths(waits).ask(&[question], left(ends)).pop())
    }

    fn ask_mount(&self, mount: &Known<'_>, waits: Waits, ends: Instant) -> Result<MountUsage, DiskUsageError> {
        let place = place_of(self.root.as_deref(), &mount.point);
        let question = Arc::new(MountQuestion::new(mount.key, place));
        self.settled(self.host.filesystems().ask(waits, &[question], left(ends)).pop())
    }

    fn settled<A>(&self, outcome: Option<Outcome<A>>) -> Result<A, DiskUsageError> {
        match outcome {
            Some(Outcome::Answered(answer)) => Ok(answer),
            Some(Outcome::Silent) => Err(DiskUsageError::timeout(self.asked)),
            Some(Outcome::NoThread) | None => Err(DiskUsageError::crowded(self.asked)),
        }
    }

    fn refused_as_automount(&self, point: &[u8]) -> DiskUsageError {
        let problem = format!(
            "leads below the automount point {}, where nothing is mounted: looking would mount it; ask when it is mounted",
            escape::terminal(point)
        );
        DiskUsageError::refused(self.asked, problem)
    }

    fn refused_as_procfs(&self, point: &[u8]) -> DiskUsageError {
        let problem = format!(
            "leads below {}, whose links are what processes have open; ask for {0} itself, or for the path that a link stands for",
            escape::terminal(point)
        );
        DiskUsageError::refused(self.asked, problem)
    }
}

/// What a question may take.
fn left(ends: Instant) -> Duration {
    ends.saturating_duration_since(Instant::now()).min(CAP)
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
            Err(error) => panic!("{error}"),
        }
        for name in ["/out", "/tmp/nothing"] {
            assert!(matches!(host.disk_usage(Path::new(name)), Err(DiskUsageError::NotFound { .. })), "{name}");
        }
    }

    #[test]
    fn what_would_do_more_than_look_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("1/root");
        fs::create_dir_all(root.join("net/host")).unwrap();
        fs::create_dir_all(root.join("proc/1/fd")).unwrap();
        symlink("/net/host", root.join("link")).unwrap();
        let table = "1 0 254:0 / / rw - ext4 /dev/vda rw\n2 1 0:5 / /net rw - autofs -hosts rw\n\
            3 1 0:6 / /proc rw - proc proc rw\n";
        fs::write(folder.path().join("1/mountinfo"), table).unwrap();
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: Default::default() };
        let roots = Roots { proc: folder.path().to_path_buf(), ..Roots::default() };
        let host = Host::with_machine(roots, machine).unwrap();
        for (path, word) in [
            ("/net/host", "automount point /net"),
            ("/net/host/", "automount"),
            ("/net/none", "automount"),
            ("/./net//host/x", "automount"),
            ("/link", "automount"),
            ("/proc/1/fd", "/proc"),
            ("/proc/none", "/proc"),
            ("/net/..", ".."),
            ("/../proc", ".."),
        ] {
            match host.disk_usage(Path::new(path)) {
                Err(DiskUsageError::Refused { path: told, problem }) => {
                    assert!(problem.contains(word) && told == path, "{told} {problem}");
                }
                other => panic!("{path}: {other:?}"),
            }
        }
        for path in ["/net", "/net/", "/proc/."] {
            assert!(host.disk_usage(Path::new(path)).is_ok(), "{path}");
        }
    }
}
