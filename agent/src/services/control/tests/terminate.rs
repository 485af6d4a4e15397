use std::time::Duration;

use procwire_proto::{
    Duration as WireDuration,
    v1::{
        ControlScope, DisconnectAction, ErrorReason, Escalation, Signal, TerminatePlan, TerminateProcessesRequest,
        TerminateProgress, TerminateSummary, control_service_server::ControlService as _, exit_status::End,
        terminate_processes_response::Event, terminate_progress::Step,
    },
};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::*;
use crate::{access::Role, audit::Audit, config::ServicesConfig, policy::Policy, services::testing::request_of};

/// What a stream said: plan, steps, summary.
struct Told {
    plan: TerminatePlan,
    steps: Vec<Step>,
    summary: TerminateSummary,
}

fn of(target: &ProcessRef) -> TerminateProcessesRequest {
    TerminateProcessesRequest { targets: vec![target.clone()], grace: milliseconds(50), ..Default::default() }
}

fn milliseconds(count: i32) -> Option<WireDuration> {
    Some(WireDuration { seconds: (count / 1000).into(), nanos: count % 1000 * 1_000_000 })
}

impl Fixture {
    async fn begin(&self, request: TerminateProcessesRequest) -> Result<FollowStream, Status> {
        let response = self.service.terminate_processes(request_of(Role::Operator, request)).await;
        response.map(Response::into_inner)
    }

    async fn terminate(&self, request: TerminateProcessesRequest) -> Result<Told, Status> {
        let mut events = Vec::new();
        let mut stream = self.begin(request).await?;
        while let Some(event) = stream.next().await {
            events.push(event?.event.unwrap());
        }
        let Some(Event::Summary(summary)) = events.pop() else { panic!("no summary") };
        let mut events = events.into_iter();
        let Some(Event::Plan(plan)) = events.next() else { panic!("no plan") };
        let steps = events.map(|event| match event {
            Event::Progress(progress) => progress.step.unwrap(),
            other => panic!("{other:?} between plan and summary"),
        });
        Ok(Told { plan, steps: steps.collect(), summary })
    }
}

fn refused(told: &Told) -> ErrorReason {
    assert_eq!(told.summary, TerminateSummary { refused: 1, ..Default::default() });
    match told.steps.as_slice() {
        [Step::Refused(error)] => error.reason(),
        other => panic!("not refused: {other:?}"),
    }
}

fn signal_of(step: &Step) -> (&'static str, Signal) {
    match step {
        Step::Signalled(step) => ("signalled", step.signal()),
        Step::Escalated(step) => ("escalated", step.signal()),
        other => panic!("no signal: {other:?}"),
    }
}

#[tokio::test]
async fn a_process_that_obeys_ends_with_its_code() {
    let fixture = fixture();
    let target = Target::obedient(&fixture.context);
    let request = TerminateProcessesRequest { grace: milliseconds(60_000), ..of(&target.reference) };
    let told = fixture.terminate(request).await.unwrap();
    assert_eq!(told.plan.targets[0].r#ref.as_ref().unwrap().pid, target.reference.pid);
    assert_eq!(told.plan.targets[0].name.as_deref(), Some(b"sh".as_slice()));
    assert_eq!(told.plan.request_id.len(), 32);
    assert_eq!(signal_of(&told.steps[0]), ("signalled", Signal::Term));
    let Step::Exited(status) = &told.steps[1] else { panic!("{:?}", told.steps) };
    assert_eq!(status.end, Some(End::Code(7)));
    assert_eq!(told.summary, TerminateSummary { exited: 1, ..Default::default() });
    assert_eq!(fixture.context.counters.control_actions.get(), 1);
}

#[tokio::test]
async fn a_process_that_ignores_term_is_killed_after_the_grace_period() {
    let fixture = fixture();
    let target = Target::stubborn(&fixture.context);
    let told = fixture.terminate(of(&target.reference)).await.unwrap();
    assert_eq!(signal_of(&told.steps[0]), ("signalled", Signal::Term));
    assert_eq!(signal_of(&told.steps[1]), ("escalated", Signal::Kill));
    let Step::Exited(status) = &told.steps[2] else { panic!("{:?}", told.steps) };
    assert_eq!(status.end, Some(End::Signal(9)));
    assert_eq!(told.summary, TerminateSummary { exited: 1, escalated: true, ..Default::default() });
}

#[tokio::test]
async fn one_that_may_not_be_ended_any_more_when_its_grace_is_over_is_not_killed() {
    for scope in [ControlScope::Process, ControlScope::Tree] {
        let fixture = fixture();
        let mut target = Target::stubborn(&fixture.context);
        let request = TerminateProcessesRequest {
            grace: milliseconds(3000),
            scope: scope.into(),
            confirm_at_most: (scope == ControlScope::Tree).then_some(10),
            ..of(&target.reference)
        };
        let mut stream = fixture.begin(request).await.unwrap();
        let mut summary = None;
        let mut refusals = Vec::new();
        while let Some(event) = stream.next().await {
            match event.unwrap().event.unwrap() {
                Event::Progress(TerminateProgress { step: Some(Step::Signalled(_)), .. }) => {
                    let deny = "[[rule]]\nname = \"freeze\"\neffect = \"deny\"\nwhen = 'signal == \"KILL\"'\n";
                    let allow = "[[rule]]\nname = \"all\"\neffect = \"allow\"\nwhen = \"role_allows\"\n";
                    fixture.context.policy.replace(Policy::parse(&format!("{deny}{allow}"), None).unwrap());
                }
                Event::Progress(TerminateProgress { step: Some(Step::Refused(error)), .. }) => {
                    refusals.push(error.reason());
                }
                Event::Progress(TerminateProgress { step: Some(Step::Escalated(_)), .. }) => {
                    panic!("{scope:?}: killed")
                }
                Event::Summary(told) => summary = Some(told),
                _ => {}
            }
        }
        assert!(target.is_alive(), "{scope:?}");
        assert!(!summary.unwrap().escalated);
        assert!(!refusals.is_empty() && refusals.iter().all(|reason| *reason == ErrorReason::PolicyDenied));
    }
}

#[tokio::test]
async fn giving_up_reports_the_survivor_and_a_stopped_one_as_stopped() {
    let fixture = fixture();
    let mut target = Target::obedient(&fixture.context);
    let stop = Command::new("kill").args(["-STOP", &target.child.id().to_string()]).status().unwrap();
    assert!(stop.success());
    while target.state(&fixture.context) != ProcessState::Stopped {
        tokio::task::yield_now().await;
    }
    let request = TerminateProcessesRequest { then: Escalation::GiveUp.into(), ..of(&target.reference) };
    let told = fixture.terminate(request).await.unwrap();
    let Step::StillRunning(survivor) = told.steps[1] else { panic!("{:?}", told.steps) };
    assert_eq!(survivor.state(), ProcessState::Stopped, "SIGTERM stays pending in a stopped process");
    assert_eq!(told.summary, TerminateSummary { still_running: 1, ..Default::default() });
    assert!(target.is_alive());
}

#[tokio::test]
async fn a_dry_run_resolves_and_does_nothing() {
    let fixture = fixture();
    let mut target = Target::obedient(&fixture.context);
    let told = fixture.terminate(TerminateProcessesRequest { dry_run: true, ..of(&target.reference) }).await.unwrap();
    assert!(told.plan.dry_run && told.steps.is_empty());
    assert_eq!((told.plan.targets.len(), told.summary), (1, TerminateSummary::default()));
    assert!(target.is_alive());
    assert_eq!(fixture.context.counters.control_actions.get(), 0);
}

#[tokio::test]
async fn what_is_protected_gone_or_another_process_is_refused() {
    let fixture = fixture();
    let own = reference(&fixture.context, std::process::id());
    let init = reference(&fixture.context, 1);
    for protected in [&own, &init] {
        let told = fixture.terminate(of(protected)).await.unwrap();
        assert_eq!(refused(&told), ErrorReason::ProtectedProcess);
    }
    let target = Target::obedient(&fixture.context);
    let other =
        ProcessRef { start_ticks: target.reference.start_ticks + 1, pidfd_inode: None, ..target.reference.clone() };
    assert_eq!(refused(&fixture.terminate(of(&other)).await.unwrap()), ErrorReason::PidReused);
    let rebooted = ProcessRef { boot_id: vec![9; 16].into(), ..target.reference.clone() };
    assert_eq!(refused(&fixture.terminate(of(&rebooted)).await.unwrap()), ErrorReason::HostRebooted);
    let gone = target.reference.clone();
    drop(target);
    assert_eq!(refused(&fixture.terminate(of(&gone)).await.unwrap()), ErrorReason::ProcessGone);
}

#[tokio::test]
async fn a_configured_name_is_protected() {
    let fixture = fixture_with(|context| {
        let mut config = ServicesConfig::clone(&context.config);
        config.control.protected_names.insert(b"sh".to_vec());
        context.config = Arc::new(config);
    });
    let mut target = Target::obedient(&fixture.context);
    assert_eq!(refused(&fixture.terminate(of(&target.reference)).await.unwrap()), ErrorReason::ProtectedProcess);
    assert!(target.is_alive());
}

#[tokio::test]
async fn without_a_record_nothing_is_done() {
    let folder = tempfile::TempDir::new().unwrap();
    let fixture = fixture_with(|context| context.audit = Audit::to_file(&folder.path().join("audit")).unwrap());
    drop(folder);
    let mut target = Target::obedient(&fixture.context);
    let Err(status) = fixture.terminate(of(&target.reference)).await else { panic!("done without a record") };
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_error_details().error_info().unwrap().reason, "AUDIT_UNAVAILABLE");
    assert!(target.is_alive());
}

#[tokio::test]
async fn decision_and_outcome_are_on_record_and_so_is_nonsense() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("audit");
    let fixture = fixture_with(|context| context.audit = Audit::to_file(&path).unwrap());
    let target = Target::obedient(&fixture.context);
    let request = TerminateProcessesRequest {
        request_id: "r-1".to_owned(),
        grace: milliseconds(60_000),
        ..of(&target.reference)
    };
    fixture.terminate(request).await.unwrap();
    let nonsense = TerminateProcessesRequest { signal: 77, ..of(&target.reference) };
    assert_eq!(fixture.begin(nonsense).await.err().unwrap().code(), Code::InvalidArgument);

    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines: Vec<_> = lines.filter(|line| line.get("method").is_some()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["decision", "outcome", "denial"]);
    assert_eq!((lines[0]["decision"].as_str(), lines[0]["request_id"].as_str()), (Some("allowed"), Some("r-1")));
    assert_eq!(lines[0]["targets"][0]["name"], "sh");
    assert_eq!(lines[1]["result"], "exited code=7");
    assert!(lines[2]["rule"].as_str().unwrap().starts_with("INVALID_REQUEST: signal is 77"));
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_leave_it_half_done() {
    let fixture = fixture();
    let mut target = Target::stubborn(&fixture.context);
    let mut stream = fixture.begin(of(&target.reference)).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    while target.is_alive() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn unless_he_asked_to_stop_then() {
    let fixture = fixture();
    let mut target = Target::stubborn(&fixture.context);
    let request = TerminateProcessesRequest {
        request_id: "stop".to_owned(),
        grace: milliseconds(60_000),
        on_disconnect: DisconnectAction::Stop.into(),
        ..of(&target.reference)
    };
    let mut stream = fixture.begin(request.clone()).await.unwrap();
    let Some(Event::Plan(_)) = stream.next().await.unwrap().unwrap().event else { panic!("no plan") };
    let Some(Event::Progress(_)) = stream.next().await.unwrap().unwrap().event else { panic!("no signal") };
    drop(stream);
    // A repeat gets the answer that the first caller did not wait for; while there is none, it follows for a moment and leaves.
    let third = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let mut repeat = fixture.begin(request.clone()).await.unwrap().skip(2);
        if let Ok(third) = tokio::time::timeout(Duration::from_millis(5), repeat.next()).await {
            break third.unwrap().unwrap().event;
        }
    };
    let Some(Event::Progress(progress)) = third else { panic!("{third:?}") };
    assert!(matches!(progress.step, Some(Step::StillRunning(_))), "{progress:?}");
    assert!(target.is_alive());
}

#[tokio::test]
async fn a_repeated_request_sends_no_second_signal() {
    let fixture = fixture();
    let target = Target::obedient(&fixture.context);
    let request = TerminateProcessesRequest {
        request_id: "once".to_owned(),
        grace: milliseconds(60_000),
        ..of(&target.reference)
    };
    let first = fixture.terminate(request.clone()).await.unwrap();
    let second = fixture.terminate(request.clone()).await.unwrap();
    assert_eq!((&first.steps, first.summary), (&second.steps, second.summary));
    assert_eq!(fixture.context.counters.control_actions.get(), 1);
    let other = TerminateProcessesRequest { signal: Signal::Kill.into(), ..request };
    assert_eq!(fixture.begin(other).await.err().unwrap().code(), Code::AlreadyExists);
}
