//! Terminating and waiting.

use std::time::Duration;

use procwire_client::v1::{
    ControlMechanism, DisconnectAction, ErrorReason, ExitStatus, ProcessState, TargetError, TerminatePlan,
    TerminateProcessesResponse, TerminateProgress, TerminateSignalled, TerminateStillRunning, TerminateSummary,
    WaitProcessResponse, WaitStillRunning, exit_status, terminate_processes_response, terminate_progress,
    wait_process_response,
};
use procwire_client::{
    Error, ErrorKind, Escalation, ProcessRef, Signal, TerminateStep, TerminationOutcome, WaitOutcome,
};
use tonic::Status;

use crate::fake_agent::FakeAgent;
use crate::script::Step;

pub(crate) fn target() -> ProcessRef {
    ProcessRef { pid: 42, start_ticks: 7, boot_id: vec![1; 16].into(), pidfd_inode: None }
}

pub(crate) fn exit_code(code: u32) -> ExitStatus {
    ExitStatus { end: Some(exit_status::End::Code(code)), core_dumped: false }
}

pub(crate) fn plan(dry_run: bool) -> Step<TerminateProcessesResponse> {
    let plan = TerminatePlan { request_id: "r-1".into(), dry_run, ..Default::default() };
    Step::Send(TerminateProcessesResponse { event: Some(terminate_processes_response::Event::Plan(plan)) })
}

pub(crate) fn progress(elapsed_ms: u64, step: terminate_progress::Step) -> Step<TerminateProcessesResponse> {
    let progress = TerminateProgress { r#ref: Some(target()), elapsed_ns: elapsed_ms * 1_000_000, step: Some(step) };
    Step::Send(TerminateProcessesResponse { event: Some(terminate_processes_response::Event::Progress(progress)) })
}

pub(crate) fn summary() -> Step<TerminateProcessesResponse> {
    let summary = TerminateSummary { exited: 1, ..Default::default() };
    Step::Send(TerminateProcessesResponse { event: Some(terminate_processes_response::Event::Summary(summary)) })
}

pub(crate) fn sent(signal: Signal) -> TerminateSignalled {
    TerminateSignalled { signal: signal.into(), mechanism: ControlMechanism::Pidfd.into() }
}

async fn outcome_of(steps: Vec<Step<TerminateProcessesResponse>>) -> Result<TerminationOutcome, Error> {
    let agent = FakeAgent::default();
    agent.terminate.then(steps);
    agent.status.then([Step::Fail(Status::unavailable("starting"))]);
    agent.client().control().terminate(&target()).request_id("r-1").await?.outcome().await
}

#[tokio::test]
async fn a_termination_tells_its_steps() {
    let agent = FakeAgent::default();
    agent.terminate.then([
        plan(false),
        progress(1, terminate_progress::Step::Signalled(sent(Signal::Int))),
        progress(2_000, terminate_progress::Step::Escalated(sent(Signal::Kill))),
        progress(2_003, terminate_progress::Step::Exited(exit_code(3))),
        summary(),
    ]);
    let mut termination = agent
        .client()
        .control()
        .terminate(&target())
        .signal(Signal::Int)
        .grace(Duration::from_millis(1_500))
        .then(Escalation::GiveUp)
        .on_disconnect(DisconnectAction::Stop)
        .reason("why")
        .request_id("r-1")
        .dry_run(false)
        .await
        .unwrap();
    assert_eq!((termination.request_id(), termination.plan().dry_run), ("r-1", false));

    let event = termination.next().await.unwrap().unwrap();
    assert_eq!((&event.process, event.elapsed), (&target(), Duration::from_millis(1)));
    let TerminateStep::Signalled { signal, mechanism } = event.step else { panic!("{event:?}") };
    assert_eq!((signal, mechanism), (Signal::Int, ControlMechanism::Pidfd));
    let event = termination.next().await.unwrap().unwrap();
    assert!(matches!(event.step, TerminateStep::Escalated { signal: Signal::Kill, .. }), "{event:?}");
    let event = termination.next().await.unwrap().unwrap();
    assert!(matches!(&event.step, TerminateStep::Exited(status) if *status == exit_code(3)), "{event:?}");
    assert!(termination.next().await.unwrap().is_none());
    assert_eq!(termination.summary().unwrap().exited, 1);

    let asked = &agent.terminate.asked()[0].message;
    assert_eq!(asked.targets, [target()]);
    assert_eq!(
        (asked.signal(), asked.then(), asked.on_disconnect()),
        (Signal::Int, Escalation::GiveUp, DisconnectAction::Stop)
    );
    let grace = asked.grace.as_ref().unwrap();
    assert_eq!((grace.seconds, grace.nanos), (1, 500_000_000));
    assert_eq!((asked.reason.as_str(), asked.request_id.as_str()), ("why", "r-1"));
}

#[tokio::test]
async fn outcomes_are_told_apart() {
    let exited = outcome_of(vec![
        plan(false),
        progress(0, terminate_progress::Step::Signalled(sent(Signal::Term))),
        progress(5, terminate_progress::Step::Exited(exit_code(0))),
        summary(),
    ]);
    let TerminationOutcome::Exited { status, escalated, elapsed } = exited.await.unwrap() else { panic!("not exited") };
    assert_eq!((status, escalated, elapsed), (exit_code(0), false, Duration::from_millis(5)));

    let stuck = TerminateStillRunning { state: ProcessState::DiskSleep.into() };
    let running = outcome_of(vec![
        plan(false),
        progress(0, terminate_progress::Step::Escalated(sent(Signal::Kill))),
        progress(5, terminate_progress::Step::StillRunning(stuck)),
        summary(),
    ]);
    let TerminationOutcome::StillRunning { state, escalated, .. } = running.await.unwrap() else {
        panic!("not running")
    };
    assert_eq!((state, escalated), (ProcessState::DiskSleep, true));

    let rehearsed = outcome_of(vec![plan(true), summary()]).await.unwrap();
    assert!(matches!(&rehearsed, TerminationOutcome::DryRun(plan) if plan.request_id == "r-1"), "{rehearsed:?}");
}

#[tokio::test]
async fn a_refused_target_is_an_error_with_its_reason() {
    for (reason, kind) in [
        (ErrorReason::ProcessGone, ErrorKind::NotFound),
        (ErrorReason::PidReused, ErrorKind::PidReused),
        (ErrorReason::ProtectedProcess, ErrorKind::ProtectedProcess),
        (ErrorReason::AgentLacksPrivilege, ErrorKind::PermissionDenied),
    ] {
        let refusal = TargetError { reason: reason.into(), detail: "because".into() };
        let refused = progress(0, terminate_progress::Step::Refused(refusal));
        let error = outcome_of(vec![plan(false), refused, summary()]).await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (kind, Some(reason)));
        assert!(error.to_string().starts_with("terminate process on fake agent: because"), "{error}");
    }
}

#[tokio::test]
async fn an_unfinished_termination_leaves_the_outcome_open() {
    let signalled = || progress(0, terminate_progress::Step::Signalled(sent(Signal::Term)));
    let cut_short = outcome_of(vec![plan(false), signalled()]).await.unwrap_err();
    assert_eq!(cut_short.kind(), ErrorKind::CutShort);
    assert!(cut_short.advice().unwrap().contains("r-1"), "{cut_short}");

    let lost = outcome_of(vec![plan(false), signalled(), Step::Cut, Step::Hang]).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::ConnectionLost);
    assert!(lost.advice().unwrap().contains("r-1"), "{lost}");

    let planless = outcome_of(vec![summary()]).await.unwrap_err();
    assert_eq!(planless.kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_termination_follows_its_grace_period() {
    let agent = FakeAgent::default();
    let steps = || [plan(false), Step::Pause(Duration::from_secs(100)), summary()];
    agent.terminate.then(steps()).then(steps());
    let client = agent.client();
    let error = client.control().terminate(&target()).await.unwrap().outcome().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let termination = client.control().terminate(&target()).grace(Duration::from_secs(90)).dry_run(true).await.unwrap();
    // It outlives the pause; that nothing became of the target is then the agent's fault.
    assert_eq!(termination.outcome().await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn dropping_a_termination_hangs_up() {
    let agent = FakeAgent::default();
    agent.terminate.then([plan(false), Step::Hang]);
    drop(agent.client().control().terminate(&target()).await.unwrap());
    agent.terminate.hung_up(1).await;
}

#[tokio::test]
async fn waiting_ends_with_the_process_or_the_time() {
    let agent = FakeAgent::default();
    let ended = wait_process_response::Outcome::Exited(exit_code(7));
    let state = ProcessState::Sleeping.into();
    let running = wait_process_response::Outcome::StillRunning(WaitStillRunning { state });
    for outcome in [Some(ended), Some(running), None] {
        agent.wait.then([Step::Send(WaitProcessResponse { outcome, waited_ns: 1_000_000 })]);
    }
    let control = agent.client().control();
    assert_eq!(control.wait(&target()).await.unwrap(), WaitOutcome::Exited(exit_code(7)));
    let outcome = control.wait(&target()).timeout(Duration::from_secs(60)).await.unwrap();
    assert_eq!(outcome, WaitOutcome::StillRunning(ProcessState::Sleeping));
    assert_eq!(control.wait(&target()).await.unwrap_err().kind(), ErrorKind::Protocol);

    let asked: Vec<_> = agent.wait.asked().iter().map(|call| call.message.timeout.as_ref().unwrap().seconds).collect();
    assert_eq!(asked, [3600, 60, 3600]);
}

#[tokio::test(start_paused = true)]
async fn the_call_outlasts_the_wait() {
    let agent = FakeAgent::default();
    let outcome = Some(wait_process_response::Outcome::Exited(exit_code(0)));
    let answer = Step::Send(WaitProcessResponse { outcome, waited_ns: 1_000_000 });
    agent.wait.then([Step::Pause(Duration::from_secs(65)), answer]).then([Step::Hang]);
    let control = agent.client().control();
    control.wait(&target()).timeout(Duration::from_secs(60)).await.unwrap();
    let error = control.wait(&target()).timeout(Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}
