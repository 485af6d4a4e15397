//! Many processes ended by one request, and those that are odd to end.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use procwire_client::{Client, Error, Signal, TerminateStep, TerminationOutcome};
use procwire_proto::{
    Duration as WireDuration,
    v1::{
        DisconnectAction, ErrorReason, Escalation, ProcessRef, ProcessState, TerminateProcessesRequest,
        control_service_client::ControlServiceClient, exit_status::End, terminate_processes_response::Event,
    },
};
use procwire_tests::{
    Agent, Role, Victim, assert_ended,
    python::script,
    raw::Connection,
    reference_of,
    waiting::{eventually, eventually_async, within_patience},
};
use tonic::Status;
use tonic_types::StatusExt as _;

const LONG_GRACE: Duration = Duration::from_secs(60);
const SHORT_GRACE: Duration = Duration::from_millis(300);

fn operator(agent: &Agent) -> Client {
    agent.client(Role::Operator)
}

fn refs(victims: &[Victim]) -> Vec<ProcessRef> {
    victims.iter().map(Victim::reference).collect()
}

fn reason(error: &Error) -> ErrorReason {
    error.reason().unwrap_or_else(|| panic!("{error:?}"))
}

/// As no SDK would say it.
async fn refused(agent: &Agent, request: TerminateProcessesRequest) -> Status {
    let connection = Connection::open(agent, &agent.pki.client(Role::Operator)).await;
    let mut client = ControlServiceClient::with_origin(connection, Connection::origin());
    match client.terminate_processes(request).await {
        Err(status) => status,
        Ok(stream) => stream.into_inner().message().await.unwrap_err(),
    }
}

fn field(status: &Status) -> String {
    status.get_error_details().bad_request().unwrap().field_violations[0].field.clone()
}

#[tokio::test]
async fn each_of_many_has_its_own_outcome() {
    let agent = Agent::start();
    let polite = [Victim::start(&["exit-on-term", "3"]), Victim::start(&["exit-on-term", "4"])];
    let stubborn = Victim::start(&["ignore-term"]);
    let gone = Victim::start(&["sleep"]);
    let gone_reference = gone.reference();
    drop(gone);
    eventually("the end of one", || (!fs::exists(format!("/proc/{}", gone_reference.pid)).unwrap()).then_some(()));
    let targets =
        [polite[0].reference(), gone_reference.clone(), stubborn.reference(), reference_of(1), polite[1].reference()];
    let request = operator(&agent).control().terminate_many(&targets).expect_count(5).grace(SHORT_GRACE * 4);
    let outcomes = request.request_id("many").await.unwrap().outcome().await.unwrap();
    let summary = outcomes.summary;
    assert_eq!((summary.exited, summary.still_running, summary.refused, summary.escalated), (3, 0, 2, true));
    let planned: Vec<u32> = outcomes.plan.targets.iter().map(|target| target.target_index).collect();
    assert_eq!((planned, outcomes.plan.resolved), (vec![0, 2, 4], 3));
    for (target, code) in [(0, 3), (4, 4)] {
        let Ok(TerminationOutcome::Exited { status, escalated: false, .. }) = &outcomes.processes[&targets[target]]
        else {
            panic!("{outcomes:?}");
        };
        assert_ended(status, End::Code(code));
    }
    let Ok(TerminationOutcome::Exited { status, escalated: true, .. }) = &outcomes.processes[&targets[2]] else {
        panic!("{outcomes:?}");
    };
    assert_ended(status, End::Signal(9));
    let refusal = |target: usize| reason(outcomes.processes[&targets[target]].as_ref().unwrap_err());
    assert_eq!((refusal(1), refusal(3)), (ErrorReason::ProcessGone, ErrorReason::ProtectedProcess));

    let audit = agent.audit();
    let of = |event: &str| audit.iter().find(|line| line["event"] == event && line["request_id"] == "many").unwrap();
    assert_eq!(of("denial")["targets"].as_array().unwrap().len(), 2);
    assert_eq!(of("decision")["targets"].as_array().unwrap().len(), 3);
    let outcome = of("outcome").to_string();
    assert!(outcome.contains("escalated, exited"), "{outcome}");
}

#[tokio::test]
async fn more_than_one_is_ended_only_if_they_were_counted() {
    let agent = Agent::start();
    let victims = [Victim::start(&["sleep"]), Victim::start(&["sleep"])];
    let client = operator(&agent);
    let many = client.control().terminate_many(refs(&victims));
    for (request, said) in
        [(many.clone(), "has no confirm_count"), (many.clone().expect_count(3), "confirm_count is 3")]
    {
        let error = request.await.unwrap_err();
        assert_eq!(reason(&error), ErrorReason::ConfirmCountMismatch);
        assert!(error.to_string().contains(said) && error.to_string().contains("2 processes"), "{error}");
    }
    let rehearsal = many.clone().dry_run(true).await.unwrap();
    assert_eq!((rehearsal.plan().resolved, rehearsal.plan().dry_run), (2, true));
    drop(rehearsal);
    assert!(victims.iter().all(Victim::is_alive));
    let outcomes = many.expect_count(2).signal(Signal::Kill).await.unwrap().outcome().await.unwrap();
    assert!(outcomes.all_ended());
}

#[tokio::test]
async fn two_thousand_targets_and_a_grace_of_days_are_refused_by_name() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let numbered = |pid| ProcessRef { pid, ..victim.reference() };
    let request = TerminateProcessesRequest { targets: vec![victim.reference()], ..Default::default() };
    let crowd: Vec<_> = (1..=2000).map(numbered).collect();
    let many = TerminateProcessesRequest { targets: crowd, confirm_count: Some(2000), ..request.clone() };
    let status = refused(&agent, many).await;
    assert_eq!((status.code(), field(&status).as_str()), (tonic::Code::InvalidArgument, "targets"));
    assert!(status.message().contains("2000 entries; at most 1024"), "{}", status.message());
    let days = Some(WireDuration { seconds: 3 * 24 * 3600, nanos: 0 });
    let status = refused(&agent, TerminateProcessesRequest { grace: days, ..request.clone() }).await;
    assert_eq!((status.code(), field(&status).as_str()), (tonic::Code::InvalidArgument, "grace"));
    let twice = vec![victim.reference(), victim.reference()];
    let twice = TerminateProcessesRequest { targets: twice, confirm_count: Some(2), ..request.clone() };
    assert_eq!(field(&refused(&agent, twice).await), "targets[1]");
    let bounded = TerminateProcessesRequest { confirm_at_most: Some(7), ..request };
    assert_eq!(field(&refused(&agent, bounded).await), "confirm_at_most");
    assert!(victim.is_alive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_targets_are_ended_without_a_thread_for_each() {
    const MANY: u32 = 1000;
    let agent = Agent::options().set("control.actions_per_minute_per_principal", 4 * MANY).start();
    let parent = Victim::start(&["spawn", &MANY.to_string()]);
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", parent.pid())).unwrap();
    let targets: Vec<_> = children.split_whitespace().map(|pid| reference_of(pid.parse().unwrap())).collect();
    assert_eq!(targets.len(), MANY as usize);
    let request = operator(&agent).control().terminate_many(&targets).expect_count(MANY).grace(LONG_GRACE);
    // They wait for the end of their input, and SIGHUP, like most signals, ends them; CHLD does not, so they are waited for.
    let mut run =
        request.clone().signal(Signal::Chld).then(Escalation::GiveUp).grace(Duration::from_secs(2)).await.unwrap();
    let mut most_threads = 0;
    while let Some(event) = run.next().await.unwrap() {
        most_threads = most_threads.max(fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap().count());
        assert!(matches!(event.step, TerminateStep::Signalled { .. } | TerminateStep::StillRunning(_)), "{event:?}");
    }
    assert_eq!(run.summary().unwrap().still_running, MANY);
    assert!(most_threads < 40, "{most_threads} threads");
    let outcomes = request.await.unwrap().outcome().await.unwrap();
    assert_eq!((outcomes.summary.exited, outcomes.processes.len()), (MANY, MANY as usize));
}

#[tokio::test]
async fn the_same_request_twice_is_one_action_with_one_answer() {
    let agent = Agent::start();
    let victims = [Victim::start(&["exit-on-term", "1"]), Victim::start(&["exit-on-term", "2"])];
    let targets = refs(&victims);
    let connection = Connection::open(&agent, &agent.pki.client(Role::Operator)).await;
    let mut client = ControlServiceClient::with_origin(connection, Connection::origin());
    let request = TerminateProcessesRequest {
        request_id: "once".to_owned(),
        targets: targets.clone(),
        confirm_count: Some(2),
        grace: Some(WireDuration { seconds: 60, nanos: 0 }),
        ..Default::default()
    };
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut stream = client.terminate_processes(request.clone()).await.unwrap().into_inner();
        let mut events = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            events.push(message.event.unwrap());
        }
        answers.push(events);
    }
    assert_eq!(answers[0], answers[1]);
    let Some(Event::Summary(summary)) = answers[0].last() else { panic!("{answers:?}") };
    assert_eq!(summary.exited, 2);
    let actions = agent.audit().into_iter().filter(|line| line["event"] == "decision" && line["request_id"] == "once");
    assert_eq!(actions.count(), 1);
    let other = TerminateProcessesRequest { targets: targets[..1].to_vec(), confirm_count: None, ..request };
    assert_eq!(refused(&agent, other).await.code(), tonic::Code::AlreadyExists);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_the_rest_alone_only_if_he_asked_for_that() {
    let agent = Agent::start();
    for (action, lives_on) in [(DisconnectAction::Stop, true), (DisconnectAction::Continue, false)] {
        let victims = [Victim::start(&["ignore-term"]), Victim::start(&["ignore-term"])];
        let client = operator(&agent);
        let id = format!("left-{lives_on}");
        let request = client.control().terminate_many(refs(&victims)).expect_count(2).on_disconnect(action);
        let grace = if lives_on { LONG_GRACE } else { SHORT_GRACE };
        let mut run = request.grace(grace).request_id(&id).await.unwrap();
        run.next().await.unwrap().unwrap();
        drop((run, client));
        let outcome = eventually_async("the audit record of the outcome", || async {
            agent.audit().into_iter().find(|line| line["event"] == "outcome" && line["request_id"] == id.as_str())
        });
        let words = outcome.await.to_string();
        assert_eq!(words.contains("stopped because the caller hung up"), lives_on, "{words}");
        assert_eq!(victims.iter().filter(|victim| victim.is_alive()).count(), if lives_on { 2 } else { 0 });
    }
}

#[tokio::test]
async fn a_zombie_has_ended_and_how_is_told() {
    let agent = Agent::start();
    let parent = Victim::start(&["zombie", "5"]);
    let zombie = reference_of(parent.named_pid());
    let run = operator(&agent).control().terminate(&zombie).grace(LONG_GRACE).await.unwrap();
    let outcome = within_patience("the outcome of a zombie", run.outcome()).await.unwrap();
    let TerminationOutcome::Exited { status, escalated: false, .. } = outcome else { panic!("{outcome:?}") };
    // Unknown to an agent that may not trace it.
    if let Some(End::Code(code)) = status.end {
        assert_eq!(code, 5);
    }
}

#[tokio::test]
async fn one_that_even_kill_does_not_end_is_told_of_in_time() {
    let Some(hung) = Hung::start() else { return };
    let agent = Agent::start();
    let target = reference_of(hung.0.named_pid());
    let other = Victim::start(&["ignore-term"]);
    let other = (other.reference(), other);
    let request = operator(&agent).control().terminate_many([&target, &other.0]).expect_count(2);
    let run = request.grace(SHORT_GRACE).request_id("hung").await.unwrap();
    let outcomes = within_patience("the end of the run", run.outcome()).await.unwrap();
    let Ok(TerminationOutcome::StillRunning { state, escalated, .. }) = &outcomes.processes[&target] else {
        panic!("{outcomes:?}");
    };
    assert_eq!((*state, *escalated), (ProcessState::DiskSleep, true));
    assert_eq!((outcomes.summary.exited, outcomes.summary.still_running), (1, 1));
    assert!(outcomes.processes[&other.0].is_ok());
    let outcome = agent.audit().into_iter().find(|line| line["event"] == "outcome").unwrap().to_string();
    assert!(outcome.contains("escalated, still running, disk sleep"), "{outcome}");
}

/// A process that waits for a filesystem that never answers.
struct Hung(Victim, #[allow(dead_code, reason = "the folder stays as long as the mount")] tempfile::TempDir);

impl Hung {
    /// `None`, with the reason printed, where there can be none.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let command = || {
            let mut command = Command::new("python3");
            command.arg(script("hung_fuse.py")).arg(folder.path());
            command
        };
        let trial = command().stdin(Stdio::null()).output();
        match trial {
            Ok(output) if output.status.success() => Some(Self(Victim::start_command(command()), folder)),
            Ok(output) => skip(String::from_utf8_lossy(&output.stderr).trim()),
            Err(error) => skip(&error.to_string()),
        }
    }
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn skip<T>(why: &str) -> Option<T> {
    eprintln!("skipped: no filesystem that hangs can be made here: {why}");
    None
}

#[tokio::test]
async fn a_slow_reader_is_told_of_every_step() {
    // A reader that takes its time misses nothing: what a run says is kept, and read at the reader's pace.
    let agent = Agent::start();
    let victims: Vec<_> = (0..50).map(|_| Victim::start(&["sleep"])).collect();
    let request = operator(&agent).control().terminate_many(refs(&victims)).expect_count(50).signal(Signal::Kill);
    let mut run = request.await.unwrap();
    for victim in &victims {
        victim.ended();
    }
    let mut told: BTreeMap<ProcessRef, usize> = BTreeMap::new();
    while let Some(event) = run.next().await.unwrap() {
        *told.entry(event.process).or_default() += 1;
    }
    assert_eq!((told.len(), told.values().all(|steps| *steps == 2)), (50, true), "{told:?}");
}
