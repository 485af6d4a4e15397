//! Processes that have lost something, or show not all of themselves to everyone.

use std::{process::Command, thread};

use procwire_host::{EnvironDisclosure, ProcessReader};
use procwire_proto::v1::{FieldError, FieldErrorReason, Process, ProcessState, exit_status::End};

use super::{Victim, live, plan, read, reason_of};

/// Fields of every file that a zombie, a kernel thread or a stranger answers in its own way.
const TELLING: [&str; 21] = [
    "state",
    "name",
    "uids",
    "cmdline",
    "cmdline_raw",
    "exe",
    "cwd",
    "root",
    "environ",
    "memory",
    "io",
    "fd_count",
    "resource_limits",
    "cgroup",
    "namespaces",
    "oom",
    "cpu_affinity",
    "io_priority",
    "scheduling",
    "exit_status",
    "ancestors",
];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A child that has ended, with this script, and that nobody has waited for.
fn zombie(script: &str, paths: &[&str]) -> (Victim, Process) {
    let victim = Victim(Command::new("sh").args(["-c", script]).spawn().unwrap());
    while read(victim.pid(), &["state"]).state() != ProcessState::Zombie {
        thread::yield_now();
    }
    // Read from its first file on as the zombie that it is.
    let process = read(victim.pid(), paths);
    (victim, process)
}

/// What an unprivileged thread reads; none if this test may not make one, or if procfs hides the processes of others.
fn as_nobody<T: Send>(read: impl FnOnce(&mut ProcessReader) -> T + Send) -> Option<T> {
    if !is_root() {
        return None;
    }
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut reader = live();
            let (user, group) = (rustix::process::Uid::from_raw(65534), rustix::process::Gid::from_raw(65534));
            // Of this thread only: what the kernel checks are the rights of the thread that asks.
            rustix::thread::set_thread_res_gid(group, group, group).unwrap();
            rustix::thread::set_thread_res_uid(user, user, user).unwrap();
            std::fs::read("/proc/1/stat").is_ok().then(|| read(&mut reader))
        });
        reading.join().unwrap()
    })
}

#[test]
fn a_zombie_has_its_reasons() {
    let (victim, process) = zombie("exit 7", &TELLING);
    for path in ["cmdline", "cmdline_raw", "exe", "cwd", "root", "environ"] {
        assert_eq!(reason_of(&process, path), Some(FieldErrorReason::Zombie), "{path}");
    }
    assert_eq!(process.memory.as_ref().unwrap().swap_bytes, Some(0));
    assert_eq!(process.memory.as_ref().unwrap().resident_bytes, Some(0));
    assert!(process.uids.is_some() && process.scheduling.is_some() && !process.cpu_affinity.is_empty());
    assert_eq!(process.resource_limits.len(), 16);
    assert_eq!(process.ancestors[0].pid, std::process::id());
    if is_root() {
        assert!(process.io.is_some());
        assert_eq!(process.fd_count, Some(0));
    }
    let pid = victim.pid();
    drop(victim);
    assert_eq!(live().read(pid, &plan(&["state"])).unwrap(), None);
}

#[test]
fn how_a_zombie_ended_is_known_to_those_who_may_trace_it() {
    for (script, expected) in [("exit 7", End::Code(7)), ("exit 0", End::Code(0)), ("kill -9 $$", End::Signal(9))] {
        let (victim, process) = zombie(script, &["state", "exit_status"]);
        let end = process.exit_status.and_then(|status| status.end).unwrap();
        let is_known = end == expected;
        assert!(is_known || (!is_root() && matches!(end, End::Unknown(_))), "{script}: {end:?}");
        let strangers = as_nobody(|reader| reader.read(victim.pid(), &plan(&["exit_status"])).unwrap().unwrap());
        if let Some(process) = strangers {
            let end = process.exit_status.and_then(|status| status.end);
            assert!(matches!(end, Some(End::Unknown(_))), "0 is what the kernel shows to all: {end:?}");
        }
    }
    let living = read(std::process::id(), &["exit_status"]);
    assert_eq!((living.exit_status, living.errors.len()), (None, 0), "it has not ended, and there is nothing to say");
}

#[test]
fn kernel_threads_have_neither_program_nor_errors() {
    fn look(reader: &mut ProcessReader) -> Vec<Process> {
        let fields = [&["kernel_thread"][..], &TELLING].concat();
        let plan = plan(&fields).disclose_environ(EnvironDisclosure::Whole);
        let pids = reader.list_pids().unwrap();
        let rows = pids.into_iter().filter_map(|pid| reader.read_listed(pid, &plan).unwrap());
        rows.filter(Process::kernel_thread).collect()
    }
    let check = |process: &Process| {
        assert_eq!((process.exe.as_ref(), process.cmdline.len(), process.environ.len()), (None, 0, 0));
        assert_eq!(process.cmdline_raw.as_deref(), Some(&b""[..]));
        for path in ["exe", "cwd", "cmdline", "environ", "memory", "resource_limits", "oom"] {
            assert_eq!(reason_of(process, path), None, "{path}");
        }
        assert_eq!(process.memory.as_ref().unwrap().resident_bytes, Some(0));
        assert_eq!(process.resource_limits.len(), 16);
    };
    look(&mut live()).iter().for_each(check);
    for process in as_nobody(look).unwrap_or_default() {
        check(&process);
        for path in ["io", "root", "namespaces"] {
            assert_eq!(reason_of(&process, path), Some(FieldErrorReason::PermissionDenied), "{path}");
        }
    }
}

#[test]
fn of_a_foreign_process_everyone_sees_what_everyone_may() {
    let victim = Victim::spawn(Command::new("sleep").arg("60"));
    let Some(process) = as_nobody(|reader| reader.read(victim.pid(), &plan(&TELLING)).unwrap().unwrap()) else {
        return;
    };
    for path in ["exe", "cwd", "root", "environ", "io", "namespaces"] {
        assert_eq!(reason_of(&process, path), Some(FieldErrorReason::PermissionDenied), "{path}");
    }
    assert_eq!(process.errors.iter().filter(|error| error.path.starts_with("namespaces")).count(), 1);
    assert_eq!(process.cmdline, [&b"sleep"[..], b"60"]);
    assert_eq!((process.resource_limits.len(), process.ancestors.is_empty()), (16, false));
    assert!(process.cgroup.is_some() && process.oom.is_some() && process.scheduling.is_some());
    assert!(!process.cpu_affinity.is_empty() && process.io_priority.is_some());
}

/// A program whose main thread ends while another sleeps on: the system call, because pthread_exit(3) is the same with more to clean up.
const LEADERLESS: &str = "
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).syscall({'x86_64': 60, 'i686': 1, 'armv7l': 1}.get(platform.machine(), 93), 0)
";

#[test]
fn a_process_whose_main_thread_has_exited_is_read_through_one_that_lives() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("python3");
    let victim = Victim::spawn(command.arg("-c").arg(LEADERLESS).current_dir(&directory).env("MARK", "x"));
    let mut reader = live();
    let fields =
        [&["leader_exited", "name", "thread_count"][..], &TELLING, &["memory_ratio", "namespace_pids"]].concat();
    let plan = plan(&fields).disclose_environ(EnvironDisclosure::Whole);
    let process = loop {
        let process = reader.read(victim.pid(), &plan).unwrap().unwrap();
        if process.leader_exited == Some(true) {
            break process;
        }
        thread::yield_now();
    };
    assert_eq!(process.state(), ProcessState::Sleeping);
    assert!(process.name.as_deref().unwrap().starts_with(b"python"));
    assert_eq!(process.cmdline.get(1).map(Vec::as_slice), Some(&b"-c"[..]));
    assert!(process.exe.unwrap().windows(6).any(|part| part == b"python"));
    let path = directory.path().canonicalize().unwrap();
    assert_eq!(process.cwd, Some(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()));
    assert!(process.environ.iter().any(|variable| variable.name == b"MARK"));
    let memory = process.memory.unwrap();
    assert!(memory.resident_bytes.unwrap() > 1_000_000 && memory.virtual_bytes >= memory.resident_bytes);
    assert!(memory.peak_resident_bytes.unwrap() > 1_000_000 && process.memory_ratio.unwrap() > 0.0);
    assert!(process.fd_count.unwrap() >= 3 && process.uids.is_some() && process.namespaces.is_some());
    assert_eq!(process.namespace_pids, [victim.pid()], "the process's, not the thread's");
    assert_eq!((process.exit_status, process.resource_limits.len()), (None, 16), "it has not ended");
    assert_eq!(process.errors.iter().filter(|error| error.path != "io").count(), 0, "{:?}", process.errors);
}

#[test]
fn the_switches_of_a_main_thread_stay_its_own_when_it_has_exited() {
    let victim = Victim::spawn(Command::new("python3").arg("-c").arg(LEADERLESS));
    let leaders = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", victim.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    loop {
        let before = leaders();
        let process = read(victim.pid(), &["leader_exited", "context_switches.voluntary", "memory.swap_bytes"]);
        // It is counted once more when it leaves its processor for good.
        if process.leader_exited == Some(true) && before == leaders() {
            break assert_eq!(process.context_switches.unwrap().voluntary, Some(before));
        }
        thread::yield_now();
    }
}

#[test]
fn a_name_that_was_cut_is_completed_also_without_a_main_thread() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("a-name-longer-than-fifteen-bytes");
    let interpreter = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    std::os::unix::fs::symlink(String::from_utf8(interpreter.stdout).unwrap().trim(), &script).unwrap();
    let victim = Victim::spawn(Command::new(&script).arg("-c").arg(LEADERLESS));
    let name = loop {
        let process = read(victim.pid(), &["leader_exited", "name"]);
        if process.leader_exited == Some(true) {
            break process.name.unwrap();
        }
        thread::yield_now();
    };
    assert_eq!(name, b"a-name-longer-than-fifteen-bytes");
}

#[test]
fn of_a_foreign_process_without_main_thread_nothing_stands_that_the_dead_thread_said() {
    let victim = Victim::spawn(Command::new("python3").arg("-c").arg(LEADERLESS));
    while read(victim.pid(), &["leader_exited"]).leader_exited != Some(true) {
        thread::yield_now();
    }
    let paths = ["memory_footprint", "memory_maps", "environ", "exe", "name"];
    let look = |reader: &mut ProcessReader| {
        let row = reader.read(victim.pid(), &plan(&paths)).unwrap().unwrap();
        let named = reader.read(victim.pid(), &plan(&["name"])).unwrap().unwrap();
        [row, reader.read_more(named, &plan(&paths[..4])).unwrap().unwrap()]
    };
    for process in as_nobody(look).into_iter().flatten() {
        assert_eq!((process.memory_footprint, process.memory_maps.len(), process.exe), (None, 0, None));
        assert!(process.name.is_some(), "what was there before is there still");
        for path in ["memory_footprint", "memory_maps", "environ", "exe"] {
            let reasons = process.errors.iter().filter(|error| error.path == path).map(FieldError::reason);
            assert_eq!(reasons.collect::<Vec<_>>(), [FieldErrorReason::PermissionDenied], "{path}");
        }
    }
}
