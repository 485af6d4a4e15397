//! Requests that make no sense: each gets an error that names the field, and the agent serves on.

use procwire_client::{Error, ErrorKind};
use procwire_proto::{
    FieldMask,
    v1::{
        ErrorReason, GetProcessRequest, ListProcessesRequest, ProcessRef, TerminateProcessesRequest,
        WaitProcessRequest, WatchSystemRequest, control_service_client::ControlServiceClient,
        get_process_request::Target, process_service_client::ProcessServiceClient,
        system_service_client::SystemServiceClient,
    },
};
use procwire_tests::{Agent, Role, Victim, raw::Connection};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

async fn raw(agent: &Agent) -> Connection {
    Connection::open(agent, &agent.pki.client(Role::Admin)).await
}

async fn control(agent: &Agent) -> ControlServiceClient<Connection> {
    ControlServiceClient::with_origin(raw(agent).await, Connection::origin())
}

async fn assert_serves_on(agent: &Agent) {
    agent.client(Role::Reader).agent().info().await.unwrap();
}

#[track_caller]
fn assert_invalid(error: &Error, field: &str) {
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert_eq!(error.field(), Some(field), "{error}");
}

/// An answer of INVALID_ARGUMENT that names this field.
#[track_caller]
fn assert_names(status: &Status, field: &str) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let named = status.get_details_bad_request().unwrap_or_else(|| panic!("no field is named: {status:?}"));
    assert_eq!(named.field_violations[0].field, field, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().domain, "procwire");
}

#[tokio::test]
async fn an_unknown_path_of_a_mask_is_named_with_its_place() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let errors = [
        client.processes().list().fields(["pid", "memory.residnt_bytes"]).await.unwrap_err(),
        client.processes().get(1).fields(["pid", "memory.residnt_bytes"]).await.unwrap_err(),
        client.system().get().fields(["load", "memory.availible_bytes"]).await.unwrap_err(),
        client.system().watch().fields(["load", "memory.availible_bytes"]).await.unwrap_err(),
    ];
    for error in errors {
        assert_invalid(&error, "read_mask.paths[1]");
        assert_eq!(error.reason(), Some(ErrorReason::UnknownField), "{error}");
        assert!(error.to_string().contains("_bytes"), "{error}");
    }
}

#[tokio::test]
async fn hostile_mask_paths_are_refused_and_escaped() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    for path in ["", ".", "pid.", "..", "pid\u{1b}[2J", "\u{202e}dip", "errors", "PID", "pid ", "cpu_times.user_ns.x"] {
        let error = client.processes().list().fields([path]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{path:?}: {error}");
        assert!(!error.to_string().contains(['\u{1b}', '\u{202e}']), "{path:?}: {error:?}");
    }
    assert_serves_on(&agent).await;
}

#[tokio::test]
async fn a_pid_that_cannot_be_is_refused_by_name() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    for pid in [0, ProcessRef::MAX_PID + 1, u32::MAX] {
        let error = client.processes().get(pid).await.unwrap_err();
        assert_invalid(&error, "pid");
    }
    let error = client.processes().get(ProcessRef::MAX_PID).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::ProcessGone), "the highest pid is a pid: {error}");
}

#[tokio::test]
async fn a_request_that_names_no_target_is_refused() {
    let agent = Agent::start();
    let mut processes = ProcessServiceClient::with_origin(raw(&agent).await, Connection::origin());
    let status = processes.get_process(GetProcessRequest::default()).await.unwrap_err();
    assert_names(&status, "target");
    let mut control = control(&agent).await;
    let status = control.wait_process(WaitProcessRequest::default()).await.unwrap_err();
    assert_names(&status, "ref");
    let status = control.terminate_processes(TerminateProcessesRequest::default()).await.unwrap_err();
    assert_names(&status, "targets");
}

#[tokio::test]
async fn an_incomplete_reference_cannot_name_a_target() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let whole = victim.reference();
    let mut control = control(&agent).await;
    for (broken, field) in [
        (ProcessRef { boot_id: Vec::new().into(), ..whole.clone() }, "targets[0].boot_id"),
        (ProcessRef { boot_id: vec![1; 15].into(), ..whole.clone() }, "targets[0].boot_id"),
        (ProcessRef { pid: 0, ..whole.clone() }, "targets[0].pid"),
    ] {
        let request =
            TerminateProcessesRequest { targets: vec![broken], reason: "test".to_owned(), ..Default::default() };
        let status = control.terminate_processes(request).await.unwrap_err();
        assert_names(&status, field);
    }
    assert!(victim.is_alive());
}

#[tokio::test]
async fn numbers_that_no_enum_has_are_refused_by_name() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let mut control = control(&agent).await;
    let good = TerminateProcessesRequest {
        targets: vec![victim.reference()],
        reason: "test".to_owned(),
        ..Default::default()
    };
    for (request, field) in [
        (TerminateProcessesRequest { signal: 99, ..good.clone() }, "signal"),
        (TerminateProcessesRequest { signal: -1, ..good.clone() }, "signal"),
        (TerminateProcessesRequest { signal: 32, ..good.clone() }, "signal"),
        (TerminateProcessesRequest { then: 77, ..good.clone() }, "then"),
        (TerminateProcessesRequest { scope: 77, ..good.clone() }, "scope"),
        (TerminateProcessesRequest { on_disconnect: 77, ..good.clone() }, "on_disconnect"),
    ] {
        let status = control.terminate_processes(request).await.unwrap_err();
        assert_names(&status, field);
    }
    assert!(victim.is_alive());
}

#[tokio::test]
async fn durations_that_make_no_sense_are_refused_by_name() {
    use prost_types::Duration;
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let mut control = control(&agent).await;
    for grace in [
        Duration { seconds: -1, nanos: 0 },
        Duration { seconds: 1, nanos: -1 },
        Duration { seconds: 0, nanos: 2_000_000_000 },
        Duration { seconds: 86_400, nanos: 0 },
        Duration { seconds: i64::MAX, nanos: i32::MAX },
    ] {
        let request = TerminateProcessesRequest {
            targets: vec![victim.reference()],
            reason: "test".to_owned(),
            grace: Some(grace),
            ..Default::default()
        };
        let status = control.terminate_processes(request).await.unwrap_err();
        assert_names(&status, "grace");
    }
    let mut system = SystemServiceClient::with_origin(raw(&agent).await, Connection::origin());
    let interval = Some(Duration { seconds: -1, nanos: 0 });
    let status = system.watch_system(WatchSystemRequest { interval, ..Default::default() }).await.unwrap_err();
    assert_names(&status, "interval");
    assert!(victim.is_alive());
}

#[tokio::test]
async fn numbers_that_do_not_agree_with_the_targets_stop_the_whole_request() {
    let agent = Agent::start();
    let victims = [Victim::start(&["sleep"]), Victim::start(&["sleep"])];
    let mut control = control(&agent).await;
    let both = victims.iter().map(Victim::reference).collect::<Vec<_>>();
    for (targets, confirm_count) in [(&both[..], None), (&both[..], Some(3)), (&both[..1], Some(3))] {
        let reason = "test".to_owned();
        let request =
            TerminateProcessesRequest { targets: targets.to_vec(), confirm_count, reason, ..Default::default() };
        let status = control.terminate_processes(request).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        assert_eq!(status.get_details_error_info().unwrap().reason, "CONFIRM_COUNT_MISMATCH");
    }
    assert!(victims.iter().all(Victim::is_alive));
}

#[tokio::test]
async fn an_oversized_request_is_refused_without_being_read_to_the_end() {
    let agent = Agent::start();
    let client = agent.client(Role::Admin);
    let before = agent.resident_bytes();
    for _ in 0..3 {
        let mut processes = ProcessServiceClient::with_origin(raw(&agent).await, Connection::origin());
        let read_mask = Some(FieldMask { paths: vec!["x".repeat(64 << 20)] });
        let status =
            processes.list_processes(ListProcessesRequest { read_mask, ..Default::default() }).await.unwrap_err();
        assert!(
            matches!(status.code(), Code::ResourceExhausted | Code::OutOfRange | Code::InvalidArgument),
            "{status:?}"
        );
    }
    let grown = agent.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "the agent grew by {grown} bytes");
    client.agent().info().await.unwrap();
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused() {
    let agent = Agent::start();
    let mut connection = raw(&agent).await;
    for body in [
        &b"\x00\x00\x00\x00\x04\xff\xff\xff\xff"[..],
        b"\x00\x00\x00\x00\x09short",
        b"\x01\x00\x00\x00\x02ab",
        b"garbage",
        b"",
    ] {
        let request = http::Request::post("https://localhost/procwire.v1.ProcessService/GetProcess")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(tonic::body::Body::new(http_body_util::Full::new(bytes::Bytes::from_static(body))))
            .unwrap();
        let answer = tower::Service::call(&mut connection, request).await.unwrap();
        let status = Status::from_header_map(answer.headers()).unwrap_or_else(|| panic!("{body:?} was answered"));
        assert_ne!(status.code(), Code::Ok, "{body:?}");
    }
    assert_serves_on(&agent).await;
}

#[tokio::test]
async fn whatever_is_no_grpc_call_is_refused() {
    let agent = Agent::start();
    let mut connection = raw(&agent).await;
    for (method, content_type) in [("GET", "application/grpc"), ("POST", "application/json"), ("POST", "text/html")] {
        let request = http::Request::builder()
            .method(method)
            .uri("https://localhost/procwire.v1.AgentService/GetInfo")
            .header("content-type", content_type)
            .body(tonic::body::Body::empty())
            .unwrap();
        let answer = tower::Service::call(&mut connection, request).await.unwrap();
        let refused = !answer.status().is_success()
            || Status::from_header_map(answer.headers()).is_some_and(|s| s.code() != Code::Ok);
        assert!(refused, "{method} {content_type}: {answer:?}");
    }
    assert_serves_on(&agent).await;
}

#[tokio::test]
async fn a_reference_in_a_read_is_checked_as_well() {
    let agent = Agent::start();
    let mut processes = ProcessServiceClient::with_origin(raw(&agent).await, Connection::origin());
    let broken = ProcessRef { boot_id: vec![1; 3].into(), ..agent.reference() };
    let request = GetProcessRequest { target: Some(Target::Ref(broken)), ..Default::default() };
    assert_names(&processes.get_process(request).await.unwrap_err(), "ref.boot_id");
}
