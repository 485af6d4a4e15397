//! Waiting for the end of processes that are not the agent's children.

use std::{fs, time::Duration};

use procwire_client::{ErrorKind, WaitOutcome};
use procwire_proto::v1::{ErrorReason, ExitStatus, ProcessRef, ProcessState, exit_status::End};
use procwire_tests::{Agent, Role, Victim, assert_ended, waiting::eventually_async};

/// Ends the victim once the agent is waiting for it, and gives what the agent says.
async fn outcome_of(mode: &[&str], how: &'static str) -> ExitStatus {
    let agent = Agent::start();
    let victim = Victim::start(mode);
    let client = agent.client(Role::Reader);
    let reference = victim.reference();
    let waiting = tokio::spawn(async move { client.control().wait(&reference).timeout(Duration::from_secs(60)).await });
    until_watching(&agent).await;
    victim.signal(how);
    match waiting.await.unwrap().unwrap() {
        WaitOutcome::Exited(status) => status,
        other => panic!("{other:?}"),
    }
}

/// Until the agent holds a descriptor of a process: from then on it learns how that process ends.
async fn until_watching(agent: &Agent) {
    let folder = format!("/proc/{}/fd", agent.pid());
    eventually_async("the agent to watch the process", || async {
        let mut links = fs::read_dir(&folder).unwrap().filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        links.any(|link| link.to_string_lossy().contains("pidfd")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_exit_code_of_a_process_that_is_no_child_is_told() {
    let status = outcome_of(&["exit-on-term", "3"], "TERM").await;
    assert_ended(&status, End::Code(3));
}

#[tokio::test]
async fn the_signal_that_ended_a_process_is_told() {
    let status = outcome_of(&["sleep"], "KILL").await;
    assert_ended(&status, End::Signal(9));
}

#[tokio::test]
async fn a_process_that_outlasts_the_wait_is_still_running() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]).asleep();
    let control = agent.client(Role::Reader).control();
    for time in [Duration::ZERO, Duration::from_millis(200)] {
        let outcome = control.wait(&victim.reference()).timeout(time).await.unwrap();
        assert_eq!(outcome, WaitOutcome::StillRunning(ProcessState::Sleeping));
    }
    assert!(victim.is_alive());
}

#[tokio::test]
async fn a_process_that_was_gone_before_is_not_waited_for() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let reference = victim.reference();
    victim.signal("KILL");
    victim.ended();
    let error = agent.client(Role::Reader).control().wait(&reference).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::NotFound, Some(ErrorReason::ProcessGone)), "{error}");
}

#[tokio::test]
async fn a_reused_pid_is_not_waited_for() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let earlier = ProcessRef { start_ticks: 1, ..victim.reference() };
    let error = agent.client(Role::Reader).control().wait(&earlier).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::PidReused), "{error}");
}

#[tokio::test]
async fn a_zombie_that_nobody_collects_is_no_end_that_could_be_told() {
    let agent = Agent::start();
    let parent = Victim::start(&["zombie", "7"]);
    let zombie = procwire_tests::reference_of(parent.named_pid());
    let outcome = agent.client(Role::Reader).control().wait(&zombie).timeout(Duration::ZERO).await.unwrap();
    match outcome {
        WaitOutcome::StillRunning(ProcessState::Zombie) => {}
        WaitOutcome::Exited(ExitStatus { end: Some(End::Code(7)), .. }) => {}
        other => panic!("{other:?}"),
    }
}
