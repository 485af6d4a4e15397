//! The small files of live processes, against what the process, or another way to the kernel, says.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, process::Command};

use procwire_host::EnvironDisclosure;
use procwire_proto::v1::{
    EnvironmentVariable, FieldErrorReason, LimitValue, Process, ResourceKind, SchedulingPolicy, limit_value::Value,
};
use prost::Message as _;
use rustix::process::{Resource, getrlimit};

use super::{Victim, fixture, live, plan, read, reason_of};

fn own(paths: &[&str]) -> Process {
    read(std::process::id(), paths)
}

/// A program that does something to itself and then becomes `sleep`.
fn sleeper_after(python: &str) -> Victim {
    let script = format!("import ctypes, os, resource, signal\n{python}\nos.execvp('sleep', ['sleep', '60'])");
    let victim = Victim::spawn(Command::new("python3").args(["-c", &script]));
    while read(victim.pid(), &["name"]).name.as_deref() != Some(b"sleep") {
        std::thread::yield_now();
    }
    victim
}

#[test]
fn the_limits_are_those_that_getrlimit_gives() {
    const RESOURCES: [(ResourceKind, Resource); 16] = [
        (ResourceKind::Cpu, Resource::Cpu),
        (ResourceKind::Fsize, Resource::Fsize),
        (ResourceKind::Data, Resource::Data),
        (ResourceKind::Stack, Resource::Stack),
        (ResourceKind::Core, Resource::Core),
        (ResourceKind::Rss, Resource::Rss),
        (ResourceKind::Nproc, Resource::Nproc),
        (ResourceKind::Nofile, Resource::Nofile),
        (ResourceKind::Memlock, Resource::Memlock),
        (ResourceKind::As, Resource::As),
        (ResourceKind::Locks, Resource::Locks),
        (ResourceKind::Sigpending, Resource::Sigpending),
        (ResourceKind::Msgqueue, Resource::Msgqueue),
        (ResourceKind::Nice, Resource::Nice),
        (ResourceKind::Rtprio, Resource::Rtprio),
        (ResourceKind::Rttime, Resource::Rttime),
    ];
    let value = |value: Option<LimitValue>| match value.unwrap().value.unwrap() {
        Value::Limit(limit) => Some(limit),
        Value::Unlimited(_) => None,
    };
    let limits = own(&["resource_limits"]).resource_limits;
    assert_eq!(limits.len(), RESOURCES.len());
    for (limit, (kind, resource)) in limits.iter().zip(RESOURCES) {
        let expected = getrlimit(resource);
        assert_eq!(limit.resource(), kind);
        assert_eq!((value(limit.soft), value(limit.hard)), (expected.current, expected.maximum), "{kind:?}");
    }
}

#[test]
fn what_a_process_did_to_its_scheduling_is_seen() {
    let victim = sleeper_after(
        "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.nice(3)",
    );
    let process = read(victim.pid(), &["scheduling", "cpu_affinity", "nice"]);
    let scheduling = process.scheduling.unwrap();
    assert_eq!((scheduling.policy(), scheduling.realtime_priority), (SchedulingPolicy::Batch, Some(0)));
    let nice = rustix::process::getpriority_process(None).unwrap() + 3;
    assert_eq!((scheduling.priority, process.nice), (Some(20 + nice), Some(nice)));
    let own_cpus = rustix::thread::sched_getaffinity(None).unwrap();
    let last = (0..1024).rev().find(|cpu| own_cpus.is_set(*cpu)).unwrap();
    assert_eq!(process.cpu_affinity, [u32::try_from(last).unwrap()]);
}

#[test]
fn every_process_of_this_machine_has_processors_and_an_io_class() {
    let mut reader = live();
    let plan = plan(&["cpu_affinity", "io_priority"]);
    for pid in reader.list_pids().unwrap() {
        let Some(process) = reader.read_listed(pid, &plan).unwrap() else { continue };
        assert!(!process.cpu_affinity.is_empty() && process.cpu_affinity.is_sorted(), "{pid}");
        assert!(process.io_priority.unwrap().level < 8);
        assert_eq!(process.errors, []);
    }
}

#[test]
fn system_calls_by_pid_are_not_made_for_another_procfs() {
    let stat = b"7 (a) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n";
    let (_root, mut reader) = fixture(&[("stat", stat)]);
    let process = reader.read(7, &plan(&["cpu_affinity", "io_priority"])).unwrap().unwrap();
    assert!(process.cpu_affinity.is_empty() && process.io_priority.is_none());
    for path in ["cpu_affinity", "io_priority"] {
        assert_eq!(reason_of(&process, path), Some(FieldErrorReason::Unsupported), "{path}");
    }
}

#[test]
fn the_rights_of_a_process_are_seen() {
    let victim = sleeper_after(
        "ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.kill(os.getpid(), signal.SIGUSR1)",
    );
    let process = read(victim.pid(), &["capabilities", "syscall_filter", "signals", "tracer_pid"]);
    let own = own(&["capabilities"]).capabilities.unwrap();
    assert_eq!(process.capabilities.unwrap().bounding, own.bounding);
    assert_eq!(process.syscall_filter.unwrap().no_new_privileges, Some(true));
    let signals = process.signals.unwrap();
    assert_eq!(signals.ignored.unwrap() & 1, 1, "SIGHUP");
    assert_eq!((signals.blocked.unwrap() >> 9 & 1, signals.pending.unwrap() >> 9 & 1), (1, 1), "SIGUSR1");
    assert_eq!((process.tracer_pid, process.errors.len()), (None, 0));
}

#[test]
fn cgroup_and_namespaces_are_what_their_files_say() {
    let process = own(&["cgroup", "namespaces"]);
    let cgroup = process.cgroup.unwrap();
    let text = fs::read_to_string("/proc/self/cgroup").unwrap();
    let unified = text.lines().find_map(|line| line.strip_prefix("0::"));
    assert_eq!(cgroup.path.as_deref(), unified.map(str::as_bytes));
    assert_eq!(cgroup.v1.len(), text.lines().count() - usize::from(unified.is_some()));
    let namespaces = process.namespaces.unwrap();
    let linked = |name: &str| {
        let target = fs::read_link(format!("/proc/self/ns/{name}")).ok()?;
        let target = target.to_str()?.to_owned();
        target.strip_prefix(name)?.strip_prefix(":[")?.strip_suffix(']')?.parse::<u64>().ok()
    };
    for (name, inode) in [
        ("cgroup", namespaces.cgroup),
        ("ipc", namespaces.ipc),
        ("mnt", namespaces.mount),
        ("net", namespaces.network),
        ("pid", namespaces.pid),
        ("time", namespaces.time),
        ("user", namespaces.user),
        ("uts", namespaces.uts),
    ] {
        assert_eq!(inode, linked(name), "{name}");
    }
    assert!(namespaces.network.is_some());
}

#[test]
fn a_namespace_that_the_kernel_does_not_know_is_named_and_the_others_are_there() {
    let stat = b"7 (a) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n";
    let (root, mut reader) = fixture(&[("stat", stat)]);
    let directory = root.path().join("7/ns");
    fs::create_dir(&directory).unwrap();
    for name in ["cgroup", "ipc", "mnt", "net", "pid", "user"] {
        std::os::unix::fs::symlink(format!("{name}:[4026531840]"), directory.join(name)).unwrap();
    }
    std::os::unix::fs::symlink("elsewhere", directory.join("uts")).unwrap();
    let process = reader.read(7, &plan(&["namespaces"])).unwrap().unwrap();
    let namespaces = process.namespaces.as_deref().unwrap();
    assert_eq!((namespaces.network, namespaces.time, namespaces.uts), (Some(4_026_531_840), None, None));
    assert_eq!(reason_of(&process, "namespaces.time"), Some(FieldErrorReason::Unsupported));
    assert_eq!(reason_of(&process, "namespaces.uts"), Some(FieldErrorReason::ReadFailed));
    assert_eq!(process.errors.len(), 2);
}

#[test]
fn standing_label_and_login_are_what_their_files_say() {
    let process = own(&["oom", "security_label", "login_uid", "root"]);
    let number = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok()?.trim().parse::<i64>().ok();
    let oom = process.oom.as_deref().unwrap();
    assert_eq!(oom.score_adjustment.map(i64::from), number("oom_score_adj"));
    assert!(oom.score.unwrap() <= 2000);
    assert_eq!(process.login_uid.map(i64::from), number("loginuid").filter(|uid| *uid != i64::from(u32::MAX)));
    let label = fs::read("/proc/self/attr/current").ok();
    let label = label.as_deref().map(|label| label.trim_ascii_end().to_vec());
    assert_eq!(process.security_label, label);
    if label.is_none() {
        assert_eq!(reason_of(&process, "security_label"), Some(FieldErrorReason::Unsupported));
    }
    assert_eq!(process.root.as_deref(), Some(fs::read_link("/proc/self/root").unwrap().as_os_str().as_bytes()));
}

#[test]
fn the_share_of_memory_is_that_of_the_resident_pages() {
    let process = own(&["memory_ratio", "memory.resident_bytes"]);
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let total: u64 = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok())
        .unwrap();
    let expected = process.memory.unwrap().resident_bytes.unwrap() as f64 / (total * 1024) as f64;
    assert!((process.memory_ratio.unwrap() - expected).abs() < 1e-12, "{:?} {expected}", process.memory_ratio);
    assert_eq!(own(&["memory_ratio"]).memory, None, "what was not asked for is not set");

    let stat = b"7 (a) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n";
    let (root, mut reader) = fixture(&[("stat", stat), ("statm", b"10 5 4 3 0 2 0\n")]);
    let mut ratio = || reader.read(7, &plan(&["memory_ratio"])).unwrap().unwrap();
    assert_eq!(reason_of(&ratio(), "memory_ratio"), Some(FieldErrorReason::ReadFailed));
    fs::write(root.path().join("meminfo"), "MemTotal:         800 kB\n").unwrap();
    assert_eq!(ratio().memory_ratio, Some(0.1));
}

#[test]
fn the_ancestors_are_the_chain_of_parents() {
    let process = own(&["ancestors"]);
    let chain = &process.ancestors;
    let parent_of = |pid: u32| read(pid, &["ppid"]).ppid;
    let mut pid = std::process::id();
    for ancestor in chain {
        assert_eq!(Some(ancestor.pid), parent_of(pid));
        assert_eq!(Some(ancestor), read(ancestor.pid, &["pid"]).r#ref.as_ref());
        pid = ancestor.pid;
    }
    // Up to where there is no parent, unless procfs hides it.
    let is_hidden = parent_of(pid) != Some(0);
    assert_eq!(reason_of(&process, "ancestors"), is_hidden.then_some(FieldErrorReason::PermissionDenied));
    assert_eq!(chain[0].pid, std::os::unix::process::parent_id());
}

#[test]
fn groups_and_pids_are_listed() {
    let process = own(&["supplementary_gids", "namespace_pids"]);
    let groups: Vec<u32> =
        rustix::process::getgroups().unwrap().into_iter().map(rustix::process::Gid::as_raw).collect();
    let mut told = process.supplementary_gids.clone();
    let mut expected = groups;
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert_eq!(process.namespace_pids, [std::process::id()]);
    assert_eq!(process.errors, []);
}

#[test]
fn the_environment_of_a_child_is_shown_as_far_as_the_plan_says() {
    let mut command = Command::new("/bin/sleep");
    command.arg("60").env_clear().env("A", "1").env("DB_PASSWORD", "hunter2").env("EMPTY", "");
    command.env("ODD", OsStr::from_bytes(b"\xff=\xfe")).env("URL", "db://u:hunter2@h");
    let victim = Victim::spawn(&mut command);
    let shown = |disclosure| {
        let plan = plan(&["environ"]).disclose_environ(disclosure);
        live().read(victim.pid(), &plan).unwrap().unwrap()
    };
    let whole = shown(EnvironDisclosure::Whole);
    let variable = |name: &str, value: &[u8], redacted| EnvironmentVariable {
        name: name.into(),
        value: Some(value.to_vec()),
        redacted,
    };
    let expected = [
        variable("A", b"1", false),
        variable("DB_PASSWORD", b"hunter2", false),
        variable("EMPTY", b"", false),
        variable("ODD", b"\xff=\xfe", false),
        variable("URL", b"db://u:hunter2@h", false),
    ];
    assert_eq!((whole.environ.as_slice(), whole.errors.len()), (&expected[..], 0));

    let masked = shown(EnvironDisclosure::Masked);
    assert_eq!(masked.environ[0], expected[0]);
    assert_eq!(masked.environ[1], variable("DB_PASSWORD", b"***", true));
    assert_eq!(masked.environ[4], variable("URL", b"db://u:***@h", true));
    assert_eq!(reason_of(&masked, "environ"), Some(FieldErrorReason::Redacted));

    let names = live().read(victim.pid(), &plan(&["environ"])).unwrap().unwrap();
    assert_eq!(names, shown(EnvironDisclosure::Names), "unless told otherwise, names only");
    assert!(names.environ.iter().all(|variable| variable.value.is_none() && variable.redacted));
    assert_eq!(names.environ.len(), expected.len());
    assert_eq!(reason_of(&names, "environ"), Some(FieldErrorReason::Redacted));
}

#[test]
fn a_process_without_environment_has_none_and_no_error() {
    let victim = Victim::spawn(Command::new("/bin/sleep").arg("60").env_clear());
    let process = read(victim.pid(), &["environ"]);
    assert_eq!((process.environ.len(), process.errors.len()), (0, 0));
}

#[test]
fn an_environment_that_does_not_fit_is_cut_between_variables() {
    let stat = b"7 (a) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n";
    let environ = ["BIG=", &"x".repeat(300_000), "\0"].concat().repeat(5);
    let (_root, mut reader) = fixture(&[("stat", stat), ("environ", environ.as_bytes())]);
    let plan = plan(&["environ"]).disclose_environ(EnvironDisclosure::Whole);
    let process = reader.read(7, &plan).unwrap().unwrap();
    assert_eq!(process.environ.len(), 3);
    let error = process.errors.iter().find(|error| error.path == "environ").unwrap();
    assert_eq!((error.reason(), error.detail.as_str()), (FieldErrorReason::Truncated, "cut at 3 of 5 variables"));
}

/// Whatever a process piles up where it likes, the row stays below its size, and has room for what another list says.
#[test]
fn nothing_that_a_process_piles_up_crowds_out_the_rest_of_its_row() {
    let stat = b"7 (a) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n";
    let environ = ["A=", &"x".repeat(1000), "\0"].concat().repeat(8000);
    let groups = (0..65_536_u32).map(|index| format!("{} ", u32::MAX - index)).collect::<String>();
    let status = format!("Groups:\t{groups}\n");
    let mapping = |index: u64| format!("{index:x}000-{index:x}fff r--p 00000000 00:00 0   /{}\n", "x".repeat(500));
    let smaps: String = (1..=8000).map(mapping).collect();
    let (_root, mut reader) = fixture(&[
        ("stat", stat),
        ("environ", environ.as_bytes()),
        ("status", status.as_bytes()),
        ("cmdline", &vec![0; 70_000]),
        ("smaps", smaps.as_bytes()),
    ]);
    let paths = ["environ", "supplementary_gids", "cmdline", "cmdline_raw", "memory_maps"];
    let plan = plan(&paths).disclose_environ(EnvironDisclosure::Whole);
    let process = reader.read(7, &plan).unwrap().unwrap();
    assert_eq!((process.supplementary_gids.len(), process.cmdline.len()), (65_536, 65_537));
    assert!((900..1100).contains(&process.environ.len()), "{}", process.environ.len());
    assert!((1000..8000).contains(&process.memory_maps.len()), "{}", process.memory_maps.len());
    for path in ["environ", "cmdline", "memory_maps"] {
        assert_eq!(reason_of(&process, path), Some(FieldErrorReason::Truncated), "{path}");
    }
    let length = process.encoded_len();
    assert!((2 * 1024 * 1024..=3 * 1024 * 1024).contains(&length), "{length}");
}
