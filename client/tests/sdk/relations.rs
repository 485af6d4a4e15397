//! Is it still there, who are its children, who its parents.

use std::time::Duration;

use procwire_client::v1::{
    ErrorReason, FieldError, FieldErrorReason, GetProcessResponse, ListProcessesHeader, ListProcessesResponse,
    ListProcessesSummary, Process, ProcessPredicate, ProcessState, get_process_request::Target,
};
use procwire_client::{ErrorKind, ProcessRef};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::fake_agent::FakeAgent;
use crate::script::Step;

fn reference(pid: u32) -> ProcessRef {
    ProcessRef { pid, start_ticks: 50, boot_id: vec![7; 16].into(), pidfd_inode: None }
}

fn process(pid: u32) -> Process {
    Process { pid, r#ref: Some(reference(pid)), ..Default::default() }
}

fn answer(process: Process) -> Step<GetProcessResponse> {
    Step::Send(GetProcessResponse { process: Some(process), ..Default::default() })
}

fn refusal(code: Code, reason: ErrorReason) -> Status {
    let details = ErrorDetails::with_error_info(reason.as_code(), procwire_proto::ERROR_DOMAIN, []);
    Status::with_error_details(code, "refused", details)
}

fn gone() -> Step<GetProcessResponse> {
    Step::Fail(refusal(Code::NotFound, ErrorReason::ProcessGone))
}

fn list(pids: &[u32]) -> Step<ListProcessesResponse> {
    Step::Send(ListProcessesResponse {
        header: Some(ListProcessesHeader::default()),
        processes: pids.iter().map(|&pid| process(pid)).collect(),
        summary: Some(ListProcessesSummary::default()),
        sampled: None,
    })
}

#[tokio::test]
async fn a_process_runs_until_it_is_gone_reused_or_the_host_was_booted() {
    let agent = FakeAgent::default();
    let client = agent.client();
    let zombie = Process { state: Some(ProcessState::Zombie.into()), ..process(42) };
    for (step, expected) in [
        (answer(process(42)), true),
        (answer(zombie), true),
        (gone(), false),
        (Step::Fail(refusal(Code::FailedPrecondition, ErrorReason::PidReused)), false),
        (Step::Fail(refusal(Code::FailedPrecondition, ErrorReason::HostRebooted)), false),
    ] {
        agent.get_process.then([step]);
        assert_eq!(client.processes().is_running(&reference(42)).await.unwrap(), expected);
    }
    let asked = &agent.get_process.asked()[0].message;
    assert_eq!(asked.target, Some(Target::Ref(reference(42))));
    assert_eq!(asked.read_mask.as_ref().unwrap().paths, ["ref"]);
}

#[tokio::test]
async fn not_knowing_is_not_the_same_as_not_running() {
    let agent = FakeAgent::default();
    let client = agent.client();
    let refusals = [
        (Code::PermissionDenied, ErrorReason::RoleMissing, ErrorKind::PermissionDenied),
        (Code::PermissionDenied, ErrorReason::AgentLacksPrivilege, ErrorKind::PermissionDenied),
        (Code::InvalidArgument, ErrorReason::InvalidRequest, ErrorKind::InvalidRequest),
        (Code::DeadlineExceeded, ErrorReason::HostReadTimeout, ErrorKind::Timeout),
    ];
    for (code, reason, kind) in refusals {
        agent.get_process.then([Step::Fail(refusal(code, reason))]);
        assert_eq!(client.processes().is_running(&reference(42)).await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn a_pid_exists_if_any_process_has_it() {
    let agent = FakeAgent::default();
    let client = agent.client();
    agent.get_process.then([answer(process(42))]).then([gone()]);
    assert!(client.processes().exists(42).await.unwrap());
    assert!(!client.processes().exists(42).await.unwrap());
    assert_eq!(agent.get_process.asked()[0].message.target, Some(Target::Pid(42)));

    for never_given_out in [0, ProcessRef::MAX_PID + 1, u32::MAX] {
        assert!(!client.processes().exists(never_given_out).await.unwrap());
    }
    assert_eq!(agent.get_process.asked().len(), 2, "the host need not be asked for these");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_is_an_error() {
    let agent = FakeAgent::default();
    agent.get_process.then([Step::Hang]);
    let error = agent.client().processes().exists(42).timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.operation(), "look for process");
}

#[tokio::test]
async fn children_and_descendants_are_one_list_each() {
    let agent = FakeAgent::default();
    let client = agent.client();
    agent.list.then([list(&[43, 44])]).then([list(&[43, 44, 45])]);
    let children = client.processes().children(&reference(42)).fields(["name"]).await.unwrap();
    assert_eq!(children.processes.len(), 2);
    let descendants = client.processes().descendants(&reference(42)).limit(9).await.unwrap();
    assert_eq!(descendants.processes.len(), 3);

    let asked: Vec<_> = agent.list.asked().into_iter().map(|call| call.message).collect();
    let children_of = ProcessPredicate { children_of: vec![reference(42)], ..Default::default() };
    assert_eq!(asked[0].filter.as_ref().unwrap().allow, [children_of]);
    assert_eq!(asked[0].read_mask.as_ref().unwrap().paths, ["name"]);
    let descendants_of = ProcessPredicate { descendants_of: vec![reference(42)], ..Default::default() };
    assert_eq!(asked[1].filter.as_ref().unwrap().allow, [descendants_of]);
    assert_eq!(asked[1].limit, 9);
}

#[tokio::test]
async fn a_parent_is_found_and_then_read() {
    let agent = FakeAgent::default();
    let chain = Process { ancestors: vec![reference(9), reference(1)], ..process(42) };
    agent.get_process.then([answer(chain)]).then([answer(Process { name: Some(b"sh".to_vec()), ..process(9) })]);
    let parent = agent.client().processes().parent(&reference(42)).fields(["name"]).await.unwrap().unwrap();
    assert_eq!(parent.name.as_deref(), Some(&b"sh"[..]));

    let asked: Vec<_> = agent.get_process.asked().into_iter().map(|call| call.message).collect();
    assert_eq!(asked[0].read_mask.as_ref().unwrap().paths, ["ancestors"]);
    assert_eq!(asked[1].target, Some(Target::Ref(reference(9))));
    assert_eq!(asked[1].read_mask.as_ref().unwrap().paths, ["name"]);
}

#[tokio::test]
async fn a_parent_that_ends_meanwhile_is_replaced_by_the_next() {
    let agent = FakeAgent::default();
    let below = |parent| answer(Process { ancestors: vec![reference(parent)], ..process(42) });
    agent.get_process.then([below(9)]).then([gone()]).then([below(1)]).then([answer(process(1))]);
    let parent = agent.client().processes().parent(&reference(42)).await.unwrap();
    assert_eq!(parent.unwrap().pid, 1);
}

#[tokio::test]
async fn the_first_process_has_no_parent() {
    let agent = FakeAgent::default();
    agent.get_process.then([answer(process(1))]).then([answer(process(1))]);
    let client = agent.client();
    assert_eq!(client.processes().parent(&reference(1)).await.unwrap(), None);
    assert_eq!(client.processes().ancestors(&reference(1)).await.unwrap(), []);
    assert!(agent.list.asked().is_empty());
}

#[tokio::test]
async fn ancestors_come_nearest_first_without_those_that_ended() {
    let agent = FakeAgent::default();
    // Pids were given out again from below: the nearest ancestor need not have the highest.
    let chain = [9, 70, 30, 1].map(reference).to_vec();
    agent.get_process.then([answer(Process { ancestors: chain.clone(), ..process(42) })]);
    agent.list.then([list(&[1, 9, 70])]);
    let ancestors = agent.client().processes().ancestors(&reference(42)).fields(["name"]).await.unwrap();
    assert_eq!(ancestors.iter().map(|process| process.pid).collect::<Vec<_>>(), [9, 70, 1]);

    let asked = agent.list.asked().remove(0).message;
    let these = ProcessPredicate { refs: chain, ..Default::default() };
    assert_eq!(asked.filter.unwrap().allow, [these]);
    assert_eq!(asked.read_mask.unwrap().paths, ["name"]);
}

#[tokio::test]
async fn a_process_that_is_gone_has_no_parents_to_tell() {
    let agent = FakeAgent::default();
    agent.get_process.then([gone()]).then([gone()]);
    let client = agent.client();
    assert!(client.processes().parent(&reference(42)).await.unwrap_err().is_gone());
    assert!(client.processes().ancestors(&reference(42)).await.unwrap_err().is_gone());
}

#[tokio::test]
async fn a_chain_that_cannot_be_read_is_no_empty_chain() {
    let agent = FakeAgent::default();
    let denied = FieldError {
        path: "ancestors".into(),
        reason: FieldErrorReason::PermissionDenied.into(),
        detail: "open /proc/9/stat: EPERM\x1b".into(),
    };
    agent.get_process.then([answer(Process { errors: vec![denied], ..process(42) })]);
    let error = agent.client().processes().parent(&reference(42)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains(r"/proc/9/stat: EPERM\x1b"), "{error}");
}
