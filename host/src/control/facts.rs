//! What rules about a target are judged by, read below the directory that is the target's and nobody else's.

use std::os::fd::{AsFd as _, BorrowedFd};

use procwire_proto::v1::{ProcessCgroup, UserIds};
use rustix::io::Errno;

use super::{ControlError, ProcessHandle};
use crate::{
    Host,
    process::{Stat, cgroup_meant, cgroup_membership, cgroups_everywhere, run_as},
    procfs::Buffer,
};

/// What the kernel writes behind the path of a program whose file was removed or replaced (fs/d_path.c).
const DELETED: &[u8] = b" (deleted)";

/// Facts about a process that is to be acted on. `None`: not known. Empty: it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetFacts {
    /// Its user, if its real, effective and saved uid are the same: of a process that runs as several nothing is said.
    pub uid: Option<u32>,
    /// The name of that user.
    pub user: Option<Vec<u8>>,
    /// Its name now, as the kernel cuts it.
    pub name: Option<Vec<u8>>,
    /// Path of its program in its own mount namespace, without the mark of a removed file. Empty for kernel threads.
    pub executable: Option<Vec<u8>>,
    /// Its control group: of the unified tree, unless it is in the root of that and another tree knows better, systemd's before all others.
    pub cgroup: Option<Vec<u8>>,
    /// Its control groups in all trees, the one above among them; what protects a group holds in whichever tree it is.
    pub cgroups: Vec<Vec<u8>>,
    /// The systemd unit that the path names; empty: none.
    pub unit: Option<Vec<u8>>,
    /// The container that the path names; empty: none.
    pub container: Option<Vec<u8>>,
}

impl ProcessHandle {
    /// Reads them. What the agent may not read, or cannot be made sense of, is not known; that is no error.
    ///
    /// # Errors
    /// The process is gone.
    pub fn facts(&self, host: &Host) -> Result<TargetFacts, ControlError> {
        let directory = self.directory()?;
        let directory = directory.as_fd();
        let mut buffer = Buffer::new();
        let uid = buffer.read_file(directory, c"status").ok().and_then(run_as).and_then(only);
        let user = uid.and_then(|uid| host.users().name(uid)).map(|name| name.to_vec());
        let executable = executable(directory);
        let cgroup = buffer.read_file(directory, c"cgroup").ok().map(cgroup_membership);
        let placed = cgroup.map(placed).unwrap_or_default();
        // Read last: while this answers, the process was there, and all of the above is its own.
        let line =
            buffer.read_file(directory, c"stat").map_err(|_| ControlError::Gone { pid: self.reference().pid })?;
        let name = Stat::parse(line).map(|stat| stat.comm.to_vec());
        Ok(TargetFacts { uid, user, name, executable, ..placed })
    }
}

/// What its membership tells.
fn placed(groups: ProcessCgroup) -> TargetFacts {
    // Without a path there is nothing that could name a unit, which is not to say that there is none.
    let Some(cgroup) = cgroup_meant(&groups).map(<[u8]>::to_vec) else { return TargetFacts::default() };
    TargetFacts {
        cgroup: Some(cgroup),
        cgroups: cgroups_everywhere(&groups).map(<[u8]>::to_vec).collect(),
        unit: Some(groups.unit.unwrap_or_default()),
        container: Some(groups.container_id.map(String::into_bytes).unwrap_or_default()),
        ..TargetFacts::default()
    }
}

fn only(ids: UserIds) -> Option<u32> {
    let UserIds { real, effective, saved, filesystem: _ } = ids;
    (real == effective && effective == saved).then_some(real)
}

fn executable(directory: BorrowedFd<'_>) -> Option<Vec<u8>> {
    match rustix::fs::readlinkat(directory, c"exe", Vec::with_capacity(256)) {
        Ok(path) => Some(without_mark(path.into_bytes())),
        // Part of the kernel, or a zombie (fs/proc/base.c: proc_exe_link).
        Err(Errno::NOENT) => Some(Vec::new()),
        Err(_) => None,
    }
}

fn without_mark(mut path: Vec<u8>) -> Vec<u8> {
    if let Some(bare) = path.strip_suffix(DELETED) {
        path.truncate(bare.len());
    }
    path
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{
        os::unix::ffi::OsStrExt as _,
        process::{Child, Command},
        sync::Arc,
    };

    use procwire_proto::process_fields::bit;

    use super::*;
    use crate::{ProcessPlan, ProcessReader, Roots};

    struct Sleeper(Child);

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn handle(host: &Arc<Host>, pid: u32) -> ProcessHandle {
        let row = ProcessReader::new(Arc::clone(host)).read(pid, &ProcessPlan::new(bit::REF)).unwrap().unwrap();
        ProcessHandle::open(host, &row.r#ref.unwrap()).unwrap()
    }

    #[test]
    fn facts_are_those_of_the_process() {
        let host = Arc::new(Host::open(Roots::default()).unwrap());
        let child = Sleeper(Command::new("sleep").arg("600").spawn().unwrap());
        let handle = handle(&host, child.0.id());
        let link = format!("/proc/{}/exe", child.0.id());
        // Between fork and exec a child is still this test.
        let facts = loop {
            let facts = handle.facts(&host).unwrap();
            if facts.name.as_deref() == Some(b"sleep") {
                break facts;
            }
            std::thread::yield_now();
        };
        let own = std::fs::metadata(format!("/proc/{}/task", child.0.id())).unwrap();
        assert_eq!(facts.uid, Some(std::os::unix::fs::MetadataExt::uid(&own)));
        let executable = std::fs::read_link(link).unwrap();
        assert_eq!(facts.executable.unwrap(), executable.as_os_str().as_bytes());
        let text = std::fs::read(format!("/proc/{}/cgroup", child.0.id())).unwrap();
        let found = cgroup_membership(&text);
        assert_eq!(facts.unit.unwrap_or_default(), found.unit.unwrap_or_default());
    }

    #[test]
    fn the_group_is_found_in_whichever_tree_it_is() {
        // As systemd 254 (v2), Debian 9 (v1) and Ubuntu 18.04 (hybrid) show a service; the last is docker's without systemd's driver.
        let v2 = "0::/system.slice/cron.service\n";
        let v1 = "9:memory:/system.slice/cron.service\n2:cpuset:/\n1:name=systemd:/system.slice/cron.service\n";
        let hybrid =
            "9:memory:/system.slice/cron.service\n2:cpuset:/\n1:name=systemd:/system.slice/cron.service\n0::/\n";
        for text in [v2, v1, hybrid] {
            let facts = placed(cgroup_membership(text.as_bytes()));
            assert_eq!(facts.cgroup.as_deref(), Some(&b"/system.slice/cron.service"[..]), "{text}");
            assert_eq!(facts.unit.as_deref(), Some(&b"cron.service"[..]), "{text}");
        }
        let docker = placed(cgroup_membership(b"9:memory:/docker/x\n2:cpuset:/batch\n1:name=systemd:/\n0::/\n"));
        assert_eq!(docker.cgroup.as_deref(), Some(&b"/docker/x"[..]));
        assert!(docker.cgroups.contains(&b"/batch".to_vec()), "{docker:?}");
        assert_eq!(placed(cgroup_membership(b"")), TargetFacts::default());
    }

    #[test]
    fn of_a_process_that_is_gone_nothing_is_said() {
        let host = Arc::new(Host::open(Roots::default()).unwrap());
        let mut child = Sleeper(Command::new("sleep").arg("600").spawn().unwrap());
        let handle = handle(&host, child.0.id());
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        assert!(matches!(handle.facts(&host), Err(ControlError::Gone { .. })));
    }

    #[test]
    fn who_runs_as_several_users_has_no_user() {
        let ids = |real, effective, saved| UserIds { real, effective, saved, filesystem: effective };
        assert_eq!(only(ids(7, 7, 7)), Some(7));
        for mixed in [ids(7, 0, 0), ids(0, 7, 0), ids(7, 7, 0)] {
            assert_eq!(only(mixed), None);
        }
    }

    #[test]
    fn a_program_that_was_replaced_keeps_its_path() {
        assert_eq!(without_mark(b"/usr/sbin/sshd (deleted)".to_vec()), b"/usr/sbin/sshd");
        assert_eq!(without_mark(b"/usr/sbin/sshd".to_vec()), b"/usr/sbin/sshd");
    }
}
