//! What is done on kernels without pidfds, and on those whose pidfds keep no exit status, tried on this one by leaving them alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use procwire_host::{ControlAbilities, ControlError, Host, Liveness, ProcessHandle, ProcessPlan, ProcessReader, Roots};
use procwire_proto::{
    process_fields::bit,
    v1::{ControlMechanism, ExitStatus, ProcessRef, ProcessState, exit_status::End},
};

const OLDEST: ControlAbilities = ControlAbilities { pidfd: false, exit_status: false };
const WITHOUT_STATUS: ControlAbilities = ControlAbilities { pidfd: true, exit_status: false };

fn host(abilities: ControlAbilities) -> Arc<Host> {
    Arc::new(Host::open(Roots::default()).unwrap().with_control_abilities(abilities))
}

fn reference(host: &Arc<Host>, pid: u32) -> ProcessRef {
    let process = ProcessReader::new(Arc::clone(host)).read(pid, &ProcessPlan::new(bit::PID)).unwrap().unwrap();
    process.r#ref.unwrap()
}

fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).spawn().unwrap()
}

fn end_of(handle: &ProcessHandle) -> Liveness {
    loop {
        match handle.liveness() {
            Liveness::Running(_) => std::thread::yield_now(),
            end => return end,
        }
    }
}

fn is_unknown(liveness: &Liveness) -> bool {
    matches!(liveness, Liveness::Ended(ExitStatus { end: Some(End::Unknown(_)), .. }))
}

#[test]
fn a_process_is_signalled_by_its_pid_and_its_end_is_seen_without_a_pidfd() {
    let host = host(OLDEST);
    assert!(host.features().iter().any(|feature| feature.name == "pidfd" && !feature.available));
    let mut child = cat();
    let handle = ProcessHandle::open(&host, &reference(&host, child.id())).unwrap();
    assert!(handle.pidfd().is_none());
    assert_eq!((handle.name(), handle.mechanism()), (&b"cat"[..], ControlMechanism::Kill));
    assert_eq!(handle.reference().pidfd_inode, None);
    assert!(matches!(handle.liveness(), Liveness::Running(_)) && !handle.has_ended());
    assert_eq!(handle.signal(15).unwrap(), ControlMechanism::Kill);
    // A zombie of our own, whose status stat tells.
    assert_eq!(end_of(&handle), Liveness::Ended(ExitStatus::from_wait_status(15)));
    assert!(handle.has_ended());
    handle.signal(15).unwrap();
    child.wait().unwrap();
    assert!(is_unknown(&handle.liveness()) && handle.has_ended());
    assert!(matches!(handle.signal(15), Err(ControlError::Gone { .. })), "nobody is signalled once it is gone");
}

#[test]
fn the_directory_of_a_process_that_is_gone_means_nobody_whoever_has_its_pid() {
    let host = host(OLDEST);
    let mut child = cat();
    let right = reference(&host, child.id());
    let earlier = ProcessRef { start_ticks: right.start_ticks - 1, ..right.clone() };
    assert!(matches!(ProcessHandle::open(&host, &earlier), Err(ControlError::Reused { .. })));
    // There is no inode to compare; the start names it.
    ProcessHandle::open(&host, &ProcessRef { pidfd_inode: Some(1), ..right.clone() }).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(ProcessHandle::open(&host, &right), Err(ControlError::Gone { .. })));
}

/// A thread can be looked at by its number, and kill(2) with that number would end its process.
#[test]
fn a_thread_is_no_process() {
    let host = host(OLDEST);
    let (sender, receiver) = std::sync::mpsc::channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        sender.send(rustix::thread::gettid().as_raw_pid().cast_unsigned()).unwrap();
        let _ = wait.recv();
    });
    let number = receiver.recv().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap();
    let start_ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
    let boot_id = host.machine().boot_id.clone();
    let target = ProcessRef { pid: number, start_ticks, boot_id, pidfd_inode: None };
    for abilities in [OLDEST, ControlAbilities::probe()] {
        let opened = ProcessHandle::open(&self::host(abilities), &target);
        assert!(matches!(opened, Err(ControlError::Gone { .. })), "{abilities:?}: {opened:?}");
    }
    drop(release);
    thread.join().unwrap();
}

/// The main thread has exited, which looks like a zombie; another runs on.
#[test]
fn a_process_without_its_main_thread_has_not_ended() {
    let script = "import ctypes, sys, threading\n\
        other = threading.Thread(target=lambda: (print('ready', flush=True), sys.stdin.read()))\n\
        other.start()\n\
        ctypes.CDLL(None).pthread_exit(None)\n";
    let mut child = Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let host = host(OLDEST);
    let handle = ProcessHandle::open(&host, &reference(&host, child.id())).unwrap();
    let path = format!("/proc/{}/stat", child.id());
    while !std::fs::read_to_string(&path).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    assert_eq!(handle.liveness(), Liveness::Running(ProcessState::Zombie));
    assert!(!handle.has_ended());
    handle.signal(9).unwrap();
    assert_eq!(end_of(&handle), Liveness::Ended(ExitStatus::from_wait_status(9)));
    assert!(handle.has_ended());
    child.wait().unwrap();
    output.read_to_string(&mut line).unwrap();
}

/// Linux 5.3 to 6.14.
#[test]
fn a_pidfd_that_keeps_no_status_leaves_the_zombie_to_tell() {
    if !ControlAbilities::probe().pidfd {
        eprintln_skipped("this kernel, or a filter of system calls, has no pidfds");
        return;
    }
    let host = host(WITHOUT_STATUS);
    let mut child = cat();
    let handle = ProcessHandle::open(&host, &reference(&host, child.id())).unwrap();
    assert!(handle.pidfd().is_some());
    assert_eq!(handle.signal(9).unwrap(), ControlMechanism::Pidfd);
    assert_eq!(end_of(&handle), Liveness::Ended(ExitStatus::from_wait_status(9)));
    child.wait().unwrap();
    assert!(is_unknown(&handle.liveness()), "nobody can tell any more");
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn eprintln_skipped(why: &str) {
    eprintln!("skipped: {why}");
}
