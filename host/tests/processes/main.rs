//! Processes of this machine, made for the purpose, and of captured trees, read through the public door.
//! `files`: each small file against what the process knows itself; `parts`: rows read in two steps; `special`: zombies, kernel threads, foreign users, exited leaders.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod files;
mod parts;
mod special;

use std::{
    fs,
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use procwire_host::{Host, Machine, ProcessPlan, ProcessReader, Roots};
use procwire_proto::{
    FieldMask, ProcessFieldSet,
    v1::{FieldError, FieldErrorReason, Process},
};

/// A child that is ended with the test.
struct Victim(Child);

impl Victim {
    fn spawn(command: &mut Command) -> Self {
        let victim = Self(command.stdin(Stdio::null()).spawn().unwrap());
        // The kernel closes the pipe that `spawn` waits on a moment before it publishes the new arguments.
        while read(victim.pid(), &["cmdline"]).cmdline.is_empty() {
            std::thread::yield_now();
        }
        victim
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn plan(paths: &[&str]) -> ProcessPlan {
    let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
    ProcessPlan::new(ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap())
}

fn live() -> ProcessReader {
    ProcessReader::new(Arc::new(Host::open(Roots::default()).unwrap()))
}

fn read(pid: u32, paths: &[&str]) -> Process {
    live().read(pid, &plan(paths)).unwrap().unwrap()
}

/// A procfs of one process with these files.
fn fixture(files: &[(&str, &[u8])]) -> (tempfile::TempDir, ProcessReader) {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("7")).unwrap();
    fs::write(root.path().join("stat"), "cpu  1 2 3 4\nbtime 1700000000\n").unwrap();
    for (name, content) in files {
        fs::write(root.path().join("7").join(name), content).unwrap();
    }
    let machine = Machine { page_size_bytes: 16384, ticks_per_second: 100, boot_id: Bytes::from_static(&[5; 16]) };
    let roots =
        Roots { proc: root.path().into(), etc: root.path().into(), dev: root.path().into(), ..Roots::default() };
    let host = Host::with_machine(roots, machine).unwrap();
    (root, ProcessReader::new(Arc::new(host)))
}

fn reason_of(process: &Process, path: &str) -> Option<FieldErrorReason> {
    process.errors.iter().find(|error| error.path == path).map(FieldError::reason)
}

#[test]
fn this_process_is_read_as_it_knows_itself() {
    let process = read(std::process::id(), &["*"]);
    assert_eq!(process.ppid, Some(std::os::unix::process::parent_id()));
    assert_eq!(process.exe, Some(std::env::current_exe().unwrap().as_os_str().as_bytes().to_vec()));
    assert_eq!(process.cwd, Some(std::env::current_dir().unwrap().as_os_str().as_bytes().to_vec()));
    assert_eq!(process.cmdline.len(), std::env::args_os().count());
    let memory = process.memory.unwrap();
    assert!(memory.resident_bytes.unwrap() > 100_000 && memory.virtual_bytes > memory.resident_bytes);
    assert!(process.fd_count.unwrap() >= 3 && process.io.unwrap().read_calls.unwrap() > 0);
    assert_eq!(process.uids.unwrap().effective, rustix::process::geteuid().as_raw());
    // Of its environment the names are shown, and a kernel may label no process.
    let errors: Vec<_> = process.errors.iter().map(|error| error.path.as_str()).collect();
    assert!(
        errors.iter().all(|path| ["environ", "security_label", "login_uid"].contains(path)),
        "{:?}",
        process.errors
    );
}

#[test]
fn only_what_is_asked_for_is_set() {
    let process = read(std::process::id(), &["ppid", "memory.shared_bytes"]);
    assert!(process.ppid.is_some() && process.name.is_none() && process.state.is_none() && process.uids.is_none());
    let memory = process.memory.unwrap();
    assert!(memory.shared_bytes.is_some() && memory.resident_bytes.is_none() && memory.virtual_bytes.is_none());
}

#[test]
fn a_pid_without_a_process_is_none_and_so_is_a_thread() {
    let mut reader = live();
    assert_eq!(reader.read(0, &plan(&["name"])).unwrap(), None);
    assert_eq!(reader.read(u32::MAX, &plan(&["name"])).unwrap(), None);
    let (send, receive) = std::sync::mpsc::channel();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        send.send(rustix::thread::gettid().as_raw_pid().cast_unsigned()).unwrap();
        let _ = wait.recv();
    });
    let thread_id = receive.recv().unwrap();
    assert!(Path::new(&format!("/proc/{thread_id}")).exists(), "procfs has it, only not in its list");
    assert_eq!(reader.read(thread_id, &plan(&["name"])).unwrap(), None);
    assert!(!reader.list_pids().unwrap().contains(&thread_id));
    drop(done);
    thread.join().unwrap();
}

#[test]
fn the_list_has_every_process_once_and_ascending() {
    let victim = Victim::spawn(Command::new("sleep").arg("60"));
    let mut reader = live();
    let pids = reader.list_pids().unwrap();
    assert!(pids.is_sorted_by(|left, right| left < right));
    assert!(pids.contains(&victim.pid()) && pids.contains(&std::process::id()));
    assert!(reader.list_pids().unwrap().contains(&victim.pid()), "a second list starts from the front");
}

#[test]
fn a_name_longer_than_the_kernel_keeps_is_completed() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("a-name-that-is-longer-than-fifteen-bytes");
    fs::copy("/bin/sleep", &program).unwrap();
    let victim = Victim::spawn(Command::new(&program).arg("60"));
    let name = |paths: &[&str]| String::from_utf8(read(victim.pid(), paths).name.unwrap()).unwrap();
    assert_eq!(name(&["name"]), "a-name-that-is-longer-than-fifteen-bytes");
    assert_eq!(name(&["name", "cmdline"]), "a-name-that-is-longer-than-fifteen-bytes");
    let cut = live().read(victim.pid(), &plan(&["name"]).leave_names_cut(true)).unwrap().unwrap();
    assert_eq!(cut.name.as_deref(), Some(&b"a-name-that-is-"[..]));
    assert_eq!(reason_of(&cut, "name"), Some(FieldErrorReason::Truncated));
    assert_eq!(read(victim.pid(), &["name"]).errors, []);
    fs::remove_file(&program).unwrap();
    let process = read(victim.pid(), &["exe", "exe_deleted"]);
    assert_eq!(process.exe, Some(program.as_os_str().as_bytes().to_vec()));
    assert_eq!(process.exe_deleted, Some(true));
}

/// A name of fifteen bytes is whole, or it is not: only cmdline tells.
#[test]
fn a_name_that_cannot_be_completed_is_said_to_be_cut() {
    const COMM: &[u8] = b"a-name-that-is-";
    let row = |comm: &[u8], flags: &str, command: Option<&[u8]>| {
        let rest = format!(") S 1 7 7 0 -1 {flags} 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n");
        let stat = [b"7 (", comm, rest.as_bytes()].concat();
        let files = [("stat", stat.as_slice()), ("cmdline", command.unwrap_or_default())];
        let (_root, mut reader) = fixture(files.get(..1 + usize::from(command.is_some())).unwrap());
        let process = reader.read(7, &plan(&["name"])).unwrap().unwrap();
        assert_eq!(process.name.as_deref(), Some(comm));
        (reason_of(&process, "name"), process.errors.len())
    };
    assert_eq!(row(COMM, "0", None), (Some(FieldErrorReason::Truncated), 1), "cmdline cannot be read");
    assert_eq!(row(COMM, "0", Some(b"another\0")), (None, 0), "it calls itself so");
    assert_eq!(row(COMM, "0", Some(b"")), (None, 0));
    assert_eq!(row(&COMM[1..], "0", None), (None, 0), "the kernel has not cut it");
    assert_eq!(row(b"kworker/u16:0-events_unbound", "2097152", None), (None, 0), "a kernel thread");
}

#[test]
fn secrets_are_masked_when_the_plan_says_so() {
    let victim = Victim::spawn(Command::new("sleep").arg0("--token=hunter2").arg("60"));
    let mut reader = live();
    let mut row =
        |paths: &[&str], scrub| reader.read(victim.pid(), &plan(paths).scrub_cmdline(scrub)).unwrap().unwrap();
    let whole = row(&["cmdline", "cmdline_raw"], false);
    assert_eq!(whole.cmdline, [&b"--token=hunter2"[..], b"60"]);
    assert_eq!(whole.cmdline_raw.as_deref(), Some(&b"--token=hunter2\x0060\0"[..]));
    assert_eq!(whole.errors, []);
    let masked = row(&["cmdline", "cmdline_raw"], true);
    assert_eq!((masked.cmdline[0].as_slice(), masked.cmdline_raw), (&b"--token=***"[..], None));
    assert_eq!(row(&["cmdline_raw"], true).cmdline_raw, None, "also where the split one is not asked for");
    for path in ["cmdline", "cmdline_raw"] {
        assert_eq!(reason_of(&row(&[path], true), path), Some(FieldErrorReason::Redacted), "{path}");
    }
    let harmless = Victim::spawn(Command::new("sleep").arg("60"));
    let mut reader = live();
    let process = reader.read(harmless.pid(), &plan(&["cmdline_raw"]).scrub_cmdline(true)).unwrap().unwrap();
    assert_eq!((process.cmdline_raw.as_deref(), process.errors.len()), (Some(&b"sleep\x0060\0"[..]), 0));
}

/// A program that writes its title over its arguments, as setproctitle(3bsd) does.
#[test]
fn secrets_of_a_title_show_neither_in_the_name_nor_in_the_raw_line() {
    let stat = b"7 (backup-schedule) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n";
    for title in ["backup-scheduler --password hunter2\0\0\0", "backup-scheduler Authorization: Bearer hunter2\0"] {
        let (_root, mut reader) = fixture(&[("stat", stat), ("cmdline", title.as_bytes())]);
        let mut row = |paths: &[&str]| reader.read(7, &plan(paths).scrub_cmdline(true)).unwrap().unwrap();
        let process = row(&["name", "cmdline", "cmdline_raw"]);
        assert_eq!((process.name.as_deref(), process.cmdline_raw.as_deref()), (Some(&b"backup-scheduler"[..]), None));
        assert!(!String::from_utf8(process.cmdline.concat()).unwrap().contains("hunter2"));
        assert_eq!(reason_of(&row(&["cmdline_raw"]), "cmdline_raw"), Some(FieldErrorReason::Redacted));
        assert_eq!(row(&["name"]).name.as_deref(), Some(&b"backup-scheduler"[..]));
    }
    // The arguments one by one hold no secret, the line as a text does.
    let (_root, mut reader) = fixture(&[("stat", stat), ("cmdline", b"curl\0Authorization:\0Bearer\0hunter2\0")]);
    let process = reader.read(7, &plan(&["cmdline_raw"]).scrub_cmdline(true)).unwrap().unwrap();
    assert_eq!((process.cmdline_raw.as_deref(), process.errors.len()), (None, 1));
}

#[test]
fn a_command_line_of_megabytes_is_cut_and_says_so() {
    let command = [vec![b'x'; 3_000_000], b"\0".to_vec()].concat();
    let stat = b"7 (a) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n";
    let (_root, mut reader) = fixture(&[("stat", stat), ("cmdline", &command)]);
    let process = reader.read(7, &plan(&["cmdline", "cmdline_raw"])).unwrap().unwrap();
    assert_eq!(process.cmdline.iter().map(Vec::len).sum::<usize>(), 64 * 1024);
    assert_eq!(process.cmdline_raw.as_deref(), command.get(..64 * 1024));
    for path in ["cmdline", "cmdline_raw"] {
        assert_eq!(reason_of(&process, path), Some(FieldErrorReason::Truncated), "{path}");
    }
}

#[test]
fn one_unreadable_file_does_not_drop_the_row() {
    let (_root, mut reader) = fixture(&[("stat", b"7 (a) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n")]);
    let process = reader
        .read(7, &plan(&["name", "nice", "start_time", "oom", "uids", "memory.resident_bytes"]))
        .unwrap()
        .unwrap();
    assert_eq!((process.name.as_deref(), process.nice), (Some(&b"a"[..]), Some(5)));
    assert_eq!(process.start_time.map(|time| (time.seconds, time.nanos)), Some((1_700_000_001, 500_000_000)));
    for path in ["oom", "uids", "memory.resident_bytes"] {
        assert_eq!(reason_of(&process, path), Some(FieldErrorReason::ReadFailed), "{path}");
    }
    let reference = process.r#ref.unwrap();
    assert_eq!((reference.start_ticks, reference.boot_id.as_ref()), (150, &[5; 16][..]));
}

#[test]
fn torn_and_odd_files_are_told_not_guessed() {
    let (_root, mut reader) = fixture(&[("stat", b"7 (a) S 1 7")]);
    let process = reader.read(7, &plan(&["name", "state"])).unwrap().unwrap();
    assert_eq!((process.pid, process.name.as_deref()), (7, None));
    assert_eq!(reason_of(&process, "name"), Some(FieldErrorReason::InvalidData));

    let stat = b"7 (b) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n";
    let (_root, mut reader) =
        fixture(&[("stat", stat), ("statm", b"10"), ("status", b"Tgid:\t7\nVmPeak:\t1 kB\n"), ("io", b"")]);
    let process = reader.read(7, &plan(&["memory", "uids", "io.read_calls"])).unwrap().unwrap();
    for path in ["memory.resident_bytes", "memory.swap_bytes", "uids", "io.read_calls"] {
        assert_eq!(reason_of(&process, path), Some(FieldErrorReason::Unsupported), "{path}");
    }
    assert_eq!(process.memory.unwrap().peak_virtual_bytes, Some(1024));
}

#[test]
fn pages_are_as_large_as_the_machine_says() {
    let stat = b"7 (b) S 1 7 7 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 150 4096 1\n";
    let (_root, mut reader) = fixture(&[("stat", stat), ("statm", b"10 5 4 3 0 2 0\n")]);
    let memory = reader.read(7, &plan(&["memory.resident_bytes"])).unwrap().unwrap().memory.unwrap();
    assert_eq!(memory.resident_bytes, Some(5 * 16384));
}
