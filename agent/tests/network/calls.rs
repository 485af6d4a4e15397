//! Calls of those who got in.

use std::fs;

use procwire_proto::v1::{
    GetInfoRequest, TerminateProcessesRequest, WatchProcessesRequest, agent_service_client::AgentServiceClient,
    control_service_client::ControlServiceClient, process_service_client::ProcessServiceClient,
};
use tonic::{Code, Status};
use tonic_health::{ServingStatus, pb::HealthCheckRequest, pb::health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::harness::Running;

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn the_agent_knows_who_calls() {
    let agent = Running::start(&[]).await;
    let info = agent.get_info(&agent.pki.client("alice", &["Example Corp", "procwire:operator"])).await.unwrap();
    let caller = info.caller.unwrap();
    assert_eq!(caller.principal, "alice");
    assert_eq!(caller.roles, ["operator"]);
}

#[tokio::test]
async fn a_reader_cannot_terminate_and_it_is_on_record() {
    let pki_folder = tempfile::TempDir::new().unwrap();
    let trail = pki_folder.path().join("audit.jsonl");
    let agent = Running::start(&[("audit.file", trail.to_str().unwrap())]).await;
    let channel = agent.channel(&agent.pki.client("rita", &["reader"])).await.unwrap();
    let mut control = ControlServiceClient::new(channel);
    for _ in 0..3 {
        let status = control.terminate_processes(TerminateProcessesRequest::default()).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ROLE_MISSING"));
        assert_eq!(status.get_details_error_info().unwrap().metadata["needed"], "operator");
    }
    let text = fs::read_to_string(&trail).unwrap();
    let denials = text.lines().filter(|line| line.contains("\"event\":\"denial\"")).count();
    assert_eq!(denials, 1, "repeats are counted: {text}");
    for part in [
        "\"event\":\"denial\"",
        "\"principal\":\"rita\"",
        "TerminateProcesses",
        "\"serial\":\"",
        "\"peer\":\"127.0.0.1:",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test]
async fn a_certificate_without_a_role_is_let_in_and_may_do_nothing() {
    let agent = Running::start(&[]).await;
    let channel = agent.channel(&agent.pki.client("nobody", &["Example Corp"])).await.unwrap();
    let status = AgentServiceClient::new(channel.clone()).get_info(GetInfoRequest {}).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ROLE_MISSING"));
    let status = HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let agent = Running::start(&[]).await;
    let channel = agent.channel(&agent.pki.client("reader", &["reader"])).await.unwrap();
    let mut processes = ProcessServiceClient::new(channel);
    let status = processes.watch_processes(WatchProcessesRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "NOT_SERVED"));
}

#[tokio::test]
async fn every_service_reports_health() {
    let agent = Running::start(&[]).await;
    let channel = agent.channel(&agent.pki.client("reader", &["reader"])).await.unwrap();
    let mut health = HealthClient::new(channel);
    for service in ["", "procwire.v1.ProcessService", "procwire.v1.ControlService", "procwire.v1.AgentService"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer.status, ServingStatus::Serving as i32, "{service}");
    }
    let unknown = health.check(HealthCheckRequest { service: "nobody".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}
