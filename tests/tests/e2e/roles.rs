//! What whoever got in may do: every method of the API, with every role.

use std::time::Duration;

use http::{HeaderMap, Request};
use procwire_client::ErrorKind;
use procwire_proto::v1::{ErrorReason, MethodCapability};
use procwire_tests::{Agent, Identity, Role, Victim, raw::Connection};
use tower::Service as _;

const ROLES: [Role; 4] = [Role::Reader, Role::Inspector, Role::Operator, Role::Admin];

#[tokio::test]
async fn a_reader_may_not_terminate_and_the_denial_is_audited() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Reader);
    let error = client.control().terminate(&victim.reference()).reason("try").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::PermissionDenied, Some(ErrorReason::RoleMissing)),
        "{error}"
    );
    assert_eq!(error.metadata()["method"], "/procwire.v1.ControlService/TerminateProcesses");
    assert_eq!(error.metadata()["needed"], "operator");
    assert!(victim.is_alive());
    let audit = agent.audit();
    let line = audit.iter().find(|line| line["decision"] == "denied").unwrap_or_else(|| panic!("{audit:?}"));
    assert!(line.to_string().contains("test-reader"), "{line}");
    assert!(line.to_string().contains("/procwire.v1.ControlService/TerminateProcesses"), "{line}");
}

#[tokio::test]
async fn a_certificate_with_no_role_of_procwire_may_do_nothing() {
    let agent = Agent::start();
    let nobody = agent.pki.client_without_role();
    let capabilities = agent.client(Role::Reader).agent().capabilities().await.unwrap();
    for method in &capabilities.methods {
        let (code, reason) = call(&agent, &nobody, &method.method).await;
        assert_eq!((code, reason.as_str()), (tonic::Code::PermissionDenied, "ROLE_MISSING"), "{}", method.method);
    }
}

#[tokio::test]
async fn every_method_keeps_to_the_role_that_the_agent_states_for_it() {
    let agent = Agent::start();
    for (rank, role) in ROLES.into_iter().enumerate() {
        let identity = agent.pki.client(role);
        let capabilities = agent.client_as(&identity).agent().capabilities().await.unwrap();
        for method in &capabilities.methods {
            let needed = ROLES.iter().position(|role| role.as_str() == method.role).unwrap();
            assert_eq!(method.allowed, rank >= needed, "{role}: {method:?}");
            let (code, reason) = call(&agent, &identity, &method.method).await;
            assert_eq!(
                gate(method, code, &reason),
                expected_gate(method),
                "{role} {}: {code:?} {reason}",
                method.method
            );
        }
    }
}

/// What stood between the caller and the method.
#[derive(Debug, PartialEq)]
enum Gate {
    Denied,
    NotServed,
    Open,
}

fn gate(method: &MethodCapability, code: tonic::Code, reason: &str) -> Gate {
    match (code, reason) {
        (tonic::Code::PermissionDenied, "ROLE_MISSING") => Gate::Denied,
        (tonic::Code::Unimplemented, "NOT_SERVED") => Gate::NotServed,
        // Health is not procwire's own and gives no reasons.
        (tonic::Code::Unimplemented, _) if method.method.starts_with("/grpc.") => Gate::NotServed,
        (tonic::Code::Unauthenticated | tonic::Code::Unimplemented, _) => panic!("{}: {code:?}", method.method),
        _ => Gate::Open,
    }
}

fn expected_gate(method: &MethodCapability) -> Gate {
    match (method.allowed, method.served) {
        (false, _) => Gate::Denied,
        (true, false) => Gate::NotServed,
        (true, true) => Gate::Open,
    }
}

#[tokio::test]
async fn what_is_designed_and_not_served_is_said_to_be_so_and_listed() {
    let agent = Agent::start();
    let capabilities = agent.client(Role::Admin).agent().capabilities().await.unwrap();
    let unserved: Vec<_> = capabilities.methods.iter().filter(|method| !method.served).collect();
    assert!(
        unserved.iter().any(|method| method.method == "/procwire.v1.ProcessService/WatchProcesses"),
        "{unserved:?}"
    );
    for method in unserved {
        assert!(!method.detail.is_empty(), "{method:?}");
    }
    let (code, reason) =
        call(&agent, &agent.pki.client(Role::Admin), "/procwire.v1.ProcessService/WatchProcesses").await;
    assert_eq!((code, reason.as_str()), (tonic::Code::Unimplemented, "NOT_SERVED"));
}

#[tokio::test]
async fn a_method_that_nobody_decided_on_is_not_answered() {
    let agent = Agent::start();
    let admin = agent.pki.client(Role::Admin);
    for method in [
        "/procwire.v1.ProcessService/Exec",
        "/procwire.v1.ProcessService/listprocesses",
        "/procwire.v1.ProcessService/ListProcesses/",
        "//procwire.v1.ProcessService/ListProcesses",
        "/procwire.v1.ProcessService/../ControlService/TerminateProcesses",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/",
    ] {
        let (code, _) = call(&agent, &admin, method).await;
        assert!(matches!(code, tonic::Code::Unimplemented | tonic::Code::PermissionDenied), "{method}: {code:?}");
    }
}

#[tokio::test]
async fn capabilities_list_every_method_of_the_descriptor_and_every_field_of_the_tables() {
    let agent = Agent::start();
    let capabilities = agent.client(Role::Reader).agent().capabilities().await.unwrap();
    let listed: Vec<_> = capabilities.methods.iter().map(|method| method.method.clone()).collect();
    for method in described_methods() {
        assert!(listed.contains(&method), "{method} is not listed");
    }
    let fields = |table: &[procwire_proto::Field]| table.iter().map(|field| field.path.to_owned()).collect::<Vec<_>>();
    use procwire_proto::{FieldTable as _, v1::Process, v1::System};
    let process: Vec<_> = capabilities.process_fields.iter().map(|field| field.path.clone()).collect();
    let system: Vec<_> = capabilities.system_fields.iter().map(|field| field.path.clone()).collect();
    assert_eq!(process, fields(Process::FIELDS));
    assert_eq!(system, fields(System::FIELDS));
    for field in capabilities.process_fields.iter().chain(&capabilities.system_fields) {
        assert!(field.available || !field.detail.is_empty(), "{field:?}");
    }
}

fn described_methods() -> Vec<String> {
    let pool = prost_reflect::DescriptorPool::decode(procwire_proto::FILE_DESCRIPTOR_SET).unwrap();
    let services: Vec<_> = pool.services().collect();
    let path =
        |method: prost_reflect::MethodDescriptor| format!("/{}/{}", method.parent_service().full_name(), method.name());
    services.iter().flat_map(|service| service.methods().map(path).collect::<Vec<_>>()).collect()
}

/// Calls a method with an empty message: code and reason of the answer, `Ok` for a stream that begins.
async fn call(agent: &Agent, identity: &Identity, method: &str) -> (tonic::Code, String) {
    let mut connection = Connection::open(agent, identity).await;
    let empty_message = tonic::body::Body::new(http_body_util::Full::new(bytes::Bytes::from_static(&[0; 5])));
    let request = Request::post(format!("https://localhost{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(empty_message)
        .unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(20), connection.call(request)).await.unwrap().unwrap();
    status(answer.headers())
}

fn status(headers: &HeaderMap) -> (tonic::Code, String) {
    let Some(status) = tonic::Status::from_header_map(headers) else { return (tonic::Code::Ok, String::new()) };
    use tonic_types::StatusExt as _;
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    (status.code(), reason)
}
