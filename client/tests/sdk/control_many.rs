//! Several processes in one call: each has its own result.

use std::time::Duration;

use procwire_client::v1::{
    ControlMechanism, ControlTarget, ErrorReason, ProcessState, SignalProcessesResponse, SignalResult, TargetError,
    TerminatePlan, TerminateProcessesResponse, TerminateProgress, TerminateStillRunning, TerminateSummary,
    WaitProcessesResponse, WaitResult, WaitStillRunning, WaitSummary, terminate_processes_response, terminate_progress,
    wait_processes_response, wait_result,
};
use procwire_client::{ControlScope, ErrorKind, ProcessRef, Signal, TerminateStep, TerminationOutcome, WaitOutcome};

use crate::control::{exit_code, sent};
use crate::fake_agent::FakeAgent;
use crate::script::Step;

fn reference(pid: u32) -> ProcessRef {
    ProcessRef { pid, start_ticks: 7, boot_id: vec![1; 16].into(), pidfd_inode: None }
}

fn process(pid: u32) -> ControlTarget {
    // An agent may know more of the identity than whoever asked.
    let reference = ProcessRef { pidfd_inode: Some(9), ..reference(pid) };
    ControlTarget { r#ref: Some(reference), name: Some(b"x".to_vec()), ..Default::default() }
}

fn refusal(reason: ErrorReason) -> TargetError {
    TargetError { reason: reason.into(), detail: "because".into() }
}

fn said(event: terminate_processes_response::Event) -> Step<TerminateProcessesResponse> {
    Step::Send(TerminateProcessesResponse { event: Some(event) })
}

fn plan(pids: &[u32]) -> Step<TerminateProcessesResponse> {
    let targets = pids.iter().map(|pid| process(*pid)).collect();
    said(terminate_processes_response::Event::Plan(TerminatePlan { targets, ..Default::default() }))
}

fn step(pid: u32, step: terminate_progress::Step) -> Step<TerminateProcessesResponse> {
    let progress = TerminateProgress { r#ref: Some(reference(pid)), elapsed_ns: 5_000_000, step: Some(step) };
    said(terminate_processes_response::Event::Progress(progress))
}

fn summary() -> Step<TerminateProcessesResponse> {
    let summary = TerminateSummary { exited: 2, still_running: 1, refused: 1, escalated: true };
    said(terminate_processes_response::Event::Summary(summary))
}

#[tokio::test]
async fn terminations_tell_the_outcome_of_each_process() {
    let agent = FakeAgent::default();
    let stuck = TerminateStillRunning { state: ProcessState::DiskSleep.into() };
    agent.terminate.then([
        plan(&[1, 2, 3]),
        step(3, terminate_progress::Step::Refused(refusal(ErrorReason::ProtectedProcess))),
        step(1, terminate_progress::Step::Signalled(sent(Signal::Term))),
        step(2, terminate_progress::Step::Signalled(sent(Signal::Term))),
        said(terminate_processes_response::Event::Joined(process(9))),
        step(1, terminate_progress::Step::Exited(exit_code(0))),
        step(2, terminate_progress::Step::Escalated(sent(Signal::Kill))),
        step(9, terminate_progress::Step::Exited(exit_code(7))),
        step(2, terminate_progress::Step::StillRunning(stuck)),
        summary(),
    ]);
    let targets = [reference(1), reference(2), reference(3)];
    let request = agent.client().control().terminate_many(&targets).expect_count(3).at_most(10);
    let outcomes = request.scope(ControlScope::Tree).await.unwrap().outcome().await.unwrap();

    assert_eq!(outcomes.processes.len(), 4);
    let ended: Vec<_> = outcomes.ended().map(|(process, status)| (process.pid, status.clone())).collect();
    assert_eq!(ended, [(1, exit_code(0)), (9, exit_code(7))]);
    assert_eq!(outcomes.still_running().collect::<Vec<_>>(), [(&reference(2), ProcessState::DiskSleep)]);
    let Ok(TerminationOutcome::StillRunning { escalated, .. }) = &outcomes.processes[&reference(2)] else { panic!() };
    assert!(escalated, "and of the others none was");
    assert!(matches!(outcomes.processes[&reference(9)], Ok(TerminationOutcome::Exited { escalated: false, .. })));
    let (refused, error) = outcomes.refused().next().unwrap();
    assert_eq!((refused, error.reason()), (&reference(3), Some(ErrorReason::ProtectedProcess)));
    assert!(!outcomes.all_ended());
    assert_eq!(outcomes.summary.exited, 2);

    let asked = &agent.terminate.asked()[0].message;
    assert_eq!((asked.confirm_count, asked.confirm_at_most, asked.scope()), (Some(3), Some(10), ControlScope::Tree));
    assert_eq!(asked.targets, targets);
}

#[tokio::test]
async fn what_joins_is_a_step_and_what_is_left_untold_is_an_error() {
    let agent = FakeAgent::default();
    agent.terminate.then([
        plan(&[1]),
        step(1, terminate_progress::Step::Exited(exit_code(0))),
        said(terminate_processes_response::Event::Joined(process(9))),
        summary(),
    ]);
    agent.terminate.then([plan(&[1, 2]), step(1, terminate_progress::Step::Exited(exit_code(0))), summary()]);
    agent.terminate.then([plan(&[1]), step(1, terminate_progress::Step::Exited(exit_code(0)))]);
    let control = agent.client().control();
    let mut terminations = control.terminate_many([reference(1)]).await.unwrap();
    terminations.next().await.unwrap().unwrap();
    let joined = terminations.next().await.unwrap().unwrap();
    assert_eq!((joined.process.pid, joined.elapsed), (9, Duration::from_millis(5)));
    assert!(matches!(joined.step, TerminateStep::Joined(target) if target.name == Some(b"x".to_vec())));
    assert_eq!(terminations.outcome().await.unwrap_err().kind(), ErrorKind::Protocol, "nothing was told of 9");

    let missing = control.terminate_many([reference(1), reference(2)]).await.unwrap().outcome().await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Protocol);
    let cut = control.terminate_many([reference(1)]).await.unwrap().outcome().await.unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::CutShort);
}

#[tokio::test]
async fn the_number_of_targets_is_never_confirmed_by_itself() {
    let agent = FakeAgent::default();
    agent.terminate.then([plan(&[]), summary()]);
    agent.signal.then([Step::Send(SignalProcessesResponse::default())]);
    let control = agent.client().control();
    let targets = [reference(1), reference(2)];
    let outcomes = control.terminate_many(&targets).await.unwrap().outcome().await.unwrap();
    assert!(outcomes.processes.is_empty());
    assert!(control.signal_many(&targets, Signal::Hup).await.unwrap().results.is_empty());
    assert_eq!(agent.terminate.asked()[0].message.confirm_count, None);
    assert_eq!(agent.signal.asked()[0].message.confirm_count, None);
}

#[tokio::test]
async fn each_process_has_its_own_result_of_a_signal() {
    let agent = FakeAgent::default();
    let results = vec![
        SignalResult {
            target: Some(process(1)),
            error: None,
            mechanism: ControlMechanism::Pidfd.into(),
            had_ended: false,
        },
        SignalResult {
            target: Some(process(2)),
            error: Some(refusal(ErrorReason::PidReused)),
            mechanism: 0,
            had_ended: false,
        },
    ];
    agent.signal.then([Step::Send(SignalProcessesResponse { request_id: "r".into(), results, dry_run: true })]);
    let targets = [reference(1), reference(2)];
    let outcomes = agent
        .client()
        .control()
        .signal_many(&targets, 40)
        .expect_count(2)
        .scope(ControlScope::Process)
        .dry_run(true)
        .reason("why")
        .await
        .unwrap();
    let reached = outcomes.reached().next().unwrap();
    assert_eq!((&reached.process, reached.mechanism, reached.dry_run), (&process(1), ControlMechanism::Pidfd, true));
    let (refused, error) = outcomes.refused().next().unwrap();
    assert!(refused.is_same_process(&reference(2)), "{refused}");
    assert_eq!((error.kind(), error.is_gone()), (ErrorKind::PidReused, true));
    let asked = &agent.signal.asked()[0].message;
    assert_eq!((asked.signal, asked.confirm_count, asked.dry_run), (40, Some(2), true), "a real-time signal");
}

#[tokio::test]
async fn one_signal_to_one_process_is_its_result() {
    let agent = FakeAgent::default();
    let answer = |error| {
        let result = SignalResult {
            target: Some(process(1)),
            error,
            mechanism: ControlMechanism::Kill.into(),
            had_ended: false,
        };
        Step::Send(SignalProcessesResponse { results: vec![result], ..Default::default() })
    };
    let control = agent.client().control();
    for wanted in [Signal::Stop, Signal::Cont, Signal::Kill] {
        agent.signal.then([answer(None)]);
        let request = match wanted {
            Signal::Stop => control.suspend(&reference(1)),
            Signal::Cont => control.resume(&reference(1)),
            _ => control.kill(&reference(1)),
        };
        assert_eq!(request.await.unwrap().mechanism, ControlMechanism::Kill);
        assert_eq!(agent.signal.asked().last().unwrap().message.signal(), wanted);
    }
    agent.signal.then([answer(Some(refusal(ErrorReason::PolicyDenied)))]);
    let error = control.kill(&reference(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::PermissionDenied, Some(ErrorReason::PolicyDenied)));
    agent.signal.then([Step::Send(SignalProcessesResponse::default())]);
    assert_eq!(control.kill(&reference(1)).await.unwrap_err().kind(), ErrorKind::Protocol);
    agent
        .signal
        .then([Step::Send(SignalProcessesResponse { results: vec![SignalResult::default()], ..Default::default() })]);
    assert_eq!(control.kill(&reference(1)).await.unwrap_err().kind(), ErrorKind::Protocol);
}

fn waited(pid: u32, outcome: wait_result::Outcome) -> Step<WaitProcessesResponse> {
    let result = WaitResult { r#ref: Some(reference(pid)), index: pid, waited_ns: 1_000_000, outcome: Some(outcome) };
    Step::Send(WaitProcessesResponse { event: Some(wait_processes_response::Event::Result(result)) })
}

fn waited_for_all() -> Step<WaitProcessesResponse> {
    let event = wait_processes_response::Event::Summary(WaitSummary { exited: 1, still_running: 1, refused: 2 });
    Step::Send(WaitProcessesResponse { event: Some(event) })
}

#[tokio::test]
async fn waiting_for_many_tells_who_is_gone_and_who_is_alive() {
    let agent = FakeAgent::default();
    let running = WaitStillRunning { state: ProcessState::Stopped.into() };
    let steps = || {
        [
            waited(2, wait_result::Outcome::Refused(refusal(ErrorReason::ProcessGone))),
            waited(1, wait_result::Outcome::Exited(exit_code(3))),
            waited(4, wait_result::Outcome::Refused(refusal(ErrorReason::PolicyDenied))),
            waited(3, wait_result::Outcome::StillRunning(running)),
            waited_for_all(),
        ]
    };
    agent.wait_many.then(steps()).then(steps());
    let control = agent.client().control();
    let all = [reference(1), reference(2), reference(3), reference(4)];
    let outcomes = control.wait_many(&all).timeout(Duration::from_secs(3)).await.unwrap().outcome().await.unwrap();
    assert_eq!(outcomes.gone.iter().map(|(process, _)| process.pid).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(outcomes.gone[1].1, exit_code(3));
    assert!(outcomes.gone[0].1.to_string().contains("before"), "{}", outcomes.gone[0].1);
    assert_eq!(outcomes.alive, [(reference(3), ProcessState::Stopped)]);
    assert_eq!((outcomes.refused[0].0.pid, outcomes.refused[0].1.kind()), (4, ErrorKind::PermissionDenied));

    let mut waiting = control.wait_many(&all).await.unwrap();
    let first = waiting.next().await.unwrap().unwrap();
    assert!(first.result.unwrap_err().is_gone());
    let second = waiting.next().await.unwrap().unwrap();
    assert_eq!(
        (second.index, second.waited, second.result.unwrap()),
        (1, Duration::from_millis(1), WaitOutcome::Exited(exit_code(3)))
    );
    while waiting.next().await.unwrap().is_some() {}
    assert_eq!(waiting.summary().unwrap().refused, 2);
    let asked: Vec<_> = agent.wait_many.asked().iter().map(|call| call.message.timeout.unwrap().seconds).collect();
    assert_eq!(asked, [3, 3600]);
}

#[tokio::test]
async fn a_wait_for_many_that_is_cut_short_is_an_error_and_one_dropped_hangs_up() {
    let agent = FakeAgent::default();
    agent.wait_many.then([waited(1, wait_result::Outcome::Exited(exit_code(3)))]).then([Step::Hang]);
    let control = agent.client().control();
    let error = control.wait_many([reference(1)]).await.unwrap().outcome().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CutShort);
    drop(control.wait_many([reference(1)]).await.unwrap());
    agent.wait_many.hung_up(1).await;
}
