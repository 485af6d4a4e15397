//! Ending processes that are not the agent's children.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use procwire_client::{Client, Escalation, Signal, TerminateStep, TerminationOutcome};
use procwire_proto::v1::{ControlMechanism, DisconnectAction, ProcessState, exit_status::End};
use procwire_tests::{Agent, Role, Victim, assert_ended, kernel_tells_exit_status, waiting::eventually_async};
use serde_json::Value;

/// Short enough for a test, long enough for an agent that is busy elsewhere: what matters is that it passes.
const SHORT_GRACE: Duration = Duration::from_millis(300);
const LONG_GRACE: Duration = Duration::from_secs(60);

fn operator(agent: &Agent) -> Client {
    agent.client(Role::Operator)
}

/// The audit record of this event and request.
fn audited(agent: &Agent, event: &str, request_id: &str) -> Option<Value> {
    agent.audit().into_iter().find(|line| line["event"] == event && line["request_id"] == request_id)
}

/// Waits for the record of an outcome, leaving the runtime free to tell the agent that its caller hung up.
async fn outcome_audited(agent: &Agent, request_id: &str) -> Value {
    eventually_async("the audit record of the outcome", || async { audited(agent, "outcome", request_id) }).await
}

/// Demands that the process ended like this, killed after its grace period or not.
#[track_caller]
fn assert_exited(outcome: &TerminationOutcome, end: End, wanted_escalated: bool) {
    let TerminationOutcome::Exited { status, escalated, .. } = outcome else { panic!("{outcome:?}") };
    assert_ended(status, end);
    assert_eq!(*escalated, wanted_escalated, "{outcome:?}");
}

#[tokio::test]
async fn a_process_that_complies_is_not_killed_and_its_exit_code_is_told() {
    let agent = Agent::start();
    let victim = Victim::start(&["exit-on-term", "7"]);
    let request = operator(&agent)
        .control()
        .terminate(&victim.reference())
        .grace(LONG_GRACE)
        .reason("drained")
        .request_id("polite-1");
    let mut termination = request.await.unwrap();
    let plan = termination.plan().clone();
    assert_eq!(plan.targets[0].r#ref.as_ref().unwrap().pid, victim.pid());
    assert_eq!(plan.targets[0].name.as_deref(), Some(b"procwire-victim".as_slice()));
    assert_eq!((plan.signal(), plan.then()), (Signal::Term, Escalation::Kill));

    let first = termination.next().await.unwrap().unwrap();
    let TerminateStep::Signalled { signal: Signal::Term, mechanism: ControlMechanism::Pidfd } = first.step else {
        panic!("{first:?}");
    };
    let last = termination.next().await.unwrap().unwrap();
    let TerminateStep::Exited(status) = last.step else { panic!("{last:?}") };
    assert_ended(&status, End::Code(7));
    assert!(last.elapsed < LONG_GRACE && last.elapsed >= first.elapsed);
    assert!(termination.next().await.unwrap().is_none());
    let summary = termination.summary().unwrap();
    assert_eq!((summary.exited, summary.still_running, summary.refused, summary.escalated), (1, 0, 0, false));
    assert_eq!(victim.ended().code(), Some(7));

    let decision = audited(&agent, "decision", "polite-1").unwrap();
    assert_eq!((decision["principal"].as_str(), decision["reason"].as_str()), (Some("test-operator"), Some("drained")));
    assert_eq!(decision["targets"][0]["pid"], victim.pid());
    assert_eq!(decision["decision"], "allowed");
    let outcome = audited(&agent, "outcome", "polite-1").unwrap();
    let wanted = if kernel_tells_exit_status() { "code=7" } else { "unknown" };
    assert!(outcome["result"].as_str().unwrap().contains(wanted), "{outcome}");
}

#[tokio::test]
async fn a_process_that_ignores_term_is_killed_after_the_grace_period() {
    let agent = Agent::start();
    let victim = Victim::start(&["ignore-term"]);
    let mut termination =
        operator(&agent).control().terminate(&victim.reference()).grace(SHORT_GRACE).reason("test").await.unwrap();
    let mut steps = Vec::new();
    while let Some(event) = termination.next().await.unwrap() {
        steps.push(event);
    }
    let [first, second, third] = steps.as_slice() else { panic!("{steps:?}") };
    assert!(matches!(first.step, TerminateStep::Signalled { signal: Signal::Term, .. }), "{first:?}");
    assert!(matches!(second.step, TerminateStep::Escalated { signal: Signal::Kill, .. }), "{second:?}");
    assert!(second.elapsed >= SHORT_GRACE, "{second:?}");
    let TerminateStep::Exited(status) = &third.step else { panic!("{third:?}") };
    assert_ended(status, End::Signal(9));
    assert!(termination.summary().unwrap().escalated);
    assert_eq!(victim.ended().signal(), Some(9));
}

#[tokio::test]
async fn a_process_that_ignores_term_lives_on_if_the_caller_gives_up() {
    let agent = Agent::start();
    let victim = Victim::start(&["ignore-term"]).asleep();
    let request = operator(&agent)
        .control()
        .terminate(&victim.reference())
        .grace(SHORT_GRACE)
        .then(Escalation::GiveUp)
        .reason("test");
    let outcome = request.await.unwrap().outcome().await.unwrap();
    let TerminationOutcome::StillRunning { state, escalated: false, elapsed } = outcome else { panic!("{outcome:?}") };
    assert_eq!(state, ProcessState::Sleeping);
    assert!(elapsed >= SHORT_GRACE);
    assert!(victim.is_alive());
}

#[tokio::test]
async fn kill_without_grace_ends_at_once() {
    let agent = Agent::start();
    let victim = Victim::start(&["ignore-term"]);
    let request = operator(&agent).control().terminate(&victim.reference()).grace(Duration::ZERO).reason("test");
    let outcome = request.await.unwrap().outcome().await.unwrap();
    assert_eq!(victim.ended().signal(), Some(9));
    let TerminationOutcome::Exited { status, .. } = outcome else { panic!("{outcome:?}") };
    assert_ended(&status, End::Signal(9));
}

#[tokio::test]
async fn another_first_signal_is_sent_as_asked() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let request =
        operator(&agent).control().terminate(&victim.reference()).signal(Signal::Usr1).grace(LONG_GRACE).reason("test");
    let outcome = request.await.unwrap().outcome().await.unwrap();
    assert_exited(&outcome, End::Signal(10), false);
}

#[tokio::test]
async fn a_stopped_process_is_killed_in_the_end() {
    let agent = Agent::start();
    let victim = Victim::start(&["exit-on-term", "3"]);
    victim.signal("STOP");
    let request = operator(&agent).control().terminate(&victim.reference()).grace(SHORT_GRACE).reason("test");
    let outcome = request.await.unwrap().outcome().await.unwrap();
    assert_exited(&outcome, End::Signal(9), true);
}

#[tokio::test]
async fn a_dry_run_resolves_everything_and_does_nothing() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let request =
        operator(&agent).control().terminate(&victim.reference()).dry_run(true).reason("test").request_id("dry-1");
    let outcome = request.await.unwrap().outcome().await.unwrap();
    let TerminationOutcome::DryRun(plan) = outcome else { panic!("{outcome:?}") };
    assert!(plan.dry_run);
    assert_eq!(plan.targets[0].r#ref.as_ref().unwrap().pid, victim.pid());
    assert!(victim.is_alive());
    assert_eq!(audited(&agent, "decision", "dry-1").unwrap()["decision"], "dry_run");
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_leave_it_half_done() {
    let agent = Agent::start();
    let victim = Victim::start(&["ignore-term"]);
    let client = operator(&agent);
    let request =
        client.control().terminate(&victim.reference()).grace(SHORT_GRACE).reason("test").request_id("hung-up-1");
    let mut termination = request.await.unwrap();
    let first = termination.next().await.unwrap().unwrap();
    assert!(matches!(first.step, TerminateStep::Signalled { .. }), "{first:?}");
    drop((termination, client));
    let outcome = outcome_audited(&agent, "hung-up-1").await;
    assert_eq!(victim.ended().signal(), Some(9));
    assert!(outcome["result"].as_str().unwrap().contains("escalated"), "{outcome}");
}

#[tokio::test]
async fn a_caller_who_asked_to_stop_with_him_stops_it_by_hanging_up() {
    let agent = Agent::start();
    let victim = Victim::start(&["ignore-term"]);
    let client = operator(&agent);
    let request = client
        .control()
        .terminate(&victim.reference())
        .grace(Duration::from_secs(2))
        .on_disconnect(DisconnectAction::Stop)
        .reason("test")
        .request_id("hung-up-2");
    let mut termination = request.await.unwrap();
    termination.next().await.unwrap().unwrap();
    drop((termination, client));
    let outcome = outcome_audited(&agent, "hung-up-2").await;
    assert!(!outcome["result"].as_str().unwrap().contains("KILL"), "{outcome}");
    assert!(victim.is_alive());
}

#[tokio::test]
async fn a_request_that_is_repeated_gets_the_first_answer_and_sends_no_second_signal() {
    let agent = Agent::start();
    let victim = Victim::start(&["ignore-term"]);
    let client = operator(&agent);
    let request = || {
        let control = client.control();
        control
            .terminate(&victim.reference())
            .grace(SHORT_GRACE)
            .then(Escalation::GiveUp)
            .reason("test")
            .request_id("again-1")
    };
    for _ in 0..2 {
        let outcome = request().await.unwrap().outcome().await.unwrap();
        assert!(matches!(outcome, TerminationOutcome::StillRunning { .. }), "{outcome:?}");
    }
    let decisions =
        agent.audit().into_iter().filter(|line| line["event"] == "decision" && line["request_id"] == "again-1");
    assert_eq!(decisions.filter(|line| line["decision"] == "allowed").count(), 1, "{:?}", agent.audit());

    let other = client.control().terminate(&victim.reference()).grace(LONG_GRACE).reason("test").request_id("again-1");
    let error = match other.await {
        Err(error) => error,
        Ok(termination) => termination.outcome().await.unwrap_err(),
    };
    assert_eq!(error.reason(), Some(procwire_proto::v1::ErrorReason::RequestIdConflict), "{error}");
}
