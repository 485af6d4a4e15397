//! What an agent answers becomes an error of the right kind: by its reason, else by its code, never by its text.

use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

use procwire_client::v1::ErrorReason;
use procwire_client::{Error, ErrorKind};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::fake_agent::FakeAgent;
use crate::script::Step;

fn with_reason(code: Code, reason: &str, message: &str) -> Status {
    with_details(code, message, ErrorDetails::with_error_info(reason, "procwire", HashMap::new()))
}

fn with_details(code: Code, message: &str, details: ErrorDetails) -> Status {
    Status::with_error_details(code, message, details)
}

async fn error_of(status: Status) -> Error {
    let agent = FakeAgent::default();
    agent.get_process.then([Step::Fail(status)]);
    agent.client().processes().get(42).await.unwrap_err()
}

#[tokio::test]
async fn every_reason_has_its_kind() {
    for (code, reason, kind) in [
        (Code::InvalidArgument, "INVALID_REQUEST", ErrorKind::InvalidRequest),
        (Code::InvalidArgument, "UNKNOWN_FIELD", ErrorKind::InvalidRequest),
        (Code::NotFound, "PROCESS_GONE", ErrorKind::NotFound),
        (Code::FailedPrecondition, "PID_REUSED", ErrorKind::PidReused),
        (Code::FailedPrecondition, "HOST_REBOOTED", ErrorKind::HostRebooted),
        (Code::FailedPrecondition, "PROTECTED_PROCESS", ErrorKind::ProtectedProcess),
        (Code::PermissionDenied, "ROLE_MISSING", ErrorKind::PermissionDenied),
        (Code::PermissionDenied, "AGENT_LACKS_PRIVILEGE", ErrorKind::PermissionDenied),
        (Code::PermissionDenied, "POLICY_DENIED", ErrorKind::PermissionDenied),
        (Code::Unauthenticated, "NO_IDENTITY", ErrorKind::Unauthenticated),
        (Code::Unimplemented, "NOT_SERVED", ErrorKind::NotServed),
        (Code::Unimplemented, "KERNEL_TOO_OLD", ErrorKind::NotServed),
        (Code::ResourceExhausted, "LIMIT_REACHED", ErrorKind::LimitReached),
        (Code::ResourceExhausted, "QUOTA_EXCEEDED", ErrorKind::LimitReached),
        (Code::DeadlineExceeded, "HOST_READ_TIMEOUT", ErrorKind::Timeout),
        (Code::FailedPrecondition, "CONFIRM_COUNT_MISMATCH", ErrorKind::FailedPrecondition),
        (Code::Internal, "HOST_READ_FAILED", ErrorKind::AgentFailed),
        (Code::DataLoss, "CLIENT_TOO_SLOW", ErrorKind::ReaderTooSlow),
        (Code::AlreadyExists, "REQUEST_ID_CONFLICT", ErrorKind::Conflict),
        (Code::NotFound, "NOT_FOUND", ErrorKind::NotFound),
        (Code::Internal, "INTERNAL", ErrorKind::AgentFailed),
        (Code::Unimplemented, "UNSUPPORTED_BY_HOST", ErrorKind::NotServed),
        (Code::Unauthenticated, "CERTIFICATE_REVOKED", ErrorKind::Unauthenticated),
    ] {
        let error = error_of(with_reason(code, reason, "words")).await;
        assert_eq!(error.kind(), kind, "{reason}");
        assert_eq!(error.reason(), ErrorReason::from_code(reason), "{reason}");
        let gone = ["PROCESS_GONE", "PID_REUSED", "HOST_REBOOTED"].contains(&reason);
        assert_eq!(error.is_gone(), gone, "{reason}");
    }
}

#[tokio::test]
async fn a_code_without_a_reason_has_its_kind() {
    for (code, kind) in [
        (Code::InvalidArgument, ErrorKind::InvalidRequest),
        (Code::NotFound, ErrorKind::NotFound),
        (Code::PermissionDenied, ErrorKind::PermissionDenied),
        (Code::Unauthenticated, ErrorKind::Unauthenticated),
        (Code::Unimplemented, ErrorKind::NotServed),
        (Code::ResourceExhausted, ErrorKind::LimitReached),
        (Code::FailedPrecondition, ErrorKind::FailedPrecondition),
        (Code::AlreadyExists, ErrorKind::Conflict),
        (Code::Internal, ErrorKind::AgentFailed),
        // tonic's own timer says this, others the next: one kind.
        (Code::Cancelled, ErrorKind::Timeout),
        (Code::DeadlineExceeded, ErrorKind::Timeout),
    ] {
        let error = error_of(Status::new(code, "words")).await;
        assert_eq!((error.kind(), error.reason()), (kind, None), "{code:?}");
        assert!(!error.is_gone(), "{code:?}");
    }
}

#[tokio::test]
async fn the_text_decides_nothing() {
    let lie =
        error_of(with_reason(Code::NotFound, "PROCESS_GONE", "PID_REUSED: permission denied, timeout expired")).await;
    assert_eq!(lie.kind(), ErrorKind::NotFound);
    let proxy = ErrorDetails::with_error_info("PROCESS_GONE", "proxy.example", HashMap::new());
    let foreign = error_of(with_details(Code::Internal, "", proxy)).await;
    assert_eq!((foreign.kind(), foreign.reason()), (ErrorKind::AgentFailed, None));
    let unknown = error_of(with_reason(Code::NotFound, "REASON_OF_A_LATER_VERSION", "")).await;
    assert_eq!((unknown.kind(), unknown.reason()), (ErrorKind::NotFound, None));
}

#[tokio::test]
async fn details_are_handed_on() {
    let metadata = HashMap::from([("needed".to_owned(), "operator".to_owned())]);
    let mut details = ErrorDetails::with_error_info("LIMIT_REACHED", "procwire", metadata);
    details
        .set_retry_info(Some(Duration::from_secs(3)))
        .add_bad_request_violation("read_mask.paths[1]", "no such field");
    let error = error_of(with_details(Code::ResourceExhausted, "too many", details)).await;
    assert_eq!(error.metadata()["needed"], "operator");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(error.field(), Some("read_mask.paths[1]"));
}

#[tokio::test]
async fn an_error_says_what_failed_where_and_why() {
    let error = error_of(with_reason(Code::FailedPrecondition, "PID_REUSED", "pid 42 is another process now")).await;
    assert_eq!(error.to_string(), "get process on fake agent: pid 42 is another process now");
    assert_eq!((error.operation(), error.target()), ("get process", "fake agent"));
    assert!(error.source().unwrap().downcast_ref::<Status>().is_some());
}

#[tokio::test]
async fn hostile_words_are_made_safe_and_escaped_ones_stay() {
    let error = error_of(Status::internal("ev\x1b[2Jil\nand \\x1b")).await;
    assert_eq!(error.detail(), r"ev\x1b[2Jil\nand \x1b");
    let silent = error_of(Status::internal("")).await;
    assert!(silent.detail().contains("Internal"), "{silent}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_does_not_answer_is_a_timeout_and_is_told_of_the_deadline() {
    let agent = FakeAgent::default();
    agent.get_process.then([Step::Hang]);
    let error = agent.client().processes().get(42).timeout(Duration::from_secs(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "get process on fake agent: no answer within 2s");
    // The agent's own timer may have been first: either way its handler is gone.
    agent.get_process.hung_up(1).await;
    let told = agent.get_process.asked()[0].metadata.get("grpc-timeout").unwrap().to_str().unwrap().to_owned();
    let microseconds: u64 = told.strip_suffix('u').expect("microseconds").parse().unwrap();
    assert!((1_800_000..=1_900_000).contains(&microseconds), "{told}");
}

#[test]
fn errors_can_be_sent_and_shared_and_are_small() {
    fn check<T: Send + Sync + Clone + 'static>() {}
    check::<Error>();
    check::<procwire_client::Client>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}
