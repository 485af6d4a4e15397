#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::fs;

use bytes::Bytes;
use procwire_proto::v1::FieldErrorReason;

use super::*;
use crate::{Machine, Roots};

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.write(files);
        tree
    }

    fn write(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn host(&self) -> Host {
        let roots = Roots { proc: self.0.path().join("proc"), sys: self.0.path().join("sys"), ..Roots::default() };
        let boot_id = Bytes::from_static(b"0123456789abcdef");
        Host::with_machine(roots, Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id }).unwrap()
    }

    fn own(&self) -> Cgroup {
        let host = self.host();
        OwnGroup::new(&host).read(&host, CgroupFieldSet::all_served()).unwrap()
    }
}

const CGROUP2: &str = "sys/fs/cgroup/cgroup.controllers";

#[test]
fn a_container_is_limited_by_the_top_of_what_it_sees() {
    // A cgroup namespace: the group of the container is the root of everything.
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/\n"),
        ("proc/self/mountinfo", "24 20 0:21 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n"),
        (CGROUP2, "cpu memory pids\n"),
        ("sys/fs/cgroup/cgroup.events", "populated 1\nfrozen 0\n"),
        ("sys/fs/cgroup/memory.max", "67108864\n"),
        ("sys/fs/cgroup/memory.current", "10485760\n"),
        ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
    ]);
    let own = tree.own();
    assert_eq!(own.path.as_deref(), Some(&b"/"[..]));
    let memory = own.memory.unwrap();
    assert_eq!((memory.effective_limit_bytes, memory.usage_bytes), (Some(64 << 20), Some(10 << 20)));
    assert_eq!(own.cpu.unwrap().effective_limit_cpus, Some(0.5));
}

#[test]
fn the_hosts_tree_seen_from_a_cgroup_namespace_is_not_taken_for_the_agents_own() {
    // Only the host's tree is mounted, and the agent's group is somewhere in it, nobody says where.
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/\n"),
        ("proc/self/mountinfo", "24 20 0:21 /../.. /sys/fs/cgroup ro - cgroup2 cgroup rw\n"),
        (CGROUP2, "cpu memory pids\n"),
        ("sys/fs/cgroup/memory.stat", "anon 1\n"),
    ]);
    let own = tree.own();
    assert_eq!((own.memory, own.cpu, own.pids), (None, None, None));
    let error = own.errors.iter().find(|error| error.path == "memory").unwrap();
    assert_eq!(error.reason(), FieldErrorReason::Unsupported);
    assert!(error.detail.contains("shows this group"), "{error:?}");
}

#[test]
fn a_group_outside_of_the_namespace_cannot_be_seen_and_is_not_looked_for() {
    for mountinfo in ["24 20 0:21 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n", ""] {
        let tree = Tree::new(&[
            ("proc/self/cgroup", "0::/../x\n"),
            ("proc/self/mountinfo", mountinfo),
            (CGROUP2, "memory\n"),
            ("sys/fs/x/memory.max", "7\n"),
            ("sys/fs/cgroup/memory.max", "7\n"),
        ]);
        let own = tree.own();
        assert_eq!(own.path.as_deref(), Some(&b"/../x"[..]));
        assert_eq!(own.memory, None);
        assert!(own.errors.iter().any(|error| error.path == "memory"), "{:?}", own.errors);
    }
}

#[test]
fn each_controller_of_v1_has_its_own_path() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "3:cpu,cpuacct:/a\n2:memory:/docker/7\n0::/\n"),
        (
            "proc/self/mountinfo",
            "31 24 0:26 / /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
             32 24 0:27 /docker/7 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
        ),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"),
    ]);
    let own = tree.own();
    assert_eq!(own.cpu.unwrap().effective_limit_cpus, Some(2.5));
    assert_eq!(own.memory.unwrap().effective_limit_bytes, Some(64 << 20));
    assert_eq!((own.path.as_deref(), own.v1.len()), (Some(&b"/"[..]), 2));
}

#[test]
fn what_changes_is_seen_and_where_the_agent_is_moved_to() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/a\n"),
        (CGROUP2, "memory\n"),
        ("sys/fs/cgroup/a/memory.current", "1\n"),
        ("sys/fs/cgroup/b/memory.current", "70\n"),
        ("sys/fs/cgroup/b/memory.max", "700\n"),
    ]);
    let host = tree.host();
    let mut own = OwnGroup::new(&host);
    let mut usage = || {
        let fields = bit::MEMORY_USAGE_BYTES.union(bit::MEMORY_EFFECTIVE_LIMIT_BYTES);
        let memory = own.read(&host, fields).unwrap().memory.unwrap();
        (memory.usage_bytes.unwrap(), memory.effective_limit_bytes)
    };
    assert_eq!(usage(), (1, None));
    tree.write(&[("sys/fs/cgroup/a/memory.current", "22\n")]);
    assert_eq!(usage(), (22, None));
    tree.write(&[("proc/self/cgroup", "0::/b\n")]);
    assert_eq!(usage(), (70, Some(700)));
    tree.write(&[("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/memory.max", "44\n")]);
    assert_eq!(usage(), (22, Some(44)));
}

#[test]
fn a_controller_that_is_switched_on_is_noticed() {
    let tree =
        Tree::new(&[("proc/self/cgroup", "0::/a\n"), (CGROUP2, "memory\n"), ("sys/fs/cgroup/a/cgroup.events", "")]);
    let host = tree.host();
    let mut own = OwnGroup::new(&host);
    let mut read = || own.read(&host, bit::MEMORY_USAGE_BYTES).unwrap().memory.and_then(|memory| memory.usage_bytes);
    assert_eq!(read(), None);
    tree.write(&[("sys/fs/cgroup/a/memory.current", "5\n")]);
    assert!((0..64).any(|_| read() == Some(5)));
}

#[test]
fn who_does_not_know_where_it_is_says_so() {
    let host = Tree::new(&[(CGROUP2, "memory\n"), ("proc/stat", "")]);
    let error = OwnGroup::new(&host.host()).read(&host.host(), bit::PATH).unwrap_err();
    assert!(error.to_string().contains("proc/self/cgroup"), "{error}");
}

#[test]
fn of_this_machine_the_kernels_own_texts() {
    let host = Host::open(Roots::default()).unwrap();
    let own = OwnGroup::new(&host).read(&host, CgroupFieldSet::all_served()).unwrap();
    let text = fs::read("/proc/self/cgroup").unwrap();
    let membership = cgroup_membership(&text);
    assert_eq!((own.path, own.v1), (membership.path, membership.v1));
}
