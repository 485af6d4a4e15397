//! Processes of this machine, opened, signalled and watched to their end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::process::{Child, Command, Stdio};

use procwire_host::{ControlError, Host, Liveness, ProcessHandle, ProcessPlan, ProcessReader, Roots};
use procwire_proto::{
    process_fields::bit,
    v1::{ExitStatus, ProcessRef, ProcessState},
};

fn host() -> std::sync::Arc<Host> {
    std::sync::Arc::new(Host::open(Roots::default()).unwrap())
}

fn reference(host: &std::sync::Arc<Host>, pid: u32) -> ProcessRef {
    let process = ProcessReader::new(host.clone()).read(pid, &ProcessPlan::new(bit::PID)).unwrap().unwrap();
    process.r#ref.unwrap()
}

fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).spawn().unwrap()
}

/// Looks until the process is no longer running.
fn end_of(handle: &ProcessHandle) -> Liveness {
    loop {
        match handle.liveness() {
            Liveness::Running(_) => std::thread::yield_now(),
            end => return end,
        }
    }
}

#[test]
fn the_signal_reaches_the_process_and_its_end_is_known_before_and_after_the_reap() {
    let host = host();
    let mut child = cat();
    let handle = ProcessHandle::open(&host, &reference(&host, child.id())).unwrap();
    assert!(matches!(handle.liveness(), Liveness::Running(_)));
    assert_eq!((handle.name(), handle.is_kernel_thread()), (&b"cat"[..], false));
    assert_eq!(handle.effective_uid(), Some(rustix::process::geteuid().as_raw()));
    handle.signal(15).unwrap();
    // Not waited for yet: a zombie of our own, whose status stat tells.
    assert_eq!(end_of(&handle), Liveness::Ended(ExitStatus::from_wait_status(15)));
    child.wait().unwrap();
    match handle.liveness() {
        Liveness::Ended(status) if tells_exit(&host) => assert_eq!(status, ExitStatus::from_wait_status(15)),
        Liveness::Ended(_) => {}
        other => panic!("{other:?}"),
    }
    assert!(matches!(handle.signal(15), Err(ControlError::Gone { .. })));
}

fn tells_exit(host: &Host) -> bool {
    // The first kernel with the call (6.13) does not keep the status; only a child can tell, so the release decides.
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers =
        release.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (6, 15) && host.features().iter().any(|feature| feature.name == "pidfd_exit_status" && feature.available)
}

#[test]
fn a_stopped_process_is_running_in_the_state_stopped() {
    let host = host();
    let mut child = cat();
    let handle = ProcessHandle::open(&host, &reference(&host, child.id())).unwrap();
    handle.signal(19).unwrap();
    while handle.liveness() != Liveness::Running(ProcessState::Stopped) {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn another_process_at_the_same_pid_is_never_opened() {
    let host = host();
    let mut child = cat();
    let right = reference(&host, child.id());
    let open = |wrong: ProcessRef| ProcessHandle::open(&host, &wrong).unwrap_err();
    let earlier = ProcessRef { start_ticks: right.start_ticks - 1, ..right.clone() };
    assert!(matches!(open(earlier), ControlError::Reused { .. }));
    let whole = ProcessHandle::open(&host, &right).unwrap().reference().clone();
    // Before Linux 6.9 a pidfd has no inode of its own to compare.
    if whole.pidfd_inode.is_some() {
        let other_inode = ProcessRef { pidfd_inode: Some(1), ..right.clone() };
        assert!(matches!(open(other_inode), ControlError::Reused { .. }));
    }
    let other_boot = ProcessRef { boot_id: vec![0; 16].into(), ..right.clone() };
    assert!(matches!(open(other_boot), ControlError::Rebooted { .. }));
    for (pid, boot_id, field) in [(0, vec![0; 16], "pid"), (u32::MAX, vec![0; 16], "pid"), (1, vec![], "boot_id")] {
        match open(ProcessRef { pid, boot_id: boot_id.into(), ..right.clone() }) {
            ControlError::InvalidReference { field: named, .. } => assert_eq!(named, field),
            other => panic!("{other}"),
        }
    }
    // The reference that an opened process gives back, its inode included, opens it again.
    ProcessHandle::open(&host, &whole).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(open(right), ControlError::Gone { .. }));
}

#[test]
fn a_number_that_is_no_signal_is_refused() {
    let host = host();
    let mut child = cat();
    let handle = ProcessHandle::open(&host, &reference(&host, child.id())).unwrap();
    for number in [0, -1, 32, 65] {
        assert!(matches!(handle.signal(number), Err(ControlError::InvalidReference { field: "signal", .. })));
    }
    assert!(matches!(handle.liveness(), Liveness::Running(_)));
    child.kill().unwrap();
    child.wait().unwrap();
}
