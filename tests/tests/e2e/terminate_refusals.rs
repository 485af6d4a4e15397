//! Processes that are not ended, whoever asks.

use std::process::Command;

use procwire_client::{Error, ErrorKind};
use procwire_proto::v1::{ErrorReason, ProcessRef};
use procwire_tests::{Agent, Role, Victim, python, reference_of};

/// Asks an admin's best for it, and demands that nothing is done.
async fn refused(agent: &Agent, target: &ProcessRef) -> Error {
    match agent.client(Role::Admin).control().terminate(target).reason("test").await {
        Err(error) => error,
        Ok(termination) => termination.outcome().await.expect_err("it was done"),
    }
}

#[tokio::test]
async fn a_pid_that_another_process_has_now_is_not_signalled() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let earlier = ProcessRef { start_ticks: victim.reference().start_ticks - 100, ..victim.reference() };
    let error = refused(&agent, &earlier).await;
    assert_eq!((error.kind(), error.reason()), (ErrorKind::PidReused, Some(ErrorReason::PidReused)), "{error}");
    assert!(victim.is_alive());
    let audit = agent.audit();
    assert!(
        audit.iter().any(|line| line["decision"] == "denied" && line["targets"][0]["pid"] == victim.pid()),
        "{audit:?}"
    );
}

#[tokio::test]
async fn a_reference_of_another_boot_is_not_signalled() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let other_boot = ProcessRef { boot_id: vec![1; 16].into(), ..victim.reference() };
    let error = refused(&agent, &other_boot).await;
    assert_eq!((error.kind(), error.reason()), (ErrorKind::HostRebooted, Some(ErrorReason::HostRebooted)), "{error}");
    assert!(victim.is_alive());
}

#[tokio::test]
async fn a_reference_with_the_pidfd_inode_of_another_process_is_not_signalled() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let (own, other) = (pidfd_inode(victim.pid()), pidfd_inode(std::process::id()));
    if own == other {
        // Before kernel 6.9 all pidfds have the same inode, and references carry none.
        return;
    }
    let twin = ProcessRef { pidfd_inode: Some(other), ..victim.reference() };
    let error = refused(&agent, &twin).await;
    assert_eq!(error.reason(), Some(ErrorReason::PidReused), "{error}");
    assert!(victim.is_alive());
    let itself = ProcessRef { pidfd_inode: Some(own), ..victim.reference() };
    let termination = agent.client(Role::Operator).control().terminate(&itself).reason("test").await.unwrap();
    termination.outcome().await.unwrap();
    victim.ended();
}

fn pidfd_inode(pid: u32) -> u64 {
    let script = format!("import os; print(os.fstat(os.pidfd_open({pid})).st_ino)");
    let output = Command::new(python::python()).args(["-c", &script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn a_process_that_has_ended_is_said_to_be_gone() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let reference = victim.reference();
    victim.signal("KILL");
    victim.ended();
    let error = refused(&agent, &reference).await;
    assert!(error.is_gone(), "{error}");
}

#[tokio::test]
async fn pid_1_the_agent_and_its_parent_are_protected() {
    let agent = Agent::start();
    for pid in [1, agent.pid(), std::process::id()] {
        let error = refused(&agent, &reference_of(pid)).await;
        assert_eq!(error.reason(), Some(ErrorReason::ProtectedProcess), "{pid}: {error}");
        assert_eq!(error.kind(), ErrorKind::ProtectedProcess, "{pid}: {error}");
    }
    let denials = agent.audit().into_iter().filter(|line| line["decision"] == "denied").count();
    assert_eq!(denials, 3, "{:?}", agent.audit());
}

#[tokio::test]
async fn kernel_threads_are_protected() {
    let agent = Agent::start();
    let list = agent.client(Role::Reader).processes().list().fields(["ref", "kernel_thread"]).await.unwrap();
    let Some(thread) = list.processes.iter().find(|process| process.kernel_thread()) else {
        // In a container's pid namespace there are none.
        assert_ne!(std::fs::read_to_string("/proc/2/comm").ok().as_deref(), Some("kthreadd\n"));
        return;
    };
    let error = refused(&agent, thread.r#ref.as_ref().unwrap()).await;
    assert_eq!(error.reason(), Some(ErrorReason::ProtectedProcess), "{error}");
}

#[tokio::test]
async fn configured_names_and_pids_are_protected() {
    let (by_name, by_pid, neither) =
        (Victim::named(b"precious", "sleep"), Victim::start(&["sleep"]), Victim::start(&["sleep"]));
    let agent = Agent::options()
        .set("control.protected_names", "sshd,precious")
        .set("control.protected_pids", by_pid.pid())
        .start();
    for victim in [&by_name, &by_pid] {
        let error = refused(&agent, &victim.reference()).await;
        assert_eq!(error.reason(), Some(ErrorReason::ProtectedProcess), "{error}");
        assert!(victim.is_alive());
    }
    let termination =
        agent.client(Role::Operator).control().terminate(&neither.reference()).reason("test").await.unwrap();
    termination.outcome().await.unwrap();
    neither.ended();
}

#[tokio::test]
async fn nothing_is_done_when_it_cannot_be_audited() {
    let agent = Agent::options().full_disk().start();
    let victim = Victim::start(&["sleep"]);
    let error = refused(&agent, &victim.reference()).await;
    assert_eq!(error.reason(), Some(ErrorReason::AuditUnavailable), "{error}");
    assert!(victim.is_alive());
    agent.client(Role::Reader).processes().list().await.expect("reads go on");
}
