use procwire_proto::v1::{
    ControlMechanism, ControlScope, ErrorReason, Signal, SignalProcessesRequest, SignalProcessesResponse, TargetError,
    control_service_server::ControlService as _,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::*;
use crate::{
    access::Role,
    audit::Audit,
    config::{ControlConfig, ServicesConfig},
    services::testing::request_of,
};

fn to(targets: &[&ProcessRef], signal: Signal) -> SignalProcessesRequest {
    SignalProcessesRequest {
        targets: targets.iter().map(|target| (*target).clone()).collect(),
        signal: signal.into(),
        confirm_count: u32::try_from(targets.len()).ok(),
        ..Default::default()
    }
}

impl Fixture {
    async fn signal(&self, request: SignalProcessesRequest) -> Result<SignalProcessesResponse, Status> {
        let response = self.service.signal_processes(request_of(Role::Operator, request)).await;
        response.map(Response::into_inner)
    }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

/// What each process was refused for, in order.
fn errors(response: &SignalProcessesResponse) -> Vec<Option<ErrorReason>> {
    response.results.iter().map(|result| result.error.as_ref().map(TargetError::reason)).collect()
}

impl Target {
    fn counting(context: &Context) -> Self {
        // Each SIGUSR1 makes it end with a code one higher; SIGTERM ends it.
        Self::script(
            context,
            "count=0; trap 'count=$((count+1))' USR1; trap 'exit $count' TERM; echo ready; while :; do sleep 0.01; done",
        )
    }

    /// Becomes a zombie that this test does not wait for.
    fn zombie(context: &Context) -> Self {
        let zombie = Self::script(context, "echo ready");
        while zombie.state(context) != ProcessState::Zombie {
            std::thread::yield_now();
        }
        zombie
    }

    async fn settles(&self, context: &Context, wanted: impl Fn(ProcessState) -> bool) {
        while !wanted(self.state(context)) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

/// A target and its children, all ended at the end: a child that is left behind stopped stays for ever.
struct Group(Target);

impl Group {
    fn script(context: &Context, script: &str) -> Self {
        // The shell becomes the leader of a group, which no other process can be taken for while it is not waited for.
        Self(Target::script(context, &format!("exec setsid sh -c '{}'", script.replace('\'', "'\\''"))))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    }
}

#[tokio::test]
async fn each_target_has_its_result_and_one_failure_keeps_no_other_from_its_signal() {
    let fixture = fixture();
    let (mut first, mut last) = (Target::obedient(&fixture.context), Target::obedient(&fixture.context));
    let reused = ProcessRef { start_ticks: 1, pidfd_inode: None, ..first.reference.clone() };
    let gone = {
        let short = Target::obedient(&fixture.context);
        short.reference.clone()
    };
    let init = reference(&fixture.context, 1);
    let agent = reference(&fixture.context, std::process::id());
    let targets = [&first.reference, &reused, &gone, &init, &agent, &last.reference];
    let response = fixture.signal(to(&targets, Signal::Term)).await.unwrap();
    let [protected, missing] = [Some(ErrorReason::ProtectedProcess), Some(ErrorReason::ProcessGone)];
    assert_eq!(errors(&response), [None, Some(ErrorReason::PidReused), missing, protected, protected, None]);
    for (index, result) in response.results.iter().enumerate() {
        let told = result.target.as_ref().unwrap();
        assert_eq!(
            (told.target_index, told.r#ref.as_ref().unwrap().pid),
            (index.try_into().unwrap(), targets[index].pid)
        );
        let was_sent = result.mechanism() == ControlMechanism::Pidfd;
        assert_eq!(was_sent, result.error.is_none(), "{result:?}");
    }
    for target in [&mut first, &mut last] {
        assert_eq!(target.child.wait().unwrap().code(), Some(7));
    }
}

#[tokio::test]
async fn stopped_processes_go_on_when_they_are_told_to() {
    let fixture = fixture();
    let target = Target::obedient(&fixture.context);
    fixture.signal(to(&[&target.reference], Signal::Stop)).await.unwrap();
    target.settles(&fixture.context, |state| state == ProcessState::Stopped).await;
    fixture.signal(to(&[&target.reference], Signal::Cont)).await.unwrap();
    target.settles(&fixture.context, |state| state != ProcessState::Stopped).await;
}

#[tokio::test]
async fn a_zombie_takes_every_signal_and_it_is_said_that_nothing_comes_of_it() {
    let fixture = fixture();
    let zombie = Target::zombie(&fixture.context);
    let response = fixture.signal(to(&[&zombie.reference], Signal::Kill)).await.unwrap();
    assert_eq!(errors(&response), [None]);
    assert!(response.results[0].had_ended);
    assert_eq!(response.results[0].mechanism(), ControlMechanism::Unspecified);
    assert_eq!(fixture.context.counters.control_actions.get(), 0);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_and_does_nothing() {
    let fixture = fixture();
    let mut target = Target::obedient(&fixture.context);
    let init = reference(&fixture.context, 1);
    let request =
        SignalProcessesRequest { dry_run: true, confirm_count: None, ..to(&[&target.reference, &init], Signal::Kill) };
    let response = fixture.signal(request).await.unwrap();
    assert!(response.dry_run);
    assert_eq!(errors(&response), [None, Some(ErrorReason::ProtectedProcess)]);
    let told = response.results[0].target.as_ref().unwrap();
    assert_eq!((told.name.as_deref(), told.mechanism()), (Some(b"sh".as_slice()), ControlMechanism::Pidfd));
    assert!(target.is_alive());
}

#[tokio::test]
async fn a_repeated_request_sends_no_second_signal() {
    let fixture = fixture();
    let mut target = Target::counting(&fixture.context);
    let request = SignalProcessesRequest { request_id: "once".to_owned(), ..to(&[&target.reference], Signal::Usr1) };
    let first = fixture.signal(request.clone()).await.unwrap();
    for _ in 1..=3 {
        assert_eq!(fixture.signal(request.clone()).await.unwrap(), first);
    }
    let other = SignalProcessesRequest { signal: Signal::Term.into(), ..request };
    let conflict = fixture.signal(other).await.unwrap_err();
    assert_eq!((conflict.code(), reason(&conflict)), (Code::AlreadyExists, "REQUEST_ID_CONFLICT".to_owned()));
    assert_eq!(fixture.context.counters.control_actions.get(), 1);
    fixture.signal(to(&[&target.reference], Signal::Term)).await.unwrap();
    assert_eq!(target.child.wait().unwrap().code(), Some(1));
}

#[tokio::test]
async fn the_quota_denies_and_dry_runs_and_repeats_are_free() {
    let fixture = fixture_with(|context| {
        let config = ServicesConfig::clone(&context.config);
        let control = ControlConfig { actions_per_minute_per_principal: 2, ..config.control };
        context.config = Arc::new(ServicesConfig { control, ..config });
    });
    let targets: Vec<_> = (1..=3).map(|_| Target::obedient(&fixture.context)).collect();
    let [first, second, third] = [&targets[0].reference, &targets[1].reference, &targets[2].reference];
    let too_many = fixture.signal(to(&[first, second, third], Signal::Usr1)).await.unwrap_err();
    assert_eq!((too_many.code(), reason(&too_many)), (Code::ResourceExhausted, "QUOTA_EXCEEDED".to_owned()));
    let dry = SignalProcessesRequest { dry_run: true, ..to(&[first, second, third], Signal::Stop) };
    fixture.signal(dry).await.unwrap();
    let both = SignalProcessesRequest { request_id: "both".to_owned(), ..to(&[first, second], Signal::Cont) };
    for _ in 1..=3 {
        fixture.signal(both.clone()).await.unwrap();
    }
    let used_up = fixture.signal(to(&[third], Signal::Kill)).await.unwrap_err();
    assert_eq!(reason(&used_up), "QUOTA_EXCEEDED");
    assert!(used_up.get_details_retry_info().is_some());
    assert_eq!(fixture.context.counters.quota_refusals.get(), 2);
    for mut target in targets {
        assert!(target.is_alive());
    }
}

#[tokio::test]
async fn a_tree_is_signalled_whole_if_so_many_were_meant() {
    let fixture = fixture();
    let parent = Group::script(
        &fixture.context,
        "sh -c 'trap \"exit 3\" USR1; while :; do sleep 0.01; done' & trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done",
    );
    let stop = |at_most| SignalProcessesRequest {
        scope: ControlScope::Tree.into(),
        confirm_at_most: at_most,
        ..to(&[&parent.0.reference], Signal::Stop)
    };
    let too_few = fixture.signal(stop(None)).await.unwrap_err();
    assert_eq!(reason(&too_few), "CONFIRM_COUNT_MISMATCH");
    assert!(too_few.get_error_details().error_info().unwrap().metadata["count"].parse::<u32>().unwrap() > 1);
    assert_ne!(parent.0.state(&fixture.context), ProcessState::Stopped);

    let response = fixture.signal(stop(Some(50))).await.unwrap();
    assert!(response.results.len() >= 2, "{response:?}");
    assert_eq!(response.results[0].target.as_ref().unwrap().r#ref.as_ref().unwrap().pid, parent.0.reference.pid);
    for result in &response.results {
        let pid = result.target.as_ref().unwrap().r#ref.as_ref().unwrap().pid;
        // Those that slept may have ended between the look and the signal.
        if result.error.is_none() && !result.had_ended {
            // A shell that waits in vfork(2) for a child that is stopped before its exec stops when it wakes.
            let holds_still = [ProcessState::Stopped, ProcessState::DiskSleep];
            while !holds_still.contains(&row(&fixture.context, pid).state()) {
                tokio::task::yield_now().await;
            }
        }
    }
    let kill = SignalProcessesRequest { signal: Signal::Kill.into(), ..stop(Some(50)) };
    fixture.signal(kill).await.unwrap();
}

#[tokio::test]
async fn without_a_record_nothing_is_done() {
    let folder = tempfile::TempDir::new().unwrap();
    let fixture = fixture_with(|context| context.audit = Audit::to_file(&folder.path().join("audit")).unwrap());
    drop(folder);
    let mut target = Target::obedient(&fixture.context);
    let failure = fixture.signal(to(&[&target.reference], Signal::Kill)).await.unwrap_err();
    assert_eq!((failure.code(), reason(&failure)), (Code::Unavailable, "AUDIT_UNAVAILABLE".to_owned()));
    assert!(target.is_alive());
}

#[tokio::test]
async fn decisions_outcomes_and_refusals_are_on_record() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("audit");
    let fixture = fixture_with(|context| context.audit = Audit::to_file(&path).unwrap());
    let target = Target::obedient(&fixture.context);
    let init = reference(&fixture.context, 1);
    let request = SignalProcessesRequest {
        request_id: "r-1".to_owned(),
        reason: "drill".to_owned(),
        ..to(&[&target.reference, &init], Signal::Cont)
    };
    fixture.signal(request.clone()).await.unwrap();
    let nonsense = SignalProcessesRequest { signal: 33, ..request.clone() };
    assert_eq!(fixture.signal(nonsense).await.unwrap_err().code(), Code::InvalidArgument);
    let conflict = SignalProcessesRequest { signal: Signal::Kill.into(), ..request };
    assert_eq!(fixture.signal(conflict).await.unwrap_err().code(), Code::AlreadyExists);

    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines: Vec<_> = lines.filter(|line| line.get("method").is_some()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["denial", "decision", "outcome", "denial", "denial"]);
    assert_eq!(lines[0]["targets"][0]["pid"], 1);
    assert_eq!((lines[1]["decision"].as_str(), lines[1]["reason"].as_str()), (Some("allowed"), Some("drill")));
    assert_eq!((lines[2]["result"].as_str(), lines[2]["request_id"].as_str()), (Some("signalled"), Some("r-1")));
    assert!(lines[3]["rule"].as_str().unwrap().starts_with("INVALID_REQUEST: signal is 33"), "{}", lines[3]);
    assert!(lines[4]["rule"].as_str().unwrap().starts_with("REQUEST_ID_CONFLICT"), "{}", lines[4]);
}
