//! What this kernel and these privileges allow, probed once when asked.

use std::fs;

use procwire_proto::v1::FeatureCapability;
use rustix::process::geteuid;

use crate::{Host, process::Stat};

/// Bits of capabilities(7) in `CapEff`.
pub(crate) const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_DAC_READ_SEARCH: u32 = 2;
const CAP_KILL: u32 = 5;
const CAP_SYS_PTRACE: u32 = 19;
pub(crate) const CAP_SYS_ADMIN: u32 = 21;
pub(crate) const CAP_SYS_NICE: u32 = 23;
pub(crate) const CAP_SYS_RESOURCE: u32 = 24;

impl Host {
    /// Features of the kernel and of the agent's privileges, each with what is missing without it.
    pub fn features(&self) -> Vec<FeatureCapability> {
        let control = self.control_abilities();
        let privileges = Privileges::of_the_agent();
        let has = |capability: u32| privileges.has(capability);
        vec![
            feature(
                "pidfd",
                control.pidfd,
                "without it (before Linux 5.3, or under a filter of system calls that refuses it) processes are signalled by kill(2) right after a check of their identity, and looked at again and again while their end is waited for",
            ),
            feature(
                "pidfd_exit_status",
                control.exit_status,
                "without it (before Linux 6.15) the exit status of a process that its parent has waited for is unknown",
            ),
            feature(
                "read_other_users",
                has(CAP_SYS_PTRACE),
                "without CAP_SYS_PTRACE paths, io, environ, namespaces, memory maps and open files of other users' processes are PERMISSION_DENIED",
            ),
            feature(
                "read_any_file",
                has(CAP_DAC_READ_SEARCH),
                "without CAP_DAC_READ_SEARCH descriptors of other users' processes cannot be listed",
            ),
            feature(
                "signal_other_users",
                has(CAP_KILL),
                "without CAP_KILL only processes of the agent's own user can be signalled",
            ),
            feature(
                "nice_other_users",
                has(CAP_SYS_NICE),
                "without CAP_SYS_NICE nice, I/O priority and affinity can be changed of processes of the agent's own user only, nice cannot be lowered beyond the process's resource limit NICE, and no process can be given the real-time I/O class",
            ),
            feature(
                "raise_resource_limits",
                has(CAP_SYS_RESOURCE),
                "without CAP_SYS_RESOURCE resource limits can be changed of processes of the agent's own user and group only, hard limits cannot be raised, and oom_score_adj cannot be lowered beyond what it was set to with that capability",
            ),
            feature(
                "oom_other_users",
                has(CAP_DAC_OVERRIDE),
                "without CAP_DAC_OVERRIDE oom_score_adj can be changed of processes of the agent's own user only",
            ),
            feature(
                "cgroup_kill",
                self.has_cgroup_kill(),
                "without it (before Linux 5.14, or without control groups v2 that the agent may write to) the processes of a control group are frozen and killed one by one, or killed again and again until none is left",
            ),
            feature(
                "fd_count_by_size",
                self.fd_directory_has_size(),
                "without it (before Linux 6.2) fd_count is counted, which costs more and needs the process's user",
            ),
            feature(
                "see_all_processes",
                self.shows_other_users(),
                "procfs is mounted with hidepid: other users' processes are not listed, or listed without any field",
            ),
            feature(
                "own_pid_namespace",
                self.has_own_pids(),
                "procfs is another pid namespace's: processes are listed but cannot be ended or waited for; cpu_affinity and io_priority, which are asked by pid, are UNSUPPORTED",
            ),
            feature(
                "own_namespaces",
                self.has_own_namespaces(),
                "container mode: host.proc is not the agent's own procfs, so mounts and interfaces are read from its process 1; usage of the host's filesystems takes CAP_SYS_PTRACE, and its sockets CAP_SYS_ADMIN too",
            ),
            feature(
                "delay_accounting",
                self.accounts_delays(),
                "without it (sysctl kernel.task_delayacct) cpu_times.block_io_wait_ns is 0",
            ),
            feature(
                "security_labels",
                fs::read(self.roots().proc.join("self/attr/current")).is_ok(),
                "no security module of this kernel labels processes: security_label is UNSUPPORTED",
            ),
            feature(
                "login_uids",
                self.roots().proc.join("self/loginuid").exists(),
                "this kernel was built without audit: login_uid is UNSUPPORTED",
            ),
        ]
    }

    /// hidepid (Documentation/filesystems/proc.rst, "4.1") lets root's processes be seen by no one else; pid 1 is root's, or of the user
    /// that the whole pid namespace is of.
    fn shows_other_users(&self) -> bool {
        fs::read(self.roots().proc.join("1/stat")).is_ok()
    }

    /// Every group but the root has the file, if the kernel has it (Documentation/admin-guide/cgroup-v2.rst, "cgroup.kill"), so the first
    /// group that is found tells.
    fn has_cgroup_kill(&self) -> bool {
        let mounts = ["fs/cgroup", "fs/cgroup/unified"].map(|mount| self.roots().sys.join(mount));
        let is_v2 = |mount: &std::path::Path| mount.join("cgroup.controllers").exists();
        let Some(mount) = mounts.iter().find(|mount| is_v2(mount)) else { return false };
        let groups = fs::read_dir(mount).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut candidates = std::iter::once(mount.clone()).chain(groups).map(|group| group.join("cgroup.kill"));
        let Some(file) = candidates.find(|file| file.exists()) else { return false };
        // Asking does not write.
        rustix::fs::access(file, rustix::fs::Access::WRITE_OK).is_ok()
    }

    fn accounts_delays(&self) -> bool {
        // Before Linux 5.14 there was no such switch, and it was on unless the kernel was told otherwise.
        let text = fs::read_to_string(self.roots().proc.join("sys/kernel/task_delayacct"));
        text.map_or(true, |switch| switch.trim() != "0")
    }

    /// Pids that the agent stands on: its own, its parent's, and so on up to pid 1, as this procfs has them.
    pub fn ancestors_of_self(&self) -> Vec<u32> {
        let mut ancestors = Vec::new();
        let mut next = self.own_pid();
        while let Some(pid) = next.filter(|pid| *pid != 0 && !ancestors.contains(pid)) {
            ancestors.push(pid);
            let line = fs::read(self.roots().proc.join(pid.to_string()).join("stat")).unwrap_or_default();
            next = Stat::parse(&line).and_then(|stat| stat.ppid).and_then(|ppid| u32::try_from(ppid).ok());
        }
        ancestors
    }
}

/// The effective user id of the agent.
pub fn own_user() -> u32 {
    geteuid().as_raw()
}

fn feature(name: &str, available: bool, without: &str) -> FeatureCapability {
    let detail = if available { String::new() } else { without.to_owned() };
    FeatureCapability { name: name.to_owned(), available, detail }
}

/// What the kernel lets the agent do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Privileges {
    pub(crate) effective_uid: u32,
    capabilities: u64,
}

impl Privileges {
    pub(crate) fn of_the_agent() -> Self {
        Self { effective_uid: own_user(), capabilities: effective_capabilities() }
    }

    /// Whether it has a capability, by its bit.
    pub(crate) fn has(self, capability: u32) -> bool {
        self.capabilities & (1 << capability) != 0
    }
}

fn effective_capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Roots;

    #[test]
    fn the_agent_stands_on_itself_and_its_parents() {
        let ancestors = Host::open(Roots::default()).unwrap().ancestors_of_self();
        assert_eq!(ancestors.first(), Some(&std::process::id()));
        assert_eq!(ancestors.get(1), Some(&std::os::unix::process::parent_id()));
        // Pid 1 is the last of them, unless the parent is outside the pid namespace.
        assert!(ancestors.len() >= 2);
    }

    #[test]
    fn what_is_missing_is_explained_and_what_is_there_is_not() {
        for feature in Host::open(Roots::default()).unwrap().features() {
            assert_eq!(feature.available, feature.detail.is_empty(), "{}", feature.name);
        }
    }
}
