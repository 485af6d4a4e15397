//! The standard health service, for load balancers and orchestrators.

use http::Request;
use http_body_util::{BodyExt as _, Full};
use procwire_tests::{Agent, Role, raw::Connection};
use tower::Service as _;

/// Asks for the health of a service; the answer's frame, or its status.
async fn health(agent: &Agent, service: &str) -> Result<Vec<u8>, tonic::Status> {
    let mut connection = Connection::open(agent, &agent.pki.client(Role::Reader)).await;
    // HealthCheckRequest{service = 1}
    let mut message = vec![0x0a, u8::try_from(service.len()).unwrap()];
    message.extend(service.as_bytes());
    let frame = [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message.as_slice()].concat();
    let request = Request::post("https://localhost/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(Full::new(frame.into())))
        .unwrap();
    let answer = connection.call(request).await.unwrap();
    match tonic::Status::from_header_map(answer.headers()) {
        Some(status) => Err(status),
        None => Ok(answer.into_body().collect().await.unwrap().to_bytes().to_vec()),
    }
}

/// HealthCheckResponse{status = SERVING}
const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 0x08, 0x01];

#[tokio::test]
async fn the_agent_and_each_of_its_services_are_healthy() {
    let agent = Agent::start();
    for service in ["", "procwire.v1.ProcessService", "procwire.v1.ControlService", "procwire.v1.SystemService"] {
        assert_eq!(health(&agent, service).await.unwrap(), SERVING, "{service:?}");
    }
}

#[tokio::test]
async fn a_service_that_does_not_exist_has_no_health() {
    let agent = Agent::start();
    let status = health(&agent, "procwire.v1.NoSuchService").await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound, "{status:?}");
}
