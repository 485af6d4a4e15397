//! One host, opened once and shared by everyone who reads it.

use std::{
    fs,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use procwire_proto::{Timestamp, v1::SampleTime};
use rustix::{
    fs::{Mode, OFlags, PROC_SUPER_MAGIC},
    time::{ClockId, clock_gettime},
};

use crate::{HostError, Machine, Roots, control::ControlAbilities, disk_usage::Filesystems, procfs, users::Users};

/// A host: its roots, its facts, and what is worth keeping between readings. `Send + Sync`; share it in an `Arc`.
#[derive(Debug)]
pub struct Host {
    roots: Roots,
    machine: Machine,
    proc: Arc<OwnedFd>,
    users: Users,
    fd_directory_size: AtomicU8,
    own_pids: AtomicU8,
    filesystems: Filesystems,
    control_abilities: OnceLock<ControlAbilities>,
}

impl Host {
    /// Opens a host and learns its facts.
    ///
    /// # Errors
    /// procfs cannot be opened, or has no boot id.
    pub fn open(roots: Roots) -> Result<Self, HostError> {
        let machine = Machine::this(&roots)?;
        Self::with_machine(roots, machine)
    }

    /// Opens a host whose facts are known: a captured tree, a fixture.
    ///
    /// # Errors
    /// procfs cannot be opened.
    pub fn with_machine(roots: Roots, machine: Machine) -> Result<Self, HostError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = rustix::fs::open(&roots.proc, flags, Mode::empty())
            .map_err(|errno| HostError::io("open", &roots.proc, errno))?;
        let users = Users::new(&roots);
        Ok(Self {
            roots,
            machine,
            proc: Arc::new(proc),
            users,
            fd_directory_size: AtomicU8::new(UNKNOWN),
            own_pids: AtomicU8::new(UNKNOWN),
            filesystems: Filesystems::new(),
            control_abilities: OnceLock::new(),
        })
    }

    /// The same host, as if its kernel offered this for acting on processes: for trying what older ones do.
    #[must_use]
    pub fn with_control_abilities(self, abilities: ControlAbilities) -> Self {
        Self { control_abilities: OnceLock::from(abilities), ..self }
    }

    /// What there is for acting on processes. Probed once, by the agent on itself.
    pub fn control_abilities(&self) -> ControlAbilities {
        *self.control_abilities.get_or_init(ControlAbilities::probe)
    }

    /// Where the kernel's files are.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// What ticks and pages are.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The moment, by both clocks.
    pub fn sample_time(&self) -> SampleTime {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        SampleTime {
            wall: Some(timestamp(since_epoch)),
            monotonic_ns: monotonic_ns(),
            boot_id: self.machine.boot_id.clone(),
        }
    }

    /// When the kernel started: `btime` of `/proc/stat`. Read anew at each call, because it moves when the clock is stepped.
    ///
    /// # Errors
    /// `/proc/stat` cannot be read or has no such line.
    pub fn boot_time(&self) -> Result<Timestamp, HostError> {
        let path = self.roots.proc.join("stat");
        let text = fs::read(&path).map_err(|error| HostError::io("read", &path, error))?;
        let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"btime "));
        let seconds = line.and_then(procfs::number).ok_or_else(|| HostError::invalid(path, "no line \"btime\""))?;
        Ok(Timestamp { seconds: i64::try_from(seconds).unwrap_or(i64::MAX), nanos: 0 })
    }

    /// Memory of the host: `MemTotal` of `/proc/meminfo`.
    pub(crate) fn total_memory_bytes(&self) -> Result<u64, HostError> {
        let path = self.roots.proc.join("meminfo");
        let text = fs::read(&path).map_err(|error| HostError::io("read", &path, error))?;
        let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"MemTotal:"));
        let bytes = line.and_then(procfs::number).and_then(|kib| kib.checked_mul(1024));
        bytes.ok_or_else(|| HostError::invalid(path, "no line \"MemTotal\""))
    }

    pub(crate) fn proc(&self) -> BorrowedFd<'_> {
        self.proc.as_fd()
    }

    /// procfs, for those that outlive a borrow.
    pub(crate) fn shared_proc(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.proc)
    }

    pub(crate) fn users(&self) -> &Users {
        &self.users
    }

    pub(crate) fn filesystems(&self) -> &Filesystems {
        &self.filesystems
    }

    /// True if the size of `/proc/PID/fd` is the number of descriptors (kernel 6.2). Found out once, on the agent itself, which
    /// has some open.
    pub(crate) fn fd_directory_has_size(&self) -> bool {
        known(&self.fd_directory_size, || {
            fs::metadata(self.roots.proc.join("self/fd")).is_ok_and(|directory| directory.len() > 0)
        })
    }

    /// True if a pid of this procfs is the same process to a system call of the agent. It is not in a captured tree, nor where a
    /// container sees its host's procfs with pids of its own.
    pub(crate) fn has_own_pids(&self) -> bool {
        known(&self.own_pids, || {
            let status = fs::read(self.roots.proc.join("self/status")).unwrap_or_default();
            is_own_status(&status, std::process::id())
        })
    }

    /// The agent's own pid as this procfs has it: another number than its own where a container sees its host's procfs, and none in a
    /// procfs in which the agent does not live.
    pub fn own_pid(&self) -> Option<u32> {
        if self.has_own_pids() {
            return Some(std::process::id());
        }
        // proc_self_get_link of fs/proc/self.c: a link to the reader's pid in the namespace of the mount.
        let link = fs::read_link(self.roots.proc.join("self")).ok()?;
        link.to_str()?.parse().ok()
    }

    /// The name of the host. In a container the kernel tells the name of the container, so its own file goes first there.
    pub fn name(&self) -> Vec<u8> {
        let of_its_file = || {
            let text = fs::read(self.roots.etc.join("hostname")).ok()?;
            // hostname(5): one name; lines that begin with # are comments.
            let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            lines.into_iter().find(|line| !line.is_empty() && !line.starts_with(b"#")).map(<[u8]>::to_vec)
        };
        let of_the_kernel = || rustix::system::uname().nodename().to_bytes().to_vec();
        let has_own_file = self.roots.has_own_users() || self.has_own_namespaces();
        if has_own_file { None } else { of_its_file() }.unwrap_or_else(of_the_kernel)
    }

    /// True if mounts, interfaces and files are those that a system call of the agent meets. They are not where a container was given
    /// its host's procfs, whether or not it shares the pids of that host too.
    pub fn has_own_namespaces(&self) -> bool {
        self.roots.proc == Path::new("/proc") && self.has_own_pids()
    }

    /// True if a socket that the agent opens is one of the host's network: its own, or a container's that shares it. Which namespace
    /// process 1 lives in takes the right to trace it; but files of procfs about a network are others in each namespace (proc_net of
    /// fs/proc/proc_net.c), with inodes of their own (proc_alloc_inum) that everybody may see, in whichever mount of procfs.
    pub(crate) fn has_own_network(&self) -> bool {
        let inode = |process: &Path| fs::metadata(process.join("net/dev")).ok().map(|file| file.ino());
        let of_host = || inode(&self.namespace_process());
        self.has_own_namespaces()
            || is_procfs(&self.proc) && of_host().is_some_and(|of_host| Some(of_host) == inode(Path::new("/proc/self")))
    }

    /// The folder in procfs of a process whose namespaces are the host's: below it are the host's `mountinfo`, `net` and `root`. It is
    /// the agent itself, and process 1 where the host's procfs is not the agent's own; procfs itself in a tree that has neither.
    pub(crate) fn namespace_process(&self) -> PathBuf {
        let candidates: &[&str] = if self.has_own_namespaces() { &["self"] } else { &["1", "self"] };
        let folders = candidates.iter().map(|name| self.roots.proc.join(name));
        folders.into_iter().find(|folder| folder.is_dir()).unwrap_or_else(|| self.roots.proc.clone())
    }
}

/// Inodes of another filesystem say nothing.
fn is_procfs(directory: &OwnedFd) -> bool {
    rustix::fs::fstatfs(directory).is_ok_and(|filesystem| filesystem.f_type == PROC_SUPER_MAGIC)
}

/// The answer of a question that is asked once.
fn known(place: &AtomicU8, ask: impl FnOnce() -> bool) -> bool {
    match place.load(Ordering::Relaxed) {
        UNKNOWN => {
            let answer = ask();
            place.store(if answer { YES } else { NO }, Ordering::Relaxed);
            answer
        }
        known => known == YES,
    }
}

/// The agent as its procfs shows it: one pid, its own; of a namespace further out "NSpid:" lists one per level (fs/proc/array.c:
/// task_state).
fn is_own_status(status: &[u8], own_pid: u32) -> bool {
    let line =
        |key: &[u8]| status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key).map(<[u8]>::to_vec));
    let is_own = |line: &[u8]| line.trim_ascii() == own_pid.to_string().as_bytes();
    line(b"Tgid:").is_some_and(|line| is_own(&line)) && line(b"NSpid:").is_none_or(|line| is_own(&line))
}

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// Nanoseconds since boot, suspend included.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// A time since the epoch on the wire.
pub(crate) fn timestamp(since_epoch: Duration) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since_epoch.subsec_nanos()).unwrap_or(0),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn pids_are_the_agents_own_only_in_the_procfs_of_its_namespace() {
        assert!(is_own_status(b"Name:\tx\nTgid:\t7\nNSpid:\t7\n", 7));
        assert!(is_own_status(b"Tgid:\t7\n", 7), "a kernel without pid namespaces");
        assert!(!is_own_status(b"Tgid:\t4711\nNSpid:\t4711\t7\n", 7), "the host's procfs in a container");
        assert!(!is_own_status(b"Tgid:\t7\nNSpid:\t7\t7\n", 7), "the same number in both by chance");
        assert!(!is_own_status(b"", 7));
    }

    #[test]
    fn a_container_that_shares_the_network_of_its_host_is_known() {
        // Process 1 may live elsewhere, in a sandbox.
        let of_first = fs::read_link("/proc/1/ns/net").ok();
        let container = Host::open(Roots { proc: "/proc/../proc".into(), ..Roots::default() }).unwrap();
        if let Some(of_first) = of_first {
            assert_eq!(container.has_own_network(), of_first == fs::read_link("/proc/self/ns/net").unwrap());
        }
        assert!(Host::open(Roots::default()).unwrap().has_own_network());
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("1/net")).unwrap();
        fs::write(folder.path().join("1/net/dev"), "").unwrap();
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: Default::default() };
        let captured = Host::with_machine(Roots { proc: folder.path().to_path_buf(), ..Roots::default() }, machine);
        assert!(!captured.unwrap().has_own_network());
    }

    #[test]
    fn the_namespaces_of_a_foreign_procfs_are_those_of_process_1() {
        let this = Host::open(Roots::default()).unwrap();
        assert_eq!(this.namespace_process(), Path::new("/proc/self"));
        assert!(this.has_own_namespaces());
        let folder = tempfile::tempdir().unwrap();
        let proc = folder.path().to_path_buf();
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: Default::default() };
        let host = Host::with_machine(Roots { proc: proc.clone(), ..Roots::default() }, machine).unwrap();
        assert!(!host.has_own_namespaces());
        assert_eq!(host.namespace_process(), proc, "a tree without processes");
        fs::create_dir(proc.join("self")).unwrap();
        assert_eq!(host.namespace_process(), proc.join("self"), "a tree that was captured by a process");
        fs::create_dir(proc.join("1")).unwrap();
        assert_eq!(host.namespace_process(), proc.join("1"));
    }
}
